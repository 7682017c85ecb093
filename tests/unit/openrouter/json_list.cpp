// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/json_list.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::json::document;
using agent_websocket::openrouter::json_list;

namespace {

bool add(json_list& to, const std::string& array) {
  document parsed;
  REQUIRE(parsed.parse(array));
  return to.add(parsed.root());
}

}  // namespace

TEST_CASE("json list: elements in their order, once each") {
  json_list list(1000);
  for (const char* nothing : {"null", "[]", "{\"a\":1}", "7"}) CHECK(add(list, nothing));
  CHECK(list.take().empty());
  CHECK(add(list, R"([{"a" : 1.0}, "x"])"));
  CHECK(add(list, R"([{"a":1.0},null,{"a":1}])"));
  CHECK(list.take() == R"([{"a":1.0},"x",null,{"a":1}])");
  CHECK(list.take().empty());
}

TEST_CASE("json list: its limits") {
  json_list list(10);
  CHECK(add(list, "[12345,678]"));
  CHECK(!add(list, "[9012]"));
  CHECK(!add(list, "[9,8,7]"));
  CHECK(list.take() == "[12345,678,9,8]");
  CHECK(add(list, "[1234567890]"));
  json_list many(100'000);
  std::string array = "[0";
  for (int i = 1; i < 1024; ++i) array += "," + std::to_string(i);
  CHECK(add(many, array + "]"));
  CHECK(add(many, "[1,2,3]"));
  CHECK(!add(many, "[1024]"));
}
