// SPDX-License-Identifier: MIT
//
// Transport without sockets: the test plays the clients, the library's calls are recorded.
//
// Driving calls are the test's: connect, request, receive..., disconnect, drain, run. What the
// policy forbids to report from inside one of the library's calls (on_open after answer, on_close
// after close) waits and is delivered by the next driving call, first and last thing it does; run()
// does nothing else. So connect() returns with the connection open when the sink answers at once,
// and after a close() by the library the on_close comes with run() at the latest.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/policy/transport.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace testing {

/// Model of Transport. Records stay readable after a connection has gone; driving calls and records
/// of an id that was never given out throw std::out_of_range, to fail the test.
class mock_transport {
 public:
  /// See transport_sink::on_drained.
  std::size_t low_water_mark = 16 * 1024;

  // --- the policy
  // ---------------------------------------------------------------------------------

  result<void> start(transport_sink& sink);

  void stop() { listening_ = false; }

  void answer(connection_id id, http::response response);

  std::size_t send(connection_id id, std::string_view text);

  void ping(connection_id id);

  void close(connection_id id, std::uint16_t code, std::string_view why);

  // --- the clients
  // --------------------------------------------------------------------------------

  /// A client asks for an upgrade; what `request` leaves empty is filled in ("/ws", a Host, an
  /// address). Open when the sink answers 101 at once; see response_of() for a refusal.
  connection_id connect(handshake request = {});

  /// A plain HTTP request. Status 0 when the sink has not answered yet: see last() and
  /// response_of().
  http::response request(http::request plain);

  /// The client sends a text; dropped when the connection is not open.
  void receive(connection_id id, std::string_view text);
  void receive_binary(connection_id id, std::size_t bytes);
  /// A text above the transport's limit, which passes over it.
  void receive_oversized(connection_id id, std::size_t bytes);
  void receive_pong(connection_id id);

  /// The client goes: on_close with these words, on_abandoned when its request was not answered.
  void disconnect(connection_id id, std::uint16_t code = 1006, std::string_view reason = {});

  /// The client stops reading: what is sent waits from now on.
  void stall(connection_id id);

  /// The client reads everything, and goes on reading.
  void drain(connection_id id);

  /// Delivers what waits, also what comes to wait meanwhile.
  void run();

  // --- what was recorded
  // --------------------------------------------------------------------------

  bool listening() const noexcept { return listening_; }
  /// The next start() fails with this.
  void fail_start(error failure) { start_failure_ = std::move(failure); }

  /// The id of the latest request.
  connection_id last() const noexcept { return last_; }
  /// What a request was answered; status 0 when it was not (yet).
  http::response response_of(connection_id id) const;
  bool is_open(connection_id id) const;

  /// All texts that were sent to the client.
  const std::vector<std::string>& sent(connection_id id) const;
  /// Those since the last take.
  std::vector<std::string> take_sent(connection_id id);
  std::size_t pings(connection_id id) const;
  /// How the library closed the connection, if it did.
  std::optional<std::pair<std::uint16_t, std::string>> close_sent(connection_id id) const;
  /// Connections that are open now.
  std::size_t open_count() const noexcept;

 private:
  enum class phase { asked, open, closing, gone };
  enum class event { opened, closed };

  struct peer {
    phase now = phase::asked;
    bool is_upgrade = false;
    bool stalled = false;
    bool above = false;
    std::size_t waiting = 0;
    std::size_t taken = 0;
    std::size_t pings = 0;
    std::vector<std::string> sent;
    std::optional<http::response> answer;
    std::optional<std::pair<std::uint16_t, std::string>> closed_with;
  };

  connection_id arrive(handshake asked);

  template <typename Report>
  void deliver(connection_id id, Report report) {
    run();
    if (at(id).now == phase::open) sink_->on_alive(id);
    if (at(id).now == phase::open) report();
    run();
  }

  peer* find(connection_id id, phase wanted);
  peer& at(connection_id id);
  const peer& at(connection_id id) const;

