// SPDX-License-Identifier: MIT
//
// A numbered message as it is sent again to a client that has missed it: marked with `replay`, and
// the end of a streamed answer as the whole answer that it is (phase `full`), since its deltas are
// not sent again. Works on the frame as encode.hpp makes it, so that frames are kept once.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <string>
#include <string_view>

namespace agent_websocket {
namespace wire {

/// Precondition: `frame` was made by encode().
std::string as_replay(std::string_view frame);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::string as_replay(std::string_view frame) {
  constexpr std::string_view response = R"({"type":"response")";
  constexpr std::string_view end = R"("phase":"end")", full = R"("phase":"full")";
  std::string again;
  again.reserve(frame.size() + 16);
  if (frame.substr(0, response.size()) == response) {
    // The members before it are numbers and ids: the first such text is the member itself.
    const std::size_t at = frame.find(end);
    const std::size_t content = frame.find(R"("content":)");
    if (at != std::string_view::npos && at < content) {
      again.append(frame.substr(0, at)).append(full);
      frame.remove_prefix(at + end.size());
    }
  }
  again.append(frame.substr(0, frame.size() - 1)).append(R"(,"replay":true})");
  return again;
}

#endif

}  // namespace wire
}  // namespace agent_websocket
