// SPDX-License-Identifier: MIT
#include <agent_websocket/http/headers.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using agent_websocket::http::header_list;
using agent_websocket::http::iequals;
using agent_websocket::http::is_token;
using agent_websocket::http::sanitize_field_value;
using agent_websocket::http::trim;

static_assert(iequals("Content-Type", "content-type"), "usable at compile time");
static_assert(trim(" \tx\t ") == "x");

namespace {

std::string shown(const header_list& headers) {
  std::string text;
  for (const auto& [name, field] : headers) text += name + "=" + field + ";";
  return text;
}

}  // namespace

TEST_CASE("headers: names compare without regard to ASCII case and to nothing else") {
  CHECK(iequals("", ""));
  CHECK(iequals("ETag", "etag"));
  CHECK(iequals("X-A1_b.~", "x-a1_B.~"));
  CHECK_FALSE(iequals("a", "b"));
  CHECK_FALSE(iequals("a", ""));
  CHECK_FALSE(iequals("a", "aa"));
  CHECK_FALSE(iequals("a ", "a"));
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const auto letter = [](int c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
      const bool expected = a == b || (letter(a) && letter(b) && (a ^ b) == 0x20);
      const char left = static_cast<char>(a), right = static_cast<char>(b);
      if (iequals({&left, 1}, {&right, 1}) != expected) FAIL_CHECK(a << " and " << b);
    }
  }
}

TEST_CASE("headers: trim takes spaces and tabs from the ends only") {
  CHECK(trim("") == "");
  CHECK(trim(" \t \t") == "");
  CHECK(trim("x") == "x");
  CHECK(trim("  a \t b  ") == "a \t b");
  CHECK(trim("\r\nx\n") == "\r\nx\n");
}

TEST_CASE("headers: a sanitised value begins no second header") {
  CHECK(sanitize_field_value("plain text; q=0.5") == "plain text; q=0.5");
  CHECK(sanitize_field_value("a\r\nSet-Cookie: x=1") == "aSet-Cookie: x=1");
  CHECK(sanitize_field_value("a\nb\rc") == "abc");
  CHECK(sanitize_field_value("a\r\n\r\n<html>") == "a<html>");
  CHECK(sanitize_field_value(std::string_view("a\0b", 3)) == "ab");
  CHECK(sanitize_field_value("\r\n a \r\n") == "a");
  CHECK(sanitize_field_value("caf\xC3\xA9\x7F\x80\xFF") == "caf");
  CHECK(sanitize_field_value("\xE5\x98\x8A\xE5\x98\x8D") == "");  // whose low bytes are CR and LF
  CHECK(sanitize_field_value("") == "");
  CHECK(sanitize_field_value(" \t ") == "");
}

TEST_CASE("headers: of all bytes exactly the printable ASCII ones stay") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const std::string text = std::string("a") + static_cast<char>(byte) + "z";
    const bool stays = byte >= 0x20 && byte <= 0x7E;
    CHECK(sanitize_field_value(text) == (stays ? text : "az"));
  }
}

TEST_CASE("headers: found without regard to case, the first of several") {
  header_list headers = {{"Content-Type", "text/plain"}, {"Set-Cookie", "a=1"}};
  headers.add("set-cookie", "b=2");
  CHECK(headers.size() == 3);
  CHECK_FALSE(headers.empty());
  CHECK(headers.find("content-TYPE") == std::string_view("text/plain"));
  CHECK(headers.find("SET-COOKIE") == std::string_view("a=1"));
  CHECK(headers.contains("Set-Cookie"));
  CHECK_FALSE(headers.contains("Set-Cooki"));
  CHECK_FALSE(headers.find("Content").has_value());
  CHECK_FALSE(headers.find("").has_value());
}

TEST_CASE("headers: an empty value is there") {
  const header_list headers = {{"X-Empty", ""}};
  CHECK(headers.find("x-empty") == std::string_view(""));
  CHECK(headers.contains("x-empty"));
}

TEST_CASE("headers: order and repetitions are kept") {
  header_list headers;
  CHECK(headers.empty());
  headers.add("B", "1");
  headers.add("A", "2");
  headers.add("b", "3");
  headers.add("B", "1");
  CHECK(shown(headers) == "B=1;A=2;b=3;B=1;");
}

TEST_CASE("headers: set leaves one field of the name, erase none") {
  header_list headers = {{"A", "1"}, {"B", "2"}, {"a", "3"}, {"C", "4"}, {"A", "5"}};
  headers.set("a", "6");
  CHECK(headers.size() == 3);
  CHECK(headers.find("A") == std::string_view("6"));
  CHECK(headers.find("B") == std::string_view("2"));
  CHECK(headers.find("C") == std::string_view("4"));
  headers.set("New", "7");
  CHECK(headers.find("new") == std::string_view("7"));
  headers.erase("A");
  headers.erase("missing");
  CHECK(shown(headers) == "B=2;C=4;New=7;");
  headers.clear();
  CHECK(headers.empty());
}

TEST_CASE("headers: neighbours of the same name are all erased") {
  header_list headers = {{"A", "1"}, {"a", "2"}, {"A", "3"}, {"B", "4"}, {"A", "5"}, {"a", "6"}};
  headers.erase("a");
  CHECK(shown(headers) == "B=4;");
}

TEST_CASE("headers: a name may be that of a field in the list itself") {
  const std::string long_name = "X-A-Name-Too-Long-For-The-Small-String-Of-Any-Library";
  for (const std::string& name : {std::string("A"), long_name}) {
    header_list headers = {{name, "1"}, {"B", "2"}, {name, "3"}, {"C", "4"}};
    headers.erase(headers.begin()->first);
    CHECK(shown(headers) == "B=2;C=4;");

    headers = {{name, "1"}, {"B", "2"}, {name, "3"}, {"C", "4"}};
    headers.set(headers.begin()->first, "5");
    CHECK(headers.find(name) == std::string_view("5"));
    CHECK(headers.size() == 3);
    CHECK(headers.find("B") == std::string_view("2"));
    CHECK(headers.find("C") == std::string_view("4"));
  }
}

TEST_CASE("headers: lists are equal letter for letter") {
  const header_list list = {{"A", "1"}, {"B", "2"}};
  CHECK(list == header_list{{"A", "1"}, {"B", "2"}});
  CHECK_FALSE(list == header_list{{"A", "1"}});
  CHECK_FALSE(list == header_list{{"B", "2"}, {"A", "1"}});
  CHECK_FALSE(list == header_list{{"a", "1"}, {"B", "2"}});
  CHECK_FALSE(list == header_list{{"A", "1"}, {"B", "3"}});
}

TEST_CASE("headers: tokens") {
  CHECK(is_token("Content-Length"));
  CHECK(is_token("!#$%&'*+-.^_`|~09az"));
  for (const std::string text : {"", " ", "a b", "a:", "a\r", "\x7F", "\xC3\xA4", "a;", "(a)"}) {
    CAPTURE(text);
    CHECK_FALSE(is_token(text));
  }
}

TEST_CASE("headers: a value that needs no cleaning is one that cleaning leaves as it is") {
  for (const std::string each : {"", "a", "a b", "Bearer sk-1~!", " a", "a ", " ", "\ta", "a\t",
                                 "a\r\nb", "a\x7F", "\xC3\xA9", "a\tb"}) {
    CAPTURE(each);
    CHECK(agent_websocket::http::is_field_value(each) ==
          (agent_websocket::http::sanitize_field_value(each) == each));
  }
}
