// SPDX-License-Identifier: MIT
#include <agent_websocket/testing/mock_transport.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using agent_websocket::connection_id;
using agent_websocket::handshake;
using agent_websocket::http::request;
using agent_websocket::http::response;
using agent_websocket::testing::mock_transport;

namespace {

// Accepts everything, answers plain requests with their target, logs what it is told.
struct sink final : agent_websocket::transport_sink {
  explicit sink(mock_transport& of) : transport(of) {}

  void on_request(connection_id id, handshake asked) override {
    last = asked;
    if (!answers) return;
    if (asked.is_upgrade) transport.answer(id, {101, {}, ""});
    if (!asked.is_upgrade) transport.answer(id, response::text(200, asked.request.target));
  }
  void on_abandoned(connection_id) override { log += "abandoned "; }
  void on_open(connection_id id) override {
    log += "open ";
    transport.send(id, "welcome");
  }
  void on_text(connection_id id, std::string_view text) override {
    log += "text:" + std::string(text) + " ";
    if (text == "close") transport.close(id, 1000, "bye");
  }
  void on_binary(connection_id, std::size_t bytes) override {
    log += "binary:" + std::to_string(bytes) + " ";
  }
  void on_oversized(connection_id, std::size_t bytes) override {
    log += "oversized:" + std::to_string(bytes) + " ";
  }
  void on_alive(connection_id) override { log += "alive "; }
  void on_drained(connection_id) override { log += "drained "; }
  void on_close(connection_id, std::uint16_t code, std::string_view reason) override {
    log += "closed:" + std::to_string(code) + std::string(reason) + " ";
  }

  mock_transport& transport;
  handshake last;
  std::string log;
  bool answers = true;
};

struct bench {
  mock_transport transport;
  sink watcher{transport};
  bench() { REQUIRE(transport.start(watcher)); }
  std::string take_log() { return std::exchange(watcher.log, ""); }
};

}  // namespace

TEST_CASE("mock transport: meets the requirement") {
  CHECK(agent_websocket::is_transport_v<mock_transport>);
}

TEST_CASE("mock transport: starting, failing to start, stopping") {
  mock_transport transport;
  sink watcher(transport);
  CHECK_THROWS_AS(transport.connect(), std::logic_error);
  transport.fail_start(
      agent_websocket::error(agent_websocket::errc::bad_configuration, "port taken"));
  const auto failed = transport.start(watcher);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message == "port taken");
  CHECK_FALSE(transport.listening());
  CHECK(transport.start(watcher));
  CHECK(transport.listening());
  transport.stop();
  CHECK_FALSE(transport.listening());
}

TEST_CASE("mock transport: connect returns with the connection open, and fills in a request") {
  bench b;
  const connection_id id = b.transport.connect();
  CHECK(b.transport.is_open(id));
  CHECK(b.transport.open_count() == 1u);
  CHECK(b.take_log() == "open ");
  CHECK(b.watcher.last.is_upgrade);
  CHECK(b.watcher.last.request.target == "/ws");
  CHECK(b.watcher.last.request.headers.find("Host") == "localhost");
  CHECK(b.watcher.last.remote_address == "127.0.0.1");
  handshake own;
  own.request.target = "/other";
  own.request.headers.add("Host", "example.org");
  own.remote_address = "10.0.0.1";
  b.transport.connect(own);
  CHECK(b.watcher.last.request.target == "/other");
  CHECK(b.watcher.last.request.headers.size() == 1u);
  CHECK(b.watcher.last.remote_address == "10.0.0.1");
}

TEST_CASE("mock transport: an answer that comes later opens with the next driving call") {
  bench b;
  b.watcher.answers = false;
  const connection_id id = b.transport.connect();
  CHECK(b.transport.response_of(id).status == 0);
  b.transport.answer(id, {101, {{"Sec-WebSocket-Protocol", "x"}}, ""});
  CHECK(b.take_log() == "");
  b.transport.run();
  CHECK(b.take_log() == "open ");
  CHECK(b.transport.response_of(id).headers.find("Sec-WebSocket-Protocol") == "x");
}

TEST_CASE("mock transport: plain requests") {
  bench b;
  request plain;
  plain.target = "/healthz";
  CHECK(b.transport.request(plain).body == "/healthz");
  CHECK_FALSE(b.watcher.last.is_upgrade);
  b.watcher.answers = false;
  CHECK(b.transport.request(plain).status == 0);
  const connection_id id = b.transport.last();
  b.transport.answer(id, {101, {}, ""});  // a mistake, answered as the real one does
  CHECK(b.transport.response_of(id).status == 500);
  CHECK_FALSE(b.transport.is_open(id));
}

TEST_CASE("mock transport: what a client sends") {
  bench b;
  const connection_id id = b.transport.connect();
  b.take_log();
  b.transport.receive(id, "hello");
  b.transport.receive_binary(id, 3);
  b.transport.receive_oversized(id, 4);
  b.transport.receive_pong(id);
  CHECK(b.take_log() == "alive text:hello alive binary:3 alive oversized:4 alive ");
  b.transport.receive(id, "close");
  CHECK(b.take_log() == "alive text:close closed:1000bye ");
  b.transport.receive(id, "dropped");
  CHECK(b.take_log() == "");
  CHECK(b.transport.close_sent(id)->first == 1000);
  CHECK_FALSE(b.transport.is_open(id));
}

TEST_CASE("mock transport: records of what was sent") {
  bench b;
  const connection_id id = b.transport.connect();
  CHECK(b.transport.take_sent(id) == std::vector<std::string>{"welcome"});
  CHECK(b.transport.take_sent(id).empty());
  b.transport.send(id, "two");
  b.transport.ping(id);
  CHECK(b.transport.take_sent(id) == std::vector<std::string>{"two"});
  CHECK(b.transport.sent(id).size() == 2u);
  CHECK(b.transport.pings(id) == 1u);
  CHECK_FALSE(b.transport.close_sent(id));
  b.transport.disconnect(id, 4000, "away");
  CHECK(b.take_log() == "open closed:4000away ");
  CHECK(b.transport.send(id, "x") == 0u);
  CHECK(b.transport.sent(id).size() == 2u);
  CHECK_THROWS_AS(b.transport.sent(99), std::out_of_range);
}

TEST_CASE("mock transport: who goes before the answer is abandoned") {
  bench b;
  b.watcher.answers = false;
  const connection_id id = b.transport.connect();
  b.transport.disconnect(id);
  CHECK(b.take_log() == "abandoned ");
  b.transport.answer(id, {101, {}, ""});
  b.transport.run();
  CHECK(b.take_log() == "");
}

TEST_CASE("mock transport: a stalled client keeps what is sent waiting") {
  bench b;
  const connection_id id = b.transport.connect();
  b.take_log();
  CHECK(b.transport.send(id, "x") == 0u);
  b.transport.stall(id);
  CHECK(b.transport.send(id, std::string(100, 'x')) == 102u);
  b.transport.drain(id);
  CHECK(b.take_log() == "");  // it was never above the mark
  b.transport.stall(id);
  b.transport.low_water_mark = 1000;
  CHECK(b.transport.send(id, std::string(996, 'x')) == 1000u);
  CHECK(b.transport.send(id, "") == 1002u);
  b.transport.drain(id);
  CHECK(b.take_log() == "drained ");
  CHECK(b.transport.send(id, "x") == 0u);
}
