// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/asio_http_connection.hpp>

#include "raw_http_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>

using namespace std::chrono_literals;
using agent_websocket::errc;
using agent_websocket::adapters::asio_http_buffers;
using agent_websocket::adapters::asio_http_connection;
using agent_websocket::adapters::asio_http_exchange;
using agent_websocket::adapters::asio_socket;
using agent_websocket::adapters::tls_context;
using loopback::chunk;
using loopback::chunked_head;
using loopback::last_chunk;
using loopback::ok;
using loopback::raw_http_server;
using loopback::reply;

namespace {

/// Writes down what it is told.
class exchange final : public asio_http_exchange {
 public:
  void on_established() override {
    told += "established ";
    if (at_established) at_established();
  }
  void on_answered() override { told += "answered "; }
  void on_head(const agent_websocket::http::response_head& head) override {
    told += std::to_string(head.status) + " ";
  }
  void on_body(std::string_view bytes) override {
    CHECK_FALSE(bytes.empty());
    ++pieces;
    told += std::string(bytes) + " ";
  }
  void on_end(asio_http_connection&, bool keep, std::error_code code,
              std::string_view words) override {
    told += keep ? "kept" : code ? "failed" : "ended";
    CHECK(bool(code) == !words.empty());
    failure = code;
    is_over = true;
  }

  std::function<void()> at_established;
  std::string told;
  int pieces = 0;
  std::error_code failure;
  bool is_over = false;
};

struct bench {
  asio::io_context context{1};
  raw_http_server server{context};
  asio_http_buffers buffers{64 * 1024,
                            std::make_shared<agent_websocket::adapters::turn_keeper>(context)};
  exchange seen;

  asio_http_connection::pointer connect() {
    asio_socket socket(context.get_executor());
    socket.connect({asio::ip::address_v4::loopback(), server.port()});
    socket.non_blocking(true);
    return asio_http_connection::make(std::move(socket), buffers, "key");
  }
  bool run(exchange& of) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!of.is_over && std::chrono::steady_clock::now() < end) context.run_one_for(100ms);
    return of.is_over;
  }
};

constexpr const char* get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace

TEST_CASE("asio_http_connection: one request, and the next on the same connection") {
  bench b;
  const auto connection = b.connect();
  CHECK(connection->key() == "key");
  CHECK(connection->open(b.seen, "", tls_context(), ""));
  CHECK(b.seen.told == "established ");
  b.server.reply_with(ok("abc"));
  connection->begin(b.seen, get, {}, false, 1000);
  CHECK_FALSE(connection->is_reused());
  CHECK_FALSE(connection->has_answered());
  REQUIRE(b.run(b.seen));
  CHECK(b.seen.told == "established answered 200 abc kept");
  CHECK(connection->has_answered());
  CHECK(connection->is_quiet());
  exchange second;
  b.server.reply_with(chunked_head + chunk("a") + chunk("b") + chunk("c") + last_chunk);
  connection->begin(second, get, {}, false, 1000);
  CHECK(connection->is_reused());
  CHECK_FALSE(connection->has_answered());
  REQUIRE(b.run(second));
  CHECK(second.told == "answered 200 abc kept");
  CHECK(second.pieces == 1);  // what one read brought comes in one piece
  CHECK(b.server.accepted == 1u);
}

TEST_CASE("asio_http_connection: one that the peer has closed, or has written to, is not quiet") {
  bench b;
  const auto connection = b.connect();
  connection->open(b.seen, "", tls_context(), "");
  b.server.reply_with(ok("abc"));
  connection->begin(b.seen, get, {}, false, 1000);
  REQUIRE(b.run(b.seen));
  b.context.run_for(5ms);
  CHECK(connection->is_quiet());
  CHECK(b.server.close_idle() == 1u);
  b.context.run_for(5ms);
  CHECK_FALSE(connection->is_quiet());
  connection->abandon();
  CHECK_FALSE(connection->is_quiet());
}

