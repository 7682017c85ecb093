// SPDX-License-Identifier: MIT
#include <agent_websocket/server/arrival.hpp>

#include <doctest/doctest.h>

TEST_CASE("arrival: who has shown nothing is nobody yet") {
  const agent_websocket::arrival fresh;
  CHECK_FALSE(fresh.owner.has_value());
  CHECK(fresh.request.remote_address.empty());
}
