// expect first: static.?assert.*Store needs: void erase\(std::string_view, fence_number, store_handler\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_erase : store_model {
  void erase(std::string_view, fence_number, store_handler) = delete;
};

constexpr bool checked = require_store<without_erase>();
