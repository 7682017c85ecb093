// SPDX-License-Identifier: MIT
//
// JSON Web Tokens (RFC 7519) signed with HS256, RS256 or ES256 (RFC 7518 section 3): a model of
// Authenticator. The algorithm belongs to the key and is never chosen by the token, which is what
// RFC 8725 section 3.1 asks for; "none" is no algorithm. How a signature is verified is a function
// handed in with the key (adapters/jwt_openssl.hpp makes them), so that nothing here needs a
// cryptographic library. Claims are looked at only behind a good signature.
#pragma once

#include <agent_websocket/auth/jwt_claims.hpp>
#include <agent_websocket/auth/jwt_token.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/policy/jwt_key.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

class jwt {
 public:
  using clock = std::function<wall_time()>;

  /// A token is good when one of the keys has signed it: the current one and, for as long as tokens
  /// of it are about, the one before. Without keys none is.
  jwt(std::vector<jwt_key> keys, jwt_rules rules, clock now);

  /// Whose token that is. Errors: unauthorized or token_expired, in words that do not say which
  /// check failed; the detail, for the log, does.
  result<principal> verify(std::string_view token) const;

  void authenticate(const credentials& shown, const authentication_handler& done) const;

 private:
  std::vector<jwt_key> keys_;
  jwt_rules rules_;
  clock now_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE jwt::jwt(std::vector<jwt_key> keys, jwt_rules rules, clock now)
    : keys_(std::move(keys)), rules_(std::move(rules)), now_(std::move(now)) {}

AGENT_WEBSOCKET_INLINE result<principal> jwt::verify(std::string_view token) const {
  if (token.empty()) return error(errc::unauthorized);
  const auto parts = jwt_token::parse(token);
  if (!parts) return parts.error();
  bool known = false, good = false;
  for (const jwt_key& key : keys_) {
    if (parts->alg != to_string(key.alg)) continue;
    known = true;
    if (key.verify(parts->signing_input, parts->signature)) {
      good = true;
      break;
    }
  }
  if (!known) return detail::refuse_jwt("alg is not that of a configured key");
  if (!good) return detail::refuse_jwt("no configured key has signed it");
  return check_jwt_claims(parts->claims, rules_, now_());
}

AGENT_WEBSOCKET_INLINE void jwt::authenticate(const credentials& shown,
                                              const authentication_handler& done) const {
  done(verify(shown.token));
}

#endif

}  // namespace agent_websocket
