// SPDX-License-Identifier: MIT
//
// The messages of a conversation's turns that are over, joined, from one request to the next: what
// has come since is added, and what was dropped is taken away. Knows nothing of limits.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/openrouter/joined_messages.hpp>
#include <agent_websocket/openrouter/message_list.hpp>
#include <agent_websocket/session/turn.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace agent_websocket {

/// Follows a queue of turns, to which some are added, and whose last may change at any time; of
/// every other change it is told.
class sent_messages {
 public:
  /// A message of text alone has its JSON text only here. Others have it also themselves: while
  /// there are more than so many bytes of those, nothing is joined.
  static constexpr std::size_t max_kept_twice = 64 * 1024;

  /// The system prompt (when there is one), then the turns.
  openrouter::message_list update(const fifo<turn>& turns, const std::string& system_prompt);

  bool is_joined() const noexcept { return joined_ != nullptr; }

  /// The oldest turns have gone, so many.
  void front_dropped(std::size_t count) noexcept;
  /// The newest has gone; so many are left.
  void back_dropped(std::size_t left) noexcept;
  /// One before the last was changed: all is made anew.
  void forget() noexcept;

 private:
  /// What one turn adds.
  struct part {
    std::size_t messages;
    std::size_t kept_twice;
  };

  void follow(const fifo<turn>& turns);
  void add(const turn& next);
  void join(const fifo<turn>& turns);
  /// joined_, which no request shares from now on; null when nothing is joined, or when there is no
  /// memory for a copy.
  openrouter::joined_messages* own() noexcept;

  std::shared_ptr<openrouter::joined_messages> joined_;  // none, or of all parts
  fifo<part> parts_;
  std::size_t kept_twice_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE openrouter::message_list sent_messages::update(
    const fifo<turn>& turns, const std::string& system_prompt) {
  try {
    follow(turns);
  } catch (...) {
    forget();
    throw;
  }
  std::vector<openrouter::chat_message> before, behind;
  if (!system_prompt.empty()) before.push_back(openrouter::chat_message::system(system_prompt));
  if (joined_ == nullptr) {
    for (std::size_t i = 0; i < parts_.size(); ++i) turns[i].append_to(behind);
  }
  if (!turns.empty()) turns.back().append_to(behind);
  return {std::move(before), joined_, std::move(behind)};
}

AGENT_WEBSOCKET_INLINE void sent_messages::front_dropped(std::size_t count) noexcept {
  std::size_t messages = 0;
  for (; count > 0 && !parts_.empty(); --count) {
    const part gone = parts_.take_front();
    kept_twice_ -= gone.kept_twice;
    messages += gone.messages;
  }
  if (messages == 0) return;
  if (auto* const its = own()) its->drop_front(messages);
}

AGENT_WEBSOCKET_INLINE void sent_messages::back_dropped(std::size_t left) noexcept {
  while (!parts_.empty() && parts_.size() >= left) {
    const part gone = parts_.back();
    parts_.drop_back();
    kept_twice_ -= gone.kept_twice;
    if (auto* const its = own()) its->drop_back(gone.messages);
  }
}

AGENT_WEBSOCKET_INLINE void sent_messages::forget() noexcept {
  joined_.reset();
  parts_.clear();
  kept_twice_ = 0;
}

AGENT_WEBSOCKET_INLINE void sent_messages::follow(const fifo<turn>& turns) {
  while (parts_.size() + 1 < turns.size()) add(turns[parts_.size()]);
  if (kept_twice_ > max_kept_twice) {
    joined_.reset();
  } else if (joined_ == nullptr && !parts_.empty()) {
    join(turns);
  }
}

AGENT_WEBSOCKET_INLINE void sent_messages::add(const turn& next) {
  std::vector<openrouter::chat_message> added;
  added.reserve(next.messages());
  next.append_to(added);
  part made{added.size(), 0};
  for (const openrouter::chat_message& each : added) {
    if (!each.is_text_alone()) made.kept_twice += each.bytes();
  }
  parts_.push_back(made);
  kept_twice_ += made.kept_twice;
  if (kept_twice_ > max_kept_twice) return joined_.reset();
  if (auto* const its = own()) {
    for (openrouter::chat_message& each : added) its->add(std::move(each));
  }
}

AGENT_WEBSOCKET_INLINE void sent_messages::join(const fifo<turn>& turns) {
  std::vector<openrouter::chat_message> all;
  for (std::size_t i = 0; i < parts_.size(); ++i) turns[i].append_to(all);
  const auto made = std::make_shared<openrouter::joined_messages>();
  for (openrouter::chat_message& each : all) made->add(std::move(each));
  joined_ = made;
}

AGENT_WEBSOCKET_INLINE openrouter::joined_messages* sent_messages::own() noexcept {
  if (joined_ == nullptr) return nullptr;
  if (joined_.use_count() == 1) {
    // Counting up and down comes after what a request in another thread did before it let go.
    const auto counted = joined_;
    return joined_.get();
  }
  try {
    joined_ = std::make_shared<openrouter::joined_messages>(*joined_);
  } catch (...) {
    joined_.reset();
  }
  return joined_.get();
}

#endif

}  // namespace agent_websocket
