// SPDX-License-Identifier: MIT
// The other unit. Both have to see the same variable.
#include <agent_websocket.hpp>
#include <agent_websocket.hpp>

const int* version_seen_by_a();

int main() { return version_seen_by_a() == &agent_websocket::protocol_version ? 0 : 1; }
