// SPDX-License-Identifier: MIT
//
// What an operator should know about options that are good for one process and mean something else
// for several. Says it; forbids nothing.
#pragma once

#include <agent_websocket/server/options.hpp>

#include <optional>
#include <string>

namespace agent_websocket {

/// Most that one supervisor takes.
inline constexpr unsigned max_workers = 64;

/// A warning for so many workers with these options, or nothing. Logged as workers_do_not_share.
inline std::optional<std::string> check_workers(const options& /*settings*/, unsigned workers) {
  if (workers < 2) return std::nullopt;
  return "sessions are not shared between workers; a client that comes back may find another "
         "worker";
}

}  // namespace agent_websocket
