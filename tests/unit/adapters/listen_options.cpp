// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/listen_options.hpp>

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <system_error>

using agent_websocket::adapters::allow_other_listeners;
using agent_websocket::adapters::listen_options;

TEST_CASE("listen options: a socket alone on its port, on localhost, by default") {
  const listen_options usual;
  CHECK(usual.host == "localhost");
  CHECK(usual.port == 0);
  CHECK_FALSE(usual.reuse_port);
  CHECK(usual.inherited.empty());
  CHECK_FALSE(usual.leave_to_others);
}

TEST_CASE("listen options: other listeners are allowed where the system knows them") {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(socket >= 0);
#if defined(SO_REUSEPORT)
  CHECK_FALSE(allow_other_listeners(socket));
  int on = 0;
  socklen_t size = sizeof on;
  REQUIRE(::getsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, &size) == 0);
  CHECK(on != 0);
#else
  CHECK(allow_other_listeners(socket) == std::errc::operation_not_supported);
#endif
  ::close(socket);
  CHECK(allow_other_listeners(-1));
}
