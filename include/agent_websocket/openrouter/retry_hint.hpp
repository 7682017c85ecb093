// SPDX-License-Identifier: MIT
//
// How long an upstream asks to wait: Retry-After (RFC 9110 section 10.2.3, dates as in section
// 5.6.7), the copies of it in OpenRouter's error bodies, and X-RateLimit-Reset. Pure reading; what
// is made of it stands in retry.hpp.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/json/number.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace agent_websocket {
namespace openrouter {

/// "Sun, 06 Nov 1994 08:49:37 GMT", the form that senders must use; also the obsolete forms
/// "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994". Nothing for anything else.
std::optional<wall_time> parse_http_date(std::string_view text);

namespace detail {

using hint = std::optional<std::chrono::milliseconds>;

/// A wait of that many units of a millisecond, at most a year; nothing when it is negative.
hint wait_of(std::optional<double> number, double unit);

std::optional<double> decimal(std::string_view text);

/// A number, or the text of one.
std::optional<double> number_in(const json::value& from);

}  // namespace detail

/// The wait that an error asks for, from the first of its places that says something. `fault` is
/// the value of "error" (or absent); `limited` says that the error is about a rate, without which
/// X-RateLimit-Reset means nothing.
std::optional<std::chrono::milliseconds> read_retry_hint(const http::header_list& headers,
                                                         const json::value& fault, bool limited,
                                                         wall_time now);

}  // namespace openrouter
}  // namespace agent_websocket

#if AGENT_WEBSOCKET_DEFINITIONS

namespace agent_websocket {
namespace openrouter {

AGENT_WEBSOCKET_INLINE std::optional<wall_time> parse_http_date(std::string_view text) {
  // The parts are the same in all three forms; only their order and separators differ.
  static constexpr std::array<std::string_view, 12> months{
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::int64_t day = 0, month = 0, year = -1, second_of_day = -1;
  bool skipped_weekday = false;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(" ,-");
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (part.empty() || part == "GMT") continue;
    const bool digits = part.find_first_not_of("0123456789:") == std::string_view::npos;
    const auto number = [](std::string_view of) { return json::parse_integer(of).value_or(-1); };
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
      // "08" is no JSON number, so a digit at a time.
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
  return wall_time(std::chrono::seconds(days * 86'400 + second_of_day));
}
namespace detail {

AGENT_WEBSOCKET_INLINE hint wait_of(std::optional<double> number, double unit) {
  constexpr double longest = 1000.0 * 86'400 * 366;
  if (!number) return std::nullopt;
  const double ms = *number * unit;
  if (!(ms >= 0)) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(ms < longest ? ms : longest));
}

AGENT_WEBSOCKET_INLINE std::optional<double> decimal(std::string_view text) {
  text = http::trim(text);
  while (text.size() > 1 && text.front() == '0' && text[1] != '.') text.remove_prefix(1);
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos) {
    return std::nullopt;
  }
  return json::parse_double(text);
}

/// Seconds, or a date.
AGENT_WEBSOCKET_INLINE hint read_retry_after(std::string_view text, wall_time now) {
  if (const hint seconds = wait_of(decimal(text), 1000)) return seconds;
  const std::optional<wall_time> date = parse_http_date(http::trim(text));
  if (!date) return std::nullopt;
  if (*date <= now) return std::chrono::milliseconds(0);
  return std::chrono::duration_cast<std::chrono::milliseconds>(*date - now);
}

/// A moment: unix milliseconds or seconds, told apart by their size, or seconds from now.
AGENT_WEBSOCKET_INLINE hint read_reset(std::string_view text, wall_time now) {
  const std::optional<double> number = decimal(text);
  if (!number) return std::nullopt;
  if (*number < 1e8) return wait_of(number, 1000);
  const double then = *number < 1e11 ? *number * 1000 : *number;
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  return wait_of(then - static_cast<double>(since.count()), 1);
}

AGENT_WEBSOCKET_INLINE std::optional<double> number_in(const json::value& from) {
  if (const auto text = from.string()) return decimal(*text);
  return from.number();
}

AGENT_WEBSOCKET_INLINE std::string_view text_in(const json::value& from) {
  if (const auto text = from.string()) return *text;
  return from.number_text().value_or(std::string_view());
}

AGENT_WEBSOCKET_INLINE json::value header_in(const json::value& headers, std::string_view wanted) {
  json::value found;
  headers.for_each_member([&](std::string_view name, const json::value& value) {
    if (http::iequals(name, wanted)) found = value;
  });
  return found;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE std::optional<std::chrono::milliseconds> read_retry_hint(
    const http::header_list& headers, const json::value& fault, bool limited, wall_time now) {
  using detail::hint;
  if (const auto text = headers.find("Retry-After-Ms")) {
    if (const hint found = detail::wait_of(detail::decimal(*text), 1)) return found;
  }
  if (const auto text = headers.find("Retry-After")) {
    if (const hint found = detail::read_retry_after(*text, now)) return found;
  }
  const json::value metadata = fault["metadata"];
  for (const json::value& place :
       {fault["availability"]["retry_after"], metadata["retry_after_seconds"]}) {
    if (const hint found = detail::wait_of(detail::number_in(place), 1000)) return found;
  }
  const json::value copies = metadata["headers"];
  const json::value copy = detail::header_in(copies, "Retry-After");
  if (const hint found = detail::read_retry_after(detail::text_in(copy), now)) return found;
  if (!limited) return std::nullopt;
  if (const auto text = headers.find("X-RateLimit-Reset")) {
    if (const hint found = detail::read_reset(*text, now)) return found;
  }
  const json::value reset = detail::header_in(copies, "X-RateLimit-Reset");
  return detail::read_reset(detail::text_in(reset), now);
}

}  // namespace openrouter
}  // namespace agent_websocket

#endif
