// SPDX-License-Identifier: MIT
// Most of it is seen through the connector; here is what a server of ours would never send.
#include <agent_websocket/adapters/websocketpp_client_line.hpp>

#include "loopback/raw_client.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

using agent_websocket::client_transport_sink;
using agent_websocket::adapters::asio_socket;
using agent_websocket::adapters::client_handshake;
using agent_websocket::adapters::connector_settings;
using agent_websocket::adapters::link_pointer;
using agent_websocket::adapters::websocketpp_client_line;
using namespace std::chrono_literals;

namespace {

struct notes final : client_transport_sink {
  void on_open() override { log += "open "; }
  void on_text(std::string_view text) override {
    CHECK(std::exchange(alive, false));
    log += std::string(text) + " ";
  }
  void on_close(std::uint16_t code, std::string_view) override {
    log += std::to_string(code) + " ";
  }
  void on_alive() override { alive = true; }
  void on_failed(std::error_code failure, int status, std::string_view) override {
    log += std::string(to_string(static_cast<agent_websocket::errc>(failure.value()))) + " ";
    if (status != 0) log += std::to_string(status) + " ";
  }
  std::string log;
  bool alive = false;
};

// What becomes of a line whose server answers with these bytes, and then closes.
std::string told(std::string_view answer) {
  asio::io_context context(1);
  asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  loopback::raw_client server(acceptor.local_endpoint().port());
  asio_socket socket(context);
  acceptor.accept(socket);
  socket.non_blocking(true);
  notes sink;
  const auto line = websocketpp_client_line::begin(
      std::move(socket), sink,
      client_handshake::make(
          "a", "/", {},
          {'t', 'h', 'e', ' ', 's', 'a', 'm', 'p', 'l', 'e', ' ', 'n', 'o', 'n', 'c', 'e'}),
      connector_settings(), {}, std::chrono::steady_clock::now() + 10s);
  server.send(answer);
  loopback::run_until(context, {&server},
                      [&] { return !server.has_unsent() && server.in.size() > 100; });
  server.finish_sending();
  CHECK(loopback::run_until(context, {&server}, [&] { return server.ended || server.broken; }));
  return sink.log;
}

const std::string good =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

}  // namespace

TEST_CASE("client line: answers to the handshake") {
  CHECK(told(good) == "open 1006 ");
  CHECK(told(good + std::string("\x81\x02hi\x88\x02\x03\xE8", 8)) == "open hi 1000 ");
  CHECK(told("") == "connection_failed ");
  CHECK(told(good.substr(0, 60)) == "connection_failed ");
  CHECK(told("HTTP/1.1 200 OK\r\n\r\n") == "connection_failed 200 ");
  CHECK(told("HTTP/1.1 429 Slow Down\r\n\r\n") == "connection_failed 429 ");
  CHECK(told("220 smtp.example.org\r\n\r\n") == "connection_failed ");
  CHECK(told(std::string(20'000, 'x')) == "protocol_error ");
}

TEST_CASE("client line: frames that break the protocol") {
  CHECK(told(good + std::string("\x83\x01x", 3)) == "open 1002 ");
  CHECK(told(good + std::string("\x81\x01\xFF", 3)) == "open 1007 ");
  CHECK(told(good + std::string("\x82\x01z\x81\x01y", 6)) == "open y 1006 ");
}

TEST_CASE("client line: a host that no certificate can be for is a failure, not a line without TLS") {
  asio::io_context context(1);
  asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  loopback::raw_client server(acceptor.local_endpoint().port());
  asio_socket socket(context);
  acceptor.accept(socket);
  socket.non_blocking(true);
  notes sink;
  const agent_websocket::adapters::line_security security{
      agent_websocket::adapters::tls_context::of_client("").value(), std::string(300, 'x')};
  const auto line = websocketpp_client_line::begin(std::move(socket), sink,
                                                   client_handshake::make("a", "/", {}, {}),
                                                   connector_settings(), security,
                                                   std::chrono::steady_clock::now() + 10s);
  CHECK(sink.log == "");
  CHECK(loopback::run_until(context, {&server}, [&] { return server.ended || server.broken; }));
  CHECK(server.in.empty());
  CHECK(sink.log == "bad_configuration ");
}
