// SPDX-License-Identifier: MIT
//
// Appends JSON text (RFC 8259) to a std::string: no document, no intermediate buffer, no allocation beyond the
// string's own growth. Written by hand rather than on RapidJSON's Writer because this is the hot path of every
// token and costs a third of it.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/escape.hpp>
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

/// Appends a number in decimal.
template <typename Integer>
void append_number(std::string& out, Integer number) {
  char text[24];
  const auto done = std::to_chars(text, text + sizeof text, number);
  out.append(text, static_cast<std::size_t>(done.ptr - text));
}

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
