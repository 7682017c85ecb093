// SPDX-License-Identifier: MIT
// What every Store does is in tests/policy/; here is what this one does about files, disks,
// threads.
#include <agent_websocket/adapters/sqlite_store.hpp>

#include "temporary_folder.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::result;
using agent_websocket::store_batch;
using agent_websocket::stored_session;
using agent_websocket::adapters::sqlite_connection;
using agent_websocket::adapters::sqlite_options;
using agent_websocket::adapters::sqlite_store;
using namespace std::chrono_literals;

namespace {

struct bench {
  loopback::temporary_folder folder;
  asio::io_context context{1};
  sqlite_options options;
  std::unique_ptr<sqlite_store> store;

  bench() {
    options.file = folder.file("sessions.db");
    options.busy_wait = 50ms;
  }

  result<void> open() {
    store.reset();
    store = std::make_unique<sqlite_store>(context, options);
    return store->open();
  }
  template <typename Ready>
  bool run(const Ready& ready) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!ready() && std::chrono::steady_clock::now() < deadline) {
      context.restart();
      context.run_one_for(50ms);
    }
    return ready();
  }
  std::optional<error> append(const std::string& id, std::vector<std::string> records,
                              std::uint64_t first = 0) {
    return wait([&](auto done) {
      store->append(store_batch{id, 1, first, std::move(records), false}, std::move(done));
    });
  }
  std::optional<error> check() {
    return wait([&](auto done) { store->check(std::move(done)); });
  }
  std::vector<std::string> records(const std::string& id) {
    std::optional<result<stored_session>> found;
    store->load(id, [&](result<stored_session> each) { found = std::move(each); });
    REQUIRE(run([&] { return found.has_value(); }));
    REQUIRE(found->has_value());
    return (*found)->records;
  }

  template <typename Call>
  std::optional<error> wait(const Call& call) {
    std::optional<result<void>> outcome;
    call([&](result<void> each) { outcome = std::move(each); });
    CHECK_FALSE(outcome.has_value());  // never from inside
    REQUIRE(run([&] { return outcome.has_value(); }));
    if (*outcome) return std::nullopt;
    return outcome->error();
  }
};

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

/// While it lives, SQLite's writes fail with this number: ENOSPC as on a full disk.
class failing_writes {
 public:
  explicit failing_writes(int with) {
    number() = with;
    auto* const system = sqlite3_vfs_find(nullptr);
    const auto as_call = [](auto* function) {
      return reinterpret_cast<sqlite3_syscall_ptr>(function);
    };
    system->xSetSystemCall(system, "pwrite", as_call(&fail));
    system->xSetSystemCall(system, "pwrite64", as_call(&fail));
    system->xSetSystemCall(system, "write", as_call(&fail_plain));
  }
  ~failing_writes() {
    auto* const system = sqlite3_vfs_find(nullptr);
    for (const char* const each : {"pwrite", "pwrite64", "write"}) {
      system->xSetSystemCall(system, each, nullptr);
    }
  }
  failing_writes(const failing_writes&) = delete;
  failing_writes& operator=(const failing_writes&) = delete;

 private:
  static std::atomic<int>& number() {
    static std::atomic<int> value{0};
    return value;
  }
  static ssize_t fail(int, const void*, std::size_t, off_t) { return fail_plain(0, nullptr, 0); }
  static ssize_t fail_plain(int, const void*, std::size_t) {
    errno = number();
    return -1;
  }
};

}  // namespace

TEST_CASE("sqlite_store: before it is open, and when it cannot be, every call fails") {
  bench b;
  b.store = std::make_unique<sqlite_store>(b.context, b.options);
  CHECK(b.store->lasting());
  for (int i = 0; i < 2; ++i) {
    const auto why = b.append("a", {"{}"});
    REQUIRE(why.has_value());
    CHECK(why->code == errc::internal);
    CHECK(why->detail == "sqlite_store: it is not open");
    CHECK(b.check().has_value());
    std::filesystem::create_directory(b.options.file);
    const auto opened = b.store->open();
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code == errc::bad_configuration);
    CHECK(opened.error().message ==
          "The session file " + b.options.file + " is a directory; name a file in it");
  }
  std::filesystem::remove(b.options.file);
  REQUIRE(b.store->open().has_value());  // mended
  CHECK_FALSE(b.append("a", {"{}"}).has_value());
}

