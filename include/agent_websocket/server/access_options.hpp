// SPDX-License-Identifier: MIT
//
// What an operator can set about who is let in, and how much of the server one client may take:
// authentication, origins, limits, TLS and the HTTP API. A part of options.hpp; a plain value.
#pragma once

#include <chrono>

namespace agent_websocket {

struct access_options {
  using milliseconds = std::chrono::milliseconds;

  // Authentication.
  /// For a client that showed no token in its handshake to send one as its first message; 0: the
  /// handshake must have it.
  milliseconds auth_timeout{10'000};
  /// After its token has expired, for a client to show a new one before its socket is closed.
  milliseconds auth_grace{30'000};
};

}  // namespace agent_websocket
