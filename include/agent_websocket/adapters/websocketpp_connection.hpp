// SPDX-License-Identifier: MIT
//
// One connection of a websocketpp_transport, from its first byte to its last: request, answer,
// upgrade, frames, end. Reads once a turn into the hub's buffer and keeps nothing of the handshake.
// What it does when is in the table at `phase`; what it does with frames, up to the closing
// handshake, is in websocketpp_framing.hpp; the formats are elsewhere.
#pragma once

#include <agent_websocket/adapters/websocketpp_channel.hpp>
#include <agent_websocket/adapters/websocketpp_frame_reader.hpp>
#include <agent_websocket/adapters/websocketpp_opening.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/transport.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

class websocketpp_connection final : public websocketpp_channel<websocketpp_connection> {
 public:
  /// Takes an accepted socket into the hub.
  static void open(hub_type& hub, asio_socket socket, std::string remote_address);

  // What the transport is asked to do; ignored where it makes no sense (any more).
  void answer(const http::response& response);
  std::size_t send(std::string_view text);
  void ping();
  void close(std::uint16_t code, std::string_view why);

  /// The transport goes: nothing is called any more.
  void drop();

  void on_deadline();

 private:
  /// | phase   | waits for                | deadline              | end                         |
  /// |---------|--------------------------|-----------------------|-----------------------------|
  /// | head    | a complete request       | heads                 | without a word              |
  /// | asked   | answer()                 | answers               | on_abandoned; late: and 503 |
  /// | open    | frames                   | none                  | on_close                    |
  /// | closing | the peer's close frame   | endings               | on_close                    |
  /// | leaving | output to go, peer's end | answers, then endings | all was reported before     |
  /// | gone    | the turn's end to report |                       |                             |
  enum class phase : std::uint8_t { head, asked, open, closing, leaving, gone };

  static constexpr std::size_t max_refused = 128;
  static constexpr std::size_t max_early_bytes = 16 * 1024;

  /// How close() was called.
  struct farewell {
    std::uint16_t code;
    std::string reason;
  };

  /// Turns the events of the frame reader into calls of the sink.
  struct frame_events {
    websocketpp_connection& self;

    bool on_text(std::string_view text);
    bool on_binary(std::size_t bytes);
    bool on_oversized(std::size_t bytes);
    bool on_ping(std::string_view payload);
    bool on_pong() { return true; }
    bool on_close(std::uint16_t code, std::string_view reason);
  };

  websocketpp_connection(hub_type& hub, asio_socket socket);
  ~websocketpp_connection() override = default;

  bool is_reading_frames() const noexcept;

  inline void on_readable() override;  // inline here too: else the class has a key function,
  inline void on_writable() override;  // and each unit that includes this compiles all of it
  inline void on_turn_end() override;
  void take(char* data, std::size_t size);
  void take_request(std::string_view bytes);
  void take_frames(char* data, std::size_t size);
  void report_open();
  void peer_closed(std::uint16_t code, std::string_view reason);
  void report_close(std::uint16_t code, std::string_view reason);
  void lost();
  void leave_with(const http::response& response);
  void write();
  void finish(bool reset);
  void forget();

