// SPDX-License-Identifier: MIT
//
// Which user each session counts for, and what its answers cost that user: limits of sessions and
// of daily budgets are per user, sockets come and go. Sessions of nobody that is counted are
// unlimited.
#pragma once

#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/server/visitors.hpp>
#include <agent_websocket/session/actions.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace agent_websocket {

/// A Session has a public `user_limits::user* account`, null at first, which is this one's: a place
/// in the session costs a tenth of one in a table beside it.
template <typename Session, typename Scheduler>
class session_accounts {
 public:
  session_accounts(visitors<Scheduler>& guests, Scheduler& scheduler)
      : visitors_(guests), scheduler_(scheduler) {}

  /// Counts the session with the user of the socket. Where the user has too many, one of his makes
  /// room: oldest(is_his) finds it, drop(session) ends it. False: there is none. The application
  /// may have ended the session itself meanwhile, is_here() tells.
  template <typename Oldest, typename Drop, typename IsHere>
  bool begin(Session& session, connection_id connection, Oldest&& oldest, Drop&& drop,
             IsHere&& is_here) {
    user_limits::user* const who = visitors_.user(connection);
    if (who == nullptr || session.account != nullptr) return true;
    user_limits::session_place place;
    while (!visitors_.users().begin_session(place, *who)) {
      Session* const found = oldest([&](const Session& each) { return each.account == who; });
      if (found == nullptr) return false;
      drop(*found);
    }
    if (is_here()) session.account = place.keep();
    return true;
  }

  void end(Session& session) noexcept {
    if (user_limits::user* const who = std::exchange(session.account, nullptr))
      visitors_.users().end_session(*who);
  }

  /// Why no answer may begin: its user has used the day up.
  std::optional<error> refusal(const Session& session) {
    if (session.account == nullptr) return std::nullopt;
    if (!visitors_.users().budget_wait(*session.account, scheduler_.wall_now()))
      return std::nullopt;
    return error(errc::quota_exceeded, message_gate::budget_words);
  }

  void spend(const Session& session, const answer_record& answer) {
    const usage_totals& used = answer.used;
    const std::int64_t told = usage_totals::sum(used.prompt_tokens, used.completion_tokens);
    if (used.priced && told > 0) {
      priced_tokens_ += static_cast<double>(told);
      priced_cost_ += used.cost;
    }
    if (session.account == nullptr) return;
    // What nobody has told the cost of is taken to cost what others do.
    const double price = priced_tokens_ > 0 ? priced_cost_ / priced_tokens_ : 0;
    session.account->spend(
        static_cast<std::uint64_t>(usage_totals::sum(told, answer.unreported_tokens)),
        used.cost + price * static_cast<double>(answer.unreported_tokens), scheduler_.wall_now());
  }

 private:
  visitors<Scheduler>& visitors_;
  Scheduler& scheduler_;
  double priced_tokens_ = 0, priced_cost_ = 0;  // of all answers that told both
};

}  // namespace agent_websocket
