// SPDX-License-Identifier: MIT
#include <agent_websocket/json/value.hpp>

#include <agent_websocket/json/reader.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::json::document;
using agent_websocket::json::kind;
using agent_websocket::json::value;

TEST_CASE("value: the numbers of a 64 bit world") {
  document parsed;
  REQUIRE(parsed.parse(
      "[9223372036854775807,-9223372036854775808,9223372036854775808,9007199254740993,-0,3.0,"
      "3e2,0.5,1e-400,1.7976931348623159e308]"));
  const value root = parsed.root();
  CHECK(root[0].integer() == INT64_MAX);
  CHECK(root[1].integer() == INT64_MIN);
  CHECK_FALSE(root[2].integer().has_value());
  CHECK(root[2].number() == 9223372036854775808.0);
  CHECK(root[3].integer() == 9007199254740993);
  CHECK(root[4].integer() == 0);
  CHECK(root[5].integer() == 3);
  CHECK(root[6].integer() == 300);
  CHECK_FALSE(root[7].integer().has_value());
  CHECK(root[7].number() == 0.5);
  CHECK(root[8].number() == 0.0);
  CHECK_FALSE(root[9].number().has_value());
  CHECK(root[9].number_text() == "1.7976931348623159e308");
}

TEST_CASE("value: each kind answers its own question and no other") {
  document parsed;
  REQUIRE(parsed.parse(
      R"({"null":null,"boolean":true,"number":1,"string":"s","array":[7],"object":{"k":8}})"));
  const value root = parsed.root();
  struct row {
    const char* name;
    kind what;
    const char* words;
  };
  const row rows[] = {{"null", kind::null, "null"},         {"boolean", kind::boolean, "a boolean"},
                      {"number", kind::number, "a number"}, {"string", kind::string, "a string"},
                      {"array", kind::array, "an array"},   {"object", kind::object, "an object"},
                      {"missing", kind::absent, "nothing"}};
  for (const row& each : rows) {
    const value found = root[each.name];
    CAPTURE(std::string(each.name));
    CHECK((found.kind() == each.what));
    CHECK(std::string(describe(found.kind())) == each.words);
    CHECK(found.exists() == (each.what != kind::absent));
    CHECK(static_cast<bool>(found) == found.exists());
    CHECK(found.is_null() == (each.what == kind::null));
    CHECK(found.is_boolean() == (each.what == kind::boolean));
    CHECK(found.is_number() == (each.what == kind::number));
    CHECK(found.is_string() == (each.what == kind::string));
    CHECK(found.is_array() == (each.what == kind::array));
    CHECK(found.is_object() == (each.what == kind::object));
    CHECK(found.boolean().has_value() == (each.what == kind::boolean));
    CHECK(found.number().has_value() == (each.what == kind::number));
    CHECK(found.integer().has_value() == (each.what == kind::number));
    CHECK(found.number_text().has_value() == (each.what == kind::number));
    CHECK(found.string().has_value() == (each.what == kind::string));
    CHECK(found.size() == (each.what == kind::array || each.what == kind::object ? 1u : 0u));
    CHECK(found["k"].exists() == (each.what == kind::object));
    CHECK(found[0].exists() == (each.what == kind::array));
    int elements = 0, members = 0;
    found.for_each_element([&](value) { ++elements; });
    found.for_each_member([&](std::string_view, value) { ++members; });
    CHECK(elements == (each.what == kind::array ? 1 : 0));
    CHECK(members == (each.what == kind::object ? 1 : 0));
  }
  CHECK(*root["boolean"].boolean());
}

