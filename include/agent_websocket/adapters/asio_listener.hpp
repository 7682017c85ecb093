// SPDX-License-Identifier: MIT
//
// Listens on explicit endpoints and hands out accepted sockets. When descriptors run out it waits
// instead of spinning, and turns peers away with a descriptor that it keeps in reserve. Knows
// nothing of HTTP and WebSocket.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/asio_link.hpp>
#include <agent_websocket/adapters/listen_address.hpp>
#include <agent_websocket/adapters/listen_options.hpp>
#include <agent_websocket/adapters/spare_descriptor.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/ip_address.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if !defined(_WIN32)
#include <sys/socket.h>
#endif

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// One executor. on_accept is called on it, never from inside start().
class asio_listener {
 public:
  /// The socket is non-blocking; the text is the address of its peer, an IPv4 one never in IPv6
  /// form.
  using accepted = std::function<void(asio_socket, std::string remote_address)>;

  asio_listener(asio::io_context& context, accepted on_accept);
  asio_listener(const asio_listener&) = delete;
  asio_listener& operator=(const asio_listener&) = delete;
  ~asio_listener() { stop(); }

  /// Host "localhost" is 127.0.0.1 and ::1, "" is every address of both families; in both cases
  /// IPv6 is left out where the system has none. "::" takes IPv4 as well where the system allows
  /// it. Names are not looked up.
  result<void> start(const listen_options& options);

  /// Listens as start() does and accepts nothing: connections wait in the system's queue.
  result<void> open(const listen_options& options);

  /// Gives up the listening sockets without closing them: who calls owns the descriptors.
  std::vector<int> release();

  /// Accepts no more, and frees the port.
  void stop();

  /// The port that start() got; 0 when it does not listen.
  std::uint16_t port() const noexcept { return port_; }

 private:
  using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;
  using endpoint = asio::ip::tcp::endpoint;
  static constexpr int accepts_a_turn = 16;
#if defined(__linux__)
  static constexpr bool inherits_options = true;  // accepted sockets those of the listening one
#else
  static constexpr bool inherits_options = false;
#endif

  static void set_no_delay(acceptor& socket);
  static constexpr std::chrono::milliseconds pause{100};
  static constexpr std::chrono::milliseconds politeness{1};

  /// One endpoint. Pending waits keep it; `owner` is null when they shall do nothing.
  struct door : std::enable_shared_from_this<door> {
    door(asio::io_context& context, asio_listener& listener);

    void close();

    void wait();

    void rest(std::chrono::milliseconds time, bool has_offered);

    /// `has_offered` is true when the first one was left to others for long enough.
    void accept_some(bool has_offered = false);

    /// Those who wait learn at once that there is no place for them.
    void turn_away();

    acceptor socket;
    asio_timer timer;
    asio_listener* owner;
    spare_descriptor spare;
  };

  /// IPv4 by our own hand: the C library takes a printf to it.
  static std::string text_of(const asio::ip::address& address);

  std::error_code open(const endpoint& where, bool v6_only, const listen_options& options);
  std::error_code adopt(int descriptor);
  result<void> open_all(const std::vector<listen_address>& wanted, const listen_options& options,
                        bool& port_taken);

  asio::io_context* context_;
  accepted on_accept_;
  std::function<bool()> leave_to_others_;
  std::vector<std::shared_ptr<door>> doors_;
  std::uint16_t port_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE asio_listener::asio_listener(asio::io_context& context, accepted on_accept)
    : context_(&context), on_accept_(std::move(on_accept)) {}

AGENT_WEBSOCKET_INLINE result<void> asio_listener::start(const listen_options& options) {
  auto outcome = open(options);
  for (const std::shared_ptr<door>& each : doors_) each->wait();
  return outcome;
}

AGENT_WEBSOCKET_INLINE void asio_listener::stop() {
  for (const std::shared_ptr<door>& each : doors_) each->close();
  doors_.clear();
}

AGENT_WEBSOCKET_INLINE void asio_listener::set_no_delay(acceptor& socket) {
  std::error_code ignored;
  if (inherits_options) socket.set_option(asio::ip::tcp::no_delay(true), ignored);
}

AGENT_WEBSOCKET_INLINE asio_listener::door::door(asio::io_context& context, asio_listener& listener)
    : socket(context), timer(context), owner(&listener) {}

AGENT_WEBSOCKET_INLINE void asio_listener::door::close() {
  owner = nullptr;
  std::error_code ignored;
  socket.close(ignored);
  timer.cancel();
}

AGENT_WEBSOCKET_INLINE void asio_listener::door::wait() {
  socket.async_wait(asio::socket_base::wait_read,
                    [self = this->shared_from_this()](const std::error_code&) {
                      if (self->owner != nullptr) self->accept_some();
                    });
}

AGENT_WEBSOCKET_INLINE void asio_listener::door::rest(std::chrono::milliseconds time,
                                                      bool has_offered) {
  timer.expires_after(time);
  timer.async_wait([self = this->shared_from_this(), has_offered](const std::error_code&) {
    if (self->owner != nullptr) self->accept_some(has_offered);
  });
}

AGENT_WEBSOCKET_INLINE void asio_listener::door::accept_some(bool has_offered) {
  for (int i = 0; i < accepts_a_turn; ++i) {
    if (!std::exchange(has_offered, false) && owner->leave_to_others_ &&
        owner->leave_to_others_()) {
      return rest(politeness, true);
    }
    asio_socket peer(socket.get_executor());
    endpoint address;
    std::error_code failure;
    socket.accept(peer, address, failure);
    if (failure == asio::error::connection_aborted || failure == asio::error::interrupted) continue;
    if (failure == asio::error::would_block || failure == asio::error::try_again) break;
    if (failure) {
      if (failure == asio::error::no_descriptors) turn_away();
      return rest(pause, false);  // no descriptors, no memory: both pass
    }
    if (!inherits_options) peer.set_option(asio::ip::tcp::no_delay(true), failure);
    peer.non_blocking(true, failure);
    if (failure) continue;
    owner->on_accept_(std::move(peer), text_of(address.address()));
    if (owner == nullptr) return;
  }
  wait();
}

AGENT_WEBSOCKET_INLINE void asio_listener::door::turn_away() {
  for (int i = 0; i < accepts_a_turn && spare.give_up(); ++i) {
    asio_socket peer(socket.get_executor());
    std::error_code failure;
    socket.accept(peer, failure);
    peer.close(failure);
    spare.take();
    if (failure) break;
  }
}

AGENT_WEBSOCKET_INLINE std::string asio_listener::text_of(const asio::ip::address& address) {
  if (address.is_v4()) return http::ip_address::v4(address.to_v4().to_bytes()).to_string();
  if (!address.to_v6().is_v4_mapped()) return address.to_string();
  return text_of(asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()));
}

