// expect first: AGENT_WEBSOCKET_IMPLEMENTATION needs AGENT_WEBSOCKET_SEPARATE_COMPILATION=1, in all units
// SPDX-License-Identifier: MIT
#define AGENT_WEBSOCKET_IMPLEMENTATION
#include <agent_websocket/base/config.hpp>
