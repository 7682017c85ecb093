// SPDX-License-Identifier: MIT
//
// RapidJSON's input: text that is changed in situ and known to be UTF-8. The front of a string, up
// to its first quote, escape or control character, is where it belongs already: it is taken eight
// bytes at once, where RapidJSON's own stream has each looked at and written back.
#pragma once

#include <agent_websocket/base/byte_word.hpp>
#include <agent_websocket/base/config.hpp>

#include <rapidjson/stream.h>

#include <cstddef>

namespace agent_websocket {
namespace json {
namespace detail {

/// Eight bytes at once: how many of them, from the first on, are the plain part of a string.
std::size_t plain_in_string(const char* at) noexcept;

/// A model of RapidJSON's concept Stream. 8 bytes of zero stand behind the text.
class text_stream {
 public:
  using Ch = char;
  explicit text_stream(char* text) noexcept;

  Ch Peek() const noexcept { return *at_; }
  Ch Take() noexcept { return *at_++; }
  std::size_t Tell() const noexcept;
  /// Called at the front of a string and, in vain, of a number.
  Ch* PutBegin() noexcept;
  void Put(Ch c) noexcept { *out_++ = c; }
  std::size_t PutEnd(const Ch* front) const noexcept;
  void Flush() noexcept {}

 private:
  Ch* at_;
  Ch* begin_;
  Ch* out_ = nullptr;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::size_t plain_in_string(const char* at) noexcept {
  const byte_word word = load_word(at);
  // What a borrow adds is behind a byte that is marked rightly.
  const auto zero_byte_of = [](byte_word each) { return (each - every_byte) & ~each & top_bits; };
  const byte_word control = (word - every_byte * 0x20) & ~word & top_bits;
  const byte_word ends =
      control | zero_byte_of(word ^ (every_byte * '"')) | zero_byte_of(word ^ (every_byte * '\\'));
  return ends == 0 ? sizeof word : bytes_before_mark(ends);
}

AGENT_WEBSOCKET_INLINE text_stream::text_stream(char* text) noexcept : at_(text), begin_(text) {}

AGENT_WEBSOCKET_INLINE std::size_t text_stream::Tell() const noexcept {
  return static_cast<std::size_t>(at_ - begin_);
}

AGENT_WEBSOCKET_INLINE text_stream::Ch* text_stream::PutBegin() noexcept {
  Ch* const front = at_;
  out_ = at_;
  if (at_ == begin_ || at_[-1] != '"') return front;
  for (std::size_t count = 8; count == 8; at_ += count) count = plain_in_string(at_);
  out_ = at_;
  return front;
}

AGENT_WEBSOCKET_INLINE std::size_t text_stream::PutEnd(const Ch* front) const noexcept {
  return static_cast<std::size_t>(out_ - front);
}

#endif

}  // namespace detail
}  // namespace json
}  // namespace agent_websocket

/// RapidJSON's parser of numbers works on a copy of the stream, and counts on that.
template <>
struct rapidjson::StreamTraits<agent_websocket::json::detail::text_stream> {
  enum { copyOptimization = 1 };
};
