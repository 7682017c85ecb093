// SPDX-License-Identifier: MIT
//
// Requirement Authenticator: decides who somebody is by what he shows. Shipped models: allow_all
// (everybody is the principal "anonymous"), static_tokens, jwt and any_authenticator of auth/.
//
// | expression              | result | promise of the policy                                    |
// |-------------------------|--------|----------------------------------------------------------|
// | a.authenticate(c, done) | void   | calls done exactly once, now or later, on the executor,  |
// |                         |        | with the principal or an error: unauthorized (no or a    |
// |                         |        | wrong token), token_expired, forbidden (known, but not   |
// |                         |        | allowed), internal (cannot tell now). Its message may be |
// |                         |        | seen by whoever asks; its detail is for the log          |
// | a.lets_everybody_in()   | bool   | optional, const: true when nobody has to show anything;  |
// |                         |        | a server then listens on loopback addresses only, unless |
// |                         |        | the operator says otherwise. Absent: false               |
//
// Promise of the library: authenticate is called on the executor; the credentials and what they
// point to are valid during the call only.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/detect.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/policy/transport.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace agent_websocket {

/// Who a session belongs to. Sessions are told apart by the name alone.
struct principal {
  std::string name = "anonymous";
  /// When what was shown stops being valid; nullopt: never.
  std::optional<wall_time> expires_at = std::nullopt;
  /// Let in without showing anything: limits per user count the address instead.
  bool is_anonymous = false;

  static principal anonymous();
};

/// Where a token stood.
enum class credential_source {
  none,         ///< there was none
  header,       ///< Authorization: Bearer (RFC 6750 section 2.1)
  subprotocol,  ///< bearer.<token> in Sec-WebSocket-Protocol, for browsers
  message,      ///< a hello or auth command
};

/// What a client shows. Valid during the call only.
struct credentials {
  std::string_view token;  ///< empty: none; not checked in any way, of any length and bytes
  credential_source from = credential_source::none;
  /// Of the socket; null when a socket that is open shows a new token.
  const handshake* request = nullptr;
};

using authentication_handler = std::function<void(result<principal>)>;

/// Lets everybody in.
struct allow_all {
  void authenticate(const credentials&, const authentication_handler& done) const;
  static constexpr bool lets_everybody_in() noexcept { return true; }
};

namespace detail {
template <typename A>
using authenticate_expression = decltype(std::declval<A&>().authenticate(
    std::declval<const credentials&>(), std::declval<authentication_handler>()));
template <typename A>
using lets_everybody_in_expression = std::enable_if_t<
    std::is_convertible_v<decltype(std::declval<const A&>().lets_everybody_in()), bool>>;
// Anything of that name, also what is not const or takes arguments by default.
template <typename A>
using lets_everybody_in_attempt = decltype(std::declval<A&>().lets_everybody_in());
}  // namespace detail

/// True when A meets the requirement Authenticator.
template <typename A>
inline constexpr bool is_authenticator_v = is_detected_v<detail::authenticate_expression, A>;

/// True when A says by itself whether it lets everybody in.
template <typename A>
inline constexpr bool has_lets_everybody_in_v =
    is_detected_v<detail::lets_everybody_in_expression, A>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename A>
concept authenticator_policy = is_authenticator_v<A>;
#endif

/// Instantiated by everything that takes an Authenticator, so that the first error line names the
/// missing member.
template <typename A>
constexpr bool require_authenticator() {
  static_assert(is_authenticator_v<A>,
                "Authenticator needs: void authenticate(const credentials&, "
                "std::function<void(result<principal>)>)");
  static_assert(
      has_lets_everybody_in_v<A> || !is_detected_v<detail::lets_everybody_in_attempt, A>,
      "Authenticator's optional lets_everybody_in must be: bool lets_everybody_in() const");
  return true;
}

/// Whether nobody has to show anything to `a`; false when `a` does not say.
template <typename A>
bool lets_everybody_in([[maybe_unused]] const A& a) {
  if constexpr (has_lets_everybody_in_v<A>) {
    return a.lets_everybody_in();
  } else {
    return false;
  }
}

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE principal principal::anonymous() {
  principal nobody;
  nobody.is_anonymous = true;
  return nobody;
}

AGENT_WEBSOCKET_INLINE void allow_all::authenticate(const credentials&,
                                                    const authentication_handler& done) const {
  done(principal::anonymous());
}

#endif

}  // namespace agent_websocket
