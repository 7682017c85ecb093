// SPDX-License-Identifier: MIT
#include <agent_websocket/session/run.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <cstdint>
#include <limits>
#include <string>

using namespace agent_websocket;

namespace {

tool_ptr tool_of(std::string parameters) {
  tool_definition made;
  made.name = "tool";
  made.parameters = std::move(parameters);
  auto checked = make_tool(std::move(made));
  REQUIRE(checked);
  return *checked;
}

called_tool called(const std::string& id, called_tool::phase at) {
  called_tool made;
  made.id = id;
  made.at = at;
  return made;
}

}  // namespace

TEST_CASE("run: arguments that a tool cannot be given, in words") {
  const tool_ptr tool =
      tool_of(R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})");
  CHECK_FALSE(wrong_arguments(*tool, R"({"city":"Rome"})").has_value());
  CHECK_FALSE(wrong_arguments(*tool, " {\n\"city\" : \"Rome\", \"more\": [1] } ").has_value());
  for (const char* text : {"", " ", "null", "[]", "7", "\"city\"", "{}", R"({"city":7})",
                           R"({"city":"Rome")", R"({"city":"Rome"}})", "{\"city\":\"\xFF\"}"}) {
    CAPTURE(std::string(text));
    const auto words = wrong_arguments(*tool, text);
    REQUIRE(words.has_value());
    CHECK_FALSE(words->empty());
    CHECK(is_utf8(*words));
  }
  CHECK(wrong_arguments(*tool, R"({"city":7})")->find("`city`") != std::string::npos);
}

TEST_CASE("run: a tool without parameters takes any object, and nothing else") {
  const tool_ptr tool = tool_of("");
  CHECK_FALSE(wrong_arguments(*tool, "{}").has_value());
  CHECK_FALSE(wrong_arguments(*tool, R"({"x":1})").has_value());
  CHECK(wrong_arguments(*tool, "[]").has_value());
  CHECK(wrong_arguments(*tool, "true").has_value());
}

TEST_CASE("run: deep nesting of the model's is refused, not followed") {
  const tool_ptr tool = tool_of("");
  const std::string deep = "{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  CHECK(wrong_arguments(*tool, deep).has_value());
}

TEST_CASE("run: finds its calls, and knows when all have ended") {
  using phase = called_tool::phase;
  current_run run;
  CHECK(run.calls_ended());  // there are none
  CHECK(run.find_call("t_1") == nullptr);
  run.calls = {called("t_1", phase::ended), called("t_2", phase::asking)};
  REQUIRE(run.find_call("t_2") != nullptr);
  CHECK(run.find_call("t_2")->at == phase::asking);
  CHECK(run.find_call("") == nullptr);
  CHECK_FALSE(run.calls_ended());
  run.find_call("t_2")->at = phase::running;
  CHECK_FALSE(run.calls_ended());
  run.find_call("t_2")->at = phase::ended;
  CHECK(run.calls_ended());
}

TEST_CASE("run: usage of several rounds, in the words of the protocol") {
  const frame told(describe_usage({3, 12, 98, 0.25, true, true}));
  CHECK(told.number("prompt_tokens") == 12);
  CHECK(told.number("completion_tokens") == 98);
  CHECK(told.number("total_tokens") == 110);
  CHECK(told.real("cost") == 0.25);
  CHECK(told.at("").size() == 4u);
  // No cost is not a cost of 0, and nothing is nothing.
  CHECK(describe_usage({3, 12, 98, 0, true, false}).find("cost") == std::string::npos);
  CHECK(describe_usage({}).empty());
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK(frame(describe_usage({1, most, most, 0, true, false})).number("total_tokens") == most);
}

TEST_CASE("run: steps as JSON, byte for byte as they are sent again") {
  CHECK(describe_steps({}).empty());
  openrouter::assistant_message said;
  said.tool_calls = {{"c", "tool", "{ \"a\" : 1 }", true}};
  const std::string text = describe_steps(
      {openrouter::chat_message::assistant(said), openrouter::chat_message::tool_result("c", "r")});
  const frame told("{\"steps\":" + text + "}");
  CHECK(told.size("steps") == 2u);
  CHECK(told.text("steps.0.tool_calls.0.function.arguments") == "{ \"a\" : 1 }");
  CHECK(told.text("steps.1.role") == "tool");
  CHECK(told.text("steps.1.tool_call_id") == "c");
  CHECK(told.text("steps.1.content") == "r");
}

TEST_CASE("run: what the model reads of its own answer") {
  completion_result result;
  result.reasoning_details = R"([{"type":"reasoning.text","text":"t"}])";
  result.annotations = R"([{"type":"file","file":{"hash":"h"}}])";
  const frame whole(answer_message(true, "Yes.", result).json());
  CHECK(whole.content() == "Yes.");
  CHECK(whole.text("role") == "assistant");
  CHECK(whole.text("reasoning_details.0.text") == "t");
  CHECK(whole.text("annotations.0.file.hash") == "h");
  const auto partial = answer_message(false, "Ye", result);
  CHECK(partial.text() == "Ye");
  CHECK_FALSE(frame(partial.json()).has("reasoning_details"));
}
