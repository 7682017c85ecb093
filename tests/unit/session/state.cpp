// SPDX-License-Identifier: MIT
#include <agent_websocket/session/state.hpp>

#include <doctest/doctest.h>

#include <optional>

using agent_websocket::next_state;
using agent_websocket::run_event;
using agent_websocket::run_state;

TEST_CASE("state: the life of an answer") {
  CHECK(next_state(run_state::none, run_event::begin) == run_state::deciding);
  CHECK(next_state(run_state::deciding, run_event::proceed) == run_state::thinking);
  CHECK(next_state(run_state::thinking, run_event::token) == run_state::streaming);
  CHECK(next_state(run_state::streaming, run_event::token) == run_state::streaming);
  CHECK(next_state(run_state::streaming, run_event::finish) == run_state::none);
}

TEST_CASE("state: rounds of tool calls") {
  CHECK(next_state(run_state::thinking, run_event::call) == run_state::calling);
  CHECK(next_state(run_state::streaming, run_event::call) == run_state::calling);
  CHECK(next_state(run_state::calling, run_event::again) == run_state::thinking);
  for (const run_event each :
       {run_event::begin, run_event::proceed, run_event::token, run_event::call}) {
    CHECK_FALSE(next_state(run_state::calling, each).has_value());
  }
  for (const run_state each : {run_state::none, run_state::deciding}) {
    CHECK_FALSE(next_state(each, run_event::call).has_value());
    CHECK_FALSE(next_state(each, run_event::again).has_value());
  }
  CHECK_FALSE(next_state(run_state::thinking, run_event::again).has_value());
  CHECK_FALSE(next_state(run_state::streaming, run_event::again).has_value());
}

TEST_CASE("state: it can end in every state but none") {
  for (const run_state from :
       {run_state::deciding, run_state::thinking, run_state::streaming, run_state::calling}) {
    CHECK(next_state(from, run_event::finish) == run_state::none);
  }
  CHECK_FALSE(next_state(run_state::none, run_event::finish).has_value());
}

TEST_CASE("state: what comes at the wrong time does not apply") {
  CHECK_FALSE(next_state(run_state::none, run_event::proceed).has_value());
  CHECK_FALSE(next_state(run_state::none, run_event::token).has_value());
  CHECK_FALSE(next_state(run_state::deciding, run_event::token).has_value());
  CHECK_FALSE(next_state(run_state::deciding, run_event::begin).has_value());
  CHECK_FALSE(next_state(run_state::thinking, run_event::begin).has_value());
  CHECK_FALSE(next_state(run_state::thinking, run_event::proceed).has_value());
  CHECK_FALSE(next_state(run_state::streaming, run_event::begin).has_value());
  CHECK_FALSE(next_state(run_state::streaming, run_event::proceed).has_value());
}

TEST_CASE("state: the table is a constant expression") {
  static_assert(next_state(run_state::none, run_event::begin) == run_state::deciding);
  static_assert(!next_state(run_state::none, run_event::token));
}
