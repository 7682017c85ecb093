// SPDX-License-Identifier: MIT
#include <agent_websocket/client/options.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

TEST_CASE("client options: begin with what most programs want") {
  const agent_websocket::client_options options;
  CHECK(options.caps == std::vector<std::string>{"delta"});
  CHECK(options.client == "cpp/" AGENT_WEBSOCKET_VERSION_STRING);
  CHECK_FALSE(options.token);
  CHECK_FALSE(options.resume.is_known());
  CHECK(options.max_outbox_messages == 100u);
  CHECK(options.max_outbox_bytes == 262'144u);
}

TEST_CASE("client options: a point to resume at is known by its token") {
  agent_websocket::resume_point point;
  point.session_id = "s1";
  CHECK_FALSE(point.is_known());
  point.token = "t";
  CHECK(point.is_known());
}

TEST_CASE("client options: no tools, unless they are declared") {
  CHECK(agent_websocket::client_options().tools.empty());
}
