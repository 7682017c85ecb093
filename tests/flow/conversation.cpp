// SPDX-License-Identifier: MIT
//
// Whole conversations: what the plain client sees, what a streaming one sees, and what goes
// upstream.
#include "flow/fixture.hpp"

#include <string>
#include <vector>

using namespace flow;

TEST_CASE_FIXTURE(fixture, "conversation: the server speaks first") {
  start();
  const auto id = transport.connect();
  run();
  const auto frames = heard(id);
  REQUIRE(frames.size() == 1u);
  const frame& welcome = frames[0];
  CHECK(welcome.type() == "notification");
  CHECK(is_uuid4(welcome.text("session_id")));
  CHECK(welcome.content() ==
        "Connected to Agent WebSocket. Session ID: " + welcome.text("session_id"));
  CHECK(welcome.text("timestamp") == "2026-01-01T00:00:00.000Z");
  CHECK(welcome.number("v") == 1);
  CHECK(server.session_count() == 1u);
  CHECK(session(id) != nullptr);
}

TEST_CASE_FIXTURE(fixture, "conversation: every session has an id and an epoch of its own") {
  start();
  std::vector<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    const auto id = transport.connect();
    run();
    const frame welcome = heard(id).at(0);
    for (const char* name : {"session_id", "epoch"}) {
      const std::string made = welcome.text(name);
      CHECK_FALSE(made.empty());
      for (const std::string& each : seen) CHECK(each != made);
      seen.push_back(made);
    }
  }
}

TEST_CASE_FIXTURE(fixture, "conversation: the plain client asks and is answered") {
  const auto id = connect();
  pass(1500ms);
  http.reply_with(answer({"Web", "Socket is ", "a protocol."}));
  const auto frames = say(id, R"({"type":"query","content":"Tell me about WebSocket technology.",)"
                              R"("timestamp":"2026-01-01T00:00:00Z"})");
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].type() == "status");
  CHECK(frames[0].content() == "Thinking...");
  CHECK(frames[0].text("timestamp") == "2026-01-01T00:00:01.500Z");
  CHECK(frames[1].type() == "response");
  CHECK(frames[1].content() == "WebSocket is a protocol.");
  CHECK(frames[1].phase() == "full");
  CHECK(frames[1].text("status") == "completed");
  CHECK(frames[1].text("finish_reason") == "stop");
  CHECK(frames[1].text("model") == "served/model");
  CHECK(frames[1].number("usage.prompt_tokens") == 12);
  CHECK(frames[1].real("usage.cost") == 0.0004);
  CHECK(frames[1].number("seq") == 1);
}

TEST_CASE_FIXTURE(fixture, "conversation: the request that goes upstream") {
  const auto id = connect();
  ask(id, R"({"content":"What is Asio?"})", {"A library."});
  REQUIRE(http.calls().size() == 1u);
  const auto& request = http.last().request;
  CHECK(request.method == "POST");
  CHECK(request.target == "http://localhost/v1/chat/completions");
  CHECK(request.headers.find("Authorization") == "Bearer " + std::string(secret_key));
  CHECK(request.headers.find("Content-Type") == "application/json");
  const frame body(request.body);
  CHECK(body.text("model") == "openai/gpt-4-turbo");
  CHECK(body.json("temperature") == "0.7");
  CHECK(body.json("max_tokens") == "1500");
  CHECK(body.truth("stream"));
  CHECK(transcript(request) == "system:P|user:What is Asio?");
}

TEST_CASE_FIXTURE(fixture, "conversation: many queries on one socket, with their history") {
  const auto id = connect();
  for (int i = 1; i <= 30; ++i) {
    const std::string n = std::to_string(i);
    const auto frames = ask(id, R"({"content":"question )" + n + R"("})", {"answer ", n});
    CHECK(terminal(frames).content() == "answer " + n);
  }
  CHECK(http.calls().size() == 30u);
  const std::string asked = transcript(http.last().request);
  CHECK(mentions(asked, "|user:question 29|assistant:answer 29|user:question 30"));
  CHECK(clients[id].last_seq() == 30);
}

TEST_CASE("conversation: MAX_HISTORY keeps whole turns and always the system prompt") {
  auto chosen = settings();
  chosen.session.max_history = 4;
  fixture talk(chosen);
  const auto id = talk.connect();
  for (int i = 1; i <= 6; ++i) {
    const std::string n = std::to_string(i);
    talk.ask(id, R"({"content":"q)" + n + R"("})", {"a" + n});
  }
  CHECK(transcript(talk.http.last().request) == "system:P|user:q5|assistant:a5|user:q6");
}

