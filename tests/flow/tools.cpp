// SPDX-License-Identifier: MIT
//
// Tools of the server: offered, called, answered; what goes wrong is told to the model.
#include "flow/tool_fixture.hpp"

using namespace flow;

TEST_CASE_FIXTURE(tool_fixture, "tools: a call is run, its result told, and the answer comes") {
  add_weather();
  const auto id = greet();
  http.reply_with(calls({{"c1", "weather", R"({ "city":"Rome" })"}}, "Let me see."));
  http.reply_with(answer({"It is ", "sunny."}));
  const auto frames = say(id, R"({"id":"q1","content":"weather in Rome?","stream":true})");

  CHECK(ran == std::vector<std::string>{R"({ "city":"Rome" })"});
  REQUIRE(http.calls().size() == 2u);
  const frame first(http.calls()[0].request.body);
  CHECK(first.text("tools.0.function.name") == "weather");
  CHECK(first.json("tools.0.function.parameters") == city_schema);
  const frame second(http.last().request.body);
  CHECK(second.text("messages.2.tool_calls.0.function.arguments") == R"({ "city":"Rome" })");
  CHECK(second.text("messages.2.content") == "Let me see.");
  CHECK(told_by_tools(http.last().request) == "c1=sunny in Rome");
  CHECK(second.has("tools"));

  const auto progress = with_op(frames, "tool");
  REQUIRE(progress.size() == 2u);
  CHECK(progress[0].text("tool.state") == "calling");
  CHECK(progress[0].json("tool.arguments") == R"({"city":"Rome"})");
  CHECK(progress[0].ref() == "q1");
  CHECK_FALSE(progress[0].has("id"));
  CHECK(progress[1].text("tool.state") == "done");
  const frame end = terminal(frames);
  CHECK(end.content() == "Let me see.\n\nIt is sunny.");
  CHECK(end.text("status") == "completed");
  CHECK(end.number("usage.completion_tokens") == 196);
  CHECK(end.real("usage.cost") == doctest::Approx(0.0008));
}

TEST_CASE_FIXTURE(tool_fixture, "tools: later turns show the model its calls") {
  add_weather();
  const auto id = greet();
  http.reply_with(calls({{"c1", "weather", R"({"city":"Rome"})"}}, "Let me see."));
  ask(id, R"({"content":"weather in Rome?"})", {"Sunny."});
  ask(id, R"({"content":"thanks"})", {"Welcome."});
  CHECK(transcript(http.last().request) ==
        "system:P|user:weather in Rome?|assistant:Let me see.|tool:sunny in Rome|assistant:Sunny.|"
        "user:thanks");
  const frame history = say(id, R"({"type":"command","op":"history"})").at(0);
  CHECK(history.text("data.messages.1.content") == "Let me see.\n\nSunny.");
}

TEST_CASE_FIXTURE(tool_fixture, "tools: the plain client sees its answer and nothing else") {
  add_weather();
  const auto id = connect();
  http.reply_with(calls({{"c1", "weather", R"({"city":"Rome"})"}}));
  const auto frames = ask(id, R"({"content":"weather?"})", {"Sunny."});
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].content() == "Thinking...");
  CHECK(frames[1].content() == "Sunny.");
}

TEST_CASE_FIXTURE(tool_fixture, "tools: what is wrong with a call is told to the model") {
  add_weather();
  server.tool({"bad", "throws", ""},
              [](const invocation&, const aw::tool_reply&) { throw std::runtime_error("secret"); });
  server.tool({"sad", "fails", ""},
              [](const invocation&, const aw::tool_reply& reply) { reply.fail("no luck"); });
  const auto id = greet();
  http.reply_with(calls({{"1", "weather", R"({"city":7})"},
                         {"2", "weather", "{}"},
                         {"3", "weather", "[1]"},
                         {"4", "weather", R"({"city)"},
                         {"5", "nothing", "{}"},
                         {"6", "bad", ""},
                         {"7", "sad", ""}}));
  const auto frames = ask(id, R"({"id":"q","content":"x"})", {"ok"});
  const std::string told = told_by_tools(http.last().request);
  for (const char* words :
       {"1={\"error\":\"`city` must be a string",
        "2={\"error\":", "3={\"error\":\"The arguments must",
        "4={\"error\":\"The arguments: Not valid JSON", "5={\"error\":\"There is no tool",
        "6={\"error\":\"The tool failed\"}", "7={\"error\":\"no luck\"}"}) {
    CHECK_MESSAGE(mentions(told, words), told);
  }
  CHECK_FALSE(mentions(told, "secret"));
  CHECK(ran.empty());
  CHECK(terminal(frames).content() == "ok");
  CHECK(log.has("handler_threw"));
}

