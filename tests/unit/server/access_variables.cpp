// SPDX-License-Identifier: MIT
#include <agent_websocket/server/access_variables.hpp>

#include <agent_websocket/server/environment.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::access_variables;
using agent_websocket::metrics_access;
using agent_websocket::option_variable;
using agent_websocket::options;
using namespace std::chrono_literals;

namespace {

bool takes(options& into, std::string_view name, std::string_view text) {
  for (const option_variable& each : access_variables()) {
    if (each.name == name) return !each.apply(into, text).has_value();
  }
  FAIL("no variable " << name);
  return false;
}

}  // namespace

TEST_CASE("access_variables: times to show a token") {
  options into;
  CHECK(takes(into, "AUTH_TIMEOUT", "0"));
  CHECK(into.access.auth_timeout == 0s);
  CHECK(takes(into, "AUTH_TIMEOUT", "2.5"));
  CHECK(into.access.auth_timeout == 2500ms);
  CHECK_FALSE(takes(into, "AUTH_TIMEOUT", "-1"));
  CHECK_FALSE(takes(into, "AUTH_TIMEOUT", "601"));
  CHECK(takes(into, "AUTH_GRACE", "3600"));
  CHECK(into.access.auth_grace == 3600s);
  CHECK_FALSE(takes(into, "AUTH_GRACE", "soon"));
}

namespace {

/// What would be allowed instead.
std::string wrong(std::string_view name, std::string_view text) {
  options into;
  for (const option_variable& each : access_variables()) {
    if (each.name == name) return each.apply(into, text).value_or("");
  }
  return "no such variable";
}

}  // namespace

TEST_CASE("access_variables: origins and proxies are lists, checked one by one") {
  options into;
  CHECK(takes(into, "ALLOWED_ORIGINS", " https://app.example.com ,https://*.example.com, null"));
  CHECK(into.access.allowed_origins ==
        std::vector<std::string>{"https://app.example.com", "https://*.example.com", "null"});
  CHECK(takes(into, "ALLOWED_ORIGINS", "*"));
  CHECK(takes(into, "ALLOWED_ORIGINS", ""));
  CHECK(into.access.allowed_origins.empty());
  CHECK(wrong("ALLOWED_ORIGINS", "https://a.example,b.example") ==
        "a list of origins such as https://app.example.com: \"b.example\" is no origin");
  CHECK(takes(into, "TRUST_PROXY", "10.0.0.0/8, ::1, private"));
  CHECK(into.access.trusted_proxies.size() == 3u);
  CHECK(wrong("TRUST_PROXY", "1") ==
        "a list of addresses and networks: \"1\" is no address and no network");
  CHECK_FALSE(wrong("TRUST_PROXY", "on").empty());
}

