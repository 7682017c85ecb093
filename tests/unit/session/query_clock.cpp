// SPDX-License-Identifier: MIT
#include <agent_websocket/session/query_clock.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>

using agent_websocket::testing::manual_scheduler;
using clock_type = agent_websocket::query_clock<manual_scheduler>;
using namespace std::chrono_literals;

namespace {

struct fixture {
  manual_scheduler scheduler;
  clock_type clock{scheduler};
  int rang = 0;

  void start(std::chrono::milliseconds limit) {
    clock.start(limit, [this] { ++rang; });
  }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "query_clock: rings once, after its limit") {
  start(10s);
  scheduler.advance(9999ms);
  CHECK(rang == 0);
  scheduler.advance(1ms);
  CHECK(rang == 1);
  scheduler.advance(100s);
  CHECK(rang == 1);
  CHECK(scheduler.pending_timers() == 0u);
}

TEST_CASE_FIXTURE(fixture, "query_clock: time that it stands still does not count") {
  start(10s);
  for (int i = 0; i < 3; ++i) {
    scheduler.advance(3s);
    clock.hold();
    CHECK(scheduler.pending_timers() == 0u);
    scheduler.advance(1000s);
    clock.go_on();
  }
  CHECK(rang == 0);
  scheduler.advance(999ms);
  CHECK(rang == 0);
  scheduler.advance(1ms);
  CHECK(rang == 1);
}

TEST_CASE_FIXTURE(fixture, "query_clock: holding twice is holding once, going on too") {
  start(10s);
  scheduler.advance(4s);
  clock.hold();
  scheduler.advance(5s);
  clock.hold();
  clock.go_on();
  scheduler.advance(2s);
  clock.go_on();
  CHECK(scheduler.pending_timers() == 1u);
  scheduler.advance(3999ms);
  CHECK(rang == 0);
  scheduler.advance(1ms);
  CHECK(rang == 1);
}

TEST_CASE_FIXTURE(fixture, "query_clock: a query without a limit has no clock") {
  clock.hold();
  clock.go_on();
  clock.stop();
  CHECK_FALSE(scheduler.has_work());
}

TEST_CASE_FIXTURE(fixture, "query_clock: stopped, also while it stands still, it never rings") {
  start(10s);
  clock.stop();
  clock.go_on();
  start(10s);
  clock.hold();
  clock.stop();
  clock.go_on();
  CHECK_FALSE(scheduler.has_work());
  scheduler.advance(100s);
  CHECK(rang == 0);
}

TEST_CASE_FIXTURE(fixture, "query_clock: after it rang there is nothing to go on with") {
  start(1s);
  scheduler.advance(1s);
  clock.hold();
  clock.go_on();
  CHECK_FALSE(scheduler.has_work());
  CHECK(rang == 1);
}

TEST_CASE_FIXTURE(fixture, "query_clock: started anew it forgets the former time") {
  start(1s);
  scheduler.advance(900ms);
  start(5s);
  scheduler.advance(4999ms);
  CHECK(rang == 0);
  scheduler.advance(1ms);
  CHECK(rang == 1);
}

TEST_CASE("query_clock: may be destroyed by what it calls, and stops when it is destroyed") {
  manual_scheduler scheduler;
  auto clock = std::make_unique<clock_type>(scheduler);
  int rang = 0;
  clock->start(1s, [&clock, &rang] {
    ++rang;
    clock.reset();
  });
  scheduler.advance(1s);
  CHECK(rang == 1);
  clock = std::make_unique<clock_type>(scheduler);
  clock->start(1s, [&rang] { ++rang; });
  clock.reset();
  CHECK_FALSE(scheduler.has_work());
}
