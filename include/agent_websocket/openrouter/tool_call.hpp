// SPDX-License-Identifier: MIT
//
// A call of a tool, as a model asks for it ("tool_calls" in OpenRouter's API reference). Data only;
// tool_calls.hpp puts it together from a stream.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <string>

namespace agent_websocket {
namespace openrouter {

/// One call. What it says comes from a model and is checked by whoever runs it.
struct tool_call {
  /// Unique inside one answer; made here when the server gave none or one that was there before.
  std::string id;
  std::string name;
  /// JSON text byte for byte as the model wrote it; "{}" when it gave none or only blanks.
  std::string arguments;
  /// False when the answer was cut off and the arguments with it: never to be run.
  bool complete = true;
};

bool operator==(const tool_call& a, const tool_call& b);
inline bool operator!=(const tool_call& a, const tool_call& b) { return !(a == b); }

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool operator==(const tool_call& a, const tool_call& b) {
  return a.id == b.id && a.name == b.name && a.arguments == b.arguments && a.complete == b.complete;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