TEST_CASE("access_variables: each limit goes where it belongs") {
  options into;
  CHECK(takes(into, "MAX_CONNECTIONS_PER_IP", "1"));
  CHECK(into.access.max_connections_per_address == 1u);
  CHECK(takes(into, "MAX_CONNECTIONS_PER_USER", "2"));
  CHECK(into.access.max_connections_per_user == 2u);
  CHECK(takes(into, "NEW_CONNECTIONS_PER_SECOND", "3"));
  CHECK(into.access.new_connections_per_second == 3u);
  CHECK(takes(into, "RATE_LIMIT_PER_MINUTE", "4"));
  CHECK(into.access.messages_per_minute == 4u);
  CHECK(takes(into, "RATE_LIMIT_BURST", "5"));
  CHECK(into.access.message_burst == 5u);
  CHECK(takes(into, "USER_RATE_LIMIT_PER_MINUTE", "6"));
  CHECK(into.access.user_messages_per_minute == 6u);
  CHECK(takes(into, "USER_RATE_LIMIT_BURST", "7"));
  CHECK(into.access.user_message_burst == 7u);
  CHECK(takes(into, "MAX_CONTENT_BYTES", "8"));
  CHECK(into.session.max_content_bytes == 8u);
  CHECK(takes(into, "MAX_HISTORY_BYTES", "9"));
  CHECK(into.session.max_history_bytes == 9u);
  CHECK(takes(into, "MAX_SESSIONS_PER_USER", "10"));
  CHECK(into.access.max_sessions_per_user == 10u);
  CHECK(takes(into, "DAILY_TOKENS_PER_USER", "11000000000"));
  CHECK(into.access.daily_tokens_per_user == 11'000'000'000u);
  CHECK(takes(into, "DAILY_COST_PER_USER", "0.25"));
  CHECK(into.access.daily_cost_per_user == 0.25);
  for (const char* each :
       {"MAX_CONNECTIONS_PER_IP", "MAX_CONNECTIONS_PER_USER", "NEW_CONNECTIONS_PER_SECOND",
        "RATE_LIMIT_PER_MINUTE", "USER_RATE_LIMIT_PER_MINUTE", "MAX_CONTENT_BYTES",
        "MAX_HISTORY_BYTES", "MAX_SESSIONS_PER_USER", "DAILY_TOKENS_PER_USER",
        "DAILY_COST_PER_USER"}) {
    CAPTURE(each);
    CHECK(wrong(each, "0").empty());  // no limit
    for (const char* text : {"-1", "many", "", "1e99", "99999999999999999999"})
      CHECK_FALSE(wrong(each, text).empty());
  }
  CHECK_FALSE(wrong("RATE_LIMIT_BURST", "0").empty());
  CHECK_FALSE(wrong("USER_RATE_LIMIT_BURST", "0").empty());
}

TEST_CASE("access_variables: the admin token is long, and a secret") {
  options into;
  CHECK(takes(into, "ADMIN_TOKEN", "0123456789abcdef"));
  CHECK(into.access.admin_token == "0123456789abcdef");
  for (const std::string_view wrong :
       {"0123456789abcde", "0123456789 abcdef", "0123456789abcdef\n", "0123456789abcde\xc3\xa4"}) {
    CAPTURE(wrong);
    CHECK_FALSE(takes(into, "ADMIN_TOKEN", wrong));
  }
  CHECK(into.access.admin_token == "0123456789abcdef");
  const auto refused = agent_websocket::read_options(
      [](std::string_view name) -> std::optional<std::string> {
        if (name == "ADMIN_TOKEN") return "hunter2";
        return std::nullopt;
      });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("ADMIN_TOKEN") != std::string::npos);
  CHECK(refused.error().message.find("16 bytes") != std::string::npos);
  CHECK(refused.error().message.find("hunter2") == std::string::npos);
}

TEST_CASE("access_variables: who may read the metrics") {
  options into;
  CHECK(takes(into, "METRICS", "off"));
  CHECK(into.access.metrics == metrics_access::off);
  CHECK(takes(into, "METRICS", "admin"));
  CHECK(into.access.metrics == metrics_access::admin);
  CHECK(takes(into, "METRICS", "open"));
  CHECK(into.access.metrics == metrics_access::open);
  for (const std::string_view wrong : {"OPEN", "1", "on", "admin,open"}) {
    CAPTURE(wrong);
    CHECK_FALSE(takes(into, "METRICS", wrong));
  }
}

TEST_CASE("access_variables: who may come") {
  options into;
  CHECK(takes(into, "AUTH_TOKENS", "ada:0123456789abcdef, bob:fedcba9876543210"));
  CHECK(into.access.tokens.size() == 2u);
  CHECK(into.access.tokens.verify("0123456789abcdef")->name == "ada");
  CHECK_FALSE(takes(into, "AUTH_TOKENS", "ada:short"));
  CHECK_FALSE(takes(into, "AUTH_TOKENS", ","));  // would let everybody in
  CHECK_FALSE(takes(into, "AUTH_TOKENS", " "));
  CHECK(into.access.tokens.size() == 2u);
  CHECK(takes(into, "ALLOW_ANONYMOUS", "1"));
  CHECK(into.access.allow_anonymous);
  CHECK(takes(into, "ALLOW_ANONYMOUS", "0"));
  CHECK_FALSE(into.access.allow_anonymous);
  for (const char* const wrong : {"yes", "true", "on", "2", "01", " 1"}) {
    CHECK_FALSE(takes(into, "ALLOW_ANONYMOUS", wrong));
  }
}

