// SPDX-License-Identifier: MIT
//
// Text as the body of a JSON string (RFC 8259 section 7). What comes out is always valid UTF-8:
// bytes that are not are replaced by U+FFFD, one by one. DEL is escaped too. Most text stands as it
// is, and is looked at eight bytes at a time.
#pragma once

#include <agent_websocket/base/byte_word.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace json {

/// True when `text` is ASCII that stands in a JSON string as it is.
bool is_plain(std::string_view text) noexcept;

/// The most that a byte of a text becomes in a JSON string.
inline constexpr std::size_t max_escaped_bytes = 6;

/// Appends `text` as a JSON string body, without the quotes.
void append_escaped(std::string& out, std::string_view text);

/// How many bytes that would append.
std::size_t escaped_size(std::string_view text);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

constexpr bool is_plain_byte(unsigned char c) noexcept {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/// The top bit of each byte of `word` that is not plain; right up to the first of them.
AGENT_WEBSOCKET_INLINE byte_word not_plain_in(byte_word word) noexcept {
  // Of bytes below 0x80 a subtraction sets the top bit of the first that was too small, and DEL
  // plus one has it; what a borrow does to those behind it comes too late.
  const byte_word wrong = word | (word - every_byte * 0x20) |
                          ((word ^ (every_byte * '"')) - every_byte) |
                          ((word ^ (every_byte * '\\')) - every_byte) | (word + every_byte);
  return wrong & top_bits;
}

/// The first byte in [at, end) that is not plain, or `end`.
AGENT_WEBSOCKET_INLINE const char* skip_plain(const char* at, const char* end) noexcept {
  for (; end - at >= 8; at += 8) {
    const byte_word wrong = not_plain_in(load_word(at));
    if (wrong != 0) return at + bytes_before_mark(wrong);
  }
  while (at != end && is_plain_byte(static_cast<unsigned char>(*at))) ++at;
  return at;
}

/// What is behind the characters beyond ASCII at `at`: they come in runs, in which nothing is
/// plain.
AGENT_WEBSOCKET_INLINE const char* skip_beyond_ascii(const char* at, const char* end) noexcept {
  while (at != end && static_cast<unsigned char>(*at) >= 0x80) {
    const std::size_t length =
        utf8_sequence_length(std::string_view(at, static_cast<std::size_t>(end - at)));
    if (length == 0) break;
    at += length;
  }
  return at;
}

}  // namespace detail

/// Hands the body out in pieces, by put(std::string_view).
template <typename Put>
void escape(std::string_view text, Put&& put) {
  static constexpr char digits[] = "0123456789abcdef";
  const char* run = text.data();
  const char* at = run;
  const char* const end = run + text.size();
  const auto flush = [&] {
    if (at != run) put(std::string_view(run, static_cast<std::size_t>(at - run)));
  };
  for (;;) {
    at = detail::skip_plain(at, end);
    if (at == end) break;
    const auto c = static_cast<unsigned char>(*at);
    if (c >= 0x80) {
      const char* const behind = detail::skip_beyond_ascii(at, end);
      if (behind != at) {
        at = behind;
        continue;
      }
      flush();
      put("\xEF\xBF\xBD");
      run = ++at;
      continue;
    }
    flush();
    switch (c) {
      case '"': put("\\\""); break;
      case '\\': put("\\\\"); break;
      case '\n': put("\\n"); break;
      case '\r': put("\\r"); break;
      case '\t': put("\\t"); break;
      case '\b': put("\\b"); break;
      case '\f': put("\\f"); break;
      default: {
        const char unit[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 0xF]};
        put(std::string_view(unit, sizeof unit));
      }
    }
    run = ++at;
  }
  flush();
}

AGENT_WEBSOCKET_INLINE bool is_plain(std::string_view text) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  if (text.size() >= 8) {
    for (; end - at >= 8; at += 8) {
      if (detail::not_plain_in(load_word(at)) != 0) return false;
    }
    // The rest, with some that were looked at.
    return at == end || detail::not_plain_in(load_word(end - 8)) == 0;
  }
  char word[8] = {'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a'};
  if (text.size() >= 4) {
    std::memcpy(word, at, 4);
    std::memcpy(word + 4, end - 4, 4);
  } else if (!text.empty()) {
    word[0] = *at;
    word[1] = at[text.size() / 2];
    word[2] = end[-1];
  }
  return detail::not_plain_in(load_word(word)) == 0;
}

AGENT_WEBSOCKET_INLINE std::size_t escaped_size(std::string_view text) {
  std::size_t size = 0;
  escape(text, [&size](std::string_view piece) { size += piece.size(); });
  return size;
}

AGENT_WEBSOCKET_INLINE void append_escaped(std::string& out, std::string_view text) {
  escape(text, [&out](std::string_view piece) { out.append(piece); });
}

#endif

}  // namespace json
}  // namespace agent_websocket