  // First, into what the base leaves of its last word.
  phase phase_ = phase::head;
  bool open_due_ = false;   // answered with 101, not yet reported
  bool close_due_ = false;  // ended by close(), not yet reported
  bool clean_ = false;      // the peer sends nothing any more
  connection_id id_ = 0;
  resting_frame_reader reader_;
  std::unique_ptr<websocketpp_opening> opening_;  // until the answer has been given
  std::unique_ptr<farewell> farewell_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void websocketpp_connection::drop() {
  phase_ = phase::gone;
  open_due_ = close_due_ = false;
  leave();
  close_socket(true);
}

AGENT_WEBSOCKET_INLINE websocketpp_connection::websocketpp_connection(hub_type& hub,
                                                                      asio_socket socket)
    : websocketpp_channel(hub, std::move(socket)) {}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::open(hub_type& hub, asio_socket socket,
                                                         std::string remote_address) {
  const std::size_t limit = hub.settings.max_connections;
  const bool full = limit != 0 && hub.active >= limit;
  // Who is turned away stays until he has read why; there is a limit to that as well.
  if (full && hub.connections.size() >= limit + max_refused) return;
  if (!hub.unanswered.has_place(remote_address)) return;
  const link_pointer<websocketpp_connection> made(
      new websocketpp_connection(hub, std::move(socket)));
  made->id_ = hub.connections.add(made);
  auto place = hub.unanswered.take(remote_address);
  made->opening_ = std::make_unique<websocketpp_opening>(
      hub.settings.max_http_body_bytes, std::move(remote_address), hub.bodies, std::move(place));
  if (full && !made->begin_tls()) return made->finish(true);
  if (full) return made->leave_with(websocketpp_opening::no_place());
  made->count();
  hub.watch(hub.heads, *made);
  made->on_readable();  // who had to wait before being accepted has asked already
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::on_readable() {
  const hub_type::scope event(hub());
  report_open();
  if (phase_ == phase::gone) return;
  switch (phase_ == phase::head ? greet() : greeting::expected) {
    case greeting::none: return wait_readable();
    case greeting::plain_http: return leave_with(websocketpp_opening::needs_tls());
    case greeting::garbage: return finish(false);
    case greeting::expected: break;
  }
  std::size_t size = 0;
  if (receive(hub().read_buffer(), hub_type::read_buffer_bytes, size) == io_outcome::ended) {
    clean_ = true;
    // The peer may have closed one direction only and still want what we have for it.
    const bool is_broken = tls() != nullptr && tls()->has_failed();
    if (phase_ != phase::leaving || pending() == 0 || is_broken) lost();
    return;
  }
  if (size > 0) take(hub().read_buffer(), size);
  // What comes too early is read after the answer. Until then a peer that goes is not noticed.
  if (clean_ || (phase_ == phase::asked && opening_->early().size() >= max_early_bytes)) return;
  wait_readable();
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::take(char* data, std::size_t size) {
  switch (phase_) {
    case phase::head: return take_request(std::string_view(data, size));
    case phase::asked: opening_->early().append(data, size); return;
    case phase::open:
    case phase::closing: return take_frames(data, size);
    case phase::leaving:
    case phase::gone: return;
  }
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::take_request(std::string_view bytes) {
  if (opening_->is_tls(bytes)) return leave_with(websocketpp_opening::needs_no_tls());
  switch (opening_->feed(bytes)) {
    case websocketpp_opening::progress::more:
      if (opening_->take_continue()) output().append("HTTP/1.1 100 Continue\r\n\r\n");
      return;
    case websocketpp_opening::progress::failed: return leave_with(opening_->refusal());
    case websocketpp_opening::progress::complete: break;
  }
  phase_ = phase::asked;
  hub().watch(hub().answers, *this);
  sink().on_request(id_, opening_->take_request());
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::answer(const http::response& response) {
  if (phase_ != phase::asked) return;
  if (response.status != 101 || !opening_->is_upgrade()) return leave_with(response);
  opening_->append(output(), response, std::chrono::system_clock::now());
  leave();
  phase_ = phase::open;
  open_due_ = true;
  wait_readable();
}

/// Reports the upgrade, then takes the frames that came before it.
AGENT_WEBSOCKET_INLINE void websocketpp_connection::report_open() {
  if (!std::exchange(open_due_, false)) return;
  std::string early = std::move(opening_->early());
  opening_.reset();
  sink().on_open(id_);
  if (!early.empty() && is_reading_frames()) take_frames(&early[0], early.size());
}

/// The peer has closed its end, or the connection is broken.
AGENT_WEBSOCKET_INLINE void websocketpp_connection::lost() {
  if (is_reading_frames()) report_close(close_code::abnormal, std::string_view());
  if (phase_ == phase::asked) {
    phase_ = phase::leaving;
    sink().on_abandoned(id_);
  }
  if (clean_) transmit_output();  // of this turn, which has not ended yet
  finish(pending() != 0);
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::leave_with(const http::response& response) {
  opening_->append(output(), response, std::chrono::system_clock::now());
  opening_.reset();
  phase_ = phase::leaving;
  retire();
  hub().watch(hub().answers, *this);
  wait_readable();
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::on_deadline() {
  report_open();
  switch (phase_) {
    case phase::asked:
      leave_with(http::response::text(503, "No answer in time\n"));
      return sink().on_abandoned(id_);
    case phase::closing: report_close(close_code::abnormal, std::string_view()); break;
    case phase::head:
    case phase::leaving: break;
    case phase::open:
    case phase::gone: return;
  }
  // For a peer that reads nothing the kernel would go on trying for minutes.
  finish(pending() != 0 || has_undelivered());
}

/// Reports what could not be reported at once, and writes.
AGENT_WEBSOCKET_INLINE void websocketpp_connection::on_turn_end() {
  if (phase_ == phase::gone && !close_due_) return;  // maybe the hub, too
  const hub_type::scope event(hub());
  report_open();
  untouch();
  if (std::exchange(close_due_, false)) {
    const std::unique_ptr<farewell> ours = std::move(farewell_);
    forget();
    return sink().on_close(id_, ours->code, ours->reason);
  }
  write();
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::on_writable() {
  const hub_type::scope event(hub());
  report_open();
  write();
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::write() {
  if (phase_ == phase::gone) return;
  if (phase_ != phase::open) drop_late();
  if (!transmit_output()) return lost();
  if (phase_ == phase::open) send_late();
  if (take_drained() && phase_ == phase::open) sink().on_drained(id_);
  if (phase_ != phase::leaving || pending() != 0) return;
  if (clean_) return finish(false);
  // A peer that still sends would be answered with a reset, which may overtake our last words: our
  // end is closed first, and the rest after the peer's.
  if (shut_once()) hub().watch(hub().endings, *this);
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::finish(bool reset) {
  phase_ = phase::gone;
  retire();
  leave();
  close_socket(reset);
  if (!close_due_) forget();  // else it is to be found until that is reported
}

AGENT_WEBSOCKET_INLINE void websocketpp_connection::forget() {
  hub().connections.remove(id_);
  if (hub().connections.size() == 0) hub().rest_when_idle();
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
