// SPDX-License-Identifier: MIT
//
// Small real tools and how a server is given them: a clock, a calculator, a question to the person,
// and the files of one folder, which the person has to agree to. The server offers them to the
// model, checks the arguments by the schema before a handler sees them, and tells the model what
// came of it.
#pragma once

#include "calculator.hpp"
#include "folder.hpp"

#include <agent_websocket.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace example_tools {

/// "2026-01-01T14:00:00+02:00": a moment as a clock shows it that many minutes east of UTC.
inline std::string time_at(std::chrono::system_clock::time_point when, int minutes) {
  std::string text =
      agent_websocket::to_iso8601(when + std::chrono::minutes(minutes)).substr(0, 19);
  char offset[16];
  const int size = minutes < 0 ? -minutes : minutes;
  std::snprintf(offset, sizeof offset, "%c%02d:%02d", minutes < 0 ? '-' : '+', size / 60,
                size % 60);
  return text + offset;
}

// [clock]
/// The smallest tool: what it is called, what it is for, what it takes, and what it does.
inline void add_clock(agent_websocket::server& to) {
  agent_websocket::tool_definition clock;
  clock.name = "clock";
  clock.description = "Tells the date and the time, in UTC or another time zone.";
  clock.parameters = R"({"type":"object","properties":{"utc_offset_hours":{"type":"number",
    "minimum":-14,"maximum":14,"description":"Hours east of UTC; 0 when it is left out"}}})";
  to.tool(std::move(clock), [](const auto& call, const auto& reply) {
    const double hours = call.value()["utc_offset_hours"].number().value_or(0);
    reply(time_at(std::chrono::system_clock::now(), static_cast<int>(std::lround(hours * 60))));
  });
}
// [clock]

/// A tool that can fail: the words reach the model, which may then do better.
inline void add_calculator(agent_websocket::server& to) {
  agent_websocket::tool_definition calculate;
  calculate.name = "calculate";
  calculate.description = "Calculates an expression of numbers, + - * / % ^ and parentheses.";
  calculate.parameters = R"({"type":"object","properties":{"expression":{"type":"string",
    "description":"For instance 12 * 7.5"}},"required":["expression"]})";
  to.tool(std::move(calculate), [](const auto& call, const auto& reply) {
    const auto number = calculator(*call.value()["expression"].string()).result();
    number ? reply(agent_websocket::json::print_double(*number))
           : reply.fail(number.error().message);
  });
}

/// A tool without a handler: the person answers in its place.
inline void add_question(agent_websocket::server& to) {
  agent_websocket::tool_definition ask;
  ask.name = "ask_person";
  ask.description = "Puts a question to the person, who knows what nobody else does.";
  ask.parameters = R"({"type":"object","properties":{"question":{"type":"string"}},
    "required":["question"]})";
  ask.asks_person = true;
  ask.question = "The agent has a question:";
  to.tool(std::move(ask));
}

// [approval]
/// A tool that a person has to agree to, each time.
inline void add_read_file(agent_websocket::server& to, const folder& files) {
  agent_websocket::tool_definition read;
  read.name = "read_file";
  read.description = "Reads a text file of the user's folder.";
  read.parameters = R"({"type":"object","properties":{"path":{"type":"string",
    "description":"Relative, for instance notes.txt"}},"required":["path"]})";
  read.requires_approval = true;
  read.question = "May the agent read this file?";
  to.tool(std::move(read), [files](const auto& call, const auto& reply) {
    const auto content = files.read(*call.value()["path"].string());
    content ? reply(*content) : reply.fail(content.error().message);
  });
}
// [approval]

/// The files of a folder. They are small and local, so they are read at once; what takes long
/// belongs on a thread of its own, which calls `reply` when it is done.
inline void add_files(agent_websocket::server& to, const folder& files) {
  agent_websocket::tool_definition list;
  list.name = "list_files";
  list.description = "Lists the files of the user's folder, or of a sub-folder.";
  list.parameters = R"({"type":"object","properties":{"folder":{"type":"string",
    "description":"Relative, for instance notes/2026; the whole folder when it is left out"}}})";
  list.requires_approval = true;
  list.question = "May the agent list the files of this folder?";
  to.tool(std::move(list), [files](const auto& call, const auto& reply) {
    const auto names = files.list(call.value()["folder"].string().value_or(""));
    names ? reply(*names) : reply.fail(names.error().message);
  });
  add_read_file(to, files);
}

}  // namespace example_tools
