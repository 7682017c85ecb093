// SPDX-License-Identifier: MIT
//
// What a CURLcode means to the requirement HttpClient:
// https://curl.se/libcurl/c/libcurl-errors.html A code that is not listed there yet counts as a
// connection that failed, which is the answer that lets the caller try again.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

#include <curl/curl.h>

#include <system_error>

namespace agent_websocket {
namespace adapters {

/// The completion of a transfer that ended with `code`. `head_done`: its whole header section was
/// received.
std::error_code curl_failure(CURLcode code, bool head_done) noexcept;

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::error_code curl_failure(CURLcode code, bool head_done) noexcept {
  switch (static_cast<int>(code)) {
    case CURLE_OK:
      // curl takes a header section that ends with the connection for a whole answer.
      return head_done ? std::error_code() : errc::protocol_error;
    case CURLE_OPERATION_TIMEDOUT: return errc::timeout_connect;  // the only timeout that is set
    case CURLE_OUT_OF_MEMORY:  // a header line above curl's own limit, before curl 8.6 ...
    case 100:                  // ... and CURLE_TOO_LARGE since
      return head_done ? errc::connection_failed : errc::too_large;
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9, and URLs that are neither http nor https
    case CURLE_URL_MALFORMAT:
    case CURLE_LOGIN_DENIED:  // a user name in the URL
      return errc::protocol_error;
    default: return errc::connection_failed;
  }
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL
