// SPDX-License-Identifier: MIT
//
// What the application may do in its hooks, at any time, in any order, and after the session is
// gone; and what it may throw.
#include "flow/fixture.hpp"

#include <any>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace flow;

TEST_CASE_FIXTURE(fixture, "hooks: on_query answers without the model") {
  router().on_query([](session_type&, const aw::wire::query& asked, reply_type reply) {
    reply.answer("You said: " + asked.content);
  });
  const auto id = connect();
  const frame plain = terminal(say(id, R"({"content":"hello","meta":{"tab":2}})"));
  CHECK(plain.phase() == "full");
  CHECK(plain.content() == "You said: hello");
  CHECK(plain.json("meta") == R"({"tab":2})");
  const auto frames = say(id, R"({"content":"hello","stream":true})");
  CHECK(terminal(frames).phase() == "end");
  CHECK(terminal(frames).content() == "You said: hello");
  CHECK(http.calls().empty());
  const frame history = say(id, R"({"type":"command","op":"history"})").at(0);
  CHECK(history.text("data.messages.1.content") == "You said: hello");
}

TEST_CASE_FIXTURE(fixture, "hooks: on_query refuses, in its own words or the code's") {
  int asked = 0;
  router().on_query([&](session_type&, const aw::wire::query&, reply_type reply) {
    if (++asked == 1) return reply.refuse(aw::errc::quota_exceeded);
    reply.refuse(aw::errc::forbidden, "Not on Sundays");
  });
  const auto id = connect();
  const frame first = terminal(say(id, R"({"id":"q1","content":"x"})"));
  CHECK(first.code() == "quota_exceeded");
  CHECK(first.ref() == "q1");
  const frame second = terminal(say(id, R"({"id":"q2","content":"x","stream":true})"));
  CHECK(second.text("status") == "failed");
  CHECK(second.text("error.code") == "forbidden");
  CHECK(second.text("error.content") == "Not on Sundays");
  CHECK(http.calls().empty());
}

TEST_CASE_FIXTURE(fixture, "hooks: on_query decides later, and the others wait") {
  std::vector<reply_type> replies;
  router().on_query([&](session_type&, const aw::wire::query&, reply_type reply) {
    replies.push_back(std::move(reply));
  });
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x"})");
  say(id, R"({"id":"q2","content":"y"})");
  CHECK(replies.size() == 1u);
  pass(10s);
  CHECK(http.calls().empty());
  replies[0].proceed();
  REQUIRE(http.calls().size() == 1u);
  http.respond(http.last().id, 200, event_stream(), chunk("a") + finish() + done());
  run();
  CHECK(terminal(heard(id)).ref() == "q1");
  REQUIRE(replies.size() == 2u);
  replies[1].answer("b");
  CHECK(terminal(heard(id)).content() == "b");
}

TEST_CASE_FIXTURE(fixture, "hooks: extra messages go into one request only, before the question") {
  router().on_query([](session_type&, const aw::wire::query& asked, reply_type reply) {
    if (asked.content != "with context") return reply.proceed();
    reply.proceed({aw::openrouter::chat_message::system("the context")});
  });
  const auto id = connect();
  ask(id, R"({"content":"first"})", {"one"});
  ask(id, R"({"content":"with context"})", {"two"});
  CHECK(transcript(http.last().request) ==
        "system:P|user:first|assistant:one|system:the context|user:with context");
  ask(id, R"({"content":"third"})", {"three"});
  CHECK_FALSE(mentions(http.last().request.body, "the context"));
}

TEST_CASE_FIXTURE(fixture, "hooks: only the first decision counts") {
  std::vector<reply_type> replies;
  router().on_query([&](session_type&, const aw::wire::query&, reply_type reply) {
    reply.proceed();
    reply.answer("twice");
    reply.refuse(aw::errc::internal);
    reply.proceed();
    replies.push_back(std::move(reply));
  });
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x"})");
  CHECK(http.calls().size() == 1u);
  replies[0].answer("late");
  CHECK(heard(id).empty());
  http.respond(http.last().id, 200, event_stream(), chunk("a") + finish() + done());
  run();
  CHECK(terminal(heard(id)).content() == "a");
  say(id, R"({"id":"q2","content":"y"})");
  replies[0].answer("for another run");
  replies[0].refuse(aw::errc::internal);
  run();
  CHECK(terminals(heard(id)).empty());
}

