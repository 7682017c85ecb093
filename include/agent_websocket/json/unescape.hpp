// SPDX-License-Identifier: MIT
//
// Reads the inside of one JSON string (RFC 8259 section 7) without a document: escapes become what
// they stand for. As strict as document::parse, so that whoever is told no can ask that for why.
#pragma once

#include <agent_websocket/base/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace json {

namespace detail {

/// The code unit that four hexadecimal digits at the front of `text` spell, or -1.
constexpr int code_unit(std::string_view text) noexcept {
  if (text.size() < 4) return -1;
  int unit = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const char c = text[i];
    int digit = -1;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

/// What a backslash and `c` stand for; 0 when that is no short escape.
constexpr char short_escape(char c) noexcept {
  switch (c) {
    case '"':
    case '\\':
    case '/': return c;
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'b': return '\b';
    case 'f': return '\f';
    default: return 0;
  }
}

/// Writes `point` as UTF-8, one to four bytes; returns where they end. Precondition: no surrogate,
/// at most 0x10FFFF.
inline char* write_code_point(char* to, std::uint32_t point) noexcept {
  const auto put = [&to](std::uint32_t byte) { *to++ = static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
    return to;
  }
  if (point < 0x800) {
    put(0xC0 | point >> 6);
  } else {
    if (point < 0x10000) {
      put(0xE0 | point >> 12);
    } else {
      put(0xF0 | point >> 18);
      put(0x80 | (point >> 12 & 0x3F));
    }
    put(0x80 | (point >> 6 & 0x3F));
  }
  put(0x80 | (point & 0x3F));
  return to;
}

inline void append_code_point(std::string& out, std::uint32_t point) {
  char bytes[4];
  out.append(bytes, static_cast<std::size_t>(write_code_point(bytes, point) - bytes));
}

/// Reads one \uXXXX, or two that are the halves of a character; `digits` begins behind the `u`. How
/// many bytes these were, or 0 when it is neither.
inline std::size_t append_escaped_character(std::string& out, std::string_view digits) {
  const int unit = code_unit(digits);
  if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) return 0;
  auto point = static_cast<std::uint32_t>(unit);
  if (unit < 0xD800 || unit > 0xDBFF) {
    append_code_point(out, point);
    return 4;
  }
  if (digits.substr(4, 2) != "\\u") return 0;
  const int low = code_unit(digits.substr(6));
  if (low < 0xDC00 || low > 0xDFFF) return 0;
  point = 0x10000 + ((point - 0xD800) << 10) + (static_cast<std::uint32_t>(low) - 0xDC00);
  append_code_point(out, point);
  return 10;
}

}  // namespace detail

/// Appends what `inside` says, the bytes between the quotes of a JSON string. False when they are
/// not that: a bare quote or control character, an escape that is none, half of a surrogate pair,
/// what is not UTF-8. `out` then holds a part of it.
inline bool append_unescaped(std::string& out, std::string_view inside) {
  if (!is_utf8_text(inside)) return false;
  while (!inside.empty()) {
    std::size_t run = 0;
    while (run < inside.size() && static_cast<unsigned char>(inside[run]) >= 0x20 &&
           inside[run] != '"' && inside[run] != '\\') {
      ++run;
    }
    out.append(inside.data(), run);
    inside.remove_prefix(run);
    if (inside.empty()) return true;
    if (inside.size() < 2 || inside[0] != '\\') return false;
    if (const char meant = detail::short_escape(inside[1])) {
      out.push_back(meant);
      inside.remove_prefix(2);
      continue;
    }
    if (inside[1] != 'u') return false;
    const std::size_t digits = detail::append_escaped_character(out, inside.substr(2));
    if (digits == 0) return false;
    inside.remove_prefix(2 + digits);
  }
  return true;
}

}  // namespace json
}  // namespace agent_websocket
