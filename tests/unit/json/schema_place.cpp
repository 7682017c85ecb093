// SPDX-License-Identifier: MIT
#include <agent_websocket/json/schema_place.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::errc;
namespace schema_place = agent_websocket::json::schema_place;

TEST_CASE("schema_place: a member's place is a JSON pointer, its name escaped (RFC 6901)") {
  CHECK(schema_place::below("", "items") == "/items");
  CHECK(schema_place::below("/items", "0") == "/items/0");
  CHECK(schema_place::below("", "") == "/");
  CHECK(schema_place::below("/a", "b/c~d") == "/a/b~1c~0d");
  CHECK(schema_place::below("", "~1") == "/~01");
}

TEST_CASE("schema_place: a fragment leads to the place that its escapes say") {
  CHECK(schema_place::of_fragment("#") == "");
  CHECK(schema_place::of_fragment("#/$defs/a") == "/$defs/a");
  CHECK(schema_place::of_fragment("#/$defs/a~1b") == "/$defs/a~1b");
  CHECK(schema_place::of_fragment("#/a%20b%2Fc%7e") == "/a b/c~");
  CHECK(schema_place::of_fragment("#anchor") == "anchor");
}

TEST_CASE("schema_place: what is no fragment leads nowhere, half an escape stays as it is") {
  for (const char* each : {"", "x", "/a", "https://example.org/s.json", "s.json#/a", "#/%zz",
                           "#/%2z", "#/%+1", "#/%-1"}) {
    CAPTURE(std::string(each));
    CHECK_FALSE(schema_place::of_fragment(each));
  }
  CHECK(schema_place::of_fragment("#/%") == "/%");
  CHECK(schema_place::of_fragment("#/%2") == "/%2");
}

TEST_CASE("schema_place: a refusal says where, in bounded length") {
  const auto top = schema_place::wrong("", "must be an object");
  CHECK(top.code == errc::bad_message);
  CHECK(top.message == "The schema must be an object");
  CHECK(schema_place::wrong("/items/0", "must be an object").message ==
        "The schema is wrong: `/items/0` must be an object");
  CHECK(schema_place::wrong(std::string(100'000, 'x'), "must not be").message.size() < 300u);
}
