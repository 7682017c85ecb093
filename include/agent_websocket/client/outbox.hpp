// SPDX-License-Identifier: MIT
//
// Messages of a client that the server has not acknowledged yet, as JSON text, in their order: each
// is sent again, with the same id, on the next connection. Queries stay after that, until they are
// answered, in case that the server loses its place. Full means that an add fails. Pure.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/client/options.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

class client_outbox {
 public:
  explicit client_outbox(const client_options& limits);

  /// False, and nothing is kept, when there is no room.
  bool add(std::string_view id, std::string_view json, bool is_query);

  bool contains(std::string_view id) const;

  /// True when it has never been handed to a connection.
  bool is_unsent(std::string_view id) const;

  /// Those that are not acknowledged or to be asked again. Views are valid until the next change.
  std::vector<std::string_view> ids() const;

  /// Calls f(const std::string& json) for each of ids(), and notes that it is sent.
  template <typename F>
  void send_all(F f) {
    for (entry& each : entries_) {
      if (!each.is_to_send()) continue;
      each.was_sent = true;
      f(std::as_const(each.json));
    }
  }
  /// The same for the newest.
  template <typename F>
  void send_newest(F f) {
    if (entries_.empty()) return;
    entries_.back().was_sent = true;
    f(std::as_const(entries_.back().json));
  }

  /// The server has it. `again`: and had it before, so that its end, which is sent behind, is on no
  /// log; if the connection breaks before it comes, the query is asked again.
  void accept(std::string_view id, bool again = false);

  /// It is answered or refused. False: it is not here.
  bool settle(std::string_view id);
  /// The same for what is no query.
  bool settle_request(std::string_view id);

  /// The session goes on without what the client knew of it: queries that have no answer are asked
  /// again.
  void expect_again();

  /// The session is gone: takes the queries that it had.
  std::vector<std::string> take_accepted();

  void clear();

 private:
  struct entry {
    std::string id;
    std::string json;
    bool is_query;
    bool is_accepted;
    bool asks_again;  // though it is accepted
    bool was_sent;

    bool is_to_send() const noexcept { return !is_accepted || asks_again; }
  };

  template <typename Entries>
  static auto find(Entries& in, std::string_view id) -> decltype(in.begin()) {
    return std::find_if(in.begin(), in.end(), [&](const entry& each) { return each.id == id; });
  }

  std::size_t max_messages_, max_bytes_, max_open_, max_open_bytes_;
  std::vector<entry> entries_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE client_outbox::client_outbox(const client_options& limits)
    : max_messages_(limits.max_outbox_messages),
      max_bytes_(limits.max_outbox_bytes),
      max_open_(limits.max_open_queries),
      max_open_bytes_(limits.max_open_bytes) {}

AGENT_WEBSOCKET_INLINE bool client_outbox::add(std::string_view id, std::string_view json,
                                               bool is_query) {
  std::size_t count = 0, bytes = 0, all = 0;
  for (const entry& each : entries_) {
    all += each.json.size();
    if (each.is_accepted) continue;
    ++count;
    bytes += each.json.size();
  }
  if (count >= max_messages_ || bytes + json.size() > max_bytes_) return false;
  if (entries_.size() >= max_open_ || all + json.size() > max_open_bytes_) return false;
  entries_.push_back({std::string(id), std::string(json), is_query, false, false, false});
  return true;
}

AGENT_WEBSOCKET_INLINE bool client_outbox::contains(std::string_view id) const {
  return find(entries_, id) != entries_.end();
}

AGENT_WEBSOCKET_INLINE bool client_outbox::is_unsent(std::string_view id) const {
  const auto found = find(entries_, id);
  return found != entries_.end() && !found->was_sent;
}

AGENT_WEBSOCKET_INLINE std::vector<std::string_view> client_outbox::ids() const {
  std::vector<std::string_view> all;
  for (const entry& each : entries_) {
    if (each.is_to_send()) all.push_back(each.id);
  }
  return all;
}

AGENT_WEBSOCKET_INLINE void client_outbox::accept(std::string_view id, bool again) {
  const auto found = find(entries_, id);
  if (found == entries_.end()) return;
  if (found->is_query) {
    found->is_accepted = true;
    found->asks_again = again;
  } else {
    entries_.erase(found);
  }
}

AGENT_WEBSOCKET_INLINE bool client_outbox::settle(std::string_view id) {
  const auto found = find(entries_, id);
  if (found == entries_.end()) return false;
  entries_.erase(found);
  return true;
}

AGENT_WEBSOCKET_INLINE bool client_outbox::settle_request(std::string_view id) {
  const auto found = find(entries_, id);
  if (found == entries_.end() || found->is_query) return false;
  entries_.erase(found);
  return true;
}

AGENT_WEBSOCKET_INLINE void client_outbox::expect_again() {
  for (entry& each : entries_) each.asks_again = each.is_accepted;
}

AGENT_WEBSOCKET_INLINE std::vector<std::string> client_outbox::take_accepted() {
  std::vector<std::string> taken;
  std::vector<entry> kept;
  for (entry& each : entries_) {
    if (each.is_accepted) {
      taken.push_back(std::move(each.id));
    } else {
      kept.push_back(std::move(each));
    }
  }
  entries_ = std::move(kept);
  return taken;
}

AGENT_WEBSOCKET_INLINE void client_outbox::clear() { entries_.clear(); }

#endif

}  // namespace agent_websocket
