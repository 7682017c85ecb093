// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_lease.hpp>

#include "loopback/redis_peer.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::result;
using agent_websocket::adapters::redis_client;
using agent_websocket::adapters::redis_connection_settings;
using agent_websocket::adapters::redis_lease;
using loopback::redis_peer;
using std::chrono::milliseconds;

namespace {

struct bench {
  explicit bench(redis_peer::answer each) : peer(context, std::move(each)) {
    redis_connection_settings settings;
    settings.address = {"127.0.0.1", peer.port()};
    settings.on_event = [this](std::string_view event, std::string_view) {
      events.push_back(std::string(event));
    };
    client = std::make_unique<redis_client>(context, std::move(settings), false);
    lease = std::make_unique<redis_lease>(context, *client, "p:", "me", milliseconds(300));
  }
  void run_for(int time) {
    context.restart();
    context.run_for(milliseconds(time));
  }
  std::size_t count(const std::string& command) const {
    std::size_t found = 0;
    for (const std::string& each : peer.commands()) found += each == command ? 1 : 0;
    return found;
  }

  asio::io_context context;
  redis_peer peer;
  std::vector<std::string> events;
  std::unique_ptr<redis_client> client;
  std::unique_ptr<redis_lease> lease;
};

}  // namespace

TEST_CASE("redis lease: renewed every third of it") {
  bench at([](const std::string&) { return "+OK\r\n"; });
  at.lease->start();
  at.run_for(450);
  const std::string renewal = "SET p:node:{me} 1 PX 300";
  CHECK(at.count(renewal) >= 3);
  CHECK(at.count(renewal) <= 5);
  at.lease->stop();
  at.run_for(50);
  const std::size_t before = at.count(renewal);
  at.run_for(300);
  CHECK(at.count(renewal) == before);
  at.lease->end();
  at.run_for(50);
  CHECK(at.peer.commands().back() == "DEL p:node:{me}");
  CHECK(at.lease->name() == "me");
}

TEST_CASE("redis lease: over, told once, and back") {
  bool refuses = false;
  bench at([&](const std::string& command) -> std::string {
    return refuses && command.find("SET") == 0 ? "-OOM full\r\n" : "+OK\r\n";
  });
  at.lease->start();
  at.run_for(50);
  refuses = true;
  at.run_for(120);
  CHECK(at.events == std::vector<std::string>{"redis_connected"});  // not yet
  at.run_for(700);
  CHECK(at.events == std::vector<std::string>{"redis_connected", "lease_over"});
  refuses = false;
  at.run_for(200);
  CHECK(at.events == std::vector<std::string>{"redis_connected", "lease_over", "lease_back"});
}

TEST_CASE("redis lease: who lives") {
  bench at([&](const std::string& command) -> std::string {
    if (command == "EXISTS p:node:{a}") return ":1\r\n";
    if (command == "EXISTS p:node:{b}") return ":0\r\n";
    return command == "PING" ? "+PONG\r\n" : "-OOM full\r\n";
  });
  std::string lives;
  for (const char* name : {"a", "b", "c"}) {
    at.lease->look_for(name, [&](const result<bool>& found) {
      lives += !found ? '?' : *found ? '1' : '0';
    });
  }
  std::optional<result<void>> renewed;
  at.lease->renew([&](const result<void>& outcome) { renewed = outcome; });
  CHECK(lives.empty());
  at.run_for(100);
  CHECK(lives == "10?");
  REQUIRE(renewed);
  CHECK(renewed->error().detail == "redis: OOM full");
}

TEST_CASE("redis lease: gone while its timer runs") {
  bench at([](const std::string&) { return "+OK\r\n"; });
  at.lease->start();
  at.run_for(20);
  at.client.reset();
  at.lease.reset();
  at.run_for(200);
}
