// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/asio.hpp>

#include <doctest/doctest.h>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && !defined(ASIO_STANDALONE)
#error "adapters/asio.hpp has to choose standalone Asio"
#endif

TEST_CASE("asio: what is posted runs, and an idle context returns") {
  asio::io_context context(1);
  int ran = 0;
  asio::post(context, [&ran] { ++ran; });
  CHECK(ran == 0);
  CHECK(context.run() == 1u);
  CHECK(ran == 1);
}