TEST_CASE("sqlite_store: the context runs until the last outcome, and no longer") {
  bench b;
  REQUIRE(b.open().has_value());
  int done = 0;
  b.store->append(store_batch{"a", 1, 0, {"{}"}, false}, [&](const result<void>& first) {
    CHECK(first.has_value());
    ++done;
    b.store->append(store_batch{"a", 1, 1, {"{}"}, false}, [&](const result<void>&) { ++done; });
  });
  b.context.run();
  CHECK(done == 2);
}

TEST_CASE("sqlite_store: outcomes come on the thread that runs the context") {
  bench b;
  REQUIRE(b.open().has_value());
  std::thread::id where;
  b.store->check([&](const result<void>&) { where = std::this_thread::get_id(); });
  b.context.run();
  CHECK(where == std::this_thread::get_id());
}

TEST_CASE("sqlite_store: a done may destroy the store") {
  bench b;
  REQUIRE(b.open().has_value());
  int done = 0;
  for (int i = 0; i < 5; ++i) {
    b.store->check([&](const result<void>&) {
      ++done;
      b.store.reset();
    });
  }
  b.context.run();
  CHECK(done == 1);
}

TEST_CASE("sqlite_store: its end keeps what was asked for, and what it destroys may call it") {
  struct calls_back {
    sqlite_store& store;
    int& destroyed;
    ~calls_back() {
      ++destroyed;
      store.release("a", 1, [](const result<void>&) { CHECK(false); });
    }
  };
  bench b;
  REQUIRE(b.open().has_value());
  int destroyed = 0;
  for (int i = 0; i < 20; ++i) {
    const std::shared_ptr<calls_back> held(new calls_back{*b.store, destroyed});
    b.store->append(store_batch{std::to_string(i), 1, 0, {"{}"}, false},
                    [held](const result<void>&) { CHECK(false); });
  }
  b.store.reset();
  CHECK(destroyed == 20);
  b.context.run();
  REQUIRE(b.open().has_value());
  for (int i = 0; i < 20; ++i) CHECK(b.records(std::to_string(i)).size() == 1u);
}