TEST_CASE("value: an absent value can be asked anything, and so can one of no document") {
  const value none;
  CHECK_FALSE(none.exists());
  CHECK_FALSE(none["a"]["b"][3]["c"].exists());
  CHECK_FALSE(none.string().has_value());
  CHECK_FALSE(document().root().exists());
  document parsed;
  REQUIRE(parsed.parse("{\"a\":[1]}"));
  CHECK_FALSE(parsed.root()["a"][0]["b"].exists());
  CHECK_FALSE(parsed.root()["a"]["0"].exists());
  CHECK_FALSE(parsed.root()[0].exists());
  CHECK_FALSE(parsed.root()["a"][1].exists());
  CHECK_FALSE(parsed.root()["a"][-1].exists());
  CHECK_FALSE(parsed.root()["a"][std::size_t{1} << 40].exists());
}

TEST_CASE(
    "value: members are found behind nested ones, by their whole name, the last of equal ones") {
  document parsed;
  REQUIRE(parsed.parse(
      R"({"a":{"x":1,"b":"inner"},"ab":2,"":3,"a\u0000c":4,"b":[{"b":5},6],"a":7,"\u0061b":8})"));
  const value root = parsed.root();
  CHECK(root.size() == 7);
  CHECK(root["a"].integer() == 7);
  CHECK(root["ab"].integer() == 8);
  CHECK(root[""].integer() == 3);
  CHECK(root[std::string_view("a\0c", 3)].integer() == 4);
  CHECK(root["b"].size() == 2);
  CHECK(root["b"][0]["b"].integer() == 5);
  CHECK(root["b"][1].integer() == 6);
  CHECK_FALSE(root["x"].exists());
  CHECK_FALSE(root["A"].exists());
  CHECK(root[std::string("ab")].integer() == 8);
}

TEST_CASE("value: members taken at once are those taken one by one") {
  document parsed;
  REQUIRE(parsed.parse(R"({"b":1,"a":{"b":5},"":2,"ab":3,"b":4,"c":null,"d":[{"a":6}]})"));
  const value top = parsed.root();
  const auto [ab, b, none, empty, a, again] = top.members("ab", "b", "x", "", "a", "b");
  CHECK(ab.integer() == 3);
  CHECK(b.integer() == 4);  // the last of its name
  CHECK_FALSE(none.exists());
  CHECK(empty.integer() == 2);
  CHECK(a["b"].integer() == 5);
  CHECK(again.integer() == 4);
  const auto [c, d] = top.members("c", "d");
  CHECK(c.is_null());
  CHECK(d[0]["a"].integer() == 6);
  for (const value& other : {value(), d, ab}) {
    CHECK_FALSE(other.members("a")[0].exists());
  }
}

TEST_CASE("value: elements and members come in their order") {
  document parsed;
  REQUIRE(parsed.parse(R"({"c":[3,[31,32],{"z":0},4],"a":1,"c":2})"));
  std::string names;
  std::vector<std::size_t> sizes;
  parsed.root().for_each_member([&](std::string_view name, value member) {
    names += name;
    sizes.push_back(member.size());
  });
  CHECK(names == "cac");
  CHECK(sizes == std::vector<std::size_t>{4, 0, 0});

  REQUIRE(parsed.parse("[3,[31,32],{\"z\":[0]},4]"));
  std::vector<kind> kinds;
  parsed.root().for_each_element([&](value element) { kinds.push_back(element.kind()); });
  CHECK((kinds == std::vector<kind>{kind::number, kind::array, kind::object, kind::number}));
  CHECK(parsed.root().size() == 4);
  CHECK(parsed.root()[3].integer() == 4);
  CHECK(parsed.root()[1].size() == 2);
  CHECK(parsed.root()[1][1].integer() == 32);
  CHECK(parsed.root()[2]["z"][0].integer() == 0);
}

TEST_CASE("value: many members and elements") {
  std::string text = "{";
  for (int i = 0; i < 5000; ++i)
    text += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":[" + std::to_string(i) + "]";
  text += "}";
  document parsed;
  REQUIRE(parsed.parse(text));
  CHECK(parsed.root().size() == 5000);
  CHECK(parsed.root()["k0"][0].integer() == 0);
  CHECK(parsed.root()["k4999"][0].integer() == 4999);
  CHECK_FALSE(parsed.root()["k5000"].exists());
}
