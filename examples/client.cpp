// SPDX-License-Identifier: MIT
//
// Asks an agent one question and prints the answer as it comes: client [QUESTION [URL]]. A lost
// connection does not lose it.

// [client]
#include <agent_websocket.hpp>

#include <iostream>

struct printer final : agent_websocket::client_sink {
  void on_text(const std::string&, agent_websocket::text_change, std::string_view text) override {
    std::cout << text << std::flush;
  }
  void on_answer(const agent_websocket::client_answer&) override {
    std::cout << '\n';
    agent->stop();
  }
  agent_websocket::client* agent = nullptr;
};

int main(int argc, char** argv) {
  agent_websocket::client_options options;
  options.url = argc > 2 ? argv[2] : "ws://localhost:54321/ws";
  printer sink;
  agent_websocket::client agent(sink, options);
  sink.agent = &agent;
  if (!agent.query(argc > 1 ? argv[1] : "Tell me about WebSocket technology.")) return 1;
  agent.run();  // until it is stopped
}
// [client]
