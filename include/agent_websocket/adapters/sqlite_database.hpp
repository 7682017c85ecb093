// SPDX-License-Identifier: MIT
//
// Opens a session file for the one process that may write it, and refuses what cannot be used in
// words for people. WAL with synchronous=FULL: what is committed is on the disk, also when the
// power fails. https://www.sqlite.org/wal.html
#pragma once

#include <agent_websocket/adapters/sqlite_connection.hpp>
#include <agent_websocket/adapters/sqlite_error.hpp>
#include <agent_websocket/adapters/sqlite_schema.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE

#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

namespace detail {

error bad_session_file(const std::string& file, const std::string& what);

/// What a look at the file's name shows, as the end of a sentence; empty when it may be opened.
std::string name_fault(const std::filesystem::path& file);

/// The same for all names of a file, also through links, so that its lock is the same; and never
/// one of the names that mean something else to SQLite (file:..., :memory:).
std::filesystem::path absolute_name(const std::filesystem::path& file);

/// How a failure to open, or to read first, ends a sentence.
std::string opening_fault(sqlite3* db, int code, const std::filesystem::path& file);

}  // namespace detail

/// The connection of the server. One process per file: it keeps FILE.lock locked, which the system
/// lets go however the process ends; the lock file itself stays, as removing it would race. Who
/// only reads FILE takes no notice of it.
class sqlite_database {
 public:
  /// Opens `file`, makes it when there is none, readable by its user only. `busy_wait`: how long a
  /// statement waits for another program that has locked it.
  result<void> open(const std::string& file, std::chrono::milliseconds busy_wait);

  void close();

  sqlite_connection& connection() noexcept { return connection_; }

  /// Begins a transaction; with `writes`, one that may write. SQLITE_OK, or why not.
  int begin(bool writes);
  int commit();
  void rollback();

  /// True when the file was moved or removed under the open connection: what is written now, nobody
  /// would find again.
  bool has_moved() const;

 private:
  result<void> open_locked(const std::string& name, const std::filesystem::path& path,
                           std::chrono::milliseconds busy_wait);

