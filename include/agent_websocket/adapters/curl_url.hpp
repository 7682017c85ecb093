// SPDX-License-Identifier: MIT
//
// Whether a URL names this machine, as curl itself reads the URL: requests to it take no proxy.
// Names are not resolved. https://curl.se/libcurl/c/libcurl-url.html
#pragma once

#include <agent_websocket/adapters/loopback_host.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

#include <curl/curl.h>

#include <memory>
#include <string>

namespace agent_websocket {
namespace adapters {

/// True when the host of an absolute URL is this machine; false when it is none.
bool is_loopback_url(const std::string& target);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool is_loopback_url(const std::string& target) {
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

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL
