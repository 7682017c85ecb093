// SPDX-License-Identifier: MIT
//
// A stand-in for OpenRouter: an HTTP/1.1 server on the loopback interface with the chat completions
// endpoint, streaming and not, whose "model" is a table of replies (replies.hpp). It lets
// everything be tried without a key, a network or cost. Not a web server: no TLS, no login.
#pragma once

#include "connection.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace demo {

/// Listens on 127.0.0.1. Used from the thread that runs the io_context; stops when destroyed.
class upstream {
 public:
  explicit upstream(asio::io_context& io, upstream_options options = {})
      : listener_(std::make_shared<listener>(io)) {
    listener_->state->options = options;
  }
  ~upstream() { stop(); }
  upstream(const upstream&) = delete;
  upstream& operator=(const upstream&) = delete;

  /// Accepts connections from now on.
  result<void> start() {
    const asio::ip::tcp::endpoint address(asio::ip::address_v4::loopback(),
                                          listener_->state->options.port);
    auto& acceptor = listener_->acceptor;
    std::error_code failure;
    acceptor.open(address.protocol(), failure);
    if (!failure) acceptor.set_option(asio::socket_base::reuse_address(true), failure);
    if (!failure) acceptor.bind(address, failure);
    if (!failure) acceptor.listen(asio::socket_base::max_listen_connections, failure);
    if (!failure) port_ = acceptor.local_endpoint(failure).port();
    if (failure) {
      return error(errc::connection_failed, "The demo upstream cannot listen on 127.0.0.1:" +
                                                std::to_string(address.port()) + ": " +
                                                failure.message());
    }
    listener::accept(listener_);
    return {};
  }

  /// Accepts no more and closes what is open.
  void stop() {
    std::error_code ignored;
    listener_->acceptor.close(ignored);
    listener_->retry.cancel();
    for (const auto& each : listener_->state->open_connections()) each->close();
  }

  /// The port that it listens on; 0 before `start()`.
  std::uint16_t port() const noexcept { return port_; }

  /// What belongs into OPENROUTER_BASE_URL.
  std::string base_url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/api/v1"; }

  const upstream_counters& counters() const noexcept { return listener_->state->counters; }

 private:
  // Apart from the handle, because pending operations hold it.
  struct listener {
    explicit listener(asio::io_context& io) : acceptor(io), retry(io) {}

    static void accept(const std::shared_ptr<listener>& self) {
      self->acceptor.async_accept([self](std::error_code failure, asio::ip::tcp::socket socket) {
        if (!self->acceptor.is_open()) return;
        if (!failure) {
          std::make_shared<detail::connection>(std::move(socket), self->state)->start();
          return accept(self);
        }
        // Out of file descriptors, for instance: they may come back.
        self->retry.expires_after(std::chrono::milliseconds(100));
        self->retry.async_wait([self](std::error_code stopped) {
          if (!stopped && self->acceptor.is_open()) accept(self);
        });
      });
    }

    asio::ip::tcp::acceptor acceptor;
    asio::steady_timer retry;
    std::shared_ptr<detail::shared_state> state = std::make_shared<detail::shared_state>();
  };

  std::shared_ptr<listener> listener_;
  std::uint16_t port_ = 0;
};

}  // namespace demo