TEST_CASE_FIXTURE(fixture, "conversation: tokens go on as they come") {
  const auto id = connect();
  auto frames = say(id, R"({"id":"q1","content":"x","stream":true,"meta":{"tab":2}})");
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].is_status("ack"));
  CHECK(frames[1].is_status("thinking"));
  const auto call = http.last().id;
  http.respond_head(call, 200, event_stream());
  CHECK(heard(id).empty());
  http.respond_body(call, chunk("He"));
  frames = heard(id);
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].phase() == "start");
  CHECK(frames[0].ref() == "q1");
  CHECK(frames[0].text("model") == "served/model");
  CHECK(frames[1].phase() == "delta");
  CHECK(frames[1].content() == "He");
  for (const std::string piece : {"l", "lo", ", ", "日本", " \xF0\x9F\xA6\x80"}) {
    http.respond_body(call, chunk(piece));
    frames = heard(id);
    REQUIRE(frames.size() == 1u);
    CHECK(frames[0].content() == piece);
  }
  http.respond_body(call, finish() + done());
  http.complete(call);
  frames = heard(id);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].phase() == "end");
  CHECK(frames[0].content() == "Hello, 日本 \xF0\x9F\xA6\x80");
  CHECK(frames[0].number("n") == 6);
  CHECK(frames[0].text("finish_reason") == "stop");
  CHECK(frames[0].json("meta") == R"({"tab":2})");
  CHECK(frames[0].number("usage.completion_tokens") == 98);
}

TEST_CASE_FIXTURE(fixture,
                  "conversation: several chunks in one read are still one delta each or more") {
  const auto id = connect();
  say(id, R"({"content":"x","stream":true})");
  const auto call = http.last().id;
  http.respond_head(call, 200, event_stream());
  std::string all;
  for (int i = 0; i < 100; ++i) all += chunk("token ");
  http.respond_body(call, all + finish() + done());
  http.complete(call);
  run();
  const auto frames = heard(id);
  CHECK(terminal(frames).content().size() == 600u);
  CHECK(terminal(frames).number("n") == 100);
}

TEST_CASE_FIXTURE(fixture,
                  "conversation: one answer at a time, the others wait and come in order") {
  const auto id = connect();
  for (const std::string name : {"q1", "q2", "q3"}) {
    say(id, R"({"id":")" + name + R"(","content":"about )" + name + R"("})");
    CHECK(http.open_calls() == 1u);
  }
  std::string order;
  for (int i = 0; i < 3; ++i) {
    const auto& call = http.last();
    CHECK(mentions(transcript(call.request), "|user:about q" + std::to_string(i + 1)));
    CHECK_FALSE(mentions(transcript(call.request), "about q" + std::to_string(i + 2)));
    http.respond(call.id, 200, event_stream(), chunk("done") + finish() + done());
    run();
    for (const frame& each : terminals(heard(id))) order += each.ref() + " ";
  }
  CHECK(order == "q1 q2 q3 ");
  CHECK(http.open_calls() == 0u);
}

TEST_CASE("conversation: what does not fit into the queue is refused, and only that") {
  auto chosen = settings();
  chosen.session.max_queue = 2;
  fixture talk(chosen);
  const auto id = talk.connect();
  for (const std::string name : {"q1", "q2", "q3"}) {
    CHECK(talk.say(id, R"({"id":")" + name + R"(","content":"x"})").at(0).is_status("ack"));
  }
  const auto refused = talk.say(id, R"({"id":"q4","content":"x"})");
  REQUIRE(refused.size() == 1u);
  CHECK(refused[0].code() == "queue_full");
  CHECK(refused[0].ref() == "q4");
  for (int i = 0; i < 3; ++i) {
    talk.http.respond(talk.http.last().id, 200, event_stream(), chunk("a") + finish() + done());
    talk.run();
  }
  talk.heard(id);
  CHECK(talk.clients[id].terminals().size() == 3u);
  CHECK(talk.clients[id].terminals().count("q4") == 0u);
}

