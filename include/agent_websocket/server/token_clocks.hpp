// SPDX-License-Identifier: MIT
//
// Until when the tokens last that sockets have shown. Each goes through three times: its client is
// asked for a new one, it is over, and its socket is to be closed. Only tokens that end are here.
// Keeps time; has no timer.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/session/core.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <unordered_map>

namespace agent_websocket {

class token_clocks {
 public:
  /// A client is asked for a new token this long before its end, or when half of its time has gone.
  static constexpr duration warning = std::chrono::minutes(1);

  /// `grace`: from the end of a token to the end of its socket.
  explicit token_clocks(duration grace) : grace_(grace) {}

  /// In place of what that socket showed before; nullopt: a token that does not end.
  void set(connection_id connection, std::optional<wall_time> expires, moment at);

  void remove(connection_id connection);

  /// The token is over; its socket stands yet.
  bool is_over(connection_id connection) const;

  std::size_t size() const noexcept { return entries_.size(); }

  /// When sweep() is to be called next.
  std::optional<time_point> next() const;

  /// Calls expiring(connection, when) and close(connection) for those whose time it is. A socket
  /// that is to be closed is forgotten before.
  template <typename Expiring, typename Close>
  void sweep(time_point now, Expiring&& expiring, Close&& close) {
    while (!due_.empty() && due_.begin()->first <= now) {
      const connection_id connection = due_.begin()->second;
      entry& of = entries_.find(connection)->second;
      switch (of.stage) {
        case stage::fresh:
          move_on(of, stage::warned, of.over);
          expiring(connection, of.expires);
          break;
        case stage::warned:
          ++over_;
          move_on(of, stage::over, of.over + grace_);
          break;
        case stage::over:
          remove(connection);
          close(connection);
          break;
      }
    }
  }

 private:
  /// Steady clocks cannot hold all that wall clocks can.
  static constexpr duration longest = std::chrono::hours(24 * 366 * 100);

  enum class stage { fresh, warned, over };
  using order = std::multimap<time_point, connection_id>;
  struct entry {
    wall_time expires;
    time_point over;
    order::iterator due;
    token_clocks::stage stage = token_clocks::stage::fresh;
  };

  void move_on(entry& of, stage next, time_point when);

  duration grace_;
  std::unordered_map<connection_id, entry> entries_;
  order due_;
  std::size_t over_ = 0;  // entries in that stage
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void token_clocks::set(connection_id connection,
                                              std::optional<wall_time> expires, moment at) {
  // The same once more: its client has been asked for another already.
  if (const auto found = entries_.find(connection);
      found != entries_.end() && expires && *expires == found->second.expires)
    return;
  remove(connection);
  if (!expires) return;
  const duration left =
      *expires <= at.wall
          ? duration(0)
          : std::min(std::chrono::duration_cast<duration>(*expires - at.wall), longest);
  entry& added = entries_[connection];
  added.expires = *expires;
  added.over = at.now + left;
  added.due = due_.emplace(added.over - std::min(warning, left / 2), connection);
}

AGENT_WEBSOCKET_INLINE void token_clocks::remove(connection_id connection) {
  const auto found = entries_.find(connection);
  if (found == entries_.end()) return;
  if (found->second.stage == stage::over) --over_;
  due_.erase(found->second.due);
  entries_.erase(found);
}

AGENT_WEBSOCKET_INLINE bool token_clocks::is_over(connection_id connection) const {
  if (over_ == 0) return false;
  const auto found = entries_.find(connection);
  return found != entries_.end() && found->second.stage == stage::over;
}

AGENT_WEBSOCKET_INLINE std::optional<time_point> token_clocks::next() const {
  return due_.empty() ? std::nullopt : std::optional<time_point>(due_.begin()->first);
}

AGENT_WEBSOCKET_INLINE void token_clocks::move_on(entry& of, stage next, time_point when) {
  const connection_id connection = of.due->second;
  due_.erase(of.due);
  of.stage = next;
  of.due = due_.emplace(when, connection);
}

#endif

}  // namespace agent_websocket
