// SPDX-License-Identifier: MIT
//
// Conversion between JSON number text and C++ numbers: exact, locale-independent, never undefined (RFC 8259 section 6).
// Uses <charconv>; where the standard library has it for integers only (older libc++), a stream in the classic locale.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#if !defined(__cpp_lib_to_chars)
#include <locale>
#include <sstream>
#endif

namespace agent_websocket {
namespace json {

namespace detail {

/// A JSON number taken apart: 0.d1d2d3... x 10^order, d1 not 0; no digits at all for zero.
struct decimal {
  bool negative = false;
  char digits[20] = {};    // the first ones, enough for int64_t
  std::int64_t count = 0;  // of digits up to the last that is not 0
  std::int64_t order = 0;
};

}  // namespace detail

/// The number that `text` spells, or nullopt when it does not fit a double. Too small is 0.
/// Precondition: a JSON number.
std::optional<double> parse_double(std::string_view text) noexcept;

/// The integer that `text` spells ("3", "3.0", "3e2"), or nullopt when it has a fraction or does not fit int64_t.
/// Exact: never by way of a double. Precondition: a JSON number.
std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;

/// The shortest text that reads back as the same double, without exponent for whole numbers below 2^53.
/// Precondition: finite.
std::string print_double(double number);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

inline decimal take_apart(std::string_view text) noexcept {
  decimal parts;
  std::int64_t seen = 0;
  bool behind_point = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '-') {
      parts.negative = true;
    } else if (c == '.') {
      behind_point = true;
    } else if (c == 'e' || c == 'E') {
      const bool plus = i + 1 < text.size() && text[i + 1] == '+';
      const char* const begin = text.data() + i + (plus ? 2 : 1);
      const char* const end = text.data() + text.size();
      // In 32 bits, beyond which the text would have to be gigabytes for its digits to matter.
      std::int32_t exponent = 0;
      if (std::from_chars(begin, end, exponent).ec == std::errc::result_out_of_range) {
        exponent = *begin == '-' ? std::numeric_limits<std::int32_t>::min()
                                 : std::numeric_limits<std::int32_t>::max();
      }
      parts.order += exponent;
      break;
    } else if (seen == 0 && c == '0') {
      if (behind_point) --parts.order;
    } else {
      if (!behind_point) ++parts.order;
      if (seen < static_cast<std::int64_t>(sizeof parts.digits)) parts.digits[seen] = c;
      ++seen;
      if (c != '0') parts.count = seen;
    }
  }
  return parts;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE std::optional<double> parse_double(std::string_view text) noexcept {
  double number = 0;
#if defined(__cpp_lib_to_chars)
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc::result_out_of_range) {
    // The two ends of the range give the same code; at the small one the point is far to the left.
    return detail::take_apart(text).order <= 0 ? std::optional<double>(0.0) : std::nullopt;
  }
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
#else
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  stream >> number;
  // libc++ calls subnormal numbers a failure as well, and gives them.
  if (stream.fail() && detail::take_apart(text).order > 0) return std::nullopt;
  if (!std::isfinite(number)) return std::nullopt;
#endif
  return number;
}

AGENT_WEBSOCKET_INLINE std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc() && end == text.data() + text.size()) return number;
  if (text.find_first_of(".eE") == std::string_view::npos) return std::nullopt;
  const detail::decimal parts = detail::take_apart(text);
  if (parts.count == 0) return 0;
  if (parts.count > parts.order || parts.order > 19) return std::nullopt;  // int64_t has 19 digits
  char whole[1 + sizeof parts.digits] = {'-'};
  for (std::int64_t i = 0; i < parts.order; ++i)
    whole[1 + i] = i < parts.count ? parts.digits[i] : '0';
  const char* const begin = whole + (parts.negative ? 0 : 1);
  if (std::from_chars(begin, whole + 1 + parts.order, number).ec != std::errc())
    return std::nullopt;
  return number;
}

AGENT_WEBSOCKET_INLINE std::string print_double(double number) {
  char text[40];
  if (std::trunc(number) == number && std::fabs(number) <= 9007199254740992.0) {
    const auto whole = std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(number));
    return std::string(text, whole.ptr);
  }
#if defined(__cpp_lib_to_chars)
  const auto done = std::to_chars(text, text + sizeof text, number);
  return std::string(text, done.ptr);
#else
  std::string shortest;
  for (int digits = 15; digits <= 17;
       ++digits) {  // 15 always fit a double, 17 always tell it apart
    std::ostringstream stream;
    stream.imbue(std::locale::classic());
    stream.precision(digits);
    stream << number;
    shortest = stream.str();
    if (parse_double(shortest) == number) break;
  }
  return shortest;
#endif
}

#endif

}  // namespace json
}  // namespace agent_websocket
