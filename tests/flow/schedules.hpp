// SPDX-License-Identifier: MIT
//
// How many random schedules a test plays: AGENT_WEBSOCKET_SCHEDULES when it is set (for long runs),
// fewer than usual under sanitizers, which make each several times slower.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace flow {

inline std::uint32_t schedules(std::uint32_t usually) {
  if (const char* const set = std::getenv("AGENT_WEBSOCKET_SCHEDULES"))
    return static_cast<std::uint32_t>(std::strtoul(set, nullptr, 10));
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return usually / 5;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return usually / 5;
#else
  return usually;
#endif
#else
  return usually;
#endif
}

}  // namespace flow
