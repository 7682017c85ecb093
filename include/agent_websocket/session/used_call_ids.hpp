// SPDX-License-Identifier: MIT
//
// Makes the model's calls fit to be sent back to it, now and in every later request of the session:
// ids that no other call has, names and arguments that providers do not refuse. What the model got
// wrong it is told in the call's result.
#pragma once

#include <agent_websocket/base/boxed.hpp>
#include <agent_websocket/base/config.hpp>
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
  openrouter::tool_call replayable(openrouter::tool_call call);

  /// The model was shown a call of that id, by another process.
  void take(std::string id);

 private:
  struct kept {
    std::unordered_set<std::string> ids;
    fifo<std::string> order;
    std::size_t made = 0;
  };

  /// It is in the set.
  void remember(std::string id);

  /// Nine letters and digits, the one form that all providers take.
  std::string make_id();

  boxed<kept> kept_;  // most sessions call nothing
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE openrouter::tool_call used_call_ids::replayable(openrouter::tool_call call) {
  if (!openrouter::is_tool_name(call.name)) call.name = "unknown_tool";
  json::document parsed;
  if (!parsed.parse(call.arguments) || !parsed.root().is_object()) call.arguments = "{}";
  while (call.id.empty() || !kept_.need().ids.insert(call.id).second) call.id = make_id();
  remember(call.id);
  return call;
}

AGENT_WEBSOCKET_INLINE void used_call_ids::take(std::string id) {
  if (!id.empty() && kept_.need().ids.insert(id).second) remember(std::move(id));
}

AGENT_WEBSOCKET_INLINE void used_call_ids::remember(std::string id) {
  kept_->order.push_back(std::move(id));
  if (kept_->order.size() > max_ids) kept_->ids.erase(kept_->order.take_front());
}

AGENT_WEBSOCKET_INLINE std::string used_call_ids::make_id() {
  std::string digits = std::to_string(++kept_.need().made);
  return "c" + std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0') + digits;
}

#endif

}  // namespace agent_websocket
