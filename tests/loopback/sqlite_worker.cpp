// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/sqlite_worker.hpp>

#include "temporary_folder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::adapters::sqlite_database;
using agent_websocket::adapters::sqlite_job;
using agent_websocket::adapters::sqlite_jobs;
using agent_websocket::adapters::sqlite_sessions;
using agent_websocket::adapters::sqlite_worker;
using agent_websocket::adapters::sqlite_worker_settings;
using namespace std::chrono_literals;

namespace {

using work = std::function<std::optional<error>(const sqlite_job::turn&)>;

/// Runs `what`, and says how it went into a list: "name" or "name!detail".
class noted_job final : public sqlite_job {
 public:
  noted_job(std::string name, work what, std::size_t bytes, bool writes)
      : name_(std::move(name)), what_(std::move(what)), bytes_(bytes), writes_(writes) {}
  bool writes() const noexcept override { return writes_; }
  std::size_t bytes() const noexcept override { return bytes_; }
  std::optional<error> attempt(const turn& with) override {
    failed_ = what_(with);
    return failed_;
  }
  void fail(const error& why) override { failed_ = why; }
  void deliver() override {}
  std::string note() const { return failed_ ? name_ + "!" + failed_->detail : name_; }

 private:
  std::string name_;
  work what_;
  std::size_t bytes_;
  bool writes_;
  std::optional<error> failed_;
};

work append(const std::string& id) {
  return [id](const sqlite_job::turn& with) -> std::optional<error> {
    const auto outcome = with.sessions.append({id, 1, 0, {"{}"}, false}, with.now);
    if (outcome) return std::nullopt;
    return outcome.error();
  };
}

error broken(const std::string& why) { return error(errc::internal, "Internal error", why); }

class bench {
 public:
  explicit bench(std::size_t max_waiting_bytes = 1000) {
    auto database = std::make_unique<sqlite_database>();
    REQUIRE(database->open(folder_.file("sessions.db"), 20ms).has_value());
    connection_ = &database->connection();
    sqlite3_commit_hook(
        connection_->handle(),
        [](void* self) {
          ++static_cast<bench*>(self)->commits_;
          return 0;
        },
        this);
    auto sessions = std::make_unique<sqlite_sessions>(*connection_, 0);
    REQUIRE(sessions->prepare().has_value());
    worker_.emplace(std::move(database), std::move(sessions),
                    sqlite_worker_settings{1h, 1h, max_waiting_bytes},
                    [this](sqlite_jobs jobs) { note(jobs); });
    // The search for old sessions at the beginning comes after the first of these at the latest.
    for (int i = 0; i < 2; ++i) {
      add(
          "first", [](const sqlite_job::turn&) { return std::nullopt; }, 1, false);
      finished(1);
    }
  }
  ~bench() { open_gate(); }

  bool add(const std::string& name, work what, std::size_t bytes = 1, bool writes = true) {
    std::unique_ptr<sqlite_job> job =
        std::make_unique<noted_job>(name, std::move(what), bytes, writes);
    const bool taken = worker_->add(job);
    CHECK((job == nullptr) == taken);
    return taken;
  }

