// SPDX-License-Identifier: MIT
//
// What a stranger shows, before anybody knows him: base64url, the compact form of JSON Web Tokens,
// their claims, and the headers of a handshake. Whatever the bytes are, nobody is let in whose
// token is not signed, and who is let in has a name that can be shown and a token with time left.
#include <agent_websocket/auth/tokens_or_jwt.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/server/exposure.hpp>
#include <agent_websocket/server/shown_credentials.hpp>

#include "standalone.hpp"

#include <algorithm>
#include <chrono>

using namespace agent_websocket;

namespace {

const wall_time now = wall_time(std::chrono::seconds(1'767'225'600));  // 2026-01-01

jwt with(bool every_signature_is_good, const char* audience) {
  std::vector<jwt_key> keys;
  for (const auto alg : {jwt_algorithm::hs256, jwt_algorithm::rs256, jwt_algorithm::es256}) {
    keys.push_back({alg, [=](std::string_view, std::string_view) {
                      return every_signature_is_good;
                    }});
  }
  jwt_rules rules;
  rules.audience = audience;
  return jwt(std::move(keys), std::move(rules), [] { return now; });
}

void check_principal(const principal& who, std::string_view input) {
  require(!who.name.empty() && who.name.size() <= 128 && is_utf8(who.name), "a name is UTF-8", input);
  require(std::none_of(who.name.begin(), who.name.end(),
                       [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; }),
          "a name has no control characters", input);
  require(who.name != "anonymous" && !who.is_anonymous, "somebody is not nobody", input);
  require(who.expires_at.has_value() && *who.expires_at > now, "there is time left", input);
}

void check_refusal(const error& why, std::string_view input) {
  require(why.code == errc::unauthorized || why.code == errc::token_expired, "two codes", input);
  require(why.message == "The token is not valid" || why.message == "The token has expired" ||
              why.message == "Authentication is required",
          "the client is told no more", input);
}

void check_token(std::string_view text, std::string_view input) {
  static const jwt none = with(false, ""), every = with(true, ""), chat = with(true, "chat");
  const auto parts = jwt_token::parse(text);
  if (parts) {
    require(text.size() <= max_jwt_bytes && std::count(text.begin(), text.end(), '.') == 2,
            "a token has three parts", input);
    const auto last = text.substr(text.rfind('.') + 1);
    require(encode_base64url(parts->signature) == last, "a signature has one spelling", input);
    const std::string_view front = parts->signing_input;
    require(front.data() == text.data() && front.size() + 1 + last.size() == text.size(),
            "all but the signature is signed", input);
    require(encode_base64url(parts->claims) == front.substr(front.find('.') + 1),
            "claims have one spelling", input);
  }
  const auto unsigned_one = none.verify(text);
  require(!unsigned_one.has_value(), "nobody is let in without a signature", input);
  require(unsigned_one.error().code == errc::unauthorized, "nor told that he is late", input);
  check_refusal(unsigned_one.error(), input);
  for (const jwt* each : {&every, &chat}) {
    const auto who = each->verify(text);
    if (!who) {
      check_refusal(who.error(), input);
      continue;
    }
    require(parts.has_value(), "who is let in has a token", input);
    require(parts->alg == "HS256" || parts->alg == "RS256" || parts->alg == "ES256",
            "of a known algorithm", input);
    check_principal(*who, input);
  }
}

void check_header(const char* name, std::string_view value, std::string_view input) {
  http::request asked;
  asked.headers.add(name, std::string(value));
  const auto shown = shown_credentials(asked);
  if (!shown) return;
  require((shown->from == credential_source::none) == shown->token.empty(), "a token comes from somewhere",
          input);
  require(std::all_of(shown->token.begin(), shown->token.end(),
                      [](char c) { return c > 0x20 && c < 0x7F; }),
          "a token is visible ASCII", input);
  require(value.find(shown->token) != std::string_view::npos, "a token stands in the header", input);
}

}  // namespace

// clang-format off
std::vector<std::string_view> fuzz_pieces() {
  return {
      ".", "..", "eyJhbGciOiJIUzI1NiJ9.", "eyJhbGciOiJub25lIn0.", "e30", "AAAA", "_-", "=", "Zg",
      "{", "}", "[", "]", ",", ":", "\"", "\"alg\":", "\"HS256\"", "\"none\"", "\"typ\":\"JWT\"",
      "\"crit\":[]", "\"sub\":", "\"ada\"", "\"exp\":", "1767229200", "1e300", "-1", "0.5", "null",
      "\"nbf\":", "\"iat\":", "\"aud\":", "\"chat\"", "[\"chat\"]", "\"iss\":\"x\"", "\\u0000",
      "\\u0061", "\\ud83d\\ude00", "\xC3\xA9", "\xFF", "\"sub\":\"ada\",\"exp\":1767229200",
      "Bearer ", "bearer.", "agent-websocket.v1, ", "ada:", "sha256:", "0123456789abcdef", "127.",
      "localhost", "::1", " ", "\t"};
}
// clang-format on

void fuzz(std::string_view input) {
  if (const auto bytes = decode_base64url(input)) {
    require(encode_base64url(*bytes) == input, "bytes have one spelling", input);
  }
  require(decode_base64url(encode_base64url(input)) == std::string(input), "bytes come back", input);
  check_token(input, input);
  // As a header, as claims, and both at their places in a token.
  const std::string coded = encode_base64url(input);
  check_token(coded + ".eyJzdWIiOiJhZGEiLCJleHAiOjE3NjcyMjkyMDB9.AAAA", input);
  check_token("eyJhbGciOiJIUzI1NiJ9." + coded + ".AAAA", input);
  const std::string object = "{\"sub\":\"ada\",\"exp\":1767229200," + std::string(input) + "}";
  check_token("eyJhbGciOiJIUzI1NiJ9." + encode_base64url(object) + ".AAAA", input);
  const std::size_t half = input.size() / 2;
  check_token(encode_base64url(input.substr(0, half)) + "." + encode_base64url(input.substr(half)) +
                  ".AAAA",
              input);
  check_header("Authorization", input, input);
  check_header("Authorization", "Bearer " + std::string(input), input);
  check_header("Sec-WebSocket-Protocol", input, input);
  if (const auto listed = static_tokens::parse(input)) {
    require(listed->verify("").has_value() == false, "nobody's token is no token", input);
  } else {
    require(listed.error().message.rfind("entry ", 0) == 0 && listed.error().message.size() < 200,
            "an entry is told by its place", input);
  }
  if (is_loopback_host(input)) {
    require(input.size() == 9 || input.substr(0, 4) == "127." || input.find(':') != input.npos,
            "a loopback address", input);
  }
}
