// expect first: static.?assert.*Transport needs: void close\(connection_id, std::uint16_t,
// std::string_view\) SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_close : transport_model {
  void close(connection_id, std::uint16_t, std::string_view) = delete;
};

constexpr bool checked = require_transport<without_close>();
