// SPDX-License-Identifier: MIT
//
// Messages of a client -> the text of one WebSocket frame, appended to a string. The counterpart of
// decode.hpp; what has no value, or the value that the server assumes anyway, is left out. No
// timestamp: a client's is information that nobody reads.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/version.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace agent_websocket {
namespace wire {

/// `command`, op `hello`: the first message of a client, and what it says again to be brought up to
/// date.
struct hello {
  std::string_view client;
  const std::vector<std::string>* caps = nullptr;
  const std::vector<declared_tool>* tools = nullptr;
  std::string_view auth_token;                       ///< or empty
  std::string_view session_id, resume_token, epoch;  ///< no resume_token: a new session
  std::int64_t last_seq = 0;
  std::vector<std::string_view> outbox;  ///< ids that the server has not acknowledged
};

constexpr std::string_view to_string(overlap value) noexcept {
  switch (value) {
    case overlap::queue: return "queue";
    case overlap::reject: return "reject";
    case overlap::interrupt: return "interrupt";
    case overlap::latest: return "latest";
  }
  return "queue";
}

void encode(std::string& out, const query& m);

/// Of a `hello` only what `command` has in common with all others: see the other overload.
void encode(std::string& out, const command& m);

void encode(std::string& out, const human_feedback& m);

void encode(std::string& out, const hello& m);

/// `command`, op `auth`: a new token.
void encode_auth(std::string& out, std::string_view token);

/// `command`, op `ack`: everything numbered up to `seq` has arrived.
void encode_ack(std::string& out, std::int64_t seq);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

inline void client_member_if(json::writer& w, std::string_view name, std::string_view text) {
  if (!text.empty()) w.member(name, text);
}

inline void client_raw_if(json::writer& w, std::string_view name, std::string_view json) {
  if (!json.empty()) w.member_raw(name, json);
}

inline void client_tools_if(json::writer& w, const std::vector<declared_tool>& tools) {
  if (tools.empty()) return;
  w.key("tools").begin_array();
  for (const declared_tool& each : tools) {
    w.begin_object().member("name", each.name);
    client_member_if(w, "description", each.description);
    client_raw_if(w, "parameters", each.parameters);
    w.end_object();
  }
  w.end_array();
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const query& m) {
  json::writer w(out);
  w.begin_object().member("type", "query");
  detail::client_member_if(w, "id", m.id);
  if (m.parts.empty()) {
    w.member("content", m.content);
  } else {
    w.member_raw("content", m.parts);
  }
  if (m.stream) w.member("stream", *m.stream);
  if (m.priority != 5) w.member("priority", m.priority);
  if (m.overlap != overlap::queue) w.member("overlap", to_string(m.overlap));
  if (m.timeout) w.member("timeout_ms", m.timeout->count());
  detail::client_member_if(w, "model", m.model);
  detail::client_tools_if(w, m.tools);
  detail::client_raw_if(w, "meta", m.meta);
  w.end_object();
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const command& m) {
  json::writer w(out);
  w.begin_object().member("type", "command").member("op", m.op);
  detail::client_member_if(w, "id", m.id);
  detail::client_member_if(w, "ref", m.ref);
  detail::client_member_if(w, "content", m.content);
  detail::client_raw_if(w, "data", m.data);
  detail::client_member_if(w, "error", m.failure);
  if (m.stream) w.member("stream", *m.stream);
  if (m.before_seq) w.member("before_seq", *m.before_seq);
  if (m.limit) w.member("limit", *m.limit);
  detail::client_raw_if(w, "meta", m.meta);
  w.end_object();
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const human_feedback& m) {
  json::writer w(out);
  w.begin_object().member("type", "human_feedback");
  detail::client_member_if(w, "id", m.id);
  detail::client_member_if(w, "ref", m.ref);
  detail::client_member_if(w, "decision", m.decision);
  if (m.rating) w.member("rating", *m.rating);
  detail::client_member_if(w, "content", m.content);
  detail::client_member_if(w, "correction", m.correction);
  detail::client_raw_if(w, "data", m.data);
  detail::client_raw_if(w, "meta", m.meta);
  w.end_object();
}

AGENT_WEBSOCKET_INLINE void encode(std::string& out, const hello& m) {
  json::writer w(out);
  w.begin_object().member("type", "command").member("op", "hello").member("v", protocol_version);
  detail::client_member_if(w, "client", m.client);
  w.key("caps").begin_array();
  if (m.caps != nullptr) {
    for (const std::string& each : *m.caps) w.value(each);
  }
  w.end_array();
  if (m.tools != nullptr) detail::client_tools_if(w, *m.tools);
  if (!m.auth_token.empty()) {
    w.key("auth").begin_object().member("token", m.auth_token).end_object();
  }
  if (!m.resume_token.empty()) {
    w.member("session_id", m.session_id);
    w.key("resume").begin_object().member("token", m.resume_token).member("epoch", m.epoch);
    w.member("last_seq", m.last_seq).end_object();
    if (!m.outbox.empty()) {
      w.key("outbox").begin_array();
      for (const std::string_view each : m.outbox) w.value(each);
      w.end_array();
    }
  }
  w.end_object();
}

AGENT_WEBSOCKET_INLINE void encode_auth(std::string& out, std::string_view token) {
  json::writer w(out);
  w.begin_object().member("type", "command").member("op", "auth");
  w.key("auth").begin_object().member("token", token).end_object().end_object();
}

AGENT_WEBSOCKET_INLINE void encode_ack(std::string& out, std::int64_t seq) {
  json::writer(out)
      .begin_object()
      .member("type", "command")
      .member("op", "ack")
      .member("seq", seq)
      .end_object();
}

#endif

}  // namespace wire
}  // namespace agent_websocket
