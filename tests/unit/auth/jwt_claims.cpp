// SPDX-License-Identifier: MIT
#include <agent_websocket/auth/jwt_claims.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

// 2026-01-01T00:00:00Z
constexpr long long now_seconds = 1'767'225'600;
const wall_time now = wall_time(std::chrono::seconds(now_seconds));

std::string at(long long offset) { return std::to_string(now_seconds + offset); }

/// Claims that are good, with these in addition.
std::string with(const std::string& more) {
  return "{\"sub\":\"ada\",\"exp\":" + at(3600) + (more.empty() ? "" : "," + more) + "}";
}

result<principal> check(const std::string& claims, const jwt_rules& rules = {}) {
  auto who = check_jwt_claims(claims, rules, now);
  if (!who) {
    const bool expired = who.error().code == errc::token_expired;
    CHECK((expired || who.error().code == errc::unauthorized));
    CHECK(who.error().message == (expired ? "The token has expired" : "The token is not valid"));
    CHECK(who.error().detail.rfind("JWT: ", 0) == 0u);
  }
  return who;
}

/// The reason in the log; empty when the claims are good.
std::string refused(const std::string& claims, const jwt_rules& rules = {}) {
  const auto who = check(claims, rules);
  return who ? "" : who.error().detail;
}

bool expired(const std::string& claims, const jwt_rules& rules = {}) {
  const auto who = check(claims, rules);
  return !who && who.error().code == errc::token_expired;
}

jwt_rules for_audience(std::string audience) {
  jwt_rules rules;
  rules.audience = std::move(audience);
  return rules;
}

}  // namespace

TEST_CASE("jwt_claims: a principal is made of sub and exp") {
  const auto who = check(with(""));
  REQUIRE(who.has_value());
  CHECK(who->name == "ada");
  CHECK_FALSE(who->is_anonymous);
  REQUIRE(who->expires_at.has_value());
  CHECK(*who->expires_at == now + 3660s);  // with the leeway
}

TEST_CASE("jwt_claims: exp, to the second, with the leeway") {
  jwt_rules strict;
  strict.leeway = 0s;
  const auto claims = [](const std::string& exp) { return "{\"sub\":\"ada\",\"exp\":" + exp + "}"; };
  CHECK(expired(claims(at(-1)), strict));
  CHECK(expired(claims(at(0)), strict));
  CHECK(refused(claims(at(1)), strict).empty());
  CHECK(expired(claims(at(-61))));
  CHECK(expired(claims(at(-60))));
  CHECK(refused(claims(at(-59))).empty());
  CHECK(refused(claims(at(-61) + ".5")) == "JWT: exp is in the past");
  CHECK(refused(claims(at(-60) + ".0")) == "JWT: exp is in the past");
  CHECK(refused(claims(at(-59) + ".25")).empty());
  CHECK(refused(claims("1.8e9")).empty());
  // Never in the past at the moment when it is let in.
  CHECK(*check(claims(at(-59)))->expires_at > now);
}

TEST_CASE("jwt_claims: exp that is none") {
  const auto claims = [](const std::string& exp) { return "{\"sub\":\"ada\",\"exp\":" + exp + "}"; };
  CHECK(expired(claims("0")));
  CHECK(expired(claims("-0")));
  CHECK(expired(claims("1e-400")));
  for (const std::string& wrong :
       {"\"" + at(3600) + "\"", std::string("null"), std::string("true"), std::string("[]"),
        std::string("{}"), "[" + at(3600) + "]", std::string("-1"), std::string("-1e300"),
        std::string("1e300"), at(3600) + "000",
        std::string("253402300800"), std::string("18446744073709551615"),
        std::string("99999999999999999999999999999999999999")}) {
    CAPTURE(wrong);
    CHECK(refused(claims(wrong)) == "JWT: exp is no time in seconds");
  }
  for (const std::string wrong : {"NaN", "Infinity", "-Infinity", "0x7fffffff", "+1", "01", "1.", "1e400",
                                  "-1e400"}) {
    CAPTURE(wrong);
    CHECK(refused(claims(wrong)).rfind("JWT: the claims: Not valid JSON", 0) == 0u);
  }
}

TEST_CASE("jwt_claims: the latest exp does not run over the clock") {
  const auto who = check(R"({"sub":"ada","exp":253402300799})");
  REQUIRE(who.has_value());
  CHECK(*who->expires_at > now + std::chrono::hours(24 * 365 * 200));
}

