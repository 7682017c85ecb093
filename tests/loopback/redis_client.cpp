// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_client.hpp>

#include "loopback/redis_cluster.hpp"
#include "loopback/redis_process.hpp"
#include "loopback/redis_server.hpp"
#include "policy/store_suite.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

using agent_websocket::errc;
using agent_websocket::result;
using agent_websocket::store_batch;
using agent_websocket::adapters::make_redis_command;
using agent_websocket::adapters::redis_client;
using agent_websocket::adapters::redis_connection_settings;
using agent_websocket::adapters::redis_reply;
using agent_websocket::adapters::redis_slot_of;
using loopback::redis_cluster;
using loopback::redis_process;
using loopback::redis_server;

namespace {

using std::chrono::milliseconds;
using code = redis_process::code;
using texts = std::vector<std::string>;

redis_cluster& cluster() {
  static redis_cluster only;
  return only;
}

class cluster_fixture {
 public:
  static constexpr bool shared = true;
  cluster_fixture() { reopen(); }

  auto& store() { return one_->store(); }
  auto& another() {
    if (!two_) two_ = std::make_unique<redis_process>(cluster().url());
    return two_->store();
  }
  void run(const std::function<bool()>& ready) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!ready() && std::chrono::steady_clock::now() < end) {
      one_->run_for(milliseconds(1));
      if (two_) two_->run_for(milliseconds(1));
    }
  }
  void settle() { one_->run_for(milliseconds(30)); }
  void reopen() {
    one_.reset();
    one_ = std::make_unique<redis_process>(cluster().url());
    one_->check();
  }
  void drop() { one_->drop(); }

 private:
  std::unique_ptr<redis_process> one_, two_;
};

/// A session of that server.
std::string session_of(std::size_t server, const std::string& base) {
  for (int i = 0;; ++i) {
    const std::string name = base + std::to_string(i);
    if (cluster().owner_of(redis_slot_of(name)) == server) return name;
  }
}

}  // namespace

TEST_CASE("redis client: one server, whatever the key") {
  if (!redis_server::is_installed()) return;
  redis_server server;
  asio::io_context context;
  redis_connection_settings settings;
  settings.address = {"127.0.0.1", server.port()};
  redis_client client(context, settings, false);
  std::string said;
  const auto tell = [&](const result<redis_reply>& reply) {
    said += reply ? std::string(reply->text()) + (reply->number() ? std::to_string(*reply->number()) : "")
                  : "!" + reply.error().detail;
    said += ";";
  };
  client.send("a", make_redis_command({"SET", "a", "1"}), tell);
  client.send("b", make_redis_command({"INCR", "a"}), tell);
  client.send("b", make_redis_command({"NOTHING"}), tell);
  client.send("b", make_redis_command({"EVALSHA", std::string(40, '0'), "0"}), tell);
  client.send_to_any(make_redis_command({"GET", "a"}), tell);
  CHECK(said.empty());
  for (int i = 0; i < 200 && said.find("22;") == std::string::npos; ++i) {
    context.restart();
    context.run_for(milliseconds(10));
  }
  CHECK(said.substr(0, 24) == "OK;2;!redis: ERR unknown");
  CHECK(said.find("NOSCRIPT No matching script. Please use EVAL.;22;") != std::string::npos);
}

TEST_CASE("redis client: a cluster keeps the requirement Store") {
  if (redis_server::is_installed()) store_suite::run_all<cluster_fixture>();
}

TEST_CASE("redis client: slots that move while sessions go on") {
  if (!redis_server::is_installed()) return;
  redis_process one(cluster().url());
  REQUIRE(one.reaches_redis());
  struct writer {
    std::string name;
    std::uint64_t next = 0;
    int failed = 0;
  };
  std::vector<writer> writers(60);
  bool going = true;
  std::size_t idle = 0;
  std::function<void(writer&)> write = [&](writer& each) {
    store_batch batch{each.name, 1, each.next, {std::to_string(each.next)}, false};
    one.store().append(std::move(batch), [&](const result<void>& outcome) {
      if (outcome) {
        ++each.next;
      } else {
        ++each.failed;
        CHECK_MESSAGE(outcome, outcome.error().detail);
      }
      if (going) return write(each);
      ++idle;
    });
  };
  for (std::size_t i = 0; i < writers.size(); ++i) {
    writers[i].name = "mover-" + std::to_string(i);
    write(writers[i]);
  }
  one.run_for(milliseconds(200));
  // 1500 slots from the first server to the second, by redis-cli beside us.
  const std::string output = cluster().server(0).directory() + "/reshard";
  std::thread mover([&] {
    CHECK(loopback::run_program(
              {"redis-cli", "--cluster", "reshard", cluster().server(0).address(), "--cluster-from",
               cluster().id(0), "--cluster-to", cluster().id(1), "--cluster-slots", "1500",
               "--cluster-yes"},
              output) == 0);
  });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  bool done = false;
  std::thread waiter([&] { mover.join(); asio::post(one.context(), [&] { done = true; }); });
  while (!done && std::chrono::steady_clock::now() < end) one.run_for(milliseconds(20));
  waiter.join();
  CHECK(done);
  one.run_for(milliseconds(200));
  going = false;
  one.run([&] { return idle == writers.size(); });
  std::size_t moved = 0;
  for (const writer& each : writers) {
    CHECK(each.failed == 0);
    const auto found = one.load(each.name);
    REQUIRE(found.next == each.next);
    for (std::uint64_t i = 0; i < each.next; ++i) REQUIRE(found.records[i] == std::to_string(i));
    if (redis_slot_of(each.name) < 1500) ++moved;
  }
  CHECK(moved > 0);
  MESSAGE("sessions whose slot moved: " << moved);
}

