// expect first: static.?assert.*Scheduler needs: void post\(std::function<void\(\)>\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_post : scheduler_model {
  void post(std::function<void()>) = delete;
};

constexpr bool checked = require_scheduler<without_post>();
