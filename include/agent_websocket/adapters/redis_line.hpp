// SPDX-License-Identifier: MIT
//
// One TCP connection to Redis that stands, with TLS or without: bytes of commands go out, replies
// come in. What belongs to which, and connecting again, is the business of redis_connection.
#pragma once

#include <agent_websocket/adapters/asio_link.hpp>
#include <agent_websocket/adapters/output_buffer.hpp>
#include <agent_websocket/adapters/redis_reply.hpp>
#include <agent_websocket/adapters/tls_context.hpp>
#include <agent_websocket/adapters/tls_stream.hpp>
#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

class redis_line_sink {
 public:
  virtual void on_reply(redis_reply reply) = 0;
  /// The server lives: bytes came, or it took some of those that it had let wait. What goes into an
  /// empty socket says nothing.
  virtual void on_progress() = 0;
  /// The line is gone; the last call. `words`: why, for people.
  virtual void on_line_lost(const std::string& words) = 0;

 protected:
  ~redis_line_sink() = default;
};

class redis_line final : public asio_link {
 public:
  /// An empty context: no TLS. Else the certificate has to be for `host`. Null when there can be no
  /// TLS.
  static link_pointer<redis_line> begin(asio_socket socket, redis_line_sink& sink,
                                        const tls_context& context, const std::string& host);

  /// All that is sent in one turn of the loop goes out in one piece.
  void send(std::string_view bytes);

  /// The sink is not called from now on. What waits goes out as far as the kernel takes it at once.
  void drop();

 private:
  static constexpr std::size_t read_bytes = 32 * 1024;

  redis_line(asio_socket from, redis_line_sink& sink) : asio_link(std::move(from)), sink_(&sink) {}
  ~redis_line() override = default;

  AGENT_WEBSOCKET_INLINE void on_writable() override;

  AGENT_WEBSOCKET_INLINE void on_readable() override;

  std::string refusal() const;

  void lost(const std::string& words);

  redis_line_sink* sink_;
  redis_reader reader_;
  output_buffer output_;
  bool flush_posted_ = false;
  bool is_blocked_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE link_pointer<redis_line> redis_line::begin(asio_socket socket,
                                                                  redis_line_sink& sink,
                                                                  const tls_context& context,
                                                                  const std::string& host) {
  link_pointer<redis_line> line(new redis_line(std::move(socket), sink));
  if (context) {
    line->secure(tls_stream::connect(context, line->socket(), host));
    if (line->tls() == nullptr) {
      line->drop();
      return {};
    }
  }
  line->wait_readable();
  return line;
}

AGENT_WEBSOCKET_INLINE void redis_line::send(std::string_view bytes) {
  if (sink_ == nullptr) return;
  output_.tail().append(bytes);
  if (std::exchange(flush_posted_, true)) return;
  asio::post(socket().get_executor(), [self = link_pointer<redis_line>(this)] {
    self->flush_posted_ = false;
    if (self->sink_ != nullptr && !self->is_blocked_) self->on_writable();
  });
}

AGENT_WEBSOCKET_INLINE void redis_line::drop() {
  if (std::exchange(sink_, nullptr) == nullptr) return;
  if (!is_blocked_ && (tls() == nullptr || tls()->is_established())) transmit(output_);
  close_socket(false);
}

AGENT_WEBSOCKET_INLINE void redis_line::on_writable() {
  if (sink_ == nullptr) return;
  const bool was_blocked = std::exchange(is_blocked_, false);
  const std::size_t before = output_.pending();
  const io_outcome outcome = transmit(output_);
  if (was_blocked && output_.pending() != before) sink_->on_progress();
  if (outcome == io_outcome::ended) return lost(refusal());
  if (outcome == io_outcome::blocked) {
    is_blocked_ = true;
    wait_writable();
  }
}

AGENT_WEBSOCKET_INLINE void redis_line::on_readable() {
  if (sink_ == nullptr) return;
  std::array<char, read_bytes> data;
  std::size_t size = 0;
  if (receive(data.data(), data.size(), size) == io_outcome::ended) return lost(refusal());
  if (size != 0) {
    sink_->on_progress();
    reader_.feed(std::string_view(data.data(), size));
  }
  while (sink_ != nullptr) {
    auto next = reader_.next();
    if (!next) return lost(next.error().detail);
    if (!next->has_value()) return wait_readable();
    sink_->on_reply(std::move(**next));
  }
}

AGENT_WEBSOCKET_INLINE std::string redis_line::refusal() const {
  const std::string words = tls() == nullptr ? std::string() : tls()->refusal_words();
  return words.empty() ? "the connection was closed" : words;
}

AGENT_WEBSOCKET_INLINE void redis_line::lost(const std::string& words) {
  redis_line_sink* const to = std::exchange(sink_, nullptr);
  close_socket(false);
  if (to != nullptr) to->on_line_lost(words);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_REDIS
