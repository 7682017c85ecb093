// SPDX-License-Identifier: MIT
//
// The processes of a worker_pool that live: which slot each one is for, the place that no other one
// has, and how long it may stay in its phase. Decides nothing; no clock, no system call.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

namespace agent_websocket {

class worker_table {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using milliseconds = std::chrono::milliseconds;

  enum class phase { starting, ready, ending };

  struct process {
    unsigned id = 0;
    unsigned slot = 0;   ///< from 0
    unsigned place = 0;  ///< the least one that was free when it was added
    phase state = phase::starting;
    time_point since{};  ///< in this phase
    bool killed = false;

    void enter(phase next, time_point now) noexcept;
  };

  /// How long a process may be starting, and how long ending.
  worker_table(milliseconds start_timeout, milliseconds end_timeout);

  /// One that begins to start. Ids count from 1. The reference holds until the next add() or
  /// remove().
  process& add(unsigned slot, time_point now);
  /// What was known of it; nothing when there is no such process.
  std::optional<process> remove(unsigned id);

  /// Null when there is no such process.
  process* find(unsigned id) noexcept;
  const process* find(unsigned id) const noexcept;
  bool has(unsigned slot, phase state) const;
  std::size_t count(phase state) const;
  bool empty() const noexcept { return processes_.empty(); }

  /// In the order in which they were added.
  std::vector<process>::iterator begin() noexcept { return processes_.begin(); }
  std::vector<process>::iterator end() noexcept { return processes_.end(); }

  /// When the process has been in its phase for too long, if that can be. Of one that was killed
  /// nothing more is expected.
  std::optional<time_point> due(const process& of) const;
  /// The first such moment of all.
  std::optional<time_point> deadline() const;

 private:
  unsigned free_place() const;

  milliseconds start_timeout_;
  milliseconds end_timeout_;
  std::vector<process> processes_;
  unsigned last_id_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void worker_table::process::enter(phase next, time_point now) noexcept {
  state = next;
  since = now;
}

AGENT_WEBSOCKET_INLINE worker_table::worker_table(milliseconds start_timeout,
                                                  milliseconds end_timeout)
    : start_timeout_(start_timeout), end_timeout_(end_timeout) {}

AGENT_WEBSOCKET_INLINE worker_table::process& worker_table::add(unsigned slot, time_point now) {
  process made;
  made.id = ++last_id_;
  made.slot = slot;
  made.place = free_place();
  made.since = now;
  processes_.push_back(made);
  return processes_.back();
}

AGENT_WEBSOCKET_INLINE std::optional<worker_table::process> worker_table::remove(unsigned id) {
  const auto at = std::find_if(processes_.begin(), processes_.end(),
                               [id](const process& each) { return each.id == id; });
  if (at == processes_.end()) return std::nullopt;
  const process gone = *at;
  processes_.erase(at);
  return gone;
}

AGENT_WEBSOCKET_INLINE worker_table::process* worker_table::find(unsigned id) noexcept {
  for (process& each : processes_) {
    if (each.id == id) return &each;
  }
  return nullptr;
}

AGENT_WEBSOCKET_INLINE const worker_table::process* worker_table::find(unsigned id) const noexcept {
  for (const process& each : processes_) {
    if (each.id == id) return &each;
  }
  return nullptr;
}

AGENT_WEBSOCKET_INLINE bool worker_table::has(unsigned slot, phase state) const {
  return std::any_of(processes_.begin(), processes_.end(),
                     [&](const process& each) { return each.slot == slot && each.state == state; });
}

AGENT_WEBSOCKET_INLINE std::size_t worker_table::count(phase state) const {
  return static_cast<std::size_t>(
      std::count_if(processes_.begin(), processes_.end(),
                    [state](const process& each) { return each.state == state; }));
}

AGENT_WEBSOCKET_INLINE std::optional<worker_table::time_point> worker_table::due(
    const process& of) const {
  if (of.killed || of.state == phase::ready) return std::nullopt;
  return of.since + (of.state == phase::starting ? start_timeout_ : end_timeout_);
}

AGENT_WEBSOCKET_INLINE std::optional<worker_table::time_point> worker_table::deadline() const {
  std::optional<time_point> first;
  for (const process& each : processes_) {
    if (const auto when = due(each)) first = std::min(first.value_or(*when), *when);
  }
  return first;
}

AGENT_WEBSOCKET_INLINE unsigned worker_table::free_place() const {
  unsigned place = 0;
  while (std::any_of(processes_.begin(), processes_.end(),
                     [place](const process& each) { return each.place == place; })) {
    ++place;
  }
  return place;
}

#endif

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
