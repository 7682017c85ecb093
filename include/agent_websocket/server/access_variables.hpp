// SPDX-License-Identifier: MIT
//
// The environment variables of access_options.hpp, how each gets into the options: a part of the
// table in option_variables.hpp.
#pragma once

#include <agent_websocket/auth/static_tokens.hpp>
#include <agent_websocket/policy/jwt_key.hpp>
#include <agent_websocket/server/option_variable.hpp>
#include <agent_websocket/server/variable_text.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

namespace detail {

inline applied read_jwt_secret(std::string& into, std::string_view text) {
  if (text.size() < min_jwt_secret_bytes) {
    return std::to_string(min_jwt_secret_bytes) +
           " bytes or more (openssl rand -hex 32 makes a good one)";
  }
  into = std::string(text);
  return std::nullopt;
}

}  // namespace detail

/// In the order in which people read about them.
inline const std::vector<option_variable>& access_variables() {
  using detail::applied;
  static const std::vector<option_variable> table{
      {"AUTH_TOKENS", "",
       "who may come, as user:token,user2:token2; tokens of 16 characters or more, or "
       "sha256:<64 hexadecimal digits>",
       [](options& o, std::string_view text) -> applied {
         auto read = static_tokens::parse(text);
         const std::string form = "user:token pairs separated by commas";
         if (!read) return form + "; " + read.error().message;
         if (read->empty()) return form + ", at least one";
         o.access.tokens = std::move(*read);
         return std::nullopt;
       },
       true},
      {"JWT_SECRET", "", "secret of JSON Web Tokens signed with HS256, 32 bytes or more",
       [](options& o, std::string_view text) {
         return detail::read_jwt_secret(o.access.jwt_secret, text);
       },
       true},
      {"JWT_PREVIOUS_SECRET", "", "the secret before it, for as long as tokens of it are about",
       [](options& o, std::string_view text) {
         return detail::read_jwt_secret(o.access.jwt_previous_secret, text);
       },
       true},
      {"JWT_PUBLIC_KEY_FILE", "",
       "PEM file with the public key of JSON Web Tokens: RSA (RS256) or P-256 (ES256)",
       [](options& o, std::string_view text) -> applied {
         o.access.jwt_public_key_file = std::string(text);
         return std::nullopt;
       }},
      {"JWT_PREVIOUS_PUBLIC_KEY_FILE", "",
       "the public key before it, for as long as tokens of it are about",
       [](options& o, std::string_view text) -> applied {
         o.access.jwt_previous_public_key_file = std::string(text);
         return std::nullopt;
       }},
      {"JWT_AUDIENCE", "", "what aud of a token has to name; without it tokens must have no aud",
       [](options& o, std::string_view text) -> applied {
         o.access.jwt_audience = std::string(text);
         return std::nullopt;
       }},
      {"JWT_ISSUER", "", "what iss of a token has to be; empty is anybody",
       [](options& o, std::string_view text) -> applied {
         o.access.jwt_issuer = std::string(text);
         return std::nullopt;
       }},
      {"JWT_LEEWAY", "60", "seconds that the clocks of issuer and server may differ",
       [](options& o, std::string_view text) -> applied {
         int seconds = 0;
         if (auto wrong = detail::read_whole(seconds, text, 0, 600)) return wrong;
         o.access.jwt_leeway = std::chrono::seconds(seconds);
         return std::nullopt;
       }},
      {"ALLOW_ANONYMOUS", "0",
       "1 lets everybody in also where other machines can reach it, for want of tokens and keys",
       [](options& o, std::string_view text) -> applied {
         if (text != "0" && text != "1") return "0 or 1";
         o.access.allow_anonymous = text == "1";
         return std::nullopt;
       }},
      {"AUTH_TIMEOUT", "10",
       "seconds for a client without a token in its handshake to send one; 0: it must have one",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.access.auth_timeout, text, 0, 600);
       }},
      {"AUTH_GRACE", "30", "seconds after its token has expired until a socket is closed with 4004",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.access.auth_grace, text, 0, 3600);
       }},
      {"ADMIN_TOKEN", "",
       "secret of 16 bytes or more that opens the HTTP API; without it there is none",
       [](options& o, std::string_view text) -> detail::applied {
         for (const char c : text) {
           if (c <= 0x20 || c >= 0x7F) return "visible ASCII characters only";
         }
         if (text.size() < access_options::min_admin_token_bytes)
           return "of " + std::to_string(access_options::min_admin_token_bytes) + " bytes or more";
         o.access.admin_token = std::string(text);
         return std::nullopt;
       },
       true},
      {"METRICS", "open",
       "who may read /metrics: open (everybody), admin (with ADMIN_TOKEN) or off",
       [](options& o, std::string_view text) -> detail::applied {
         if (text != "open" && text != "admin" && text != "off") return "open, admin or off";
         o.access.metrics = text == "open"    ? metrics_access::open
                            : text == "admin" ? metrics_access::admin
                                              : metrics_access::off;
         return std::nullopt;
       }},
      {"TLS_CERT_FILE", "",
       "certificate chain in PEM form, the server's own first; with it the port speaks https and "
       "wss only",
       [](options& o, std::string_view text) -> detail::applied {
         o.access.tls_cert_file = std::string(text);
         return std::nullopt;
       }},
      {"TLS_KEY_FILE", "",
       "private key of TLS_CERT_FILE in PEM form, without a passphrase; both are read again on "
       "SIGHUP",
       [](options& o, std::string_view text) -> detail::applied {
         o.access.tls_key_file = std::string(text);
         return std::nullopt;
       }},
  };
  return table;
}

}  // namespace agent_websocket
