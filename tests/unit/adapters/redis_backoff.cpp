// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_backoff.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <set>

using agent_websocket::adapters::redis_backoff;
using namespace std::chrono_literals;

namespace {

const redis_backoff::time_point start{};

bool is_about(redis_backoff::milliseconds pause, redis_backoff::milliseconds whole) {
  return pause >= whole / 2 && pause <= whole;
}

}  // namespace

TEST_CASE("redis backoff: each pause is about twice as long as the one before, up to a limit") {
  redis_backoff backoff;
  for (const auto whole : {100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 2000ms}) {
    const auto pause = backoff.next(start);
    CAPTURE(pause.count());
    CHECK(is_about(pause, whole));
  }
  for (int i = 0; i < 100; ++i) CHECK(is_about(backoff.next(start), redis_backoff::most));
}

TEST_CASE("redis backoff: only a connection that held begins anew") {
  redis_backoff backoff;
  for (int i = 0; i < 10; ++i) backoff.next(start);
  backoff.stands(start);
  CHECK(is_about(backoff.next(start + redis_backoff::steady), 2000ms));
  // What came to nothing afterwards is not taken for the one that stood before.
  CHECK(is_about(backoff.next(start + 1h), 2000ms));
  backoff.stands(start);
  CHECK(is_about(backoff.next(start + redis_backoff::steady + 1ms), 50ms));
  CHECK(is_about(backoff.next(start + 1h), 100ms));
}

TEST_CASE("redis backoff: those that lost it together do not come back together") {
  std::set<redis_backoff::milliseconds> pauses;
  for (int i = 0; i < 50; ++i) pauses.insert(redis_backoff().next(start));
  CHECK(pauses.size() > 10u);
}
