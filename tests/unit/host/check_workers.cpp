// SPDX-License-Identifier: MIT
#include <agent_websocket/host/check_workers.hpp>

#include <doctest/doctest.h>

using namespace agent_websocket;

TEST_CASE("check workers: several do not share sessions, and one has nobody to share with") {
  CHECK_FALSE(check_workers(options(), 0));
  CHECK_FALSE(check_workers(options(), 1));
  REQUIRE(check_workers(options(), 2));
  CHECK(check_workers(options(), 2)->find("sessions are not shared") == 0);
}
