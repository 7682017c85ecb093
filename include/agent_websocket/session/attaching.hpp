// SPDX-License-Identifier: MIT
//
// The part of session_core that has to do with its sockets: who watches the session, what a client
// that comes back is told (PROTOCOL: hello, resume, replay), and when one is sent away. The verdict
// and the list of what is replayed are cut in one step: a position in the log.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/session/commands.hpp>
#include <agent_websocket/session/core.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#if AGENT_WEBSOCKET_DEFINITIONS

namespace agent_websocket {

AGENT_WEBSOCKET_INLINE lanes& session_core::attach(connection_id connection, moment at) {
  std::size_t open = 0;
  const lanes* silent = nullptr;
  for (const auto& each : outbox_.sockets()) {
    if (each->closed) continue;
    ++open;
    if (silent == nullptr || each->heard < silent->heard) silent = each;
  }
  if (open >= max_sockets) close_socket(silent->connection(), 4429, "connection_limit");
  lanes& added = outbox_.attach(connection);
  added.heard = at.now;
  grace_over_ = false;
  return added;
}

AGENT_WEBSOCKET_INLINE wire::welcome session_core::make_welcome(std::string_view reason,
                                                                std::string_view token) const {
  wire::welcome made;
  made.session_id = id_;
  made.resume_token = token;
  made.epoch = epoch_;
  made.reason = reason;
  made.heartbeat = settings_->heartbeat_interval;
  made.timeout = settings_->heartbeat_timeout;
  made.resume_window = settings_->resume_window;
  made.limits = {settings_->max_message_bytes, settings_->max_queue, settings_->messages_per_minute,
                 settings_->message_burst, settings_->max_content_bytes};
  made.data = settings_->welcome_data;
  return made;
}

AGENT_WEBSOCKET_INLINE void session_core::opened(connection_id connection, std::string_view token,
                                                 moment at) {
  attach(connection, at);
  tokens_.issue(connection, token);
  record_tokens();
  put_welcome(connection, make_welcome("new", token), at);
  // The application may have refused it before it began.
  if (closing_)
    actions_.push_back(action::close_socket{connection, closing_->code, closing_->reason, true});
}

AGENT_WEBSOCKET_INLINE void session_core::greet(const wire::command& hello, std::string_view reason,
                                                std::string_view token, moment at) {
  const connection_id connection = hello.from;
  lanes* const socket = outbox_.find(connection);
  if (closing_ || socket == nullptr) return;
  spoken_ = true;
  declare_tools(connection, hello, at);
  const message_log& log = outbox_.log();
  tokens_.issue(connection, token);
  record_tokens();
  wire::welcome said = make_welcome(reason, token);
  said.seq = log.oldest() - 1;
  if (reason != "new" || run_) said.resumed = make_notice();
  put_welcome(connection, said, at);
  socket->catch_up(said.seq, log.top(), streamed().run, live_notice(at));
  repeat_calls(connection, at);
}

AGENT_WEBSOCKET_INLINE wire::resume_notice session_core::make_notice() const {
  wire::resume_notice made;
  if (run_) made.active.push_back({run_->of.query.id, run_->of.stream});
  for (const auto& each : requests_.all()) made.pending_feedback.push_back(each.to_wire());
  return made;
}

AGENT_WEBSOCKET_INLINE void session_core::resume(connection_id connection,
                                                 const wire::command& hello, std::string_view token,
                                                 moment at) {
  if (closing_ || !hello.resume) return;
  spoken_ = true;
  lanes* socket = outbox_.find(connection);
  if (socket == nullptr) socket = &attach(connection, at);
  socket->take_caps(hello.caps);
  declare_tools(connection, hello, at);
  const message_log& log = outbox_.log();
  const bool same_epoch = hello.resume->epoch == epoch_;
  const bool whole = same_epoch && log.holds_after(hello.resume->last_seq);
  const std::uint64_t position = whole ? hello.resume->last_seq : log.oldest() - 1;

  tokens_.issue(connection, token, hello.resume->token);
  record_tokens();
  wire::welcome said = make_welcome(whole ? "ok" : same_epoch ? "gap" : "epoch_changed", token);
  said.seq = position;
  said.recovered = whole;
  said.resumed = make_notice();
  for (const std::string& each : hello.outbox) {
    if (needs_no_repeat(each, position, at)) said.resumed->accepted.push_back(each);
  }
  put_welcome(connection, said, at);
  socket->catch_up(position, log.top(), streamed().run, live_notice(at));
  repeat_calls(connection, at);
}

/// The message has arrived, and what became of it is known or comes. A query that a client asks for
/// although its end lies before the position that it goes on from has lost that end in a gap: it
/// is to be repeated, so that it is answered again.
AGENT_WEBSOCKET_INLINE bool session_core::needs_no_repeat(std::string_view id,
                                                          std::uint64_t position, moment at) {
  if (inbox_.find(id) != nullptr || (run_ && run_->of.query.id == id)) return true;
  if (const claimed_ids::claim* const claimed = claims_.find(id, at.now))
    return claimed->end_seq > position;
  for (const turn& each : conversation_.turns()) {
    for (const feedback_entry& said : each.feedback) {
      if (said.id == id) return true;
    }
  }
  return false;
}

AGENT_WEBSOCKET_INLINE void session_core::detached(connection_id connection, moment at) {
  tokens_.released(connection);
  client_tools_.forget(connection);
  outbox_.detach(connection);
  pass_on_calls(connection, at);
}

/// The client behind the socket has shown that its welcome arrived.
AGENT_WEBSOCKET_INLINE void session_core::arrived(connection_id from) {
  if (tokens_.arrived(from)) record_tokens();
}

AGENT_WEBSOCKET_INLINE void session_core::refuse(
    connection_id to, std::string_view ref, const error& why, moment at,
    std::optional<std::chrono::milliseconds> retry_after) {
  if (closing_) return;
  wire::failure_notice notice;
  notice.code = why.code;
  notice.content = why.message;
  notice.ref = ref;
  notice.retry_after = retry_after;
  notice.retryable = is_retryable(why.code);
  put_control(to, notice, at);
}

AGENT_WEBSOCKET_INLINE void session_core::token_expires(connection_id connection, wall_time when,
                                                        moment at) {
  if (!closing_) put_control(connection, wire::auth_expiring{to_iso8601(when)}, at);
}

AGENT_WEBSOCKET_INLINE void session_core::refused_frame(connection_id from, errc code, moment at) {
  if (code != errc::too_large) return refuse_bad(from, {}, error(code), at);
  refuse_bad(from, {},
             error(code, "The message is too large; at most " +
                             std::to_string(settings_->max_message_bytes) + " bytes are allowed"),
             at);
}

AGENT_WEBSOCKET_INLINE void session_core::refuse_bad(connection_id from, std::string_view ref,
                                                     const error& why, moment at) {
  lanes* const socket = outbox_.find(from);
  if (closing_ || socket == nullptr || socket->closed) return;
  refuse(from, ref, why, at);
  if (++socket->bad_messages == settings_->max_bad_messages)
    close_socket(from, 4400, "bad_messages");
}

AGENT_WEBSOCKET_INLINE void session_core::close_socket(connection_id connection, std::uint16_t code,
                                                       std::string reason, bool send_first) {
  lanes* const socket = outbox_.find(connection);
  if (closing_ || socket == nullptr || socket->closed) return;
  socket->closed = true;
  actions_.push_back(action::close_socket{connection, code, std::move(reason), send_first});
}

}  // namespace agent_websocket

#endif
