// SPDX-License-Identifier: MIT
//
// Requirement ClientTransport: opens one WebSocket (RFC 6455) at a time to a server and carries text frames. Shipped
// models: adapters::websocketpp_connector, testing::mock_client_transport.
//
// | expression           | result | promise of the policy                                                          |
// |----------------------|--------|--------------------------------------------------------------------------------|
// | t.start(sink)        | void   | reports to `sink` from now on; called once, before the others                  |
// | t.open(url, headers) | void   | begins an attempt, `headers` added to its request; what was before, an attempt |
// |                      |        | or a connection, is dropped and not reported any more                          |
// | t.send(text)         | size_t | queues one text frame, payload copied; returns the bytes that wait and are not |
// |                      |        | yet in the kernel; 0 and no frame when no connection stands                    |
// | t.close(code, why)   | void   | queues a close frame behind what waits, then ends the connection when the peer |
// |                      |        | has answered or 5 s have passed; code 1006: ends it at once; before on_open it |
// |                      |        | ends the attempt (errc::cancelled); ignored when there is neither              |
//
// For each open() that is not dropped: on_failed, or on_open and, later, exactly one on_close. Sink functions are
// called on the executor and never from inside one of the calls above. Between close() and on_close incoming frames
// are dropped. Pings are answered by the transport; binary messages are dropped; broken frames, invalid UTF-8 and
// messages above the transport's limit end the connection with 1002, 1007 or 1009.
// on_failed's errors: bad_configuration (the address), cancelled, connection_failed, protocol_error, timeout_connect;
// and for an HTTP answer that refused the upgrade its status beside the error.
//
// Promise of the library: calls only from the executor; the sink outlives the transport's last call; sink functions
// do not throw. All calls but start() may be made from inside sink functions.
#pragma once

#include <agent_websocket/base/detect.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/http/headers.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace agent_websocket {

/// Receives what happens to a client's connection.
class client_transport_sink {
 public:
  /// The WebSocket stands; frames may be sent (they may be from inside of this call).
  virtual void on_open() = 0;
  /// Any frame or part of a frame arrived: the server lives. Called before the functions below, at most once a read.
  virtual void on_alive() = 0;
  /// A whole text message, valid UTF-8.
  virtual void on_text(std::string_view text) = 0;
  /// The connection is gone. `code` is the close code that was received, or the one sent when we began, or 1006.
  virtual void on_close(std::uint16_t code, std::string_view reason) = 0;
  /// The connection did not come about. The category is agent_websocket's. `status`: of the HTTP answer that refused
  /// the upgrade; 0: there was none. `detail` is for the log.
  virtual void on_failed(std::error_code failure, int status, std::string_view detail) = 0;

 protected:
  ~client_transport_sink() = default;
};

namespace detail {
template <typename T>
using client_start_expression = decltype(std::declval<T&>().start(std::declval<client_transport_sink&>()));
template <typename T>
using client_open_expression =
    decltype(std::declval<T&>().open(std::string_view(), std::declval<const http::header_list&>()));
template <typename T>
using client_send_expression =
    std::enable_if_t<std::is_same_v<decltype(std::declval<T&>().send(std::string_view())), std::size_t>>;
template <typename T>
using client_close_expression = decltype(std::declval<T&>().close(std::uint16_t(), std::string_view()));
}  // namespace detail

template <typename T>
inline constexpr bool has_client_start_v = is_detected_v<detail::client_start_expression, T>;
template <typename T>
inline constexpr bool has_client_open_v = is_detected_v<detail::client_open_expression, T>;
template <typename T>
inline constexpr bool has_client_send_v = is_detected_v<detail::client_send_expression, T>;
template <typename T>
inline constexpr bool has_client_close_v = is_detected_v<detail::client_close_expression, T>;

/// True when T meets the requirement ClientTransport.
template <typename T>
inline constexpr bool is_client_transport_v =
    has_client_start_v<T> && has_client_open_v<T> && has_client_send_v<T> && has_client_close_v<T>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename T>
concept client_transport_policy = is_client_transport_v<T>;
#endif

/// Instantiated by everything that takes a ClientTransport, so that the first error line names the missing member.
template <typename T>
constexpr bool require_client_transport() {
  static_assert(has_client_start_v<T>, "ClientTransport needs: void start(client_transport_sink&)");
  static_assert(has_client_open_v<T>, "ClientTransport needs: void open(std::string_view, const http::header_list&)");
  static_assert(has_client_send_v<T>, "ClientTransport needs: std::size_t send(std::string_view)");
  static_assert(has_client_close_v<T>, "ClientTransport needs: void close(std::uint16_t, std::string_view)");
  return true;
}

}  // namespace agent_websocket
