// SPDX-License-Identifier: MIT
//
// What one user may do, over all sockets: connections, messages, sessions, and what answers may
// cost in a day (UTC). Has no clock: the times are handed in.
//
// Memory is bounded: who has no connection and no session is kept only until the bucket of messages
// is full again, and until midnight when something was spent. At max_users the one who left first
// makes room, of those who spent nothing today if there are any, else with what was spent; users
// who are here are never forgotten: their number is bounded by that of connections and sessions.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/limits/token_bucket.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace agent_websocket {

class user_limits {
 public:
  struct limits {
    std::size_t connections = 0;      ///< at once; 0: no limit, as of all of these
    std::size_t sessions = 0;         ///< with content
    rate messages;                    ///< over all sockets
    std::uint64_t daily_tokens = 0;   ///< of prompts and answers
    double daily_cost = 0;            ///< in US dollars, as upstream reports it
    std::size_t max_users = 100'000;  ///< that are remembered; some 200 bytes each
  };

  class user;
  enum class counted : std::uint8_t { connection, session };

  /// Holds a user, as a connection or as a session. Gives back by its destructor, once. Movable;
  /// may be empty. Does not outlive the limits.
  template <counted What>
  class basic_place {
   public:
    basic_place() = default;
    basic_place(basic_place&& other) noexcept : who_(other.keep()) {}
    basic_place& operator=(basic_place&& other) noexcept {
      if (this != &other) {
        give_back();
        who_ = other.keep();
      }
      return *this;
    }
    ~basic_place() { give_back(); }

    void give_back() noexcept {
      if (user* const who = keep()) who->of_->leave(*who, What);
    }
    /// What was counted stays so, until whoever has called this gives it back himself.
    user* keep() noexcept { return std::exchange(who_, nullptr); }
    explicit operator bool() const noexcept { return who_ != nullptr; }
    /// Precondition: not empty.
    user& who() const noexcept { return *who_; }

   private:
    friend class user_limits;
    explicit basic_place(user& who) : who_(&who) {}

    user* who_ = nullptr;
  };
  using place = basic_place<counted::connection>;
  using session_place = basic_place<counted::session>;

  /// One user. Stays where it is as long as somebody holds a place.
  class user {
   public:
    const std::string& key() const noexcept { return key_; }
    std::size_t connections() const noexcept { return connections_; }
    std::size_t sessions() const noexcept { return sessions_; }
    std::uint64_t tokens_today(wall_time at) const noexcept;
    double cost_today(wall_time at) const noexcept { return day_of(at) > day_ ? 0 : cost_; }

    /// How long until a message is allowed; zero: now.
    duration wait(time_point now) const noexcept { return messages_.wait(now); }
    /// Counts a message. nullopt, or how long to wait.
    std::optional<duration> take_message(time_point now) noexcept { return messages_.take(now); }

    /// Counts what an answer has cost. What is no amount counts as nothing.
    void spend(std::uint64_t tokens, double cost, wall_time at) noexcept;

   private:
    friend class user_limits;
    std::size_t& count_of(counted what) noexcept;
    void begin_day(wall_time at) noexcept;
    bool is_held() const noexcept { return connections_ != 0 || sessions_ != 0; }

    user_limits* of_ = nullptr;
    std::string key_;
    std::size_t connections_ = 0;
    std::size_t sessions_ = 0;
    token_bucket messages_;
    std::int64_t day_ = INT64_MIN;  // since 1970, on which the two below were spent
    std::uint64_t tokens_ = 0;
    double cost_ = 0;
    std::list<user*>* in_ = nullptr;  // here_, resting_ or spent_
    std::list<user*>::iterator at_{};
  };

  explicit user_limits(const limits& allowed) : limits_(allowed) {}

  user_limits(const user_limits&) = delete;
  user_limits& operator=(const user_limits&) = delete;

  /// False, and nothing is counted, when the user has as many connections as are allowed.
  /// `unlimited`: they are counted elsewhere.
  bool connect(place& into, std::string_view key, time_point now, wall_time at,
               bool unlimited = false);

  /// False, and nothing is counted, when the user has as many sessions as are allowed.
  bool begin_session(session_place& into, user& who);
  /// A session whose place was kept is over.
  void end_session(user& who) noexcept { leave(who, counted::session); }
  bool sessions_full(const user& who) const noexcept;

  /// nullopt while something is left of today's budget; else how long until midnight, UTC. What
  /// runs when it is used up goes on, so a budget may be exceeded by what runs at once.
  std::optional<duration> budget_wait(const user& who, wall_time at) const noexcept;

  std::size_t users() const noexcept { return users_.size(); }

 private:
  using day_length = std::chrono::hours;
  static constexpr day_length day{24};

  static std::int64_t day_of(wall_time at) noexcept;

  void hold(user& who, counted what) noexcept;

  user& add(std::string_view key);

  void leave(user& who, counted what) noexcept;

  static void move(user& who, std::list<user*>& to) noexcept;

