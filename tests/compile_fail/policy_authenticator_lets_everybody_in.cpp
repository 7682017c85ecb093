// expect first: static.?assert.*lets_everybody_in must be: bool lets_everybody_in\(\) const
// SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct forgets_const : authenticator_model {
  bool lets_everybody_in();
};

constexpr bool checked = require_authenticator<forgets_const>();
