// SPDX-License-Identifier: MIT
//
// How the demo model uses the tools that a request offers: which of them a question asks for, by
// plain comparison of words, the calls, and what is said of their results.
// https://openrouter.ai/docs/features/tool-calling
#pragma once

#include "arguments.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace demo {
namespace tools {

/// A call that the demo makes. `arguments` is JSON text, unless the question had something else.
struct call {
  std::string name;
  std::string arguments;
};

// ---- choosing

/// The tool of that name, or null.
inline const offered_tool* find(const chat& from, std::string_view name) {
  for (const offered_tool& each : from.tools) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

/// A tool with all these stems (each a choice) in its name, else in name and description; or null.
inline const offered_tool* find_by_words(
    const chat& from, std::initializer_list<std::initializer_list<std::string_view>> stems) {
  for (const bool described : {false, true}) {
    for (const offered_tool& each : from.tools) {
      const auto words = words_in(described ? each.name + " " + each.description : each.name);
      if (std::all_of(stems.begin(), stems.end(),
                      [&words](const auto& choice) { return has_stem(words, choice); })) {
        return &each;
      }
    }
  }
  return nullptr;
}

/// True when the question has all the words of the tool's name that say anything.
inline bool is_named(const offered_tool& tool, const std::vector<std::string>& question) {
  constexpr std::string_view idle[] = {"a",   "the",  "get",  "set",   "do",  "run",
                                       "use", "tool", "data", "fetch", "file"};
  bool found = false;
  for (const std::string& word : words_in(tool.name)) {
    if (std::find(std::begin(idle), std::end(idle), word) != std::end(idle)) continue;
    if (std::find(question.begin(), question.end(), word) == question.end()) return false;
    found = true;
  }
  return found;
}

/// The calls that a question asks for without naming them: the time, a calculation, files, or the
/// words of a tool's name. None when no tool fits.
inline std::vector<call> fitting(const chat& from) {
  const std::string& question = from.asked.back();
  const std::string text = lowered(question);
  std::vector<const offered_tool*> chosen;
  const auto choose = [&chosen](const offered_tool* tool) {
    if (tool != nullptr && std::find(chosen.begin(), chosen.end(), tool) == chosen.end())
      chosen.push_back(tool);
  };
  if (has_phrase(text, {"what time", "time is it", "current time", "the time", "what day"}))
    choose(find_by_words(from, {{"time", "clock", "date"}}));
  if (has_phrase(text, {"what is", "how much", "calculat", "comput"}) &&
      !expression_in(text).empty())
    choose(find_by_words(from, {{"calculat", "arithmetic", "math", "expression"}}));
  if (has_phrase(text, {"list files", "list the files", "which files", "what files"}))
    choose(find_by_words(from, {{"list"}, {"file", "folder", "director"}}));
  if (has_phrase(text, {"read ", "open ", "show ", "what is in "}) && !path_in(question).empty())
    choose(find_by_words(from, {{"read", "open", "show"}, {"file"}}));
  if (chosen.empty()) {
    const std::vector<std::string> words = words_in(question);
    for (const offered_tool& each : from.tools) {
      if (is_named(each, words)) choose(&each);
    }
  }
  std::vector<call> calls;
  for (const offered_tool* tool : chosen) {
    calls.push_back({tool->name, arguments_for(*tool, question)});
  }
  return calls;
}

/// Where a JSON object or array at the front of the text ends; all of it when it does not.
inline std::size_t json_length(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '{' || c == '[')) {
      ++depth;
    } else if (!quoted && (c == '}' || c == ']') && depth > 0 && --depth == 0) {
      return i + 1;
    }
  }
  return text.size();
}

/// Reads "NAME [with JSON], NAME [with JSON] and NAME". A name need not be one of a tool: models
/// make such mistakes too. The JSON goes out as it stands, right or wrong.
inline std::vector<call> named(const chat& from, std::string_view text) {
  std::vector<call> calls;
  const auto take_word = [&text](std::string_view word) {
    const std::string_view rest = trimmed(text, " \n\t");
    const bool found = rest.substr(0, word.size()) == word &&
                       (rest.size() == word.size() || !is_word(rest[word.size()]));
    if (found) text = rest.substr(word.size());
    return found;
  };
  while (true) {
    text = text.substr(std::min(text.find_first_not_of(" \n\t,"), text.size()));
    if (!calls.empty() && take_word("and")) text = trimmed(text, " \n\t");
    std::size_t end = 0;
    while (end < text.size() && (is_word(text[end]) || text[end] == '_' || text[end] == '-')) ++end;
    if (end == 0) return calls;
    call made{std::string(text.substr(0, end)), "{}"};
    text.remove_prefix(end);
    if (take_word("with")) {
      text = trimmed(text, " \n\t");
      end = json_length(text);
      made.arguments = std::string(text.substr(0, end));
      text.remove_prefix(end);
    } else if (const offered_tool* const tool = find(from, made.name)) {
      made.arguments = arguments_for(*tool, from.asked.back());
    }
    calls.push_back(std::move(made));
  }
}

// ---- what is said

/// Adds the calls to a script as models stream them: the names first, then fragments of the
/// arguments, those of parallel calls by turns.
inline void add_calls(script& to, std::vector<call> calls, bool parallel) {
  constexpr std::size_t fragment_bytes = 6;
  if (calls.empty()) return;
  if (!parallel) calls.resize(1);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    to.pieces.push_back({calls[i].name, piece::kind::call, i});
  }
  for (std::size_t at = 0, left = calls.size(); left > 0; at = at + 1) {
    left = 0;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      std::string& rest = calls[i].arguments;
      if (rest.empty()) continue;
      const std::string fragment(agent_websocket::cut_utf8(rest, fragment_bytes));
      rest.erase(0, fragment.size());
      to.pieces.push_back({fragment, piece::kind::arguments, i});
      left += rest.empty() ? 0 : 1;
    }
  }
  to.end = script::finish::calls;
}

/// What a failure says, or nullopt when the content of a result is none: a text that begins with
/// "error", or an object with that member.
inline std::optional<std::string> failure_in(std::string_view content) {
  json::document read;
  if (read.parse(content) && read.root()["error"]) {
    const json::value why = read.root()["error"];
    const json::value words = why["message"] ? why["message"] : why;
    return words.is_string() ? std::string(*words.string()) : to_text(words);
  }
  if (lowered(content.substr(0, 5)) != "error") return std::nullopt;
  return std::string(trimmed(content.substr(5), " \n\t:"));
}

/// The answer in words to the results with which the conversation ends.
inline std::string about_results(const chat& from) {
  std::string text;
  for (const tool_result& each : from.results) {
    if (!text.empty()) text.push_back('\n');
    if (const auto why = failure_in(each.content)) {
      text += "The tool " + each.name + " failed: " + *why;
    } else {
      text += "The tool " + each.name + " says: " + each.content;
    }
  }
  return text;
}

}  // namespace tools
}  // namespace demo