  sqlite_connection lock_;  // gone last
  sqlite_connection connection_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE error bad_session_file(const std::string& file, const std::string& what) {
  return error(errc::bad_configuration, "The session file " + file + " " + what);
}

AGENT_WEBSOCKET_INLINE std::string name_fault(const std::filesystem::path& file) {
  namespace fs = std::filesystem;
  std::error_code failure;
  const fs::file_status status = fs::status(file, failure);
  if (fs::is_directory(status)) return "is a directory; name a file in it";
  if (fs::exists(status)) return fs::is_regular_file(status) ? "" : "is no regular file";
  if (status.type() == fs::file_type::none) return "cannot be reached: " + failure.message();
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (!fs::is_directory(folder, failure)) {
    return "cannot be made: there is no directory " + folder.string() + "; make it first";
  }
  return {};
}

AGENT_WEBSOCKET_INLINE std::filesystem::path absolute_name(const std::filesystem::path& file) {
  std::error_code failure;
  const std::filesystem::path whole = std::filesystem::absolute(file, failure);
  std::filesystem::path name = std::filesystem::weakly_canonical(whole, failure);
  return failure ? whole : name;
}

AGENT_WEBSOCKET_INLINE std::string opening_fault(sqlite3* db, int code,
                                                 const std::filesystem::path& file) {
  switch (sqlite_primary(code)) {
    case SQLITE_NOTADB: return "is no SQLite database; name another file";
    case SQLITE_CORRUPT:
      return "is damaged; put a backup in its place, or move it away and start with a new one "
             "(sqlite3 " +
             file.string() + " .recover shows what can be saved)";
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return "cannot be opened for writing; this user needs permission to read and write it and "
             "the directory that it is in: " +
             sqlite_words(db, code);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "is locked by another program, such as a database browser; close that first";
    default: return "cannot be opened: " + sqlite_words(db, code);
  }
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE result<void> sqlite_database::open(const std::string& file,
                                                          std::chrono::milliseconds busy_wait) {
  if (sqlite3_threadsafe() == 0) {
    return error(errc::bad_configuration, "This SQLite was built without threads");
  }
  if (file.empty()) return error(errc::bad_configuration, "No session file is named");
  const std::string fault = detail::name_fault(file);
  if (!fault.empty()) return detail::bad_session_file(file, fault);
  const result<void> opened = open_locked(file, detail::absolute_name(file), busy_wait);
  if (!opened) close();
  return opened;
}

AGENT_WEBSOCKET_INLINE void sqlite_database::close() {
  connection_.close();
  lock_.close();
}

AGENT_WEBSOCKET_INLINE int sqlite_database::begin(bool writes) {
  return connection_.run(writes ? "BEGIN IMMEDIATE" : "BEGIN");
}

AGENT_WEBSOCKET_INLINE int sqlite_database::commit() { return connection_.run("COMMIT"); }

AGENT_WEBSOCKET_INLINE void sqlite_database::rollback() {
  if (connection_.in_transaction()) connection_.run("ROLLBACK");
}

AGENT_WEBSOCKET_INLINE bool sqlite_database::has_moved() const {
  int moved = 0;
  const int code =
      sqlite3_file_control(connection_.handle(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return code == SQLITE_OK && moved != 0;
}

AGENT_WEBSOCKET_INLINE result<void> sqlite_database::open_locked(
    const std::string& name, const std::filesystem::path& path,
    std::chrono::milliseconds busy_wait) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const auto refuse = [&](const std::string& what) { return detail::bad_session_file(name, what); };
  const std::string lock_file = path.string() + ".lock";
  int code = lock_.open(lock_file, flags);
  if (code == SQLITE_OK) code = lock_.run("BEGIN EXCLUSIVE");
  if (sqlite_primary(code) == SQLITE_BUSY) {
    return refuse("is in use by another server process (it holds " + lock_file +
                  "); stop that one first, or give each its own file");
  }
  if (code != SQLITE_OK) {
    return refuse("needs " + lock_file +
                  " beside it, which cannot be made or written; this "
                  "user needs permission to write in that directory: " +
                  sqlite_words(lock_.handle(), code));
  }

  std::error_code ignored;
  const bool is_new = !std::filesystem::exists(path, ignored);
  code = connection_.open(path.string(), flags);
  sqlite_version found;
  if (code == SQLITE_OK) {
    sqlite3_busy_timeout(connection_.handle(), static_cast<int>(busy_wait.count()));
    code = read_version(connection_, found);
  }
  if (is_new && code == SQLITE_OK) {  // it is there by now, and empty; SQLite's other files follow
    using perms = std::filesystem::perms;
    std::filesystem::permissions(path, perms::owner_read | perms::owner_write, ignored);
  }
  const auto failed = [&] {
    return refuse(detail::opening_fault(connection_.handle(), code, path));
  };
  if (code != SQLITE_OK) return failed();
  const std::string fault = version_fault(found, sqlite_migrations().size());
  if (!fault.empty()) return refuse(fault);
  if (sqlite3_db_readonly(connection_.handle(), "main") == 1) {
    code = SQLITE_READONLY;
    return failed();
  }
  std::string health;
  code = sqlite_text(connection_, "PRAGMA quick_check(1)", health);
  if (code == SQLITE_OK && health != "ok") code = SQLITE_CORRUPT;
  if (code != SQLITE_OK) return failed();

  // Holds for new files only. The space of expired sessions is given back bit by bit.
  code = connection_.run("PRAGMA auto_vacuum = INCREMENTAL");
  std::string journal;
  if (code == SQLITE_OK) code = sqlite_text(connection_, "PRAGMA journal_mode = WAL", journal);
  if (code == SQLITE_OK && journal != "wal") {
    return refuse(
        "lies where SQLite cannot keep a write-ahead log, such as a network file "
        "system; use a local disk");
  }
  // fullfsync: what fsync does not do on macOS. secure_delete: what is erased is overwritten.
  if (code == SQLITE_OK) {
    code = connection_.run(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA secure_delete = ON; "
        "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -8192; "
        "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF");
  }
  if (code == SQLITE_OK) code = migrate(connection_, found, sqlite_migrations());
  if (code != SQLITE_OK) return failed();
  return {};
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE
