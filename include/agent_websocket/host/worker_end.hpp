// SPDX-License-Identifier: MIT
//
// How a process ended: by itself, with a code, or by a signal; and in words for the log. Knows no
// system: worker_process.hpp makes it of what the system says.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <string>

namespace agent_websocket {

struct worker_end {
  int code = 0;
  int signal = 0;  ///< 0: none

  bool is_clean() const noexcept { return code == 0 && signal == 0; }
};

/// "code=3", or "signal=9".
std::string to_string(const worker_end& how);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string to_string(const worker_end& how) {
  return how.signal != 0 ? "signal=" + std::to_string(how.signal)
                         : "code=" + std::to_string(how.code);
}

#endif

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
