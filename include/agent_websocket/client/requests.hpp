// SPDX-License-Identifier: MIT
//
// Requests of the server for a person's decision that are open as far as the client knows. One
// request may arrive three ways (live, by replay, in a welcome); it is one by its id. Pure.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/ids.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/wire/server_message.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// The server asks a person. basic_client::decide() answers.
struct client_request {
  std::string id;
  std::string ref;      ///< the query that waits for it
  std::string kind;     ///< approval: may a tool run; question; or what a newer server has
  std::string content;  ///< for the person
  std::string tool_name, tool_arguments;  ///< of an approval; the arguments are JSON text
  std::string expires_at;                 ///< ISO 8601, or empty
  std::string default_decision;           ///< what holds when nobody decides
  bool is_open = true;  ///< false: it comes by replay, and has been decided meanwhile
  std::string json;     ///< all of it as it came

  /// From a message, or from an element of a welcome's `pending_feedback`.
  static client_request of(json::value body);
};

/// What a person decides: approve and reject any request; edit: run the tool with other arguments;
/// answer: take this as the result, or as the answer to the question.
enum class client_decision { approve, reject, edit, answer };

constexpr std::string_view to_string(client_decision value) noexcept {
  switch (value) {
    case client_decision::approve: return "approve";
    case client_decision::reject: return "reject";
    case client_decision::edit: return "edit";
    case client_decision::answer: return "answer";
  }
  return "reject";
}

/// A request is not open any more.
struct client_resolution {
  std::string id;        ///< of the request
  std::string decision;  ///< that was applied; empty: not known
  /// Empty: a person decided. expired, cancelled: nobody did. gone: the server does not know of the
  /// request any more.
  std::string reason;
};

class client_requests {
 public:
  /// The oldest is forgotten when there are more.
  static constexpr std::size_t max_open = 100;

  const std::deque<client_request>& open() const noexcept { return open_; }

  /// False: it is known already, or has no id that a decision could name.
  bool add(client_request request);

  /// False: there is no such request.
  bool remove(std::string_view id);

  /// A welcome lists what is open; what comes until take_unlisted() comes by replay.
  void begin_list();
  void list(std::string_view id);
  /// False: a list has begun, and the request is not on it.
  bool may_be_open(std::string_view id) const;

  /// Ends the list. Takes what is not on it: the server does not know of these.
  std::vector<std::string> take_unlisted();

  /// Another session has begun: takes them all.
  std::vector<std::string> take_all();

 private:
  bool contains(std::string_view id) const;
  std::deque<client_request>::iterator find(std::string_view id);

  std::deque<client_request> open_;
  std::optional<std::vector<std::string>> listed_;  // ids, between a welcome and live
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE client_request client_request::of(json::value body) {
  const wire::feedback_request_view read = wire::read_feedback_request(body);
  client_request made;
  made.id = std::string(read.id);
  made.ref = std::string(read.ref);
  made.kind = std::string(read.kind);
  made.content = std::string(read.content);
  made.tool_name = std::string(read.tool.name);
  if (read.tool.arguments) made.tool_arguments = json::to_text(read.tool.arguments);
  made.expires_at = std::string(read.expires_at);
  made.default_decision = std::string(read.default_decision);
  made.json = json::to_text(body);
  return made;
}

AGENT_WEBSOCKET_INLINE bool client_requests::add(client_request request) {
  if (!is_valid_id(request.id) || contains(request.id)) return false;
  if (open_.size() >= max_open) open_.pop_front();
  open_.push_back(std::move(request));
  return true;
}

AGENT_WEBSOCKET_INLINE bool client_requests::remove(std::string_view id) {
  const auto found = find(id);
  if (found == open_.end()) return false;
  open_.erase(found);
  return true;
}

AGENT_WEBSOCKET_INLINE void client_requests::begin_list() { listed_.emplace(); }

AGENT_WEBSOCKET_INLINE void client_requests::list(std::string_view id) {
  listed_->emplace_back(id);
}

AGENT_WEBSOCKET_INLINE bool client_requests::may_be_open(std::string_view id) const {
  return !listed_ || std::find(listed_->begin(), listed_->end(), id) != listed_->end();
}

AGENT_WEBSOCKET_INLINE std::vector<std::string> client_requests::take_unlisted() {
  std::vector<std::string> taken;
  std::deque<client_request> kept;
  for (client_request& each : open_) {
    if (may_be_open(each.id)) {
      kept.push_back(std::move(each));
    } else {
      taken.push_back(std::move(each.id));
    }
  }
  open_ = std::move(kept);
  listed_.reset();
  return taken;
}

AGENT_WEBSOCKET_INLINE std::vector<std::string> client_requests::take_all() {
  begin_list();
  return take_unlisted();
}

AGENT_WEBSOCKET_INLINE bool client_requests::contains(std::string_view id) const {
  return std::any_of(open_.begin(), open_.end(),
                     [&](const client_request& each) { return each.id == id; });
}

AGENT_WEBSOCKET_INLINE std::deque<client_request>::iterator client_requests::find(
    std::string_view id) {
  return std::find_if(open_.begin(), open_.end(),
                      [&](const client_request& each) { return each.id == id; });
}

#endif

}  // namespace agent_websocket
