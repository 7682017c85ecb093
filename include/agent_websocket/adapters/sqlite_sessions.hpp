// SPDX-License-Identifier: MIT
//
// The rules of the requirement Store (policy/store.hpp) as statements on an open session file.
// Transactions are the caller's; a failure of the disk may leave half a call to be rolled back,
// every other outcome leaves all or nothing.
#pragma once

#include <agent_websocket/adapters/sqlite_connection.hpp>
#include <agent_websocket/adapters/sqlite_error.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/policy/store.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// Times are in seconds since 1970. Must go before its connection.
class sqlite_sessions {
 public:
  /// `grain`: how many seconds the time of the last write may lag behind, which saves a write of an
  /// index with each append.
  sqlite_sessions(sqlite_connection& connection, std::int64_t grain);

  result<void> prepare();

  /// What another process held is free: it is gone, since this one has the file.
  result<void> release_all(std::int64_t now);

  result<stored_session> load(std::string_view id);

  result<fence_number> claim(std::string_view id, fence_number fence, std::uint64_t next,
                             std::int64_t now);

  result<void> append(const store_batch& batch, std::int64_t now);

  result<void> release(std::string_view id, fence_number fence, std::int64_t now);

  result<void> erase(std::string_view id, fence_number fence);

  /// Whether the file can be read, and written where the last write failed.
  result<void> check(bool also_writes);

  /// Removes up to `most` sessions that nobody holds and that were not written since `before`.
  /// Returns how many.
  result<std::size_t> expire(std::int64_t before, std::size_t most);

 private:
  struct session {
    bool is_there = false;
    std::int64_t number = 0;
    fence_number fence = 0;
    std::uint64_t next = 0;
    bool is_held = false;
    std::int64_t written = 0;
  };

  int find(std::string_view id, session& found);

  int remove(std::int64_t number);

  error failure(int code, const char* doing) const;

