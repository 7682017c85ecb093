// SPDX-License-Identifier: MIT
//
// What a key for JSON Web Tokens is to the library: an algorithm, which is the key's and never the
// token's (RFC 8725 section 3.1), and a function that verifies signatures by it. Made by
// adapters/jwt_openssl.hpp, or by whoever keeps keys elsewhere; used by auth/jwt.hpp.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

namespace agent_websocket {

/// Of RFC 7518 section 3.1. There is no "none".
enum class jwt_algorithm {
  hs256,  ///< HMAC with SHA-256
  rs256,  ///< RSASSA-PKCS1-v1_5 with SHA-256
  es256   ///< ECDSA on P-256 with SHA-256
};

/// As `alg` of a header spells it.
constexpr std::string_view to_string(jwt_algorithm alg) noexcept {
  switch (alg) {
    case jwt_algorithm::hs256: return "HS256";
    case jwt_algorithm::rs256: return "RS256";
    case jwt_algorithm::es256: return "ES256";
  }
  return "";
}

/// The shortest secret for HS256: as long as its hash (RFC 7518 section 3.2).
inline constexpr std::size_t min_jwt_secret_bytes = 32;

/// True when `signature` (decoded; of ES256: r and s, 32 bytes each) is the key's over
/// `signing_input`. Does not throw; called on the executor.
using jwt_verifier =
    std::function<bool(std::string_view signing_input, std::string_view signature)>;

struct jwt_key {
  jwt_algorithm alg;
  jwt_verifier verify;
};

}  // namespace agent_websocket
