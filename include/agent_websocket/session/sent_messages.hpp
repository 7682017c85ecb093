// SPDX-License-Identifier: MIT
//
// What the model was last given to read of a conversation, from which the next request is made:
// only what has come since is added, and what was dropped is taken away. Knows nothing of limits.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/openrouter/message_list.hpp>
#include <agent_websocket/session/turn.hpp>

#include <cstddef>
#include <string>

namespace agent_websocket {

/// Follows a queue of turns, whose last may change at any time; of every other change it is told.
class sent_messages {
 public:
  /// The system prompt (when there is one), then the turns.
  const openrouter::message_list& update(const fifo<turn>& turns, const std::string& system_prompt);

  /// The oldest turn has gone.
  void front_dropped();
  /// The last has gone, or one before it was changed: all is made anew.
  void forget() noexcept;

 private:
  openrouter::message_list list_;
  std::string system_prompt_;
  fifo<std::size_t> counts_;  // of the messages of each turn
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE const openrouter::message_list& sent_messages::update(
    const fifo<turn>& turns, const std::string& system_prompt) {
  if (system_prompt != system_prompt_) {
    forget();
    system_prompt_ = system_prompt;
  }
  if (list_.empty() && !system_prompt.empty())
    list_.push_back(openrouter::chat_message::system(system_prompt));
  if (!counts_.empty()) {
    list_.erase(list_.end() - counts_.back(), list_.end());
    counts_.drop_back();
  }
  while (counts_.size() < turns.size()) {
    const std::size_t before = list_.size();
    turns[counts_.size()].append_to(list_);
    counts_.push_back(list_.size() - before);
  }
  return list_;
}

AGENT_WEBSOCKET_INLINE void sent_messages::front_dropped() {
  if (counts_.empty()) return;
  const auto first = list_.begin() + (system_prompt_.empty() ? 0 : 1);
  list_.erase(first, first + counts_.front());
  counts_.take_front();
}

AGENT_WEBSOCKET_INLINE void sent_messages::forget() noexcept {
  list_.clear();
  counts_.clear();
}

#endif

}  // namespace agent_websocket
