// SPDX-License-Identifier: MIT
#include <agent_websocket/client/actions.hpp>

#include <doctest/doctest.h>

#include <type_traits>
#include <utility>
#include <variant>

TEST_CASE("client actions: one kind for each function of the sink, and four for the transport") {
  using namespace agent_websocket;
  CHECK(std::variant_size_v<client_action::any> == 4u + 15u);
  CHECK(std::is_nothrow_move_constructible_v<client_action::send>);
  client_action::list list;
  list.push_back(client_action::open{});
  list.push_back(client_action::tell_state{client_state::live});
  CHECK(std::get<client_action::tell_state>(list[1]).state == client_state::live);
}
