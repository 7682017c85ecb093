// SPDX-License-Identifier: MIT
#include <agent_websocket/json/schema_matcher.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::json::document;
using agent_websocket::json::schema_matcher;
using agent_websocket::json::schema_rules;

namespace {

std::optional<std::string> judged(const std::vector<schema_rules>& rules, std::string_view text) {
  document parsed;
  REQUIRE(parsed.parse(text));
  return schema_matcher(rules).violation(parsed.root());
}

}  // namespace

TEST_CASE("schema_matcher: rules made by hand") {
  std::vector<schema_rules> rules(2);
  rules[0].properties["a"] = 1;
  rules[1].min_length = 2;
  CHECK_FALSE(judged(rules, R"({"a":"bc"})"));
  CHECK(judged(rules, R"({"a":"b"})") == "`a` must have at least 2 characters, not 1");
}

TEST_CASE("schema_matcher: rules that lead back to themselves end") {
  std::vector<schema_rules> rules(1);
  rules[0].ref = 0;
  CHECK(judged(rules, "1") == "the arguments are too complex to be checked");
  rules[0].ref.reset();
  rules[0].ruled_out = 0;
  CHECK(judged(rules, "1") == "the arguments are too complex to be checked");
  rules[0].any_of = {0, 0};
  CHECK(judged(rules, "1") == "the arguments are too complex to be checked");
}
