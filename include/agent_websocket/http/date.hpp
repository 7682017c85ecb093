// SPDX-License-Identifier: MIT
//
// The dates of HTTP (RFC 9110 section 5.6.7), as Date and Retry-After have them, read and written.
// No locale and no time zones: they are in GMT.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/timestamp.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ratio>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace http {

/// "Sun, 06 Nov 1994 08:49:37 GMT", the form that senders must use; also the obsolete forms
/// "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994". Nothing for anything else; the
/// latest moment that there is for a date behind it, of the year 2262 or later.
std::optional<std::chrono::system_clock::time_point> parse_date(std::string_view text);

/// "Sun, 06 Nov 1994 08:49:37 GMT"; a fraction of a second is left out. Years 0 to 9999.
std::string to_date(std::chrono::system_clock::time_point when);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

inline constexpr std::array<std::string_view, 12> month_names{
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace detail

AGENT_WEBSOCKET_INLINE std::optional<std::chrono::system_clock::time_point> parse_date(
    std::string_view text) {
  // The parts are the same in all three forms; only their order and separators differ.
  const auto& months = detail::month_names;
  std::int64_t day = 0, month = 0, year = -1, second_of_day = -1;
  bool skipped_weekday = false;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(" ,-");
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (part.empty() || part == "GMT") continue;
    const bool digits = part.find_first_not_of("0123456789:") == std::string_view::npos;
    const auto number = [](std::string_view of) {  // of four digits at most
      std::int64_t made = 0;
      for (const char c : of) made = made * 10 + (c - '0');
      return made;
    };
    if (!digits) {
      if (!skipped_weekday) {
        skipped_weekday = true;
        continue;
      }
      for (std::size_t i = 0; i < months.size(); ++i) {
        if (part == months[i]) month = static_cast<std::int64_t>(i) + 1;
      }
      if (month == 0) return std::nullopt;
    } else if (part.find(':') != std::string_view::npos) {
      if (part.size() != 8 || part[2] != ':' || part[5] != ':') return std::nullopt;
      const auto two = [&part](std::size_t at) {
        return (part[at] - '0') * 10 + (part[at + 1] - '0');
      };
      for (const std::size_t at : {0u, 1u, 3u, 4u, 6u, 7u}) {
        if (part[at] == ':') return std::nullopt;
      }
      if (two(0) > 23 || two(3) > 59 || two(6) > 60) return std::nullopt;
      second_of_day = two(0) * 3600 + two(3) * 60 + two(6);
    } else if (day == 0 && part.size() <= 2) {
      day = number(part);
      if (day < 1 || day > 31) return std::nullopt;
    } else if (year < 0 && (part.size() == 4 || part.size() == 2)) {
      year = number(part);
      if (part.size() == 2) year += year < 70 ? 2000 : 1900;
    } else {
      return std::nullopt;
    }
  }
  if (day == 0 || month == 0 || year < 1970 || second_of_day < 0) return std::nullopt;
  // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = y / 400;
  const std::int64_t yoe = y - era * 400;
  const std::int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  const std::int64_t days = era * 146'097 + doe - 719'468;
  const std::chrono::seconds since_1970(days * 86'400 + second_of_day);
  const auto latest = std::chrono::system_clock::time_point::max();
  if (since_1970 > std::chrono::duration_cast<std::chrono::seconds>(latest.time_since_epoch()))
    return latest;
  return std::chrono::system_clock::time_point(since_1970);
}

AGENT_WEBSOCKET_INLINE std::string to_date(std::chrono::system_clock::time_point when) {
  static constexpr std::array<std::string_view, 7> weekdays{"Thu", "Fri", "Sat", "Sun",
                                                            "Mon", "Tue", "Wed"};
  using days = std::chrono::duration<std::int64_t, std::ratio<86'400>>;
  const std::int64_t day = std::chrono::floor<days>(when.time_since_epoch()).count();
  const std::string iso = to_iso8601(when);  // 1994-11-06T08:49:37.000Z
  const auto month = static_cast<std::size_t>((iso[5] - '0') * 10 + (iso[6] - '0'));
  std::string text(weekdays[static_cast<std::size_t>((day % 7 + 7) % 7)]);
  text.append(", ").append(iso, 8, 2).append(" ").append(detail::month_names[month - 1]);
  text.append(" ").append(iso, 0, 4).append(" ").append(iso, 11, 8).append(" GMT");
  return text;
}

#endif

}  // namespace http
}  // namespace agent_websocket
