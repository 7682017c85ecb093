// SPDX-License-Identifier: MIT
//
// How long an upstream asks to wait: Retry-After (RFC 9110 section 10.2.3), the copies of it in
// OpenRouter's error bodies, and X-RateLimit-Reset. Pure reading; what is made of it stands in
// retry.hpp.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/date.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/json/number.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace agent_websocket {
namespace openrouter {

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

#if AGENT_WEBSOCKET_DEFINITIONS

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
inline hint read_retry_after(std::string_view text, wall_time now) {
  if (const hint seconds = wait_of(decimal(text), 1000)) return seconds;
  const std::optional<wall_time> date = http::parse_date(http::trim(text));
  if (!date) return std::nullopt;
  if (*date <= now) return std::chrono::milliseconds(0);
  return wait_of(std::chrono::duration<double, std::milli>(*date - now).count(), 1);
}

/// A moment: unix milliseconds or seconds, told apart by their size, or seconds from now.
inline hint read_reset(std::string_view text, wall_time now) {
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

inline std::string_view text_in(const json::value& from) {
  if (const auto text = from.string()) return *text;
  return from.number_text().value_or(std::string_view());
}

inline json::value header_in(const json::value& headers, std::string_view wanted) {
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

#endif

}  // namespace openrouter
}  // namespace agent_websocket
