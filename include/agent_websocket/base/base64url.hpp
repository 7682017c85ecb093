// SPDX-License-Identifier: MIT
//
// base64url without padding (RFC 4648 section 5, as RFC 7515 section 2 uses it), decoded strictly:
// every byte string has exactly one text, so that a signed text cannot be respelled. No padding, no
// white space, no characters of plain base64, no bits behind the last byte.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {

namespace detail {

/// The six bits that the character stands for, or -1.
constexpr int base64url_bits(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  if (c == '_') return 63;
  return -1;
}

}  // namespace detail

/// The bytes that `text` spells; nullopt when it is not exactly the text that they are encoded to.
/// The empty text spells no bytes.
std::optional<std::string> decode_base64url(std::string_view text);

std::string encode_base64url(std::string_view bytes);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::optional<std::string> decode_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;  // six bits are not a byte
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t waiting = 0;
  int bits = 0;
  for (const char c : text) {
    const int value = detail::base64url_bits(c);
    if (value < 0) return std::nullopt;
    waiting = waiting << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<char>(waiting >> bits & 0xFF));
      waiting &= (1u << bits) - 1;
    }
  }
  if (waiting != 0) return std::nullopt;
  return bytes;
}

AGENT_WEBSOCKET_INLINE std::string encode_base64url(std::string_view bytes) {
  constexpr const char* alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t waiting = 0;
  int bits = 0;
  for (const char each : bytes) {
    waiting = waiting << 8 | static_cast<unsigned char>(each);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text.push_back(alphabet[waiting >> bits & 0x3F]);
    }
    waiting &= (1u << bits) - 1;
  }
  if (bits > 0) text.push_back(alphabet[waiting << (6 - bits) & 0x3F]);
  return text;
}

#endif

}  // namespace agent_websocket
