// expect first: static.?assert.*Transport needs: void answer\(connection_id, http::response\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_answer : transport_model {
  void answer(connection_id, http::response) = delete;
};

constexpr bool checked = require_transport<without_answer>();
