// SPDX-License-Identifier: MIT
//
// What a supervisor decides, without processes: which worker is started, told to drain or killed,
// and when. Events and the time in, actions out; no clock, no signal, no system call.
// supervisor.hpp carries the actions out; which processes live is in worker_table.hpp. A *slot* is
// the place of one worker; its processes come and go, and while one takes over from another there
// are two.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/host/worker_end.hpp>
#include <agent_websocket/host/worker_table.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace agent_websocket {

/// Of a worker_pool.
struct worker_pool_settings {
  using milliseconds = std::chrono::milliseconds;

  unsigned workers = 1;
  milliseconds least_wait{100};        ///< before a worker that ended is started again; doubled
  milliseconds most_wait{5'000};       ///< each time, up to this,
  milliseconds stable_time{10'000};    ///< until one was ready for so long
  milliseconds start_timeout{30'000};  ///< from its start until it is ready; then it is killed
  milliseconds end_timeout{15'000};    ///< from the word to drain until its end; then it is killed
  /// That each worker fails in a row while none is ready, until all is given up. At the start one
  /// time is enough.
  unsigned most_failures = 8;
};

/// What is to be done, in this order.
struct pool_action {
  enum class kind {
    start,      ///< a process `id` for `slot`, at `place`
    drain,      ///< `id` is to end in order
    kill,       ///< `id` is to end at once
    all_ready,  ///< each slot has a worker that is ready, for the first time
    release,    ///< nobody is to be connected any more: all is going to end
    failure,    ///< `text` is for the operator
    restarted,  ///< a rolling restart is complete
    finish,     ///< all is over: end with `code`
  };

  kind what;
  unsigned id = 0;
  unsigned slot = 0;   ///< from 1
  unsigned place = 0;  ///< below worker_pool::places(); that of no other process that lives
  bool again = false;  ///< start: in place of one that ended or is going to
  int code = 0;
  std::string text;
};

class worker_pool {
 public:
  using time_point = worker_table::time_point;
  using milliseconds = std::chrono::milliseconds;
  using kind = pool_action::kind;

  explicit worker_pool(worker_pool_settings chosen);

  /// At most so many processes live at the same time.
  static constexpr unsigned places(unsigned workers) noexcept { return workers + 1; }

  void begin(time_point now);

  /// The worker has begun to listen.
  void on_ready(unsigned id, time_point now);

  /// The process is gone. A process that could not be started has ended too.
  void on_end(unsigned id, worker_end how, time_point now);

  /// The wish to end: in order the first time, at once the second time.
  void on_stop(time_point now);

  /// The wish for new processes: one after the other, none ends before its successor is ready. A
  /// second one during the first is carried out after it.
  void on_restart(time_point now);

  /// To be called at deadline(), or at any other time.
  void on_time(time_point now);

  /// When on_time() has something to do, if it ever has.
  std::optional<time_point> deadline() const;

  /// True when the process is going to end because the pool wants it to.
  bool is_to_end(unsigned id) const;
  bool stopping() const noexcept { return stopping_; }

  /// What has been decided since the last call.
  std::vector<pool_action> take_actions() { return std::exchange(actions_, {}); }

 private:
  using phase = worker_table::phase;
  using process = worker_table::process;
  static constexpr int drain_signal = 15;  // SIGTERM: of one that had not yet learnt to take it

  struct slot_state {
    unsigned failures = 0;  // in a row
    std::optional<time_point> start_at;
  };

  pool_action& act(kind what);

  unsigned launch(unsigned slot, time_point now);

  void drain(process& one, time_point now);

  void kill_all();

  /// Starts the slot's next worker later, when it has none.
  void schedule(unsigned number, time_point now);

  /// After one ended before it was ready: true when there is no sense in trying again.
  bool is_hopeless(const worker_end& how) const;
  static constexpr int bad_configuration = 2;  // the exit code of a server that says so

  void give_up(const worker_end& how, time_point now);

  void begin_to_stop(time_point now);

  void finish_when_empty();

  // ---- rolling restart: one slot at a time

  struct rolling {
    unsigned slot;
    unsigned successor;  // its id; 0: not started yet
  };

  void roll(time_point now);

  worker_pool_settings settings_;
  std::vector<slot_state> slots_;
  worker_table table_;
  std::vector<pool_action> actions_;
  std::optional<rolling> rolling_;
  int code_ = 0;
  bool all_ready_ = false, roll_wanted_ = false, stopping_ = false, finished_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE worker_pool::worker_pool(worker_pool_settings chosen)
    : settings_(chosen),
      slots_(std::max(chosen.workers, 1u)),
      table_(chosen.start_timeout, chosen.end_timeout) {}

AGENT_WEBSOCKET_INLINE void worker_pool::begin(time_point now) {
  for (unsigned slot = 0; slot < slots_.size(); ++slot) launch(slot, now);
}

AGENT_WEBSOCKET_INLINE void worker_pool::on_ready(unsigned id, time_point now) {
  process* const found = table_.find(id);
  if (found == nullptr || found->state != phase::starting) return;
  found->enter(phase::ready, now);
  if (!all_ready_ && table_.count(phase::ready) == slots_.size()) {
    all_ready_ = true;
    act(kind::all_ready);
  }
  roll(now);
}

AGENT_WEBSOCKET_INLINE void worker_pool::on_end(unsigned id, worker_end how, time_point now) {
  const auto gone = table_.remove(id);
  if (!gone) return;
  if (stopping_) {
    if (!how.is_clean() && !gone->killed && how.signal != drain_signal) code_ = std::max(code_, 1);
    return finish_when_empty();
  }
  if (gone->state != phase::ending) {
    slot_state& slot = slots_[gone->slot];
    const bool was_stable =
        gone->state == phase::ready && now - gone->since >= settings_.stable_time;
    slot.failures = was_stable ? 1 : slot.failures + 1;
    if (gone->state == phase::starting && is_hopeless(how)) return give_up(how, now);
  }
  roll(now);
  for (unsigned slot = 0; slot < slots_.size(); ++slot) schedule(slot, now);
}

AGENT_WEBSOCKET_INLINE void worker_pool::on_stop(time_point now) {
  if (stopping_) {
    code_ = std::max(code_, 1);
    return kill_all();
  }
  begin_to_stop(now);
  finish_when_empty();
}

AGENT_WEBSOCKET_INLINE void worker_pool::on_restart(time_point now) {
  if (stopping_) return;
  roll_wanted_ = true;
  roll(now);
}

AGENT_WEBSOCKET_INLINE void worker_pool::on_time(time_point now) {
  for (process& each : table_) {
    const auto due = table_.due(each);
    if (!due || *due > now) continue;
    each.killed = true;
    if (stopping_) code_ = std::max(code_, 1);
    act(kind::failure).text =
        "worker=" + std::to_string(each.slot + 1) +
        (each.state == phase::starting ? " was not ready in time and is killed"
                                       : " did not end in time and is killed");
    act(kind::kill).id = each.id;
  }
  for (unsigned slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].start_at && *slots_[slot].start_at <= now) launch(slot, now);
  }
}

AGENT_WEBSOCKET_INLINE std::optional<worker_pool::time_point> worker_pool::deadline() const {
  std::optional<time_point> first = table_.deadline();
  for (const slot_state& each : slots_) {
    if (each.start_at) first = std::min(first.value_or(*each.start_at), *each.start_at);
  }
  return first;
}

AGENT_WEBSOCKET_INLINE bool worker_pool::is_to_end(unsigned id) const {
  const process* const found = table_.find(id);
  return found != nullptr && (found->state == phase::ending || found->killed);
}

AGENT_WEBSOCKET_INLINE pool_action& worker_pool::act(kind what) {
  actions_.emplace_back();
  actions_.back().what = what;
  return actions_.back();
}

AGENT_WEBSOCKET_INLINE unsigned worker_pool::launch(unsigned slot, time_point now) {
  slots_[slot].start_at.reset();
  const process& made = table_.add(slot, now);
  pool_action& action = act(kind::start);
  action.id = made.id;
  action.slot = slot + 1;
  action.place = made.place;
  action.again = made.id > slots_.size();
  return made.id;
}

AGENT_WEBSOCKET_INLINE void worker_pool::drain(process& one, time_point now) {
  if (one.state == phase::ending) return;
  one.enter(phase::ending, now);
  act(kind::drain).id = one.id;
}

AGENT_WEBSOCKET_INLINE void worker_pool::kill_all() {
  for (process& each : table_) {
    if (!std::exchange(each.killed, true)) act(kind::kill).id = each.id;
  }
}

AGENT_WEBSOCKET_INLINE void worker_pool::schedule(unsigned number, time_point now) {
  slot_state& slot = slots_[number];
  if (slot.start_at || table_.has(number, phase::starting) || table_.has(number, phase::ready))
    return;
  milliseconds wait = settings_.least_wait;
  for (unsigned i = 1; i < slot.failures && wait < settings_.most_wait; ++i) wait *= 2;
  slot.start_at = now + std::min(wait, settings_.most_wait);
}

AGENT_WEBSOCKET_INLINE bool worker_pool::is_hopeless(const worker_end& how) const {
  if (!all_ready_ && how.code == bad_configuration && how.signal == 0) return true;
  if (table_.count(phase::ready) > 0) return false;
  const unsigned most = all_ready_ ? settings_.most_failures : 1;
  return std::all_of(slots_.begin(), slots_.end(),
                     [most](const slot_state& each) { return each.failures >= most; });
}

AGENT_WEBSOCKET_INLINE void worker_pool::give_up(const worker_end& how, time_point now) {
  code_ = how.signal == 0 && how.code != 0 ? how.code : 1;
  act(kind::failure).text = all_ready_
                                ? "no worker comes back to life; giving up"
                                : "the workers cannot start; giving up (what they say is above)";
  begin_to_stop(now);
  finish_when_empty();
}

AGENT_WEBSOCKET_INLINE void worker_pool::begin_to_stop(time_point now) {
  stopping_ = true;
  for (slot_state& each : slots_) each.start_at.reset();
  act(kind::release);
  for (process& each : table_) drain(each, now);
}

AGENT_WEBSOCKET_INLINE void worker_pool::finish_when_empty() {
  if (table_.empty() && !std::exchange(finished_, true)) act(kind::finish).code = code_;
}

AGENT_WEBSOCKET_INLINE void worker_pool::roll(time_point now) {
  if (!rolling_) {
    if (!std::exchange(roll_wanted_, false)) return;
    rolling_ = rolling{0, 0};
  }
  while (rolling_->slot < slots_.size()) {
    const unsigned slot = rolling_->slot;
    if (rolling_->successor == 0) {
      if (table_.has(slot, phase::starting)) return;  // its end or its success comes first
      if (table_.count(phase::ending) > 0) return;  // so that there is one process more, never two
      rolling_->successor = launch(slot, now);
      return;
    }
    const process* const successor = table_.find(rolling_->successor);
    if (successor == nullptr) {
      rolling_.reset();
      roll_wanted_ = false;
      act(kind::failure).text = "worker=" + std::to_string(slot + 1) +
                                " has no successor: it ended before it was ready; the rolling "
                                "restart ends here, the others go on";
      return;
    }
    if (successor->state == phase::starting) return;
    for (process& each : table_) {
      if (each.slot != slot || each.id == rolling_->successor) continue;
      drain(each, now);
      return;
    }
    *rolling_ = rolling{slot + 1, 0};
  }
  rolling_.reset();
  act(kind::restarted);
  if (roll_wanted_) roll(now);
}

#endif

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
