// SPDX-License-Identifier: MIT
//
// Whether a URL names this machine, as curl itself reads the URL: requests to it take no proxy.
// Names are not resolved. https://curl.se/libcurl/c/libcurl-url.html
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/http/headers.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace agent_websocket {
namespace adapters {

/// True for localhost, names below it (RFC 6761), 127.0.0.0/8 and ::1.
inline bool is_loopback_host(std::string_view host) {
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

/// The same for the host of an absolute URL; false when it is none.
inline bool is_loopback_url(const std::string& target) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
  char* host = nullptr;
  if (url == nullptr || curl_url_set(url.get(), CURLUPART_URL, target.c_str(), 0) != CURLUE_OK ||
      curl_url_get(url.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK) {
    return false;
  }
  const bool loopback = is_loopback_host(host);
  curl_free(host);
  return loopback;
}

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL
