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
  /// A message of text alone has its JSON text only here. Others have it also themselves: of more
  /// than so many bytes of those nothing is kept for the next time.
  static constexpr std::size_t max_kept_twice = 64 * 1024;

  /// The system prompt (when there is one), then the turns.
  openrouter::message_list update(const fifo<turn>& turns, const std::string& system_prompt);

  /// The oldest turn has gone.
  void front_dropped();
  /// The last has gone, or one before it was changed: all is made anew.
  void forget() noexcept;

 private:
  /// What one turn has added.
  struct part {
    std::size_t messages;
    std::size_t kept_twice;
  };

  void add(const turn& next);

  openrouter::message_list list_;
  std::string system_prompt_;
  fifo<part> parts_;
  std::size_t kept_twice_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE openrouter::message_list sent_messages::update(
    const fifo<turn>& turns, const std::string& system_prompt) {
  if (system_prompt != system_prompt_) {
    forget();
    system_prompt_ = system_prompt;
  }
  if (list_.empty() && !system_prompt.empty())
    list_.push_back(openrouter::chat_message::system(system_prompt));
  if (!parts_.empty()) {
    list_.erase(list_.end() - parts_.back().messages, list_.end());
    kept_twice_ -= parts_.back().kept_twice;
    parts_.drop_back();
  }
  while (parts_.size() < turns.size()) add(turns[parts_.size()]);
  const openrouter::message_list all = list_;
  if (kept_twice_ > max_kept_twice) forget();
  return all;
}

AGENT_WEBSOCKET_INLINE void sent_messages::front_dropped() {
  if (parts_.empty()) return;
  const auto first = list_.begin() + (system_prompt_.empty() ? 0 : 1);
  list_.erase(first, first + parts_.front().messages);
  kept_twice_ -= parts_.front().kept_twice;
  parts_.take_front();
}

AGENT_WEBSOCKET_INLINE void sent_messages::forget() noexcept {
  list_.clear();
  parts_.clear();
  kept_twice_ = 0;
}

AGENT_WEBSOCKET_INLINE void sent_messages::add(const turn& next) {
  const std::size_t before = list_.size();
  next.append_to(list_);
  part added{list_.size() - before, 0};
  for (std::size_t i = before; i < list_.size(); ++i) {
    if (!list_[i].is_text_alone()) added.kept_twice += list_[i].bytes();
  }
  kept_twice_ += added.kept_twice;
  parts_.push_back(added);
}

#endif

}  // namespace agent_websocket