  void drop(user& who);

  /// A few of those who left first and have nothing to be remembered for. More than can come
  /// meanwhile, so that they become fewer.
  void forget(time_point now, wall_time at);

  limits limits_;
  std::unordered_map<std::string, user> users_;
  // The last two without connection and session, in the order in which they left.
  std::list<user*> here_, resting_, spent_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::uint64_t user_limits::user::tokens_today(wall_time at) const noexcept {
  return day_of(at) > day_ ? 0 : tokens_;
}

AGENT_WEBSOCKET_INLINE void user_limits::user::spend(std::uint64_t tokens, double cost,
                                                     wall_time at) noexcept {
  begin_day(at);
  tokens_ = tokens > UINT64_MAX - tokens_ ? UINT64_MAX : tokens_ + tokens;
  if (std::isfinite(cost) && cost > 0) cost_ += cost;
}

AGENT_WEBSOCKET_INLINE std::size_t& user_limits::user::count_of(counted what) noexcept {
  return what == counted::connection ? connections_ : sessions_;
}

AGENT_WEBSOCKET_INLINE void user_limits::user::begin_day(wall_time at) noexcept {
  if (day_of(at) <= day_) return;  // a clock that is set back gives nothing back
  day_ = day_of(at);
  tokens_ = 0;
  cost_ = 0;
}

AGENT_WEBSOCKET_INLINE bool user_limits::connect(place& into, std::string_view key, time_point now,
                                                 wall_time at, bool unlimited) {
  forget(now, at);
  const auto found = users_.find(std::string(key));
  if (found != users_.end() && !unlimited && limits_.connections != 0 &&
      found->second.connections_ >= limits_.connections) {
    return false;
  }
  user& who = found != users_.end() ? found->second : add(key);
  hold(who, counted::connection);
  into = place(who);
  return true;
}

AGENT_WEBSOCKET_INLINE bool user_limits::begin_session(session_place& into, user& who) {
  if (sessions_full(who)) return false;
  hold(who, counted::session);
  into = session_place(who);
  return true;
}

AGENT_WEBSOCKET_INLINE bool user_limits::sessions_full(const user& who) const noexcept {
  return limits_.sessions != 0 && who.sessions_ >= limits_.sessions;
}

AGENT_WEBSOCKET_INLINE std::optional<duration> user_limits::budget_wait(
    const user& who, wall_time at) const noexcept {
  const bool tokens = limits_.daily_tokens != 0 && who.tokens_today(at) >= limits_.daily_tokens;
  const bool cost = limits_.daily_cost > 0 && who.cost_today(at) >= limits_.daily_cost;
  if (!tokens && !cost) return std::nullopt;
  const wall_time midnight{day * (who.day_ + 1)};
  return std::chrono::duration_cast<duration>(midnight - at);
}

AGENT_WEBSOCKET_INLINE std::int64_t user_limits::day_of(wall_time at) noexcept {
  return std::chrono::floor<std::chrono::duration<std::int64_t, std::ratio<86'400>>>(
             at.time_since_epoch())
      .count();
}

AGENT_WEBSOCKET_INLINE void user_limits::hold(user& who, counted what) noexcept {
  move(who, here_);
  ++who.count_of(what);
}

AGENT_WEBSOCKET_INLINE user_limits::user& user_limits::add(std::string_view key) {
  if (limits_.max_users != 0 && users_.size() >= limits_.max_users) {
    std::list<user*>& first = !resting_.empty() ? resting_ : spent_;
    if (!first.empty()) drop(*first.front());
  }
  user& added = users_[std::string(key)];
  added.of_ = this;
  added.key_ = key;
  added.messages_ = token_bucket(limits_.messages);
  added.in_ = &here_;
  added.at_ = here_.insert(here_.end(), &added);
  return added;
}

AGENT_WEBSOCKET_INLINE void user_limits::leave(user& who, counted what) noexcept {
  --who.count_of(what);
  if (!who.is_held()) move(who, who.tokens_ != 0 || who.cost_ > 0 ? spent_ : resting_);
}

AGENT_WEBSOCKET_INLINE void user_limits::move(user& who, std::list<user*>& to) noexcept {
  to.splice(to.end(), *who.in_, who.at_);
  who.in_ = &to;
}

AGENT_WEBSOCKET_INLINE void user_limits::drop(user& who) {
  who.in_->erase(who.at_);
  users_.erase(users_.find(std::string(who.key_)));
}

AGENT_WEBSOCKET_INLINE void user_limits::forget(time_point now, wall_time at) {
  for (int i = 0; i < 8 && !resting_.empty(); ++i) {
    if (!resting_.front()->messages_.full(now)) break;
    drop(*resting_.front());
  }
  for (int i = 0; i < 8 && !spent_.empty(); ++i) {
    user& first = *spent_.front();
    if (day_of(at) <= first.day_ || !first.messages_.full(now)) break;
    drop(first);
  }
}

#endif

}  // namespace agent_websocket
