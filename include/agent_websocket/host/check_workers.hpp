// SPDX-License-Identifier: MIT
//
// What an operator should know about options that are good for one process and mean something else
// for several.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/server/options.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <optional>
#include <string>

namespace agent_websocket {

/// Most that one supervisor takes.
inline constexpr unsigned max_workers = 64;

/// A warning for so many workers with these options, or nothing. Logged as workers_do_not_share.
/// Error (bad_configuration): these options are for one process.
result<std::optional<std::string>> check_workers(const options& settings, unsigned workers);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<std::optional<std::string>> check_workers(const options& settings,
                                                                        unsigned workers) {
  if (settings.store.rfind("sqlite:", 0) == 0) {
    return error(errc::bad_configuration,
                 "STORE: a file of SQLite is for one process; for workers, also for one that is "
                 "restarted without a pause, use redis://...");
  }
  if (workers < 2 || settings.store != "memory") return std::optional<std::string>();
  return std::optional<std::string>(
      "sessions are not shared between workers; a client that comes back may find another worker: "
      "set STORE=redis://...");
}

#endif

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
