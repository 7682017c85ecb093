// SPDX-License-Identifier: MIT
#include <agent_websocket/server/registry.hpp>

#include "flow/away_fixture.hpp"

#include <cstddef>
#include <cstdint>
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

TEST_CASE_FIXTURE(away_cluster, "registry: a socket whose session is elsewhere is a socket, and no session") {
  ticket mine;
  begin_busy(mine);
  aw::connection_id there = 0;
  REQUIRE(come_back(*b, there, mine, 2).at(0).truth("recovered"));
  CHECK(b->server.session_count() == 0u);
  CHECK(b->begun == 1);
  CHECK(b->ended == 1);
  int gone = 0;
  b->server.router().on_disconnect([&](auto&, std::uint16_t) { ++gone; });
  // It is no use to tell its voice anything.
  b->server.broadcast("to all");
  run();
  std::size_t heard = 0;
  for (const frame& each : b->taken(there)) heard += each.content() == "to all" ? 1U : 0U;
  CHECK(heard == 1u);  // by way of its session
  // Binary frames, and a heartbeat that nobody answers, are its server's to see to.
  b->transport.receive_binary(there, 5);
  run();
  CHECK(b->taken(there).at(0).code() == "unsupported_data");
  pass(120s, 1s);
  CHECK(b->closed_with(there) == 4001);
  b->transport.disconnect(there);
  run();
  CHECK(gone == 0);
  CHECK(a->server.find_session(mine.session_id)->sockets() == 0u);
  bool stopped = false;
  b->server.stop([&] { stopped = true; });
  run();
  CHECK(stopped);
  CHECK(group.space->size() == 1u);
}
