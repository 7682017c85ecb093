// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_settings.hpp>

#include <doctest/doctest.h>

#include <chrono>

TEST_CASE("redis settings: what is chosen where nothing is said") {
  const agent_websocket::adapters::redis_settings chosen;
  CHECK(chosen.url.empty());
  CHECK(chosen.name.empty());
  CHECK(chosen.timeout == std::chrono::seconds(2));
  CHECK(chosen.lease == std::chrono::seconds(10));
  CHECK(chosen.keep == std::chrono::hours(30 * 24));
  CHECK(chosen.max_pending_bytes == 64u << 20);
  const agent_websocket::adapters::redis_connection_settings each;
  CHECK(each.address.port == 6379);
  CHECK_FALSE(each.tls);
  CHECK(each.timeout == chosen.timeout);
  CHECK(each.max_pending_bytes == chosen.max_pending_bytes);
}
