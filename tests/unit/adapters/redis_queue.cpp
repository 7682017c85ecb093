// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_queue.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using agent_websocket::error;
using agent_websocket::result;
using agent_websocket::adapters::make_redis_command;
using agent_websocket::adapters::redis_handler;
using agent_websocket::adapters::redis_queue;
using agent_websocket::adapters::redis_reply;
using namespace std::chrono_literals;

namespace {

const redis_queue::time_point start{};

struct bench {
  redis_queue queue;
  std::string told;

  redis_handler handler(const std::string& name) {
    return [this, name](const result<redis_reply>& reply) { told += name + (reply ? "+ " : "- "); };
  }
};

}  // namespace

TEST_CASE("redis queue: replies belong to commands in the order in which these were sent") {
  bench b;
  CHECK(b.queue.size() == 0u);
  CHECK_FALSE(b.queue.deadline());
  b.queue.sent(b.handler("a"), start + 2s, 10);
  b.queue.sent(b.handler("b"), start + 1s, 20);
  CHECK(b.queue.on_the_way() == 2u);
  CHECK(b.queue.bytes() == 30u);
  CHECK(b.queue.deadline() == start + 2s);  // of the oldest one, whatever the others say
  b.queue.take_sent()(redis_reply());
  CHECK(b.queue.bytes() == 20u);
  CHECK(b.queue.deadline() == start + 1s);
  b.queue.take_sent()(redis_reply());
  CHECK(b.told == "a+ b+ ");
  CHECK(b.queue.size() == 0u);
  CHECK(b.queue.bytes() == 0u);
}

TEST_CASE("redis queue: what waits for a connection counts, and has no time of its own") {
  bench b;
  const auto command = make_redis_command({"GET", "key"});
  b.queue.wait(command, b.handler("a"), start + 1s);
  b.queue.wait(command, b.handler("b"), start + 2s);
  CHECK(b.queue.size() == 2u);
  CHECK(b.queue.bytes() == 2 * command->size());
  CHECK(b.queue.on_the_way() == 0u);
  CHECK_FALSE(b.queue.deadline());
  const auto waiting = b.queue.take_waiting();
  REQUIRE(waiting.size() == 2u);
  CHECK(*waiting[0].command == *command);
  CHECK(waiting[1].deadline == start + 2s);
  waiting[0].done(redis_reply());
  CHECK(b.told == "a+ ");
  CHECK(b.queue.size() == 0u);
  CHECK(b.queue.bytes() == 0u);
}

TEST_CASE("redis queue: all of them end, the oldest one first") {
  bench b;
  const auto command = make_redis_command({"GET", "key"});
  b.queue.wait(command, b.handler("c"), start);
  b.queue.sent(b.handler("a"), start, 0);  // such as a sign-in, which does not count
  b.queue.sent(b.handler("b"), start, 5);
  CHECK(b.queue.bytes() == command->size() + 5);
  for (const redis_handler& done : b.queue.take_all())
    done(error(agent_websocket::errc::connection_failed));
  CHECK(b.told == "a- b- c- ");
  CHECK(b.queue.size() == 0u);
  CHECK(b.queue.bytes() == 0u);
  CHECK_FALSE(b.queue.deadline());
  CHECK(b.queue.take_all().empty());
}
