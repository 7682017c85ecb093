// SPDX-License-Identifier: MIT
//
// One turn of a conversation: question, answer, how it ended, and what people said of it; and what
// it adds to the next request.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/openrouter/message.hpp>
#include <agent_websocket/wire/message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace agent_websocket {

/// What a person said of an answer.
struct feedback_entry {
  std::string id;      ///< of the feedback message
  std::string answer;  ///< stream id of the answer that it judges
  std::optional<double> rating;
  std::string comment;
  std::string correction;
  std::chrono::system_clock::time_point at{};
};

/// A question and what became of it.
struct turn {
  std::string id;         ///< of the query
  std::string stream;     ///< of the answer
  std::uint64_t seq = 0;  ///< of the terminal message; 0 while it runs
  std::chrono::system_clock::time_point asked{};
  std::chrono::system_clock::time_point answered{};
  openrouter::chat_message question;
  /// Calls of tools and their results, before the answer.
  std::vector<openrouter::chat_message> steps;
  std::optional<openrouter::chat_message> answer;  ///< also a partial one: see status
  /// What people see, when that is more than the answer: with steps, the model's words before them.
  std::string shown;
  wire::answer_status status = wire::answer_status::completed;
  std::string model;
  std::vector<feedback_entry> feedback;

  bool running() const noexcept { return seq == 0; }
  /// The whole answer as people see it.
  const std::string& text() const noexcept;

  /// Messages of people and of the model that this turn adds to a request. A question that failed
  /// without an answer and without a correction adds none.
  std::size_t messages() const noexcept;

  /// Appends what the turn adds to a request: its messages, and those of tools.
  void append_to(std::vector<openrouter::chat_message>& request) const;

  /// What its messages add to a request, and what people said of it.
  std::size_t bytes() const noexcept;

  /// People have seen something of an answer.
  bool has_words() const noexcept { return answer || !shown.empty(); }
  /// What people see of it: the question, and an answer or what was said in its place.
  bool has_reply() const noexcept { return has_words() || !feedback.empty(); }
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE const std::string& turn::text() const noexcept {
  static const std::string none;
  return !shown.empty() ? shown : answer ? answer->text() : none;
}

AGENT_WEBSOCKET_INLINE std::size_t turn::messages() const noexcept {
  std::size_t corrections = 0;
  for (const feedback_entry& each : feedback) corrections += each.correction.empty() ? 0 : 1;
  if (!running() && !answer && steps.empty() && corrections == 0) return 0;
  return (answer || !steps.empty() ? 2u : 1u) + corrections;
}

AGENT_WEBSOCKET_INLINE std::size_t turn::bytes() const noexcept {
  std::size_t count = question.bytes() + shown.size() + (answer ? answer->bytes() : 0);
  for (const openrouter::chat_message& each : steps) count += each.bytes();
  for (const feedback_entry& each : feedback) count += each.comment.size() + each.correction.size();
  return count;
}

AGENT_WEBSOCKET_INLINE void turn::append_to(std::vector<openrouter::chat_message>& request) const {
  if (messages() == 0) return;
  request.push_back(question);
  for (const openrouter::chat_message& each : steps) request.push_back(each);
  if (answer) {
    request.push_back(*answer);
  } else if (!steps.empty()) {  // providers want somebody to speak after a tool
    request.push_back(openrouter::chat_message::assistant_partial("(This answer was cut off.)"));
  }
  for (const feedback_entry& said : feedback) {
    if (said.correction.empty()) continue;
    request.push_back(
        openrouter::chat_message::user("Correction of your previous answer: " + said.correction));
  }
}

#endif

}  // namespace agent_websocket
