// expect first: static.?assert.*Transport needs: void ping\(connection_id\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_ping : transport_model {
  void ping(connection_id) = delete;
};

constexpr bool checked = require_transport<without_ping>();
