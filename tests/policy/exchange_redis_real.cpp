// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_exchange.hpp>

#if AGENT_WEBSOCKET_WITH_REDIS

#include "loopback/redis_process.hpp"
#include "loopback/redis_server.hpp"
#include "policy/exchange_suite.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace {

using agent_websocket::exchange_sink;
using agent_websocket::adapters::redis_exchange;
using loopback::redis_process;
using loopback::redis_server;
using std::chrono::milliseconds;

redis_server& server() {
  static redis_server only;
  return only;
}

class fixture {
 public:
  static constexpr std::size_t size = 3;

  fixture() {
    for (std::size_t i = 0; i < size; ++i) {
      processes_[i] = std::make_unique<redis_process>(server().url());
      exchanges_[i] = std::make_unique<redis_exchange>(processes_[i]->store());
    }
  }

  redis_exchange& exchange(std::size_t i) { return *exchanges_[i]; }
  void listen(std::size_t i, exchange_sink& sink) {
    exchanges_[i]->listen(sink);
    run([&] { return hears(i); });
    REQUIRE(hears(i));
  }
  void run(const std::function<bool()>& ready) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!ready() && std::chrono::steady_clock::now() < end) turn(milliseconds(1));
  }
  void settle() {
    for (int i = 0; i < 10; ++i) turn(milliseconds(2));
  }
  void drop(std::size_t i) { exchanges_[i].reset(); }
  void lose(std::size_t i) {
    CHECK(server().command({"CLIENT", "KILL", "ID", subscriber(i)}) == "1");
  }
  void restore(std::size_t) {}

 private:
  void turn(milliseconds time) {
    for (const auto& each : processes_) each->run_for(time);
  }
  bool hears(std::size_t i) const {
    return server().command({"PUBSUB", "NUMSUB", channel(i)}).find("\n1") != std::string::npos &&
           server().command({"PUBSUB", "NUMSUB", "agent_websocket:all"}).back() >= '1';
  }
  std::string channel(std::size_t i) const {
    return "agent_websocket:to:" + exchanges_[i]->name();
  }
  /// Connections are numbered in the order of their coming, and listen() waits for each.
  std::string subscriber(std::size_t i) const {
    const std::string all = server().command({"CLIENT", "LIST", "TYPE", "pubsub"});
    std::size_t at = 0;
    for (std::size_t line = 0; line < i; ++line) at = all.find('\n', at) + 1;
    return all.substr(at + 3, all.find(' ', at) - at - 3);
  }

  std::unique_ptr<redis_process> processes_[size];
  std::unique_ptr<redis_exchange> exchanges_[size];
};

}  // namespace

TEST_CASE("redis_exchange keeps the requirement Exchange") {
  if (redis_server::is_installed()) exchange_suite::run_all<fixture>();
}

#endif
