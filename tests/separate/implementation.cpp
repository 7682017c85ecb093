// SPDX-License-Identifier: MIT
// The one unit of a program with separate compilation that has the definitions, as README.md shows it.

// [implementation]
#define AGENT_WEBSOCKET_IMPLEMENTATION
#include <agent_websocket.hpp>
// [implementation]
