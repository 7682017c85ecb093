// SPDX-License-Identifier: MIT
//
// The secrets by which clients come back to one session: a new one with each welcome, kept as a
// digest only. The one that a client presented stays good until that client has shown that its
// welcome arrived (its first ack), so that a lost welcome does not lose the session; and one that
// another socket of the session lives by stays good for that socket.
#pragma once

#include <agent_websocket/base/boxed.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/sha256.hpp>
#include <agent_websocket/policy/transport.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

class resume_tokens {
 public:
  /// When there are more, the oldest go of those that no client is known to have, then of those
  /// that no socket lives by.
  static constexpr std::size_t max_tokens = 64;

  bool accepts(std::string_view token) const noexcept;

  /// `holder` is given `token`. `presented`: the one it came with, or empty.
  void issue(connection_id holder, std::string_view token, std::string_view presented = {});

  /// The client behind `holder` has its welcome: the token it came with has served. True when that
  /// is news.
  bool arrived(connection_id holder);

  /// The socket has gone; its token is what its client comes back with.
  void released(connection_id holder);

  std::size_t size() const noexcept { return entries_.size(); }

  // ---- to be kept: only digests

  /// Visits what comes back by kept(): visit(digest, whether a client is known to have it).
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const entry& each : entries_) visit(each.digest, each.is_known());
  }
  void forget_all() noexcept;
  /// A token that no socket lives by now.
  void kept(const digest256& digest, bool is_known);

 private:
  /// No client is known to have it.
  struct unconfirmed {
    boxed<digest256> former;  // what its socket came with, to be retired when it has this one
  };
  struct entry {
    bool is_known() const noexcept { return !pending; }

    digest256 digest;
    connection_id holder;        // the socket that lives by it; 0: none does now
    boxed<unconfirmed> pending;  // none: a client has it, as far as we know
  };

  /// Who presents a token has it. Gives what is to be retired once the next one has arrived:
  /// nothing when another socket lives by the token, as in a copied tab.
  boxed<digest256> present(const digest256& digest, connection_id by);

  /// The client has this one, so that it does not come with the former one any more.
  void confirm(std::size_t position);

  void drop_one();

  std::vector<entry> entries_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool resume_tokens::accepts(std::string_view token) const noexcept {
  const digest256 digest = sha256(token);
  bool found = false;  // looks at all of them, to take the same time
  for (const entry& each : entries_) found |= equal_in_constant_time(each.digest, digest);
  return found;
}

AGENT_WEBSOCKET_INLINE void resume_tokens::issue(connection_id holder, std::string_view token,
                                                 std::string_view presented) {
  boxed<digest256> former;
  if (!presented.empty()) former = present(sha256(presented), holder);
  for (entry& each : entries_) {
    if (each.holder == holder) each.holder = 0;  // it has a newer one now
  }
  if (entries_.size() >= max_tokens) drop_one();
  boxed<unconfirmed> pending;
  if (!presented.empty()) pending.emplace(unconfirmed{std::move(former)});
  entries_.push_back({sha256(token), holder, std::move(pending)});
}

AGENT_WEBSOCKET_INLINE bool resume_tokens::arrived(connection_id holder) {
  for (std::size_t i = entries_.size(); i-- > 0;) {
    if (entries_[i].holder != holder) continue;
    const bool news = !entries_[i].is_known();
    confirm(i);
    return news;
  }
  return false;
}

AGENT_WEBSOCKET_INLINE void resume_tokens::released(connection_id holder) {
  for (entry& each : entries_) {
    if (each.holder == holder) each.holder = 0;
  }
}

AGENT_WEBSOCKET_INLINE void resume_tokens::forget_all() noexcept { entries_.clear(); }

AGENT_WEBSOCKET_INLINE void resume_tokens::kept(const digest256& digest, bool is_known) {
  if (entries_.size() >= max_tokens) return;
  boxed<unconfirmed> pending;
  if (!is_known) pending.emplace();
  entries_.push_back({digest, 0, std::move(pending)});
}

AGENT_WEBSOCKET_INLINE boxed<digest256> resume_tokens::present(const digest256& digest,
                                                               connection_id by) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!equal_in_constant_time(entries_[i].digest, digest)) continue;
    const connection_id holder = entries_[i].holder;
    confirm(i);
    return holder == 0 || holder == by ? boxed<digest256>(digest) : boxed<digest256>();
  }
  return {};
}

AGENT_WEBSOCKET_INLINE void resume_tokens::confirm(std::size_t position) {
  const boxed<unconfirmed> confirmed = std::exchange(entries_[position].pending, {});
  if (!confirmed || !confirmed->former) return;
  const digest256& former = *confirmed->former;
  entries_.erase(std::remove_if(entries_.begin(), entries_.end(),
                                [&](const entry& each) {
                                  return each.holder == 0 &&
                                         equal_in_constant_time(each.digest, former);
                                }),
                 entries_.end());
}

AGENT_WEBSOCKET_INLINE void resume_tokens::drop_one() {
  const auto first = [this](auto matches) {
    return std::find_if(entries_.begin(), entries_.end(), matches);
  };
  auto spent = first([](const entry& each) { return each.holder == 0 && !each.is_known(); });
  if (spent == entries_.end()) spent = first([](const entry& each) { return each.holder == 0; });
  entries_.erase(spent == entries_.end() ? entries_.begin() : spent);
}

#endif

}  // namespace agent_websocket
