// expect first: static.?assert.*Store needs: void claim\(std::string_view, const stored_session&, claim_handler\)
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_claim : store_model {
  void claim(std::string_view, const stored_session&, claim_handler) = delete;
};

constexpr bool checked = require_store<without_claim>();
