// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/curl_url.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::adapters::is_loopback_host;
using agent_websocket::adapters::is_loopback_url;

TEST_CASE("curl_url: hosts that are this machine") {
  for (const std::string host : {"localhost", "LocalHost", "localhost.", "a.localhost", "127.0.0.1",
                                 "127.255.255.254", "::1", "[::1]", "::ffff:127.0.0.1"}) {
    CAPTURE(host);
    CHECK(is_loopback_host(host));
  }
}

TEST_CASE("curl_url: hosts that are not") {
  for (const std::string host : {"", ".", "openrouter.ai", "localhost.example.com", "notlocalhost",
                                 "xlocalhost", "127.0.0.1.example.com", "128.0.0.1", "10.0.0.1",
                                 "0.0.0.0", "::2", "[", "[]", "::ffff:10.0.0.1", "localhos"}) {
    CAPTURE(host);
    CHECK_FALSE(is_loopback_host(host));
  }
}

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
