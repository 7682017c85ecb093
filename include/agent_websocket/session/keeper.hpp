// SPDX-License-Identifier: MIT
//
// Brings the records of one session to its store, in their order: one batch at a time, all that has
// come meanwhile in the next. What the store does not take is given to it again, at first soon,
// then less often, until the session has waited too long. Knows how far the store is; what follows
// from that is the session's.
#pragma once

#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/policy/store.hpp>
#include <agent_websocket/session/core.hpp>
#include <agent_websocket/session/keeping.hpp>
#include <agent_websocket/session/kept_watch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace agent_websocket {

/// Is told what becomes of the records.
class keeper_sink {
 public:
  /// The first `count` records of the session are kept.
  virtual void on_kept(std::uint64_t count) = 0;
  /// A batch was not taken; it will be tried again.
  virtual void on_not_kept(const error& why) = 0;
  /// Nothing can be kept any more: moved or session_not_found, or the store was away for too long.
  virtual void on_lost(const error& why) = 0;

 protected:
  ~keeper_sink() = default;
};

template <typename Store, typename Scheduler>
class keeper {
 public:
  static constexpr std::chrono::milliseconds first_pause{100};
  static constexpr std::chrono::milliseconds longest_pause{5'000};
  /// A checkpoint is worth it when so much has been written since the last one. It also stands for
  /// what waits behind a batch, which therefore stays below twice as much as the session holds.
  static constexpr std::size_t checkpoint_bytes = 256 * 1024;

  /// `patience`: how long a batch may take, with all attempts.
  keeper(Store& store, Scheduler& scheduler, std::string session, keeper_sink& sink,
         duration patience)
      : life_(std::make_shared<life>(store, scheduler, sink, std::move(session), patience)) {}
  keeper(const keeper&) = delete;
  keeper& operator=(const keeper&) = delete;
  ~keeper() {
    life_->sink = nullptr;
    if (life_->left) return;
    life_->stop();
    life_->watch.lost();
    life_->erasure.lost();
  }

  /// The session is in the store: the next record has that number, this process that fence.
  void begin_at(std::uint64_t next, fence_number fence) noexcept {
    life_->next = next;
    life_->fence = fence;
  }

  fence_number fence() const noexcept { return life_->fence; }

  /// Takes over the records that the session has made.
  void keep(session_core& session, moment at) {
    std::vector<std::string> fresh = session.book().take_fresh();
    const std::uint64_t made = session.book().made();
    if (life_->wants_checkpoint()) {
      life_->replace(session.checkpoint(at), made);
    } else {
      life_->keep(std::move(fresh), made);
    }
  }

  /// When all is kept, or lost: forgets the session or, not `forever`, lets it go, so that any
  /// process may claim it; then done(). Also after the keeper is gone. Nothing is told to the sink
  /// any more.
  void leave(bool forever, std::function<void()> done) {
    life_->sink = nullptr;
    life_->forever = forever;
    life_->left = std::move(done);
    if (life_->busy && !forever) return;  // when that is through
    if (!life_->waiting.empty() && !forever) return life_->send_next();
    life_->stop();
    life_->watch.lost();
    life_->begin_leaving();
  }

  /// Tells when the first `records` of the session are kept, as it counts them; false: they are
  /// lost, or the session is forgotten with them. Goes on when the session leaves.
  void when_kept(std::uint64_t records, kept_handler told) {
    if (life_->lost || records <= life_->kept) return told(records <= life_->kept);
    life_->watch.wait(records, std::move(told));
  }
  /// Tells when leave() has made the store forget the session; false: it was lost before, is let go
  /// instead, or the store could not be told.
  void when_erased(kept_handler told) { life_->erasure.wait(0, std::move(told)); }

 private:
  // Outlives the keeper while the store has a batch.
  struct life : std::enable_shared_from_this<life> {
    life(Store& of, Scheduler& clock, keeper_sink& told, std::string id, duration longest)
        : store(of), scheduler(clock), sink(&told), session(std::move(id)), patience(longest) {}

    Store& store;
    Scheduler& scheduler;
    keeper_sink* sink;  // null: the keeper is gone
    std::string session;
    fence_number fence = 1;
    std::uint64_t next = 0;   // number in the store of the batch, or of the next one
    std::uint64_t given = 0;  // records taken over, as the session counts them
    std::uint64_t sent = 0;   // of these, up to and with the batch that the store has
    std::uint64_t kept = 0;   // of these, for certain
    std::vector<std::string> waiting;
    bool replaces = false;  // what waits
    store_batch batch;      // that the store has, or is to get again
    bool busy = false;
    bool lost = false;
    bool forever = false;        // when it leaves
    bool leaving = false;        // the store was told so
    std::function<void()> left;  // it is to leave, or null
    kept_watch watch;            // of the records
    kept_watch erasure;          // of the session
    std::size_t written = 0;     // bytes since the last checkpoint
    std::size_t checkpoint = 0;  // bytes of it
    duration patience;
    time_point begun{};
    duration pause = first_pause;
    timer_id timer = 0;

    static std::size_t bytes_of(const std::vector<std::string>& records) {
      std::size_t bytes = 0;
      for (const std::string& each : records) bytes += each.size();
      return bytes;
    }

    void stop() {
      if (timer != 0) scheduler.cancel_timer(std::exchange(timer, 0));
    }

    bool wants_checkpoint() const noexcept {
      return !lost && written >= checkpoint_bytes && written >= 2 * checkpoint;
    }

    void begin_leaving() {
      begun = scheduler.now();
      pause = first_pause;
      leave();
    }

    void leave() {
      leaving = true;
      const bool has_nothing = lost || (next == 0 && !busy);
      if (has_nothing) return end_leaving(!lost);
      const auto told = [self = this->shared_from_this()](const result<void>& outcome) {
        self->take_leave(outcome);
      };
      forever ? store.erase(session, fence, told) : store.release(session, fence, told);
    }

    /// An unreachable store is told again: what is over must not be found there.
    void take_leave(const result<void>& outcome) {
      const bool again =
          !outcome && outcome.error().code != errc::moved && scheduler.now() - begun < patience;
      if (!again) return end_leaving(outcome.has_value());
      timer = scheduler.start_timer(scheduler.now() + pause, [self = this->shared_from_this()] {
        self->timer = 0;
        self->leave();
      });
      pause = std::min<duration>(2 * pause, longest_pause);
    }

    void end_leaving(bool is_done) {
      const auto done = std::exchange(left, nullptr);
      if (is_done && forever) erasure.kept(0);
      erasure.lost();  // what is left of it
      done();
    }

    void keep(std::vector<std::string> records, std::uint64_t made) {
      if (lost || records.empty()) return;
      given = made;
      written += bytes_of(records);
      if (waiting.empty()) {
        waiting = std::move(records);
      } else {
        for (std::string& each : records) waiting.push_back(std::move(each));
      }
      if (!busy) send_next();
    }

    void replace(std::vector<std::string> all, std::uint64_t made) {
      if (lost) return;
      given = made;
      written = checkpoint = bytes_of(all);
      waiting = std::move(all);
      replaces = true;
      if (!busy) send_next();
    }

    void send_next() {
      if (waiting.empty()) return;
      busy = true;
      begun = scheduler.now();
      pause = first_pause;
      batch = {session, fence, next, std::exchange(waiting, {}), std::exchange(replaces, false)};
      sent = given;
      send();
    }

    void send() {
      store.append(batch, [self = this->shared_from_this()](const result<void>& outcome) {
        const bool wanted = self->sink != nullptr || (self->left && !self->forever);
        if (wanted) self->take(outcome);
      });
    }

    void take(const result<void>& outcome) {
      if (outcome) {
        busy = false;
        next += batch.records.size();
        batch = {};
        kept = sent;
        if (sink != nullptr) sink->on_kept(kept);
        watch.kept(kept);
        if (!busy && sink != nullptr) return send_next();
        if (busy || leaving || !left) return;
        return waiting.empty() ? begin_leaving() : send_next();
      }
      const error& why = outcome.error();
      const bool over = why.code == errc::moved || why.code == errc::session_not_found ||
                        scheduler.now() - begun >= patience;
      if (over) {
        lost = true;
        busy = false;
        waiting.clear();
        left ? leave() : sink->on_lost(why);
        return watch.lost();
      }
      timer = scheduler.start_timer(scheduler.now() + pause, [self = this->shared_from_this()] {
        self->timer = 0;
        self->send();
      });
      pause = std::min<duration>(2 * pause, longest_pause);
      if (sink != nullptr) sink->on_not_kept(why);
    }
  };

  std::shared_ptr<life> life_;
};

}  // namespace agent_websocket
