// SPDX-License-Identifier: MIT
#include <agent_websocket/server/upstream_settings.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("upstream_settings: everything that the operator said reaches the client") {
  agent_websocket::options from;
  from.base_url = "http://localhost:1/v1";
  from.api_key = "key";
  from.http_referer = "https://my.app";
  from.app_title = "My App";
  from.connect_timeout = 1s;
  from.first_token_timeout = 2s;
  from.idle_timeout = 3s;
  from.total_timeout = 4s;
  from.max_retries = 5;
  from.max_tokens_field = agent_websocket::openrouter::max_tokens_name::both;
  const auto to = agent_websocket::upstream_settings(from);
  CHECK(to.base_url == "http://localhost:1/v1");
  CHECK(to.api_key == "key");
  CHECK(to.referer == "https://my.app");
  CHECK(to.title == "My App");
  CHECK(to.connect_timeout == 1s);
  CHECK(to.first_token_timeout == 2s);
  CHECK(to.idle_timeout == 3s);
  CHECK(to.total_timeout == 4s);
  CHECK(to.retry.max_attempts == 6);
  CHECK(to.dialect.limit_name == agent_websocket::openrouter::max_tokens_name::both);
}

TEST_CASE("upstream_settings: no retries is one attempt") {
  agent_websocket::options from;
  from.max_retries = 0;
  CHECK(agent_websocket::upstream_settings(from).retry.max_attempts == 1);
}

TEST_CASE("upstream_settings: the defaults pass the client's own check") {
  CHECK(agent_websocket::openrouter::check(
      agent_websocket::upstream_settings(agent_websocket::options())));
}
