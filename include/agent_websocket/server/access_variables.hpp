// SPDX-License-Identifier: MIT
//
// The environment variables of access_options.hpp, how each gets into the options: a part of the
// table in option_variables.hpp.
#pragma once

#include <agent_websocket/auth/static_tokens.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/jwt_key.hpp>
#include <agent_websocket/server/option_variable.hpp>
#include <agent_websocket/server/variable_text.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// In the order in which people read about them.
const std::vector<option_variable>& access_variables();

#if AGENT_WEBSOCKET_DEFINITIONS

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

AGENT_WEBSOCKET_INLINE const std::vector<option_variable>& access_variables() {
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
      {"ALLOWED_ORIGINS", "",
       "web pages that may use the server beside those of its own host, separated by commas: "
       "https://app.example.com, https://*.example.com, null; * is any",
       [](options& o, std::string_view text) -> detail::applied {
         auto list = detail::split_list(text);
         if (const auto rules = origin_rules::parse(list); !rules)
           return "a list of origins such as https://app.example.com: " + rules.error().message;
         o.access.allowed_origins = std::move(list);
         return std::nullopt;
       }},
      {"TRUST_PROXY", "",
       "proxies whose X-Forwarded-For is believed, separated by commas: addresses, networks such "
       "as 10.0.0.0/8, loopback, private",
       [](options& o, std::string_view text) -> detail::applied {
         auto list = detail::split_list(text);
         if (const auto proxies = http::trusted_proxies::parse(list); !proxies)
           return "a list of addresses and networks: " + proxies.error().message;
         o.access.trusted_proxies = std::move(list);
         return std::nullopt;
       }},
      {"MAX_CONNECTIONS_PER_IP", "1000",
       "connections at once from one address, of IPv6 from one /64; 0 is no limit",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::size_t>(o.access.max_connections_per_address, text, 0,
                                                10'000'000);
       }},
      {"MAX_CONNECTIONS_PER_USER", "100",
       "connections at once of one user that has a name; 0 is no limit",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::size_t>(o.access.max_connections_per_user, text, 0,
                                                10'000'000);
       }},
      {"NEW_CONNECTIONS_PER_SECOND", "500",
       "new connections in a second, twice as many at once, a quarter of them from one address; 0 "
       "is "
       "no limit",
       [](options& o, std::string_view text) {
         return detail::read_whole(o.access.new_connections_per_second, text, 0u, 1'000'000u);
       }},
      {"RATE_LIMIT_PER_MINUTE", "60",
       "messages of one connection in a minute that ask for something; 0 is no limit",
       [](options& o, std::string_view text) {
         return detail::read_whole(o.access.messages_per_minute, text, 0u, 10'000'000u);
       }},
      {"RATE_LIMIT_BURST", "30", "of them at once, after a rest",
       [](options& o, std::string_view text) {
         return detail::read_whole(o.access.message_burst, text, 1u, 10'000'000u);
       }},
      {"USER_RATE_LIMIT_PER_MINUTE", "600",
       "the same of one user over all connections; who has no name counts by address; 0 is no "
       "limit",
       [](options& o, std::string_view text) {
         return detail::read_whole(o.access.user_messages_per_minute, text, 0u, 10'000'000u);
       }},
      {"USER_RATE_LIMIT_BURST", "300", "of them at once, after a rest",
       [](options& o, std::string_view text) {
         return detail::read_whole(o.access.user_message_burst, text, 1u, 10'000'000u);
       }},
      {"MAX_CONTENT_BYTES", "0",
       "longest text of a query, in bytes, without pictures and files; 0: as MAX_MESSAGE_BYTES",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::size_t>(o.session.max_content_bytes, text, 0, 64u << 20);
       }},
      {"MAX_HISTORY_BYTES", "4194304",
       "bytes kept per conversation, in whole turns, beside MAX_HISTORY; 0 is no limit",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::size_t>(o.session.max_history_bytes, text, 0, 1u << 30);
       }},
      {"MAX_SESSIONS_PER_USER", "1000",
       "sessions of one user that hold something; the oldest that waits for its client goes first; "
       "0 is no limit",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::size_t>(o.access.max_sessions_per_user, text, 0,
                                                10'000'000);
       }},
      {"DAILY_TOKENS_PER_USER", "0",
       "tokens of prompts and answers that one user gets from midnight to midnight UTC; what runs "
       "when it is used up goes on; what is cancelled counts by its length; 0 is no limit",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::uint64_t>(o.access.daily_tokens_per_user, text, 0,
                                                  1'000'000'000'000'000);
       }},
      {"DAILY_COST_PER_USER", "0", "the same in US dollars, such as 0.50, as OpenRouter reports it",
       [](options& o, std::string_view text) -> detail::applied {
         const auto number = detail::read_decimal(text);
         if (!number || *number > 1e9) return "an amount of US dollars, such as 0.50";
         o.access.daily_cost_per_user = *number;
         return std::nullopt;
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

#endif

}  // namespace agent_websocket
