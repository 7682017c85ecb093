// SPDX-License-Identifier: MIT
//
// The clocks of one completion: connecting is the HTTP client's; here are first token, idle, total,
// and the wait before a retry. All of them stand still while the completion is paused. Arithmetic
// on moments that are handed in; the timer is the caller's.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/openrouter/settings.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace agent_websocket {
namespace openrouter {

/// When something is due, and what it means when that moment has come.
struct deadline {
  time_point at;
  errc passed = errc::internal;
};

class completion_clocks {
 public:
  /// The completion begins.
  void start(time_point now) noexcept { started_ = now; }

  /// An attempt is sent; `streams` says whether the answer is asked for piece by piece.
  void send(time_point now, bool streams) noexcept;
  void on_head(time_point now) noexcept;
  /// Any byte counts, those of comments too.
  void on_bytes(time_point now) noexcept { last_byte_ = now; }

  /// An attempt has failed; the next is due after `wait`.
  void wait(time_point now, std::chrono::milliseconds wait) noexcept;

  bool paused() const noexcept { return paused_; }
  void pause(time_point now) noexcept;
  void resume(time_point now) noexcept;

  time_point retry_at() const noexcept { return retry_at_; }

  /// What is due next while an answer is awaited or read.
  std::optional<deadline> next(const client_settings& limits, bool has_output) const noexcept;

  /// True when a wait of that length would end behind the total limit.
  bool exceeds_total(const client_settings& limits, time_point now,
                     std::chrono::milliseconds wait) const noexcept;

 private:
  time_point standing(time_point now) const noexcept { return paused_ ? paused_at_ : now; }

  time_point started_, sent_, last_byte_, retry_at_, paused_at_;
  bool streams_ = true;
  bool has_head_ = false;
  bool paused_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void completion_clocks::send(time_point now, bool streams) noexcept {
  sent_ = last_byte_ = now;
  streams_ = streams;
  has_head_ = false;
}

AGENT_WEBSOCKET_INLINE void completion_clocks::on_head(time_point now) noexcept {
  has_head_ = true;
  last_byte_ = now;
}

AGENT_WEBSOCKET_INLINE void completion_clocks::wait(time_point now,
                                                    std::chrono::milliseconds wait) noexcept {
  retry_at_ = standing(now) + wait;
}

AGENT_WEBSOCKET_INLINE void completion_clocks::pause(time_point now) noexcept {
  paused_ = true;
  paused_at_ = now;
}

AGENT_WEBSOCKET_INLINE void completion_clocks::resume(time_point now) noexcept {
  paused_ = false;
  const duration lost = now - paused_at_;
  started_ += lost;
  sent_ += lost;
  retry_at_ += lost;
  last_byte_ = std::min(last_byte_ + lost, now);  // bytes may come while it is paused
}

AGENT_WEBSOCKET_INLINE std::optional<deadline> completion_clocks::next(
    const client_settings& limits, bool has_output) const noexcept {
  std::optional<deadline> first;
  const auto add = [&first](time_point from, std::chrono::milliseconds limit, errc passed) {
    if (limit.count() <= 0) return;
    const time_point at = from + limit;
    if (!first || at < first->at) first = deadline{at, passed};
  };
  add(started_, limits.total_timeout, errc::timeout_total);
  // A server that does not stream is silent until it has all of the answer.
  if (streams_ && !has_output) {
    add(sent_, limits.first_token_timeout, errc::timeout_first_token);
  }
  if (has_head_ || !streams_) add(last_byte_, limits.idle_timeout, errc::timeout_idle);
  return first;
}

AGENT_WEBSOCKET_INLINE bool completion_clocks::exceeds_total(
    const client_settings& limits, time_point now, std::chrono::milliseconds wait) const noexcept {
  const auto total = limits.total_timeout;
  return total.count() > 0 && standing(now) + wait >= started_ + total;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
