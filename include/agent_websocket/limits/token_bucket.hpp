// SPDX-License-Identifier: MIT
//
// A rate with a burst, as a token bucket kept as one moment (the generic cell rate algorithm, ITU-T
// I.371): when the bucket would be full again. There is no count that has to be refilled, so
// nothing drifts and nothing runs while nobody asks. Has no clock: the time is handed in.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace agent_websocket {

/// How often something may happen.
struct rate {
  std::uint32_t count = 0;  ///< in one period; 0: no limit
  duration period = std::chrono::minutes(1);
  std::uint32_t burst = 1;  ///< at once, after a rest; at least 1

  static rate per_minute(std::uint32_t count, std::uint32_t burst) noexcept;
  static rate per_second(std::uint32_t count, std::uint32_t burst) noexcept;
  bool unlimited() const noexcept { return count == 0; }
};

/// 24 bytes. Starts full. Moments that go backwards (no steady clock does) give nothing back.
class token_bucket {
 public:
  /// The longest that a bucket takes to fill; a burst beyond it is cut.
  static constexpr duration longest = std::chrono::hours(24 * 365);

  token_bucket() = default;  ///< without a limit
  explicit token_bucket(const rate& allowed) noexcept;

  /// As another of the same rate was when that was its full_at().
  token_bucket(const rate& allowed, time_point full_at) noexcept;
  time_point full_at() const noexcept { return full_at_; }

  /// How long until take() would succeed; zero: now.
  duration wait(time_point now) const noexcept;

  /// Takes one: nullopt, or how long to wait until there is one.
  std::optional<duration> take(time_point now) noexcept;

  /// As if nothing had ever been taken.
  bool full(time_point now) const noexcept { return full_at_ <= now; }
  bool unlimited() const noexcept { return interval_ == duration::zero(); }

 private:
  duration interval_{0};  // in which one comes back; 0: no limit
  duration room_{0};      // what the burst is worth
  time_point full_at_ = time_point::min();
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE rate rate::per_minute(std::uint32_t count, std::uint32_t burst) noexcept {
  return {count, std::chrono::minutes(1), burst};
}

AGENT_WEBSOCKET_INLINE rate rate::per_second(std::uint32_t count, std::uint32_t burst) noexcept {
  return {count, std::chrono::seconds(1), burst};
}

AGENT_WEBSOCKET_INLINE token_bucket::token_bucket(const rate& allowed) noexcept {
  if (allowed.unlimited()) return;
  // At least 1 ns, which is no limit for anything that arrives.
  interval_ = std::clamp<duration>(allowed.period / allowed.count, duration(1), longest);
  const duration::rep most = longest / interval_;
  room_ = interval_ * std::clamp<duration::rep>(allowed.burst, 1, most);
}

AGENT_WEBSOCKET_INLINE token_bucket::token_bucket(const rate& allowed, time_point full_at) noexcept
    : token_bucket(allowed) {
  full_at_ = full_at;
}

AGENT_WEBSOCKET_INLINE duration token_bucket::wait(time_point now) const noexcept {
  if (full_at_ <= now || unlimited()) return duration::zero();
  if (full_at_ > now + 2 * longest) return 2 * longest;  // only of moments that make no sense
  return std::max(full_at_ - now + interval_ - room_, duration::zero());
}

AGENT_WEBSOCKET_INLINE std::optional<duration> token_bucket::take(time_point now) noexcept {
  if (const duration left = wait(now); left > duration::zero()) return left;
  full_at_ = std::max(full_at_, now) + interval_;
  return std::nullopt;
}

#endif

}  // namespace agent_websocket
