// expect first: static.?assert.*Authenticator needs: void authenticate\(const credentials&,
// std::function<void\(result<principal>\)>\) SPDX-License-Identifier: MIT
#include "policy_models.hpp"

struct without_authenticate : authenticator_model {
  void authenticate(const credentials&, std::function<void(result<principal>)>) = delete;
};

constexpr bool checked = require_authenticator<without_authenticate>();
