// SPDX-License-Identifier: MIT
// The rules themselves are in tests/policy/store_suite.hpp; here is what only this level shows.
#include <agent_websocket/adapters/sqlite_sessions.hpp>

#include <agent_websocket/adapters/sqlite_schema.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

using agent_websocket::errc;
using agent_websocket::store_batch;
using agent_websocket::adapters::migrate;
using agent_websocket::adapters::sqlite_connection;
using agent_websocket::adapters::sqlite_migrations;
using agent_websocket::adapters::sqlite_number;
using agent_websocket::adapters::sqlite_sessions;

namespace {

struct fixture {
  sqlite_connection connection;
  sqlite_sessions sessions;

  explicit fixture(std::int64_t grain = 0) : sessions(connection, grain) {
    REQUIRE(connection.open(":memory:", SQLITE_OPEN_READWRITE) == SQLITE_OK);
    REQUIRE(migrate(connection, {}, sqlite_migrations()) == SQLITE_OK);
    REQUIRE(sessions.prepare().has_value());
  }

  std::int64_t number(const std::string& sql) const {
    std::int64_t found = -1;
    REQUIRE(sqlite_number(connection, sql, found) == SQLITE_OK);
    return found;
  }
  std::int64_t written(const std::string& id) const {
    return number("SELECT written FROM sessions WHERE id = '" + id + "'");
  }
  std::int64_t records() const { return number("SELECT count(*) FROM records"); }
  void make(const std::string& id, std::int64_t now) {
    REQUIRE(sessions.append({id, 1, 0, {"{}", "{}"}, false}, now).has_value());
  }
  bool is_there(const std::string& id) { return sessions.load(id)->next != 0; }
};

template <typename T>
bool is_internal(const agent_websocket::result<T>& outcome) {
  return !outcome && outcome.error().code == errc::internal;
}

}  // namespace

TEST_CASE("sqlite_sessions: what nobody holds and nobody writes expires") {
  fixture f;
  for (const char* const id : {"old", "held", "edge", "late", "written", "claimed"})
    f.make(id, 100);
  for (const char* const id : {"old", "written", "edge", "claimed"}) {
    REQUIRE(f.sessions.release(id, 1, 100).has_value());
  }
  REQUIRE(f.sessions.release("late", 1, 300).has_value());
  REQUIRE(f.sessions.append({"written", 1, 2, {"{}"}, false}, 300).has_value());
  REQUIRE(f.sessions.claim("claimed", 1, 2, 110).has_value());
  CHECK(f.records() == 13);
  CHECK(*f.sessions.expire(100, 10) == 0);  // not before
  CHECK(*f.sessions.expire(101, 10) == 2);
  CHECK_FALSE(f.is_there("old"));
  CHECK_FALSE(f.is_there("edge"));
  for (const char* const id : {"held", "late", "written", "claimed"}) CHECK(f.is_there(id));
  CHECK(f.records() == 9);  // theirs are gone as well
  CHECK(*f.sessions.expire(1000, 10) == 2);
  CHECK(f.is_there("held"));
  CHECK(f.is_there("claimed"));
}

TEST_CASE("sqlite_sessions: expiry in portions, the oldest first") {
  fixture f;
  for (int i = 0; i < 7; ++i) {
    f.make(std::to_string(i), 100 - i);
    REQUIRE(f.sessions.release(std::to_string(i), 1, 100 - i).has_value());
  }
  CHECK(*f.sessions.expire(1000, 3) == 3);
  CHECK(f.is_there("3"));
  CHECK_FALSE(f.is_there("4"));
  CHECK(*f.sessions.expire(1000, 3) == 3);
  CHECK(*f.sessions.expire(1000, 3) == 1);
  CHECK(*f.sessions.expire(1000, 3) == 0);
  CHECK(f.records() == 0);
}

TEST_CASE("sqlite_sessions: the time of the last write may lag by the grain") {
  fixture f(10);
  f.make("a", 100);
  CHECK(f.written("a") == 100);
  REQUIRE(f.sessions.append({"a", 1, 2, {"{}"}, false}, 110).has_value());
  CHECK(f.written("a") == 100);
  REQUIRE(f.sessions.append({"a", 1, 3, {"{}"}, false}, 111).has_value());
  CHECK(f.written("a") == 111);
  REQUIRE(f.sessions.append({"a", 1, 4, {"{}"}, false}, 50).has_value());  // a clock set back
  CHECK(f.written("a") == 111);
  REQUIRE(f.sessions.release("a", 1, 113).has_value());
  CHECK(f.written("a") == 113);  // exactly
  REQUIRE(f.sessions.release("a", 1, 120).has_value());
  CHECK(f.written("a") == 113);  // it was free already
}

