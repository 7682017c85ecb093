// SPDX-License-Identifier: MIT
//
// Model of the requirement Scheduler (policy/scheduler.hpp) with virtual time: nothing runs and no
// time passes until the test says so, and then always in the same order. For single-threaded
// tests: unlike that of a real scheduler, post() must come from the test's own thread.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

namespace agent_websocket {
namespace testing {

/// Begins at a fixed steady time and at the wall time 2026-01-01T00:00:00.000Z.
///
/// Order: what was posted runs first, in the order of posting; then the timer with the earliest
/// deadline, of equal ones the one started first; then again what was posted meanwhile.
/// Functions may post, and start and cancel timers.
class manual_scheduler {
 public:
  manual_scheduler() = default;
  manual_scheduler(const manual_scheduler&) = delete;
  manual_scheduler& operator=(const manual_scheduler&) = delete;

  /// Destroys what waits without running it. What those destructors post or start is dropped.
  ~manual_scheduler();

  time_point now() const noexcept { return now_; }
  wall_time wall_now() const noexcept;

  void post(std::function<void()> f);

  /// A time that is not in the future means: as soon as the test lets things run.
  timer_id start_timer(time_point when, std::function<void()> f);

  void cancel_timer(timer_id id);

  /// Runs one function that is ready now; false when there is none.
  bool run_one();

  /// Runs what is ready now, and what that makes ready, until nothing is. Returns how many
  /// functions ran; throws std::logic_error after `run_limit`, instead of hanging for ever.
  std::size_t run();

  /// Lets `time` pass, from deadline to deadline: each function sees the time of its own deadline.
  std::size_t advance(duration time);

  /// Moves the wall clock alone, as an operator or NTP does.
  void shift_wall_clock(wall_time::duration by);

  std::size_t pending_timers() const noexcept { return timers_.size(); }
  /// True while anything is posted or any timer waits, due or not.
  bool has_work() const noexcept { return !posted_.empty() || !timers_.empty(); }
  /// When the earliest timer falls due.
  std::optional<time_point> next_deadline() const;

  static constexpr std::size_t run_limit = 1'000'000;

 private:
  struct timer {
    timer_id id;
    std::function<void()> f;
  };
  using timer_list = std::multimap<time_point, timer>;  // equal keys keep the order of insertion

  static constexpr time_point start{std::chrono::hours(24)};
  static constexpr wall_time wall_start{std::chrono::seconds(1'767'225'600)};

  time_point now_ = start;
  wall_time::duration wall_shift_{0};
  fifo<std::function<void()>, 64> posted_;
  timer_list timers_;
  std::unordered_map<timer_id, timer_list::iterator> ids_;
  timer_id last_id_ = 0;
  bool closing_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE manual_scheduler::~manual_scheduler() {
  closing_ = true;
  ids_.clear();
  const auto posted = std::move(posted_);
  const auto timers = std::move(timers_);
}

AGENT_WEBSOCKET_INLINE wall_time manual_scheduler::wall_now() const noexcept {
  return wall_start + std::chrono::duration_cast<wall_time::duration>(now_ - start) + wall_shift_;
}

AGENT_WEBSOCKET_INLINE void manual_scheduler::post(std::function<void()> f) {
  if (!closing_) posted_.push_back(std::move(f));
}

AGENT_WEBSOCKET_INLINE timer_id manual_scheduler::start_timer(time_point when,
                                                              std::function<void()> f) {
  const timer_id id = ++last_id_;
  if (!closing_) ids_.emplace(id, timers_.emplace(when, timer{id, std::move(f)}));
  return id;
}

AGENT_WEBSOCKET_INLINE void manual_scheduler::cancel_timer(timer_id id) {
  const auto found = ids_.find(id);
  if (found == ids_.end()) return;
  const auto cancelled = timers_.extract(found->second);  // destroyed last: it may call back
  ids_.erase(found);
}

AGENT_WEBSOCKET_INLINE bool manual_scheduler::run_one() {
  if (!posted_.empty()) {
    const std::function<void()> f = posted_.take_front();
    f();
    return true;
  }
  if (timers_.empty() || timers_.begin()->first > now_) return false;
  const auto due = timers_.extract(timers_.begin());
  ids_.erase(due.mapped().id);
  due.mapped().f();
  return true;
}

AGENT_WEBSOCKET_INLINE std::size_t manual_scheduler::run() {
  std::size_t count = 0;
  while (run_one()) {
    if (++count == run_limit) throw std::logic_error("manual_scheduler: never becomes idle");
  }
  return count;
}

AGENT_WEBSOCKET_INLINE std::size_t manual_scheduler::advance(duration time) {
  const time_point end = now_ + time;
  std::size_t count = run();
  while (!timers_.empty() && timers_.begin()->first <= end) {
    now_ = timers_.begin()->first;
    count += run();
  }
  now_ = end;
  return count;
}

AGENT_WEBSOCKET_INLINE void manual_scheduler::shift_wall_clock(wall_time::duration by) {
  wall_shift_ += by;
}

AGENT_WEBSOCKET_INLINE std::optional<time_point> manual_scheduler::next_deadline() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

#endif

}  // namespace testing
}  // namespace agent_websocket
