// SPDX-License-Identifier: MIT
//
// Reads JSON text (RFC 8259) into a flat, read-only document: one buffer, one vector of nodes, both reused from
// parse to parse, so that a steady stream of messages costs few allocations. Every read is checked: asking for what
// is not there gives an absent value or nullopt, never an abort. Only this header and text_stream.hpp name RapidJSON; it
// parses iteratively, in situ, with numbers left as text and encoding validated, because RapidJSON's other modes
// overflow the stack on deep nesting and crash on 26-byte numbers (CVE-2024-38517).
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/number.hpp>
#include <agent_websocket/json/text_stream.hpp>

#include <rapidjson/allocators.h>
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace json {

enum class kind : std::uint8_t { absent, null, boolean, number, string, array, object };

/// "an array", "a string": for error messages.
const char* describe(kind what) noexcept;

struct parse_limits {
  std::size_t max_depth = 64;            ///< nested arrays and objects
  std::size_t max_bytes = 64u << 20;     ///< of text
  std::size_t max_values = 1u << 20;     ///< values and keys in all; bounds the nodes' memory
};

namespace detail {

struct node {
  kind what = kind::absent;
  bool truth = false;
  std::uint32_t offset = 0;  // of the text of a string or number
  std::uint32_t length = 0;  // of that text; of a container: its direct children (members of an object)
  std::uint32_t next = 0;    // the node behind this subtree; while it is open, the container around it
};

struct tape {
  std::string text;
  std::vector<node> nodes;
};

}  // namespace detail

/// A view of one value of a document. Cheap to copy; valid until the document is parsed again, moved or destroyed.
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
  /// A number without fraction in the range of int64_t ("3", "3.0", "3e2"); nullopt for anything else.
  std::optional<std::int64_t> integer() const noexcept;
  /// A number exactly as it was written.
  std::optional<std::string_view> number_text() const noexcept;

  /// Elements of an array or members of an object; 0 for anything else.
  std::size_t size() const noexcept;

  /// The member of that name (the last one, as in JavaScript, when there are several), or an absent value.
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
  [[gnu::noinline]] void find(const std::string_view* names, std::size_t count, value* found) const noexcept {
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

namespace detail {

/// RapidJSON's SAX handler: appends nodes and enforces the limits.
class tape_builder {
 public:
  /// `has_escapes`: a backslash stands somewhere in the text.
  tape_builder(tape& out, const parse_limits& limits, bool has_escapes);

  bool Null() { return add(kind::null); }
  bool Bool(bool truth);
  bool RawNumber(const char* text, rapidjson::SizeType length, bool) { return add_text(kind::number, text, length); }
  bool String(const char* text, rapidjson::SizeType length, bool);
  bool Key(const char* text, rapidjson::SizeType length, bool copy);
  bool StartObject() { return open(kind::object); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool StartArray() { return open(kind::array); }
  bool EndArray(rapidjson::SizeType) { return close(); }
  // Never called with numbers as strings; required by the interface.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

  /// Why nothing more was taken; empty when the text is no JSON.
  const std::string& refusal() const noexcept { return refusal_; }

 private:
  std::uint32_t& children_of_parent() { return out_.nodes[parent_].length; }

  bool add(kind what);
  bool add_text(kind what, const char* text, std::size_t length);
  bool open(kind what);
  bool close();
  // RapidJSON lets "\uDC00" alone through as the bytes ED B0 80, which are not UTF-8 (RFC 3629 section 3).
  bool check_surrogates(const char* text, std::size_t length);

  tape& out_;
  const parse_limits& limits_;
  const bool has_escapes_;
  std::size_t depth_ = 0;
  std::uint32_t parent_ = 0;  // the innermost open container, when there is one
  std::string refusal_;
};

}  // namespace detail

/// Owns the text and the nodes of one parsed JSON value. Movable; used from one thread at a time.
class document {
 public:
  /// Parses `text`, replacing what was there. On failure (errc::bad_json; errc::too_large above max_bytes) the
  /// document is empty and the message says what is wrong and at which byte.
  result<void> parse(std::string_view text, const parse_limits& limits = {});

  /// The top value, absent before the first successful parse.
  value root() const noexcept { return tape_.nodes.empty() ? value() : value(&tape_, 0); }

 private:
  template <typename Stream, unsigned more_flags>
  rapidjson::ParseResult read(detail::tape_builder& builder) {
    constexpr unsigned flags =
        rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
    alignas(std::max_align_t) char room[1024];  // for the reader's stack, a byte for each level; then the heap
    rapidjson::MemoryPoolAllocator<> allocator(room, sizeof room);
    rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, rapidjson::MemoryPoolAllocator<>> reader(
        &allocator);
    Stream stream(tape_.text.data());
    return reader.Parse<flags | more_flags>(stream, builder);
  }

  static error refuse(std::string why, std::size_t offset);

  detail::tape tape_;
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

namespace detail {

AGENT_WEBSOCKET_INLINE tape_builder::tape_builder(tape& out, const parse_limits& limits,
                                                  bool has_escapes)
    : out_(out), limits_(limits), has_escapes_(has_escapes) {}

AGENT_WEBSOCKET_INLINE bool tape_builder::Bool(bool truth) {
  if (!add(kind::boolean)) return false;
  out_.nodes.back().truth = truth;
  return true;
}

AGENT_WEBSOCKET_INLINE bool tape_builder::String(const char* text, rapidjson::SizeType length,
                                                 bool) {
  return (!has_escapes_ || check_surrogates(text, length)) && add_text(kind::string, text, length);
}

AGENT_WEBSOCKET_INLINE bool tape_builder::Key(const char* text, rapidjson::SizeType length,
                                              bool copy) {
  --children_of_parent();  // the value behind it counts
  return String(text, length, copy);
}

AGENT_WEBSOCKET_INLINE bool tape_builder::add(kind what) {
  if (out_.nodes.size() >= limits_.max_values) {
    refusal_ =
        "it has too many values, at most " + std::to_string(limits_.max_values) + " are allowed";
    return false;
  }
  if (depth_ != 0) ++children_of_parent();
  node made;
  made.what = what;
  made.next = static_cast<std::uint32_t>(out_.nodes.size() + 1);
  out_.nodes.push_back(made);
  return true;
}

AGENT_WEBSOCKET_INLINE bool tape_builder::add_text(kind what, const char* text,
                                                   std::size_t length) {
  if (!add(what)) return false;
  out_.nodes.back().offset = static_cast<std::uint32_t>(text - out_.text.data());
  out_.nodes.back().length = static_cast<std::uint32_t>(length);
  return true;
}

AGENT_WEBSOCKET_INLINE bool tape_builder::open(kind what) {
  if (depth_ >= limits_.max_depth) {
    refusal_ = "it is nested too deeply, at most " + std::to_string(limits_.max_depth) +
               " levels are allowed";
    return false;
  }
  const auto index = static_cast<std::uint32_t>(out_.nodes.size());
  if (!add(what)) return false;
  out_.nodes[index].next = std::exchange(parent_, index);
  ++depth_;
  return true;
}

AGENT_WEBSOCKET_INLINE bool tape_builder::close() {
  parent_ = std::exchange(out_.nodes[parent_].next, static_cast<std::uint32_t>(out_.nodes.size()));
  --depth_;
  return true;
}

AGENT_WEBSOCKET_INLINE bool tape_builder::check_surrogates(const char* text, std::size_t length) {
  const char* end = text + length;
  for (const char* at = text; at != end;) {
    at = static_cast<const char*>(std::memchr(at, 0xED, static_cast<std::size_t>(end - at)));
    if (at == nullptr) return true;
    ++at;
    if (at != end && static_cast<unsigned char>(*at) >= 0xA0) {
      refusal_ = "a \\u escape is half of a surrogate pair";
      return false;
    }
  }
  return true;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<void> document::parse(std::string_view text,
                                                    const parse_limits& limits) {
  tape_.nodes.clear();
  if (text.size() > limits.max_bytes || text.size() > std::numeric_limits<std::int32_t>::max()) {
    return error(errc::too_large, "The JSON text is too large: " + std::to_string(text.size()) +
                                      " bytes, at most " + std::to_string(limits.max_bytes) +
                                      " are allowed");
  }
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return refuse("a NUL byte stands in the text", nul);
  }
  tape_.text.reserve(text.size() + 8);
  tape_.text.assign(text);
  tape_.text.append(8,
                    '\0');  // the validating parser looks up to 3 bytes past a truncated sequence
  if (tape_.nodes.capacity() == 0)
    tape_.nodes.reserve(std::min<std::size_t>(text.size() / 4 + 1, 64));
  detail::tape_builder builder(tape_, limits, text.find('\\') != std::string_view::npos);
  // Looking for bad bytes first, many at once, costs a tenth of having the parser look at each; it
  // then says where.
  const rapidjson::ParseResult outcome =
      is_utf8_text(text)
          ? read<detail::text_stream, 0>(builder)
          : read<rapidjson::InsituStringStream, rapidjson::kParseValidateEncodingFlag>(builder);
  if (outcome.IsError()) {
    tape_.nodes.clear();
    const std::string& refusal = builder.refusal();
    return refuse(refusal.empty() ? rapidjson::GetParseError_En(outcome.Code()) : refusal,
                  outcome.Offset());
  }
  return {};
}

AGENT_WEBSOCKET_INLINE error document::refuse(std::string why, std::size_t offset) {
  while (!why.empty() && why.back() == '.') why.pop_back();
  return error(errc::bad_json,
               "Not valid JSON: " + why + " (at byte " + std::to_string(offset) + ")");
}

#endif

}  // namespace json
}  // namespace agent_websocket
