// SPDX-License-Identifier: MIT
#include <agent_websocket/json/shapes.hpp>

#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace json = agent_websocket::json;

namespace {

json::detail::tape tape_of(std::string_view text) {
  json::detail::tape made;
  made.text.assign(text).append(8, '\0');
  return made;
}

bool knows(json::shapes& seen, std::string_view text, const json::parse_limits& limits = {}) {
  json::detail::tape made = tape_of(text);
  return seen.read(made, limits);
}

/// Parsed alone, and by a document that may know its shape: the same values at the same places.
void same(json::document& again, const std::string& text) {
  CAPTURE(text);
  json::document alone;
  const bool is_json = alone.parse(text).has_value();
  REQUIRE(again.parse(text).has_value() == is_json);
  REQUIRE(json::to_text(again.root()) == json::to_text(alone.root()));
  std::vector<json::value> left{alone.root()}, right{again.root()};
  while (!left.empty()) {
    const json::value a = left.back(), b = right.back();
    left.pop_back();
    right.pop_back();
    REQUIRE(a.kind() == b.kind());
    REQUIRE(a.size() == b.size());
    REQUIRE(a.position() == b.position());
    REQUIRE(a.string() == b.string());
    a.for_each_element([&](const json::value& each) { left.push_back(each); });
    b.for_each_element([&](const json::value& each) { right.push_back(each); });
    a.for_each_member([&](std::string_view, const json::value& each) { left.push_back(each); });
    b.for_each_member([&](std::string_view, const json::value& each) { right.push_back(each); });
    REQUIRE(left.size() == right.size());
  }
}

const std::string chunk =
    R"({"id":"gen-1","object":"chat.completion.chunk","created":1764279000,"choices":)"
    R"([{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}],)"
    R"("usage":{"cost":0.5,"n":[1,-2e3,true,"x",[],{}]}, "":"" })";

std::string with(std::string text, std::string_view from, std::string_view to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

}  // namespace

TEST_CASE("json shapes: numbers as RFC 8259 has them") {
  for (const char* each :
       {"0", "-0", "7", "-10", "1764279000", "0.5", "10.25", "1e5", "1E+05", "2e-7", "-1.5e3",
        "1234567890123456789012345678901234567890", "-0.0", "1e-99"}) {
    CAPTURE(each);
    CHECK(json::detail::plain_number(each) == std::string_view(each).size());
    CHECK(json::detail::plain_number((std::string(each) + ",").c_str()) ==
          std::string_view(each).size());
  }
  for (const char* each : {"", "-", "x", ".5", "+1", "1.", "1.e5", "1e", "1e+", "-.5", "\"1\"",
                           "--1", "1e100", "1e-100", "12345678901234567890123456789012345678901"})
    CHECK(json::detail::plain_number(each) == 0);
  CHECK(json::detail::plain_number("01") == 1);  // what follows is then not what it should be
}

TEST_CASE("json shapes: the same but for strings and numbers") {
  json::shapes seen;
  json::document read(&seen);
  CHECK(!knows(seen, chunk));
  REQUIRE(read.parse(chunk));
  CHECK(knows(seen, chunk));
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"Hel", "lo"},
           {"Hel", ""},
           {"Hel", "\x7F\xC3\xA4, and a longer one: []{}"},
           {"gen-1", "gen-12345678"},
           {"1764279000", "1"},
           {"0.5", "-1.25e-7"},
           {"\"\":\"\"", "\"\":\"y\""},
           {"-2e3", "0"}}) {
    const std::string other = with(chunk, from, to);
    CAPTURE(other);
    CHECK(knows(seen, other));
    same(read, other);
  }
  same(read,
       with(with(with(chunk, "Hel", "a \xF0\x9F\x98\x80"), "1764279000", "12.5"), "\"x\"", "\"\""));
}

