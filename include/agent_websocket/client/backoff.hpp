// SPDX-License-Identifier: MIT
//
// How long to wait before the next attempt to connect: exponential with full jitter, so that the
// clients of a server that fell over do not come back as one. Pure; the dice are the caller's.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/random.hpp>
#include <agent_websocket/client/close_verdict.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace agent_websocket {

class client_backoff {
 public:
  using milliseconds = std::chrono::milliseconds;

  static constexpr milliseconds least{500};
  static constexpr milliseconds most{20'000};
  static constexpr milliseconds longest_told{300'000};  ///< of a server, which may be wrong

  /// The delay after a connection or an attempt that ended with `code`. `told`: the wait that the
  /// server asked for before.
  milliseconds next(std::uint16_t code, std::optional<milliseconds> told, random_source& random);

  /// A connection has held.
  void reset() noexcept { attempts_ = 0; }
  /// Since the last reset.
  int attempts() const noexcept { return attempts_; }

 private:
  static milliseconds part_of(milliseconds whole, double factor);

  int attempts_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE client_backoff::milliseconds client_backoff::next(
    std::uint16_t code, std::optional<milliseconds> told, random_source& random) {
  // An overloaded server is not helped by those who come back first.
  if (code == close_code_overload) attempts_ = std::max(attempts_, 4);
  const int doublings = std::min(attempts_++, 16);
  if (told && (code == close_code_restart || code == close_code_moved)) {
    return std::max(least, part_of(std::min(*told, longest_told), 0.5 + random.unit()));
  }
  const milliseconds range = std::min(most, least * (1 << doublings));
  return std::min(most, least + part_of(range, random.unit()));
}

AGENT_WEBSOCKET_INLINE client_backoff::milliseconds client_backoff::part_of(milliseconds whole,
                                                                            double factor) {
  return milliseconds(static_cast<milliseconds::rep>(static_cast<double>(whole.count()) * factor));
}

#endif

}  // namespace agent_websocket
