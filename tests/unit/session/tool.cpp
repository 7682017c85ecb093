// SPDX-License-Identifier: MIT
#include <agent_websocket/session/tool.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <ostream>  // prints a shared_ptr
#include <string>
#include <utility>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

tool_definition named(std::string name, std::string parameters = {}) {
  tool_definition made;
  made.name = std::move(name);
  made.parameters = std::move(parameters);
  return made;
}

std::string words_of(tool_definition wrong) {
  const auto made = make_tool(std::move(wrong));
  if (made) return "made";
  CHECK(made.error().code == errc::bad_message);
  CHECK(is_utf8(made.error().message));
  return made.error().message;
}

}  // namespace

TEST_CASE("tool: a definition becomes what the model is told, and a check of arguments") {
  tool_definition definition =
      named("get_weather", R"({"type":"object","properties":{"city":{"type":"string"}}})");
  definition.description = "Weather of a \"city\"";
  const auto made = make_tool(definition);
  REQUIRE(made);
  CHECK_FALSE((*made)->of_client);
  CHECK((*made)->definition.name == "get_weather");
  const frame told((*made)->described);
  CHECK(told.type() == "function");
  CHECK(told.text("function.name") == "get_weather");
  CHECK(told.text("function.description") == "Weather of a \"city\"");
  CHECK(told.json("function.parameters") == definition.parameters);
  json::document arguments;
  REQUIRE(arguments.parse(R"({"city":7})"));
  CHECK((*made)->arguments.violation(arguments.root()).has_value());
  CHECK((*make_tool(definition, true))->of_client);
}

TEST_CASE("tool: without parameters the model is told that there are none") {
  const frame told((*make_tool(named("now")))->described);
  CHECK(told.text("function.parameters.type") == "object");
  CHECK_FALSE(told.has("function.description"));
}

TEST_CASE("tool: names") {
  for (const char* good : {"a", "A-Z_09", "-", "_"}) CHECK(words_of(named(good)) == "made");
  CHECK(words_of(named(std::string(64, 'x'))) == "made");
  for (const char* bad : {"", " ", "a b", "a.b", "a/b", "\xC3\xA4", "a\n"}) {
    CAPTURE(std::string(bad));
    CHECK(words_of(named(bad)).find("name") != std::string::npos);
  }
  CHECK(words_of(named(std::string(65, 'x'))).find("name") != std::string::npos);
}

TEST_CASE("tool: what is wrong with a definition names the tool") {
  for (const char* parameters : {"{", "7", "[]", "null", "\"object\"", R"({"type":"nonsense"})"}) {
    CAPTURE(std::string(parameters));
    CHECK(words_of(named("its_name", parameters)).find("its_name") != std::string::npos);
  }
  tool_definition negative = named("its_name");
  negative.timeout = -1ms;
  CHECK(words_of(negative).find("its_name") != std::string::npos);
  CHECK(words_of(named("its_name", "")) == "made");
}

TEST_CASE("tool: which ones need a person") {
  tool_definition plain = named("a");
  CHECK_FALSE(plain.needs_person());
  plain.requires_approval = true;
  CHECK(plain.needs_person());
  tool_definition question = named("b");
  question.asks_person = true;
  CHECK(question.needs_person());
}

TEST_CASE("tool: several as one array; none as nothing") {
  CHECK(describe_tools({}).empty());
  const frame told(
      "{\"tools\":" + describe_tools({*make_tool(named("a")), *make_tool(named("b"))}) + "}");
  CHECK(told.size("tools") == 2u);
  CHECK(told.text("tools.1.function.name") == "b");
}

TEST_CASE("tool: a failure is a result in words") {
  const tool_result failed = tool_result::failure("no luck");
  CHECK(failed.failed);
  CHECK(failed.text == "no luck");
  CHECK_FALSE(tool_result().failed);
}

TEST_CASE("toolbox: keeps order, refuses a second of one name and what is wrong") {
  toolbox box;
  CHECK(box.tools().empty());
  CHECK(box.find("b") == nullptr);
  CHECK(box.add(named("b")));
  CHECK(box.add(named("a")));
  const auto second = box.add(named("b"));
  REQUIRE_FALSE(second);
  CHECK(second.error().message.find("`b`") != std::string::npos);
  CHECK_FALSE(box.add(named("no name")));
  REQUIRE(box.tools().size() == 2u);
  CHECK(box.tools()[0]->definition.name == "b");
  REQUIRE(box.find("a") != nullptr);
  CHECK(box.find("a")->definition.name == "a");
  CHECK(box.find("") == nullptr);
  CHECK(box.find("A") == nullptr);
  CHECK(toolbox::find_tool({}, "a") == nullptr);
}
