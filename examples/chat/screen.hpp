// SPDX-License-Identifier: MIT
//
// The lower end of a terminal: rows that are finished scroll away above, a block of rows that still
// change (the open line of an answer, the state, the line being typed) is painted anew at each
// turn, in one write. Uses ECMA-48 sequences that every terminal since the VT100 knows; needs no
// other screen and leaves the scrollback whole.
#pragma once

#include "text.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chat {

enum class look { plain, dim, strong, bad, accent };

/// One row of printable text, at most as wide as the screen less one cell.
struct row {
  std::string text;
  look style = look::plain;
};

class screen {
 public:
  screen(int columns, bool coloured) : columns_(columns), coloured_(coloured) {}

  /// The widest row: one cell is spared, so that no terminal has to decide what a full row means.
  int width() const noexcept { return std::max(columns_ - 1, 1); }

  /// A row that will not change any more.
  void print(row finished) { finished_.push_back(std::move(finished)); }

  /// What stands below all that was printed, from the next paint() on.
  void set_block(std::vector<row> block, std::size_t cursor_row, int cursor_column) {
    block_ = std::move(block);
    cursor_row_ = cursor_row;
    cursor_column_ = cursor_column;
  }

  /// What brings the screen up to date.
  std::string paint() {
    std::string out = "\x1b[?25l";
    go_to_top(out);
    for (const row& each : std::exchange(finished_, {})) append(out, each).push_back('\n');
    for (std::size_t i = 0; i < block_.size(); ++i) {
      if (i > 0) out.push_back('\n');
      append(out, block_[i]);
    }
    out += "\x1b[J\r";
    if (!block_.empty()) move(out, block_.size() - 1 - cursor_row_, 'A');
    move(out, static_cast<std::size_t>(cursor_column_), 'C');
    out += "\x1b[?25h";
    painted_ = block_;
    rows_above_cursor_ = cursor_row_;
    painted_column_ = cursor_column_;
    return out;
  }

  /// Takes the block away and leaves the cursor below what was printed.
  std::string erase() {
    set_block({}, 0, 0);
    return paint();
  }

  /// After something else has written: the next block begins where the cursor is.
  void forget() {
    rows_above_cursor_ = 0;
    painted_.clear();
  }

  /// An empty terminal.
  std::string clear() {
    forget();
    return "\x1b[2J\x1b[H";
  }

  /// Most terminals break the rows that became too long, and so move the cursor down.
  void resize(int columns) {
    columns_ = columns;
    const auto more_rows = [this](int cells) {
      return static_cast<std::size_t>(std::max(cells - 1, 0) / columns_);
    };
    std::size_t above = rows_above_cursor_;
    for (std::size_t i = 0; i < rows_above_cursor_ && i < painted_.size(); ++i) {
      above += more_rows(cells_of(painted_[i].text));
    }
    rows_above_cursor_ = above + more_rows(painted_column_ + 1);
  }

 private:
  static void move(std::string& out, std::size_t distance, char direction) {
    if (distance > 0) out.append("\x1b[").append(std::to_string(distance)).push_back(direction);
  }

  void go_to_top(std::string& out) {
    move(out, rows_above_cursor_, 'A');
    out.push_back('\r');
  }

  std::string& append(std::string& out, const row& what) const {
    static constexpr std::string_view codes[] = {"", "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[36m"};
    const std::string_view code = coloured_ ? codes[static_cast<std::size_t>(what.style)] : "";
    out.append(code).append(what.text);
    if (!code.empty()) out += "\x1b[0m";
    out += "\x1b[K";  // what stood there before
    return out;
  }

  int columns_;
  bool coloured_;
  std::vector<row> finished_;
  std::vector<row> block_;
  std::size_t cursor_row_ = 0;
  int cursor_column_ = 0;
  // As they are on the screen:
  std::vector<row> painted_;
  std::size_t rows_above_cursor_ = 0;
  int painted_column_ = 0;
};

}  // namespace chat
