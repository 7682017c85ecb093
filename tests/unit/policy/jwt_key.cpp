// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/jwt_key.hpp>

#include <doctest/doctest.h>

using agent_websocket::jwt_algorithm;
using agent_websocket::to_string;

TEST_CASE("jwt_key: the names of the algorithms are those of RFC 7518") {
  CHECK(to_string(jwt_algorithm::hs256) == "HS256");
  CHECK(to_string(jwt_algorithm::rs256) == "RS256");
  CHECK(to_string(jwt_algorithm::es256) == "ES256");
}

TEST_CASE("jwt_key: a secret is as long as the hash") {
  CHECK(agent_websocket::min_jwt_secret_bytes == 32u);
}
