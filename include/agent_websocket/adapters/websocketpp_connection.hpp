// SPDX-License-Identifier: MIT
//
// One connection of a websocketpp_transport, from its first byte to its last: HTTP request, answer,
// upgrade, frames, end. Reads once a turn into the shared buffer, keeps nothing of the handshake,
// and has an output buffer only while something waits. States and their ends are in the table at
// `phase`.
#pragma once

#include <agent_websocket/adapters/asio_link.hpp>
#include <agent_websocket/adapters/deadline_list.hpp>
#include <agent_websocket/adapters/http_answer.hpp>
#include <agent_websocket/adapters/websocketpp_frame.hpp>
#include <agent_websocket/adapters/websocketpp_frame_reader.hpp>
#include <agent_websocket/adapters/websocketpp_hub.hpp>
#include <agent_websocket/adapters/websocketpp_request_reader.hpp>
#include <agent_websocket/policy/transport.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

class websocketpp_connection final : public asio_link, public deadline_hook {
 public:
  using hub_type = websocketpp_hub<websocketpp_connection>;

  /// Takes an accepted socket into the hub. `remote` is its peer.
  static void open(hub_type& hub, asio_socket socket, const asio::ip::address& remote) {
    const std::size_t limit = hub.settings.max_connections;
    const bool full = limit != 0 && hub.active >= limit;
    // Who is turned away stays until he has read why; there is a limit to that as well.
    if (full && hub.connections.size() >= limit + max_refused) return;
    const link_pointer<websocketpp_connection> made(
        new websocketpp_connection(hub, std::move(socket)));
    made->id_ = hub.connections.add(made);
    made->begin(remote, full);
  }

  // What the transport is asked to do; ignored where it makes no sense (any more).
  void answer(const http::response& response);
  std::size_t send(std::string_view text);
  void ping();
  void close(std::uint16_t code, std::string_view why);

  /// The transport goes: nothing is called any more.
  void drop() {
    phase_ = phase::gone;
    leave();
    close_socket(true);
  }

  /// At the end of a turn in which the hub was told: reports what could not be reported at once,
  /// and writes.
  void settle();
  void on_deadline();

 private:
  /// | phase   | waits for                  | deadline     | end                                |
  /// |---------|----------------------------|--------------|------------------------------------|
  /// | head    | a complete request         | heads        | closed without a word              |
  /// | asked   | answer()                   | answers      | on_abandoned, 503 when late        |
  /// | open    | frames                     | none         | on_close                           |
  /// | closing | the peer's close frame     | endings      | on_close                           |
  /// | leaving | output to go, peer's end   | answers, then endings | all was reported before   |
  /// | gone    | settle(), if it has to report |           |                                    |
  enum class phase : std::uint8_t { head, asked, open, closing, leaving, gone };

  static constexpr std::size_t max_refused = 128;
  static constexpr std::size_t max_early_bytes = 16 * 1024;
  /// A peer that pings without reading gets no pongs beyond this: RFC 6455 section 5.5.3 lets us
  /// skip some.
  static constexpr std::size_t max_output_for_pong = 64 * 1024;

  /// What is needed up to the answer.
  struct opening {
    explicit opening(std::size_t max_body_bytes) : reader(max_body_bytes) {}
    request_reader reader;
    asio::ip::address remote;
    std::string early;  // what came behind the request before it was answered
    bool head_only = false;
    bool continued = false;
  };

  /// How close() was called.
  struct farewell {
    std::uint16_t code;
    std::string reason;
  };

  /// Turns the events of the frame reader into calls of the sink.
  struct frame_events {
    websocketpp_connection& self;

    bool on_text(std::string_view text) {
      if (self.phase_ == phase::open) self.sink().on_text(self.id_, text);
      return self.is_reading_frames();
    }
    bool on_binary(std::uint64_t bytes) {
      if (self.phase_ == phase::open)
        self.sink().on_binary(self.id_, static_cast<std::size_t>(bytes));
      return self.is_reading_frames();
    }
    bool on_oversized(std::uint64_t bytes) {
      if (self.phase_ == phase::open)
        self.sink().on_oversized(self.id_, static_cast<std::size_t>(bytes));
      return self.is_reading_frames();
    }
    bool on_ping(std::string_view payload) {
      if (self.phase_ == phase::open && self.pending() < max_output_for_pong) {
        append_frame(self.output(), opcode::pong, payload);
      }
      return true;
    }
    bool on_pong() { return true; }
    bool on_close(std::uint16_t code, std::string_view reason) {
      self.peer_closed(code, reason);
      return false;
    }
  };

  websocketpp_connection(hub_type& hub, asio_socket socket)
      : asio_link(std::move(socket)), hub_(&hub) {}
  ~websocketpp_connection() override = default;

  transport_sink& sink() const noexcept { return *hub_->sink; }
  bool is_reading_frames() const noexcept {
    return phase_ == phase::open || phase_ == phase::closing;
  }
  std::size_t pending() const noexcept { return output_ == nullptr ? 0 : output_->pending(); }

  /// Where to append what shall go out; it goes out at the end of the turn.
  std::string& output() {
    if (output_ == nullptr) output_ = hub_->spare_outputs.take();
    touch();
    return output_->tail();
  }

