// SPDX-License-Identifier: MIT
//
// What a person types -> what it means: a question, or a command that begins with a slash.
#pragma once

#include <agent_websocket.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace chat {

enum class action {
  ask,
  help,
  info,
  history,
  clear,
  model,
  system,
  temperature,
  regenerate,
  stop,
  good,
  bad,
  correct,
  approve,
  reject,
  edit,
  answer,
  reasoning,
  ping,
  quit,
  application,  ///< a command that this program does not know: `name`
  unknown,      ///< begins with a slash and is no command
};

struct command_row {
  std::string_view name;
  std::string_view argument;  ///< what has to follow; [..]: may follow
  action what;
  std::string_view meaning;
};

inline constexpr std::array<command_row, 19> command_table{{
    {"help", "", action::help, "lists the commands, those of the server too"},
    {"info", "", action::info, "tells about this session"},
    {"history", "", action::history, "lists the conversation"},
    {"clear", "", action::clear, "forgets the conversation"},
    {"model", "NAME", action::model, "chooses the model"},
    {"system", "TEXT", action::system, "tells the model who it is"},
    {"temperature", "N", action::temperature, "0 to 2: from precise to inventive"},
    {"regenerate", "", action::regenerate, "answers the last question again"},
    {"stop", "", action::stop, "stops the running answer, as Ctrl-C does"},
    {"good", "[TEXT]", action::good, "says that the last answer was good"},
    {"bad", "[TEXT]", action::bad, "says that it was not"},
    {"correct", "TEXT", action::correct, "says what it should have been"},
    {"approve", "", action::approve, "agrees to what the agent asks"},
    {"reject", "[REASON]", action::reject, "does not, and tells the agent why"},
    {"edit", "JSON", action::edit, "agrees with other arguments"},
    {"answer", "TEXT", action::answer, "answers a question, or in the place of a tool"},
    {"reasoning", "[on|off]", action::reasoning,
     "shows the model's reasoning; that of the last answer"},
    {"ping", "", action::ping, "measures the way to the server and back"},
    {"quit", "", action::quit, "ends this program, as Ctrl-D does"},
}};

struct typed_line {
  action what = action::ask;
  std::string_view name;  ///< of a command
  std::string_view text;  ///< the question, or what stands behind the command's name
  const command_row* row = nullptr;

  bool lacks_argument() const {
    return row != nullptr && text.empty() && !row->argument.empty() && row->argument.front() != '[';
  }
};

inline std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Takes a line apart; the parts refer to it. Two slashes at its begin are one that begins a
/// question.
inline typed_line understand(std::string_view line) {
  line = without_blanks(line);
  if (line.substr(0, 1) != "/") return {action::ask, {}, line, nullptr};
  line.remove_prefix(1);
  if (line.substr(0, 1) == "/") return {action::ask, {}, line, nullptr};
  const std::size_t end = line.find_first_of(" \t\n");
  typed_line found{action::application, line.substr(0, end), {}, nullptr};
  if (end != std::string_view::npos) found.text = without_blanks(line.substr(end));
  for (const command_row& each : command_table) {
    if (each.name != found.name) continue;
    found.what = each.what;
    found.row = &each;
    return found;
  }
  if (!agent_websocket::is_valid_id(found.name)) found.what = action::unknown;
  return found;
}

/// The commands that need no server to be explained.
inline std::string describe_commands() {
  std::string text = "Type a question, or a command:\n";
  for (const command_row& each : command_table) {
    std::string usage = "  /" + std::string(each.name);
    if (!each.argument.empty()) usage.append(" ").append(each.argument);
    usage.resize(std::max<std::size_t>(usage.size(), 22), ' ');
    text.append(usage).append(" ").append(each.meaning).append("\n");
  }
  return text +
         "Any other /NAME is sent to the server's application; // begins a question with a slash.\n"
         "Alt-Enter breaks the line, Ctrl-C stops an answer or ends the program, up and down "
         "recall lines.";
}

}  // namespace chat
