// SPDX-License-Identifier: MIT
//
// The part of websocketpp_connection that speaks WebSocket, from the upgrade on: frames in both
// directions (RFC 6455 section 5) and the closing handshake (section 7). Requests, answers and the
// end of the socket are in websocketpp_connection.hpp, which declares all of it.
#pragma once

#include <agent_websocket/adapters/websocketpp_connection.hpp>
#include <agent_websocket/adapters/websocketpp_frame.hpp>
#include <agent_websocket/adapters/websocketpp_frame_reader.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/transport.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#if AGENT_WEBSOCKET_DEFINITIONS

namespace agent_websocket {
namespace adapters {

AGENT_WEBSOCKET_INLINE bool websocketpp_connection::is_reading_frames() const noexcept {
  return phase_ == phase::open || phase_ == phase::closing;
}

AGENT_WEBSOCKET_INLINE std::size_t websocketpp_connection::send(std::string_view text) {
  if (phase_ != phase::open) return 0;
  append_frame(output(), opcode::text, text);
  return pending_after_send();
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::ping() {
  if (phase_ == phase::open) append_frame(output(), opcode::ping, std::string_view());
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::close(std::uint16_t code,
                                                          std::string_view why) {
  if (!is_reading_frames()) return;
  const bool at_once = code == close_code::abnormal;
  if (phase_ == phase::closing && !at_once) return;
  if (farewell_ == nullptr) {
    farewell_ = std::make_unique<farewell>(farewell{code, std::string(why)});
  }
  if (at_once) {
    close_due_ = true;
    touch();
    return finish(true);
  }
  append_frame(output(), opcode::close, close_payload(code, why));
  phase_ = phase::closing;
  hub().watch(hub().endings, *this);
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::take_frames(char* data, std::size_t size) {
  if (phase_ == phase::open) sink().on_alive(id_);
  if (!is_reading_frames()) return;
  frame_events events{*this};
  const std::uint16_t failure = reader_.feed(data, size, hub().limits, events);
  if (failure == close_code::none || !is_reading_frames()) return;
  const std::string_view reason = failure_reason(failure);
  if (phase_ == phase::open) append_frame(output(), opcode::close, close_payload(failure, reason));
  report_close(failure, reason);
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::peer_closed(std::uint16_t code,
                                                                std::string_view reason) {
  if (phase_ == phase::open) append_frame(output(), opcode::close, close_payload(code, {}));
  clean_ = tls() == nullptr;  // with TLS close_notify is still to come
  report_close(code, reason);
}

/// The last report about an open connection. What waits still goes out.
AGENT_WEBSOCKET_INLINE void websocketpp_connection::report_close(std::uint16_t code,
                                                                 std::string_view reason) {
  const std::unique_ptr<farewell> ours = std::move(farewell_);
  phase_ = phase::leaving;
  retire();
  hub().watch(hub().endings, *this);
  touch();
  if (ours != nullptr) {
    sink().on_close(id_, ours->code, ours->reason);
  } else {
    sink().on_close(id_, code, reason);
  }
}

AGENT_WEBSOCKET_INLINE bool websocketpp_connection::frame_events::on_text(std::string_view text) {
  if (self.phase_ == phase::open) self.sink().on_text(self.id_, text);
  return self.is_reading_frames();
}

AGENT_WEBSOCKET_INLINE bool websocketpp_connection::frame_events::on_binary(std::size_t bytes) {
  if (self.phase_ == phase::open) self.sink().on_binary(self.id_, bytes);
  return self.is_reading_frames();
}

AGENT_WEBSOCKET_INLINE bool websocketpp_connection::frame_events::on_oversized(std::size_t bytes) {
  if (self.phase_ == phase::open) self.sink().on_oversized(self.id_, bytes);
  return self.is_reading_frames();
}

AGENT_WEBSOCKET_INLINE bool websocketpp_connection::frame_events::on_ping(
    std::string_view payload) {
  // Of a peer that pings without reading, only the last ping (RFC 6455 section 5.5.3).
  if (self.phase_ == phase::open) append_frame(self.late_output(), opcode::pong, payload);
  return true;
}

AGENT_WEBSOCKET_INLINE bool websocketpp_connection::frame_events::on_close(
    std::uint16_t code, std::string_view reason) {
  self.peer_closed(code, reason);
  return false;
}

}  // namespace adapters
}  // namespace agent_websocket

#endif

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
