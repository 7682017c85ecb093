// SPDX-License-Identifier: MIT
#include <agent_websocket/wire/declared_tools.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::json::document;
using agent_websocket::wire::declared_tool;
using agent_websocket::wire::max_declared_tools;
using agent_websocket::wire::detail::field_reader;
using agent_websocket::wire::detail::read_declared_tools;

namespace {

struct reading {
  std::vector<declared_tool> tools;
  std::string wrong;  ///< words, or empty
};

reading read(std::string_view tools) {
  document parsed;
  const std::string text = "{\"tools\":" + std::string(tools) + "}";
  REQUIRE(parsed.parse(text));
  field_reader fields(parsed.root());
  reading done;
  done.tools = read_declared_tools(fields);
  if (fields.failed()) done.wrong = fields.take_error().message;
  return done;
}

std::string many(std::size_t count) {
  std::string text = "[";
  for (std::size_t i = 0; i < count; ++i)
    text += (i == 0 ? "" : ",") + std::string(R"({"name":"t)") + std::to_string(i) + "\"}";
  return text + "]";
}

bool mentions(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("declared_tools: the short form") {
  const reading done = read(
      R"([{"name":"beep","description":"Makes a sound","parameters":{"type":"object", "x":1.50}},)"
      R"({"name":"now","more":7}])");
  CHECK(done.wrong.empty());
  REQUIRE(done.tools.size() == 2u);
  CHECK(done.tools[0].name == "beep");
  CHECK(done.tools[0].description == "Makes a sound");
  CHECK(done.tools[0].parameters == R"({"type":"object","x":1.50})");
  CHECK(done.tools[1].name == "now");
  CHECK(done.tools[1].description.empty());
  CHECK(done.tools[1].parameters.empty());
}

TEST_CASE("declared_tools: the form of the chat completions API") {
  const reading done =
      read(R"([{"type":"function","function":{"name":"beep","description":"d","parameters":{}}},)"
           R"({"name":"short"}])");
  CHECK(done.wrong.empty());
  REQUIRE(done.tools.size() == 2u);
  CHECK(done.tools[0].name == "beep");
  CHECK(done.tools[0].description == "d");
  CHECK(done.tools[0].parameters == "{}");
  CHECK(done.tools[1].name == "short");
}

TEST_CASE("declared_tools: none, and null") {
  CHECK(read("[]").tools.empty());
  CHECK(read("null").tools.empty());
  CHECK(read("null").wrong.empty());
  document parsed;
  REQUIRE(parsed.parse("{}"));
  field_reader fields(parsed.root());
  CHECK(read_declared_tools(fields).empty());
  CHECK_FALSE(fields.failed());
  const reading done = read(R"([{"name":"a","description":null,"parameters":null}])");
  CHECK(done.wrong.empty());
  CHECK(done.tools.at(0).parameters.empty());
}

TEST_CASE("declared_tools: what is none is told, with its place") {
  struct row {
    const char* text;
    const char* words;
  };
  for (const row& each :
       {row{"7", "`tools` must be an array"}, row{R"({"name":"a"})", "`tools` must be an array"},
        row{"[7]", "tools[0]"}, row{"[null]", "tools[0]"}, row{R"(["beep"])", "tools[0]"},
        row{"[[]]", "tools[0]"}, row{"[{}]", "`name`"}, row{R"([{"name":7}])", "`name`"},
        row{R"([{"name":"a"},{"name":null}])", "tools[1]"}, row{R"([{"function":{}}])", "`name`"},
        row{R"([{"name":"a","description":7}])", "`description`"},
        row{R"([{"name":"a","parameters":"{}"}])", "`parameters`"},
        row{R"([{"name":"a","parameters":[]}])", "`parameters`"}}) {
    CAPTURE(std::string(each.text));
    CHECK(mentions(read(each.text).wrong, each.words));
  }
  // Which names are good is the session's to say.
  CHECK(read(R"([{"name":""},{"name":"a b"}])").tools.size() == 2u);
}

TEST_CASE("declared_tools: a bounded number") {
  CHECK(read(many(max_declared_tools)).tools.size() == max_declared_tools);
  const reading done = read(many(max_declared_tools + 1));
  CHECK(done.tools.empty());
  CHECK(mentions(done.wrong, "64"));
}
