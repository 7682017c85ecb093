// SPDX-License-Identifier: MIT
//
// Whether a server would let everybody in from everywhere, which an operator has to say in so many
// words: a model's bill is behind it. Without authentication it listens on loopback addresses only.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/http/ip_address.hpp>
#include <agent_websocket/server/options.hpp>

#include <string>
#include <string_view>

namespace agent_websocket {

/// True for what only this machine reaches: "localhost", and addresses of 127.0.0.0/8 and ::1.
/// Other names are not looked up.
bool is_loopback_host(std::string_view host);

/// Refuses (bad_configuration) to let everybody in where other machines can reach it, unless the
/// operator allows it. `everybody`: what the authenticator says of itself.
result<void> check_exposure(const options& of, bool everybody);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool is_loopback_host(std::string_view host) {
  if (http::iequals(host, "localhost")) return true;
  const auto address = http::ip_address::parse(host);
  return address && address->is_loopback();
}

AGENT_WEBSOCKET_INLINE result<void> check_exposure(const options& of, bool everybody) {
  if (!everybody || of.access.allow_anonymous || is_loopback_host(of.host)) return {};
  return error(errc::bad_configuration,
               "HOST is \"" + of.host +
                   "\", which other machines can reach, and nobody would have to authenticate; set "
                   "AUTH_TOKENS, JWT_SECRET or JWT_PUBLIC_KEY_FILE to say who may come, or "
                   "HOST=localhost to serve this machine only, or ALLOW_ANONYMOUS=1 to let "
                   "everybody in");
}

#endif

}  // namespace agent_websocket
