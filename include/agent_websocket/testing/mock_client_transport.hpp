// SPDX-License-Identifier: MIT
//
// ClientTransport without sockets: the test plays the server, the library's calls are recorded.
//
// Driving calls are the test's: accept, refuse, receive, receive_ping, disconnect, run. What the
// policy forbids to report from inside one of the library's calls (on_close after close, on_failed
// of an attempt that was given up) waits and is delivered by the next driving call, first and last
// thing it does; run() does nothing else.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/client_transport.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace testing {

/// Model of ClientTransport. Connections are counted from 0, one for each open(); records stay
/// readable after a connection has gone.
class mock_client_transport {
 public:
  enum class phase { attempting, open, closing, gone };

  struct connection {
    std::string url;
    http::header_list headers;
    phase now = phase::attempting;
    std::vector<std::string> sent;  ///< all texts
    /// How the library closed the connection or gave the attempt up, if it did.
    std::optional<std::pair<std::uint16_t, std::string>> closed_with;
    bool stalled = false;
    std::size_t waiting = 0;
  };

  // --- the policy

  void start(client_transport_sink& sink) { sink_ = &sink; }

  void open(std::string_view url, const http::header_list& headers);

  std::size_t send(std::string_view text);

  void close(std::uint16_t code, std::string_view why);

  // --- the server. Each throws std::logic_error, to fail the test, when there is no attempt or no
  // connection that it could be about.

  /// The attempt succeeds.
  void accept();

  /// The attempt fails: with an HTTP status, or with 0 and another reason.
  void refuse(int status, errc why = errc::connection_failed);

  /// The server sends a text.
  void receive(std::string_view text);

  /// The server sends something that is no message: a ping, a part of a long text.
  void receive_ping();

  /// The connection ends.
  void disconnect(std::uint16_t code = 1006, std::string_view reason = {});

  /// The server stops reading: what is sent waits from now on.
  void stall();

  /// Delivers what waits, also what comes to wait meanwhile.
  void run();

  // --- what was recorded

  /// One for each open(), the newest last.
  const std::vector<connection>& connections() const noexcept { return connections_; }
  bool is_attempting() const noexcept { return is(phase::attempting); }
  bool is_open() const noexcept { return is(phase::open); }
  /// Texts since the last take, of all connections, the oldest first.
  std::vector<std::string> take_sent();

 private:
  bool is(phase wanted) const noexcept;
  void require(phase wanted) const;

  client_transport_sink* sink_ = nullptr;
  std::vector<connection> connections_;
  std::size_t seen_ = 0;   // connections whose texts were all taken
  std::size_t taken_ = 0;  // texts of the next one
  bool due_ = false;
  bool is_cancelled_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void mock_client_transport::open(std::string_view url,
                                                        const http::header_list& headers) {
  if (!connections_.empty()) connections_.back().now = phase::gone;
  due_ = false;
  connection made;
  made.url = std::string(url);
  made.headers = headers;
  connections_.push_back(std::move(made));
}

AGENT_WEBSOCKET_INLINE std::size_t mock_client_transport::send(std::string_view text) {
  if (!is(phase::open)) return 0;
  connection& to = connections_.back();
  to.sent.emplace_back(text);
  if (!to.stalled) return 0;
  to.waiting += text.size() + (text.size() <= 125 ? 6U : text.size() <= 0xFFFF ? 8U : 14U);
  return to.waiting;
}

AGENT_WEBSOCKET_INLINE void mock_client_transport::close(std::uint16_t code, std::string_view why) {
  if (!is(phase::open) && !is(phase::attempting)) return;
  connection& whose = connections_.back();
  whose.closed_with.emplace(code, std::string(why));
  is_cancelled_ = whose.now == phase::attempting;
  whose.now = phase::closing;
  due_ = true;
}

AGENT_WEBSOCKET_INLINE void mock_client_transport::accept() {
  run();
  require(phase::attempting);
  connections_.back().now = phase::open;
  sink_->on_open();
  run();
}

AGENT_WEBSOCKET_INLINE void mock_client_transport::refuse(int status, errc why) {
  run();
  require(phase::attempting);
  connections_.back().now = phase::gone;
  const std::string detail =
      status == 0 ? "Connection refused" : "HTTP/1.1 " + std::to_string(status);
  sink_->on_failed(make_error_code(why), status, detail);
  run();
}

AGENT_WEBSOCKET_INLINE void mock_client_transport::receive(std::string_view text) {
  run();
  require(phase::open);
  sink_->on_alive();
  if (is(phase::open)) sink_->on_text(text);
  run();
}

AGENT_WEBSOCKET_INLINE void mock_client_transport::receive_ping() {
  run();
  require(phase::open);
  sink_->on_alive();
  run();
}

AGENT_WEBSOCKET_INLINE void mock_client_transport::disconnect(std::uint16_t code,
                                                              std::string_view reason) {
  run();
  require(phase::open);
  connections_.back().now = phase::gone;
  sink_->on_close(code, reason);
  run();
}

AGENT_WEBSOCKET_INLINE void mock_client_transport::stall() {
  require(phase::open);
  connections_.back().stalled = true;
}

AGENT_WEBSOCKET_INLINE void mock_client_transport::run() {
  while (std::exchange(due_, false)) {
    connection& ended = connections_.back();
    ended.now = phase::gone;
    const auto [code, reason] = *ended.closed_with;
    if (is_cancelled_) {
      sink_->on_failed(make_error_code(errc::cancelled), 0, "given up");
    } else {
      sink_->on_close(code, reason);
    }
  }
}

AGENT_WEBSOCKET_INLINE std::vector<std::string> mock_client_transport::take_sent() {
  std::vector<std::string> texts;
  for (; seen_ < connections_.size(); ++seen_, taken_ = 0) {
    const std::vector<std::string>& all = connections_[seen_].sent;
    texts.insert(texts.end(), all.begin() + static_cast<std::ptrdiff_t>(taken_), all.end());
    taken_ = all.size();
    if (seen_ + 1 == connections_.size()) break;  // more may come
  }
  return texts;
}

AGENT_WEBSOCKET_INLINE bool mock_client_transport::is(phase wanted) const noexcept {
  return !connections_.empty() && connections_.back().now == wanted;
}

AGENT_WEBSOCKET_INLINE void mock_client_transport::require(phase wanted) const {
  if (is(wanted)) return;
  throw std::logic_error(wanted == phase::open ? "mock_client_transport: no connection stands"
                                               : "mock_client_transport: there is no attempt");
}

#endif

}  // namespace testing
}  // namespace agent_websocket
