// SPDX-License-Identifier: MIT
#include <agent_websocket/json/reader.hpp>

#include "grammar.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using agent_websocket::errc;
using agent_websocket::json::document;
using agent_websocket::json::parse_limits;
using agent_websocket::json::value;

namespace {

bool parses(std::string_view text, const parse_limits& limits = {}) {
  document parsed;
  const bool good = parsed.parse(text, limits).has_value();
  CHECK(parsed.root().exists() == good);
  return good;
}

std::string repeated(std::string_view what, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += what;
  return text;
}

std::string nested(std::size_t depth) { return repeated("[", depth) + repeated("]", depth); }

parse_limits with_depth(std::size_t depth) {
  parse_limits limits;
  limits.max_depth = depth;
  return limits;
}

}  // namespace

TEST_CASE("reader: texts that are JSON (RFC 8259)") {
  for (const std::string_view text : std::initializer_list<std::string_view>{
           // values at the top, whitespace
           "null", "true", "false", "0", "\"\"", "[]", "{}", " [ ] ", "\t\n\r {} \r\n\t", "[\n]",
           "\"x\"\n",
           // numbers
           "-0", "-1", "10", "0.5", "-0.0", "1.25", "0e0", "0E0", "0e+1", "0E-1", "1e5", "1E+05",
           "1.5e-3", "[123e65]", "[-1.0e+00]", "[20e1]",
           "1.000000000000000000000000000000000000000001", "123456789012345678901234567890",
           "9223372036854775808", "-9223372036854775809", "1e-400", "-1e-99999999999999999999",
           "1.7976931348623159e308",
           // strings
           "\" \"", "\"a/b\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\"",
           "\"\\u00e9\\u20AC\\uFFFF\"", "\"\\uD83D\\uDE00\"", "\"\\ud800\\udc00\"",
           "\"\\uDBFF\\uDFFF\"", "\"\\uD7FF\\uE000\"", "\"\x7F\"", "\"\\\\u12\"", "\"\xC2\x80\"",
           "\"\xC3\xA9\"", "\"\xE0\xA0\x80\"", "\"\xED\x9F\xBF\"", "\"\xEE\x80\x80\"",
           "\"\xEF\xBB\xBF\"", "\"\xEF\xBF\xBF\"", "\"\xF0\x90\x80\x80\"", "\"\xF4\x8F\xBF\xBF\"",
           "\"\xE2\x80\xA8\xE2\x80\xA9\"", "\"// no comment /* */\"",
           // arrays and objects
           "[1,2,3]", "[ 1 , 2 ]", "[[],[[]],{}]", "[\"a\",null,true,false,-1]", "{\"a\":1}",
           "{ \"a\" : 1 , \"b\" : 2 }", "{\"\":0}", "{\"a\":{\"b\":[{}]}}", "{\"a\":1,\"a\":2}",
           "{\"a\\u0000b\":1}", "{\"\\uD83D\\uDE00\":1}"}) {
    CAPTURE(std::string(text));
    CHECK(parses(text));
    CHECK(grammar::judge(text) != grammar::verdict::refuse);
  }
}

