// expect first: static.?assert.*Exchange needs: void listen\(exchange_sink&\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_listen : exchange_model {
  void listen(exchange_sink&) = delete;
};

constexpr bool checked = require_exchange<without_listen>();
