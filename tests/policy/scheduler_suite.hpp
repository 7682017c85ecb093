// SPDX-License-Identifier: MIT
//
// What every model of the requirement Scheduler has to do. A fixture gives `scheduler()`, which
// lives until the fixture does, and `settle(time)`: lets at least `time` pass and everything run
// that falls due in it.
#pragma once

#include <agent_websocket/policy/scheduler.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace scheduler_suite {

using namespace std::chrono_literals;
using agent_websocket::time_point;
using agent_websocket::timer_id;

template <typename Fixture>
void posts_run_later_in_order() {
  Fixture fixture;
  auto& scheduler = fixture.scheduler();
  std::string order;
  scheduler.post([&] {
    order += 'a';
    scheduler.post([&order] { order += 'c'; });
    order += '(';  // the inner one has not run inside post
  });
  scheduler.post([&order] { order += 'b'; });
  CHECK(order.empty());
  fixture.settle(0ms);
  CHECK(order == "a(bc");
}

template <typename Fixture>
void timers_run_once_in_the_order_of_their_deadlines() {
  Fixture fixture;
  auto& scheduler = fixture.scheduler();
  std::string order;
  const time_point now = scheduler.now();
  const auto note = [&order](char what) { return [&order, what] { order += what; }; };
  scheduler.start_timer(now + 30ms, note('d'));
  scheduler.start_timer(now + 10ms, note('a'));
  scheduler.start_timer(now + 20ms, note('b'));
  scheduler.start_timer(now + 20ms, note('c'));
  CHECK(order.empty());
  fixture.settle(60ms);
  CHECK(order == "abcd");
  fixture.settle(40ms);
  CHECK(order == "abcd");
}

template <typename Fixture>
void a_timer_never_runs_early_nor_inside_start() {
  Fixture fixture;
  auto& scheduler = fixture.scheduler();
  const time_point now = scheduler.now();
  std::optional<time_point> fired, past;
  scheduler.start_timer(now + 20ms, [&] { fired = scheduler.now(); });
  scheduler.start_timer(now - 1h, [&] { past = scheduler.now(); });
  CHECK_FALSE(past.has_value());
  fixture.settle(50ms);
  REQUIRE(fired.has_value());
  CHECK(*fired >= now + 20ms);
  REQUIRE(past.has_value());
  CHECK(*past <= *fired);
}

template <typename Fixture>
void cancelled_timers_do_not_run() {
  Fixture fixture;
  auto& scheduler = fixture.scheduler();
  int fired = 0;
  const auto count = [&fired] { ++fired; };
  const time_point now = scheduler.now();
  const timer_id first = scheduler.start_timer(now, count);
  const timer_id second = scheduler.start_timer(now + 10ms, count);
  const timer_id third = scheduler.start_timer(now + 20ms, count);
  scheduler.cancel_timer(first);
  scheduler.cancel_timer(third);
  scheduler.cancel_timer(third);
  scheduler.cancel_timer(0);
  scheduler.cancel_timer(987'654'321);
  fixture.settle(40ms);
  CHECK(fired == 1);
  scheduler.cancel_timer(second);  // fired already
  fixture.settle(0ms);
  CHECK(fired == 1);
}

template <typename Fixture>
void ids_are_new_and_not_zero() {
  Fixture fixture;
  auto& scheduler = fixture.scheduler();
  std::vector<timer_id> ids;
  for (int i = 0; i < 50; ++i) {
    ids.push_back(scheduler.start_timer(scheduler.now() + 1h, [] {}));
    if (i % 2 == 0) scheduler.cancel_timer(ids.back());
  }
  fixture.settle(0ms);
  for (int i = 0; i < 50; ++i) ids.push_back(scheduler.start_timer(scheduler.now(), [] {}));
  fixture.settle(0ms);
  std::sort(ids.begin(), ids.end());
  CHECK(ids.front() != 0u);
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
}

template <typename Fixture>
void functions_start_and_cancel_timers() {
  Fixture fixture;
  auto& scheduler = fixture.scheduler();
  std::string order;
  timer_id victim = 0;
  timer_id self = 0;
  const time_point now = scheduler.now();
  self = scheduler.start_timer(now + 10ms, [&] {
    order += 'a';
    scheduler.cancel_timer(self);  // itself: already fired
    scheduler.cancel_timer(victim);
    scheduler.start_timer(scheduler.now() + 10ms, [&order] { order += 'c'; });
    scheduler.start_timer(scheduler.now() - 1s, [&order] { order += 'b'; });
    order += '.';
  });
  victim = scheduler.start_timer(now + 10ms, [&order] { order += 'X'; });
  fixture.settle(60ms);
  CHECK(order == "a.bc");
}

