// SPDX-License-Identifier: MIT
//
// Options from environment variables and a file with some, by the table of option_variables.hpp.
// Reads the environment; does not change it.
#pragma once

#include <agent_websocket/server/env_file.hpp>
#include <agent_websocket/server/option_variables.hpp>
#include <agent_websocket/server/options.hpp>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

/// Looks a variable up; nullopt when it is not set.
using variable_lookup = std::function<std::optional<std::string>(std::string_view name)>;

/// Options out of variables. An empty variable counts as not set.
inline result<options> read_options(const variable_lookup& lookup) {
  options read;
  for (const option_variable& variable : option_variables()) {
    const auto text = lookup(variable.name);
    if (!text || text->empty()) continue;
    if (const auto allowed = variable.apply(read, *text)) {
      // A URL may hold a password.
      const bool secret = variable.secret || text->find('@') != std::string::npos;
      const std::string shown = secret ? "(a secret)" : "\"" + text->substr(0, 100) + "\"";
      return error(errc::bad_configuration,
                   std::string(variable.name) + " is " + shown + ", but must be " + *allowed);
    }
  }
  return read;
}

inline result<options> options::from_environment(const std::string& env_file) {
  std::map<std::string, std::string> from_file;
  if (!env_file.empty()) {
    std::ifstream stream(env_file, std::ios::binary);
    std::ostringstream text;
    if (stream && stream.peek() != std::ifstream::traits_type::eof()) text << stream.rdbuf();
    if (!stream.is_open() || stream.bad())  // bad: a folder, for one
      return error(errc::bad_configuration, "cannot read the file " + env_file);
    auto parsed = parse_env_file(text.str());
    if (!parsed) return error(errc::bad_configuration, env_file + ", " + parsed.error().message);
    from_file = std::move(*parsed);
  }
  return read_options([&from_file](std::string_view name) -> std::optional<std::string> {
    const std::string key(name);
    if (const char* set = std::getenv(key.c_str()); set != nullptr && *set != '\0')
      return std::string(set);
    const auto found = from_file.find(key);
    return found == from_file.end() ? std::nullopt : std::optional<std::string>(found->second);
  });
}

}  // namespace agent_websocket
