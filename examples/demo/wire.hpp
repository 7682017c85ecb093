// SPDX-License-Identifier: MIT
//
// The bytes that the demo upstream sends: chunks, usage, errors and model lists shaped as
// OpenRouter's (checked by the schemas of its official SDK in tests/e2e), and the HTTP/1.1 around
// them. https://openrouter.ai/docs/api-reference/streaming, .../errors
#pragma once

#include "script.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace demo {

namespace http = agent_websocket::http;

inline constexpr std::string_view provider_name = "Demo";
inline constexpr std::string_view keep_alive_comment = ": OPENROUTER PROCESSING\n\n";
inline constexpr std::string_view done_event = "data: [DONE]\n\n";

/// The answer that is being made.
struct generation {
  std::string id;
  std::int64_t created = 0;  ///< seconds since 1970
  std::string model;
  std::size_t prompt_tokens = 0;
  std::size_t completion_tokens = 0;
  std::size_t reasoning_tokens = 0;
};

/// The reason for an end that has one.
inline std::string_view finish_reason(script::finish end) {
  return end == script::finish::calls     ? "tool_calls"
         : end == script::finish::limited ? "length"
                                          : "stop";
}

namespace detail {

inline void write_head(json::writer& out, const generation& of, const char* object) {
  out.begin_object().member("id", of.id).member("object", object).member("created", of.created);
  out.member("model", of.model).member("provider", provider_name);
}

inline void write_usage(json::writer& out, const generation& of) {
  const double cost = static_cast<double>(of.prompt_tokens) * 1e-6 +
                      static_cast<double>(of.completion_tokens) * 2e-6;
  out.key("usage").begin_object();
  out.member("prompt_tokens", of.prompt_tokens).member("completion_tokens", of.completion_tokens);
  out.member("total_tokens", of.prompt_tokens + of.completion_tokens).member("cost", cost);
  out.member("is_byok", false).key("prompt_tokens_details").begin_object();
  out.member("cached_tokens", 0).end_object().key("completion_tokens_details").begin_object();
  out.member("reasoning_tokens", of.reasoning_tokens).end_object().end_object();
}

/// `reason` in both spellings, or null for an empty one.
inline void write_reason(json::writer& out, std::string_view reason) {
  for (const char* name : {"finish_reason", "native_finish_reason"}) {
    out.key(name);
    reason.empty() ? out.null() : out.value(reason);
  }
}

/// The reasoning in the form that goes back with the results of calls; `signature` may be empty.
inline void write_reasoning(json::writer& out, std::string_view text, std::string_view signature) {
  out.key("reasoning_details").begin_array().begin_object().member("type", "reasoning.text");
  if (!text.empty()) out.member("text", text);
  if (!signature.empty()) out.member("signature", signature);
  out.member("format", "anthropic-claude-v1").member("index", 0).end_object().end_array();
}

/// Unique among all calls of all answers.
inline std::string call_id(const generation& of, std::size_t call) {
  return "call_" + of.id.substr(4) + "_" + std::to_string(call);
}

inline void write_call_delta(json::writer& out, const generation& of, const piece& delta) {
  const bool begins = delta.what == piece::kind::call;
  out.key("tool_calls").begin_array().begin_object().member("index", delta.call);
  if (begins) out.member("id", call_id(of, delta.call)).member("type", "function");
  out.key("function").begin_object();
  if (begins) out.member("name", delta.text);
  out.member("arguments", begins ? "" : delta.text).end_object().end_object().end_array();
}

inline void write_choice(json::writer& out, const generation& of, const piece& delta,
                         std::string_view reason) {
  out.key("choices").begin_array().begin_object().member("index", 0).key("delta").begin_object();
  out.member("role", "assistant");
  out.member("content", delta.what == piece::kind::text ? delta.text : "");
  switch (delta.what) {
    case piece::kind::text: break;
    case piece::kind::reasoning:
      out.member("reasoning", delta.text);
      write_reasoning(out, delta.text, {});
      break;
    case piece::kind::signature: write_reasoning(out, {}, delta.text); break;
    case piece::kind::call:
    case piece::kind::arguments: write_call_delta(out, of, delta); break;
  }
  out.end_object();
  write_reason(out, reason);
  out.end_object().end_array();
}

inline void write_midstream_error(json::writer& out) {
  out.key("error").begin_object().member("code", 502).member("message", "Provider disconnected");
  out.key("metadata").begin_object().member("error_type", "provider_unavailable");
  out.member("provider_name", provider_name).end_object().end_object();
}

template <typename Write>
std::string event(Write write) {
  std::string text = "data: ";
  json::writer out(text);
  write(out);
  return text += "\n\n";
}

/// error_type and message of a status, as OpenRouter words them.
inline std::pair<const char*, const char*> describe(int status) {
  switch (status) {
    case 400: return {"invalid_request", "Provider returned error"};
    case 401: return {"authentication", "No auth credentials found"};
    case 402:
      return {"payment_required", "This request requires more credits, or fewer max_tokens"};
    case 403: return {"content_policy_violation", "The input was flagged by moderation"};
    case 404: return {"not_found", "No endpoints found that can handle the requested parameters"};
    case 408: return {"timeout", "Request timed out"};
    case 413: return {"payload_too_large", "The request body is too large"};
    case 429: return {"rate_limit_exceeded", "Rate limit exceeded"};
    case 502: return {"provider_unavailable", "Provider returned error"};
    case 503: return {"provider_overloaded", "No provider is available at the moment"};
    default: return {status < 500 ? "invalid_request" : "server", "Internal Server Error"};
  }
}

}  // namespace detail

