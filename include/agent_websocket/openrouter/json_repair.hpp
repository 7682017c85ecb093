// SPDX-License-Identifier: MIT
//
// Makes JSON text readable that is wrong in its characters only: servers that cut text by bytes or
// by UTF-16 units send halves of characters, raw or as \u escapes. Each half becomes U+FFFD. Wrong
// structure is left as it is.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace openrouter {

namespace detail {

/// The code unit of a \uXXXX escape at the front of `text`, or -1.
constexpr int escaped_unit(std::string_view text) noexcept {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return -1;
  int unit = 0;
  for (std::size_t i = 2; i < 6; ++i) {
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

constexpr bool is_high_half(int unit) noexcept { return unit >= 0xD800 && unit <= 0xDBFF; }
constexpr bool is_low_half(int unit) noexcept { return unit >= 0xDC00 && unit <= 0xDFFF; }

}  // namespace detail

/// `json` with every half of a character replaced. Linear.
std::string repair_characters(std::string_view json);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string repair_characters(std::string_view json) {
  std::string repaired;
  repaired.reserve(json.size() + 16);
  const auto keep = [&](std::size_t bytes) {
    repaired.append(json.substr(0, bytes));
    json.remove_prefix(bytes);
  };
  while (!json.empty()) {
    if (json.front() == '\\') {
      const int unit = detail::escaped_unit(json);
      if (detail::is_high_half(unit) && detail::is_low_half(detail::escaped_unit(json.substr(6)))) {
        keep(12);
      } else if (detail::is_high_half(unit) || detail::is_low_half(unit)) {
        repaired.append("\\ufffd");
        json.remove_prefix(6);
      } else {
        keep(json.size() < 2 ? 1 : 2);  // with what is escaped, which may be a backslash
      }
      continue;
    }
    if (const std::size_t length = utf8_sequence_length(json); length != 0) {
      keep(length);
    } else {
      repaired.append("\xEF\xBF\xBD");
      json.remove_prefix(1);
    }
  }
  return repaired;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