TEST_CASE_FIXTURE(fixture, "hooks: a decision after the session is gone does nothing") {
  std::vector<reply_type> replies;
  router().on_query([&](session_type&, const aw::wire::query&, reply_type reply) {
    replies.push_back(std::move(reply));
  });
  const auto id = connect();
  say(id, R"({"content":"x"})");
  const auto other = connect();
  say(other, R"({"content":"x"})");
  transport.disconnect(id);
  say(other, R"({"type":"command","op":"close"})");
  run();
  REQUIRE(replies.size() == 2u);
  for (const auto& each : replies) {
    each.proceed();
    each.answer("a");
  }
  run();
  CHECK(http.calls().empty());
  CHECK(server.session_count() == 0u);
}

TEST_CASE("hooks: a decision after the server is gone does nothing") {
  std::vector<fixture::reply_type> replies;
  {
    fixture talk;
    talk.router().on_query([&](fixture::session_type&, const aw::wire::query&,
                               fixture::reply_type reply) { replies.push_back(std::move(reply)); });
    talk.say(talk.connect(), R"({"content":"x"})");
  }
  REQUIRE(replies.size() == 1u);
  replies[0].answer("a");
  replies[0].proceed();
}

TEST_CASE_FIXTURE(fixture, "hooks: a question that nobody decides ends with its own time limit") {
  router().on_query([](session_type&, const aw::wire::query&, reply_type) {});
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x","timeout_ms":5000})");
  pass(6s);
  const auto ends = terminals(heard(id));
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].code() == "timeout_total");
}

TEST_CASE_FIXTURE(fixture, "hooks: before_request sees and changes what goes upstream") {
  std::string seen;
  router().before_request([&](session_type&, aw::openrouter::chat_request& request) {
    seen = request.messages.back().text();
    request.model = "changed/model";
    request.temperature = 1.5;
    request.user = "pseudonym";
    request.messages.insert(request.messages.begin() + 1,
                            aw::openrouter::chat_message::system("more"));
  });
  const auto id = connect();
  ask(id, R"({"content":"x"})", {"a"});
  CHECK(seen == "x");
  const frame body(http.last().request.body);
  CHECK(body.text("model") == "changed/model");
  CHECK(body.json("temperature") == "1.5");
  CHECK(body.text("user") == "pseudonym");
  CHECK(transcript(http.last().request) == "system:P|system:more|user:x");
}

TEST_CASE_FIXTURE(fixture,
                  "hooks: a request made wrong fails that query, in words without insides") {
  router().before_request(
      [](session_type&, aw::openrouter::chat_request& request) { request.temperature = 99; });
  const auto id = connect();
  const frame end = terminal(say(id, R"({"id":"q1","content":"x"})"));
  CHECK(end.type() == "error");
  CHECK(end.ref() == "q1");
  CHECK(http.calls().empty());
  CHECK(transport.is_open(id));
}

TEST_CASE_FIXTURE(fixture, "hooks: on_connect gives a session settings of its own") {
  router().on_connect([](session_type& session, const aw::handshake& from) {
    auto own = session.settings();
    own.system_prompt = "You are " + std::string(from.request.query()) + ".";
    own.model = "own/model";
    own.temperature = 0.1;
    own.max_tokens = 7;
    own.client_settings = {};
    own.welcome_data = R"({"motd":"hi"})";
    session.change_settings(own);
    session.data() = std::string("mine");
  });
  start();
  aw::handshake upgrade;
  upgrade.request.target = "/ws?Bob";
  const auto id = transport.connect(upgrade);
  run();
  const frame welcome = heard(id).at(0);
  CHECK(welcome.text("data.motd") == "hi");
  ask(id, R"({"content":"x"})", {"a"});
  const frame body(http.last().request.body);
  CHECK(transcript(http.last().request) == "system:You are Bob.|user:x");
  CHECK(body.text("model") == "own/model");
  CHECK(body.json("temperature") == "0.1");
  CHECK(body.json("max_tokens") == "7");
  CHECK(say(id, R"({"type":"command","op":"set","data":{"temperature":1}})").at(0).code() ==
        "forbidden");
  CHECK(std::any_cast<std::string>(session(id)->data()) == "mine");
}

TEST_CASE_FIXTURE(fixture, "hooks: on_connect is the place for limits of its own") {
  router().on_connect([](session_type& session, const aw::handshake&) {
    auto own = session.settings();
    own.max_queue = 1;
    own.max_history = 2;
    session.change_settings(own);
  });
  start();
  const auto id = transport.connect();
  run();
  CHECK(heard(id).at(0).number("limits.max_queued") == 1);
  say(id, R"({"id":"q1","content":"x"})");
  say(id, R"({"id":"q2","content":"x"})");
  CHECK(say(id, R"({"id":"q3","content":"x"})").at(0).code() == "queue_full");
  const auto other = transport.connect();
  run();
  heard(other);
  for (const std::string n : {"1", "2", "3"}) {
    ask(other, R"({"content":"q)" + n + R"("})", {"a" + n});
  }
  CHECK(transcript(http.last().request) == "system:P|user:q3");
}

