// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/tool_calls.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::json::document;
using agent_websocket::openrouter::tool_call;
using agent_websocket::openrouter::tool_call_accumulator;

namespace {

bool add(tool_call_accumulator& to, const std::string& array, bool whole = false) {
  document parsed;
  REQUIRE(parsed.parse(array));
  return whole ? to.add_whole(parsed.root()) : to.add_fragments(parsed.root());
}

std::vector<tool_call> gather(const std::vector<std::string>& arrays, bool cut = false) {
  tool_call_accumulator calls(1u << 20);
  for (const std::string& each : arrays) REQUIRE(add(calls, each));
  return calls.take(cut, "gen-1");
}

/// "id:name(arguments)" of each, with a "?" for an id that was made here and a "!" behind what is
/// not complete.
std::string words(const std::vector<tool_call>& calls, const std::set<std::string>& sent) {
  std::string all;
  for (const tool_call& each : calls) {
    all += (all.empty() ? "" : " ") + (sent.count(each.id) != 0 ? each.id : "?");
    all += ":" + each.name + "(" + each.arguments + ")" + (each.complete ? "" : "!");
  }
  return all;
}

struct row {
  const char* what;
  std::vector<std::string> arrays;
  std::string expected;
};

// clang-format off
const std::vector<row> rows = {
    {"the usual order",
     {R"([{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}])",
      R"([{"index":0,"function":{"arguments":"{\"x\""}}])",
      R"([{"index":0,"function":{"arguments":":1}"}}])"},
     R"(a:f({"x":1}))"},
    {"T35 two calls, interleaved by index",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":""}}])",
      R"([{"index":1,"id":"b","function":{"name":"g","arguments":""}}])",
      R"([{"index":1,"function":{"arguments":"{\"y"}}])",
      R"([{"index":0,"function":{"arguments":"{\"x\""}},{"index":1,"function":{"arguments":"\""}}])",
      R"([{"index":1,"function":{"arguments":":2}"}},{"index":0,"function":{"arguments":":"}}])",
      R"([{"index":0,"function":{"arguments":"1}"}}])"},
     R"(a:f({"x":1}) b:g({"y":2}))"},
    {"the second index before the first",
     {R"([{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}])",
      R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}])",
      R"([{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}])"},
     "a:f({}) c:f({}) b:g({})"},
    {"arguments under indexes that no call began with",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":""}}])",
      R"([{"index":1,"function":{"arguments":"{\"x\":"}}])", R"([{"index":2,"function":{"arguments":"1}"}}])",
      R"([{"index":3,"function":{"arguments":""}}])", R"([{"index":4,"id":"b","function":{"name":"g"}}])"},
     R"(a:f({"x":1}) b:g({}))"},
    {"arguments that belong to no call do not spoil one that is whole",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}])",
      R"([{"index":1,"function":{"arguments":"{\"x\":1}"}}])"},
     R"(a:f({}) ?:({"x":1}))"},
    {"T36 a whole call in one delta",
     {R"([{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}])"},
     R"(a:f({"x":1}))"},
    {"T38 no index, two calls in two chunks with their ids",
     {R"([{"id":"a","function":{"name":"f","arguments":"{}"}}])",
      R"([{"id":"b","function":{"name":"f","arguments":"{}"}}])"},
     "a:f({}) b:f({})"},
    {"no index, fragments interleaved by id",
     {R"([{"id":"a","function":{"name":"f","arguments":"{\"x\""}}])",
      R"([{"id":"b","function":{"name":"g","arguments":"{\"y\""}}])",
      R"([{"id":"a","function":{"arguments":":1}"}}])",
      R"([{"id":"b","function":{"arguments":":2}"}}])"},
     R"(a:f({"x":1}) b:g({"y":2}))"},
    {"no index, no id: the most recent call goes on",
     {R"([{"function":{"name":"f","arguments":"{\"x\""}}])",
      R"([{"function":{"arguments":":1}"}}])"},
     R"(?:f({"x":1}))"},
    {"no index, no id, a name behind complete arguments: a new call",
     {R"([{"function":{"name":"f","arguments":"{\"x\":1}"}}])",
      R"([{"function":{"name":"f","arguments":"{\"x\""}}])",
      R"([{"function":{"arguments":":2}"}}])"},
     R"(?:f({"x":1}) ?:f({"x":2}))"},
    {"no index, no id: the same call twice is two",
     {R"([{"function":{"name":"f","arguments":"{}"}}])",
      R"([{"function":{"name":"f","arguments":"{}"}}])"},
     "?:f({}) ?:f({})"},
    {"no index, no id, the name in every fragment",
     {R"([{"function":{"name":"f","arguments":"{\"x\""}}])",
      R"([{"function":{"name":"f","arguments":":1}"}}])",
      R"([{"function":{"name":"f","arguments":" "}}])"},
     R"(?:f({"x":1} ))"},
    {"no index, no id, a call that begins with its name only",
     {R"([{"function":{"name":"f","arguments":"{}"}}])", R"([{"function":{"name":"f","arguments":""}}])",
      R"([{"function":{"arguments":"{\"x\":1}"}}])"},
     R"(?:f({}) ?:f({"x":1}))"},
    {"two fragments of one call in one array, named by index and id",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":""}},{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}])"},
     "a:f({})"},
    {"no index, no id: quotes and brackets in a text are no end",
     {R"([{"function":{"name":"f","arguments":"{\"x\":\"\\\"}"}}])",
      R"([{"function":{"name":"f","arguments":"]\\\\\"}"}}])"},
     R"(?:f({"x":"\"}]\\"}))"},
    {"no index, no id, another name behind a call without arguments",
     {R"([{"function":{"name":"f"}}])", R"([{"function":{"name":"g"}}])"},
     "?:f({}) ?:g({})"},
    {"no index, no id: positions in one array",
     {R"([{"function":{"name":"f","arguments":"{\"x\""}},{"function":{"name":"f","arguments":"{\"y\""}}])",
      R"([{"function":{"arguments":":1}"}},{"function":{"arguments":":2}"}}])",
      R"([{"function":{"name":"g","arguments":"[]"}},{"function":{"name":"h"}}])"},
     R"(?:f({"x":1}) ?:f({"y":2}) ?:g([]) ?:h({}))"},
    {"no index, no id: positions behind calls that came alone",
     {R"([{"function":{"name":"f","arguments":"{\"x\""}}])",
      R"([{"function":{"arguments":":1}"}},{"function":{"name":"g","arguments":"{}"}}])"},
     R"(?:f({"x":1}) ?:g({}))"},
    {"an index in the first fragment only, and in later ones only",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}])",
      R"([{"function":{"arguments":"}"}}])",
      R"([{"id":"b","function":{"name":"g","arguments":"{"}}])",
      R"([{"index":1,"function":{"arguments":"}"}}])"},
     "a:f({}) b:g({})"},
    {"T39 all with the index 0, ids of their own",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}])",
      R"([{"index":0,"id":"b","function":{"name":"f","arguments":"{\"x\":1}"}}])"},
     R"(a:f({"x":1}) b:f({"x":1}))"},
    {"all with the index 0 in one array, without arguments too",
     {R"([{"index":0,"id":"a","function":{"name":"f"}},{"index":0,"id":"b","function":{"name":"f"}},{"index":0,"function":{"name":"g","arguments":"{}"}}])"},
     "a:f({}) b:f({}) ?:g({})"},
    {"all with the index 0, interleaved by id",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}])",
      R"([{"index":0,"id":"b","function":{"name":"g","arguments":"{\"y\""}}])",
      R"([{"index":0,"id":"a","function":{"arguments":":1}"}}])",
      R"([{"index":0,"function":{"arguments":":2}"}}])"},
     R"(a:f({"x":1}) b:g({"y":2}))"},
    {"all with the index 0 and without ids",
     {R"([{"index":0,"function":{"name":"f","arguments":"{\"x\":1}"}}])",
      R"([{"index":0,"function":{"name":"f","arguments":"{\"x\":2}"}}])",
      R"([{"index":0,"function":{"name":"g"}}])"},
     R"(?:f({"x":1}) ?:f({"x":2}) ?:g({}))"},
    {"name and id in every fragment",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":""}}])",
      R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}])",
      R"([{"index":0,"id":"a","function":{"name":"f","arguments":":1}"}}])",
      R"([{"index":0,"id":"a","function":{"name":"f","arguments":""}}])"},
     R"(a:f({"x":1}))"},
    {"a new id in every fragment, the name in the first",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}])",
      R"([{"index":0,"id":"b","function":{"arguments":":1}"}}])",
      R"([{"index":0,"id":"c","function":{"arguments":" "}}])"},
     R"(a:f({"x":1} ))"},
    {"a whole call sent again",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}])",
      R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}])"},
     R"(a:f({"x":1}))"},
    {"names that are none",
     {R"([{"index":0,"id":"a","function":{"name":"null","arguments":""}}])",
      R"([{"index":0,"id":"null","function":{"name":"f","arguments":"{"}}])",
      R"([{"index":0,"id":null,"function":{"name":null,"arguments":"}"}}])",
      R"([{"index":0,"id":"","function":{"name":"null"}}])", R"([{"index":0,"function":{"name":""}}])"},
     "a:f({})"},
    {"the name comes late",
     {R"([{"index":0,"id":"a"}])", R"([{"index":0,"function":{"arguments":"{"}}])",
      R"([{"index":0,"function":{"name":"f","arguments":"}"}}])"},
     "a:f({})"},
    {"the id comes late",
     {R"([{"function":{"name":"f","arguments":"{"}}])",
      R"([{"id":"a","function":{"arguments":"}"}}])"},
     "a:f({})"},
    {"T40 no arguments",
     {R"([{"index":0,"id":"a","function":{"name":"f"}}])",
      R"([{"index":1,"id":"b","function":{"name":"f","arguments":null}}])",
      R"([{"index":2,"id":"c","function":{"name":"f","arguments":""}}])",
      R"([{"index":3,"id":"d","function":{"name":"f","arguments":" \n\t"}}])",
      R"([{"index":4,"id":"e","function":{"name":"f","arguments":7}}])"},
     "a:f({}) b:f({}) c:f({}) d:f({}) e:f({})"},
    {"arguments that are no text",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":{"x" : [1.0,"\u00e9"]}}}])",
      R"([{"index":1,"id":"b","function":{"name":"g","arguments":{}}}])",
      R"([{"index":1,"function":{"arguments":"{\"y\":2}"}}])"},
     "a:f({\"x\":[1.0,\"\xC3\xA9\"]}) b:g({\"y\":2})"},
    {"T41 blanks behind complete arguments",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}])",
      R"([{"index":0,"function":{"arguments":" \n"}}])"},
     "a:f({\"x\":1} \n)"},
    {"byte for byte",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{ \"b\": \"\\u00e9\\/\", \"a\":1.0"}}])",
      R"([{"index":0,"function":{"arguments":" , \"a\":\"}]\\\"{\" }"}}])"},
     R"(a:f({ "b": "\u00e9\/", "a":1.0 , "a":"}]\"{" }))"},
    {"T43 ids twice, and none",
     {R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}])",
      R"([{"index":1,"id":"a","function":{"name":"g","arguments":"{}"}}])",
      R"([{"index":2,"function":{"name":"g","arguments":"{}"}}])"},
     "a:f({}) ?:g({}) ?:g({})"},
    {"the same id for different calls, without index",
     {R"([{"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}])",
      R"([{"id":"a","function":{"name":"f","arguments":"{\"x\":2}"}}])"},
     R"(a:f({"x":1}) ?:f({"x":2}))"},
    {"what is no call",
     {"null", "[]", "{}", "[null,7,[]]", R"([{"index":0}])", R"([{"index":1,"function":null}])",
      R"([{"index":2,"function":{"name":"","arguments":" "}}])",
      R"([{"index":3,"id":"a","type":"function","function":{"name":"f"}}])"},
     "a:f({})"},
};
// clang-format on

}  // namespace

TEST_CASE("tool calls: what servers send, and what it means") {
  for (const row& each : rows) {
    CAPTURE(each.what);
    const auto calls = gather(each.arrays);
    CHECK(words(calls, {"a", "b", "c", "d", "e"}) == each.expected);
    std::set<std::string> ids;
    for (const tool_call& call : calls) {
      CHECK(!call.id.empty());
      CHECK(ids.insert(call.id).second);
    }
    CHECK(gather(each.arrays) == calls);
  }
}

TEST_CASE("tool calls: T43 in a whole message each entry is a call") {
  tool_call_accumulator calls(1000);
  REQUIRE(add(calls,
              R"([{"id":"","type":"function","function":{"name":"f"}},)"
              R"({"id":"","index":0,"function":{"name":"f","arguments":{"x":1}}},)"
              R"({"id":"a","index":0,"function":{"name":"f","arguments":"{}"}},)"
              R"({"id":"a","index":0,"function":{"arguments":"{}"}}])",
              true));
  CHECK(words(calls.take(false, ""), {"a"}) == R"(?:f({}) ?:f({"x":1}) a:f({}) ?:({}))");
}

TEST_CASE("tool calls: given once, and none before there is one") {
  tool_call_accumulator calls(1000);
  CHECK(calls.empty());
  REQUIRE(add(calls, R"([{"index":0,"function":{"arguments":""}}])"));
  CHECK(calls.empty());
  REQUIRE(add(calls, R"([{"index":0,"function":{"name":"f"}}])"));
  CHECK(!calls.empty());
  CHECK(calls.take(false, "").size() == 1);
  CHECK(calls.empty());
  CHECK(calls.take(false, "").empty());
}

