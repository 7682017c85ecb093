// SPDX-License-Identifier: MIT
//
// Eight bytes of a text as one number, so that they can be looked at together. The first of them is
// the lowest on every machine.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace agent_websocket {

using byte_word = std::uint64_t;

/// Times a number below 256: that number in each byte.
inline constexpr byte_word every_byte = 0x0101'0101'0101'0101U;
inline constexpr byte_word top_bits = every_byte * 0x80;

byte_word load_word(const char* at) noexcept;

/// How many bytes are before the first whose top bit is set. Precondition: of `marks` only top bits
/// are set, at least one.
std::size_t bytes_before_mark(byte_word marks) noexcept;

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE byte_word load_word(const char* at) noexcept {
  byte_word word = 0;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
  for (std::size_t i = sizeof word; i-- != 0;) word = word << 8 | static_cast<unsigned char>(at[i]);
#else
  std::memcpy(&word, at, sizeof word);
#endif
  return word;
}

AGENT_WEBSOCKET_INLINE std::size_t bytes_before_mark(byte_word marks) noexcept {
  // Below the lowest of the marks all bits are set by the subtraction: in one byte more than are
  // before it.
  const byte_word up_to_mark = ((marks & (~marks + 1)) - 1) & every_byte;
  return static_cast<std::size_t>((up_to_mark * every_byte) >> 56) - 1;
}

#endif

}  // namespace agent_websocket
