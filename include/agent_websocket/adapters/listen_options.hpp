// SPDX-License-Identifier: MIT
//
// Where and how a listener listens, and the one place that knows how a system lets several
// processes listen on one port (SO_REUSEPORT). Opens nothing.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if !defined(_WIN32)
#include <sys/socket.h>
#endif

#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// Lets other sockets listen on the same address and port beside this one, each with a queue of its
/// own among which the system spreads what comes. Before bind. Fails where there is no such thing.
std::error_code allow_other_listeners(int socket) noexcept;

/// Where and how to listen.
struct listen_options {
  std::string host = "localhost";
  std::uint16_t port = 0;  ///< 0: any; the same for all addresses of the host
  int backlog = asio::socket_base::max_listen_connections;
  int send_buffer_bytes = 0;  ///< of the accepted sockets; 0: the system's choice
  /// Independent processes may listen there as well, if all of them say so: see
  /// allow_other_listeners. What waits in the queue of one that stops is lost.
  bool reuse_port = false;
  /// Descriptors of sockets that listen already and are taken over, in place of all the above
  /// (POSIX).
  std::vector<int> inherited{};
  /// Several processes accept from one queue: asked before each connection whether another one
  /// should have it. If none has taken it a millisecond later it is accepted all the same.
  std::function<bool()> leave_to_others{};
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::error_code allow_other_listeners(int socket) noexcept {
#if defined(_WIN32) || !(defined(SO_REUSEPORT_LB) || defined(SO_REUSEPORT))
  static_cast<void>(socket);
  return std::make_error_code(std::errc::operation_not_supported);
#else
#if defined(SO_REUSEPORT_LB)  // FreeBSD, where the other one spreads nothing
  constexpr int name = SO_REUSEPORT_LB;
#else
  constexpr int name = SO_REUSEPORT;
#endif
  const int on = 1;
  if (::setsockopt(socket, SOL_SOCKET, name, &on, sizeof on) == 0) return {};
  return {errno, std::generic_category()};
#endif
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