  /// The worker stands here until the gate opens, so that what is added meanwhile is one group.
  void close_gate() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_open_ = false;
      is_reached_ = false;
    }
    REQUIRE(add(
        "gate",
        [this](const sqlite_job::turn&) -> std::optional<error> {
          std::unique_lock<std::mutex> lock(mutex_);
          is_reached_ = true;
          changed_.notify_all();
          changed_.wait(lock, [this] { return is_open_; });
          return std::nullopt;
        },
        1, false));
    std::unique_lock<std::mutex> lock(mutex_);
    REQUIRE(changed_.wait_for(lock, 10s, [this] { return is_reached_; }));
  }
  void open_gate() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }

  /// What has finished, when there are so many of them.
  std::vector<std::string> finished(std::size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    REQUIRE(changed_.wait_for(lock, 10s, [&] { return notes_.size() >= count; }));
    return std::exchange(notes_, {});
  }
  int commits() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return commits_;
  }

  /// Ends the worker; the notes of what it finished then.
  std::vector<std::string> end() {
    open_gate();
    worker_.reset();
    return std::exchange(notes_, {});
  }
  agent_websocket::adapters::sqlite_connection& connection() { return *connection_; }
  std::string file() const { return folder_.file("sessions.db"); }

 private:
  void note(const sqlite_jobs& jobs) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& each : jobs) notes_.push_back(static_cast<noted_job&>(*each).note());
    changed_.notify_all();
  }

  loopback::temporary_folder folder_;
  agent_websocket::adapters::sqlite_connection* connection_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = true;
  bool is_reached_ = false;
  int commits_ = 0;  // by the worker alone, while nobody waits
  std::vector<std::string> notes_;
  std::optional<sqlite_worker> worker_;
};

using notes = std::vector<std::string>;

/// What a later process finds of the names.
std::string kept(const std::string& file, const std::string& names) {
  sqlite_database database;
  REQUIRE(database.open(file, 20ms).has_value());
  sqlite_sessions sessions(database.connection(), 0);
  REQUIRE(sessions.prepare().has_value());
  std::string found;
  for (const char each : names) {
    if (sessions.load(std::string(1, each))->next != 0) found += each;
  }
  return found;
}

}  // namespace

TEST_CASE("sqlite_worker: what waits is one transaction, with the outcomes in their order") {
  bench b;
  b.close_gate();
  for (const char* const each : {"a", "b", "c", "d", "e"}) CHECK(b.add(each, append(each)));
  const int before = b.commits();
  b.open_gate();
  CHECK(b.finished(6) == notes{"gate", "a", "b", "c", "d", "e"});
  CHECK(b.commits() == before + 1);
  CHECK(b.end().empty());
  CHECK(kept(b.file(), "abcdef") == "abcde");
}

TEST_CASE("sqlite_worker: one that fails is undone alone") {
  bench b;
  b.close_gate();
  b.add("a", append("a"));
  b.add("b", [](const sqlite_job::turn& with) -> std::optional<error> {
    CHECK(with.sessions.append({"b", 1, 0, {"{}"}, false}, 1).has_value());
    return broken("half");
  });
  b.add("c", [](const sqlite_job::turn& with) -> std::optional<error> {
    CHECK(with.sessions.append({"c", 1, 0, {"{}"}, false}, 1).has_value());
    throw std::bad_alloc();
  });
  b.add("d", append("d"));
  b.open_gate();
  CHECK(b.finished(5) == notes{"gate", "a", "b!half", "c!sqlite_store: std::bad_alloc", "d"});
  b.end();
  CHECK(kept(b.file(), "abcd") == "ad");
}

TEST_CASE(
    "sqlite_worker: one that cannot be undone alone is undone with all, who are tried again") {
  bench b;
  b.close_gate();
  b.add("a", append("a"));
  b.add("b", [&](const sqlite_job::turn& with) -> std::optional<error> {
    CHECK(with.sessions.append({"b", 1, 0, {"{}"}, false}, 1).has_value());
    CHECK(b.connection().run("RELEASE one") == SQLITE_OK);  // there is nothing to go back to
    return broken("half");
  });
  b.add("c", append("c"));
  b.open_gate();
  CHECK(b.finished(4) == notes{"gate", "a", "b!half", "c"});
  b.end();
  CHECK(kept(b.file(), "abc") == "ac");
}

