// expect first: static.?assert.*HttpClient needs: http_call_id start\(http::request, http_sink&\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_start : http_client_model {
  http_call_id start(http::request, http_sink&) = delete;
};

constexpr bool checked = require_http_client<without_start>();
