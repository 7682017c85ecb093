// SPDX-License-Identifier: MIT
//
// From a host and a port to a connected TCP socket: its addresses are tried in turn, both families
// alternating, the next one as soon as one fails or has not answered for a while (RFC 8305). No
// time limit of its own; no TLS.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/asio_name_cache.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if defined(__linux__)
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// One attempt. Pending operations hold it.
class asio_dial : public std::enable_shared_from_this<asio_dial> {
 public:
  /// How long an address has before the next one is tried beside it.
  static constexpr std::chrono::milliseconds fallback_delay{250};

  struct outcome {
    std::error_code failure;
    const char* step = "";  ///< of a failure: "cannot resolve " or "cannot connect to "
  };
  /// With a failure the socket is closed.
  using handler = std::function<void(const outcome&, asio_socket)>;

  /// `receive_buffer_bytes`: SO_RCVBUF, which has to be known before the handshake; 0: the
  /// system's. `done` is called once and never before begin() returns; not at all after give_up().
  static std::shared_ptr<asio_dial> begin(asio::io_context& context, asio_name_cache& names,
                                          const std::string& host, std::uint16_t port,
                                          int receive_buffer_bytes, handler done);
  /// The same for addresses that are known, at least one.
  static std::shared_ptr<asio_dial> begin_with(asio::io_context& context,
                                               const asio_name_cache::endpoints& addresses,
                                               int receive_buffer_bytes, handler done);

  /// The order of the system, but each address followed by one of the other family.
  static asio_name_cache::endpoints alternating(asio_name_cache::endpoints from);

  /// Closes what is open; nothing is called from now on.
  void give_up();

 private:
  asio_dial(asio::io_context& context, int receive_buffer_bytes, handler done);

  void resolved(const std::error_code& failure, const asio_name_cache::endpoints& found);

  void try_next();

  void prepare(asio_socket& socket) const;

  void wait_for_fallback();

  void connected(asio_socket& at, const std::error_code& failure);

  void finish_later(const outcome& what);

  void finish(const outcome& what, asio_socket socket);

  asio::io_context& context_;
  asio_timer timer_;
  const int receive_buffer_bytes_;
  handler done_;
  asio_name_cache::endpoints addresses_;
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<asio_socket>> sockets_;  // being connected
  std::error_code last_failure_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::shared_ptr<asio_dial> asio_dial::begin(
    asio::io_context& context, asio_name_cache& names, const std::string& host, std::uint16_t port,
    int receive_buffer_bytes, handler done) {
  std::shared_ptr<asio_dial> made(new asio_dial(context, receive_buffer_bytes, std::move(done)));
  names.resolve(host, port, [made](const std::error_code& failure, const auto& found) {
    made->resolved(failure, found);
  });
  return made;
}

AGENT_WEBSOCKET_INLINE std::shared_ptr<asio_dial> asio_dial::begin_with(
    asio::io_context& context, const asio_name_cache::endpoints& addresses,
    int receive_buffer_bytes, handler done) {
  std::shared_ptr<asio_dial> made(new asio_dial(context, receive_buffer_bytes, std::move(done)));
  made->addresses_ = addresses;
  made->try_next();
  return made;
}

AGENT_WEBSOCKET_INLINE asio_name_cache::endpoints asio_dial::alternating(
    asio_name_cache::endpoints from) {
  const bool first_is_v4 = from.front().address().is_v4();
  const auto middle = std::stable_partition(from.begin(), from.end(), [&](const auto& each) {
    return each.address().is_v4() == first_is_v4;
  });
  asio_name_cache::endpoints mixed;
  for (auto one = from.begin(), other = middle; one != middle || other != from.end();) {
    if (one != middle) mixed.push_back(*one++);
    if (other != from.end()) mixed.push_back(*other++);
  }
  return mixed;
}

AGENT_WEBSOCKET_INLINE void asio_dial::give_up() {
  done_ = nullptr;
  timer_.cancel();
  sockets_.clear();
}

AGENT_WEBSOCKET_INLINE asio_dial::asio_dial(asio::io_context& context, int receive_buffer_bytes,
                                            handler done)
    : context_(context),
      timer_(context),
      receive_buffer_bytes_(receive_buffer_bytes),
      done_(std::move(done)) {}

AGENT_WEBSOCKET_INLINE void asio_dial::resolved(const std::error_code& failure,
                                                const asio_name_cache::endpoints& found) {
  if (!done_) return;
  if (failure) return finish_later({failure, "cannot resolve "});
  addresses_ = alternating(found);
  try_next();
}

AGENT_WEBSOCKET_INLINE void asio_dial::try_next() {
  while (next_ < addresses_.size()) {
    const asio::ip::tcp::endpoint to = addresses_[next_++];
    auto socket = std::make_unique<asio_socket>(context_.get_executor());
    socket->open(to.protocol(), last_failure_);
    if (last_failure_) continue;
    prepare(*socket);
    asio_socket& at = *socket;
    sockets_.push_back(std::move(socket));
    at.async_connect(to, [self = shared_from_this(), &at](const std::error_code& failure) {
      self->connected(at, failure);
    });
    if (next_ < addresses_.size()) wait_for_fallback();
    return;
  }
  if (sockets_.empty()) finish_later({last_failure_, "cannot connect to "});
}

AGENT_WEBSOCKET_INLINE void asio_dial::prepare(asio_socket& socket) const {
  std::error_code ignored;
  if (receive_buffer_bytes_ > 0) {
    socket.set_option(asio::socket_base::receive_buffer_size(receive_buffer_bytes_), ignored);
  }
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
#if defined(__linux__)
  const int idle = 30;  // seconds: below the patience of most middleboxes
  const int interval = 15;
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
#endif
}

AGENT_WEBSOCKET_INLINE void asio_dial::wait_for_fallback() {
  timer_.expires_after(fallback_delay);
  timer_.async_wait([self = shared_from_this()](const std::error_code& cancelled) {
    if (!cancelled && self->done_) self->try_next();
  });
}

AGENT_WEBSOCKET_INLINE void asio_dial::connected(asio_socket& at, const std::error_code& failure) {
  if (!done_) return;
  const auto found = std::find_if(sockets_.begin(), sockets_.end(),
                                  [&at](const auto& each) { return each.get() == &at; });
  asio_socket socket = std::move(at);
  sockets_.erase(found);
  if (failure) {
    last_failure_ = failure;
    std::error_code ignored;
    socket.close(ignored);
    timer_.cancel();
    return try_next();
  }
  finish_connecting(socket);
  finish({}, std::move(socket));
}

AGENT_WEBSOCKET_INLINE void asio_dial::finish_later(const outcome& what) {
  asio::post(context_, [self = shared_from_this(), what] {
    if (self->done_) self->finish(what, asio_socket(self->context_.get_executor()));
  });
}

AGENT_WEBSOCKET_INLINE void asio_dial::finish(const outcome& what, asio_socket socket) {
  const handler done = std::exchange(done_, nullptr);
  give_up();
  done(what, std::move(socket));
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
