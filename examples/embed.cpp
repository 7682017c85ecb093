// SPDX-License-Identifier: MIT
//
// The shortest program that serves an agent: settings from the environment, one command of its own.
// Try it: OPENROUTER_API_KEY=sk-or-... ./embed, then npx wscat -c ws://localhost:54321/functions/v1/agent_websocket
// [embed]
#include <agent_websocket.hpp>

#include <iostream>

int main() {
  auto options = agent_websocket::options::from_environment();
  if (!options) return std::cerr << options.error().message << '\n', 2;

  agent_websocket::server server(options.value());
  server.router().on_command("greet", [](auto& session, const auto& command) {
    session.reply(command, "Hello from C++");
  });
  return server.run() ? 0 : 1;  // until SIGINT or SIGTERM, then drains
}
// [embed]
