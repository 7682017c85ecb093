// expect first: static.?assert.*Transport needs: void stop\(\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_stop : transport_model {
  void stop() = delete;
};

constexpr bool checked = require_transport<without_stop>();
