// expect first: static.?assert.*ClientTransport needs: void open\(std::string_view, const http::header_list&\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_open : client_transport_model {
  void open(std::string_view, const http::header_list&) = delete;
};

constexpr bool checked = require_client_transport<without_open>();
