// SPDX-License-Identifier: MIT
//
// The authenticator that the options ask for: static tokens, JSON Web Tokens with the keys that
// they name, both, or, when they name none, everybody.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <agent_websocket/adapters/jwt_openssl.hpp>
#include <agent_websocket/auth/any_authenticator.hpp>
#include <agent_websocket/auth/jwt.hpp>
#include <agent_websocket/auth/tokens_or_jwt.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/server/access_options.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace agent_websocket {

/// Reads the files of public keys: blocks. `now` is asked at each JSON Web Token. The error
/// (bad_configuration) names the variable, and the file.
result<any_authenticator> make_authenticator(const access_options& from, jwt::clock now);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<any_authenticator> make_authenticator(const access_options& from,
                                                                    jwt::clock now) {
  if (auto checked = from.check_authentication(); !checked) return checked.error();
  if (!from.asks_for_tokens()) return any_authenticator(allow_all());
  std::vector<jwt_key> keys;
  const auto secret = [&keys](const std::string& text, const char* name) -> result<void> {
    if (text.empty()) return {};
    auto key = adapters::jwt_secret_key(text, name);
    if (!key) return key.error();
    keys.push_back(std::move(*key));
    return {};
  };
  const auto file = [&keys](const std::string& path, const char* name) -> result<void> {
    if (path.empty()) return {};
    auto key = adapters::jwt_public_key_file(path, name);
    if (!key) return key.error();
    keys.push_back(std::move(*key));
    return {};
  };
  for (const auto& added :
       {secret(from.jwt_secret, "JWT_SECRET"),
        secret(from.jwt_previous_secret, "JWT_PREVIOUS_SECRET"),
        file(from.jwt_public_key_file, "JWT_PUBLIC_KEY_FILE"),
        file(from.jwt_previous_public_key_file, "JWT_PREVIOUS_PUBLIC_KEY_FILE")}) {
    if (!added) return added.error();
  }
  std::optional<jwt> signed_ones;
  if (!keys.empty()) {
    jwt_rules rules;
    rules.audience = from.jwt_audience;
    rules.issuer = from.jwt_issuer;
    rules.leeway = from.jwt_leeway;
    signed_ones.emplace(std::move(keys), std::move(rules), std::move(now));
  }
  return any_authenticator(tokens_or_jwt(from.tokens, std::move(signed_ones)));
}

#endif

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
