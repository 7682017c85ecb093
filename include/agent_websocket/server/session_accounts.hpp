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
#include <unordered_map>
#include <utility>

namespace agent_websocket {

template <typename Session, typename Scheduler>
class session_accounts {
 public:
  session_accounts(visitors<Scheduler>& guests, Scheduler& scheduler)
      : visitors_(guests), scheduler_(scheduler) {}

  /// Counts the session with the user of the socket. Where the user has too many, one of his makes
  /// room: oldest(is_his) finds it, drop(session) ends it. False: there is none. The application
  /// may have ended the session itself meanwhile, is_here() tells.
  template <typename Oldest, typename Drop, typename IsHere>
  bool begin(const Session& session, connection_id connection, Oldest&& oldest, Drop&& drop,
             IsHere&& is_here) {
    user_limits::user* const who = visitors_.user(connection);
    if (who == nullptr || of_.count(&session) != 0) return true;
    user_limits::place place;
    while (!visitors_.users().begin_session(place, *who)) {
      Session* const found = oldest([&](const Session& each) {
        const auto account = of_.find(&each);
        return account != of_.end() && &account->second.who() == who;
      });
      if (found == nullptr) return false;
      drop(*found);
    }
    if (is_here()) of_.emplace(&session, std::move(place));
    return true;
  }

  void end(const Session& session) { of_.erase(&session); }

  /// Why no answer may begin: its user has used the day up.
  std::optional<error> refusal(const Session& session) {
    const auto account = of_.find(&session);
    if (account == of_.end()) return std::nullopt;
    if (!visitors_.users().budget_wait(account->second.who(), scheduler_.wall_now()))
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
    const auto account = of_.find(&session);
    if (account == of_.end()) return;
    // What nobody has told the cost of is taken to cost what others do.
    const double price = priced_tokens_ > 0 ? priced_cost_ / priced_tokens_ : 0;
    account->second.who().spend(
        static_cast<std::uint64_t>(usage_totals::sum(told, answer.unreported_tokens)),
        used.cost + price * static_cast<double>(answer.unreported_tokens), scheduler_.wall_now());
  }

 private:
  visitors<Scheduler>& visitors_;
  Scheduler& scheduler_;
  std::unordered_map<const Session*, user_limits::place> of_;
  double priced_tokens_ = 0, priced_cost_ = 0;  // of all answers that told both
};

}  // namespace agent_websocket
