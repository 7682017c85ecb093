// SPDX-License-Identifier: MIT
//
// How many connections a server takes: in all, from one address, and new ones in a second, of which
// one address gets a quarter, so that it cannot lock out the others. IPv6 is counted by /64. Has no
// clock: the time is handed in. Keeps addresses only that have connections, or had a new one a few
// seconds ago: nothing grows with the number of addresses seen.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/http/ip_address.hpp>
#include <agent_websocket/limits/token_bucket.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace agent_websocket {

/// Which limit a new connection ran into.
enum class connection_limit { total, address, new_total, new_from_address };

class connection_limits {
  struct entry {
    connection_limits* of = nullptr;
    std::size_t open = 0;
    std::size_t recent = 0;  // of recent_
    token_bucket arrivals;
  };
  using entry_map = std::unordered_map<http::ip_address, entry>;
  using known_address = entry_map::value_type;  // stays where it is while it has connections

 public:
  struct limits {
    std::size_t total = 0;         ///< connections at once; 0: no limit
    std::size_t per_address = 0;   ///< 0: no limit
    std::uint32_t per_second = 0;  ///< new ones, with twice as many at once; 0: no limit
  };

  struct refusal {
    connection_limit what;
    duration retry_after;  ///< of the limits at once a guess: somebody has to leave first
  };

  /// A connection that was taken, to be given back: by the destructor, once. Movable; may be empty.
  /// Does not outlive the limits.
  class place {
   public:
    place() = default;
    place(place&& other) noexcept : at_(std::exchange(other.at_, nullptr)) {}
    place& operator=(place&& other) noexcept;
    ~place() { give_back(); }

    void give_back() noexcept;
    explicit operator bool() const noexcept { return at_ != nullptr; }
    /// Whom it counts for: see http::ip_address::subscriber. Precondition: not empty.
    const http::ip_address& address() const noexcept { return at_->first; }

   private:
    friend class connection_limits;
    explicit place(known_address& at) noexcept : at_(&at) {}

    known_address* at_ = nullptr;
  };

  explicit connection_limits(const limits& allowed) noexcept;

  connection_limits(const connection_limits&) = delete;
  connection_limits& operator=(const connection_limits&) = delete;

  /// A new connection. Text that is no IP address counts as one address, whatever it says. On a
  /// refusal nothing is counted and nothing kept.
  std::optional<refusal> take(place& into, std::string_view address, time_point now);

  std::size_t total() const noexcept { return total_; }
  /// Of its /64 for IPv6.
  std::size_t open_from(std::string_view address) const;
  /// Addresses that are kept in memory.
  std::size_t addresses() const noexcept { return entries_.size(); }

 private:
  struct arrival {
    http::ip_address address;
    time_point forgotten_at;
  };

  static constexpr duration later = std::chrono::seconds(5);
  // In which each bucket is full again, since bursts are twice what comes back in a second. The
  // smallest share of an address is one a second.
  static constexpr duration refill = std::chrono::seconds(2);

  static rate rate_of(std::uint32_t count) noexcept;
  static std::uint32_t share_of(std::uint32_t count) noexcept;

  known_address& add(const http::ip_address& key);

  void leave(known_address& at) noexcept;

  // As many as the rate lets in within two seconds, at most.
  void forget(time_point now);

  limits limits_;
  token_bucket new_;
  std::size_t total_ = 0;
  entry_map entries_;
  fifo<arrival, 64> recent_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE connection_limits::place& connection_limits::place::operator=(
    place&& other) noexcept {
  if (this != &other) {
    give_back();
    at_ = std::exchange(other.at_, nullptr);
  }
  return *this;
}

AGENT_WEBSOCKET_INLINE void connection_limits::place::give_back() noexcept {
  if (auto* const at = std::exchange(at_, nullptr)) at->second.of->leave(*at);
}

AGENT_WEBSOCKET_INLINE connection_limits::connection_limits(const limits& allowed) noexcept
    : limits_(allowed), new_(rate_of(allowed.per_second)) {}

AGENT_WEBSOCKET_INLINE std::optional<connection_limits::refusal> connection_limits::take(
    place& into, std::string_view address, time_point now) {
  forget(now);
  const auto key = http::ip_address::parse(address).value_or(http::ip_address()).subscriber();
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    const entry& known = found->second;
    if (limits_.per_address != 0 && known.open >= limits_.per_address)
      return refusal{connection_limit::address, later};
    if (const duration wait = known.arrivals.wait(now); wait > duration::zero())
      return refusal{connection_limit::new_from_address, wait};
  }
  if (limits_.total != 0 && total_ >= limits_.total) return refusal{connection_limit::total, later};
  if (const duration wait = new_.wait(now); wait > duration::zero())
    return refusal{connection_limit::new_total, wait};
  known_address& at = found != entries_.end() ? *found : add(key);
  entry& of = at.second;
  new_.take(now);
  of.arrivals.take(now);
  ++of.open;
  ++total_;
  if (!new_.unlimited()) {
    ++of.recent;
    recent_.push_back({key, now + refill});
  }
  into = place(at);
  return std::nullopt;
}

AGENT_WEBSOCKET_INLINE std::size_t connection_limits::open_from(std::string_view address) const {
  const auto key = http::ip_address::parse(address).value_or(http::ip_address()).subscriber();
  const auto found = entries_.find(key);
  return found == entries_.end() ? 0 : found->second.open;
}

AGENT_WEBSOCKET_INLINE rate connection_limits::rate_of(std::uint32_t count) noexcept {
  count = std::min(count, std::uint32_t{1'000'000'000});
  return rate::per_second(count, 2 * count);
}

AGENT_WEBSOCKET_INLINE std::uint32_t connection_limits::share_of(std::uint32_t count) noexcept {
  return count == 0 ? 0 : std::max(count / 4, std::uint32_t{1});
}

AGENT_WEBSOCKET_INLINE connection_limits::known_address& connection_limits::add(
    const http::ip_address& key) {
  known_address& added = *entries_.try_emplace(key).first;
  added.second.of = this;
  added.second.arrivals = token_bucket(rate_of(share_of(limits_.per_second)));
  return added;
}

AGENT_WEBSOCKET_INLINE void connection_limits::leave(known_address& at) noexcept {
  --total_;
  if (--at.second.open == 0 && at.second.recent == 0) entries_.erase(entries_.find(at.first));
}

AGENT_WEBSOCKET_INLINE void connection_limits::forget(time_point now) {
  while (!recent_.empty() && recent_.front().forgotten_at <= now) {
    const auto found = entries_.find(recent_.take_front().address);
    if (--found->second.recent == 0 && found->second.open == 0) entries_.erase(found);
  }
}

#endif

}  // namespace agent_websocket
