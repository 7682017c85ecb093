// expect first: static.?assert.*Store needs: void check\(store_handler\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_check : store_model {
  void check(store_handler) = delete;
};

constexpr bool checked = require_store<without_check>();
