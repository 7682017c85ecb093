// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_exchange.hpp>

#include "loopback/redis_process.hpp"
#include "loopback/redis_server.hpp"
#include "policy/exchange_suite.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <sstream>
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
    const std::set<std::string> before = subscribers();
    exchanges_[i]->listen(sink);
    run([&] { return hears(i); });
    REQUIRE(hears(i));
    for (const std::string& each : subscribers()) {
      if (before.count(each) == 0) connections_[i] = each;
    }
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
    CHECK(server().command({"CLIENT", "KILL", "ID", connections_[i]}) == "1");
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
  /// The numbers of the connections that Redis has, also of a case before.
  static std::set<std::string> subscribers() {
    std::set<std::string> all;
    std::istringstream lines(server().command({"CLIENT", "LIST", "TYPE", "pubsub"}));
    for (std::string line; std::getline(lines, line);) {
      if (line.find("id=") == 0) all.insert(line.substr(3, line.find(' ') - 3));
    }
    return all;
  }

  std::unique_ptr<redis_process> processes_[size];
  std::unique_ptr<redis_exchange> exchanges_[size];
  std::string connections_[size];  // of what they listen to
};

}  // namespace

TEST_CASE("redis_exchange keeps the requirement Exchange") {
  if (redis_server::is_installed()) exchange_suite::run_all<fixture>();
}
