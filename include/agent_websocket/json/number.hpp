// SPDX-License-Identifier: MIT
//
// Conversion between JSON number text and C++ numbers: exact, locale-independent, never undefined (RFC 8259 section 6).
// Uses <charconv>; where the standard library has it for integers only (older libc++), a stream in the classic locale.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#if !defined(__cpp_lib_to_chars)
#include <locale>
#include <sstream>
#endif

namespace agent_websocket {
namespace json {

/// The number that `text` spells, or nullopt when it does not fit a double. Precondition: a JSON number.
inline std::optional<double> parse_double(std::string_view text) noexcept {
  double number = 0;
#if defined(__cpp_lib_to_chars)
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc::result_out_of_range) {
    // Too small is 0 by JSON's own tolerance; too large has no value.
    const std::size_t exponent = text.find_first_of("eE");
    const bool tiny = exponent != std::string_view::npos && exponent + 1 < text.size() && text[exponent + 1] == '-';
    return tiny ? std::optional<double>(0.0) : std::nullopt;
  }
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
#else
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  stream >> number;
  if (stream.fail() || !std::isfinite(number)) return std::nullopt;
#endif
  return number;
}

/// The integer that `text` spells ("3", "3.0", "3e2"), or nullopt when it has a fraction or does not fit int64_t.
inline std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc() && end == text.data() + text.size()) return number;
  if (text.find_first_of(".eE") == std::string_view::npos) return std::nullopt;
  const std::optional<double> real = parse_double(text);
  // Above 2^53 a double no longer tells integers apart.
  if (!real || std::trunc(*real) != *real || std::fabs(*real) > 9007199254740992.0) return std::nullopt;
  return static_cast<std::int64_t>(*real);
}

/// The shortest text that reads back as the same double, without exponent for whole numbers below 2^53.
/// Precondition: finite.
inline std::string print_double(double number) {
  char text[40];
  if (std::trunc(number) == number && std::fabs(number) <= 9007199254740992.0) {
    const auto whole = std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(number));
    return std::string(text, whole.ptr);
  }
#if defined(__cpp_lib_to_chars)
  const auto done = std::to_chars(text, text + sizeof text, number);
  return std::string(text, done.ptr);
#else
  std::ostringstream stream;
  stream.imbue(std::locale::classic());
  stream.precision(17);
  stream << number;
  return stream.str();
#endif
}

}  // namespace json
}  // namespace agent_websocket
