// SPDX-License-Identifier: MIT
//
// The open sockets of one server: which session each watches, and its heartbeat, which is silence
// of the peer and then no answer to a ping. Keeps time; what to do when it is up is the server's,
// through visitors.
#pragma once

#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/server/activity_list.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agent_websocket {

template <typename Session>
class connection_list {
 public:
  connection_list(duration heartbeat_interval, duration heartbeat_timeout)
      : interval_(heartbeat_interval), timeout_(heartbeat_timeout) {
    entries_.max_load_factor(2);  // an idle socket pays for its share of the buckets
  }

  void add(connection_id connection, std::shared_ptr<Session> session, time_point now) {
    const auto [added, is_new] = entries_.try_emplace(connection, connection, std::move(session));
    if (is_new) heard_.add(added->second, now);
  }

  /// From now on the socket watches another session.
  void move(connection_id connection, std::shared_ptr<Session> session) {
    const auto found = entries_.find(connection);
    if (found != entries_.end()) found->second.session = std::move(session);
  }

  /// The session that the socket watched; null when it is not known.
  std::shared_ptr<Session> remove(connection_id connection) {
    const auto found = entries_.find(connection);
    if (found == entries_.end()) return nullptr;
    (found->second.pinged ? pinged_ : heard_).remove(found->second);
    std::shared_ptr<Session> session = std::move(found->second.session);
    entries_.erase(found);
    return session;
  }

  std::shared_ptr<Session> find(connection_id connection) const {
    const auto found = entries_.find(connection);
    return found == entries_.end() ? nullptr : found->second.session;
  }

  /// The peer has shown that it lives.
  void heard(connection_id connection, time_point now) {
    const auto found = entries_.find(connection);
    if (found == entries_.end()) return;
    entry& of = found->second;
    if (of.pinged) {
      pinged_.remove(of);
      heard_.add(of, now);
      of.pinged = false;
    } else {
      heard_.touch(of, now);
    }
  }

  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }

  /// When something of the heartbeat falls due next.
  std::optional<time_point> next_heartbeat() const {
    const auto ping = heard_.next_deadline(interval_);
    const auto give_up = pinged_.next_deadline(timeout_);
    if (ping && give_up) return std::min(*ping, *give_up);
    return ping ? ping : give_up;
  }

  /// Calls ping(connection) for peers that were silent for an interval, and silent(connection,
  /// session) for those that did not answer one in time. A silent one is reported once an interval
  /// until it is removed.
  template <typename Ping, typename Silent>
  void sweep(time_point now, Ping&& ping, Silent&& silent) {
    std::vector<std::pair<connection_id, std::shared_ptr<Session>>> gone;
    while (!pinged_.empty() && pinged_.front().since() + timeout_ <= now) {
      entry& of = pinged_.front();
      gone.emplace_back(of.connection, of.session);
      pinged_.touch(of, now);
    }
    while (!heard_.empty() && heard_.front().since() + interval_ <= now) {
      entry& of = heard_.front();
      heard_.remove(of);
      pinged_.add(of, now);
      of.pinged = true;
      ping(of.connection);
    }
    for (const auto& each : gone) silent(each.first, *each.second);
  }

 private:
  /// In heard_ or, when pinged, in pinged_.
  struct entry : activity_hook {
    entry(connection_id its, std::shared_ptr<Session> watched)
        : connection(its), session(std::move(watched)) {}

    connection_id connection;
    std::shared_ptr<Session> session;
    bool pinged = false;
  };

  duration interval_;
  duration timeout_;
  std::unordered_map<connection_id, entry> entries_;
  activity_list<entry> heard_, pinged_;
};

}  // namespace agent_websocket
