// SPDX-License-Identifier: MIT
//
// The body of `POST /chat/completions` (OpenRouter's API reference, "Create a chat completion";
// the same for other OpenAI-compatible servers): fields as a plain value, and its JSON text. Only
// fields that are set are sent, always in the same order, since the order is part of the key of
// OpenRouter's response cache. No headers, no I/O.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/openrouter/message_list.hpp>
#include <agent_websocket/openrouter/provider_preferences.hpp>
#include <agent_websocket/openrouter/request_encoder.hpp>
#include <agent_websocket/openrouter/request_options.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agent_websocket {
namespace openrouter {

/// What is asked of a model. A field that is not set (nullopt, empty) is left out.
struct chat_request {
  std::string model;                         ///< "author/slug"; left out: the account's default
  std::vector<std::string> fallback_models;  ///< tried in this order after `model`
  std::string preset;                        ///< settings that the account keeps under this slug
  message_list messages;                     ///< at least one

  std::optional<double> temperature;         ///< 0 to 2
  std::optional<double> top_p;               ///< above 0, up to 1
  std::optional<int> top_k;                  ///< 0 (off) or more
  std::optional<double> min_p;               ///< 0 to 1
  std::optional<double> top_a;               ///< 0 to 1
  std::optional<double> frequency_penalty;   ///< -2 to 2
  std::optional<double> presence_penalty;    ///< -2 to 2
  std::optional<double> repetition_penalty;  ///< above 0, up to 2
  std::optional<int> max_tokens;             ///< 1 or more; `dialect` says under which name
  std::vector<std::string> stop;             ///< at most 4
  std::optional<std::int64_t> seed;
  std::map<std::string, double> logit_bias;  ///< by the token's number; -100 to 100
  std::optional<bool> logprobs;
  std::optional<int> top_logprobs;  ///< 0 to 20; needs logprobs

  // JSON text, checked by encode() and sent byte for byte.
  std::string tools;        ///< array: encode_tools() (tool_definition.hpp)
  std::string tool_choice;  ///< string or object: tool_choice(), tool_choice_function()
  std::optional<bool> parallel_tool_calls;
  std::string stop_server_tools_when;  ///< JSON text: array of at least one condition
  std::string response_format;         ///< JSON text: object, see response_format.hpp
  std::optional<bool> structured_outputs;

  reasoning_options reasoning;
  std::string reasoning_effort;  ///< for servers without `reasoning`; not another than its effort
  std::string verbosity;
  std::vector<std::string> modalities;  ///< text, image, audio
  audio_output audio;
  std::string image_config;  ///< JSON text: object
  std::string prediction;    ///< text that much of the answer will be the same as

  provider_preferences provider;
  std::string plugins;             ///< JSON text: array
  std::string web_search_options;  ///< JSON text: object; "{}" is sent too
  std::string service_tier;
  std::string user;                             ///< a stable pseudonym of the end user
  std::string session_id;                       ///< at most 256 characters; sticky routing
  std::map<std::string, std::string> metadata;  ///< 16 at most; of 64 and 512 characters
  trace_labels trace;
  std::optional<openrouter::cache_control> cache_control;
  std::string prompt_cache_key;
  std::optional<openrouter::prompt_cache_options> prompt_cache_options;
  /// Streams begin with what OpenRouter sent to the provider; for developers.
  std::optional<bool> debug_echo_upstream_body;

  /// An object whose members are added to the body, for all that has no field here. A name that is
  /// sent already is refused.
  std::string extra;

  bool stream = true;
};

/// Under which name the limit of the answer goes out: servers know one or the other.
enum class max_tokens_name { max_tokens, max_completion_tokens, both };

/// In what one OpenAI-compatible server differs from another.
struct dialect {
  max_tokens_name limit_name = max_tokens_name::max_tokens;
  /// Sends stream_options.include_usage with streams: OpenRouter needs it no more, others do.
  bool include_usage = true;
  /// Takes `<think>...</think>` at the very beginning of an answer for reasoning, not for text.
  bool think_tags = true;
};

namespace detail {

void write_reasoning(request_encoder& out, const chat_request& request);

}  // namespace detail

/// The JSON body, or errc::bad_message with words that name the wrong field. Integers are written
/// without a point, doubles in their shortest form; NaN and infinity are refused.
result<std::string> encode(const chat_request& request, const dialect& as = {});

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

inline void write_messages(request_encoder& out, std::string& body, const message_list& what) {
  if (what.empty()) return out.refuse("messages", "must have at least one message");
  out.key("messages").raw("[");
  what.append_json(body);
  body += ']';
}

inline void write_sampling(request_encoder& out, const chat_request& request, const dialect& as) {
  constexpr int any = request_encoder::any;
  out.real("temperature", request.temperature, 0, 2, " from 0 to 2");
  out.real("top_p", request.top_p, 0, 1, " above 0, up to 1", true);
  out.integer("top_k", request.top_k, 0, any, ", 0 or more");
  out.real("min_p", request.min_p, 0, 1, " from 0 to 1");
  out.real("top_a", request.top_a, 0, 1, " from 0 to 1");
  out.real("frequency_penalty", request.frequency_penalty, -2, 2, " from -2 to 2");
  out.real("presence_penalty", request.presence_penalty, -2, 2, " from -2 to 2");
  out.real("repetition_penalty", request.repetition_penalty, 0, 2, " above 0, up to 2", true);
  if (as.limit_name != max_tokens_name::max_completion_tokens) {
    out.integer("max_tokens", request.max_tokens, 1, any, ", 1 or more");
  }
  if (as.limit_name != max_tokens_name::max_tokens) {
    out.integer("max_completion_tokens", request.max_tokens, 1, any, ", 1 or more");
  }
  if (request.stop.size() > 4) out.refuse("stop", "must have at most 4 texts");
  out.texts("stop", request.stop);
  out.plain("seed", request.seed);
  out.object("logit_bias", [&request](request_encoder& in) {
    for (const auto& each : request.logit_bias) {
      in.real(each.first, each.second, -100, 100, " from -100 to 100");
    }
  });
  out.plain("logprobs", request.logprobs);
  out.integer("top_logprobs", request.top_logprobs, 0, 20, " from 0 to 20");
  if (request.top_logprobs && !request.logprobs.value_or(false)) {
    out.refuse("top_logprobs", "needs `logprobs`");
  }
}

AGENT_WEBSOCKET_INLINE void write_reasoning(request_encoder& out, const chat_request& request) {
  const reasoning_options& reasoning = request.reasoning;
  out.object("reasoning", [&reasoning](request_encoder& in) { write(in, reasoning); });
  if (reasoning.max_tokens && request.max_tokens && *reasoning.max_tokens >= *request.max_tokens) {
    out.refuse("reasoning.max_tokens", "must be less than `max_tokens`");
  }
  if (!request.reasoning_effort.empty() && !reasoning.effort.empty() &&
      request.reasoning_effort != reasoning.effort) {
    out.refuse("reasoning_effort", "must be the same as `reasoning.effort`");
  }
  out.text("reasoning_effort", request.reasoning_effort);
}

inline void write_metadata(request_encoder& out, const chat_request& request) {
  if (request.metadata.size() > 16) out.refuse("metadata", "must have at most 16 pairs");
  for (const auto& each : request.metadata) {
    if (count_characters(each.first) > 64) {
      out.refuse("metadata", "must have names of at most 64 characters");
    }
  }
  out.object("metadata", [&request](request_encoder& in) {
    for (const auto& each : request.metadata) {
      if (count_characters(each.second) > 512) {
        in.refuse(each.first, "must have at most 512 characters");
      }
      in.key(each.first).value(each.second);
    }
  });
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<std::string> encode(const chat_request& request, const dialect& as) {
  using detail::request_encoder;
  std::string body;
  body.reserve(512 + request.messages.bytes() + request.extra.size() + request.tools.size());
  request_encoder out(body);
  const auto part = [&out](const char* name, const auto& what) {
    out.object(name, [&what](request_encoder& in) { detail::write(in, what); });
  };
  out.text("model", request.model);
  out.texts("models", request.fallback_models);
  out.text("preset", request.preset);
  detail::write_messages(out, body, request.messages);
  detail::write_sampling(out, request, as);
  out.raw("tools", request.tools, json::kind::array);
  out.raw("tool_choice", request.tool_choice, json::kind::object, json::kind::string);
  out.plain("parallel_tool_calls", request.parallel_tool_calls);
  out.raw("stop_server_tools_when", request.stop_server_tools_when, json::kind::array,
          json::kind::absent, 1);
  out.raw("response_format", request.response_format, json::kind::object);
  out.plain("structured_outputs", request.structured_outputs);
  detail::write_reasoning(out, request);
  out.text("verbosity", request.verbosity);
  out.texts("modalities", request.modalities);
  if (!request.stream && !(request.audio.voice.empty() && request.audio.format.empty())) {
    out.refuse("audio", "needs `stream`");
  }
  part("audio", request.audio);
  out.raw("image_config", request.image_config, json::kind::object);
  out.object("prediction", [&request](request_encoder& in) {
    if (!request.prediction.empty()) in.key("type").value("content");
    in.text("content", request.prediction);
  });
  part("provider", request.provider);
  out.raw("plugins", request.plugins, json::kind::array);
  out.raw("web_search_options", request.web_search_options, json::kind::object);
  out.text("service_tier", request.service_tier);
  out.text("user", request.user);
  out.text("session_id", request.session_id, 256);
  detail::write_metadata(out, request);
  part("trace", request.trace);
  if (request.cache_control) part("cache_control", *request.cache_control);
  out.text("prompt_cache_key", request.prompt_cache_key);
  if (request.prompt_cache_options) part("prompt_cache_options", *request.prompt_cache_options);
  if (request.debug_echo_upstream_body && !request.stream) {
    out.refuse("debug", "needs `stream`");
  }
  out.object("debug", [&request](request_encoder& in) {
    in.plain("echo_upstream_body", request.debug_echo_upstream_body);
  });
  out.members_of("extra", request.extra);
  out.key("stream").value(request.stream);
  if (request.stream && as.include_usage) {
    out.key("stream_options").begin_object().member("include_usage", true).end_object();
  }
  out.finish();
  if (out.refusal()) return *out.refusal();
  return body;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
