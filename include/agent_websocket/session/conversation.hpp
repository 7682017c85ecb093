// SPDX-License-Identifier: MIT
//
// The turns of one conversation, and what the model is to read of them with the next question.
// Trimmed to a number of messages by dropping the oldest whole turns; the system prompt stands
// apart and is never dropped. Calls of tools and their results do not count: of those as many are
// kept again, of the newest turns, so that one turn with many calls does not drive out what people
// have said. Trimmed to a number of bytes likewise: first what tools have said, then whole turns.
#pragma once

#include <agent_websocket/base/boxed.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/openrouter/message_list.hpp>
#include <agent_websocket/session/sent_messages.hpp>
#include <agent_websocket/session/turn.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

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
  /// when there is none. One before the last may be changed until any other function is called;
  /// then it is to be found anew.
  turn* find(std::string_view ref) noexcept;
  const turn* find(std::string_view ref) const noexcept;

  /// Precondition of these: !empty().
  turn& back() noexcept { return kept_->turns.back(); }
  void drop_last();
  void clear() noexcept;
  bool empty() const noexcept { return turns().empty(); }
  /// Valid until the conversation is changed.
  const fifo<turn>& turns() const noexcept;

  /// Messages of all turns, without the system prompt.
  std::size_t message_count() const noexcept;

  /// What the model is to read: the system prompt (when there is one), then the turns with their
  /// corrections.
  openrouter::message_list messages(const std::string& system_prompt) const;

 private:
  /// Of a conversation that has begun once. The last turn changes as it goes on; what is known of
  /// those before it is not found out again for each question.
  struct kept {
    fifo<turn> turns;
    std::size_t counted = 0;  // so many turns, of those before the last, have
    std::size_t messages = 0;
    std::size_t steps = 0;
    std::size_t bytes = 0;
    sent_messages sent;
  };

  /// All before the last are counted.
  static void count(kept& all) noexcept;
  static void uncount(kept& all, const turn& gone) noexcept;
  /// A turn before the last was changed.
  static void forget(kept& all) noexcept;
  static void drop_front(kept& all, std::size_t count);

  /// As many are kept as there may be messages, of the newest turns, and all of the last.
  void trim_steps(kept& all);

  void trim_bytes(kept& all);

  std::size_t max_messages_;
  std::size_t max_bytes_;
  mutable boxed<kept> kept_;  // what is counted and sent is found out when it is asked for
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE conversation::conversation(std::size_t max_messages, std::size_t max_bytes)
    : max_messages_(max_messages), max_bytes_(max_bytes) {}

AGENT_WEBSOCKET_INLINE void conversation::limit_to(std::size_t max_messages,
                                                   std::size_t max_bytes) noexcept {
  max_messages_ = max_messages;
  max_bytes_ = max_bytes;
}

AGENT_WEBSOCKET_INLINE turn& conversation::begin(turn begun) {
  kept& all = kept_.need();
  all.turns.push_back(std::move(begun));
  trim();
  return all.turns.back();
}

AGENT_WEBSOCKET_INLINE void conversation::trim() {
  if (empty()) return;
  kept& all = *kept_;
  count(all);
  const turn& last = all.turns.back();
  const std::size_t steps = all.steps + last.steps.size();  // trim_steps() counts what is left
  std::size_t turns = all.turns.size();
  std::size_t messages = all.messages + last.messages();
  for (std::size_t i = 0; turns > 1 && (messages > max_messages_ || turns > max_messages_); ++i) {
    messages -= all.turns[i].messages();
    --turns;
  }
  drop_front(all, all.turns.size() - turns);
  if (steps > max_messages_) trim_steps(all);
  count(all);
  if (max_bytes_ != 0 && all.bytes + last.bytes() > max_bytes_) trim_bytes(all);
}

