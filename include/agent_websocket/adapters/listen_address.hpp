// SPDX-License-Identifier: MIT
//
// Which addresses a host in the options stands for, and in what words an operator is told that one
// of them cannot be listened on. Opens nothing, and looks up no names.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/result.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

struct listen_address {
  asio::ip::address address;
  bool v6_only = false;  ///< since IPv4 has an entry of its own
};

/// "localhost" is 127.0.0.1 and ::1, "" is every address of both families, all else one address.
/// The first one is needed, a second one where the system has IPv6. Error: bad_configuration.
result<std::vector<listen_address>> listen_addresses(const std::string& host);

/// bad_configuration, with what the operator can do about it.
error listen_failure(const asio::ip::tcp::endpoint& where, const std::error_code& why,
                     bool reuses_port);

/// True when the system has no IPv6, or no address of it.
bool is_without_ipv6(const std::error_code& why) noexcept;

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<std::vector<listen_address>> listen_addresses(
    const std::string& host) {
  using all = std::vector<listen_address>;
  if (host == "localhost") {
    return all{{asio::ip::address_v4::loopback(), false}, {asio::ip::address_v6::loopback(), true}};
  }
  if (host.empty()) {
    return all{{asio::ip::address_v4::any(), false}, {asio::ip::address_v6::any(), true}};
  }
  std::error_code failure;
  const asio::ip::address address = asio::ip::make_address(host, failure);
  if (failure) {
    return error(errc::bad_configuration, "cannot listen on \"" + host +
                                              "\": not an IP address, not localhost and not empty");
  }
  return all{{address, false}};
}

AGENT_WEBSOCKET_INLINE error listen_failure(const asio::ip::tcp::endpoint& where,
                                            const std::error_code& why, bool reuses_port) {
  const std::string host = where.address().is_v6() ? "[" + where.address().to_string() + "]"
                                                   : where.address().to_string();
  std::string words =
      "cannot listen on " + host + ":" + std::to_string(where.port()) + ": " + why.message();
  if (why == asio::error::address_in_use) {
    words += reuses_port ? " (whoever runs there has to share the port, and be of the same user)"
                         : " (does another server run there? choose another port)";
  }
  if (reuses_port && why == std::errc::operation_not_supported)
    words += " (this system cannot share a port: set REUSE_PORT to off)";
  if (why == asio::error::access_denied) words += " (ports below 1024 need special rights)";
  return error(errc::bad_configuration, std::move(words));
}

AGENT_WEBSOCKET_INLINE bool is_without_ipv6(const std::error_code& why) noexcept {
  return why == asio::error::address_family_not_supported ||
         why == std::errc::address_not_available || why == asio::error::no_protocol_option;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
