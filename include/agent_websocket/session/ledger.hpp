// SPDX-License-Identifier: MIT
//
// The records that a session gives to its store, by number: how many were made, and how many are
// kept. What the session tells its clients as done waits until the records of it are kept. While
// it is off, as without a lasting store, nothing is recorded and nothing waits.
#pragma once

#include <agent_websocket/base/boxed.hpp>
#include <agent_websocket/base/config.hpp>

#include <cassert>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace agent_websocket {

class ledger {
 public:
  void turn_on() { kept_.need(); }
  bool is_on() const noexcept { return kept_.has_value(); }

  /// Precondition: it is on.
  void add(std::string record);

  /// The records that were made since the last call.
  std::vector<std::string> take_fresh();
  bool has_fresh() const noexcept { return kept_ && !kept_->fresh.empty(); }
  /// As if that many had been made and kept before. Precondition: it is on.
  void begin_at(std::uint64_t kept) noexcept { kept_->made = kept_->kept = kept; }

  std::uint64_t made() const noexcept { return kept_ ? kept_->made : 0; }
  bool all_kept() const noexcept { return kept() == made(); }
  std::uint64_t kept() const noexcept { return kept_ ? kept_->kept : 0; }
  /// The first `count` records of all are kept.
  void confirm(std::uint64_t count) noexcept;

  /// The store does not take what it is given: whatever needs it is better refused. Until
  /// confirm().
  void fail() noexcept;
  bool is_failing() const noexcept { return kept_ && kept_->failing; }

 private:
  struct numbers {
    std::vector<std::string> fresh;
    std::uint64_t made = 0;
    std::uint64_t kept = 0;
    bool failing = false;
  };

  boxed<numbers> kept_;  // none: it is off
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void ledger::add(std::string record) {
  assert(is_on());
  kept_->fresh.push_back(std::move(record));
  ++kept_->made;
}

AGENT_WEBSOCKET_INLINE std::vector<std::string> ledger::take_fresh() {
  return kept_ ? std::exchange(kept_->fresh, {}) : std::vector<std::string>();
}

AGENT_WEBSOCKET_INLINE void ledger::confirm(std::uint64_t count) noexcept {
  assert(count <= made());
  if (!kept_) return;
  if (count > kept_->kept) kept_->kept = count;
  kept_->failing = false;
}

AGENT_WEBSOCKET_INLINE void ledger::fail() noexcept {
  if (kept_) kept_->failing = true;
}

#endif

}  // namespace agent_websocket
