// SPDX-License-Identifier: MIT
// The requests of the application and the life of a client. What the server says: reception.cpp;
// what happens to a connection: connection.cpp and the scripts of tests/conformance.
#include <agent_websocket/client/core.hpp>

#include "unit/client/client_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

TEST_CASE("client core: from idle to live and to its end") {
  client_fixture f;
  CHECK(f.state() == client_state::idle);
  CHECK(f.core.deadline() == time_point::max());
  f.start();
  CHECK(f.log() == "state:connecting open");
  f.start();
  CHECK(f.log() == "");
  f.open();
  CHECK(f.log() == "send:hello state:catching_up");
  CHECK(f.sent[0].number("v") == 1);
  CHECK(f.sent[0].text("caps.0") == "delta");
  CHECK(f.sent[0].text("client") == "cpp/" AGENT_WEBSOCKET_VERSION_STRING);
  for (const char* absent : {"auth", "session_id", "resume", "outbox"})
    CHECK_FALSE(f.sent[0].has(absent));
  f.welcome("s1", R"("reason":"new")");
  f.welcome("s1", R"("reason":"new")");
  CHECK(f.log() == "welcome");
  f.live();
  CHECK(f.log() == "state:live send:ack");
  CHECK(f.core.connection().position().session_id == "s1");
  CHECK(f.core.connection().position().token == "t2");
  f.core.stop(f.now);
  CHECK(f.log() == "close:1000 state:stopped stopped:1000");
  f.core.stop(f.now);
  f.core.closed(1000, "", f.now);
  f.notify(1);
  CHECK(f.log() == "");
  f.start();
  CHECK(f.log() == "state:connecting open");
}

