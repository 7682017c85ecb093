// SPDX-License-Identifier: MIT
// The life of a client. What the application sends: sending.cpp; what the server says:
// reception.cpp; what happens to a connection: connection.cpp and the scripts of tests/conformance.
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
