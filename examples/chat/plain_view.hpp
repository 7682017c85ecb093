// SPDX-License-Identifier: MIT
//
// The chat without a terminal: answers go to standard output as they come, all else to standard
// error. No colours and no cursor; control characters of the server do not pass here either, since
// the reader may be a terminal.
#pragma once

#include "display.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace chat {

class plain_view final : public display {
 public:
  void show_question(std::string_view) override {}

  void show_reasoning(std::string_view piece) override { write(STDERR_FILENO, printable(piece)); }

  void show_answer(std::string_view piece) override {
    const std::string text = printable(piece);
    if (text.empty()) return;
    write(STDOUT_FILENO, text);
    in_line_ = text.back() != '\n';
  }

  void end_answer() override {
    if (std::exchange(in_line_, false)) write(STDOUT_FILENO, "\n");
  }

  void show(tone kind, std::string_view text) override {
    if (kind == tone::facts) return;
    std::string line = printable(text);
    if (line.empty() || line.back() != '\n') line.push_back('\n');
    write(kind == tone::result ? STDOUT_FILENO : STDERR_FILENO, line);
  }

  /// Somebody reads the answers.
  bool is_read() const noexcept { return read_; }

 private:
  void write(int descriptor, std::string_view text) {
    if (!write_all(descriptor, text) && descriptor == STDOUT_FILENO) read_ = false;
  }

  bool in_line_ = false;
  bool read_ = true;
};

}  // namespace chat
