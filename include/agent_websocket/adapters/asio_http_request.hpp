// SPDX-License-Identifier: MIT
//
// A request for asio_http_client before it meets a connection: where it has to go, by which proxy,
// and its bytes (RFC 9112 sections 3 and 6). Opens no connection.
#pragma once

#include <agent_websocket/adapters/http_proxy.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/base/version.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/http/ip_address.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/http/url.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// The way of one request.
struct http_route {
  std::string host;  ///< without the brackets of an IPv6 address
  std::uint16_t port = 0;
  bool secure = false;
  std::string authority;            ///< as in the Host field
  std::string target;               ///< path and query
  std::optional<http_proxy> proxy;  ///< empty: the host itself

  /// Where the TCP connection goes.
  const std::string& peer_host() const noexcept { return proxy ? proxy->host : host; }
  std::uint16_t peer_port() const noexcept { return proxy ? proxy->port : port; }
  /// Through a proxy with CONNECT (RFC 9110 section 9.3.6).
  bool is_tunnelled() const noexcept { return proxy.has_value() && secure; }

  /// Connections with the same key serve the same requests. Never for logs: holds what the proxy
  /// is told.
  std::string key() const;
};

namespace detail {

std::string in_brackets(const std::string& host);

}  // namespace detail

/// What is sent behind the head.
std::string_view sent_body(const http::request& request) noexcept;

/// The head of a request, but for what its body decides.
std::string encode_head(const http::request& request, const http_route& route);
/// The end of the head: the length of the body where there is one, and the empty line.
std::string encode_head_end(const http::request& request);

/// What requests have in common that differ in their bodies alone. Never for logs.
struct http_plan {
  http_route route;
  std::string key;   ///< of the route
  std::string head;  ///< encode_head()
};

/// Makes the plans of requests. Most requests are like the one before, and share its plan; where
/// the environment names a proxy is looked at each time.
class http_planner {
 public:
  /// Never null. Errors: protocol_error for a request that cannot be sent, connection_failed for a
  /// proxy that cannot be used. No words of the URL.
  result<std::shared_ptr<const http_plan>> plan(const http::request& request);

 private:
  struct planned {
    std::string method, target;
    http::header_list headers;
    std::shared_ptr<const http_plan> plan;  // null before the first
  };

  planned last_;
};

/// The request for a tunnel. Nothing of what is meant for the host behind it.
std::string encode_connect(const http_route& route);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string http_route::key() const {
  std::string made = (secure ? "s " : "p ") + host + " " + std::to_string(port);
  if (proxy) {
    made += " " + proxy->host + " " + std::to_string(proxy->port) + " " + proxy->authorization;
  }
  return made;
}

