// SPDX-License-Identifier: MIT
//
// Requirement Transport: listens, answers HTTP requests, upgrades some of them to WebSocket (RFC 6455) and carries
// text frames. Shipped models: adapters::websocketpp_transport, testing::mock_transport.
//
// | expression             | result       | promise of the policy                                                    |
// |------------------------|--------------|--------------------------------------------------------------------------|
// | t.start(sink)          | result<void> | accepts connections from now on; the error names the address             |
// | t.stop()               | void         | accepts no more; connections that stand go on                            |
// | t.answer(id, response) | void         | answers on_request: status 101 completes the upgrade (the response's     |
// |                        |              | headers are added, such as Sec-WebSocket-Protocol), anything else is     |
// |                        |              | sent whole and the connection closed                                     |
// | t.send(id, text)       | size_t       | queues one text frame, payload copied; returns the bytes of this         |
// |                        |              | connection that wait and are not yet in the kernel                       |
// | t.ping(id)             | void         | queues a ping                                                            |
// | t.close(id, code, why) | void         | queues a close frame behind what waits, then ends the connection when    |
// |                        |              | the peer has answered or 5 s have passed; code 1006: ends it at once     |
//
// Frames of one connection leave in the order of the calls; what is sent in one turn of the executor leaves in as few
// writes as possible. Unknown and closed ids are ignored (send: 0), since a peer may vanish at any time.
// Sink functions are called on the executor and never from inside one of the calls above. After on_close (exactly one
// for every on_open, also when close() began it) an id is not used again. Between close() and on_close incoming frames
// are dropped. Frames and messages above the transport's limit, broken frames, invalid UTF-8 and reserved opcodes are
// the transport's to refuse, with 1009, 1002 or 1007. Pings are answered by the transport.
//
// Promise of the library: calls only from the executor; the sink outlives the transport's last call; sink functions
// do not throw. All calls may be made from inside sink functions. A request that is no upgrade is answered within 20 s
// unless it is abandoned, one that is still open when the server is destroyed then.
#pragma once

#include <agent_websocket/base/detect.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/message.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace agent_websocket {

/// Names one connection of one transport; 0 is never given out, none is given out twice.
using connection_id = std::uint64_t;

/// An HTTP request as it came in, upgrade or not.
struct handshake {
  http::request request;
  /// "127.0.0.1", "::1": of the peer of the TCP connection. What hooks are shown is the client's,
  /// also behind a proxy that is trusted.
  std::string remote_address;
  bool is_upgrade = false;     ///< a well-formed WebSocket version 13 handshake: may be answered with 101
};

/// Receives what happens on a transport's connections.
class transport_sink {
 public:
  /// A request waits for t.answer(), which may come later; until then nothing else happens on the connection but
  /// on_abandoned.
  virtual void on_request(connection_id connection, handshake request) = 0;
  /// The peer of an unanswered request has gone or took too long; the id is dead.
  virtual void on_abandoned(connection_id connection) = 0;
  /// The upgrade is done; frames may be sent (they may be from inside of this call).
  virtual void on_open(connection_id connection) = 0;
  /// A whole text message, valid UTF-8.
  virtual void on_text(connection_id connection, std::string_view text) = 0;
  /// A whole binary message arrived and was dropped.
  virtual void on_binary(connection_id connection, std::size_t bytes) = 0;
  /// A message above the limit arrived and was skipped without being kept; the connection stands. (A transport may
  /// instead close with 1009.) `bytes` is what its frames announced so far.
  virtual void on_oversized(connection_id connection, std::size_t bytes) = 0;
  /// Any frame or part of a frame arrived: the peer lives. Called before the functions above, at most once a read.
  virtual void on_alive(connection_id connection) = 0;
  /// Output that made send() return more than the transport's low-water mark has gone down below it.
  virtual void on_drained(connection_id connection) = 0;
  /// The connection is gone. `code` is the close code that was received, or the one sent when we began, or 1006.
  virtual void on_close(connection_id connection, std::uint16_t code, std::string_view reason) = 0;

 protected:
  ~transport_sink() = default;
};

namespace detail {
template <typename T>
using transport_start_expression =
    std::enable_if_t<std::is_same_v<decltype(std::declval<T&>().start(std::declval<transport_sink&>())), result<void>>>;
template <typename T>
using transport_stop_expression = decltype(std::declval<T&>().stop());
template <typename T>
using transport_answer_expression =
    decltype(std::declval<T&>().answer(connection_id(), std::declval<http::response>()));
template <typename T>
using transport_send_expression = std::enable_if_t<
    std::is_same_v<decltype(std::declval<T&>().send(connection_id(), std::string_view())), std::size_t>>;
template <typename T>
using transport_ping_expression = decltype(std::declval<T&>().ping(connection_id()));
template <typename T>
using transport_close_expression =
    decltype(std::declval<T&>().close(connection_id(), std::uint16_t(), std::string_view()));
}  // namespace detail

template <typename T>
inline constexpr bool has_transport_start_v = is_detected_v<detail::transport_start_expression, T>;
template <typename T>
inline constexpr bool has_transport_stop_v = is_detected_v<detail::transport_stop_expression, T>;
template <typename T>
inline constexpr bool has_transport_answer_v = is_detected_v<detail::transport_answer_expression, T>;
template <typename T>
inline constexpr bool has_transport_send_v = is_detected_v<detail::transport_send_expression, T>;
template <typename T>
inline constexpr bool has_transport_ping_v = is_detected_v<detail::transport_ping_expression, T>;
template <typename T>
inline constexpr bool has_transport_close_v = is_detected_v<detail::transport_close_expression, T>;

/// True when T meets the requirement Transport.
template <typename T>
inline constexpr bool is_transport_v = has_transport_start_v<T> && has_transport_stop_v<T> &&
                                       has_transport_answer_v<T> && has_transport_send_v<T> &&
                                       has_transport_ping_v<T> && has_transport_close_v<T>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename T>
concept transport_policy = is_transport_v<T>;
#endif

/// Instantiated by everything that takes a Transport, so that the first error line names the missing member.
template <typename T>
constexpr bool require_transport() {
  static_assert(has_transport_start_v<T>, "Transport needs: result<void> start(transport_sink&)");
  static_assert(has_transport_stop_v<T>, "Transport needs: void stop()");
  static_assert(has_transport_answer_v<T>, "Transport needs: void answer(connection_id, http::response)");
  static_assert(has_transport_send_v<T>, "Transport needs: std::size_t send(connection_id, std::string_view)");
  static_assert(has_transport_ping_v<T>, "Transport needs: void ping(connection_id)");
  static_assert(has_transport_close_v<T>, "Transport needs: void close(connection_id, std::uint16_t, std::string_view)");
  return true;
}

}  // namespace agent_websocket
