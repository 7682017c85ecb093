// SPDX-License-Identifier: MIT
//
// What an asio_http_connection sends: bytes that wait for the kernel in a buffer of the client's
// pool, held only as long as something waits. Knows no HTTP, and reads nothing.
#pragma once

#include <agent_websocket/adapters/asio_http_exchange.hpp>
#include <agent_websocket/adapters/asio_link.hpp>
#include <agent_websocket/adapters/output_buffer.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <memory>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

class asio_http_channel : public asio_link {
 protected:
  asio_http_channel(asio_socket from, asio_http_buffers& buffers);
  ~asio_http_channel() override = default;

  asio_http_buffers& buffers() noexcept { return buffers_; }

  /// Something has not gone out yet.
  bool has_output() const noexcept { return output_ != nullptr; }
  /// Cannot be written to. What cannot be written is not the last word: the answer may be there
  /// already.
  bool is_broken() const noexcept { return is_broken_; }

  void send(std::string_view head, std::string_view body);
  /// The same, written at the end of the turn, by on_turn_end().
  void send_later(std::string_view head, std::string_view body);

  /// Writes what waits, now and, by on_writable(), later.
  void flush();

  /// Forgets what waits, and closes.
  void close_channel();

  AGENT_WEBSOCKET_INLINE void on_writable() override;
  AGENT_WEBSOCKET_INLINE void on_turn_end() override;

 private:
  void append(std::string_view head, std::string_view body);

  asio_http_buffers& buffers_;
  std::unique_ptr<output_buffer> output_;
  bool is_broken_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE asio_http_channel::asio_http_channel(asio_socket from,
                                                            asio_http_buffers& buffers)
    : asio_link(std::move(from)), buffers_(buffers) {}

AGENT_WEBSOCKET_INLINE void asio_http_channel::send(std::string_view head, std::string_view body) {
  append(head, body);
  flush();
}

AGENT_WEBSOCKET_INLINE void asio_http_channel::send_later(std::string_view head,
                                                          std::string_view body) {
  append(head, body);
  buffers_.turns->join(*this);
}

AGENT_WEBSOCKET_INLINE void asio_http_channel::append(std::string_view head,
                                                      std::string_view body) {
  if (output_ == nullptr) output_ = buffers_.outputs.take();
  output_->tail().append(head).append(body);
}

AGENT_WEBSOCKET_INLINE void asio_http_channel::flush() {
  if (output_ == nullptr) return;
  const io_outcome outcome = transmit(*output_);
  if (outcome == io_outcome::blocked) return wait_writable();
  if (outcome == io_outcome::ended) {
    is_broken_ = true;
    output_->consume(output_->pending());
  }
  buffers_.outputs.give_back(std::exchange(output_, nullptr));
}

AGENT_WEBSOCKET_INLINE void asio_http_channel::close_channel() {
  if (output_ != nullptr) {
    output_->consume(output_->pending());
    buffers_.outputs.give_back(std::exchange(output_, nullptr));
  }
  close_socket(false);
}

AGENT_WEBSOCKET_INLINE void asio_http_channel::on_writable() { flush(); }

AGENT_WEBSOCKET_INLINE void asio_http_channel::on_turn_end() { flush(); }

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