TEST_CASE("client core: a query is sent at once or when it is live, with its id") {
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

TEST_CASE("client core: all fields of a query go out") {
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

TEST_CASE("client core: what does not fit is refused at once and leaves no trace") {
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

TEST_CASE("client core: a query that the server would not take is refused here") {
  client_fixture f;
  f.start();
  f.open();
  f.welcome("s1", R"("reason":"new","limits":{"max_message_bytes":100,"max_queued":4})");
  CHECK(f.core.connection().max_message_bytes() == 100u);
  CHECK(f.core.connection().max_queued() == 4u);
  CHECK(f.ask("q1", std::string(100, 'x')) == "too_large");
  CHECK(f.ask("q1", std::string(50, 'x')) == "q1");
}

TEST_CASE("client core: feedback, set and regenerate are kept until they are acknowledged") {
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

TEST_CASE("client core: other commands are sent now or not at all") {
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

TEST_CASE("client core: tools are declared in every hello, and the capability with them") {
  client_options options;
  options.tools = {{"beep", "Makes a noise", "{}"}};
  client_fixture f(options);
  f.start();
  f.open();
  f.log();
  CHECK(f.sent[0].text("caps.1") == "tools");
  CHECK(f.sent[0].text("tools.0.name") == "beep");
  f.welcome("s1", R"("reason":"new")");
  f.live();
  f.lose();
  f.forget();
  f.come_back();
  f.log();
  CHECK(f.sent[0].text("tools.0.description") == "Makes a noise");
  options.caps = {"tools"};
  client_fixture g(options);
  CHECK(g.core.options().caps == std::vector<std::string>{"tools"});
  CHECK(client_fixture().core.options().caps == std::vector<std::string>{"delta"});
}

TEST_CASE("client core: decisions") {
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
    "client core: a result is for a call that runs, goes out once and stays until it is there") {
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

TEST_CASE("client core: cancel") {
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

TEST_CASE("client core: a token is asked before every attempt, and may come late") {
  client_options options;
  options.token = [](const client_token_handler&) {};  // the test answers by hand
  client_fixture f(std::move(options));
  f.start();
  CHECK(f.log() == "state:connecting token?");
  const auto first = f.attempt;
  f.core.token_ready(first, std::string("a"), f.now);
  f.core.token_ready(first, std::string("b"), f.now);
  CHECK(f.log() == "open");
  f.open();
  f.log();
  CHECK(f.sent[0].text("auth.token") == "a");
  f.lose();
  f.pass(750ms);
  CHECK(f.log() == "lost:1006 state:waiting state:connecting token?");
  f.core.token_ready(first, std::string("old"), f.now);
  CHECK(f.log() == "");
  SUBCASE("an empty one says nothing") {
    f.core.token_ready(f.attempt, std::string(), f.now);
    f.open();
    CHECK(f.log() == "open send:hello state:catching_up");
    CHECK_FALSE(f.sent[1].has("auth"));
  }
  SUBCASE("a failure is that of the attempt") {
    f.core.token_ready(f.attempt, error(errc::internal, "no luck"), f.now);
    CHECK(f.log() == "lost:1006 state:waiting");
  }
  SUBCASE("a refusal stops") {
    f.core.token_ready(f.attempt, error(errc::unauthorized), f.now);
    CHECK(f.log() == "lost:4401 state:stopped stopped:4401");
  }
  SUBCASE("none comes") {
    f.pass(15s);
    CHECK(f.log() == "close:4001 lost:4001 state:waiting");
    f.core.token_ready(f.attempt, std::string("late"), f.now);
    CHECK(f.log() == "");
  }
}

TEST_CASE("client core: an end for every query, also when the client stops") {
  client_fixture f;
  f.become_live();
  f.ask("q1");
  f.ask("q2");
  f.accept("q1");
  f.forget();
  SUBCASE("by the application") {
    f.core.stop(f.now);
    CHECK(f.log() ==
          "close:1000 state:stopped answer:q1=failed,interrupted answer:q2=failed,interrupted "
          "stopped:1000");
    CHECK(f.core.connection().position().is_known());
  }
  SUBCASE("by the server") {
    f.lose(4401);
    CHECK(f.log() ==
          "lost:4401 state:stopped answer:q1=failed,interrupted answer:q2=failed,interrupted "
          "stopped:4401");
    CHECK(f.core.connection().position().is_known());
  }
  SUBCASE("because the session is done") {
    f.lose(1000);
    CHECK_FALSE(f.core.connection().position().is_known());
  }
  CHECK(f.ask("q3") == "interrupted");
}

TEST_CASE("client core: a session is taken up by the next run of the program") {
  client_options options;
  options.resume = {"s1", "secret", "e1", 41};
  client_fixture f(std::move(options));
  f.start();
  f.open();
  f.log();
  CHECK(f.sent[0].text("session_id") == "s1");
  CHECK(f.sent[0].text("resume.token") == "secret");
  CHECK(f.sent[0].text("resume.epoch") == "e1");
  CHECK(f.sent[0].number("resume.last_seq") == 41);
  f.welcome("throw-away", R"("reason":"new")");
  f.welcome("s1", R"("reason":"ok","recovered":true,"active":[{"ref":"q9","stream":"r_9"}])", 41);
  f.say(R"({"type":"response","stream":"r_9","phase":"snapshot","idx":0,"n":3,"content":"abc"})");
  // The same query asked again: its answer is already coming.
  CHECK(f.ask("q9") == "q9");
  f.live(41);
  CHECK(f.log() == "welcome text:q9+abc state:live send:ack send:query=q9");
  f.say(
      R"({"type":"response","seq":42,"ref":"q9","stream":"r_9","phase":"end","n":3,"content":"abc","status":"completed"})");
  CHECK(f.log() == "answer:q9=completed");
  CHECK(f.core.connection().position().last_seq == 42);
}

TEST_CASE("client core: whatever a server says, each query has one end and nothing grows") {
  const std::vector<std::string> words = {
      R"({"type":"status","op":"live","seq":#})",
      R"({"type":"status","op":"ack","ref":"q#","stream":"r_#"})",
      R"({"type":"status","op":"drain","retry_after_ms":#})",
      R"({"type":"response","seq":#,"ref":"q#","stream":"r_#","phase":"start"})",
      R"({"type":"response","stream":"r_#","phase":"delta","idx":#,"n":#,"content":"a"})",
      R"({"type":"response","stream":"r_#","phase":"snapshot","idx":0,"n":#,"content":"abc"})",
      R"({"type":"response","seq":#,"ref":"q#","stream":"r_#","phase":"end","n":#,"content":"x"})",
      R"({"type":"response","seq":#,"ref":"q#","phase":"full","content":"x","replay":true})",
      R"({"type":"error","ref":"q#","code":"busy","content":"x"})",
      R"({"type":"error","seq":#,"ref":"q#","terminal":true,"code":"busy","content":"x"})",
      R"({"type":"notification","seq":#,"content":"n"})",
      R"({"type":"notification","op":"welcome","session_id":"s#","epoch":"e#","resume_token":"t",)"
      R"("seq":#,"reason":"ok","recovered":true,"accepted":["q#"],"active":[{"ref":"q#"}]})",
      R"({"type":"notification","op":"welcome","session_id":"s#","epoch":"e#","resume_token":"t",)"
      R"("seq":#,"reason":"gap","accepted":["q#"]})",
      R"({"type":"notification","op":"welcome","session_id":"s#","epoch":"e1","seq":#})",
      R"({"type":"human_feedback","seq":#,"id":"f#"})",
      R"({"type":"status","seq":#,"op":"feedback_resolved","ref":"f#"})",
      R"({"type":"status","op":"tool","id":"t#","ref":"q#","tool":{"call":"t#","state":"calling"}})",
      R"({"type":"status","op":"tool","ref":"q#","tool":{"call":"t#","state":"done"}})",
      R"({"type":"response","stream":"r#","phase":"reasoning","idx":#,"n":#,"content":"x"})",
      R"({"type":"notification","op":"welcome","session_id":"s1","epoch":"e#","resume_token":"t",)"
      R"("seq":#,"reason":"ok","recovered":true,"pending_feedback":[{"id":"f#"},{"id":"f#"},#]})",
      "no message",
  };
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 dice(seed);
    const auto draw = [&dice](unsigned below) { return static_cast<unsigned>(dice() % below); };
    client_options options;
    options.max_answers = 5;
    options.max_notifications = 5;
    client_fixture f(options);
    std::size_t taken = 0;
    for (int step = 0; step < 400; ++step) {
      switch (draw(9)) {
        case 0: {
          const std::string id = "q" + std::to_string(draw(12));
          taken += f.ask(id) == id ? 1u : 0u;
          break;
        }
        case 5: static_cast<void>(f.core.tool_result("t" + std::to_string(draw(3)), "1")); break;
        case 1: f.pass(std::chrono::milliseconds(draw(4'000))); break;
        case 2: f.start(); break;
        case 3: f.open(); break;
        case 4:
          if (draw(4) == 0)
            f.lose(static_cast<std::uint16_t>(draw(20) == 0 ? 1000 : 1000 + draw(3200)));
          break;
        default: {
          std::string text = words[draw(static_cast<unsigned>(words.size()))];
          for (std::size_t at = text.find('#'); at != std::string::npos; at = text.find('#'))
            text.replace(at, 1, std::to_string(draw(draw(3) == 0 ? 12 : 3)));
          f.say(text);
        }
      }
      f.log();
      REQUIRE(f.core.transcript().answers().size() <= 12u + 64u + 5u);
      REQUIRE(f.core.transcript().notifications().size() <= 5u);
    }
    f.core.stop(f.now);
    f.log();
    // Every query that was taken has ended, none twice.
    std::size_t own = 0;
    for (const client_answer& each : f.answers) own += each.own ? 1u : 0u;
    CHECK(own == taken);
  }
}
