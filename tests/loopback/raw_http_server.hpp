// SPDX-License-Identifier: MIT
//
// A server on 127.0.0.1 that sends exactly the bytes that a test wants, whole, in drips, too late,
// or cut: for tests of HTTP clients. Runs on the test's own io_context, plain or with TLS.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/http/headers.hpp>

#include <asio/ssl.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loopback {

/// What the server does after it has read one whole request.
class reply {
 public:
  struct action {
    enum class kind { send, drip, flood, wait, close, reset };
    kind what;
    std::string bytes;
    std::chrono::milliseconds time{0};
    std::size_t count = 0;
  };

  reply() = default;
  reply(const char* bytes) { send(bytes); }             // NOLINT: implicit on purpose
  reply(std::string bytes) { send(std::move(bytes)); }  // NOLINT

  reply& send(std::string bytes) { return add({action::kind::send, std::move(bytes), {}, 0}); }
  /// Each byte by a write of its own.
  reply& drip(std::string bytes) { return add({action::kind::drip, std::move(bytes), {}, 0}); }
  /// `bytes` again and again, `count` times.
  reply& flood(std::string bytes, std::size_t count) {
    return add({action::kind::flood, std::move(bytes), {}, count});
  }
  reply& wait(std::chrono::milliseconds time) { return add({action::kind::wait, "", time, 0}); }
  /// Ends the connection, with TLS without a close_notify.
  reply& close() { return add({action::kind::close, "", {}, 0}); }
  reply& reset() { return add({action::kind::reset, "", {}, 0}); }

  std::deque<action> actions;

 private:
  reply& add(action next) {
    actions.push_back(std::move(next));
    return *this;
  }
};

