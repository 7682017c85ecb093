// SPDX-License-Identifier: MIT
//
// One connection of asio_http_client: sends a request, reads its answer into the buffer that all
// connections share, and serves the next one. Tunnels through a proxy and speaks TLS before the
// first, where that is asked for. While it waits it has no buffer; one read a turn.
#pragma once

#include <agent_websocket/adapters/asio_http_channel.hpp>
#include <agent_websocket/adapters/asio_http_exchange.hpp>
#include <agent_websocket/adapters/asio_link.hpp>
#include <agent_websocket/adapters/deadline_list.hpp>
#include <agent_websocket/adapters/http_tunnel.hpp>
#include <agent_websocket/adapters/tls_context.hpp>
#include <agent_websocket/adapters/tls_stream.hpp>
#include <agent_websocket/adapters/turn_keeper.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/result.hpp>
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

class asio_http_connection final : public asio_http_channel, public deadline_hook {
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

  asio_http_connection(asio_socket from, asio_http_buffers& buffers, std::string key);
  ~asio_http_connection() override = default;

  bool secure_or_stand();

  void stand();

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

  asio_http_exchange* exchange_ = nullptr;  // null: idle or closed
  const std::string key_;
  tls_context security_;                 // until TLS begins
  std::string host_;                     // the same
  std::unique_ptr<http_tunnel> tunnel_;  // until it is open
  std::unique_ptr<std::string> held_;    // of the body, read when it was paused already
  http::response_reader reader_;
  std::size_t max_header_bytes_ = 0;
  std::size_t served_ = 0;
  stage stage_ = stage::standing;
  bool to_head_request_ = false;
  bool has_answered_ = false;
  bool paused_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

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
    tunnel_ = std::make_unique<http_tunnel>();
    send(connect, {});
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
    tunnel_->first_request = std::move(head.append(body));
    return;
  }
  reader_ = http::response_reader(to_head_request, max_header_bytes);
  if (stage_ == stage::standing) {
    send_later(head, body);
  } else {
    send(head, body);
    check_handshake();
    if (exchange_ == nullptr) return;
  }
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
    : asio_http_channel(std::move(from), buffers), key_(std::move(key)) {}

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

AGENT_WEBSOCKET_INLINE void asio_http_connection::check_handshake() {
  if (stage_ == stage::handshake && tls() != nullptr && tls()->is_established()) stand();
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::on_writable() {
  flush();
  check_handshake();
  if (is_broken() && stage_ == stage::handshake && exchange_ != nullptr) lost(std::error_code());
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::on_readable() {
  if (exchange_ == nullptr || (paused_ && stage_ == stage::standing)) return;
  const turn_event event(buffers().turns);
  std::size_t size = 0;
  std::error_code failure;
  char* const input = buffers().input.get();
  const io_outcome outcome = receive(input, buffers().size, size, failure);
  check_handshake();
  if (exchange_ == nullptr) return;
  switch (outcome) {
    case io_outcome::blocked: return wait_readable();
    case io_outcome::ended: return lost(failure);
    case io_outcome::done: break;
  }
  if (stage_ == stage::tunnel) return take_tunnel({input, size});
  take(input, size);
}

AGENT_WEBSOCKET_INLINE void asio_http_connection::take_tunnel(std::string_view bytes) {
  const result<bool> is_open = tunnel_->feed(bytes, !has_output());
  if (!is_open) return fail(errc::connection_failed, is_open.error().message);
  if (!*is_open) return wait_readable();
  const auto tunnel = std::exchange(tunnel_, nullptr);
  if (!secure_or_stand()) {
    return fail(errc::connection_failed, "no certificate can be for that host");
  }
  if (exchange_ == nullptr) return;
  reader_ = http::response_reader(to_head_request_, max_header_bytes_);
  send(tunnel->first_request, {});
  check_handshake();
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
  const bool keep = reader_.is_persistent() && !has_output() && !is_broken();
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
  tunnel_.reset();
  close_channel();
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
