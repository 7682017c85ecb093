// SPDX-License-Identifier: MIT
//
// Model of the requirement Store (policy/store.hpp) in one file on a local disk, by SQLite: for a
// server that is one process. What was reported as kept is there after kill -9 and after a power
// failure. The program links sqlite3 and sets AGENT_WEBSOCKET_WITH_SQLITE to 1.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/sqlite_database.hpp>
#include <agent_websocket/adapters/sqlite_sessions.hpp>
#include <agent_websocket/adapters/sqlite_worker.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/policy/store.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace agent_websocket {
namespace adapters {

struct sqlite_options {
  /// Made when it is not there, readable by its user only; its directory is not made. SQLite's own
  /// files stand beside it (-wal, -shm), and FILE.lock.
  std::string file;
  /// How long a session stays that nobody holds and nobody writes. By the system's clock.
  std::chrono::seconds keep = std::chrono::hours(30 * 24);
  std::chrono::milliseconds sweep_every = std::chrono::hours(1);  ///< how often old ones are sought
  /// Of calls that wait for the disk, together. Beyond it they fail, until the disk is faster.
  std::size_t max_waiting_bytes = 64u << 20;
  /// How long a call waits for another program that has locked the file.
  std::chrono::milliseconds busy_wait{2000};
};

namespace detail {

/// A call and its outcome.
template <typename Value, typename Work>
class sqlite_call final : public sqlite_job {
 public:
  sqlite_call(bool writes, std::size_t bytes, Work work, std::function<void(result<Value>)> done)
      : writes_(writes), bytes_(bytes), work_(std::move(work)), done_(std::move(done)) {}

  bool writes() const noexcept override { return writes_; }
  std::size_t bytes() const noexcept override { return bytes_; }
  std::optional<error> attempt(const turn& with) override {
    outcome_ = work_(with);
    if (outcome_ || outcome_.error().code != errc::internal) return std::nullopt;
    return outcome_.error();
  }
  void fail(const error& why) override { outcome_ = why; }
  void deliver() override { done_(std::move(outcome_)); }

 private:
  const bool writes_;
  const std::size_t bytes_;
  Work work_;
  std::function<void(result<Value>)> done_;
  result<Value> outcome_{error(errc::internal)};
};

}  // namespace detail

/// A success means that the disk has said it has it (fsync of the write-ahead log): neither kill -9
/// nor a power failure takes it back, on a disk that keeps what it says. That costs one wait for
/// the disk for all calls that wait together, so it bounds how fast one session can append, and
/// hardly how fast many can. FILE must be on a local disk. While it is open, copying it is no
/// backup: use sqlite_export, or `sqlite3 FILE ".backup COPY"`.
///
/// Used on the executor of its context only, which one thread runs; the context must outlive it.
/// The disk is waited for on a thread of its own. Each `done` is called from the context, never
/// from inside a call; one may destroy the store. A call that fails by the disk (full, broken,
/// locked by another program) fails with errc::internal and says why in its detail; the next one is
/// tried anew.
class sqlite_store {
 public:
  sqlite_store(asio::io_context& context, sqlite_options options);
  sqlite_store(const sqlite_store&) = delete;
  sqlite_store& operator=(const sqlite_store&) = delete;

  /// Waits until what was asked for is on the disk; calls no `done` any more.
  ~sqlite_store();

  /// Opens the file and lets go of what a process before held. Blocks: the whole file is read, to
  /// find damage. Errors (bad_configuration): what is wrong with the file, and what to do about it.
  /// Before it, every call fails. Precondition: it has not succeeded before.
  result<void> open();

  bool lasting() const noexcept { return true; }

  void load(std::string_view session, load_handler done);

  void claim(std::string_view session, const stored_session& known, claim_handler done);

  void append(store_batch batch, store_handler done);

  void release(std::string_view session, fence_number fence, store_handler done);

  void erase(std::string_view session, fence_number fence, store_handler done);

  /// Begins to write; when the last write failed, it writes something.
  void check(store_handler done);

 private:
  using work_guard = asio::executor_work_guard<asio::io_context::executor_type>;

  template <typename Value, typename Done, typename Work>
  void add(bool writes, std::size_t bytes, Done done, Work work) {
    if (!alive_) return;  // called by what its own end destroys
    constexpr std::size_t overhead = 512;
    std::unique_ptr<sqlite_job> job = std::make_unique<detail::sqlite_call<Value, Work>>(
        writes, bytes + overhead, std::move(work), std::move(done));
    if (open_calls_++ == 0) busy_.emplace(context_.get_executor());
    if (worker_ && worker_->add(job)) return;
    job->fail(error(errc::internal, message_of(errc::internal),
                    worker_ ? "sqlite_store: too much waits for the disk already (more than " +
                                  std::to_string(options_.max_waiting_bytes) + " bytes)"
                            : std::string("sqlite_store: it is not open")));
    sqlite_jobs jobs;
    jobs.push_back(std::move(job));
    finish(std::move(jobs));
  }