TEST_CASE("asio_http_connection: pause, resume and abandon") {
  bench b;
  const auto connection = b.connect();
  connection->open(b.seen, "", tls_context(), "");
  b.server.reply_with(reply(chunked_head + chunk("a")).wait(10ms).send(chunk("b") + last_chunk));
  connection->pause();
  connection->begin(b.seen, get, {}, false, 1000);
  b.context.run_for(40ms);
  CHECK(b.seen.told == "established ");
  SUBCASE("resumed") {
    connection->resume();
    CHECK(b.seen.told == "established ");
    REQUIRE(b.run(b.seen));
    CHECK(b.seen.told == "established answered 200 ab kept");
  }
  SUBCASE("abandoned") {
    connection->resume();
    connection->abandon();
    b.context.run_for(20ms);
    CHECK(b.seen.told == "established ");
    CHECK(b.server.ended_by_peer == 1u);
  }
}

TEST_CASE("asio_http_connection: a tunnel before the first request") {
  bench b;
  const auto connection = b.connect();
  b.server.reply_with("HTTP/1.1 200 Go\r\n\r\n");
  b.server.reply_with(ok("abc"));
  CHECK(connection->open(b.seen, "CONNECT a:443 HTTP/1.1\r\n\r\n", tls_context(), ""));
  connection->begin(b.seen, get, {}, false, 1000);
  CHECK(b.seen.told == "");
  REQUIRE(b.run(b.seen));
  CHECK(b.seen.told == "established answered 200 abc kept");
  CHECK(b.server.requests.at(0).line == "CONNECT a:443 HTTP/1.1");
  CHECK(b.server.requests.at(1).line == "GET / HTTP/1.1");
}

TEST_CASE("asio_http_connection: no tunnel, no request") {
  bench b;
  const auto connection = b.connect();
  SUBCASE("refused") { b.server.reply_with("HTTP/1.1 403 No\r\n\r\n"); }
  SUBCASE("closed") { b.server.reply_with(reply().close()); }
  SUBCASE("spoken into") { b.server.reply_with("HTTP/1.1 200 Go\r\n\r\nearly"); }
  CHECK(connection->open(b.seen, "CONNECT a:443 HTTP/1.1\r\n\r\n", tls_context(), ""));
  connection->begin(b.seen, get, {}, false, 1000);
  REQUIRE(b.run(b.seen));
  CHECK(b.seen.told == "failed");
  CHECK(b.seen.failure == errc::connection_failed);
  CHECK(b.server.requests.size() == 1u);
}

TEST_CASE("asio_http_connection: abandoned as soon as its tunnel stands, it sends nothing") {
  bench b;
  const auto connection = b.connect();
  b.server.reply_with("HTTP/1.1 200 Go\r\n\r\n");
  b.seen.at_established = [&] {
    connection->abandon();
    b.seen.is_over = true;
  };
  CHECK(connection->open(b.seen, "CONNECT a:443 HTTP/1.1\r\n\r\n", tls_context(), ""));
  connection->begin(b.seen, get, {}, false, 1000);
  REQUIRE(b.run(b.seen));
  b.context.run_for(10ms);
  CHECK(b.seen.told == "established ");
  CHECK(b.server.requests.size() == 1u);
}

TEST_CASE("asio_http_connection: no certificate can be for an impossible name") {
  bench b;
  const auto connection = b.connect();
  const auto security = tls_context::of_client("");
  REQUIRE(security);
  CHECK_FALSE(connection->open(b.seen, "", *security, std::string(300, 'a')));
  connection->abandon();
}

TEST_CASE("asio_http_connection: how it ends") {
  struct row {
    reply bytes;
    std::string told;
    errc failure;
  };
  const row rows[] = {
      {reply().close(), "established failed", errc::connection_failed},
      {reply("HTTP/1.1 200 OK\r\n\r\nabc").wait(5ms).close(), "established answered 200 abc ended",
       errc()},
      {reply(ok("a", "Connection: close\r\n")), "established answered 200 a ended", errc()},
      {reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc").close(),
       "established answered 200 abc failed", errc::protocol_error},
      {reply("SSH-2.0"), "established answered failed", errc::protocol_error},
  };
  for (const row& each : rows) {
    bench b;
    const auto connection = b.connect();
    connection->open(b.seen, "", tls_context(), "");
    b.server.reply_with(each.bytes);
    connection->begin(b.seen, get, {}, false, 1000);
    REQUIRE(b.run(b.seen));
    CHECK(b.seen.told == each.told);
    if (each.failure != errc()) CHECK(b.seen.failure == each.failure);
    CHECK_FALSE(connection->is_quiet());
  }
}
