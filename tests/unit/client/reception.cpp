// SPDX-License-Identifier: MIT
// What a client makes of each kind of message. How it goes on after a cut, with every frame and
// every verdict, is in the scripts of tests/conformance.
#include <agent_websocket/client/reception.hpp>

#include "unit/client/client_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace agent_websocket;
using namespace std::chrono_literals;

TEST_CASE("client reception: a streamed answer, from ack to end") {
  client_fixture f;
  f.become_live();
  f.ask("q1");
  f.accept("q1", "r_1");
  f.say(R"({"type":"status","op":"thinking","ref":"q1","content":"Thinking..."})");
  f.say(R"({"type":"response","seq":1,"ref":"q1","stream":"r_1","phase":"start","model":"m"})");
  CHECK(f.log() == "send:query=q1 status:ack status:thinking");
  CHECK(f.core.transcript().find("q1")->model == "m");
  f.say(R"({"type":"response","stream":"r_1","phase":"reasoning","idx":0,"n":1,"content":"hm"})");
  f.say(R"({"type":"response","stream":"r_1","phase":"delta","idx":0,"n":1,"content":"As"})");
  f.say(R"({"type":"response","stream":"r_1","phase":"delta","idx":1,"n":2,"content":"io"})");
  f.say(R"({"type":"response","stream":"r_1","phase":"delta","idx":1,"n":1,"content":"i"})");
  CHECK(f.log() == "reasoning:q1+hm text:q1+As text:q1+io");
  f.say(
      R"({"type":"response","seq":2,"ref":"q1","stream":"r_1","phase":"end","n":4,"content":"Asio!","status":"completed","finish_reason":"stop","usage":{"cost":0.5},"meta":{"tab":2}})");
  CHECK(f.log() == "text:q1+! answer:q1=completed");
  const client_answer& answer = f.answers.back();
  CHECK(answer.text() == "Asio!");
  CHECK(answer.finish_reason == "stop");
  CHECK(answer.usage == R"({"cost":0.5})");
  CHECK(answer.meta == R"({"tab":2})");
  CHECK(answer.stream == "r_1");
  // Nothing of it comes twice.
  f.say(
      R"({"type":"response","seq":3,"ref":"q1","stream":"r_1","phase":"end","n":4,"content":"Asio?","status":"failed"})");
  f.say(R"({"type":"error","seq":4,"ref":"q1","terminal":true,"code":"internal","content":"x"})");
  f.say(R"({"type":"response","stream":"r_1","phase":"delta","idx":4,"n":1,"content":"x"})");
  CHECK(f.log() == "");
}

TEST_CASE("client reception: failures") {
  client_fixture f;
  f.become_live();
  f.ask("q1");
  f.forget();
  SUBCASE("a query is refused") {
    f.say(
        R"({"type":"error","ref":"q1","code":"rate_limited","content":"Too many messages","retryable":true,"retry_after_ms":1500})");
    CHECK(f.log() == "answer:q1=failed,rate_limited");
    CHECK(f.answers[0].failure->retryable);
    CHECK(f.answers[0].failure->retry_after == 1500ms);
    CHECK(f.answers[0].failure->content == "Too many messages");
  }
  SUBCASE("a plain answer fails") {
    f.say(
        R"({"type":"error","seq":1,"ref":"q1","terminal":true,"code":"provider_error","content":"x"})");
    CHECK(f.log() == "answer:q1=failed,provider_error");
  }
  SUBCASE("a streamed answer fails") {
    f.say(R"({"type":"response","seq":1,"ref":"q1","stream":"r_1","phase":"start"})");
    f.say(R"({"type":"response","stream":"r_1","phase":"delta","idx":0,"n":1,"content":"a"})");
    f.say(
        R"({"type":"response","seq":2,"ref":"q1","stream":"r_1","phase":"end","n":1,"content":"a","status":"failed","error":{"code":"timeout_idle","content":"stopped","retryable":true}})");
    CHECK(f.log() == "text:q1+a answer:q1=failed,timeout_idle");
    CHECK(f.answers[0].text() == "a");
  }
  SUBCASE("something else fails") {
    f.say(R"({"type":"error","code":"bad_json","content":"x"})");
    f.say(R"({"type":"error","ref":"c9","code":"not_found","content":"x"})");
    CHECK(f.log() == "error:bad_json error:not_found");
    CHECK(f.core.transcript().find("q1")->is_open());
  }
  // An error took it out of the outbox.
  f.lose();
  f.forget();
  f.come_back();
  f.log();
  CHECK(f.sent[0].has("outbox") == f.core.transcript().find("q1")->is_open());
}

