// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/reasoning_details.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using agent_websocket::json::document;
using agent_websocket::openrouter::reasoning_details_accumulator;

namespace {

bool add(reasoning_details_accumulator& to, const std::string& array, bool whole = false) {
  document parsed;
  REQUIRE(parsed.parse(array));
  return whole ? to.add_whole(parsed.root()) : to.add_fragments(parsed.root());
}

struct row {
  const char* what;
  std::vector<std::string> arrays;
  std::string expected;
};

// clang-format off
const std::vector<row> rows = {
    {"none", {"null", "{}", "7"}, ""},
    {"an empty one", {"null", "[]"}, "[]"},
    {"what is no block", {"[null,7,[]]"}, "[]"},
    {"text, summary and data grow by type and index, in the order of their first pieces",
     {R"([{"type":"reasoning.summary","summary":"a","index":0},{"type":"reasoning.encrypted","data":"A","index":0}])",
      R"([{"type":"reasoning.encrypted","data":"B","index":0},{"type":"reasoning.summary","summary":"b","index":0}])",
      R"([{"type":"reasoning.text","text":"x","index":1},{"type":"reasoning.text","text":"y","index":2}])",
      R"([{"type":"reasoning.text","text":"x","index":1}])"},
     R"([{"type":"reasoning.summary","summary":"ab","index":0},{"type":"reasoning.encrypted","data":"AB","index":0},)"
     R"({"type":"reasoning.text","text":"xx","index":1},{"type":"reasoning.text","text":"y","index":2}])"},
    {"signature, id and format: the last that says something",
     {R"([{"type":"reasoning.text","text":"x","signature":null,"id":"1","format":"f1","index":0}])",
      R"([{"type":"reasoning.text","text":"","signature":"s1","id":"","format":"f2","index":0}])",
      R"([{"type":"reasoning.text","text":null,"signature":"s2","id":null,"format":"","index":0}])"},
     R"([{"type":"reasoning.text","text":"x","signature":"s2","id":"1","format":"f2","index":0}])"},
    {"null and empty stay where nothing came",
     {R"([{"type":"reasoning.text","text":null,"signature":"","id":null,"index":0}])",
      R"([{"type":"reasoning.text","text":"x","index":0}])"},
     R"([{"type":"reasoning.text","text":"x","signature":"","id":null,"index":0}])"},
    {"no index: with the one before when type and id are the same",
     {R"([{"type":"reasoning.text","text":"a","id":"1"}])", R"([{"type":"reasoning.text","text":"b","id":"1"}])",
      R"([{"type":"reasoning.text","text":"c","id":"2"}])", R"([{"type":"reasoning.summary","summary":"d","id":"2"}])",
      R"([{"type":"reasoning.text","text":"e","id":"2"}])"},
     R"([{"type":"reasoning.text","text":"ab","id":"1"},{"type":"reasoning.text","text":"c","id":"2"},)"
     R"({"type":"reasoning.summary","summary":"d","id":"2"},{"type":"reasoning.text","text":"e","id":"2"}])"},
    {"no index, no id",
     {R"([{"type":"reasoning.text","text":"a"}])", R"([{"type":"reasoning.text","text":"b","id":null}])"},
     R"([{"type":"reasoning.text","text":"ab","id":null}])"},
    {"a signature alone joins the text",
     {R"([{"type":"reasoning.text","text":"a","id":"1"}])", R"([{"type":"reasoning.encrypted","data":"A"}])",
      R"([{"type":"reasoning.text","signature":"s"}])"},
     R"([{"type":"reasoning.text","text":"a","id":"1","signature":"s"},{"type":"reasoning.encrypted","data":"A"}])"},
    {"a signature without a text before it is a block, and so is a second one",
     {R"([{"type":"reasoning.text","signature":"s","id":"1"}])", R"([{"type":"reasoning.text","text":"a","id":"2"}])",
      R"([{"type":"reasoning.text","signature":"t"}])", R"([{"type":"reasoning.text","signature":"u","id":"3"}])"},
     R"([{"type":"reasoning.text","signature":"s","id":"1"},{"type":"reasoning.text","text":"a","id":"2","signature":"t"},)"
     R"({"type":"reasoning.text","signature":"u","id":"3"}])"},
    {"members that nobody knows pass through",
     {R"([{"type":"reasoning.server_tool_call","tool_name":"web","arguments":{"q":1.0},"result":[1,{"\u00e9":null}],"index":0}])",
      R"([{"type":"future","n\"":true,"text":{"a":1},"index":0}])", R"([{"type":"future","text":"b","index":0}])"},
     "[{\"type\":\"reasoning.server_tool_call\",\"tool_name\":\"web\",\"arguments\":{\"q\":1.0},"
     "\"result\":[1,{\"\xC3\xA9\":null}],\"index\":0},{\"type\":\"future\",\"n\\\"\":true,\"text\":\"b\",\"index\":0}]"},
    {"blocks without a type", {R"([{"text":"a"}])", R"([{"text":"b"}])"}, R"([{"text":"ab"}])"},
};
// clang-format on

}  // namespace

TEST_CASE("reasoning details: fragments and what they make") {
  for (const row& each : rows) {
    CAPTURE(each.what);
    reasoning_details_accumulator details(1u << 20);
    for (const std::string& array : each.arrays) REQUIRE(add(details, array));
    CHECK(details.take() == each.expected);
    CHECK(details.take().empty());
  }
}

TEST_CASE("reasoning details: merged once more they stay as they are") {
  for (const row& each : rows) {
    if (each.expected.empty()) continue;
    reasoning_details_accumulator details(1u << 20);
    REQUIRE(add(details, each.expected, true));
    CHECK(details.take() == each.expected);
  }
}

TEST_CASE("reasoning details: those of a whole message are not merged") {
  const std::string two =
      R"([{"type":"reasoning.text","text":"a","index":0},{"type":"reasoning.text","text":"b","index":0}])";
  reasoning_details_accumulator details(1000);
  REQUIRE(add(details, two, true));
  CHECK(details.take() == two);
  REQUIRE(add(details, "null", true));
  CHECK(details.take().empty());
  REQUIRE(add(details, "[]", true));
  CHECK(details.take() == "[]");
}

TEST_CASE("reasoning details: their limits") {
  const std::string first = R"([{"index":0,"text":"0123456789"}])";
  const std::size_t counted = 5 + 6 + 1 + 4 + 6 + 10;  // names, punctuation and values
  for (std::size_t limit = 0; limit < counted + 5; ++limit) {
    CAPTURE(limit);
    reasoning_details_accumulator details(limit);
    CHECK(add(details, first) == (limit >= counted));
    if (limit < counted) continue;
    CHECK(add(details, R"([{"index":0,"text":"abcd"}])") == (limit >= counted + 4));
  }
  for (const bool whole : {false, true}) {
    reasoning_details_accumulator details(1u << 20);
    std::string array = "[";
    for (int i = 0; i < 1024; ++i) array += "{\"index\":" + std::to_string(i) + "},";
    array.back() = ']';
    CHECK(add(details, array, whole));
    CHECK(!add(details, R"([{"index":1024}])", whole));
  }
  reasoning_details_accumulator details(1u << 20);
  std::string block = "[{";
  for (int i = 0; i < 64; ++i) block += "\"" + std::to_string(i) + "\":1,";
  block.back() = '}';
  CHECK(add(details, block + "]"));
  CHECK(!add(details, R"([{"one more":1}])"));
}
