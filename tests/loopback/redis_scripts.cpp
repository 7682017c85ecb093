// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_scripts.hpp>

#include "loopback/redis_peer.hpp"
#include "loopback/redis_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using agent_websocket::result;
using agent_websocket::adapters::redis_client;
using agent_websocket::adapters::redis_connection_settings;
using agent_websocket::adapters::redis_digest;
using agent_websocket::adapters::redis_reply;
using agent_websocket::adapters::redis_script;
using agent_websocket::adapters::redis_session_scripts;
using std::chrono::milliseconds;

TEST_CASE("redis scripts: digests") {
  CHECK(redis_digest("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(redis_digest("return 1") == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
  const redis_script script("return 1");
  CHECK(script.digest() == redis_digest(script.text()));
}

TEST_CASE("redis scripts: by digest, and by text where it is not known") {
  asio::io_context context;
  bool knows = false;
  loopback::redis_peer peer(context, [&](const std::string& command) -> std::string {
    if (command.find("EVALSHA") == 0 && !knows) return "-NOSCRIPT No matching script.\r\n";
    if (command.find("EVAL ") == 0) knows = true;
    return "+OK\r\n";
  });
  redis_connection_settings settings;
  settings.address = {"127.0.0.1", peer.port()};
  redis_client client(context, settings, false);
  const redis_script script("return 1");
  int outcomes = 0;
  const auto count = [&](const result<redis_reply>& reply) {
    CHECK((reply && reply->text() == "OK"));
    ++outcomes;
  };
  script.run(client, 2, {"a", "b", "c"}, count);
  const auto run = [&](int wanted) {
    for (int i = 0; i < 200 && outcomes < wanted; ++i) {
      context.restart();
      context.run_one_for(milliseconds(10));
    }
    CHECK(outcomes == wanted);
  };
  run(1);
  script.run(client, 1, {"d"}, count);
  run(2);
  const std::string digest = script.digest();
  CHECK(peer.commands() == std::vector<std::string>{"PING", "EVALSHA " + digest + " 2 a b c",
                                                    "EVAL return 1 2 a b c",
                                                    "EVALSHA " + digest + " 1 d"});
}

TEST_CASE("redis scripts: all that the store has are known to Redis by their digests") {
  if (!loopback::redis_server::is_installed()) return;
  loopback::redis_server server;
  const redis_session_scripts all;
  for (const redis_script* each :
       {&all.load, &all.peek, &all.claim, &all.append, &all.release, &all.erase}) {
    CHECK(server.command({"SCRIPT", "LOAD", each->text()}) == each->digest());
  }
}
