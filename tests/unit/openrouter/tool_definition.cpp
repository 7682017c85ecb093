// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/tool_definition.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using agent_websocket::errc;
using agent_websocket::openrouter::encode_tools;
using agent_websocket::openrouter::is_tool_name;
using agent_websocket::openrouter::tool_choice;
using agent_websocket::openrouter::tool_choice_function;
using agent_websocket::openrouter::tool_definition;

namespace {

std::string refusal(const std::vector<tool_definition>& tools) {
  const auto encoded = encode_tools(tools);
  if (encoded) return *encoded;
  CHECK(encoded.error().code == errc::bad_message);
  return encoded.error().message;
}

tool_definition named(const std::string& name, const std::string& parameters = "") {
  tool_definition made;
  made.name = name;
  made.parameters = parameters;
  return made;
}

}  // namespace

TEST_CASE("tool definition: as OpenRouter takes it") {
  CHECK(encode_tools({})->empty());
  tool_definition weather = named("get_weather", R"({ "type":"object", "n":1.0 })");
  weather.description = "Weather of a \"city\"";
  weather.strict = true;
  weather.cache_control.emplace();
  CHECK(*encode_tools({weather, named("now")}) ==
        R"([{"type":"function","function":{"name":"get_weather",)"
        R"("description":"Weather of a \"city\"","parameters":{ "type":"object", "n":1.0 },)"
        R"("strict":true},"cache_control":{"type":"ephemeral"}},)"
        R"({"type":"function","function":{"name":"now",)"
        R"("parameters":{"type":"object","properties":{}}}}])");
}

TEST_CASE("tool definition: names") {
  for (const std::string& good : {std::string("f"), std::string("A-z_09"), std::string(64, 'x')}) {
    CHECK(is_tool_name(good));
    CHECK(encode_tools({named(good)}));
  }
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("a.b"), std::string("\xC3\xA4"),
        std::string(65, 'x'), std::string("a\0", 2)}) {
    CHECK(!is_tool_name(bad));
    CHECK(refusal({named("f"), named(bad)}) ==
          "`tools[1].function.name` must be 1 to 64 of A-Z, a-z, 0-9, _ and -");
  }
  CHECK(refusal({named("f"), named("g"), named("f")}) ==
        "`tools[2].function.name` is given twice: f");
}

TEST_CASE("tool definition: parameters that are no schema") {
  CHECK(refusal({named("f", "[]")}) == "`tools[0].function.parameters` must be an object");
  CHECK(refusal({named("f", "{},\"x\":1")}).substr(0, 54) ==
        "`tools[0].function.parameters` is wrong: Not valid JSO");
}

TEST_CASE("tool definition: choices") {
  CHECK(tool_choice("required") == R"("required")");
  CHECK(tool_choice_function("f") == R"({"type":"function","function":{"name":"f"}})");
}
