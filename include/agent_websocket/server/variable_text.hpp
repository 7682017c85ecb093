// SPDX-License-Identifier: MIT
//
// The text of a variable -> a value within its range, or words for what would be allowed, which
// end the sentence "NAME is "text", but must be".
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/json/number.hpp>
#include <agent_websocket/json/print.hpp>

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace agent_websocket {
namespace detail {

using applied = std::optional<std::string>;

template <typename Integer>
applied read_whole(Integer& into, std::string_view text, Integer least, Integer most) {
  Integer number{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size() || number < least ||
      number > most) {
    return "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  }
  into = number;
  return std::nullopt;
}

std::optional<double> read_decimal(std::string_view text);

/// A time in units of `unit` milliseconds, fractions allowed.
applied read_time(std::chrono::milliseconds& into, std::string_view text, const char* unit_name,
                  double unit, double least, double most);
applied read_seconds(std::chrono::milliseconds& into, std::string_view text, double least,
                     double most);

std::vector<std::string> split_list(std::string_view text);

/// A name of one of several choices: new ones are made elsewhere.
bool is_word(std::string_view text) noexcept;

bool is_path(std::string_view text) noexcept;

}  // namespace detail

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE std::optional<double> read_decimal(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos)
    return std::nullopt;
  return json::parse_double(text);
}

AGENT_WEBSOCKET_INLINE applied read_time(std::chrono::milliseconds& into, std::string_view text,
                                         const char* unit_name, double unit, double least,
                                         double most) {
  const auto number = read_decimal(text);
  if (!number || !(*number >= least && *number <= most)) {
    return "a number of " + std::string(unit_name) + " from " + json::print_double(least) + " to " +
           json::print_double(most);
  }
  into = std::chrono::milliseconds(static_cast<std::int64_t>(*number * unit + 0.5));
  return std::nullopt;
}

AGENT_WEBSOCKET_INLINE applied read_seconds(std::chrono::milliseconds& into, std::string_view text,
                                            double least, double most) {
  return read_time(into, text, "seconds", 1000, least, most);
}

AGENT_WEBSOCKET_INLINE std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view item = http::trim(text.substr(0, comma));
    if (!item.empty()) items.emplace_back(item);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return items;
}

AGENT_WEBSOCKET_INLINE bool is_word(std::string_view text) noexcept {
  if (text.empty() || text.size() > 40) return false;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!plain) return false;
  }
  return true;
}

AGENT_WEBSOCKET_INLINE bool is_path(std::string_view text) noexcept {
  if (text.empty() || text.front() != '/') return false;
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7F || c == '?' || c == '#' || c == '%') return false;
  }
  return true;
}

}  // namespace detail

#endif

}  // namespace agent_websocket