TEST_CASE("reader: texts that are not") {
  for (const std::string_view text : std::initializer_list<std::string_view>{
           // nothing, too much, other dialects
           "", " ", "\n", "1 2", "[][]", "{}{}", "{}x", "[]]", "{}}", "[]\xC2\xA0", "null,",
           "// c\n1", "1 // c", "/**/1", "#1", "\xEF\xBB\xBF{}", "\xFE\xFF",
           "\xC2\xA0"
           "1",
           "\x0B"
           "1",
           "\f1", "[\x0B]", "1\x01", "undefined",
           // literals
           "nul", "nulll", "tru", "truee", "True", "TRUE", "fals", "falsey", "Null", "NaN", "-NaN",
           "Infinity", "-Infinity", "nan", "inf", "t", "n", "f", "[nul]", "[truefalse]",
           // numbers
           "-", "+1", "--1", "-+1", "01", "-01", "00", "0123", "1.", "-1.", ".5", "-.5", "1.e1",
           "0.e1", "1e", "1E", "1e+", "1e-", "1e1.5", "1e5e5", "1.2.3", "0x1F", "1_000", "1,5",
           "1 000", "1a", "1f", "[1", "[-]", "[1.]", "[.1]", "[+1]", "[-a]", "[1ea]", "[0e]",
           "[0e+]", "\xEF\xBC\x91", "[- 1]", "[1 .5]",
           // strings
           "\"", "\"a", "a\"", "'a'", "\"\\", "\"\\\"", "\"\\x41\"", "\"\\a\"", "\"\\v\"",
           "\"\\0\"", "\"\\'\"", "\"\\U0041\"", "\"\\u\"", "\"\\u1\"", "\"\\u12\"", "\"\\u123\"",
           "\"\\u123g\"", "\"\\u 123\"", "\"\\u+123\"", "\"\\u-123\"", "\"\\u00", "\"\\u00\"",
           "\"\t\"", "\"\n\"", "\"\r\"", "\"\x01\"", "\"\x1F\"", "\"\b\"", "\"\\\n\"", "\"a\"b\"",
           "\"a\" \"b\"", "\"\\\xC3\xA9\"", "abc", "\\u0041",
           // arrays
           "[", "]", "[,]", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1;2]", "[1:2]", "[[]", "[}", "[1}",
           "[\"a\"", "[\"a\",", "(1)", "[1]]", "<[]>", "[\"a\" 1]", "[1,\n", "[*]", "[]a", "[a",
           "[\"\"],",
           // objects
           "{", "}", "{]", "{,}", "{1:2}", "{a:1}", "{'a':1}", "{\"a\"}", "{\"a\":}", "{\"a\",1}",
           "{\"a\" 1}", "{:1}", "{\"a\":1,}", "{\"a\":1,,\"b\":2}", "{,\"a\":1}",
           "{\"a\":1 \"b\":2}", "{\"a\":1;\"b\":2}", "{\"a\"::1}", "{\"a\":1:2}", "{null:1}",
           "{\"a\":\"b\"", "{\"a\":", "{\"a\"", "{\"a", "{\"a\":1]", "{[]:1}", "{\"a\"=1}",
           "{\"a\":1}}", "{\"a\":1}#", "{\"a\":tru}", "{{}}", "{\"a\":{\"b\":1}"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parses(text));
    CHECK(grammar::judge(text) == grammar::verdict::refuse);
  }
}

TEST_CASE("reader: no NUL byte, wherever it stands") {
  for (const std::string_view text : std::initializer_list<std::string_view>{{"\0", 1},
                                                                             {"1\0", 2},
                                                                             {"\0"
                                                                              "1",
                                                                              2},
                                                                             {"\"\0\"", 3},
                                                                             {"[1,\0]", 5},
                                                                             {"{}\0", 3},
                                                                             {"{}\0x", 4},
                                                                             {"\"a\\\0\"", 5}}) {
    CAPTURE(text.size());
    document parsed;
    const auto outcome = parsed.parse(text);
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().code == errc::bad_json);
    CHECK(outcome.error().message.find("NUL") != std::string::npos);
    CHECK_FALSE(parsed.root().exists());
  }
}

TEST_CASE("reader: halves of surrogate pairs are refused, as escapes and as bytes") {
  for (const std::string_view text :
       std::initializer_list<std::string_view>{R"("\uD800")",
                                               R"("\uDBFF")",
                                               R"("\uDC00")",
                                               R"("\uDFFF")",
                                               R"("\uD800\uD800")",
                                               R"("\uDC00\uD800")",
                                               R"("\uDC00\uDC00")",
                                               R"("\uD800x")",
                                               R"("\uD800\n")",
                                               R"("\uD800\\uDC00")",
                                               R"("\uD800\u0041")",
                                               R"("\uD83D\u")",
                                               R"("\uD83D\uDE0")",
                                               R"("\uD83D\uDE00\uDE00")",
                                               R"("x\udead")",
                                               R"(["ok","\uDEAD"])",
                                               R"({"\uDEAD":1})",
                                               R"({"\uD83D":1})",
                                               "\"\xED\xA0\x80\"",
                                               "\"\xED\xAF\xBF\"",
                                               "\"\xED\xB0\x80\"",
                                               "\"\xED\xBF\xBF\"",
                                               "\"\xED\xA0\xBD\xED\xB8\x80\"",
                                               "\"\\uD83D\xED\xB8\x80\""}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parses(text));
  }
}

TEST_CASE("reader: bytes that are not UTF-8 are refused, in strings and in names") {
  for (const std::string_view bytes :
       std::initializer_list<std::string_view>{"\x80",
                                               "\xBF",
                                               "\xC0\x80",
                                               "\xC0\xAF",
                                               "\xC1\xBF",
                                               "\xC2",
                                               "\xC2\x20",
                                               "\xC2\xC2\x80",
                                               "\xE0\x80\x80",
                                               "\xE0\x9F\xBF",
                                               "\xE2\x82",
                                               "\xE2\x28\xA1",
                                               "\xE2\x82\x28",
                                               "\xF0\x80\x80\x80",
                                               "\xF0\x8F\xBF\xBF",
                                               "\xF0\x9F\x98",
                                               "\xF0\x28\x8C\xBC",
                                               "\xF4\x90\x80\x80",
                                               "\xF5\x80\x80\x80",
                                               "\xF8\x88\x80\x80\x80",
                                               "\xFC\x84\x80\x80\x80\x80",
                                               "\xFE",
                                               "\xFF",
                                               "\xE9"}) {
    const std::string text(bytes);
    CAPTURE(text);
    CHECK_FALSE(parses("\"" + text + "\""));
    CHECK_FALSE(parses("\"ab" + text + "cd\""));
    CHECK_FALSE(parses("{\"" + text + "\":1}"));
    CHECK_FALSE(parses("\"" + text));  // and the text ends inside of it
    CHECK_FALSE(parses(text));
  }
}

