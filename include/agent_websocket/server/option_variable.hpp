// SPDX-License-Identifier: MIT
//
// What one environment variable is to the options. The tables are in option_variables.hpp and
// access_variables.hpp.
#pragma once

#include <agent_websocket/server/options.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {

/// One variable: its name, its default and meaning for people, and how its text gets into the
/// options. `apply` returns what would be allowed when the text is not.
struct option_variable {
  std::string_view name;
  std::string_view default_text;
  std::string_view meaning;
  std::optional<std::string> (*apply)(options&, std::string_view text);
  bool secret = false;
};

}  // namespace agent_websocket