TEST_CASE("tool calls: T42 cut off, only arguments that parse are complete") {
  const std::vector<std::string> arrays = {
      R"([{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1} "}}])",
      R"([{"index":1,"id":"b","function":{"name":"f","arguments":"{\"x\":"}}])",
      R"([{"index":2,"id":"c","function":{"name":"f","arguments":""}}])",
      R"([{"index":3,"id":"d","function":{"name":"f","arguments":"{x}"}}])"};
  CHECK(words(gather(arrays, true), {"a", "b", "c", "d"}) ==
        R"(a:f({"x":1} ) b:f({"x":)! c:f({})! d:f({x})!)");
  // Whole, what does not parse is the model's fault, of which it can be told.
  CHECK(words(gather(arrays), {"a", "b", "c", "d"}) ==
        R"(a:f({"x":1} ) b:f({"x":) c:f({}) d:f({x}))");
}

TEST_CASE("tool calls: ids made here differ from call to call and from answer to answer") {
  const auto made = [](const std::string& array, const char* seed) {
    tool_call_accumulator calls(1000);
    REQUIRE(add(calls, array, true));
    return calls.take(false, seed);
  };
  const std::string same = R"({"function":{"name":"f"}})";
  const auto one = made("[" + same + "," + same + "]", "gen-1");
  const auto two = made("[" + same + "," + same + "]", "gen-2");
  CHECK(std::set<std::string>{one[0].id, one[1].id, two[0].id, two[1].id}.size() == 4);
  for (const tool_call& each : one) {
    CHECK(each.id.size() == 9);
    CHECK(each.id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz") == std::string::npos);
  }
  // Also from one that comes later and that the server made.
  const auto taken = made("[" + same + R"(,{"id":")" + one[0].id + R"(","function":{}}])", "gen-1");
  CHECK(taken[1].id == one[0].id);
  CHECK(taken[0].id != one[0].id);
}

TEST_CASE("tool calls: at most 128") {
  tool_call_accumulator calls(1u << 20);
  const auto nth = [](std::size_t n) {
    return R"([{"index":)" + std::to_string(n) + R"(,"id":"i)" + std::to_string(n) +
           R"(","function":{"name":"f","arguments":"{"}}])";
  };
  for (std::size_t n = 0; n < 128; ++n) REQUIRE(add(calls, nth(n)));
  CHECK(!add(calls, nth(128)));
  CHECK(add(calls, R"([{"index":127,"function":{"arguments":"}"}}])"));
  const auto taken = calls.take(true, "");
  CHECK(taken.size() == 128);
  CHECK(taken[127].arguments == "{}");
  CHECK(!taken[126].complete);

  std::string array = "[";
  for (std::size_t n = 0; n < 129; ++n) array += nth(n).substr(1, nth(n).size() - 2) + ",";
  array.back() = ']';
  CHECK(!add(calls, array, true));
  CHECK(calls.take(true, "").size() == 128);
}

TEST_CASE("tool calls: the limit of their text") {
  const std::string first =
      R"([{"index":0,"id":"ab","function":{"name":"fg","arguments":"{123"}}])";
  for (const std::size_t limit : {10u, 9u}) {
    tool_call_accumulator calls(limit);
    CHECK(add(calls, first));
    CHECK(add(calls, R"([{"index":0,"id":"ab","function":{"name":"fg","arguments":"4"}}])"));
    CHECK(add(calls, R"([{"index":0,"function":{"arguments":"5"}}])") == (limit == 10));
    CHECK(!add(calls, R"([{"index":0,"function":{"arguments":"67"}}])"));
    CHECK(calls.take(true, "")[0].arguments == (limit == 10 ? "{12345" : "{1234"));
  }
  for (std::size_t limit = 0; limit < 8; ++limit) {
    tool_call_accumulator calls(limit);
    CHECK(!add(calls, first));
    for (const tool_call& each : calls.take(true, "")) {
      CHECK(each.arguments == "{}");
      CHECK(!each.complete);
    }
  }
}