TEST_CASE_FIXTURE(fixture, "hooks: on_connect may speak, but the welcome comes first") {
  router().on_connect([](session_type& session, const aw::handshake&) {
    session.notify("Good morning", "greeting");
  });
  start();
  const auto id = transport.connect();
  run();
  const auto frames = frames_of(transport.take_sent(id));
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].op() == "welcome");
  CHECK(frames[1].content() == "Good morning");
}

TEST_CASE_FIXTURE(fixture, "hooks: on_connect may close the door") {
  router().on_connect([](session_type& session, const aw::handshake&) {
    session.close(4403, "forbidden", aw::error(aw::errc::forbidden));
  });
  start();
  const auto id = transport.connect();
  run();
  REQUIRE(transport.close_sent(id).has_value());
  CHECK(transport.close_sent(id)->first == 4403);
  CHECK(transport.close_sent(id)->second == "forbidden");
  CHECK(server.session_count() == 0u);
}

TEST_CASE_FIXTURE(fixture, "hooks: on_response is told of every answer, however it ended") {
  std::vector<aw::answer_record> ended;
  router().on_response(
      [&](session_type&, const aw::answer_record& each) { ended.push_back(each); });
  const auto id = connect();
  ask(id, R"({"id":"q1","content":"x"})", {"a"});
  http.reply_with(refusal(500, R"({"error":{"message":"the inside"}})"));
  say(id, R"({"id":"q2","content":"x"})");
  say(id, R"({"id":"q3","content":"x"})");
  say(id, R"({"type":"command","op":"cancel"})");
  REQUIRE(ended.size() == 3u);
  CHECK(ended[0].query_id == "q1");
  CHECK(ended[0].text == "a");
  CHECK(ended[0].status == aw::wire::answer_status::completed);
  CHECK(ended[0].model == "served/model");
  CHECK(mentions(ended[0].usage, "0.0004"));
  CHECK(ended[1].query_id == "q2");
  CHECK(ended[1].failure->code == aw::errc::provider_error);
  CHECK(ended[2].status == aw::wire::answer_status::cancelled);
}

TEST_CASE_FIXTURE(fixture, "hooks: on_event is told what happens, without keys") {
  std::string events, texts;
  router().on_event([&](const aw::server_event& what) {
    events += std::string(what.name) + " ";
    texts += std::string(what.text) + "\n";
  });
  const auto id = connect();
  http.reply_with(refusal(401, std::string(secret_key)));
  say(id, R"({"content":"x"})");
  transport.disconnect(id);
  CHECK(mentions(events, "session_opened"));
  CHECK(mentions(events, "completion_failed"));
  CHECK(mentions(events, "session_closed"));
  CHECK_FALSE(mentions(texts, secret_key));
}

TEST_CASE_FIXTURE(fixture, "hooks: each that throws costs one message, and the session goes on") {
  bool throwing = true;
  const auto boom = [&throwing] {
    if (throwing) throw std::runtime_error("the secret inside");
  };
  router()
      .on_connect([&](session_type&, const aw::handshake&) { boom(); })
      .on_query([&](session_type&, const aw::wire::query& asked, reply_type reply) {
        if (asked.content == "throw") boom();
        reply.proceed();
      })
      .before_request([&](session_type&, aw::openrouter::chat_request&) { boom(); })
      .on_response([&](session_type&, const aw::answer_record&) { boom(); })
      .on_feedback([&](session_type&, const aw::feedback_entry&) { boom(); })
      .on_command("fail", [&](session_type&, const aw::wire::command&) { boom(); })
      .on_disconnect([&](session_type&, std::uint16_t) { boom(); });
  const auto id = connect();
  const frame thrown = terminal(say(id, R"({"id":"q1","content":"throw"})"));
  CHECK(thrown.code() == "internal");
  CHECK(thrown.ref() == "q1");
  CHECK_FALSE(mentions(thrown.raw(), "secret"));
  const auto command = say(id, R"({"type":"command","op":"fail","id":"c1"})");
  REQUIRE(command.size() == 1u);
  CHECK(command[0].code() == "internal");
  CHECK(command[0].ref() == "c1");
  CHECK_FALSE(mentions(command[0].raw(), "secret"));
  CHECK(terminal(ask(id, R"({"id":"q2","content":"x"})", {"a"})).content() == "a");
  CHECK(say(id, R"({"type":"human_feedback","id":"f1","ref":"q2","rating":1})").at(0).ref() ==
        "f1");
  CHECK(log.has("handler_threw"));
  throwing = false;
  CHECK(terminal(ask(id, R"({"content":"throw"})", {"b"})).content() == "b");
  throwing = true;
  transport.disconnect(id);
  CHECK(server.session_count() == 0u);
  CHECK(terminal(ask(connect(), R"({"content":"x"})", {"c"})).content() == "c");
}