TEST_CASE("access_variables: keys of JSON Web Tokens and what is asked of one") {
  options into;
  const std::string secret(32, 's');
  CHECK(takes(into, "JWT_SECRET", secret));
  CHECK(into.access.jwt_secret == secret);
  CHECK(takes(into, "JWT_PREVIOUS_SECRET", secret + "2"));
  CHECK(into.access.jwt_previous_secret == secret + "2");
  CHECK_FALSE(takes(into, "JWT_SECRET", secret.substr(1)));
  CHECK_FALSE(takes(into, "JWT_PREVIOUS_SECRET", "s"));
  CHECK(takes(into, "JWT_PUBLIC_KEY_FILE", "keys/new.pem"));
  CHECK(takes(into, "JWT_PREVIOUS_PUBLIC_KEY_FILE", "keys/old.pem"));
  CHECK(into.access.jwt_public_key_file == "keys/new.pem");
  CHECK(into.access.jwt_previous_public_key_file == "keys/old.pem");
  CHECK(takes(into, "JWT_AUDIENCE", "chat"));
  CHECK(takes(into, "JWT_ISSUER", "https://id.example"));
  CHECK(into.access.jwt_audience == "chat");
  CHECK(into.access.jwt_issuer == "https://id.example");
  CHECK(takes(into, "JWT_LEEWAY", "0"));
  CHECK(into.access.jwt_leeway == 0s);
  CHECK(takes(into, "JWT_LEEWAY", "600"));
  CHECK(into.access.jwt_leeway == 600s);
  for (const char* const wrong : {"601", "-1", "1.5", "1m", "a while"}) {
    CHECK_FALSE(takes(into, "JWT_LEEWAY", wrong));
  }
}

TEST_CASE("access_variables: secrets are secret, and never in the words for what is wrong") {
  for (const option_variable& each : access_variables()) {
    const std::string name(each.name);
    CAPTURE(name);
    const bool holds_one = name == "AUTH_TOKENS" || name == "JWT_SECRET" ||
                           name == "JWT_PREVIOUS_SECRET" || name == "ADMIN_TOKEN";
    CHECK(each.secret == holds_one);
    if (!holds_one) continue;
    options into;
    for (const char* const wrong : {"topsecret", "topsecret:", "topsecret:topsecret", ":topsecret",
                                    "ada:topsecret,bob:topsecret"}) {
      const auto words = each.apply(into, wrong);
      if (words) CHECK(words->find("topsecret") == std::string::npos);
    }
    const auto read = agent_websocket::read_options(
        [&](std::string_view asked) -> std::optional<std::string> {
          if (asked == name) return "topsecret";
          return std::nullopt;
        });
    if (name == "ADMIN_TOKEN" && read) continue;
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().message.rfind(name + " is (a secret), but must be ", 0) == 0u);
    CHECK(read.error().message.find("topsecret") == std::string::npos);
  }
}

TEST_CASE("access_variables: certificate and key") {
  options into;
  CHECK(takes(into, "TLS_CERT_FILE", "/etc/tls/chain.pem"));
  CHECK(takes(into, "TLS_KEY_FILE", "/etc/tls/key.pem"));
  CHECK(into.access.tls_cert_file == "/etc/tls/chain.pem");
  CHECK(into.access.tls_key_file == "/etc/tls/key.pem");
}
