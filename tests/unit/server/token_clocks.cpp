// SPDX-License-Identifier: MIT
#include <agent_websocket/server/token_clocks.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

struct fixture {
  token_clocks clocks{30s};
  moment start{time_point(1000h), wall_time(500'000h)};
  std::string told;

  void show(connection_id connection, duration lasts) {
    clocks.set(connection, start.wall + std::chrono::duration_cast<wall_time::duration>(lasts),
               start);
  }
  /// What happens until then: "e1 " a new token is asked of 1, "c1 " it is closed.
  std::string at(duration since) {
    told.clear();
    clocks.sweep(
        start.now + since,
        [&](connection_id connection, wall_time) { told += "e" + std::to_string(connection) + " "; },
        [&](connection_id connection) { told += "c" + std::to_string(connection) + " "; });
    return told;
  }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "token_clocks: asked for a minute before, over, closed after the grace") {
  show(1, 10min);
  CHECK(clocks.next() == start.now + 9min);
  CHECK(at(9min - 1ns).empty());
  CHECK(at(9min) == "e1 ");
  CHECK_FALSE(clocks.is_over(1));
  CHECK(clocks.next() == start.now + 10min);
  CHECK(at(10min).empty());
  CHECK(clocks.is_over(1));
  CHECK(at(10min + 29s).empty());
  CHECK(at(10min + 30s) == "c1 ");
  CHECK_FALSE(clocks.is_over(1));
  CHECK(clocks.size() == 0u);
  CHECK_FALSE(clocks.next().has_value());
}

TEST_CASE_FIXTURE(fixture, "token_clocks: of a short token half is left when it is asked for") {
  show(1, 20s);
  CHECK(at(9s).empty());
  CHECK(at(10s) == "e1 ");
}

TEST_CASE_FIXTURE(fixture, "token_clocks: one sweep does all that is due, each in its order") {
  show(2, 1min);
  show(1, 2min);
  CHECK(at(1h) == "e2 e1 c2 c1 ");
}

TEST_CASE_FIXTURE(fixture, "token_clocks: a new token takes the place of the former") {
  show(1, 1min);
  at(1min);
  CHECK(clocks.is_over(1));
  clocks.set(1, start.wall + 1h, {start.now + 1min, start.wall + 1min});
  CHECK_FALSE(clocks.is_over(1));
  CHECK(at(58min).empty());
  CHECK(at(59min) == "e1 ");
  clocks.set(1, std::nullopt, start);
  CHECK(clocks.size() == 0u);
  CHECK(at(1000h).empty());
}

TEST_CASE_FIXTURE(fixture, "token_clocks: the same token once more changes nothing") {
  show(1, 10min);
  CHECK(at(9min) == "e1 ");
  const wall_time expires = start.wall + 10min;
  clocks.set(1, expires, {start.now + 9min, start.wall + 9min});
  CHECK(at(10min - 1ns).empty());
  CHECK(at(10min).empty());
  clocks.set(1, expires, {start.now + 10min, start.wall + 10min});
  CHECK(clocks.is_over(1));
  CHECK(at(10min + 30s) == "c1 ");
}

TEST_CASE_FIXTURE(fixture, "token_clocks: tokens that are over, last for ages or are gone") {
  show(1, 0s);
  show(2, -5s);
  CHECK(at(0s) == "e1 e2 ");
  CHECK(clocks.is_over(1));
  CHECK(clocks.is_over(2));
  clocks.remove(1);
  CHECK_FALSE(clocks.is_over(1));
  CHECK(clocks.is_over(2));
  clocks.set(3, wall_time::max(), start);
  clocks.set(4, wall_time::min(), start);
  clocks.remove(7);
  CHECK(clocks.size() == 3u);
  CHECK(at(24h * 365) == "e4 c2 c4 ");
  CHECK_FALSE(clocks.is_over(3));
  CHECK(clocks.size() == 1u);
}
