// SPDX-License-Identifier: MIT
//
// The outgoing side of a connection: one output buffer, made only when something waits, written
// once at the end of a turn and then whenever the kernel has room, counted to the byte; and how TLS
// begins. Knows its hub, but nothing of HTTP and WebSocket.
#pragma once

#include <agent_websocket/adapters/asio_link.hpp>
#include <agent_websocket/adapters/deadline_list.hpp>
#include <agent_websocket/adapters/output_buffer.hpp>
#include <agent_websocket/adapters/websocketpp_hub.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Base of `Connection`.
template <typename Connection>
class websocketpp_channel : public asio_link, public deadline_hook {
 public:
  using hub_type = websocketpp_hub<Connection>;

 protected:
  websocketpp_channel(hub_type& hub, asio_socket socket)
      : asio_link(std::move(socket)), hub_(&hub) {}
  ~websocketpp_channel() override = default;

  hub_type& hub() noexcept { return *hub_; }
  transport_sink& sink() const noexcept { return *hub_->sink; }

  /// What the peer's first byte says.
  enum class greeting {
    none,        ///< it is not there yet
    expected,    ///< TLS has begun, or is not spoken here
    plain_http,  ///< on a port with TLS; not read
    garbage,     ///< neither, or the peer has gone
  };
  greeting greet() {
    if (tls() != nullptr || !hub_->tls) return greeting::expected;
    char first = 0;
    std::error_code failure;
    socket().receive(asio::mutable_buffer(&first, 1), asio::socket_base::message_peek, failure);
    if (outcome_of(failure) == io_outcome::blocked) return greeting::none;
    constexpr char handshake_record = 0x16;  // RFC 8446 section 5.1
    if (!failure && first >= 'A' && first <= 'Z') return greeting::plain_http;
    if (failure || first != handshake_record || !begin_tls()) return greeting::garbage;
    return greeting::expected;
  }

  /// TLS from the next byte on, if it is spoken here. False: there is no memory for it.
  bool begin_tls() {
    if (hub_->tls) secure(tls_stream::accept(hub_->tls, socket()));
    return !hub_->tls || tls() != nullptr;
  }

  /// Counts against max_connections until retire().
  void count() noexcept {
    active_ = true;
    ++hub_->active;
  }
  void retire() noexcept {
    if (std::exchange(active_, false)) --hub_->active;
  }

  /// Bytes that are not in the kernel yet.
  std::size_t pending() const noexcept { return output_ == nullptr ? 0 : output_->pending(); }

  /// Where to append what shall go out; it goes out at the end of the turn.
  std::string& output() {
    if (output_ == nullptr) output_ = hub_->spare_outputs.take();
    touch();
    return output_->tail();
  }

  /// Where to append what a peer has caused that may read nothing, such as a pong. While much waits
  /// it is kept back, the last one in place of those before it, until send_late().
  std::string& late_output() {
    if (output_ != nullptr) output_->late().clear();
    return pending() < max_output_before_late ? output() : output_->late();
  }
  /// What was kept back goes out as soon as less waits.
  void send_late() {
    if (output_ == nullptr || output_->late().empty()) return;
    if (pending() < max_output_before_late) output().append(std::exchange(output_->late(), {}));
  }

  /// The connection closes: it does not go out any more.
  void drop_late() noexcept {
    if (output_ != nullptr) output_->late().clear();
  }

  /// on_turn_end() will be called once, soon.
  void touch() {
    if (!std::exchange(touched_, true)) hub_->turns->join(*this);
  }
  /// First thing in on_turn_end() but for what is to be part of the same write.
  void untouch() noexcept { touched_ = false; }

  /// Writes what waits, as far as the kernel takes it; the rest when it has room. False: the
  /// connection is broken.
  bool transmit_output() {
    if (output_ == nullptr) return true;
    switch (transmit(*output_)) {
      case io_outcome::done: give_back_output(); return true;
      case io_outcome::blocked: wait_writable(); return true;
      case io_outcome::ended: break;
    }
    return false;
  }

  /// Closes our end of the stream, now or when the kernel has room for TLS to say so. True once.
  bool shut_once() {
    if (shut_) return false;
    shut_ = shut_output();
    if (!shut_) wait_writable();
    return shut_;
  }

  /// What waits after a send; notes whether drained() has to tell of it.
  std::size_t pending_after_send() noexcept {
    const std::size_t waiting = pending();
    if (waiting > hub_->settings.low_water_mark) above_ = true;
    return waiting;
  }

  /// True once when output that was above the low-water mark is no longer so.
  bool take_drained() noexcept {
    if (!above_ || pending() > hub_->settings.low_water_mark) return false;
    above_ = false;
    return true;
  }

 private:
  static constexpr std::size_t max_output_before_late = 64 * 1024;

  void give_back_output() {
    if (output_->late().empty()) hub_->spare_outputs.give_back(std::move(output_));
  }

  hub_type* hub_;
  std::unique_ptr<output_buffer> output_;
  bool touched_ = false;
  bool above_ = false;
  bool active_ = false;
  bool shut_ = false;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
