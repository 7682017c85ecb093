// SPDX-License-Identifier: MIT
//
// What asio_scheduler has promised to run, by time: a heap of deadlines over a table of functions.
// Starting and cancelling a timer allocates nothing once both have grown to what is used at a time.
// Knows no clock.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// One thread. At most 2^24 timers at a time.
class timer_heap {
 public:
  bool empty() const noexcept { return heap_.empty(); }
  std::size_t size() const noexcept { return heap_.size(); }
  /// Precondition: !empty().
  time_point earliest() const noexcept { return heap_.front().when; }

  /// Among those of the same time the older one comes first. The id is never 0.
  timer_id add(time_point when, std::function<void()> f);

  /// What it was to run, for the caller to drop: it may call back. Empty when there is none of that
  /// id.
  std::function<void()> remove(timer_id id) noexcept;

  /// Precondition: !empty().
  std::function<void()> take_earliest() noexcept { return take(heap_.front().id & slot_mask); }

  /// Timers that are due by then.
  std::size_t count_until(time_point time) const;

 private:
  static constexpr unsigned slot_bits = 24;
  static constexpr std::size_t slot_mask = (std::size_t{1} << slot_bits) - 1;

  struct deadline {
    time_point when;
    timer_id id;

    bool operator<(const deadline& other) const noexcept;
  };
  struct slot_data {
    timer_id id = 0;           // 0: free
    std::size_t position = 0;  // in the heap; of a free slot: the next free one, counted from 1
    std::function<void()> f;
  };

  std::size_t free_slot();

  std::function<void()> take(std::size_t slot) noexcept;

  void put(std::size_t position, const deadline& what) noexcept;
  void rise(std::size_t position) noexcept;
  void sink(std::size_t position) noexcept;

  void count_below(std::size_t position, time_point time, std::size_t& count) const;

  std::vector<deadline> heap_;
  std::vector<slot_data> slots_;
  std::size_t first_free_ = 0;  // counted from 1; 0: none
  std::uint64_t last_number_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE timer_id timer_heap::add(time_point when, std::function<void()> f) {
  const std::size_t slot = free_slot();
  assert(slot <= slot_mask);
  if (++last_number_ >> (64 - slot_bits) != 0) last_number_ = 1;
  const timer_id id = last_number_ << slot_bits | slot;
  slots_[slot] = {id, heap_.size(), std::move(f)};
  heap_.push_back({when, id});
  rise(heap_.size() - 1);
  return id;
}

AGENT_WEBSOCKET_INLINE std::function<void()> timer_heap::remove(timer_id id) noexcept {
  const std::size_t slot = id & slot_mask;
  if (id == 0 || slot >= slots_.size() || slots_[slot].id != id) return nullptr;
  return take(slot);
}

AGENT_WEBSOCKET_INLINE std::size_t timer_heap::count_until(time_point time) const {
  std::size_t count = 0;
  count_below(0, time, count);
  return count;
}

AGENT_WEBSOCKET_INLINE bool timer_heap::deadline::operator<(const deadline& other) const noexcept {
  return when != other.when ? when < other.when : id < other.id;
}

AGENT_WEBSOCKET_INLINE std::size_t timer_heap::free_slot() {
  if (first_free_ == 0) {
    slots_.emplace_back();
    return slots_.size() - 1;
  }
  const std::size_t slot = first_free_ - 1;
  first_free_ = slots_[slot].position;
  return slot;
}

AGENT_WEBSOCKET_INLINE std::function<void()> timer_heap::take(std::size_t slot) noexcept {
  slot_data& taken = slots_[slot];
  const std::size_t hole = taken.position;
  const deadline last = heap_.back();
  heap_.pop_back();
  if (hole != heap_.size()) {
    put(hole, last);
    rise(hole);
    sink(slots_[last.id & slot_mask].position);
  }
  std::function<void()> f = std::exchange(taken.f, nullptr);
  taken.id = 0;
  taken.position = std::exchange(first_free_, slot + 1);
  return f;
}

AGENT_WEBSOCKET_INLINE void timer_heap::put(std::size_t position, const deadline& what) noexcept {
  heap_[position] = what;
  slots_[what.id & slot_mask].position = position;
}

AGENT_WEBSOCKET_INLINE void timer_heap::rise(std::size_t position) noexcept {
  const deadline moved = heap_[position];
  while (position != 0) {
    const std::size_t parent = (position - 1) / 2;
    if (!(moved < heap_[parent])) break;
    put(position, heap_[parent]);
    position = parent;
  }
  put(position, moved);
}

AGENT_WEBSOCKET_INLINE void timer_heap::sink(std::size_t position) noexcept {
  const deadline moved = heap_[position];
  for (std::size_t child = 2 * position + 1; child < heap_.size(); child = 2 * position + 1) {
    if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
    if (!(heap_[child] < moved)) break;
    put(position, heap_[child]);
    position = child;
  }
  put(position, moved);
}

AGENT_WEBSOCKET_INLINE void timer_heap::count_below(std::size_t position, time_point time,
                                                    std::size_t& count) const {
  if (position >= heap_.size() || heap_[position].when > time) return;
  ++count;
  count_below(2 * position + 1, time, count);
  count_below(2 * position + 2, time, count);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
