// expect first: static.?assert.*ClientTransport needs: void start\(client_transport_sink&\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_start : client_transport_model {
  void start(client_transport_sink&) = delete;
};

constexpr bool checked = require_client_transport<without_start>();
