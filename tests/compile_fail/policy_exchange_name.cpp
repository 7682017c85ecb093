// expect first: static.?assert.*Exchange needs: std::string name\(\) const
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_name : exchange_model {
  std::string name() const = delete;
};

constexpr bool checked = require_exchange<without_name>();