AGENT_WEBSOCKET_INLINE std::vector<int> asio_listener::release() {
  std::vector<int> descriptors;
#if !defined(_WIN32)
  for (const std::shared_ptr<door>& each : doors_) {
    std::error_code ignored;
    // Out of the context's reactor too, which a copy of the descriptor would not be.
    descriptors.push_back(each->socket.release(ignored));
  }
#endif
  stop();
  return descriptors;
}

AGENT_WEBSOCKET_INLINE std::error_code asio_listener::adopt(int descriptor) {
#if defined(_WIN32)
  static_cast<void>(descriptor);
  return asio::error::operation_not_supported;
#else
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      ::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) {
    return {errno, std::generic_category()};
  }
  const bool v6 = address.ss_family == AF_INET6;
  if (!listens || (!v6 && address.ss_family != AF_INET)) return asio::error::invalid_argument;
  const auto adopted = std::make_shared<door>(*context_, *this);
  std::error_code failure;
  adopted->socket.assign(v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), descriptor, failure);
  set_no_delay(adopted->socket);
  if (!failure) adopted->socket.non_blocking(true, failure);
  if (!failure) port_ = adopted->socket.local_endpoint(failure).port();
  if (!failure) doors_.push_back(adopted);
  return failure;
#endif
}

AGENT_WEBSOCKET_INLINE std::error_code asio_listener::open(const endpoint& where, bool v6_only,
                                                           const listen_options& options) {
  const auto opened = std::make_shared<door>(*context_, *this);
  std::error_code failure;
  acceptor& socket = opened->socket;
  socket.open(where.protocol(), failure);
#if !defined(_WIN32)  // where it means something else
  if (!failure) socket.set_option(asio::socket_base::reuse_address(true), failure);
#endif
  if (!failure && options.reuse_port)
    failure = allow_other_listeners(static_cast<int>(socket.native_handle()));
  if (!failure && where.address().is_v6()) socket.set_option(asio::ip::v6_only(v6_only), failure);
  if (!failure && options.send_buffer_bytes > 0) {  // inherited by the accepted sockets
    socket.set_option(asio::socket_base::send_buffer_size(options.send_buffer_bytes), failure);
  }
  set_no_delay(socket);
  if (!failure) socket.bind(where, failure);
  if (!failure) socket.listen(options.backlog, failure);
  if (!failure) socket.non_blocking(true, failure);
  if (!failure) port_ = socket.local_endpoint(failure).port();
  if (!failure) doors_.push_back(opened);
  return failure;
}

AGENT_WEBSOCKET_INLINE result<void> asio_listener::open_all(
    const std::vector<listen_address>& wanted, const listen_options& options, bool& port_taken) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& [address, v6_only] = wanted[i];
    const endpoint where(address, i == 0 ? options.port : port_);
    const std::error_code failure = open(where, v6_only, options);
    if (!failure) continue;
    if (i > 0 && is_without_ipv6(failure)) continue;
    port_taken = i > 0 && failure == asio::error::address_in_use;
    stop();
    port_ = 0;
    return listen_failure(where, failure, options.reuse_port);
  }
  return {};
}

AGENT_WEBSOCKET_INLINE result<void> asio_listener::open(const listen_options& options) {
  stop();
  port_ = 0;
  leave_to_others_ = options.leave_to_others;
  for (const int each : options.inherited) {
    const std::error_code failure = adopt(each);
    if (!failure) continue;
    stop();
    port_ = 0;
    return error(errc::bad_configuration, "cannot listen on the inherited descriptor " +
                                              std::to_string(each) + ": " + failure.message());
  }
  if (!options.inherited.empty()) return {};
  const auto wanted = listen_addresses(options.host);
  if (!wanted) return wanted.error();
  // With port 0 the second address may find the port that the first one got taken by somebody else.
  result<void> outcome;
  for (int attempts = options.port == 0 ? 8 : 1; attempts > 0; --attempts) {
    bool port_taken = false;
    outcome = open_all(*wanted, options, port_taken);
    if (!port_taken) break;
  }
  return outcome;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
