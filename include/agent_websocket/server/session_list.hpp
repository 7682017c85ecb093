// SPDX-License-Identifier: MIT
//
// The sessions of one server by id, and the clocks that run for each: inactivity while a socket
// watches it; while none does, how long its answer goes on (run grace) and how long it waits for
// its client (resume window). Keeps time; what to do when it is up is the server's, through
// visitors.
#pragma once

#include <agent_websocket/server/activity_list.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

template <typename Session>
class session_list {
 public:
  struct limits {
    duration session_timeout;
    duration run_grace;  ///< negative: without end
    duration resume_window;
    std::size_t max_detached;  ///< sessions that wait for their client
  };

  explicit session_list(limits allowed) : limits_(allowed) {}

  /// A session with a socket.
  void add(std::shared_ptr<Session> session, time_point now) {
    const auto [added, is_new] = entries_.try_emplace(session.get(), session);
    if (is_new) active_.add(added->second, now);
  }

  /// False when it was not here.
  bool erase(Session& session) {
    const auto found = entries_.find(&session);
    if (found == entries_.end()) return false;
    list_of(found->second.now).remove(found->second);
    entries_.erase(found);
    return true;
  }

  /// null when there is none.
  std::shared_ptr<Session> find(std::string_view id) const {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : found->second.session;
  }

  /// Its last socket is gone.
  void detached(Session& session, time_point now) {
    place(session, limits_.run_grace < duration::zero() ? phase::waiting : phase::in_grace, now);
  }
  /// It has a socket again.
  void attached(Session& session, time_point now) { place(session, phase::attached, now); }

  /// Of those without a socket the one that waits for longest and is wanted(session); null: none.
  /// Linear in those that wait.
  template <typename Wanted>
  Session* oldest_detached(Wanted&& wanted) {
    Session* oldest = nullptr;
    time_point since{};
    for (auto* each : {&waiting_, &grace_}) {
      for (const entry* at = each->empty() ? nullptr : &each->front(); at != nullptr;
           at = each->after(*at)) {
        if (oldest != nullptr && at->since() >= since) break;
        if (!wanted(*at->session)) continue;
        oldest = at->session.get();
        since = at->since();
        break;
      }
    }
    return oldest;
  }

  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  /// Those without a socket.
  std::size_t detached_count() const noexcept { return grace_.size() + waiting_.size(); }

  /// Visits the sessions whose ids come after `after`, in their order, as long as visit(session)
  /// says true; it must not change the list.
  template <typename Visit>
  void each_after(std::string_view after, Visit&& visit) const {
    for (auto at = entries_.upper_bound(after); at != entries_.end(); ++at) {
      if (!visit(*at->second.session)) return;
    }
  }

  /// All sessions as they are now; visiting them may change the list.
  std::vector<std::shared_ptr<Session>> all() const {
    std::vector<std::shared_ptr<Session>> sessions;
    sessions.reserve(entries_.size());
    for (const auto& each : entries_) sessions.push_back(each.second.session);
    return sessions;
  }

  /// Calls expired(session) for those with a socket but without activity for the limit. A busy
  /// session is active.
  template <typename Expired>
  void sweep_inactive(time_point now, Expired&& expired) {
    std::vector<std::shared_ptr<Session>> gone;
    while (!active_.empty() && active_.front().since() + limits_.session_timeout <= now) {
      entry& front = active_.front();
      Session& session = *front.session;
      const time_point last = session.core().busy() ? now : session.core().last_activity();
      const bool is_over = last + limits_.session_timeout <= now;
      if (is_over) gone.push_back(front.session);
      active_.touch(front, is_over ? now : last);
    }
    for (const auto& each : gone) expired(*each);
  }

  /// When a session without a socket falls due next.
  std::optional<time_point> next_detached() const {
    const auto grace = grace_.next_deadline(std::min(limits_.run_grace, limits_.resume_window));
    const auto end = waiting_.next_deadline(limits_.resume_window);
    if (grace && end) return std::min(*grace, *end);
    return grace ? grace : end;
  }

  /// Calls interrupt(session) when its grace is over, and forget(session) when nobody came back in
  /// time or too many wait; a session whose answer goes on without end waits with it.
  template <typename Interrupt, typename Forget>
  void sweep_detached(time_point now, Interrupt&& interrupt, Forget&& forget) {
    std::vector<std::shared_ptr<Session>> over, gone;
    while (!grace_.empty() && grace_.front().since() + limits_.run_grace <= now) {
      entry& front = grace_.front();
      over.push_back(front.session);
      place(front, phase::waiting, front.since());
    }
    for (auto* each : {&waiting_, &grace_}) {
      while (!each->empty()) {
        const bool too_many = waiting_.size() + grace_.size() > limits_.max_detached;
        if (!too_many && each->front().since() + limits_.resume_window > now) break;
        entry& front = each->front();
        if (!too_many && limits_.run_grace < duration::zero() && front.session->core().busy()) {
          each->touch(front, std::max(now, now - limits_.resume_window + second));
          continue;
        }
        gone.push_back(front.session);
        erase(*gone.back());
      }
    }
    for (const auto& each : over) interrupt(*each);
    for (const auto& each : gone) forget(*each);
  }

 private:
  static constexpr duration second = std::chrono::seconds(1);

  enum class phase { attached, in_grace, waiting };
  /// In the list of its phase.
  struct entry : activity_hook {
    explicit entry(std::shared_ptr<Session> its) : session(std::move(its)) {}

    std::shared_ptr<Session> session;
    phase now = phase::attached;
  };
  struct by_id {
    using is_transparent = void;
    static std::string_view id_of(std::string_view id) noexcept { return id; }
    static std::string_view id_of(const Session* session) noexcept { return session->id(); }

    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const noexcept {
      return id_of(a) < id_of(b);
    }
  };

  activity_list<entry>& list_of(phase of) noexcept {
    switch (of) {
      case phase::attached: return active_;
      case phase::in_grace: return grace_;
      case phase::waiting: return waiting_;
    }
    return waiting_;
  }

  void place(Session& session, phase to, time_point since) {
    const auto found = entries_.find(&session);
    if (found != entries_.end()) place(found->second, to, since);
  }
  void place(entry& of, phase to, time_point since) {
    list_of(of.now).remove(of);
    of.now = to;
    list_of(to).add(of, since);
  }

  limits limits_;
  std::map<const Session*, entry, by_id> entries_;  // in order, for those who turn pages
  activity_list<entry> active_, grace_, waiting_;
};

}  // namespace agent_websocket
