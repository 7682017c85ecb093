// SPDX-License-Identifier: MIT
#include <agent_websocket/session/core.hpp>

#include "core_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

using namespace agent_websocket;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(core_fixture, "session_core: speaks first") {
  CHECK(sent().empty());
  open();
  const auto frames = sent();
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].op() == "welcome");
  CHECK(frames[0].text("session_id") == core.id());
  CHECK(frames[0].text("epoch") == "e1");
  CHECK(frames[0].json("seq") == "0");
  CHECK(frames[0].text("reason") == "new");
  CHECK(frames[0].number("heartbeat_ms") == 25'000);
  CHECK(frames[0].number("timeout_ms") == 8'000);
  CHECK(frames[0].number("limits.max_queued") == 16);
  CHECK(frames[0].number("limits.max_message_bytes") == 65'536);
  collect();
  CHECK(closes.empty());
}

TEST_CASE("session_core: a text above max_content_bytes is refused, and both numbers are named") {
  session_settings settings;
  settings.max_content_bytes = 10;
  settings.messages_per_minute = 60;
  settings.message_burst = 30;
  core_fixture talk(settings);
  talk.open();
  const auto welcome = talk.sent();
  CHECK(welcome.at(0).number("limits.max_content_bytes") == 10);
  CHECK(welcome.at(0).number("limits.messages_per_minute") == 60);
  CHECK(welcome.at(0).number("limits.message_burst") == 30);
  const auto frames = talk.send(R"({"id":"q1","content":"0123456789a"})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].text("code") == "too_large");
  CHECK(frames[0].text("ref") == "q1");
  CHECK(frames[0].content() == "`content` has 11 bytes; at most 10 are allowed");
  CHECK_FALSE(talk.core.busy());
  const auto parts = talk.send(
      R"({"id":"q2","content":[{"type":"text","text":"012345"},{"type":"text","text":"6789"}]})");
  CHECK(parts.at(0).text("code") == "too_large");  // and a line feed between them
  talk.send(R"({"id":"q3","content":"0123456789"})");
  CHECK(talk.core.busy());
}

TEST_CASE("session_core: the welcome carries what the application wants to say") {
  session_settings settings;
  settings.welcome_data = R"({"motd":"hello"})";
  core_fixture talk(settings);
  talk.open();
  CHECK(talk.sent().at(0).text("data.motd") == "hello");
}

TEST_CASE_FIXTURE(core_fixture, "session_core: every message has the time of its making") {
  open();
  pass(1234ms);
  core.notify("n", {}, {}, false, at);
  pass(1ms);
  const auto frames = sent();
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].text("timestamp") == "2026-01-01T00:00:00.000Z");
  CHECK(frames[1].text("timestamp") == "2026-01-01T00:00:01.234Z");
}

TEST_CASE_FIXTURE(core_fixture, "session_core: notifications are numbered from 1") {
  for (int i = 1; i <= 3; ++i) {
    core.notify("text " + std::to_string(i), "build", R"({"n":1})", false, at);
    const auto frames = sent();
    REQUIRE(frames.size() == 1u);
    CHECK(frames[0].type() == "notification");
    CHECK(frames[0].number("seq") == i);
    CHECK(frames[0].content() == "text " + std::to_string(i));
    CHECK(frames[0].text("topic") == "build");
    CHECK(frames[0].number("data.n") == 1);
  }
}

TEST_CASE_FIXTURE(core_fixture, "session_core: a frame that is no message") {
  core.refused_frame(here, errc::unsupported_data, at);
  const auto frames = sent();
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].type() == "error");
  CHECK(frames[0].code() == "unsupported_data");
  CHECK_FALSE(frames[0].has("ref"));
  CHECK_FALSE(frames[0].has("seq"));
  CHECK_FALSE(core.closing());
}

