// SPDX-License-Identifier: MIT
//
// RFC 8259 written down once more, as slowly and plainly as possible: says whether a text is JSON.
// The tests and the fuzzers hold the reader against it. Builds nothing, knows no limits but the
// depth of its own recursion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace grammar {

/// `either`: a number of so many digits or such an exponent that a parser may refuse it
/// (section 6).
enum class verdict { refuse, accept, either };

class acceptor {
 public:
  acceptor(std::string_view text, int max_depth) : rest_(text), max_depth_(max_depth) {}

  verdict judge() {
    const bool good = whitespace() && value(0) && whitespace() && rest_.empty();
    return !good ? verdict::refuse : huge_ ? verdict::either : verdict::accept;
  }

 private:
  bool at(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool take(char c) {
    if (!at(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    if (rest_.substr(0, word.size()) != word) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool whitespace() {
    while (at(' ') || at('\t') || at('\n') || at('\r')) rest_.remove_prefix(1);
    return true;
  }

  bool value(int depth) {
    if (at('{')) return depth < max_depth_ && object(depth);
    if (at('[')) return depth < max_depth_ && array(depth);
    if (at('"')) return string();
    return take("true") || take("false") || take("null") || number();
  }
  bool object(int depth) {
    take('{');
    whitespace();
    if (take('}')) return true;
    do {
      whitespace();
      if (!string()) return false;
      whitespace();
      if (!take(':')) return false;
      whitespace();
      if (!value(depth + 1)) return false;
      whitespace();
    } while (take(','));
    return take('}');
  }
  bool array(int depth) {
    take('[');
    whitespace();
    if (take(']')) return true;
    do {
      whitespace();
      if (!value(depth + 1)) return false;
      whitespace();
    } while (take(','));
    return take(']');
  }

  std::size_t digits() {
    std::size_t count = 0;
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      rest_.remove_prefix(1);
      ++count;
    }
    return count;
  }
  bool number() {
    take('-');
    if (!take('0')) {
      const std::size_t whole = digits();
      if (whole == 0) return false;
      if (whole > 300) huge_ = true;
    }
    if (take('.') && digits() == 0) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      const std::size_t size = digits();
      if (size == 0) return false;
      if (size > 2) huge_ = true;
    }
    return true;
  }

  bool hex4(std::uint32_t& unit) {
    unit = 0;
    for (int i = 0; i < 4; ++i) {
      if (rest_.empty()) return false;
      const char c = rest_.front();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return false;
      unit = unit * 16 + static_cast<std::uint32_t>(digit);
      rest_.remove_prefix(1);
    }
    return true;
  }
  /// Section 8.2 leaves halves of surrogate pairs open; here they are refused, as UTF-8 cannot hold
  /// them.
  bool escape() {
    for (const char c : {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'}) {
      if (take(c)) return true;
    }
    std::uint32_t unit = 0, low = 0;
    if (!take('u') || !hex4(unit)) return false;
    if (unit >= 0xDC00 && unit <= 0xDFFF) return false;
    if (unit < 0xD800 || unit > 0xDBFF) return true;
    return take("\\u") && hex4(low) && low >= 0xDC00 && low <= 0xDFFF;
  }
  /// One character of UTF-8, by decoding it (RFC 3629).
  bool character() {
    const auto lead = static_cast<unsigned char>(rest_.front());
    const std::size_t more = lead < 0x80   ? 0
                             : lead < 0xC0 ? 9
                             : lead < 0xE0 ? 1
                             : lead < 0xF0 ? 2
                             : lead < 0xF8 ? 3
                                           : 9;
    if (more == 9 || rest_.size() <= more) return false;
    std::uint32_t code = more == 0 ? lead : lead & (0x3Fu >> more);
    for (std::size_t i = 1; i <= more; ++i) {
      const auto next = static_cast<unsigned char>(rest_[i]);
      if ((next & 0xC0) != 0x80) return false;
      code = (code << 6) | (next & 0x3Fu);
    }
    constexpr std::uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    if (code < smallest[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
      return false;
    rest_.remove_prefix(more + 1);
    return code >= 0x20;
  }
  bool string() {
    if (!take('"')) return false;
    while (!rest_.empty()) {
      if (take('"')) return true;
      if (take('\\') ? !escape() : !character()) return false;
    }
    return false;
  }

  std::string_view rest_;
  int max_depth_;
  bool huge_ = false;
};

/// `max_depth` arrays and objects inside of each other; the reader's own default.
inline verdict judge(std::string_view text, int max_depth = 64) {
  return acceptor(text, max_depth).judge();
}

}  // namespace grammar
