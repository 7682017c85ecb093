// SPDX-License-Identifier: MIT
#include <agent_websocket/session/attaching.hpp>

#include "core_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

std::string position(std::uint64_t last_seq, const std::string& epoch = "e1") {
  return R"({"token":"token","epoch":")" + epoch + R"(","last_seq":)" + std::to_string(last_seq) +
         "}";
}

wire::command hello() {
  wire::command said;
  said.op = "hello";
  said.from = core_fixture::here;
  return said;
}

}  // namespace

TEST_CASE_FIXTURE(core_fixture, "attaching: a hello that asks for nothing is greeted again") {
  core.notify("n", {}, {}, false, at);
  sent();
  core.greet(hello(), "new", "second", at);
  const auto frames = sent();
  REQUIRE(frames.size() == 3u);
  CHECK(frames[0].op() == "welcome");
  CHECK(frames[0].text("session_id") == core.id());
  CHECK(frames[0].text("resume_token") == "second");
  CHECK(frames[0].json("seq") == "0");
  CHECK(frames[0].json("recovered") == "false");
  CHECK_FALSE(frames[0].has("accepted"));
  CHECK(frames[1].content() == "n");
  CHECK(frames[1].truth("replay"));
  CHECK(frames[2].is_status("live"));
  CHECK(frames[2].number("seq") == 1);
  CHECK(core.accepts_token("second"));
}

TEST_CASE_FIXTURE(core_fixture, "attaching: a greeting in mid-answer brings the text so far") {
  send(R"({"id":"q1","content":"x","stream":true})");
  proceed();
  text("Hel");
  sent();
  core.greet(hello(), "new", "t", at);
  const auto frames = sent();
  REQUIRE(frames.size() == 4u);
  CHECK(frames[0].text("active.0.ref") == "q1");
  CHECK(frames[1].phase() == "start");
  CHECK(frames[2].phase() == "snapshot");
  CHECK(frames[2].content() == "Hel");
  text("lo");
  CHECK(sent().at(0).number("idx") == 1);
}

TEST_CASE_FIXTURE(core_fixture, "attaching: a refused resume says why, and takes nothing") {
  core.greet(hello(), "expired", "t", at);
  const auto frames = sent();
  CHECK(frames.at(0).text("reason") == "expired");
  CHECK(frames[0].json("recovered") == "false");
  CHECK(frames[0].json("accepted") == "[]");
}

TEST_CASE_FIXTURE(core_fixture,
                  "attaching: the tools of a hello hold, also when it gets no session") {
  for (const char* reason : {"new", "expired", "forbidden"}) {
    CAPTURE(reason);
    wire::command said = hello();
    said.tools.push_back({reason, {}, {}});
    said.resume_session = "another";
    core.greet(said, reason, "t", at);
    send(R"({"content":"x"})");
    const frame offered("{\"tools\":" + proceed().tools + "}");
    CHECK(offered.size("tools") == 1u);
    CHECK(offered.text("tools.0.function.name") == reason);
    complete();
  }
}

TEST_CASE_FIXTURE(core_fixture, "attaching: resume brings what was missed, then live") {
  for (const char* each : {"a", "b", "c"}) core.notify(each, {}, {}, false, at);
  const auto frames = resume(position(1), 2);
  REQUIRE(frames.size() == 4u);
  CHECK(frames[0].op() == "welcome");
  CHECK(frames[0].truth("recovered"));
  CHECK(frames[0].text("reason") == "ok");
  CHECK(frames[0].number("seq") == 1);
  CHECK(frames[1].content() == "b");
  CHECK(frames[1].number("seq") == 2);
  CHECK(frames[1].truth("replay"));
  CHECK(frames[2].content() == "c");
  CHECK(frames[3].is_status("live"));
  CHECK(frames[3].number("seq") == 3);
  core.notify("d", {}, {}, false, at);
  const auto later = sent(2);
  REQUIRE(later.size() == 1u);
  CHECK_FALSE(later[0].has("replay"));
}

TEST_CASE_FIXTURE(core_fixture, "attaching: position 0 with the right epoch is a resume (R6)") {
  core.notify("a", {}, {}, false, at);
  const auto frames = resume(position(0), 2);
  CHECK(frames.at(0).truth("recovered"));
  CHECK(frames.at(1).content() == "a");
  CHECK(frames.at(2).is_status("live"));
}

