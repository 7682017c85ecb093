// SPDX-License-Identifier: MIT
//
// Sockets of one server that watch sessions of another, over the exchange between them. Here they
// are "away" (the socket is here, its session is there) or "guests" (the other way round; they have
// ids of their own). Frames to a guest are sent as far as its server has room for them. What was
// lost between two servers, or a server that is silent for too long, costs the sockets that were
// on it, on both sides: their clients come back and resume. Knows no session.
#pragma once

#include <agent_websocket/base/error.hpp>
#include <agent_websocket/policy/any_exchange.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/server/relay_message.hpp>
#include <agent_websocket/server/relay_sink.hpp>
#include <agent_websocket/session/outlet.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agent_websocket {

template <typename Scheduler>
class relay final : public remote_outlet, private exchange_sink {
 public:
  static constexpr std::chrono::seconds ping_interval{2};
  /// Who is silent so long has gone.
  static constexpr std::chrono::seconds patience{10};
  /// Who does not answer an arrival so long may have died: its session may be to be had by now.
  static constexpr std::chrono::seconds arrival_patience{3};
  /// Taken bytes are told of when there are so many.
  static constexpr std::size_t told_bytes = 16 * 1024;
  /// What sessions give to a transport at a time. What waits below that counts as taken: a
  /// transport that writes later has always some, and only tells of more than its low-water mark.
  static constexpr std::size_t room = 64 * 1024;

  relay(any_exchange& exchange, Scheduler& scheduler, relay_sink& sink)
      : exchange_(exchange), scheduler_(scheduler), sink_(sink) {}
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;
  ~relay() { scheduler_.cancel_timer(timer_); }

  /// Once, before everything else.
  void start() {
    is_on_ = !exchange_.name().empty();
    if (is_on_) exchange_.listen(*this);
  }
  /// There are other servers.
  bool is_on() const noexcept { return is_on_; }
  bool is_idle() const noexcept { return away_.empty() && ids_.empty() && heard_.empty(); }

  void tell(std::string_view server, std::string_view notice) {
    exchange_.send(server, encode_relay({relay_kind::notice, 0, 0, notice}));
  }
  void tell_all(std::string_view notice) {
    exchange_.publish(encode_relay({relay_kind::notice, 0, 0, notice}));
  }

  // ---- away sockets

  /// The socket asks the server for its session.
  void send_away(connection_id socket, const std::string& server, std::string_view arrival) {
    away_[socket] = {server, 0, 0, 0, scheduler_.now()};
    watch(server);
    say(socket, away_[socket], relay_kind::arrive, arrival);
  }
  bool is_away(connection_id socket) const { return !away_.empty() && away_.count(socket) != 0; }
  /// A message of its client.
  void pass(connection_id socket, std::string_view text) {
    const auto found = away_.find(socket);
    if (found != away_.end()) say(socket, found->second, relay_kind::text, text);
  }
  /// The transport has sent all that it had for the socket.
  void drained(connection_id socket) {
    const auto found = away_.find(socket);
    if (found != away_.end()) tell_taken(socket, found->second);
  }
  void gone(connection_id socket, std::uint16_t code) {
    const auto found = away_.find(socket);
    if (found == away_.end()) return;
    send_to(found->second.server, relay_kind::left, socket, std::to_string(code));
    away_.erase(found);
  }
  /// Visits the ids; the visit must not change them.
  template <typename Visit>
  void each_away(Visit&& visit) const {
    for (const auto& each : away_) visit(each.first);
  }

  // ---- guests

  void refuse(connection_id guest, errc why) {
    const auto found = guests_.find(guest);
    if (found == guests_.end()) return;
    send_to(found->second.server, relay_kind::refuse, found->second.socket, to_string(why));
    forget(found);
  }
  std::size_t send(connection_id guest, std::string_view frame) override {
    const auto found = guests_.find(guest);
    if (found == guests_.end()) return 0;
    visitor& to = found->second;
    to.waiting += frame.size();
    exchange_.send(to.server, encode_relay({relay_kind::frame, to.socket, ++to.sent, frame}));
    return to.waiting;
  }
  /// The guest goes when its server has closed it.
  void close(connection_id guest, std::uint16_t code, std::string_view reason) override {
    const auto found = guests_.find(guest);
    if (found == guests_.end()) return;
    send_to(found->second.server, relay_kind::close, found->second.socket,
            std::to_string(code) + " " + std::string(reason));
  }

