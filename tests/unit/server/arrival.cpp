// SPDX-License-Identifier: MIT
#include <agent_websocket/server/arrival.hpp>

#include <doctest/doctest.h>

TEST_CASE("arrival: who nobody asked is anonymous") {
  const agent_websocket::arrival fresh;
  CHECK(fresh.owner.name == "anonymous");
  CHECK(fresh.request.remote_address.empty());
}