  void touch() {
    if (std::exchange(touched_, true)) return;
    hub_->touch(*this);
  }

  void begin(const asio::ip::address& remote, bool full);
  void on_readable() override;
  void on_writable() override;
  void take_request(std::string_view bytes);
  void take_frames(char* data, std::size_t size);
  void report_open();
  void peer_closed(std::uint16_t code, std::string_view reason);
  void report_close(std::uint16_t code, std::string_view reason);
  void lost();
  void leave_with_answer(const http::response& response, bool head_only);
  void write();
  void retire();
  void finish(bool reset);

  hub_type* hub_;
  connection_id id_ = 0;
  frame_reader reader_;
  std::unique_ptr<output_buffer> output_;
  std::unique_ptr<opening> opening_;
  std::unique_ptr<farewell> farewell_;
  phase phase_ = phase::head;
  bool active_ = false;  // counts against max_connections
  bool touched_ = false;
  bool open_due_ = false;   // answered with 101, not yet reported
  bool close_due_ = false;  // ended by close(), not yet reported
  bool above_ = false;      // send() has returned more than the low-water mark
  bool clean_ = false;      // leaving: the peer sends nothing any more
  bool shut_ = false;       // leaving: our end of the stream is closed
};

inline void websocketpp_connection::begin(const asio::ip::address& remote, bool full) {
  opening_ = std::make_unique<opening>(hub_->settings.max_http_body_bytes);
  if (full) {
    http::response answer = http::response::text(503, "Too many connections\n");
    answer.headers.add("Retry-After", "5");
    leave_with_answer(answer, false);
  } else {
    const bool is_mapped = remote.is_v6() && remote.to_v6().is_v4_mapped();
    opening_->remote =
        is_mapped
            ? asio::ip::address(asio::ip::make_address_v4(asio::ip::v4_mapped, remote.to_v6()))
            : remote;
    active_ = true;
    ++hub_->active;
    hub_->watch(hub_->heads, *this);
  }
  wait_readable();
}

inline void websocketpp_connection::on_readable() {
  const hub_type::scope turn(*hub_);
  report_open();
  if (phase_ == phase::gone) return;
  std::size_t size = 0;
  const io_outcome outcome = receive(hub_->read_buffer(), hub_type::read_buffer_bytes, size);
  if (outcome == io_outcome::ended) {
    clean_ = true;
    // Half closed: it may still want what we have for it.
    if (phase_ != phase::leaving || pending() == 0) lost();
    return;
  }
  if (size > 0) {
    char* const data = hub_->read_buffer();
    switch (phase_) {
      case phase::head: take_request(std::string_view(data, size)); break;
      case phase::asked:
        opening_->early.append(data, size);
        // Read on after the answer; until then a peer that sends on is not watched for leaving.
        if (opening_->early.size() >= max_early_bytes) return;
        break;
      case phase::open:
      case phase::closing: take_frames(data, size); break;
      case phase::leaving:
      case phase::gone: break;
    }
  }
  wait_readable();
}

inline void websocketpp_connection::take_request(std::string_view bytes) {
  request_reader& reader = opening_->reader;
  switch (reader.feed(bytes)) {
    case request_reader::progress::more:
      if (reader.wants_continue() && !std::exchange(opening_->continued, true)) {
        output().append("HTTP/1.1 100 Continue\r\n\r\n");
      }
      return;
    case request_reader::progress::failed:
      return leave_with_answer(
          http::response::text(reader.refusal().status, std::string(reader.refusal().words) + "\n"),
          reader.request().method == "HEAD");
    case request_reader::progress::complete: break;
  }
  handshake request;
  request.request = std::move(reader.request());
  request.remote_address = opening_->remote.to_string();
  request.is_upgrade = reader.upgrade() == upgrade_request::well_formed;
  opening_->head_only = request.request.method == "HEAD";
  opening_->early = std::move(reader.rest());
  phase_ = phase::asked;
  hub_->watch(hub_->answers, *this);
  sink().on_request(id_, std::move(request));
}

inline void websocketpp_connection::answer(const http::response& response) {
  if (phase_ != phase::asked) return;
  const bool is_upgrade = opening_->reader.upgrade() == upgrade_request::well_formed;
  if (response.status != 101) return leave_with_answer(response, opening_->head_only);
  if (!is_upgrade)
    return leave_with_answer(http::response::text(500, "Internal error\n"), opening_->head_only);
  append_upgrade(output(), response, opening_->reader.accept_key());
  leave();
  phase_ = phase::open;
  open_due_ = true;
  wait_readable();
}

/// Reports the upgrade, then the frames that came before it.
inline void websocketpp_connection::report_open() {
  if (!std::exchange(open_due_, false)) return;
  std::string early;
  if (opening_ != nullptr) early = std::move(opening_->early);
  opening_.reset();
  sink().on_open(id_);
  if (!early.empty() && is_reading_frames()) take_frames(&early[0], early.size());
}

