// SPDX-License-Identifier: MIT
//
// The texts of one sender are mostly alike but for the strings and numbers in them. A shape keeps
// what stands around these in a text that was parsed; a text that has the same around its own is
// read without a parser. Costs a tenth of a parse, gives the same nodes, and is only ever sure or
// silent. Keeps no string and no number that was sent, names of members alone.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/tape_builder.hpp>
#include <agent_websocket/json/text_stream.hpp>
#include <agent_websocket/json/value.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace agent_websocket {
namespace json {

namespace detail {

/// How many bytes at the front of a text that ends in a NUL are a number (RFC 8259 section 6) that
/// is beyond doubt in the range of a double; 0 when none is.
std::size_t plain_number(const char* at) noexcept;

/// What the texts of one kind have in common.
class shape {
 public:
  /// `text`, in which nothing is escaped, was parsed within `limits` and gave `nodes`.
  void learn(std::string_view text, const std::vector<node>& nodes, const parse_limits& limits);

  /// Writes the nodes of the text of `into`, behind which stand 8 bytes of zero. False when it is
  /// of another kind, is no UTF-8, or was never looked at within `limits`; there may be nodes then.
  bool read(tape& into, const parse_limits& limits) const;

 private:
  struct part {
    std::uint32_t node;    // a string or a number
    std::uint32_t around;  // bytes that stand before it, behind the one before; of a name none
    bool is_name;          // it is the same in all, and lies in what is around
  };

  std::string around_;      // all that stands around strings and numbers, names included, in one
  std::size_t behind_ = 0;  // bytes of it that stand behind the last
  std::vector<part> parts_;
  std::vector<node> nodes_;
  parse_limits limits_;

  static constexpr std::size_t usual_nodes = 60;
};

}  // namespace detail

/// The shapes that were seen last. Used from one thread at a time; serves any number of documents
/// (reader.hpp), also such as are read from within each other.
class shapes {
 public:
  /// Reads the text of `into` if it is of a kind that was seen. See detail::shape::read().
  bool read(detail::tape& into, const parse_limits& limits);
  /// Remembers the kind of a text that no shape could read. Nothing is escaped in it.
  void learn(std::string_view text, const std::vector<detail::node>& nodes,
             const parse_limits& limits);

 private:
  static constexpr std::size_t count = 8;
  // Of a text and of nodes that are remembered; about 8 KiB a shape.
  static constexpr std::size_t max_bytes = 4096, max_nodes = 256;

  std::array<detail::shape, count> seen_;
  std::size_t used_ = 0;
  std::size_t next_ = 0;    // what is tried first: kinds come in the same order again and again
  std::size_t oldest_ = 0;  // what is given up next
};

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE std::size_t plain_number(const char* at) noexcept {
  constexpr std::size_t max_size = 40, max_exponent_digits = 2;
  const char* const begin = at;
  const auto digits = [&at] {
    const char* const front = at;
    while (*at >= '0' && *at <= '9') ++at;
    return static_cast<std::size_t>(at - front);
  };
  if (*at == '-') ++at;
  if (*at == '0') {
    ++at;
  } else if (digits() == 0) {
    return 0;
  }
  if (*at == '.') {
    ++at;
    if (digits() == 0) return 0;
  }
  if (*at == 'e' || *at == 'E') {
    ++at;
    if (*at == '+' || *at == '-') ++at;
    if (const std::size_t size = digits(); size == 0 || size > max_exponent_digits) return 0;
  }
  const auto size = static_cast<std::size_t>(at - begin);
  return size <= max_size ? size : 0;
}

AGENT_WEBSOCKET_INLINE void shape::learn(std::string_view text, const std::vector<node>& nodes,
                                         const parse_limits& limits) {
  std::vector<char> is_name(nodes.size(), 0);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].what != kind::object) continue;
    for (std::size_t k = i + 1; k < nodes[i].next; k = nodes[k + 1].next) is_name[k] = 1;
  }
  nodes_.clear();  // knows nothing should memory run out
  around_.clear();
  parts_.clear();
  std::size_t at = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const node& each = nodes[i];
    if (each.what != kind::string && each.what != kind::number) continue;
    part made{static_cast<std::uint32_t>(i), 0, is_name[i] != 0};
    if (!made.is_name) {
      made.around = static_cast<std::uint32_t>(each.offset - at);
      around_.append(text.substr(at, made.around));
      at = std::size_t{each.offset} + each.length;
    }
    parts_.push_back(made);
  }
  behind_ = text.size() - at;
  around_.append(text.substr(at));
  nodes_ = nodes;
  limits_ = limits;
}

AGENT_WEBSOCKET_INLINE bool shape::read(tape& into, const parse_limits& limits) const {
  if (nodes_.empty() || limits.max_depth < limits_.max_depth ||
      limits.max_values < limits_.max_values)
    return false;
  const char* const begin = into.text.data();
  const char* const end = begin + (into.text.size() - 8);
  const char* around = around_.data();
  if (static_cast<std::size_t>(end - begin) < around_.size()) return false;
  // The end says soonest what a text is not.
  if (std::memcmp(end - behind_, around + (around_.size() - behind_), behind_) != 0) return false;
  into.nodes.reserve(std::max(usual_nodes, nodes_.size()));  // what comes next is often larger
  into.nodes = nodes_;
  const char* at = begin;
  std::uint32_t shift = 0;  // modulo 2^32
  for (const part& each : parts_) {
    node& made = into.nodes[each.node];
    made.offset += shift;
    if (each.is_name) continue;
    if (static_cast<std::size_t>(end - at) < each.around) return false;
    if (std::memcmp(at, around, each.around) != 0) return false;
    at += each.around;
    around += each.around;
    const char* const front = at;
    if (made.what == kind::string) {
      bool is_ascii = true;
      for (std::size_t plain = 8; plain == 8; at += plain) {
        plain = plain_in_string(at);
        is_ascii = is_ascii && is_ascii_word(at);  // or what stands behind it is not
      }
      if (!is_ascii && !is_utf8_text({front, static_cast<std::size_t>(at - front)})) return false;
    } else {
      at += plain_number(at);
      if (at == front) return false;
    }
    const auto length = static_cast<std::uint32_t>(at - front);
    shift += length - made.length;
    made.length = length;
  }
  return static_cast<std::size_t>(end - at) == behind_;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE bool shapes::read(detail::tape& into, const parse_limits& limits) {
  for (std::size_t tried = 0; tried < used_; ++tried) {
    const std::size_t index = (next_ + tried) % used_;
    if (!seen_[index].read(into, limits)) continue;
    next_ = index + 1;
    if (oldest_ == index) oldest_ = (index + 1) % count;
    return true;
  }
  return false;
}

AGENT_WEBSOCKET_INLINE void shapes::learn(std::string_view text,
                                          const std::vector<detail::node>& nodes,
                                          const parse_limits& limits) {
  if (text.size() > max_bytes || nodes.size() > max_nodes) return;
  seen_[oldest_].learn(text, nodes, limits);
  used_ = std::max(used_, oldest_ + 1);
  oldest_ = (oldest_ + 1) % count;
}

#endif

}  // namespace json
}  // namespace agent_websocket
