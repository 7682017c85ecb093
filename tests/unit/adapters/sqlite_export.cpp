// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/sqlite_export.hpp>

#include <agent_websocket/adapters/sqlite_sessions.hpp>

#include "loopback/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <ios>
#include <sstream>
#include <string>
#include <string_view>

using agent_websocket::errc;
using agent_websocket::adapters::export_sessions;
using agent_websocket::adapters::sqlite_connection;
using agent_websocket::adapters::sqlite_database;
using agent_websocket::adapters::sqlite_export;
using agent_websocket::adapters::sqlite_sessions;

namespace {

/// What a server has open.
struct server {
  sqlite_database database;
  sqlite_sessions sessions{database.connection(), 0};

  explicit server(const std::string& file) {
    REQUIRE(database.open(file, std::chrono::milliseconds(50)).has_value());
    REQUIRE(sessions.prepare().has_value());
  }
  void fill() {
    REQUIRE(sessions.append({"b", 1, 0, {"{\"n\":0}", "{ \"n\" : 1 }"}, false}, 1).has_value());
    REQUIRE(sessions.append({"a", 1, 0, {"{\"s\":\"\xC3\xA9\\n\"}"}, false}, 1).has_value());
    REQUIRE(sessions.append({"b", 1, 2, {"{\"n\":2}"}, false}, 1).has_value());
    REQUIRE(sessions.append({"q\"\n", 1, 0, {"{}"}, false}, 1).has_value());
  }
};

const std::string all_lines =
    "{\"session\":\"b\",\"record\":{\"n\":0}}\n"
    "{\"session\":\"b\",\"record\":{ \"n\" : 1 }}\n"
    "{\"session\":\"b\",\"record\":{\"n\":2}}\n"
    "{\"session\":\"a\",\"record\":{\"s\":\"\xC3\xA9\\n\"}}\n"
    "{\"session\":\"q\\\"\\n\",\"record\":{}}\n";

std::string exported(const std::string& file, std::string_view id = {}) {
  std::ostringstream out;
  const auto lines = export_sessions(file, id, out);
  if (!lines) return "!" + lines.error().message;
  std::size_t count = 0;
  for (const char each : out.str()) count += each == '\n' ? 1 : 0;
  CHECK(*lines == count);
  return out.str();
}

}  // namespace

TEST_CASE("sqlite_export: one session or all, beside a running server and after it") {
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  {
    server running(file);
    CHECK(exported(file).empty());
    running.fill();
    CHECK(exported(file) == all_lines);
    CHECK(exported(file, "b") == "{\"n\":0}\n{ \"n\" : 1 }\n{\"n\":2}\n");
    CHECK(exported(file, "q\"\n") == "{}\n");
    CHECK(exported(file, "c") == "!There is no such session");
    // What is not committed is not there, and the server waits for nobody.
    REQUIRE(running.database.begin(true) == SQLITE_OK);
    REQUIRE(running.sessions.erase("b", 1).has_value());
    CHECK(exported(file) == all_lines);
    running.database.rollback();
    // A copy of the files is what kill -9 leaves.
    for (const char* const each : {"", "-wal"}) {
      std::filesystem::copy_file(file + each, folder.file("killed.db") + each);
    }
  }
  CHECK(exported(file) == all_lines);
  CHECK(exported(folder.file("killed.db")) == all_lines);
  server again(file);  // the export holds nothing
  CHECK(again.sessions.load("b")->records.size() == 3u);
}

TEST_CASE("sqlite_export: sees one moment, and the server goes on meanwhile") {
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  server running(file);
  running.fill();
  sqlite_export from;
  REQUIRE(from.open(file).has_value());
  std::string seen;
  const auto lines = from.all([&](std::string_view line) {
    if (seen.empty()) {
      CHECK(running.sessions.append({"b", 1, 3, {"{\"n\":3}"}, true}, 1).has_value());
      CHECK(running.sessions.append({"new", 1, 0, {"{}"}, false}, 1).has_value());
    }
    seen += line;
    seen += '\n';
    return true;
  });
  REQUIRE(lines.has_value());
  CHECK(*lines == 5u);
  CHECK(seen == all_lines);
  CHECK(exported(file, "b") == "{\"n\":3}\n");
}

TEST_CASE("sqlite_export: who has enough stops it") {
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  server running(file);
  running.fill();
  sqlite_export from;
  REQUIRE(from.open(file).has_value());
  int seen = 0;
  const auto two = [&seen](std::string_view) { return ++seen < 2; };
  CHECK(*from.all(two) == 2u);
  CHECK(seen == 2);
  seen = 0;
  CHECK(*from.session("b", two) == 2u);
  std::ostringstream closed;
  closed.setstate(std::ios::badbit);
  const auto lines = export_sessions(file, {}, closed);
  REQUIRE_FALSE(lines.has_value());
  CHECK(lines.error().message == "The export cannot be written");
}

TEST_CASE("sqlite_export: what is no session file, and makes none") {
  const loopback::temporary_folder folder;
  const std::string file = folder.file("sessions.db");
  const std::string named = "!The session file " + file;
  CHECK(exported(file) == named + " is not there");
  CHECK_FALSE(std::filesystem::exists(file));
  CHECK(exported(folder.name()) ==
        "!The session file " + folder.name() + " is a directory; name a file in it");
  std::ofstream(file, std::ios::binary) << "";
  CHECK(exported(file) == named + " is empty");
  std::ofstream(file, std::ios::binary) << std::string(5000, 'x');
  CHECK(exported(file) == named + " is no SQLite database; name another file");
  std::filesystem::remove(file);
  {
    sqlite_connection other;
    REQUIRE(other.open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) == SQLITE_OK);
    REQUIRE(other.run("CREATE TABLE t (x)") == SQLITE_OK);
    CHECK(exported(file) == named + " is a database of another program; name another file");
    REQUIRE(other.run("PRAGMA application_id = 1097291603; PRAGMA user_version = 1000") ==
            SQLITE_OK);
    CHECK(exported(file).find(" was written by a newer version of this program") !=
          std::string::npos);
  }
}
