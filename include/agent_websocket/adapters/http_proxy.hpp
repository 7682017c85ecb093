// SPDX-License-Identifier: MIT
//
// Which proxy the environment asks for: http_proxy, HTTPS_PROXY, ALL_PROXY and NO_PROXY, read as
// libcurl reads them (https://curl.se/libcurl/c/libcurl-env.html). Opens no connection.
#pragma once

#include <agent_websocket/adapters/loopback_host.hpp>
#include <agent_websocket/base/base64url.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/http/ip_address.hpp>
#include <agent_websocket/http/url.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

struct http_proxy {
  std::string host;
  std::uint16_t port = 1080;  ///< the default of libcurl's variables
  std::string authorization;  ///< the value of Proxy-Authorization; empty: none. A secret.

  bool operator==(const http_proxy& other) const noexcept {
    return host == other.host && port == other.port && authorization == other.authorization;
  }
};

namespace detail {

/// RFC 4648 section 4, from the alphabet of its section 5.
std::string base64(std::string_view bytes);

}  // namespace detail

/// True when the list of NO_PROXY names the host: "*", a name with all names below it, an address,
/// or a network ("10.0.0.0/8"); between commas or spaces.
bool is_exempt_from_proxy(std::string_view list, std::string_view host);

/// Takes "http://user:word@host:port" apart; scheme and port may be missing. The error says what is
/// wrong, without the text, which may hold a password.
result<http_proxy> parse_proxy(std::string_view text);

/// The proxy for a URL of that host; none also for this machine itself, whatever the environment
/// says. The upper-case HTTP_PROXY is not looked at: a CGI program's client sets it by a field.
result<std::optional<http_proxy>> proxy_from_environment(bool secure, std::string_view host);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

/// The first of the two names that has a value; null when none has.
inline const char* proxy_variable(const char* name, const char* other = nullptr) {
  for (const char* const each : {name, other}) {
    const char* const value = each == nullptr ? nullptr : std::getenv(each);
    if (value != nullptr && *value != '\0') return value;
  }
  return nullptr;
}

inline std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      decoded.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

AGENT_WEBSOCKET_INLINE std::string base64(std::string_view bytes) {
  std::string text = encode_base64url(bytes);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE bool is_exempt_from_proxy(std::string_view list, std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  const auto address = http::ip_address::parse(host);
  while (!list.empty()) {
    const std::size_t end = std::min(list.find_first_of(", \t"), list.size());
    std::string_view entry = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    if (entry == "*") return true;
    if (address) {
      if (entry.size() > 2 && entry.front() == '[' && entry.back() == ']') {
        entry = entry.substr(1, entry.size() - 2);
      }
      const auto network = http::ip_network::parse(entry);
      if (network && network->contains(*address)) return true;
      continue;
    }
    while (!entry.empty() && entry.front() == '.') entry.remove_prefix(1);
    if (!entry.empty() && entry.back() == '.') entry.remove_suffix(1);
    if (entry.empty() || entry.size() > host.size()) continue;
    if (!http::iequals(host.substr(host.size() - entry.size()), entry)) continue;
    if (entry.size() == host.size() || host[host.size() - entry.size() - 1] == '.') return true;
  }
  return false;
}

AGENT_WEBSOCKET_INLINE result<http_proxy> parse_proxy(std::string_view text) {
  const auto refuse = [](std::string why) {
    return error(errc::bad_configuration, "the proxy of the environment cannot be used: " + why);
  };
  const std::size_t mark = text.find("://");
  if (mark != std::string_view::npos) {
    if (!http::iequals(text.substr(0, mark), "http")) {
      return refuse("only proxies that are spoken to in plain HTTP are known here (http://...)");
    }
    text.remove_prefix(mark + 3);
  }
  text = text.substr(0, text.find_first_of("/?#"));
  http_proxy made;
  const std::size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    const std::string_view user = text.substr(0, at);
    const std::size_t colon = std::min(user.find(':'), user.size());
    const std::string_view word = user.substr(std::min(colon + 1, user.size()));
    made.authorization = "Basic " + detail::base64(detail::percent_decoded(user.substr(0, colon)) +
                                                   ":" + detail::percent_decoded(word));
    text.remove_prefix(at + 1);
  }
  const auto parsed = http::parse_url("http://" + std::string(text) + "/");
  if (!parsed) return refuse(parsed.error().message);
  made.host = parsed->host;
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  if (has_port) made.port = parsed->port;
  return made;
}

AGENT_WEBSOCKET_INLINE result<std::optional<http_proxy>> proxy_from_environment(
    bool secure, std::string_view host) {
  using maybe = std::optional<http_proxy>;
  if (is_loopback_host(host)) return maybe();
  const char* value = secure ? detail::proxy_variable("https_proxy", "HTTPS_PROXY")
                             : detail::proxy_variable("http_proxy");
  if (value == nullptr) value = detail::proxy_variable("all_proxy", "ALL_PROXY");
  if (value == nullptr) return maybe();
  const char* const exempt = detail::proxy_variable("no_proxy", "NO_PROXY");
  if (exempt != nullptr && is_exempt_from_proxy(exempt, host)) return maybe();
  auto parsed = parse_proxy(value);
  if (!parsed) return parsed.error();
  return maybe(std::move(*parsed));
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
