// SPDX-License-Identifier: MIT
//
// Cancelling: while a query waits, before its first token and in mid-stream. The call upstream goes
// at once, what was there of the answer stays in the conversation.
#include "flow/fixture.hpp"

#include <string>
#include <utility>
#include <vector>

using namespace flow;
using call_state = aw::testing::mock_http_client::call_state;

namespace {

constexpr const char* cancel_running = R"({"type":"command","content":"cancel"})";

std::string cancel(const std::string& ref, const std::string& id = "c1") {
  return R"({"type":"command","op":"cancel","id":")" + id + R"(","ref":")" + ref + R"("})";
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "cancel: before the upstream has answered") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x"})");
  const auto frames = say(id, cancel("q1"));
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].is_status("ack"));
  CHECK(frames[0].ref() == "c1");
  CHECK(frames[1].ref() == "q1");
  CHECK(frames[1].text("status") == "cancelled");
  CHECK(frames[1].json("content") == R"("")");
  CHECK(http.last().state == call_state::cancelled);
}

TEST_CASE_FIXTURE(fixture, "cancel: before the first token") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x","stream":true})");
  http.respond_head(http.last().id, 200, event_stream());
  http.respond_body(http.last().id, ": OPENROUTER PROCESSING\n\n");
  CHECK(terminal(say(id, cancel_running)).text("status") == "cancelled");
  CHECK(http.last().state == call_state::cancelled);
}

TEST_CASE_FIXTURE(fixture, "cancel: in mid-stream, and what comes late is dropped") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x","stream":true})");
  const auto call = http.last().id;
  http.respond_head(call, 200, event_stream());
  http.respond_body(call, chunk("half an ") + chunk("ans"));
  const frame end = terminal(say(id, cancel("q1")));
  CHECK(end.phase() == "end");
  CHECK(end.text("status") == "cancelled");
  CHECK(end.content() == "half an ans");
  CHECK(http.last().state == call_state::cancelled);
  http.respond_body(call, chunk("wer") + finish() + done());
  http.complete(call);
  run();
  CHECK(heard(id).empty());
}

TEST_CASE_FIXTURE(fixture, "cancel: while the query waits, without touching the running one") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x"})");
  say(id, R"({"id":"q2","content":"y"})");
  const frame end = terminal(say(id, cancel("q2")));
  CHECK(end.ref() == "q2");
  CHECK(end.text("status") == "cancelled");
  CHECK(http.open_calls() == 1u);
  http.respond(http.last().id, 200, event_stream(), chunk("a") + finish() + done());
  run();
  CHECK(terminal(heard(id)).ref() == "q1");
  CHECK(http.calls().size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "cancel: the next one begins at once") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x"})");
  say(id, R"({"id":"q2","content":"y"})");
  say(id, cancel("q1"));
  REQUIRE(http.calls().size() == 2u);
  CHECK(http.calls()[0].state == call_state::cancelled);
  CHECK(http.calls()[1].state == call_state::open);
}

TEST_CASE_FIXTURE(fixture, "cancel: while a failed attempt waits to be repeated") {
  auto chosen = settings();
  chosen.max_retries = 2;
  fixture talk(chosen);
  const auto id = talk.connect();
  talk.http.reply_with(refusal(503, "{}", {{"Retry-After", "5"}}));
  talk.say(id, R"({"id":"q1","content":"x"})");
  CHECK(talk.http.open_calls() == 0u);
  CHECK(terminal(talk.say(id, cancel_running)).text("status") == "cancelled");
  talk.pass(1min);
  CHECK(talk.http.calls().size() == 1u);
  CHECK(terminals(talk.heard(id)).empty());
}

TEST_CASE_FIXTURE(fixture, "cancel: what is unknown or finished is not found and changes nothing") {
  const auto id = connect();
  CHECK(say(id, cancel_running).at(0).code() == "not_found");
  CHECK(say(id, cancel("q1")).at(0).code() == "not_found");
  ask(id, R"({"id":"q1","content":"x"})", {"the answer"});
  const auto refused = say(id, cancel("q1", "c2"));
  REQUIRE(refused.size() == 1u);
  CHECK(refused[0].code() == "not_found");
  CHECK(refused[0].ref() == "c2");
  say(id, R"({"id":"q2","content":"y"})");
  CHECK(say(id, cancel("q1")).at(0).code() == "not_found");
  CHECK(say(id, cancel("nobody")).at(0).code() == "not_found");
  CHECK(http.open_calls() == 1u);
  CHECK(mentions(transcript(http.last().request), "assistant:the answer|user:y"));
  say(id, cancel("q2"));
  CHECK(say(id, cancel("q2")).at(0).code() == "not_found");
  CHECK(clients[id].terminals().size() == 2u);
}

TEST_CASE_FIXTURE(fixture,
                  "cancel: the partial answer is kept, marked and sent with the next question") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x"})");
  http.respond_head(http.last().id, 200, event_stream());
  http.respond_body(http.last().id, chunk("half"));
  CHECK(terminal(say(id, cancel_running)).content() == "half");
  const frame history = say(id, R"({"type":"command","op":"history"})").at(0);
  CHECK(history.text("data.messages.1.content") == "half");
  CHECK(history.text("data.messages.1.status") == "cancelled");
  ask(id, R"({"content":"go on"})", {"a"});
  CHECK(transcript(http.last().request) == "system:P|user:x|assistant:half|user:go on");
}

TEST_CASE_FIXTURE(fixture, "cancel: an answer that the application still thinks about") {
  std::vector<reply_type> replies;
  router().on_query([&](session_type&, const aw::wire::query&, reply_type reply) {
    replies.push_back(std::move(reply));
  });
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x"})");
  CHECK(terminal(say(id, cancel("q1"))).text("status") == "cancelled");
  REQUIRE(replies.size() == 1u);
  replies[0].proceed();
  run();
  CHECK(http.calls().empty());
  CHECK(heard(id).empty());
}
