// SPDX-License-Identifier: MIT
#include <agent_websocket/http/response_head.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

using agent_websocket::http::body_framing;
using agent_websocket::http::head_end;
using agent_websocket::http::parse_length;
using agent_websocket::http::response_head;
using agent_websocket::http::response_head_parser;

namespace {

std::string wrong_with(const std::string& text, response_head& head, bool to_head = false) {
  const char* const wrong = response_head_parser().parse(text, to_head, head);
  return wrong == nullptr ? "" : wrong;
}

std::string wrong_with(const std::string& text) {
  response_head head;
  return wrong_with(text, head);
}

std::string with_fields(const std::string& fields) {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("response_head: what a head says") {
  response_head head;
  CHECK(wrong_with(with_fields("A: 1\r\nb:2\r\nEmpty:\r\nLong: one\r\n\ttwo\r\n  three\r\n"
                               "Content-Length: 6\r\n"),
                   head) == "");
  CHECK(head.status == 200);
  CHECK(head.headers.size() == 5u);
  CHECK(head.headers.find("a") == "1");
  CHECK(head.headers.find("B") == "2");
  CHECK(head.headers.find("empty") == "");
  CHECK(head.headers.find("long") == "one two three");
  CHECK(head.framing == body_framing::length);
  CHECK(head.length == 6u);
  CHECK(head.is_persistent);
}

TEST_CASE("response_head: status lines") {
  struct row {
    std::string line;
    int status;  // 0: refused
  };
  const row rows[] = {
      {"HTTP/1.1 200 OK", 200},
      {"HTTP/1.1 200 ", 200},
      {"HTTP/1.1 200", 200},
      {"HTTP/1.0 404 Not Found", 404},
      {"HTTP/1.9 299 Any words at all: 12", 299},
      {"HTTP/1.1 999 High", 999},
      {"HTTP/1.1 100", 100},
      {"HTTP/1.1 099 Low", 0},
      {"HTTP/1.1 2000 OK", 0},
      {"HTTP/1.1 20 OK", 0},
      {"HTTP/1.1 2x0 OK", 0},
      {"HTTP/1.1  200 OK", 0},
      {"HTTP/1.1\t200 OK", 0},
      {"HTTP/2 200 OK", 0},
      {"HTTP/1.x 200 OK", 0},
      {"http/1.1 200 OK", 0},
      {"ICY 200 OK", 0},
      {"", 0},
  };
  for (const row& each : rows) {
    CAPTURE(each.line);
    response_head head;
    CHECK(wrong_with(each.line + "\r\nContent-Length: 0\r\n\r\n", head).empty() ==
          (each.status != 0));
    if (each.status != 0) CHECK(head.status == each.status);
  }
}

TEST_CASE("response_head: how the body ends, and whether the connection goes on") {
  struct row {
    std::string text;
    body_framing framing;
    bool persistent;
  };
  const row rows[] = {
      {with_fields("Content-Length: 0\r\n"), body_framing::length, true},
      {with_fields("Content-Length: 5\r\nContent-Length: 5\r\n"), body_framing::length, true},
      {with_fields("Content-Length: 5, 5\r\n"), body_framing::length, true},
      {with_fields("Content-Length: 5\r\nConnection: close\r\n"), body_framing::length, false},
      {with_fields("Content-Length: 5\r\nConnection: x, CLOSE\r\n"), body_framing::length, false},
      {with_fields("Content-Length: 5\r\nConnection: keep-alive\r\n"), body_framing::length, true},
      {with_fields("Content-Length: 5\r\nConnection: closed\r\n"), body_framing::length, true},
      {with_fields("Transfer-Encoding: chunked\r\n"), body_framing::chunked, true},
      {with_fields("transfer-encoding:  Chunked \r\n"), body_framing::chunked, true},
      {with_fields(""), body_framing::until_close, false},
      {with_fields("Connection: keep-alive\r\n"), body_framing::until_close, false},
      {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", body_framing::length, false},
      {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
       body_framing::length, true},
      {"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", body_framing::none, true},
      {"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", body_framing::none, true},
      {"HTTP/1.1 103 Hint\r\n\r\n", body_framing::none, true},
      {"HTTP/1.1 200 OK\nContent-Length: 5\n\n", body_framing::length, true},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    response_head head;
    CHECK(wrong_with(each.text, head) == "");
    CHECK(head.framing == each.framing);
    CHECK(head.is_persistent == each.persistent);
  }
  response_head head;
  CHECK(wrong_with(with_fields("Content-Length: 5\r\n"), head, true) == "");
  CHECK(head.framing == body_framing::none);
  CHECK(head.is_persistent);
}

TEST_CASE("response_head: shapes that two readers could take differently are refused") {
  for (const std::string fields : {
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
           "Content-Length: 5\r\nContent-Length: 6\r\n",
           "Content-Length: 5, 6\r\n",
           "Content-Length: 5,\r\n",
           "Content-Length: \r\n",
           "Content-Length: +5\r\n",
           "Content-Length: -5\r\n",
           "Content-Length: 5 5\r\n",
           "Content-Length: 0x5\r\n",
           "Content-Length: 5.0\r\n",
           "Content-Length: 18446744073709551616\r\n",
           "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding: chunked, identity\r\n",
           "Transfer-Encoding: identity\r\n",
           "Transfer-Encoding: xchunked\r\n",
           "Transfer-Encoding: \"chunked\"\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Content-Length : 5\r\n",
           " Content-Length: 5\r\n",
           "Content Length: 5\r\n",
           ": 5\r\n",
           "no field\r\n",
           "A: 1\rB: 2\r\n",
       }) {
    CAPTURE(fields);
    CHECK(wrong_with(with_fields(fields)) != "");
  }
  CHECK(wrong_with(with_fields(std::string("A: 1\0002\r\n", 8))) != "");
  CHECK(wrong_with("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") != "");
}

TEST_CASE("response_head: lengths") {
  CHECK(parse_length("0") == std::uint64_t(0));
  CHECK(parse_length("007") == std::uint64_t(7));
  CHECK(parse_length("18446744073709551615") == UINT64_MAX);
  CHECK_FALSE(parse_length("18446744073709551616").has_value());
  CHECK_FALSE(parse_length("99999999999999999999").has_value());
  CHECK_FALSE(parse_length("").has_value());
  CHECK_FALSE(parse_length("1a").has_value());
}

TEST_CASE("response_head: where a head ends, found wherever the search began") {
  struct row {
    std::string text;
    std::size_t end;
  };
  const row rows[] = {
      {"a\r\n\r\nb", 5}, {"a\n\nb", 3},    {"a\n\r\nb", 4},        {"a\r\nb\r\n\r\n", 8},
      {"a\r\nb", std::string::npos},       {"a\r\n\r", std::string::npos},
      {"a\r\n\rx\n\n", 7}, {"", std::string::npos}, {"\n", std::string::npos},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    CHECK(head_end(each.text) == each.end);
    // From two bytes before any place up to which there was no end.
    for (std::size_t had = 0; had < each.text.size() && had < each.end; ++had) {
      CHECK(head_end(each.text, had < 2 ? 0 : had - 2) == each.end);
    }
  }
}