TEST_CASE("sqlite_store: one process a file") {
  bench b;
  REQUIRE(b.open().has_value());
  {
    sqlite_store second(b.context, b.options);
    const auto opened = second.open();
    REQUIRE_FALSE(opened.has_value());
    has(opened.error().message, "is in use by another server process");
  }
  CHECK_FALSE(b.append("a", {"{}"}).has_value());  // the first one has not noticed
  // A process that ends by kill -9 lets go of it.
  b.store.reset();
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    sqlite_store theirs(b.context, b.options);
    const char said = theirs.open() ? 'y' : 'n';
    if (::write(ready[1], &said, 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  char said = 0;
  CHECK(::read(ready[0], &said, 1) == 1);
  CHECK(said == 'y');
  const auto refused = b.open();
  REQUIRE_FALSE(refused.has_value());
  has(refused.error().message, "is in use by another server process");
  CHECK(::kill(child, SIGKILL) == 0);
  CHECK(::waitpid(child, nullptr, 0) == child);
  ::close(ready[0]);
  ::close(ready[1]);
  CHECK(b.open().has_value());
  CHECK(b.records("a") == std::vector<std::string>{"{}"});
}

TEST_CASE("sqlite_store: a full disk fails what it must, until there is room") {
  bench b;
  REQUIRE(b.open().has_value());
  CHECK_FALSE(b.append("a", {"{\"n\":0}"}).has_value());
  {
    const failing_writes full(ENOSPC);
    for (int i = 0; i < 3; ++i) {
      const auto why = b.append("a", {"{\"n\":1}", "{\"n\":2}"}, 1);
      REQUIRE(why.has_value());
      CHECK(why->code == errc::internal);
      CHECK(why->message == "Internal error");
      has(why->detail, "failed: the disk is full");
      const auto found = b.check();
      REQUIRE(found.has_value());
      has(found->detail, "the disk is full");
    }
    CHECK(b.records("a") == std::vector<std::string>{"{\"n\":0}"});  // reading goes on
    // Many at once, one of them large.
    int failed = 0;
    for (int i = 0; i < 20; ++i) {
      const std::string large = "{\"s\":\"" + std::string(i == 7 ? 20'000'000 : 10, 'x') + "\"}";
      b.store->append(store_batch{"m" + std::to_string(i), 1, 0, {large}, false},
                      [&](const result<void>& outcome) { failed += outcome ? 0 : 1; });
    }
    b.context.restart();
    b.context.run();
    CHECK(failed == 20);
  }
  CHECK_FALSE(b.check().has_value());
  CHECK_FALSE(b.append("a", {"{\"n\":1}", "{\"n\":2}"}, 1).has_value());
  REQUIRE(b.open().has_value());
  CHECK(b.records("a").size() == 3u);
  CHECK(b.records("m0").empty());
}

TEST_CASE("sqlite_store: a broken disk, likewise") {
  bench b;
  REQUIRE(b.open().has_value());
  CHECK_FALSE(b.append("a", {"{\"n\":0}"}).has_value());
  {
    const failing_writes broken(EIO);
    const auto why = b.append("a", {"{\"n\":1}"}, 1);
    REQUIRE(why.has_value());
    has(why->detail, "failed: the disk failed");
    CHECK(b.check().has_value());
  }
  CHECK_FALSE(b.append("a", {"{\"n\":1}"}, 1).has_value());
  CHECK_FALSE(b.check().has_value());
  CHECK(b.records("a").size() == 2u);
}

TEST_CASE("sqlite_store: locked by another program") {
  bench b;
  REQUIRE(b.open().has_value());
  sqlite_connection other;
  REQUIRE(other.open(b.options.file, SQLITE_OPEN_READWRITE) == SQLITE_OK);
  sqlite3_busy_timeout(other.handle(), 10'000);  // the worker may be sweeping
  REQUIRE(other.run("BEGIN IMMEDIATE") == SQLITE_OK);
  const auto why = b.append("a", {"{}"});
  REQUIRE(why.has_value());
  has(why->detail, "another program keeps the file locked");
  CHECK(b.records("a").empty());
  REQUIRE(other.run("COMMIT") == SQLITE_OK);
  CHECK_FALSE(b.append("a", {"{}"}).has_value());
}

TEST_CASE("sqlite_store: too much waits for the disk") {
  bench b;
  b.options.max_waiting_bytes = 100'000;
  b.options.busy_wait = 10s;
  REQUIRE(b.open().has_value());
  sqlite_connection other;  // keeps the worker waiting
  REQUIRE(other.open(b.options.file, SQLITE_OPEN_READWRITE) == SQLITE_OK);
  sqlite3_busy_timeout(other.handle(), 10'000);  // the worker may be sweeping
  REQUIRE(other.run("BEGIN IMMEDIATE") == SQLITE_OK);
  int kept = 0;
  std::vector<std::string> details;
  for (int i = 0; i < 20; ++i) {
    store_batch batch{std::to_string(i), 1, 0, {std::string(10'000, '1')}, false};
    b.store->append(std::move(batch), [&](const result<void>& outcome) {
      if (outcome) ++kept;
      if (!outcome) details.push_back(outcome.error().detail);
    });
  }
  CHECK(b.run([&] { return details.size() == 11; }));
  CHECK(details[0] == "sqlite_store: too much waits for the disk already (more than 100000 bytes)");
  REQUIRE(other.run("COMMIT") == SQLITE_OK);
  CHECK(b.run([&] { return kept == 9; }));
  CHECK_FALSE(b.append("19", {"{}"}).has_value());
  CHECK(details.size() == 11u);
}

TEST_CASE("sqlite_store: what nobody holds goes after its time, also what a dead process held") {
  bench b;
  b.options.keep = 1s;
  b.options.sweep_every = 50ms;
  REQUIRE(b.open().has_value());
  CHECK_FALSE(b.append("held", {"{}"}).has_value());
  CHECK_FALSE(b.append("free", {"{}"}).has_value());
  CHECK_FALSE(b.wait([&](auto done) { b.store->release("free", 1, done); }).has_value());
  CHECK(b.records("free").size() == 1u);
  CHECK(b.run([&] {
    std::this_thread::sleep_for(50ms);
    return b.records("free").empty();
  }));
  CHECK(b.records("held").size() == 1u);
  REQUIRE(b.open().has_value());
  CHECK(b.records("held").size() == 1u);  // its time begins now
  CHECK(b.run([&] {
    std::this_thread::sleep_for(50ms);
    return b.records("held").empty();
  }));
}

TEST_CASE("sqlite_store: a file that was damaged while no server ran") {
  bench b;
  REQUIRE(b.open().has_value());
  CHECK_FALSE(b.append("a", std::vector<std::string>(200, std::string(200, '1'))).has_value());
  b.store.reset();
  std::filesystem::resize_file(b.options.file,
                               std::filesystem::file_size(b.options.file) / 8192 * 4096);
  const auto opened = b.open();
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code == errc::bad_configuration);
  has(opened.error().message, "is damaged; put a backup in its place");
}
