// SPDX-License-Identifier: MIT
//
// Appends JSON text (RFC 8259) to a std::string: no document, no intermediate buffer, no allocation beyond the
// string's own growth. Written by hand rather than on RapidJSON's Writer because this is the hot path of every
// token and costs a third of it. Output is always valid UTF-8: bytes that are not are replaced by U+FFFD.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/number.hpp>

#include <cassert>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace agent_websocket {
namespace json {

namespace detail {

/// Eight bytes at once: true when none of them is a control character, a quote, a backslash, DEL or
/// beyond ASCII.
bool is_plain_word(const char* at) noexcept;

}  // namespace detail

/// True when `text` is ASCII that stands in a JSON string as it is.
bool is_plain(std::string_view text) noexcept;

/// Appends a number in decimal.
template <typename Integer>
void append_number(std::string& out, Integer number) {
  char text[24];
  const auto done = std::to_chars(text, text + sizeof text, number);
  out.append(text, static_cast<std::size_t>(done.ptr - text));
}

namespace detail {

constexpr bool is_plain_byte(unsigned char c) noexcept { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

/// Hands `text` out as a JSON string body in pieces, by put(std::string_view).
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
    while (end - at >= 8 && is_plain_word(at)) at += 8;
    while (at != end && is_plain_byte(static_cast<unsigned char>(*at))) ++at;
    if (at == end) break;
    const auto c = static_cast<unsigned char>(*at);
    if (c >= 0x80) {
      const std::size_t length = utf8_sequence_length(std::string_view(at, static_cast<std::size_t>(end - at)));
      if (length != 0) {
        at += length;
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

}  // namespace detail

/// The most that a byte of a text becomes in a JSON string.
inline constexpr std::size_t max_escaped_bytes = 6;

/// Appends `text` as a JSON string body, without the quotes.
void append_escaped(std::string& out, std::string_view text);

/// How many bytes that would append.
std::size_t escaped_size(std::string_view text);

/// Writes one JSON value piece by piece. Commas are its own business; nesting is the caller's.
///
///     json::writer w(out);
///     w.begin_object().member("type", "status").member("position", 2).end_object();
class writer {
 public:
  explicit writer(std::string& out) : out_(out) {}

  writer& begin_object() { return open('{'); }
  writer& end_object() { return close('}'); }
  writer& begin_array() { return open('['); }
  writer& end_array() { return close(']'); }

  /// The name of the next value. `name` is written as it is: it must need no escaping unless `key_escaped` is used.
  writer& key(std::string_view name);
  /// The name of the next value, where it comes from outside.
  writer& key_escaped(std::string_view name);

  writer& value(std::string_view text);
  writer& value(const char* text) { return value(std::string_view(text)); }
  writer& value(const std::string& text) { return value(std::string_view(text)); }
  writer& value(bool truth);
  template <typename Integer, std::enable_if_t<std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>, int> = 0>
  writer& value(Integer number) {
    separate();
    append_number(out_, number);
    return *this;
  }
  /// Precondition: finite. JSON has no NaN and no infinity.
  writer& value(double number);
  writer& null();
  /// A piece of JSON text that is already a whole value.
  writer& raw(std::string_view json);

  template <typename T>
  writer& member(std::string_view name, const T& what) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      return text_member(name, what);
    } else {
      return key(name).value(what);
    }
  }
  writer& member_raw(std::string_view name, std::string_view json) { return key(name).raw(json); }

 private:
  /// Put together on the stack and appended at once: an append costs more than the text itself.
  class piece;

  writer& text_member(std::string_view name, std::string_view text);
  void separate();
  writer& open(char bracket);
  writer& close(char bracket);

  std::string& out_;
  bool comma_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE bool is_plain_word(const char* at) noexcept {
  constexpr std::uint64_t ones = 0x0101'0101'0101'0101U, tops = ones * 0x80;
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  // Of bytes below 0x80 a subtraction sets the top bit of the first that was too small, and DEL
  // plus one has it; what a borrow does to those behind it changes nothing.
  const std::uint64_t wrong = word | (word - ones * 0x20) | ((word ^ (ones * '"')) - ones) |
                              ((word ^ (ones * '\\')) - ones) | (word + ones);
  return (wrong & tops) == 0;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE bool is_plain(std::string_view text) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  if (text.size() >= 8) {
    for (; end - at >= 8; at += 8) {
      if (!detail::is_plain_word(at)) return false;
    }
    return at == end || detail::is_plain_word(end - 8);  // with some that were looked at
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
  return detail::is_plain_word(word);
}

AGENT_WEBSOCKET_INLINE std::size_t escaped_size(std::string_view text) {
  std::size_t size = 0;
  detail::escape(text, [&size](std::string_view piece) { size += piece.size(); });
  return size;
}

AGENT_WEBSOCKET_INLINE void append_escaped(std::string& out, std::string_view text) {
  detail::escape(text, [&out](std::string_view piece) { out.append(piece); });
}

class writer::piece {
 public:
  /// Of a name, of a text.
  static constexpr std::size_t max_text = 120;

  explicit piece(bool comma) noexcept {
    if (comma) put(',');
  }
  void put(char sign) noexcept { text_[size_++] = sign; }
  void quote(std::string_view text) noexcept {
    put('"');
    if (!text.empty()) std::memcpy(text_ + size_, text.data(), text.size());
    size_ += text.size();
    put('"');
  }
  void append_to(std::string& out) const { out.append(text_, size_); }

 private:
  char text_[2 * max_text + 6];  // a comma, the quotes of both, a colon
  std::size_t size_ = 0;
};

AGENT_WEBSOCKET_INLINE writer& writer::key(std::string_view name) {
  if (name.size() > piece::max_text) return key_escaped(name);  // the same for such a name
  piece made(comma_);
  made.quote(name);
  made.put(':');
  made.append_to(out_);
  comma_ = false;
  return *this;
}

AGENT_WEBSOCKET_INLINE writer& writer::text_member(std::string_view name, std::string_view text) {
  if (name.size() > piece::max_text || text.size() > piece::max_text || !is_plain(text))
    return key(name).value(text);
  piece made(comma_);
  made.quote(name);
  made.put(':');
  made.quote(text);
  made.append_to(out_);
  comma_ = true;
  return *this;
}

AGENT_WEBSOCKET_INLINE writer& writer::key_escaped(std::string_view name) {
  if (name.size() <= piece::max_text && is_plain(name)) return key(name);
  separate();
  out_.push_back('"');
  append_escaped(out_, name);
  out_.append("\":");
  comma_ = false;
  return *this;
}

AGENT_WEBSOCKET_INLINE writer& writer::value(std::string_view text) {
  if (text.size() <= piece::max_text && is_plain(text)) {
    piece made(comma_);
    made.quote(text);
    made.append_to(out_);
    comma_ = true;
    return *this;
  }
  separate();
  out_.push_back('"');
  append_escaped(out_, text);
  out_.push_back('"');
  return *this;
}

AGENT_WEBSOCKET_INLINE writer& writer::value(bool truth) { return raw(truth ? "true" : "false"); }

AGENT_WEBSOCKET_INLINE writer& writer::value(double number) {
  assert(std::isfinite(number));
  return raw(std::isfinite(number) ? std::string_view(print_double(number))
                                   : std::string_view("null"));
}

AGENT_WEBSOCKET_INLINE writer& writer::null() { return raw("null"); }

AGENT_WEBSOCKET_INLINE writer& writer::raw(std::string_view json) {
  separate();
  out_.append(json);
  return *this;
}

AGENT_WEBSOCKET_INLINE void writer::separate() {
  if (comma_) out_.push_back(',');
  comma_ = true;
}

AGENT_WEBSOCKET_INLINE writer& writer::open(char bracket) {
  separate();
  out_.push_back(bracket);
  comma_ = false;
  return *this;
}

AGENT_WEBSOCKET_INLINE writer& writer::close(char bracket) {
  out_.push_back(bracket);
  comma_ = true;
  return *this;
}

#endif

}  // namespace json
}  // namespace agent_websocket
