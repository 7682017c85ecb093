// SPDX-License-Identifier: MIT
//
// What servers that share a store say to each other about sockets: one that a client has opened
// here watches a session that is there. A line with the kind, the socket and a number, and a body
// of any bytes. Pure.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {

enum class relay_kind : char {
  // From where the socket is to where the session is. `socket` is its id there.
  arrive = 'a',  ///< it wants to watch a session: a relay_arrival
  text = 't',    ///< a message of its client
  took = 'k',    ///< it has taken so many bytes of frames
  left = 'l',    ///< it is gone: the close code
  // The other way.
  refuse = 'r',  ///< of an arrival: the errc's spelling
  frame = 'f',   ///< to be sent
  close = 'c',   ///< to be closed: code, space, reason
  // Both ways, `socket` 0.
  ping = 'p',
  pong = 'q',
  notice = 'n',  ///< for the sink
};

struct relay_message {
  relay_kind kind = relay_kind::ping;
  std::uint64_t socket = 0;
  std::uint64_t number = 0;  ///< of arrive, text, frame: counted for each socket and way, from 1
  std::string_view body;

  /// What the body begins with; 0 when that is no number.
  std::uint64_t leading_number() const noexcept;
};

std::string encode_relay(const relay_message& message);

/// A view into `text`; nullopt when it is no such message, as of another version.
std::optional<relay_message> decode_relay(std::string_view text);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::uint64_t relay_message::leading_number() const noexcept {
  std::uint64_t read = 0;
  std::from_chars(body.data(), body.data() + body.size(), read);
  return read;
}

AGENT_WEBSOCKET_INLINE std::string encode_relay(const relay_message& message) {
  std::string text;
  text.reserve(message.body.size() + 32);
  text.push_back(static_cast<char>(message.kind));
  for (const std::uint64_t each : {message.socket, message.number}) {
    char digits[24];
    const auto done = std::to_chars(digits, digits + sizeof digits, each);
    text.push_back(' ');
    text.append(digits, done.ptr);
  }
  text.push_back('\n');
  text.append(message.body);
  return text;
}

AGENT_WEBSOCKET_INLINE std::optional<relay_message> decode_relay(std::string_view text) {
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos || line < 5 || text[1] != ' ') return std::nullopt;
  if (std::string_view("atklrfcpqn").find(text[0]) == std::string_view::npos) return std::nullopt;
  relay_message made;
  made.kind = static_cast<relay_kind>(text[0]);
  const char* const end = text.data() + line;
  const auto socket = std::from_chars(text.data() + 2, end, made.socket);
  if (socket.ec != std::errc() || socket.ptr == end || *socket.ptr != ' ') return std::nullopt;
  const auto number = std::from_chars(socket.ptr + 1, end, made.number);
  if (number.ec != std::errc() || number.ptr != end) return std::nullopt;
  made.body = text.substr(line + 1);
  return made;
}

#endif

}  // namespace agent_websocket
