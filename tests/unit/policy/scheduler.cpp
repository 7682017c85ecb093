// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <type_traits>

using agent_websocket::duration;
using agent_websocket::has_cancel_timer_v;
using agent_websocket::has_now_v;
using agent_websocket::has_post_v;
using agent_websocket::has_start_timer_v;
using agent_websocket::has_wall_now_v;
using agent_websocket::is_scheduler_v;
using agent_websocket::require_scheduler;
using agent_websocket::time_point;
using agent_websocket::timer_id;
using agent_websocket::wall_time;

namespace {

/// The smallest Scheduler: nothing ever runs.
struct smallest {
  time_point now() { return {}; }
  wall_time wall_now() { return {}; }
  void post(std::function<void()>) {}
  timer_id start_timer(time_point, std::function<void()>) { return 1; }
  void cancel_timer(timer_id) {}
};

struct other_signatures {
  time_point now() const noexcept { return {}; }
  static wall_time wall_now() { return {}; }
  template <typename F>
  bool post(F&&) {
    return true;
  }
  template <typename F>
  timer_id start_timer(const time_point&, F&&) {
    return 1;
  }
  bool cancel_timer(timer_id) { return true; }
};

struct no_now : smallest {
  time_point now() = delete;
};
struct no_wall_now : smallest {
  wall_time wall_now() = delete;
};
struct no_post : smallest {
  void post(std::function<void()>) = delete;
};
struct no_start_timer : smallest {
  timer_id start_timer(time_point, std::function<void()>) = delete;
};
struct no_cancel_timer : smallest {
  void cancel_timer(timer_id) = delete;
};
struct one_clock_for_both : smallest {
  wall_time now() { return {}; }
};
struct counts_milliseconds : smallest {
  std::chrono::milliseconds wall_now() { return {}; }
};
struct posts_nothing : smallest {
  void post() {}
};
struct timer_after_a_while : smallest {
  timer_id start_timer(duration, std::function<void()>) { return 1; }
};
struct timer_without_id : smallest {
  void start_timer(time_point, std::function<void()>) {}
};

template <typename S>
constexpr int expressions() {
  return has_now_v<S> + has_wall_now_v<S> + has_post_v<S> + has_start_timer_v<S> +
         has_cancel_timer_v<S>;
}

}  // namespace

TEST_CASE("scheduler: models") {
  CHECK(is_scheduler_v<smallest>);
  CHECK(is_scheduler_v<other_signatures>);
  CHECK(expressions<smallest>() == 5);
  CHECK(require_scheduler<smallest>());
#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
  CHECK(agent_websocket::scheduler_policy<smallest>);
  CHECK_FALSE(agent_websocket::scheduler_policy<no_post>);
#endif
}

TEST_CASE("scheduler: one expression missing, and only that one is reported") {
  CHECK_FALSE(is_scheduler_v<no_now>);
  CHECK_FALSE(has_now_v<no_now>);
  CHECK(expressions<no_now>() == 4);

  CHECK_FALSE(is_scheduler_v<no_wall_now>);
  CHECK_FALSE(has_wall_now_v<no_wall_now>);
  CHECK(expressions<no_wall_now>() == 4);

  CHECK_FALSE(is_scheduler_v<no_post>);
  CHECK_FALSE(has_post_v<no_post>);
  CHECK(expressions<no_post>() == 4);

  CHECK_FALSE(is_scheduler_v<no_start_timer>);
  CHECK_FALSE(has_start_timer_v<no_start_timer>);
  CHECK(expressions<no_start_timer>() == 4);

  CHECK_FALSE(is_scheduler_v<no_cancel_timer>);
  CHECK_FALSE(has_cancel_timer_v<no_cancel_timer>);
  CHECK(expressions<no_cancel_timer>() == 4);
}

TEST_CASE("scheduler: an expression with another meaning") {
  if (!std::is_same_v<time_point, wall_time>) CHECK_FALSE(is_scheduler_v<one_clock_for_both>);
  CHECK_FALSE(is_scheduler_v<counts_milliseconds>);
  CHECK_FALSE(is_scheduler_v<posts_nothing>);
  CHECK_FALSE(is_scheduler_v<timer_after_a_while>);
  CHECK_FALSE(is_scheduler_v<timer_without_id>);
  CHECK_FALSE(is_scheduler_v<const smallest>);
  CHECK_FALSE(is_scheduler_v<int>);
}

namespace {

struct stoppable : smallest {
  void stop_clock() { ++stopped; }
  void let_clock_run() { --stopped; }
  int stopped = 0;
};

}  // namespace

TEST_CASE("one_moment: stops the clock of a scheduler that can, and leaves others alone") {
  stoppable scheduler;
  {
    const agent_websocket::one_moment<stoppable> outer(scheduler);
    CHECK(scheduler.stopped == 1);
    const agent_websocket::one_moment<stoppable> inner(scheduler);
    CHECK(scheduler.stopped == 2);
  }
  CHECK(scheduler.stopped == 0);
  CHECK(is_scheduler_v<stoppable>);
  smallest other;
  const agent_websocket::one_moment<smallest> nothing(other);
}
