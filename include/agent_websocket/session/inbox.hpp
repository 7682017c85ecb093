// SPDX-License-Identifier: MIT
//
// The queries of one session that wait for their turn: bounded, by priority, first come first
// served inside one level, with ageing so that none waits for ever. Commands and feedback never
// wait here.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/openrouter/message.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/session/tool.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// A query that was accepted, with what its answer needs.
struct accepted_query {
  wire::query query;              ///< with an id in any case
  std::string stream;             ///< the id of its answer
  connection_id from = 0;         ///< the socket that it came on
  std::vector<tool_ptr> tools{};  ///< that the client runs for it
  bool streamed = false;          ///< deltas, or one full response
  bool first = false;             ///< goes before all that wait
  unsigned overtaken = 0;         ///< by how many that came later
  bool regenerate = false;        ///< answers the last question anew instead of asking one

  /// What the model is to read.
  openrouter::chat_message question() const;
};

/// A query on its way into the inbox: it waits until its record is kept.
struct stored_query {
  accepted_query accepted;
  bool with_id = false;       ///< its client's
  std::uint64_t records = 0;  ///< so many of the session have to be kept
  bool cancelled = false;     ///< meanwhile
};

class inbox {
 public:
  explicit inbox(std::size_t max_size) : max_size_(max_size) {}

  void limit_to(std::size_t max_size) noexcept { max_size_ = max_size; }

  bool full() const noexcept { return waiting_.size() >= max_size_; }
  bool empty() const noexcept { return waiting_.empty(); }
  std::size_t size() const noexcept { return waiting_.size(); }
  /// In the order of their coming.
  const accepted_query& operator[](std::size_t position) const noexcept;

  /// Precondition: there is room, or the query will be taken at once.
  void push(accepted_query query);

  std::optional<accepted_query> take_next();

  /// Takes out the query of that id.
  std::optional<accepted_query> take(std::string_view id);

  /// The query of that id; nullptr when it does not wait here.
  const accepted_query* find(std::string_view id) const noexcept;

  /// How many run before the query of that id, as things stand: 0 is next.
  std::optional<std::size_t> position_of(std::string_view id) const noexcept;

 private:
  // Four overtakings lift a query by one level.
  static int level_of(const accepted_query& query) noexcept;

  std::size_t max_size_;
  fifo<accepted_query> waiting_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE openrouter::chat_message accepted_query::question() const {
  return query.parts.empty() ? openrouter::chat_message::user(query.content)
                             : openrouter::chat_message::user_parts(query.parts, query.content);
}

AGENT_WEBSOCKET_INLINE const accepted_query& inbox::operator[](
    std::size_t position) const noexcept {
  return waiting_[position];
}

AGENT_WEBSOCKET_INLINE void inbox::push(accepted_query query) {
  if (query.first) return waiting_.push_front(std::move(query));
  waiting_.push_back(std::move(query));
}

AGENT_WEBSOCKET_INLINE std::optional<accepted_query> inbox::take_next() {
  if (waiting_.empty()) return std::nullopt;
  std::size_t best = 0;
  for (std::size_t i = 1; i < waiting_.size(); ++i) {
    if (level_of(waiting_[i]) > level_of(waiting_[best])) best = i;
  }
  for (std::size_t i = 0; i < best; ++i) ++waiting_[i].overtaken;
  return waiting_.take(best);
}

AGENT_WEBSOCKET_INLINE std::optional<accepted_query> inbox::take(std::string_view id) {
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (waiting_[i].query.id == id || waiting_[i].stream == id) return waiting_.take(i);
  }
  return std::nullopt;
}

AGENT_WEBSOCKET_INLINE const accepted_query* inbox::find(std::string_view id) const noexcept {
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (waiting_[i].query.id == id) return &waiting_[i];
  }
  return nullptr;
}

AGENT_WEBSOCKET_INLINE std::optional<std::size_t> inbox::position_of(
    std::string_view id) const noexcept {
  const accepted_query* const found = find(id);
  if (found == nullptr) return std::nullopt;
  std::size_t before = 0;
  bool behind = false;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    behind = behind || &waiting_[i] == found;
    const int difference = level_of(waiting_[i]) - level_of(*found);
    if (difference > 0 || (difference == 0 && !behind)) ++before;
  }
  return before;
}

AGENT_WEBSOCKET_INLINE int inbox::level_of(const accepted_query& query) noexcept {
  return query.first ? 1000 : query.query.priority + static_cast<int>(query.overtaken / 4);
}

#endif

}  // namespace agent_websocket
