// SPDX-License-Identifier: MIT
#include <agent_websocket/client/backoff.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

using agent_websocket::client_backoff;
using agent_websocket::random_source;
using namespace std::chrono_literals;

namespace {

random_source half() {
  return random_source([] { return std::uint64_t{1} << 63; });
}

}  // namespace

TEST_CASE("backoff: doubles its range up to a limit") {
  client_backoff backoff;
  random_source random = half();
  for (const auto wanted : {750ms, 1000ms, 1500ms, 2500ms, 4500ms, 8500ms, 10'500ms, 10'500ms})
    CHECK(backoff.next(1006, std::nullopt, random) == wanted);
  CHECK(backoff.attempts() == 8);
  backoff.reset();
  CHECK(backoff.attempts() == 0);
  CHECK(backoff.next(1006, std::nullopt, random) == 750ms);
}

TEST_CASE("backoff: never without delay, never above the limit") {
  random_source none([] { return std::uint64_t{0}; });
  random_source all([] { return std::numeric_limits<std::uint64_t>::max(); });
  client_backoff low, high;
  for (int i = 0; i < 100; ++i) {
    CHECK(low.next(4003, std::nullopt, none) == 500ms);
    const auto delay = high.next(1006, std::nullopt, all);
    CHECK(delay > 500ms);
    CHECK(delay <= 20s);
  }
  CHECK(high.next(1006, std::nullopt, all) == 20s);
}

TEST_CASE("backoff: an overloaded server is waited for longer") {
  client_backoff backoff;
  random_source random = half();
  CHECK(backoff.next(1013, std::nullopt, random) == 4500ms);
  CHECK(backoff.next(1013, std::nullopt, random) == 8500ms);
  CHECK(backoff.next(1006, std::nullopt, random) == 10'500ms);
}

TEST_CASE("backoff: what a server asks for when it goes away") {
  client_backoff backoff;
  random_source random = half();
  CHECK(backoff.next(1012, 4200ms, random) == 4200ms);
  CHECK(backoff.next(4003, 100ms, random) == 500ms);
  CHECK(backoff.next(1012, 24h, random) == 300s);
  CHECK(backoff.attempts() == 3);
  CHECK(backoff.next(1012, std::nullopt, random) == 4500 / 2 * 1ms + 250ms);
  CHECK(backoff.next(1006, 60s, random) == 4500ms);
}
