// SPDX-License-Identifier: MIT
//
// The address of a client whose connection came through proxies: X-Forwarded-For, read from the
// right, as far as those who wrote it are trusted (as nginx does with real_ip_recursive, Caddy with
// trusted_proxies_strict and Apache with mod_remoteip). Whom to trust is told by address and not by
// a number of hops: a count would also believe a client that reaches the port without the proxy,
// and a proxy more or less would silently make it wrong. RFC 7239 Forwarded is not read.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/http/ip_address.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace http {

/// The proxies whose word about a client counts. Trusts nobody by default.
class trusted_proxies {
 public:
  trusted_proxies() = default;

  /// Each an address, a network ("10.0.0.0/8", "fd00::/8"), `loopback`, or `private` (the networks
  /// of RFC 1918, RFC 4193, RFC 6598 and link-local ones; also loopback). Error: bad_configuration,
  /// which names the one that is none of these.
  static result<trusted_proxies> parse(const std::vector<std::string>& names);

  bool empty() const noexcept { return networks_.empty(); }
  bool trusts(const ip_address& address) const noexcept;
  /// For text that is no address: false.
  bool trusts(std::string_view address) const;

 private:
  void add(std::initializer_list<std::string_view> networks);

  std::vector<ip_network> networks_;
};

/// One entry of X-Forwarded-For: an address, which may have a port ("192.0.2.7:51000",
/// "[2001:db8::1]:443") or brackets ("[2001:db8::1]"). nullopt for anything else.
std::optional<ip_address> parse_forwarded_entry(std::string_view entry);

/// Who is at the other end, `peer` being the address of the TCP connection. When that is a trusted
/// proxy: the last entry of X-Forwarded-For that is not one (several such fields are one list, RFC
/// 9110 section 5.2), or the first when all are. What stands before it is the client's own claim
/// and is not looked at. An entry on the way that is no address makes it `peer`.
std::string client_address(std::string_view peer, const header_list& headers,
                           const trusted_proxies& proxies);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<trusted_proxies> trusted_proxies::parse(
    const std::vector<std::string>& names) {
  trusted_proxies parsed;
  for (const std::string& each : names) {
    if (each == "loopback") {
      parsed.add({"127.0.0.0/8", "::1"});
    } else if (each == "private") {
      parsed.add({"127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                  "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"});
    } else if (const auto network = ip_network::parse(each)) {
      parsed.networks_.push_back(*network);
    } else {
      return error(errc::bad_configuration,
                   "\"" + sanitize_field_value(each) + "\" is no address and no network");
    }
  }
  return parsed;
}

AGENT_WEBSOCKET_INLINE bool trusted_proxies::trusts(const ip_address& address) const noexcept {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const ip_network& each) { return each.contains(address); });
}

AGENT_WEBSOCKET_INLINE bool trusted_proxies::trusts(std::string_view address) const {
  const auto parsed = ip_address::parse(address);
  return parsed && trusts(*parsed);
}

AGENT_WEBSOCKET_INLINE void trusted_proxies::add(std::initializer_list<std::string_view> networks) {
  for (const std::string_view each : networks) networks_.push_back(*ip_network::parse(each));
}

AGENT_WEBSOCKET_INLINE std::optional<ip_address> parse_forwarded_entry(std::string_view entry) {
  entry = trim(entry);
  std::string_view port;
  if (!entry.empty() && entry.front() == '[') {
    const std::size_t bracket = entry.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    port = entry.substr(bracket + 1);
    entry = entry.substr(1, bracket - 1);
    if (entry.find(':') == std::string_view::npos) return std::nullopt;
  } else if (const std::size_t colon = entry.find(':');
             colon != std::string_view::npos && colon == entry.rfind(':')) {
    port = entry.substr(colon);
    entry = entry.substr(0, colon);
  }
  if (!port.empty()) {
    if (port.front() != ':' || port.size() < 2 || port.size() > 6) return std::nullopt;
    if (port.find_first_not_of("0123456789", 1) != std::string_view::npos) return std::nullopt;
  }
  return ip_address::parse(entry);
}

AGENT_WEBSOCKET_INLINE std::string client_address(std::string_view peer, const header_list& headers,
                                                  const trusted_proxies& proxies) {
  if (proxies.empty() || !proxies.trusts(peer)) return std::string(peer);
  std::vector<std::string_view> fields;
  for (const auto& each : headers) {
    if (iequals(each.first, "X-Forwarded-For")) fields.push_back(each.second);
  }
  std::optional<ip_address> found;
  for (std::size_t i = fields.size(); i-- > 0;) {
    std::string_view rest = fields[i];
    while (!rest.empty()) {
      const std::size_t comma = rest.rfind(',');
      const std::string_view entry =
          trim(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(0, comma);
      if (entry.empty()) continue;
      found = parse_forwarded_entry(entry);
      if (!found) return std::string(peer);
      if (!proxies.trusts(*found)) return found->to_string();
    }
  }
  return found ? found->to_string() : std::string(peer);
}

#endif

}  // namespace http
}  // namespace agent_websocket
