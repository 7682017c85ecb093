// SPDX-License-Identifier: MIT
//
// Options from environment variables and a file with some, by the table of option_variables.hpp.
// Reads the environment; does not change it.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/server/env_file.hpp>
#include <agent_websocket/server/option_variables.hpp>
#include <agent_websocket/server/options.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

/// Looks a variable up; nullopt when it is not set.
using variable_lookup = std::function<std::optional<std::string>(std::string_view name)>;

/// Options out of variables. An empty variable counts as not set.
result<options> read_options(const variable_lookup& lookup);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<options> read_options(const variable_lookup& lookup) {
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

namespace detail {

/// All of a file; nullopt when it cannot be read. By <cstdio>: the streams would cost each unit a
/// tenth of a second.
inline std::optional<std::string> whole_file(const std::string& name) {
  std::FILE* const file = std::fopen(name.c_str(), "rb");
  if (file == nullptr) return std::nullopt;
  std::string text;
  char part[4096];
  while (const std::size_t size = std::fread(part, 1, sizeof part, file)) text.append(part, size);
  const bool failed = std::ferror(file) != 0;  // a folder, for one
  std::fclose(file);
  return failed ? std::nullopt : std::optional<std::string>(std::move(text));
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<options> options::from_environment(const std::string& env_file) {
  std::map<std::string, std::string> from_file;
  if (!env_file.empty()) {
    const auto text = detail::whole_file(env_file);
    if (!text) return error(errc::bad_configuration, "cannot read the file " + env_file);
    auto parsed = parse_env_file(*text);
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

#endif

}  // namespace agent_websocket
