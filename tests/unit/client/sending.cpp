// SPDX-License-Identifier: MIT
#include <agent_websocket/client/sending.hpp>

#include "unit/client/client_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace agent_websocket;
using namespace std::chrono_literals;

TEST_CASE("client sending: a query is sent at once or when it is live, with its id") {
  client_fixture f;
  CHECK(f.ask("q0") == "q0");
  CHECK(f.log() == "");
  f.become_live();
  f.sent.clear();
  const std::string made = f.ask("");
  CHECK(is_valid_id(made));
  CHECK(f.log() == "send:query=" + made);
  CHECK(f.ask("") != made);
  CHECK(f.ask("q2", "  ") == "bad_message");
  CHECK(f.ask("no id") == "bad_message");
  CHECK(f.ask("q0") == "bad_message");
  CHECK(f.ask(made) == "bad_message");
  CHECK(f.core.transcript().find("q0")->own);
}

TEST_CASE("client sending: all fields of a query go out") {
  client_fixture f;
  f.become_live();
  wire::query asked;
  asked.id = "q1";
  asked.parts = R"([{"type":"text","text":"hi"}])";
  asked.stream = false;
  asked.priority = 9;
  asked.overlap = wire::overlap::interrupt;
  asked.timeout = 1500ms;
  asked.model = "m";
  asked.meta = R"({"tab":2})";
  REQUIRE(f.core.query(asked));
  f.log();
  CHECK(f.sent[0].raw() ==
        R"({"type":"query","id":"q1","content":[{"type":"text","text":"hi"}],"stream":false,)"
        R"("priority":9,"overlap":"interrupt","timeout_ms":1500,"model":"m","meta":{"tab":2}})");
}

TEST_CASE("client sending: what does not fit is refused at once and leaves no trace") {
  client_fixture f;
  for (int i = 0; i < 100; ++i) CHECK(f.ask("q" + std::to_string(i)) == "q" + std::to_string(i));
  CHECK(f.ask("late") == "queue_full");
  CHECK(f.core.transcript().find("late") == nullptr);
  wire::human_feedback said;
  said.rating = 1;
  CHECK(f.core.feedback(said).error().code == errc::queue_full);
  f.become_live();
  f.accept("q0");
  CHECK(f.ask("late") == "late");
}

TEST_CASE("client sending: a query that the server would not take is refused here") {
  client_fixture f;
  f.start();
  f.open();
  f.welcome("s1", R"("reason":"new","limits":{"max_message_bytes":100,"max_queued":4})");
  CHECK(f.core.connection().max_message_bytes() == 100u);
  CHECK(f.core.connection().max_queued() == 4u);
  CHECK(f.ask("q1", std::string(100, 'x')) == "too_large");
  CHECK(f.ask("q1", std::string(50, 'x')) == "q1");
}

TEST_CASE("client sending: feedback, set and regenerate are kept until they are acknowledged") {
  client_fixture f;
  wire::human_feedback said;
  said.id = "f1";
  said.ref = "r_1";
  said.rating = 1;
  CHECK(*f.core.feedback(said) == "f1");
  wire::command set;
  set.op = "set";
  set.id = "s1";
  set.data = R"({"model":"m"})";
  CHECK(*f.core.command(set) == "s1");
  wire::command again;
  again.op = "regenerate";
  again.id = "g1";
  CHECK(*f.core.command(again) == "g1");
  f.start();
  f.open();
  f.welcome("s1", R"("reason":"new")");
  f.live();
  CHECK(f.log() ==
        "state:connecting open send:hello state:catching_up welcome state:live send:ack "
        "send:human_feedback=f1 send:set send:regenerate");
  f.accept("f1");
  f.say(R"({"type":"status","op":"set","ref":"s1","content":"Settings changed"})");
  f.lose();
  f.forget();
  f.come_back();
  f.log();
  CHECK(f.sent[0].text("outbox.0") == "g1");
  CHECK_FALSE(f.sent[0].has("outbox.1"));
  CHECK(f.core.transcript().find("g1")->is_open());
}

TEST_CASE("client sending: other commands are sent now or not at all") {
  client_fixture f;
  wire::command info;
  info.op = "info";
  CHECK(f.core.command(info).error().code == errc::connection_failed);
  f.become_live();
  const auto id = f.core.command(info);
  REQUIRE(id);
  CHECK(f.log() == "send:info");
  CHECK(f.sent[0].text("id") == *id);
  f.say(R"({"type":"status","op":"info","ref":")" + *id + R"(","data":{"model":"m"}})");
  CHECK(f.log() == "status:info");
  CHECK(frame(f.notices.back().json).text("data.model") == "m");
  info.op = "hello";
  CHECK(f.core.command(info).error().code == errc::bad_message);
  info.op = "";
  CHECK(f.core.command(info).error().code == errc::bad_message);
  info.op = "history";
  info.id = "no id";
  CHECK(f.core.command(info).error().code == errc::bad_message);
}

TEST_CASE("client sending: decisions") {
  client_fixture f;
  const auto decide = [&f](client_decision what, const char* content, const char* data) {
    const auto made = f.core.decide("f_1", what, content, data);
    f.log();
    return made ? f.sent.back().raw().substr(f.sent.back().raw().find("\"ref\""))
                : std::string(to_string(made.error().code));
  };
  f.become_live();
  CHECK(decide(client_decision::approve, "", "") == R"("ref":"f_1","decision":"approve"})");
  CHECK(decide(client_decision::reject, "not now", "") ==
        R"("ref":"f_1","decision":"reject","content":"not now"})");
  CHECK(decide(client_decision::edit, "", R"({"a":1})") ==
        R"("ref":"f_1","decision":"edit","data":{"a":1}})");
  CHECK(decide(client_decision::answer, "blue", "") ==
        R"("ref":"f_1","decision":"answer","content":"blue"})");
  CHECK(decide(client_decision::answer, "", "3") == R"("ref":"f_1","decision":"answer","data":3})");
  CHECK(decide(client_decision::edit, "a comment", "") == "bad_message");
  CHECK(decide(client_decision::edit, "", "{") == "bad_message");
  CHECK(decide(client_decision::answer, "", "") == "bad_message");
  CHECK(decide(client_decision::approve, "", "{}x") == "bad_message");
  // Kept as all feedback is.
  f.sent.clear();
  f.lose();
  const auto late = f.core.decide("f_2", client_decision::approve, {}, {});
  REQUIRE(late);
  f.come_back();
  f.welcome("s1", R"("reason":"ok","recovered":true)");
  f.live();
  f.log();
  CHECK(f.sent.back().text("id") == *late);
  f.say(R"({"type":"error","ref":")" + *late + R"(","code":"feedback_expired","content":"x"})");
  CHECK(f.log() == "error:feedback_expired");
  CHECK(f.notices.back().ref == *late);
}

