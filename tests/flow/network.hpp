// SPDX-License-Identifier: MIT
//
// A line between the shipped client and a server, both on mocks: frames wait on it in both
// directions until the test lets them through, and are lost when it is cut. What the server sends
// is looked at by a socket_watch when it is sent, whatever becomes of it.
#pragma once

#include "flow/fixture.hpp"
#include "flow/socket_watch.hpp"

#include <agent_websocket/client/client.hpp>
#include <agent_websocket/testing/mock_client_transport.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

namespace flow {

/// A program that uses the client: keeps what it is told.
class user : public aw::client_sink {
 public:
  user(aw::testing::manual_scheduler& clock, aw::client_options options)
      : client(transport, clock, *this, std::move(options)) {}
  virtual ~user() = default;

  aw::testing::mock_client_transport transport;
  std::map<std::string, int> ends;                 ///< of own queries: how often each was told
  std::map<std::string, aw::client_answer> ended;  ///< all answers, as they were told last
  std::deque<std::string> notifications;           ///< since the transcript was dropped
  int resets = 0;
  aw::basic_client<aw::testing::mock_client_transport, aw::testing::manual_scheduler> client;

 private:
  void on_answer(const aw::client_answer& answer) override {
    if (answer.own) ++ends[answer.id];
    ended[answer.id] = answer;
  }
  void on_notification(const aw::client_notice& notice) override {
    if (notice.op.empty() && notice.seq) notifications.push_back(notice.content);
  }
  void on_reset() override {
    ++resets;
    notifications.clear();
    ended.clear();
  }
};

template <typename Server>  // a fixture
class line {
 public:
  explicit line(user& whose) : user_(whose) {}
  virtual ~line() = default;

  /// No other client has ever had this one's token.
  bool is_alone = true;

  bool stands() const noexcept { return id_ != 0; }
  aw::connection_id id() const noexcept { return id_; }
  bool is_stalled() const noexcept { return stalled_; }
  /// The client asks for a connection.
  bool is_wanted() const { return user_.transport.is_attempting(); }

  void accept(Server& server) {
    id_ = server.transport.connect();
    server.run();
    watch_ = {};
    stalled_ = false;
    pings_ = 0;
    user_.transport.accept();
    collect(server);
  }
  void refuse(int status) { user_.transport.refuse(status); }

  /// Takes what both sides have sent onto the line, and ends of the connection by either side.
  void collect(Server& server) {
    for (std::string& each : user_.transport.take_sent()) to_server_.push_back(std::move(each));
    if (id_ == 0) return to_server_.clear();
    take_sent(server);
    if (!user_.transport.is_open()) {  // the client has closed it
      drop(server);
    } else if (to_client_.empty() && server.transport.close_sent(id_) && !stalled_) {
      const auto [code, reason] = *server.transport.close_sent(id_);
      drop(server);
      user_.transport.disconnect(code, reason);
    }
  }

  /// Lets up to `most` frames through, to either side.
  void deliver_to_client(Server& server, std::size_t most) {
    for (; most > 0 && !to_client_.empty() && stands() && !stalled_; --most) {
      const std::string next = std::move(to_client_.front());
      to_client_.pop_front();
      user_.transport.receive(next);
      if (!user_.transport.is_open()) break;
    }
    collect(server);
  }
  void deliver_to_server(Server& server, std::size_t most) {
    for (; most > 0 && !to_server_.empty() && stands(); --most) {
      const std::string next = std::move(to_server_.front());
      to_server_.pop_front();
      give(server, next);
    }
    collect(server);
  }
  /// As if a frame had been sent again by a client that knows no better.
  void repeat_to_server(Server& server) {
    if (stands() && !to_server_.empty()) {
      const std::string again = to_server_.front();
      if (again.find(R"("type":"query")") != std::string::npos) give(server, again);
    }
    collect(server);
  }

  /// The connection breaks: of what is under way, that many frames still arrive.
  void cut(Server& server, std::size_t to_client, std::size_t to_server) {
    if (!stands()) return;
    stalled_ = false;
    deliver_to_client(server, to_client);
    deliver_to_server(server, to_server);
    if (!stands()) return;
    drop(server);
    if (user_.transport.is_open()) user_.transport.disconnect();
  }
  /// The server is gone with all it had.
  void lose_server() {
    id_ = 0;
    to_client_.clear();
    to_server_.clear();
    if (user_.transport.is_open()) user_.transport.disconnect();
  }

  void stall(Server& server) {
    if (!stands()) return;
    stalled_ = true;
    server.transport.stall(id_);
  }
  void drain(Server& server) {
    if (!stands() || !stalled_) return;
    stalled_ = false;
    server.transport.drain(id_);
    server.run();
    collect(server);
  }

  /// Both sides answer pings.
  void keep_alive(Server& server) {
    if (!stands() || stalled_) return;
    const std::size_t pings = server.transport.pings(id_);
    if (std::exchange(pings_, pings) == pings) return;
    if (user_.transport.is_open()) user_.transport.receive_ping();
    server.transport.receive_pong(id_);
    server.run();
  }

  std::size_t under_way() const noexcept { return to_client_.size() + to_server_.size(); }

 private:
  void give(Server& server, const std::string& text) {
    const frame said(text);
    if (said.op() == "hello") watch_.hello(is_alone && is_whole(server, said));
    server.transport.receive(id_, text);
    server.run();
    take_sent(server);
  }
  void take_sent(Server& server) {
    for (std::string& each : server.transport.take_sent(id_)) {
      const frame sent(each);
      watch_.take(sent);
      on_sent(sent);
      to_client_.push_back(std::move(each));
    }
  }
  /// The server has sent it, whatever becomes of it.
  virtual void on_sent(const frame&) {}
  /// Whether all is still kept that the client has missed.
  virtual bool is_whole(Server& server, const frame& hello) {
    const auto session = server.server.find_session(hello.text("session_id"));
    if (!session || session->closing()) return false;
    const auto& log = session->core().output().log();
    const auto last_seq = static_cast<std::uint64_t>(hello.number("resume.last_seq"));
    return last_seq + 1 >= log.oldest() && last_seq <= log.top();
  }

  void drop(Server& server) {
    server.transport.disconnect(std::exchange(id_, 0));
    server.run();
    to_client_.clear();
    to_server_.clear();
  }

  user& user_;
  aw::connection_id id_ = 0;
  socket_watch watch_;
  std::deque<std::string> to_client_, to_server_;
  std::size_t pings_ = 0;
  bool stalled_ = false;
};

}  // namespace flow
