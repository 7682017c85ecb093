// SPDX-License-Identifier: MIT
//
// Puts well-formed JSON (RFC 8259) on a tape at a fifth of what RapidJSON takes, which reads byte
// by byte. Only ever sure or silent: whatever is wrong or unusual (half of a surrogate pair, a
// number of many digits, above a limit) it leaves to RapidJSON, which then says what is wrong and
// where.
#pragma once

#include <agent_websocket/json/tape.hpp>
#include <agent_websocket/json/unescape.hpp>
#include <agent_websocket/json/writer.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace agent_websocket {
namespace json {
namespace detail {

class quick_parser {
 public:
  /// Behind the text stand as many bytes of zero.
  static constexpr std::size_t padding = 8;

  quick_parser(tape& out, const parse_limits& limits) noexcept
      : out_(out),
        max_depth_(limits.max_depth < most_depth ? limits.max_depth : most_depth),
        max_values_(limits.max_values) {}

  /// Reads the text of the tape, strings where they lie, into its nodes. False: it does not say,
  /// and both are of no use. Precondition: no nodes, the text is UTF-8 without a NUL, then the
  /// padding.
  bool parse() {
    base_ = at_ = &out_.text[0];
    const char* const end = base_ + out_.text.size() - padding;
    skip_blanks();
    while (read_value()) {
      while (depth_ != 0 && !comes_another()) {
        if (is_wrong_) return false;
        close();
      }
      skip_blanks();
      if (depth_ == 0) return at_ == end;
      if (in_object() && !read_name()) return false;
    }
    return false;
  }

 private:
  static constexpr std::size_t most_depth = 64;
  static constexpr std::size_t most_digits = 17;

  void skip_blanks() noexcept {
    while (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t') ++at_;
  }
  bool take(char c) noexcept {
    if (*at_ != c) return false;
    ++at_;
    return true;
  }

  bool in_object() const noexcept { return out_.nodes[open_[depth_ - 1]].what == kind::object; }

  /// Behind a value of a container, or behind its opening: false when the container ends here.
  bool comes_another() noexcept {
    skip_blanks();
    if (take(',')) return true;
    is_wrong_ = *at_ != (in_object() ? '}' : ']');
    return false;
  }

  void close() noexcept {
    ++at_;
    out_.nodes[open_[--depth_]].next = static_cast<std::uint32_t>(out_.nodes.size());
  }

  /// A value, or the opening of a container and all up to its first value.
  bool read_value() {
    for (;;) {
      switch (*at_) {
        case '"': return add(kind::string) && read_string();
        case 't': return read_word("true", kind::boolean, true);
        case 'f': return read_word("false", kind::boolean, false);
        case 'n': return read_word("null", kind::null, false);
        case '{':
        case '[': break;
        default: return add(kind::number) && read_number();
      }
      const bool is_object = *at_ == '{';
      const auto index = static_cast<std::uint32_t>(out_.nodes.size());
      if (depth_ == max_depth_ || !add(is_object ? kind::object : kind::array)) return false;
      open_[depth_++] = index;
      ++at_;
      skip_blanks();
      if (*at_ == (is_object ? '}' : ']')) {
        close();
        return true;
      }
      if (is_object && !read_name()) return false;
    }
  }

  /// The name of a member, and the colon.
  bool read_name() {
    if (*at_ != '"' || !add_node(kind::string) || !read_string()) return false;
    skip_blanks();
    if (!take(':')) return false;
    skip_blanks();
    return true;
  }

  bool add(kind what) {
    if (depth_ != 0) ++out_.nodes[open_[depth_ - 1]].length;
    return add_node(what);
  }
  bool add_node(kind what) {
    if (out_.nodes.size() >= max_values_) return false;
    node made;
    made.what = what;
    made.next = static_cast<std::uint32_t>(out_.nodes.size() + 1);
    out_.nodes.push_back(made);
    return true;
  }
  /// The newest node is that text.
  bool end_text(const char* begin, const char* end) noexcept {
    node& made = out_.nodes.back();
    made.offset = static_cast<std::uint32_t>(begin - base_);
    made.length = static_cast<std::uint32_t>(end - begin);
    return true;
  }

  bool read_word(std::string_view word, kind what, bool truth) {
    if (std::memcmp(at_, word.data(), word.size()) != 0 || !add(what)) return false;
    out_.nodes.back().truth = truth;
    at_ += word.size();
    return true;
  }

  bool read_string() noexcept {
    const char* const begin = ++at_;
    for (;;) {
      while (is_plain_word(at_)) at_ += 8;
      for (int i = 0; i < 8; ++i, ++at_) {
        const auto c = static_cast<unsigned char>(*at_);
        if (c == '"') return end_text(begin, at_++);
        if (c == '\\') return read_escaped(begin);
        if (c < 0x20) return false;
      }
    }
  }

  /// From the first escape on: what is behind it moves to the front.
  bool read_escaped(const char* begin) noexcept {
    char* to = at_;
    for (;;) {
      const auto c = static_cast<unsigned char>(*at_);
      if (c == '"') {
        ++at_;
        return end_text(begin, to);
      }
      if (c < 0x20) return false;
      if (c != '\\') {
        *to++ = *at_++;
        continue;
      }
      if (const char meant = short_escape(at_[1])) {
        *to++ = meant;
        at_ += 2;
        continue;
      }
      if (at_[1] != 'u') return false;
      const int unit = code_unit({at_ + 2, 4});
      if (unit < 0 || (unit >= 0xD800 && unit <= 0xDFFF)) return false;
      to = write_code_point(to, static_cast<std::uint32_t>(unit));
      at_ += 6;
    }
  }

  /// How many digits stand here.
  std::size_t read_digits() noexcept {
    const char* const begin = at_;
    while (*at_ >= '0' && *at_ <= '9') ++at_;
    return static_cast<std::size_t>(at_ - begin);
  }

  bool read_number() noexcept {
    const char* const begin = at_;
    take('-');
    const bool is_zero = *at_ == '0';
    const std::size_t digits = read_digits();
    if (digits == 0 || digits > most_digits || (is_zero && digits != 1)) return false;
    if (take('.')) {
      const std::size_t behind = read_digits();
      if (behind == 0 || behind > most_digits) return false;
    }
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      const std::size_t exponent = read_digits();
      if (exponent == 0 || exponent > 2) return false;
    }
    return end_text(begin, at_);
  }

  tape& out_;
  const std::size_t max_depth_, max_values_;
  char* base_ = nullptr;
  char* at_ = nullptr;
  std::size_t depth_ = 0;
  bool is_wrong_ = false;
  std::uint32_t open_[most_depth] = {};
};

}  // namespace detail
}  // namespace json
}  // namespace agent_websocket