TEST_CASE_FIXTURE(fixture, "hooks: what is thrown need not be an exception of the library") {
  router()
      .on_query([](session_type&, const aw::wire::query&, reply_type) { throw 7; })
      .on_connect([](session_type&, const aw::handshake&) { throw "text"; })
      .on_command("fail", [](session_type&, const aw::wire::command&) { throw 'c'; });
  const auto id = connect();
  CHECK(terminal(say(id, R"({"content":"x"})")).code() == "internal");
  CHECK(say(id, R"({"type":"command","op":"fail"})").at(0).code() == "internal");
}

TEST_CASE_FIXTURE(fixture, "hooks: on_event may throw too") {
  router().on_event([](const aw::server_event&) { throw std::runtime_error("no"); });
  start();
  aw::connection_id id = 0;
  REQUIRE_NOTHROW(id = transport.connect());
  run();
  heard(id);
  http.reply_with(refusal(500, "{}"));
  CHECK(terminal(say(id, R"({"content":"x"})")).code() == "provider_error");
  CHECK(terminal(ask(id, R"({"content":"x"})", {"a"})).content() == "a");
  REQUIRE_NOTHROW(transport.disconnect(id));
  CHECK(server.session_count() == 0u);
}

TEST_CASE_FIXTURE(fixture, "hooks: a throw after the decision does not undo it") {
  router().on_query([](session_type&, const aw::wire::query&, reply_type reply) {
    reply.proceed();
    throw std::runtime_error("after");
  });
  const auto id = connect();
  const auto frames = ask(id, R"({"content":"x"})", {"a"});
  CHECK(terminal(frames).content() == "a");
}

TEST_CASE_FIXTURE(fixture, "hooks: any of them may end the session") {
  const auto ended = [](auto& session) { session.close(4499, "closed_by_operator"); };
  SUBCASE("on_query") {
    router().on_query([&](session_type& session, const aw::wire::query&, reply_type reply) {
      ended(session);
      reply.proceed();
    });
  }
  SUBCASE("on_query, after it let it proceed") {
    router().on_query([&](session_type& session, const aw::wire::query&, reply_type reply) {
      reply.proceed();
      ended(session);
    });
  }
  SUBCASE("before_request") {
    router().before_request(
        [&](session_type& session, aw::openrouter::chat_request&) { ended(session); });
  }
  SUBCASE("on_response") {
    router().on_response([&](session_type& session, const aw::answer_record&) { ended(session); });
  }
  const auto id = connect();
  http.reply_with(answer({"a"}));
  transport.receive(id, R"({"id":"q1","content":"x"})");
  transport.receive(id, R"({"id":"q2","content":"x"})");
  run();
  std::size_t accepted = 0;
  for (const frame& each : heard(id)) accepted += each.is_status("ack") ? 1 : 0;
  REQUIRE(transport.close_sent(id).has_value());
  CHECK(transport.close_sent(id)->first == 4499);
  CHECK(accepted >= 1u);
  CHECK(clients[id].terminals().size() == accepted);
  CHECK(http.open_calls() == 0u);
  CHECK(server.session_count() == 0u);
}

TEST_CASE_FIXTURE(fixture, "hooks: a hook may call back into its session from everywhere") {
  router()
      .on_query([](session_type& session, const aw::wire::query&, reply_type reply) {
        session.notify("asked");
        reply.proceed();
        session.notify("proceeding");
      })
      .before_request([](session_type& session, aw::openrouter::chat_request&) {
        session.notify("requesting");
      })
      .on_response(
          [](session_type& session, const aw::answer_record&) { session.notify("answered"); })
      .on_feedback(
          [](session_type& session, const aw::feedback_entry&) { session.notify("judged"); });
  const auto id = connect();
  const auto frames = ask(id, R"({"content":"x","stream":true})", {"a", "b"});
  std::string said;
  for (const frame& each : frames) {
    if (each.type() == "notification") said += each.content() + " ";
  }
  CHECK(said == "asked proceeding requesting answered ");
  CHECK(terminal(frames).content() == "ab");
  say(id, R"({"type":"human_feedback","rating":1})");
}
