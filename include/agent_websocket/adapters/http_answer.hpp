// SPDX-License-Identifier: MIT
//
// The bytes of an HTTP/1.1 response (RFC 9112 section 4): whole, with its length, for a connection
// that is closed behind it; and the 101 that ends HTTP on a connection. No sockets.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/date.hpp>
#include <agent_websocket/http/message.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <chrono>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace adapters {

/// Appends a whole response. `head_only`: the request was a HEAD, so the body stays out but its
/// length does not. `now` is its Date, unless it has one.
void append_answer(std::string& out, const http::response& answer, bool head_only,
                   std::chrono::system_clock::time_point now);

/// Appends the answer that completes an upgrade, with the fields of `answer`, such as
/// Sec-WebSocket-Protocol.
void append_upgrade(std::string& out, const http::response& answer, std::string_view accept_key);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

/// Fields that the transport sets itself; an application's own would contradict them.
inline bool is_transport_field(std::string_view name) noexcept {
  for (const std::string_view own : {"Connection", "Content-Length", "Transfer-Encoding", "Upgrade",
                                     "Sec-WebSocket-Accept", "Sec-WebSocket-Extensions"}) {
    if (http::iequals(name, own)) return true;
  }
  return false;
}

inline void append_status_line(std::string& out, int status) {
  out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ");
  out.append(http::reason_phrase(status)).append("\r\n");
}

inline void append_fields(std::string& out, const http::header_list& headers) {
  for (const auto& [name, value] : headers) {
    if (is_transport_field(name)) continue;
    out.append(name).append(": ").append(http::sanitize_field_value(value)).append("\r\n");
  }
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE void append_answer(std::string& out, const http::response& answer,
                                          bool head_only,
                                          std::chrono::system_clock::time_point now) {
  const bool may_have_body = answer.status >= 200 && answer.status != 204 && answer.status != 304;
  detail::append_status_line(out, answer.status);
  if (!answer.headers.contains("Date"))  // RFC 9110 section 6.6.1
    out.append("Date: ").append(http::to_date(now)).append("\r\n");
  detail::append_fields(out, answer.headers);
  if (may_have_body) {
    out.append("Content-Length: ").append(std::to_string(answer.body.size())).append("\r\n");
  }
  if (answer.status == 426) {  // RFC 9110 section 15.5.22, RFC 6455 section 4.4
    if (!answer.headers.contains("Sec-WebSocket-Version")) {
      out.append("Sec-WebSocket-Version: 13\r\n");
    }
    out.append("Upgrade: websocket\r\nConnection: close, Upgrade\r\n\r\n");
  } else {
    out.append("Connection: close\r\n\r\n");
  }
  if (may_have_body && !head_only) out.append(answer.body);
}

AGENT_WEBSOCKET_INLINE void append_upgrade(std::string& out, const http::response& answer,
                                           std::string_view accept_key) {
  detail::append_status_line(out, 101);
  out.append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
  out.append(accept_key).append("\r\n");
  detail::append_fields(out, answer.headers);
  out.append("\r\n");
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
