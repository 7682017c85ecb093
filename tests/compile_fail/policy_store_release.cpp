// expect first: static.?assert.*Store needs: void release\(std::string_view, fence_number, store_handler\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_release : store_model {
  void release(std::string_view, fence_number, store_handler) = delete;
};

constexpr bool checked = require_store<without_release>();