  sqlite_connection& connection_;
  const std::int64_t grain_;
  sqlite_statement find_, read_, make_, keep_, forget_, advance_, stamp_, hold_, remove_, old_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE sqlite_sessions::sqlite_sessions(sqlite_connection& connection,
                                                        std::int64_t grain)
    : connection_(connection), grain_(grain) {}

AGENT_WEBSOCKET_INLINE result<void> sqlite_sessions::prepare() {
  struct each {
    sqlite_statement& statement;
    const char* sql;
  };
  for (const each& one : std::initializer_list<each>{
           {find_, "SELECT number, fence, next, held, written FROM sessions WHERE id = ?1"},
           {read_, "SELECT text FROM records WHERE session = ?1 ORDER BY number"},
           {make_,
            "INSERT INTO sessions (id, fence, next, held, written) "
            "VALUES (?1, 1, ?2, 1, ?3)"},
           {keep_, "INSERT INTO records (session, number, text) VALUES (?1, ?2, ?3)"},
           {forget_, "DELETE FROM records WHERE session = ?1"},
           {advance_, "UPDATE sessions SET next = ?2 WHERE number = ?1"},
           {stamp_, "UPDATE sessions SET written = ?2 WHERE number = ?1"},
           {hold_, "UPDATE sessions SET fence = ?2, held = ?3, written = ?4 WHERE number = ?1"},
           {remove_, "DELETE FROM sessions WHERE number = ?1"},
           {old_,
            "SELECT number FROM sessions WHERE held = 0 AND written < ?1 "
            "ORDER BY written LIMIT ?2"}}) {
    const int code = one.statement.prepare(connection_, one.sql);
    if (code != SQLITE_OK) return failure(code, "the opening");
  }
  return {};
}

AGENT_WEBSOCKET_INLINE result<void> sqlite_sessions::release_all(std::int64_t now) {
  const int code = connection_.run("UPDATE sessions SET held = 0, written = max(written, " +
                                   std::to_string(now) + ") WHERE held = 1");
  if (code != SQLITE_OK) return failure(code, "the opening");
  return {};
}

AGENT_WEBSOCKET_INLINE result<stored_session> sqlite_sessions::load(std::string_view id) {
  stored_session known;
  session found;
  int code = find(id, found);
  if (code == SQLITE_OK && found.is_there) {
    known.next = found.next;
    known.fence = found.fence;
    code = read_.each(
        [&known](const sqlite_row& row) {
          known.records.emplace_back(row.text(0));
          return true;
        },
        found.number);
  }
  if (code != SQLITE_OK) return failure(code, "the load");
  return known;
}

AGENT_WEBSOCKET_INLINE result<fence_number> sqlite_sessions::claim(std::string_view id,
                                                                   fence_number fence,
                                                                   std::uint64_t next,
                                                                   std::int64_t now) {
  session found;
  int code = find(id, found);
  if (code == SQLITE_OK && !found.is_there) return error(errc::session_not_found);
  if (code == SQLITE_OK && (found.fence != fence || found.next != next)) {
    return error(errc::moved);
  }
  if (code == SQLITE_OK) code = hold_.run(found.number, fence + 1, std::int64_t{1}, now);
  if (code != SQLITE_OK) return failure(code, "the claim");
  return fence + 1;
}

AGENT_WEBSOCKET_INLINE result<void> sqlite_sessions::append(const store_batch& batch,
                                                            std::int64_t now) {
  session found;
  int code = find(batch.session, found);
  if (code != SQLITE_OK) return failure(code, "the append");
  const std::uint64_t end = batch.first + batch.records.size();
  if (!found.is_there) {
    if (batch.first != 0 || batch.fence != 1) return error(errc::session_not_found);
    code = make_.run(std::string_view(batch.session), end, now);
    found.number = sqlite3_last_insert_rowid(connection_.handle());
  } else {
    if (found.fence != batch.fence) return error(errc::moved);
    if (found.next == end) return {};  // again
    if (found.next != batch.first) return error(errc::moved);
    if (batch.replaces) code = forget_.run(found.number);
    if (code == SQLITE_OK) code = advance_.run(found.number, end);
    if (code == SQLITE_OK && found.written + grain_ < now) code = stamp_.run(found.number, now);
  }
  std::uint64_t number = batch.first;
  for (const std::string& each : batch.records) {
    if (code == SQLITE_OK) code = keep_.run(found.number, number++, std::string_view(each));
  }
  if (code != SQLITE_OK) return failure(code, "the append");
  return {};
}

AGENT_WEBSOCKET_INLINE result<void> sqlite_sessions::release(std::string_view id,
                                                             fence_number fence, std::int64_t now) {
  session found;
  int code = find(id, found);
  if (code == SQLITE_OK && found.is_there) {
    if (found.fence != fence) return error(errc::moved);
    if (found.is_held) code = hold_.run(found.number, fence, std::int64_t{0}, now);
  }
  if (code != SQLITE_OK) return failure(code, "the release");
  return {};
}

AGENT_WEBSOCKET_INLINE result<void> sqlite_sessions::erase(std::string_view id,
                                                           fence_number fence) {
  session found;
  int code = find(id, found);
  if (code == SQLITE_OK && found.is_there) {
    if (found.fence != fence) return error(errc::moved);
    code = remove(found.number);
  }
  if (code != SQLITE_OK) return failure(code, "the erasure");
  return {};
}

AGENT_WEBSOCKET_INLINE result<void> sqlite_sessions::check(bool also_writes) {
  session found;
  int code = find("", found);
  if (code == SQLITE_OK && also_writes) {
    std::int64_t version = 0;
    code = sqlite_number(connection_, "PRAGMA user_version", version);
    if (code == SQLITE_OK) {
      code = connection_.run("PRAGMA user_version = " + std::to_string(version));
    }
  }
  if (code != SQLITE_OK) return failure(code, "the check");
  return {};
}

AGENT_WEBSOCKET_INLINE result<std::size_t> sqlite_sessions::expire(std::int64_t before,
                                                                   std::size_t most) {
  std::vector<std::int64_t> numbers;
  int code = old_.each(
      [&numbers](const sqlite_row& row) {
        numbers.push_back(row.number(0));
        return true;
      },
      before, static_cast<std::uint64_t>(most));
  for (const std::int64_t number : numbers) {
    if (code == SQLITE_OK) code = remove(number);
  }
  if (code == SQLITE_OK && !numbers.empty()) {
    code = connection_.run("PRAGMA incremental_vacuum(1000)");  // pages: 4 MB
  }
  if (code != SQLITE_OK) return failure(code, "the expiry");
  return numbers.size();
}

AGENT_WEBSOCKET_INLINE int sqlite_sessions::find(std::string_view id, session& found) {
  return find_.each(
      [&found](const sqlite_row& row) {
        found = {true,
                 row.number(0),
                 static_cast<fence_number>(row.number(1)),
                 static_cast<std::uint64_t>(row.number(2)),
                 row.number(3) != 0,
                 row.number(4)};
        return false;
      },
      id);
}

AGENT_WEBSOCKET_INLINE int sqlite_sessions::remove(std::int64_t number) {
  const int code = forget_.run(number);
  return code == SQLITE_OK ? remove_.run(number) : code;
}

AGENT_WEBSOCKET_INLINE error sqlite_sessions::failure(int code, const char* doing) const {
  return sqlite_failure(connection_.handle(), code, doing);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_SQLITE
