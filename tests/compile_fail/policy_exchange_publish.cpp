// expect first: static.?assert.*Exchange needs: void publish\(std::string_view text\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_publish : exchange_model {
  void publish(std::string_view) = delete;
};

constexpr bool checked = require_exchange<without_publish>();
