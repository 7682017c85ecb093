// SPDX-License-Identifier: MIT
//
// Writes what RapidJSON's parser finds in a text as the nodes of a document (value.hpp), and stops
// it where the text goes beyond a limit (parse_limits) or escapes half of a surrogate pair. Knows
// nothing of the text's beginning and end: see reader.hpp.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/value.hpp>

#include <rapidjson/rapidjson.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace agent_websocket {
namespace json {

struct parse_limits {
  std::size_t max_depth = 64;         ///< nested arrays and objects
  std::size_t max_bytes = 64u << 20;  ///< of text
  std::size_t max_values = 1u << 20;  ///< values and keys in all; bounds the nodes' memory
};

namespace detail {

/// RapidJSON's SAX handler: appends nodes and enforces the limits.
class tape_builder {
 public:
  /// `has_escapes`: a backslash stands somewhere in the text.
  tape_builder(tape& out, const parse_limits& limits, bool has_escapes);

  bool Null() { return add(kind::null); }
  bool Bool(bool truth);
  bool RawNumber(const char* text, rapidjson::SizeType length, bool) {
    return add_text(kind::number, text, length);
  }
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
  // RapidJSON lets "\uDC00" alone through as the bytes ED B0 80, which are not UTF-8 (RFC 3629
  // section 3).
  bool check_surrogates(const char* text, std::size_t length);

  tape& out_;
  const parse_limits& limits_;
  const bool has_escapes_;
  std::size_t depth_ = 0;
  std::uint32_t parent_ = 0;  // the innermost open container, when there is one
  std::string refusal_;
};

}  // namespace detail

#if AGENT_WEBSOCKET_DEFINITIONS

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
  out_.nodes.emplace_back();  // and written there: a copy of just written parts stalls
  if (depth_ != 0) ++children_of_parent();
  node& made = out_.nodes.back();
  made.what = what;
  made.next = static_cast<std::uint32_t>(out_.nodes.size());
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

#endif

}  // namespace json
}  // namespace agent_websocket
