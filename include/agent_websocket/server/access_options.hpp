// SPDX-License-Identifier: MIT
//
// What an operator can set about who is let in, and how much of the server one client may take:
// authentication, origins, limits, TLS and the HTTP API. A part of options.hpp; a plain value.
#pragma once

#include <agent_websocket/base/result.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace agent_websocket {

/// Who may read /metrics.
enum class metrics_access {
  open,   ///< everybody
  admin,  ///< who shows the admin token
  off,    ///< nobody: the path is not there
};

struct access_options {
  using milliseconds = std::chrono::milliseconds;

  // Authentication.
  /// For a client that showed no token in its handshake to send one as its first message; 0: the
  /// handshake must have it.
  milliseconds auth_timeout{10'000};
  /// After its token has expired, for a client to show a new one before its socket is closed.
  milliseconds auth_grace{30'000};

  // HTTP API and metrics.
  static constexpr std::size_t min_admin_token_bytes = 16;  ///< what can be guessed is no secret
  /// Whoever shows it may use the HTTP API; empty: there is none. Never printed.
  std::string admin_token;
  metrics_access metrics = metrics_access::open;

  /// Checks what has to do with the admin token. Called by options::check.
  result<void> check_admin() const {
    if (!admin_token.empty() && admin_token.size() < min_admin_token_bytes) {
      return error(errc::bad_configuration, "ADMIN_TOKEN is too short: it must have at least " +
                                                std::to_string(min_admin_token_bytes) +
                                                " bytes, and be hard to guess");
    }
    if (metrics == metrics_access::admin && admin_token.empty()) {
      return error(errc::bad_configuration,
                   "METRICS is admin, but ADMIN_TOKEN is not set: nobody could read them");
    }
    return {};
  }
};

}  // namespace agent_websocket
