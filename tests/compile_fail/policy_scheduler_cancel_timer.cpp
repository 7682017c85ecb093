// expect first: static.?assert.*Scheduler needs: void cancel_timer\(timer_id\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_cancel_timer : scheduler_model {
  void cancel_timer(timer_id) = delete;
};

constexpr bool checked = require_scheduler<without_cancel_timer>();
