// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_exchange.hpp>

#include "loopback/redis_cluster.hpp"
#include "loopback/redis_process.hpp"
#include "loopback/redis_server.hpp"
#include "policy/exchange_suite.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>

using agent_websocket::adapters::redis_exchange;
using loopback::redis_process;
using loopback::redis_server;
using std::chrono::milliseconds;

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
  // The store's own connection may come back before or after.
  const auto is_connected = [&] {
    const auto last = std::find_if(two.events.rbegin(), two.events.rend(), [](const auto& each) {
      return each.compare(0, 9, "exchange_") == 0;
    });
    return last != two.events.rend() && *last == "exchange_connected";
  };
  both_until([&] { return ear.gaps > 0 && is_connected(); });
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
  redis_server own;
  redis_process one(own.url());
  redis_exchange to(one.store());
  exchange_suite::ear ear;
  to.listen(ear);
  const std::string channel = "agent_websocket:to:" + to.name();
  one.run([&] { return own.command({"PUBSUB", "NUMSUB", channel}).find("\n1") != std::string::npos; });
  const auto say = [&](const std::string& letter) { own.command({"PUBLISH", channel, letter}); };
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
  own.command({"ACL", "SETUSER", "agent", "on", ">secret", "~*", "&*", "+@all", "-subscribe"});
  redis_process one("redis://agent:secret@" + own.address());
  redis_exchange to(one.store(), milliseconds(100));
  exchange_suite::ear ear;
  to.listen(ear);
  one.run([&] { return one.said("exchange_refused"); });
  CHECK(one.said("exchange_refused NOPERM"));
  CHECK(one.check() == redis_process::code());
  own.command({"ACL", "SETUSER", "agent", "+subscribe"});  // it asks again
  const std::string channel = "agent_websocket:to:" + to.name();
  one.run([&] { return own.command({"PUBSUB", "NUMSUB", channel}).find("\n1") != std::string::npos; });
  CHECK(own.command({"PUBLISH", channel, "other 1 1 x"}) == "1");
  one.run([&] { return !ear.heard.empty(); });
  CHECK(ear.heard == exchange_suite::texts{"other: x"});
}

TEST_CASE("redis exchange: a connection that is dead without a word") {
  if (!redis_server::is_installed()) return;
  redis_server own;
  auto settings = redis_process::of(own.url());
  settings.timeout = milliseconds(200);
  redis_process one(settings);
  redis_exchange to(one.store(), milliseconds(100));
  exchange_suite::ear ear;
  to.listen(ear);
  one.run([&] { return one.said("exchange_connected"); });
  one.run_for(milliseconds(400));
  CHECK_FALSE(one.said("exchange_lost"));
  own.pause();
  const auto begin = std::chrono::steady_clock::now();
  one.run([&] { return one.said("exchange_lost"); });
  CHECK(one.said("no reply in time"));
  CHECK(std::chrono::steady_clock::now() - begin < milliseconds(3'000));
  own.go_on();
  one.run([&] { return ear.gaps == 1; });
  CHECK(ear.gaps == 1);
}

TEST_CASE("redis exchange: in a cluster, from any server to any other") {
  if (!redis_server::is_installed()) return;
  loopback::redis_cluster cluster;
  redis_process one(cluster.url()), two(cluster.server(1).url() + "?cluster=1");
  redis_exchange from(one.store()), to(two.store());
  exchange_suite::ear ear;
  to.listen(ear);
  const auto both_until = [&](const std::function<bool()>& ready) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(15);
    while (!ready() && std::chrono::steady_clock::now() < end) {
      one.run_for(milliseconds(5));
      two.run_for(milliseconds(5));
    }
    CHECK(ready());
  };
  both_until([&] {
    from.send(to.name(), "hello");
    return !ear.heard.empty();
  });
  // The server that it listens at goes: it takes another one.
  cluster.server(1).end(SIGKILL);
  both_until([&] { return ear.gaps > 0; });
  ear.heard.clear();
  both_until([&] {
    from.publish("again");
    return !ear.heard.empty();
  });
  CHECK(ear.heard.front() == from.name() + ": again");
}
