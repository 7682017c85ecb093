// SPDX-License-Identifier: MIT
//
// The part of session_core that has to do with its sockets: who watches the session, what a client
// that comes back is told (PROTOCOL: hello, resume, replay), and when one is sent away. The verdict
// and the list of what is replayed are cut in one step: a position in the log.
#pragma once

#include <agent_websocket/session/commands.hpp>
#include <agent_websocket/session/core.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

inline lanes& session_core::attach(connection_id connection) {
  std::size_t open = 0;
  for (const auto& each : outbox_.sockets()) open += each->closed ? 0 : 1;
  for (const auto& each : outbox_.sockets()) {
    if (open < max_sockets) break;
    if (each->closed) continue;
    close_socket(each->connection(), 4429, "connection_limit");
    --open;
  }
  return outbox_.attach(connection);
}

inline wire::welcome session_core::make_welcome(std::string_view reason,
                                                std::string_view token) const {
  wire::welcome made;
  made.session_id = id_;
  made.resume_token = token;
  made.epoch = epoch_;
  made.reason = reason;
  made.heartbeat = settings_->heartbeat_interval;
  made.timeout = settings_->heartbeat_timeout;
  made.resume_window = settings_->resume_window;
  made.limits = {settings_->max_message_bytes, settings_->max_queue};
  made.data = settings_->welcome_data;
  return made;
}

inline void session_core::opened(connection_id connection, std::string_view token, moment at) {
  attach(connection);
  tokens_.issue(connection, token);
  put_control(connection, make_welcome("new", token), at);
  // The application may have refused it before it began.
  if (closing_)
    actions_.push_back(action::close_socket{connection, closing_->code, closing_->reason, true});
}

inline void session_core::greet(connection_id connection, std::string_view reason,
                                std::string_view token, moment at) {
  lanes* const socket = outbox_.find(connection);
  if (closing_ || socket == nullptr) return;
  spoken_ = true;
  tokens_.issue(connection, token);
  wire::welcome said = make_welcome(reason, token);
  said.seq = socket->position();
  if (reason != "new") said.resumed.emplace();
  put_control(connection, said, at);
  // It has all that came before, so nothing is replayed.
  put_ordered(connection, wire::status{"live", {}, {}, {}, {}, outbox_.log().top(), {}}, at);
}

inline void session_core::resume(connection_id connection, const wire::command& hello,
                                 std::string_view token, moment at) {
  if (closing_ || !hello.resume) return;
  spoken_ = true;
  lanes* socket = outbox_.find(connection);
  if (socket == nullptr) socket = &attach(connection);
  socket->take_caps(hello.caps);
  const message_log& log = outbox_.log();
  const bool same_epoch = hello.resume->epoch == epoch_;
  const bool whole = same_epoch && log.holds_after(hello.resume->last_seq);
  const std::uint64_t position = whole ? hello.resume->last_seq : log.oldest() - 1;

  tokens_.issue(connection, token, hello.resume->token);
  wire::welcome said = make_welcome(whole ? "ok" : same_epoch ? "gap" : "epoch_changed", token);
  said.seq = position;
  said.recovered = whole;
  said.resumed.emplace();
  for (const std::string& each : hello.outbox) {
    if (needs_no_repeat(each, position, at)) said.resumed->accepted.push_back(each);
  }
  if (run_) said.resumed->active.push_back({run_->of.query.id, run_->of.stream});
  put_control(connection, said, at);
  socket->catch_up(position, log.top(), streamed().run, live_notice(at));
}

/// The message has arrived, and what became of it is known or comes. A query that a client asks for
/// although its end lies before the position that it goes on from has lost that end in a gap: it
/// is to be repeated, so that it is answered again.
inline bool session_core::needs_no_repeat(std::string_view id, std::uint64_t position, moment at) {
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

inline void session_core::refuse_bad(connection_id from, std::string_view ref, const error& why,
                                     moment at) {
  lanes* const socket = outbox_.find(from);
  if (closing_ || socket == nullptr || socket->closed) return;
  refuse(from, ref, why, at);
  if (++socket->bad_messages == settings_->max_bad_messages)
    close_socket(from, 4400, "bad_messages");
}

inline void session_core::close_socket(connection_id connection, std::uint16_t code,
                                       std::string reason, bool send_first) {
  lanes* const socket = outbox_.find(connection);
  if (closing_ || socket == nullptr || socket->closed) return;
  socket->closed = true;
  actions_.push_back(action::close_socket{connection, code, std::move(reason), send_first});
}

}  // namespace agent_websocket
