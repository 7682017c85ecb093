// SPDX-License-Identifier: MIT
//
// The smaller objects of a request (OpenRouter's API reference, "Create a chat completion"):
// reasoning, caching, tracing, audio. Words that name one of several choices are strings, since
// new choices appear without notice. Data and how it is written; request.hpp sends it.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/openrouter/request_encoder.hpp>

#include <optional>
#include <string>

namespace agent_websocket {
namespace openrouter {

/// How much a model thinks before it answers. Of `effort` and `max_tokens` one at most.
struct reasoning_options {
  std::string effort;             ///< none, minimal, low, medium, high, xhigh, max
  std::optional<int> max_tokens;  ///< 1 or more, and less than the limit of the whole answer
  std::optional<bool> exclude;    ///< thinks, but sends none of it
  std::optional<bool> enabled;    ///< true alone means medium effort
  std::string summary;            ///< auto, concise, detailed
};

/// Anthropic's prompt caching, placed by OpenRouter.
struct cache_control {
  std::string type = "ephemeral";
  std::string ttl;  ///< 5m or 1h
};

/// OpenAI's prompt caching with breakpoints in the content parts.
struct prompt_cache_options {
  std::string mode = "explicit";
  std::string ttl;
};

/// What the request is called in the account's observability tools.
struct trace_labels {
  std::string trace_id;
  std::string trace_name;
  std::string span_name;
  std::string generation_name;
  std::string parent_span_id;
  std::string extra;  ///< JSON object text: further members
};

/// Wanted when "audio" is among the modalities; needs a stream.
struct audio_output {
  std::string voice;
  std::string format;
};

namespace detail {

void write(request_encoder& out, const reasoning_options& what);
void write(request_encoder& out, const cache_control& what);
void write(request_encoder& out, const prompt_cache_options& what);
void write(request_encoder& out, const trace_labels& what);
void write(request_encoder& out, const audio_output& what);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void write(request_encoder& out, const reasoning_options& what) {
  if (!what.effort.empty() && what.max_tokens) {
    out.refuse("max_tokens", "and `reasoning.effort` exclude each other");
  }
  out.text("effort", what.effort);
  out.integer("max_tokens", what.max_tokens, 1, request_encoder::any, ", 1 or more");
  out.plain("exclude", what.exclude);
  out.plain("enabled", what.enabled);
  out.text("summary", what.summary);
}

AGENT_WEBSOCKET_INLINE void write(request_encoder& out, const cache_control& what) {
  out.text("type", what.type);
  out.text("ttl", what.ttl);
}

AGENT_WEBSOCKET_INLINE void write(request_encoder& out, const prompt_cache_options& what) {
  out.text("mode", what.mode);
  out.text("ttl", what.ttl);
}

AGENT_WEBSOCKET_INLINE void write(request_encoder& out, const trace_labels& what) {
  out.text("trace_id", what.trace_id);
  out.text("trace_name", what.trace_name);
  out.text("span_name", what.span_name);
  out.text("generation_name", what.generation_name);
  out.text("parent_span_id", what.parent_span_id);
  out.members_of("extra", what.extra);
}

AGENT_WEBSOCKET_INLINE void write(request_encoder& out, const audio_output& what) {
  out.text("voice", what.voice);
  out.text("format", what.format);
}

#endif

}  // namespace detail
}  // namespace openrouter
}  // namespace agent_websocket
