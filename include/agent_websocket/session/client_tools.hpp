// SPDX-License-Identifier: MIT
//
// The tools that the clients of one session have declared in their hello: which socket runs which.
// A socket that goes takes its tools with it; a call that it has not answered waits in the run.
#pragma once

#include <agent_websocket/base/boxed.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/session/tool.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

class client_tools {
 public:
  /// Replaces what that socket declared before. Of several sockets with one name the last to
  /// declare it counts, as long as it is here.
  void declare(connection_id connection, std::vector<tool_ptr> tools);

  void forget(connection_id connection);

  /// The socket that runs the tool of that name; 0 when none does now.
  connection_id runner_of(std::string_view name) const noexcept;

  std::vector<tool_ptr> tools() const;

 private:
  struct entry {
    connection_id connection;
    tool_ptr tool;
  };

  const entry* last(std::string_view name) const noexcept;

  boxed<std::vector<entry>> entries_;  // few clients have tools
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void client_tools::declare(connection_id connection,
                                                  std::vector<tool_ptr> tools) {
  forget(connection);
  if (tools.empty()) return;
  for (tool_ptr& each : tools) entries_.need().push_back({connection, std::move(each)});
}

AGENT_WEBSOCKET_INLINE void client_tools::forget(connection_id connection) {
  const auto of_it = [connection](const entry& of) { return of.connection == connection; };
  if (!entries_) return;
  entries_->erase(std::remove_if(entries_->begin(), entries_->end(), of_it), entries_->end());
  if (entries_->empty()) entries_.reset();
}

AGENT_WEBSOCKET_INLINE connection_id client_tools::runner_of(std::string_view name) const noexcept {
  const entry* const found = last(name);
  return found == nullptr ? 0 : found->connection;
}

AGENT_WEBSOCKET_INLINE std::vector<tool_ptr> client_tools::tools() const {
  std::vector<tool_ptr> all;
  if (!entries_) return all;
  for (const entry& each : *entries_) {
    if (last(each.tool->definition.name) == &each) all.push_back(each.tool);
  }
  return all;
}

AGENT_WEBSOCKET_INLINE const client_tools::entry* client_tools::last(
    std::string_view name) const noexcept {
  if (!entries_) return nullptr;
  for (std::size_t i = entries_->size(); i-- > 0;) {
    const entry& each = (*entries_)[i];
    if (each.tool->definition.name == name) return &each;
  }
  return nullptr;
}

#endif

}  // namespace agent_websocket
