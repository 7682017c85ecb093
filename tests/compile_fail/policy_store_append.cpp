// expect first: static.?assert.*Store needs: void append\(store_batch, store_handler\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_append : store_model {
  void append(store_batch, store_handler) = delete;
};

constexpr bool checked = require_store<without_append>();
