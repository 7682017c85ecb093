// SPDX-License-Identifier: MIT
//
// Reads JSON text (RFC 8259) into a flat, read-only document: one buffer, one vector of nodes, both reused from
// parse to parse, so that a steady stream of messages costs few allocations. Every read is checked: asking for what
// is not there gives an absent value or nullopt, never an abort. This is the only header that names RapidJSON; it
// parses iteratively, in situ, with numbers left as text and encoding validated, because RapidJSON's other modes
// overflow the stack on deep nesting and crash on 26-byte numbers (CVE-2024-38517).
#pragma once

#include <agent_websocket/base/result.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/number.hpp>
#include <agent_websocket/json/quick_parser.hpp>
#include <agent_websocket/json/tape.hpp>

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

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

/// A view of one value of a document. Cheap to copy; valid until the document is parsed again, moved or destroyed.
class value {
 public:
  value() = default;

  json::kind kind() const noexcept { return tape_ ? at().what : json::kind::absent; }
  bool exists() const noexcept { return tape_ != nullptr; }
  explicit operator bool() const noexcept { return exists(); }
  bool is_null() const noexcept { return kind() == json::kind::null; }
  bool is_string() const noexcept { return kind() == json::kind::string; }
  bool is_number() const noexcept { return kind() == json::kind::number; }
  bool is_array() const noexcept { return kind() == json::kind::array; }
  bool is_object() const noexcept { return kind() == json::kind::object; }
  bool is_boolean() const noexcept { return kind() == json::kind::boolean; }

  /// The text of a string; nullopt for anything else. May hold any character, U+0000 too.
  std::optional<std::string_view> string() const noexcept {
    if (!is_string()) return std::nullopt;
    return text();
  }
  std::optional<bool> boolean() const noexcept {
    if (!is_boolean()) return std::nullopt;
    return at().truth;
  }
  /// A number as double; nullopt when it is not a number or out of double's range.
  std::optional<double> number() const noexcept {
    if (!is_number()) return std::nullopt;
    return parse_double(text());
  }
  /// A number without fraction in the range of int64_t ("3", "3.0", "3e2"); nullopt for anything else.
  std::optional<std::int64_t> integer() const noexcept {
    if (!is_number()) return std::nullopt;
    return parse_integer(text());
  }
  /// A number exactly as it was written.
  std::optional<std::string_view> number_text() const noexcept {
    if (!is_number()) return std::nullopt;
    return text();
  }

  /// Elements of an array or members of an object; 0 for anything else.
  std::size_t size() const noexcept { return is_array() || is_object() ? at().length : 0; }

  /// The member of that name (the last one, as in JavaScript, when there are several), or an absent value.
  value operator[](std::string_view name) const noexcept {
    if (!is_object()) return {};
    const detail::node* const nodes = tape_->nodes.data();
    const char* const text = tape_->text.data();
    std::uint32_t found = 0;  // where the document's top is, which is no member
    for (std::uint32_t i = index_ + 1, end = nodes[index_].next; i < end; i = nodes[i + 1].next) {
      if (std::string_view(text + nodes[i].offset, nodes[i].length) == name) found = i + 1;
    }
    return found == 0 ? value() : value(tape_, found);
  }
  /// The same, without looking for the literal's end.
  template <std::size_t Size>
  value operator[](const char (&name)[Size]) const noexcept {
    return (*this)[std::string_view(name, Size - 1)];
  }

  /// The element at that position, or an absent value. Linear in the position.
  value operator[](std::size_t position) const noexcept {
    if (!is_array() || position >= at().length) return {};
    std::uint32_t i = index_ + 1;
    while (position-- > 0) i = tape_->nodes[i].next;
    return value(tape_, i);
  }
  value operator[](int position) const noexcept {
    return position < 0 ? value() : (*this)[static_cast<std::size_t>(position)];
  }

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
  const detail::node& at() const noexcept { return tape_->nodes[index_]; }
  std::string_view text() const noexcept { return std::string_view(tape_->text).substr(at().offset, at().length); }

  const detail::tape* tape_ = nullptr;
  std::uint32_t index_ = 0;
};

namespace detail {

/// RapidJSON's SAX handler: appends nodes and enforces the limits.
class tape_builder {
 public:
  tape_builder(tape& out, const parse_limits& limits) : out_(out), limits_(limits) {}