AGENT_WEBSOCKET_INLINE const turn* conversation::find(std::string_view ref) const noexcept {
  const fifo<turn>& all = turns();
  for (std::size_t i = all.size(); i-- > 0;) {
    const turn& each = all[i];
    const bool is_it =
        ref.empty() ? !each.running() && each.has_words() : each.stream == ref || each.id == ref;
    if (is_it) return &each;
  }
  return nullptr;
}

AGENT_WEBSOCKET_INLINE turn* conversation::find(std::string_view ref) noexcept {
  turn* const found = const_cast<turn*>(std::as_const(*this).find(ref));
  if (found != nullptr && found != &kept_->turns.back()) forget(*kept_);  // it may be changed
  return found;
}

AGENT_WEBSOCKET_INLINE void conversation::drop_last() {
  kept& all = *kept_;
  all.turns.drop_back();
  all.sent.back_dropped(all.turns.size());
  if (all.counted == 0 || all.counted < all.turns.size()) return;
  uncount(all, all.turns[--all.counted]);  // it is the last now
}

AGENT_WEBSOCKET_INLINE void conversation::clear() noexcept {
  if (!kept_) return;
  forget(*kept_);
  kept_->turns.clear();
}

AGENT_WEBSOCKET_INLINE const fifo<turn>& conversation::turns() const noexcept {
  static const fifo<turn> none;
  return kept_ ? kept_->turns : none;
}

AGENT_WEBSOCKET_INLINE std::size_t conversation::message_count() const noexcept {
  if (empty()) return 0;
  count(*kept_);
  return kept_->messages + kept_->turns.back().messages();
}

AGENT_WEBSOCKET_INLINE openrouter::message_list conversation::messages(
    const std::string& system_prompt) const {
  if (kept_) return kept_->sent.update(kept_->turns, system_prompt);
  return sent_messages().update(turns(), system_prompt);
}

AGENT_WEBSOCKET_INLINE void conversation::count(kept& all) noexcept {
  while (all.counted + 1 < all.turns.size()) {
    const turn& each = all.turns[all.counted++];
    all.messages += each.messages();
    all.steps += each.steps.size();
    all.bytes += each.bytes();
  }
}

AGENT_WEBSOCKET_INLINE void conversation::forget(kept& all) noexcept {
  all.counted = all.messages = all.steps = all.bytes = 0;
  all.sent.forget();
}

AGENT_WEBSOCKET_INLINE void conversation::uncount(kept& all, const turn& gone) noexcept {
  all.messages -= gone.messages();
  all.steps -= gone.steps.size();
  all.bytes -= gone.bytes();
}

/// Precondition: they are counted.
AGENT_WEBSOCKET_INLINE void conversation::drop_front(kept& all, std::size_t count) {
  all.sent.front_dropped(count);
  all.counted -= count;
  for (; count > 0; --count) uncount(all, all.turns.take_front());
}

AGENT_WEBSOCKET_INLINE void conversation::trim_steps(kept& all) {
  std::size_t steps = 0;
  for (std::size_t i = all.turns.size(); i-- > 0;) {
    turn& each = all.turns[i];
    steps += each.steps.size();
    if (i + 1 == all.turns.size() || steps <= max_messages_ || each.steps.empty()) continue;
    each.steps.clear();
    forget(all);
  }
}

AGENT_WEBSOCKET_INLINE void conversation::trim_bytes(kept& all) {
  std::size_t bytes = all.bytes + all.turns.back().bytes();
  for (std::size_t i = 0; i + 1 < all.turns.size() && bytes > max_bytes_; ++i) {
    turn& each = all.turns[i];
    if (each.steps.empty()) continue;
    bytes -= each.bytes();
    each.steps.clear();
    bytes += each.bytes();
    forget(all);
  }
  count(all);
  std::size_t gone = 0;
  for (; gone + 1 < all.turns.size() && bytes > max_bytes_; ++gone)
    bytes -= all.turns[gone].bytes();
  drop_front(all, gone);
}

#endif

}  // namespace agent_websocket
