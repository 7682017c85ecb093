// SPDX-License-Identifier: MIT
//
// The line that a person types: text, cursor and the history of what was sent, in memory only.
// Moves by whole characters, with their combining marks. Knows keys and cells, but no terminal.
#pragma once

#include "keys.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chat {

/// The line as rows on the screen.
struct editor_layout {
  std::vector<std::string> rows;
  std::size_t cursor_row = 0;
  int cursor_column = 0;
};

class line_editor {
 public:
  const std::string& text() const noexcept { return text_; }

  /// Applies a key that edits or moves; the other keys are the caller's.
  void press(key which, std::string_view text = {}) {
    switch (which) {
      case key::text: return insert(text);
      case key::newline: return insert("\n");
      case key::left: cursor_ = before(cursor_); return;
      case key::right: cursor_ = behind(cursor_); return;
      case key::home: cursor_ = 0; return;
      case key::end: cursor_ = text_.size(); return;
      case key::word_left: cursor_ = word_before(cursor_); return;
      case key::word_right: cursor_ = word_behind(cursor_); return;
      case key::backspace: return erase(before(cursor_), cursor_);
      case key::erase: return erase(cursor_, behind(cursor_));
      case key::erase_to_start: return erase(0, cursor_);
      case key::erase_to_end: return erase(cursor_, text_.size());
      case key::erase_word: return erase(word_before(cursor_), cursor_);
      case key::up: return browse(-1);
      case key::down: return browse(1);
      case key::enter:
      case key::redraw:
      case key::interrupt:
      case key::end_of_input:
      case key::suspend: return;
    }
  }

  void clear() { set(std::string()); }

  /// Puts the line into the history and empties it.
  void accept() {
    if (!text_.empty() && (history_.empty() || history_.back() != text_)) history_.push_back(text_);
    if (history_.size() > max_history) history_.erase(history_.begin());
    browsing_ = history_.size();
    draft_.clear();
    clear();
  }

  /// Rows of at most `width` cells: the first begins with `prompt`, the others are indented as far.
  editor_layout layout(std::string_view prompt, int width) const {
    const int indent = cells_of(prompt);
    editor_layout made;
    made.rows.emplace_back(prompt);
    int column = indent;
    const auto next_row = [&] {
      made.rows.emplace_back(static_cast<std::size_t>(indent), ' ');
      column = indent;
    };
    for (std::size_t at = 0;;) {
      const bool end = at == text_.size();
      const code_point c = end ? code_point{' ', 0} : front_of(std::string_view(text_).substr(at));
      const bool tab = c.value == '\t';
      const int cells = c.value == '\n' ? 0 : tab ? 1 : cells_of(c.value);
      if (column + cells > width && column > indent)
        next_row();  // the cursor at the end needs a cell too
      if (at == cursor_) {
        made.cursor_row = made.rows.size() - 1;
        made.cursor_column = column;
      }
      if (end) return made;
      if (c.value == '\n') {
        next_row();
      } else {
        made.rows.back() +=
            tab ? std::string_view(" ") : std::string_view(text_).substr(at, c.length);
        column += cells;
      }
      at += c.length;
    }
  }

 private:
  static constexpr std::size_t max_bytes = 256 * 1024;
  static constexpr std::size_t max_history = 500;

  void set(std::string text) {
    text_ = std::move(text);
    cursor_ = text_.size();
  }

  /// Pasted text may hold anything: what is no character is left out.
  void insert(std::string_view text) {
    std::string clean;
    while (!text.empty()) {
      const code_point c = front_of(text);
      const bool control =
          c.value < 0x20 || (c.value >= 0x7F && c.value < 0xA0) || c.value == 0xFFFD;
      if (!control || c.value == '\n' || c.value == '\t') clean += text.substr(0, c.length);
      text.remove_prefix(c.length);
    }
    if (text_.size() + clean.size() > max_bytes) return;
    text_.insert(cursor_, clean);
    cursor_ += clean.size();
  }

  void erase(std::size_t from, std::size_t to) {
    text_.erase(from, to - from);
    cursor_ = from;
  }

  void browse(int step) {
    if (step < 0 ? browsing_ == 0 : browsing_ >= history_.size()) return;
    if (browsing_ == history_.size()) draft_ = text_;
    browsing_ = step < 0 ? browsing_ - 1 : browsing_ + 1;
    set(browsing_ == history_.size() ? draft_ : history_[browsing_]);
  }

  char32_t character_at(std::size_t at) const {
    return front_of(std::string_view(text_).substr(at)).value;
  }

  std::size_t behind(std::size_t at) const {
    if (at == text_.size()) return at;
    const auto step = [this, &at] {
      const code_point c = front_of(std::string_view(text_).substr(at));
      at += c.length;
      return c.value;
    };
    constexpr char32_t joiner = 0x200D;
    char32_t last = step();
    while (last != '\n' && at < text_.size() &&
           (last == joiner || extends_character(character_at(at))))
      last = step();
    return at;
  }

  std::size_t before(std::size_t at) const {
    // Forwards from the start of the line, because only so a joined character is known to be one.
    std::size_t found = text_.rfind('\n', at == 0 ? 0 : at - 1);
    found = found == std::string::npos || found == at ? 0 : found;
    while (found < at) {
      const std::size_t next = behind(found);
      if (next >= at) return found;
      found = next;
    }
    return 0;
  }

  bool is_space(std::size_t at) const {
    return text_[at] == ' ' || text_[at] == '\n' || text_[at] == '\t';
  }
  std::size_t word_before(std::size_t at) const {
    while (at > 0 && is_space(at - 1)) --at;
    while (at > 0 && !is_space(at - 1)) --at;
    return at;
  }
  std::size_t word_behind(std::size_t at) const {
    while (at < text_.size() && is_space(at)) ++at;
    while (at < text_.size() && !is_space(at)) ++at;
    return at;
  }

  std::string text_;
  std::size_t cursor_ = 0;  // in bytes, between two characters
  std::vector<std::string> history_;
  std::size_t browsing_ = 0;  // its size: the line being typed
  std::string draft_;
};

}  // namespace chat
