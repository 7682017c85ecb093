// SPDX-License-Identifier: MIT
#include <agent_websocket/http/date.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

using agent_websocket::http::parse_date;
using agent_websocket::http::to_date;
using time_point = std::chrono::system_clock::time_point;

namespace {

std::optional<long long> seconds_of(std::string_view date) {
  const auto found = parse_date(date);
  if (!found) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(found->time_since_epoch()).count();
}

}  // namespace

TEST_CASE("http date: the three forms") {
  CHECK(seconds_of("Sun, 06 Nov 1994 08:49:37 GMT") == 784'111'777);
  CHECK(seconds_of("Sunday, 06-Nov-94 08:49:37 GMT") == 784'111'777);
  CHECK(seconds_of("Sun Nov  6 08:49:37 1994") == 784'111'777);
  CHECK(seconds_of("Thu, 01 Jan 1970 00:00:00 GMT") == 0);
  CHECK(seconds_of("Thu, 29 Feb 2024 23:59:60 GMT") == 1'709'251'200);
  CHECK(seconds_of("Fri, 01 Mar 2024 00:00:00 GMT") == 1'709'251'200);
  CHECK(seconds_of("Thu, 01 Jan 2026 00:00:00 GMT") == 1'767'225'600);
  for (const char* bad : {"", "soon", "Sun, 06 Nov 1994", "Sun, 32 Nov 1994 08:49:37 GMT",
                          "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
                          "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 Nov 1994 08:49:37:00 GMT",
                          "Sun, 06 Nov 199 08:49:37 GMT", "2026-01-01T00:00:00Z",
                          ":::::::: :::::::: ::::::::", "Sun, 06 Nov 1994 08:49:3: GMT",
                          "Sun, 99999999999999999999 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(bad);
    CHECK(!parse_date(bad));
  }
}

TEST_CASE("http date: what lies behind all moments is the last of them") {
  CHECK(parse_date("Fri, 11 Apr 2262 23:47:16 GMT") < time_point::max());
  for (const char* far : {"Fri, 11 Apr 2262 23:47:17 GMT", "Sat, 12 Apr 2262 00:00:00 GMT",
                          "Fri, 31 Dec 9999 23:59:59 GMT"}) {
    CAPTURE(far);
    CHECK(parse_date(far) == time_point::max());
  }
}

TEST_CASE("http date: written, and read back") {
  const auto date = [](long long seconds) {
    return to_date(time_point(std::chrono::seconds(seconds)));
  };
  CHECK(date(784'111'777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(date(-1) == "Wed, 31 Dec 1969 23:59:59 GMT");
  CHECK(date(1'709'251'199) == "Thu, 29 Feb 2024 23:59:59 GMT");
  CHECK(to_date(time_point(std::chrono::milliseconds(999))) == "Thu, 01 Jan 1970 00:00:00 GMT");
  for (long long second = 0; second < 4'000'000'000; second += 86'399 * 97 + 61) {
    CAPTURE(second);
    CHECK(seconds_of(date(second)) == second);
  }
}
