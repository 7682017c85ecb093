// SPDX-License-Identifier: MIT
#include <agent_websocket/testing/manual_scheduler.hpp>

#include <agent_websocket/base/timestamp.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using agent_websocket::time_point;
using agent_websocket::to_iso8601;
using agent_websocket::testing::manual_scheduler;

TEST_CASE("manual_scheduler: time begins at a fixed moment and stands still") {
  manual_scheduler clock;
  manual_scheduler other;
  CHECK(to_iso8601(clock.wall_now()) == "2026-01-01T00:00:00.000Z");
  CHECK(clock.now() == other.now());
  CHECK_FALSE(clock.has_work());
  CHECK_FALSE(clock.next_deadline().has_value());
  CHECK(clock.run() == 0u);
  CHECK(clock.now() == other.now());
}

TEST_CASE("manual_scheduler: advance moves both clocks by exactly that much") {
  manual_scheduler clock;
  const time_point start = clock.now();
  clock.advance(1h + 1ms);
  CHECK(clock.now() == start + 1h + 1ms);
  CHECK(to_iso8601(clock.wall_now()) == "2026-01-01T01:00:00.001Z");
  clock.shift_wall_clock(-1h);
  CHECK(to_iso8601(clock.wall_now()) == "2026-01-01T00:00:00.001Z");
  CHECK(clock.now() == start + 1h + 1ms);
}

TEST_CASE("manual_scheduler: each timer sees the time of its deadline") {
  manual_scheduler clock;
  const time_point start = clock.now();
  std::string order;
  for (int i = 3; i > 0; --i) {
    clock.start_timer(start + i * 10ms, [&, i] {
      CHECK(clock.now() == start + i * 10ms);
      order += std::to_string(i);
      clock.post([&, i] {
        CHECK(clock.now() == start + i * 10ms);  // posts run before time goes on
        order += 'p';
      });
    });
  }
  CHECK(clock.pending_timers() == 3u);
  CHECK(clock.next_deadline() == start + 10ms);
  CHECK(clock.advance(20ms) == 4u);
  CHECK(order == "1p2p");
  CHECK(clock.pending_timers() == 1u);
  CHECK(clock.now() == start + 20ms);
  clock.advance(10ms - 1ns);
  CHECK(order == "1p2p");
  clock.advance(1ns);
  CHECK(order == "1p2p3p");
}

TEST_CASE("manual_scheduler: what timers start within the advanced time runs too") {
  manual_scheduler clock;
  const time_point start = clock.now();
  int ticks = 0;
  std::function<void()> tick = [&] {
    ++ticks;
    clock.start_timer(clock.now() + 1s, tick);
  };
  clock.start_timer(start + 1s, tick);
  clock.advance(10s);
  CHECK(ticks == 10);
  CHECK(clock.pending_timers() == 1u);
  CHECK(clock.next_deadline() == start + 11s);
}

TEST_CASE("manual_scheduler: posts run before due timers, ties in the order of starting") {
  manual_scheduler clock;
  std::string order;
  clock.start_timer(clock.now(), [&] { order += '1'; });
  clock.start_timer(clock.now(), [&] {
    order += '2';
    clock.post([&] { order += 'p'; });
  });
  clock.start_timer(clock.now(), [&] { order += '3'; });
  clock.post([&] { order += '0'; });
  CHECK(clock.run_one());
  CHECK(order == "0");
  CHECK(clock.has_work());
  CHECK(clock.run() == 4u);
  CHECK(order == "012p3");
  CHECK_FALSE(clock.has_work());
  CHECK_FALSE(clock.run_one());
}

TEST_CASE("manual_scheduler: run does not move time; a future timer is work but not ready") {
  manual_scheduler clock;
  bool fired = false;
  const auto id = clock.start_timer(clock.now() + 1ns, [&] { fired = true; });
  CHECK(clock.run() == 0u);
  CHECK(clock.has_work());
  clock.cancel_timer(id);
  CHECK_FALSE(clock.has_work());
  clock.advance(1s);
  CHECK_FALSE(fired);
}

TEST_CASE("manual_scheduler: functions that post themselves for ever end the test") {
  manual_scheduler clock;
  std::function<void()> again = [&] { clock.post(again); };
  clock.post(again);
  CHECK_THROWS_AS(clock.run(), std::logic_error);
}