TEST_CASE("sqlite_worker: one that ends the whole transaction does not fail the others") {
  bench b;
  b.close_gate();
  int tried = 0;
  b.add("a", append("a"));
  b.add("b", [&](const sqlite_job::turn& with) -> std::optional<error> {
    ++tried;
    CHECK(with.sessions.append({"b", 1, 0, {"{}"}, false}, 1).has_value());
    CHECK(b.connection().run("ROLLBACK") == SQLITE_OK);  // as SQLite does after some failures
    return broken("gone");
  });
  b.add("c", append("c"));
  b.open_gate();
  CHECK(b.finished(4) == notes{"gate", "a", "b!gone", "c"});
  CHECK(tried == 2);
  b.end();
  CHECK(kept(b.file(), "abc") == "ac");
}

TEST_CASE("sqlite_worker: a commit that fails is nobody's success") {
  bench b;
  b.close_gate();
  // A commit fails while a constraint that waits for it is broken.
  const auto spoil = [&](const sqlite_job::turn&) -> std::optional<error> {
    CHECK(b.connection().run("PRAGMA defer_foreign_keys = ON; INSERT INTO child VALUES (7)") ==
          SQLITE_OK);
    return std::nullopt;
  };
  REQUIRE(b.connection().run("COMMIT; PRAGMA foreign_keys = ON; CREATE TABLE parent (n INTEGER "
                             "PRIMARY KEY); CREATE TABLE child (n REFERENCES parent); BEGIN; "
                             "SAVEPOINT one") == SQLITE_OK);  // the worker stands at the gate
  b.add("a", append("a"));
  b.add("spoil", spoil);
  b.add("b", append("b"));
  b.open_gate();
  const notes found = b.finished(4);
  CHECK(found[1] == "a");
  CHECK(found[2].substr(0, 38) == "spoil!sqlite_store: the commit failed:");
  CHECK(found[3] == "b");
  CHECK(b.connection().in_transaction() == false);
  b.add("c", append("c"));
  CHECK(b.finished(1) == notes{"c"});
  b.end();
  CHECK(kept(b.file(), "abc") == "abc");
}

TEST_CASE("sqlite_worker: while another program has the file locked, all fail, and then go on") {
  bench b;
  agent_websocket::adapters::sqlite_connection other;
  REQUIRE(other.open(b.file(), SQLITE_OPEN_READWRITE) == SQLITE_OK);
  b.close_gate();
  REQUIRE(other.run("BEGIN IMMEDIATE") == SQLITE_OK);
  for (const char* const each : {"a", "b", "c"}) b.add(each, append(each));
  const work read = [](const sqlite_job::turn& with) -> std::optional<error> {
    CHECK(with.sessions.load("a").has_value());
    return std::nullopt;
  };
  b.add("r", read, 1, false);
  int waits = 0;
  sqlite3_busy_handler(
      b.connection().handle(),
      [](void* count, int) {
        ++*static_cast<int*>(count);
        return 0;
      },
      &waits);
  b.open_gate();
  const notes found = b.finished(5);
  CHECK(found[4] == "r");  // who only reads does not wait
  for (std::size_t i = 1; i < 4; ++i) {
    CHECK(found[i].substr(1) ==
          "!sqlite_store: the transaction failed: another program keeps the file locked (SQLite 5: "
          "database is locked)");
  }
  CHECK(waits == 1);  // for all of them, not for each
  b.add("r", read, 1, false);
  CHECK(b.finished(1) == notes{"r"});
  REQUIRE(other.run("ROLLBACK") == SQLITE_OK);
  for (const char* const each : {"a", "b", "c"}) b.add(each, append(each));
  CHECK(b.finished(3) == notes{"a", "b", "c"});
  b.end();
  CHECK(kept(b.file(), "abc") == "abc");
}

TEST_CASE("sqlite_worker: after a failure the next ones know, until a write succeeds") {
  bench b;
  std::vector<bool> seen;
  const auto look = [&](const sqlite_job::turn& with) -> std::optional<error> {
    seen.push_back(with.is_doubtful);
    return std::nullopt;
  };
  const auto one = [&](const work& what, bool writes) {
    b.add("x", what, 1, writes);
    b.finished(1);
  };
  const work disk = [](const sqlite_job::turn&) { return broken("disk"); };
  one(look, true);
  one(disk, true);
  one(look, false);  // reading mends nothing
  one(look, true);
  one(look, true);
  one(disk, false);
  one(look, true);
  CHECK(seen == std::vector<bool>{false, true, true, false, false});
}