TEST_CASE_FIXTURE(tool_fixture, "tools: what goes back to the model is what providers take") {
  add_weather();
  const auto id = greet();
  http.reply_with(calls({{"same", "weather", R"({"city":"Rome"})"}}));
  http.reply_with(
      calls({{"same", "functions.weather", R"({"ci)"}, {"d", std::string(5000, 'x'), ""}}));
  const auto progress = with_op(ask(id, R"({"id":"q","content":"x"})", {"ok"}), "tool");
  CHECK(progress.back().text("tool.name") == std::string(100, 'x'));
  const frame body(http.last().request.body);
  CHECK(body.text("messages.2.tool_calls.0.id") == "same");
  const std::string other = body.text("messages.4.tool_calls.0.id");
  CHECK(other != "same");
  CHECK(body.text("messages.5.tool_call_id") == other);
  CHECK(body.text("messages.4.tool_calls.0.function.name") == "unknown_tool");
  CHECK(body.text("messages.4.tool_calls.0.function.arguments") == "{}");
}

TEST_CASE_FIXTURE(tool_fixture, "tools: calls of a round run beside each other") {
  add_slow({"slow", "takes time", ""});
  const auto id = greet();
  http.reply_with(calls({{"a", "slow", ""}, {"b", "slow", ""}}));
  http.reply_with(answer({"done"}));
  say(id, R"({"id":"q","content":"x"})");
  REQUIRE(replies.size() == 2u);
  replies[1]("second");
  replies[1]("once more");
  run();
  CHECK(http.calls().size() == 1u);
  replies[0]("first");
  run();
  CHECK(told_by_tools(http.last().request) == "a=first\nb=second");
  CHECK(terminal(heard(id)).content() == "done");
}

TEST_CASE_FIXTURE(tool_fixture, "tools: one that takes too long is given up") {
  aw::tool_definition slow{"slow", "takes time", ""};
  slow.timeout = 5s;
  add_slow(slow);
  const auto id = greet();
  http.reply_with(calls({{"a", "slow", ""}}));
  http.reply_with(answer({"done"}));
  say(id, R"({"id":"q","content":"x"})");
  CHECK_FALSE(invocations.at(0).cancelled());
  pass(6s);
  CHECK(invocations.at(0).cancelled());
  CHECK(cancelled.size() == 1u);
  CHECK(told_by_tools(http.last().request) == R"(a={"error":"The tool took too long"})");
  replies[0]("late");
  run();
  CHECK(terminal(heard(id)).content() == "done");
}

TEST_CASE_FIXTURE(tool_fixture, "tools: a cancel in mid-call ends what it opened") {
  add_slow({"slow", "takes time", ""});
  const auto id = greet();
  http.reply_with(calls({{"a", "slow", ""}}, "Wait."));
  say(id, R"({"id":"q","content":"x"})");
  const frame end = terminal(say(id, R"({"type":"command","op":"cancel","ref":"q"})"));
  CHECK(end.text("status") == "cancelled");
  CHECK(cancelled == std::vector<std::string>{"t_1"});
  replies[0]("late");
  run();
  CHECK(heard(id).empty());
  ask(id, R"({"content":"y"})", {"z"});
  CHECK(transcript(http.last().request) ==
        "system:P|user:x|assistant:Wait.|tool:{\"error\":\"The call was "
        "cancelled\"}|assistant:(This answer was cut off.)|user:y");
}

TEST_CASE("tools: a model that never stops is stopped") {
  aw::options chosen = settings();
  chosen.session.max_tool_rounds = 3;
  tool_fixture f(chosen);
  f.add_weather();
  const auto id = f.greet();
  for (int i = 0; i < 5; ++i) f.http.reply_with(calls({{"c", "weather", R"({"city":"Rome"})"}}));
  const frame end = terminal(f.say(id, R"({"id":"q","content":"x","stream":true})"));
  CHECK(end.text("status") == "failed");
  CHECK(end.text("error.code") == "tool_loop");
  CHECK(f.ran.size() == 3u);
  CHECK(f.http.calls().size() == 4u);
}

TEST_CASE_FIXTURE(tool_fixture, "tools: calls that were cut off are not run") {
  add_weather();
  const auto id = greet();
  http.reply_with(calls({{"c", "weather", R"({"city":"Ro)"}}, "Hm", "length"));
  const frame end = terminal(say(id, R"({"id":"q","content":"x"})"));
  CHECK(end.text("status") == "incomplete");
  CHECK(end.text("finish_reason") == "length");
  CHECK(ran.empty());
}

TEST_CASE_FIXTURE(tool_fixture, "tools: a long result is cut") {
  aw::tool_definition definition{"slow", "much", ""};
  definition.max_result_bytes = 10;
  add_slow(definition);
  const auto id = greet();
  http.reply_with(calls({{"a", "slow", ""}}));
  http.reply_with(answer({"done"}));
  say(id, R"({"id":"q","content":"x"})");
  replies[0]("0123456789abc");
  run();
  CHECK(told_by_tools(http.last().request) == "a=0123456789\n[cut after 10 bytes]");
}

TEST_CASE_FIXTURE(tool_fixture, "tools: a wrong definition stops the start, in words") {
  server.tool({"two words", "x", ""}, [](const invocation&, const aw::tool_reply&) {});
  const auto started = server.start();
  REQUIRE_FALSE(started);
  CHECK(mentions(started.error().message, "name of a tool"));
}

TEST_CASE_FIXTURE(tool_fixture, "tools: the upstream fails in the second round") {
  add_weather();
  const auto id = greet();
  http.reply_with(calls({{"c1", "weather", R"({"city":"Rome"})"}}, "Hm."));
  http.reply_with(refusal(500, "{}"));
  const frame end = terminal(say(id, R"({"id":"q","content":"x","stream":true})"));
  CHECK(end.text("status") == "failed");
  CHECK(end.content() == "Hm.");
  CHECK(end.number("usage.completion_tokens") == 98);
}

TEST_CASE_FIXTURE(tool_fixture, "reasoning: that used up all tokens is told in words") {
  const auto id = greet();
  aw::testing::http_script script;
  script.head(200, event_stream());
  script.body(aw::testing::sse(R"({"choices":[{"delta":{"reasoning":"hm"}}]})"));
  http.reply_with(script.body(finish("length")).body(done()).complete());
  const frame end = terminal(say(id, R"({"content":"x","stream":true})"));
  CHECK(end.text("status") == "failed");
  CHECK(end.text("error.code") == "empty_response");
  CHECK(mentions(end.text("error.content"), "tokens"));
  CHECK(end.number("usage.completion_tokens") == 98);
}

TEST_CASE_FIXTURE(tool_fixture, "reasoning: goes to clients that ask for it, apart from the text") {
  const auto thinking = [] {
    aw::testing::http_script script;
    script.head(200, event_stream());
    for (const char* piece : {"Hm, ", "well."}) {
      script.body(aw::testing::sse(
          std::string(R"({"id":"g","choices":[{"index":0,"delta":{"reasoning":")") + piece +
          R"("}}]})"));
    }
    return script.body(chunk("Yes.")).body(finish()).body(done()).complete();
  };
  const auto curious = greet(R"("delta","reasoning")");
  http.reply_with(thinking());
  const auto frames = say(curious, R"({"id":"q","content":"x"})");
  std::string thought;
  for (const frame& each : frames) {
    if (each.phase() == "reasoning") thought += each.content();
  }
  CHECK(thought == "Hm, well.");
  CHECK(terminal(frames).content() == "Yes.");

  const auto other = greet();
  http.reply_with(thinking());
  for (const frame& each : say(other, R"({"id":"q","content":"x"})"))
    CHECK(each.phase() != "reasoning");
}

TEST_CASE_FIXTURE(tool_fixture, "tools: a call where there are none is no answer, unless it has text") {
  const auto id = greet();
  http.reply_with(calls({{"c1", "weather", "{}"}}));
  const frame failed = terminal(say(id, R"({"content":"weather?","stream":true})"));
  CHECK(failed.text("status") == "failed");
  CHECK(failed.text("error.code") == "empty_response");
  CHECK(failed.text("error.content").find("tool") != std::string::npos);

  http.reply_with(calls({{"c1", "weather", "{}"}}, "Sunny, I think."));
  const frame ended = terminal(say(id, R"({"content":"weather?","stream":true})"));
  CHECK(ended.content() == "Sunny, I think.");
  CHECK(ended.text("status") == "completed");
}

TEST_CASE_FIXTURE(tool_fixture, "tools: a call of what the application offers by itself is its own") {
  server.router().before_request([](auto&, aw::openrouter::chat_request& request) {
    request.tools = R"([{"type":"function","function":{"name":"weather"}}])";
  });
  std::string called;
  server.router().on_response([&](auto&, const aw::answer_record& answer) {
    called = answer.tool_calls.empty() ? "" : answer.tool_calls[0].name;
  });
  const auto id = greet();
  http.reply_with(calls({{"c1", "weather", "{}"}}));
  const frame ended = terminal(say(id, R"({"content":"weather?","stream":true})"));
  CHECK(ended.text("status") == "completed");
  CHECK(called == "weather");
}