TEST_CASE("sqlite_sessions: what a process before held is free, and its time begins now") {
  fixture f;
  f.make("held", 100);
  f.make("free", 100);
  REQUIRE(f.sessions.release("free", 1, 100).has_value());
  REQUIRE(f.sessions.release_all(500).has_value());
  CHECK(f.written("held") == 500);
  CHECK(f.written("free") == 100);
  CHECK(f.number("SELECT sum(held) FROM sessions") == 0);
  REQUIRE(f.sessions.release_all(600).has_value());
  CHECK(f.written("held") == 500);
}

TEST_CASE("sqlite_sessions: what was replaced or erased leaves nothing behind") {
  fixture f;
  f.make("a", 1);
  REQUIRE(f.sessions.append({"a", 1, 2, {"{}"}, true}, 1).has_value());
  CHECK(f.records() == 1);
  f.make("b", 1);
  REQUIRE(f.sessions.erase("a", 1).has_value());
  CHECK(f.records() == 2);
  CHECK(f.number("SELECT count(*) FROM sessions") == 1);
}

TEST_CASE("sqlite_sessions: a refused call writes nothing") {
  fixture f;
  f.make("a", 1);
  const auto changes = [&] { return f.number("SELECT total_changes()"); };
  const auto before = changes();
  CHECK(f.sessions.append({"a", 1, 0, {"{}", "{}"}, true}, 9).has_value());  // again
  CHECK(f.sessions.append({"a", 1, 1, {"{}"}, true}, 9).has_value());        // the same end: again
  CHECK(f.sessions.append({"a", 1, 5, {"{}"}, true}, 9).error().code == errc::moved);
  CHECK(f.sessions.append({"a", 2, 2, {"{}"}, true}, 9).error().code == errc::moved);
  CHECK(f.sessions.append({"b", 1, 2, {"{}"}, true}, 9).error().code == errc::session_not_found);
  CHECK(f.sessions.claim("a", 1, 3, 9).error().code == errc::moved);
  CHECK(f.sessions.claim("b", 1, 3, 9).error().code == errc::session_not_found);
  CHECK(f.sessions.release("a", 2, 9).error().code == errc::moved);
  CHECK(f.sessions.release("b", 2, 9).has_value());
  CHECK(f.sessions.erase("a", 2).error().code == errc::moved);
  CHECK(f.sessions.erase("b", 2).has_value());
  CHECK(f.sessions.check(false).has_value());
  CHECK(changes() == before);
}

TEST_CASE("sqlite_sessions: a disk that fails is internal, with the words for the log") {
  fixture f;
  f.make("a", 1);
  REQUIRE(f.connection.run("PRAGMA query_only = ON") == SQLITE_OK);
  const auto outcome = f.sessions.append({"a", 1, 2, {"{}"}, false}, 1);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == errc::internal);
  CHECK(outcome.error().message == "Internal error");
  CHECK(outcome.error().detail ==
        "sqlite_store: the append failed: the file must not be written (SQLite 8: attempt to write "
        "a readonly database)");
  CHECK(is_internal(f.sessions.claim("a", 1, 2, 1)));
  CHECK(is_internal(f.sessions.release("a", 1, 1)));
  CHECK(is_internal(f.sessions.erase("a", 1)));
  CHECK(is_internal(f.sessions.release_all(1)));
  CHECK(f.sessions.expire(1000, 1).has_value());  // held: there is nothing to do
  CHECK(f.sessions.check(false).has_value());
  CHECK(is_internal(f.sessions.check(true)));
  CHECK(f.sessions.load("a")->records.size() == 2u);
  REQUIRE(f.connection.run("PRAGMA query_only = OFF; DROP TABLE records") == SQLITE_OK);
  CHECK(is_internal(f.sessions.load("a")));
  CHECK(f.sessions.check(true).has_value());
  sqlite_sessions none(f.connection, 0);
  CHECK(is_internal(none.prepare()));
}