TEST_CASE("redis client: ASK, and TRYAGAIN for what is new in a slot on its way") {
  if (!redis_server::is_installed()) return;
  redis_process one(cluster().url()), fresh(cluster().url());
  REQUIRE(one.reaches_redis());
  const std::string session = session_of(2, "asked-");
  const std::uint16_t slot = redis_slot_of(session);
  const std::string number = std::to_string(slot), from = cluster().id(2), to = cluster().id(1);
  REQUIRE(one.append(session, 1, 0, {"0"}) == code());
  REQUIRE(cluster().server(1).command({"CLUSTER", "SETSLOT", number, "IMPORTING", from}) == "OK");
  REQUIRE(cluster().server(2).command({"CLUSTER", "SETSLOT", number, "MIGRATING", to}) == "OK");
  CHECK(one.append(session, 1, 1, {"1"}) == code());  // still here
  const std::string key = "agent_websocket:{" + session + "}";
  REQUIRE(cluster().server(2).command({"MIGRATE", "127.0.0.1",
                                       std::to_string(cluster().server(1).port()), "", "0", "5000",
                                       "KEYS", key, key + ":records"}) == "OK");
  CHECK(one.append(session, 1, 2, {"2"}) == code());  // asked for there
  CHECK(one.load(session).records == texts{"0", "1", "2"});
  const auto found = fresh.load(session);
  CHECK_MESSAGE((found.records == texts{"0", "1", "2"}), fresh.detail);
  // A session whose name ends in a brace is in the same slot.
  const auto begin = std::chrono::steady_clock::now();
  CHECK(one.append(session + "}", 1, 0, {"0"}) == errc::connection_failed);
  CHECK(one.detail.find("redis: TRYAGAIN") == 0);
  CHECK(std::chrono::steady_clock::now() - begin > milliseconds(1'800));
  CHECK(std::chrono::steady_clock::now() - begin < milliseconds(4'000));
  for (const std::size_t i : {1u, 2u, 0u}) {
    CHECK(cluster().server(i).command({"CLUSTER", "SETSLOT", number, "NODE", to}) == "OK");
  }
  CHECK(one.append(session + "}", 1, 0, {"0"}) == code());
  CHECK(one.append(session, 1, 3, {"3"}) == code());
  CHECK(one.load(session).records == texts{"0", "1", "2", "3"});
}

TEST_CASE("redis client: a server of the cluster is away") {
  if (!redis_server::is_installed()) return;
  redis_process one(cluster().url());
  REQUIRE(one.reaches_redis());
  const std::string here = session_of(1, "here-"), there = session_of(2, "there-");
  REQUIRE(one.append(here, 1, 0, {"0"}) == code());
  REQUIRE(one.append(there, 1, 0, {"0"}) == code());
  cluster().server(2).end(SIGKILL);
  CHECK(one.append(there, 1, 1, {"1"}) == errc::connection_failed);
  redis_cluster::wait_for(cluster().server(1), "cluster_state:fail");
  CHECK(one.append(here, 1, 1, {"1"}) == errc::connection_failed);
  CHECK(one.detail.find("redis: CLUSTERDOWN") == 0);
  CHECK(one.check() == errc::connection_failed);
  cluster().server(2).start();
  for (const std::size_t i : {0u, 1u, 2u}) redis_cluster::wait_for(cluster().server(i), "cluster_state:ok");
  REQUIRE(one.reaches_redis());
  CHECK(one.append(here, 1, 1, {"1"}) == code());
  CHECK(one.append(there, 1, 1, {"1"}) == errc::session_not_found);  // it kept nothing
  CHECK(one.append(there, 1, 0, {"0"}) == code());
}