 private:
  struct away_socket {
    std::string server;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::size_t taken = 0;  // bytes that were not told yet
    time_point asked{};     // for its session
  };
  struct visitor {
    std::string server;
    std::uint64_t socket = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::size_t waiting = 0;  // bytes on the way to its peer
  };
  using visitors_map = std::unordered_map<connection_id, visitor>;

  void send_to(std::string_view server, relay_kind kind, connection_id socket,
               std::string_view body) {
    exchange_.send(server, encode_relay({kind, socket, 0, body}));
  }
  void say(connection_id socket, away_socket& from, relay_kind kind, std::string_view body) {
    exchange_.send(from.server, encode_relay({kind, socket, ++from.sent, body}));
  }
  void tell_taken(connection_id socket, away_socket& from) {
    if (from.taken == 0) return;
    send_to(from.server, relay_kind::took, socket, std::to_string(std::exchange(from.taken, 0)));
  }

  // ---- who is there

  void watch(const std::string& server) {
    heard_.emplace(server, scheduler_.now());
    if (timer_ == 0)
      timer_ = scheduler_.start_timer(scheduler_.now() + ping_interval, [this] { look(); });
  }

  void look() {
    timer_ = 0;
    std::vector<std::string> silent, idle;
    for (auto& each : heard_) {
      if (!has_any(each.first)) {
        idle.push_back(each.first);
      } else if (scheduler_.now() - each.second >= patience) {
        silent.push_back(each.first);
      } else {
        send_to(each.first, relay_kind::ping, 0, {});
      }
    }
    for (const std::string& each : idle) heard_.erase(each);
    for (const std::string& each : silent) {
      heard_.erase(each);
      ask_again([&](const away_socket& of) { return of.server == each; });
      drop([&](const std::string& server) { return server == each; });
    }
    ask_again([now = scheduler_.now()](const away_socket& of) {
      return now - of.asked >= arrival_patience;
    });
    if (!heard_.empty() && timer_ == 0)
      timer_ = scheduler_.start_timer(scheduler_.now() + ping_interval, [this] { look(); });
  }

  /// For sockets that were not answered yet: there may be news of the session.
  template <typename IsLate>
  void ask_again(IsLate&& is_late) {
    std::vector<connection_id> waiting;
    for (const auto& each : away_) {
      if (each.second.received == 0 && is_late(each.second)) waiting.push_back(each.first);
    }
    for (const connection_id each : waiting) {
      gone(each, 1006);
      sink_.on_refused(each, errc::moved);
    }
  }

  bool has_any(const std::string& server) const {
    const auto has = [&](const auto& all) {
      return std::any_of(all.begin(), all.end(),
                         [&](const auto& each) { return each.second.server == server; });
    };
    return has(away_) || has(guests_);
  }

  /// All sockets between this server and those that are gone(name), which are told if they live.
  template <typename Gone>
  void drop(Gone&& is_gone) {
    std::vector<connection_id> over;
    const auto look_through = [&](const auto& all) {
      for (const auto& each : all) {
        if (is_gone(each.second.server)) over.push_back(each.first);
      }
    };
    look_through(away_);
    look_through(guests_);
    for (const connection_id each : over) is_remote(each) ? give_up_guest(each) : give_up(each);
  }

  /// The other server is told: it may live, and its client be one that only listens.
  void give_up(connection_id socket) {
    if (!is_away(socket)) return;
    gone(socket, 1006);
    sink_.on_closed(socket, 4000, "server_error");
  }
  void give_up_guest(connection_id guest) {
    close(guest, 4000, "server_error");
    lose(guest, 1006);
  }
  void lose(connection_id guest, std::uint16_t code) {
    const auto found = guests_.find(guest);
    if (found == guests_.end()) return;
    forget(found);
    sink_.on_guest_gone(guest, code);
  }
  void forget(typename visitors_map::iterator guest) {
    ids_.erase({guest->second.server, guest->second.socket});
    guests_.erase(guest);
  }

