// SPDX-License-Identifier: MIT
//
// Tools as a request offers them to a model ("tools" and "tool_choice" of OpenRouter's API
// reference): from plain values to the JSON text of chat_request, made once and sent often. Says
// nothing of how a tool is run.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/openrouter/request_encoder.hpp>
#include <agent_websocket/openrouter/request_options.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent_websocket {
namespace openrouter {

/// A function that a model may call.
struct tool_definition {
  std::string name;         ///< 1 to 64 of A-Z a-z 0-9 _ -
  std::string description;  ///< for the model
  std::string parameters;   ///< JSON Schema of an object, as text; empty: it takes none
  std::optional<bool>
      strict;  ///< arguments follow the schema exactly, where a provider can do that
  std::optional<openrouter::cache_control> cache_control;
};

/// Whether a tool may be called that.
constexpr bool is_tool_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 64) return false;
  for (const char c : name) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && c != '_' && c != '-') return false;
  }
  return true;
}

/// The JSON array for chat_request::tools; empty for no tools. Errors: bad_message, with words that
/// name the tool and what is wrong. `parameters` go out byte for byte.
result<std::string> encode_tools(const std::vector<tool_definition>& tools);

/// chat_request::tool_choice of a word: none, auto or required.
std::string tool_choice(std::string_view word);

/// chat_request::tool_choice of the function that the model has to call.
std::string tool_choice_function(std::string_view name);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<std::string> encode_tools(const std::vector<tool_definition>& tools) {
  std::string text;
  if (tools.empty()) return text;
  json::writer out(text);
  out.begin_array();
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const tool_definition& each = tools[i];
    std::string one;
    detail::request_encoder in(one, "tools[" + std::to_string(i) + "].");
    in.key("type").value("function");
    in.object("function", [&each](detail::request_encoder& function) {
      if (!is_tool_name(each.name)) {
        function.refuse("name", "must be 1 to 64 of A-Z, a-z, 0-9, _ and -");
      }
      function.text("name", each.name);
      function.text("description", each.description);
      // Some servers fail where it is left out, which would mean the same.
      static const std::string nothing = R"({"type":"object","properties":{}})";
      function.raw("parameters", each.parameters.empty() ? nothing : each.parameters,
                   json::kind::object);
      function.plain("strict", each.strict);
    });
    if (each.cache_control) {
      in.object("cache_control", [&each](detail::request_encoder& cache) {
        detail::write(cache, *each.cache_control);
      });
    }
    in.finish();
    for (std::size_t j = 0; j < i; ++j) {
      if (tools[j].name == each.name) in.refuse("function.name", "is given twice: ", each.name);
    }
    if (in.refusal()) return *in.refusal();
    out.raw(one);
  }
  out.end_array();
  return text;
}

AGENT_WEBSOCKET_INLINE std::string tool_choice(std::string_view word) {
  std::string text;
  json::writer(text).value(word);
  return text;
}

AGENT_WEBSOCKET_INLINE std::string tool_choice_function(std::string_view name) {
  std::string text;
  json::writer out(text);
  out.begin_object().member("type", "function").key("function");
  out.begin_object().member("name", name).end_object().end_object();
  return text;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
