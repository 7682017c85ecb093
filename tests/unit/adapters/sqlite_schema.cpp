// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/sqlite_schema.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

using agent_websocket::adapters::migrate;
using agent_websocket::adapters::read_version;
using agent_websocket::adapters::sqlite_application_id;
using agent_websocket::adapters::sqlite_connection;
using agent_websocket::adapters::sqlite_migrations;
using agent_websocket::adapters::sqlite_number;
using agent_websocket::adapters::sqlite_version;
using agent_websocket::adapters::version_fault;

namespace {

struct file {
  sqlite_connection connection;
  file() { REQUIRE(connection.open(":memory:", SQLITE_OPEN_READWRITE) == SQLITE_OK); }

  sqlite_version version() const {
    sqlite_version found;
    REQUIRE(read_version(connection, found) == SQLITE_OK);
    return found;
  }
  std::int64_t number(const std::string& sql) const {
    std::int64_t found = -1;
    REQUIRE(sqlite_number(connection, sql, found) == SQLITE_OK);
    return found;
  }
  bool runs(const std::string& sql) { return connection.run(sql) == SQLITE_OK; }
};

const std::vector<std::string> first{"CREATE TABLE a (x)"};
const std::vector<std::string> three{"CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y DEFAULT 7",
                                     "CREATE TABLE b (z); INSERT INTO b SELECT x + y FROM a"};
const std::vector<std::string> broken{"CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y DEFAULT 7",
                                      "CREATE TABLE b (z); INSERT INTO b SELECT x + nothing FROM a",
                                      "CREATE TABLE c (z)"};

}  // namespace

TEST_CASE("sqlite_schema: an empty file becomes one of this version") {
  file one;
  CHECK(version_fault(one.version(), sqlite_migrations().size()).empty());
  CHECK(migrate(one.connection, one.version(), sqlite_migrations()) == SQLITE_OK);
  const sqlite_version now = one.version();
  CHECK(now.application == sqlite_application_id);
  CHECK(now.version == static_cast<std::int64_t>(sqlite_migrations().size()));
  CHECK(version_fault(now, sqlite_migrations().size()).empty());
  CHECK(one.number("SELECT count(*) FROM sessions") == 0);
  CHECK(one.number("SELECT count(*) FROM records") == 0);
  CHECK(migrate(one.connection, now, sqlite_migrations()) == SQLITE_OK);  // nothing to do
  CHECK(one.version().tables == now.tables);
}

TEST_CASE("sqlite_schema: a file of an older version keeps what it has") {
  file one;
  REQUIRE(migrate(one.connection, one.version(), first) == SQLITE_OK);
  REQUIRE(one.runs("INSERT INTO a VALUES (35)"));
  CHECK(one.version().version == 1);
  CHECK(version_fault(one.version(), three.size()).empty());
  CHECK(migrate(one.connection, one.version(), three) == SQLITE_OK);
  CHECK(one.version().version == 3);
  CHECK(one.number("SELECT z FROM b") == 42);
  CHECK_FALSE(one.connection.in_transaction());
}

TEST_CASE("sqlite_schema: a migration that fails changes nothing at all") {
  file one;
  REQUIRE(migrate(one.connection, one.version(), first) == SQLITE_OK);
  REQUIRE(one.runs("INSERT INTO a VALUES (35)"));
  CHECK(migrate(one.connection, one.version(), broken) == SQLITE_ERROR);
  CHECK_FALSE(one.connection.in_transaction());
  CHECK(one.version().version == 1);
  CHECK(one.version().tables == 1);
  CHECK_FALSE(one.runs("SELECT y FROM a"));  // the step before it neither
  CHECK(one.number("SELECT x FROM a") == 35);
  CHECK(migrate(one.connection, one.version(), three) == SQLITE_OK);  // and again, mended
  CHECK(one.number("SELECT z FROM b") == 42);
}

TEST_CASE("sqlite_schema: files of others and of newer versions") {
  const auto id = sqlite_application_id;
  CHECK(version_fault({0, 0, 0}, 1).empty());
  CHECK(version_fault({id, 1, 4}, 1).empty());
  CHECK(version_fault({id, 1, 4}, 2).empty());
  CHECK(version_fault({0, 0, 1}, 1) == "is a database of another program; name another file");
  CHECK(version_fault({0, 1, 0}, 1) == version_fault({0, 0, 1}, 1));
  CHECK(version_fault({id + 1, 1, 4}, 1) == version_fault({0, 0, 1}, 1));
  CHECK(version_fault({id, 3, 4}, 2) ==
        "was written by a newer version of this program (its format is 3, this program knows up to "
        "2); start the newer version, or name another file");
}
