// SPDX-License-Identifier: MIT
//
// What an operator can set about who is let in, and how much of the server one client may take:
// authentication, origins, limits, TLS and the HTTP API. A part of options.hpp; a plain value.
#pragma once

#include <agent_websocket/auth/static_tokens.hpp>
#include <agent_websocket/base/config.hpp>
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

  // Authentication. As long as there are neither tokens nor keys, everybody is let in.
  static_tokens tokens;    ///< users and their tokens
  std::string jwt_secret;  ///< for HS256: 32 bytes or more, used as they stand; never printed
  std::string jwt_previous_secret;           ///< good beside it; never printed
  std::string jwt_public_key_file;           ///< for RS256 or ES256: PEM, one PUBLIC KEY
  std::string jwt_previous_public_key_file;  ///< good beside it
  /// That `aud` has to name; empty: tokens that are for an audience are refused.
  std::string jwt_audience;
  std::string jwt_issuer;               ///< that `iss` has to be; empty: anybody
  std::chrono::seconds jwt_leeway{60};  ///< between the issuer's clock and ours
  /// Listen also where other machines can reach it, though nobody has to authenticate.
  bool allow_anonymous = false;
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

  /// Checks what has to do with the admin token.
  result<void> check_admin() const;

  /// True when a key for JSON Web Tokens is named.
  bool asks_for_jwt() const noexcept { return !jwt_secret.empty() || !jwt_public_key_file.empty(); }
  /// True when a token has to be shown.
  bool asks_for_tokens() const noexcept { return !tokens.empty() || asks_for_jwt(); }

  /// Checks what single values cannot tell: options of which one would do nothing without another,
  /// and an operator would take the door for locked.
  result<void> check_authentication() const;

  // TLS. Files in PEM form; both or none. With them the port speaks https and wss, and nothing
  // else.
  std::string tls_cert_file;  ///< the server's certificate, then those that lead to the root
  std::string tls_key_file;   ///< of the first certificate, without a passphrase

  bool has_tls() const noexcept { return !tls_cert_file.empty() || !tls_key_file.empty(); }

  /// Whether both files are named. What is in them is looked at when the
  /// server starts.
  result<void> check_tls() const;

  /// Checks all that single values cannot tell. Called by options::check.
  result<void> check() const;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<void> access_options::check_admin() const {
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

AGENT_WEBSOCKET_INLINE result<void> access_options::check_authentication() const {
  const auto wrong = [](const char* words) { return error(errc::bad_configuration, words); };
  if (!jwt_previous_secret.empty() && jwt_secret.empty())
    return wrong("JWT_PREVIOUS_SECRET is set, but JWT_SECRET is not");
  if (!jwt_previous_public_key_file.empty() && jwt_public_key_file.empty())
    return wrong("JWT_PREVIOUS_PUBLIC_KEY_FILE is set, but JWT_PUBLIC_KEY_FILE is not");
  if ((!jwt_audience.empty() || !jwt_issuer.empty()) && !asks_for_jwt()) {
    return wrong(
        "JWT_AUDIENCE or JWT_ISSUER is set, but there is no key to verify a token with: set "
        "JWT_SECRET or JWT_PUBLIC_KEY_FILE");
  }
  if (allow_anonymous && asks_for_tokens()) {
    return wrong(
        "ALLOW_ANONYMOUS is 1, but AUTH_TOKENS, JWT_SECRET or JWT_PUBLIC_KEY_FILE says who may "
        "come; unset one of them");
  }
  return {};
}

AGENT_WEBSOCKET_INLINE result<void> access_options::check_tls() const {
  if (tls_cert_file.empty() == tls_key_file.empty()) return {};
  const bool has_certificate = tls_key_file.empty();
  return error(errc::bad_configuration,
               std::string(has_certificate ? "TLS_CERT_FILE" : "TLS_KEY_FILE") +
                   " is set without " + (has_certificate ? "TLS_KEY_FILE" : "TLS_CERT_FILE") +
                   ": TLS needs both, the certificate and its key");
}

AGENT_WEBSOCKET_INLINE result<void> access_options::check() const {
  if (auto checked = check_authentication(); !checked) return checked;
  if (auto checked = check_admin(); !checked) return checked;
  return check_tls();
}

#endif

}  // namespace agent_websocket
