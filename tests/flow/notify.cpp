// SPDX-License-Identifier: MIT
//
// What the server says without being asked.
#include "flow/fixture.hpp"

#include <string>

using namespace flow;

TEST_CASE_FIXTURE(fixture, "notify: one session, by its id") {
  const auto first = connect();
  const auto second = connect();
  server.notify(clients[second].session_id(), "Build 812 failed", "build", R"({"build":812})");
  CHECK(heard(second).empty());  // from any thread: nothing happens inside of the call
  run();
  CHECK(heard(first).empty());
  const auto frames = heard(second);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].type() == "notification");
  CHECK(frames[0].content() == "Build 812 failed");
  CHECK(frames[0].text("topic") == "build");
  CHECK(frames[0].number("data.build") == 812);
  CHECK(frames[0].number("seq") == 1);
}

TEST_CASE_FIXTURE(fixture, "notify: nobody of that name, nobody any more") {
  const auto id = connect();
  const std::string name = clients[id].session_id();
  server.notify("nobody", "x");
  server.notify("", "x");
  run();
  CHECK(heard(id).empty());
  server.notify(name, "too late");
  transport.disconnect(id);
  run();
  CHECK(transport.take_sent(id).empty());
}

TEST_CASE_FIXTURE(fixture, "broadcast: everyone, each with a number of his own") {
  const auto first = connect();
  const auto second = connect();
  server.notify(clients[first].session_id(), "to you");
  server.broadcast("to all", "news");
  run();
  CHECK(heard(first).size() == 2u);
  const auto frames = heard(second);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].number("seq") == 1);
  CHECK(clients[first].last_seq() == 2);
}

TEST_CASE_FIXTURE(fixture, "notify: in the middle of a stream, without disturbing it") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x","stream":true})");
  const auto call = http.last().id;
  http.respond_head(call, 200, event_stream());
  for (int i = 0; i < 5; ++i) {
    http.respond_body(call, chunk("token "));
    server.broadcast("news");
    run();
  }
  http.respond_body(call, finish() + done());
  http.complete(call);
  run();
  const auto frames = heard(id);
  CHECK(terminal(frames).content() == "token token token token token ");
  CHECK(clients[id].last_seq() == 7);
}

TEST_CASE_FIXTURE(fixture, "notify: is no activity") {
  auto chosen = settings();
  chosen.session_timeout = 60s;
  chosen.cleanup_interval = 1s;
  fixture talk(chosen);
  const auto id = talk.connect();
  for (int i = 0; i < 70; ++i) {
    talk.server.broadcast("news");
    talk.pass(1s);
  }
  CHECK_FALSE(talk.transport.is_open(id));
}