inline std::size_t websocketpp_connection::send(std::string_view text) {
  if (phase_ != phase::open) return 0;
  append_frame(output(), opcode::text, text);
  const std::size_t waiting = pending();
  if (waiting > hub_->settings.low_water_mark) above_ = true;
  return waiting;
}

inline void websocketpp_connection::ping() {
  if (phase_ == phase::open) append_frame(output(), opcode::ping, std::string_view());
}

inline void websocketpp_connection::close(std::uint16_t code, std::string_view why) {
  if (phase_ != phase::open && !(phase_ == phase::closing && code == close_code::abnormal)) return;
  if (code == close_code::abnormal) {
    if (farewell_ == nullptr)
      farewell_ = std::make_unique<farewell>(farewell{code, std::string(why)});
    close_due_ = true;
    touch();
    return finish(true);
  }
  const std::string payload = close_payload(code, why);
  append_frame(output(), opcode::close, payload);
  farewell_ = std::make_unique<farewell>(farewell{code, std::string(why)});
  phase_ = phase::closing;
  hub_->watch(hub_->endings, *this);
}

inline void websocketpp_connection::take_frames(char* data, std::size_t size) {
  if (phase_ == phase::open) sink().on_alive(id_);
  if (!is_reading_frames()) return;
  frame_events events{*this};
  const std::uint16_t failure = reader_.feed(data, size, hub_->limits, events);
  if (failure == close_code::none || !is_reading_frames()) return;
  const char* reason = "protocol_error";
  if (failure == close_code::invalid_payload) reason = "invalid_utf8";
  if (failure == close_code::policy_violation) reason = "too_many_fragments";
  if (failure == close_code::too_big) reason = "message_too_large";
  if (phase_ == phase::open) append_frame(output(), opcode::close, close_payload(failure, reason));
  report_close(failure, reason);
}

inline void websocketpp_connection::peer_closed(std::uint16_t code, std::string_view reason) {
  if (phase_ == phase::open)
    append_frame(output(), opcode::close, close_payload(code, std::string_view()));
  clean_ = true;
  report_close(code, reason);
}

/// The last report about an open connection. What waits still goes out.
inline void websocketpp_connection::report_close(std::uint16_t code, std::string_view reason) {
  const std::unique_ptr<farewell> ours = std::move(farewell_);
  phase_ = phase::leaving;
  retire();
  hub_->watch(hub_->endings, *this);
  touch();
  if (ours != nullptr) {
    sink().on_close(id_, ours->code, ours->reason);
  } else {
    sink().on_close(id_, code, reason);
  }
}

/// The peer has closed its end, or the connection has failed.
inline void websocketpp_connection::lost() {
  const phase before = phase_;
  if (before == phase::open || before == phase::closing)
    report_close(close_code::abnormal, std::string_view());
  if (before == phase::asked) {
    phase_ = phase::leaving;
    sink().on_abandoned(id_);
  }
  finish(pending() != 0);
}

inline void websocketpp_connection::leave_with_answer(const http::response& response,
                                                      bool head_only) {
  append_answer(output(), response, head_only);
  opening_.reset();
  phase_ = phase::leaving;
  retire();
  hub_->watch(hub_->answers, *this);
  wait_readable();
}

inline void websocketpp_connection::on_deadline() {
  report_open();
  switch (phase_) {
    case phase::asked:
      leave_with_answer(http::response::text(503, "No answer in time\n"), opening_->head_only);
      return sink().on_abandoned(id_);
    case phase::closing: report_close(close_code::abnormal, std::string_view()); break;
    case phase::head:
    case phase::leaving: break;
    case phase::open:
    case phase::gone: return;
  }
  finish(pending() != 0);
}

inline void websocketpp_connection::settle() {
  report_open();
  touched_ = false;
  if (std::exchange(close_due_, false)) {
    const std::unique_ptr<farewell> ours = std::move(farewell_);
    return sink().on_close(id_, ours->code, ours->reason);
  }
  write();
}

inline void websocketpp_connection::on_writable() {
  const hub_type::scope turn(*hub_);
  report_open();
  write();
}

inline void websocketpp_connection::write() {
  if (phase_ == phase::gone) return;
  if (output_ != nullptr) {
    switch (transmit(*output_)) {
      case io_outcome::ended: return lost();
      case io_outcome::blocked: wait_writable(); break;
      case io_outcome::done: hub_->spare_outputs.give_back(std::move(output_)); break;
    }
  }
  if (above_ && pending() <= hub_->settings.low_water_mark) {
    above_ = false;
    if (phase_ == phase::open) sink().on_drained(id_);
  }
  if (phase_ != phase::leaving || pending() != 0) return;
  // A peer that still sends would be answered with a reset, which may overtake our last words.
  if (clean_) return finish(false);
  if (std::exchange(shut_, true)) return;
  shut_output();
  hub_->watch(hub_->endings, *this);
}

inline void websocketpp_connection::retire() {
  if (std::exchange(active_, false)) --hub_->active;
}

inline void websocketpp_connection::finish(bool reset) {
  phase_ = phase::gone;
  retire();
  leave();
  close_socket(reset);
  hub_->connections.remove(id_);
  if (hub_->connections.size() == 0) hub_->rest_when_idle();
}

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
