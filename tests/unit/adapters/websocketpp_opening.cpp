// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/websocketpp_opening.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>

using agent_websocket::handshake;
using agent_websocket::adapters::websocketpp_opening;
using agent_websocket::http::response;
using progress = agent_websocket::adapters::websocketpp_opening::progress;

namespace {
const std::string upgrade =
    "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const std::chrono::system_clock::time_point date{std::chrono::seconds(784111777)};
}  // namespace

TEST_CASE("opening: an upgrade, with bytes that came too early") {
  websocketpp_opening opening(100, "10.0.0.1");
  REQUIRE(opening.feed(upgrade + "early") == progress::complete);
  const handshake request = opening.take_request();
  CHECK(request.is_upgrade);
  CHECK(request.remote_address == "10.0.0.1");
  CHECK(request.request.path() == "/ws");
  CHECK(opening.early() == "early");
  std::string out;
  CHECK(opening.append(out, {101, {}, ""}, date));
  CHECK(out.find("101 Switching") != std::string::npos);
  CHECK(out.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != std::string::npos);
  CHECK(out.find("permessage-deflate") == std::string::npos);
}

TEST_CASE("opening: bodies of all connections together have a limit, upgrades none") {
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n";
  const agent_websocket::adapters::byte_budget bodies(12'000);
  const std::string half(2500, 'b');
  auto first = std::make_unique<websocketpp_opening>(5000, "", bodies);
  auto second = std::make_unique<websocketpp_opening>(5000, "", bodies);
  REQUIRE(first->feed(post + half + half) == progress::complete);
  REQUIRE(second->feed(post + half) == progress::more);
  CHECK(bodies.used() >= 7500u);
  first->take_request();  // the application has it, and counts until it has answered
  websocketpp_opening third(5000, "", bodies);
  REQUIRE(third.feed(post) == progress::more);
  REQUIRE(third.feed(half + half) == progress::failed);
  CHECK(third.refusal().status == 503);
  CHECK(third.refusal().headers.find("Retry-After") == "5");
  CHECK(websocketpp_opening(5000, "", bodies).feed(upgrade) == progress::complete);
  first.reset();
  websocketpp_opening fourth(5000, "", bodies);
  CHECK(fourth.feed(post + half + half) == progress::complete);
  second.reset();
  CHECK(bodies.used() < 6000u);
}

TEST_CASE("opening: a refused upgrade, and a 101 for what is none") {
  websocketpp_opening opening(100, "");
  REQUIRE(opening.feed(upgrade) == progress::complete);
  opening.take_request();
  std::string out;
  CHECK_FALSE(opening.append(out, response::text(401, "no"), date));
  CHECK(out.substr(0, 12) == "HTTP/1.1 401");
  CHECK(out.find("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n") != std::string::npos);

  websocketpp_opening plain(100, "");
  REQUIRE(plain.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == progress::complete);
  CHECK_FALSE(plain.take_request().is_upgrade);
  out.clear();
  CHECK_FALSE(plain.append(out, {101, {}, ""}, date));
  CHECK(out.substr(0, 12) == "HTTP/1.1 500");
}

TEST_CASE("opening: a HEAD gets no body, also when it is refused") {
  for (const std::string fields : {"", "Content-Length: x\r\n"}) {
    websocketpp_opening opening(100, "");
    const progress now = opening.feed("HEAD / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    CHECK(now == (fields.empty() ? progress::complete : progress::failed));
    response answer = response::text(200, "body");
    if (fields.empty()) {
      opening.take_request();
    } else {
      answer = opening.refusal();
      CHECK(answer.status == 400);
    }
    std::string out;
    opening.append(out, answer, date);
    CHECK(out.substr(out.size() - 4) == "\r\n\r\n");
  }
}

TEST_CASE("opening: says once that a body may come") {
  websocketpp_opening opening(100, "");
  CHECK_FALSE(opening.take_continue());
  CHECK(opening.feed(
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n") ==
        progress::more);
  CHECK(opening.take_continue());
  CHECK_FALSE(opening.take_continue());
  CHECK(opening.feed("ab") == progress::complete);
}

TEST_CASE("opening: who finds no place is told when to come again") {
  CHECK(websocketpp_opening::no_place().status == 503);
  CHECK(websocketpp_opening::no_place().headers.contains("Retry-After"));
}

TEST_CASE("websocketpp_opening: a handshake of TLS is known by its first byte, and by that alone") {
  websocketpp_opening opening(1000, "::1");
  CHECK(opening.is_tls("\x16\x03\x01"));
  CHECK_FALSE(opening.is_tls("GET"));
  CHECK_FALSE(opening.is_tls(""));
  opening.feed("G");
  CHECK_FALSE(opening.is_tls("\x16\x03\x01"));
}
