// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/sqlite_database.hpp>

#include "loopback/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

using agent_websocket::errc;
using agent_websocket::adapters::sqlite_connection;
using agent_websocket::adapters::sqlite_database;
using agent_websocket::adapters::sqlite_number;
using agent_websocket::adapters::sqlite_text;
namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds wait{50};

/// Why it is not opened; empty when it is.
std::string refusal(const std::string& file) {
  sqlite_database database;
  const auto opened = database.open(file, wait);
  if (opened) return {};
  CHECK(opened.error().code == errc::bad_configuration);
  return opened.error().message;
}

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

void write(const std::string& file, const std::string& text) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
}

std::string read(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

unsigned mode(const std::string& file) {
  struct stat found {};
  REQUIRE(::stat(file.c_str(), &found) == 0);
  return found.st_mode & 0777u;
}

/// A session file with something in it.
void make(const std::string& file) {
  sqlite_database database;
  REQUIRE(database.open(file, wait).has_value());
  REQUIRE(database.connection().run(
              "INSERT INTO sessions VALUES (1, 'a', 1, 200, 0, 0);"
              "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199) "
              "INSERT INTO records SELECT 1, i, hex(randomblob(200)) FROM n") == SQLITE_OK);
}

}  // namespace

TEST_CASE("sqlite_database: makes a file, readable by its user only, and opens it again") {
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  {
    sqlite_database database;
    const auto opened = database.open(file, wait);
    INFO(opened.error().message);
    REQUIRE(opened.has_value());
    std::string journal;
    std::int64_t synchronous = 0, vacuum = 0, secure = 0;
    CHECK(sqlite_text(database.connection(), "PRAGMA journal_mode", journal) == SQLITE_OK);
    CHECK(journal == "wal");
    CHECK(sqlite_number(database.connection(), "PRAGMA synchronous", synchronous) == SQLITE_OK);
    CHECK(synchronous == 2);  // FULL
    CHECK(sqlite_number(database.connection(), "PRAGMA auto_vacuum", vacuum) == SQLITE_OK);
    CHECK(vacuum == 2);  // INCREMENTAL
    CHECK(sqlite_number(database.connection(), "PRAGMA secure_delete", secure) == SQLITE_OK);
    CHECK(secure == 1);
    CHECK(mode(file) == 0600u);
    REQUIRE(database.connection().run("INSERT INTO sessions VALUES (1, 'a', 1, 1, 0, 0)") ==
            SQLITE_OK);
    CHECK(mode(file + "-wal") == 0600u);
    CHECK_FALSE(database.has_moved());
  }
  CHECK_FALSE(fs::exists(file + "-wal"));  // all is in the file
  sqlite_database database;
  REQUIRE(database.open(file, wait).has_value());
  std::int64_t count = 0;
  CHECK(sqlite_number(database.connection(), "SELECT count(*) FROM sessions", count) == SQLITE_OK);
  CHECK(count == 1);
}

TEST_CASE("sqlite_database: names that cannot be a session file") {
  const loopback::temporary_folder folder;
  CHECK(refusal("") == "No session file is named");
  CHECK(refusal(folder.name()) ==
        "The session file " + folder.name() + " is a directory; name a file in it");
  CHECK(refusal(folder.file("none/sessions.db")) ==
        "The session file " + folder.file("none/sessions.db") +
            " cannot be made: there is no directory " + folder.file("none") + "; make it first");
  CHECK_FALSE(fs::exists(folder.file("none")));
  write(folder.file("text"), "no folder");
  has(refusal(folder.file("text/sessions.db")), "text/sessions.db");
  REQUIRE(::mkfifo(folder.file("pipe").c_str(), 0600) == 0);
  has(refusal(folder.file("pipe")), "is no regular file");
}

TEST_CASE("sqlite_database: no permission") {
  if (::geteuid() == 0) {
    MESSAGE("skip: root may do everything; /proc stands for a place that refuses files");
    has(refusal("/proc/sessions.db"), "permission");
    return;
  }
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  make(file);
  for (const unsigned each : {0400u, 0000u}) {
    REQUIRE(::chmod(file.c_str(), each) == 0);
    has(refusal(file), "this user needs permission to read and write it");
  }
  REQUIRE(::chmod(file.c_str(), 0600) == 0);
  REQUIRE(::chmod(folder.name().c_str(), 0500) == 0);
  has(refusal(folder.file("other.db")), "other.db.lock beside it, which cannot be made or written");
  REQUIRE(::chmod(folder.name().c_str(), 0000) == 0);
  has(refusal(file), "cannot be reached: Permission denied");
  REQUIRE(::chmod(folder.name().c_str(), 0700) == 0);
  CHECK(refusal(file).empty());
}

