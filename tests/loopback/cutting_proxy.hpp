// SPDX-License-Identifier: MIT
//
// A TCP proxy on 127.0.0.1 that carries bytes both ways and ends a connection, without a word, when
// as many bytes have passed as the test wants: also amid a handshake, a frame or a character.
#pragma once

#include <agent_websocket/adapters/asio.hpp>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace loopback {

/// Runs on the test's own io_context, which ends its connections.
class cutting_proxy {
 public:
  cutting_proxy(asio::io_context& context, std::uint16_t server_port)
      : context_(context),
        server_(asio::ip::address_v4::loopback(), server_port),
        acceptor_(context, {asio::ip::address_v4::loopback(), 0}) {
    accept();
  }
  ~cutting_proxy() { *alive_ = false; }

  /// Asked for each connection: how many bytes, both ways together, it carries; nullopt: all.
  std::function<std::optional<std::size_t>()> allowance = [] {
    return std::optional<std::size_t>();
  };

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::size_t connections() const noexcept { return connections_; }
  std::size_t cuts() const noexcept { return *cuts_; }

 private:
  struct pair : std::enable_shared_from_this<pair> {
    explicit pair(asio::io_context& context) : client(context), server(context) {}

    void pump(asio::ip::tcp::socket& from, asio::ip::tcp::socket& to,
              std::array<char, 4096>& bytes) {
      from.async_read_some(asio::buffer(bytes), [self = shared_from_this(), &from, &to, &bytes](
                                                    std::error_code failure, std::size_t size) {
        if (failure) return self->end();
        const bool is_last = self->left && *self->left <= size;
        if (is_last) size = *self->left;
        if (self->left) *self->left -= size;
        asio::async_write(to, asio::buffer(bytes, size),
                          [self, &from, &to, &bytes, is_last](std::error_code broken, std::size_t) {
                            if (is_last) ++*self->cuts;
                            if (broken || is_last) return self->end();
                            self->pump(from, to, bytes);
                          });
      });
    }
    void end() {
      std::error_code ignored;
      client.close(ignored);
      server.close(ignored);
    }

    asio::ip::tcp::socket client, server;
    std::array<char, 4096> up{}, down{};
    std::optional<std::size_t> left;
    std::shared_ptr<std::size_t> cuts;
  };

  void accept() {
    const auto made = std::make_shared<pair>(context_);
    acceptor_.async_accept(made->client, [this, made, alive = alive_](std::error_code failure) {
      if (failure || !*alive) return;
      ++connections_;
      made->left = allowance();
      made->cuts = cuts_;
      made->server.async_connect(server_, [made](std::error_code refused) {
        if (refused) return made->end();
        made->pump(made->client, made->server, made->up);
        made->pump(made->server, made->client, made->down);
      });
      accept();
    });
  }

  asio::io_context& context_;
  asio::ip::tcp::endpoint server_;
  asio::ip::tcp::acceptor acceptor_;
  std::size_t connections_ = 0;
  std::shared_ptr<std::size_t> cuts_ = std::make_shared<std::size_t>(0);
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace loopback
