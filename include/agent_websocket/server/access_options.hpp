// SPDX-License-Identifier: MIT
//
// What an operator can set about who is let in, and how much of the server one client may take:
// authentication, origins, limits, TLS and the HTTP API. A part of options.hpp; a plain value.
#pragma once

#include <agent_websocket/base/result.hpp>

#include <chrono>
#include <string>

namespace agent_websocket {

struct access_options {
  using milliseconds = std::chrono::milliseconds;

  // Authentication.
  /// For a client that showed no token in its handshake to send one as its first message; 0: the
  /// handshake must have it.
  milliseconds auth_timeout{10'000};
  /// After its token has expired, for a client to show a new one before its socket is closed.
  milliseconds auth_grace{30'000};

  // TLS. Files in PEM form; both or none. With them the port speaks https and wss, and nothing
  // else.
  std::string tls_cert_file;  ///< the server's certificate, then those that lead to the root
  std::string tls_key_file;   ///< of the first certificate, without a passphrase

  bool has_tls() const noexcept { return !tls_cert_file.empty() || !tls_key_file.empty(); }

  /// Whether both files are named. Called by options::check; what is in them is looked at when the
  /// server starts.
  result<void> check_tls() const {
    if (tls_cert_file.empty() == tls_key_file.empty()) return {};
    const bool has_certificate = tls_key_file.empty();
    return error(errc::bad_configuration,
                 std::string(has_certificate ? "TLS_CERT_FILE" : "TLS_KEY_FILE") +
                     " is set without " + (has_certificate ? "TLS_KEY_FILE" : "TLS_CERT_FILE") +
                     ": TLS needs both, the certificate and its key");
  }
};

}  // namespace agent_websocket
