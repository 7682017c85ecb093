// SPDX-License-Identifier: MIT
//
// A websocketpp_transport on 127.0.0.1 with a sink that accepts every upgrade, echoes texts,
// answers plain requests with their method and target, and writes one word per event into a log.
#pragma once

#include <agent_websocket/adapters/websocketpp_transport.hpp>

#include "loopback/raw_client.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loopback {

class echo_sink final : public agent_websocket::transport_sink {
 public:
  using connection_id = agent_websocket::connection_id;
  using response = agent_websocket::http::response;

  explicit echo_sink(agent_websocket::adapters::websocketpp_transport& transport)
      : transport_(transport) {}

  std::string log;
  std::vector<connection_id> open;
  connection_id last = 0;
  agent_websocket::handshake request;
  bool answers = true;
  bool echoes = true;
  std::size_t texts = 0;
  std::size_t closed = 0;
  std::size_t drained = 0;
  std::function<void()> at_text = [] {};
  std::function<void()> at_close = [] {};

  std::string take_log() { return std::exchange(log, std::string()); }

  void on_request(connection_id id, agent_websocket::handshake asked) override {
    last = id;
    request = std::move(asked);
    if (!answers) return;
    if (request.is_upgrade) return transport_.answer(id, {101, {}, ""});
    transport_.answer(id,
                      response::text(200, request.request.method + " " + request.request.target));
  }
  void on_abandoned(connection_id) override { log += "abandoned "; }
  void on_open(connection_id id) override { open.push_back(id); }
  void on_text(connection_id id, std::string_view words) override {
    ++texts;
    if (words.size() < 20) log += "text:" + std::string(words) + " ";
    if (echoes) transport_.send(id, words);
    at_text();
  }
  void on_binary(connection_id, std::size_t bytes) override {
    log += "binary:" + std::to_string(bytes) + " ";
  }
  void on_oversized(connection_id, std::size_t bytes) override {
    log += "oversized:" + std::to_string(bytes) + " ";
  }
  void on_alive(connection_id) override {}
  void on_drained(connection_id) override { ++drained; }
  void on_close(connection_id, std::uint16_t code, std::string_view reason) override {
    ++closed;
    log += "closed:" + std::to_string(code) + std::string(reason) + " ";
    at_close();
  }

 private:
  agent_websocket::adapters::websocketpp_transport& transport_;
};

struct transport_bench {
  using settings = agent_websocket::adapters::websocketpp_transport::settings;

  static settings local() {
    settings chosen;
    chosen.host = "127.0.0.1";
    chosen.port = 0;
    return chosen;
  }

  explicit transport_bench(const settings& chosen = local()) : transport(context, chosen) {
    REQUIRE(transport.start(sink));
  }

  raw_client client(int receive_buffer = 0) { return raw_client(transport.port(), receive_buffer); }

  /// A client whose upgrade was accepted.
  raw_client open() {
    raw_client made = client();
    made.send(upgrade_request());
    const std::size_t before = sink.open.size();
    REQUIRE(until(made, [&] { return sink.open.size() > before && !take_head(made.in).empty(); }));
    return made;
  }

  template <typename Predicate>
  bool until(raw_client& of, Predicate predicate) {
    return run_until(context, {&of}, predicate);
  }

  /// What the server answers, once it has closed its end.
  std::string ask(std::string_view bytes) {
    raw_client asking = client();
    asking.send(bytes);
    CHECK(until(asking, [&] { return asking.ended || asking.broken; }));
    CHECK_FALSE(asking.broken);
    return asking.in;
  }

  /// Runs for a while.
  void idle(std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    run_until(context, {}, [&] { return std::chrono::steady_clock::now() > end; });
  }

  asio::io_context context{1};
  agent_websocket::adapters::websocketpp_transport transport;
  echo_sink sink{transport};
};

}  // namespace loopback
