// SPDX-License-Identifier: MIT
//
// What a server hears of the sockets between it and others (relay.hpp): of guests, which watch its
// sessions, and of sockets of its own that watch sessions there.
#pragma once

#include <agent_websocket/base/error.hpp>
#include <agent_websocket/policy/transport.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace agent_websocket {

class relay_sink {
 public:
  // ---- where the session is

  /// A socket of another server asks for a session: refuse() it, or it watches one from now on.
  virtual void on_arrival(connection_id guest, std::string_view arrival) = 0;
  virtual void on_guest_text(connection_id guest, std::string_view text) = 0;
  /// It has taken what it was sent.
  virtual void on_guest_drained(connection_id guest) = 0;
  virtual void on_guest_gone(connection_id guest, std::uint16_t code) = 0;

  // ---- where the socket is

  /// Sends the frame; gives the bytes that wait in the transport then.
  virtual std::size_t on_frame(connection_id socket, std::string_view frame) = 0;
  /// The other server did not take it, or is silent; it is not away any more. `why`: moved (it does
  /// not have the session any more), or forbidden.
  virtual void on_refused(connection_id socket, errc why) = 0;
  /// The socket is to be closed.
  virtual void on_closed(connection_id socket, std::uint16_t code, std::string_view reason) = 0;

  // ---- both

  virtual void on_notice(std::string_view from, std::string_view text) = 0;

 protected:
  ~relay_sink() = default;
};

}  // namespace agent_websocket
