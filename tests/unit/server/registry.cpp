// SPDX-License-Identifier: MIT
#include <agent_websocket/server/registry.hpp>

#include "flow/fixture.hpp"

#include <memory>
#include <string>

using namespace flow;

TEST_CASE_FIXTURE(fixture, "registry: counts and finds sessions while their sockets stand") {
  CHECK(server.session_count() == 0u);
  CHECK(server.find_session("") == nullptr);
  const auto first = connect();
  const auto second = connect();
  CHECK(server.session_count() == 2u);
  CHECK(session(first) != nullptr);
  CHECK(session(first) != session(second));
  transport.disconnect(first);
  CHECK(server.session_count() == 1u);
  CHECK(session(first) == nullptr);
  CHECK(server.settings().base_url == "http://localhost/v1");
}

TEST_CASE("registry: a session whose client has said something outlives its socket") {
  auto chosen = settings();
  chosen.session.resume_window = 10s;
  chosen.run_grace = 1s;
  fixture talk(chosen);
  const auto id = talk.connect();
  talk.say(id, R"({"type":"command","op":"info"})");
  const auto kept = talk.session(id);
  REQUIRE(kept != nullptr);
  talk.transport.disconnect(id);
  CHECK(talk.server.session_count() == 1u);
  CHECK(kept->sockets() == 0u);
  talk.clock.advance(11s);
  CHECK(talk.server.session_count() == 0u);
  CHECK(talk.log.has("session_closed"));
}

TEST_CASE_FIXTURE(fixture, "registry: the end of all is told once, when the last socket has gone") {
  const auto id = connect();
  int ends = 0;
  server.stop([&] { ++ends; });
  clock.run();
  CHECK(ends == 0);
  transport.disconnect(id);
  clock.run();
  CHECK(ends == 1);
  CHECK(server.session_count() == 0u);
}
