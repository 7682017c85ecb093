// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/websocketpp_connection.hpp>

#include <agent_websocket/http/date.hpp>

#include "loopback/transport_bench.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <string>

using namespace loopback;
using namespace std::chrono_literals;

namespace {

std::string first_line(const std::string& answer) { return answer.substr(0, answer.find('\r')); }

}  // namespace

TEST_CASE("connection: plain requests are answered, with lengths and an end") {
  transport_bench b;
  const std::string host = " HTTP/1.1\r\nHost: a\r\n\r\n";
  std::string whole = b.ask("GET /x?y=1" + host);
  const std::size_t date = whole.find("Date: ");
  REQUIRE(date != std::string::npos);
  const std::size_t end = whole.find('\r', date);
  const auto said = agent_websocket::http::parse_date(whole.substr(date + 6, end - date - 6));
  REQUIRE(said);
  const auto since = std::chrono::system_clock::now() - *said;
  CHECK(since >= 0s);
  CHECK(since < 1min);
  whole.erase(date, end + 2 - date);
  CHECK(whole ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n"
        "Connection: close\r\n\r\nGET /x?y=1");
  const std::string head = b.ask("HEAD /x" + host);
  CHECK(head.find("Content-Length: 7\r\n") != std::string::npos);
  CHECK(head.substr(head.size() - 4) == "\r\n\r\n");
  CHECK(b.ask("GET /1" + host + "GET /2" + host).find("GET /1") != std::string::npos);
}

