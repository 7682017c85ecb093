// SPDX-License-Identifier: MIT
//
// Which web pages may talk to the server (RFC 6455 sections 4.2.2 and 10.2, RFC 6454). A browser
// says by the header Origin whose page opens a socket, and lets a page of any site open one: only
// the server can refuse it. Allowed are pages of the server's own host and those that the operator
// lists. Who sends no Origin is no browser, and is not held off by this.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/ip_address.hpp>
#include <agent_websocket/http/message.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {

/// An origin taken apart, in lower case. `host` keeps the brackets of an IPv6 address.
struct web_origin {
  std::string scheme;
  std::string host;
  std::uint16_t port = 0;  ///< given, or the scheme's own, or 0 for schemes that have none

  /// "https://app.example.com:8443". nullopt for "null" and whatever else is none: a path, a user
  /// name, blanks, anything but visible ASCII.
  static std::optional<web_origin> parse(std::string_view text);

  /// "example.com", "example.com:8080", "[::1]:80": as of a Host header. False, and nothing
  /// certain is written, when it is none; `port` is left alone when none is given.
  static bool read_host(std::string_view text, std::string& host, std::uint16_t& port);

  /// localhost, *.localhost, 127.0.0.0/8 or [::1].
  static bool is_loopback(std::string_view host);

 private:
  static constexpr std::size_t max_bytes = 512;  // a host name has 253
  static constexpr std::string_view host_characters = "abcdefghijklmnopqrstuvwxyz0123456789-._~";

  static std::string lower(std::string_view text);
};

/// The operator's list (ALLOWED_ORIGINS) and the rule for the server's own host.
class origin_rules {
 public:
  origin_rules() = default;

  /// Each an origin ("https://app.example.com", "http://localhost:5173", "tauri://localhost"), one
  /// with all subdomains ("https://*.example.com", not example.com itself), `null` (pages from
  /// files and sandboxes), or `*`: any. Error: bad_configuration, which names the one that is none.
  static result<origin_rules> parse(const std::vector<std::string>& list);

  /// True when a page that sends this request may. `own_names`: the server is reached under any
  /// name that leads to it. False for a server that listens on loopback addresses and is asked
  /// without a proxy: then only names of loopback are its own, since any site can have a name that
  /// leads to 127.0.0.1 (DNS rebinding) and would pass as the same host.
  ///
  /// Of the own host neither scheme nor port have to be equal: TLS may end at a proxy, which may
  /// also hide the port, and all ports of a host belong to one operator, as for cookies.
  bool allow(const http::request& request, bool own_names) const;

  /// What a page that may not is answered: 403. Does not repeat what was sent.
  static http::response refusal();

 private:
  bool is_listed(const web_origin& origin) const;

  static bool is_own(const web_origin& origin, const http::request& request, bool own_names);

  std::vector<web_origin> listed_;  // a host that begins with a dot: all below it
  bool any_ = false;
  bool null_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::optional<web_origin> web_origin::parse(std::string_view text) {
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos || mark == 0 || text.size() > max_bytes) return std::nullopt;
  web_origin parsed;
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7F) return std::nullopt;
  }
  parsed.scheme = lower(text.substr(0, mark));
  if (parsed.scheme.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+-.") !=
      std::string::npos) {
    return std::nullopt;
  }
  if (parsed.scheme == "https" || parsed.scheme == "wss") parsed.port = 443;
  if (parsed.scheme == "http" || parsed.scheme == "ws") parsed.port = 80;
  if (!read_host(text.substr(mark + 3), parsed.host, parsed.port)) return std::nullopt;
  return parsed;
}

