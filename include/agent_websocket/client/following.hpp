// SPDX-License-Identifier: MIT
//
// The part of client_connection that follows a session: what hello says, what a welcome means for
// what the client has, which numbered messages are new, what is done about a gap, when to
// acknowledge. When to connect, and when a silent server counts as gone, is in connection.hpp,
// which declares it all.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/client/connection.hpp>
#include <agent_websocket/wire/encode_client.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#if AGENT_WEBSOCKET_DEFINITIONS

namespace agent_websocket {

AGENT_WEBSOCKET_INLINE void client_connection::opened(const id_list& unacknowledged,
                                                      time_point now) {
  heard(now);
  say_hello(unacknowledged, now);
}

AGENT_WEBSOCKET_INLINE client_connection::greeting client_connection::welcomed(
    const wire::welcome_view& w) {
  if (w.session_id.empty() || (awaits_verdict_ && w.reason == "new")) return greeting::ignored;
  const greeting found = classify(w);
  if (found == greeting::confirmed) {
    position_.last_seq = std::max(position_.last_seq, w.seq);
  } else if (found != greeting::recovered) {
    position_.last_seq = w.seq;
  }
  if (!w.resume_token.empty() || position_.session_id != w.session_id)
    position_.token = std::string(w.resume_token);
  position_.session_id = std::string(w.session_id);
  position_.epoch = std::string(w.epoch);
  awaits_verdict_ = false;
  following_ = true;
  heartbeat_ = w.heartbeat;
  timeout_ = w.timeout;
  max_message_bytes_ = w.max_message_bytes;
  max_queued_ = w.max_queued;
  return found;
}

AGENT_WEBSOCKET_INLINE client_connection::greeting client_connection::classify(
    const wire::welcome_view& w) {
  const bool greeted = std::exchange(greeted_, true);
  if (position_.session_id.empty()) return greeting::first;
  if (position_.session_id != w.session_id) return greeting::replaced;
  if (w.recovered) return greeting::recovered;
  const bool repeats = greeted && w.reason == "new" && position_.epoch == w.epoch;
  return repeats ? greeting::confirmed : greeting::moved;
}

AGENT_WEBSOCKET_INLINE bool client_connection::caught_up(time_point now) {
  if (!following_ || state_ != client_state::catching_up) return false;
  enter(client_state::live);
  live_since_ = now;
  acknowledge();
  return true;
}

AGENT_WEBSOCKET_INLINE client_connection::place client_connection::take_number(std::int64_t seq) {
  if (seq <= position_.last_seq) return place::seen;
  if (seq != position_.last_seq + 1 && position_.is_known()) return place::gap;
  position_.last_seq = seq;
  ++unacknowledged_;
  progressed();
  return place::next;
}

AGENT_WEBSOCKET_INLINE void client_connection::after_number() {
  if (is_live() && unacknowledged_ >= acknowledge_every) acknowledge();
}

AGENT_WEBSOCKET_INLINE bool client_connection::missed(const id_list& unacknowledged,
                                                      time_point now) {
  if (!position_.is_known()) return false;
  if (++gaps_ < 2) {
    say_hello(unacknowledged, now);
    return false;
  }
  break_off(close_code_server_error, "gap", now);
  return true;
}

AGENT_WEBSOCKET_INLINE void client_connection::say_hello(const id_list& unacknowledged,
                                                         time_point now) {
  settle_backoff(now);
  wire::hello m;
  m.client = options_.client;
  m.caps = &options_.caps;
  m.tools = &options_.tools;
  m.auth_token = auth_token_;
  m.session_id = position_.session_id;
  m.resume_token = position_.token;
  m.epoch = position_.epoch;
  m.last_seq = position_.last_seq;
  m.outbox = unacknowledged;
  std::string json;
  encode(json, m);
  send(std::move(json));
  greeted_ = false;
  following_ = false;
  awaits_verdict_ = position_.is_known();
  give_up_at_ = now + patience;
  enter(client_state::catching_up);
}

AGENT_WEBSOCKET_INLINE void client_connection::acknowledge() {
  unacknowledged_ = 0;
  std::string json;
  wire::encode_ack(json, position_.last_seq);
  send(std::move(json));
}

}  // namespace agent_websocket

#endif
