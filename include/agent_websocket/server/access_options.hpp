// SPDX-License-Identifier: MIT
//
// What an operator can set about who is let in, and how much of the server one client may take:
// authentication, origins, limits, TLS and the HTTP API. A part of options.hpp; a plain value.
#pragma once

#include <agent_websocket/base/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

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

  // Where from.
  /// Whose web pages may use the server, beside those of its own host: see origin_rules::parse.
  std::vector<std::string> allowed_origins;
  /// Whose X-Forwarded-For is believed: see http::trusted_proxies::parse. Empty: nobody's.
  std::vector<std::string> trusted_proxies;

  // Limits; 0 is no limit. Those of an address leave room for an office behind one, and take a
  // tenth of what the server has for all by default. A user without a name counts by its address.
  std::size_t max_connections_per_address = 1000;  ///< of IPv6 a /64
  std::size_t max_connections_per_user = 100;      ///< with a name
  /// Of which one address gets a quarter, with twice as many at once. The default is what one core
  /// can shake hands with over TLS while it does its work.
  std::uint32_t new_connections_per_second = 500;
  /// Messages of one socket that ask for something: see message_gate.hpp. A person types 5.
  std::uint32_t messages_per_minute = 60;
  std::uint32_t message_burst = 30;
  std::uint32_t user_messages_per_minute = 600;  ///< over all sockets
  std::uint32_t user_message_burst = 300;
  std::size_t max_sessions_per_user = 1000;  ///< that hold something; the oldest detached ones go
  /// From 00:00 to 24:00 UTC, as answers report it. No default: models differ a thousandfold.
  std::uint64_t daily_tokens_per_user = 0;
  double daily_cost_per_user = 0;  ///< in US dollars

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
