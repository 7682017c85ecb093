// SPDX-License-Identifier: MIT
//
// The texts of one sender are mostly alike but for the strings and numbers in them. A shape keeps
// what stands around these in a text that was parsed; a text that has the same around its own is
// read without a parser. Costs a quarter of a parse, gives the same nodes, and is only ever sure or
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
#include <new>
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
  static constexpr std::size_t max_nodes = 256;
  /// How long the strings and numbers of a text are, in their order.
  using lengths = std::uint32_t[max_nodes];

  /// `text`, in which nothing is escaped, was parsed within `limits` and gave `nodes`, `max_nodes`
  /// at most.
  void learn(std::string_view text, const std::vector<node>& nodes, const parse_limits& limits);

  /// Whether `text`, behind which stand 8 bytes of zero, is of this kind and UTF-8. Adds to
  /// `looked_at` about so many bytes as it took. False for what needs wider limits than it was
  /// learned within.
  bool fits(std::string_view text, const parse_limits& limits, lengths& found,
            std::size_t& looked_at) const noexcept;
  /// The nodes of a text that fits.
  void write(const lengths& found, std::vector<node>& nodes) const;

 private:
  struct hole {
    std::uint32_t node;    // a string or a number, no name
    std::uint32_t around;  // bytes that stand before it, behind the one before
    bool is_string;
  };

  std::string around_;      // all that stands around the holes, names included, in one
  std::size_t behind_ = 0;  // bytes of it that stand behind the last
  std::vector<hole> holes_;
  std::vector<node> nodes_;
  parse_limits limits_;
};

}  // namespace detail

/// The shapes that were seen last. Used from one thread at a time; serves any number of documents
/// (reader.hpp), also such as are read from within each other. Whatever a sender does, a text costs
/// at most about twice what it costs without.
class shapes {
 public:
  /// Reads the text of `into`, behind which stand 8 bytes of zero, if it is of a kind that was seen
  /// within such limits. What throws has changed nothing.
  bool read(detail::tape& into, const parse_limits& limits);
  /// Remembers the kind of a text that no shape could read, if there is memory for it. Nothing is
  /// escaped in it.
  void learn(std::string_view text, const std::vector<detail::node>& nodes,
             const parse_limits& limits);

 private:
  static constexpr std::size_t count = 8;
  static constexpr std::size_t max_bytes = 4096;  // of a text that is remembered

  std::array<detail::shape, count> seen_;
  std::size_t used_ = 0;
  std::size_t next_ = 0;     // what is tried first: kinds come in the same order again and again
  std::size_t oldest_ = 0;   // what is given up next
  std::size_t in_vain_ = 0;  // texts that might be remembered since one was known
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
  bool is_name[max_nodes] = {};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].what != kind::object) continue;
    for (std::size_t k = i + 1; k < nodes[i].next; k = nodes[k + 1].next) is_name[k] = true;
  }
  nodes_.clear();  // fits nothing should memory run out
  around_.clear();
  holes_.clear();
  std::size_t at = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const node& each = nodes[i];
    if (is_name[i] || (each.what != kind::string && each.what != kind::number)) continue;
    const std::string_view before = text.substr(at, each.offset - at);
    around_.append(before);
    holes_.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(before.size()),
                      each.what == kind::string});
    at = std::size_t{each.offset} + each.length;
  }
  behind_ = text.size() - at;
  around_.append(text.substr(at));
  limits_ = limits;
  nodes_ = nodes;
}

AGENT_WEBSOCKET_INLINE bool shape::fits(std::string_view text, const parse_limits& limits,
                                        lengths& found, std::size_t& looked_at) const noexcept {
  constexpr std::size_t bytes_a_hole = 16;  // is what looking at one costs
  if (nodes_.empty() || text.size() < around_.size()) return false;
  if (limits.max_depth < limits_.max_depth || limits.max_values < limits_.max_values) return false;
  const char* at = text.data();
  const char* const end = at + text.size();
  const char* around = around_.data();
  // The end says soonest what a text is not.
  if (std::memcmp(end - behind_, around + (around_.size() - behind_), behind_) != 0) return false;
  bool is_ascii = true;
  std::size_t holes = 0;
  const auto ended = [&](bool outcome) {
    looked_at += static_cast<std::size_t>(at - text.data()) + bytes_a_hole * holes;
    return outcome;
  };
  for (const hole& each : holes_) {
    if (static_cast<std::size_t>(end - at) < each.around) return ended(false);
    if (std::memcmp(at, around, each.around) != 0) return ended(false);
    at += each.around;
    around += each.around;
    const char* const front = at;
    if (each.is_string) {
      for (std::size_t plain = 8; plain == 8; at += plain) {
        plain = plain_in_string(at);
        is_ascii = is_ascii && is_ascii_word(at);  // or what stands behind it is not
      }
    } else {
      at += plain_number(at);
      if (at == front) return ended(false);
    }
    found[holes++] = static_cast<std::uint32_t>(at - front);
  }
  return ended(static_cast<std::size_t>(end - at) == behind_ && (is_ascii || is_utf8_text(text)));
}

AGENT_WEBSOCKET_INLINE void shape::write(const lengths& found, std::vector<node>& nodes) const {
  constexpr std::size_t usual_nodes = 60;  // what comes next is often larger
  nodes.reserve(std::max(usual_nodes, nodes_.size()));
  nodes = nodes_;
  std::uint32_t shift = 0;  // modulo 2^32
  std::size_t next = 0;
  const auto move_names_up_to = [&](std::size_t end) {
    for (; next < end; ++next) {
      if (nodes[next].what == kind::string) nodes[next].offset += shift;
    }
  };
  for (std::size_t i = 0; i < holes_.size(); ++i) {
    move_names_up_to(holes_[i].node);
    node& made = nodes[next++];
    made.offset += shift;
    shift += found[i] - made.length;
    made.length = found[i];
  }
  move_names_up_to(nodes.size());
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE bool shapes::read(detail::tape& into, const parse_limits& limits) {
  const std::string_view text(into.text.data(), into.text.size() - 8);
  const std::size_t worth_it = text.size() / 2 + 512;
  std::size_t looked_at = 0;
  detail::shape::lengths found;
  for (std::size_t tried = 0; tried < used_ && looked_at < worth_it; ++tried) {
    const std::size_t index = (next_ + tried) % used_;
    if (!seen_[index].fits(text, limits, found, looked_at)) continue;
    seen_[index].write(found, into.nodes);
    next_ = index + 1;
    if (oldest_ == index) oldest_ = (index + 1) % count;
    in_vain_ = 0;
    return true;
  }
  return false;
}

AGENT_WEBSOCKET_INLINE void shapes::learn(std::string_view text,
                                          const std::vector<detail::node>& nodes,
                                          const parse_limits& limits) {
  if (text.size() > max_bytes || nodes.size() > detail::shape::max_nodes) return;
  // Where no text is like another, few are worth it.
  if (++in_vain_ > 4 * count && in_vain_ % count != 0) return;
  try {
    seen_[oldest_].learn(text, nodes, limits);
  } catch (const std::bad_alloc&) {  // there is one less to know
  }
  used_ = std::max(used_, oldest_ + 1);
  oldest_ = (oldest_ + 1) % count;
}

#endif

}  // namespace json
}  // namespace agent_websocket
