// SPDX-License-Identifier: MIT
#include <agent_websocket/json/writer.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>

using agent_websocket::json::append_escaped;
using agent_websocket::json::writer;

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

template <typename T>
std::string written(const T& what) {
  std::string out;
  writer(out).value(what);
  return out;
}

const std::string replacement = "\xEF\xBF\xBD";

}  // namespace

TEST_CASE("writer: every ASCII character in a string") {
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

TEST_CASE("writer: UTF-8 goes through as it is") {
  for (const std::string& text :
       {std::string("\xC3\xA9"), std::string("\xE2\x82\xAC"), std::string("\xF0\x9F\x98\x80"),
        std::string("\xC2\x80"), std::string("\xE2\x80\xA8"), std::string("\xED\x9F\xBF"),
        std::string("\xEE\x80\x80"), std::string("\xEF\xBF\xBF"), std::string("\xF4\x8F\xBF\xBF"),
        std::string("\xEF\xBB\xBF"), std::string("na\xC3\xAFve \xE2\x82\xAC\xF0\x9F\x98\x80")}) {
    CHECK(escaped(text) == text);
    CHECK(escaped("\n" + text + "\"") == "\\n" + text + "\\\"");
  }
}

TEST_CASE("writer: what is not UTF-8 becomes U+FFFD, a byte at a time") {
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

TEST_CASE("writer: from any bytes at all a legal string body") {
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

TEST_CASE("writer: strings of each kind, and U+0000 inside") {
  CHECK(written("abc") == "\"abc\"");
  CHECK(written(std::string("abc")) == "\"abc\"");
  CHECK(written(std::string_view("abc")) == "\"abc\"");
  CHECK(written("") == "\"\"");
  CHECK(written(std::string_view()) == "\"\"");
  CHECK(written(std::string("a\0b", 3)) == "\"a\\u0000b\"");
}

TEST_CASE("writer: numbers, booleans and null") {
  CHECK(written(true) == "true");
  CHECK(written(false) == "false");
  CHECK(written(0) == "0");
  CHECK(written(-1) == "-1");
  CHECK(written(7u) == "7");
  CHECK(written(static_cast<std::int8_t>(-128)) == "-128");
  CHECK(written(static_cast<std::uint8_t>(255)) == "255");
  CHECK(written(static_cast<short>(-32768)) == "-32768");
  CHECK(written(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(written(std::numeric_limits<std::int64_t>::max()) == "9223372036854775807");
  CHECK(written(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(written(std::size_t{5}) == "5");
  CHECK(written(0.5) == "0.5");
  CHECK(written(0.5f) == "0.5");
  CHECK(written(3.0) == "3");
  std::string out;
  writer(out).null();
  CHECK(out == "null");
}

TEST_CASE("writer: commas and colons stand where they belong") {
  std::string out;
  writer w(out);
  w.begin_object()
      .member("a", 1)
      .key("b")
      .begin_array()
      .end_array()
      .key("c")
      .begin_array()
      .value(1)
      .value("x")
      .null()
      .value(true)
      .end_array()
      .key("d")
      .begin_object()
      .end_object()
      .key("e")
      .begin_object()
      .member("f", "g")
      .member("h", false)
      .end_object()
      .key("i")
      .begin_array()
      .begin_array()
      .value(1)
      .end_array()
      .begin_object()
      .end_object()
      .begin_array()
      .end_array()
      .end_array()
      .member_raw("j", "[1, 2]")
      .key("k")
      .raw("{}")
      .key("l")
      .null()
      .member("m", 0.5)
      .end_object();
  CHECK(out == R"({"a":1,"b":[],"c":[1,"x",null,true],"d":{},"e":{"f":"g","h":false},)"
               R"("i":[[1],{},[]],"j":[1, 2],"k":{},"l":null,"m":0.5})");
}

TEST_CASE("writer: a scalar at the top, and what stood in the string before stays") {
  std::string out = "data: ";
  writer(out).value("x");
  CHECK(out == "data: \"x\"");
  out += '\n';
  writer(out).begin_array().value(1).end_array();
  CHECK(out == "data: \"x\"\n[1]");
}

TEST_CASE("writer: names from outside are escaped") {
  std::string out;
  writer(out)
      .begin_object()
      .key_escaped("a\"b\n\xFF")
      .value(1)
      .key_escaped("")
      .value(2)
      .end_object();
  CHECK(out == "{\"a\\\"b\\n" + replacement + "\":1,\"\":2}");
}

TEST_CASE("writer: a member takes what value() takes") {
  const std::string text = "t";
  std::string out;
  writer(out)
      .begin_object()
      .member("literal", "l")
      .member("string", text)
      .member("view", std::string_view("v"))
      .member("flag", true)
      .member("large", std::uint64_t{1} << 63)
      .member("real", -1.5)
      .end_object();
  CHECK(out == R"({"literal":"l","string":"t","view":"v","flag":true,)"
               R"("large":9223372036854775808,"real":-1.5})");
}

TEST_CASE("writer: names and texts of any length, plain or not, are written the same way") {
  const auto of = [](std::string_view sign, std::size_t size) {
    std::string text;
    while (text.size() < size) text += sign;
    return text;
  };
  for (const std::string_view sign : {"a", "\"", "\n", "\x7F", "\xC3\xA9", "a\\bcdefghi"}) {
    for (std::size_t size = 0; size < 260; ++size) {
      const std::string text = of(sign, size), plain = of("n", size);
      std::string escaped;
      agent_websocket::json::append_escaped(escaped, text);
      std::string out;
      writer w(out);
      w.begin_object().member(plain, text).member("b", text).key_escaped(text).value(text);
      w.member(plain, std::string_view("c")).key(plain).begin_array().value(text).value(text);
      w.end_array().end_object();
      const std::string quoted = '"' + escaped + '"';
      REQUIRE(out == "{\"" + plain + "\":" + quoted + ",\"b\":" + quoted + "," + quoted + ":" +
                         quoted + ",\"" + plain + "\":\"c\",\"" + plain + "\":[" + quoted + "," +
                         quoted + "]}");
    }
  }
}

TEST_CASE("writer: a text that stands nowhere is an empty one") {
  std::string out;
  const std::string_view none;
  writer(out).begin_object().member("a", none).key_escaped(none).value(none).end_object();
  CHECK(out == R"({"a":"","":""})");
}

TEST_CASE("writer: deep nesting") {
  std::string out;
  writer w(out);
  for (int i = 0; i < 10'000; ++i) w.begin_array();
  for (int i = 0; i < 10'000; ++i) w.end_array();
  CHECK(out == std::string(10'000, '[') + std::string(10'000, ']'));
}

#ifdef NDEBUG
TEST_CASE("writer: JSON has no NaN and no infinity; a program without assertions writes null") {
  CHECK(written(std::numeric_limits<double>::quiet_NaN()) == "null");
  CHECK(written(std::numeric_limits<double>::infinity()) == "null");
  CHECK(written(-std::numeric_limits<double>::infinity()) == "null");
}
#endif

TEST_CASE(
    "append_escaped: what has to be escaped is found at every place of a text of any length") {
  const std::string pieces[] = {"\"",       "\\",   "\n", std::string(1, '\0'), "\x1f", "\x7f",
                                "\xc3\xa4", "\xff", "a"};
  const std::string escaped[] = {"\\\"",    "\\\\",     "\\n",          "\\u0000", "\\u001f",
                                 "\\u007f", "\xc3\xa4", "\xef\xbf\xbd", "a"};
  for (std::size_t which = 0; which < 9; ++which) {
    for (std::size_t before = 0; before < 20; ++before) {
      for (std::size_t behind = 0; behind < 20; ++behind) {
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
    for (std::size_t before = 0; before < 17; ++before) {
      const std::string text = std::string(before, 'a') + static_cast<char>(byte) + "b";
      std::string out;
      agent_websocket::json::append_escaped(out, text);
      REQUIRE(agent_websocket::json::is_plain(text) == (out == text && byte < 0x80));
    }
  }
  CHECK(agent_websocket::json::is_plain(""));
}