TEST_CASE("jwt_claims: without exp only when the rules say so") {
  CHECK(refused(R"({"sub":"ada"})") == "JWT: it has no exp");
  jwt_rules rules;
  rules.require_expiry = false;
  const auto who = check(R"({"sub":"ada"})", rules);
  REQUIRE(who.has_value());
  CHECK_FALSE(who->expires_at.has_value());
  CHECK(refused(R"({"sub":"ada","exp":null})", rules) == "JWT: exp is no time in seconds");
  CHECK(expired(R"({"sub":"ada","exp":1})", rules));
}

TEST_CASE("jwt_claims: nbf and iat, to the second, with the leeway") {
  for (const std::string name : {"nbf", "iat"}) {
    CAPTURE(name);
    const auto claims = [&](const std::string& value) { return with("\"" + name + "\":" + value); };
    CHECK(refused(claims("0")).empty());
    CHECK(refused(claims(at(0))).empty());
    CHECK(refused(claims(at(60))).empty());
    CHECK(refused(claims(at(60) + ".5")) == "JWT: " + name + " is in the future");
    CHECK(refused(claims(at(61))) == "JWT: " + name + " is in the future");
    CHECK(refused(claims(at(86'400 * 365))) == "JWT: " + name + " is in the future");
    for (const std::string wrong : {"\"0\"", "null", "-1", "1e300", "{}", "true"}) {
      CAPTURE(wrong);
      CHECK(refused(claims(wrong)) == "JWT: " + name + " is no time in seconds");
    }
  }
}

TEST_CASE("jwt_claims: a token that is expired and wrong otherwise is not told that it is old") {
  CHECK_FALSE(expired(R"({"sub":"","exp":1})"));
  CHECK_FALSE(expired(R"({"exp":1})"));
  CHECK_FALSE(expired(R"({"sub":"ada","exp":1,"aud":"x"})"));
  CHECK_FALSE(expired(R"({"sub":"ada","exp":1})", for_audience("x")));
  CHECK_FALSE(expired(R"({"sub":"ada","exp":1,"nbf":9999999999})"));
  jwt_rules rules;
  rules.issuer = "x";
  CHECK_FALSE(expired(R"({"sub":"ada","exp":1})", rules));
}

TEST_CASE("jwt_claims: aud has to name us") {
  const auto us = for_audience("chat");
  CHECK(refused(with(R"("aud":"chat")"), us).empty());
  CHECK(refused(with(R"("aud":["chat"])"), us).empty());
  CHECK(refused(with(R"("aud":["mail","chat"])"), us).empty());
  const std::string other = "JWT: aud does not name this server";
  const std::string strange = "JWT: aud is missing, or neither a text nor a list of texts";
  for (const std::string aud :
       {R"("mail")", R"("")", R"([])", R"([""])", R"(["mail"])", R"("Chat")", R"("chat ")",
        R"("chat,mail")", R"("chats")", R"("cha")", R"(["cha","t"])", R"("chat\u0000")"}) {
    CAPTURE(aud);
    CHECK(refused(with("\"aud\":" + std::string(aud)), us) == other);
  }
  for (const std::string aud :
       {"null", "1", "true", "{}", R"({"chat":"chat"})", R"([["chat"]])", R"(["chat",1])", "[null]"}) {
    CAPTURE(aud);
    CHECK(refused(with("\"aud\":" + std::string(aud)), us) == strange);
  }
  CHECK(refused(with(""), us) == strange);
}

TEST_CASE("jwt_claims: what is for an audience is not for a server that has no name") {
  for (const std::string aud : {R"("chat")", R"("")", "[]", "null"}) {
    CAPTURE(aud);
    CHECK(refused(with("\"aud\":" + std::string(aud))) ==
          "JWT: it is for an audience (aud), and no audience is configured");
  }
}

TEST_CASE("jwt_claims: iss has to be the issuer, when one is configured") {
  jwt_rules rules;
  rules.issuer = "https://id.example";
  CHECK(refused(with(R"("iss":"https://id.example")"), rules).empty());
  for (const std::string iss : {R"("https://id.example/")", R"("https://ID.example")", R"("")", "null",
                                R"(["https://id.example"])", "1"}) {
    CAPTURE(iss);
    CHECK(refused(with("\"iss\":" + std::string(iss)), rules) ==
          "JWT: iss is not the issuer that is configured");
  }
  CHECK(refused(with(""), rules) == "JWT: iss is not the issuer that is configured");
  CHECK(refused(with(R"("iss":"anybody")")).empty());
}

TEST_CASE("jwt_claims: sub is a name that can be shown") {
  const auto name = [](const std::string& sub) {
    return refused("{\"exp\":" + at(60) + ",\"sub\":" + sub + "}");
  };
  for (const std::string& good :
       {std::string(R"("a")"), "\"" + std::string(128, 'a') + "\"", std::string(R"("auth0|5f7c8ec7")"),
        std::string(R"("Ada Lovelace")"), std::string("\"\xC3\x89milie\""), std::string(R"("\u00c9")"),
        std::string("\"\xF0\x9F\x98\x80\""), std::string(R"("\ud83d\ude00")"), std::string(R"("a\"b")"),
        std::string(R"("\u00a0")")}) {
    CAPTURE(good);
    CHECK(name(good).empty());
  }
  for (const std::string& wrong :
       {std::string(R"("")"), "\"" + std::string(129, 'a') + "\"", std::string("1"),
        std::string("null"), std::string("true"), std::string(R"(["ada"])"), std::string(R"({"a":1})"),
        std::string(R"("ada\u0000")"), std::string(R"("\u0000")"), std::string(R"("a\nb")"),
        std::string(R"("a\rb")"), std::string(R"("a\tb")"), std::string(R"("a\u001bb")"),
        std::string(R"("a\u007f")"), std::string(R"("a\u0085")"), std::string(R"("a\u009f")"),
        std::string(R"("a\u2028b")"), std::string(R"("a\u2029b")"), std::string(R"("a\u202eb")"),
        std::string(R"("a\u2066b")"), std::string(R"("a\u200fb")"), std::string(R"("\ufeffa")")}) {
    CAPTURE(wrong);
    CHECK(name(wrong) == "JWT: sub is not a text of 1 to 128 printable bytes");
  }
  CHECK(refused("{\"exp\":" + at(60) + "}") ==
        "JWT: sub is not a text of 1 to 128 printable bytes");
  CHECK(name(R"("anonymous")") == "JWT: sub is the name of those who show nothing");
}

TEST_CASE("jwt_claims: what is no object of different names is refused") {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "JWT: the claims: Not valid JSON"},
      {"null", "JWT: the claims: no JSON object"},
      {"[]", "JWT: the claims: no JSON object"},
      {"\"sub\"", "JWT: the claims: no JSON object"},
      {"eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "JWT: the claims: Not valid JSON"},  // nested
      {with(R"("sub":"bob")"), "JWT: the claims: the same name twice"},
      {with(R"("exp":9999999999)"), "JWT: the claims: the same name twice"},
      {with(R"("\u0073ub":"bob")"), "JWT: the claims: the same name twice"},
      {with(R"("x":1,"x":1)"), "JWT: the claims: the same name twice"},
      {with("") + "x", "JWT: the claims: Not valid JSON"},
      {with("") + with(""), "JWT: the claims: Not valid JSON"},
      {with("\"x\":\"\xFF\""), "JWT: the claims: Not valid JSON"},
      {with("\"x\":\"\xED\xA0\x80\""), "JWT: the claims: Not valid JSON"},
      {with("\"x\":" + std::string(40, '[') + std::string(40, ']')),
       "JWT: the claims: Not valid JSON: it is nested too deeply"},
      {with("\"x\":" + std::string(3000, '[')), "JWT: the claims: Not valid JSON"},
      {with("") + std::string(1, '\0'), "JWT: the claims: Not valid JSON"},
      {with("\"x\":\"" + std::string(max_jwt_bytes, 'a') + "\""),
       "JWT: the claims: The JSON text is too large"},
  };
  for (const auto& row : table) {
    const std::string& claims = row.first;
    const std::string& why = row.second;
    CAPTURE(claims);
    const std::string told = refused(claims);
    CAPTURE(told);
    CHECK(told.rfind(why, 0) == 0u);
  }
  // Inside of other claims names are the application's affair.
  CHECK(refused(with(R"("x":{"a":1,"a":2})")).empty());
  CHECK(refused(with(" \"realm_access\" : { \"roles\" : [ \"user\" ] } ")).empty());
}