namespace detail {

AGENT_WEBSOCKET_INLINE std::string in_brackets(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

/// "127.1" and "0x7f000001" are addresses to some libraries and names to others.
inline bool is_ambiguous_host(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  const std::size_t dot = host.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  const bool digits = !last.empty() && last.find_first_not_of("0123456789") == last.npos;
  const bool hexadecimal = last.substr(0, 2) == "0x" || last.substr(0, 2) == "0X";
  return (digits || hexadecimal) && !http::ip_address::parse(host);
}

}  // namespace detail

/// Takes a URL apart. Errors: protocol_error. No words of the URL.
inline result<http_route> direct_route_to(std::string_view whole) {
  const auto refuse = [](std::string words) { return error(errc::protocol_error, words); };
  const std::string_view url = whole.substr(0, whole.find('#'));
  const std::size_t mark = url.find('?');
  const std::string_view query = mark == url.npos ? std::string_view() : url.substr(mark);
  for (const char c : query) {
    if (c <= 0x20 || c > 0x7E) return refuse("a URL holds only visible ASCII characters");
  }
  const std::string_view address = url.substr(0, mark);
  const std::size_t authority = std::min(address.find("://"), address.size());
  const std::size_t path = std::min(address.find('/', authority + 3), address.size());
  if (address.substr(authority, path - authority).find('@') != address.npos) {
    return refuse("credentials belong into a field, not into the URL");
  }
  const auto parsed = http::parse_url(address);
  if (!parsed) return refuse(parsed.error().message);
  if (detail::is_ambiguous_host(parsed->host)) {
    return refuse("the host ends in a number and is no IPv4 address in its usual form");
  }
  http_route route;
  route.host = parsed->host;
  route.port = parsed->port;
  route.secure = parsed->secure();
  route.authority = detail::in_brackets(route.host);
  if (route.port != (route.secure ? 443 : 80)) route.authority += ":" + std::to_string(route.port);
  route.target = parsed->path + std::string(query);
  return route;
}

AGENT_WEBSOCKET_INLINE std::string_view sent_body(const http::request& request) noexcept {
  return request.method == "HEAD" ? std::string_view() : request.body;
}

AGENT_WEBSOCKET_INLINE std::string encode_head(const http::request& request,
                                               const http_route& route) {
  std::string out;
  out.reserve(512 + route.target.size());
  out.append(request.method).append(" ");
  const bool absolute = route.proxy && !route.secure;
  if (absolute) out.append("http://").append(route.authority);
  out.append(route.target).append(" HTTP/1.1\r\n");
  const auto add = [&out](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  if (!request.headers.contains("Host")) add("Host", route.authority);
  if (!request.headers.contains("User-Agent")) {
    add("User-Agent", "agent_websocket/" AGENT_WEBSOCKET_VERSION_STRING);
  }
  if (!request.headers.contains("Accept")) add("Accept", "*/*");
  if (absolute && !route.proxy->authorization.empty()) {
    add("Proxy-Authorization", route.proxy->authorization);
  }
  for (const auto& [name, value] : request.headers) {
    // Framing is the client's.
    if (http::iequals(name, "Content-Length") || http::iequals(name, "Transfer-Encoding")) continue;
    if (!http::is_token(name)) continue;
    if (http::is_field_value(value)) {
      add(name, value);
    } else {
      add(name, http::sanitize_field_value(value));
    }
  }
  return out;
}

AGENT_WEBSOCKET_INLINE std::string encode_head_end(const http::request& request) {
  const bool has_body = !sent_body(request).empty() || request.method == "POST" ||
                        request.method == "PUT" || request.method == "PATCH";
  if (!has_body) return "\r\n";
  return "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n";
}

AGENT_WEBSOCKET_INLINE result<std::shared_ptr<const http_plan>> http_planner::plan(
    const http::request& request) {
  if (!http::is_token(request.method)) return error(errc::protocol_error, "not a method name");
  const bool same_url = last_.plan != nullptr && request.target == last_.target;
  http_route route;
  if (!same_url) {
    auto found = direct_route_to(request.target);
    if (!found) return found.error();
    route = std::move(*found);
  }
  const http_route& direct = same_url ? last_.plan->route : route;
  auto proxy = proxy_from_environment(direct.secure, direct.host);
  if (!proxy) return error(errc::connection_failed, proxy.error().message);
  if (same_url && request.method == last_.method && request.headers == last_.headers &&
      *proxy == last_.plan->route.proxy)
    return last_.plan;
  if (same_url) route = last_.plan->route;
  route.proxy = std::move(*proxy);
  std::string key = route.key(), head = encode_head(request, route);
  auto made =
      std::make_shared<http_plan>(http_plan{std::move(route), std::move(key), std::move(head)});
  last_ = planned{request.method, request.target, request.headers, std::move(made)};
  return last_.plan;
}

AGENT_WEBSOCKET_INLINE std::string encode_connect(const http_route& route) {
  const std::string to = detail::in_brackets(route.host) + ":" + std::to_string(route.port);
  std::string out = "CONNECT " + to + " HTTP/1.1\r\nHost: " + to +
                    "\r\nUser-Agent: agent_websocket/" AGENT_WEBSOCKET_VERSION_STRING "\r\n";
  if (!route.proxy->authorization.empty()) {
    out += "Proxy-Authorization: " + route.proxy->authorization + "\r\n";
  }
  return out + "\r\n";
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
