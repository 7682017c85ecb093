// SPDX-License-Identifier: MIT
//
// Makes the model's calls fit to be sent back to it, now and in every later request of the session:
// ids that no other call has, names and arguments that providers do not refuse. What the model got
// wrong it is told in the call's result.
#pragma once

#include <agent_websocket/base/fifo.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/openrouter/tool_call.hpp>
#include <agent_websocket/openrouter/tool_definition.hpp>

#include <cstddef>
#include <string>
#include <unordered_set>
#include <utility>

namespace agent_websocket {

class used_call_ids {
 public:
  static constexpr std::size_t max_ids = 4096;  ///< remembered; more than a conversation holds

  /// The call as the model is shown it. Good ones are not touched: arguments go back byte for byte.
  openrouter::tool_call replayable(openrouter::tool_call call) {
    if (!openrouter::is_tool_name(call.name)) call.name = "unknown_tool";
    json::document parsed;
    if (!parsed.parse(call.arguments) || !parsed.root().is_object()) call.arguments = "{}";
    while (call.id.empty() || !ids_.insert(call.id).second) call.id = make_id();
    order_.push_back(call.id);
    if (order_.size() > max_ids) ids_.erase(order_.take_front());
    return call;
  }

  /// The model was shown a call of that id, by another process.
  void take(std::string id) {
    if (id.empty() || !ids_.insert(id).second) return;
    order_.push_back(std::move(id));
    if (order_.size() > max_ids) ids_.erase(order_.take_front());
  }

 private:
  /// Nine letters and digits, the one form that all providers take.
  std::string make_id() {
    std::string digits = std::to_string(++made_);
    return "c" + std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0') + digits;
  }

  std::unordered_set<std::string> ids_;
  fifo<std::string> order_;
  std::size_t made_ = 0;
};

}  // namespace agent_websocket
