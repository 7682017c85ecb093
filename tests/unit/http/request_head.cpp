// SPDX-License-Identifier: MIT
#include <agent_websocket/http/request_head.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using agent_websocket::http::request_head;
using agent_websocket::http::request_head_parser;

namespace {

bool is_well(const std::string& text) {
  request_head head;
  return request_head_parser().parse(text, head) == nullptr;
}

std::string with(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("request head: the request line and the fields, in their order") {
  const std::string text =
      "PATCH /x?y=1 HTTP/1.1\r\nHost: example.org\r\nX-Text: \t a b\t \r\nX-Empty:\r\naccept:*\r\n\r\n";
  request_head head;
  REQUIRE(request_head_parser().parse(text, head) == nullptr);
  CHECK(head.method == "PATCH");
  CHECK(head.target == "/x?y=1");
  CHECK(head.version == "HTTP/1.1");
  REQUIRE(head.headers.size() == 4);
  std::string all;
  for (const auto& [name, value] : head.headers) all += name + "=" + value + ";";
  CHECK(all == "Host=example.org;X-Text=a b;X-Empty=;accept=*;");
}

TEST_CASE("request head: repeated fields are one, but for those that must stand alone") {
  request_head head;
  REQUIRE(request_head_parser().parse(with("X-Two: 1\r\nVia: p\r\nx-two:2\r\nX-TWO:\r\n"), head) ==
          nullptr);
  CHECK(head.headers.size() == 3);
  CHECK(head.headers.find("X-Two") == "1, 2, ");
  REQUIRE(request_head_parser().parse(with("X-Two:\r\nX-Two: 2\r\n"), head) == nullptr);
  CHECK(head.headers.find("X-Two") == "2");
  for (const std::string name : {"Content-Length", "HOST", "origin", "Authorization",
                                 "Sec-WebSocket-Key", "sec-websocket-version"}) {
    CAPTURE(name);
    CHECK_FALSE(is_well(with(name + ":\r\n" + name + ": 5\r\n")));
    CHECK_FALSE(is_well(with(name + ": 5\r\nX: y\r\n" + name + ":\r\n")));
  }
  CHECK(is_well(with("Hostile: c\r\nX-Host: b\r\nX: Host: b\r\n")));
}

TEST_CASE("request head: names with one mark are told apart") {
  request_head head;  // 'c' * 31 + '*' == 'a' * 31 + 'h'
  REQUIRE(request_head_parser().parse(with("c*: 1\r\nah: 2\r\nAH: 3\r\nC*: 4\r\n"), head) == nullptr);
  CHECK(head.headers.find("c*") == "1, 4");
  CHECK(head.headers.find("ah") == "2, 3");
}

TEST_CASE("request head: what is no head") {
  for (const std::string& text :
       {std::string(), std::string("\r\n"), std::string("\r\n\r\n"), std::string("GET\r\n\r\n"),
        std::string("GET /\r\n\r\n"), std::string(" / HTTP/1.1\r\n\r\n"),
        std::string("G(T / HTTP/1.1\r\n\r\n"), std::string("GET / HTTP/1.1\n\n"),
        std::string("GET / HTTP/1.1"), with("no colon\r\n"), with("Bad Name: x\r\n"),
        with("Name : x\r\n"), with("X: a\r\n folded\r\n"), with("X: a\r\n\tfolded: x\r\n"),
        with(" X: a\r\n"), with("X: a\rb\r\n"), with("X: a\nb: c\r\n"), with("X: a\x7F\r\n"),
        with(std::string("X: a\0b\r\n", 8)), with(": x\r\n"), with("X\xC3: y\r\n"),
        with("X: y\r")}) {
    CAPTURE(text);
    CHECK_FALSE(is_well(text));
  }
  CHECK(is_well(with("X: \xC3\xA9\r\n")));
  CHECK(is_well(with("X: a\tb\r\n")));
  CHECK(is_well("GET  HTTP/1.1\r\n\r\n"));  // no target: for others to judge
}

TEST_CASE("request head: a head full of names does not take long") {
  std::string fields;
  for (char a = 'a'; a <= 'z'; ++a) {
    for (char b = 'a'; b <= 'z'; ++b) {
      for (const char c : std::string_view("0123")) fields += std::string({a, b, c}) + ":\r\n";
    }
  }
  request_head head;
  REQUIRE(request_head_parser().parse(with(fields), head) == nullptr);
  CHECK(head.headers.size() == 26 * 26 * 4 + 1);
}
