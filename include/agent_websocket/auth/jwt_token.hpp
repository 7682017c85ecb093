// SPDX-License-Identifier: MIT
//
// A JSON Web Token in its compact form (RFC 7515 section 7.1), taken apart: header, signing input
// and signature. The claims are decoded and not looked at, because nobody has signed them yet. What
// a header may bring along for the verifier (jwk, jku, kid, x5u, x5c) is never read: keys come from
// the operator alone.
#pragma once

#include <agent_websocket/base/base64url.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/json/reader.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// The longest text that is looked at.
inline constexpr std::size_t max_jwt_bytes = 8192;

namespace detail {

/// For the log: what is wrong. A client is told only that the token is not valid.
error refuse_jwt(std::string why);

/// The object that a header or the claims must be; `what` begins the words of the refusal.
result<json::value> read_jwt_object(json::document& into, std::string_view text,
                                    const std::string& what);

}  // namespace detail

/// What a token says, before anybody has checked its signature.
struct jwt_token {
  std::string alg;                 ///< as the header has it
  std::string_view signing_input;  ///< the front of the text that was parsed
  std::string signature;           ///< decoded
  std::string claims;              ///< decoded: JSON text, one hopes

  /// The error is unauthorized, with the reason in its detail.
  static result<jwt_token> parse(std::string_view text);

 private:
  static result<void> check_header(const json::value& header);
};

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE error refuse_jwt(std::string why) {
  return error(errc::unauthorized, "The token is not valid", "JWT: " + std::move(why));
}

/// True when two members of the object have the same name, however it is escaped. Readers disagree
/// about which one counts, so that neither does (RFC 7515 section 4, RFC 7519 section 4).
inline bool has_duplicate_names(const json::value& object) {
  std::vector<std::string_view> names;
  names.reserve(object.size());
  object.for_each_member([&](std::string_view name, const json::value&) { names.push_back(name); });
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

AGENT_WEBSOCKET_INLINE result<json::value> read_jwt_object(json::document& into,
                                                           std::string_view text,
                                                           const std::string& what) {
  json::parse_limits limits;
  limits.max_depth = 16;
  limits.max_bytes = max_jwt_bytes;
  limits.max_values = 2048;
  if (auto parsed = into.parse(text, limits); !parsed) {
    return refuse_jwt(what + ": " + parsed.error().message);
  }
  const json::value root = into.root();
  if (!root.is_object()) return refuse_jwt(what + ": no JSON object");
  if (has_duplicate_names(root)) return refuse_jwt(what + ": the same name twice");
  return root;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<jwt_token> jwt_token::parse(std::string_view text) {
  if (text.size() > max_jwt_bytes) {
    return detail::refuse_jwt("longer than " + std::to_string(max_jwt_bytes) + " bytes");
  }
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos) {
    return detail::refuse_jwt("not of three parts");  // an encrypted one (JWE) has five
  }
  const auto header = decode_base64url(text.substr(0, first));
  auto claims = decode_base64url(text.substr(first + 1, second - first - 1));
  auto signature = decode_base64url(text.substr(second + 1));
  if (!header || !claims || !signature) return detail::refuse_jwt("a part is not base64url");
  if (signature->empty()) return detail::refuse_jwt("not signed");
  json::document document;
  const auto object = detail::read_jwt_object(document, *header, "the header");
  if (!object) return object.error();
  if (auto refused = check_header(*object); !refused) return refused.error();
  jwt_token token;
  token.alg = std::string(*(*object)["alg"].string());
  token.signing_input = text.substr(0, second);
  token.signature = std::move(*signature);
  token.claims = std::move(*claims);
  return token;
}

AGENT_WEBSOCKET_INLINE result<void> jwt_token::check_header(const json::value& header) {
  if (!header["alg"].is_string()) return detail::refuse_jwt("alg is no text");
  // RFC 7515 section 4.1.11: extensions that are not understood. None is.
  if (header["crit"]) return detail::refuse_jwt("it has critical extensions");
  if (header["b64"]) return detail::refuse_jwt("b64 (RFC 7797) is not supported");
  if (header["enc"] || header["zip"]) return detail::refuse_jwt("it is encrypted or compressed");
  if (header["cty"]) return detail::refuse_jwt("it holds another token");  // RFC 7519 section 5.2
  if (const auto typ = header["typ"]) {
    const std::string_view name = typ.string().value_or("");
    const bool known = http::iequals(name, "JWT") || http::iequals(name, "at+jwt") ||
                       http::iequals(name, "application/jwt") ||
                       http::iequals(name, "application/at+jwt");
    if (!known) return detail::refuse_jwt("typ is neither JWT nor at+jwt");
  }
  return {};
}

#endif

}  // namespace agent_websocket
