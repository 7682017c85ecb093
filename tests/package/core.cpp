// SPDX-License-Identifier: MIT
// A user of the core alone: whatever way the header came, it brings no adapter along.
#include <agent_websocket.hpp>

#include <cstdio>

static_assert(AGENT_WEBSOCKET_WITH_ADAPTERS == 0, "linking the core gives the core");

int main() {
  agent_websocket::json::document document;
  const auto parsed = document.parse(R"({"type":"query","text":"hello"})");
  const auto text = document.root()["text"].string();
  if (!parsed || !text || *text != "hello") return 1;
  std::puts("core " AGENT_WEBSOCKET_VERSION_STRING);
}
