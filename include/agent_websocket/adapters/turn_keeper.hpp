// SPDX-License-Identifier: MIT
//
// When what has been given to a link to send is written: not at once, but at the end of the turn,
// the event of the executor that is worked on, so that what came in one read leaves in one write.
// Where events come thick, the turn goes on to the last of those that are ready: the writes of many
// links stand together, and whoever reads the other ends is woken once instead of once a write. Who
// reads bytes marks the event, and who was given bytes joins the turn; neither knows the other.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/asio_link.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// The turns of one executor, whose context outlives the last pointer to it. One thread.
class turn_keeper : public std::enable_shared_from_this<turn_keeper> {
 public:
  /// With so many links a turn ends with the event, whatever else is ready: it bounds how many
  /// events a write waits for.
  static constexpr std::size_t max_joined = 32;

  explicit turn_keeper(asio::io_context& context) noexcept : context_(&context) {}

  /// on_turn_end() of the link is called once, soon, on its own, and must not throw: at the end of
  /// the turn; outside of one, and from within on_turn_end(), of the next. In any case before what
  /// is posted to the executor from now on.
  void join(asio_link& link);

  /// By turn_event. May be nested; the end of the outermost one counts.
  void begin_event() noexcept;
  void end_event();

 private:
  /// A turn that goes on costs the executor one more look at the system, and saves waking somebody
  /// when another event comes meanwhile. Whether that is so counts up and down to here; turns go on
  /// as long as it is above 0.
  static constexpr int max_worth = 16;
  /// While they do not, one of so many events looks whether it would be worth it.
  static constexpr unsigned look_every = 16;

  bool goes_on();
  void post_end();
  void tell_joined() noexcept;

  asio::io_context* context_;
  std::vector<link_pointer<asio_link>> joined_;
  std::vector<link_pointer<asio_link>> telling_;
  unsigned events_ = 0;  // wraps around
  unsigned events_at_post_ = 0;
  unsigned unlooked_ = 0;
  int worth_ = 0;
  int depth_ = 0;
  bool posted_ = false;
};

/// An event of the executor while it is worked on; it keeps its keeper. Of null: nothing.
class turn_event {
 public:
  explicit turn_event(std::shared_ptr<turn_keeper> keeper) noexcept;
  turn_event(const turn_event&) = delete;
  turn_event& operator=(const turn_event&) = delete;
  ~turn_event();

 private:
  std::shared_ptr<turn_keeper> keeper_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void turn_keeper::join(asio_link& link) {
  joined_.emplace_back(&link);
  if (depth_ == 0 || worth_ > 0) post_end();
}

AGENT_WEBSOCKET_INLINE void turn_keeper::begin_event() noexcept {
  if (depth_++ == 0) ++events_;
}

AGENT_WEBSOCKET_INLINE void turn_keeper::end_event() {
  if (depth_ == 1 && !joined_.empty() && !goes_on()) tell_joined();
  if (--depth_ == 0 && !joined_.empty()) post_end();
}

AGENT_WEBSOCKET_INLINE bool turn_keeper::goes_on() {
  if (worth_ > 0) return joined_.size() < max_joined;
  if (++unlooked_ >= look_every) post_end();
  return false;
}

/// What is posted comes behind the events that are ready by now.
AGENT_WEBSOCKET_INLINE void turn_keeper::post_end() {
  if (posted_) return;
  unlooked_ = 0;
  events_at_post_ = events_;
  asio::post(*context_, [self = shared_from_this()] {
    self->posted_ = false;
    const int gain = self->events_ != self->events_at_post_ ? 1 : -1;
    self->worth_ = std::clamp(self->worth_ + gain, 0, max_worth);
    if (self->depth_ != 0) return;  // within an event that runs the executor: told at its end
    self->tell_joined();
    if (!self->joined_.empty()) self->post_end();
  });
  posted_ = true;
}

/// Who joins meanwhile has the next turn, so that two links cannot keep the executor for
/// themselves.
AGENT_WEBSOCKET_INLINE void turn_keeper::tell_joined() noexcept {
  ++depth_;  // which are events of this one
  telling_.swap(joined_);
  for (const auto& each : telling_) each->on_turn_end();
  telling_.clear();
  --depth_;
}

AGENT_WEBSOCKET_INLINE turn_event::turn_event(std::shared_ptr<turn_keeper> keeper) noexcept
    : keeper_(std::move(keeper)) {
  if (keeper_ != nullptr) keeper_->begin_event();
}

AGENT_WEBSOCKET_INLINE turn_event::~turn_event() {
  if (keeper_ != nullptr) keeper_->end_event();
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