  transport_sink* sink_ = nullptr;
  std::optional<error> start_failure_;
  std::map<connection_id, peer> peers_;
  std::vector<std::pair<connection_id, event>> due_;
  connection_id last_ = 0;
  bool listening_ = false;
  bool running_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<void> mock_transport::start(transport_sink& sink) {
  if (start_failure_) {
    const error failure = *std::exchange(start_failure_, std::nullopt);
    return failure;
  }
  sink_ = &sink;
  listening_ = true;
  return {};
}

AGENT_WEBSOCKET_INLINE void mock_transport::answer(connection_id id, http::response response) {
  peer* const found = find(id, phase::asked);
  if (found == nullptr) return;
  const bool upgrades = response.status == 101 && found->is_upgrade;
  if (response.status == 101 && !upgrades) response = http::response::text(500, "Internal error\n");
  found->answer = std::move(response);
  found->now = upgrades ? phase::open : phase::gone;
  if (upgrades) due_.push_back({id, event::opened});
}

AGENT_WEBSOCKET_INLINE std::size_t mock_transport::send(connection_id id, std::string_view text) {
  peer* const found = find(id, phase::open);
  if (found == nullptr) return 0;
  found->sent.emplace_back(text);
  if (!found->stalled) return 0;
  found->waiting += text.size() + (text.size() <= 125 ? 2U : text.size() <= 0xFFFF ? 4U : 10U);
  if (found->waiting > low_water_mark) found->above = true;
  return found->waiting;
}

AGENT_WEBSOCKET_INLINE void mock_transport::ping(connection_id id) {
  if (peer* const found = find(id, phase::open)) ++found->pings;
}

AGENT_WEBSOCKET_INLINE void mock_transport::close(connection_id id, std::uint16_t code,
                                                  std::string_view why) {
  peer* const found = find(id, phase::open);
  if (found == nullptr) return;
  found->closed_with.emplace(code, std::string(why));
  found->now = phase::closing;
  due_.push_back({id, event::closed});
}

AGENT_WEBSOCKET_INLINE connection_id mock_transport::connect(handshake request) {
  if (request.request.target.empty()) request.request.target = "/ws";
  request.is_upgrade = true;
  return arrive(std::move(request));
}

AGENT_WEBSOCKET_INLINE http::response mock_transport::request(http::request plain) {
  if (plain.target.empty()) plain.target = "/";
  handshake asked;
  asked.request = std::move(plain);
  return response_of(arrive(std::move(asked)));
}

AGENT_WEBSOCKET_INLINE void mock_transport::receive(connection_id id, std::string_view text) {
  deliver(id, [&] { sink_->on_text(id, text); });
}

AGENT_WEBSOCKET_INLINE void mock_transport::receive_binary(connection_id id, std::size_t bytes) {
  deliver(id, [&] { sink_->on_binary(id, bytes); });
}

AGENT_WEBSOCKET_INLINE void mock_transport::receive_oversized(connection_id id, std::size_t bytes) {
  deliver(id, [&] { sink_->on_oversized(id, bytes); });
}

AGENT_WEBSOCKET_INLINE void mock_transport::receive_pong(connection_id id) {
  deliver(id, [] {});
}

AGENT_WEBSOCKET_INLINE void mock_transport::disconnect(connection_id id, std::uint16_t code,
                                                       std::string_view reason) {
  run();
  if (find(id, phase::asked) != nullptr) {
    at(id).now = phase::gone;
    sink_->on_abandoned(id);
  } else if (find(id, phase::open) != nullptr) {
    at(id).now = phase::gone;
    sink_->on_close(id, code, reason);
  }
  run();
}

AGENT_WEBSOCKET_INLINE void mock_transport::stall(connection_id id) { at(id).stalled = true; }

AGENT_WEBSOCKET_INLINE void mock_transport::drain(connection_id id) {
  run();
  peer& reader = at(id);
  reader.stalled = false;
  reader.waiting = 0;
  if (std::exchange(reader.above, false) && reader.now == phase::open) sink_->on_drained(id);
  run();
}

AGENT_WEBSOCKET_INLINE void mock_transport::run() {
  if (running_) return;  // a sink that drives: the call outside goes on
  running_ = true;
  while (!due_.empty()) {
    const auto [id, what] = due_.front();
    due_.erase(due_.begin());
    peer& whose = at(id);
    if (what == event::opened) {
      sink_->on_open(id);
    } else if (whose.now == phase::closing) {
      whose.now = phase::gone;
      const auto [code, reason] = *whose.closed_with;
      sink_->on_close(id, code, reason);
    }
  }
  running_ = false;
}

AGENT_WEBSOCKET_INLINE http::response mock_transport::response_of(connection_id id) const {
  return at(id).answer.value_or(http::response{0, {}, {}});
}

AGENT_WEBSOCKET_INLINE bool mock_transport::is_open(connection_id id) const {
  return at(id).now == phase::open;
}

AGENT_WEBSOCKET_INLINE const std::vector<std::string>& mock_transport::sent(
    connection_id id) const {
  return at(id).sent;
}

AGENT_WEBSOCKET_INLINE std::vector<std::string> mock_transport::take_sent(connection_id id) {
  peer& whose = at(id);
  const auto first = whose.sent.begin() + static_cast<std::ptrdiff_t>(whose.taken);
  std::vector<std::string> texts(first, whose.sent.end());
  whose.taken = whose.sent.size();
  return texts;
}

AGENT_WEBSOCKET_INLINE std::size_t mock_transport::pings(connection_id id) const {
  return at(id).pings;
}

AGENT_WEBSOCKET_INLINE std::optional<std::pair<std::uint16_t, std::string>>
mock_transport::close_sent(connection_id id) const {
  return at(id).closed_with;
}

AGENT_WEBSOCKET_INLINE std::size_t mock_transport::open_count() const noexcept {
  std::size_t count = 0;
  for (const auto& each : peers_) count += each.second.now == phase::open ? 1U : 0U;
  return count;
}

AGENT_WEBSOCKET_INLINE connection_id mock_transport::arrive(handshake asked) {
  if (!listening_) throw std::logic_error("mock_transport: nobody listens");
  run();
  if (!asked.request.headers.contains("Host")) asked.request.headers.add("Host", "localhost");
  if (asked.remote_address.empty()) asked.remote_address = "127.0.0.1";
  const connection_id id = ++last_;
  peers_[id].is_upgrade = asked.is_upgrade;
  sink_->on_request(id, std::move(asked));
  run();
  return id;
}

AGENT_WEBSOCKET_INLINE mock_transport::peer* mock_transport::find(connection_id id, phase wanted) {
  const auto found = peers_.find(id);
  return found != peers_.end() && found->second.now == wanted ? &found->second : nullptr;
}

AGENT_WEBSOCKET_INLINE mock_transport::peer& mock_transport::at(connection_id id) {
  return peers_.at(id);
}

AGENT_WEBSOCKET_INLINE const mock_transport::peer& mock_transport::at(connection_id id) const {
  return peers_.at(id);
}

#endif

}  // namespace testing
}  // namespace agent_websocket
