// expect first: static.?assert.*Scheduler needs: timer_id start_timer\(time_point,
// std::function<void\(\)>\) SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_start_timer : scheduler_model {
  timer_id start_timer(time_point, std::function<void()>) = delete;
};

constexpr bool checked = require_scheduler<without_start_timer>();