  bool Null() { return add(kind::null); }
  bool Bool(bool truth) {
    if (!add(kind::boolean)) return false;
    out_.nodes.back().truth = truth;
    return true;
  }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool) { return add_text(kind::number, text, length); }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    return check_surrogates(text, length) && add_text(kind::string, text, length);
  }
  bool Key(const char* text, rapidjson::SizeType length, bool copy) {
    --children_of_parent();  // the value behind it counts
    return String(text, length, copy);
  }
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
  std::uint32_t& children_of_parent() { return out_.nodes[open_.back()].length; }

  bool add(kind what) {
    if (out_.nodes.size() >= limits_.max_values) {
      refusal_ = "it has too many values, at most " + std::to_string(limits_.max_values) + " are allowed";
      return false;
    }
    if (!open_.empty()) ++children_of_parent();
    node made;
    made.what = what;
    made.next = static_cast<std::uint32_t>(out_.nodes.size() + 1);
    out_.nodes.push_back(made);
    return true;
  }
  bool add_text(kind what, const char* text, std::size_t length) {
    if (!add(what)) return false;
    out_.nodes.back().offset = static_cast<std::uint32_t>(text - out_.text.data());
    out_.nodes.back().length = static_cast<std::uint32_t>(length);
    return true;
  }
  bool open(kind what) {
    if (open_.size() >= limits_.max_depth) {
      refusal_ = "it is nested too deeply, at most " + std::to_string(limits_.max_depth) + " levels are allowed";
      return false;
    }
    const auto index = static_cast<std::uint32_t>(out_.nodes.size());
    if (!add(what)) return false;
    open_.push_back(index);
    return true;
  }
  bool close() {
    out_.nodes[open_.back()].next = static_cast<std::uint32_t>(out_.nodes.size());
    open_.pop_back();
    return true;
  }
  // RapidJSON lets "\uDC00" alone through as the bytes ED B0 80, which are not UTF-8 (RFC 3629 section 3).
  bool check_surrogates(const char* text, std::size_t length) {
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

  tape& out_;
  const parse_limits& limits_;
  std::vector<std::uint32_t> open_;
  std::string refusal_;
};

}  // namespace detail

/// Owns the text and the nodes of one parsed JSON value. Movable; used from one thread at a time.
class document {
 public:
  /// Parses `text`, replacing what was there. On failure (errc::bad_json; errc::too_large above max_bytes) the
  /// document is empty and the message says what is wrong and at which byte.
  result<void> parse(std::string_view text, const parse_limits& limits = {}) {
    tape_.nodes.clear();
    if (text.size() > limits.max_bytes || text.size() > std::numeric_limits<std::int32_t>::max()) {
      return error(errc::too_large, "The JSON text is too large: " + std::to_string(text.size()) + " bytes, at most " +
                                        std::to_string(limits.max_bytes) + " are allowed");
    }
    if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
      return refuse("a NUL byte stands in the text", nul);
    }
    take(text);
    // Looking for bad bytes first, many at once, costs a tenth of having the parser look at each; it then says where.
    const bool is_good_text = is_utf8_text(text);
    if (is_good_text && detail::quick_parser(tape_, limits).parse()) return {};
    tape_.nodes.clear();
    take(text);
    detail::tape_builder builder(tape_, limits);
    rapidjson::InsituStringStream stream(tape_.text.data());
    constexpr unsigned flags =
        rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
    rapidjson::Reader reader;
    const rapidjson::ParseResult outcome =
        is_good_text ? reader.Parse<flags>(stream, builder)
                     : reader.Parse<flags | rapidjson::kParseValidateEncodingFlag>(stream, builder);
    if (outcome.IsError()) {
      tape_.nodes.clear();
      const std::string& refusal = builder.refusal();
      return refuse(refusal.empty() ? rapidjson::GetParseError_En(outcome.Code()) : refusal, outcome.Offset());
    }
    return {};
  }

  /// The top value, absent before the first successful parse.
  value root() const noexcept { return tape_.nodes.empty() ? value() : value(&tape_, 0); }

 private:
  void take(std::string_view text) {
    tape_.text.assign(text);
    // The validating parser looks up to 3 bytes past a truncated sequence, the quick one at 8 together.
    tape_.text.append(detail::quick_parser::padding, '\0');
  }

  static error refuse(std::string why, std::size_t offset) {
    while (!why.empty() && why.back() == '.') why.pop_back();
    return error(errc::bad_json, "Not valid JSON: " + why + " (at byte " + std::to_string(offset) + ")");
  }

  detail::tape tape_;
};

}  // namespace json
}  // namespace agent_websocket
