// SPDX-License-Identifier: MIT
//
// Requirement HttpClient: sends requests and streams the answers back. Shipped models:
// adapters::curl_http_client, adapters::asio_http_client, testing::mock_http_client.
//
// | expression        | result       | promise of the policy                                                          |
// |-------------------|--------------|--------------------------------------------------------------------------------|
// | c.start(req,sink) | http_call_id | begins the request; never calls the sink before it returns; ids are not reused |
// | c.cancel(id)      | void         | closes that request's connection (or stream) at once; its sink is never called |
// |                   |              | again, not even with on_complete; unknown and completed ids are ignored        |
// | c.pause(id)       | void         | no on_body and no on_complete until resume; the peer feels it                  |
// | c.resume(id)      | void         | goes on; never calls the sink before it returns                                |
//
// Per request, on the executor: at most one on_head, then any number of on_body, then exactly one on_complete
// (unless cancelled). on_head is not called for 1xx answers. Every status is a success to the policy; redirects are
// not followed. A body whose framing (Content-Length, chunks) was cut short completes with an error.
// on_complete's errors: none; errc::timeout_connect (req.connect_timeout passed before the connection stood, the time
// for the answer never counts); errc::connection_failed (resolve, connect, TLS, reset); errc::protocol_error (not HTTP,
// or a body cut short); errc::too_large. TLS certificates and host names are always verified. Proxy settings of the
// environment are honoured. The words of the failure go to `detail`, for the log.
//
// Promise of the library: calls only from the executor; the sink lives until on_complete or cancel; sink functions do
// not throw; cancel, pause, resume and start may be called from inside sink functions.
#pragma once

#include <agent_websocket/base/detect.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/http/message.hpp>

#include <cstdint>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace agent_websocket {

/// Names one request of one client; 0 is never given out.
using http_call_id = std::uint64_t;

/// Receives the answer of a request.
class http_sink {
 public:
  virtual void on_head(http_call_id call, int status, const http::header_list& headers) = 0;
  virtual void on_body(http_call_id call, std::string_view bytes) = 0;
  virtual void on_complete(http_call_id call, std::error_code failure, std::string_view detail) = 0;

 protected:
  ~http_sink() = default;
};

namespace detail {
template <typename C>
using http_start_expression = std::enable_if_t<std::is_same_v<
    decltype(std::declval<C&>().start(std::declval<http::request>(), std::declval<http_sink&>())), http_call_id>>;
template <typename C>
using http_cancel_expression = decltype(std::declval<C&>().cancel(http_call_id()));
template <typename C>
using http_pause_expression = decltype(std::declval<C&>().pause(http_call_id()));
template <typename C>
using http_resume_expression = decltype(std::declval<C&>().resume(http_call_id()));
}  // namespace detail

template <typename C>
inline constexpr bool has_http_start_v = is_detected_v<detail::http_start_expression, C>;
template <typename C>
inline constexpr bool has_http_cancel_v = is_detected_v<detail::http_cancel_expression, C>;
template <typename C>
inline constexpr bool has_http_pause_v = is_detected_v<detail::http_pause_expression, C>;
template <typename C>
inline constexpr bool has_http_resume_v = is_detected_v<detail::http_resume_expression, C>;

/// True when C meets the requirement HttpClient.
template <typename C>
inline constexpr bool is_http_client_v =
    has_http_start_v<C> && has_http_cancel_v<C> && has_http_pause_v<C> && has_http_resume_v<C>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename C>
concept http_client_policy = is_http_client_v<C>;
#endif

/// Instantiated by everything that takes an HttpClient, so that the first error line names the missing member.
template <typename C>
constexpr bool require_http_client() {
  static_assert(has_http_start_v<C>, "HttpClient needs: http_call_id start(http::request, http_sink&)");
  static_assert(has_http_cancel_v<C>, "HttpClient needs: void cancel(http_call_id)");
  static_assert(has_http_pause_v<C>, "HttpClient needs: void pause(http_call_id)");
  static_assert(has_http_resume_v<C>, "HttpClient needs: void resume(http_call_id)");
  return true;
}

}  // namespace agent_websocket