TEST_CASE("client reception: what the server says besides") {
  client_fixture f;
  f.become_live();
  f.say(
      R"({"type":"notification","seq":1,"topic":"build","content":"failed","data":{"build":812}})");
  f.say(R"({"type":"notification","topic":"x","content":"volatile"})");
  f.say(R"({"type":"notification","seq":2,"op":"drain","content":"soon"})");
  f.say(
      R"({"type":"human_feedback","seq":3,"id":"f1","ref":"q1","kind":"approval","content":"Run?"})");
  f.say(R"({"type":"status","seq":4,"op":"feedback_resolved","ref":"f1","decision":"approve"})");
  f.say(R"({"type":"status","op":"auth_expiring","expires_at":"..."})");
  f.say(R"({"type":"status","op":"pong"})");
  f.say(R"({"type":"status","op":"pong","ref":"p1"})");
  CHECK(f.log() ==
        "notification:failed notification:volatile notification:soon request:f1 "
        "resolved:f1=approve status:auth_expiring status:pong");
  CHECK(f.core.connection().position().last_seq == 4);
  CHECK(f.core.transcript().notifications().size() == 2u);
}

TEST_CASE("client reception: answers to other clients of the session") {
  client_fixture f;
  f.become_live();
  f.say(R"({"type":"response","seq":1,"ref":"x1","stream":"r_1","phase":"start"})");
  f.say(R"({"type":"response","stream":"r_1","phase":"delta","idx":0,"n":1,"content":"a"})");
  f.say(
      R"({"type":"response","seq":2,"ref":"x1","stream":"r_1","phase":"end","n":1,"content":"a","status":"completed"})");
  f.say(
      R"({"type":"response","seq":3,"ref":"x2","stream":"r_2","phase":"full","content":"b","status":"completed"})");
  f.say(R"({"type":"error","seq":4,"ref":"x3","terminal":true,"code":"internal","content":"x"})");
  f.say(R"({"type":"response","seq":5,"phase":"full","content":"of nobody","status":"completed"})");
  f.say(R"({"type":"response","seq":6,"ref":"no id","phase":"full","content":"of nobody"})");
  CHECK(f.log() ==
        "text:x1+a other:x1=completed text:x2+b other:x2=completed other:x3=failed,internal");
}

TEST_CASE("client reception: another session, and what becomes of the queries") {
  client_fixture f;
  f.become_live();
  f.ask("taken");
  f.accept("taken");
  f.ask("lost");
  f.notify(1);
  f.lose();
  f.forget();
  f.come_back();
  f.welcome("s2", R"("reason":"expired","accepted":[],"active":[])");
  f.live();
  CHECK(f.log() ==
        "state:connecting open send:hello state:catching_up welcome reset "
        "answer:taken=failed,session_expired state:live send:ack send:query=lost");
  CHECK(f.answers[0].failure->retryable);
  CHECK(f.core.transcript().notifications().empty());
}

TEST_CASE("client reception: the session without the place, and what becomes of the queries") {
  client_fixture f;
  f.become_live();
  for (const char* id : {"done", "taken", "lost"}) f.ask(id);
  f.accept("done", "r_1");
  f.accept("taken", "r_2");
  f.say(R"({"type":"response","seq":1,"ref":"done","stream":"r_1","phase":"full","content":"d"})");
  f.say(R"({"type":"response","seq":2,"ref":"taken","stream":"r_2","phase":"start"})");
  f.say(R"({"type":"response","stream":"r_2","phase":"delta","idx":0,"n":1,"content":"half"})");
  f.lose();
  f.forget();
  f.come_back();
  f.welcome("s1", R"("reason":"epoch_changed","accepted":["lost"],"active":[])", 7, "e2");
  CHECK(f.text_of("taken") == "");
  // The conversation comes again; an answer that had ended before is not this client's any more.
  f.say(
      R"({"type":"response","seq":8,"ref":"done","stream":"r_1","phase":"full","content":"d","replay":true})");
  f.live(8);
  CHECK(f.log() ==
        "state:connecting open send:hello state:catching_up welcome reset text:done+d "
        "other:done=completed "
        "state:live send:ack send:query=taken send:query=lost");
  // The answers have numbers of long ago, or of another epoch.
  f.say(R"({"type":"status","op":"ack","ref":"taken","duplicate":true})");
  f.say(
      R"({"type":"response","seq":3,"ref":"taken","stream":"r_2","phase":"full","content":"whole","replay":true})");
  f.say(
      R"({"type":"response","seq":99,"ref":"lost","stream":"r_3","phase":"full","content":"too","replay":true})");
  CHECK(f.log() ==
        "status:ack text:taken+whole answer:taken=completed text:lost+too answer:lost=completed");
  CHECK(f.core.connection().position().last_seq == 8);
}

TEST_CASE("client reception: what is not of the session yet, or not a message, is left alone") {
  client_fixture f;
  f.become_live();
  f.ask("q1");
  f.accept("q1");
  f.lose();
  f.forget();
  f.come_back();
  f.forget();
  f.notify(1, "of the throw-away session");
  f.live(1);
  f.say(R"({"type":"response","stream":"r_1","phase":"delta","idx":0,"n":1,"content":"x"})");
  f.say(R"({"type":"response","seq":1,"ref":"q1","phase":"full","content":"x","replay":true})");
  for (const char* text : {"", "x", "[]", "7", "{}", R"({"type":"wonder"})", R"({"type":7})",
                           R"({"type":"status","op":7,"seq":"1"})"}) {
    f.say(text);
  }
  CHECK(f.log() == "");
  CHECK(f.state() == client_state::catching_up);
  // These are about the connection.
  f.say(R"({"type":"error","code":"forbidden","content":"x"})");
  f.say(R"({"type":"status","op":"drain","retry_after_ms":4200})");
  CHECK(f.log() == "error:forbidden status:drain");
  f.lose(1012);
  CHECK(f.core.connection().retry_at() == f.now + 4200ms);
}

TEST_CASE("client reception: a hole in a stream is filled by a snapshot") {
  client_fixture f;
  f.become_live();
  f.ask("q1");
  f.accept("q1");
  f.say(R"({"type":"response","seq":1,"ref":"q1","stream":"r_1","phase":"start"})");
  f.forget();
  f.say(R"({"type":"response","stream":"r_1","phase":"delta","idx":1,"n":1,"content":"b"})");
  f.say(R"({"type":"response","stream":"r_1","phase":"delta","idx":2,"n":1,"content":"c"})");
  CHECK(f.log() == "send:hello state:catching_up");
  CHECK(f.sent[0].number("resume.last_seq") == 1);
  f.welcome("s1", R"("reason":"ok","recovered":true,"active":[{"ref":"q1","stream":"r_1"}])", 1);
  f.say(
      R"({"type":"response","stream":"r_1","phase":"snapshot","idx":0,"n":3,"content":"abc","replay":true})");
  f.live(1);
  CHECK(f.log() == "welcome text:q1+abc state:live send:ack");
}

TEST_CASE("client reception: only ids are taken from lists of a welcome") {
  client_fixture f;
  f.become_live();
  f.ask("q1");
  f.lose();
  f.come_back();
  f.forget();
  f.welcome("s1", R"("reason":"ok","recovered":true,"accepted":[7,null,{},"q9"],)"
                  R"("active":["q1",{"ref":7},{"ref":"no id"},{"ref":"x1","stream":"r_7"}])");
  f.live();
  CHECK(f.log() == "welcome state:live send:ack send:query=q1");
  f.say(R"({"type":"response","stream":"r_7","phase":"delta","idx":0,"n":1,"content":"a"})");
  CHECK(f.log() == "text:x1+a");
}

TEST_CASE("client reception: reasoning by its own count") {
  client_fixture f;
  f.become_live();
  f.ask("q1");
  f.accept("q1", "r_1");
  f.forget();
  const auto piece = [&f](int idx, int n, const std::string& content) {
    f.say(R"({"type":"response","stream":"r_1","phase":"reasoning","idx":)" + std::to_string(idx) +
          R"(,"n":)" + std::to_string(n) + R"(,"content":")" + content + R"("})");
  };
  piece(0, 1, "a");
  piece(1, 2, "bc");
  piece(1, 1, "b");
  piece(4, 1, "e");
  piece(0, 5, "abcde");
  piece(0, 1, "x");
  f.say(R"({"type":"response","stream":"r_1","phase":"reasoning","content":"without a count"})");
  f.say(R"({"type":"response","stream":"r_1","phase":"reasoning","idx":1,"n":1,"content":7})");
  CHECK(f.log() == "reasoning:q1+a reasoning:q1+bc reasoning:q1+de reasoning:q1=x");
  CHECK(f.core.transcript().find("q1")->reasoning.text() == "x");
  CHECK(f.text_of("q1") == "");
  f.say(R"({"type":"response","stream":"r_1","phase":"delta","idx":0,"n":1,"content":"A"})");
  CHECK(f.log() == "text:q1+A");
}

TEST_CASE("client reception: requests for a decision, wherever they come from") {
  client_fixture f;
  f.become_live();
  const auto request = [](int seq, const std::string& id) {
    return R"({"type":"human_feedback","seq":)" + std::to_string(seq) + R"(,"id":")" + id +
           R"(","ref":"q1","kind":"approval","content":"Run?","tool":{"name":"x","arguments":{}}})";
  };
  const auto resolved = [](int seq, const std::string& id, const std::string& more) {
    return R"({"type":"status","seq":)" + std::to_string(seq) +
           R"(,"op":"feedback_resolved","ref":")" + id + R"(","decision":"approve")" + more + "}";
  };
  for (const char* id : {"f1", "f2", "f3"}) f.say(request(id[1] - '0', id));
  CHECK(f.log() == "request:f1 request:f2 request:f3");
  CHECK(f.requests[0].tool_name == "x");
  f.say(resolved(4, "f1", R"(,"reason":"expired")"));
  f.say(resolved(5, "f1", ""));
  CHECK(f.log() == "resolved:f1=approve,expired status:feedback_resolved");
  CHECK(f.core.requests().size() == 2u);
  f.lose();
  f.forget();
  f.come_back();
  f.welcome("s1",
            R"("reason":"ok","recovered":true,"pending_feedback":[{"id":"f5","kind":"question"},)"
            R"(7,{"id":7},{"id":"f6"}])",
            9);
  f.say(resolved(6, "f2", ""));
  f.say(request(7, "f4"));
  f.say(request(8, "f5"));
  f.say(resolved(9, "f4", ""));
  f.live(9);
  CHECK(f.log() ==
        "state:connecting open send:hello state:catching_up welcome request:f5 request:f6 "
        "resolved:f2=approve request:f4(decided) resolved:f4=approve state:live send:ack "
        "resolved:f3=,gone");
  CHECK(f.requests[0].kind == "question");
  // A welcome of a server that lists nothing says nothing.
  f.lose();
  f.forget();
  f.come_back();
  f.welcome("s1", R"("reason":"ok","recovered":true)", 9);
  f.live(9);
  CHECK(f.log().find("resolved") == std::string::npos);
  SUBCASE("another session has requests of its own") {
    f.lose();
    f.forget();
    f.come_back();
    f.welcome("s2", R"("reason":"expired","pending_feedback":[{"id":"f6"}])");
    f.live();
    CHECK(f.log() ==
          "state:connecting open send:hello state:catching_up welcome reset resolved:f5=,gone "
          "resolved:f6=,gone request:f6 state:live send:ack");
  }
  SUBCASE("so has another life of the server") {
    f.lose();
    f.forget();
    f.come_back();
    f.welcome("s1", R"("reason":"epoch_changed")", 0, "e2");
    CHECK(f.log() ==
          "state:connecting open send:hello state:catching_up welcome reset resolved:f5=,gone "
          "resolved:f6=,gone");
  }
}

TEST_CASE("client reception: tools, and calls of those that are this client's") {
  client_fixture f;
  f.become_live();
  f.ask("q1");
  f.accept("q1");
  f.forget();
  const auto tool = [&f](const std::string& id, const std::string& more) {
    f.say(R"({"type":"status","op":"tool","ref":"q1","content":"Calling x",)" + id +
          R"("tool":{"name":"x","arguments":{"a":1},)" + more + "}}");
  };
  tool("", R"("call":"t_1","state":"waiting")");
  tool("", R"("call":"t_1","state":"calling")");
  tool("", R"("call":"t_1","state":"failed","error":"no")");
  CHECK(f.log() == "tool:t_1=waiting tool:t_1=calling tool:t_1=failed");
  CHECK(f.tools.back().error == "no");
  CHECK(f.calls.empty());
  tool(R"("id":"t_2",)", R"("call":"t_2","state":"calling")");
  CHECK(f.log() == "tool:t_2=calling call:t_2");
  CHECK(f.calls[0].name == "x");
  CHECK(f.calls[0].ref == "q1");
  CHECK(f.calls[0].arguments == R"({"a":1})");
  tool(R"("id":"t_2",)", R"("call":"t_2","state":"calling")");
  tool(R"("id":"t_2",)", R"("call":"t_2","state":"failed","error":"too slow")");
  CHECK(f.log() == "tool:t_2=calling tool:t_2=failed");
  CHECK(f.core.tool_result("t_2", "1").error().code == errc::not_found);
  f.say(R"({"type":"status","op":"tool","ref":"q1","content":"of a server of long ago"})");
  CHECK(f.log() == "status:tool");
  // Of a session that is going to be thrown away.
  f.lose();
  f.forget();
  f.come_back();
  f.forget();
  tool(R"("id":"t_3",)", R"("call":"t_3","state":"calling")");
  CHECK(f.log() == "");
}
