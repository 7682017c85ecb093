// SPDX-License-Identifier: MIT
#include <agent_websocket/host/authenticator.hpp>

#include <doctest/doctest.h>

#include <unit/adapters/jwt_signing.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>

using namespace agent_websocket;
using signing::key_pair;

namespace {

constexpr long long now_seconds = 1'767'225'600;  // 2026-01-01
const std::string secret = "0123456789abcdef0123456789abcdef";
const std::string old_secret = "fedcba9876543210fedcba9876543210";

result<any_authenticator> made_of(const access_options& from) {
  return make_authenticator(from, [] { return wall_time(std::chrono::seconds(now_seconds)); });
}

std::string outcome(any_authenticator& of, const std::string& token) {
  std::string told;
  credentials shown;
  shown.token = token;
  of.authenticate(shown, [&](const result<principal>& who) {
    told = who ? who->name : to_string(who.error().code);
  });
  return told;
}

std::string hs_token(const std::string& by, const std::string& more = "", long long exp = 3600) {
  return signing::token(
      R"({"alg":"HS256"})",
      "{\"sub\":\"ada\",\"exp\":" + std::to_string(now_seconds + exp) + more + "}",
      [&](const std::string& input) { return signing::hmac(by, input); });
}

std::string es_token(const key_pair& by) {
  return signing::token(R"({"alg":"ES256"})",
                        "{\"sub\":\"eve\",\"exp\":" + std::to_string(now_seconds + 60) + "}",
                        [&](const std::string& input) { return by.sign_raw(input); });
}

struct file {
  std::string path;
  explicit file(const std::string& text) {
    static int count = 0;
    path = "host_authenticator_test_" + std::to_string(++count) + ".pem";
    std::ofstream(path, std::ios::binary) << text;
  }
  ~file() { std::remove(path.c_str()); }
};

}  // namespace

TEST_CASE("host authenticator: nothing is asked for, everybody is let in") {
  auto made = made_of({});
  REQUIRE(made.has_value());
  CHECK(lets_everybody_in(*made));
  CHECK(outcome(*made, "") == "anonymous");
  CHECK(outcome(*made, "whatever") == "anonymous");
}

TEST_CASE("host authenticator: static tokens") {
  access_options from;
  CHECK(from.tokens.add("bob", "a-token-of-bob-1").has_value());
  auto made = made_of(from);
  REQUIRE(made.has_value());
  CHECK_FALSE(lets_everybody_in(*made));
  CHECK(outcome(*made, "a-token-of-bob-1") == "bob");
  CHECK(outcome(*made, "") == "unauthorized");
  CHECK(outcome(*made, hs_token(secret)) == "unauthorized");
}

TEST_CASE("host authenticator: secrets, the current and the one before") {
  access_options from;
  from.jwt_secret = secret;
  auto current = made_of(from);
  REQUIRE(current.has_value());
  CHECK_FALSE(lets_everybody_in(*current));
  CHECK(outcome(*current, hs_token(secret)) == "ada");
  CHECK(outcome(*current, hs_token(old_secret)) == "unauthorized");
  from.jwt_previous_secret = old_secret;
  auto both = made_of(from);
  REQUIRE(both.has_value());
  CHECK(outcome(*both, hs_token(secret)) == "ada");
  CHECK(outcome(*both, hs_token(old_secret)) == "ada");
}

TEST_CASE("host authenticator: audience, issuer and leeway come from the options") {
  access_options from;
  from.jwt_secret = secret;
  from.jwt_audience = "chat";
  from.jwt_issuer = "id";
  from.jwt_leeway = std::chrono::seconds(5);
  auto made = made_of(from);
  REQUIRE(made.has_value());
  CHECK(outcome(*made, hs_token(secret)) == "unauthorized");
  CHECK(outcome(*made, hs_token(secret, R"(,"aud":"chat")")) == "unauthorized");
  CHECK(outcome(*made, hs_token(secret, R"(,"iss":"id")")) == "unauthorized");
  CHECK(outcome(*made, hs_token(secret, R"(,"aud":"chat","iss":"id")")) == "ada");
  CHECK(outcome(*made, hs_token(secret, R"(,"aud":"chat","iss":"id")", -4)) == "ada");
  CHECK(outcome(*made, hs_token(secret, R"(,"aud":"chat","iss":"id")", -5)) == "token_expired");
}

TEST_CASE("host authenticator: public keys from files, beside everything else") {
  const key_pair now = key_pair::ec(), before = key_pair::ec();
  const file current(now.public_pem()), previous(before.public_pem());
  access_options from;
  from.jwt_public_key_file = current.path;
  auto one = made_of(from);
  REQUIRE(one.has_value());
  CHECK(outcome(*one, es_token(now)) == "eve");
  CHECK(outcome(*one, es_token(before)) == "unauthorized");
  from.jwt_previous_public_key_file = previous.path;
  from.jwt_secret = secret;
  CHECK(from.tokens.add("bob", "a-token-of-bob-1").has_value());
  auto all = made_of(from);
  REQUIRE(all.has_value());
  CHECK(outcome(*all, es_token(now)) == "eve");
  CHECK(outcome(*all, es_token(before)) == "eve");
  CHECK(outcome(*all, hs_token(secret)) == "ada");
  CHECK(outcome(*all, "a-token-of-bob-1") == "bob");
  CHECK(outcome(*all, "a-token-of-bob-2") == "unauthorized");
}

TEST_CASE("host authenticator: what is wrong with a key is told by its variable") {
  const auto refused = [](const access_options& from) {
    const auto made = made_of(from);
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code == errc::bad_configuration);
    return made.error().message;
  };
  access_options from;
  from.jwt_secret = "topsecret";
  CHECK(refused(from).rfind("JWT_SECRET has 9 bytes", 0) == 0u);
  from.jwt_secret = secret;
  from.jwt_previous_secret = "topsecret";
  CHECK(refused(from).rfind("JWT_PREVIOUS_SECRET has 9 bytes", 0) == 0u);
  from = {};
  from.jwt_public_key_file = "no/such.pem";
  CHECK(refused(from) == "JWT_PUBLIC_KEY_FILE: the file no/such.pem cannot be read");
  const file good(key_pair::ec().public_pem());
  from.jwt_public_key_file = good.path;
  from.jwt_previous_public_key_file = "no/such.pem";
  CHECK(refused(from) == "JWT_PREVIOUS_PUBLIC_KEY_FILE: the file no/such.pem cannot be read");
  from = {};
  from.jwt_previous_secret = secret;
  CHECK(refused(from) == "JWT_PREVIOUS_SECRET is set, but JWT_SECRET is not");
}
