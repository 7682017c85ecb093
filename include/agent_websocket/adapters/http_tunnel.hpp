// SPDX-License-Identifier: MIT
//
// The tunnel through an HTTP proxy while it is being opened (CONNECT, RFC 9110 section 9.3.6):
// reads the proxy's answer and judges it. Which proxy, and what it is asked, is in http_proxy.hpp
// and asio_http_request.hpp. No sockets.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/response_reader.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace adapters {

class http_tunnel {
 public:
  static constexpr std::size_t max_head_bytes = 16 * 1024;

  /// True when the tunnel is open. `has_asked`: the CONNECT has gone out whole. Error:
  /// connection_failed; then, and when it is open, this is of no use any more.
  result<bool> feed(std::string_view bytes, bool has_asked);

  std::string first_request;  ///< that waits for the end of the tunnel

 private:
  // Like the answer to a HEAD, one to CONNECT that opens the tunnel has no body.
  http::response_reader reader_{true, max_head_bytes};
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<bool> http_tunnel::feed(std::string_view bytes, bool has_asked) {
  http::response_head head;
  const std::size_t used = reader_.feed_head(bytes, head);
  if (reader_.failure()) {
    return error(errc::connection_failed, "the proxy's answer to CONNECT is malformed");
  }
  if (!reader_.has_head()) return false;
  if (head.status < 200 || head.status > 299) {
    return error(errc::connection_failed,
                 "the proxy refused the tunnel with status " + std::to_string(head.status));
  }
  if (used != bytes.size() || !has_asked) {
    return error(errc::connection_failed, "the proxy spoke into the tunnel");
  }
  return true;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
