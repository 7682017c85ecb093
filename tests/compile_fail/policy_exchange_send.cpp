// expect first: static.?assert.*Exchange needs: void send\(std::string_view to, std::string_view text\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_send : exchange_model {
  void send(std::string_view, std::string_view) = delete;
};

constexpr bool checked = require_exchange<without_send>();
