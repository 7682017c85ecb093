// SPDX-License-Identifier: MIT
//
// UTF-8 (RFC 3629): how long the sequence at the front of some bytes is, and cutting text without cutting a
// character. Overlong forms, surrogates and code points above U+10FFFF are not UTF-8.
#pragma once

#include <agent_websocket/base/byte_word.hpp>
#include <agent_websocket/base/config.hpp>

#include <cstddef>
#include <string_view>

namespace agent_websocket {

/// 1 to 4 for a well-formed sequence at the front of `bytes`, 0 when there is none (also when it is cut short).
constexpr std::size_t utf8_sequence_length(std::string_view bytes) noexcept {
  const auto at = [&bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto continues = [&](std::size_t i) { return i < bytes.size() && (at(i) & 0xC0) == 0x80; };
  if (bytes.empty()) return 0;
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return continues(1) ? 2 : 0;
  if (lead < 0xF0) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && at(1) < 0xA0) return 0;
    if (lead == 0xED && at(1) >= 0xA0) return 0;
    return 3;
  }
  if (lead > 0xF4 || !continues(1) || !continues(2) || !continues(3)) return 0;
  if (lead == 0xF0 && at(1) < 0x90) return 0;
  if (lead == 0xF4 && at(1) >= 0x90) return 0;
  return 4;
}

/// True when all of `bytes` is UTF-8.
constexpr bool is_utf8(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const std::size_t length = utf8_sequence_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

/// True when the eight bytes are ASCII.
bool is_ascii_word(const char* at) noexcept;

/// The same for text that is mostly ASCII, of which eight bytes are looked at together.
bool is_utf8_text(std::string_view bytes) noexcept;

/// The longest front of `text` with at most `max_bytes` bytes that does not end inside a character.
constexpr std::string_view cut_utf8(std::string_view text, std::size_t max_bytes) noexcept {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool is_ascii_word(const char* at) noexcept {
  return (load_word(at) & top_bits) == 0;
}

AGENT_WEBSOCKET_INLINE bool is_utf8_text(std::string_view bytes) noexcept {
  const char* const begin = bytes.data();
  while (!bytes.empty()) {
    const char* const end = bytes.data() + bytes.size();
    if (bytes.size() >= 8) {
      if (is_ascii_word(bytes.data())) {
        bytes.remove_prefix(8);
        continue;
      }
    } else if (end - begin >= 8 && is_ascii_word(end - 8)) {
      return true;  // the rest, with some before it
    }
    const std::size_t length = utf8_sequence_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

#endif

}  // namespace agent_websocket
