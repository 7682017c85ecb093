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