TEST_CASE_FIXTURE(core_fixture, "session_core: what was no message is told with its reference") {
  const auto frames = send(R"({"id":"q1","content":""})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].code() == "bad_message");
  CHECK(frames[0].ref() == "q1");
  CHECK(frames[0].content() == "Message content is required");
  CHECK(frames[0].json("retryable") == "false");
  collect();
  CHECK(consults.empty());
  CHECK(closes.empty());
}

TEST_CASE_FIXTURE(core_fixture, "session_core: replies and refusals of the application") {
  wire::command command;
  command.id = "c1";
  command.op = "roll";
  command.meta = R"({"tab":2})";
  core.reply(command, "4", R"({"dice":[4]})", at);
  core.refuse(here, "c1", error(errc::rate_limited), at, 1500ms);
  const auto frames = sent();
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].is_status("roll"));
  CHECK(frames[0].ref() == "c1");
  CHECK(frames[0].content() == "4");
  CHECK(frames[0].number("data.dice.0") == 4);
  CHECK(frames[0].number("meta.tab") == 2);
  CHECK(frames[1].code() == "rate_limited");
  CHECK(frames[1].ref() == "c1");
  CHECK(frames[1].truth("retryable"));
  CHECK(frames[1].number("retry_after_ms") == 1500);
  CHECK_FALSE(frames[1].is_terminal());
}

TEST_CASE_FIXTURE(core_fixture, "session_core: activity is a message or the end of an answer") {
  const auto begun = at.now;
  CHECK(core.last_activity() == begun);
  pass(1s);
  core.notify("n", {}, {}, false, at);
  CHECK(core.last_activity() == begun);
  send(R"({"type":"command","op":"ping"})");
  CHECK(core.last_activity() == begun);
  send(R"({"type":"command","op":"info"})");
  CHECK(core.last_activity() == begun + 1s);
  pass(1s);
  send(R"({"content":"x"})");
  proceed();
  pass(1s);
  CHECK(core.busy());
  complete();
  CHECK_FALSE(core.busy());
  CHECK(core.last_activity() == begun + 3s);
}

TEST_CASE_FIXTURE(core_fixture, "session_core: inactivity is told, then the socket is closed") {
  core.expired(at);
  const auto frames = sent();
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].type() == "notification");
  CHECK(frames[0].content() == "Session closed due to inactivity");
  CHECK(frames[0].number("seq") == 1);
  collect();
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0].first == 1000);
  CHECK(closes[0].second == "Session timeout");
  CHECK(core.closing());
}

TEST_CASE_FIXTURE(core_fixture, "session_core: once it is closing nothing more is said or done") {
  send(R"({"content":"x"})");
  proceed();
  core.end(4001, "heartbeat_timeout", error(errc::interrupted), at);
  collect();
  sent();
  CHECK(closes.size() == 1u);
  const std::size_t asked = consults.size() + starts.size();

  CHECK(send(R"({"id":"q2","content":"y"})").empty());
  CHECK(send(R"({"type":"command","op":"ping"})").empty());
  CHECK(send("garbage").empty());
  core.notify("n", {}, {}, false, at);
  core.refused_frame(here, errc::too_large, at);
  core.reply({}, "x", {}, at);
  core.refuse(here, "x", error(errc::internal), at);
  core.expired(at);
  core.drain(5s, at);
  core.drain_expired(at);
  core.end(1000, "again", error(errc::internal), at);
  core.give_up(here);
  core.interrupt(at);
  core.text(run(), "late", at);
  core.completed(run(), {}, at);
  collect();
  CHECK(sent().empty());
  CHECK(closes.size() == 1u);
  CHECK(consults.size() + starts.size() == asked);
}

