// SPDX-License-Identifier: MIT
//
// Whether the store answers: asked every few seconds, for /readyz, the metrics and the log. A store
// that is not lasting is always well, and never asked.
#pragma once

#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/policy/store.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace agent_websocket {

template <typename Store, typename Scheduler>
class store_health {
 public:
  static constexpr std::chrono::seconds interval{2};
  /// Is told of each change: an error, or that all is well (again).
  using change_handler = std::function<void(const result<void>&)>;

  store_health(Store& store, Scheduler& scheduler, change_handler changed)
      : store_(store), scheduler_(scheduler), changed_(std::move(changed)) {}
  store_health(const store_health&) = delete;
  store_health& operator=(const store_health&) = delete;
  ~store_health() { scheduler_.cancel_timer(timer_); }

  /// Once.
  void watch() {
    if (!store_.lasting()) return;
    known_ = well_ = false;
    ask();
  }

  bool is_well() const noexcept { return well_; }

 private:
  void ask() {
    store_.check([this, weak = std::weak_ptr<const bool>(alive_)](const result<void>& outcome) {
      if (weak.lock()) take(outcome);
    });
  }

  void take(const result<void>& outcome) {
    const bool well = outcome.has_value();
    const bool changed = !known_ || well != well_;
    known_ = true;
    well_ = well;
    timer_ = scheduler_.start_timer(scheduler_.now() + interval, [this] { ask(); });
    if (changed) changed_(outcome);
  }

  Store& store_;
  Scheduler& scheduler_;
  change_handler changed_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  timer_id timer_ = 0;
  bool known_ = true;
  bool well_ = true;
};

}  // namespace agent_websocket
