// SPDX-License-Identifier: MIT
#include <agent_websocket/session/tool_loop.hpp>

#include "core_tools.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {
constexpr const char* rome = R"({"city":"Rome"})";

wire::command command(const char* op) {
  wire::command made;
  made.op = op;
  return made;
}
}  // namespace

TEST_CASE_FIXTURE(tool_core, "tool_loop: tools are offered, called, and the model is asked again") {
  hello();
  send(R"({"id":"q","content":"x","stream":true})");
  const auto first = proceed();
  CHECK(frame("{\"t\":" + first.tools + "}").size("t") == 4u);
  text("Let me see.");
  sent();
  call({{"c1", "weather", rome}});
  CHECK(shape(sent()) == "calling:t_1");
  REQUIRE(tools.size() == 1u);
  CHECK(tools[0].call == "t_1");
  CHECK(tools[0].name == "weather");
  CHECK(tools[0].arguments == rome);
  REQUIRE(clocks.size() == 1u);
  CHECK(clocks[0].id == "t_1");
  CHECK(clocks[0].limit == 5s);
  CHECK(starts.size() == 1u);
  reply("t_1", "sunny");
  CHECK(shape(sent()) == "done:t_1");
  REQUIRE(starts.size() == 2u);
  CHECK(starts[1].run == starts[0].run);
  CHECK(starts[1].request->tools == first.tools);
  CHECK(transcript(*starts[1].request) == "system:P|user:x|assistant:Let me see.|tool:sunny");
  text("Sunny.");
  complete();
  const frame end = sent().back();
  CHECK(end.content() == "Let me see.\n\nSunny.");
  REQUIRE(answers.size() == 1u);
  CHECK(answers[0].rounds == 1u);
  CHECK(frame("{\"s\":" + answers[0].steps + "}").size("s") == 2u);
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: the usage of all rounds is added up") {
  ask_and_call({{"c", "weather", rome}});
  reply("t_1", "a");
  call({{"c", "weather", rome}});
  reply("t_2", "b");
  completion_result last;
  last.finish_reason = "stop";
  last.usage = R"({"prompt_tokens":1})";
  last.used = {1, 1, 2, 0.25, true, true};
  text("done");
  core.completed(run(), last, at);
  collect();
  const frame end = sent().back();
  CHECK(end.number("usage.prompt_tokens") == 21);
  CHECK(end.number("usage.completion_tokens") == 42);
  CHECK(end.number("usage.total_tokens") == 63);
  CHECK(end.real("usage.cost") == doctest::Approx(1.25));
  CHECK(answers.at(0).used.answers == 1);
}

