// SPDX-License-Identifier: MIT
//
// A server on 127.0.0.1 that says what a test wants in the place of a Redis, command by command. Runs
// on the test's own io_context.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/redis_reply.hpp>

#include <doctest/doctest.h>

#include <asio/write.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace loopback {

class redis_peer {
 public:
  /// The bytes for a command, its words with blanks between: "SET a 1". "close" ends the connection,
  /// and nothing says nothing.
  using answer = std::function<std::string(const std::string& command)>;

  redis_peer(asio::io_context& context, answer each)
      : acceptor_(context, {asio::ip::make_address("127.0.0.1"), 0}), answer_(std::move(each)) {
    accept();
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::size_t accepted() const { return accepted_; }
  const std::vector<std::string>& commands() const { return commands_; }
  /// Says that to all that are connected.
  void say(const std::string& bytes) {
    for (const auto& each : connections_) each->say(bytes);
  }

 private:
  struct connection : std::enable_shared_from_this<connection> {
    connection(redis_peer& of, asio::ip::tcp::socket from) : peer(of), socket(std::move(from)) {}

    void read() {
      socket.async_read_some(asio::buffer(data), [self = shared_from_this()](std::error_code failure,
                                                                            std::size_t size) {
        if (failure) return;
        self->reader.feed(std::string_view(self->data.data(), size));
        for (;;) {
          const auto next = self->reader.next();
          REQUIRE(next.has_value());
          if (!next->has_value()) break;
          std::string command;
          for (std::size_t i = 0; i < (**next).size(); ++i) {
            command += (i == 0 ? "" : " ") + std::string((**next)[i].text());
          }
          self->peer.commands_.push_back(command);
          const std::string bytes = self->peer.answer_(command);
          if (bytes == "close") return self->socket.close();
          self->say(bytes);
        }
        self->read();
      });
    }

    void say(const std::string& bytes) {
      std::error_code ignored;
      if (socket.is_open()) asio::write(socket, asio::buffer(bytes), ignored);
    }

    redis_peer& peer;
    asio::ip::tcp::socket socket;
    std::array<char, 4096> data{};
    agent_websocket::adapters::redis_reader reader;
  };

  void accept() {
    acceptor_.async_accept([this](std::error_code failure, asio::ip::tcp::socket socket) {
      if (failure) return;
      ++accepted_;
      connections_.push_back(std::make_shared<connection>(*this, std::move(socket)));
      connections_.back()->read();
      accept();
    });
  }

  asio::ip::tcp::acceptor acceptor_;
  answer answer_;
  std::size_t accepted_ = 0;
  std::vector<std::string> commands_;
  std::vector<std::shared_ptr<connection>> connections_;
};

}  // namespace loopback