/// One event with a piece of the answer.
inline std::string chunk_event(const generation& of, const piece& delta) {
  return detail::event([&](json::writer& out) {
    detail::write_head(out, of, "chat.completion.chunk");
    detail::write_choice(out, of, delta, {});
    out.end_object();
  });
}

/// The finish chunk, the usage chunk (its choice repeats the reason, as recorded since July 2026)
/// and [DONE].
inline std::string final_events(const generation& of, std::string_view reason) {
  std::string text = detail::event([&](json::writer& out) {
    detail::write_head(out, of, "chat.completion.chunk");
    detail::write_choice(out, of, {}, reason);
    out.end_object();
  });
  text += detail::event([&](json::writer& out) {
    detail::write_head(out, of, "chat.completion.chunk");
    detail::write_choice(out, of, {}, reason);
    detail::write_usage(out, of);
    out.end_object();
  });
  return text.append(done_event);
}

/// The documented error in mid-stream, behind which the stream ends.
inline std::string error_event(const generation& of) {
  return detail::event([&](json::writer& out) {
    detail::write_head(out, of, "chat.completion.chunk");
    detail::write_midstream_error(out);
    detail::write_choice(out, of, {}, "error");
    out.end_object();
  });
}

/// The whole answer as one JSON body.
inline std::string completion_body(const generation& of, const script& play) {
  std::string content, reasoning, signature, body;
  std::vector<std::pair<std::string, std::string>> calls;  // names and arguments
  for (const piece& each : play.pieces) {
    switch (each.what) {
      case piece::kind::text: content += each.text; break;
      case piece::kind::reasoning: reasoning += each.text; break;
      case piece::kind::signature: signature = each.text; break;
      case piece::kind::call: calls.emplace_back(each.text, ""); break;
      case piece::kind::arguments: calls[each.call].second += each.text; break;
    }
  }
  json::writer out(body);
  detail::write_head(out, of, "chat.completion");
  out.key("system_fingerprint").null();  // its schema wants it in a whole answer
  out.key("choices").begin_array().begin_object().member("index", 0);
  out.key("message").begin_object().member("role", "assistant").key("content");
  content.empty() && !calls.empty() ? out.null() : out.value(content);
  if (!reasoning.empty()) {
    out.member("reasoning", reasoning);
    detail::write_reasoning(out, reasoning, signature);
  }
  if (!calls.empty()) {
    out.key("tool_calls").begin_array();
    for (std::size_t i = 0; i < calls.size(); ++i) {
      out.begin_object().member("id", detail::call_id(of, i)).member("type", "function");
      out.member("index", i).key("function").begin_object().member("name", calls[i].first);
      out.member("arguments", calls[i].second).end_object().end_object();
    }
    out.end_array();
  }
  out.end_object();
  const bool failed = play.end == script::finish::error;
  detail::write_reason(out, failed ? "error" : finish_reason(play.end));
  if (failed) detail::write_midstream_error(out);
  out.end_object().end_array();
  detail::write_usage(out, of);
  out.end_object();
  return body;
}

/// The body of an HTTP error. For 400 and 502 the metadata has an inner text such as no end user
/// should see, since providers do send such.
inline std::string error_body(int status, std::string_view message = {}) {
  const auto [type, usual] = detail::describe(status);
  std::string body;
  json::writer out(body);
  out.begin_object().key("error").begin_object().member("code", status);
  out.member("message", message.empty() ? std::string_view(usual) : message);
  out.key("metadata").begin_object().member("error_type", type);
  if (message.empty() && (status == 400 || status == 502)) {
    out.member("provider_name", provider_name);
    out.member("raw", R"({"error":{"message":"worker 10.0.0.7 failed in /srv/model/run.py"}})");
  }
  if (status == 403) {
    out.key("reasons").begin_array().value("demo").end_array();
    out.member("flagged_input", "error 403").member("provider_name", provider_name);
  }
  out.end_object().end_object().end_object();
  return body;
}

/// The answer to GET /models: one model, although every id is served.
inline std::string models_body() {
  return R"({"data":[{"id":"demo/echo","canonical_slug":"demo/echo","name":"Demo: echo",)"
         R"("created":1767225600,"description":"Says back what it is told; no model at all.",)"
         R"("context_length":131072,"architecture":{"modality":"text->text","tokenizer":"Other",)"
         R"("instruct_type":null,"input_modalities":["text"],"output_modalities":["text"]},)"
         R"("pricing":{"prompt":"0.000001","completion":"0.000002"},)"
         R"("top_provider":{"context_length":131072,"max_completion_tokens":null,)"
         R"("is_moderated":false},"per_request_limits":null,"default_parameters":null,)"
         R"("supported_parameters":["max_tokens","reasoning","temperature","tool_choice","tools"],"supported_voices":null,)"
         R"("links":{"details":"/api/v1/models/demo/echo/endpoints"}}],)"
         R"("links":{"next":null},"total_count":1})";
}

/// A response head. `length` is of the body; nullopt: chunked.
inline std::string response_head(int status, const http::header_list& headers,
                                 std::optional<std::size_t> length) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " ";
  head.append(http::reason_phrase(status)).append("\r\n");
  for (const auto& [name, value] : headers) head += name + ": " + value + "\r\n";
  head += length ? "Content-Length: " + std::to_string(*length) : "Transfer-Encoding: chunked";
  return head += "\r\n\r\n";
}

/// One chunk of a chunked body (RFC 9112 section 7.1). Precondition: not empty.
inline std::string framed(std::string_view data) {
  char size[16];
  const auto end = std::to_chars(size, size + sizeof size, data.size(), 16).ptr;
  std::string chunk(size, end);
  return chunk.append("\r\n").append(data).append("\r\n");
}

inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace demo
