// SPDX-License-Identifier: MIT
//
// The tables of a session file, and how a file of an older version of this library becomes one of
// this version. The version is SQLite's user_version, the file's kind its application_id:
// https://www.sqlite.org/pragma.html#pragma_user_version
#pragma once

#include <agent_websocket/adapters/sqlite_connection.hpp>
#include <agent_websocket/adapters/sqlite_error.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// "AgWS": no other program takes such a file for its own, nor this one another's.
inline constexpr std::int64_t sqlite_application_id = 0x41675753;

/// Each brings a file from the version that is its index to the next one. What was released is
/// never changed: a new version is one more line.
const std::vector<std::string>& sqlite_migrations();

/// What the file says of itself.
struct sqlite_version {
  std::int64_t application = 0;
  std::int64_t version = 0;
  std::int64_t tables = 0;
};

/// SQLITE_OK, or why it cannot be read.
int read_version(const sqlite_connection& connection, sqlite_version& found);

/// Why it is no session file that this version can use, as the end of a sentence; empty when it is
/// one, or an empty file. `latest`: the number of migrations.
std::string version_fault(const sqlite_version& found, std::size_t latest);

/// Runs the migrations that the file has not seen, all of them or none.
int migrate(sqlite_connection& connection, const sqlite_version& from,
            const std::vector<std::string>& migrations);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE const std::vector<std::string>& sqlite_migrations() {
  static const std::vector<std::string> all{
      // 1. `written` and `held` are for expiry; `number` keeps the keys of the records short.
      R"(CREATE TABLE sessions (
           number INTEGER PRIMARY KEY,
           id TEXT NOT NULL UNIQUE,
           fence INTEGER NOT NULL,
           next INTEGER NOT NULL,
           held INTEGER NOT NULL,
           written INTEGER NOT NULL);
         CREATE INDEX sessions_by_age ON sessions (held, written);
         CREATE TABLE records (
           session INTEGER NOT NULL,
           number INTEGER NOT NULL,
           text TEXT NOT NULL,
           PRIMARY KEY (session, number)) WITHOUT ROWID;)",
  };
  return all;
}

AGENT_WEBSOCKET_INLINE int read_version(const sqlite_connection& connection,
                                        sqlite_version& found) {
  int code = sqlite_number(connection, "PRAGMA application_id", found.application);
  if (code == SQLITE_OK) code = sqlite_number(connection, "PRAGMA user_version", found.version);
  if (code != SQLITE_OK) return code;
  return sqlite_number(connection, "SELECT count(*) FROM sqlite_master", found.tables);
}

AGENT_WEBSOCKET_INLINE std::string version_fault(const sqlite_version& found, std::size_t latest) {
  const bool is_empty = found.application == 0 && found.version == 0 && found.tables == 0;
  if (!is_empty && found.application != sqlite_application_id) {
    return "is a database of another program; name another file";
  }
  if (found.version > static_cast<std::int64_t>(latest)) {
    return "was written by a newer version of this program (its format is " +
           std::to_string(found.version) + ", this program knows up to " + std::to_string(latest) +
           "); start the newer version, or name another file";
  }
  return {};
}

AGENT_WEBSOCKET_INLINE int migrate(sqlite_connection& connection, const sqlite_version& from,
                                   const std::vector<std::string>& migrations) {
  if (from.version >= static_cast<std::int64_t>(migrations.size())) return SQLITE_OK;
  int code = connection.run("BEGIN IMMEDIATE");
  for (auto i = static_cast<std::size_t>(from.version); i < migrations.size(); ++i) {
    if (code == SQLITE_OK) code = connection.run(migrations[i]);
  }
  if (code == SQLITE_OK) {
    code =
        connection.run("PRAGMA application_id = " + std::to_string(sqlite_application_id) +
                       "; PRAGMA user_version = " + std::to_string(migrations.size()) + "; COMMIT");
  }
  if (code != SQLITE_OK && connection.in_transaction()) connection.run("ROLLBACK");
  return code;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE
