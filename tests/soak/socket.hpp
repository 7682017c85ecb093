// SPDX-License-Identifier: MIT
//
// Sockets of the soak tests' clients: how they begin, how they break, and the random numbers of a
// run.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <random>
#include <string_view>

namespace soak {

inline std::mt19937& random_numbers() {
  thread_local std::mt19937 source(20'260'101);  // the same ones in every run
  return source;
}
/// From 0 up to, but not `below`.
inline double random_below(double below) {
  return std::uniform_real_distribution<double>(0, below)(random_numbers());
}

struct socket_options {
  int max_segment = 0;     ///< TCP_MAXSEG: 1400 makes the loopback's buffers those of a network
  int receive_buffer = 0;  ///< SO_RCVBUF
};

/// A non-blocking connect to the server on the loopback interface; -1 when it fails at once.
inline int connect_to(std::uint16_t port, const socket_options& options = {}) {
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (made < 0) return -1;
  const int on = 1;
  setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options.max_segment != 0)
    setsockopt(made, IPPROTO_TCP, TCP_MAXSEG, &options.max_segment, sizeof options.max_segment);
  if (options.receive_buffer != 0) {
    setsockopt(made, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof options.receive_buffer);
  }
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  there.sin_port = htons(port);
  if (connect(made, reinterpret_cast<sockaddr*>(&there), sizeof there) == 0 || errno == EINPROGRESS)
    return made;
  ::close(made);
  return -1;
}

/// Ends a connection by RST, which leaves no TIME_WAIT and throws away what is under way.
inline void reset(int descriptor) {
  const linger at_once{1, 0};
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(descriptor);
}

inline constexpr std::string_view upgrade_request =
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

}  // namespace soak
