// SPDX-License-Identifier: MIT
// The core and the mocks, compiled with AGENT_WEBSOCKET_WITH_ADAPTERS=0, and nothing made of them.
#include <agent_websocket.hpp>

int main() {}
