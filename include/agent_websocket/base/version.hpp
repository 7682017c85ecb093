// SPDX-License-Identifier: MIT
//
// The version of the library, written here and nowhere else: CMake and Meson read these lines.
// Semantic versioning 2.0.0.
#pragma once

#define AGENT_WEBSOCKET_VERSION_MAJOR 0
#define AGENT_WEBSOCKET_VERSION_MINOR 1
#define AGENT_WEBSOCKET_VERSION_PATCH 0

#define AGENT_WEBSOCKET_STRINGIFY_EXPANDED(x) #x
#define AGENT_WEBSOCKET_STRINGIFY(x) AGENT_WEBSOCKET_STRINGIFY_EXPANDED(x)

/// "major.minor.patch"
#define AGENT_WEBSOCKET_VERSION_STRING                     \
  AGENT_WEBSOCKET_STRINGIFY(AGENT_WEBSOCKET_VERSION_MAJOR) \
  "." AGENT_WEBSOCKET_STRINGIFY(AGENT_WEBSOCKET_VERSION_MINOR) "." AGENT_WEBSOCKET_STRINGIFY(AGENT_WEBSOCKET_VERSION_PATCH)

namespace agent_websocket {

/// The version of the wire protocol that the welcome message names in `v`.
inline constexpr int protocol_version = 1;

}  // namespace agent_websocket
