// SPDX-License-Identifier: MIT
//
// The span in which one event of the executor is worked on, as far as adapters have to agree on it:
// who reads bytes opens a turn, and who was given bytes to send in it sends them at its end, so
// that what came in one read leaves in one write, at once. Neither knows the other.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

namespace agent_websocket {
namespace adapters {

/// Who sends. Turns may be nested; the end of the outermost one counts.
class turn_keeper {
 public:
  virtual void begin_turn() noexcept = 0;
  virtual void end_turn() = 0;

 protected:
  ~turn_keeper() = default;
};

/// One turn, of a keeper that outlives it; of null: nothing.
class event_turn {
 public:
  explicit event_turn(turn_keeper* keeper) noexcept;
  event_turn(const event_turn&) = delete;
  event_turn& operator=(const event_turn&) = delete;
  ~event_turn();

 private:
  turn_keeper* keeper_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE event_turn::event_turn(turn_keeper* keeper) noexcept : keeper_(keeper) {
  if (keeper_ != nullptr) keeper_->begin_turn();
}

AGENT_WEBSOCKET_INLINE event_turn::~event_turn() {
  if (keeper_ != nullptr) keeper_->end_turn();
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
