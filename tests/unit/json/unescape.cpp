// SPDX-License-Identifier: MIT
#include <agent_websocket/json/unescape.hpp>

#include <agent_websocket/json/reader.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <iterator>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <string_view>

namespace json = agent_websocket::json;

namespace {

std::optional<std::string> unescaped(std::string_view inside) {
  std::string text = "before ";
  if (!json::append_unescaped(text, inside)) return std::nullopt;
  REQUIRE(text.substr(0, 7) == "before ");
  return text.substr(7);
}

/// The same by way of a document.
std::optional<std::string> parsed(std::string_view inside) {
  json::document document;
  if (!document.parse("\"" + std::string(inside) + "\"")) return std::nullopt;
  const auto text = document.root().string();
  if (!text) return std::nullopt;
  return std::string(*text);
}

}  // namespace

TEST_CASE("unescape: what stands for what") {
  CHECK(unescaped("") == "");
  CHECK(unescaped("plain, \xC3\xA9 \x7F / ' ") == "plain, \xC3\xA9 \x7F / ' ");
  CHECK(unescaped(R"(a\nb\t\r\b\f\/\\\"c)") == "a\nb\t\r\b\f/\\\"c");
  CHECK(unescaped(R"(\u0041\u00e9\u20AC\uD83D\ude00!)") == "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80!");
  CHECK(unescaped(R"(\u0000\u001f\u007F\u0080\u07ff\u0800\uffff)") ==
        std::string("\0\x1F\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF", 13));
  CHECK(unescaped(R"(\uD800\uDC00\uDBFF\uDFFF)") == "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
}

TEST_CASE("unescape: what is not the inside of a string") {
  for (const std::string_view wrong :
       {"\"", "a\"b", "\n", "\x1F", "\\", "a\\", "\\x", "\\N", "\\u", "\\u12", "\\u123", "\\u123g",
        "\\uD83D", "\\uD83Dx", "\\uD83D\\n", "\\uD83D\\u0041", "\\uD83D\\uD83D", "\\uD83D\\ude0",
        "\\uDE00", "\\uDE00\\uD83D", "\xFF", "\xC3", "\\n\xC3", "\xED\xA0\x80", "\xC3\\n"}) {
    CAPTURE(wrong);
    CHECK(!unescaped(wrong));
    CHECK(!parsed(wrong));
  }
}

TEST_CASE("unescape: agrees with the parser about anything") {
  std::mt19937 random(7);
  const std::string_view pieces[] = {"a",      "word ", "\\n",   "\\\"",  "\\\\",   "\\/",    "\\u00e9",
                                     "\\uD83D", "\\ude00", "\\u",  "\\x",   "\"",     "\xC3\xA9", "\xE2\x82\xAC",
                                     "\xF0\x9F\x98\x80", "\xED\xA0\x80", "\x1F", "\x7F", "\\u0000", "\xC3"};
  std::size_t good = 0;
  for (int round = 0; round < 60'000; ++round) {
    std::string inside;
    for (std::size_t i = random() % 6; i > 0; --i) inside += pieces[random() % std::size(pieces)];
    if (random() % 4 == 0 && !inside.empty())
      inside[random() % inside.size()] = static_cast<char>(1 + random() % 255);
    if (random() % 8 == 0) inside.resize(random() % (inside.size() + 1));
    CAPTURE(inside);
    const auto meant = parsed(inside);
    REQUIRE(unescaped(inside) == meant);
    good += meant ? 1 : 0;
  }
  CHECK(good > 10'000);
  CHECK(good < 50'000);
}
