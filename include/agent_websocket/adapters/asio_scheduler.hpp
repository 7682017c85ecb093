// SPDX-License-Identifier: MIT
//
// Model of the requirement Scheduler (policy/scheduler.hpp) on an asio::io_context that one thread
// runs. All timers share one asio::steady_timer that waits for the earliest deadline: a session
// that starts and cancels timers makes no system calls.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/timer_heap.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// The context must outlive the scheduler. Destroying the scheduler inside of one of its own
/// functions is allowed.
class asio_scheduler {
 public:
  explicit asio_scheduler(asio::io_context& context) : context_(context), timer_(context) {}
  asio_scheduler(const asio_scheduler&) = delete;
  asio_scheduler& operator=(const asio_scheduler&) = delete;

  /// Destroys what waits without running it. What those destructors post or start is dropped.
  ~asio_scheduler();

  time_point now() const noexcept;
  wall_time wall_now() const noexcept;
  /// See one_moment.
  void stop_clock() noexcept;
  void let_clock_run() noexcept { --stopped_; }

  /// From any thread, until the destructor begins. The functions wait here and not in Asio's
  /// queue, so that they end with the scheduler, also when the context lives on.
  void post(std::function<void()> f);

  /// A time that is not in the future means: on the next turn.
  timer_id start_timer(time_point when, std::function<void()> f);

  void cancel_timer(timer_id id);

 private:
  static constexpr timer_id never = ~timer_id{0};  // no timer's

  void run_posted();

  // Waits for the earliest deadline. A timer that is cancelled leaves the wait as it is, unless it
  // was the last one: waking up for nothing once is cheaper than arming anew for each.
  void arm();

  void disarm();

  // Arms anew however the functions end, also by an exception, but not when one of them has
  // destroyed the scheduler.
  class arming {
   public:
    explicit arming(asio_scheduler& scheduler);
    arming(const arming&) = delete;
    arming& operator=(const arming&) = delete;
    ~arming();
    bool scheduler_alive() const noexcept { return !alive_.expired(); }

   private:
    asio_scheduler& scheduler_;
    std::weak_ptr<char> alive_;
  };

  // Runs as many as are due now; those that they start, even in the past, wait for the next turn
  // at the latest, so that sockets get theirs.
  void run_timers();

  asio::io_context& context_;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  const std::weak_ptr<char> watch_ = alive_;  // handlers look here before they touch anything
  timer_heap timers_;
  std::optional<time_point> armed_for_;
  std::uint64_t turn_ = 0;  // tells the current wait from those replaced
  bool running_timers_ = false;
  unsigned stopped_ = 0;  // how many want the clock to stand still
  time_point stopped_at_{};
  wall_time stopped_wall_at_{};
  std::mutex mutex_;  // guards the two below
  std::deque<std::function<void()>> posted_;
  bool closing_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE asio_scheduler::~asio_scheduler() {
  alive_.reset();
  const timer_heap timers = std::exchange(timers_, {});
  std::unique_lock<std::mutex> lock(mutex_);
  const std::deque<std::function<void()>> posted = std::exchange(posted_, {});
  closing_ = true;
  lock.unlock();
}

AGENT_WEBSOCKET_INLINE time_point asio_scheduler::now() const noexcept {
  return stopped_ == 0 ? std::chrono::steady_clock::now() : stopped_at_;
}

AGENT_WEBSOCKET_INLINE wall_time asio_scheduler::wall_now() const noexcept {
  return stopped_ == 0 ? std::chrono::system_clock::now() : stopped_wall_at_;
}

AGENT_WEBSOCKET_INLINE void asio_scheduler::stop_clock() noexcept {
  if (stopped_ == 0) {
    stopped_at_ = now();
    stopped_wall_at_ = wall_now();
  }
  ++stopped_;
}

AGENT_WEBSOCKET_INLINE void asio_scheduler::post(std::function<void()> f) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closing_) return;
    posted_.push_back(std::move(f));
  }
  asio::post(context_, [this, alive = watch_] {
    if (!alive.expired()) run_posted();
  });
}

AGENT_WEBSOCKET_INLINE timer_id asio_scheduler::start_timer(time_point when,
                                                            std::function<void()> f) {
  if (!alive_) return never;
  const timer_id id = timers_.add(when, std::move(f));
  if (!running_timers_) arm();
  return id;
}

AGENT_WEBSOCKET_INLINE void asio_scheduler::cancel_timer(timer_id id) {
  const std::function<void()> cancelled = timers_.remove(id);  // destroyed last: it may call back
  if (timers_.empty()) disarm();
}

AGENT_WEBSOCKET_INLINE void asio_scheduler::run_posted() {
  std::function<void()> f;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    f = std::move(posted_.front());  // there is one for every run_posted
    posted_.pop_front();
  }
  f();
}

AGENT_WEBSOCKET_INLINE void asio_scheduler::arm() {
  if (timers_.empty()) return disarm();
  const time_point earliest = timers_.earliest();
  if (armed_for_ && *armed_for_ <= earliest) return;
  armed_for_ = earliest;
  timer_.expires_at(earliest);
  timer_.async_wait([this, alive = watch_, turn = ++turn_](std::error_code failure) {
    if (failure || alive.expired() || turn != turn_) return;
    run_timers();
  });
}

AGENT_WEBSOCKET_INLINE void asio_scheduler::disarm() {
  ++turn_;
  if (armed_for_) timer_.cancel();  // so that a context without other work can return
  armed_for_.reset();
}

AGENT_WEBSOCKET_INLINE asio_scheduler::arming::arming(asio_scheduler& scheduler)
    : scheduler_(scheduler), alive_(scheduler.watch_) {
  scheduler_.armed_for_.reset();
  scheduler_.running_timers_ = true;
}

AGENT_WEBSOCKET_INLINE asio_scheduler::arming::~arming() {
  if (!scheduler_alive()) return;
  scheduler_.running_timers_ = false;
  scheduler_.arm();
}

AGENT_WEBSOCKET_INLINE void asio_scheduler::run_timers() {
  const arming mark(*this);
  const time_point time = now();
  std::size_t due = timers_.count_until(time);
  for (; due > 0 && !timers_.empty() && timers_.earliest() <= time; --due) {
    timers_.take_earliest()();
    if (!mark.scheduler_alive()) return;
  }
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