TEST_CASE_FIXTURE(core_fixture, "attaching: nothing missed is fine") {
  CHECK(resume(position(0), 2).at(0).truth("recovered"));
  core.notify("a", {}, {}, false, at);
  const auto frames = resume(position(1), 3);
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].truth("recovered"));
}

TEST_CASE_FIXTURE(core_fixture,
                  "attaching: another epoch, or a position that cannot be, is no resume") {
  core.notify("a", {}, {}, false, at);
  auto frames = resume(position(1, "e0"), 2);
  CHECK_FALSE(frames.at(0).truth("recovered"));
  CHECK(frames[0].text("reason") == "epoch_changed");
  CHECK(frames[0].text("epoch") == "e1");
  CHECK(frames[0].number("seq") == 0);
  CHECK(frames.at(1).content() == "a");
  CHECK(frames.at(2).is_status("live"));
  frames = resume(position(2), 3);
  CHECK(frames.at(0).text("reason") == "gap");
}

TEST_CASE_FIXTURE(core_fixture,
                  "attaching: what has left the log makes a gap, and the rest is sent") {
  for (int i = 0; i < 1100; ++i) core.notify(std::to_string(i), {}, {}, false, at);
  auto frames = resume(position(75), 2);
  CHECK(frames.at(0).text("reason") == "gap");
  CHECK_FALSE(frames[0].truth("recovered"));
  CHECK(frames[0].number("seq") == 76);
  CHECK(frames.at(1).number("seq") == 77);
  CHECK(frames.size() == 1026u);
  frames = resume(position(76), 3);
  CHECK(frames.at(0).truth("recovered"));
}

TEST_CASE_FIXTURE(core_fixture, "attaching: a late socket catches up in mid-answer") {
  send(R"({"id":"q1","content":"x","stream":true})");
  proceed();
  text("Hello ");
  text("wor");
  sent();
  auto frames = resume(position(0), 2);
  REQUIRE(frames.size() == 4u);
  CHECK(frames[0].text("active.0.ref") == "q1");
  CHECK(frames[0].text("active.0.stream") == "r_1");
  CHECK(frames[1].phase() == "start");
  CHECK(frames[1].truth("replay"));
  CHECK(frames[2].phase() == "snapshot");
  CHECK(frames[2].content() == "Hello wor");
  CHECK(frames[2].json("idx") == "0");
  CHECK(frames[2].number("n") == 2);
  CHECK(frames[2].truth("replay"));
  CHECK(frames[3].is_status("live"));
  text("ld");
  for (const connection_id each : {here, connection_id{2}}) {
    frames = sent(each);
    REQUIRE(frames.size() == 1u);
    CHECK(frames[0].phase() == "delta");
    CHECK(frames[0].number("idx") == 2);
    CHECK(frames[0].content() == "ld");
  }
  complete();
  CHECK(sent(2).at(0).phase() == "end");
  CHECK(sent().at(0).content() == "Hello world");
}

TEST_CASE_FIXTURE(core_fixture, "attaching: an answer that ended meanwhile comes whole") {
  send(R"({"id":"q1","content":"x","stream":true})");
  proceed();
  text("Hel");
  sent();
  core.detached(here, at);
  text("lo");
  complete();
  const auto frames = resume(position(1), 2);
  REQUIRE(frames.size() == 3u);
  CHECK(frames[0].json("active") == "[]");
  CHECK(frames[1].phase() == "full");
  CHECK(frames[1].content() == "Hello");
  CHECK(frames[1].number("seq") == 2);
}

TEST_CASE_FIXTURE(core_fixture,
                  "attaching: hello again on the same socket begins anew where it says") {
  for (const char* each : {"a", "b", "c"}) core.notify(each, {}, {}, false, at);
  const auto frames = resume(position(2), here);
  REQUIRE(frames.size() == 3u);
  CHECK(frames[1].content() == "c");
  CHECK(frames[2].is_status("live"));
  CHECK(core.output().sockets().size() == 1u);
}

