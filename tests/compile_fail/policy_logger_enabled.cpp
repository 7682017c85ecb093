// expect first: static.?assert.*Logger needs: bool enabled\(log_level\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_enabled : logger_model {
  bool enabled(log_level) = delete;
};

constexpr bool checked = require_logger<without_enabled>();
