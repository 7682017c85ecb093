// SPDX-License-Identifier: MIT
#include <agent_websocket/server/access_variables.hpp>

#include <agent_websocket/server/environment.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

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
