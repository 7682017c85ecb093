// SPDX-License-Identifier: MIT
#include <agent_websocket/server/access_options.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;

TEST_CASE("access_options: ten seconds to show a token, thirty to show a new one") {
  const agent_websocket::access_options chosen;
  CHECK(chosen.auth_timeout == 10s);
  CHECK(chosen.auth_grace == 30s);
}

TEST_CASE("access_options: nobody else's page, nobody's proxy, and room for an office behind one address") {
  const agent_websocket::access_options chosen;
  CHECK(chosen.allowed_origins.empty());
  CHECK(chosen.trusted_proxies.empty());
  CHECK(chosen.max_connections_per_address == 1000u);
  CHECK(chosen.max_connections_per_user == 100u);
  CHECK(chosen.new_connections_per_second == 500u);
  CHECK(chosen.messages_per_minute == 60u);
  CHECK(chosen.message_burst == 30u);
  CHECK(chosen.user_messages_per_minute == 600u);
  CHECK(chosen.user_message_burst == 300u);
  CHECK(chosen.max_sessions_per_user == 1000u);
  CHECK(chosen.daily_tokens_per_user == 0u);
  CHECK(chosen.daily_cost_per_user == 0.0);
}

TEST_CASE("access_options: no HTTP API and metrics for all by default") {
  agent_websocket::access_options chosen;
  CHECK(chosen.admin_token.empty());
  CHECK(chosen.metrics == agent_websocket::metrics_access::open);
  CHECK(chosen.check_admin());
}

TEST_CASE("access_options: a short admin token is refused, and not printed") {
  agent_websocket::access_options chosen;
  chosen.admin_token = "hunter2-hunter2";
  const auto refused = chosen.check_admin();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == agent_websocket::errc::bad_configuration);
  CHECK(refused.error().message.find("hunter2") == std::string::npos);
  CHECK(refused.error().message.find("16") != std::string::npos);
  chosen.admin_token += "!";
  CHECK(chosen.check_admin());
}

TEST_CASE("access_options: metrics that nobody could read are a mistake") {
  agent_websocket::access_options chosen;
  chosen.metrics = agent_websocket::metrics_access::admin;
  CHECK_FALSE(chosen.check_admin());
  chosen.admin_token = "0123456789abcdef";
  CHECK(chosen.check_admin());
  chosen = {};
  chosen.metrics = agent_websocket::metrics_access::off;
  CHECK(chosen.check_admin());
}

TEST_CASE("access_options: nobody has to show a token until there are tokens or keys") {
  agent_websocket::access_options chosen;
  CHECK_FALSE(chosen.asks_for_tokens());
  CHECK_FALSE(chosen.asks_for_jwt());
  CHECK_FALSE(chosen.allow_anonymous);
  CHECK(chosen.jwt_leeway == 60s);
  CHECK(chosen.check().has_value());
  auto listed = chosen;
  CHECK(listed.tokens.add("ada", "0123456789abcdef").has_value());
  CHECK(listed.asks_for_tokens());
  CHECK_FALSE(listed.asks_for_jwt());
  CHECK(listed.check().has_value());
  auto secret = chosen;
  secret.jwt_secret = "s";
  CHECK(secret.asks_for_jwt());
  CHECK(secret.asks_for_tokens());
  auto file = chosen;
  file.jwt_public_key_file = "key.pem";
  CHECK(file.asks_for_jwt());
  CHECK(file.check().has_value());
}

TEST_CASE("access_options: what does nothing without another is refused") {
  using agent_websocket::access_options;
  const auto refused = [](const access_options& chosen) {
    const auto checked = chosen.check();
    if (checked) return std::string();
    CHECK(checked.error().code == agent_websocket::errc::bad_configuration);
    return checked.error().message;
  };
  access_options chosen;
  chosen.jwt_previous_secret = "topsecret";
  CHECK(refused(chosen) == "JWT_PREVIOUS_SECRET is set, but JWT_SECRET is not");
  chosen.jwt_secret = "topsecret2";
  CHECK(refused(chosen).empty());
  chosen = {};
  chosen.jwt_previous_public_key_file = "old.pem";
  CHECK(refused(chosen) == "JWT_PREVIOUS_PUBLIC_KEY_FILE is set, but JWT_PUBLIC_KEY_FILE is not");
  chosen.jwt_public_key_file = "new.pem";
  CHECK(refused(chosen).empty());
  chosen = {};
  chosen.jwt_audience = "chat";
  const std::string no_key =
      "JWT_AUDIENCE or JWT_ISSUER is set, but there is no key to verify a token with: set "
      "JWT_SECRET or JWT_PUBLIC_KEY_FILE";
  CHECK(refused(chosen) == no_key);
  CHECK(chosen.tokens.add("ada", "0123456789abcdef").has_value());
  CHECK(refused(chosen) == no_key);
  chosen.jwt_secret = "topsecret";
  CHECK(refused(chosen).empty());
  chosen = {};
  chosen.jwt_issuer = "https://id.example";
  CHECK(refused(chosen) == no_key);
  chosen = {};
  chosen.allow_anonymous = true;
  CHECK(refused(chosen).empty());
  chosen.jwt_secret = "topsecret";
  CHECK(refused(chosen) ==
        "ALLOW_ANONYMOUS is 1, but AUTH_TOKENS, JWT_SECRET or JWT_PUBLIC_KEY_FILE says who may "
        "come; unset one of them");
}

TEST_CASE("access_options: TLS needs both files") {
  agent_websocket::access_options chosen;
  CHECK_FALSE(chosen.has_tls());
  CHECK(chosen.check_tls());
  chosen.tls_cert_file = "chain.pem";
  CHECK(chosen.has_tls());
  CHECK(chosen.check_tls().error().message ==
        "TLS_CERT_FILE is set without TLS_KEY_FILE: TLS needs both, the certificate and its key");
  chosen.tls_key_file = "key.pem";
  CHECK(chosen.check_tls());
  chosen.tls_cert_file.clear();
  CHECK(chosen.has_tls());
  CHECK(chosen.check_tls().error().message ==
        "TLS_KEY_FILE is set without TLS_CERT_FILE: TLS needs both, the certificate and its key");
}
