// SPDX-License-Identifier: MIT
//
// What the demo model says: a table of recognised requests, and the answer to each. Deterministic:
// the same conversation gets the same answer. Nothing here knows of HTTP or sockets. Where nothing
// is recognised the offered tools are tried, and last the question is said back.
#pragma once

#include "tool_answers.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace demo {
namespace replies {

/// What may follow the key of a rule.
enum class argument { none, number, text };

/// One row of the table: what the last message begins with, what it makes the demo do.
struct rule {
  std::string_view key;  ///< in lower case
  argument takes;
  std::string_view usage;  ///< as `help` prints it; empty: another spelling of a row above
  std::string_view effect;
  script (*play)(const chat&, std::string_view argument);
  /// When the conversation ends with the results of calls.
  script (*play_results)(const chat&, std::string_view argument) = with_results;
};

inline script help(const chat& from, std::string_view);

/// The recognised requests, in the order in which they are tried.
inline constexpr rule table[] = {
    {"help", argument::none, "help", "prints this list", help},
    {"what can you do", argument::none, "", "", help},
    {"history", argument::none, "history", "lists what you said before", history},
    {"what did i say", argument::text, "", "", history},
    {"settings", argument::none, "settings", "shows model, temperature, limit, system prompt",
     settings},
    {"what are your settings", argument::none, "", "", settings},
    {"count to", argument::number, "count to N", "counts, one chunk a number, N up to 1000", count},
    {"count", argument::number, "", "", count},
    {"long answer", argument::text, "long answer [N words]", "paragraphs and a code block",
     long_answer},
    {"slow", argument::text, "slow TEXT", "says it with 250 ms before each word", slow},
    {"think about", argument::text, "think [about TEXT]", "reasons before it answers", think,
     think_with_results},
    {"think", argument::text, "", "", think, think_with_results},
    {"use the tool", argument::text, "use the tool NAME [with JSON]", "calls one that it was given",
     use_tools},
    {"use the tools", argument::text, "use the tools NAME and NAME", "at the same time", use_tools},
    {"say", argument::text, "say TEXT and use the tool NAME", "words, then a call", say_and_use},
    {"loop on", argument::text, "loop on NAME", "calls it again after each result", use_tools,
     use_tools},
    {"unicode", argument::none, "unicode", "many scripts, emoji, right-to-left text", unicode},
    {"html", argument::none, "html", "markup that has to be shown as text", html},
    {"markdown", argument::none, "markdown", "headings, lists, a table, code", markdown},
    {"json reply", argument::none, "json reply", "one JSON body in place of a stream", json_reply},
    {"error midstream", argument::none, "error midstream", "some words, then an error",
     fail_midstream},
    {"error 429 retry", argument::none, "error 429 retry", "HTTP 429 with Retry-After: 1",
     fail_with_hint},
    {"error", argument::number, "error NNN", "that HTTP status before the stream, 400 to 599",
     fail},
    {"fail", argument::none, "fail", "HTTP 500", fail},
    {"flaky", argument::none, "flaky", "HTTP 503 at first, an answer when asked again", flaky},
    {"cut", argument::none, "cut", "the connection breaks in mid-answer", cut},
    {"stall before", argument::none, "stall before", "comments for ever, never a word",
     stall_before},
    {"stall", argument::none, "stall", "a few words, then silence", stall},
    {"silent", argument::none, "silent", "not a single byte", silent},
    {"empty", argument::none, "empty", "a stream without content", empty},
    {"", argument::text, "anything else", "uses a tool that fits, or is said back to you",
     anything_else},
};

inline script help(const chat&, std::string_view) {
  std::string text = "I am a demo without a model. I understand:\n";
  for (const rule& row : table) {
    if (row.usage.empty()) continue;
    text += "\n- `" + std::string(row.usage) + "`: " + std::string(row.effect);
  }
  return say(text);
}

/// What stands behind the key when the text is a request of that row, else nullopt.
inline std::optional<std::string_view> match(const rule& row, std::string_view text) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_word = [&](char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c); };
  if (text.size() < row.key.size()) return std::nullopt;
  for (std::size_t i = 0; i < row.key.size(); ++i) {
    if (lower(text[i]) != row.key[i]) return std::nullopt;
  }
  std::string_view rest = text.substr(row.key.size());
  if (!row.key.empty() && !rest.empty() && is_word(rest.front())) return std::nullopt;
  rest.remove_prefix(std::min(rest.find_first_not_of(" \n\t.,:;?!"), rest.size()));
  const bool fits = row.takes == argument::text || rest.empty() ||
                    (row.takes == argument::number && is_digit(rest.front()));
  return fits ? std::optional<std::string_view>(rest) : std::nullopt;
}

}  // namespace replies

/// What the demo does in answer to a chat.
inline script script_for(const chat& from) {
  std::string_view text = from.asked.back();
  text.remove_prefix(std::min(text.find_first_not_of(" \n\t"), text.size()));
  script made;
  for (const replies::rule& row : replies::table) {
    if (const auto argument = replies::match(row, text)) {
      made = (from.results.empty() ? row.play : row.play_results)(from, *argument);
      break;
    }
  }
  const auto limit =
      static_cast<std::size_t>(std::max<std::int64_t>(from.max_tokens.value_or(0), 0));
  if (from.max_tokens && made.pieces.size() > limit) {
    made.pieces.resize(limit);
    made.end = script::finish::limited;
  }
  return made;
}

}  // namespace demo
