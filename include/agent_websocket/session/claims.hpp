// SPDX-License-Identifier: MIT
//
// The ids of a session's queries that have been taken, so that a repeated one is never run again:
// the latest 1024, each for five minutes. An id is claimed before anything is asked upstream,
// whatever becomes of the query then.
#pragma once

#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace agent_websocket {

class claimed_ids {
 public:
  static constexpr std::size_t max_ids = 1024;
  static constexpr std::chrono::minutes max_age{5};

  /// The stream of the answer to the query of that id; nullptr when the id is free.
  const std::string* find(std::string_view id, time_point now) {
    forget(now);
    const auto found = streams_.find(std::string(id));
    return found == streams_.end() ? nullptr : &found->second;
  }

  /// Precondition: the id is free.
  void claim(std::string id, std::string stream, time_point now) {
    if (order_.size() >= max_ids) drop_oldest();
    order_.push_back({id, now});
    streams_.emplace(std::move(id), std::move(stream));
  }

 private:
  struct claimed {
    std::string id;
    time_point at;
  };

  void forget(time_point now) {
    while (!order_.empty() && order_.front().at + max_age <= now) drop_oldest();
  }
  void drop_oldest() { streams_.erase(order_.take_front().id); }

  fifo<claimed> order_;
  std::unordered_map<std::string, std::string> streams_;
};

}  // namespace agent_websocket
