// SPDX-License-Identifier: MIT
//
// RapidJSON's input: text that is changed in situ and known to be UTF-8. The front of a string, up
// to its first quote, escape or control character, is where it belongs already: it is taken eight
// bytes at once, where RapidJSON's own stream has each looked at and written back.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <rapidjson/stream.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace agent_websocket {
namespace json {
namespace detail {

/// Eight bytes at once: true when none of them ends the plain part of a string.
bool is_plain_in_string(const char* at) noexcept;

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

AGENT_WEBSOCKET_INLINE bool is_plain_in_string(const char* at) noexcept {
  constexpr std::uint64_t ones = 0x0101'0101'0101'0101U, tops = ones * 0x80;
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  const auto zero_byte_of = [](std::uint64_t each) { return (each - ones) & ~each & tops; };
  const std::uint64_t control = (word - ones * 0x20) & ~word & tops;
  return (control | zero_byte_of(word ^ (ones * '"')) | zero_byte_of(word ^ (ones * '\\'))) == 0;
}

AGENT_WEBSOCKET_INLINE text_stream::text_stream(char* text) noexcept : at_(text), begin_(text) {}

AGENT_WEBSOCKET_INLINE std::size_t text_stream::Tell() const noexcept {
  return static_cast<std::size_t>(at_ - begin_);
}

AGENT_WEBSOCKET_INLINE text_stream::Ch* text_stream::PutBegin() noexcept {
  Ch* const front = at_;
  out_ = at_;
  if (at_ == begin_ || at_[-1] != '"') return front;
  while (is_plain_in_string(at_)) at_ += 8;
  while (*at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= 0x20) ++at_;
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
