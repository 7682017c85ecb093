// SPDX-License-Identifier: MIT
//
// How long a redis_connection waits before it tries again: twice as long each time, up to a limit,
// with jitter, so that the servers of a Redis that was away do not come back as one. Time is an
// argument.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/random.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <algorithm>
#include <chrono>
#include <optional>

namespace agent_websocket {
namespace adapters {

class redis_backoff {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using milliseconds = std::chrono::milliseconds;

  /// After the first attempt; half of it after a connection that held. Half of any pause is left to
  /// chance.
  static constexpr milliseconds least{100};
  static constexpr milliseconds most{2'000};
  static constexpr std::chrono::seconds steady{5};  ///< what held so long was a good connection

  /// The connection stands.
  void stands(time_point now) noexcept { since_ = now; }

  /// The pause after one that stood is lost, or after an attempt that came to nothing.
  milliseconds next(time_point now);

 private:
  random_source random_;
  std::optional<time_point> since_;
  int attempts_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE redis_backoff::milliseconds redis_backoff::next(time_point now) {
  const bool held = since_ && now - *since_ > steady;
  since_.reset();
  attempts_ = held ? 0 : std::min(attempts_ + 1, 16);
  const auto whole = std::min(most, least * (1 << std::min(attempts_, 10)) / 2);
  const double part = 0.5 + random_.unit() / 2;
  return milliseconds(static_cast<milliseconds::rep>(static_cast<double>(whole.count()) * part));
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
