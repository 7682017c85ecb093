// SPDX-License-Identifier: MIT
#include <agent_websocket/auth/jwt.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

const wall_time now = wall_time(std::chrono::seconds(1'767'225'600));  // 2026-01-01

/// Signs with its name.
jwt_key key_of(jwt_algorithm alg, std::string signature, int* calls = nullptr) {
  return {alg, [signature = std::move(signature), calls](std::string_view input,
                                                         std::string_view shown) {
            if (calls != nullptr) ++*calls;
            return shown == signature && input.find('.') != std::string_view::npos;
          }};
}

jwt with(std::vector<jwt_key> keys, jwt_rules rules = {}) {
  return jwt(std::move(keys), std::move(rules), [] { return now; });
}

std::string token(const std::string& alg, const std::string& signature,
                  const std::string& claims = R"({"sub":"ada","exp":1767229200})") {
  return encode_base64url("{\"alg\":\"" + alg + "\"}") + "." + encode_base64url(claims) + "." +
         encode_base64url(signature);
}

std::string outcome(const jwt& of, const std::string& shown) {
  std::string told;
  int calls = 0;
  credentials what;
  what.token = shown;
  of.authenticate(what, [&](const result<principal>& who) {
    ++calls;
    told = who ? who->name : std::string(to_string(who.error().code)) + ": " + who.error().detail;
  });
  CHECK(calls == 1);
  return told;
}

const std::string unknown_alg = "unauthorized: JWT: alg is not that of a configured key";
const std::string not_signed = "unauthorized: JWT: no configured key has signed it";

}  // namespace

TEST_CASE("jwt: is an Authenticator that does not let everybody in") {
  CHECK(is_authenticator_v<jwt>);
  CHECK_FALSE(lets_everybody_in(with({})));
}

TEST_CASE("jwt: a good signature of the key's own algorithm") {
  const jwt hs = with({key_of(jwt_algorithm::hs256, "good")});
  CHECK(outcome(hs, token("HS256", "good")) == "ada");
  CHECK(outcome(hs, token("HS256", "goof")) == not_signed);
  for (const std::string alg : {"RS256", "ES256", "HS384", "HS512", "PS256", "none", "None", "nOnE",
                                "NONE", "", "hs256", "HS256 ", "Hs256", "HS25", "HS2566"}) {
    CAPTURE(alg);
    CHECK(outcome(hs, token(alg, "good")) == unknown_alg);
  }
  CHECK(outcome(with({}), token("HS256", "good")) == unknown_alg);
}

TEST_CASE("jwt: what is signed is header and claims as they stand") {
  std::string signed_text;
  const jwt seen = with({{jwt_algorithm::es256, [&](std::string_view input, std::string_view) {
                            signed_text = std::string(input);
                            return true;
                          }}});
  const std::string shown = token("ES256", "x");
  CHECK(outcome(seen, shown) == "ada");
  CHECK(signed_text == shown.substr(0, shown.rfind('.')));
}

TEST_CASE("jwt: the key before this one is good too, each for its algorithm only") {
  int current = 0, former = 0, other = 0;
  const jwt both = with({key_of(jwt_algorithm::rs256, "new", &current),
                         key_of(jwt_algorithm::rs256, "old", &former),
                         key_of(jwt_algorithm::hs256, "secret", &other)});
  CHECK(outcome(both, token("RS256", "new")) == "ada");
  CHECK((current == 1 && former == 0 && other == 0));
  CHECK(outcome(both, token("RS256", "old")) == "ada");
  CHECK((current == 2 && former == 1 && other == 0));
  CHECK(outcome(both, token("HS256", "new")) == not_signed);
  CHECK(outcome(both, token("HS256", "old")) == not_signed);
  CHECK(outcome(both, token("RS256", "secret")) == not_signed);
  CHECK(outcome(both, token("HS256", "secret")) == "ada");
  CHECK((current == 3 && former == 2 && other == 3));
}

TEST_CASE("jwt: claims are looked at behind a good signature only") {
  const jwt hs = with({key_of(jwt_algorithm::hs256, "good")});
  CHECK(outcome(hs, token("HS256", "bad", R"({"sub":"ada","exp":1})")) == not_signed);
  CHECK(outcome(hs, token("HS256", "bad", "no JSON")) == not_signed);
  CHECK(outcome(hs, token("HS256", "good", R"({"sub":"ada","exp":1})")) ==
        "token_expired: JWT: exp is in the past");
}

TEST_CASE("jwt: the rules and the clock are asked each time") {
  wall_time clock = now;
  jwt_rules rules;
  rules.leeway = 0s;
  const jwt hs({key_of(jwt_algorithm::hs256, "good")}, rules, [&clock] { return clock; });
  const std::string shown = token("HS256", "good", R"({"sub":"ada","exp":1767225601})");
  CHECK(outcome(hs, shown) == "ada");
  clock += 1s;
  CHECK(outcome(hs, shown) == "token_expired: JWT: exp is in the past");
}

TEST_CASE("jwt: no token, and what a client is told") {
  const jwt hs = with({key_of(jwt_algorithm::hs256, "good")});
  CHECK(hs.verify("").error().code == errc::unauthorized);
  CHECK(hs.verify("").error().message == "Authentication is required");
  CHECK(hs.verify("x").error().message == "The token is not valid");
  CHECK(hs.verify(token("HS256", "bad")).error().message == "The token is not valid");
  CHECK(hs.verify(token("none", "bad")).error().message == "The token is not valid");
  CHECK(hs.verify(token("HS256", "good", "{}")).error().message == "The token is not valid");
}
