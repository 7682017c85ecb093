// SPDX-License-Identifier: MIT
//
// A tool that the model may call: what the model is told of it, what the server sees to when it is
// called, and the set of tools of a server. Data only; who runs them stands in tool_runner.hpp.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/schema.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/openrouter/tool_definition.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// What the application says of a tool (OpenRouter docs, "Tool calling").
struct tool_definition {
  std::string name;           ///< 1 to 64 of A-Z a-z 0-9 _ -
  std::string description{};  ///< for the model: what it does, and when to use it
  /// JSON Schema of the arguments, which are an object; empty: there are none. The server checks
  /// them by it, see json/schema.hpp for the keywords.
  std::string parameters{};
  /// A person has to agree before the tool is run; see session_settings::approval_timeout.
  bool requires_approval = false;
  /// A person answers in place of the tool, which needs no handler.
  bool asks_person = false;
  std::string question{};            ///< what the person is asked; empty: "Run NAME?"
  bool approved_by_default = false;  ///< what happens when nobody decides in time
  /// Longest run; 0: session_settings::tool_timeout.
  std::chrono::milliseconds timeout{0};
  std::size_t max_result_bytes = 64 * 1024;  ///< of what the model is told; more is cut

  bool needs_person() const noexcept { return requires_approval || asks_person; }
};

/// What became of a call.
struct tool_result {
  std::string text;  ///< what the model is told; of a failure: the reason in words
  bool failed = false;

  static tool_result failure(std::string words) { return {std::move(words), true}; }
};

/// A tool that was checked, ready to be offered. `of_client`: the client runs it.
struct tool_spec {
  tool_definition definition;
  json::schema arguments;
  std::string described;  ///< as it goes into a request
  bool of_client = false;
};

using tool_ptr = std::shared_ptr<const tool_spec>;

/// Checks a definition. Errors: bad_message with words that name the tool and what is wrong.
result<tool_ptr> make_tool(tool_definition definition, bool of_client = false);

/// The tools as `tools` of a request.
std::string describe_tools(const std::vector<tool_ptr>& tools);

/// The tools that a server has for its sessions, in the order of their registration.
class toolbox {
 public:
  /// Errors: see make_tool; and bad_message for a name that is taken.
  result<void> add(tool_definition definition);

  tool_ptr find(std::string_view name) const noexcept;
  const std::vector<tool_ptr>& tools() const noexcept { return tools_; }

  static tool_ptr find_tool(const std::vector<tool_ptr>& tools, std::string_view name) noexcept;

 private:
  std::vector<tool_ptr> tools_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<tool_ptr> make_tool(tool_definition definition, bool of_client) {
  const auto refuse = [&definition](std::string words) {
    return error(errc::bad_message, "Tool `" + definition.name.substr(0, 64) + "`: " + words);
  };
  if (!openrouter::is_tool_name(definition.name)) {
    return error(errc::bad_message,
                 "The name of a tool must have 1 to 64 characters out of A-Z a-z 0-9 _ -");
  }
  if (definition.timeout.count() < 0) return refuse("the timeout is negative");
  auto described = openrouter::encode_tools({openrouter::tool_definition{
      definition.name, definition.description, definition.parameters, {}, {}}});
  if (!described) return refuse(described.error().message);
  auto compiled =
      json::schema::compile(definition.parameters.empty() ? "true" : definition.parameters);
  if (!compiled) return refuse("its parameters: " + compiled.error().message);
  // Without the brackets of the array.
  return tool_ptr(std::make_shared<const tool_spec>(
      tool_spec{std::move(definition), std::move(*compiled),
                described->substr(1, described->size() - 2), of_client}));
}

AGENT_WEBSOCKET_INLINE std::string describe_tools(const std::vector<tool_ptr>& tools) {
  std::string text;
  if (tools.empty()) return text;
  json::writer w(text);
  w.begin_array();
  for (const tool_ptr& each : tools) w.raw(each->described);
  w.end_array();
  return text;
}

AGENT_WEBSOCKET_INLINE result<void> toolbox::add(tool_definition definition) {
  if (find(definition.name) != nullptr) {
    return error(errc::bad_message, "There are two tools of the name `" + definition.name + "`");
  }
  auto made = make_tool(std::move(definition));
  if (!made) return made.error();
  tools_.push_back(std::move(*made));
  return {};
}

AGENT_WEBSOCKET_INLINE tool_ptr toolbox::find(std::string_view name) const noexcept {
  return find_tool(tools_, name);
}

AGENT_WEBSOCKET_INLINE tool_ptr toolbox::find_tool(const std::vector<tool_ptr>& tools,
                                                   std::string_view name) noexcept {
  for (const tool_ptr& each : tools) {
    if (each->definition.name == name) return each;
  }
  return nullptr;
}

#endif

}  // namespace agent_websocket
