// SPDX-License-Identifier: MIT
//
// Text on a terminal: made harmless (no control character of a stranger reaches the terminal),
// measured in cells, broken into rows at spaces. Widths are those of the C library; bidirectional
// text is left to the terminal.
#pragma once

#include <agent_websocket.hpp>

#include <wchar.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chat {

/// The character at the front of some text. Bytes that are no UTF-8 count one by one as U+FFFD.
struct code_point {
  char32_t value = 0xFFFD;
  std::size_t length = 1;  ///< in bytes
};

/// Precondition: `text` is not empty.
inline code_point front_of(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = agent_websocket::utf8_sequence_length(text);
  if (length == 0) return {};
  if (length == 1) return {byte(0), 1};
  char32_t value = byte(0) & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) value = (value << 6) | (byte(i) & 0x3Fu);
  return {value, length};
}

/// Cells that a printable character takes: 0 (combining), 1 or 2.
inline int cells_of(char32_t c) {
  if (c < 0x7F) return 1;
  const int width = ::wcwidth(static_cast<wchar_t>(c));  // -1 in a locale that does not know it
  return width < 0 ? 1 : width;
}

inline int cells_of(std::string_view text) {
  int cells = 0;
  while (!text.empty()) {
    const code_point c = front_of(text);
    cells += cells_of(c.value);
    text.remove_prefix(c.length);
  }
  return cells;
}

/// True for what belongs to the character before it: combining marks, variation selectors, skin
/// tones, joiners.
inline bool extends_character(char32_t c) {
  return cells_of(c) == 0 || (c >= 0x1F3FB && c <= 0x1F3FF);
}

/// `text` with nothing in it that a terminal would obey: only newline and tab pass, the other
/// controls are shown as the pictures that Unicode has of them. Marks that turn the direction of
/// writing are left out, because they make a text look like another one.
inline std::string printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const code_point c = front_of(text);
    const std::string_view bytes = text.substr(0, c.length);
    text.remove_prefix(c.length);
    const bool turns =
        (c.value >= 0x202A && c.value <= 0x202E) || (c.value >= 0x2066 && c.value <= 0x2069);
    if (c.value == '\r' || turns) continue;  // "\r\n" is one line break
    if (c.value == 0x2028 || c.value == 0x2029) {
      clean.push_back('\n');
    } else if (c.value == 0x7F) {
      clean += "\xE2\x90\xA1";  // U+2421
    } else if (c.value < 0x20 && c.value != '\n' && c.value != '\t') {
      clean += "\xE2\x90";  // U+2400 and up
      clean.push_back(static_cast<char>(0x80 + c.value));
    } else if (c.value == 0xFFFD || (c.value >= 0x80 && c.value < 0xA0)) {
      clean += "\xEF\xBF\xBD";
    } else {
      clean += bytes;
    }
  }
  return clean;
}

/// The front of `text` that fits into `cells`, in one line; "..." tells that something is missing.
inline std::string shortened(std::string_view text, int cells) {
  std::string line;
  for (const char c : text) line.push_back(c == '\n' || c == '\t' ? ' ' : c);
  if (cells_of(line) <= cells) return line;
  std::size_t end = 0;
  int used = 3;
  while (end < line.size()) {
    const code_point c = front_of(std::string_view(line).substr(end));
    used += cells_of(c.value);
    if (used > cells) break;
    end += c.length;
  }
  return line.substr(0, end) + "...";
}

/// Breaks a stream of printable text into rows. The last row stays open until a newline or a break.
class row_breaker {
 public:
  explicit row_breaker(int width) : width_(width) {}

  const std::string& open_row() const noexcept { return row_; }
  bool empty() const noexcept { return row_.empty(); }

  /// Adds text; rows that became full are appended to `finished`.
  void append(std::string_view text, std::vector<std::string>& finished) {
    while (!text.empty()) {
      const code_point c = front_of(text);
      add(c.value, text.substr(0, c.length), finished);
      text.remove_prefix(c.length);
    }
  }

  /// Ends the open row.
  void finish(std::vector<std::string>& finished) {
    finished.push_back(std::exchange(row_, {}));
    cells_ = 0;
    break_end_ = 0;
  }

  /// Breaks the open row anew, if it has to be.
  void set_width(int width, std::vector<std::string>& finished) {
    width_ = width;
    const std::string open = std::exchange(row_, {});
    cells_ = 0;
    break_end_ = 0;
    append(open, finished);
  }

 private:
  static constexpr std::size_t max_row_bytes = 4096;  // combining marks take no cells, but memory

  void add(char32_t c, std::string_view bytes, std::vector<std::string>& finished) {
    if (c == '\n') return finish(finished);
    if (c == '\t') {
      do add(' ', " ", finished);
      while (cells_ % 8 != 0);
      return;
    }
    const int cells = cells_of(c);
    if (cells_ + cells > width_ || row_.size() > max_row_bytes) {
      const bool swallowed = c == ' ';  // the break stands for it
      if (swallowed || break_end_ == 0) {
        finish(finished);
      } else {
        break_at_space(finished);
      }
      if (swallowed) return;
    }
    if (c == ' ' && row_.find_first_not_of(' ') != std::string::npos) {
      break_end_ = row_.size();
      break_next_ = break_end_ + 1;
    }
    row_ += bytes;
    cells_ += cells;
    if (cells == 2) break_end_ = break_next_ = row_.size();  // Chinese and Japanese have no spaces
  }

  void break_at_space(std::vector<std::string>& finished) {
    std::string rest = row_.substr(break_next_);
    row_.resize(break_end_);
    finish(finished);
    row_ = std::move(rest);
    cells_ = cells_of(row_);
  }

  int width_;
  std::string row_;
  int cells_ = 0;
  std::size_t break_end_ = 0;   // the row may end here; 0: nowhere
  std::size_t break_next_ = 0;  // what follows then begins here
};

}  // namespace chat
