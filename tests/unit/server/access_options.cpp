// SPDX-License-Identifier: MIT
#include <agent_websocket/server/access_options.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("access_options: ten seconds to show a token, thirty to show a new one") {
  const agent_websocket::access_options chosen;
  CHECK(chosen.auth_timeout == 10s);
  CHECK(chosen.auth_grace == 30s);
}