TEST_CASE("tool_loop: a model that never stops is stopped, at each limit") {
  for (const unsigned limit : {0u, 1u, 3u}) {
    CAPTURE(limit);
    session_settings settings = tool_settings();
    settings.max_tool_rounds = limit;
    tool_core f(settings);
    f.send(R"({"id":"q","content":"x","stream":true})");
    f.proceed();
    for (unsigned i = 0; i <= limit; ++i) {
      f.text("w");
      f.call({{"c", "weather", rome}});
      if (i < limit) f.reply("t_" + std::to_string(i + 1), "r");
    }
    const auto ends = terminals(f.sent());
    REQUIRE(ends.size() == 1u);
    CHECK(ends[0].text("status") == "failed");
    CHECK(ends[0].text("error.code") == "tool_loop");
    CHECK(ends[0].number("usage.prompt_tokens") == 10 * (limit + 1));
    CHECK(f.tools.size() == limit);
    CHECK_FALSE(f.core.running());
  }
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: ids are unique over calls, rounds and runs") {
  ask_and_call({{"c", "weather", rome}, {"d", "weather", rome}});
  reply("t_1", "a");
  reply("t_2", "b");
  call({{"c", "weather", rome}});
  reply("t_3", "c");
  text("done");
  complete();
  ask_and_call({{"c", "weather", rome}}, R"({"id":"q2","content":"y"})");
  CHECK(to_run() == "t_1 t_2 t_3 t_4");
  // Results for what is over do nothing.
  const auto before = starts.size();
  for (const char* id : {"t_1", "t_3", "t_5", "", "f_1"}) reply(id, "late");
  CHECK(starts.size() == before);
  CHECK(core.running());
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: a result counts once, and for its own run") {
  ask_and_call({{"a", "weather", rome}, {"b", "weather", rome}});
  const run_number first = run();
  reply("t_1", "one");
  reply("t_1", "two");
  CHECK(starts.size() == 1u);
  core.tool_ended(first + 1, "t_2", {"of another run", false}, true, at);
  CHECK(starts.size() == 1u);
  reply("t_2", "three");
  CHECK(told() == "a=one\nb=three");
  reply("t_2", "four");
  CHECK(starts.size() == 2u);
  // What the model said while its calls ran is none of its words.
  complete();
  core.tool_ended(first, "t_2", {"late", false}, true, at);
  CHECK_FALSE(core.running());
  CHECK(answers.size() == 1u);
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: upstream has no say while the calls run") {
  hello();
  ask_and_call({{"a", "weather", rome}}, R"({"id":"q","content":"x","stream":true})");
  text("stray");
  complete();
  fail(errc::provider_error);
  CHECK(core.running());
  CHECK(terminals(sent()).empty());
  reply("t_1", "ok");
  text("Fine.");
  complete();
  CHECK(sent().back().content() == "Fine.");
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: what is wrong with a call is told to the model") {
  hello();
  const auto frames = ask_and_call({{"1", "weather", R"({"city":7})"},
                                    {"2", "weather", "[1]"},
                                    {"3", "weather", R"({"city)"},
                                    {"4", "nothing", "{}"},
                                    {"5", "", "{}"},
                                    {"6", "erase", "{}"}});
  CHECK(tools.empty());
  CHECK(clocks.empty());
  REQUIRE(starts.size() == 2u);
  const auto states = with_op(frames, "tool");
  REQUIRE(states.size() == 6u);
  for (const frame& each : states) {
    CHECK(each.text("tool.state") == "failed");
    CHECK_FALSE(each.text("tool.error").empty());
    CHECK_FALSE(each.has("tool.arguments"));  // they may be no JSON
  }
  std::string all = told();
  for (int i = 1; i <= 6; ++i)
    CHECK(all.find(std::to_string(i) + "={\"error\":") != std::string::npos);
  CHECK(all.find("`city`") != std::string::npos);
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: of a hundred calls in one round 32 are run") {
  hello();
  std::vector<call_text> many;
  for (int i = 0; i < 100; ++i) many.push_back({"c" + std::to_string(i), "weather", rome});
  const auto frames = ask_and_call(many);
  CHECK(with_op(frames, "tool").size() == 100u);
  REQUIRE(tools.size() == 32u);
  for (int i = 32; i > 0; --i) {
    CHECK(starts.size() == 1u);
    reply("t_" + std::to_string(i), std::to_string(i));
  }
  REQUIRE(starts.size() == 2u);
  const auto& messages = starts[1].request->messages;
  REQUIRE(messages.size() == 103u);
  CHECK(messages[3].text() == "1");
  CHECK(messages[34].text() == "32");
  CHECK(messages[102].text().find("Too many calls") != std::string::npos);
}

