// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/event_turn.hpp>

#include <doctest/doctest.h>

#include <string>

namespace {

struct noting : agent_websocket::adapters::turn_keeper {
  void begin_turn() noexcept override { told += '('; }
  void end_turn() override { told += ')'; }
  std::string told;
};

}  // namespace

TEST_CASE("event_turn: tells its keeper of its begin and its end; without one it is nothing") {
  noting keeper;
  {
    const agent_websocket::adapters::event_turn outer(&keeper);
    const agent_websocket::adapters::event_turn inner(&keeper);
    const agent_websocket::adapters::event_turn none(nullptr);
    CHECK(keeper.told == "((");
  }
  CHECK(keeper.told == "(())");
}
