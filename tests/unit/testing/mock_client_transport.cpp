// SPDX-License-Identifier: MIT
#include <agent_websocket/testing/mock_client_transport.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using agent_websocket::client_transport_sink;
using agent_websocket::testing::mock_client_transport;

namespace {

struct notes final : client_transport_sink {
  void on_open() override { log += "open "; }
  void on_alive() override { log += "alive "; }
  void on_text(std::string_view text) override { log += std::string(text) + " "; }
  void on_close(std::uint16_t code, std::string_view) override {
    log += "closed:" + std::to_string(code) + " ";
  }
  void on_failed(std::error_code, int status, std::string_view detail) override {
    log += "failed:" + std::to_string(status) + ":" + std::string(detail) + " ";
  }
  std::string log;
};

}  // namespace

TEST_CASE("mock client transport: is a ClientTransport") {
  CHECK(agent_websocket::require_client_transport<mock_client_transport>());
}

TEST_CASE("mock client transport: records what the library does") {
  mock_client_transport transport;
  notes sink;
  transport.start(sink);
  transport.open("ws://localhost/ws", {{"Authorization", "Bearer t"}});
  CHECK(transport.is_attempting());
  CHECK(transport.connections()[0].url == "ws://localhost/ws");
  CHECK(transport.connections()[0].headers.find("authorization") == "Bearer t");
  transport.accept();
  CHECK(transport.is_open());
  transport.send("a");
  transport.send("b");
  CHECK(transport.take_sent() == std::vector<std::string>{"a", "b"});
  CHECK(transport.take_sent().empty());
  transport.send("c");
  transport.open("ws://localhost/other", {});
  transport.accept();
  transport.send("d");
  CHECK(transport.take_sent() == std::vector<std::string>{"c", "d"});
  transport.close(1000, "done");
  CHECK(transport.connections()[1].closed_with->second == "done");
  CHECK(sink.log == "open open ");
  transport.run();
  CHECK(sink.log == "open open closed:1000 ");
  CHECK(transport.connections()[0].sent.size() == 3u);
}

TEST_CASE("mock client transport: the server refuses, pings, talks, and reads slowly") {
  mock_client_transport transport;
  notes sink;
  transport.start(sink);
  transport.open("ws://localhost/", {});
  transport.refuse(503);
  transport.open("ws://localhost/", {});
  transport.refuse(0);
  CHECK(sink.log == "failed:503:HTTP/1.1 503 failed:0:Connection refused ");
  sink.log.clear();
  transport.open("ws://localhost/", {});
  transport.accept();
  transport.receive_ping();
  transport.receive("hi");
  CHECK(sink.log == "open alive alive hi ");
  CHECK(transport.send("abc") == 0u);
  transport.stall();
  CHECK(transport.send("abc") == 9u);
  CHECK(transport.send("abc") == 18u);
}

TEST_CASE("mock client transport: what cannot be fails the test") {
  mock_client_transport transport;
  notes sink;
  transport.start(sink);
  CHECK_THROWS_AS(transport.accept(), std::logic_error);
  CHECK_THROWS_AS(transport.receive("x"), std::logic_error);
  transport.open("ws://localhost/", {});
  CHECK_THROWS_AS(transport.disconnect(), std::logic_error);
  transport.accept();
  CHECK_THROWS_AS(transport.refuse(401), std::logic_error);
}
