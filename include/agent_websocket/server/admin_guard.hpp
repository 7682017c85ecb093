// SPDX-License-Identifier: MIT
//
// Who may use the HTTP API: whoever shows the ADMIN_TOKEN as "Authorization: Bearer" (RFC 6750).
// Only its digest is kept, and compared in constant time. A browser adds no such header by itself,
// and asks first before a page of another site may (Fetch, CORS preflight), which is refused: so a
// foreign page cannot use the API through the browser of somebody who may.
#pragma once

#include <agent_websocket/base/sha256.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/server/http_route.hpp>

#include <cstddef>
#include <optional>
#include <string_view>

namespace agent_websocket {

/// The shortest ADMIN_TOKEN, in bytes: what can be guessed is no secret.
inline constexpr std::size_t min_admin_token_bytes = 16;

class admin_guard {
 public:
  /// Empty: nobody may, and nobody is to know what there would be.
  explicit admin_guard(std::string_view token) {
    if (!token.empty()) wanted_ = sha256(token);
  }

  bool has_token() const noexcept { return wanted_.has_value(); }

  /// The refusal of a request that does not show the token; nullopt: it does.
  std::optional<http::response> refuse(const http::request& request) const {
    const auto shown = request.headers.find("Authorization");
    const std::string_view token = shown ? bearer(*shown) : std::string_view();
    const bool is_it = wanted_ && equal_in_constant_time(sha256(token), *wanted_);
    if (is_it && !token.empty()) return std::nullopt;
    auto refusal =
        token.empty()
            ? api_refusal(401, "unauthorized",
                          "The header `Authorization: Bearer ADMIN_TOKEN` is missing")
            : api_refusal(401, "unauthorized", "The token is not the server's ADMIN_TOKEN");
    refusal.headers.add("WWW-Authenticate",
                        token.empty() ? "Bearer" : "Bearer error=\"invalid_token\"");
    return refusal;
  }

 private:
  /// What stands behind the scheme, which is known without regard to case (RFC 9110 section 11.1).
  static std::string_view bearer(std::string_view field) noexcept {
    constexpr std::string_view scheme = "Bearer ";
    field = http::trim(field);
    if (!http::iequals(field.substr(0, scheme.size()), scheme)) return {};
    return http::trim(field.substr(scheme.size()));
  }

  std::optional<digest256> wanted_;
};

}  // namespace agent_websocket
