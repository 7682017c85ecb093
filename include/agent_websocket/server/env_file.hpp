// SPDX-License-Identifier: MIT
//
// The text of a .env file -> variables. The common part of what shells and dotenv readers take; no
// substitution of variables and no commands.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/headers.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

/// Takes the text of a .env file apart: NAME=value lines; `export ` in front, blank lines and lines
/// that begin with # are allowed; a value may stand in single quotes (as it is) or double quotes
/// (with \n, \", \\ escapes); without quotes, " #" begins a comment. The error names the line.
result<std::map<std::string, std::string>> parse_env_file(std::string_view text);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<std::map<std::string, std::string>> parse_env_file(
    std::string_view text) {
  std::map<std::string, std::string> variables;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    line = http::trim(line);
    if (number == 1 && line.substr(0, 3) == "\xEF\xBB\xBF") line.remove_prefix(3);
    if (line.empty() || line.front() == '#') continue;
    const auto refuse = [number](const char* why) {
      return error(errc::bad_configuration, "line " + std::to_string(number) + ": " + why);
    };
    if (line.substr(0, 7) == "export ") line = http::trim(line.substr(7));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return refuse("expected NAME=value");
    const std::string_view name = http::trim(line.substr(0, equals));
    if (name.empty() ||
        name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") !=
            std::string_view::npos) {
      return refuse("a name has letters, digits and underscores only");
    }
    std::string_view raw = http::trim(line.substr(equals + 1));
    std::string value;
    if (!raw.empty() && (raw.front() == '"' || raw.front() == '\'')) {
      const char quote = raw.front();
      std::size_t at = 1;
      for (; at < raw.size() && raw[at] != quote; ++at) {
        if (quote == '"' && raw[at] == '\\' && at + 1 < raw.size()) {
          ++at;
          value.push_back(raw[at] == 'n' ? '\n' : raw[at] == 't' ? '\t' : raw[at]);
        } else {
          value.push_back(raw[at]);
        }
      }
      if (at >= raw.size()) return refuse("the quote is not closed");
      const std::string_view rest = http::trim(raw.substr(at + 1));
      if (!rest.empty() && rest.front() != '#')
        return refuse("only a comment may follow the closing quote");
    } else {
      const std::string_view untrimmed = line.substr(equals + 1);  // "A= # none yet" has no value
      value = std::string(http::trim(untrimmed.substr(0, untrimmed.find(" #"))));
    }
    variables[std::string(name)] = std::move(value);
  }
  return variables;
}

#endif

}  // namespace agent_websocket