TEST_CASE_FIXTURE(fixture, "conversation: interrupting cancels the call upstream at once") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x","stream":true})");
  const auto first = http.last().id;
  http.respond_head(first, 200, event_stream());
  http.respond_body(first, chunk("half"));
  const auto frames = say(id, R"({"id":"q2","content":"y","overlap":"interrupt"})");
  const frame end = terminal(frames);
  CHECK(end.ref() == "q1");
  CHECK(end.text("status") == "cancelled");
  CHECK(end.content() == "half");
  CHECK(http.calls()[0].state == aw::testing::mock_http_client::call_state::cancelled);
  REQUIRE(http.calls().size() == 2u);
  CHECK(transcript(http.last().request) == "system:P|user:x|assistant:half|user:y");
}

TEST_CASE_FIXTURE(fixture, "conversation: sessions know nothing of each other") {
  const auto first = connect();
  const auto second = connect();
  say(first, R"({"id":"q1","content":"mine"})");
  say(second, R"({"id":"q1","content":"yours"})");
  CHECK(http.open_calls() == 2u);
  http.respond(http.calls()[1].id, 200, event_stream(), chunk("to you") + finish() + done());
  run();
  CHECK(heard(first).empty());
  CHECK(terminal(heard(second)).content() == "to you");
  http.respond(http.calls()[0].id, 200, event_stream(), chunk("to me") + finish() + done());
  run();
  CHECK(terminal(heard(first)).content() == "to me");
  ask(second, R"({"content":"next"})", {"a"});
  CHECK(transcript(http.last().request) == "system:P|user:yours|assistant:to you|user:next");
}

TEST_CASE_FIXTURE(
    fixture, "conversation: a repeated id is acknowledged, answered again and not paid twice") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x"})");
  CHECK(say(id, R"({"id":"q1","content":"x"})").at(0).truth("duplicate"));
  http.respond(http.last().id, 200, event_stream(), chunk("a") + finish() + done());
  run();
  heard(id);
  const auto again = say(id, R"({"id":"q1","content":"x"})");
  REQUIRE(again.size() == 2u);
  CHECK(again[0].truth("duplicate"));
  CHECK(again[1].content() == "a");
  CHECK(http.calls().size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "conversation: timeout_ms ends the answer, nothing else") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x","timeout_ms":1500})");
  const auto call = http.last().id;
  http.respond_head(call, 200, event_stream());
  http.respond_body(call, chunk("half"));
  pass(1499ms);
  CHECK(heard(id).empty());
  pass(1ms);
  const frame end = terminal(heard(id));
  CHECK(end.code() == "timeout_total");
  CHECK(end.ref() == "q1");
  CHECK(http.open_calls() == 0u);
  CHECK(terminal(ask(id, R"({"content":"next"})", {"a"})).content() == "a");
  pass(1min);
  CHECK(terminals(heard(id)).empty());
}

TEST_CASE_FIXTURE(fixture, "conversation: timeout_ms of one query is not the next one's") {
  const auto id = connect();
  ask(id, R"({"content":"x","timeout_ms":1000})", {"quick"});
  say(id, R"({"content":"y"})");
  pass(10s);
  CHECK(terminals(heard(id)).empty());
  CHECK(http.open_calls() == 1u);
}

TEST_CASE_FIXTURE(fixture, "conversation: content parts go to the model") {
  const auto id = connect();
  ask(id,
      R"({"content":[{"type":"text","text":"see"},{"type":"image_url",)"
      R"("image_url":{"url":"https://h/i.png"}}]})",
      {"a"});
  CHECK(mentions(http.last().request.body, R"([{"type":"text","text":"see"},{"type":"image_url",)"
                                           R"("image_url":{"url":"https://h/i.png"}}])"));
}

TEST_CASE_FIXTURE(fixture, "conversation: a model per query, fallbacks from the operator") {
  const auto id = connect();
  ask(id, R"({"content":"x","model":"other/model"})", {"a"});
  CHECK(frame(http.last().request.body).text("model") == "other/model");
  ask(id, R"({"content":"x"})", {"a"});
  CHECK(frame(http.last().request.body).text("model") == "openai/gpt-4-turbo");
}

TEST_CASE_FIXTURE(fixture,
                  "conversation: meta comes back with the answer, also with a failed one") {
  const auto id = connect();
  CHECK(terminal(ask(id, R"({"content":"x","meta":{"tab":2}})", {"a"})).json("meta") ==
        R"({"tab":2})");
  http.reply_with(refusal(500, "{}"));
  CHECK(terminal(say(id, R"({"content":"x","meta":{"tab":3}})")).json("meta") == R"({"tab":3})");
  http.reply_with(refusal(500, "{}"));
  CHECK(terminal(say(id, R"({"content":"x","stream":true,"meta":{"tab":4}})")).json("meta") ==
        R"({"tab":4})");
}