TEST_CASE("json shapes: names behind the last string") {
  json::shapes seen;
  json::document read(&seen);
  for (const char* text : {"x", "", "longer"})
    same(read, std::string(R"({"a":")") + text + R"(","b":null,"c":{"d":[true]},"e":false})");
}

TEST_CASE("json shapes: silent wherever a parser would have to look") {
  json::shapes seen;
  json::document read(&seen);
  REQUIRE(read.parse(chunk));
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"Hel", "a\\n"},      {"Hel", "\\\""},         {"Hel", "a\"b"},
           {"Hel", "\n"},        {"Hel", "\x1F"},         {"Hel", std::string(1, '\0')},
           {"null", "\"stop\""}, {"null", "true"},        {"true", "false"},
           {"1764279000", "01"}, {"1764279000", "1."},    {"1764279000", "-"},
           {"1764279000", ""},   {"1764279000", "\"1\""}, {"1764279000", "1 "},
           {"\"Hel\"", "null"},  {"\"Hel\"", "1"},        {"id", "ID"},
           {"role", "rule"},     {"[]", "[1]"},           {"{}", "{\"a\":1}"},
           {"\"x\"", "\"x\",1"}, {"{\"id\"", " {\"id\""}}) {
    const std::string other = with(chunk, from, to);
    CAPTURE(other);
    CHECK(!knows(seen, other));
    json::shapes fresh;
    json::document again(&fresh);
    REQUIRE(again.parse(chunk));
    same(again, other);
  }
  for (std::size_t size = 0; size < chunk.size(); ++size)
    CHECK(!knows(seen, chunk.substr(0, size)));
  CHECK(!knows(seen, chunk + " "));
  CHECK(!knows(seen, chunk + "}"));
  CHECK(!read.parse(with(chunk, "Hel", "\xFF")));  // fits, but is no UTF-8
  CHECK(!read.parse(with(chunk, "Hel", "\xED\xA0\x80")));
}

TEST_CASE("json shapes: what is escaped is parsed, and not remembered") {
  json::shapes seen;
  json::document read(&seen);
  const std::string escaped = R"({"a":"x\"y","b":1})";
  for (int i = 0; i < 2; ++i) {
    REQUIRE(read.parse(escaped));
    CHECK(read.root()["a"].string() == std::string_view("x\"y"));
  }
  CHECK(!knows(seen, R"({"a":"x","b":1})"));
}

TEST_CASE("json shapes: a number out of range is refused as by the parser") {
  json::shapes seen;
  json::document read(&seen);
  same(read, "[1]");
  for (const std::string each : {"1e308", "1e309", "1e-400", "17642e9000", "1e99", "-2E+5"})
    same(read, "[" + each + "]");
  same(read, "[" + std::string(308, '9') + "]");
  same(read, "[" + std::string(400, '9') + "]");
  CHECK(!read.parse("[1e999]"));
}

TEST_CASE("json shapes: a document that parses what stands in itself") {
  json::shapes seen;
  json::document read(&seen);
  REQUIRE(read.parse(R"({"a":"[1]"})"));
  for (const char* inner : {"[2]", "[3]"}) {
    REQUIRE(read.parse(std::string(R"({"a":")") + inner + "\"}"));
    REQUIRE(read.parse(*read.root()["a"].string()));
    CHECK(json::to_text(read.root()) == inner);
  }
  // Nothing was learned from what was written over.
  CHECK(!read.parse(std::string("\0002\0", 3)));
  CHECK(!knows(seen, "[2]"));
}

TEST_CASE("json shapes: a text of any top") {
  for (const char* each :
       {"1", "\"a\"", "null", "[]", "{}", " [ ] ", "[\"a\"]", "-1.5", "\t\"b\"\n"}) {
    json::shapes seen;
    json::document read(&seen);
    for (int i = 0; i < 2; ++i) same(read, each);
    CHECK(knows(seen, each));
    for (const char* other : {"2", "\"\"", "true", "[ ]", "{ }", "[\"bc\"]", "[1]", "x", ""})
      same(read, other);
  }
}

TEST_CASE("json shapes: what was within one limit need not be within another") {
  json::shapes seen;
  json::document read(&seen);
  json::parse_limits wide, deep, many;
  wide.max_depth = 3;
  wide.max_values = 6;
  const std::string text = R"([[["a",1]],"b"])";
  REQUIRE(read.parse(text, wide));
  CHECK(knows(seen, text, wide));
  CHECK(knows(seen, text));
  deep.max_depth = 2;
  deep.max_values = 100;
  many.max_values = 5;
  for (const auto& each : {deep, many}) {
    CHECK(!knows(seen, text, each));
    CHECK(!read.parse(text, each));
    CHECK(!read.root().exists());
  }
  json::parse_limits small;
  small.max_bytes = text.size();
  REQUIRE(read.parse(text, small));
  CHECK(!read.parse(R"([[["aa",1]],"b"])", small));
}

