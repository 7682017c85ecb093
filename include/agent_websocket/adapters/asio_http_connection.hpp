// SPDX-License-Identifier: MIT
//
// One connection of asio_http_client: sends a request, reads its answer into the buffer that all
// connections share, and serves the next one. Tunnels through a proxy and speaks TLS before the
// first, where that is asked for. While it waits it has no buffer; one read a turn.
#pragma once

#include <agent_websocket/adapters/asio_link.hpp>
#include <agent_websocket/adapters/deadline_list.hpp>
#include <agent_websocket/adapters/event_turn.hpp>
#include <agent_websocket/adapters/output_buffer.hpp>
#include <agent_websocket/adapters/tls_context.hpp>
#include <agent_websocket/adapters/tls_stream.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/http/response_reader.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

class asio_http_connection;

/// What the connections of one client share. Outlives them, or what is left of them is closed.
struct asio_http_buffers {
  explicit asio_http_buffers(std::size_t read_bytes);
  const std::size_t size;
  const std::unique_ptr<char[]> input;
  output_pool outputs;
  turn_keeper* turns = nullptr;  ///< or null
};

/// The request that a connection serves. Its functions may abandon any connection.
class asio_http_exchange {
 public:
  /// The connection stands, TLS and tunnel included: the time for connecting is over.
  virtual void on_established() = 0;
  /// The first byte of an answer: the request will not be sent again.
  virtual void on_answered() = 0;
  virtual void on_head(const http::response_head& head) = 0;
  /// Never empty.
  virtual void on_body(std::string_view bytes) = 0;
  /// The last word. `keep`: the connection may serve another request; else it is closed.
  virtual void on_end(asio_http_connection& connection, bool keep, std::error_code failure,
                      std::string_view detail) = 0;

 protected:
  ~asio_http_exchange() = default;
};

class asio_http_connection final : public asio_link, public deadline_hook {
 public:
  using pointer = link_pointer<asio_http_connection>;

  /// On a connected socket that does not block. `key` names what it is good for.
  static pointer make(asio_socket socket, asio_http_buffers& buffers, std::string key);

  /// The first request: `connect` (unless empty) goes to the proxy before, and TLS with `security`
  /// (unless empty) to `host` behind that. False when no certificate can be for that host. Calls
  /// the exchange, not before the executor's next turn except for on_established.
  bool open(asio_http_exchange& exchange, std::string connect, const tls_context& security,
            const std::string& host);

  /// Sends a request and reads its answer. The first one right after open(), any other when the
  /// one before has ended and the connection was kept.
  void begin(asio_http_exchange& exchange, std::string head, std::string_view body,
             bool to_head_request, std::size_t max_header_bytes);

  /// No body and no end until resume(); the peer fills the kernel's buffers and waits.
  void pause() noexcept { paused_ = true; }
  /// Calls the exchange in a later turn.
  void resume();

  /// Closes at once; nothing is called from now on.
  void abandon();

  /// False when the peer has closed a kept connection, or has said what nobody asked for.
  bool is_quiet();

  const std::string& key() const noexcept { return key_; }
  /// True when it had served a request before this one.
  bool is_reused() const noexcept { return served_ > 1; }
  bool has_answered() const noexcept { return has_answered_; }

 private:
  enum class stage : std::uint8_t { tunnel, handshake, standing };
  static constexpr std::size_t max_tunnel_head_bytes = 16 * 1024;

  asio_http_connection(asio_socket from, asio_http_buffers& buffers, std::string key);
  ~asio_http_connection() override = default;

  bool secure_or_stand();

  void stand();

  void send(std::string_view head, std::string_view body = {});

  /// What cannot be written is not the last word: the answer may be there already.
  void flush();

  void check_handshake();

  AGENT_WEBSOCKET_INLINE void on_writable() override;

  AGENT_WEBSOCKET_INLINE void on_readable() override;

  void take_tunnel(std::string_view bytes);

  void take(char* data, std::size_t size);

  void take_held();

  /// After all that was read is told.
  void go_on();

  void lost(const std::error_code& failure);

  void fail(std::error_code failure, std::string_view words) { end(false, failure, words); }

  void end(bool keep, std::error_code failure, std::string_view words);

  void close_now();

  asio_http_buffers& buffers_;
  asio_http_exchange* exchange_ = nullptr;  // null: idle or closed
  const std::string key_;
  tls_context security_;                  // until TLS begins
  std::string host_;                      // the same
  std::unique_ptr<std::string> waiting_;  // the request, for the end of the tunnel
  std::unique_ptr<std::string> held_;     // of the body, read when it was paused already
  std::unique_ptr<output_buffer> output_;
  http::response_reader reader_;
  std::size_t max_header_bytes_ = 0;
  std::size_t served_ = 0;
  stage stage_ = stage::standing;
  bool to_head_request_ = false;
  bool has_answered_ = false;
  bool is_broken_ = false;  // cannot be written to
  bool paused_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE asio_http_buffers::asio_http_buffers(std::size_t read_bytes)
    : size(read_bytes), input(std::make_unique<char[]>(read_bytes)) {}

AGENT_WEBSOCKET_INLINE asio_http_connection::pointer asio_http_connection::make(
    asio_socket socket, asio_http_buffers& buffers, std::string key) {
  return pointer(new asio_http_connection(std::move(socket), buffers, std::move(key)));
}

AGENT_WEBSOCKET_INLINE bool asio_http_connection::open(asio_http_exchange& exchange,
                                                       std::string connect,
                                                       const tls_context& security,
                                                       const std::string& host) {
  exchange_ = &exchange;
  security_ = security;
  host_ = host;
  if (!connect.empty()) {
    stage_ = stage::tunnel;
    reader_ = http::response_reader(true, max_tunnel_head_bytes);
    send(connect);
    wait_readable();
    return true;
  }
  return secure_or_stand();
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::begin(asio_http_exchange& exchange,
                                                        std::string head, std::string_view body,
                                                        bool to_head_request,
                                                        std::size_t max_header_bytes) {
  exchange_ = &exchange;
  to_head_request_ = to_head_request;
  max_header_bytes_ = max_header_bytes;
  has_answered_ = false;
  ++served_;
  if (stage_ == stage::tunnel) {
    waiting_ = std::make_unique<std::string>(head.append(body));
    return;
  }
  reader_ = http::response_reader(to_head_request, max_header_bytes);
  send(head, body);
  wait_readable();
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::resume() {
  if (!std::exchange(paused_, false) || exchange_ == nullptr) return;
  if (held_ == nullptr) return wait_readable();
  asio::post(socket().get_executor(), [self = pointer(this)] {
    if (self->held_ != nullptr && !self->paused_) self->take_held();
  });
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::abandon() {
  exchange_ = nullptr;
  close_now();
}

AGENT_WEBSOCKET_INLINE bool asio_http_connection::is_quiet() {
  if (!is_open() || (tls() != nullptr && tls()->has_buffered())) return false;
  char byte = 0;
  std::error_code failure;
  socket().receive(asio::mutable_buffer(&byte, 1), asio::socket_base::message_peek, failure);
  return outcome_of(failure) == io_outcome::blocked;
}

AGENT_WEBSOCKET_INLINE asio_http_connection::asio_http_connection(asio_socket from,
                                                                  asio_http_buffers& buffers,
                                                                  std::string key)
    : asio_link(std::move(from)), buffers_(buffers), key_(std::move(key)) {}

AGENT_WEBSOCKET_INLINE bool asio_http_connection::secure_or_stand() {
  if (!security_) {
    stand();
    return true;
  }
  stage_ = stage::handshake;
  secure(tls_stream::connect(security_, socket(), host_));
  security_ = tls_context();
  return tls() != nullptr;
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::stand() {
  stage_ = stage::standing;
  std::string().swap(host_);
  exchange_->on_established();
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::send(std::string_view head,
                                                       std::string_view body) {
  if (output_ == nullptr) output_ = buffers_.outputs.take();
  output_->tail().append(head).append(body);
  flush();
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::flush() {
  if (output_ == nullptr) return;
  const io_outcome outcome = transmit(*output_);
  check_handshake();
  if (outcome == io_outcome::blocked) return wait_writable();
  if (outcome == io_outcome::ended) {
    is_broken_ = true;
    output_->consume(output_->pending());
  }
  buffers_.outputs.give_back(std::exchange(output_, nullptr));
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::check_handshake() {
  if (stage_ == stage::handshake && tls() != nullptr && tls()->is_established()) stand();
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::on_writable() {
  flush();
  if (is_broken_ && stage_ == stage::handshake && exchange_ != nullptr) lost(std::error_code());
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::on_readable() {
  if (exchange_ == nullptr || (paused_ && stage_ == stage::standing)) return;
  const event_turn turn(buffers_.turns);
  std::size_t size = 0;
  std::error_code failure;
  const io_outcome outcome = receive(buffers_.input.get(), buffers_.size, size, failure);
  check_handshake();
  switch (outcome) {
    case io_outcome::blocked: return wait_readable();
    case io_outcome::ended: return lost(failure);
    case io_outcome::done: break;
  }
  if (stage_ == stage::tunnel) return take_tunnel({buffers_.input.get(), size});
  take(buffers_.input.get(), size);
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::take_tunnel(std::string_view bytes) {
  http::response_head head;
  const std::size_t used = reader_.feed_head(bytes, head);
  if (reader_.failure()) {
    return fail(errc::connection_failed, "the proxy's answer to CONNECT is malformed");
  }
  if (!reader_.has_head()) return wait_readable();
  if (head.status < 200 || head.status > 299) {
    return fail(errc::connection_failed,
                "the proxy refused the tunnel with status " + std::to_string(head.status));
  }
  if (used != bytes.size() || output_ != nullptr) {
    return fail(errc::connection_failed, "the proxy spoke into the tunnel");
  }
  if (!secure_or_stand()) {
    return fail(errc::connection_failed, "no certificate can be for that host");
  }
  reader_ = http::response_reader(to_head_request_, max_header_bytes_);
  const auto request = std::exchange(waiting_, nullptr);
  send(*request);
  if (exchange_ != nullptr) wait_readable();
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::take(char* data, std::size_t size) {
  if (!std::exchange(has_answered_, true)) exchange_->on_answered();
  if (!reader_.has_head()) {
    http::response_head head;
    const std::size_t used = reader_.feed_head({data, size}, head);
    if (reader_.failure()) return fail(reader_.failure(), reader_.failure_words());
    if (!reader_.has_head()) return wait_readable();
    exchange_->on_head(head);
    if (exchange_ == nullptr) return;
    data += used;
    size -= used;
  }
  std::string_view content;
  if (size != 0) content = reader_.feed_body(data, size);
  if (!content.empty()) {
    if (paused_) {
      held_ = std::make_unique<std::string>(content);
      return;
    }
    exchange_->on_body(content);
    if (exchange_ == nullptr) return;
  }
  go_on();
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::take_held() {
  const std::unique_ptr<std::string> held = std::exchange(held_, nullptr);
  exchange_->on_body(*held);
  if (exchange_ != nullptr) go_on();
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::go_on() {
  if (reader_.failure()) return fail(reader_.failure(), reader_.failure_words());
  if (!reader_.is_complete()) {
    if (!paused_) wait_readable();
    return;
  }
  const bool keep = reader_.is_persistent() && output_ == nullptr && !is_broken_;
  end(keep, std::error_code(), std::string_view());
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::lost(const std::error_code& failure) {
  if (stage_ == stage::handshake) {
    const std::string refusal = tls()->refusal_words();
    return fail(errc::connection_failed,
                refusal.empty() ? "the connection was lost within the TLS handshake" : refusal);
  }
  if (stage_ == stage::tunnel) {
    return fail(errc::connection_failed, "the proxy closed the connection");
  }
  if (failure != asio::error::eof) {
    return fail(errc::connection_failed, has_answered_
                                             ? "the connection was lost within the answer"
                                             : "the connection was lost before the answer");
  }
  reader_.end();
  if (reader_.failure()) return fail(reader_.failure(), reader_.failure_words());
  end(false, std::error_code(), std::string_view());
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::end(bool keep, std::error_code failure,
                                                      std::string_view words) {
  const pointer self(this);
  paused_ = false;
  asio_http_exchange* const exchange = std::exchange(exchange_, nullptr);
  if (!keep) close_now();
  exchange->on_end(*this, keep, failure, words);
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::close_now() {
  held_.reset();
  waiting_.reset();
  if (output_ != nullptr) {
    output_->consume(output_->pending());
    buffers_.outputs.give_back(std::exchange(output_, nullptr));
  }
  close_socket(false);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
