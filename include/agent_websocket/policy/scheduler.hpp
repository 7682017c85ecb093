// SPDX-License-Identifier: MIT
//
// Requirement Scheduler: the one executor of a server, and its clocks. Shipped models: adapters::asio_scheduler,
// testing::manual_scheduler (virtual time).
//
// | expression          | result       | promise of the policy                                                      |
// |---------------------|--------------|----------------------------------------------------------------------------|
// | s.now()             | time_point   | monotonic (std::chrono::steady_clock::time_point)                          |
// | s.wall_now()        | wall_time    | for people (std::chrono::system_clock::time_point)                         |
// | s.post(f)           | void         | runs f() soon, on the executor, never inside post; from any thread         |
// | s.start_timer(t, f) | timer_id     | runs f() once, at or soon after time_point t, on the executor; never inside |
// | s.cancel_timer(id)  | void         | f() of that timer will not run; unknown and fired ids are ignored          |
//
// Promise of the library: all but post() is called on the executor only. Functions that still wait when the
// scheduler is destroyed are destroyed without being run.
#pragma once

#include <agent_websocket/base/detect.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

namespace agent_websocket {

using time_point = std::chrono::steady_clock::time_point;
using wall_time = std::chrono::system_clock::time_point;
using duration = std::chrono::steady_clock::duration;

/// Names a timer; 0 is never given out. Not reused within a process.
using timer_id = std::uint64_t;

namespace detail {
template <typename S>
using now_expression = std::enable_if_t<std::is_same_v<decltype(std::declval<S&>().now()), time_point>>;
template <typename S>
using wall_now_expression = std::enable_if_t<std::is_same_v<decltype(std::declval<S&>().wall_now()), wall_time>>;
template <typename S>
using post_expression = decltype(std::declval<S&>().post(std::declval<std::function<void()>>()));
template <typename S>
using start_timer_expression = std::enable_if_t<std::is_same_v<
    decltype(std::declval<S&>().start_timer(time_point(), std::declval<std::function<void()>>())), timer_id>>;
template <typename S>
using stop_clock_expression = decltype(std::declval<S&>().stop_clock(), std::declval<S&>().let_clock_run());
template <typename S>
using cancel_timer_expression = decltype(std::declval<S&>().cancel_timer(timer_id()));
}  // namespace detail

template <typename S>
inline constexpr bool has_now_v = is_detected_v<detail::now_expression, S>;
template <typename S>
inline constexpr bool has_wall_now_v = is_detected_v<detail::wall_now_expression, S>;
template <typename S>
inline constexpr bool has_post_v = is_detected_v<detail::post_expression, S>;
template <typename S>
inline constexpr bool has_start_timer_v = is_detected_v<detail::start_timer_expression, S>;
template <typename S>
inline constexpr bool has_cancel_timer_v = is_detected_v<detail::cancel_timer_expression, S>;

/// True when S meets the requirement Scheduler.
template <typename S>
inline constexpr bool is_scheduler_v =
    has_now_v<S> && has_wall_now_v<S> && has_post_v<S> && has_start_timer_v<S> && has_cancel_timer_v<S>;

/// While it lives, now() and wall_now() may go on telling the moment at which it was made: what comes out of one read
/// happens at one moment, and asking for the time is a tenth of the cost of a token. Does nothing for a Scheduler
/// without `s.stop_clock()` and `s.let_clock_run()`, which may be nested.
template <typename S>
class one_moment {
 public:
  explicit one_moment(S& scheduler) : scheduler_(scheduler) {
    if constexpr (is_detected_v<detail::stop_clock_expression, S>) scheduler_.stop_clock();
  }
  one_moment(const one_moment&) = delete;
  one_moment& operator=(const one_moment&) = delete;
  ~one_moment() {
    if constexpr (is_detected_v<detail::stop_clock_expression, S>) scheduler_.let_clock_run();
  }

 private:
  S& scheduler_;
};

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename S>
concept scheduler_policy = is_scheduler_v<S>;
#endif

/// Instantiated by everything that takes a Scheduler, so that the first error line names the missing member.
template <typename S>
constexpr bool require_scheduler() {
  static_assert(has_now_v<S>, "Scheduler needs: std::chrono::steady_clock::time_point now()");
  static_assert(has_wall_now_v<S>, "Scheduler needs: std::chrono::system_clock::time_point wall_now()");
  static_assert(has_post_v<S>, "Scheduler needs: void post(std::function<void()>)");
  static_assert(has_start_timer_v<S>, "Scheduler needs: timer_id start_timer(time_point, std::function<void()>)");
  static_assert(has_cancel_timer_v<S>, "Scheduler needs: void cancel_timer(timer_id)");
  return true;
}

}  // namespace agent_websocket
