// SPDX-License-Identifier: MIT
//
// What the chat shows, as the protocol part tells it: the boundary to the terminal part, which
// decides how it looks.
#pragma once

#include <string_view>

namespace chat {

enum class tone {
  result,        ///< what was asked for
  notice,        ///< about the connection and what is going on
  notification,  ///< the server speaks unasked
  facts,         ///< about an answer
  step,          ///< on the way to it: what comes next begins a new line
  request,       ///< for a decision
  failure,
};

/// Texts come as the server sent them: making them harmless for a terminal is the display's duty.
class display {
 public:
  virtual ~display() = default;
  /// The question that is answered next.
  virtual void show_question(std::string_view text) = 0;
  /// The next piece of what the model thinks before it answers.
  virtual void show_reasoning(std::string_view piece) = 0;
  /// The next piece of the answer.
  virtual void show_answer(std::string_view piece) = 0;
  virtual void end_answer() = 0;
  /// Whole lines; they may come amid an answer.
  virtual void show(tone kind, std::string_view text) = 0;

  /// For functions that return whether something was done.
  bool refuse(std::string_view why) {
    show(tone::failure, why);
    return false;
  }
};

}  // namespace chat