TEST_CASE_FIXTURE(core_fixture, "attaching: the welcome tells which messages have arrived") {
  converse("x", "answer", "q1");
  send(R"({"id":"q2","content":"runs"})");
  proceed();
  send(R"({"id":"q3","content":"waits"})");
  send(R"({"type":"human_feedback","id":"f1","ref":"q1","rating":1})");
  const auto frames = resume(position(0), 2, R"(["q1","q2","q3","q4","f1","f2"])");
  CHECK(frames.at(0).json("accepted") == R"(["q1","q2","q3","f1"])");
  CHECK(frames[0].text("active.0.ref") == "q2");
}

TEST_CASE_FIXTURE(core_fixture,
                  "attaching: a query whose end was lost in a gap is to be repeated") {
  converse("x", "answer", "q1");
  CHECK(resume(position(0), 2, R"(["q1"])").at(0).json("accepted") == R"(["q1"])");
  CHECK(resume(position(1), 3, R"(["q1"])").at(0).json("accepted") == "[]");
}

TEST_CASE_FIXTURE(core_fixture,
                  "attaching: an answer to the one who asked goes to no other socket") {
  socket(2);
  CHECK(send(R"({"type":"command","op":"ping","id":"p1"})", 2).at(0).is_status("pong"));
  CHECK(sent(here).empty());
  CHECK(send("garbage", 2).size() == 1u);
  CHECK(sent(here).empty());
  const auto asked = send(R"({"id":"q1","content":"x"})", 2);
  REQUIRE(asked.size() == 2u);
  CHECK(asked[0].is_status("ack"));
  const auto others = sent(here);
  REQUIRE(others.size() == 1u);
  CHECK(others[0].is_status("thinking"));
}

TEST_CASE_FIXTURE(core_fixture,
                  "attaching: a repeated query is answered once more, to who repeats it") {
  converse("x", "answer", "q1");
  socket(2);
  sent(2);
  const auto frames = send(R"({"id":"q1","content":"x"})", 2);
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].is_status("ack"));
  CHECK(frames[0].truth("duplicate"));
  CHECK(frames[1].phase() == "full");
  CHECK(frames[1].content() == "answer");
  CHECK(frames[1].truth("replay"));
  CHECK(sent(here).empty());
  CHECK(starts.size() == 1u);
}

TEST_CASE_FIXTURE(core_fixture, "attaching: an answer that nobody kept is told to be gone") {
  session_settings small = core.settings();
  small.max_history = 1;
  core.change_settings(small);
  converse("x", "answer", "q1");
  for (int i = 0; i < 3; ++i) converse("y", "other");
  for (int i = 0; i < 1100; ++i) core.notify("n", {}, {}, false, at);
  socket(2);
  const auto hello = resume(position(1102), 2);
  const auto frames = send(R"({"id":"q1","content":"x"})", 2);
  const auto ends = terminals(frames);
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].code() == "expired");
  CHECK(ends[0].ref() == "q1");
}

TEST_CASE_FIXTURE(core_fixture,
                  "attaching: one socket too many takes the place of the most silent") {
  for (connection_id each = 2; each <= session_core::max_sockets; ++each) {
    pass(1s);
    resume(position(0), each);
  }
  collect();
  CHECK(closes.empty());
  send(R"({"type":"command","op":"ping"})");  // the oldest lives
  resume(position(0), 99);
  collect();
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0].first == 4429);
  CHECK_FALSE(socket(here).closed);
  CHECK(socket(2).closed);
  CHECK_FALSE(socket(99).closed);
}

TEST_CASE_FIXTURE(core_fixture, "attaching: a token is good until its successor has arrived") {
  open();
  CHECK(core.accepts_token("token"));
  CHECK_FALSE(core.accepts_token("tokem"));
  core.detached(here, at);
  sent();
  json::document scratch;
  auto message = wire::decode(
      R"({"type":"command","op":"hello","session_id":"x","resume":{"token":"token","epoch":"e1","last_seq":0}})",
      scratch);
  core.resume(2, std::get<wire::command>(message), "second", at);
  CHECK(core.accepts_token("token"));
  CHECK(core.accepts_token("second"));
  send(R"({"type":"command","op":"ack","seq":0})", 2);
  CHECK_FALSE(core.accepts_token("token"));
  CHECK(core.accepts_token("second"));
}