TEST_CASE(
    "client sending: a result is for a call that runs, goes out once and stays until it is there") {
  client_fixture f;
  f.become_live();
  f.ask("q1");
  f.accept("q1");
  const std::string call =
      R"({"type":"status","op":"tool","id":"t_1","ref":"q1","tool":{"call":"t_1","name":"beep","state":"calling"}})";
  CHECK(f.core.tool_result("t_1", "1").error().code == errc::not_found);
  f.say(call);
  f.forget();
  CHECK(f.core.tool_result("t_1", "{").error().code == errc::bad_message);
  REQUIRE(f.core.tool_result("t_1", R"({"ok":true})"));
  CHECK(f.core.tool_result("t_1", "2").error().code == errc::not_found);
  CHECK(f.core.tool_error("t_1", "no").error().code == errc::not_found);
  CHECK(f.log() == "send:tool_result");
  const std::string id(f.sent.back().text("id"));
  CHECK(f.sent.back().text("ref") == "t_1");
  CHECK(f.sent.back().has("data.ok"));
  SUBCASE(
      "the connection is lost before the ack: the result comes again, the call does not run "
      "again") {
    f.lose();
    f.forget();
    f.come_back();
    f.welcome("s1", R"("reason":"ok","recovered":true,"active":[{"ref":"q1","stream":"r_1"}])");
    f.say(call);
    f.live();
    CHECK(f.log() ==
          "state:connecting open send:hello state:catching_up welcome tool:t_1=calling state:live "
          "send:ack send:tool_result");
    CHECK(f.sent[0].text("outbox.0") == id);
    CHECK(f.sent.back().text("id") == id);
  }
  SUBCASE("its ack is no news, and neither is that it came too late") {
    f.say(R"({"type":"status","op":"ack","ref":")" + id + R"("})");
    CHECK(f.log() == "");
    f.lose();
    f.forget();
    f.come_back();
    f.log();
    CHECK_FALSE(f.sent[0].has("outbox"));
    f.welcome("s1", R"("reason":"ok","recovered":true)");
    f.forget();
    f.say(R"({"type":"error","ref":")" + id + R"(","code":"not_found","content":"x"})");
    CHECK(f.log() == "");
    f.say(R"({"type":"error","ref":")" + id + R"(","code":"too_large","content":"x"})");
    CHECK(f.log() == "error:too_large");
  }
  SUBCASE("a result that nobody waits for any more is not sent") {
    f.lose();
    f.forget();
    f.come_back();
    f.welcome("s1", R"("reason":"ok","recovered":true)");
    f.say(
        R"({"type":"response","seq":1,"ref":"q1","phase":"full","content":"d","status":"cancelled"})");
    f.live();
    CHECK(f.log().find("send:tool_result") == std::string::npos);
  }
  SUBCASE("in another session, or another life of the server, nobody waits either") {
    f.say(
        R"({"type":"status","op":"tool","id":"t_2","ref":"q1","tool":{"name":"beep","state":"calling"}})");
    f.lose();
    f.forget();
    f.come_back();
    f.welcome("s1", R"("reason":"epoch_changed")", 0, "e2");
    f.say(call);
    f.live();
    CHECK(f.log().find("tool:t_1=calling call:t_1") != std::string::npos);
    CHECK(f.core.tool_result("t_2", "2").error().code == errc::not_found);
    REQUIRE(f.core.tool_error("t_1", "no noise"));
    f.log();
    CHECK(f.sent.back().text("error") == "no noise");
    CHECK_FALSE(f.sent.back().has("data"));
    f.say(R"({"type":"status","op":"tool","id":"t_3","ref":"q1","tool":{"state":"calling"}})");
    f.say(R"({"type":"status","op":"tool","id":"t_4","ref":"q1","tool":{"state":"calling"}})");
    REQUIRE(f.core.tool_error("t_3", ""));
    REQUIRE(f.core.tool_result("t_4", ""));
    f.log();
    CHECK(f.sent[f.sent.size() - 2].text("error") == "A tool failed");
    CHECK(f.sent.back().raw().find("\"data\":null") != std::string::npos);
    f.core.stop(f.now);
    CHECK(f.core.tool_result("t_1", "1").error().code == errc::not_found);
  }
}

TEST_CASE("client sending: cancel") {
  client_fixture f;
  f.ask("q1");
  f.ask("q2");
  SUBCASE("what was never sent ends at once") {
    CHECK(f.core.cancel("q1"));
    CHECK(f.log() == "answer:q1=cancelled");
    CHECK_FALSE(f.core.cancel("q1"));
    f.start();
    f.open();
    f.welcome("s1", R"("reason":"new")");
    f.live();
    CHECK(f.log() ==
          "state:connecting open send:hello state:catching_up welcome state:live send:ack "
          "send:query=q2");
  }
  SUBCASE("what the server may have is cancelled there") {
    f.become_live();
    CHECK(f.core.cancel("q1"));
    CHECK(f.core.cancel({}));
    CHECK(f.log() == "send:cancel send:cancel");
    CHECK(f.sent[0].text("ref") == "q1");
    CHECK_FALSE(f.sent[1].has("ref"));
    // Too late: no news.
    f.say(R"({"type":"error","code":"not_found","content":"x","ref":")" + f.sent[0].text("id") +
          "\"}");
    CHECK(f.log() == "");
    f.say(
        R"({"type":"response","seq":1,"ref":"q1","phase":"full","content":"","status":"cancelled"})");
    CHECK(f.log() == "answer:q1=cancelled");
    f.lose();
    f.forget();
    CHECK_FALSE(f.core.cancel("q2"));
    CHECK_FALSE(f.core.cancel({}));
    CHECK(f.log() == "");
  }
}
