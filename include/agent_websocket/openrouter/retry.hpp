// SPDX-License-Identifier: MIT
//
// When a failed attempt is made again: exponential backoff with full jitter (AWS Architecture Blog,
// "Exponential Backoff And Jitter"), or what the upstream asks for with Retry-After (RFC 9110
// section 10.2.3). Pure; the caller sees to it that nothing was delivered before.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/openrouter/error.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace agent_websocket {
namespace openrouter {

struct retry_policy {
  int max_attempts = 3;                   ///< in all; 1 means no retries
  std::chrono::milliseconds base{500};    ///< longest first wait; doubles from attempt to attempt
  std::chrono::milliseconds cap{30'000};  ///< longest wait without a hint
  std::chrono::milliseconds max_wait{60'000};  ///< a longer hint of the upstream means giving up
};

/// How long to wait after attempt number `attempt` (1, 2, ...) has failed, or nullopt: give up.
/// `unit` is a random number in [0, 1).
std::optional<std::chrono::milliseconds> decide_retry(const retry_policy& policy, int attempt,
                                                      const failure& why, double unit) noexcept;

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::optional<std::chrono::milliseconds> decide_retry(
    const retry_policy& policy, int attempt, const failure& why, double unit) noexcept {
  using std::chrono::milliseconds;
  if (!why.retryable || attempt >= policy.max_attempts) return std::nullopt;
  // A model that answers with nothing twice will do so a third time, and each may be billed.
  if (why.why.code == errc::empty_response && attempt >= 2) return std::nullopt;
  const auto part = [unit](milliseconds of) {
    return milliseconds(static_cast<milliseconds::rep>(static_cast<double>(of.count()) * unit));
  };
  if (why.retry_after && why.retry_after->count() > 0) {
    if (*why.retry_after > policy.max_wait) return std::nullopt;
    // Jitter on top, or all who were refused come back at the same moment.
    return *why.retry_after + part(*why.retry_after / 2);
  }
  milliseconds longest = std::min(policy.base, policy.cap);
  for (int i = 1; i < attempt && longest < policy.cap; ++i) {
    longest = longest > policy.cap / 2 ? policy.cap : longest * 2;
  }
  return part(longest);
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