AGENT_WEBSOCKET_INLINE bool web_origin::read_host(std::string_view text, std::string& host,
                                                  std::uint16_t& port) {
  std::size_t end = text.find(':');
  if (!text.empty() && text.front() == '[') {
    end = text.find(']');
    if (end == std::string_view::npos) return false;
    if (!http::ip_address::parse(text.substr(1, end - 1))) return false;
    end = ++end == text.size() ? std::string_view::npos : end;
    if (end != std::string_view::npos && text[end] != ':') return false;
  }
  host = lower(text.substr(0, end));
  const bool is_v6 = !host.empty() && host.front() == '[';
  if (host.empty() || (!is_v6 && host.find_first_not_of(host_characters) != std::string::npos))
    return false;
  if (end == std::string_view::npos) return true;
  const std::string_view digits = text.substr(end + 1);
  const auto [stop, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return failure == std::errc() && stop == digits.data() + digits.size() && port != 0;
}

AGENT_WEBSOCKET_INLINE bool web_origin::is_loopback(std::string_view host) {
  constexpr std::string_view name = "localhost";
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  if (const auto address = http::ip_address::parse(host)) return address->is_loopback();
  if (host.size() < name.size() || host.substr(host.size() - name.size()) != name) return false;
  return host.size() == name.size() || host[host.size() - name.size() - 1] == '.';
}

AGENT_WEBSOCKET_INLINE std::string web_origin::lower(std::string_view text) {
  std::string made(text);
  for (char& c : made) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return made;
}

AGENT_WEBSOCKET_INLINE result<origin_rules> origin_rules::parse(
    const std::vector<std::string>& list) {
  origin_rules rules;
  for (const std::string& each : list) {
    if (each == "*") {
      rules.any_ = true;
    } else if (each == "null") {
      rules.null_ = true;
    } else {
      const std::size_t star = each.find("://*.");
      const bool below = star != std::string::npos;
      auto parsed =
          web_origin::parse(below ? each.substr(0, star + 3) + each.substr(star + 5) : each);
      if (!parsed || (below && parsed->host.front() == '[')) {
        return error(errc::bad_configuration,
                     "\"" + http::sanitize_field_value(each) + "\" is no origin");
      }
      if (below) parsed->host.insert(0, ".");
      rules.listed_.push_back(std::move(*parsed));
    }
  }
  return rules;
}

AGENT_WEBSOCKET_INLINE bool origin_rules::allow(const http::request& request,
                                                bool own_names) const {
  bool has_origin = false;
  for (const auto& field : request.headers) {
    if (!http::iequals(field.first, "Origin")) continue;
    if (std::exchange(has_origin, true)) return any_;  // no browser sends two
  }
  if (!has_origin || any_) return true;
  const std::string_view sent = *request.headers.find("Origin");
  if (sent == "null") return null_;
  const auto origin = web_origin::parse(sent);
  if (!origin) return false;
  return is_listed(*origin) || is_own(*origin, request, own_names);
}

AGENT_WEBSOCKET_INLINE http::response origin_rules::refusal() {
  return http::response::text(403,
                              "Pages of this origin may not use this server. Its operator can "
                              "allow them by ALLOWED_ORIGINS\n");
}

AGENT_WEBSOCKET_INLINE bool origin_rules::is_listed(const web_origin& origin) const {
  return std::any_of(listed_.begin(), listed_.end(), [&](const web_origin& each) {
    if (each.scheme != origin.scheme || each.port != origin.port) return false;
    if (each.host.front() != '.') return each.host == origin.host;
    return origin.host.size() > each.host.size() &&
           std::string_view(origin.host).substr(origin.host.size() - each.host.size()) == each.host;
  });
}

AGENT_WEBSOCKET_INLINE bool origin_rules::is_own(const web_origin& origin,
                                                 const http::request& request, bool own_names) {
  const auto sent = request.headers.find("Host");
  std::string host;
  std::uint16_t port = 0;
  if (!sent || !web_origin::read_host(http::trim(*sent), host, port)) return false;
  if (origin.scheme != "http" && origin.scheme != "https") return false;
  if (web_origin::is_loopback(host)) return web_origin::is_loopback(origin.host);
  return origin.host == host && (own_names || http::ip_address::parse(host).has_value());
}

#endif

}  // namespace agent_websocket
