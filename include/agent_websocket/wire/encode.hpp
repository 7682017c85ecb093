// SPDX-License-Identifier: MIT
//
// Messages of the server -> the text of one WebSocket frame, appended to a string. Every message
// carries `timestamp` (ISO-8601, UTC, milliseconds; the caller makes it, see timestamp_cache).
// Fields that have no value are left out. The one for every token, response_delta, is written in
// encode_delta.hpp.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/version.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/wire/encode_delta.hpp>
#include <agent_websocket/wire/frame_text.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace wire {

namespace detail {

void member_if(json::writer& w, std::string_view name, std::string_view text);
template <typename T>
void member_if(json::writer& w, std::string_view name, const std::optional<T>& value) {
  if (value) w.member(name, *value);
}
json::writer& open(json::writer& w, std::string_view type);
void close(json::writer& w, std::string_view timestamp);

}  // namespace detail

/// Sent to everybody who connects, so that names are written together with what stands between
/// them.
void encode(std::string& out, const welcome& m, std::string_view timestamp);

void encode(std::string& out, const status& m, std::string_view timestamp);

void encode(std::string& out, const auth_expiring& m, std::string_view timestamp);

void encode(std::string& out, const ack& m, std::string_view timestamp);

void encode(std::string& out, const queued& m, std::string_view timestamp);

void encode(std::string& out, const tool_status& m, std::string_view timestamp);

void encode(std::string& out, const feedback_request& m, std::string_view timestamp);

void encode(std::string& out, const feedback_resolved& m, std::string_view timestamp);

void encode(std::string& out, const response_start& m, std::string_view timestamp);

void encode(std::string& out, const response_end& m, std::string_view timestamp);

void encode(std::string& out, const failure_notice& m, std::string_view timestamp);

void encode(std::string& out, const notification& m, std::string_view timestamp);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE void member_if(json::writer& w, std::string_view name,
                                      std::string_view text) {
  if (!text.empty()) w.member(name, text);
}

inline void raw_if(json::writer& w, std::string_view name, std::string_view json) {
  if (!json.empty()) w.member_raw(name, json);
}

AGENT_WEBSOCKET_INLINE json::writer& open(json::writer& w, std::string_view type) {
  return w.begin_object().member("type", type);
}

AGENT_WEBSOCKET_INLINE void close(json::writer& w, std::string_view timestamp) {
  w.member("timestamp", timestamp).end_object();
}

/// Up to its limits: sent to everybody who connects.
template <typename Text>
void write_welcome(Text& to, const welcome& m) {
  to.put(R"({"type":"notification","op":"welcome",)");
  to.put(R"("content":"Connected to Agent WebSocket. Session ID: )");
  to.put_string(m.session_id);
  to.put(R"(","v":)");
  to.put(protocol_version);
  to.put(R"(,"session_id":")");
  to.put_string(m.session_id);
  if (!m.resume_token.empty()) {
    to.put(R"(","resume_token":")");
    to.put_string(m.resume_token);
  }
  if (!m.epoch.empty()) {
    to.put(R"(","epoch":")");
    to.put_string(m.epoch);
  }
  to.put(R"(","seq":)");
  to.put(m.seq);
  if (m.recovered) {
    to.put(R"(,"recovered":true,"reason":")");
  } else {
    to.put(R"(,"recovered":false,"reason":")");
  }
  to.put_string(m.reason);
  to.put(R"(","heartbeat_ms":)");
  to.put(m.heartbeat.count());
  to.put(R"(,"timeout_ms":)");
  to.put(m.timeout.count());
  to.put(R"(,"resume_window_ms":)");
  to.put(m.resume_window.count());
  to.put(R"(,"limits":{"max_message_bytes":)");
  to.put(m.limits.max_message_bytes);
  if (m.limits.max_content_bytes != 0) {
    to.put(R"(,"max_content_bytes":)");
    to.put(m.limits.max_content_bytes);
  }
  if (m.limits.messages_per_minute != 0) {
    to.put(R"(,"messages_per_minute":)");
    to.put(m.limits.messages_per_minute);
    to.put(R"(,"message_burst":)");
    to.put(m.limits.message_burst);
  }
  to.put(R"(,"max_queued":)");
  to.put(m.limits.max_queued);
  to.put("}");
}

inline void write_request(json::writer& w, const feedback_request& m) {
  w.member("id", m.id).member("ref", m.ref).member("kind", m.kind).member("content", m.content);
  w.key("tool").begin_object().member("name", m.tool);
  w.member_raw("arguments", m.arguments).end_object();
  w.member("expires_at", m.expires_at).member("default", m.default_decision);
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const welcome& m, std::string_view timestamp) {
  // With numbers, more than all that stands around the texts.
  constexpr std::size_t names = 704;
  const std::size_t texts =
      2 * m.session_id.size() + m.resume_token.size() + m.epoch.size() + m.reason.size();
  if (texts <= detail::short_text::room - names && json::is_plain(m.session_id) &&
      json::is_plain(m.resume_token) && json::is_plain(m.epoch) && json::is_plain(m.reason)) {
    detail::short_text text;
    detail::write_welcome(text, m);
    text.append_to(out);
  } else {
    detail::long_text text{out};
    detail::write_welcome(text, m);
  }
  if (m.resumed) {
    out.append(R"(,"accepted":)");
    json::writer w(out);
    w.begin_array();
    for (const std::string_view each : m.resumed->accepted) w.value(each);
    w.end_array().key("active").begin_array();
    for (const active_answer& each : m.resumed->active) {
      w.begin_object().member("ref", each.ref).member("stream", each.stream).end_object();
    }
    w.end_array().key("pending_feedback").begin_array();
    for (const feedback_request& each : m.resumed->pending_feedback) {
      w.begin_object();
      detail::write_request(w, each);
      w.end_object();
    }
    w.end_array();
  }
  if (!m.data.empty()) out.append(R"(,"data":)").append(m.data);
  out.append(R"(,"timestamp":")");
  json::append_escaped(out, timestamp);
  out.append(R"("})");
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const status& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "status");
  detail::member_if(w, "seq", m.seq);
  w.member("op", m.op);
  detail::member_if(w, "content", m.content);
  detail::member_if(w, "ref", m.ref);
  if (m.retry_after) w.member("retry_after_ms", m.retry_after->count());
  detail::raw_if(w, "data", m.data);
  detail::raw_if(w, "meta", m.meta);
  detail::close(w, timestamp);
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const auth_expiring& m,
                                   std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "status").member("op", "auth_expiring");
  w.member("content", "Your token expires soon").member("expires_at", m.expires_at);
  detail::close(w, timestamp);
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const ack& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "status").member("op", "ack").member("ref", m.ref);
  if (m.of_query) {
    detail::member_if(w, "stream", m.stream);
    w.member("position", m.position);
  }
  w.member("duplicate", m.duplicate);
  detail::close(w, timestamp);
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const queued& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "status").member("op", "queued").member("content", "Queued");
  w.member("ref", m.ref).member("position", m.position);
  detail::close(w, timestamp);
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const tool_status& m,
                                   std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "status").member("op", "tool");
  if (m.to_be_run) w.member("id", m.call);
  w.member("ref", m.ref).member("stream", m.stream);
  const std::string_view words = m.state == "done"      ? "Done: "
                                 : m.state == "failed"  ? "Failed: "
                                 : m.state == "waiting" ? "Waiting for a decision: "
                                                        : "Calling ";
  w.member("content", std::string(words) + std::string(m.name));
  w.key("tool").begin_object().member("call", m.call).member("name", m.name);
  detail::raw_if(w, "arguments", m.arguments);
  w.member("state", m.state);
  detail::member_if(w, "error", m.failure);
  w.end_object();
  detail::close(w, timestamp);
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const feedback_request& m,
                                   std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "human_feedback").member("seq", m.seq);
  detail::write_request(w, m);
  detail::close(w, timestamp);
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const feedback_resolved& m,
                                   std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "status").member("seq", m.seq).member("op", "feedback_resolved");
  w.member("ref", m.ref).member("decision", m.decision);
  detail::member_if(w, "reason", m.reason);
  detail::close(w, timestamp);
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const response_start& m,
                                   std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "response").member("seq", m.seq).member("ref", m.ref).member("stream", m.stream);
  w.member("phase", "start");
  detail::member_if(w, "model", m.model);
  detail::close(w, timestamp);
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const response_end& m,
                                   std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "response").member("seq", m.seq).member("ref", m.ref).member("stream", m.stream);
  w.member("phase", m.streamed ? "end" : "full");
  if (m.streamed) w.member("n", m.n);
  w.member("content", m.content).member("status", to_string(m.status));
  detail::member_if(w, "finish_reason", m.finish_reason);
  detail::member_if(w, "model", m.model);
  detail::raw_if(w, "usage", m.usage);
  detail::raw_if(w, "annotations", m.annotations);
  if (m.failure != nullptr) {
    w.key("error").begin_object().member("code", agent_websocket::to_string(m.failure->code));
    w.member("content", m.failure->content).member("retryable", m.failure->retryable);
    if (m.failure->retry_after) w.member("retry_after_ms", m.failure->retry_after->count());
    w.end_object();
  }
  detail::raw_if(w, "meta", m.meta);
  if (m.replay) w.member("replay", true);
  detail::close(w, timestamp);
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const failure_notice& m,
                                   std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "error");
  detail::member_if(w, "seq", m.seq);
  detail::member_if(w, "ref", m.ref);
  w.member("code", agent_websocket::to_string(m.code)).member("content", m.content);
  w.member("retryable", m.retryable);
  if (m.retry_after) w.member("retry_after_ms", m.retry_after->count());
  if (m.seq) w.member("terminal", true);
  if (m.replay) w.member("replay", true);
  detail::raw_if(w, "meta", m.meta);
  detail::close(w, timestamp);
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const notification& m,
                                   std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "notification");
  detail::member_if(w, "seq", m.seq);
  detail::member_if(w, "op", m.op);
  detail::member_if(w, "topic", m.topic);
  w.member("content", m.content);
  detail::raw_if(w, "data", m.data);
  detail::close(w, timestamp);
}

#endif

}  // namespace wire
}  // namespace agent_websocket
