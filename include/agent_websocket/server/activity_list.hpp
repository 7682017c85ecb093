// SPDX-License-Identifier: MIT
//
// Connections in the order of when they were last heard of: since all share one limit, the front is
// always the next to fall due, and hearing of one is a splice. In place of a timer object per
// session and of scans over all sessions.
#pragma once

#include <agent_websocket/policy/scheduler.hpp>

#include <cstddef>
#include <list>
#include <optional>
#include <utility>

namespace agent_websocket {

template <typename Key>
class activity_list {
 public:
  struct item {
    Key key;
    time_point since;
  };
  using position = typename std::list<item>::iterator;

  /// Adds at its place by time; constant when `since` is the newest, as usual.
  position add(Key key, time_point since) {
    return items_.insert(place_for(since), item{std::move(key), since});
  }

  /// Moves to the place of a newer time.
  void touch(position at, time_point since) {
    at->since = since;
    std::list<item> moved;
    moved.splice(moved.begin(), items_, at);
    items_.splice(place_for(since), moved);
  }

  void remove(position at) { items_.erase(at); }
  bool empty() const noexcept { return items_.empty(); }
  std::size_t size() const noexcept { return items_.size(); }
  /// Precondition: !empty().
  const item& front() const noexcept { return items_.front(); }
  position begin() noexcept { return items_.begin(); }
  position end() noexcept { return items_.end(); }

  /// When the front falls due, with that limit.
  std::optional<time_point> next_deadline(duration limit) const {
    if (items_.empty()) return std::nullopt;
    return items_.front().since + limit;
  }

 private:
  position place_for(time_point since) {
    position at = items_.end();
    while (at != items_.begin() && std::prev(at)->since > since) --at;
    return at;
  }

  std::list<item> items_;
};

}  // namespace agent_websocket
