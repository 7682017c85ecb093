// SPDX-License-Identifier: MIT
// The whole library with its adapters, and nothing made of it.
#include <agent_websocket.hpp>

int main() {}
