// SPDX-License-Identifier: MIT
//
// How a client is sent away that cannot have the session it asks for: with words, and a close code
// that tells it whether to come back.
#pragma once

#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/session/core.hpp>

#include <string_view>

namespace agent_websocket {

/// The session that the socket waited for is not to be had now: it may be later, or, when it
/// `is_elsewhere`, at the server that has it.
template <typename Session>
void send_back(Session& session, connection_id connection, std::string_view ref,
               bool is_elsewhere) {
  session.apply([&](session_core& core, moment at) {
    if (is_elsewhere) return core.close_socket(connection, 4003, "moved");
    core.refuse(connection, ref,
                error(errc::internal, "The session cannot be read now; try again later"), at);
    core.close_socket(connection, 4000, "server_error");
  });
}

/// The user of the socket has as many sessions as is allowed, and sockets on all of them.
template <typename Session>
void turn_away(Session& session, connection_id connection, std::string_view ref) {
  session.apply([&](session_core& core, moment at) {
    core.refuse(connection, ref,
                error(errc::too_many_connections, "Too many sessions of this user"), at);
    core.close_socket(connection, 4429, "connection_limit");
  });
}

}  // namespace agent_websocket
