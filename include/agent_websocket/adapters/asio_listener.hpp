// SPDX-License-Identifier: MIT
//
// Listens on explicit endpoints and hands out accepted sockets. When descriptors run out it waits
// instead of spinning, and turns peers away with a descriptor that it keeps in reserve. Knows
// nothing of HTTP and WebSocket.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/asio_link.hpp>
#include <agent_websocket/base/result.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if !defined(_WIN32)
#include <fcntl.h>
#include <unistd.h>
#endif

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

/// A descriptor that is given up for a moment to accept and close one connection when there are no
/// others. Where there is no limit to run into (Windows) it does nothing.
class spare_descriptor {
 public:
  spare_descriptor() { take(); }
  spare_descriptor(const spare_descriptor&) = delete;
  spare_descriptor& operator=(const spare_descriptor&) = delete;
  ~spare_descriptor() { give_up(); }

#if !defined(_WIN32)
  /// True when there was one to give up.
  bool give_up() noexcept {
    if (descriptor_ < 0) return false;
    ::close(std::exchange(descriptor_, -1));
    return true;
  }
  void take() noexcept {
    if (descriptor_ < 0) descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }

 private:
  int descriptor_ = -1;
#else
  bool give_up() noexcept { return false; }
  void take() noexcept {}
#endif
};

/// Where and how to listen.
struct listen_options {
  std::string host = "localhost";
  std::uint16_t port = 0;  ///< 0: any; the same for all addresses of the host
  int backlog = asio::socket_base::max_listen_connections;
  int send_buffer_bytes = 0;  ///< of the accepted sockets; 0: the system's choice
};

/// One executor. on_accept is called on it, never from inside start().
class asio_listener {
 public:
  /// The socket is non-blocking; the text is the address of its peer, an IPv4 one never in IPv6
  /// form.
  using accepted = std::function<void(asio_socket, std::string remote_address)>;

  asio_listener(asio::io_context& context, accepted on_accept)
      : context_(&context), on_accept_(std::move(on_accept)) {}
  asio_listener(const asio_listener&) = delete;
  asio_listener& operator=(const asio_listener&) = delete;
  ~asio_listener() { stop(); }

  /// Host "localhost" is 127.0.0.1 and ::1, "" is every address of both families; in both cases
  /// IPv6 is left out where the system has none. "::" takes IPv4 as well where the system allows
  /// it. Names are not looked up.
  result<void> start(const listen_options& options);

  /// Accepts no more, and frees the port.
  void stop() {
    for (const std::shared_ptr<door>& each : doors_) each->close();
    doors_.clear();
  }

  /// The port that start() got; 0 when it does not listen.
  std::uint16_t port() const noexcept { return port_; }

 private:
  using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;
  using endpoint = asio::ip::tcp::endpoint;
  static constexpr int accepts_a_turn = 16;
  static constexpr std::chrono::milliseconds pause{100};

  /// One endpoint. Pending waits keep it; `owner` is null when they shall do nothing.
  struct door : std::enable_shared_from_this<door> {
    door(asio::io_context& context, asio_listener& listener)
        : socket(context), timer(context), owner(&listener) {}

    void close() {
      owner = nullptr;
      std::error_code ignored;
      socket.close(ignored);
      timer.cancel();
    }

    void wait() {
      socket.async_wait(asio::socket_base::wait_read,
                        [self = this->shared_from_this()](const std::error_code&) {
                          if (self->owner != nullptr) self->accept_some();
                        });
    }

    void rest() {
      timer.expires_after(pause);
      timer.async_wait([self = this->shared_from_this()](const std::error_code&) {
        if (self->owner != nullptr) self->accept_some();
      });
    }

    void accept_some() {
      for (int i = 0; i < accepts_a_turn; ++i) {
        asio_socket peer(socket.get_executor());
        endpoint address;
        std::error_code failure;
        socket.accept(peer, address, failure);
        if (failure == asio::error::connection_aborted || failure == asio::error::interrupted)
          continue;
        if (failure == asio::error::would_block || failure == asio::error::try_again) break;
        if (failure) {
          if (failure == asio::error::no_descriptors) turn_away();
          return rest();  // no descriptors, no memory: both pass
        }
        std::error_code ignored;
        peer.set_option(asio::ip::tcp::no_delay(true), ignored);
        peer.non_blocking(true, failure);
        if (failure) continue;
        owner->on_accept_(std::move(peer), text_of(address.address()));
        if (owner == nullptr) return;
      }
      wait();
    }

    /// Those who wait learn at once that there is no place for them.
    void turn_away() {
      for (int i = 0; i < accepts_a_turn && spare.give_up(); ++i) {
        asio_socket peer(socket.get_executor());
        std::error_code failure;
        socket.accept(peer, failure);
        peer.close(failure);
        spare.take();
        if (failure) break;
      }
    }

    acceptor socket;
    asio_timer timer;
    asio_listener* owner;
    spare_descriptor spare;
  };

  static std::string text_of(const asio::ip::address& address) {
    if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address.to_string();
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }

  std::error_code open(const endpoint& where, bool v6_only, const listen_options& options);
  result<void> open_all(const std::vector<std::pair<endpoint, bool>>& wanted,
                        const listen_options& options, bool& port_taken);

  static error failure_of(const endpoint& where, const std::error_code& why) {
    const std::string host = where.address().is_v6() ? "[" + where.address().to_string() + "]"
                                                     : where.address().to_string();
    std::string words =
        "cannot listen on " + host + ":" + std::to_string(where.port()) + ": " + why.message();
    if (why == asio::error::address_in_use)
      words += " (does another server run there? choose another port)";
    if (why == asio::error::access_denied) words += " (ports below 1024 need special rights)";
    return error(errc::bad_configuration, std::move(words));
  }

  /// True when the system has no IPv6, or no address of it.
  static bool is_without_ipv6(const std::error_code& why) noexcept {
    return why == asio::error::address_family_not_supported ||
           why == std::errc::address_not_available || why == asio::error::no_protocol_option;
  }

  asio::io_context* context_;
  accepted on_accept_;
  std::vector<std::shared_ptr<door>> doors_;
  std::uint16_t port_ = 0;
};

inline std::error_code asio_listener::open(const endpoint& where, bool v6_only,
                                           const listen_options& options) {
  const auto opened = std::make_shared<door>(*context_, *this);
  std::error_code failure;
  acceptor& socket = opened->socket;
  socket.open(where.protocol(), failure);
#if !defined(_WIN32)  // where it means something else
  if (!failure) socket.set_option(asio::socket_base::reuse_address(true), failure);
#endif
  if (!failure && where.address().is_v6()) socket.set_option(asio::ip::v6_only(v6_only), failure);
  if (!failure && options.send_buffer_bytes > 0) {  // inherited by the accepted sockets
    socket.set_option(asio::socket_base::send_buffer_size(options.send_buffer_bytes), failure);
  }
  if (!failure) socket.bind(where, failure);
  if (!failure) socket.listen(options.backlog, failure);
  if (!failure) socket.non_blocking(true, failure);
  if (!failure) port_ = socket.local_endpoint(failure).port();
  if (!failure) doors_.push_back(opened);
  return failure;
}

inline result<void> asio_listener::open_all(const std::vector<std::pair<endpoint, bool>>& wanted,
                                            const listen_options& options, bool& port_taken) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& [address, v6_only] = wanted[i];
    const endpoint where(address.address(), i == 0 ? options.port : port_);
    const std::error_code failure = open(where, v6_only, options);
    if (!failure) continue;
    if (i > 0 && is_without_ipv6(failure)) continue;
    port_taken = i > 0 && failure == asio::error::address_in_use;
    stop();
    port_ = 0;
    return failure_of(where, failure);
  }
  return {};
}

inline result<void> asio_listener::start(const listen_options& options) {
  stop();
  const auto at = [](const asio::ip::address& address) { return endpoint(address, 0); };
  std::vector<std::pair<endpoint, bool>> wanted;
  if (options.host == "localhost") {
    wanted = {{at(asio::ip::address_v4::loopback()), false},
              {at(asio::ip::address_v6::loopback()), true}};
  } else if (options.host.empty()) {
    wanted = {{at(asio::ip::address_v4::any()), false}, {at(asio::ip::address_v6::any()), true}};
  } else {
    std::error_code failure;
    const asio::ip::address address = asio::ip::make_address(options.host, failure);
    if (failure) {
      return error(errc::bad_configuration,
                   "cannot listen on \"" + options.host +
                       "\": not an IP address, not localhost and not empty");
    }
    wanted = {{at(address), false}};
  }
  // With port 0 the second address may find the port that the first one got taken by somebody else.
  result<void> outcome;
  for (int attempts = options.port == 0 ? 8 : 1; attempts > 0; --attempts) {
    bool port_taken = false;
    outcome = open_all(wanted, options, port_taken);
    if (!port_taken) break;
  }
  for (const std::shared_ptr<door>& each : doors_) each->wait();
  return outcome;
}

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
