// SPDX-License-Identifier: MIT
//
// The two ways to use the chat: at a terminal, with a line editor and a view that moves; and plain,
// where a program or a file asks line by line. Each turns input into calls of `client` and says
// when the program is done.
#pragma once

#include "plain_view.hpp"
#include "view.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace chat {

class front {
 public:
  virtual ~front() = default;
  virtual display& shown() = 0;
  /// Whether the next input can be used now.
  virtual bool wants_input(const client& of) const = 0;
  virtual void take_input(std::string_view bytes, client& to, time_point now) = 0;
  virtual void take_end_of_input() = 0;
  /// After all that has happened at once.
  virtual void turn(client& of, time_point now) = 0;
  /// When turn() is to be called although nothing has happened.
  virtual time_point refresh_at(const client& of, time_point now) const = 0;
  virtual void interrupt(client& of, time_point now) = 0;
  virtual void resized() {}
  virtual void continued() {}
  virtual void leave() {}

  /// The exit code, once the program is done.
  const std::optional<int>& done() const noexcept { return done_; }
  void finish(int code) { done_ = code; }

 private:
  std::optional<int> done_;
};

class terminal_front final : public front {
 public:
  explicit terminal_front(bool coloured) : view_(terminal::size(), coloured) {}

  display& shown() override { return view_; }
  bool wants_input(const client&) const override { return true; }

  void take_input(std::string_view bytes, client& to, time_point now) override {
    keys_.feed(bytes, now, [&](key which, std::string_view text) { press(which, text, to, now); });
  }

  void take_end_of_input() override { finish(0); }

  void turn(client& of, time_point now) override {
    if (of.wants_to_quit()) quit(of);
    if (!done()) write(view_.paint(of, editor_, now));
  }

  time_point refresh_at(const client& of, time_point now) const override {
    return state_in_words(of, now).empty() ? time_point::max() : now + std::chrono::seconds(1);
  }

  /// Stops an answer; else clears the line; else ends the program.
  void interrupt(client& of, time_point now) override {
    if (of.interrupt(now)) return;
    if (editor_.text().empty()) return quit(of);
    editor_.clear();
  }

  void resized() override { view_.resize(terminal::size()); }

  void continued() override {
    terminal::leave_raw_mode();  // another program may have changed it
    if (!terminal::enter_raw_mode()) finish(1);
    view_.forget();
    resized();
  }

  void leave() override {
    write(view_.erase());
    terminal::leave_raw_mode();
  }

 private:
  void press(key which, std::string_view text, client& to, time_point now) {
    switch (which) {
      case key::enter: return enter(to, now);
      case key::interrupt: return interrupt(to, now);
      case key::end_of_input:
        if (editor_.text().empty()) return quit(to);
        return editor_.press(key::erase);
      case key::redraw: return write(view_.clear());
      case key::suspend: return suspend();
      default: return editor_.press(which, text);
    }
  }

  void enter(client& to, time_point now) {
    if (to.submit(editor_.text(), now)) editor_.accept();
  }

  void suspend() {
    leave();
    std::raise(SIGTSTP);
    continued();
  }

  void quit(const client& of) { finish(of.was_ever_live() ? 0 : 1); }

  void write(const std::string& bytes) {
    if (!write_all(STDOUT_FILENO, bytes)) finish(1);
  }

  terminal_view view_;
  key_decoder keys_;
  line_editor editor_;
};

/// Takes the next line when the last one has been answered.
class plain_front final : public front {
 public:
  display& shown() override { return view_; }

  bool wants_input(const client& of) const override {
    return !ended_ && takes_line(of) && !has_line();
  }

  void take_input(std::string_view bytes, client&, time_point) override { input_ += bytes; }
  void take_end_of_input() override { ended_ = true; }

  void turn(client& of, time_point now) override {
    if (!view_.is_read()) return finish(1);
    while (takes_line(of) && has_line()) of.submit(take_line(), now);
    if (ended_ && of.is_asked() && of.is_live()) of.reject_all("nobody is there to decide");
    if (of.wants_to_quit() || (ended_ && of.is_live() && of.is_idle() && !has_line()))
      return finish(0);
    const int attempts = of.was_ever_live() ? max_attempts : 1;
    const bool given_up = of.state() == client_state::waiting && of.failures() >= attempts;
    if (given_up || of.state() == client_state::stopped) finish(1);
  }

  time_point refresh_at(const client&, time_point) const override { return time_point::max(); }

  void interrupt(client& of, time_point now) override {
    if (!of.interrupt(now)) finish(128 + SIGINT);
  }

 private:
  static constexpr int max_attempts = 6;
  static constexpr std::size_t max_line_bytes = 1 << 20;

  /// What is asked for meanwhile is decided by the next line.
  static bool takes_line(const client& of) {
    return of.is_live() && (of.is_idle() || of.is_asked());
  }

  bool has_line() const {
    return input_.find('\n') != std::string::npos || input_.size() > max_line_bytes ||
           (ended_ && !input_.empty());
  }

  std::string take_line() {
    const std::size_t end = std::min(input_.find('\n'), input_.size());
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    return line;
  }

  plain_view view_;
  std::string input_;
  bool ended_ = false;
};

}  // namespace chat
