// SPDX-License-Identifier: MIT
#include <agent_websocket/limits/token_bucket.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <random>

using agent_websocket::duration;
using agent_websocket::rate;
using agent_websocket::time_point;
using agent_websocket::token_bucket;
using namespace std::chrono_literals;

namespace {
const time_point start{1000s};
}

static_assert(sizeof(token_bucket) <= 24);

TEST_CASE("token_bucket: a burst, then one at a time") {
  token_bucket bucket(rate::per_minute(60, 3));
  CHECK_FALSE(bucket.take(start));
  CHECK_FALSE(bucket.take(start));
  CHECK_FALSE(bucket.take(start));
  CHECK(bucket.take(start) == duration(1s));
  CHECK(bucket.take(start + 400ms) == duration(600ms));
  CHECK_FALSE(bucket.take(start + 1s));
  CHECK(bucket.take(start + 1s) == duration(1s));
  // After a rest the burst is there again, and no more.
  for (int i = 0; i < 3; ++i) CHECK_FALSE(bucket.take(start + 1h));
  CHECK(bucket.take(start + 1h) == duration(1s));
}

TEST_CASE("token_bucket: waiting as told succeeds, and not a nanosecond before") {
  for (const std::uint32_t count : {1u, 7u, 60u, 999u, 1'000'003u}) {
    token_bucket bucket(rate::per_minute(count, 2));
    time_point now = start;
    for (int i = 0; i < 100; ++i) {
      const auto wait = bucket.take(now);
      if (!wait) continue;
      CHECK(*wait > 0ns);
      CHECK(bucket.take(now + *wait - 1ns) == duration(1ns));
      now += *wait;
      CHECK(bucket.wait(now) == 0ns);
      CHECK_FALSE(bucket.take(now));
    }
  }
}

TEST_CASE("token_bucket: refused ones cost nothing, and nothing drifts") {
  std::mt19937 draw(7);
  for (int round = 0; round < 20; ++round) {
    const auto count = static_cast<std::uint32_t>(1 + draw() % 5'000);
    const auto burst = static_cast<std::uint32_t>(1 + draw() % 50);
    token_bucket bucket(rate::per_minute(count, burst));
    time_point now = start;
    std::uint64_t taken = 0;
    while (now < start + 10min) {
      if (!bucket.take(now)) ++taken;
      now += std::chrono::microseconds(draw() % 20'000);
    }
    // All that came back in the time, give or take what was not asked for in time.
    CHECK(taken <= std::uint64_t{count} * 10 + burst + 1);
    if (count < 2'000 && burst > 5) CHECK(taken >= std::uint64_t{count} * 10 - 1);
  }
}

TEST_CASE("token_bucket: no limit") {
  token_bucket none, zero(rate::per_minute(0, 5));
  for (int i = 0; i < 1'000; ++i) {
    CHECK_FALSE(none.take(start));
    CHECK_FALSE(zero.take(start - std::chrono::hours(i)));
  }
  CHECK(none.unlimited());
  CHECK(zero.unlimited());
  CHECK_FALSE(token_bucket(rate::per_minute(1, 1)).unlimited());
}

TEST_CASE("token_bucket: full again, and how that is told") {
  token_bucket bucket(rate::per_second(10, 20));
  CHECK(bucket.full(start));
  for (int i = 0; i < 20; ++i) bucket.take(start);
  CHECK_FALSE(bucket.full(start));
  CHECK_FALSE(bucket.full(start + 2s - 1ns));
  CHECK(bucket.full(start + 2s));
}

TEST_CASE("token_bucket: extreme rates and moments stay within their types") {
  token_bucket fast(rate::per_second(4'000'000'000u, 4'000'000'000u));
  for (int i = 0; i < 1'000; ++i) CHECK_FALSE(fast.take(start));
  token_bucket slow(rate{1, std::chrono::hours(24 * 365 * 50), 4'000'000'000u});
  CHECK_FALSE(slow.take(start));
  CHECK(slow.take(start) == token_bucket::longest);
  token_bucket wide(rate::per_minute(1, 4'000'000'000u));
  for (int i = 0; i < 525'600; ++i) {
    if (wide.take(start)) FAIL("a year's worth of burst is there");
  }
  CHECK(wide.take(start) == duration(1min));
  token_bucket no_burst(rate::per_minute(60, 0));
  CHECK_FALSE(no_burst.take(start));
  CHECK(no_burst.take(start) == duration(1s));
}

TEST_CASE("token_bucket: moments that go backwards give nothing back") {
  token_bucket bucket(rate::per_minute(60, 1));
  CHECK_FALSE(bucket.take(start));
  CHECK(bucket.take(start - 10s) == duration(11s));
  CHECK(bucket.take(time_point{-10'000'000s}) > duration(1h));
  CHECK_FALSE(bucket.take(start + 1s));
}

TEST_CASE("token_bucket: goes on where another of the same rate was") {
  const rate allowed = rate::per_minute(60, 2);
  token_bucket first(allowed);
  CHECK_FALSE(first.take(start));
  CHECK_FALSE(first.take(start));
  token_bucket second(allowed, first.full_at());
  CHECK(second.take(start) == duration(1s));
  CHECK(second.take(start) == first.take(start));
  CHECK(second.full_at() == first.full_at());
}
