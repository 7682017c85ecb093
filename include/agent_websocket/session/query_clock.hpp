// SPDX-License-Identifier: MIT
//
// The time that a query gives its answer (`timeout_ms`): stands still while a person is asked, so
// that a slow decision does not cost the answer.
#pragma once

#include <agent_websocket/policy/scheduler.hpp>

#include <functional>
#include <utility>

namespace agent_websocket {

template <typename Scheduler>
class query_clock {
 public:
  explicit query_clock(Scheduler& scheduler) : scheduler_(scheduler) {}
  query_clock(const query_clock&) = delete;
  query_clock& operator=(const query_clock&) = delete;
  ~query_clock() { stop(); }

  /// Calls over() after `limit` of running time, once.
  void start(duration limit, std::function<void()> over) {
    stop();
    over_ = std::move(over);
    left_ = limit;
    go_on();
  }
  void stop() {
    if (timer_ != 0) scheduler_.cancel_timer(std::exchange(timer_, 0));
    over_ = nullptr;
  }

  void hold() {
    if (timer_ == 0) return;
    scheduler_.cancel_timer(std::exchange(timer_, 0));
    left_ = ends_ - scheduler_.now();
  }
  void go_on() {
    if (timer_ != 0 || !over_) return;
    ends_ = scheduler_.now() + left_;
    timer_ = scheduler_.start_timer(ends_, [this] {
      timer_ = 0;
      const auto call = std::exchange(over_, nullptr);  // this may be gone before it returns
      call();
    });
  }

 private:
  Scheduler& scheduler_;
  std::function<void()> over_;
  duration left_{};
  time_point ends_{};
  timer_id timer_ = 0;
};

}  // namespace agent_websocket
