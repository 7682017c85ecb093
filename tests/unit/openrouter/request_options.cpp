// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/request_options.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace agent_websocket::openrouter;

namespace {

template <typename Options>
std::string written(const Options& what) {
  std::string text;
  detail::request_encoder out(text, "o.");
  detail::write(out, what);
  out.finish();
  return out.refusal() ? "refused: " + out.refusal()->message : text;
}

}  // namespace

TEST_CASE("request options: reasoning") {
  reasoning_options what;
  CHECK(written(what) == "{}");
  what.max_tokens = 1024;
  what.exclude = true;
  what.enabled = false;
  what.summary = "auto";
  CHECK(written(what) == R"({"max_tokens":1024,"exclude":true,"enabled":false,"summary":"auto"})");
  what.effort = "high";
  CHECK(written(what) == "refused: `o.max_tokens` and `reasoning.effort` exclude each other");
  what.max_tokens.reset();
  CHECK(written(what) == R"({"effort":"high","exclude":true,"enabled":false,"summary":"auto"})");
  what = {};
  what.max_tokens = -1;
  CHECK(written(what) == "refused: `o.max_tokens` must be a whole number, 1 or more");
}

TEST_CASE("request options: caching, tracing, audio") {
  CHECK(written(cache_control{}) == R"({"type":"ephemeral"})");
  CHECK(written(cache_control{"ephemeral", "5m"}) == R"({"type":"ephemeral","ttl":"5m"})");
  CHECK(written(prompt_cache_options{}) == R"({"mode":"explicit"})");
  CHECK(written(prompt_cache_options{"explicit", "1h"}) == R"({"mode":"explicit","ttl":"1h"})");
  CHECK(written(trace_labels{}) == "{}");
  CHECK(written(trace_labels{"1", "2", "3", "4", "5", R"({"x":{"y":1}})"}) ==
        R"({"trace_id":"1","trace_name":"2","span_name":"3","generation_name":"4",)"
        R"("parent_span_id":"5","x":{"y":1}})");
  CHECK(written(trace_labels{"", "", "", "", "", "7"}) == "refused: `o.extra` must be an object");
  CHECK(written(audio_output{}) == "{}");
  CHECK(written(audio_output{"alloy", "wav"}) == R"({"voice":"alloy","format":"wav"})");
}
