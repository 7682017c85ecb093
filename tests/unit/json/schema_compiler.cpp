// SPDX-License-Identifier: MIT
#include <agent_websocket/json/schema_compiler.hpp>

#include <doctest/doctest.h>

#include <string_view>
#include <vector>

using agent_websocket::json::document;
using agent_websocket::json::schema_compiler;
using agent_websocket::json::schema_rules;

namespace {

std::vector<schema_rules> compiled(std::string_view text) {
  document parsed;
  REQUIRE(parsed.parse(text));
  auto rules = schema_compiler::compile(parsed.root());
  REQUIRE(rules);
  return *rules;
}

}  // namespace

TEST_CASE("schema_compiler: the top schema comes first, and nothing refers to the text") {
  const auto rules = compiled(
      R"({"type":"object","properties":{"a":{"type":["string","null"]},"b":{"$ref":"#/$defs/n"}},
          "required":["a"],"additionalProperties":false,"$defs":{"n":{"minimum":-1.50}}})");
  REQUIRE(rules.size() == 5);
  CHECK(rules[0].properties.size() == 2);
  CHECK(rules[0].required == std::vector<std::string>{"a"});
  CHECK(rules[*rules[0].additional_properties].always == false);
  const schema_rules& b = rules[rules[0].properties.at("b")];
  REQUIRE(b.ref);
  CHECK(rules[*b.ref].minimum->digits == "15");
  CHECK(rules[*b.ref].minimum->negative);
}

TEST_CASE("schema_compiler: of a repeated member the last one counts") {
  const auto rules = compiled(R"({"properties":{"a":{"minLength":1},"a":{"minLength":2}}})");
  CHECK(rules[rules[0].properties.at("a")].min_length == 2);
}

TEST_CASE("schema_compiler: many ways to one schema cost nothing") {
  std::string text = R"({"$defs":{)";
  for (int i = 0; i < 30; ++i) {
    const std::string next = R"({"$ref":"#/$defs/a)" + std::to_string(i / 2 + 30) + "\"}";
    text += "\"a" + std::to_string(i) + "\":{\"allOf\":[" + next + ',' + next + "]},";
  }
  for (int i = 30; i < 45; ++i) text += "\"a" + std::to_string(i) + "\":true,";
  CHECK(compiled(text + "\"z\":{}}}").size() == 30 * 3 + 15 + 2);
}
