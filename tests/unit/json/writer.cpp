// SPDX-License-Identifier: MIT
#include <agent_websocket/json/writer.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

using agent_websocket::json::writer;

namespace {

template <typename T>
std::string written(const T& what) {
  std::string out;
  writer(out).value(what);
  return out;
}

const std::string replacement = "\xEF\xBF\xBD";

}  // namespace

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
