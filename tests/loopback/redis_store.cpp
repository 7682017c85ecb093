// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_store.hpp>

#include "loopback/redis_peer.hpp"
#include "loopback/redis_process.hpp"
#include "loopback/redis_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using agent_websocket::errc;
using agent_websocket::result;
using agent_websocket::store_batch;
using agent_websocket::stored_session;
using agent_websocket::adapters::redis_settings;
using agent_websocket::adapters::redis_store;
using loopback::redis_process;
using loopback::redis_server;

namespace {

using std::chrono::milliseconds;
using clock_type = std::chrono::steady_clock;
using code = redis_process::code;
using texts = std::vector<std::string>;

redis_settings short_lease(const redis_server& server) {
  redis_settings settings = redis_process::of(server.url());
  settings.lease = milliseconds(1'000);
  return settings;
}

milliseconds since(clock_type::time_point begin) {
  return std::chrono::duration_cast<milliseconds>(clock_type::now() - begin);
}

}  // namespace

TEST_CASE("redis store: what cannot be opened") {
  asio::io_context context;
  const auto refusal = [&](redis_settings settings) {
    redis_store store(context, std::move(settings));
    const auto opened = store.open();
    CHECK((opened || opened.error().code == errc::bad_configuration));
    return opened ? std::string() : opened.error().message;
  };
  CHECK(refusal(redis_process::of("http://localhost")) ==
        "the address of Redis is wrong: it begins with redis:// or rediss:// (with TLS)");
  CHECK(refusal(redis_process::of("rediss://localhost?ca=/nonexistent")) ==
        "cannot read the file of trusted authorities \"/nonexistent\": No such file or directory");
  redis_settings settings = redis_process::of("redis://localhost");
  settings.name = "two words";
  CHECK(refusal(settings).find("the name of this process") != std::string::npos);
  settings.name = "one";
  settings.lease = milliseconds(299);
  CHECK(refusal(settings).find("a lease from 300 ms") != std::string::npos);

  redis_store unopened(context, settings);
  int calls = 0;
  unopened.check([&](const result<void>& outcome) {
    ++calls;
    CHECK(outcome.error().code == errc::connection_failed);
  });
  CHECK(calls == 0);
  context.run();
  CHECK(calls == 1);
}

TEST_CASE("redis store: a process that stands still longer than its lease") {
  if (!redis_server::is_installed()) return;
  redis_server server;
  redis_process one(short_lease(server)), two(short_lease(server));
  CHECK(one.store().name() != two.store().name());
  REQUIRE(one.append("s", 1, 0, {"0"}) == code());
  stored_session seen = two.load("s");
  CHECK(seen.holder == one.store().name());
  CHECK(two.claim("s", seen) == errc::busy);

  // While it runs it keeps its lease.
  one.run_for(milliseconds(1'500));
  CHECK(two.claim("s", two.load("s")) == errc::busy);

  two.run_for(milliseconds(1'100));  // and nobody runs the first one
  seen = two.load("s");
  CHECK(seen.holder == "");
  REQUIRE(two.claim("s", seen) == code());
  CHECK(two.claimed == 2);
  REQUIRE(two.append("s", 2, 1, {"1"}) == code());

  // It goes on as if nothing were, and does no harm.
  CHECK(one.append("s", 1, 1, {"late"}) == errc::moved);
  CHECK(one.append("s", 1, 1, {"late"}, true) == errc::moved);
  CHECK(one.release("s", 1) == errc::moved);
  CHECK(one.erase("s", 1) == errc::moved);
  CHECK(one.load("s").holder == two.store().name());
  CHECK(two.append("s", 2, 2, {"2"}) == code());
  CHECK(two.load("s").records == texts{"0", "1", "2"});
}

TEST_CASE("redis store: a process that comes back in time goes on, also after its lease") {
  if (!redis_server::is_installed()) return;
  redis_server server;
  redis_process one(short_lease(server)), two(short_lease(server));
  REQUIRE(one.append("s", 1, 0, {"0"}) == code());
  two.run_for(milliseconds(1'100));
  CHECK(two.load("s").holder == "");  // free, but nobody took it
  CHECK(one.append("s", 1, 1, {"1"}) == code());
  REQUIRE(one.check() == code());
  CHECK(two.load("s").holder == one.store().name());
}

TEST_CASE("redis store: a process that ends frees what it holds at once") {
  if (!redis_server::is_installed()) return;
  redis_server server;
  redis_process one(server.url()), two(server.url());
  REQUIRE(one.append("s", 1, 0, {"0"}) == code());
  CHECK(two.load("s").holder == one.store().name());
  const std::string node = "agent_websocket:node:{" + one.store().name() + "}";
  const int left = std::stoi(server.command({"PTTL", node}));
  CHECK((left > 5'000 && left <= 10'000));
  one.drop();
  CHECK(two.load("s").holder == "");
  CHECK(server.command({"EXISTS", node}) == "0");
}

TEST_CASE("redis store: keys, their prefix, database and time") {
  if (!redis_server::is_installed()) return;
  redis_server server;
  redis_settings settings = redis_process::of(server.url() + "/3?prefix=chat:");
  settings.keep = std::chrono::seconds(100);
  redis_process one(settings), other(server.url() + "/3");
  REQUIRE(one.append("s", 1, 0, {"0"}) == code());
  REQUIRE(other.append("s", 1, 0, {"x", "y"}) == code());
  const auto in = [&](const texts& words) {
    texts all{"-n", "3"};
    all.insert(all.end(), words.begin(), words.end());
    return server.command(all);
  };
  CHECK(in({"HMGET", "chat:{s}", "fence", "next", "holder"}) == "1\n1\n" + one.store().name());
  CHECK(in({"LRANGE", "chat:{s}:records", "0", "-1"}) == "0");
  CHECK(in({"LLEN", "agent_websocket:{s}:records"}) == "2");
  CHECK(server.command({"DBSIZE"}) == "0");
  for (const char* key : {"chat:{s}", "chat:{s}:records"}) {
    const int left = std::stoi(in({"TTL", key}));
    CHECK((left > 90 && left <= 100));
    in({"EXPIRE", key, "5"});
  }
  REQUIRE(one.append("s", 1, 1, {"1"}) == code());
  for (const char* key : {"chat:{s}", "chat:{s}:records"}) CHECK(std::stoi(in({"TTL", key})) > 90);
  const int month = std::stoi(in({"TTL", "agent_websocket:{s}"}));
  CHECK((month > 2'591'990 && month <= 2'592'000));

  // Half of a session is none.
  in({"DEL", "chat:{s}:records"});
  CHECK(one.load("s").next == 0);
  CHECK(one.append("s", 1, 2, {"2"}) == errc::session_not_found);
  CHECK(one.claim("s", {{}, 2, 1, {}}) == errc::session_not_found);
  CHECK(one.append("s", 1, 0, {"new"}) == code());
  in({"DEL", "chat:{s}"});
  CHECK(one.load("s").records.empty());
  CHECK(one.append("s", 1, 0, {"newer"}) == code());
  CHECK(one.load("s").records == texts{"newer"});

  // What is not ours is no crash.
  in({"SET", "chat:{other}", "text"});
  CHECK(one.append("other", 1, 0, {"0"}) == errc::internal);
  CHECK(one.detail.find("redis: WRONGTYPE") == 0);
  in({"HSET", "chat:{odd}", "fence", "many", "next", "1"});
  in({"RPUSH", "chat:{odd}:records", "1"});
  CHECK(one.claim("odd", {{}, 1, 1, {}}) == errc::internal);
  CHECK(one.detail == "redis: the key holds something else");
}

TEST_CASE("redis store: Redis crashes and comes back, with all that it had answered") {
  if (!redis_server::is_installed()) return;
  redis_server server({"--appendonly", "yes", "--appendfsync", "always"});
  redis_process one(server.url());
  std::uint64_t next = 0;
  int failures = 0, repeated = 0;
  bool going = true;
  std::function<void()> append = [&] {
    store_batch batch{"s", 1, next, {std::to_string(next)}, false};
    one.store().append(std::move(batch), [&](const result<void>& outcome) {
      if (outcome) {
        ++next;
      } else {
        ++failures;
        REQUIRE(outcome.error().code == errc::connection_failed);
      }
      if (!outcome) ++repeated;
      if (going) append();
    });
  };
  append();
  for (int round = 0; round < 3; ++round) {
    const std::uint64_t before = next;
    one.run([&] { return next >= before + 50; });
    server.end(SIGKILL);
    const int failed = failures;
    one.run([&] { return failures > failed + 3; });
    CHECK(failures > failed + 3);
    server.start();
    const std::uint64_t kept = next;
    const auto begin = clock_type::now();
    one.run([&] { return next > kept; });
    CHECK(since(begin) < milliseconds(4'000));
  }
  going = false;
  const std::uint64_t before = next;
  one.run([&] { return next > before; });
  const stored_session found = one.load("s");
  REQUIRE(found.next == next);
  REQUIRE(found.records.size() == next);
  for (std::uint64_t i = 0; i < next; ++i) CHECK(found.records[i] == std::to_string(i));
  // Each outage is told once, whatever it took.
  CHECK(one.events == texts{"redis_connected", "redis_lost", "redis_connected", "redis_lost",
                            "redis_connected", "redis_lost", "redis_connected"});
}

TEST_CASE("redis store: Redis comes back empty") {
  if (!redis_server::is_installed()) return;
  redis_server server;
  redis_process one(server.url());
  REQUIRE(one.append("s", 1, 0, {"0"}) == code());
  server.end(SIGKILL);
  CHECK(one.append("s", 1, 1, {"1"}) == errc::connection_failed);
  CHECK(one.detail.find("redis at " + server.address() + ": ") == 0);
  server.start();
  REQUIRE(one.reaches_redis());
  CHECK(one.append("s", 1, 1, {"1"}) == errc::session_not_found);  // scripts are sent again as well
  CHECK(one.load("s").next == 0);
  CHECK(one.append("t", 1, 0, {"0"}) == code());
}

TEST_CASE("redis store: a Redis that is not there yet") {
  if (!redis_server::is_installed()) return;
  redis_server server;
  server.end(SIGTERM);
  redis_process one(server.url());
  const auto begin = clock_type::now();
  for (int i = 0; i < 20; ++i) CHECK(one.check() == errc::connection_failed);
  CHECK(since(begin) < milliseconds(2'000));  // at once, and not after the time-out
  CHECK(one.words == "The store is not available");
  CHECK(one.told == texts{"redis_lost " + server.address() + ": Connection refused"});
  server.start();
  REQUIRE(one.reaches_redis());
  CHECK(one.append("s", 1, 0, {"0"}) == code());
  CHECK(one.events == texts{"redis_lost", "redis_connected"});
}

TEST_CASE("redis store: a Redis that does not answer") {
  if (!redis_server::is_installed()) return;
  redis_server server;
  redis_settings settings = redis_process::of(server.url());
  settings.timeout = milliseconds(200);
  settings.lease = milliseconds(600);
  redis_process one(settings);
  REQUIRE(one.append("s", 1, 0, {"0"}) == code());
  server.pause();
  auto begin = clock_type::now();
  CHECK(one.append("s", 1, 1, {"1"}) == errc::connection_failed);
  CHECK((since(begin) >= milliseconds(190) && since(begin) < milliseconds(1'500)));
  CHECK(one.detail.find("no reply in time") != std::string::npos);
  one.run_for(milliseconds(1'500));  // connections are taken by the kernel, and not answered
  CHECK(one.said("lease_over"));
  begin = clock_type::now();
  CHECK(one.append("s", 1, 1, {"1"}) == errc::connection_failed);
  CHECK(since(begin) < milliseconds(1'500));
  server.go_on();
  REQUIRE(one.reaches_redis());
  // The first one may have arrived: it is kept once.
  CHECK(one.append("s", 1, 1, {"1"}) == code());
  CHECK(one.load("s").records == texts{"0", "1"});
  CHECK(one.said("lease_back"));
}

TEST_CASE("redis store: what waits has a limit") {
  if (!redis_server::is_installed()) return;
  redis_server server;
  redis_settings settings = redis_process::of(server.url());
  settings.max_pending_bytes = 1'000'000;
  settings.timeout = milliseconds(300);
  redis_process one(settings);
  REQUIRE(one.check() == code());
  server.pause();
  int outcomes = 0, refused = 0;
  for (int i = 0; i < 10; ++i) {
    store_batch batch{"s" + std::to_string(i), 1, 0, {std::string(200'000, 'x')}, false};
    one.store().append(std::move(batch), [&](const result<void>& outcome) {
      ++outcomes;
      if (outcome.error().detail.find("too much waits") != std::string::npos) ++refused;
    });
  }
  one.run([&] { return refused == 6; });
  CHECK(refused == 6);
  CHECK(outcomes == 6);
  server.go_on();
  one.run([&] { return outcomes == 10; });
  CHECK(outcomes == 10);
  REQUIRE(one.reaches_redis());
  CHECK(one.append("t", 1, 0, {std::string(900'000, 'x')}) == code());  // room again
}

TEST_CASE("redis store: passwords and users") {
  if (!redis_server::is_installed()) return;
  redis_server server({"--requirepass", "p@ss/word"});
  const auto url = [&](const std::string& who) { return "redis://" + who + "@" + server.address(); };
  redis_process one(url(":p%40ss%2Fword"));
  REQUIRE(one.append("s", 1, 0, {"0"}) == code());
  CHECK(server
            .command({"--no-auth-warning", "-a", "p@ss/word", "ACL", "SETUSER", "agent", "on", ">secret",
                      "~agent_websocket:*", "&agent_websocket:*", "+@hash", "+@list", "+@scripting",
                      "+set", "+del", "+exists", "+expire", "+cluster", "+publish", "+subscribe"})
            .find("OK") != std::string::npos);
  redis_process two(url("agent:secret"));
  CHECK(two.load("s").holder == one.store().name());
  CHECK(two.append("t", 1, 0, {"0"}) == code());
  CHECK(two.check() == code());
  CHECK(two.release("t", 1) == code());
  CHECK(two.erase("t", 1) == code());

  struct wrong {
    std::string url, kind;
  };
  for (const wrong& each : {wrong{server.url(), "NOAUTH"}, {url(":wrong-secret"), "WRONGPASS"},
                            {url("agent:wrong-secret"), "WRONGPASS"},
                            {url("nobody:wrong-secret"), "WRONGPASS"}}) {
    redis_process refused(each.url);
    CHECK(refused.append("s", 1, 1, {"1"}) == errc::bad_configuration);
    CHECK(refused.detail.find("redis: " + each.kind) == 0);
    CHECK(refused.words == "The store refuses this server");
    CHECK(refused.said("redis_lost " + server.address() + ": " + each.kind));
    for (const std::string& text : refused.told) {
      CHECK(text.find("secret") == std::string::npos);
    }
  }

  // The password of the server is changed: those who are in stay in, others come in later.
  redis_process early(url(":new"));
  CHECK(early.check() == errc::bad_configuration);
  server.command({"--no-auth-warning", "-a", "p@ss/word", "CONFIG", "SET", "requirepass", "new"});
  CHECK(early.reaches_redis());
  CHECK(one.append("s", 1, 1, {"1"}) == code());
}

TEST_CASE("redis store: what Redis says no to") {
  if (!redis_server::is_installed()) return;
  redis_server server;
  redis_process one(server.url());
  REQUIRE(one.append("s", 1, 0, {"0"}) == code());

  server.command({"CONFIG", "SET", "maxmemory", "1"});
  CHECK(one.append("s", 1, 1, {"1"}, true) == errc::internal);
  CHECK(one.detail.find("redis: OOM") == 0);
  CHECK(one.words == "The store is full");
  CHECK(one.check() == errc::internal);
  CHECK(one.load("s").records == texts{"0"});  // nothing of the batch, also not its replacing
  server.command({"CONFIG", "SET", "maxmemory", "0"});
  CHECK(one.append("s", 1, 1, {"1"}) == code());

  server.command({"REPLICAOF", "127.0.0.1", "1"});
  CHECK(one.append("s", 1, 2, {"2"}) == errc::connection_failed);
  CHECK(one.detail.find("redis: READONLY") == 0);
  server.command({"REPLICAOF", "NO", "ONE"});
  REQUIRE(one.reaches_redis());
  CHECK(one.append("s", 1, 2, {"2"}) == code());

  server.command({"CONFIG", "SET", "min-replicas-to-write", "1"});
  CHECK(one.append("s", 1, 3, {"3"}) == errc::connection_failed);
  CHECK(one.detail.find("redis: NOREPLICAS") == 0);
  server.command({"CONFIG", "SET", "min-replicas-to-write", "0"});
  CHECK(one.append("s", 1, 3, {"3"}) == code());
  server.command({"SCRIPT", "FLUSH"});
  CHECK(one.load("s").records == texts{"0", "1", "2", "3"});
  CHECK(one.append("s", 1, 4, {"4"}) == code());

  server.command({"CLIENT", "KILL", "TYPE", "normal"});
  REQUIRE(one.reaches_redis());
  CHECK(one.append("s", 1, 5, {"5"}) == code());
}

TEST_CASE("redis store: no call of a session overtakes the one before") {
  asio::io_context context;
  const std::string digest = agent_websocket::adapters::redis_session_scripts().append.digest();
  loopback::redis_peer peer(context, [&](const std::string& command) -> std::string {
    if (command.find("EVALSHA " + digest) == 0) return "-NOSCRIPT No matching script.\r\n";
    return command.find("EVAL") == 0 ? "$2\r\nok\r\n" : "+OK\r\n";
  });
  redis_store store(context, redis_process::of("redis://127.0.0.1:" + std::to_string(peer.port())));
  REQUIRE(store.open());
  std::string order;
  store.append(store_batch{"s", 1, 0, {"0"}, false}, [&](const result<void>&) { order += "a"; });
  store.release("s", 1, [&](const result<void>&) { order += "r"; });
  store.erase("s", 1, [&](const result<void>&) { order += "e"; });
  store.release("other", 1, [&](const result<void>&) { order += "o"; });
  for (int i = 0; i < 200 && order.size() < 4; ++i) {
    context.restart();
    context.run_one_for(milliseconds(10));
  }
  CHECK(order == "oare");  // another session waits for nothing
}

TEST_CASE("redis store: handlers that end the store") {
  if (!redis_server::is_installed()) return;
  redis_server server;
  for (int at = 0; at < 12; ++at) {
    CAPTURE(at);
    redis_process one(server.url());
    int calls = 0;
    const auto last = [&](const auto&) {
      if (calls++ == at) one.drop();
    };
    const std::string base = "e" + std::to_string(at) + "-";
    for (int i = 0; i < 3; ++i) {
      const std::string session = base + std::to_string(i);
      one.store().append(store_batch{session, 1, 0, {"{}"}, false}, last);
      one.store().load(session, last);
      one.store().claim(session, {{}, 1, 1, {}}, last);
      one.store().check(last);
    }
    one.run([&] { return calls > at; });
    one.run_for(milliseconds(20));
    CHECK(calls == at + 1);
  }
  // And while it is away.
  server.end(SIGKILL);
  for (int at = 0; at < 4; ++at) {
    redis_process one(server.url());
    int calls = 0;
    for (int i = 0; i < 6; ++i) {
      one.store().append(store_batch{"x" + std::to_string(i), 1, 0, {"{}"}, false},
                         [&](const result<void>&) {
                           if (calls++ == at) one.drop();
                         });
    }
    one.run([&] { return calls > at; });
    one.run_for(milliseconds(20));
    CHECK(calls == at + 1);
  }
}
