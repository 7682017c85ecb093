// SPDX-License-Identifier: MIT
//
// Reads sessions out of a session file as JSON Lines (https://jsonlines.org), one record a line:
// for backups, for support, for moving to another store. It works beside a running server, and sees
// the file as it is at one moment.
#pragma once

#include <agent_websocket/adapters/sqlite_connection.hpp>
#include <agent_websocket/adapters/sqlite_database.hpp>
#include <agent_websocket/adapters/sqlite_error.hpp>
#include <agent_websocket/adapters/sqlite_schema.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/escape.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE

#include <cstdint>
#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>

namespace agent_websocket {
namespace adapters {

/// Gets a line without its line feed; returns whether it wants more.
using export_sink = std::function<bool(std::string_view line)>;

/// Blocks while it reads. While it is at work the server's log file (FILE-wal) only grows.
class sqlite_export {
 public:
  /// Changes nothing in the file. Errors (bad_configuration): there is none, it cannot be read, it
  /// is no session file, or one of a newer version.
  result<void> open(const std::string& file);

  /// The records of one session, oldest first, each as it was appended. Returns how many. Errors:
  /// session_not_found; internal when the file cannot be read on.
  result<std::uint64_t> session(std::string_view id, const export_sink& sink);

  /// All sessions in the order of their making, each record as {"session":"<id>","record":<it>}.
  /// Returns how many lines. Errors: internal when the file cannot be read on.
  result<std::uint64_t> all(const export_sink& sink);

 private:
  int open_and_look(const std::string& file, sqlite_version& found);

  std::string reading_fault(int code, const std::string& file) const;

  template <typename OnRow, typename... Values>
  int read(std::string_view sql, const OnRow& on_row, const Values&... values) {
    sqlite_statement statement;
    const int code = statement.prepare(connection_, sql);
    return code == SQLITE_OK ? statement.each(on_row, values...) : code;
  }

  error failure(int code) const;

  sqlite_connection connection_;
};

/// One session, or all when `id` is empty, to a stream, each line with its line feed. Errors as
/// above, and internal when the stream fails.
result<std::uint64_t> export_sessions(const std::string& file, std::string_view id,
                                      std::ostream& out);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE result<void> sqlite_export::open(const std::string& file) {
  std::error_code failure;
  if (!std::filesystem::exists(file, failure)) {
    return detail::bad_session_file(
        file, failure ? "cannot be reached: " + failure.message() : "is not there");
  }
  const std::string fault = detail::name_fault(file);
  if (!fault.empty()) return detail::bad_session_file(file, fault);
  sqlite_version found;
  const int code = open_and_look(file, found);
  if (code != SQLITE_OK) return detail::bad_session_file(file, reading_fault(code, file));
  std::string wrong = version_fault(found, sqlite_migrations().size());
  if (wrong.empty() && found.version != static_cast<std::int64_t>(sqlite_migrations().size())) {
    wrong = found.version == 0 ? "is empty"
                               : "was written by an older version of this program; start the "
                                 "server once, which brings it to this version";
  }
  if (!wrong.empty()) return detail::bad_session_file(file, wrong);
  return {};
}

AGENT_WEBSOCKET_INLINE result<std::uint64_t> sqlite_export::session(std::string_view id,
                                                                    const export_sink& sink) {
  bool is_there = false;
  std::uint64_t lines = 0;
  const int code = read(
      "SELECT r.text FROM sessions s JOIN records r ON r.session = s.number "
      "WHERE s.id = ?1 ORDER BY r.number",
      [&](const sqlite_row& row) {
        is_there = true;
        ++lines;
        return sink(row.text(0));
      },
      id);
  if (code != SQLITE_OK) return failure(code);
  if (!is_there) return error(errc::session_not_found);
  return lines;
}

AGENT_WEBSOCKET_INLINE result<std::uint64_t> sqlite_export::all(const export_sink& sink) {
  std::uint64_t lines = 0;
  std::string line;
  const int code = read(
      "SELECT s.id, r.text FROM sessions s JOIN records r "
      "ON r.session = s.number ORDER BY s.number, r.number",
      [&](const sqlite_row& row) {
        line = "{\"session\":\"";
        json::append_escaped(line, row.text(0));
        line += "\",\"record\":";
        line += row.text(1);
        line += '}';
        ++lines;
        return sink(line);
      });
  if (code != SQLITE_OK) return failure(code);
  return lines;
}

AGENT_WEBSOCKET_INLINE int sqlite_export::open_and_look(const std::string& file,
                                                        sqlite_version& found) {
  int code = connection_.open(detail::absolute_name(file).string(), SQLITE_OPEN_READONLY);
  if (code != SQLITE_OK) return code;
  sqlite3_busy_timeout(connection_.handle(), 2000);
  connection_.run("PRAGMA trusted_schema = OFF");
  return read_version(connection_, found);
}

AGENT_WEBSOCKET_INLINE std::string sqlite_export::reading_fault(int code,
                                                                const std::string& file) const {
  const int primary = sqlite_primary(code);
  if (primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT) {
    return detail::opening_fault(connection_.handle(), code, file);
  }
  return "cannot be read; this user needs permission to read it, and to write in its directory "
         "unless the server runs: " +
         sqlite_words(connection_.handle(), code);
}

AGENT_WEBSOCKET_INLINE error sqlite_export::failure(int code) const {
  return error(errc::internal, "The session file cannot be read on",
               sqlite_words(connection_.handle(), code));
}

AGENT_WEBSOCKET_INLINE result<std::uint64_t> export_sessions(const std::string& file,
                                                             std::string_view id,
                                                             std::ostream& out) {
  sqlite_export from;
  const result<void> opened = from.open(file);
  if (!opened) return opened.error();
  const export_sink write = [&out](std::string_view line) {
    out << line << '\n';
    return out.good();
  };
  result<std::uint64_t> lines = id.empty() ? from.all(write) : from.session(id, write);
  if (lines && !out.flush()) return error(errc::internal, "The export cannot be written");
  return lines;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE
