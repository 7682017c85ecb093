// SPDX-License-Identifier: MIT
//
// What a server answers to plain HTTP requests by itself: whether it lives (/healthz) and whether
// it is good for new connections (/readyz). Everything else is not found; routes of the application
// come before.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/server/http_route.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace agent_websocket {

/// `hindrance`: why new connections should go elsewhere, or empty.
http::response answer_plain_request(const http::request& request, std::string_view hindrance);

/// What a new socket is told while the server stops.
http::response refuse_while_draining(std::chrono::milliseconds retry_after);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE http::response answer_plain_request(const http::request& request,
                                                           std::string_view hindrance) {
  const std::string_view path = request.path();
  if (path != "/healthz" && path != "/readyz") return path_not_found();
  if (request.method != "GET" && request.method != "HEAD") return method_not_allowed("GET, HEAD");
  if (path == "/healthz") return http::response::text(200, "ok\n");
  if (hindrance.empty()) return http::response::text(200, "ready\n");
  return http::response::text(503, std::string(hindrance) + "\n");
}

AGENT_WEBSOCKET_INLINE http::response refuse_while_draining(std::chrono::milliseconds retry_after) {
  auto refusal = http::response::text(503, "The server is shutting down");
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(retry_after);
  refusal.headers.add("Retry-After", std::to_string(std::max<std::int64_t>(seconds.count(), 1)));
  return refusal;
}

#endif

}  // namespace agent_websocket
