// SPDX-License-Identifier: MIT
//
// The WebSocket subprotocol of this server (RFC 6455 section 1.9) and whether a handshake offers
// it. Choosing one is optional for the server; a browser that offered some fails unless one of them
// is chosen.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/message.hpp>

#include <cstddef>
#include <string_view>

namespace agent_websocket {

inline constexpr std::string_view subprotocol_name = "agent-websocket.v1";

/// True when a Sec-WebSocket-Protocol header of the request lists `protocol`.
bool offers_subprotocol(const http::request& request, std::string_view protocol);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool offers_subprotocol(const http::request& request,
                                               std::string_view protocol) {
  for (const auto& field : request.headers) {
    if (!http::iequals(field.first, "Sec-WebSocket-Protocol")) continue;
    std::string_view rest = field.second;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      if (http::trim(rest.substr(0, comma)) == protocol) return true;
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  return false;
}

#endif

}  // namespace agent_websocket
