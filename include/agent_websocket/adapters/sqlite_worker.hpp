// SPDX-License-Identifier: MIT
//
// The one thread that works on a session file. What waits for it is done together in one
// transaction, so that the disk is waited for once for all of it: many sessions that append at once
// cost little more than one. Between the groups it removes old sessions, in portions.
#pragma once

#include <agent_websocket/adapters/sqlite_database.hpp>
#include <agent_websocket/adapters/sqlite_error.hpp>
#include <agent_websocket/adapters/sqlite_sessions.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// One call of the store: made and delivered on the executor, attempted on the worker's thread.
class sqlite_job {
 public:
  /// What an attempt may use. `now`: seconds since 1970. `is_doubtful`: the last write failed.
  struct turn {
    sqlite_sessions& sessions;
    std::int64_t now;
    bool is_doubtful;
  };

  sqlite_job() = default;
  sqlite_job(const sqlite_job&) = delete;
  sqlite_job& operator=(const sqlite_job&) = delete;
  virtual ~sqlite_job() = default;

  virtual bool writes() const noexcept = 0;
  /// About how much memory it takes while it waits.
  virtual std::size_t bytes() const noexcept = 0;
  /// Keeps its outcome; may be called again. An error when the disk failed: then what it wrote is
  /// rolled back, and the group goes on.
  virtual std::optional<error> attempt(const turn& with) = 0;
  virtual void fail(const error& why) = 0;
  virtual void deliver() = 0;
};

using sqlite_jobs = std::vector<std::unique_ptr<sqlite_job>>;

struct sqlite_worker_settings {
  std::chrono::seconds keep{0};
  std::chrono::milliseconds sweep_every{0};
  std::size_t max_waiting_bytes = 0;
};

class sqlite_worker {
 public:
  /// Since 1970.
  static std::int64_t seconds_now();

  /// `finished` gets jobs with their outcomes, on the worker's thread, in the order of their
  /// adding. Precondition: the database is open, the sessions are prepared.
  sqlite_worker(std::unique_ptr<sqlite_database> database,
                std::unique_ptr<sqlite_sessions> sessions, sqlite_worker_settings settings,
                std::function<void(sqlite_jobs)> finished);
  sqlite_worker(const sqlite_worker&) = delete;
  sqlite_worker& operator=(const sqlite_worker&) = delete;

  /// Finishes what waits, and ends the thread.
  ~sqlite_worker();

  /// False, and the job is left as it is, when too much waits.
  bool add(std::unique_ptr<sqlite_job>& job);

 private:
  using clock = std::chrono::steady_clock;

  void work();

  /// All together; when that fails as a whole, one by one, so that one does not fail the others.
  /// When nothing can be written, those that only read are still tried.
  void run(const sqlite_jobs& group);

  /// In one transaction. An error when it was rolled back: then none of the outcomes counts.
  std::optional<error> attempt(sqlite_jobs::const_iterator first, sqlite_jobs::const_iterator last);

  std::optional<error> attempt_one(sqlite_job& job);

  /// Removes a portion of what is too old. True when there is more.
  bool sweep();

  error failure(int code, const char* doing) const;

  std::unique_ptr<sqlite_database> database_;
  std::unique_ptr<sqlite_sessions> sessions_;  // goes before the database
  const sqlite_worker_settings settings_;
  const std::function<void(sqlite_jobs)> finished_;
  bool is_doubtful_ = false;  // these two belong to the thread
  bool is_hopeless_ = false;
  std::mutex mutex_;  // guards the three below
  sqlite_jobs waiting_;
  std::size_t bytes_ = 0;  // of what waits or is being done
  bool is_ending_ = false;
  std::condition_variable wake_;
  std::thread thread_;  // last: it uses all of the others
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::int64_t sqlite_worker::seconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

AGENT_WEBSOCKET_INLINE sqlite_worker::sqlite_worker(std::unique_ptr<sqlite_database> database,
                                                    std::unique_ptr<sqlite_sessions> sessions,
                                                    sqlite_worker_settings settings,
                                                    std::function<void(sqlite_jobs)> finished)
    : database_(std::move(database)),
      sessions_(std::move(sessions)),
      settings_(settings),
      finished_(std::move(finished)),
      thread_([this] { work(); }) {}

AGENT_WEBSOCKET_INLINE sqlite_worker::~sqlite_worker() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

AGENT_WEBSOCKET_INLINE bool sqlite_worker::add(std::unique_ptr<sqlite_job>& job) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::size_t bytes = job->bytes();
    // One that is too large by itself is taken when nothing else waits.
    if (bytes_ != 0 && bytes_ + bytes > settings_.max_waiting_bytes) return false;
    bytes_ += bytes;
    waiting_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

AGENT_WEBSOCKET_INLINE void sqlite_worker::work() {
  clock::time_point next_sweep = clock::now();
  while (true) {
    sqlite_jobs group;
    bool is_ending = false;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait_until(lock, next_sweep, [this] { return is_ending_ || !waiting_.empty(); });
      group.swap(waiting_);
      is_ending = is_ending_;
    }
    if (!group.empty()) {
      std::size_t bytes = 0;
      for (const auto& each : group) bytes += each->bytes();
      run(group);
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        bytes_ -= bytes;
      }
      finished_(std::move(group));
    } else if (is_ending) {
      return;
    }
    if (!is_ending && clock::now() >= next_sweep && !sweep()) {
      next_sweep = clock::now() + settings_.sweep_every;
    }
  }
}

