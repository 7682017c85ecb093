// SPDX-License-Identifier: MIT
//
// Tools that a client runs itself: declared in hello or query, called over the socket, answered by
// tool_result; a call waits for a client that comes back.
#include "flow/tool_fixture.hpp"

using namespace flow;

namespace {
constexpr const char* declared =
    R"(,"tools":[{"name":"beep","description":"Makes a sound","parameters":)"
    R"({"type":"object","properties":{"times":{"type":"integer"}}}}])";
}

TEST_CASE_FIXTURE(tool_fixture, "client tools: declared in hello, called and answered") {
  const auto id = greet(R"("delta","tools")", declared);
  http.reply_with(calls({{"c", "beep", R"({"times":2})"}}));
  http.reply_with(answer({"done"}));
  const auto frames = say(id, R"({"id":"q","content":"x"})");
  CHECK(frame(http.calls()[0].request.body).text("tools.0.function.name") == "beep");
  const auto called = with_op(frames, "tool");
  REQUIRE(called.size() == 1u);
  CHECK(called[0].text("id") == called[0].text("tool.call"));
  CHECK(called[0].json("tool.arguments") == R"({"times":2})");
  CHECK(http.calls().size() == 1u);

  CHECK(say(id, R"({"type":"command","op":"tool_result","id":"r0","ref":"t_9","data":1})")
            .at(0)
            .code() == "not_found");
  const auto rest = say(id, R"({"type":"command","op":"tool_result","id":"r1","ref":")" +
                                called[0].text("id") + R"(","data":{"ok":true}})");
  CHECK(with_op(rest, "ack").size() == 1u);
  CHECK(told_by_tools(http.last().request) == R"(c={"ok":true})");
  CHECK(terminal(rest).content() == "done");
  // Once more, from a client that does not know that it arrived.
  const frame again =
      say(id, R"({"type":"command","op":"tool_result","id":"r1","ref":"t_1","data":1})").at(0);
  CHECK(again.truth("duplicate"));
}

TEST_CASE_FIXTURE(tool_fixture, "client tools: a result may be null") {
  const auto id = greet(R"("delta","tools")", declared);
  http.reply_with(calls({{"c", "beep", "{}"}}));
  http.reply_with(answer({"done"}));
  say(id, R"({"id":"q","content":"x"})");
  say(id, R"({"type":"command","op":"tool_result","ref":"t_1","data":null})");
  CHECK(told_by_tools(http.last().request) == "c=null");
}

TEST_CASE_FIXTURE(tool_fixture, "client tools: an error, and silence") {
  const auto id = greet(R"("delta","tools")", declared);
  http.reply_with(calls({{"c", "beep", "{}"}, {"d", "beep", "{}"}}));
  http.reply_with(answer({"done"}));
  say(id, R"({"id":"q","content":"x"})");
  say(id, R"({"type":"command","op":"tool_result","ref":"t_1","error":"no sound here"})");
  pass(61s);
  CHECK(told_by_tools(http.last().request) ==
        "c={\"error\":\"no sound here\"}\nd={\"error\":\"The tool took too long\"}");
  CHECK(terminal(heard(id)).content() == "done");
}

TEST_CASE_FIXTURE(tool_fixture, "client tools: declared with a query, in the form of the API") {
  const auto id = connect();
  http.reply_with(calls({{"c", "beep", "{}"}}));
  http.reply_with(answer({"done"}));
  const auto frames = say(
      id, R"({"id":"q","content":"x","tools":[{"type":"function","function":{"name":"beep"}}]})");
  REQUIRE(with_op(frames, "tool").size() == 1u);
  CHECK(with_op(frames, "tool")[0].text("id") == "t_1");
  CHECK(terminal(say(id, R"({"type":"command","op":"tool_result","ref":"t_1","content":"beeped"})"))
            .content() == "done");
  CHECK(told_by_tools(http.last().request) == "c=beeped");
  // Of that query alone.
  ask(id, R"({"content":"y"})", {"z"});
  CHECK_FALSE(frame(http.last().request.body).has("tools"));
}

TEST_CASE_FIXTURE(tool_fixture, "client tools: bad ones are refused, the rest is taken") {
  add_weather();
  const auto id = connect();
  const auto frames =
      say(id, R"({"type":"command","op":"hello","id":"h","v":1,"caps":["tools"],"tools":[)"
              R"({"name":"a b"},{"name":"weather"},{"name":"ok"},{"name":"bad","parameters":)"
              R"({"type":"nonsense"}}]})");
  CHECK(of_type(frames, "error").size() == 3u);
  for (const frame& each : of_type(frames, "error")) {
    CHECK(each.code() == "bad_message");
    CHECK(each.ref() == "h");
  }
  ask(id, R"({"content":"y"})", {"z"});
  const frame body(http.last().request.body);
  CHECK(body.size("tools") == 2u);
  CHECK(body.text("tools.1.function.name") == "ok");
}

TEST_CASE_FIXTURE(tool_fixture, "client tools: a query with a bad one is refused") {
  const auto id = connect();
  const auto frames = say(id, R"({"id":"q","content":"x","tools":[{"name":"a b"}]})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].code() == "bad_message");
  CHECK(frames[0].ref() == "q");
  CHECK_FALSE(frames[0].truth("terminal"));
  CHECK(http.calls().empty());
}

TEST_CASE_FIXTURE(tool_fixture, "client tools: those of a hello whose resume is refused count") {
  const auto id = connect();
  const auto frames = say(
      id,
      R"({"type":"command","op":"hello","v":1,"session_id":"5a0b7c0e-0000-4000-8000-000000000000",)"
      R"("resume":{"token":"t","epoch":"e","last_seq":0},"tools":[{"name":"beep"}]})");
  CHECK(with_op(frames, "welcome").at(0).text("reason") == "expired");
  ask(id, R"({"content":"y"})", {"z"});
  CHECK(frame(http.last().request.body).text("tools.0.function.name") == "beep");
}

TEST_CASE("client tools: a call waits for its client to come back") {
  aw::options chosen = settings();
  chosen.session.resume_window = 600s;
  chosen.run_grace = 60s;
  tool_fixture f(chosen);
  const auto one = f.connect();
  const auto hello = f.say(one, R"({"type":"command","op":"hello","v":1,"caps":["delta","tools"])" +
                                    std::string(declared) + "}");
  const frame welcome = with_op(hello, "welcome").at(0);
  f.http.reply_with(calls({{"c", "beep", "{}"}}));
  f.http.reply_with(answer({"done"}));
  f.say(one, R"({"id":"q","content":"x"})");
  f.transport.disconnect(one);
  f.pass(10s);
  const auto two = f.transport.connect({});
  f.run();
  f.heard(two);
  const auto frames =
      f.say(two, R"({"type":"command","op":"hello","v":1,"caps":["delta","tools"],"session_id":")" +
                     welcome.text("session_id") + R"(","resume":{"token":")" +
                     welcome.text("resume_token") + R"(","epoch":")" + welcome.text("epoch") +
                     R"(","last_seq":0})" + declared + "}");
  const auto called = with_op(frames, "tool");
  REQUIRE(called.size() == 1u);
  CHECK(called[0].text("id") == "t_1");
  CHECK(terminal(f.say(two, R"({"type":"command","op":"tool_result","ref":"t_1","data":1})"))
            .content() == "done");
}

TEST_CASE_FIXTURE(tool_fixture, "client tools: declared with a hello for a session that is gone") {
  const auto id = connect();
  const auto frames =
      say(id, R"({"type":"command","op":"hello","v":1,"caps":["tools"],"session_id":"gone",)"
              R"("resume":{"token":"t","epoch":"e","last_seq":3})" +
                  std::string(declared) + "}");
  CHECK(with_op(frames, "welcome").at(0).text("reason") == "expired");
  http.reply_with(calls({{"c", "beep", "{}"}}));
  CHECK(with_op(say(id, R"({"id":"q","content":"x"})"), "tool").at(0).text("id") == "t_1");
}

TEST_CASE("client tools: a call that a client leaves open goes to the other that has the tool") {
  aw::options chosen = settings();
  chosen.session.resume_window = 600s;
  chosen.run_grace = 60s;
  tool_fixture f(chosen);
  const auto one = f.connect();
  const auto hello = f.say(one, R"({"type":"command","op":"hello","v":1,"caps":["tools"])" +
                                    std::string(declared) + "}");
  const frame welcome = with_op(hello, "welcome").at(0);
  const auto two = f.transport.connect({});
  f.run();
  f.heard(two);
  f.say(two, R"({"type":"command","op":"hello","v":1,"caps":["tools"],"session_id":")" +
                 welcome.text("session_id") + R"(","resume":{"token":")" +
                 welcome.text("resume_token") + R"(","epoch":")" + welcome.text("epoch") +
                 R"(","last_seq":0})" + declared + "}");
  f.http.reply_with(calls({{"c", "beep", "{}"}}));
  f.http.reply_with(answer({"done"}));
  f.say(one, R"({"id":"q","content":"x"})");
  CHECK(with_op(f.heard(two), "tool").at(0).text("id") == "t_1");  // the last to declare it
  f.transport.disconnect(two);
  f.run();
  const auto passed = with_op(f.heard(one), "tool");
  REQUIRE_FALSE(passed.empty());
  CHECK(passed.back().text("id") == "t_1");
  CHECK(terminal(f.say(one, R"({"type":"command","op":"tool_result","ref":"t_1","data":1})"))
            .content() == "done");
}

TEST_CASE("client tools: not where the operator does not want them") {
  aw::options chosen = settings();
  chosen.session.client_tools = false;
  tool_fixture f(chosen);
  const auto id = f.connect();
  const auto refused = f.say(
      id, R"({"type":"command","op":"hello","v":1,"caps":["tools"])" + std::string(declared) + "}");
  CHECK(of_type(refused, "error").at(0).code() == "forbidden");
  f.ask(id, R"({"content":"y"})", {"z"});
  CHECK_FALSE(frame(f.http.last().request.body).has("tools"));
}
