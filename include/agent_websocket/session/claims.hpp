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
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

  /// What was claimed by that id, until the next call of a function but ended(); nullptr when it
  /// is free.
  const claim* find(std::string_view id, time_point now);

  /// Precondition: the id is free.
  void take(std::string id, std::string stream, time_point now);

  /// For what has no terminal message; without an id nothing happens. Precondition: as of take().
  void take_without_end(const std::string& id, time_point now);

  /// The id is free again. Linear.
  void drop(std::string_view id);

  /// Visits what is claimed, oldest first: visit(id, claim, since when).
  template <typename Visit>
  void for_each(Visit&& visit) const {
    if (!kept_) return;
    for (const entry& each : kept_->entries) visit(each.id, each.what, each.at);
  }

  /// The terminal message of that id was sent; ids that were not claimed are ignored.
  void ended(std::string_view id, std::uint64_t seq);

 private:
  struct entry {
    std::string id;
    claim what;
    time_point at;
    std::size_t hash;
    std::uint64_t older;  // number of the next older entry with that place in the table
  };
  /// The entries by age, and a hash table with chains through them. Entries are numbered
  /// from 1 in the order of their age; those up to `dropped` have gone, which ends a chain. So
  /// nothing has to be taken out of the table, and what is added and dropped lies side by side.
  struct kept {
    fifo<entry> entries;
    std::uint64_t dropped = 0;
    std::vector<std::uint64_t> newest;  // a power of two of places; at most as many entries

    entry* find(std::string_view id) noexcept;
    entry& at(std::uint64_t number) noexcept;
    std::uint64_t& place_of(std::size_t hash) noexcept {
      return newest[hash & (newest.size() - 1)];
    }
    void drop_oldest();
    /// Makes the table of so many places.
    void index(std::size_t places);
  };

  static constexpr std::size_t first_places = 8;

  void forget(time_point now);

  duration age_;
  boxed<kept> kept_;  // a session that is asked nothing has none
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE const claimed_ids::claim* claimed_ids::find(std::string_view id,
                                                                   time_point now) {
  if (!kept_) return nullptr;
  forget(now);
  const entry* const found = kept_->find(id);
  return found == nullptr ? nullptr : &found->what;
}

AGENT_WEBSOCKET_INLINE void claimed_ids::take(std::string id, std::string stream, time_point now) {
  kept& all = kept_.need();
  if (all.entries.size() >= max_ids) all.drop_oldest();
  if (all.entries.size() >= all.newest.size())
    all.index(all.newest.empty() ? first_places : 2 * all.newest.size());
  const std::size_t hash = std::hash<std::string_view>()(id);
  std::uint64_t& newest = all.place_of(hash);
  all.entries.push_back({std::move(id), {std::move(stream), 0}, now, hash, newest});
  newest = all.dropped + all.entries.size();
}

AGENT_WEBSOCKET_INLINE void claimed_ids::take_without_end(const std::string& id, time_point now) {
  if (id.empty()) return;
  take(id, {}, now);
  ended(id, without_end);
}

AGENT_WEBSOCKET_INLINE void claimed_ids::drop(std::string_view id) {
  if (!kept_) return;
  for (std::size_t i = kept_->entries.size(); i-- > 0;) {
    if (kept_->entries[i].id != id) continue;
    kept_->entries.take(i);
    return kept_->index(kept_->newest.size());
  }
}

AGENT_WEBSOCKET_INLINE void claimed_ids::ended(std::string_view id, std::uint64_t seq) {
  entry* const found = kept_ ? kept_->find(id) : nullptr;
  if (found != nullptr) found->what.end_seq = seq;
}

AGENT_WEBSOCKET_INLINE void claimed_ids::forget(time_point now) {
  while (!kept_->entries.empty() && kept_->entries.front().at + age_ <= now) kept_->drop_oldest();
}

AGENT_WEBSOCKET_INLINE claimed_ids::entry* claimed_ids::kept::find(std::string_view id) noexcept {
  if (entries.empty()) return nullptr;
  const std::size_t hash = std::hash<std::string_view>()(id);
  for (std::uint64_t number = place_of(hash); number > dropped; number = at(number).older) {
    entry& each = at(number);
    if (each.hash == hash && each.id == id) return &each;
  }
  return nullptr;
}

AGENT_WEBSOCKET_INLINE claimed_ids::entry& claimed_ids::kept::at(std::uint64_t number) noexcept {
  return entries[static_cast<std::size_t>(number - dropped - 1)];
}

AGENT_WEBSOCKET_INLINE void claimed_ids::kept::drop_oldest() {
  entries.take_front();
  ++dropped;
}

AGENT_WEBSOCKET_INLINE void claimed_ids::kept::index(std::size_t places) {
  newest.assign(places, 0);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    std::uint64_t& place = place_of(entries[i].hash);
    entries[i].older = std::exchange(place, dropped + i + 1);
  }
}

#endif

}  // namespace agent_websocket