TEST_CASE("sqlite_worker: too much waits") {
  bench b(100);
  CHECK(b.add("large", append("l"), 1000));  // nothing else waits
  CHECK(b.finished(1) == notes{"large"});
  b.close_gate();  // 1 byte
  CHECK(b.add("a", append("a"), 60));
  CHECK_FALSE(b.add("b", append("b"), 60));
  CHECK(b.add("c", append("c"), 39));
  CHECK_FALSE(b.add("d", append("d"), 1));
  b.open_gate();
  CHECK(b.finished(3) == notes{"gate", "a", "c"});
  CHECK(b.add("e", append("e"), 100));
  CHECK(b.finished(1) == notes{"e"});
}

TEST_CASE("sqlite_worker: its end finishes what waits") {
  bench b;
  b.close_gate();
  for (const char* const each : {"a", "b", "c"}) b.add(each, append(each));
  CHECK(b.end() == notes{"gate", "a", "b", "c"});
  CHECK(kept(b.file(), "abc") == "abc");
}

TEST_CASE("sqlite_worker: nothing is kept in a file that was taken away") {
  bench b;
  const std::string away = b.file() + ".away";
  REQUIRE(std::rename(b.file().c_str(), away.c_str()) == 0);
  b.add("a", append("a"));
  b.add("b", append("b"));
  const notes found = b.finished(2);
  CHECK(found[0].find("a!sqlite_store: the session file was moved or removed") == 0);
  REQUIRE(std::rename(away.c_str(), b.file().c_str()) == 0);
  b.add("c", append("c"));
  CHECK(b.finished(1) == notes{"c"});
  b.end();
  CHECK(kept(b.file(), "abc") == "c");
}

TEST_CASE("sqlite_worker: old sessions go in portions, also a thousand of them") {
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  auto database = std::make_unique<sqlite_database>();
  REQUIRE(database->open(file, 20ms).has_value());
  REQUIRE(database->connection().run(
              "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
              "INSERT INTO sessions SELECT i, 's' || i, 1, 1, 0, 100 FROM n;"
              "INSERT INTO records SELECT number, 0, '{}' FROM sessions;"
              "INSERT INTO sessions VALUES (2000, 'held', 1, 0, 1, 100);"
              "INSERT INTO sessions VALUES (2001, 'a', 1, 1, 0, 4000000000)") == SQLITE_OK);
  auto sessions = std::make_unique<sqlite_sessions>(database->connection(), 0);
  REQUIRE(sessions->prepare().has_value());
  std::mutex mutex;
  std::condition_variable changed;
  std::int64_t left = -1;
  auto& connection = database->connection();
  sqlite_worker worker(std::move(database), std::move(sessions),
                       sqlite_worker_settings{1h, 1h, 1000}, [](const sqlite_jobs&) {});
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (left != 2 && std::chrono::steady_clock::now() < deadline) {
    bool is_done = false;
    std::unique_ptr<sqlite_job> job = std::make_unique<noted_job>(
        "count",
        [&](const sqlite_job::turn&) -> std::optional<error> {
          const std::lock_guard<std::mutex> lock(mutex);
          agent_websocket::adapters::sqlite_number(connection, "SELECT count(*) FROM sessions",
                                                   left);
          is_done = true;
          changed.notify_all();
          return std::nullopt;
        },
        1, false);
    REQUIRE(worker.add(job));
    std::unique_lock<std::mutex> lock(mutex);
    REQUIRE(changed.wait_for(lock, 10s, [&] { return is_done; }));
  }
  CHECK(left == 2);
}
