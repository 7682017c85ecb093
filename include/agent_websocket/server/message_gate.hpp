// SPDX-License-Identifier: MIT
//
// How much one socket may say, on two levels. Every frame counts against a generous rate; who
// exceeds it is sent away (4005 rate_exceeded): that is no client. Messages that ask for something
// count against the rate of the operator, of the socket and of its user, and are refused one by one
// with the time to wait. What only keeps a conversation going is never refused: ping, ack, hello,
// auth, cancel, close, results of tools and decisions of people. Nor is what a client sends again
// because it does not know that it arrived: that is acknowledged and not done again.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/limits/token_bucket.hpp>
#include <agent_websocket/limits/user_limits.hpp>
#include <agent_websocket/server/message_cost.hpp>
#include <agent_websocket/wire/message.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace agent_websocket {

/// Of one socket.
class message_gate {
 public:
  static constexpr const char* budget_words =
      "The budget of this day is used up; the next begins at 00:00 UTC";

  struct refusal {
    error why;
    std::chrono::milliseconds retry_after;  ///< rounded up: after it there is a place
  };

  /// 0: no limit, also of frames.
  message_gate(std::uint32_t per_minute, std::uint32_t burst) noexcept;

  /// A frame has come, of any kind. False: too many.
  bool take_frame(time_point now) noexcept;

  /// A message has come, which is not known by its id yet. nullopt: it counts, and may pass.
  /// `who` may be null: nobody yet.
  std::optional<refusal> take(const wire::client_message& message, const user_limits& users,
                              user_limits::user* who, time_point now, wall_time at);

  /// Frames of one socket that are allowed: far above what a client sends that keeps to the rate of
  /// messages, with its acks, pings and results of tools.
  static rate frames_for(std::uint32_t per_minute, std::uint32_t burst) noexcept;

 private:
  static refusal refuse(errc code, const char* words, duration wait);

  // Of two buckets what differs from socket to socket.
  std::uint32_t per_minute_, burst_;
  time_point frames_full_at_ = time_point::min();
  time_point messages_full_at_ = time_point::min();
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE message_gate::message_gate(std::uint32_t per_minute,
                                                  std::uint32_t burst) noexcept
    : per_minute_(per_minute), burst_(burst) {}

AGENT_WEBSOCKET_INLINE bool message_gate::take_frame(time_point now) noexcept {
  if (per_minute_ == 0) return true;
  token_bucket frames(frames_for(per_minute_, burst_), frames_full_at_);
  const bool is_taken = !frames.take(now);
  frames_full_at_ = frames.full_at();
  return is_taken;
}

AGENT_WEBSOCKET_INLINE std::optional<message_gate::refusal> message_gate::take(
    const wire::client_message& message, const user_limits& users, user_limits::user* who,
    time_point now, wall_time at) {
  if (!begins_work(message)) return std::nullopt;
  token_bucket messages(rate::per_minute(per_minute_, burst_), messages_full_at_);
  const duration own = messages.wait(now);
  const duration of_user = who != nullptr ? who->wait(now) : duration::zero();
  if (const duration wait = std::max(own, of_user); wait > duration::zero()) {
    return refuse(errc::rate_limited,
                  own >= of_user ? "Too many messages" : "Too many messages of this user", wait);
  }
  messages.take(now);
  messages_full_at_ = messages.full_at();
  if (who == nullptr) return std::nullopt;
  who->take_message(now);
  if (!asks_model(message)) return std::nullopt;
  const auto wait = users.budget_wait(*who, at);
  if (!wait) return std::nullopt;
  return refuse(errc::quota_exceeded, budget_words, *wait);
}

AGENT_WEBSOCKET_INLINE rate message_gate::frames_for(std::uint32_t per_minute,
                                                     std::uint32_t burst) noexcept {
  constexpr std::uint32_t factor = 20, most = 1'000'000'000;
  if (per_minute == 0) return {};
  const auto times = [](std::uint32_t number, std::uint32_t least) {
    return std::max(number > most / factor ? most : number * factor, least);
  };
  return rate::per_minute(times(per_minute, 600), times(burst, 300));
}

AGENT_WEBSOCKET_INLINE message_gate::refusal message_gate::refuse(errc code, const char* words,
                                                                  duration wait) {
  return {error(code, words), std::chrono::ceil<std::chrono::milliseconds>(wait)};
}

#endif

}  // namespace agent_websocket
