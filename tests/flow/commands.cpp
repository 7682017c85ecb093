// SPDX-License-Identifier: MIT
//
// The commands of the protocol and of the application, through a whole server.
#include "flow/fixture.hpp"

#include <string>
#include <vector>

using namespace flow;

TEST_CASE_FIXTURE(fixture,
                  "commands: each of the protocol's is answered, by op and as bare content") {
  const auto id = connect();
  ask(id, R"({"content":"x"})", {"a"});
  for (const std::string op : {"help", "info", "ping", "history"}) {
    CAPTURE(op);
    const std::string answered = op == "ping" ? "pong" : op;
    const auto full = say(id, R"({"type":"command","op":")" + op + R"(","id":"c1"})");
    REQUIRE(full.size() == 1u);
    CHECK(full[0].is_status(answered));
    CHECK(full[0].ref() == "c1");
    const auto bare = say(id, R"({"type":"command","content":")" + op + R"("})");
    REQUIRE(bare.size() == 1u);
    CHECK(bare[0].is_status(answered));
  }
}

TEST_CASE_FIXTURE(fixture, "commands: set is in the next request, clear empties the conversation") {
  const auto id = connect();
  CHECK(say(id, R"({"type":"command","op":"set","id":"s1","data":{"model":"m","temperature":0.2,)"
                R"("max_tokens":500,"system":"S"}})")
            .at(0)
            .is_status("set"));
  ask(id, R"({"content":"x"})", {"a"});
  const frame body(http.last().request.body);
  CHECK(body.text("model") == "m");
  CHECK(body.json("temperature") == "0.2");
  CHECK(body.json("max_tokens") == "500");
  CHECK(transcript(http.last().request) == "system:S|user:x");
  CHECK(say(id, R"({"type":"command","op":"clear","id":"k1"})").at(0).is_status("clear"));
  ask(id, R"({"content":"y"})", {"a"});
  CHECK(transcript(http.last().request) == "system:S|user:y");
}

TEST_CASE_FIXTURE(fixture, "commands: clear and close cancel the call upstream at once") {
  for (const std::string op : {"clear", "close"}) {
    CAPTURE(op);
    const auto id = connect();
    say(id, R"({"id":"q1","content":"x"})");
    say(id, R"({"id":"q2","content":"y"})");
    CHECK(http.open_calls() == 1u);
    const auto frames = say(id, R"({"type":"command","content":")" + op + R"("})");
    CHECK(terminals(frames).size() == 2u);
    CHECK(http.open_calls() == 0u);
  }
}

TEST_CASE_FIXTURE(fixture, "commands: close ends the session for good") {
  const auto id = connect();
  ask(id, R"({"content":"x"})", {"a"});
  const auto frames = say(id, R"({"type":"command","op":"close","id":"z1"})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].is_status("close"));
  REQUIRE(transport.close_sent(id).has_value());
  CHECK(transport.close_sent(id)->first == 1000);
  CHECK(server.session_count() == 0u);
}

TEST_CASE_FIXTURE(fixture, "commands: regenerate asks the model again") {
  const auto id = connect();
  ask(id, R"({"content":"x"})", {"one"});
  const frame end = terminal(ask(id, R"({"type":"command","op":"regenerate","id":"g1"})", {"two"}));
  CHECK(end.ref() == "g1");
  CHECK(end.content() == "two");
  CHECK(transcript(http.last().request) == "system:P|user:x");
  ask(id, R"({"content":"y"})", {"three"});
  CHECK(transcript(http.last().request) == "system:P|user:x|assistant:two|user:y");
}

TEST_CASE_FIXTURE(fixture, "commands: the application's own") {
  router()
      .on_command(
          "roll",
          [](session_type& session, const aw::wire::command& command) {
            session.reply(command, "4", R"({"dice":[4]})");
          },
          "rolls the dice")
      .on_command("secret",
                  [](session_type& session, const aw::wire::command& command) {
                    session.refuse(command, aw::errc::forbidden);
                  })
      .on_command("twice", [](session_type& session, const aw::wire::command& command) {
        session.reply(command, "first");
        session.notify("second", "topic");
      });
  const auto id = connect();
  const auto rolled = say(id, R"({"type":"command","op":"roll","id":"c1","meta":{"tab":2}})");
  REQUIRE(rolled.size() == 1u);
  CHECK(rolled[0].is_status("roll"));
  CHECK(rolled[0].ref() == "c1");
  CHECK(rolled[0].content() == "4");
  CHECK(rolled[0].number("data.dice.0") == 4);
  CHECK(rolled[0].json("meta") == R"({"tab":2})");
  CHECK(say(id, R"({"type":"command","content":"roll"})").at(0).content() == "4");
  const auto refused = say(id, R"({"type":"command","op":"secret","id":"c2"})");
  CHECK(refused.at(0).code() == "forbidden");
  CHECK(refused.at(0).ref() == "c2");
  const auto two = say(id, R"({"type":"command","op":"twice"})");
  REQUIRE(two.size() == 2u);
  CHECK(two[0].content() == "first");
  CHECK(two[1].content() == "second");
  CHECK(mentions(say(id, R"({"type":"command","op":"help"})").at(0).content(), "rolls the dice"));
}

TEST_CASE_FIXTURE(fixture, "commands: what nobody knows is unknown_op, and the socket stays open") {
  const auto id = connect();
  const auto frames = say(id, R"({"type":"command","op":"frobnicate","id":"c1"})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].code() == "unknown_op");
  CHECK(frames[0].ref() == "c1");
  CHECK(frames[0].json("retryable") == "false");
  CHECK_FALSE(frames[0].has("terminal"));
  CHECK(transport.is_open(id));
}

TEST_CASE_FIXTURE(fixture, "commands: those of the protocol cannot be replaced") {
  bool called = false;
  router().on_command("ping", [&](session_type&, const aw::wire::command&) { called = true; });
  const auto id = connect();
  CHECK(say(id, R"({"type":"command","op":"ping"})").at(0).is_status("pong"));
  CHECK_FALSE(called);
}

TEST_CASE_FIXTURE(fixture, "commands: never wait behind queries") {
  const auto id = connect();
  say(id, R"({"content":"running"})");
  say(id, R"({"content":"waiting"})");
  CHECK(say(id, R"({"type":"command","op":"ping"})").at(0).is_status("pong"));
  const frame info = say(id, R"({"type":"command","op":"info"})").at(0);
  CHECK(info.truth("data.running"));
  CHECK(info.number("data.queued") == 1);
}
