// SPDX-License-Identifier: MIT
//
// The ids of a session's queries that have been taken, so that a repeated one is never run again:
// the latest 1024, each for five minutes or as long as its session wants. An id is claimed before
// anything is asked upstream, whatever becomes of the query then.
#pragma once

#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace agent_websocket {

class claimed_ids {
 public:
  static constexpr std::size_t max_ids = 1024;
  static constexpr std::chrono::minutes max_age{5};

  explicit claimed_ids(duration age = max_age) : age_(age) {}

  /// Of what has no terminal message.
  static constexpr std::uint64_t without_end = static_cast<std::uint64_t>(-1);

  struct claim {
    std::string stream;         ///< of the answer
    std::uint64_t end_seq = 0;  ///< number of its terminal message; 0 while it is open
  };

  /// What was claimed by that id; nullptr when it is free.
  const claim* find(std::string_view id, time_point now) {
    forget(now);
    const auto found = claims_.find(std::string(id));
    return found == claims_.end() ? nullptr : &found->second;
  }

  /// Precondition: the id is free.
  void take(std::string id, std::string stream, time_point now) {
    if (order_.size() >= max_ids) drop_oldest();
    order_.push_back({id, now});
    claims_.emplace(std::move(id), claim{std::move(stream), 0});
  }

  /// For what has no terminal message; without an id nothing happens. Precondition: as of take().
  void take_without_end(const std::string& id, time_point now) {
    if (id.empty()) return;
    take(id, {}, now);
    ended(id, without_end);
  }

  /// The id is free again.
  void drop(const std::string& id) {
    if (claims_.erase(id) == 0) return;
    for (std::size_t i = order_.size(); i-- > 0;) {
      if (order_[i].id == id) return void(order_.take(i));
    }
  }

  /// Visits what is claimed, oldest first: visit(id, claim, since when).
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0; i < order_.size(); ++i)
      visit(order_[i].id, claims_.at(order_[i].id), order_[i].at);
  }

  /// The terminal message of that id was sent; ids that were not claimed are ignored.
  void ended(const std::string& id, std::uint64_t seq) {
    const auto found = claims_.find(id);
    if (found != claims_.end()) found->second.end_seq = seq;
  }

 private:
  struct claimed {
    std::string id;
    time_point at;
  };

  void forget(time_point now) {
    while (!order_.empty() && order_.front().at + age_ <= now) drop_oldest();
  }
  void drop_oldest() { claims_.erase(order_.take_front().id); }

  duration age_;
  fifo<claimed> order_;
  std::unordered_map<std::string, claim> claims_;
};

}  // namespace agent_websocket
