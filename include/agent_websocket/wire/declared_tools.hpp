// SPDX-License-Identifier: MIT
//
// The tools that a client declares in a `hello` or a `query`, in the short form {name, description,
// parameters} or in that of the chat completions API, {type: "function", function: {...}}.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/wire/field_reader.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace wire {

inline constexpr std::size_t max_declared_tools = 64;

namespace detail {

/// The member `tools`; empty when there is none.
std::vector<declared_tool> read_declared_tools(field_reader& fields);

#if AGENT_WEBSOCKET_DEFINITIONS

inline void read_declared_tool(field_reader& fields, const std::string& where, json::value from,
                               std::vector<declared_tool>& into) {
  if (from["function"].is_object()) from = from["function"];
  const auto name = from["name"].string();
  if (!from.is_object() || !name)
    return fields.fail(where + " must be an object with a string `name`");
  declared_tool read;
  read.name = std::string(*name);
  const auto given = [&from](const char* member) {
    return from[member].exists() && !from[member].is_null();
  };
  if (given("description")) {
    const auto text = from["description"].string();
    if (!text) return fields.fail(where + ": `description` must be a string");
    read.description = std::string(*text);
  }
  if (given("parameters")) {
    if (!from["parameters"].is_object())
      return fields.fail(where + ": `parameters` must be a JSON Schema object");
    read.parameters = json::to_text(from["parameters"]);
  }
  into.push_back(std::move(read));
}

AGENT_WEBSOCKET_INLINE std::vector<declared_tool> read_declared_tools(field_reader& fields) {
  std::vector<declared_tool> read;
  const json::value found = fields.find("tools");
  if (!found) return read;
  if (!found.is_array() || found.size() > max_declared_tools) {
    fields.fail("`tools` must be an array of at most " + std::to_string(max_declared_tools) +
                " tools");
    return read;
  }
  found.for_each_element([&](json::value each) {
    read_declared_tool(fields, "`tools[" + std::to_string(read.size()) + "]`", each, read);
  });
  return read;
}

#endif

}  // namespace detail
}  // namespace wire
}  // namespace agent_websocket
