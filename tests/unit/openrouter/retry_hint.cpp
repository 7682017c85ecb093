// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/retry_hint.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

using agent_websocket::wall_time;
using agent_websocket::http::header_list;
using agent_websocket::json::document;
using agent_websocket::openrouter::read_retry_hint;
using ms = std::chrono::milliseconds;

namespace {

constexpr long long now_s = 1'767'225'600;  // 2026-01-01T00:00:00Z, a Thursday
const wall_time now{std::chrono::seconds(now_s)};

std::optional<long long> hint(const header_list& headers, std::string_view fault = "{}",
                              bool limited = true) {
  document parsed;
  REQUIRE(parsed.parse(fault));
  const auto found = read_retry_hint(headers, parsed.root(), limited, now);
  if (!found) return std::nullopt;
  return found->count();
}

}  // namespace

TEST_CASE("retry hint: T54 headers") {
  CHECK(hint({{"Retry-After", "1"}}) == 1000);
  CHECK(hint({{"retry-after", " 0030 "}}) == 30'000);
  CHECK(hint({{"Retry-After", "1.5"}}) == 1500);
  CHECK(hint({{"Retry-After", "0"}}) == 0);
  CHECK(hint({{"Retry-After", "3600"}}) == 3'600'000);
  CHECK(hint({{"Retry-After", "Thu, 01 Jan 2026 00:01:00 GMT"}}) == 60'000);
  CHECK(hint({{"Retry-After", "Wed, 31 Dec 2025 00:01:00 GMT"}}) == 0);
  CHECK(hint({{"retry-after-ms", "250"}, {"Retry-After", "1"}}) == 250);
  // A wait without end is one, and not none; also until a year that has no nanoseconds.
  for (const char* far : {"Wed, 21 Oct 2099 07:28:00 GMT", "Fri, 11 Apr 2262 23:47:17 GMT",
                          "Sat, 12 Apr 2262 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"}) {
    CAPTURE(far);
    CHECK(hint({{"Retry-After", far}}) == 366LL * 86'400'000);
    CHECK(hint({}, R"({"metadata":{"headers":{"Retry-After":")" + std::string(far) + "\"}}}") == 366LL * 86'400'000);
  }
  CHECK(hint({{"Retry-After", "99999999999999999999"}}) == 366LL * 86'400'000);
  for (const char* bad : {"", "-1", "soon", "1e3", "1.2.3", "NaN"}) {
    CAPTURE(bad);
    CHECK(!hint({{"Retry-After", bad}}));
  }
}

TEST_CASE("retry hint: places in the body, in their order") {
  CHECK(hint({}, R"({"availability":{"retry_after":5},"metadata":{"retry_after_seconds":6}})") ==
        5000);
  CHECK(hint({}, R"({"metadata":{"retry_after_seconds":6,"headers":{"Retry-After":"7"}}})") ==
        6000);
  CHECK(hint({}, R"({"metadata":{"retry_after_seconds":"6"}})") == 6000);
  CHECK(hint({}, R"({"metadata":{"headers":{"retry-after":"7"}}})") == 7000);
  CHECK(hint({}, R"({"metadata":{"headers":{"Retry-After":7}}})") == 7000);
  CHECK(hint({{"Retry-After", "4"}}, R"({"availability":{"retry_after":5}})") == 4000);
  CHECK(!hint({}, R"({"metadata":{"headers":null}})"));
  CHECK(!hint({}, R"("just words")"));
}

TEST_CASE("retry hint: X-RateLimit-Reset counts only for rates") {
  const auto reset = [](const std::string& text) {
    return header_list{{"X-RateLimit-Reset", text}};
  };
  const std::string in_3_s = std::to_string((now_s + 3) * 1000);
  CHECK(hint(reset(in_3_s)) == 3000);
  CHECK(!hint(reset(in_3_s), "{}", false));
  CHECK(hint(reset(std::to_string(now_s + 3))) == 3000);
  CHECK(hint(reset("3")) == 3000);
  CHECK(!hint(reset(std::to_string((now_s - 3) * 1000))));
  CHECK(!hint(reset("6m0s")));
  const std::string body = R"({"metadata":{"headers":{"X-RateLimit-Reset":")" + in_3_s + "\"}}}";
  CHECK(hint({}, body) == 3000);
  CHECK(!hint({}, body, false));
  CHECK(hint({{"X-RateLimit-Reset", "9"}}, body) == 9000);
  CHECK(hint({{"X-RateLimit-Reset", "9"}, {"Retry-After", "1"}}, body) == 1000);
}
