// SPDX-License-Identifier: MIT
//
// The chat on a terminal: the conversation scrolls by, below it stand the open line of the answer,
// what is going on, the questions that wait, and the line being typed. All text passes printable()
// before it is written.
#pragma once

#include "client.hpp"
#include "editor.hpp"
#include "screen.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chat {

/// What goes on, in one line; empty when nothing does.
inline std::string state_in_words(const client& of, time_point now) {
  const auto seconds = [](std::chrono::steady_clock::duration d) {
    return std::to_string(
               std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(d).count(), 0)) +
           " s";
  };
  switch (of.state()) {
    case client_state::idle: return {};
    case client_state::connecting:
    case client_state::catching_up: return "Connecting...";
    case client_state::waiting:
      return "Not connected. Connecting again in " + seconds(of.retry_at() - now) +
             ", Enter does it now.";
    case client_state::stopped: return "Not connected. Enter connects again, /quit ends.";
    case client_state::live: break;
  }
  for (const exchange& each : of.exchanges()) {
    if (!each.announced || !each.is_underway()) continue;
    std::string words = each.cancelling         ? "Stopping"
                        : each.activity.empty() ? "Sending"
                                                : each.activity;
    words.append(", ").append(seconds(now - each.since));
    return each.cancelling ? words : words + ", Ctrl-C stops";
  }
  return {};
}

class terminal_view final : public display {
 public:
  terminal_view(terminal_size size, bool coloured)
      : size_(size), screen_(size.columns, coloured), open_(screen_.width()) {}

  void show_question(std::string_view text) override {
    screen_.print({});
    print_rows("> ", text, look::accent);
  }

  void show_reasoning(std::string_view piece) override { show_piece(piece, look::dim); }
  void show_answer(std::string_view piece) override { show_piece(piece, look::plain); }

  void end_answer() override {
    std::vector<std::string> finished;
    if (!open_.empty()) open_.finish(finished);
    print(std::move(finished), open_look_);
    held_.clear();
    begins_ = true;
  }

  void show(tone kind, std::string_view text) override {
    switch (kind) {
      case tone::result: return print_rows("", text, look::plain);
      case tone::notice:
      case tone::facts: return print_rows("", text, look::dim);
      case tone::notification: return print_rows("* ", text, look::strong);
      case tone::failure: return print_rows("! ", text, look::bad);
      case tone::step: end_answer(); return print_rows("", text, look::dim);
      case tone::request: end_answer(); return print_rows("? ", text, look::strong);
    }
  }

  /// What brings the terminal up to date.
  std::string paint(const client& of, const line_editor& editor, time_point now) {
    std::vector<row> block;
    if (!open_.empty()) block.push_back({open_.open_row(), open_look_});
    if (size_.rows >= 6) {
      append_waiting(block, of);
      const std::string state = printable(state_in_words(of, now));
      if (!state.empty()) block.push_back({shortened(state, screen_.width()), look::dim});
    }
    const std::size_t above = block.size();
    const std::size_t room =
        std::max<std::size_t>(static_cast<std::size_t>(size_.rows) - 1, above + 1) - above;
    editor_layout typed = editor.layout("> ", screen_.width());
    // Of a line that is longer than the screen the part with the cursor is seen.
    const std::size_t first = typed.cursor_row < room ? 0 : typed.cursor_row - room + 1;
    const std::size_t last = std::min(typed.rows.size(), first + room);
    for (std::size_t i = first; i < last; ++i)
      block.push_back({std::move(typed.rows[i]), look::plain});
    screen_.set_block(std::move(block), above + typed.cursor_row - first, typed.cursor_column);
    return screen_.paint();
  }

  void resize(terminal_size size) {
    size_ = size;
    screen_.resize(size.columns);
    std::vector<std::string> finished;
    open_.set_width(screen_.width(), finished);
    print(std::move(finished), open_look_);
  }

  /// After something else has written to the terminal.
  void forget() { screen_.forget(); }
  std::string clear() { return screen_.clear(); }
  /// Leaves nothing but the conversation.
  std::string erase() {
    end_answer();
    return screen_.erase();
  }

 private:
  static constexpr std::size_t waiting_shown = 3;

  void show_piece(std::string_view piece, look style) {
    if (style != open_look_) end_answer();
    open_look_ = style;
    std::string text = std::exchange(held_, {}) + printable(piece);
    const std::size_t end = text.find_last_not_of('\n') + 1;
    held_ = text.substr(end);  // line breaks at the end of an answer are not shown
    text.resize(end);
    if (begins_) text.erase(0, std::min(text.find_first_not_of('\n'), text.size()));
    if (text.empty()) return;
    begins_ = false;
    std::vector<std::string> finished;
    open_.append(text, finished);
    print(std::move(finished), open_look_);
  }

  void print(std::vector<std::string> rows, look style) {
    for (std::string& each : rows) screen_.print({std::move(each), style});
  }

  void print_rows(std::string_view mark, std::string_view text, look style) {
    std::string clean = printable(text);
    clean.resize(clean.find_last_not_of('\n') + 1);
    std::vector<std::string> rows;
    row_breaker breaker(std::max(screen_.width() - cells_of(mark), 1));
    breaker.append(clean, rows);
    breaker.finish(rows);
    std::string before(mark);
    for (std::string& each : rows) {
      each.insert(0, before);
      before.assign(mark.size(), ' ');
    }
    print(std::move(rows), style);
  }

  /// Questions that are not above yet.
  void append_waiting(std::vector<row>& block, const client& of) const {
    std::size_t count = 0;
    for (const exchange& each : of.exchanges()) {
      if (each.announced || ++count > waiting_shown) continue;
      const std::string place = !each.is_underway() ? "not sent"
                                : each.position > 0 ? "queued, " + std::to_string(each.position)
                                                    : "queued";
      block.push_back(
          {shortened("[" + place + "] " + printable(each.text), screen_.width()), look::dim});
    }
    if (count > waiting_shown) {
      block.push_back(
          {shortened("and " + std::to_string(count - waiting_shown) + " more", screen_.width()),
           look::dim});
    }
  }

  terminal_size size_;
  screen screen_;
  row_breaker open_;  // the answer's last row
  look open_look_ = look::plain;
  std::string held_;  // line breaks that are shown when more text follows
  bool begins_ = true;
};

}  // namespace chat
