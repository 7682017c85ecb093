// expect first: AGENT_WEBSOCKET_IMPLEMENTATION must be defined before agent_websocket.hpp is included for the first time
// SPDX-License-Identifier: MIT
#define AGENT_WEBSOCKET_SEPARATE_COMPILATION 1
#include "../../single_include/agent_websocket.hpp"

#define AGENT_WEBSOCKET_IMPLEMENTATION
#include "../../single_include/agent_websocket.hpp"
