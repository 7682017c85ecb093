// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/asio_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using agent_websocket::time_point;
using agent_websocket::timer_id;
using agent_websocket::adapters::asio_scheduler;

TEST_CASE("asio_scheduler: a context without other work returns when the last timer is cancelled") {
  asio::io_context context(1);
  asio_scheduler scheduler(context);
  const timer_id first = scheduler.start_timer(scheduler.now() + 1h, [] {});
  const timer_id second = scheduler.start_timer(scheduler.now() + 2h, [] {});
  scheduler.post([&] {
    scheduler.cancel_timer(first);
    scheduler.cancel_timer(second);
  });
  context.run();  // hangs for an hour otherwise
  CHECK(context.stopped());
}

TEST_CASE("asio_scheduler: deadlines at the ends of time") {
  asio::io_context context(1);
  asio_scheduler scheduler(context);
  bool last = false;
  std::string order;
  const timer_id never = scheduler.start_timer(time_point::max(), [&last] { last = true; });
  scheduler.start_timer(time_point::min(), [&] {
    order += 'a';
    scheduler.cancel_timer(never);
  });
  context.run();
  CHECK(order == "a");
  CHECK_FALSE(last);
}

TEST_CASE("asio_scheduler: timers in the past leave the context its turns") {
  asio::io_context context(1);
  asio_scheduler scheduler(context);
  int timers = 0;
  int turns = 0;
  std::function<void()> again = [&] {
    if (++timers < 20) scheduler.start_timer(scheduler.now() - 1h, again);
  };
  std::function<void()> turn = [&] {
    ++turns;
    if (timers < 20) asio::post(context, turn);
  };
  scheduler.start_timer(scheduler.now() - 1h, again);
  asio::post(context, turn);
  context.run();
  CHECK(timers == 20);
  CHECK(turns >= 20);
}

TEST_CASE("asio_scheduler: destroyed while a handler of it is on its way") {
  asio::io_context context(1);
  bool ran = false;
  std::optional<asio_scheduler> scheduler(context);
  scheduler->start_timer(scheduler->now() - 1s, [&ran] { ran = true; });
  scheduler->post([&ran] { ran = true; });
  SUBCASE("before the context runs") { scheduler.reset(); }
  SUBCASE("by something that runs just before") {
    asio::io_context other(1);
    scheduler.emplace(other);
    scheduler->start_timer(scheduler->now() - 1s, [&ran] { ran = true; });
    scheduler->start_timer(scheduler->now() - 1s, [&ran] { ran = true; });
    // The wait is over, its handler queued behind this one.
    asio::post(other, [&] { scheduler.reset(); });
    other.run();
  }
  context.run();
  CHECK_FALSE(ran);
}

TEST_CASE("asio_scheduler: destroyed by one of its own functions") {
  asio::io_context context(1);
  auto scheduler = std::make_unique<asio_scheduler>(context);
  int ran = 0;
  SUBCASE("a timer") {
    scheduler->start_timer(scheduler->now() - 2s, [&] {
      ++ran;
      scheduler.reset();
    });
  }
  SUBCASE("a posted one") {
    scheduler->post([&] {
      ++ran;
      scheduler.reset();
    });
  }
  scheduler->start_timer(scheduler->now() - 1s, [&ran] { ran += 10; });
  scheduler->start_timer(scheduler->now() + 1h, [&ran] { ran += 10; });
  scheduler->post([&] {
    if (scheduler == nullptr) ran += 10;
  });
  context.run();
  CHECK(ran == 1);
}

TEST_CASE("asio_scheduler: a function that throws costs itself only") {
  asio::io_context context(1);
  asio_scheduler scheduler(context);
  int ran = 0;
  scheduler.start_timer(scheduler.now() - 2s, [] { throw std::runtime_error("planted"); });
  scheduler.start_timer(scheduler.now() - 1s, [&ran] { ++ran; });
  scheduler.post([] { throw std::runtime_error("planted"); });
  scheduler.post([&ran] { ++ran; });
  CHECK_THROWS_AS(context.run(), std::runtime_error);
  CHECK_THROWS_AS(context.run(), std::runtime_error);
  context.run();
  CHECK(ran == 2);
}

TEST_CASE("asio_scheduler: within one moment both clocks stand still, then they go on") {
  asio::io_context context(1);
  asio_scheduler scheduler(context);
  const auto wait = [](time_point from) {  // without asking it for the time
    while (std::chrono::steady_clock::now() <= from + 1ms) continue;
  };
  time_point inside;
  {
    const agent_websocket::one_moment<asio_scheduler> outer(scheduler);
    inside = scheduler.now();
    const auto wall = scheduler.wall_now();
    wait(inside);
    {
      const agent_websocket::one_moment<asio_scheduler> inner(scheduler);
      CHECK(scheduler.now() == inside);
    }
    CHECK(scheduler.now() == inside);
    CHECK(scheduler.wall_now() == wall);
  }
  CHECK(scheduler.now() >= inside + 1ms);
}