/// A whole answer with Content-Length.
inline std::string ok(std::string_view body, std::string_view fields = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

inline std::string chunk(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string size;
  for (std::size_t rest = bytes.size(); rest != 0; rest /= 16) size.insert(0, 1, digits[rest % 16]);
  return size + "\r\n" + std::string(bytes) + "\r\n";
}

inline const char* const chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
inline const char* const last_chunk = "0\r\n\r\n";

class raw_http_server {
 public:
  struct request {
    std::size_t connection = 0;  // 1 for the first that was accepted
    std::string line;
    agent_websocket::http::header_list headers;
    std::string body;
  };

  explicit raw_http_server(asio::io_context& context, asio::ssl::context* tls = nullptr)
      : context_(context), tls_(tls), acceptor_(context) {
    const asio::ip::tcp::endpoint here(asio::ip::address_v4::loopback(), 0);
    acceptor_.open(here.protocol());
    acceptor_.bind(here);
    acceptor_.listen();
    accept();
  }
  ~raw_http_server() { *alive_ = false; }

  /// For the next request that finds no other.
  void reply_with(reply next) { replies_.push_back(std::move(next)); }
  /// For all requests without one of those. Default: silence.
  std::function<reply(const request&)> answer = [](const request&) { return reply(); };

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::string url(std::string_view path = "/", std::string_view host = "127.0.0.1") const {
    return std::string(tls_ != nullptr ? "https://" : "http://") + std::string(host) + ":" +
           std::to_string(port()) + std::string(path);
  }
  /// Refuses connections from now on.
  void stop_listening() { acceptor_.close(); }
  /// Closes the connections that wait for their next request; 0 when there is none.
  std::size_t close_idle() {
    std::size_t closed = 0;
    for (const auto& each : idle_) {
      if (const auto close = each.lock()) {
        (*close)();
        ++closed;
      }
    }
    idle_.clear();
    return closed;
  }

  std::vector<request> requests;
  std::size_t accepted = 0;
  std::size_t ended_by_peer = 0;  // the peer closed or reset its side
  std::size_t tls_failures = 0;
  std::size_t flooded = 0;  // times that a flood's bytes were taken by the kernel

 private:
  template <typename Stream>
  struct connection : std::enable_shared_from_this<connection<Stream>> {
    template <typename... Arguments>
    connection(raw_http_server& owner, std::shared_ptr<bool> owner_alive, Arguments&&... arguments)
        : server(owner),
          alive(std::move(owner_alive)),
          stream(std::forward<Arguments>(arguments)...),
          timer(stream.get_executor()) {}

    auto& socket() { return stream.lowest_layer(); }

    // Reads all the time, so that the end of the connection is seen at any time.
    void read() {
      stream.async_read_some(asio::buffer(piece), [self = this->shared_from_this()](
                                                      std::error_code failure, std::size_t size) {
        if (!*self->alive || self->ended) return;
        if (failure) {
          self->ended = true;
          ++self->server.ended_by_peer;
          self->timer.cancel();
          std::error_code ignored;
          self->socket().close(ignored);
          return;
        }
        self->input.append(self->piece, size);
        self->take_requests();
        self->read();
      });
    }

    void take_requests() {
      while (!busy && !ended) {
        const std::size_t blank = input.find("\r\n\r\n");
        if (blank == std::string::npos) return;
        request next;
        next.connection = number;
        std::string_view head(input.data(), blank);
        next.line = head.substr(0, head.find("\r\n"));
        head.remove_prefix(std::min(head.size(), next.line.size() + 2));
        while (!head.empty()) {
          const std::string_view line = head.substr(0, head.find("\r\n"));
          const std::size_t colon = std::min(line.find(':'), line.size());
          next.headers.add(std::string(line.substr(0, colon)),
                           std::string(agent_websocket::http::trim(
                               line.substr(std::min(colon + 1, line.size())))));
          head.remove_prefix(std::min(head.size(), line.size() + 2));
        }
        const std::string length(next.headers.find("Content-Length").value_or("0"));
        const std::size_t size = std::strtoul(length.c_str(), nullptr, 10);
        if (input.size() < blank + 4 + size) return;
        next.body = input.substr(blank + 4, size);
        input.erase(0, blank + 4 + size);
        busy = true;
        actions = server.reply_for(next).actions;
        server.requests.push_back(std::move(next));
        step();
      }
    }

    void step() {
      if (ended || !*alive) return;
      if (actions.empty()) {
        busy = false;
        closer = std::make_shared<std::function<void()>>([this] { end(false); });
        server.idle_.push_back(closer);
        asio::post(stream.get_executor(), [self = this->shared_from_this()] {
          if (*self->alive) self->take_requests();
        });
        return;
      }
      reply::action& next = actions.front();
      switch (next.what) {
        case reply::action::kind::send:
          output = std::move(next.bytes);
          actions.pop_front();
          return write();
        case reply::action::kind::drip:
          output = next.bytes.substr(0, 1);
          next.bytes.erase(0, 1);
          if (next.bytes.empty()) actions.pop_front();
          return write();
        case reply::action::kind::flood:
          output = next.bytes;
          if (--next.count == 0) actions.pop_front();
          ++server.flooded;
          return write();
        case reply::action::kind::wait:
          timer.expires_after(next.time);
          actions.pop_front();
          timer.async_wait([self = this->shared_from_this()](std::error_code failure) {
            if (!failure) self->step();
          });
          return;
        case reply::action::kind::close: return end(false);
        case reply::action::kind::reset: return end(true);
      }
    }

    void write() {
      asio::async_write(stream, asio::buffer(output),
                        [self = this->shared_from_this()](std::error_code failure, std::size_t) {
                          if (!failure) self->step();
                        });
    }

    void end(bool reset) {
      ended = true;
      std::error_code ignored;
      if (reset) socket().set_option(asio::socket_base::linger(true, 0), ignored);
      socket().close(ignored);
    }

    raw_http_server& server;
    std::shared_ptr<bool> alive;
    Stream stream;
    asio::steady_timer timer;
    std::size_t number = 0;
    char piece[4096];
    std::string input;
    std::string output;
    std::deque<reply::action> actions;
    std::shared_ptr<std::function<void()>> closer;
    bool busy = false;
    bool ended = false;
  };

  void accept() {
    acceptor_.async_accept([this, alive = alive_](std::error_code failure,
                                                  asio::ip::tcp::socket socket) {
      if (failure || !*alive) return;
      socket.set_option(asio::ip::tcp::no_delay(true));
      ++accepted;
      if (tls_ != nullptr) {
        using stream = asio::ssl::stream<asio::ip::tcp::socket>;
        auto made = std::make_shared<connection<stream>>(*this, alive_, std::move(socket), *tls_);
        made->number = accepted;
        made->stream.async_handshake(asio::ssl::stream_base::server,
                                     [made](std::error_code refused) {
                                       if (!*made->alive) return;
                                       if (refused) {
                                         ++made->server.tls_failures;
                                       } else {
                                         made->read();
                                       }
                                     });
      } else {
        auto made =
            std::make_shared<connection<asio::ip::tcp::socket>>(*this, alive_, std::move(socket));
        made->number = accepted;
        made->read();
      }
      accept();
    });
  }

  reply reply_for(const request& next) {
    if (replies_.empty()) return answer(next);
    reply first = std::move(replies_.front());
    replies_.pop_front();
    return first;
  }

  asio::io_context& context_;
  asio::ssl::context* tls_;
  asio::ip::tcp::acceptor acceptor_;
  std::deque<reply> replies_;
  std::vector<std::weak_ptr<std::function<void()>>> idle_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace loopback
