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

TEST_CASE("redis exchange: Redis goes and comes") {
  if (!redis_server::is_installed()) return;
  redis_server own;
  own.end(SIGTERM);
  redis_process one(own.url()), two(own.url());
  redis_exchange from(one.store()), to(two.store());
  exchange_suite::ear ear;
  to.listen(ear);
  from.publish("lost");
  one.run_for(milliseconds(50));
  two.run_for(milliseconds(50));
  own.start();
  const auto both_until = [&](const std::function<bool()>& ready) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!ready() && std::chrono::steady_clock::now() < end) {
      one.run_for(milliseconds(5));
      two.run_for(milliseconds(5));
    }
    CHECK(ready());
  };
  both_until([&] {
    from.publish("hello");
    return !ear.heard.empty();
  });
  CHECK(ear.gaps <= 1);
  own.end(SIGKILL);
  two.run_for(milliseconds(50));
  own.start();
  both_until([&] { return ear.gaps > 0 && two.events.back() == "exchange_connected"; });
  ear.heard.clear();
  both_until([&] {
    from.publish("again");
    return !ear.heard.empty();
  });
  CHECK(ear.heard.front() == from.name() + ": again");
  CHECK(two.said("exchange_lost " + own.address()));
}

TEST_CASE("redis exchange: a lost message shows in the next, also when no connection broke") {
  if (!redis_server::is_installed()) return;
  redis_process one(server().url());
  redis_exchange to(one.store());
  exchange_suite::ear ear;
  to.listen(ear);
  const std::string channel = "agent_websocket:to:" + to.name();
  one.run([&] { return server().command({"PUBSUB", "NUMSUB", channel}).find("\n1") != std::string::npos; });
  const auto say = [&](const std::string& letter) { server().command({"PUBLISH", channel, letter}); };
  say("other 1 1 a");
  say("other 3 2 b");
  say("other 6 4 d");
  say("other 5 3 c, too late");
  say("rubbish");
  say("other 7 5 e");
  one.run([&] { return ear.heard.size() == 4; });
  CHECK(ear.heard == exchange_suite::texts{"other: a", "other: b", "other: d", "other: e"});
  CHECK(ear.gaps == 1);
}

TEST_CASE("redis exchange: a user that may not subscribe") {
  if (!redis_server::is_installed()) return;
  redis_server own;
  own.command({"ACL", "SETUSER", "agent", "on", ">secret", "~*", "+@all", "-subscribe"});
  redis_process one("redis://agent:secret@" + own.address());
  redis_exchange to(one.store());
  exchange_suite::ear ear;
  to.listen(ear);
  one.run([&] { return one.said("exchange_refused"); });
  CHECK(one.said("exchange_refused NOPERM"));
  CHECK(one.check() == redis_process::code());
}

#endif
