// SPDX-License-Identifier: MIT
//
// HTTP requests and responses as plain values (RFC 9110): what a program sends upstream, and what a listener
// received and answers. No parsing, no sockets.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/headers.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace http {

/// A request. For a client `target` is the absolute URL; for a server it is the origin form ("/ws?x=1").
struct request {
  std::string method = "GET";
  std::string target;
  header_list headers;
  std::string body;
  /// Client side: limit for name resolution, TCP and TLS together; not for the answer. 0 = none.
  std::chrono::milliseconds connect_timeout{10'000};
  /// Client side: largest response header section, and (for a body that is not streamed) nothing else, in bytes.
  std::size_t max_header_bytes = 64 * 1024;

  /// Server side: the path without the query, as sent.
  std::string_view path() const noexcept;
  /// Server side: what stands behind '?', empty when nothing does.
  std::string_view query() const noexcept;
};

/// A whole response.
struct response {
  int status = 200;
  header_list headers;
  std::string body;

  static response text(int status, std::string words);
  static response json(int status, std::string body);
  static response html(std::string body);
};

/// The reason phrase of RFC 9110 section 15; "Unknown" for what this library never sends.
constexpr std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string_view request::path() const noexcept {
  return std::string_view(target).substr(0, target.find_first_of("?#"));
}

AGENT_WEBSOCKET_INLINE std::string_view request::query() const noexcept {
  const std::string_view sent = std::string_view(target).substr(0, target.find('#'));
  const std::size_t mark = sent.find('?');
  return mark == std::string_view::npos ? std::string_view() : sent.substr(mark + 1);
}

AGENT_WEBSOCKET_INLINE response response::text(int status, std::string words) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(words)};
}

AGENT_WEBSOCKET_INLINE response response::json(int status, std::string body) {
  return {status, {{"Content-Type", "application/json"}}, std::move(body)};
}

AGENT_WEBSOCKET_INLINE response response::html(std::string body) {
  return {200, {{"Content-Type", "text/html; charset=utf-8"}}, std::move(body)};
}

#endif

}  // namespace http
}  // namespace agent_websocket
