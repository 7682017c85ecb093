// SPDX-License-Identifier: MIT
//
// A client's WebSocket (RFC 6455) over a TCP connection that stands, with TLS or without:
// handshake, masked frames, pongs, close. One line is one connection; see websocketpp_connector for
// how it comes about. No extensions.
#pragma once

#include <agent_websocket/adapters/asio_link.hpp>
#include <agent_websocket/adapters/output_buffer.hpp>
#include <agent_websocket/adapters/tls_context.hpp>
#include <agent_websocket/adapters/tls_stream.hpp>
#include <agent_websocket/adapters/websocketpp_frame.hpp>
#include <agent_websocket/adapters/websocketpp_frame_reader.hpp>
#include <agent_websocket/adapters/websocketpp_handshake.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/random.hpp>
#include <agent_websocket/policy/client_transport.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

struct connector_settings {
  /// Larger texts end the connection with 1009.
  std::size_t max_message_bytes = 16 * 1024 * 1024;
  std::chrono::milliseconds connect_timeout{10'000};  ///< from open() to on_open
  std::chrono::milliseconds close_timeout{5'000};
  /// For wss: the authorities that are trusted, a file in PEM form; empty: those of the system.
  std::string ca_file;
};

/// For a line with TLS: an empty context is none.
struct line_security {
  tls_context context;
  std::string host;  ///< whom the certificate has to name
};

class websocketpp_client_line final : public asio_link {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Sends the handshakes, of TLS as well. `deadline`: for their answers.
  static link_pointer<websocketpp_client_line> begin(
      asio_socket socket, client_transport_sink& sink, client_handshake handshake,
      const connector_settings& settings, const line_security& security, time_point deadline);

  /// Bytes that wait; 0 when the line is not open.
  std::size_t send(std::string_view text);

  void ping();

  void close(std::uint16_t code, std::string_view reason);

  /// Nothing is called from now on.
  void drop() { end(); }

  bool is_open() const noexcept { return phase_ == phase::open; }

  // Events of the frame reader.
  bool on_text(std::string_view text);
  bool on_binary(std::size_t) { return true; }
  bool on_oversized(std::size_t);
  bool on_ping(std::string_view payload);
  bool on_pong() { return true; }
  bool on_close(std::uint16_t code, std::string_view reason);

 private:
  enum class phase : std::uint8_t { handshake, open, closing, gone };
  static constexpr std::size_t read_bytes = 16 * 1024;
  static constexpr std::size_t max_head_bytes = 16 * 1024;

  websocketpp_client_line(asio_socket from, client_transport_sink& sink, client_handshake handshake,
                          const connector_settings& settings);
  ~websocketpp_client_line() override = default;

  void append(opcode code, std::string_view payload);

  void post_flush();

  AGENT_WEBSOCKET_INLINE void on_writable() override;

  AGENT_WEBSOCKET_INLINE void on_readable() override;

  void take_answer(std::string_view bytes);

  void take_frames(char* data, std::size_t size);

  void break_off(std::uint16_t failure);

  void lost();

  void report_close(std::uint16_t code, std::string_view reason);

  void fail(errc failure, std::string_view detail, int status = 0);

  /// True the first time.
  bool end();

  void watch(time_point deadline);

  void on_deadline();

  client_transport_sink* sink_;
  client_handshake handshake_;
  connector_settings settings_;
  asio_timer timer_;
  frame_limits limits_;
  frame_reader reader_;
  output_buffer output_;
  random_source random_;
  std::string head_;  // of an unfinished answer
  std::string closing_reason_;
  std::uint16_t closing_with_ = close_code::none;
  phase phase_ = phase::handshake;
  bool handshaking_ = true;
  bool is_cancelled_ = false;
  bool flush_posted_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE link_pointer<websocketpp_client_line> websocketpp_client_line::begin(
    asio_socket socket, client_transport_sink& sink, client_handshake handshake,
    const connector_settings& settings, const line_security& security, time_point deadline) {
  link_pointer<websocketpp_client_line> line(
      new websocketpp_client_line(std::move(socket), sink, std::move(handshake), settings));
  if (security.context) {
    line->secure(tls_stream::connect(security.context, line->socket(), security.host));
    if (line->tls() == nullptr) {  // never without TLS where it was asked for
      asio::post(line->socket().get_executor(), [line] {
        line->fail(errc::bad_configuration, "no certificate can be for that host");
      });
      return line;
    }
  }
  line->output_.tail() = line->handshake_.bytes;
  line->post_flush();
  line->watch(deadline);
  line->wait_readable();
  return line;
}

AGENT_WEBSOCKET_INLINE std::size_t websocketpp_client_line::send(std::string_view text) {
  if (phase_ != phase::open) return 0;
  append(opcode::text, text);
  return output_.pending();
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::ping() {
  if (phase_ == phase::open) append(opcode::ping, std::string_view());
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::close(std::uint16_t code,
                                                           std::string_view reason) {
  if (phase_ == phase::gone || (phase_ == phase::closing && code != close_code::abnormal)) return;
  const bool was_open = phase_ == phase::open;
  if (phase_ != phase::closing) {
    closing_with_ = code;
    closing_reason_ = std::string(reason);
  }
  phase_ = phase::closing;
  if (was_open && code != close_code::abnormal) {
    append(opcode::close, close_payload(code, reason));
    watch(std::chrono::steady_clock::now() + settings_.close_timeout);
  } else {
    is_cancelled_ = !was_open && handshaking_;
    watch(std::chrono::steady_clock::now());  // reported by the executor, soon
  }
}

AGENT_WEBSOCKET_INLINE bool websocketpp_client_line::on_text(std::string_view text) {
  if (phase_ == phase::open) sink_->on_text(text);
  return phase_ != phase::gone;
}

AGENT_WEBSOCKET_INLINE bool websocketpp_client_line::on_oversized(std::size_t) {
  break_off(close_code::too_big);
  return false;
}

AGENT_WEBSOCKET_INLINE bool websocketpp_client_line::on_ping(std::string_view payload) {
  if (phase_ == phase::open) append(opcode::pong, payload);
  return true;
}

AGENT_WEBSOCKET_INLINE bool websocketpp_client_line::on_close(std::uint16_t code,
                                                              std::string_view reason) {
  if (phase_ == phase::open) append(opcode::close, close_payload(code, std::string_view()));
  transmit(output_);
  report_close(code, reason);
  return false;
}

AGENT_WEBSOCKET_INLINE websocketpp_client_line::websocketpp_client_line(
    asio_socket from, client_transport_sink& sink, client_handshake handshake,
    const connector_settings& settings)
    : asio_link(std::move(from)),
      sink_(&sink),
      handshake_(std::move(handshake)),
      settings_(settings),
      timer_(socket().get_executor()) {
  limits_.max_message_bytes = settings.max_message_bytes;
  limits_.expect_masked = false;
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::append(opcode code, std::string_view payload) {
  append_masked_frame(output_.tail(), code, payload, static_cast<std::uint32_t>(random_.bits()));
  post_flush();
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::post_flush() {
  if (std::exchange(flush_posted_, true)) return;
  asio::post(socket().get_executor(),
             [self = link_pointer<websocketpp_client_line>(this)] { self->on_writable(); });
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::on_writable() {
  flush_posted_ = false;
  if (phase_ == phase::gone) return;
  switch (transmit(output_)) {
    case io_outcome::done: return;
    case io_outcome::blocked: return wait_writable();
    case io_outcome::ended: return lost();
  }
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::on_readable() {
  std::array<char, read_bytes> data;
  std::size_t size = 0;
  if (receive(data.data(), data.size(), size) == io_outcome::ended) {
    return lost();
  }
  if (size > 0 && phase_ == phase::open) sink_->on_alive();
  if (phase_ == phase::gone) return;
  if (handshaking_) {
    take_answer(std::string_view(data.data(), size));
  } else {
    take_frames(data.data(), size);
  }
  if (phase_ != phase::gone) wait_readable();
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::take_answer(std::string_view bytes) {
  head_.append(bytes);
  const std::size_t end = head_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (head_.size() > max_head_bytes) fail(errc::protocol_error, "the answer has no end");
    return;
  }
  const result<void> verdict = handshake_.check(std::string_view(head_).substr(0, end + 4));
  if (!verdict) {
    return fail(verdict.error().code, verdict.error().detail,
                client_handshake::refusal_status(head_));
  }
  std::string rest = head_.substr(end + 4);
  std::string().swap(head_);
  handshaking_ = false;
  if (phase_ != phase::handshake) return;  // close() was called meanwhile
  phase_ = phase::open;
  timer_.cancel();
  sink_->on_open();
  if (rest.empty()) return;
  if (phase_ == phase::open) sink_->on_alive();
  take_frames(&rest[0], rest.size());
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::take_frames(char* data, std::size_t size) {
  if (phase_ == phase::gone) return;
  const std::uint16_t failure = reader_.feed(data, size, limits_, *this);
  if (failure != close_code::none) break_off(failure);
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::break_off(std::uint16_t failure) {
  if (phase_ == phase::open) {
    append(opcode::close, close_payload(failure, failure_reason(failure)));
    transmit(output_);
  }
  report_close(failure, failure_reason(failure));
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::lost() {
  const std::string refusal = tls() == nullptr ? std::string() : tls()->refusal_words();
  if (handshaking_) {
    return fail(is_cancelled_ ? errc::cancelled : errc::connection_failed,
                refusal.empty() ? std::string_view("the connection was closed") : refusal);
  }
  report_close(close_code::abnormal, std::string_view());
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::report_close(std::uint16_t code,
                                                                  std::string_view reason) {
  client_transport_sink* const sink = sink_;
  const std::string ours = closing_reason_;
  const bool began = phase_ == phase::closing;
  if (!end()) return;
  sink->on_close(began ? closing_with_ : code, began ? std::string_view(ours) : reason);
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::fail(errc failure, std::string_view detail,
                                                          int status) {
  client_transport_sink* const sink = sink_;
  const std::string words(detail);
  if (end()) sink->on_failed(make_error_code(failure), status, words);
}

AGENT_WEBSOCKET_INLINE bool websocketpp_client_line::end() {
  if (phase_ == phase::gone) return false;
  phase_ = phase::gone;
  timer_.cancel();
  close_socket(false);
  return true;
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::watch(time_point deadline) {
  timer_.expires_at(deadline);
  timer_.async_wait(
      [self = link_pointer<websocketpp_client_line>(this)](const std::error_code& failure) {
        if (!failure && self->phase_ != phase::gone) self->on_deadline();
      });
}

AGENT_WEBSOCKET_INLINE void websocketpp_client_line::on_deadline() {
  if (!handshaking_) return report_close(close_code::abnormal, std::string_view());
  fail(is_cancelled_ ? errc::cancelled : errc::timeout_connect, "no answer to the handshake");
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
