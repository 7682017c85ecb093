// SPDX-License-Identifier: MIT
//
// A view of one value of a parsed JSON document (reader.hpp), and the flat form in which the
// document lies in memory: one buffer of text, one vector of nodes. Every read is checked: asking
// for what is not there gives an absent value or nullopt, never an abort.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/number.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent_websocket {
namespace json {

enum class kind : std::uint8_t { absent, null, boolean, number, string, array, object };

/// "an array", "a string": for error messages.
const char* describe(kind what) noexcept;

namespace detail {

struct node {
  kind what = kind::absent;
  bool truth = false;
  // Of the text of a string or number.
  std::uint32_t offset = 0;
  // Of that text; of a container: its direct children (members of an object).
  std::uint32_t length = 0;
  // The node behind this subtree; while it is open, the container around it.
  std::uint32_t next = 0;
};

struct tape {
  std::string text;
  std::vector<node> nodes;
};

}  // namespace detail

/// A view of one value of a document. Cheap to copy; valid until the document is parsed again,
/// moved or destroyed.
class value {
 public:
  value() = default;

  json::kind kind() const noexcept;
  bool exists() const noexcept { return tape_ != nullptr; }
  explicit operator bool() const noexcept { return exists(); }
  bool is_null() const noexcept { return kind() == json::kind::null; }
  bool is_string() const noexcept { return kind() == json::kind::string; }
  bool is_number() const noexcept { return kind() == json::kind::number; }
  bool is_array() const noexcept { return kind() == json::kind::array; }
  bool is_object() const noexcept { return kind() == json::kind::object; }
  bool is_boolean() const noexcept { return kind() == json::kind::boolean; }

  /// The text of a string; nullopt for anything else. May hold any character, U+0000 too.
  std::optional<std::string_view> string() const noexcept;
  std::optional<bool> boolean() const noexcept;
  /// A number as double; nullopt when it is not a number or out of double's range.
  std::optional<double> number() const noexcept;
  /// A number without fraction in the range of int64_t ("3", "3.0", "3e2"); nullopt for anything
  /// else.
  std::optional<std::int64_t> integer() const noexcept;
  /// A number exactly as it was written.
  std::optional<std::string_view> number_text() const noexcept;

  /// Where the text of a string (behind its quote) or of a number stands in what was parsed.
  std::size_t position() const noexcept { return is_string() || is_number() ? at().offset : 0; }

  /// Elements of an array or members of an object; 0 for anything else.
  std::size_t size() const noexcept;

  /// The member of that name (the last one, as in JavaScript, when there are several), or an absent
  /// value.
  value operator[](std::string_view name) const noexcept;
  value operator[](const char* name) const noexcept { return (*this)[std::string_view(name)]; }

  /// The members of these names, as operator[] gives each, found in one pass.
  template <typename... Names>
  std::array<value, sizeof...(Names)> members(const Names&... names) const noexcept {
    const std::string_view wanted[] = {names...};
    std::array<value, sizeof...(Names)> found;
    find(wanted, found.size(), found.data());
    return found;
  }

  /// The element at that position, or an absent value. Linear in the position.
  value operator[](std::size_t position) const noexcept;
  value operator[](int position) const noexcept;

  /// Calls `f(value)` for each element of an array, in order.
  template <typename F>
  void for_each_element(F&& f) const {
    if (!is_array()) return;
    for (std::uint32_t i = index_ + 1; i < at().next; i = tape_->nodes[i].next) f(value(tape_, i));
  }
  /// Calls `f(std::string_view name, value)` for each member of an object, in order.
  template <typename F>
  void for_each_member(F&& f) const {
    if (!is_object()) return;
    for (std::uint32_t i = index_ + 1; i < at().next;) {
      f(value(tape_, i).text(), value(tape_, i + 1));
      i = tape_->nodes[i + 1].next;
    }
  }

 private:
  friend class document;
  value(const detail::tape* of, std::uint32_t index) noexcept : tape_(of), index_(index) {}
  [[gnu::noinline]] void find(const std::string_view* names, std::size_t count,
                              value* found) const noexcept {
    if (!is_object()) return;
    const detail::node* const nodes = tape_->nodes.data();
    const std::uint32_t end = nodes[index_].next;
    for (std::uint32_t i = index_ + 1; i < end; i = nodes[i + 1].next) {
      const std::string_view name = value(tape_, i).text();
      for (std::size_t k = 0; k < count; ++k) {
        if (names[k].size() == name.size() && names[k] == name) found[k] = value(tape_, i + 1);
      }
    }
  }
  const detail::node& at() const noexcept { return tape_->nodes[index_]; }
  std::string_view text() const noexcept;

  const detail::tape* tape_ = nullptr;
  std::uint32_t index_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE const char* describe(kind what) noexcept {
  switch (what) {
    case kind::absent: return "nothing";
    case kind::null: return "null";
    case kind::boolean: return "a boolean";
    case kind::number: return "a number";
    case kind::string: return "a string";
    case kind::array: return "an array";
    case kind::object: return "an object";
  }
  return "nothing";
}

AGENT_WEBSOCKET_INLINE json::kind value::kind() const noexcept {
  return tape_ ? at().what : json::kind::absent;
}

AGENT_WEBSOCKET_INLINE std::optional<std::string_view> value::string() const noexcept {
  if (!is_string()) return std::nullopt;
  return text();
}

AGENT_WEBSOCKET_INLINE std::optional<bool> value::boolean() const noexcept {
  if (!is_boolean()) return std::nullopt;
  return at().truth;
}

AGENT_WEBSOCKET_INLINE std::optional<double> value::number() const noexcept {
  if (!is_number()) return std::nullopt;
  return parse_double(text());
}

AGENT_WEBSOCKET_INLINE std::optional<std::int64_t> value::integer() const noexcept {
  if (!is_number()) return std::nullopt;
  return parse_integer(text());
}

AGENT_WEBSOCKET_INLINE std::optional<std::string_view> value::number_text() const noexcept {
  if (!is_number()) return std::nullopt;
  return text();
}

AGENT_WEBSOCKET_INLINE std::size_t value::size() const noexcept {
  return is_array() || is_object() ? at().length : 0;
}

AGENT_WEBSOCKET_INLINE value value::operator[](std::string_view name) const noexcept {
  value found;
  find(&name, 1, &found);
  return found;
}

AGENT_WEBSOCKET_INLINE value value::operator[](std::size_t position) const noexcept {
  if (!is_array() || position >= at().length) return {};
  std::uint32_t i = index_ + 1;
  while (position-- > 0) i = tape_->nodes[i].next;
  return value(tape_, i);
}

AGENT_WEBSOCKET_INLINE value value::operator[](int position) const noexcept {
  return position < 0 ? value() : (*this)[static_cast<std::size_t>(position)];
}

AGENT_WEBSOCKET_INLINE std::string_view value::text() const noexcept {
  return {tape_->text.data() + at().offset, at().length};
}

#endif

}  // namespace json
}  // namespace agent_websocket
