// SPDX-License-Identifier: MIT
//
// The records that a session gives to its store, by number: how many were made, and how many are
// kept. What the session tells its clients as done waits until the records of it are kept. While
// it is off, as without a lasting store, nothing is recorded and nothing waits.
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace agent_websocket {

class ledger {
 public:
  void turn_on() noexcept { on_ = true; }
  bool is_on() const noexcept { return on_; }

  /// Precondition: it is on.
  void add(std::string record) {
    assert(on_);
    fresh_.push_back(std::move(record));
    ++made_;
  }

  /// The records that were made since the last call.
  std::vector<std::string> take_fresh() { return std::exchange(fresh_, {}); }
  bool has_fresh() const noexcept { return !fresh_.empty(); }
  /// As if that many had been made and kept before.
  void begin_at(std::uint64_t kept) noexcept { made_ = kept_ = kept; }

  std::uint64_t made() const noexcept { return made_; }
  bool all_kept() const noexcept { return kept_ == made_; }
  std::uint64_t kept() const noexcept { return kept_; }
  /// The first `count` records of all are kept.
  void confirm(std::uint64_t count) noexcept {
    assert(count <= made_);
    if (count > kept_) kept_ = count;
    failing_ = false;
  }

  /// The store does not take what it is given: whatever needs it is better refused. Until
  /// confirm().
  void fail() noexcept { failing_ = true; }
  bool is_failing() const noexcept { return failing_; }

 private:
  std::vector<std::string> fresh_;
  std::uint64_t made_ = 0;
  std::uint64_t kept_ = 0;
  bool on_ = false;
  bool failing_ = false;
};

}  // namespace agent_websocket
