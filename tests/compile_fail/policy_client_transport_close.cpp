// expect first: static.?assert.*ClientTransport needs: void close\(std::uint16_t, std::string_view\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_close : client_transport_model {
  void close(std::uint16_t, std::string_view) = delete;
};

constexpr bool checked = require_client_transport<without_close>();
