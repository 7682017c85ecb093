// SPDX-License-Identifier: MIT
//
// Comparing JSON values by what they mean: 1, 1.0 and 10e-1 are one number, the order of members is
// nothing, of a repeated name the last one counts. Numbers of any length, never by way of a double.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/escape.hpp>
#include <agent_websocket/json/reader.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

namespace agent_websocket {
namespace json {

/// A number as 0.digits x 10^order: the first and the last digit are not 0, zero has no digits.
struct exact_number {
  bool negative = false;
  std::string digits;
  std::int64_t order = 0;

  bool is_integer() const noexcept { return static_cast<std::int64_t>(digits.size()) <= order; }
};

/// Precondition: a JSON number. An exponent outside of 32 bits counts as the largest or least one.
exact_number parse_exact(std::string_view text);

/// Below 0, 0 or above 0, as `left` is less than, equal to or more than `right`.
int compare(const exact_number& left, const exact_number& right) noexcept;

/// The most digits that a divisor may have.
inline constexpr std::size_t max_divisor_digits = 18;

/// Whether `number` is a whole multiple of `divisor`. Precondition: the divisor is not 0 and has at
/// most max_divisor_digits.
bool is_multiple(const exact_number& number, const exact_number& divisor) noexcept;

/// append_canonical, alone.
std::string to_canonical(const value& what);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE exact_number parse_exact(std::string_view text) {
  exact_number made;
  const std::size_t e = text.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view exponent = text.substr(e + 1);
    if (!exponent.empty() && exponent[0] == '+') exponent.remove_prefix(1);
    std::int32_t number = 0;
    const auto done = std::from_chars(exponent.data(), exponent.data() + exponent.size(), number);
    if (done.ec == std::errc::result_out_of_range) {
      number = exponent[0] == '-' ? std::numeric_limits<std::int32_t>::min()
                                  : std::numeric_limits<std::int32_t>::max();
    }
    made.order = number;
    text = text.substr(0, e);
  }
  if (!text.empty() && text[0] == '-') {
    made.negative = true;
    text.remove_prefix(1);
  }
  const std::size_t point = std::min(text.find('.'), text.size());
  made.order += static_cast<std::int64_t>(point);
  made.digits.assign(text.substr(0, point));
  if (point < text.size()) made.digits.append(text.substr(point + 1));
  const std::size_t zeros = std::min(made.digits.find_first_not_of('0'), made.digits.size());
  made.digits.erase(0, zeros);
  made.order -= static_cast<std::int64_t>(zeros);
  made.digits.erase(made.digits.find_last_not_of('0') + 1);
  if (made.digits.empty()) made = {};
  return made;
}

AGENT_WEBSOCKET_INLINE int compare(const exact_number& left, const exact_number& right) noexcept {
  const auto sign = [](const exact_number& of) {
    return of.digits.empty() ? 0 : of.negative ? -1 : 1;
  };
  if (sign(left) != sign(right)) return sign(left) < sign(right) ? -1 : 1;
  int size = left.digits.compare(right.digits);
  if (left.order != right.order && !left.digits.empty()) size = left.order < right.order ? -1 : 1;
  return left.negative ? -size : size;
}

AGENT_WEBSOCKET_INLINE bool is_multiple(const exact_number& number,
                                        const exact_number& divisor) noexcept {
  if (number.digits.empty()) return true;
  const auto exponent = [](const exact_number& of) {
    return of.order - static_cast<std::int64_t>(of.digits.size());
  };
  // The digits end with one that is not 0, so no power of ten divides them.
  std::int64_t zeros = exponent(number) - exponent(divisor);
  if (zeros < 0) return false;
  // Each zero takes a 2 and a 5 out of the divisor; after 64 none can be left in it.
  zeros = std::min<std::int64_t>(zeros, 64);
  std::uint64_t by = 0, rest = 0;
  for (const char c : divisor.digits) by = by * 10 + static_cast<std::uint64_t>(c - '0');
  for (const char c : number.digits) rest = (rest * 10 + static_cast<std::uint64_t>(c - '0')) % by;
  for (; zeros > 0; --zeros) rest = rest * 10 % by;
  return rest == 0;
}

/// Appends a text that two values have in common exactly when they are equal.
inline void append_canonical(std::string& out, const value& what) {
  switch (what.kind()) {
    case kind::absent:
    case kind::null: out += "null"; return;
    case kind::boolean: out += *what.boolean() ? "true" : "false"; return;
    case kind::number: {
      const exact_number number = parse_exact(*what.number_text());
      if (number.negative) out += '-';
      out += number.digits;
      out += 'e';
      out += std::to_string(number.order);
      return;
    }
    case kind::string:
      out += '"';
      append_escaped(out, *what.string());
      out += '"';
      return;
    case kind::array:
      out += '[';
      what.for_each_element([&out](const value& element) {
        append_canonical(out, element);
        out += ',';
      });
      out += ']';
      return;
    case kind::object: {
      std::map<std::string_view, value> members;
      what.for_each_member([&](std::string_view name, const value& member) {
        members.insert_or_assign(name, member);
      });
      out += '{';
      for (const auto& [name, member] : members) {
        out += '"';
        append_escaped(out, name);
        out += "\":";
        append_canonical(out, member);
        out += ',';
      }
      out += '}';
      return;
    }
  }
}

AGENT_WEBSOCKET_INLINE std::string to_canonical(const value& what) {
  std::string text;
  append_canonical(text, what);
  return text;
}

#endif

}  // namespace json
}  // namespace agent_websocket
