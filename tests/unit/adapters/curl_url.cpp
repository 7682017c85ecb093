// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/curl_url.hpp>

#include <doctest/doctest.h>

using agent_websocket::adapters::is_loopback_url;

TEST_CASE("curl_url: the host of a URL as curl reads it") {
  CHECK(is_loopback_url("http://localhost:8080/v1?x=http://openrouter.ai"));
  CHECK(is_loopback_url("https://127.0.0.1/"));
  CHECK(is_loopback_url("http://[::1]:80/"));
  CHECK(is_loopback_url("http://127.1/"));  // short for 127.0.0.1
  CHECK(is_loopback_url("http://2130706433/"));
  CHECK_FALSE(is_loopback_url("http://openrouter.ai/localhost"));
  CHECK_FALSE(is_loopback_url("http://localhost@openrouter.ai/"));
  CHECK_FALSE(is_loopback_url("http://openrouter.ai/@localhost"));
  CHECK_FALSE(is_loopback_url("localhost"));
  CHECK_FALSE(is_loopback_url(""));
}
