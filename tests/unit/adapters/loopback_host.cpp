// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/loopback_host.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::adapters::is_loopback_host;

TEST_CASE("loopback_host: hosts that are this machine") {
  for (const std::string host : {"localhost", "LocalHost", "localhost.", "a.localhost", "127.0.0.1",
                                 "127.255.255.254", "::1", "[::1]", "::ffff:127.0.0.1"}) {
    CAPTURE(host);
    CHECK(is_loopback_host(host));
  }
}

TEST_CASE("loopback_host: hosts that are not") {
  for (const std::string host : {"", ".", "openrouter.ai", "localhost.example.com", "notlocalhost",
                                 "xlocalhost", "127.0.0.1.example.com", "128.0.0.1", "10.0.0.1",
                                 "0.0.0.0", "::2", "[", "[]", "::ffff:10.0.0.1", "localhos"}) {
    CAPTURE(host);
    CHECK_FALSE(is_loopback_host(host));
  }
}
