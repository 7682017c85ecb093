// SPDX-License-Identifier: MIT
#include <agent_websocket/json/schema_words.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using agent_websocket::json::document;
using agent_websocket::json::parse_exact;
using agent_websocket::json::schema_step;
namespace words = agent_websocket::json::schema_words;

namespace {

schema_step member(std::string_view name) { return {name, 0, true}; }
schema_step element(std::size_t position) { return {{}, position, false}; }

std::string shown(std::string_view text) {
  document parsed;
  REQUIRE(parsed.parse(text));
  return words::shown(parsed.root());
}

std::string number(std::string_view text) { return words::number(parse_exact(text)); }

}  // namespace

TEST_CASE("schema_words: places") {
  CHECK(words::place({}) == "the arguments");
  CHECK(words::place({member("city")}) == "`city`");
  CHECK(words::place({member("options"), member("size")}) == "`options.size`");
  CHECK(words::place({member("list"), element(2)}) == "`list[2]`");
  CHECK(words::place({element(0), element(1), member("a")}) == "`[0][1].a`");
  CHECK(words::place({member("a.b"), member("c\"\n")}) == "`[\"a.b\"][\"c\\\"\\n\"]`");
  CHECK(words::place({member("`"), member("")}) == "`[\"`\"][\"\"]`");
  const std::vector<schema_step> deep(64, member("a_name_of_some_length"));
  CHECK(words::place(deep).size() < 350);
  CHECK(words::place(deep).substr(words::place(deep).size() - 4) == "...`");
}

TEST_CASE("schema_words: what was found") {
  CHECK(shown("null") == "null");
  CHECK(shown("true") == "true");
  CHECK(shown("1.50") == "1.50");
  CHECK(shown("[1]") == "an array");
  CHECK(shown("{}") == "an object");
  CHECK(shown("\"a\\n\"") == "\"a\\n\"");
  CHECK(shown("\"" + std::string(1000, 'x') + "\"") == "\"" + std::string(60, 'x') + "...\"");
  CHECK(shown(std::string(200, '1')) == std::string(60, '1') + "...");
  CHECK(words::shown({}) == "nothing");
}

TEST_CASE("schema_words: counts, types, numbers") {
  CHECK(words::counted(0, "item") == "0 items");
  CHECK(words::counted(1, "item") == "1 item");
  CHECK(words::types(1) == "a string");
  CHECK(words::types(2) == "an integer");
  CHECK(words::types(64) == "null");
  CHECK(words::types(1 + 64) == "a string or null");
  CHECK(words::types(127) ==
        "a string, an integer, a number, a boolean, an array, an object or null");
  CHECK(number("0.0") == "0");
  CHECK(number("-12.50") == "-12.5");
  CHECK(number("1e3") == "1000");
  CHECK(number("0.001") == "0.001");
  CHECK(number("1e-7") == "0.0000001");
  CHECK(number("1e-8") == "0.1e-7");
  CHECK(number("-1e30") == "-0.1e31");
  CHECK(number("1234567") == "1234567");
  CHECK(number(std::string(50, '1')).size() < 60);
}