TEST_CASE("sqlite_database: what is no database, or another program's, stays as it is") {
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  const std::string text = "This is a letter and no database. " + std::string(5000, 'x');
  write(file, text);
  CHECK(refusal(file) == "The session file " + file + " is no SQLite database; name another file");
  CHECK(read(file) == text);

  const std::string other = folder.file("other.db");
  {
    sqlite_connection connection;
    REQUIRE(connection.open(other, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) == SQLITE_OK);
    REQUIRE(connection.run("CREATE TABLE bookmarks (url)") == SQLITE_OK);
  }
  const std::string before = read(other);
  has(refusal(other), "is a database of another program");
  CHECK((read(other) == before));
}

TEST_CASE("sqlite_database: an empty file is a new one") {
  const loopback::temporary_folder folder;
  write(folder.file("sessions.db"), "");
  CHECK(refusal(folder.file("sessions.db")).empty());
}

TEST_CASE("sqlite_database: damage is found when it is opened") {
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  make(file);
  const std::string whole = read(file);
  REQUIRE(whole.size() > 40'000);
  const std::string words = "is damaged; put a backup in its place, or move it away";
  SUBCASE("bytes overwritten") {
    std::string text = whole;
    for (std::size_t at = 20'000; at < 24'096; ++at) text[at] = '\x5A';
    write(file, text);
    has(refusal(file), words);
  }
  SUBCASE("cut off") {
    write(file, whole.substr(0, whole.size() / 2 / 4096 * 4096));
    has(refusal(file), words);
  }
  SUBCASE("the first page overwritten, but for its header") {
    std::string text = whole;
    for (std::size_t at = 100; at < 4096; ++at) text[at] = '\xFF';
    write(file, text);
    has(refusal(file), words);
  }
  SUBCASE("not damaged") { CHECK(refusal(file).empty()); }
}

TEST_CASE("sqlite_database: a file of a newer version is refused and stays as it is") {
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  make(file);
  {
    sqlite_database database;
    REQUIRE(database.open(file, wait).has_value());
    REQUIRE(database.connection().run("PRAGMA user_version = 1000") == SQLITE_OK);
  }
  const std::string before = read(file);
  has(refusal(file), "was written by a newer version of this program (its format is 1000");
  CHECK((read(file) == before));
}

TEST_CASE("sqlite_database: one at a time, by whatever name") {
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  fs::create_directory(folder.file("sub"));
  fs::create_symlink(file, folder.file("link.db"));
  {
    sqlite_database first;
    REQUIRE(first.open(file, wait).has_value());
    for (const std::string& name :
         {file, folder.file("link.db"), folder.file("sub/../sessions.db")}) {
      has(refusal(name), "is in use by another server process (it holds ");
      has(refusal(name), "sessions.db.lock); stop that one first");
    }
    CHECK(refusal(folder.file("other.db")).empty());
  }
  CHECK(refusal(file).empty());
  CHECK(refusal(folder.file("link.db")).empty());
}

TEST_CASE("sqlite_database: names that mean something else to SQLite are files all the same") {
  const loopback::temporary_folder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.name());
  for (const char* const each :
       {"sessions.db", "file:sessions.db", "file:x?mode=memory", ":memory:"}) {
    CHECK(refusal(each).empty());
    CHECK(fs::exists(folder.file(each)));
  }
  fs::current_path(before);
}

TEST_CASE("sqlite_database: locked by a database browser") {
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  make(file);
  sqlite_connection browser;
  REQUIRE(browser.open(file, SQLITE_OPEN_READWRITE) == SQLITE_OK);
  REQUIRE(browser.run("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM sessions") ==
          SQLITE_OK);
  has(refusal(file), "is locked by another program");
  REQUIRE(browser.run("ROLLBACK") == SQLITE_OK);
  browser.close();
  CHECK(refusal(file).empty());
}

TEST_CASE("sqlite_database: tells when the file was taken away") {
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  sqlite_database database;
  REQUIRE(database.open(file, wait).has_value());
  CHECK_FALSE(database.has_moved());
  fs::rename(file, folder.file("backup.db"));
  CHECK(database.has_moved());
  fs::rename(folder.file("backup.db"), file);
  CHECK_FALSE(database.has_moved());
}