  // On the worker's thread, mostly.
  void finish(sqlite_jobs jobs);

  void deliver();

  asio::io_context& context_;
  const sqlite_options options_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  const std::weak_ptr<char> watch_ = alive_;  // handlers look here before they touch anything
  std::size_t open_calls_ = 0;
  std::optional<work_guard> busy_;  // the context does not run out of work while a call is open
  std::mutex mutex_;                // guards the one below
  std::deque<std::unique_ptr<sqlite_job>> finished_;
  std::unique_ptr<sqlite_worker> worker_;  // last: it uses the others
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE sqlite_store::sqlite_store(asio::io_context& context, sqlite_options options)
    : context_(context), options_(std::move(options)) {}

AGENT_WEBSOCKET_INLINE sqlite_store::~sqlite_store() {
  alive_.reset();
  worker_.reset();
  const auto undelivered = std::exchange(finished_, {});
}

AGENT_WEBSOCKET_INLINE result<void> sqlite_store::open() {
  auto database = std::make_unique<sqlite_database>();
  const result<void> opened = database->open(options_.file, options_.busy_wait);
  if (!opened) return opened;
  const auto grain = std::min<std::chrono::seconds>(std::chrono::hours(1), options_.keep / 32);
  auto sessions = std::make_unique<sqlite_sessions>(database->connection(), grain.count());
  result<void> ready = sessions->prepare();
  if (ready) ready = sessions->release_all(sqlite_worker::seconds_now());
  if (!ready)
    return detail::bad_session_file(options_.file, "cannot be used: " + ready.error().detail);
  const sqlite_worker_settings settings{options_.keep, options_.sweep_every,
                                        options_.max_waiting_bytes};
  worker_ = std::make_unique<sqlite_worker>(std::move(database), std::move(sessions), settings,
                                            [this](sqlite_jobs jobs) { finish(std::move(jobs)); });
  return {};
}

AGENT_WEBSOCKET_INLINE void sqlite_store::load(std::string_view session, load_handler done) {
  add<stored_session>(
      false, session.size(), std::move(done),
      [id = std::string(session)](const sqlite_job::turn& turn) { return turn.sessions.load(id); });
}

AGENT_WEBSOCKET_INLINE void sqlite_store::claim(std::string_view session,
                                                const stored_session& known, claim_handler done) {
  add<fence_number>(
      true, session.size(), std::move(done),
      [id = std::string(session), fence = known.fence, next = known.next](
          const sqlite_job::turn& turn) { return turn.sessions.claim(id, fence, next, turn.now); });
}

AGENT_WEBSOCKET_INLINE void sqlite_store::append(store_batch batch, store_handler done) {
  std::size_t bytes = batch.session.size();
  for (const std::string& each : batch.records) bytes += sizeof each + each.size();
  add<void>(true, bytes, std::move(done), [batch = std::move(batch)](const sqlite_job::turn& turn) {
    return turn.sessions.append(batch, turn.now);
  });
}

AGENT_WEBSOCKET_INLINE void sqlite_store::release(std::string_view session, fence_number fence,
                                                  store_handler done) {
  add<void>(true, session.size(), std::move(done),
            [id = std::string(session), fence](const sqlite_job::turn& turn) {
              return turn.sessions.release(id, fence, turn.now);
            });
}

AGENT_WEBSOCKET_INLINE void sqlite_store::erase(std::string_view session, fence_number fence,
                                                store_handler done) {
  add<void>(true, session.size(), std::move(done),
            [id = std::string(session), fence](const sqlite_job::turn& turn) {
              return turn.sessions.erase(id, fence);
            });
}

AGENT_WEBSOCKET_INLINE void sqlite_store::check(store_handler done) {
  add<void>(true, 0, std::move(done),
            [](const sqlite_job::turn& turn) { return turn.sessions.check(turn.is_doubtful); });
}

AGENT_WEBSOCKET_INLINE void sqlite_store::finish(sqlite_jobs jobs) {
  const std::size_t count = jobs.size();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto& each : jobs) finished_.push_back(std::move(each));
  }
  for (std::size_t i = 0; i < count; ++i) {
    asio::post(context_, [this, alive = watch_] {
      if (!alive.expired()) deliver();
    });
  }
}

AGENT_WEBSOCKET_INLINE void sqlite_store::deliver() {
  std::unique_ptr<sqlite_job> job;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    job = std::move(finished_.front());  // there is one for every deliver
    finished_.pop_front();
  }
  if (--open_calls_ == 0) busy_.reset();
  job->deliver();
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE
