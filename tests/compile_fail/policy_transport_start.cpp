// expect first: static.?assert.*Transport needs: result<void> start\(transport_sink&\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_start : transport_model {
  result<void> start(transport_sink&) = delete;
};

constexpr bool checked = require_transport<without_start>();
