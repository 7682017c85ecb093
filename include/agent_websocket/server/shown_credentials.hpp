// SPDX-License-Identifier: MIT
//
// The token that an upgrade request shows: `Authorization: Bearer <token>` (RFC 6750 section 2.1),
// or, because a browser's WebSocket cannot set headers, an element `bearer.<token>` of
// Sec-WebSocket-Protocol beside the real subprotocol (which can hold what a JSON Web Token is made
// of, but not the / and = of plain base64). Never the URL: URLs end up in logs, histories
// and Referer headers. Only finds the token; whether it is a good one is the Authenticator's
// affair.
//
// The element is never selected in the answer, which would repeat the token to every proxy and log
// on the way back. A client that offers the element alone is therefore answered without a
// subprotocol, as RFC 6455 section 4.2.2 allows a server; a browser then fails the connection by
// itself (WHATWG WebSockets: it offered some, so one has to be selected) and names the reason in
// its console, and other clients go on.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/policy/authenticator.hpp>

#include <cstddef>
#include <string_view>

namespace agent_websocket {

namespace detail {

inline constexpr std::string_view bearer_element = "bearer.";

/// Takes over what one place of the request shows.
result<void> show(credentials& shown, std::string_view token, credential_source from);

}  // namespace detail

/// What the request shows, as views into it; `request` of the result is the caller's to set. No
/// token is no error. Errors (bad_message, in words that do not repeat the token): a malformed one,
/// several Authorization headers, two tokens that differ. The header counts as the source when both
/// places show the same one.
result<credentials> shown_credentials(const http::request& request);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

/// Visible ASCII: what RFC 6750 allows and more, but nothing that ends a token early.
inline bool is_token_text(std::string_view text) noexcept {
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7F) return false;
  }
  return !text.empty();
}

/// The token of one Authorization value; empty for schemes other than Bearer, which are somebody
/// else's (a proxy's Basic, for one).
inline result<std::string_view> bearer_of(std::string_view value) {
  const std::string_view text = http::trim(value);
  const std::size_t space = text.find_first_of(" \t");
  if (!http::iequals(text.substr(0, space), "Bearer")) return std::string_view();
  const std::string_view token =
      space == std::string_view::npos ? std::string_view() : http::trim(text.substr(space));
  if (!is_token_text(token)) {
    return error(errc::bad_message, "Malformed Authorization header: expected Bearer <token>");
  }
  return token;
}

AGENT_WEBSOCKET_INLINE result<void> show(credentials& shown, std::string_view token,
                                         credential_source from) {
  if (token.empty() || shown.token == token) return {};
  if (!shown.token.empty()) {
    return error(errc::bad_message, "The request shows two different tokens");
  }
  shown.token = token;
  shown.from = from;
  return {};
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<credentials> shown_credentials(const http::request& request) {
  credentials shown;
  bool authorization = false;
  for (const auto& field : request.headers) {
    if (!http::iequals(field.first, "Authorization")) continue;
    if (authorization) {
      return error(errc::bad_message, "The request has more than one Authorization header");
    }
    authorization = true;
    const auto token = detail::bearer_of(field.second);
    if (!token) return token.error();
    if (auto added = detail::show(shown, *token, credential_source::header); !added) {
      return added.error();
    }
  }
  for (const auto& field : request.headers) {
    if (!http::iequals(field.first, "Sec-WebSocket-Protocol")) continue;
    std::string_view rest = field.second;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      const std::string_view element = http::trim(rest.substr(0, comma));
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
      constexpr std::size_t prefix = detail::bearer_element.size();
      if (!http::iequals(element.substr(0, prefix), detail::bearer_element)) continue;
      const std::string_view token = element.substr(prefix);
      if (!detail::is_token_text(token)) {
        return error(errc::bad_message,
                     "Malformed Sec-WebSocket-Protocol header: expected bearer.<token>");
      }
      if (auto added = detail::show(shown, token, credential_source::subprotocol); !added) {
        return added.error();
      }
    }
  }
  return shown;
}

#endif

}  // namespace agent_websocket
