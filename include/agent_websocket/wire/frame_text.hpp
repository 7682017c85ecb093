// SPDX-License-Identifier: MIT
//
// Puts together the frames that are sent for every token or to everybody who connects, from pieces
// of JSON as they stand: literals, numbers and the escaped insides of strings. As text of any
// length, or as short text on the stack. Makes no JSON by itself; for frames that are not so
// frequent there is json::writer.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/escape.hpp>
#include <agent_websocket/json/writer.hpp>

#include <cassert>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace agent_websocket {
namespace wire {
namespace detail {

/// Text of any length, appended piece by piece.
struct long_text {
  std::string& out;

  void put(std::string_view text);
  template <typename Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
  void put(Integer number) {
    json::append_number(out, number);
  }
  void put_string(std::string_view text);
};

/// Short text, put together on the stack and appended at once. Precondition of all: there is room;
/// a number takes 20 bytes, a string json::max_escaped_bytes for each of its bytes.
class short_text {
 public:
  static constexpr std::size_t room = 1024;

  template <std::size_t Size>
  void put(const char (&literal)[Size]) noexcept {
    assert(Size - 1 <= left());
    std::memcpy(end_, literal, Size - 1);
    end_ += Size - 1;
  }
  void put(std::string_view text) noexcept;
  template <typename Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
  void put(Integer number) noexcept {
    assert(left() >= 20);
    end_ = std::to_chars(end_, end_ + 20, number).ptr;
  }
  void put_string(std::string_view text);
  void append_to(std::string& out) const;

 private:
  std::size_t left() const noexcept { return static_cast<std::size_t>(text_ + room - end_); }

  char text_[room];
  char* end_ = text_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void long_text::put(std::string_view text) { out.append(text); }

AGENT_WEBSOCKET_INLINE void long_text::put_string(std::string_view text) {
  json::append_escaped(out, text);
}

AGENT_WEBSOCKET_INLINE void short_text::put(std::string_view text) noexcept {
  assert(text.size() <= left());
  if (!text.empty()) std::memcpy(end_, text.data(), text.size());
  end_ += text.size();
}

AGENT_WEBSOCKET_INLINE void short_text::put_string(std::string_view text) {
  if (json::is_plain(text)) return put(text);
  json::escape(text, [this](std::string_view piece) { put(piece); });
}

AGENT_WEBSOCKET_INLINE void short_text::append_to(std::string& out) const {
  out.append(text_, static_cast<std::size_t>(end_ - text_));
}

#endif

}  // namespace detail
}  // namespace wire
}  // namespace agent_websocket
