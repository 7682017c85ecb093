// SPDX-License-Identifier: MIT
//
// ISO-8601 timestamps in UTC with milliseconds ("2026-01-01T00:00:00.000Z"), as every server message
// carries. The conversion is days-from-civil arithmetic on the proleptic Gregorian calendar: no locale, no tz
// database, no global lock as in gmtime. `timestamp_cache` makes the text once a millisecond.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace agent_websocket {

/// "YYYY-MM-DDThh:mm:ss.mmmZ". Years 0 to 9999; others are clamped.
std::string to_iso8601(std::chrono::system_clock::time_point when);

/// The text of the last moment asked for, made anew only when the millisecond has changed.
class timestamp_cache {
 public:
  std::string_view text(std::chrono::system_clock::time_point when);

 private:
  std::chrono::milliseconds moment_{0};
  char text_[24] = {};
};

/// The text of `when`, from one cache for all sessions that run on this thread. Good until the next
/// call on this thread.
std::string_view shared_timestamp(std::chrono::system_clock::time_point when);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string to_iso8601(std::chrono::system_clock::time_point when) {
  using namespace std::chrono;
  constexpr std::int64_t day_ms = 86'400'000;
  std::int64_t ms = duration_cast<milliseconds>(when.time_since_epoch()).count();
  if (duration_cast<system_clock::duration>(milliseconds(ms)) > when.time_since_epoch())
    --ms;  // floor
  constexpr std::int64_t first = -62'167'219'200'000, last = 253'402'300'799'999;
  ms = ms < first ? first : (ms > last ? last : ms);
  std::int64_t days = ms / day_ms;
  std::int64_t rest = ms % day_ms;
  if (rest < 0) {
    rest += day_ms;
    --days;
  }
  // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
  const std::int64_t z = days + 719'468;
  const std::int64_t era = (z >= 0 ? z : z - 146'096) / 146'097;
  const std::int64_t doe = z - era * 146'097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36'524 - doe / 146'096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  const std::int64_t day = doy - (153 * mp + 2) / 5 + 1;
  const std::int64_t month = mp < 10 ? mp + 3 : mp - 9;
  const std::int64_t year = yoe + era * 400 + (month <= 2 ? 1 : 0);

  std::string text(24, '0');
  const auto put = [&text](std::size_t at, std::size_t width, std::int64_t value) {
    for (std::size_t i = width; i-- > 0; value /= 10)
      text[at + i] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, year);
  text[4] = '-';
  put(5, 2, month);
  text[7] = '-';
  put(8, 2, day);
  text[10] = 'T';
  put(11, 2, rest / 3'600'000);
  text[13] = ':';
  put(14, 2, rest / 60'000 % 60);
  text[16] = ':';
  put(17, 2, rest / 1000 % 60);
  text[19] = '.';
  put(20, 3, rest % 1000);
  text[23] = 'Z';
  return text;
}

AGENT_WEBSOCKET_INLINE std::string_view timestamp_cache::text(
    std::chrono::system_clock::time_point when) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(when.time_since_epoch());
  if (text_[0] == 0 || ms != moment_) {
    moment_ = ms;
    to_iso8601(when).copy(text_, sizeof text_);
  }
  return {text_, sizeof text_};
}

AGENT_WEBSOCKET_INLINE std::string_view shared_timestamp(
    std::chrono::system_clock::time_point when) {
  thread_local timestamp_cache cache;
  return cache.text(when);
}

#endif

}  // namespace agent_websocket
