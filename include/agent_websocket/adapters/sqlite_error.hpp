// SPDX-License-Identifier: MIT
//
// What a result code of SQLite means to people and to the requirement Store:
// https://www.sqlite.org/rescode.html A failure of the disk is errc::internal, which says nothing
// to a client; its detail is for the log.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE

#include <sqlite3.h>

#include <string>
#include <system_error>

namespace agent_websocket {
namespace adapters {

/// The code without its extension: SQLITE_IOERR for SQLITE_IOERR_FSYNC.
inline int sqlite_primary(int code) noexcept { return code & 0xFF; }

const char* sqlite_meaning(int code) noexcept;

/// What happened last on the connection, with SQLite's own words and the system's. `db` may be null
/// when there was not even memory for it.
std::string sqlite_words(sqlite3* db, int code);

/// `doing`: what could not be done, "the append".
error sqlite_failure(sqlite3* db, int code, const char* doing);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE const char* sqlite_meaning(int code) noexcept {
  switch (sqlite_primary(code)) {
    case SQLITE_FULL: return "the disk is full";
    case SQLITE_IOERR: return "the disk failed";
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return "another program keeps the file locked";
    case SQLITE_READONLY: return "the file must not be written";
    case SQLITE_PERM:
    case SQLITE_AUTH: return "there is no permission for it";
    case SQLITE_CANTOPEN: return "the file cannot be opened";
    case SQLITE_CORRUPT: return "the file is damaged";
    case SQLITE_NOTADB: return "the file is no SQLite database";
    case SQLITE_NOMEM: return "there is not enough memory";
    case SQLITE_TOOBIG: return "a record is too large for SQLite";
    default: return "SQLite failed";
  }
}

AGENT_WEBSOCKET_INLINE std::string sqlite_words(sqlite3* db, int code) {
  std::string words = sqlite_meaning(code);
  words += " (SQLite " + std::to_string(code) + ": ";
  const bool is_last = db != nullptr && sqlite_primary(sqlite3_errcode(db)) == sqlite_primary(code);
  words += is_last ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  const int system = is_last ? sqlite3_system_errno(db) : 0;
  const int primary = sqlite_primary(code);
  // SQLite keeps the number of the last failure; it belongs to these kinds only.
  const bool by_system =
      primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_FULL;
  if (by_system && system != 0) words += ", " + std::generic_category().message(system);
  return words + ")";
}

AGENT_WEBSOCKET_INLINE error sqlite_failure(sqlite3* db, int code, const char* doing) {
  return error(errc::internal, message_of(errc::internal),
               std::string("sqlite_store: ") + doing + " failed: " + sqlite_words(db, code));
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE
