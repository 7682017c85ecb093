// SPDX-License-Identifier: MIT
#include <agent_websocket/server/option_variable.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>

using agent_websocket::option_variable;
using agent_websocket::options;

TEST_CASE("option_variable: its text gets into the options, or is told what would be right") {
  const option_variable color{"COLOR", "", "name of the agent",
                              [](options& o, std::string_view text) -> std::optional<std::string> {
                                if (text != "red") return "red";
                                o.session.agent_name = std::string(text);
                                return std::nullopt;
                              }};
  options into;
  CHECK(color.apply(into, "blue") == std::optional<std::string>("red"));
  CHECK(into.session.agent_name == "agent_websocket");
  CHECK_FALSE(color.apply(into, "red").has_value());
  CHECK(into.session.agent_name == "red");
  CHECK_FALSE(color.secret);
}
