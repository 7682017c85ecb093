// SPDX-License-Identifier: MIT
//
// Checks the claims of a JSON Web Token whose signature is good (RFC 7519 section 4.1), and makes a
// principal of them: the user is `sub`. Takes the time as an argument.
#pragma once

#include <agent_websocket/auth/jwt_token.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/policy/authenticator.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {

/// What is asked of a token beside its signature.
struct jwt_rules {
  /// Has to be `aud` or among it. Empty: tokens that are for an audience are refused, since it
  /// cannot be us (RFC 7519 section 4.1.3).
  std::string audience;
  std::string issuer;  ///< has to be `iss`; empty: anybody
  /// How far the clocks of issuer and server may differ; 0 to 600 s.
  std::chrono::seconds leeway{60};
  /// Whether a token without `exp` is refused: it would be good for ever, and could be taken back
  /// only by a new key.
  bool require_expiry = true;
};

/// Whom the claims name, until when. `expires_at` of the principal has the leeway in it: it is the
/// moment from which the token would be refused. Errors: token_expired when nothing but its age is
/// wrong, else unauthorized, with the reason in the detail.
result<principal> check_jwt_claims(std::string_view claims, const jwt_rules& rules, wall_time now);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

/// 1 to 128 bytes without control characters, line separators and what turns the direction of
/// text: a name that a log or a page can show.
inline bool is_printable_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > 128) return false;
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    if (length == 0) return false;
    const auto lead = static_cast<unsigned char>(text.front());
    unsigned long point = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
      point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
    }
    const bool control = point < 0x20 || (point >= 0x7F && point < 0xA0);
    const bool separator = point == 0x2028 || point == 0x2029;
    const bool direction = point == 0x200E || point == 0x200F || point == 0x61C ||
                           (point >= 0x202A && point <= 0x202E) ||
                           (point >= 0x2066 && point <= 0x2069);
    if (control || separator || direction || point == 0xFEFF) return false;
    text.remove_prefix(length);
  }
  return true;
}

/// A NumericDate (RFC 7519 section 2): seconds since 1970, fractions allowed. nullopt when it is
/// there and is none, such as a text or a time in milliseconds.
inline std::optional<double> read_numeric_date(const json::value& claim) noexcept {
  constexpr double year_10000 = 253'402'300'800;
  const auto number = claim.number();
  if (!number || !(*number >= 0 && *number < year_10000)) return std::nullopt;
  return number;
}

inline wall_time to_wall_time(double seconds) noexcept {
  constexpr double year_2255 = 9'000'000'000;  // a clock in nanoseconds ends in 2262
  return wall_time(std::chrono::duration_cast<wall_time::duration>(
      std::chrono::duration<double>(std::min(seconds, year_2255))));
}

inline result<void> check_audience(const json::value& aud, const std::string& wanted) {
  if (wanted.empty()) {
    if (aud) return refuse_jwt("it is for an audience (aud), and no audience is configured");
    return {};
  }
  if (aud.string() == wanted) return {};
  bool found = false, strange = !aud.is_array() && !aud.is_string();
  aud.for_each_element([&](const json::value& each) {
    found = found || each.string() == wanted;
    strange = strange || !each.is_string();
  });
  if (strange) return refuse_jwt("aud is missing, or neither a text nor a list of texts");
  if (!found) return refuse_jwt("aud does not name this server");
  return {};
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<principal> check_jwt_claims(std::string_view claims,
                                                          const jwt_rules& rules, wall_time now) {
  json::document document;
  const auto object = detail::read_jwt_object(document, claims, "the claims");
  if (!object) return object.error();
  const json::value& root = *object;
  const double at = std::chrono::duration<double>(now.time_since_epoch()).count();
  const double leeway = std::chrono::duration<double>(rules.leeway).count();

  if (!rules.issuer.empty() && root["iss"].string() != rules.issuer) {
    return detail::refuse_jwt("iss is not the issuer that is configured");
  }
  if (auto refused = detail::check_audience(root["aud"], rules.audience); !refused) {
    return refused.error();
  }
  const auto sub = root["sub"].string();
  if (!sub || !detail::is_printable_name(*sub)) {
    return detail::refuse_jwt("sub is not a text of 1 to 128 printable bytes");
  }
  if (*sub == principal().name) {
    return detail::refuse_jwt("sub is the name of those who show nothing");
  }
  for (const char* const begin : {"nbf", "iat"}) {
    const json::value claim = root[begin];
    if (!claim) continue;
    const auto date = detail::read_numeric_date(claim);
    if (!date) return detail::refuse_jwt(std::string(begin) + " is no time in seconds");
    if (*date > at + leeway) return detail::refuse_jwt(std::string(begin) + " is in the future");
  }
  principal who;
  who.name = std::string(*sub);
  const json::value exp = root["exp"];
  if (!exp) {
    if (rules.require_expiry) return detail::refuse_jwt("it has no exp");
    return who;
  }
  const auto date = detail::read_numeric_date(exp);
  if (!date) return detail::refuse_jwt("exp is no time in seconds");
  if (at >= *date + leeway) {
    error old(errc::token_expired);
    old.detail = "JWT: exp is in the past";
    return old;
  }
  who.expires_at = detail::to_wall_time(*date + leeway);
  return who;
}

#endif

}  // namespace agent_websocket
