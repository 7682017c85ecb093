// SPDX-License-Identifier: MIT
//
// Requirement Exchange: messages between the processes that share a store. Shipped models:
// null_exchange, memory_exchange, any_exchange, adapters::redis_exchange.
//
// | expression       | result      | promise of the policy                                       |
// |------------------|-------------|-------------------------------------------------------------|
// | x.name()         | std::string | this process's name, the one that its store gives as holder |
// | x.listen(sink)   | void        | from now on messages are given to `sink`                    |
// | x.send(to, text) | void        | to that process, also to itself; lost when it is away       |
// | x.publish(text)  | void        | to all others                                               |
//
// Messages of one sender to one receiver arrive in their order and at most once; any may be lost.
// What the receiver can know of lost ones on_gap tells, in time for the next that arrives. The sink
// is called on the executor, never from inside one of the calls above, and not after the exchange
// is gone.
//
// Promise of the library: called on the executor; listen() at most once, with a sink that outlives
// the exchange; texts are some kilobytes, of any bytes. Sink functions do not throw; all calls may
// be made from inside of them, and the exchange may be destroyed there.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/detect.hpp>

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace agent_websocket {

/// Receives what other processes say.
class exchange_sink {
 public:
  /// The views are valid during the call only.
  virtual void on_message(std::string_view from, std::string_view text) = 0;
  /// Messages to this process may have been lost.
  virtual void on_gap() = 0;

 protected:
  ~exchange_sink() = default;
};

/// Of a process that shares its store with nobody.
struct null_exchange {
  std::string name() const;
  void listen(exchange_sink&) noexcept {}
  void send(std::string_view, std::string_view) noexcept {}
  void publish(std::string_view) noexcept {}
};

namespace detail {
template <typename X>
using exchange_name_expression =
    std::enable_if_t<std::is_convertible_v<decltype(std::declval<const X&>().name()), std::string>>;
template <typename X>
using listen_expression = decltype(std::declval<X&>().listen(std::declval<exchange_sink&>()));
template <typename X>
using exchange_send_expression =
    decltype(std::declval<X&>().send(std::string_view(), std::string_view()));
template <typename X>
using publish_expression = decltype(std::declval<X&>().publish(std::string_view()));
}  // namespace detail

template <typename X>
inline constexpr bool has_exchange_name_v = is_detected_v<detail::exchange_name_expression, X>;
template <typename X>
inline constexpr bool has_listen_v = is_detected_v<detail::listen_expression, X>;
template <typename X>
inline constexpr bool has_exchange_send_v = is_detected_v<detail::exchange_send_expression, X>;
template <typename X>
inline constexpr bool has_publish_v = is_detected_v<detail::publish_expression, X>;

/// True when X meets the requirement Exchange.
template <typename X>
inline constexpr bool is_exchange_v =
    has_exchange_name_v<X>&& has_listen_v<X>&& has_exchange_send_v<X>&& has_publish_v<X>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename X>
concept exchange_policy = is_exchange_v<X>;
#endif

/// Instantiated by everything that takes an Exchange, so that the first error line names the
/// missing member.
template <typename X>
constexpr bool require_exchange() {
  static_assert(has_exchange_name_v<X>, "Exchange needs: std::string name() const");
  static_assert(has_listen_v<X>, "Exchange needs: void listen(exchange_sink&)");
  static_assert(has_exchange_send_v<X>,
                "Exchange needs: void send(std::string_view to, std::string_view text)");
  static_assert(has_publish_v<X>, "Exchange needs: void publish(std::string_view text)");
  return true;
}

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string null_exchange::name() const { return std::string(); }

#endif

}  // namespace agent_websocket
