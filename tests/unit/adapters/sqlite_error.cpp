// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/sqlite_error.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>

using agent_websocket::errc;
using agent_websocket::adapters::sqlite_failure;
using agent_websocket::adapters::sqlite_meaning;
using agent_websocket::adapters::sqlite_primary;
using agent_websocket::adapters::sqlite_words;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("sqlite_error: what a code means, whatever its extension") {
  CHECK(sqlite_primary(SQLITE_IOERR_FSYNC) == SQLITE_IOERR);
  CHECK(sqlite_primary(SQLITE_FULL) == SQLITE_FULL);
  CHECK(std::string(sqlite_meaning(SQLITE_FULL)) == "the disk is full");
  CHECK(std::string(sqlite_meaning(SQLITE_IOERR_FSYNC)) == "the disk failed");
  CHECK(std::string(sqlite_meaning(SQLITE_IOERR_WRITE)) == "the disk failed");
  CHECK(std::string(sqlite_meaning(SQLITE_BUSY_SNAPSHOT)) ==
        "another program keeps the file locked");
  CHECK(std::string(sqlite_meaning(SQLITE_LOCKED)) == sqlite_meaning(SQLITE_BUSY));
  CHECK(std::string(sqlite_meaning(SQLITE_READONLY_DBMOVED)) == "the file must not be written");
  CHECK(std::string(sqlite_meaning(SQLITE_CANTOPEN)) == "the file cannot be opened");
  CHECK(std::string(sqlite_meaning(SQLITE_CORRUPT)) == "the file is damaged");
  CHECK(std::string(sqlite_meaning(SQLITE_NOTADB)) == "the file is no SQLite database");
  CHECK(std::string(sqlite_meaning(SQLITE_NOMEM)) == "there is not enough memory");
  CHECK(std::string(sqlite_meaning(SQLITE_TOOBIG)) == "a record is too large for SQLite");
  CHECK(std::string(sqlite_meaning(SQLITE_PERM)) == "there is no permission for it");
  CHECK(std::string(sqlite_meaning(SQLITE_MISUSE)) == "SQLite failed");
}

TEST_CASE("sqlite_error: the words of what failed last, and of nothing else") {
  CHECK(sqlite_words(nullptr, SQLITE_NOMEM) ==
        "there is not enough memory (SQLite 7: out of memory)");
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2("/nonexistent/folder/file", &raw,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> db(raw, sqlite3_close_v2);
  REQUIRE(sqlite_primary(code) == SQLITE_CANTOPEN);
  const std::string words = sqlite_words(raw, code);
  CAPTURE(words);
  CHECK(has(words, "the file cannot be opened (SQLite 14: unable to open database file"));
  CHECK(has(words, "No such file or directory"));
  CHECK(sqlite_words(raw, SQLITE_FULL) == "the disk is full (SQLite 13: database or disk is full)");
}

TEST_CASE("sqlite_error: a failure says nothing to a client, and all to the log") {
  const auto why = sqlite_failure(nullptr, SQLITE_FULL, "the append");
  CHECK(why.code == errc::internal);
  CHECK(why.message == "Internal error");
  CHECK(why.detail ==
        "sqlite_store: the append failed: the disk is full (SQLite 13: database or disk is full)");
}
