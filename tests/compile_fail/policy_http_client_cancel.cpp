// expect first: static.?assert.*HttpClient needs: void cancel\(http_call_id\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_cancel : http_client_model {
  void cancel(http_call_id) = delete;
};

constexpr bool checked = require_http_client<without_cancel>();
