// SPDX-License-Identifier: MIT
#include <agent_websocket/auth/tokens_or_jwt.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>

using namespace agent_websocket;

namespace {

const std::string listed = "a-token-of-the-list";

static_tokens list() { return *static_tokens::parse("ada:" + listed); }

jwt web() {
  return jwt({{jwt_algorithm::hs256,
               [](std::string_view, std::string_view signature) { return signature == "good"; }}},
             {}, [] { return wall_time(std::chrono::seconds(1'767'225'600)); });
}

std::string web_token(const std::string& signature, const std::string& exp = "1767229200") {
  return encode_base64url(R"({"alg":"HS256"})") + "." +
         encode_base64url("{\"sub\":\"bob\",\"exp\":" + exp + "}") + "." +
         encode_base64url(signature);
}

std::string outcome(const tokens_or_jwt& of, const std::string& token) {
  std::string told;
  credentials shown;
  shown.token = token;
  of.authenticate(shown, [&](const result<principal>& who) {
    CHECK(told.empty());
    told = who ? who->name : to_string(who.error().code);
  });
  return told;
}

}  // namespace

TEST_CASE("tokens_or_jwt: is an Authenticator that does not let everybody in") {
  CHECK(is_authenticator_v<tokens_or_jwt>);
  CHECK_FALSE(lets_everybody_in(tokens_or_jwt(static_tokens())));
}

TEST_CASE("tokens_or_jwt: either is enough") {
  const tokens_or_jwt both(list(), web());
  CHECK(outcome(both, listed) == "ada");
  CHECK(outcome(both, web_token("good")) == "bob");
  CHECK(outcome(both, web_token("bad")) == "unauthorized");
  CHECK(outcome(both, web_token("good", "1")) == "token_expired");
  CHECK(outcome(both, "neither") == "unauthorized");
  CHECK(outcome(both, "") == "unauthorized");
  CHECK(both.verify("").error().message == "Authentication is required");
  CHECK(both.verify("neither").error().message == "The token is not valid");
}

TEST_CASE("tokens_or_jwt: one alone") {
  const tokens_or_jwt only_list(list());
  CHECK(outcome(only_list, listed) == "ada");
  CHECK(outcome(only_list, web_token("good")) == "unauthorized");
  const tokens_or_jwt only_web(static_tokens(), web());
  CHECK(outcome(only_web, listed) == "unauthorized");
  CHECK(outcome(only_web, web_token("good")) == "bob");
  CHECK(outcome(tokens_or_jwt(static_tokens()), listed) == "unauthorized");
}
