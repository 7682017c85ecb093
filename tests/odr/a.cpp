// SPDX-License-Identifier: MIT
// One of two units that include everything, each of them twice: what is not inline in the header
// is defined twice at link time.
#include <agent_websocket.hpp>
#include <agent_websocket.hpp>

const int* version_seen_by_a() { return &agent_websocket::protocol_version; }