TEST_CASE("tool_loop: calls that nobody offered are the application's") {
  core_fixture f;
  f.send(R"({"id":"q","content":"x"})");
  CHECK(f.proceed().tools.empty());
  completion_result result;
  result.finish_reason = "tool_calls";
  result.tool_calls = {{"c", "of_the_hook", "{}", true}};
  f.core.completed(f.run(), result, f.at);
  f.collect();
  CHECK(f.tools.empty());
  REQUIRE(f.answers.size() == 1u);
  CHECK(f.answers[0].tool_calls == result.tool_calls);
  CHECK(terminals(f.sent()).size() == 1u);
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: one call that was cut off stops the whole round") {
  send(R"({"id":"q","content":"x"})");
  proceed();
  completion_result result;
  result.finish_reason = "length";
  result.tool_calls = {{"a", "weather", rome, true}, {"b", "weather", R"({"ci)", false}};
  core.completed(run(), result, at);
  collect();
  CHECK(tools.empty());
  CHECK(terminals(sent()).at(0).text("status") == "incomplete");
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: a failure is one, whatever calls came with it") {
  send(R"({"id":"q","content":"x"})");
  proceed();
  completion_result result;
  result.failure = error(errc::truncated);
  result.tool_calls = {{"a", "weather", rome, true}};
  core.completed(run(), result, at);
  collect();
  CHECK(tools.empty());
  CHECK(terminals(sent()).at(0).code() == "truncated");
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: calls count, not the finish reason") {
  ask_and_call({});
  CHECK_FALSE(core.running());  // none: an empty answer
  send(R"({"id":"q2","content":"x"})");
  proceed();
  call({{"c", "weather", rome}}, "stop");
  CHECK(to_run() == "t_1");
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: a call whose time is up is given up, others go on") {
  hello();
  ask_and_call({{"a", "weather", rome}, {"b", "weather", rome}});
  time_is_up("t_1");
  REQUIRE(ended_tools.size() == 1u);
  CHECK(ended_tools[0].call == "t_1");
  CHECK_FALSE(ended_tools[0].answered);
  time_is_up("t_1");
  reply("t_1", "late");
  CHECK(starts.size() == 1u);
  reply("t_2", "ok");
  CHECK(ended_tools.at(1).answered);
  CHECK(told() == "a={\"error\":\"The tool took too long\"}\nb=ok");
  time_is_up("t_2");
  time_is_up("t_9");
  CHECK(starts.size() == 2u);
}

TEST_CASE_FIXTURE(
    tool_core, "tool_loop: messages of the application stand before the question in every round") {
  converse("before", "answer");
  send(R"({"id":"q","content":"now"})");
  collect();
  query_decision decision;
  decision.extra = {openrouter::chat_message::system("one"), openrouter::chat_message::user("two")};
  core.decided(consults.back().run, decision, at);
  collect();
  const std::string first = "system:P|user:before|assistant:answer|system:one|user:two|user:now";
  CHECK(transcript(*starts.back().request) == first);
  call({{"c", "weather", rome}});
  reply("t_1", "r1");
  CHECK(transcript(*starts.back().request) == first + "|assistant:|tool:r1");
  text("Hm.");
  call({{"c", "weather", rome}});
  reply("t_2", "r2");
  CHECK(transcript(*starts.back().request) == first + "|assistant:|tool:r1|assistant:Hm.|tool:r2");
  text("End.");
  complete();
  // In no later request.
  consults.clear();
  send(R"({"content":"after"})");
  proceed();
  CHECK(transcript(*starts.back().request) ==
        "system:P|user:before|assistant:answer|user:now|assistant:|tool:r1|assistant:Hm.|tool:r2|"
        "assistant:End.|user:after");
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: what the model thought goes back with its calls") {
  send(R"({"id":"q","content":"x"})");
  proceed();
  completion_result result;
  result.tool_calls = {{"c", "weather", "{\n \"city\" : \"Rome\"}", true}};
  result.reasoning_details = R"([{"type":"reasoning.text","text":"t","signature":"s"}])";
  core.completed(run(), result, at);
  collect();
  reply("t_1", "r");
  const frame said(starts.back().request->messages[2].json());
  CHECK(said.json("content") == "null");
  CHECK(said.text("tool_calls.0.id") == "c");
  CHECK(said.text("tool_calls.0.function.arguments") == "{\n \"city\" : \"Rome\"}");
  CHECK(said.text("reasoning_details.0.signature") == "s");
}

TEST_CASE_FIXTURE(tool_core,
                  "tool_loop: text of a later round continues the numbers of its deltas") {
  hello();
  send(R"({"id":"q","content":"x","stream":true})");
  proceed();
  text("Hm.");
  call({{"c", "weather", rome}});
  auto frames = sent();
  REQUIRE(frames.size() == 3u);
  CHECK(frames[1].phase() == "delta");  // before the call
  CHECK(frames[2].op() == "tool");
  reply("t_1", "r");
  text("So.");
  frames = sent();
  CHECK(frames.back().number("idx") == 1);
  CHECK(frames.back().content() == "\n\nSo.");
  call({{"c", "weather", rome}});  // the words were few
  reply("t_2", "r");
  complete();
  CHECK(sent().back().content() == "Hm.\n\nSo.");
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: plain clients see nothing of it") {
  const auto frames = ask_and_call({{"c", "weather", rome}}, R"({"content":"x"})");
  CHECK(shape(frames).empty());
  reply("t_1", "r");
  text("done");
  complete();
  CHECK(shape(sent()) == "full:completed");
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: a long result is cut between characters") {
  ask_and_call({{"c", "weather", rome}});
  reply("t_1", std::string(64 * 1024 - 1, 'x') + "\xC3\xA4");
  CHECK(told() == "c=" + std::string(64 * 1024 - 1, 'x') + "\n[cut after 65536 bytes]");
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: bytes that are no text reach neither model nor client") {
  hello();
  ask_and_call({{"c", "weather", rome}, {"d", "weather", rome}});
  core.tool_ended(run(), "t_1", tool_result::failure("bad \xFF"), true, at);
  reply("t_2", "\xFF\xFE");
  for (const frame& each : sent()) CHECK(is_utf8(each.raw()));
  for (const auto& each : starts.back().request->messages) CHECK(is_utf8(each.json()));
}

// ---- ends in the middle of a round

namespace {

/// Two calls run; `end` happens; gives what the client sees of it.
template <typename End>
std::string ends_by(tool_core& f, End&& end) {
  f.hello();
  f.ask_and_call({{"a", "weather", rome}, {"b", "weather", rome}},
                 R"({"id":"q","content":"x","stream":true})");
  f.sent();
  end(f);
  f.collect();
  return shape(f.sent());
}

}  // namespace

TEST_CASE("tool_loop: whatever ends the run, its calls end first, then the query, once") {
  struct row {
    const char* what;
    void (*end)(tool_core&);
    const char* seen;
  };
  const row rows[] = {
      {"cancel", [](tool_core& f) { f.core.received(1, command("cancel"), f.at); },
       "failed:t_1 failed:t_2 start end:cancelled"},
      {"close", [](tool_core& f) { f.core.received(1, command("close"), f.at); },
       "status:close failed:t_1 failed:t_2 start end:cancelled"},
      {"clear", [](tool_core& f) { f.core.received(1, command("clear"), f.at); },
       "status:clear failed:t_1 failed:t_2 start end:cancelled"},
      {"interrupt", [](tool_core& f) { f.core.interrupt(f.at); },
       "failed:t_1 failed:t_2 start end:failed"},
      {"end", [](tool_core& f) { f.core.end(4499, "x", error(errc::interrupted), f.at); },
       "failed:t_1 failed:t_2 start end:failed"},
      {"drain",
       [](tool_core& f) {
         f.core.drain(5s, f.at);
         f.core.drain_expired(f.at);
       },
       "notification:drain status:drain failed:t_1 failed:t_2 start end:failed"},
      {"failed", [](tool_core& f) { f.core.failed(f.run(), error(errc::timeout_total), f.at); },
       "failed:t_1 failed:t_2 start end:failed"},
  };
  for (const row& each : rows) {
    CAPTURE(std::string(each.what));
    tool_core f;
    CHECK(ends_by(f, each.end) == std::string(each.seen));
    CHECK_FALSE(f.core.running());
    REQUIRE(f.ended_tools.size() == 2u);
    for (const auto& ended : f.ended_tools) CHECK_FALSE(ended.answered);
    CHECK(f.cancels.size() == 1u);
    CHECK(f.answers.size() == 1u);
    // Nothing comes after.
    f.reply("t_1", "late");
    f.time_is_up("t_2");
    f.result_of("t_1", R"(,"data":1)");
    CHECK(terminals(f.sent()).empty());
    CHECK(f.starts.size() == 1u);
    CHECK(f.answers.size() == 1u);
  }
}

TEST_CASE_FIXTURE(tool_core,
                  "tool_loop: an answer that was cut off in mid-call is known by its words") {
  hello();
  send(R"({"id":"q","content":"x"})");
  proceed();
  text("Hm.");
  call({{"c", "weather", rome}});
  core.received(here, command("cancel"), at);
  collect();
  sent();
  // It is kept, told again, and can be judged.
  for (int i = 0; i < 1100; ++i) {  // its terminal message leaves the log
    core.notify("n", {}, {}, false, at);
    sent();
  }
  const auto again = terminals(send(R"({"id":"q","content":"x"})"));
  REQUIRE(again.size() == 1u);
  CHECK(again[0].content() == "Hm.");
  CHECK(again[0].text("status") == "cancelled");
  CHECK(send(R"({"type":"human_feedback","rating":-1})").at(0).is_status("ack"));
  const frame history = send(R"({"type":"command","op":"history"})").at(0);
  CHECK(history.size("data.messages") == 2u);
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: regenerate asks anew, without the steps of before") {
  hello();
  ask_and_call({{"c", "weather", rome}});
  reply("t_1", "old");
  text("Old.");
  complete();
  sent();
  send(R"({"type":"command","op":"regenerate","id":"g"})");
  proceed();
  CHECK(transcript(*starts.back().request) == "system:P|user:x");
  call({{"c", "weather", rome}});
  CHECK(tools.back().call == "t_2");
  reply("t_2", "new");
  text("New.");
  complete();
  CHECK(sent().back().content() == "New.");
  send(R"({"content":"y"})");
  proceed();
  CHECK(transcript(*starts.back().request) ==
        "system:P|user:x|assistant:|tool:new|assistant:New.|user:y");
}

TEST_CASE_FIXTURE(tool_core, "tool_loop: clear forgets the steps too") {
  ask_and_call({{"c", "weather", rome}});
  reply("t_1", "r");
  text("Sunny.");
  complete();
  core.received(here, command("clear"), at);
  send(R"({"content":"y"})");
  proceed();
  CHECK(transcript(*starts.back().request) == "system:P|user:y");
}

TEST_CASE("tool_loop: many calls drive nothing out of the conversation but themselves") {
  session_settings settings = tool_settings();
  settings.max_history = 3;
  tool_core f(settings);
  f.ask_and_call({{"a", "weather", rome}, {"b", "weather", rome}, {"c", "weather", rome}});
  for (const char* id : {"t_1", "t_2", "t_3"}) f.reply(id, "r");
  CHECK(f.starts.back().request->messages.size() == 6u);  // the running turn stays whole
  f.text("Sunny.");
  f.complete();
  f.send(R"({"content":"y"})");
  f.proceed();
  CHECK(transcript(*f.starts.back().request) == "system:P|user:x|assistant:Sunny.|user:y");
}
