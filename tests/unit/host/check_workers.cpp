// SPDX-License-Identifier: MIT
#include <agent_websocket/host/check_workers.hpp>

#include <doctest/doctest.h>

using agent_websocket::check_workers;
using agent_websocket::options;

TEST_CASE("check_workers: sessions in memory are not shared") {
  REQUIRE(check_workers(options(), 0));
  CHECK_FALSE(*check_workers(options(), 0));
  CHECK_FALSE(*check_workers(options(), 1));
  const auto warning = check_workers(options(), 2).value();
  REQUIRE(warning);
  CHECK(warning->find("sessions are not shared") == 0);
}

TEST_CASE("check_workers: Redis is for several, SQLite for one") {
  options chosen;
  chosen.store = "redis://localhost";
  CHECK_FALSE(*check_workers(chosen, 8));
  chosen.store = "sqlite:sessions.db";
  const auto refused = check_workers(chosen, 1);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == agent_websocket::errc::bad_configuration);
  CHECK(refused.error().message.find("redis://") != std::string::npos);
}
