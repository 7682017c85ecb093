// SPDX-License-Identifier: MIT
//
// The ids of a session's queries that have been taken, so that a repeated one is never run again:
// the latest 1024, each for five minutes or as long as its session wants. An id is claimed before
// anything is asked upstream, whatever becomes of the query then.
#pragma once

#include <agent_websocket/base/boxed.hpp>
#include <agent_websocket/base/config.hpp>
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
  const claim* find(std::string_view id, time_point now);

  /// Precondition: the id is free.
  void take(std::string id, std::string stream, time_point now);

  /// For what has no terminal message; without an id nothing happens. Precondition: as of take().
  void take_without_end(const std::string& id, time_point now);

  /// The id is free again.
  void drop(const std::string& id);

  /// Visits what is claimed, oldest first: visit(id, claim, since when).
  template <typename Visit>
  void for_each(Visit&& visit) const {
    if (!kept_) return;
    const auto& order = kept_->order;
    for (std::size_t i = 0; i < order.size(); ++i)
      visit(order[i].id, kept_->claims.at(order[i].id), order[i].at);
  }

  /// The terminal message of that id was sent; ids that were not claimed are ignored.
  void ended(const std::string& id, std::uint64_t seq);

 private:
  struct claimed {
    std::string id;
    time_point at;
  };
  struct kept {
    fifo<claimed> order;
    std::unordered_map<std::string, claim> claims;
  };

  void forget(time_point now);
  void drop_oldest();

  duration age_;
  boxed<kept> kept_;  // a session that is asked nothing has none
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE const claimed_ids::claim* claimed_ids::find(std::string_view id,
                                                                   time_point now) {
  if (!kept_) return nullptr;
  forget(now);
  const auto found = kept_->claims.find(std::string(id));
  return found == kept_->claims.end() ? nullptr : &found->second;
}

AGENT_WEBSOCKET_INLINE void claimed_ids::take(std::string id, std::string stream, time_point now) {
  kept& all = kept_.need();
  if (all.order.size() >= max_ids) drop_oldest();
  all.order.push_back({id, now});
  all.claims.emplace(std::move(id), claim{std::move(stream), 0});
}

AGENT_WEBSOCKET_INLINE void claimed_ids::take_without_end(const std::string& id, time_point now) {
  if (id.empty()) return;
  take(id, {}, now);
  ended(id, without_end);
}

AGENT_WEBSOCKET_INLINE void claimed_ids::drop(const std::string& id) {
  if (!kept_ || kept_->claims.erase(id) == 0) return;
  for (std::size_t i = kept_->order.size(); i-- > 0;) {
    if (kept_->order[i].id == id) return void(kept_->order.take(i));
  }
}

AGENT_WEBSOCKET_INLINE void claimed_ids::ended(const std::string& id, std::uint64_t seq) {
  if (!kept_) return;
  const auto found = kept_->claims.find(id);
  if (found != kept_->claims.end()) found->second.end_seq = seq;
}

AGENT_WEBSOCKET_INLINE void claimed_ids::forget(time_point now) {
  while (!kept_->order.empty() && kept_->order.front().at + age_ <= now) drop_oldest();
}

AGENT_WEBSOCKET_INLINE void claimed_ids::drop_oldest() {
  kept_->claims.erase(kept_->order.take_front().id);
}

#endif

}  // namespace agent_websocket
