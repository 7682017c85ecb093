// SPDX-License-Identifier: MIT
#include <agent_websocket/base/timestamp.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ratio>
#include <string>
#include <type_traits>

using agent_websocket::timestamp_cache;
using agent_websocket::to_iso8601;
using std::chrono::system_clock;

namespace {

system_clock::time_point at_ms(std::int64_t ms) {
  return system_clock::time_point(
      std::chrono::duration_cast<system_clock::duration>(std::chrono::milliseconds(ms)));
}

/// False where the clock counts so finely that it does not reach that far (libstdc++: 1677 to
/// 2262).
bool reaches(std::int64_t ms) {
  const auto last = std::chrono::floor<std::chrono::milliseconds>(system_clock::duration::max());
  const auto first = std::chrono::ceil<std::chrono::milliseconds>(system_clock::duration::min());
  return ms <= last.count() && ms >= first.count();
}

}  // namespace

TEST_CASE("timestamp: known moments") {
  struct row {
    std::int64_t ms;
    const char* text;
  };
  // From `date -u -d @SECONDS`.
  const row rows[] = {
      {0, "1970-01-01T00:00:00.000Z"},
      {1, "1970-01-01T00:00:00.001Z"},
      {999, "1970-01-01T00:00:00.999Z"},
      {1000, "1970-01-01T00:00:01.000Z"},
      {59'999, "1970-01-01T00:00:59.999Z"},
      {60'000, "1970-01-01T00:01:00.000Z"},
      {3'599'999, "1970-01-01T00:59:59.999Z"},
      {3'600'000, "1970-01-01T01:00:00.000Z"},
      {86'399'999, "1970-01-01T23:59:59.999Z"},
      {86'400'000, "1970-01-02T00:00:00.000Z"},
      {-1, "1969-12-31T23:59:59.999Z"},
      {-86'400'000, "1969-12-31T00:00:00.000Z"},
      {-86'400'001, "1969-12-30T23:59:59.999Z"},
      {951'782'400'000, "2000-02-29T00:00:00.000Z"},  // divisible by 400: a leap year
      {951'868'800'000, "2000-03-01T00:00:00.000Z"},
      {1'709'210'096'789, "2024-02-29T12:34:56.789Z"},  // a leap year
      {1'767'225'600'000, "2026-01-01T00:00:00.000Z"},
      {1'677'628'799'999, "2023-02-28T23:59:59.999Z"},
      {1'677'628'800'000, "2023-03-01T00:00:00.000Z"},
      {4'107'542'399'999, "2100-02-28T23:59:59.999Z"},  // divisible by 100: no leap year
      {4'107'542'400'000, "2100-03-01T00:00:00.000Z"},
      {2'147'483'648'000, "2038-01-19T03:14:08.000Z"},
      {-2'203'891'200'000, "1900-03-01T00:00:00.000Z"},
      {-2'203'891'200'001, "1900-02-28T23:59:59.999Z"},
      {-62'167'219'200'000, "0000-01-01T00:00:00.000Z"},
      {-62'162'035'200'001, "0000-02-29T23:59:59.999Z"},
      {-62'135'596'800'001, "0000-12-31T23:59:59.999Z"},
      {-62'135'596'800'000, "0001-01-01T00:00:00.000Z"},
      {253'402'300'799'999, "9999-12-31T23:59:59.999Z"},
      {-62'167'219'200'001, "0000-01-01T00:00:00.000Z"},  // clamped from here on
      {253'402'300'800'000, "9999-12-31T23:59:59.999Z"},
  };
  for (const row& each : rows) {
    CAPTURE(each.ms);
    if (reaches(each.ms)) CHECK(to_iso8601(at_ms(each.ms)) == each.text);
  }
}

TEST_CASE("timestamp: every day of five centuries against a calendar that counts") {
  int year = 1970, month = 1, day = 1, wrong = 0;
  for (std::int64_t days = 0; days < 106'000 && wrong == 0; ++days) {
    char expected[64];
    std::snprintf(expected, sizeof expected, "%04d-%02d-%02dT00:00:00.000Z", year, month, day);
    if (to_iso8601(at_ms(days * 86'400'000)) != expected) ++wrong;
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    const int lengths[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (++day > lengths[month - 1]) {
      day = 1;
      if (++month > 12) {
        month = 1;
        ++year;
      }
    }
    CAPTURE(expected);
    if (wrong != 0) CHECK(wrong == 0);
  }
  CHECK(year == 2260);
}

TEST_CASE("timestamp: parts of a millisecond are dropped downwards, also before 1970") {
  using std::chrono::microseconds;
  const auto at_us = [](std::int64_t us) {
    return system_clock::time_point(
        std::chrono::duration_cast<system_clock::duration>(microseconds(us)));
  };
  CHECK(to_iso8601(at_us(999)) == "1970-01-01T00:00:00.000Z");
  CHECK(to_iso8601(at_us(1000)) == "1970-01-01T00:00:00.001Z");
  CHECK(to_iso8601(at_us(-1)) == "1969-12-31T23:59:59.999Z");
  CHECK(to_iso8601(at_us(-999)) == "1969-12-31T23:59:59.999Z");
  CHECK(to_iso8601(at_us(-1000)) == "1969-12-31T23:59:59.999Z");
  CHECK(to_iso8601(at_us(-1001)) == "1969-12-31T23:59:59.998Z");
}

TEST_CASE("timestamp: the ends of the clock") {
  for (const auto when : {system_clock::time_point::min(), system_clock::time_point::max()}) {
    const std::string text = to_iso8601(when);
    CAPTURE(text);
    CHECK(text.size() == 24);
    CHECK(text.back() == 'Z');
  }
  if (std::is_same_v<system_clock::period, std::nano>) {
    CHECK(to_iso8601(system_clock::time_point::min()) == "1677-09-21T00:12:43.145Z");
    CHECK(to_iso8601(system_clock::time_point::max()) == "2262-04-11T23:47:16.854Z");
  }
}

TEST_CASE("timestamp: the cache says what to_iso8601 says") {
  timestamp_cache cache;
  CHECK(cache.text(system_clock::time_point()) == "1970-01-01T00:00:00.000Z");
  CHECK(cache.text(at_ms(1)) == "1970-01-01T00:00:00.001Z");
  CHECK(cache.text(at_ms(0)) == "1970-01-01T00:00:00.000Z");
  CHECK(cache.text(at_ms(1'709'210'096'789)) == "2024-02-29T12:34:56.789Z");
  // Around the epoch rounding towards zero would take two milliseconds for one.
  for (std::int64_t us = -2500; us <= 2500; us += 100) {
    CAPTURE(us);
    const system_clock::time_point when(
        std::chrono::duration_cast<system_clock::duration>(std::chrono::microseconds(us)));
    CHECK(cache.text(when) == to_iso8601(when));
  }
}

TEST_CASE("timestamp: the cache keeps its text within a millisecond") {
  timestamp_cache cache;
  const auto when = at_ms(1'767'225'600'000);
  const char* const first = cache.text(when).data();
  const auto later =
      when + std::chrono::duration_cast<system_clock::duration>(std::chrono::microseconds(999));
  CHECK(cache.text(later).data() == first);
  CHECK(cache.text(later) == "2026-01-01T00:00:00.000Z");
}