TEST_CASE_FIXTURE(core_fixture, "session_core: the end of a session ends every open query first") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  send(R"({"id":"q2","content":"y"})");
  send(R"({"id":"q3","content":"z","stream":true})");
  sent();
  core.end(4499, "closed_by_operator", error(errc::interrupted), at);
  collect();
  const auto ends = terminals(sent());
  REQUIRE(ends.size() == 3u);
  std::string refs;
  for (const frame& each : ends) refs += each.ref() + " ";
  for (const char* id : {"q1", "q2", "q3"}) CHECK(refs.find(id) != std::string::npos);
  REQUIRE(cancels.size() == 1u);
  CHECK(cancels[0] == run());
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0].first == 4499);
  CHECK(closes[0].second == "closed_by_operator");
}

TEST_CASE_FIXTURE(core_fixture, "session_core: a run goes on when its socket is gone") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  send(R"({"id":"q2","content":"y"})");
  sent();
  core.detached(here, at);
  collect();
  CHECK(cancels.empty());
  CHECK(closes.empty());
  text("whole");
  complete();
  proceed();
  text("other");
  complete();
  CHECK(answers.size() == 2u);
  const auto frames = resume(R"({"token":"t","epoch":"e1","last_seq":0})", 2);
  const auto ends = terminals(frames);
  REQUIRE(ends.size() == 2u);
  CHECK(ends[0].content() == "whole");
  CHECK(ends[1].content() == "other");
}

TEST_CASE_FIXTURE(core_fixture,
                  "session_core: when nobody comes back in time all that is open ends") {
  send(R"({"id":"q1","content":"x","stream":true})");
  proceed();
  text("half");
  send(R"({"id":"q2","content":"y"})");
  core.detached(here, at);
  core.interrupt(at);
  collect();
  CHECK(cancels == std::vector<run_number>{run()});
  CHECK(starts.size() == 1u);
  CHECK_FALSE(core.closing());
  CHECK_FALSE(core.busy());
  const auto ends = terminals(resume(R"({"token":"t","epoch":"e1","last_seq":0})", 2));
  REQUIRE(ends.size() == 2u);
  CHECK(ends[0].ref() == "q2");
  CHECK(ends[0].code() == "interrupted");
  CHECK(ends[0].truth("retryable"));
  CHECK(ends[1].ref() == "q1");
  CHECK(ends[1].text("error.code") == "interrupted");
  CHECK(ends[1].content() == "half");
}

TEST_CASE_FIXTURE(core_fixture,
                  "session_core: a client that does not read loses its socket alone") {
  send(R"({"content":"x","stream":true})");
  proceed();
  text("some text");
  core.give_up(here);
  core.give_up(here);
  collect();
  CHECK(cancels.empty());
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0].first == 4002);
  CHECK(closes[0].second == "slow_consumer");
  CHECK_FALSE(core.closing());
}

TEST_CASE_FIXTURE(core_fixture, "session_core: ten bad messages in a row close the socket") {
  for (int i = 0; i < 9; ++i) CHECK(send("garbage").at(0).code() == "bad_json");
  send(R"({"type":"command","op":"ping"})");
  for (int i = 0; i < 9; ++i) send(R"({"type":"nonsense"})");
  core.heard_good(here);
  for (int i = 0; i < 9; ++i) core.refused_frame(here, errc::too_large, at);
  collect();
  CHECK(closes.empty());
  send("garbage");
  collect();
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0].first == 4400);
  CHECK(closes[0].second == "bad_messages");
  CHECK_FALSE(core.closing());
  CHECK(send("garbage").empty());
}

TEST_CASE_FIXTURE(core_fixture, "session_core: drain of an idle session") {
  core.drain(5s, at);
  collect();
  const auto frames = sent();
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].op() == "drain");
  CHECK(frames[0].number("seq") == 1);
  CHECK(frames[1].is_status("drain"));
  CHECK(frames[1].number("retry_after_ms") == 5000);
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0].first == 1012);
}

