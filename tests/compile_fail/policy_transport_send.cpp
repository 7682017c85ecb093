// expect first: static.?assert.*Transport needs: std::size_t send\(connection_id,
// std::string_view\) SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_send : transport_model {
  std::size_t send(connection_id, std::string_view) = delete;
};

constexpr bool checked = require_transport<without_send>();
