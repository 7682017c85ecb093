// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/response_format.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::openrouter::grammar_format;
using agent_websocket::openrouter::json_object_format;
using agent_websocket::openrouter::json_schema;
using agent_websocket::openrouter::json_schema_format;

TEST_CASE("response format: each kind") {
  CHECK(json_object_format() == R"({"type":"json_object"})");
  CHECK(grammar_format("root ::= \"a\"") == R"({"type":"grammar","grammar":"root ::= \"a\""})");
  json_schema what;
  what.name = "city";
  CHECK(*json_schema_format(what) == R"({"type":"json_schema","json_schema":{"name":"city"}})");
  what.schema = R"({ "type":"object" })";
  what.strict = false;
  what.description = "A city";
  CHECK(*json_schema_format(what) ==
        R"({"type":"json_schema","json_schema":{"name":"city","description":"A city",)"
        R"("schema":{ "type":"object" },"strict":false}})");
}

TEST_CASE("response format: refusals") {
  json_schema what;
  CHECK(json_schema_format(what).error().message ==
        "`response_format.json_schema.name` must be 1 to 64 of A-Z, a-z, 0-9, _ and -");
  what.name = "x";
  what.schema = "7";
  CHECK(json_schema_format(what).error().message ==
        "`response_format.json_schema.schema` must be an object");
}
