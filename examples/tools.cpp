// SPDX-License-Identifier: MIT
//
// An agent with tools: a clock, a calculator, a question to the person and, when a folder is named,
// its files, which it may list and read when the person agrees. The tools themselves are in
// tools/agent_tools.hpp. Without a key the demo model answers; it uses them when asked plainly. Try
// it: ./tools ~/notes, then npx wscat -c ws://localhost:54321/ws
//   {"content":"what is 12 * (3 + 4)?"}
//   {"content":"read todo.txt"}  and then  {"type":"human_feedback","decision":"approve"}
#include <agent_websocket.hpp>

#include "demo/stand_in.hpp"
#include "tools/agent_tools.hpp"

#include <iostream>

int main(int argc, char** argv) {
  if (argc > 2) return std::cerr << "Usage: tools [FOLDER]\n", 2;
  auto options = agent_websocket::options::from_environment();
  if (!options) return std::cerr << "tools: " << options.error().message << '\n', 2;

  asio::io_context io(1);
  demo::upstream demo_model(io);
  if (demo::is_needed(*options)) {
    if (const auto started = demo::stand_in(*options, demo_model); !started)
      return std::cerr << "tools: " << started.error().message << '\n', 1;
    std::cout << "demo model, set OPENROUTER_API_KEY for a real one\n";
  }

  agent_websocket::server server(*options, io);
  example_tools::add_clock(server);
  example_tools::add_calculator(server);
  example_tools::add_question(server);
  if (argc == 2) {
    const auto folder = example_tools::folder::open(argv[1]);
    if (!folder) return std::cerr << "tools: " << folder.error().message << '\n', 2;
    example_tools::add_files(server, *folder);
  }
  if (const auto started = server.start(); !started)
    return std::cerr << "tools: " << started.error().message << '\n', 1;
  return server.run([&] { std::cout << "listening on port " << server.port() << std::endl; }) ? 0
                                                                                              : 1;
}
