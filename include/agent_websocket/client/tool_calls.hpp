// SPDX-License-Identifier: MIT
//
// Calls of tools that this client runs itself, from the server's call to the acknowledged result.
// A call that is open comes again after a reconnect; it must not run twice. Pure.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/ids.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/wire/server_message.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// What a tool is doing, whoever runs it.
struct client_tool_progress {
  std::string ref, stream;  ///< the query and its answer
  std::string call;         ///< the server's name of the call
  std::string name;
  std::string arguments;  ///< JSON text
  std::string state;      ///< calling, waiting (for a person), done, failed
  std::string error;      ///< for people, when it failed
  std::string content;    ///< "Calling get_weather"

  static client_tool_progress of(const wire::server_message& m);
};

/// The model calls a tool of this client: to be answered by basic_client::tool_result() or
/// tool_error(), now or later.
struct client_tool_call {
  std::string id;
  std::string ref;  ///< the query
  std::string name;
  std::string arguments;  ///< JSON text
};

class client_tool_calls {
 public:
  /// The oldest is forgotten when there are more.
  static constexpr std::size_t max_open = 256;

  /// False: it is here already, and must not run again.
  bool begin(std::string_view call, std::string_view ref);

  /// It was called, and has no result yet.
  bool is_running(std::string_view call);

  /// `result`: id of the message that brings it. Precondition: is_running(call).
  void answered(std::string_view call, std::string_view result);

  /// The server has that result, or refuses it.
  void settle(std::string_view result);
  /// The server waits no more for the call, for those of the query, for any. Gives the messages
  /// with their results, which need not be sent.
  std::vector<std::string> end(std::string_view call);
  std::vector<std::string> end_of_query(std::string_view ref);
  std::vector<std::string> end_all();

 private:
  struct entry {
    std::string call, ref;
    std::string result;  // empty while it runs
  };

  std::vector<entry>::iterator find(std::string_view call);
  template <typename Predicate>
  std::vector<std::string> take(Predicate wanted) {
    std::vector<std::string> results;
    std::vector<entry> kept;
    for (entry& each : open_) {
      if (!wanted(each)) {
        kept.push_back(std::move(each));
      } else if (!each.result.empty()) {
        results.push_back(std::move(each.result));
      }
    }
    open_ = std::move(kept);
    return results;
  }

  std::vector<entry> open_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE client_tool_progress
client_tool_progress::of(const wire::server_message& m) {
  const wire::tool_view read = wire::read_tool(m.body["tool"]);
  client_tool_progress made;
  made.ref = std::string(m.ref);
  made.stream = std::string(m.stream);
  made.call = std::string(read.call.empty() ? m.id : read.call);
  made.name = std::string(read.name);
  made.arguments = read.arguments ? json::to_text(read.arguments) : "{}";
  made.state = std::string(read.state);
  made.error = std::string(read.error);
  made.content = std::string(m.content);
  return made;
}

AGENT_WEBSOCKET_INLINE bool client_tool_calls::begin(std::string_view call, std::string_view ref) {
  if (!is_valid_id(call) || find(call) != open_.end()) return false;
  if (open_.size() >= max_open) open_.erase(open_.begin());
  open_.push_back({std::string(call), std::string(ref), {}});
  return true;
}

AGENT_WEBSOCKET_INLINE bool client_tool_calls::is_running(std::string_view call) {
  const auto found = find(call);
  return found != open_.end() && found->result.empty();
}

AGENT_WEBSOCKET_INLINE void client_tool_calls::answered(std::string_view call,
                                                        std::string_view result) {
  find(call)->result = std::string(result);
}

AGENT_WEBSOCKET_INLINE void client_tool_calls::settle(std::string_view result) {
  take([&](const entry& each) { return !each.result.empty() && each.result == result; });
}

AGENT_WEBSOCKET_INLINE std::vector<std::string> client_tool_calls::end(std::string_view call) {
  return take([&](const entry& each) { return each.call == call; });
}

AGENT_WEBSOCKET_INLINE std::vector<std::string> client_tool_calls::end_of_query(
    std::string_view ref) {
  return take([&](const entry& each) { return each.ref == ref; });
}

AGENT_WEBSOCKET_INLINE std::vector<std::string> client_tool_calls::end_all() {
  return take([](const entry&) { return true; });
}

AGENT_WEBSOCKET_INLINE std::vector<client_tool_calls::entry>::iterator client_tool_calls::find(
    std::string_view call) {
  return std::find_if(open_.begin(), open_.end(),
                      [&](const entry& each) { return each.call == call; });
}

#endif

}  // namespace agent_websocket
