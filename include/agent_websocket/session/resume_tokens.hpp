// SPDX-License-Identifier: MIT
//
// The secrets by which clients come back to one session: a new one with each welcome, kept as a
// digest only. The one that a client presented stays good until that client has shown that its
// welcome arrived (its first ack), so that a lost welcome does not lose the session; and one that
// another socket of the session lives by stays good for that socket.
#pragma once

#include <agent_websocket/base/sha256.hpp>
#include <agent_websocket/policy/transport.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace agent_websocket {

class resume_tokens {
 public:
  /// When there are more, the oldest go that no socket lives by.
  static constexpr std::size_t max_tokens = 16;

  bool accepts(std::string_view token) const noexcept {
    const digest256 digest = sha256(token);
    bool found = false;  // looks at all of them, to take the same time
    for (const entry& each : entries_) found |= equal_in_constant_time(each.digest, digest);
    return found;
  }

  /// `holder` is given `token`. `presented`: the one it came with, or empty.
  void issue(connection_id holder, std::string_view token, std::string_view presented = {}) {
    const std::optional<digest256> former =
        presented.empty() ? std::nullopt : std::optional<digest256>(sha256(presented));
    for (entry& each : entries_) {
      if (each.holder == holder) each.holder = 0;  // it has a newer one now
    }
    if (entries_.size() >= max_tokens) {
      auto spent = std::find_if(entries_.begin(), entries_.end(),
                                [](const entry& each) { return each.holder == 0; });
      entries_.erase(spent == entries_.end() ? entries_.begin() : spent);
    }
    entries_.push_back({sha256(token), holder, former});
  }

  /// The client behind `holder` has its welcome: the token it came with has served.
  void arrived(connection_id holder) {
    for (entry& each : entries_) {
      if (each.holder != holder || !each.former) continue;
      const digest256 former = *each.former;
      each.former.reset();
      for (std::size_t i = entries_.size(); i-- > 0;) {
        const entry& other = entries_[i];
        if (other.holder == 0 && equal_in_constant_time(other.digest, former))
          entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(i));
      }
      return;
    }
  }

  /// The socket has gone; its token is what its client comes back with.
  void released(connection_id holder) {
    for (entry& each : entries_) {
      if (each.holder == holder) each.holder = 0;
    }
  }

  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct entry {
    digest256 digest;
    connection_id holder;             // the socket that lives by it; 0: none does now
    std::optional<digest256> former;  // what that socket came with, until its first ack
  };

  std::vector<entry> entries_;
};

}  // namespace agent_websocket
