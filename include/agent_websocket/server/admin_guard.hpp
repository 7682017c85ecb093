// SPDX-License-Identifier: MIT
//
// Who may use the HTTP API: whoever shows the ADMIN_TOKEN as "Authorization: Bearer" (RFC 6750).
// Only its digest is kept, and compared in constant time. A browser adds no such header by itself,
// and asks first before a page of another site may (Fetch, CORS preflight), which is refused: so a
// foreign page cannot use the API through the browser of somebody who may.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/sha256.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/server/http_route.hpp>
#include <agent_websocket/server/shown_credentials.hpp>

#include <optional>
#include <string_view>

namespace agent_websocket {

class admin_guard {
 public:
  /// Empty: nobody may, and nobody is to know what there would be.
  explicit admin_guard(std::string_view token);

  bool has_token() const noexcept { return wanted_.has_value(); }

  /// The refusal of a request that does not show the token; nullopt: it does.
  std::optional<http::response> refuse(const http::request& request) const;

 private:
  std::optional<digest256> wanted_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE admin_guard::admin_guard(std::string_view token) {
  if (!token.empty()) wanted_ = sha256(token);
}

AGENT_WEBSOCKET_INLINE std::optional<http::response> admin_guard::refuse(
    const http::request& request) const {
  const auto shown = shown_credentials(request);
  const bool is_shown = shown && shown->from == credential_source::header;
  const digest256 digest = sha256(is_shown ? shown->token : std::string_view());
  if (is_shown && wanted_ && equal_in_constant_time(digest, *wanted_)) return std::nullopt;
  auto refusal =
      api_refusal(401, "unauthorized",
                  !shown     ? std::string_view(shown.error().message)
                  : is_shown ? "The token is not the server's ADMIN_TOKEN"
                             : "The header `Authorization: Bearer ADMIN_TOKEN` is missing");
  refusal.headers.add("WWW-Authenticate", is_shown ? "Bearer error=\"invalid_token\"" : "Bearer");
  return refusal;
}

#endif

}  // namespace agent_websocket
