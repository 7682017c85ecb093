// SPDX-License-Identifier: MIT
//
// The form in which a model has to answer ("response_format" of OpenRouter's API reference,
// "Structured outputs"), as the JSON text of chat_request.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/openrouter/request_encoder.hpp>
#include <agent_websocket/openrouter/tool_definition.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace openrouter {

/// A schema that the answer has to follow.
struct json_schema {
  std::string name;            ///< 1 to 64 of A-Z a-z 0-9 _ -
  std::string schema;          ///< JSON Schema, as text; empty: left out
  std::optional<bool> strict;  ///< true leaves only the providers that can promise it
  std::string description;
};

/// Any JSON object; the prompt has to ask for JSON too.
std::string json_object_format();

/// JSON by a schema, which goes out byte for byte. Errors: bad_message, with words.
result<std::string> json_schema_format(const json_schema& what);

/// Text by a grammar.
std::string grammar_format(std::string_view grammar);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string json_object_format() { return R"({"type":"json_object"})"; }

AGENT_WEBSOCKET_INLINE result<std::string> json_schema_format(const json_schema& what) {
  std::string text;
  detail::request_encoder out(text, "response_format.");
  out.key("type").value("json_schema");
  out.object("json_schema", [&what](detail::request_encoder& in) {
    if (!is_tool_name(what.name)) in.refuse("name", "must be 1 to 64 of A-Z, a-z, 0-9, _ and -");
    in.text("name", what.name);
    in.text("description", what.description);
    in.raw("schema", what.schema, json::kind::object);
    in.plain("strict", what.strict);
  });
  out.finish();
  if (out.refusal()) return *out.refusal();
  return text;
}

AGENT_WEBSOCKET_INLINE std::string grammar_format(std::string_view grammar) {
  std::string text;
  json::writer out(text);
  out.begin_object().member("type", "grammar").member("grammar", grammar).end_object();
  return text;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