TEST_CASE("json shapes: the last eight kinds are known, and what comes often longer") {
  json::shapes seen;
  json::document read(&seen);
  const auto kind = [](int i) { return "{\"k" + std::to_string(i) + "\":1}"; };
  for (int i = 0; i < 8; ++i) REQUIRE(read.parse(kind(i)));
  for (int i = 0; i < 8; ++i) CHECK(knows(seen, kind(i)));
  REQUIRE(read.parse(kind(0)));  // would have been given up next
  REQUIRE(read.parse(kind(8)));
  CHECK(knows(seen, kind(0)));
  CHECK(!knows(seen, kind(1)));
  for (int i = 9; i < 60; ++i) {
    REQUIRE(read.parse(kind(i)));
    REQUIRE(read.parse(kind(0)));
  }
  CHECK(knows(seen, kind(0)));
  CHECK(knows(seen, kind(59)));
  CHECK(!knows(seen, kind(20)));
}

TEST_CASE("json shapes: what almost fits is not looked at without end") {
  json::shapes seen;
  json::document read(&seen);
  const auto almost = [](int i, const std::string& text) {
    return "{\"a\":\"" + text + "\",\"n" + std::to_string(i) + "\":1,\"z\":\"\"}";
  };
  for (int i = 0; i < 8; ++i) REQUIRE(read.parse(almost(i, "x")));
  REQUIRE(read.parse(almost(6, "x")));  // the seventh is tried next, then from the first on
  CHECK(knows(seen, almost(5, "x")));
  REQUIRE(read.parse(almost(6, "x")));
  const std::string text(100'000, 'x');
  CHECK(!knows(seen, almost(5, text)));
  CHECK(knows(seen, almost(7, text)));
  same(read, almost(5, text));
}

TEST_CASE("json shapes: where no text is like another, few are remembered") {
  json::shapes seen;
  json::document read(&seen);
  const auto kind = [](int i) { return "{\"k" + std::to_string(i) + "\":1}"; };
  for (int i = 0; i < 400; ++i) REQUIRE(read.parse(kind(i)));
  int known = -1, count = 0;
  for (int i = 300; i < 400; ++i) {
    json::shapes copy = seen;
    if (!knows(copy, kind(i))) continue;
    known = i;
    ++count;
  }
  CHECK(count == 8);
  CHECK(known > 380);
  json::shapes copy = seen;
  CHECK_FALSE((knows(seen, kind(398)) && knows(copy, kind(399))));
  CHECK(!knows(seen, kind(330)));
  REQUIRE(read.parse(kind(known)));  // it is worth it again
  for (int i = 400; i < 404; ++i) REQUIRE(read.parse(kind(i)));
  for (int i = 400; i < 404; ++i) CHECK(knows(seen, kind(i)));
}

TEST_CASE("json shapes: what was half read leaves nothing") {
  json::shapes seen;
  json::document read(&seen);
  const std::string text = "[\"" + std::string(2000, 'x') + "\",\"y\",\"z\",true]";
  REQUIRE(read.parse(text));
  json::detail::tape other = tape_of("[\"x\",7,\"z\",true]");
  CHECK(!seen.read(other, {}));
  CHECK(other.nodes.empty());
}

TEST_CASE("json shapes: large ones are not remembered") {
  json::shapes seen;
  json::document read(&seen);
  const std::string longest = "\"" + std::string(4094, 'a') + "\"";
  REQUIRE(read.parse(longest + " "));
  CHECK(!knows(seen, longest + " "));
  REQUIRE(read.parse(longest));
  CHECK(knows(seen, longest));
  CHECK(knows(seen, "\"" + std::string(100'000, 'b') + "\""));  // what was remembered is short
  std::string many = "[1";
  for (int i = 0; i < 254; ++i) many += ",1";
  REQUIRE(read.parse(many + "]"));
  CHECK(knows(seen, many + "]"));
  REQUIRE(read.parse(many + ",1]"));
  CHECK(!knows(seen, many + ",1]"));
}

TEST_CASE("json shapes: whatever the text, as without") {
  std::minstd_rand random(11);
  const std::string signs = "{}[]:,\"\"\"\\ \n0123456789.-+eEtruefalsn\x01ux\xC3\xA9";
  json::shapes seen;
  json::document read(&seen);
  std::string text = chunk;
  for (int i = 0; i < 20'000; ++i) {
    same(read, text);
    if (random() % 4 == 0) text = chunk;
    for (auto changes = random() % 3; changes-- > 0;) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0: text.erase(at, 1 + random() % 3); break;
        case 1: text.insert(at, 1, signs[random() % signs.size()]); break;
        default: text[at] = signs[random() % signs.size()];
      }
      if (text.empty()) text = chunk;
    }
  }
}