AGENT_WEBSOCKET_INLINE void sqlite_worker::run(const sqlite_jobs& group) {
  const std::optional<error> failed = attempt(group.begin(), group.end());
  if (!failed) return;
  const bool only_reads = is_hopeless_;
  for (auto each = group.begin(); each != group.end(); ++each) {
    std::optional<error> why = failed;
    if (group.size() > 1 && !(only_reads && (*each)->writes())) why = attempt(each, each + 1);
    if (why) (*each)->fail(*why);
  }
}

AGENT_WEBSOCKET_INLINE std::optional<error> sqlite_worker::attempt(
    sqlite_jobs::const_iterator first, sqlite_jobs::const_iterator last) {
  bool writes = false;
  for (auto each = first; each != last; ++each) writes = writes || (*each)->writes();
  is_hopeless_ = false;
  if (database_->has_moved()) {
    is_hopeless_ = true;
    return error(errc::internal, message_of(errc::internal),
                 "sqlite_store: the session file was moved or removed while it is in use; put "
                 "it back, or restart the server");
  }
  int code = database_->begin(writes);
  if (code != SQLITE_OK) {
    is_hopeless_ = true;  // as when another program has locked it: the next would wait as long
    return failure(code, "the transaction");
  }
  bool any_failed = false;
  for (auto each = first; each != last; ++each) {
    const std::optional<error> failed = attempt_one(**each);
    any_failed = any_failed || failed;
    if (!database_->connection().in_transaction()) {
      is_doubtful_ = true;
      return failed ? failed : failure(SQLITE_ABORT, "the transaction");
    }
  }
  code = database_->commit();
  if (code != SQLITE_OK) {
    const error why = failure(code, "the commit");
    database_->rollback();
    is_doubtful_ = true;
    return why;
  }
  if (writes) is_doubtful_ = any_failed;
  return std::nullopt;
}

AGENT_WEBSOCKET_INLINE std::optional<error> sqlite_worker::attempt_one(sqlite_job& job) {
  sqlite_connection& connection = database_->connection();
  const sqlite_job::turn turn{*sessions_, seconds_now(), is_doubtful_};
  std::optional<error> failed;
  const int code = connection.run("SAVEPOINT one");
  if (code != SQLITE_OK) {
    failed = failure(code, "the savepoint");
    job.fail(*failed);
    return failed;
  }
  try {
    failed = job.attempt(turn);
  } catch (const std::exception& thrown) {  // no memory
    failed = error(errc::internal, message_of(errc::internal),
                   std::string("sqlite_store: ") + thrown.what());
    job.fail(*failed);
  }
  const int ended = connection.run(failed ? "ROLLBACK TO one; RELEASE one" : "RELEASE one");
  if (ended != SQLITE_OK) database_->rollback();  // half of it must not stay
  return failed;
}

AGENT_WEBSOCKET_INLINE bool sqlite_worker::sweep() {
  constexpr std::size_t portion = 50;
  if (database_->begin(true) != SQLITE_OK) return false;
  const auto removed = sessions_->expire(seconds_now() - settings_.keep.count(), portion);
  const bool is_done = removed && database_->commit() == SQLITE_OK;
  database_->rollback();
  return is_done && *removed == portion;
}

AGENT_WEBSOCKET_INLINE error sqlite_worker::failure(int code, const char* doing) const {
  return sqlite_failure(database_->connection().handle(), code, doing);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE
