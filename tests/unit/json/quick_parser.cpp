// SPDX-License-Identifier: MIT
#include <agent_websocket/json/quick_parser.hpp>

#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/reader.hpp>

#include "grammar.hpp"

#include <doctest/doctest.h>

#include <rapidjson/reader.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <string_view>

namespace json = agent_websocket::json;
using json::detail::tape;

namespace {

tape filled(std::string_view text) {
  tape made;
  made.text = text;
  made.text.append(json::detail::quick_parser::padding, '\0');
  return made;
}

std::string shown(const tape& of) {
  std::string text;
  for (const json::detail::node& each : of.nodes) {
    text += std::to_string(static_cast<int>(each.what)) + (each.truth ? "+" : "-") + std::to_string(each.next) + ":" +
            std::to_string(each.length);
    if (each.what == json::kind::string || each.what == json::kind::number)
      text += "<" + of.text.substr(each.offset, each.length) + ">";
    text += " ";
  }
  return text;
}

/// The nodes as text; nullopt when it does not say.
std::optional<std::string> quick(std::string_view text, const json::parse_limits& limits = {}) {
  tape made = filled(text);
  if (!json::detail::quick_parser(made, limits).parse()) return std::nullopt;
  return shown(made);
}

/// The same by RapidJSON, as document::parse asks for it.
std::optional<std::string> slow(std::string_view text, const json::parse_limits& limits = {}) {
  tape made = filled(text);
  json::detail::tape_builder builder(made, limits);
  rapidjson::InsituStringStream stream(made.text.data());
  rapidjson::Reader reader;
  constexpr unsigned flags =
      rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  if (reader.Parse<flags>(stream, builder).IsError()) return std::nullopt;
  return shown(made);
}

constexpr std::string_view chunk =
    R"({"id":"gen-1","created":1764279000,"choices":[{"index":0,"delta":{"role":"assistant","content":"a\nb \u00e9"},)"
    R"("finish_reason":null,"logprobs":null}],"usage":{"cost":0.0000135,"x":[],"y":{},"z":[true,false,-1.5e-07]}})";

}  // namespace

TEST_CASE("quick parser: the same tape as RapidJSON's") {
  for (const std::string_view text :
       {chunk, std::string_view("{}"), std::string_view(" [ ] "), std::string_view("\t\"x\"\r\n"),
        std::string_view("null"), std::string_view("0"), std::string_view("-0.0E+05"),
        std::string_view("[[[]],{\"a\":{}},1,[2]]"), std::string_view("{\"\":\"\",\"a\":[1,2,3],\"a\":0}"),
        std::string_view(R"(["\"\\\/\b\f\n\r\t\u0000\u0041\u07ff\uffff","0123456789abcdef\n0123456789"])"),
        std::string_view("\"\xC3\xA9\xF0\x9F\x98\x80\x7F 12345678\xC3\xA9\"")}) {
    CAPTURE(text);
    const auto said = quick(text);
    REQUIRE(said);
    CHECK(said == slow(text));
  }
}

TEST_CASE("quick parser: silent about what is wrong, unusual or above a limit") {
  for (const std::string_view text :
       {"", " ", "x", "tru", "nul", "truex", "{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}",
        "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{1:1}", "[1}", "{\"a\":1]", "\"", "\"a", "\"\\\"", "\"\\x\"",
        "\"\\u12\"", "\"\n\"", "\"a\tb\"", "01", "-", "+1", "1.", ".5", "1e", "1e+", "1 1", "[]]", "NaN", "\"a\"b",
        "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "123456789012345678", "1e100", "\v1", "1\f", "/**/1"}) {
    CAPTURE(text);
    CHECK(!quick(text));
  }
  json::parse_limits limits;
  limits.max_depth = 2;
  CHECK(quick("[[1]]", limits));
  CHECK(!quick("[[[]]]", limits));
  CHECK(!quick("[[{}]]", limits));
  limits.max_values = 3;
  CHECK(quick("[1,2]", limits));
  CHECK(!quick("[1,2,3]", limits));
  CHECK(quick("{\"a\":1}", limits));
  CHECK(!quick("{\"a\":[1]}", limits));
  CHECK(quick(std::string(64, '[') + std::string(64, ']')));
  limits = {};
  limits.max_depth = 1000;
  CHECK(!quick(std::string(65, '[') + std::string(65, ']'), limits));
}

TEST_CASE("quick parser: whatever it takes of garbled texts, RapidJSON and the grammar take the same") {
  std::mt19937 random(11);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  const std::string_view pieces[] = {"{", "}", "[", "]", ",", ":", "\"", "\\", "\\n", "\\u00e9", "\\ud83d", "1", "-",
                                     ".5", "e9", "0", "true", "false", "null", "\"a\":", "\"b\"", " ", "\n", "\t",
                                     "\xC3\xA9", "\x7F", "\x01", "[1,{\"x\":[]}]", "\"\\\\\\\"\""};
  std::size_t taken = 0;
  for (int round = 0; round < 150'000; ++round) {
    std::string text;
    if (below(2) == 0) {
      text = chunk;
      for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
        const std::size_t at = below(text.size());
        const std::string_view piece = pieces[below(std::size(pieces))];
        below(2) == 0 ? text.replace(at, below(4), piece) : text.insert(at, piece);
      }
    } else {
      for (std::size_t i = below(9); i > 0; --i) text += pieces[below(std::size(pieces))];
    }
    if (!agent_websocket::is_utf8_text(text)) continue;
    const auto said = quick(text);
    if (!said) continue;
    ++taken;
    CAPTURE(text);
    REQUIRE(said == slow(text));
    REQUIRE(grammar::judge(text) == grammar::verdict::accept);
  }
  CHECK(taken > 10'000);
}
