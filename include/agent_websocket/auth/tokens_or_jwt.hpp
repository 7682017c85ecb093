// SPDX-License-Identifier: MIT
//
// Static tokens and JSON Web Tokens beside each other, a model of Authenticator: who is on the list
// is let in, everybody else has to show a JSON Web Token, where there are keys for them. A name is
// one user, whichever way it was shown.
#pragma once

#include <agent_websocket/auth/jwt.hpp>
#include <agent_websocket/auth/static_tokens.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/policy/authenticator.hpp>

#include <optional>
#include <string_view>
#include <utility>

namespace agent_websocket {

class tokens_or_jwt {
 public:
  explicit tokens_or_jwt(static_tokens listed, std::optional<jwt> signed_ones = std::nullopt);

  /// The list is asked first, as it costs less. What is on neither is refused as a web token is.
  result<principal> verify(std::string_view token) const;

  void authenticate(const credentials& shown, const authentication_handler& done) const;

 private:
  static_tokens listed_;
  std::optional<jwt> signed_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE tokens_or_jwt::tokens_or_jwt(static_tokens listed,
                                                    std::optional<jwt> signed_ones)
    : listed_(std::move(listed)), signed_(std::move(signed_ones)) {}

AGENT_WEBSOCKET_INLINE result<principal> tokens_or_jwt::verify(std::string_view token) const {
  auto who = listed_.verify(token);
  if (who || !signed_) return who;
  return signed_->verify(token);
}

AGENT_WEBSOCKET_INLINE void tokens_or_jwt::authenticate(const credentials& shown,
                                                        const authentication_handler& done) const {
  done(verify(shown.token));
}

#endif

}  // namespace agent_websocket
