// SPDX-License-Identifier: MIT
#include <agent_websocket/json/schema_references.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using agent_websocket::errc;
using agent_websocket::json::schema_references;
using agent_websocket::json::schema_rules;

namespace {

/// Subschemas at the places "", "/1", "/2", ...
struct bench {
  std::vector<schema_rules> rules;
  schema_references subject;

  explicit bench(std::size_t count) : rules(count) {
    for (std::size_t i = 0; i < count; ++i) subject.add_target(i, place(i));
  }

  static std::string place(std::size_t index) {
    return index == 0 ? "" : "/" + std::to_string(index);
  }
  void refer(std::size_t from, const std::string& uri) {
    subject.add(from, uri, place(from) + "/$ref");
  }
  /// The words of the refusal, or none.
  std::string resolved() {
    const auto outcome = subject.resolve(rules);
    if (outcome) return "";
    CHECK(outcome.error().code == errc::bad_message);
    return outcome.error().message;
  }
};

}  // namespace

TEST_CASE("schema_references: lead to the subschema at their place, also to the whole schema") {
  bench b(4);
  b.refer(1, "#/3");
  b.refer(2, "#");
  b.rules[0].all_of = {1};
  CHECK(b.resolved() == "");
  CHECK(b.rules[1].ref == std::size_t{3});
  CHECK(b.rules[2].ref == std::size_t{0});
  CHECK_FALSE(b.rules[0].ref);
  CHECK_FALSE(b.rules[3].ref);
}

TEST_CASE("schema_references: of several subschemas at one place the last one counts") {
  bench b(2);
  b.rules.resize(3);
  b.subject.add_target(2, "/1");
  b.refer(0, "#/1");
  CHECK(b.resolved() == "");
  CHECK(b.rules[0].ref == std::size_t{2});
}

TEST_CASE("schema_references: what leads nowhere is refused with its place, the first one only") {
  struct row {
    const char* uri;
    const char* words;
  };
  const char* const out =
      "The schema is wrong: `/1/$ref` leads out of the schema: only `#`, `#/$defs/...` and the "
      "like work";
  for (const row& each :
       {row{"#/9", "The schema is wrong: `/1/$ref` leads to nothing: #/9"},
        row{"#anchor", "The schema is wrong: `/1/$ref` leads to nothing: #anchor"},
        row{"#/%zz", "The schema is wrong: `/1/$ref` leads to nothing: #/%zz"}, row{"", out},
        row{"https://example.org/s.json", out}}) {
    CAPTURE(std::string(each.uri));
    bench b(3);
    b.refer(1, each.uri);
    b.refer(2, "#/none");
    CHECK(b.resolved() == each.words);
  }
}

TEST_CASE("schema_references: going into the value ends a circle, all else does not") {
  SUBCASE("properties and items") {
    bench b(3);
    b.rules[0].properties["child"] = 1;
    b.rules[0].items = 2;
    b.refer(1, "#");
    b.refer(2, "#");
    CHECK(b.resolved() == "");
  }
  SUBCASE("itself") {
    bench b(1);
    b.refer(0, "#");
    CHECK(b.resolved() == "The schema leads only back to itself");
  }
  SUBCASE("a circle of two that the top does not reach") {
    bench b(3);
    b.refer(1, "#/2");
    b.refer(2, "#/1");
    CHECK(b.resolved() == "The schema is wrong: `/1` leads only back to itself");
  }
  SUBCASE("through each keyword that applies to the same value") {
    for (int keyword = 0; keyword < 4; ++keyword) {
      CAPTURE(keyword);
      bench b(2);
      switch (keyword) {
        case 0: b.rules[0].all_of = {1}; break;
        case 1: b.rules[0].any_of = {1}; break;
        case 2: b.rules[0].one_of = {1}; break;
        default: b.rules[0].ruled_out = 1;
      }
      b.refer(1, "#");
      CHECK(b.resolved() == "The schema leads only back to itself");
    }
  }
}

TEST_CASE("schema_references: inside each other up to a depth, from whichever end") {
  for (const bool is_backwards : {false, true}) {
    CAPTURE(is_backwards);
    const auto chain = [is_backwards](std::size_t length) {
      bench b(length);
      for (std::size_t i = 1; i < length; ++i) {
        const std::size_t from = is_backwards ? i : i - 1;
        b.refer(from, "#" + bench::place(is_backwards ? i - 1 : i));
      }
      return b.resolved();
    };
    CHECK(chain(schema_references::max_nesting) == "");
    CHECK(chain(schema_references::max_nesting + 1).find("refers too deep") != std::string::npos);
    CHECK(chain(50'000).find("refers too deep") != std::string::npos);
  }
}

TEST_CASE("schema_references: many ways to one schema cost nothing") {
  constexpr std::size_t levels = 30;  // and two ways from each to the next
  bench b(levels);
  for (std::size_t i = 0; i + 1 < levels; ++i) {
    b.rules[i].all_of = {i + 1, i + 1};
    b.refer(i, "#" + bench::place(i + 1));
  }
  CHECK(b.resolved() == "");
}