TEST_CASE("connection: what is no good request is told so and never reaches the sink") {
  transport_bench::settings settings = transport_bench::local();
  settings.max_http_body_bytes = 1000;
  transport_bench b(settings);
  const std::string host = "\r\nHost: a\r\n";
  CHECK(first_line(b.ask("rubbish\r\n\r\n")) == "HTTP/1.1 400 Bad Request");
  CHECK(first_line(b.ask("GET / HTTP/1.1" + host + "X: " + std::string(17000, 'x') + "\r\n\r\n")) ==
        "HTTP/1.1 431 Request Header Fields Too Large");
  // The body was announced, is on its way, and is not waited for.
  CHECK(first_line(b.ask("POST / HTTP/1.1" + host + "Content-Length: 500000\r\n\r\n" +
                         std::string(500000, 'x'))) == "HTTP/1.1 413 Content Too Large");
  CHECK(
      first_line(b.ask("POST / HTTP/1.1" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")) ==
      "HTTP/1.1 501 Not Implemented");
  CHECK(first_line(b.ask("GET / HTTP/3.0" + host + "\r\n")) ==
        "HTTP/1.1 505 HTTP Version Not Supported");
  std::string other = upgrade_request();
  other.replace(other.find(": 13"), 4, ": 8");
  const std::string answer = b.ask(other);
  CHECK(first_line(answer) == "HTTP/1.1 426 Upgrade Required");
  CHECK(answer.find("Sec-WebSocket-Version: 13\r\n") != std::string::npos);
  other = upgrade_request();
  other.replace(other.find("b25j"), 4, "");
  CHECK(first_line(b.ask(other)) == "HTTP/1.1 400 Bad Request");
  CHECK(b.sink.last == 0u);
}

TEST_CASE("connection: a body may come after a permission") {
  transport_bench b;
  raw_client client = b.client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  REQUIRE(b.until(client, [&] { return client.in == "HTTP/1.1 100 Continue\r\n\r\n"; }));
  client.send("hello");
  REQUIRE(b.until(client, [&] { return client.ended; }));
  CHECK(b.sink.request.request.body == "hello");
  CHECK(client.in.find("HTTP/1.1 200 OK") != std::string::npos);
}

TEST_CASE(
    "connection: the answer to an upgrade declines extensions, and frames may come before it") {
  transport_bench b;
  b.sink.answers = false;
  raw_client client = b.client();
  client.send(upgrade_request("/ws", "Sec-WebSocket-Extensions: permessage-deflate\r\n") +
              client_frame(fin | text, "early"));
  REQUIRE(b.until(client, [&] { return b.sink.last != 0; }));
  client.send(client_frame(fin | text, "second") + std::string(1, '\x81'));
  b.idle(20ms);
  CHECK(b.sink.texts == 0u);
  b.transport.answer(b.sink.last, {101, {{"Sec-WebSocket-Protocol", "chat"}}, ""});
  client.send(client_frame(fin | text, "third").substr(1));
  REQUIRE(b.until(client, [&] { return b.sink.texts == 3; }));
  CHECK(b.sink.take_log() == "text:early text:second text:third ");
  const std::string head = take_head(client.in);
  CHECK(head.find("Sec-WebSocket-Extensions") == std::string::npos);
  CHECK(head.find("Sec-WebSocket-Protocol: chat\r\n") != std::string::npos);
  CHECK(head.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
}

TEST_CASE("connection: who sends much before the answer is read after it") {
  transport_bench b;
  b.sink.answers = false;
  raw_client client = b.client();
  std::string bytes = upgrade_request();
  for (int i = 0; i < 1000; ++i) bytes += client_frame(fin | text, std::string(100, 'x'));
  client.send(bytes);
  REQUIRE(b.until(client, [&] { return b.sink.last != 0; }));
  b.idle(20ms);
  b.transport.answer(b.sink.last, {101, {}, ""});
  CHECK(b.until(client, [&] { return b.sink.texts == 1000; }));
}

TEST_CASE("connection: every way of a peer to go is seen") {
  transport_bench b;
  SUBCASE("open: FIN, RST") {
    for (const bool reset : {false, true}) {
      raw_client client = b.open();
      if (reset) client.reset();
      client.drop();
      REQUIRE(b.until(client, [&] { return b.sink.closed == (reset ? 2u : 1u); }));
    }
    CHECK(b.sink.take_log() == "closed:1006 closed:1006 ");
  }
  SUBCASE("before its answer: FIN, RST") {
    b.sink.answers = false;
    for (const bool reset : {false, true}) {
      raw_client client = b.client();
      client.send(upgrade_request());
      REQUIRE(b.until(client, [&] { return b.sink.last != 0; }));
      b.sink.last = 0;
      if (reset) client.reset();
      client.drop();
      REQUIRE(b.until(client, [&] { return !b.sink.log.empty(); }));
      CHECK(b.sink.take_log() == "abandoned ");
    }
  }
  SUBCASE("before its request") {
    raw_client client = b.client();
    client.send("GET / HT");
    REQUIRE(b.until(client, [&] { return b.transport.connections() == 1; }));
    client.drop();
    REQUIRE(b.until(client, [&] { return b.transport.connections() == 0; }));
    CHECK(b.sink.log == "");
  }
  SUBCASE("while output waits for it") {
    raw_client client = b.open();
    client.reading = false;
    b.transport.send(b.sink.open.back(), std::string(20'000'000, 'x'));
    b.idle(20ms);
    client.reset();
    REQUIRE(b.until(client, [&] { return b.sink.closed == 1; }));
  }
  CHECK(b.until(*std::make_unique<raw_client>(b.transport.port()),
                [&] { return b.transport.connections() <= 1; }));
}

TEST_CASE("connection: who closes only its sending end gets its answer") {
  transport_bench b;
  raw_client client = b.client();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  client.finish_sending();
  REQUIRE(b.until(client, [&] { return client.ended || client.broken; }));
  CHECK(client.in.find("GET /") != std::string::npos);
  // Also when it is a long one.
  b.sink.answers = false;
  raw_client patient = b.client();
  patient.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  b.sink.last = 0;
  REQUIRE(b.until(patient, [&] { return b.sink.last != 0; }));
  patient.reading = false;
  b.transport.answer(b.sink.last,
                     agent_websocket::http::response::text(200, std::string(9'000'000, 'x')));
  b.idle(10ms);
  patient.finish_sending();
  b.idle(10ms);
  patient.reading = true;
  REQUIRE(b.until(patient, [&] { return patient.ended || patient.broken; }));
  CHECK(patient.in.size() > 9'000'000u);
}

TEST_CASE("connection: an answer that does not come in time is given by the transport") {
  transport_bench::settings settings = transport_bench::local();
  settings.answer_timeout = 50ms;
  transport_bench b(settings);
  b.sink.answers = false;
  CHECK(first_line(b.ask(upgrade_request())) == "HTTP/1.1 503 Service Unavailable");
  CHECK(b.sink.take_log() == "abandoned ");
  b.transport.answer(b.sink.last, {101, {}, ""});
  b.idle(10ms);
  CHECK(b.sink.open.empty());
}

TEST_CASE("connection: an object is small") {
  CHECK(sizeof(agent_websocket::adapters::websocketpp_connection) <= 320u);
}
