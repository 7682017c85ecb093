// expect first: static.?assert.*Store needs: void load\(std::string_view, load_handler\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_load : store_model {
  void load(std::string_view, load_handler) = delete;
};

constexpr bool checked = require_store<without_load>();
