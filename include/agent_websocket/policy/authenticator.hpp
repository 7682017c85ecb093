// SPDX-License-Identifier: MIT
//
// Requirement Authenticator: decides who may open a socket. Shipped model: allow_all (everybody is the principal
// "anonymous"); tokens and JWT are models of the same requirement.
//
// | expression                  | result | promise of the policy                                                    |
// |-----------------------------|--------|--------------------------------------------------------------------------|
// | a.authenticate(hs, done)    | void   | calls done exactly once, now or later, on the executor, with the         |
// |                             |        | principal or an error (unauthorized, token_expired, forbidden, internal) |
//
// Promise of the library: called on the executor; the handshake is valid during the call only.
#pragma once

#include <agent_websocket/base/detect.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/policy/transport.hpp>

#include <functional>
#include <string>
#include <utility>

namespace agent_websocket {

/// Who a session belongs to.
struct principal {
  std::string name = "anonymous";
};

using authentication_handler = std::function<void(result<principal>)>;

/// Lets everybody in.
struct allow_all {
  void authenticate(const handshake&, const authentication_handler& done) const { done(principal{}); }
};

namespace detail {
template <typename A>
using authenticate_expression = decltype(std::declval<A&>().authenticate(std::declval<const handshake&>(),
                                                                         std::declval<authentication_handler>()));
}  // namespace detail

/// True when A meets the requirement Authenticator.
template <typename A>
inline constexpr bool is_authenticator_v = is_detected_v<detail::authenticate_expression, A>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename A>
concept authenticator_policy = is_authenticator_v<A>;
#endif

/// Instantiated by everything that takes an Authenticator, so that the first error line names the missing member.
template <typename A>
constexpr bool require_authenticator() {
  static_assert(is_authenticator_v<A>,
                "Authenticator needs: void authenticate(const handshake&, std::function<void(result<principal>)>)");
  return true;
}

}  // namespace agent_websocket
