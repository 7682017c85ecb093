// expect first: static.?assert.*Logger needs: void write\(const log_record&\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_write : logger_model {
  void write(const log_record&) = delete;
};

constexpr bool checked = require_logger<without_write>();
