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
using agent_websocket::openrouter::parse_http_date;
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

std::optional<long long> seconds_of(std::string_view date) {
  const auto found = parse_http_date(date);
  if (!found) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(found->time_since_epoch()).count();
}

}  // namespace

TEST_CASE("retry hint: the three forms of dates, RFC 9110 section 5.6.7") {
  CHECK(seconds_of("Sun, 06 Nov 1994 08:49:37 GMT") == 784'111'777);
  CHECK(seconds_of("Sunday, 06-Nov-94 08:49:37 GMT") == 784'111'777);
  CHECK(seconds_of("Sun Nov  6 08:49:37 1994") == 784'111'777);
  CHECK(seconds_of("Thu, 01 Jan 1970 00:00:00 GMT") == 0);
  CHECK(seconds_of("Thu, 29 Feb 2024 23:59:60 GMT") == 1'709'251'200);
  CHECK(seconds_of("Fri, 01 Mar 2024 00:00:00 GMT") == 1'709'251'200);
  CHECK(seconds_of("Thu, 01 Jan 2026 00:00:00 GMT") == now_s);
  for (const char* bad : {"", "soon", "Sun, 06 Nov 1994", "Sun, 32 Nov 1994 08:49:37 GMT",
                          "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
                          "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 Nov 1994 08:49:37:00 GMT",
                          "Sun, 06 Nov 199 08:49:37 GMT", "2026-01-01T00:00:00Z",
                          ":::::::: :::::::: ::::::::", "Sun, 06 Nov 1994 08:49:3: GMT",
                          "Sun, 99999999999999999999 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(bad);
    CHECK(!parse_http_date(bad));
  }
}

TEST_CASE("retry hint: T54 headers") {
  CHECK(hint({{"Retry-After", "1"}}) == 1000);
  CHECK(hint({{"retry-after", " 0030 "}}) == 30'000);
  CHECK(hint({{"Retry-After", "1.5"}}) == 1500);
  CHECK(hint({{"Retry-After", "0"}}) == 0);
  CHECK(hint({{"Retry-After", "3600"}}) == 3'600'000);
  CHECK(hint({{"Retry-After", "Thu, 01 Jan 2026 00:01:00 GMT"}}) == 60'000);
  CHECK(hint({{"Retry-After", "Wed, 31 Dec 2025 00:01:00 GMT"}}) == 0);
  CHECK(hint({{"retry-after-ms", "250"}, {"Retry-After", "1"}}) == 250);
  // A wait without end is one, and not none.
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
