// SPDX-License-Identifier: MIT
//
// The turns of one conversation: question, answer, how it ended, and what people said of it.
// Trimmed to a number of messages by dropping the oldest whole turns; the system prompt stands
// apart and is never dropped. Calls of tools and their results do not count: of those as many are
// kept again, of the newest turns, so that one turn with many calls does not drive out what people
// have said. Trimmed to a number of bytes likewise: first what tools have said, then whole turns.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/openrouter/message.hpp>
#include <agent_websocket/wire/message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

  /// What its messages add to a request, and what people said of it.
  std::size_t bytes() const noexcept;

  /// People have seen something of an answer.
  bool has_words() const noexcept { return answer || !shown.empty(); }
  /// What people see of it: the question, and an answer or what was said in its place.
  bool has_reply() const noexcept { return has_words() || !feedback.empty(); }
};

class conversation {
 public:
  /// Feedback kept per answer; more is refused.
  static constexpr std::size_t max_feedback_per_turn = 16;

  /// `max_bytes` of what messages() gives, beside the system prompt; 0: no limit.
  explicit conversation(std::size_t max_messages, std::size_t max_bytes = 0);

  /// Holds from the next trimming on.
  void limit_to(std::size_t max_messages, std::size_t max_bytes) noexcept;

  /// Adds a turn that has begun, and trims.
  turn& begin(turn begun);

  /// Drops the oldest whole turns until at most the limits of messages and bytes are left; the last
  /// turn always stays.
  void trim();

  /// The turn of that stream or query id; with an empty ref the last one that has ended. nullptr
  /// when there is none.
  turn* find(std::string_view ref) noexcept;

  turn& back() noexcept { return turns_.back(); }
  void drop_last() { turns_.drop_back(); }
  void clear() noexcept;
  bool empty() const noexcept { return turns_.empty(); }
  const fifo<turn>& turns() const noexcept { return turns_; }

  /// Messages of all turns, without the system prompt.
  std::size_t message_count() const noexcept;

  /// What the model is to read: the system prompt (when there is one), then the turns with their
  /// corrections.
  std::vector<openrouter::chat_message> messages(const std::string& system_prompt) const;

 private:
  /// As many are kept as there may be messages, of the newest turns, and all of the last.
  void trim_steps();

  void trim_bytes();

  std::size_t max_messages_;
  std::size_t max_bytes_;
  fifo<turn> turns_;
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

AGENT_WEBSOCKET_INLINE conversation::conversation(std::size_t max_messages, std::size_t max_bytes)
    : max_messages_(max_messages), max_bytes_(max_bytes) {}

AGENT_WEBSOCKET_INLINE void conversation::limit_to(std::size_t max_messages,
                                                   std::size_t max_bytes) noexcept {
  max_messages_ = max_messages;
  max_bytes_ = max_bytes;
}

AGENT_WEBSOCKET_INLINE turn& conversation::begin(turn begun) {
  turns_.push_back(std::move(begun));
  trim();
  return turns_.back();
}

AGENT_WEBSOCKET_INLINE void conversation::trim() {
  std::size_t count = 0;
  std::size_t steps = 0;
  for (const turn& each : turns_) {
    count += each.messages();
    steps += each.steps.size();
  }
  while (turns_.size() > 1 && (count > max_messages_ || turns_.size() > max_messages_)) {
    count -= turns_.front().messages();
    turns_.take_front();
  }
  if (steps > max_messages_) trim_steps();  // it counts those that are left
  if (max_bytes_ != 0) trim_bytes();
}

AGENT_WEBSOCKET_INLINE turn* conversation::find(std::string_view ref) noexcept {
  for (std::size_t i = turns_.size(); i-- > 0;) {
    turn& each = turns_[i];
    if (ref.empty() ? !each.running() && each.has_words() : each.stream == ref || each.id == ref)
      return &each;
  }
  return nullptr;
}

AGENT_WEBSOCKET_INLINE void conversation::clear() noexcept { turns_.clear(); }

AGENT_WEBSOCKET_INLINE std::size_t conversation::message_count() const noexcept {
  std::size_t count = 0;
  for (const turn& each : turns_) count += each.messages();
  return count;
}

AGENT_WEBSOCKET_INLINE std::vector<openrouter::chat_message> conversation::messages(
    const std::string& system_prompt) const {
  std::vector<openrouter::chat_message> all;
  all.reserve(message_count() + 1);
  if (!system_prompt.empty()) all.push_back(openrouter::chat_message::system(system_prompt));
  for (const turn& each : turns_) {
    if (each.messages() == 0) continue;
    all.push_back(each.question);
    all.insert(all.end(), each.steps.begin(), each.steps.end());
    if (each.answer) {
      all.push_back(*each.answer);
    } else if (!each.steps.empty()) {  // providers want somebody to speak after a tool
      all.push_back(openrouter::chat_message::assistant_partial("(This answer was cut off.)"));
    }
    for (const feedback_entry& said : each.feedback) {
      if (said.correction.empty()) continue;
      all.push_back(
          openrouter::chat_message::user("Correction of your previous answer: " + said.correction));
    }
  }
  return all;
}

AGENT_WEBSOCKET_INLINE void conversation::trim_steps() {
  std::size_t steps = 0;
  for (std::size_t i = turns_.size(); i-- > 0;) {
    steps += turns_[i].steps.size();
    if (i + 1 != turns_.size() && steps > max_messages_) turns_[i].steps.clear();
  }
}

AGENT_WEBSOCKET_INLINE void conversation::trim_bytes() {
  std::size_t bytes = 0;
  for (const turn& each : turns_) bytes += each.bytes();
  for (std::size_t i = 0; i + 1 < turns_.size() && bytes > max_bytes_; ++i) {
    bytes -= turns_[i].bytes();
    turns_[i].steps.clear();
    bytes += turns_[i].bytes();
  }
  while (turns_.size() > 1 && bytes > max_bytes_) bytes -= turns_.take_front().bytes();
}

#endif

}  // namespace agent_websocket