  // ---- exchange_sink

  void on_gap() override {
    drop([](const std::string&) { return true; });
  }

  void on_message(std::string_view from, std::string_view text) override {
    const auto message = decode_relay(text);
    if (!message) return;
    const std::string server(from);
    if (const auto known = heard_.find(server); known != heard_.end())
      known->second = scheduler_.now();
    switch (message->kind) {
      case relay_kind::ping: return send_to(server, relay_kind::pong, 0, {});
      case relay_kind::pong: return;
      case relay_kind::notice: return sink_.on_notice(from, message->body);
      case relay_kind::arrive:
      case relay_kind::text:
      case relay_kind::took:
      case relay_kind::left: return on_guest(server, *message);
      case relay_kind::refuse:
      case relay_kind::frame:
      case relay_kind::close: return on_away(server, *message);
    }
  }

  void on_guest(const std::string& server, const relay_message& message) {
    if (message.kind == relay_kind::arrive) return welcome(server, message);
    const auto id = ids_.find({server, message.socket});
    if (id == ids_.end()) {
      if (message.kind == relay_kind::text)
        send_to(server, relay_kind::close, message.socket, "4000 server_error");
      return;
    }
    const connection_id guest = id->second;
    visitor& who = guests_.find(guest)->second;
    if (message.kind == relay_kind::left)
      return lose(guest, static_cast<std::uint16_t>(message.leading_number()));
    if (message.kind == relay_kind::took) {
      const std::uint64_t taken = message.leading_number();
      who.waiting = taken < who.waiting ? who.waiting - static_cast<std::size_t>(taken) : 0;
      if (who.waiting < room) sink_.on_guest_drained(guest);
      return;
    }
    if (message.number != ++who.received) return give_up_guest(guest);  // some were lost
    sink_.on_guest_text(guest, message.body);
  }

  void welcome(const std::string& server, const relay_message& message) {
    if (const auto before = ids_.find({server, message.socket}); before != ids_.end())
      lose(before->second, 1006);
    const connection_id guest = remote_bit | ++last_guest_;
    guests_[guest] = {server, message.socket, 0, 1, 0};
    ids_[{server, message.socket}] = guest;
    watch(server);
    sink_.on_arrival(guest, message.body);
  }

  void on_away(const std::string& server, const relay_message& message) {
    const auto found = away_.find(message.socket);
    if (found == away_.end() || found->second.server != server) {
      if (message.kind == relay_kind::frame || message.kind == relay_kind::close)
        send_to(server, relay_kind::left, message.socket, "1006");
      return;
    }
    if (message.kind == relay_kind::refuse) {
      const errc why = message.body == to_string(errc::forbidden) ? errc::forbidden : errc::moved;
      away_.erase(found);
      return sink_.on_refused(message.socket, why);
    }
    if (message.kind == relay_kind::close) {
      const std::size_t space = message.body.find(' ');
      const std::string reason(space == std::string_view::npos ? std::string_view()
                                                               : message.body.substr(space + 1));
      // It stays away until the transport says that it is gone.
      return sink_.on_closed(message.socket, static_cast<std::uint16_t>(message.leading_number()),
                             reason);
    }
    if (message.number != ++found->second.received) return give_up(message.socket);
    const std::size_t waiting = sink_.on_frame(message.socket, message.body);
    const auto still = away_.find(message.socket);
    if (still == away_.end()) return;
    still->second.taken += message.body.size();
    if (waiting < room && still->second.taken >= told_bytes)
      tell_taken(message.socket, still->second);
  }

  any_exchange& exchange_;
  Scheduler& scheduler_;
  relay_sink& sink_;
  bool is_on_ = false;
  std::unordered_map<connection_id, away_socket> away_;
  visitors_map guests_;
  std::map<std::pair<std::string, std::uint64_t>, connection_id> ids_;  // of guests
  std::map<std::string, time_point> heard_;  // servers that have to do with them
  std::uint64_t last_guest_ = 0;
  timer_id timer_ = 0;
};

}  // namespace agent_websocket
