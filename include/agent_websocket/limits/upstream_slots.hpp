// SPDX-License-Identifier: MIT
//
// How many requests may be under way upstream at once, over all sessions. Who comes when all are
// taken waits in line; since a session asks for one at a time, a session with a long queue of its
// own takes turns with all others.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace agent_websocket {

class upstream_slots {
 public:
  /// Names a place in the line; 0 is never given out.
  using ticket = std::uint64_t;

  /// 0: no limit.
  explicit upstream_slots(std::size_t max) : max_(max) {}

  /// Takes a slot if one is free. Each that was taken, here or by a turn, is given back by
  /// release().
  bool try_acquire() noexcept;

  /// Calls turn(), with the slot taken, when one is free; from inside of a later release().
  ticket wait(std::function<void()> turn);

  /// Leaves the line. A ticket whose turn has come is ignored.
  void withdraw(ticket place);

  void release();

  /// Sends the line away: nobody of those who wait gets a turn.
  void dismiss() noexcept;

  std::size_t taken() const noexcept { return taken_; }
  std::size_t waiting() const noexcept { return line_.size(); }

 private:
  struct waiter {
    ticket place;
    std::function<void()> turn;
  };

  std::size_t max_;
  std::size_t taken_ = 0;
  ticket last_ = 0;
  fifo<waiter, 64> line_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool upstream_slots::try_acquire() noexcept {
  if (max_ != 0 && taken_ >= max_) return false;
  ++taken_;
  return true;
}

AGENT_WEBSOCKET_INLINE upstream_slots::ticket upstream_slots::wait(std::function<void()> turn) {
  line_.push_back({++last_, std::move(turn)});
  return last_;
}

AGENT_WEBSOCKET_INLINE void upstream_slots::withdraw(ticket place) {
  for (std::size_t i = 0; i < line_.size(); ++i) {
    if (line_[i].place != place) continue;
    line_.take(i);
    return;
  }
}

AGENT_WEBSOCKET_INLINE void upstream_slots::release() {
  if (line_.empty()) {
    --taken_;
    return;
  }
  const auto next = line_.take_front();  // the slot goes from hand to hand
  next.turn();
}

AGENT_WEBSOCKET_INLINE void upstream_slots::dismiss() noexcept { line_.clear(); }

#endif

}  // namespace agent_websocket
