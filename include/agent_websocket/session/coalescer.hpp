// SPDX-License-Identifier: MIT
//
// Wakes sessions whose new text waits to be sent as one piece. One timer for all of them: each
// waits equally long, so they fall due in the order in which they came.
#pragma once

#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <memory>
#include <utility>

namespace agent_websocket {

template <typename Scheduler, typename Session>
class coalescer {
 public:
  explicit coalescer(Scheduler& scheduler) : scheduler_(scheduler) {}
  coalescer(const coalescer&) = delete;
  coalescer& operator=(const coalescer&) = delete;
  ~coalescer() { scheduler_.cancel_timer(timer_); }

  /// Calls session->flush() at `when`, or a little later when sessions have windows of their own.
  void wake(time_point when, std::weak_ptr<Session> session) {
    waiting_.push_back({when, std::move(session)});
    if (timer_ == 0) arm();
  }

 private:
  struct sleeper {
    time_point when;
    std::weak_ptr<Session> session;
  };

  void arm() {
    if (waiting_.empty()) return;
    timer_ = scheduler_.start_timer(waiting_.front().when, [this] {
      timer_ = 0;
      const time_point now = scheduler_.now();
      while (!waiting_.empty() && waiting_.front().when <= now) {
        if (const auto session = waiting_.take_front().session.lock()) session->flush();
      }
      if (timer_ == 0) arm();
    });
  }

  Scheduler& scheduler_;
  fifo<sleeper, 64> waiting_;
  timer_id timer_ = 0;
};

}  // namespace agent_websocket
