// expect first: static.?assert.*Scheduler needs: std::chrono::system_clock::time_point wall_now\(\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_wall_now : scheduler_model {
  std::chrono::system_clock::time_point wall_now() = delete;
};

constexpr bool checked = require_scheduler<without_wall_now>();
