// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/sqlite_connection.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::adapters::sqlite_connection;
using agent_websocket::adapters::sqlite_number;
using agent_websocket::adapters::sqlite_row;
using agent_websocket::adapters::sqlite_statement;
using agent_websocket::adapters::sqlite_text;

namespace {

sqlite_connection in_memory() {
  sqlite_connection connection;
  REQUIRE(connection.open(":memory:", SQLITE_OPEN_READWRITE) == SQLITE_OK);
  REQUIRE(connection.run("CREATE TABLE t (n INTEGER UNIQUE, s TEXT NOT NULL)") == SQLITE_OK);
  return connection;
}

}  // namespace

TEST_CASE("sqlite_connection: values go in and come out as they are") {
  sqlite_connection connection = in_memory();
  sqlite_statement put, take;
  REQUIRE(put.prepare(connection, "INSERT INTO t VALUES (?1, ?2)") == SQLITE_OK);
  REQUIRE(take.prepare(connection, "SELECT n, s FROM t WHERE s = ?1") == SQLITE_OK);
  const std::int64_t large = std::numeric_limits<std::int64_t>::max();
  const std::vector<std::string> texts{
      "",         "a", std::string("a\0b", 3),   std::string("\0", 1),
      "\xC3\xA9", "'", std::string(100'000, 'x')};
  std::int64_t number = large;
  for (const std::string& each : texts) {
    CHECK(put.run(number--, std::string_view(each)) == SQLITE_OK);
  }
  number = large;
  for (const std::string& each : texts) {
    int rows = 0;
    const int code = take.each(
        [&](const sqlite_row& row) {
          ++rows;
          CHECK(row.number(0) == number);
          CHECK((row.text(1) == each));
          return true;
        },
        std::string_view(each));
    CHECK(code == SQLITE_OK);
    CHECK(rows == 1);
    --number;
  }
  CHECK(put.run(std::uint64_t{7}, std::string_view()) == SQLITE_OK);  // empty, not NULL
}

TEST_CASE("sqlite_connection: who has enough rows stops, and the statement serves again") {
  sqlite_connection connection = in_memory();
  REQUIRE(connection.run("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')") == SQLITE_OK);
  sqlite_statement all;
  REQUIRE(all.prepare(connection, "SELECT s FROM t ORDER BY n") == SQLITE_OK);
  for (int i = 0; i < 2; ++i) {
    std::string seen;
    CHECK(all.each([&](const sqlite_row& row) {
      seen += row.text(0);
      return seen.size() < 2;
    }) == SQLITE_OK);
    CHECK(seen == "ab");
  }
  CHECK(connection.run("DROP TABLE t") == SQLITE_OK);  // nothing reads on
}

TEST_CASE("sqlite_connection: failures are codes, and the statement serves again") {
  sqlite_connection connection = in_memory();
  sqlite_statement wrong, put;
  CHECK(wrong.prepare(connection, "SELECT nothing FROM nowhere") == SQLITE_ERROR);
  REQUIRE(put.prepare(connection, "INSERT INTO t VALUES (?1, ?2)") == SQLITE_OK);
  CHECK(put.run(std::int64_t{1}, std::string_view("a")) == SQLITE_OK);
  CHECK(put.run(std::int64_t{1}, std::string_view("b")) == SQLITE_CONSTRAINT_UNIQUE);
  CHECK(put.run(std::int64_t{2}, std::string_view("c")) == SQLITE_OK);
  CHECK(put.run(std::int64_t{3}, std::string_view("d"), std::int64_t{3}) == SQLITE_RANGE);
  CHECK(connection.run("nonsense") == SQLITE_ERROR);
  sqlite_connection nowhere;
  CHECK((nowhere.open("/nonexistent/folder/file", SQLITE_OPEN_READWRITE) & 0xFF) ==
        SQLITE_CANTOPEN);
  CHECK(nowhere.handle() != nullptr);  // it has the words
  nowhere.close();
  CHECK(nowhere.handle() == nullptr);
}

TEST_CASE("sqlite_connection: transactions, and the first value of a statement") {
  sqlite_connection connection = in_memory();
  CHECK_FALSE(connection.in_transaction());
  CHECK(connection.run("BEGIN; INSERT INTO t VALUES (1, 'a')") == SQLITE_OK);
  CHECK(connection.in_transaction());
  CHECK(connection.run("ROLLBACK") == SQLITE_OK);
  CHECK_FALSE(connection.in_transaction());
  std::int64_t number = 5;
  CHECK(sqlite_number(connection, "SELECT n FROM t", number) == SQLITE_OK);
  CHECK(number == 5);  // there was none
  CHECK(sqlite_number(connection, "SELECT 41 + 1", number) == SQLITE_OK);
  CHECK(number == 42);
  CHECK(sqlite_number(connection, "SELECT x", number) == SQLITE_ERROR);
  std::string text;
  CHECK(sqlite_text(connection, "SELECT 'a' || 'b'", text) == SQLITE_OK);
  CHECK(text == "ab");
  CHECK(sqlite_text(connection, "SELECT NULL", text) == SQLITE_OK);
  CHECK(text.empty());
  CHECK(sqlite_text(connection, "SELECT x", text) == SQLITE_ERROR);
}