TEST_CASE_FIXTURE(core_fixture, "session_core: drain lets what runs end and refuses what waits") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  send(R"({"id":"q2","content":"y"})");
  sent();
  core.drain(5s, at);
  collect();
  const auto frames = sent();
  const auto ends = terminals(frames);
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].ref() == "q2");
  CHECK(ends[0].code() == "draining");
  CHECK(ends[0].truth("retryable"));
  CHECK(cancels.empty());
  CHECK(closes.empty());

  const auto refused = send(R"({"id":"q3","content":"z"})");
  REQUIRE(refused.size() == 1u);
  CHECK(refused[0].code() == "draining");
  CHECK(refused[0].ref() == "q3");
  CHECK_FALSE(refused[0].is_terminal());
  CHECK(send(R"({"type":"command","op":"regenerate","id":"g1"})").at(0).code() == "draining");
  CHECK(send(R"({"type":"command","op":"ping","id":"p1"})").at(0).is_status("pong"));

  text("whole answer");
  complete();
  const auto last = terminals(sent());
  REQUIRE(last.size() == 1u);
  CHECK(last[0].ref() == "q1");
  CHECK(last[0].content() == "whole answer");
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0].first == 1012);
}

TEST_CASE_FIXTURE(core_fixture, "session_core: a drain that takes too long cuts the answer") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  core.drain(5s, at);
  sent();
  core.drain_expired(at);
  collect();
  const auto ends = terminals(sent());
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].code() == "draining");
  CHECK(cancels == std::vector<run_number>{run()});
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0].first == 1012);
}

TEST_CASE_FIXTURE(core_fixture, "session_core: settings of its own") {
  session_settings own = core.settings();
  own.system_prompt = "Be brief.";
  own.model = "other/model";
  own.temperature = 0.1;
  own.max_tokens = 7;
  core.change_settings(own);
  send(R"({"content":"x"})");
  const auto& request = proceed();
  CHECK(transcript(request) == "system:Be brief.|user:x");
  CHECK(request.model == "other/model");
  CHECK(request.temperature == 0.1);
  CHECK(request.max_tokens == 7);
}

// ---- reasoning

TEST_CASE_FIXTURE(core_fixture, "session_core: reasoning is streamed to who asked for it") {
  send(R"({"type":"command","op":"hello","v":1,"caps":["delta","reasoning"]})");
  socket(2);
  send(R"({"id":"q","content":"x"})");
  sent(2);
  proceed();
  core.reasoning(run(), "Hm, ", at);
  core.reasoning(run(), "well.", at);
  auto frames = sent();
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].phase() == "start");
  CHECK(frames[1].phase() == "reasoning");
  CHECK(frames[1].number("n") == 2);
  CHECK(frames[1].content() == "Hm, well.");
  text("Yes.");
  complete();
  frames = sent();
  CHECK(frames.at(0).number("idx") == 0);
  const frame end = frames.back();
  CHECK(end.content() == "Yes.");
  CHECK(end.number("n") == 1);
  for (const frame& each : sent(2)) CHECK(each.phase() != "reasoning");
  CHECK(answers.at(0).text == "Yes.");
}

TEST_CASE_FIXTURE(core_fixture, "session_core: an empty piece of reasoning is none") {
  send(R"({"type":"command","op":"hello","v":1,"caps":["delta","reasoning"]})");
  send(R"({"id":"q","content":"x"})");
  proceed();
  core.reasoning(run(), "", at);
  CHECK(sent().empty());
  core.reasoning(run(), "a", at);
  CHECK(sent().back().number("n") == 1);
}

TEST_CASE_FIXTURE(
    core_fixture,
    "session_core: reasoning of an answer that is not streamed, or over, is dropped") {
  send(R"({"type":"command","op":"hello","v":1,"caps":["reasoning"]})");
  send(R"({"id":"q","content":"x"})");
  proceed();
  core.reasoning(run(), "a", at);
  CHECK(sent().empty());
  complete();
  sent();
  core.reasoning(run(), "late", at);
  send(R"({"id":"q2","content":"x","stream":true})");
  core.reasoning(run(), "late", at);
  core.reasoning(run() + 1, "before the application has decided", at);
  CHECK(sent().empty());
}
