// SPDX-License-Identifier: MIT
//
// An HTTP proxy on 127.0.0.1 for CONNECT (RFC 9110 section 9.3.6): reads the request, says what the
// test wants, and carries bytes both ways to one server, whatever host was asked for.
#pragma once

#include <agent_websocket/adapters/asio.hpp>

#include <asio/buffer.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace loopback {

/// Runs on the test's own io_context, which ends its connections.
class tunnelling_proxy {
 public:
  tunnelling_proxy(asio::io_context& context, std::uint16_t server_port)
      : context_(context),
        server_(asio::ip::address_v4::loopback(), server_port),
        acceptor_(context, {asio::ip::address_v4::loopback(), 0}) {
    accept();
  }
  ~tunnelling_proxy() { *alive_ = false; }

  std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n";
  bool carries = true;              // false: closes behind the answer
  std::vector<std::string> heads;  // of the requests

  std::string host() const {
    return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }

 private:
  struct pair : std::enable_shared_from_this<pair> {
    explicit pair(asio::io_context& context) : client(context), server(context) {}

    void pump(asio::ip::tcp::socket& from, asio::ip::tcp::socket& to,
              std::array<char, 4096>& bytes) {
      from.async_read_some(asio::buffer(bytes), [self = shared_from_this(), &from, &to, &bytes](
                                                    std::error_code failure, std::size_t size) {
        if (failure) return self->end();
        asio::async_write(to, asio::buffer(bytes, size),
                          [self, &from, &to, &bytes](std::error_code broken, std::size_t) {
                            if (broken) return self->end();
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
    std::string head;
    std::string answer;
    std::array<char, 4096> up{}, down{};
  };

  void accept() {
    const auto made = std::make_shared<pair>(context_);
    acceptor_.async_accept(made->client, [this, made, alive = alive_](std::error_code failure) {
      if (failure || !*alive) return;
      read(made);
      accept();
    });
  }

  void read(const std::shared_ptr<pair>& made) {
    asio::async_read_until(
        made->client, asio::dynamic_buffer(made->head), "\r\n\r\n",
        [this, made, alive = alive_](std::error_code failure, std::size_t) {
          if (failure || !*alive) return;
          heads.push_back(made->head);
          made->answer = answer;
          made->server.async_connect(server_, [made, goes_on = carries](std::error_code) {
            asio::async_write(made->client, asio::buffer(made->answer),
                              [made, goes_on](std::error_code, std::size_t) {
                                if (!goes_on) return made->end();
                                made->pump(made->client, made->server, made->up);
                                made->pump(made->server, made->client, made->down);
                              });
          });
        });
  }

  asio::io_context& context_;
  asio::ip::tcp::endpoint server_;
  asio::ip::tcp::acceptor acceptor_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace loopback
