// SPDX-License-Identifier: MIT
#include <agent_websocket/json/escape.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>

using agent_websocket::json::append_escaped;

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

const std::string replacement = "\xEF\xBF\xBD";

}  // namespace

TEST_CASE("append_escaped: every ASCII character in a string") {
  for (int code = 0; code < 0x80; ++code) {
    CAPTURE(code);
    const char c = static_cast<char>(code);
    std::string expected(1, c);
    switch (c) {
      case '"': expected = "\\\""; break;
      case '\\': expected = "\\\\"; break;
      case '\b': expected = "\\b"; break;
      case '\f': expected = "\\f"; break;
      case '\n': expected = "\\n"; break;
      case '\r': expected = "\\r"; break;
      case '\t': expected = "\\t"; break;
      default:
        if (code < 0x20 || code == 0x7F) {
          expected =
              std::string("\\u00") + "0123456789abcdef"[code / 16] + "0123456789abcdef"[code % 16];
        }
    }
    CHECK(escaped(std::string(1, c)) == expected);
    CHECK(escaped(std::string("a") + c + "b") == "a" + expected + "b");
    CHECK(escaped(std::string(3, c)) == expected + expected + expected);
  }
}

TEST_CASE("append_escaped: UTF-8 goes through as it is") {
  for (const std::string& text :
       {std::string("\xC3\xA9"), std::string("\xE2\x82\xAC"), std::string("\xF0\x9F\x98\x80"),
        std::string("\xC2\x80"), std::string("\xE2\x80\xA8"), std::string("\xED\x9F\xBF"),
        std::string("\xEE\x80\x80"), std::string("\xEF\xBF\xBF"), std::string("\xF4\x8F\xBF\xBF"),
        std::string("\xEF\xBB\xBF"), std::string("na\xC3\xAFve \xE2\x82\xAC\xF0\x9F\x98\x80")}) {
    CHECK(escaped(text) == text);
    CHECK(escaped("\n" + text + "\"") == "\\n" + text + "\\\"");
  }
}

TEST_CASE("append_escaped: what is not UTF-8 becomes U+FFFD, a byte at a time") {
  CHECK(escaped("\x80") == replacement);
  CHECK(escaped("\xFF") == replacement);
  CHECK(escaped("a\xC3") == "a" + replacement);
  CHECK(escaped("a\xC3z") == "a" + replacement + "z");
  CHECK(escaped("\xC0\xAF") == replacement + replacement);                    // an overlong '/'
  CHECK(escaped("\xC1\xA2") == replacement + replacement);                    // an overlong 'b'
  CHECK(escaped("\xC0\xA2") == replacement + replacement);                    // an overlong quote
  CHECK(escaped("\xED\xA0\x80") == replacement + replacement + replacement);  // a surrogate
  CHECK(escaped("\xE2\x82") == replacement + replacement);
  CHECK(escaped("\xE2\x82\"") == replacement + replacement + "\\\"");
  CHECK(escaped("\xF4\x90\x80\x80") == replacement + replacement + replacement + replacement);
  CHECK(escaped("\xF0\x9F\x98\xE2\x82\xAC") ==
        replacement + replacement + replacement + "\xE2\x82\xAC");
}

TEST_CASE("append_escaped: from any bytes at all a legal string body") {
  std::mt19937_64 random(21);
  int wrong = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 12, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? random() % 128 : random());
    const std::string out = escaped(bytes);
    bool good = agent_websocket::is_utf8(out);
    for (std::size_t k = 0; k < out.size(); ++k) {
      good = good && static_cast<unsigned char>(out[k]) >= 0x20 && out[k] != '"';
      if (out[k] == '\\') ++k;  // and what it escapes
    }
    if (agent_websocket::is_utf8(bytes))
      good = good && out.find(replacement) == bytes.find(replacement);
    if (!good) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE(
    "append_escaped: what has to be escaped is found at every place of a text of any length") {
  const std::string pieces[] = {"\"",       "\\",   "\n", std::string(1, '\0'), "\x1f", "\x7f",
                                "\xc3\xa4", "\xff", "a"};
  const std::string escaped[] = {"\\\"",    "\\\\",     "\\n",          "\\u0000", "\\u001f",
                                 "\\u007f", "\xc3\xa4", "\xef\xbf\xbd", "a"};
  for (std::size_t which = 0; which < 9; ++which) {
    for (std::size_t before = 0; before < 76; ++before) {
      for (std::size_t behind = 0; behind < 44; ++behind) {
        const std::string head(before, '~'), tail(behind, ' ');
        std::string out;
        agent_websocket::json::append_escaped(out, head + pieces[which] + tail);
        REQUIRE(out == head + escaped[which] + tail);
      }
    }
  }
}

TEST_CASE("is_plain: exactly what is written as it stands, of any length") {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t before = 0; before < 76; ++before) {
      const std::string text = std::string(before, 'a') + static_cast<char>(byte) + "b";
      std::string out;
      agent_websocket::json::append_escaped(out, text);
      REQUIRE(agent_websocket::json::is_plain(text) == (out == text && byte < 0x80));
    }
  }
  CHECK(agent_websocket::json::is_plain(""));
}