template <typename Fixture>
void an_earlier_timer_started_later_comes_first() {
  Fixture fixture;
  auto& scheduler = fixture.scheduler();
  std::string order;
  scheduler.start_timer(scheduler.now() + 10min, [&order] { order += 'b'; });
  fixture.settle(0ms);  // a real one waits for the ten minutes by now
  scheduler.start_timer(scheduler.now() + 5ms, [&order] { order += 'a'; });
  const timer_id cancelled = scheduler.start_timer(scheduler.now() + 1ms, [] {});
  scheduler.cancel_timer(cancelled);
  fixture.settle(30ms);
  CHECK(order == "a");
}

/// Calls back into the scheduler when it is destroyed, as a session does that owns a timer.
template <typename Scheduler>
struct calls_back {
  Scheduler* scheduler;
  std::vector<timer_id>* timers;
  int* destroyed;
  ~calls_back() {
    for (const timer_id id : *timers) scheduler->cancel_timer(id);
    scheduler->start_timer(scheduler->now(), [] {});
    scheduler->post([] {});
    ++*destroyed;
  }
};

template <typename Fixture>
void what_waits_is_destroyed_without_being_run() {
  int ran = 0;
  int destroyed = 0;
  std::vector<timer_id> timers;
  {
    Fixture fixture;
    auto& scheduler = fixture.scheduler();
    using guard = calls_back<std::remove_reference_t<decltype(scheduler)>>;
    for (int i = 0; i < 3; ++i) {
      const std::shared_ptr<guard> held(new guard{&scheduler, &timers, &destroyed});
      timers.push_back(scheduler.start_timer(scheduler.now() + 1h, [held, &ran] { ++ran; }));
      timers.push_back(scheduler.start_timer(scheduler.now() - 1h, [held, &ran] { ++ran; }));
      if (i == 2) scheduler.post([held, &ran] { ++ran; });
    }
  }
  CHECK(ran == 0);
  CHECK(destroyed == 3);
}

/// A cancelled function is destroyed at once, and its destructor may cancel others.
template <typename Fixture>
void cancelling_destroys_the_function() {
  Fixture fixture;
  auto& scheduler = fixture.scheduler();
  int destroyed = 0;
  std::vector<timer_id> timers;
  using guard = calls_back<std::remove_reference_t<decltype(scheduler)>>;
  const timer_id id = scheduler.start_timer(
      scheduler.now() + 1h,
      [held = std::shared_ptr<guard>(new guard{&scheduler, &timers, &destroyed})] {});
  for (int i = 0; i < 3; ++i) timers.push_back(scheduler.start_timer(scheduler.now() + 1h, [] {}));
  timers.push_back(id);
  scheduler.cancel_timer(id);
  CHECK(destroyed == 1);
}

template <typename Fixture>
void both_clocks_advance() {
  Fixture fixture;
  auto& scheduler = fixture.scheduler();
  const time_point steady = scheduler.now();
  const auto wall = scheduler.wall_now();
  fixture.settle(20ms);
  CHECK(scheduler.now() >= steady + 20ms);
  CHECK(scheduler.wall_now() >= wall + 10ms);  // a real one may be corrected meanwhile
}

template <typename Fixture>
void run_all() {
  using scheduler = std::remove_reference_t<decltype(std::declval<Fixture&>().scheduler())>;
  CHECK(agent_websocket::require_scheduler<scheduler>());
  SUBCASE("posts run later, in order") { posts_run_later_in_order<Fixture>(); }
  SUBCASE("timers run once, in the order of their deadlines") {
    timers_run_once_in_the_order_of_their_deadlines<Fixture>();
  }
  SUBCASE("a timer never runs early, nor inside start_timer") {
    a_timer_never_runs_early_nor_inside_start<Fixture>();
  }
  SUBCASE("cancelled timers do not run") { cancelled_timers_do_not_run<Fixture>(); }
  SUBCASE("ids are new and not zero") { ids_are_new_and_not_zero<Fixture>(); }
  SUBCASE("functions start and cancel timers") { functions_start_and_cancel_timers<Fixture>(); }
  SUBCASE("an earlier timer started later comes first") {
    an_earlier_timer_started_later_comes_first<Fixture>();
  }
  SUBCASE("what waits is destroyed without being run") {
    what_waits_is_destroyed_without_being_run<Fixture>();
  }
  SUBCASE("cancelling destroys the function") { cancelling_destroys_the_function<Fixture>(); }
  SUBCASE("both clocks advance") { both_clocks_advance<Fixture>(); }
}

}  // namespace scheduler_suite
