// SPDX-License-Identifier: MIT
//
// The HTTP part of a connection's life, up to the answer: reads the request, tells the sink's side
// of it, makes the bytes of every answer. No sockets and no clocks.
#pragma once

#include <agent_websocket/adapters/address_counts.hpp>
#include <agent_websocket/adapters/byte_budget.hpp>
#include <agent_websocket/adapters/http_answer.hpp>
#include <agent_websocket/adapters/websocketpp_request_reader.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/transport.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

class websocketpp_opening {
 public:
  using progress = request_reader::progress;

  /// `remote_address` is the peer's, as text; `bodies` is for those of all connections,
  /// `place` is kept until the end of this.
  websocketpp_opening(std::size_t max_body_bytes, std::string remote_address,
                      const byte_budget& bodies = byte_budget(), address_counts::place place = {});

  /// The first bytes of a connection are no request, but a handshake of TLS (RFC 8446 section 5.1).
  bool is_tls(std::string_view bytes) const noexcept;

  /// Takes bytes up to the end of the request, or until it has to be refused.
  progress feed(std::string_view bytes);

  /// True once, when the client waits for "100 Continue".
  bool take_continue() noexcept;

  /// After `complete`, once.
  handshake take_request();

  /// After `failed`.
  http::response refusal();

  /// For a connection above the limit, whatever it would have asked for.
  static http::response no_place();

  /// For a client that speaks plain HTTP to a port with TLS.
  static http::response needs_tls();

  /// For one that speaks TLS to a port without: its library says that this is no TLS.
  static http::response needs_no_tls();

  bool is_upgrade() const noexcept { return reader_.upgrade() == upgrade_request::well_formed; }

  /// Appends the bytes of the answer, given at `now`. True when the connection is a WebSocket from
  /// now on. A 101 for what is no upgrade is a mistake of the application and becomes a 500.
  bool append(std::string& out, const http::response& answer,
              std::chrono::system_clock::time_point now) const;

  /// What came behind the request. Append here what comes before the answer.
  std::string& early() noexcept { return reader_.rest(); }

 private:
  static http::response later(const char* why);

  request_reader reader_;
  std::string remote_address_;
  byte_budget::share body_;
  address_counts::place place_;
  bool begun_ = false;
  bool is_full_ = false;
  bool head_only_ = false;
  bool continued_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE websocketpp_opening::websocketpp_opening(std::size_t max_body_bytes,
                                                                std::string remote_address,
                                                                const byte_budget& bodies,
                                                                address_counts::place place)
    : reader_(max_body_bytes),
      remote_address_(std::move(remote_address)),
      body_(bodies),
      place_(std::move(place)) {}

AGENT_WEBSOCKET_INLINE bool websocketpp_opening::is_tls(std::string_view bytes) const noexcept {
  return !begun_ && !bytes.empty() && bytes[0] == 0x16;
}

AGENT_WEBSOCKET_INLINE websocketpp_opening::progress websocketpp_opening::feed(
    std::string_view bytes) {
  begun_ = true;
  const progress now = reader_.feed(bytes);
  is_full_ = now != progress::failed && !body_.hold(reader_.body_memory());
  return is_full_ ? progress::failed : now;
}

AGENT_WEBSOCKET_INLINE bool websocketpp_opening::take_continue() noexcept {
  return reader_.wants_continue() && !std::exchange(continued_, true);
}

AGENT_WEBSOCKET_INLINE handshake websocketpp_opening::take_request() {
  head_only_ = reader_.request().method == "HEAD";
  handshake taken;
  taken.request = std::move(reader_.request());
  taken.remote_address = std::move(remote_address_);
  taken.is_upgrade = is_upgrade();
  return taken;
}

AGENT_WEBSOCKET_INLINE http::response websocketpp_opening::refusal() {
  head_only_ = reader_.request().method == "HEAD";
  if (is_full_) return later("Too many requests at once\n");
  return http::response::text(reader_.refusal().status,
                              std::string(reader_.refusal().words) + "\n");
}

AGENT_WEBSOCKET_INLINE http::response websocketpp_opening::no_place() {
  return later("Too many connections\n");
}

AGENT_WEBSOCKET_INLINE http::response websocketpp_opening::needs_tls() {
  return http::response::text(400, "This port speaks TLS: use https:// or wss://\n");
}

AGENT_WEBSOCKET_INLINE http::response websocketpp_opening::needs_no_tls() {
  return http::response::text(400, "This port speaks no TLS: use http:// or ws://\n");
}

AGENT_WEBSOCKET_INLINE bool websocketpp_opening::append(
    std::string& out, const http::response& answer,
    std::chrono::system_clock::time_point now) const {
  if (answer.status != 101) {
    append_answer(out, answer, head_only_, now);
  } else if (is_upgrade()) {
    append_upgrade(out, answer, reader_.accept_key());
    return true;
  } else {
    append_answer(out, http::response::text(500, "Internal error\n"), head_only_, now);
  }
  return false;
}

AGENT_WEBSOCKET_INLINE http::response websocketpp_opening::later(const char* why) {
  http::response answer = http::response::text(503, why);
  answer.headers.add("Retry-After", "5");
  return answer;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
