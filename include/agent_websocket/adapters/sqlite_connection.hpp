// SPDX-License-Identifier: MIT
//
// A connection to an SQLite file and its prepared statements, which close themselves:
// https://www.sqlite.org/c3ref/intro.html They return SQLite's codes and know nothing of what the
// tables mean. Used by one thread at a time.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace adapters {

class sqlite_connection {
 public:
  /// `flags`: SQLITE_OPEN_READWRITE and others. SQLITE_OK, or why there is none.
  int open(const std::string& file, int flags);
  void close();

  sqlite3* handle() const noexcept { return db_.get(); }

  /// One or more statements without results.
  int run(const std::string& sql);

  /// False when there is no transaction: SQLite ends one by itself after some failures.
  bool in_transaction() const noexcept { return sqlite3_get_autocommit(db_.get()) == 0; }

 private:
  struct closer {
    void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
  };
  std::unique_ptr<sqlite3, closer> db_;
};

/// One row of a result; columns from 0. Text holds until the next row.
class sqlite_row {
 public:
  explicit sqlite_row(sqlite3_stmt* statement) : statement_(statement) {}

  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string_view text(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// A statement that is run many times. Must go before its connection.
class sqlite_statement {
 public:
  int prepare(const sqlite_connection& connection, std::string_view sql);

  /// Runs it with these values for its parameters, integers or std::string_view, and gives each row
  /// to `on_row`, which returns whether it wants more. SQLITE_OK when that went well.
  template <typename OnRow, typename... Values>
  int each(const OnRow& on_row, const Values&... values) {
    int code = bind_from(1, values...);
    if (code == SQLITE_OK) {
      while ((code = sqlite3_step(raw_.get())) == SQLITE_ROW) {
        if (!on_row(sqlite_row(raw_.get()))) break;
      }
    }
    sqlite3_reset(raw_.get());  // repeats the code of the step, which is known
    return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
  }

  template <typename... Values>
  int run(const Values&... values) {
    return each([](const sqlite_row&) { return true; }, values...);
  }

 private:
  int bind_from(int) const { return SQLITE_OK; }
  template <typename Value, typename... Values>
  int bind_from(int at, const Value& value, const Values&... others) {
    const int code = bind(at, value);
    if (code != SQLITE_OK) return code;
    return bind_from(at + 1, others...);
  }

  int bind(int at, std::int64_t value) { return sqlite3_bind_int64(raw_.get(), at, value); }
  int bind(int at, std::uint64_t value) { return bind(at, static_cast<std::int64_t>(value)); }
  // The text outlives the run; null would be no text but NULL.
  int bind(int at, std::string_view value);

  struct finalizer {
    void operator()(sqlite3_stmt* raw) const noexcept { sqlite3_finalize(raw); }
  };
  std::unique_ptr<sqlite3_stmt, finalizer> raw_;
};

/// The number that the statement gives first, as of a PRAGMA; `otherwise` when it gives none.
int sqlite_number(const sqlite_connection& connection, std::string_view sql, std::int64_t& number);

/// The same with text.
int sqlite_text(const sqlite_connection& connection, std::string_view sql, std::string& text);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE int sqlite_connection::open(const std::string& file, int flags) {
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(db);  // also after a failure: it has the words
  if (db != nullptr) sqlite3_extended_result_codes(db, 1);
  return code;
}

AGENT_WEBSOCKET_INLINE void sqlite_connection::close() { db_.reset(); }

AGENT_WEBSOCKET_INLINE int sqlite_connection::run(const std::string& sql) {
  return sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
}

AGENT_WEBSOCKET_INLINE std::string_view sqlite_row::text(int column) const {
  const auto* const bytes = sqlite3_column_text(statement_, column);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

AGENT_WEBSOCKET_INLINE int sqlite_statement::prepare(const sqlite_connection& connection,
                                                     std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(connection.handle(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  raw_.reset(raw);
  return code;
}

AGENT_WEBSOCKET_INLINE int sqlite_statement::bind(int at, std::string_view value) {
  return sqlite3_bind_text64(raw_.get(), at, value.data() != nullptr ? value.data() : "",
                             value.size(), SQLITE_STATIC, SQLITE_UTF8);
}

AGENT_WEBSOCKET_INLINE int sqlite_number(const sqlite_connection& connection, std::string_view sql,
                                         std::int64_t& number) {
  sqlite_statement statement;
  const int code = statement.prepare(connection, sql);
  if (code != SQLITE_OK) return code;
  return statement.each([&number](const sqlite_row& row) {
    number = row.number(0);
    return false;
  });
}

AGENT_WEBSOCKET_INLINE int sqlite_text(const sqlite_connection& connection, std::string_view sql,
                                       std::string& text) {
  sqlite_statement statement;
  const int code = statement.prepare(connection, sql);
  if (code != SQLITE_OK) return code;
  return statement.each([&text](const sqlite_row& row) {
    text = std::string(row.text(0));
    return false;
  });
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE
