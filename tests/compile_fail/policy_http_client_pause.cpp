// expect first: static.?assert.*HttpClient needs: void pause\(http_call_id\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_pause : http_client_model {
  void pause(http_call_id) = delete;
};

constexpr bool checked = require_http_client<without_pause>();
