// SPDX-License-Identifier: MIT
//
// The answers of the demo model that use tools or reason: calls, what is said of results, thoughts
// before either.
#pragma once

#include "answers.hpp"
#include "tools.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace demo {
namespace replies {

/// The tools that are asked for by name, or that fit, or an echo.
inline script anything_else(const chat& from, std::string_view argument) {
  script made;
  if (from.tool_choice != "none") {
    std::vector<tools::call> calls = tools::fitting(from);
    if (from.tool_choice.front() == '=') calls = tools::named(from, from.tool_choice.substr(1));
    if (from.tool_choice == "required" && calls.empty() && !from.tools.empty())
      calls = tools::named(from, from.tools.front().name);
    tools::add_calls(made, std::move(calls), from.parallel_calls);
  }
  return made.pieces.empty() ? echo(from, argument) : made;
}

inline script use_tools(const chat& from, std::string_view names) {
  if (from.tools.empty() || from.tool_choice == "none") return say("I was given no tools.");
  script made;
  tools::add_calls(made, tools::named(from, names), from.parallel_calls);
  return made.pieces.empty() ? say("Which tool?") : made;
}

inline constexpr std::string_view tool_keys[] = {"use the tools", "use the tool"};

/// "say TEXT and use the tool NAME": words and calls in one answer.
inline script say_and_use(const chat& from, std::string_view text) {
  for (const std::string_view key : tool_keys) {
    const std::size_t at = text.find(" and " + std::string(key) + " ");
    if (at == std::string_view::npos) continue;
    script made = say(text.substr(0, at));
    script calls = use_tools(from, text.substr(at + 6 + key.size()));
    for (piece& each : calls.pieces) made.pieces.push_back(std::move(each));
    made.end = calls.end;
    return made;
  }
  return anything_else(from, text);
}

inline constexpr std::string_view signature = "demo-signature";

/// Reasons first, then answers `about`, with tools when it is about some. Its signature has to come
/// back with the results of those, as some providers ask.
inline script think(const chat& from, std::string_view about) {
  const std::string thought =
      about.empty() ? "The user wants me to think. I have thought, and I can answer now."
                    : "The user wants me to think about " + in_quotes(about) +
                          ". I have thought, and I can answer now.";
  script made;
  for (piece& word : words_of(thought)) {
    made.pieces.push_back({std::move(word.text), piece::kind::reasoning});
  }
  made.pieces.push_back({std::string(signature), piece::kind::signature});
  script answer;
  for (const std::string_view key : tool_keys) {
    const std::size_t at = about.find(std::string(key) + " ");
    if (at == std::string_view::npos || !answer.pieces.empty()) continue;
    answer = use_tools(from, about.substr(at + key.size()));
  }
  if (answer.pieces.empty()) answer = anything_else(from, about);
  for (piece& each : answer.pieces) made.pieces.push_back(std::move(each));
  made.end = answer.end;
  return made;
}

/// What the demo does when the last messages are the results of its calls.
inline script with_results(const chat& from, std::string_view) {
  return say(tools::about_results(from));
}

/// The same when the question was one of reasoning.
inline script think_with_results(const chat& from, std::string_view argument) {
  const bool whole = from.replayed_reasoning.find(signature) != std::string::npos;
  return whole ? with_results(from, argument) : refuse(400);
}

}  // namespace replies
}  // namespace demo
