// SPDX-License-Identifier: MIT
#include <agent_websocket/server/api_actions.hpp>

#include <doctest/doctest.h>

#include <type_traits>

TEST_CASE("api_actions: is told of nothing by default, and not destroyed through the interface") {
  const agent_websocket::api_notice said;
  CHECK_FALSE(said.may_be_lost);
  const agent_websocket::reached nobody;
  CHECK(nobody.sessions == 0u);
  CHECK(nobody.sockets == 0u);
  CHECK_FALSE(nobody.passed_on);
  CHECK_FALSE(nobody.refused);
  CHECK(nobody.unkept == 0u);
  CHECK_FALSE(agent_websocket::session_summary().running);
  CHECK_FALSE(std::is_destructible_v<agent_websocket::api_actions>);
}
