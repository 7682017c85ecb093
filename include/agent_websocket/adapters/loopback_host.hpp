// SPDX-License-Identifier: MIT
//
// Whether the host of a URL is this machine: requests to it take no proxy, whatever the environment
// says. Names are not resolved.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/headers.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <algorithm>
#include <string>
#include <string_view>
#include <system_error>

namespace agent_websocket {
namespace adapters {

/// True for localhost, names below it (RFC 6761), 127.0.0.0/8 and ::1.
bool is_loopback_host(std::string_view host);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool is_loopback_host(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  constexpr std::string_view name = "localhost";
  if (http::iequals(host.substr(host.size() - std::min(host.size(), name.size())), name)) {
    return host.size() == name.size() || host[host.size() - name.size() - 1] == '.';
  }
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  std::error_code not_numeric;
  const auto address = asio::ip::make_address(std::string(host), not_numeric);
  if (not_numeric) return false;
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
  }
  return address.is_loopback();
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
