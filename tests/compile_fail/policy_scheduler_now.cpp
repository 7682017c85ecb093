// expect first: static.?assert.*Scheduler needs: std::chrono::steady_clock::time_point now\(\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_now : scheduler_model {
  std::chrono::steady_clock::time_point now() = delete;
};

constexpr bool checked = require_scheduler<without_now>();
