// SPDX-License-Identifier: MIT
//
// The commands of a redis_connection that have no reply yet: those on their way, in the order of
// their replies, and those that wait for a connection. Counts their bytes and knows until when the
// oldest one is waited for. Sends nothing and calls nobody; no clock.
#pragma once

#include <agent_websocket/adapters/redis_reply.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

class redis_queue {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  struct waiter {
    redis_command command;
    redis_handler done;
    time_point deadline;
  };

  std::size_t size() const noexcept { return sent_.size() + waiting_.size(); }
  /// Of all of them together.
  std::size_t bytes() const noexcept { return bytes_; }

  void wait(redis_command command, redis_handler done, time_point deadline);
  /// Those that wait, to be sent now.
  std::deque<waiter> take_waiting();

  /// One is on its way. `bytes`: that count; 0 for what is none of the user's commands.
  void sent(redis_handler done, time_point deadline, std::size_t bytes);
  std::size_t on_the_way() const noexcept { return sent_.size(); }
  /// The deadline of the oldest one on its way.
  std::optional<time_point> deadline() const noexcept;
  /// The handler of the oldest one on its way, which has its reply. Precondition: there is one.
  redis_handler take_sent();

  /// The handlers of all, the oldest one first.
  std::vector<redis_handler> take_all();

 private:
  struct flight {
    redis_handler done;
    time_point deadline;
    std::size_t bytes;
  };

  std::deque<flight> sent_;
  std::deque<waiter> waiting_;
  std::size_t bytes_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void redis_queue::wait(redis_command command, redis_handler done,
                                              time_point deadline) {
  bytes_ += command->size();
  waiting_.push_back({std::move(command), std::move(done), deadline});
}

AGENT_WEBSOCKET_INLINE std::deque<redis_queue::waiter> redis_queue::take_waiting() {
  for (const waiter& each : waiting_) bytes_ -= each.command->size();
  return std::exchange(waiting_, {});
}

AGENT_WEBSOCKET_INLINE void redis_queue::sent(redis_handler done, time_point deadline,
                                              std::size_t bytes) {
  bytes_ += bytes;
  sent_.push_back({std::move(done), deadline, bytes});
}

AGENT_WEBSOCKET_INLINE std::optional<redis_queue::time_point> redis_queue::deadline()
    const noexcept {
  if (sent_.empty()) return std::nullopt;
  return sent_.front().deadline;
}

AGENT_WEBSOCKET_INLINE redis_handler redis_queue::take_sent() {
  redis_handler done = std::move(sent_.front().done);
  bytes_ -= sent_.front().bytes;
  sent_.pop_front();
  return done;
}

AGENT_WEBSOCKET_INLINE std::vector<redis_handler> redis_queue::take_all() {
  std::vector<redis_handler> all;
  all.reserve(size());
  for (flight& each : std::exchange(sent_, {})) all.push_back(std::move(each.done));
  for (waiter& each : std::exchange(waiting_, {})) all.push_back(std::move(each.done));
  bytes_ = 0;
  return all;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
