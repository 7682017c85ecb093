// SPDX-License-Identifier: MIT
#include <agent_websocket/server/send_away.hpp>

#include "unit/session/core_fixture.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

using namespace agent_websocket;

namespace {

/// What a session is to those who send clients away.
struct session_type : core_fixture {
  template <typename Tell>
  void apply(Tell&& tell) {
    tell(core, at);
  }

  struct farewell {
    connection_id connection;
    int code;
    std::string reason;
    bool send_first;
  };
  std::vector<farewell> farewells() {
    std::vector<farewell> all;
    for (const session_action& each : core.take_actions()) {
      const auto* const closed = std::get_if<action::close_socket>(&each);
      REQUIRE(closed != nullptr);
      all.push_back({closed->connection, closed->code, closed->reason, closed->send_first});
    }
    return all;
  }
};

}  // namespace

TEST_CASE_FIXTURE(session_type, "send_away: to the server that has the session, without a word") {
  socket(2);
  send_back(*this, 2, "h1", true);
  CHECK(sent(2).empty());
  const auto all = farewells();
  REQUIRE(all.size() == 1u);
  CHECK(all[0].connection == 2u);
  CHECK(all[0].code == 4003);
  CHECK(all[0].reason == "moved");
  CHECK_FALSE(core.closing());
}

TEST_CASE_FIXTURE(session_type, "send_away: to come again later, with words") {
  socket(2);
  send_back(*this, 2, "h1", false);
  const auto frames = sent(2);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].type() == "error");
  CHECK(frames[0].code() == "internal");
  CHECK(frames[0].ref() == "h1");
  CHECK(frames[0].truth("retryable"));
  CHECK(frames[0].content() == "The session cannot be read now; try again later");
  CHECK(sent(here).empty());
  const auto all = farewells();
  REQUIRE(all.size() == 1u);
  CHECK(all[0].connection == 2u);
  CHECK(all[0].code == 4000);
  CHECK(all[0].reason == "server_error");
  CHECK(all[0].send_first);
}

TEST_CASE_FIXTURE(session_type, "send_away: one who has too many sessions") {
  socket(2);
  turn_away(*this, 2, {});
  const auto frames = sent(2);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].code() == "too_many_connections");
  CHECK(frames[0].content() == "Too many sessions of this user");
  CHECK_FALSE(frames[0].has("ref"));
  const auto all = farewells();
  REQUIRE(all.size() == 1u);
  CHECK(all[0].code == 4429);
  CHECK(all[0].reason == "connection_limit");
  CHECK(all[0].send_first);
}

TEST_CASE_FIXTURE(session_type, "send_away: who is gone is sent nowhere") {
  send_back(*this, 9, "h1", false);
  send_back(*this, 9, "h1", true);
  turn_away(*this, 9, "h1");
  CHECK(farewells().empty());
  CHECK(sent(here).empty());
}
