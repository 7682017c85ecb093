// SPDX-License-Identifier: MIT
//
// The sessions of one server, by connection and by session id, and the three clocks that run for
// each: silence of the peer (heartbeat), no answer to a ping, and inactivity of the session. Keeps
// time; what to do when it is up is the server's, through visitors.
#pragma once

#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/server/activity_list.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agent_websocket {

template <typename Session>
class registry {
 public:
  struct limits {
    duration heartbeat_interval;
    duration heartbeat_timeout;
    duration session_timeout;
  };

  explicit registry(limits allowed) : limits_(allowed) {}

  void add(std::shared_ptr<Session> session, time_point now) {
    const connection_id connection = session->connection();
    by_id_[session->id()] = connection;
    entry made{std::move(session), false, heard_.add(connection, now),
               active_.add(connection, now)};
    by_connection_.emplace(connection, std::move(made));
  }

  /// Takes the session of that connection out; null when there is none.
  std::shared_ptr<Session> remove(connection_id connection) {
    const auto found = by_connection_.find(connection);
    if (found == by_connection_.end()) return nullptr;
    entry& of = found->second;
    (of.pinged ? pinged_ : heard_).remove(of.silence);
    active_.remove(of.activity);
    std::shared_ptr<Session> session = std::move(of.session);
    by_connection_.erase(found);
    by_id_.erase(session->id());
    return session;
  }

  std::shared_ptr<Session> find(connection_id connection) const {
    const auto found = by_connection_.find(connection);
    return found == by_connection_.end() ? nullptr : found->second.session;
  }
  std::shared_ptr<Session> find(std::string_view session_id) const {
    const auto found = by_id_.find(std::string(session_id));
    return found == by_id_.end() ? nullptr : find(found->second);
  }

  /// The peer has shown that it lives.
  void heard(connection_id connection, time_point now) {
    const auto found = by_connection_.find(connection);
    if (found == by_connection_.end()) return;
    entry& of = found->second;
    if (of.pinged) {
      pinged_.remove(of.silence);
      of.silence = heard_.add(connection, now);
      of.pinged = false;
    } else {
      heard_.touch(of.silence, now);
    }
  }

  std::size_t size() const noexcept { return by_connection_.size(); }
  bool empty() const noexcept { return by_connection_.empty(); }

  /// All sessions as they are now; visiting them may change the registry.
  std::vector<std::shared_ptr<Session>> all() const {
    std::vector<std::shared_ptr<Session>> sessions;
    sessions.reserve(by_connection_.size());
    for (const auto& each : by_connection_) sessions.push_back(each.second.session);
    return sessions;
  }

  /// When something of the heartbeat falls due next.
  std::optional<time_point> next_heartbeat() const {
    const auto ping = heard_.next_deadline(limits_.heartbeat_interval);
    const auto give_up = pinged_.next_deadline(limits_.heartbeat_timeout);
    if (ping && give_up) return std::min(*ping, *give_up);
    return ping ? ping : give_up;
  }

  /// Calls ping(connection) for peers that were silent for an interval, and silent(session) for
  /// those that did not answer one in time. A silent one is reported once an interval until it is
  /// removed.
  template <typename Ping, typename Silent>
  void sweep_heartbeat(time_point now, Ping&& ping, Silent&& silent) {
    std::vector<std::shared_ptr<Session>> gone;
    while (!pinged_.empty() && pinged_.front().since + limits_.heartbeat_timeout <= now) {
      const auto found = by_connection_.find(pinged_.front().key);
      gone.push_back(found->second.session);
      pinged_.touch(pinged_.begin(), now);
    }
    while (!heard_.empty() && heard_.front().since + limits_.heartbeat_interval <= now) {
      const connection_id connection = heard_.front().key;
      entry& of = by_connection_.find(connection)->second;
      heard_.remove(of.silence);
      of.silence = pinged_.add(connection, now);
      of.pinged = true;
      ping(connection);
    }
    for (const auto& each : gone) silent(*each);
  }

  /// Calls expired(session) for those without activity for the limit. A busy session is active.
  template <typename Expired>
  void sweep_inactive(time_point now, Expired&& expired) {
    std::vector<std::shared_ptr<Session>> gone;
    while (!active_.empty() && active_.front().since + limits_.session_timeout <= now) {
      entry& of = by_connection_.find(active_.front().key)->second;
      const time_point last = of.session->core().busy() ? now : of.session->core().last_activity();
      if (last + limits_.session_timeout <= now) {
        gone.push_back(of.session);
        active_.touch(of.activity, now);
      } else {
        active_.touch(of.activity, last);
      }
    }
    for (const auto& each : gone) expired(*each);
  }

 private:
  struct entry {
    std::shared_ptr<Session> session;
    bool pinged;
    typename activity_list<connection_id>::position
        silence;  // in heard_ or, when pinged, in pinged_
    typename activity_list<connection_id>::position activity;  // in active_
  };

  limits limits_;
  std::unordered_map<connection_id, entry> by_connection_;
  std::unordered_map<std::string, connection_id> by_id_;
  activity_list<connection_id> heard_, pinged_, active_;
};

}  // namespace agent_websocket
