// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/provider_preferences.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <string>

using agent_websocket::openrouter::provider_preferences;
using agent_websocket::openrouter::detail::request_encoder;

namespace {

std::string written(const std::function<void(provider_preferences&)>& change) {
  provider_preferences what;
  change(what);
  std::string text;
  request_encoder out(text, "provider.");
  agent_websocket::openrouter::detail::write(out, what);
  out.finish();
  return out.refusal() ? "refused: " + out.refusal()->message : text;
}

}  // namespace

TEST_CASE("provider preferences: all fields, in their order") {
  CHECK(written([](provider_preferences&) {}) == "{}");
  CHECK(
      written([](provider_preferences& p) {
        p.order = {"a", "b/turbo"};
        p.only = {"a"};
        p.ignore = {"c"};
        p.allow_fallbacks = false;
        p.require_parameters = true;
        p.data_collection = "deny";
        p.zdr = true;
        p.enforce_distillable_text = false;
        p.quantizations = {"fp8", "bf16"};
        p.sort = "price";
        p.max_price = {0.5, 2, 0.0075, 0.0, 1};
        p.preferred_min_throughput.value = 50;
        p.preferred_max_latency.p50 = 1.5;
        p.preferred_max_latency.p75 = 2;
        p.preferred_max_latency.p90 = 3;
        p.preferred_max_latency.p99 = 9;
        p.extra = R"({"future":[1]})";
      }) ==
      R"({"order":["a","b/turbo"],"only":["a"],"ignore":["c"],"allow_fallbacks":false,)"
      R"("require_parameters":true,"data_collection":"deny","zdr":true,)"
      R"("enforce_distillable_text":false,"quantizations":["fp8","bf16"],"sort":"price",)"
      R"("max_price":{"prompt":"0.5","completion":"2","image":"0.0075","audio":"0","request":"1"},)"
      R"("preferred_min_throughput":50,)"
      R"("preferred_max_latency":{"p50":1.5,"p75":2,"p90":3,"p99":9},"future":[1]})");
  CHECK(written([](provider_preferences& p) {
          p.sort = "throughput";
          p.sort_partition = "none";
        }) == R"({"sort":{"by":"throughput","partition":"none"}})");
}

TEST_CASE("provider preferences: refusals") {
  CHECK(written([](provider_preferences& p) { p.sort_partition = "none"; }) ==
        "refused: `provider.sort_partition` needs `provider.sort`");
  CHECK(written([](provider_preferences& p) {
          p.preferred_max_latency.value = 1;
          p.preferred_max_latency.p99 = 1;
        }) ==
        "refused: `provider.preferred_max_latency` must be a number or percentiles, not both");
  CHECK(written([](provider_preferences& p) { p.extra = R"({"zdr":1,"zdr":2})"; }) ==
        "refused: `provider.zdr` is given twice");
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {-1.0, infinity, -infinity, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK(written([&](provider_preferences& p) { p.max_price.request = bad; }) ==
          "refused: `provider.max_price.request` must be a number, 0 or more");
    CHECK(written([&](provider_preferences& p) { p.preferred_min_throughput.value = bad; }) ==
          "refused: `provider.preferred_min_throughput` must be a number, 0 or more");
    CHECK(written([&](provider_preferences& p) { p.preferred_min_throughput.p75 = bad; }) ==
          "refused: `provider.preferred_min_throughput.p75` must be a number, 0 or more");
  }
}
