// SPDX-License-Identifier: MIT
//
// The chunked transfer coding (RFC 9112 section 7.1), decoded where it lies: the payloads of all
// chunks in one read are moved together and come out as one piece. Strict: sizes are digits,
// lines end with CRLF, all that is no payload has a limit. Extensions and trailers are skipped.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace agent_websocket {
namespace http {

class chunked_decoder {
 public:
  /// Of one chunk's extension.
  static constexpr std::size_t max_extension_bytes = 4 * 1024;
  /// Of the trailer section.
  static constexpr std::size_t max_trailer_bytes = 16 * 1024;

  struct outcome {
    std::size_t payload = 0;   ///< bytes of the body that stand at the beginning of the data now
    std::size_t consumed = 0;  ///< bytes of the data that belonged to the body and its coding
  };

  /// Decodes `size` bytes in place, up to the end of the body or a failure; what came before a
  /// failure is payload as well.
  outcome feed(char* data, std::size_t size) noexcept;

  bool is_complete() const noexcept { return state_ == state::complete; }
  bool has_failed() const noexcept { return state_ == state::failed; }

 private:
  enum class state : std::uint8_t {
    first_digit,
    digits,
    padding,  // spaces behind the size, which some servers write
    extension,
    size_lf,
    payload,
    payload_cr,
    payload_lf,
    trailer_start,  // of a line
    trailer,
    trailer_lf,
    end_lf,
    complete,
    failed,
  };

  static int digit(char c) noexcept;

  void expect(char c, char wanted, state next) noexcept;

  void count_skipped(char c, std::size_t most) noexcept;

  /// What nearly always stands between two payloads, when all of it is there: how many bytes that
  /// were, or 0, and take() looks at each.
  std::size_t take_whole(const char* data, std::size_t size) noexcept;

  void end_of_size() noexcept;

  void take(char c) noexcept;

  void after_size(char c) noexcept;

  std::uint64_t left_ = 0;  // of the payload; while its size is read, what was read of it
  std::size_t skipped_ = 0;
  state state_ = state::first_digit;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE chunked_decoder::outcome chunked_decoder::feed(char* data,
                                                                      std::size_t size) noexcept {
  outcome done;
  std::size_t at = 0;
  while (at < size && state_ != state::complete && state_ != state::failed) {
    if (state_ == state::payload) {
      const std::size_t rest = size - at;
      const std::size_t take = left_ < rest ? static_cast<std::size_t>(left_) : rest;
      if (at != done.payload) std::memmove(data + done.payload, data + at, take);
      done.payload += take;
      at += take;
      left_ -= take;
      if (left_ == 0) state_ = state::payload_cr;
    } else if (const std::size_t whole = take_whole(data + at, size - at)) {
      at += whole;
    } else {
      take(data[at++]);
    }
  }
  done.consumed = at;
  return done;
}

AGENT_WEBSOCKET_INLINE int chunked_decoder::digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

AGENT_WEBSOCKET_INLINE void chunked_decoder::expect(char c, char wanted, state next) noexcept {
  state_ = c == wanted ? next : state::failed;
}

AGENT_WEBSOCKET_INLINE void chunked_decoder::count_skipped(char c, std::size_t most) noexcept {
  if (c == '\n' || c == '\0' || ++skipped_ > most) state_ = state::failed;
}

AGENT_WEBSOCKET_INLINE std::size_t chunked_decoder::take_whole(const char* data,
                                                               std::size_t size) noexcept {
  if (state_ == state::payload_cr && size >= 2 && data[0] == '\r' && data[1] == '\n') {
    state_ = state::first_digit;
    return 2;
  }
  if (state_ != state::first_digit) return 0;
  const std::size_t most = size < 10 ? size : 10;
  std::uint64_t length = 0;
  std::size_t digits = 0;
  for (int value = 0; digits < most && (value = digit(data[digits])) >= 0; ++digits)
    length = length << 4 | static_cast<std::uint64_t>(value);
  if (digits == 0 || size - digits < 2 || data[digits] != '\r' || data[digits + 1] != '\n')
    return 0;
  left_ = length;
  end_of_size();
  return digits + 2;
}

AGENT_WEBSOCKET_INLINE void chunked_decoder::end_of_size() noexcept {
  skipped_ = 0;
  state_ = left_ == 0 ? state::trailer_start : state::payload;
}

AGENT_WEBSOCKET_INLINE void chunked_decoder::take(char c) noexcept {
  switch (state_) {
    case state::first_digit:
    case state::digits: {
      const int value = digit(c);
      if (value >= 0) {
        if (left_ >> 59 != 0) {  // of 63 bits at most
          state_ = state::failed;
          return;
        }
        left_ = left_ << 4 | static_cast<std::uint64_t>(value);
        state_ = state::digits;
      } else if (state_ == state::first_digit) {
        state_ = state::failed;
      } else {
        after_size(c);
      }
      return;
    }
    case state::padding: return after_size(c);
    case state::extension:
      if (c == '\r') {
        state_ = state::size_lf;
      } else {
        count_skipped(c, max_extension_bytes);
      }
      return;
    case state::size_lf:
      expect(c, '\n', state_);
      if (state_ != state::failed) end_of_size();
      return;
    case state::payload_cr: return expect(c, '\r', state::payload_lf);
    case state::payload_lf: return expect(c, '\n', state::first_digit);
    case state::trailer_start:
      if (c == '\r') {
        state_ = state::end_lf;
        return;
      }
      state_ = state::trailer;
      return count_skipped(c, max_trailer_bytes);
    case state::trailer:
      if (c == '\r') {
        state_ = state::trailer_lf;
      } else {
        count_skipped(c, max_trailer_bytes);
      }
      return;
    case state::trailer_lf: return expect(c, '\n', state::trailer_start);
    case state::end_lf: return expect(c, '\n', state::complete);
    case state::payload:
    case state::complete:
    case state::failed: return;
  }
}

AGENT_WEBSOCKET_INLINE void chunked_decoder::after_size(char c) noexcept {
  if (c == '\r') {
    state_ = state::size_lf;
  } else if (c == ';') {
    state_ = state::extension;
  } else if (c == ' ' || c == '\t') {
    state_ = state::padding;
    count_skipped(c, max_extension_bytes);
  } else {
    state_ = state::failed;
  }
}

#endif

}  // namespace http
}  // namespace agent_websocket
