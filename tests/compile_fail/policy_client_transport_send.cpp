// expect first: static.?assert.*ClientTransport needs: std::size_t send\(std::string_view\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_send : client_transport_model {
  std::size_t send(std::string_view) = delete;
};

constexpr bool checked = require_client_transport<without_send>();
