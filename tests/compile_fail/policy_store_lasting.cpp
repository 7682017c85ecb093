// expect first: static.?assert.*Store needs: bool lasting\(\) const
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_lasting : store_model {
  bool lasting() const = delete;
};

constexpr bool checked = require_store<without_lasting>();