TEST_CASE("reader: every pair of bytes, alone and in a string, against the grammar") {
  document parsed;
  int wrong = 0;
  for (int pair = 0; pair < 65536; ++pair) {
    const std::string bytes = {static_cast<char>(pair >> 8), static_cast<char>(pair & 0xFF)};
    for (const std::string& text : {bytes, "\"" + bytes + "\""}) {
      if (parsed.parse(text).has_value() != (grammar::judge(text) == grammar::verdict::accept))
        ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("reader: garbled texts against the grammar") {
  const std::vector<std::string> seeds = {
      R"({"type":"query","id":"q1","content":"What is \"Asio\"?\n\u00e9\uD83D\uDE00",)"
      R"("stream":true,"n":-12.50e+3,"meta":{}})",
      "[null,true,false,0,-1,[],[[]],{\"a\":[{}]},\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"]",
      R"( { "a" : [ 1 , 2.5e-7 , "\\\/\b\f\r\t" ] , "a" : { "" : null } } )"};
  const std::string_view alphabet = "{}[]\",:\\u0123dDeE+-.tfn \n\x01\x80\xC3\xED\xA0\xBF\xF0";
  std::mt19937_64 random(31);
  document parsed;
  int wrong = 0, accepted = 0;
  for (int i = 0; i < 30'000; ++i) {
    std::string text = seeds[random() % seeds.size()];
    for (auto edits = random() % 3 + 1; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 4) {
        case 0: text[at] = c; break;
        case 1: text.insert(at, 1, c); break;
        case 2: text.erase(at, 1 + random() % 3); break;
        default: text.insert(at, text.substr(random() % text.size(), random() % 8));
      }
      if (text.empty()) text = " ";
    }
    const grammar::verdict expected = grammar::judge(text);
    const bool good = parsed.parse(text).has_value();
    if (good) ++accepted;
    if (expected == grammar::verdict::either || good == (expected == grammar::verdict::accept))
      continue;
    CAPTURE(text);
    CHECK(good == (expected == grammar::verdict::accept));
    ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(accepted > 1000);  // else the garbling is too strong to test anything
  CHECK(accepted < 20'000);
}

TEST_CASE("reader: every front of a text is refused, but for the whole") {
  const std::string text =
      "{\"a\":[1.5e3,-2,\"x\\u00e9\\uD83D\\uDE00\xE2\x82\xAC\",null,true,false,{}],\"b\":{\"c\":"
      "\"\\n\"}}";
  for (std::size_t length = 0; length < text.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(parses(std::string_view(text).substr(0, length)));
  }
  CHECK(parses(text));
}

TEST_CASE("reader: numbers beyond double are refused or have no value, and cost nothing else") {
  for (const std::string& text : {std::string("1e400"),
                                  std::string("-1e400"),
                                  std::string("1e309"),
                                  std::string("0e400"),
                                  std::string("1e2147483647"),
                                  std::string("1e2147483648"),
                                  std::string("1e99999999999999999999"),
                                  std::string("1e-2147483648"),
                                  std::string("1e-2147483649"),
                                  std::string("1.5e-99999999999999999999"),
                                  std::string("1000000000000000000000e+21474836470"),
                                  std::string("-0.00000000000000000000000000e-2147483647"),
                                  repeated("9", 400),
                                  repeated("9", 400) + "." + repeated("9", 400),
                                  "0." + repeated("0", 400) + "1",
                                  "1" + repeated("0", 400) + "e-400",
                                  repeated("1", 100'000),
                                  "0." + repeated("1", 100'000),
                                  "1e" + repeated("0", 1000) + "1",
                                  "0." + repeated("0", 1000) + "1e1001"}) {
    CAPTURE(text);
    document parsed;
    const auto outcome = parsed.parse("[" + text + ",1]");
    if (!outcome) {
      CHECK(outcome.error().code == errc::bad_json);
      continue;
    }
    CHECK(parsed.root()[0].number_text() == text);
    CHECK(parsed.root()[1].integer() == 1);
    if (const auto number = parsed.root()[0].number()) CHECK(*number * 0 == 0);  // finite
  }
}

TEST_CASE("reader: strings, with all that an escape can say") {
  document parsed;
  REQUIRE(parsed.parse(
      R"(["\"\\\/\b\f\n\r\t","\u0041\u00e9\u20ac\ud83d\ude00","a\u0000b","\u0000","","é"])"));
  const value root = parsed.root();
  CHECK(root[0].string() == std::string_view("\"\\/\b\f\n\r\t"));
  CHECK(root[1].string() == std::string_view("A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  CHECK(root[2].string() == std::string_view("a\0b", 3));
  CHECK(root[3].string() == std::string_view("\0", 1));
  CHECK(root[4].string() == std::string_view(""));
  CHECK(root[5].string() == std::string_view("\xC3\xA9"));
}

TEST_CASE("reader: every escape \\uXXXX outside of the surrogates is that character") {
  document parsed;
  int wrong = 0;
  for (std::uint32_t code = 0; code < 0x10000; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    char text[16];
    std::snprintf(text, sizeof text, code % 2 == 0 ? "\"\\u%04x\"" : "\"\\u%04X\"", code);
    std::string expected;
    if (code < 0x80) {
      expected = {static_cast<char>(code)};
    } else if (code < 0x800) {
      expected = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
    } else {
      expected = {static_cast<char>(0xE0 | code >> 12),
                  static_cast<char>(0x80 | (code >> 6 & 0x3F)),
                  static_cast<char>(0x80 | (code & 0x3F))};
    }
    if (!parsed.parse(text) || parsed.root().string() != std::string_view(expected)) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("reader: the depth limit counts arrays and objects, and one more is refused") {
  CHECK(parses(nested(64)));
  CHECK_FALSE(parses(nested(65)));
  CHECK(parses("1", with_depth(0)));
  CHECK_FALSE(parses("[]", with_depth(0)));
  CHECK_FALSE(parses("{}", with_depth(0)));
  CHECK(parses("[]", with_depth(1)));
  CHECK(parses("[1,2,{}]", with_depth(2)));
  CHECK_FALSE(parses("{\"a\":{}}", with_depth(1)));
  CHECK(parses("[[],[],{\"a\":1},[]]", with_depth(2)));  // siblings are no depth
  document parsed;
  const auto outcome = parsed.parse(nested(65));
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == errc::bad_json);
  CHECK(outcome.error().message == 
        "Not valid JSON: it is nested too deeply, at most 64 levels are allowed (at byte 64)");
}

TEST_CASE("reader: a million brackets do not reach the stack") {
  CHECK_FALSE(parses(std::string(1'000'000, '[')));
  CHECK_FALSE(parses(repeated("{\"a\":", 200'000)));
  CHECK_FALSE(parses(std::string(1'000'000, '['), with_depth(2'000'000)));
  CHECK(parses(nested(100'000), with_depth(100'000)));
}

TEST_CASE("reader: the limit of bytes") {
  parse_limits limits;
  limits.max_bytes = 10;
  CHECK(parses("\"12345678\"", limits));
  document parsed;
  const auto outcome = parsed.parse("\"123456789\"", limits);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == errc::too_large);
  CHECK(outcome.error().message.find("10") != std::string::npos);
  CHECK_FALSE(parses("          1", limits));  // whitespace counts
}

TEST_CASE("reader: the limit of values counts values and names") {
  parse_limits limits;
  limits.max_values = 4;
  CHECK(parses("[1,2,3]", limits));
  CHECK_FALSE(parses("[1,2,3,4]", limits));
  CHECK_FALSE(parses("[[[[[]]]]]", limits));
  CHECK(parses("[{\"a\":1}]", limits));
  CHECK_FALSE(parses("[{\"a\":1},2]", limits));
  CHECK_FALSE(parses("{\"a\":1,\"b\":2}", limits));
  document parsed;
  const auto outcome = parsed.parse("[1,2,3,4]", limits);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == errc::bad_json);
  CHECK(outcome.error().message.find("too many values, at most ") != std::string::npos);
  limits.max_values = 0;
  CHECK_FALSE(parses("1", limits));
}

TEST_CASE("reader: an error says what and where, in one line") {
  struct row {
    const char* text;
    const char* where;
  };
  const row rows[] = {{"[1,]", "(at byte 3)"},
                      {"{\"a\" 1}", "(at byte 5)"},
                      {"[] x", "(at byte 3)"},
                      {"", "(at byte 0)"}};
  for (const row& each : rows) {
    document parsed;
    const auto outcome = parsed.parse(each.text);
    REQUIRE_FALSE(outcome);
    const std::string& words = outcome.error().message;
    CAPTURE(words);
    CHECK(outcome.error().code == errc::bad_json);
    CHECK(words.rfind("Not valid JSON: ", 0) == 0);
    CHECK(words.find(each.where) != std::string::npos);
    CHECK(words.find('\n') == std::string::npos);
    CHECK(words.find(". (") == std::string::npos);
  }
}

TEST_CASE("reader: one document again and again; a failure leaves it empty") {
  document parsed;
  REQUIRE(parsed.parse("{\"a\":\"a long enough text to live on the heap\"}"));
  CHECK_FALSE(parsed.parse("[1"));
  CHECK_FALSE(parsed.root().exists());
  REQUIRE(parsed.parse("[1,2]"));
  CHECK(parsed.root().size() == 2);
  CHECK_FALSE(parsed.root()["a"].exists());
  parse_limits limits;
  limits.max_bytes = 2;
  CHECK_FALSE(parsed.parse("[1,2]", limits));
  CHECK_FALSE(parsed.root().exists());
  REQUIRE(parsed.parse("null"));
  CHECK_FALSE(parsed.parse(std::string_view("\0", 1)));
  CHECK_FALSE(parsed.root().exists());
  for (int i = 0; i < 100; ++i) {
    REQUIRE(parsed.parse("[" + std::string(static_cast<std::size_t>(i), ' ') + std::to_string(i) +
                         "]"));
    CHECK(parsed.root()[0].integer() == i);
  }
}

TEST_CASE("reader: a document can parse a string that it holds itself, as tool arguments come") {
  document parsed;
  REQUIRE(parsed.parse(
      R"({"arguments":"{\"path\":\"a long file name, not in place.txt\",\"n\":[1,2]}"})"));
  REQUIRE(parsed.parse(*parsed.root()["arguments"].string()));
  CHECK(parsed.root()["path"].string() == std::string_view("a long file name, not in place.txt"));
  CHECK(parsed.root()["n"][1].integer() == 2);
}

TEST_CASE("reader: the text that was parsed is not kept and not changed") {
  std::string text = R"(["a\nb",12345678901234567890])";
  const std::string before = text;
  document parsed;
  REQUIRE(parsed.parse(text));
  CHECK(text == before);
  text.assign(text.size(), 'x');
  CHECK(parsed.root()[0].string() == std::string_view("a\nb"));
  CHECK(parsed.root()[1].number_text() == std::string_view("12345678901234567890"));
}

TEST_CASE("reader: a document moves with what it holds") {
  document first;
  REQUIRE(first.parse("{\"a\":\"short\"}"));
  document second = std::move(first);
  CHECK(second.root()["a"].string() == std::string_view("short"));
  document third;
  third = std::move(second);
  CHECK(third.root()["a"].string() == std::string_view("short"));
}
