// SPDX-License-Identifier: MIT
#include <agent_websocket/server/access_variables.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string_view>

using agent_websocket::access_variables;
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
