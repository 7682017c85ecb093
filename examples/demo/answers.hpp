// SPDX-License-Identifier: MIT
//
// The single answers of the demo model, each a script. What makes it give them is the table in
// replies.hpp.
#pragma once

#include "script.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace demo {
namespace replies {

inline script say(std::string_view text) {
  script made;
  made.pieces = words_of(text);
  return made;
}

inline script say(std::string_view text, script::finish end) {
  script made = say(text);
  made.end = end;
  return made;
}

inline script refuse(int status) {
  script made;
  made.begin = script::start::refused;
  made.status = status;
  return made;
}

/// The first number in a text, or `otherwise`, kept within bounds.
inline std::size_t number_in(std::string_view text, std::size_t otherwise, std::size_t low,
                             std::size_t high) {
  const std::size_t at = text.find_first_of("0123456789");
  if (at == std::string_view::npos) return otherwise;
  text.remove_prefix(at);
  std::uint32_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() ? std::clamp<std::size_t>(number, low, high) : high;
}

/// Quotes at most 200 bytes of what somebody wrote.
inline std::string in_quotes(std::string_view text) {
  const std::string_view shown = agent_websocket::cut_utf8(text, 200);
  return "\"" + std::string(shown) + (shown.size() < text.size() ? "...\"" : "\"");
}

inline script echo(const chat& from, std::string_view) {
  std::string text = "You said: " + in_quotes(from.asked.back()) + ".";
  if (from.images > 0) text += " With " + std::to_string(from.images) + " attachment(s).";
  if (from.asked.size() > 1) {
    text += " That is message " + std::to_string(from.asked.size()) + " of our conversation.";
  }
  return say(text + " I am a demo without a model; ask for help to see what I can do.");
}

inline script history(const chat& from, std::string_view) {
  const std::size_t earlier = from.asked.size() - 1;
  if (earlier == 0) return say("This is the first message that I got from you.");
  std::string text = "Before this you said:\n";
  for (std::size_t i = 0; i < earlier; ++i) {
    text += "\n" + std::to_string(i + 1) + ". " + in_quotes(from.asked[i]);
  }
  return say(text);
}

inline script settings(const chat& from, std::string_view) {
  std::string text = "Model: " + from.model + "\nTemperature: ";
  text += from.temperature ? json::print_double(*from.temperature) : "not given";
  text += "\nMax tokens: ";
  text += from.max_tokens ? std::to_string(*from.max_tokens) : "not given";
  return say(text + "\nSystem prompt: " + (from.system.empty() ? "not given" : from.system));
}

inline script count(const chat&, std::string_view argument) {
  script made;
  const std::size_t last = number_in(argument, 10, 1, 1000);
  for (std::size_t i = 1; i <= last; ++i) {
    made.pieces.push_back({(i == 1 ? "" : " ") + std::to_string(i)});
  }
  return made;
}

inline script long_answer(const chat&, std::string_view argument) {
  static constexpr std::string_view prose =
      "A WebSocket begins its life as an ordinary HTTP request that asks to be upgraded. "
      "When the server agrees, the same connection carries messages in both directions. "
      "Neither side has to ask before it speaks, and neither has to wait for the other. "
      "That suits a model which writes its answer word by word. "
      "Each word can be sent as soon as it is known, so the reader begins early. "
      "A question may be withdrawn while the answer is still being written. "
      "Pings tell a quiet connection from a dead one. "
      "Messages are framed, so a program never has to guess where one of them ends. ";
  static constexpr std::string_view code =
      "\n\n```js\nconst socket = new WebSocket('ws://localhost:54321/ws');\n"
      "socket.onmessage = (event) => console.log(JSON.parse(event.data).content);\n```";
  const std::vector<piece> source = words_of(prose.substr(0, prose.size() - 1));
  const std::size_t words = number_in(argument, 400, 1, 20'000);
  script made;
  std::size_t paragraphs = 1, in_paragraph = 0;
  bool sentence_ended = false;
  for (std::size_t i = 0; i < words; ++i) {
    std::string word = source[i % source.size()].text;
    if (word.front() == ' ') word.erase(0, 1);
    const bool next_paragraph = sentence_ended && in_paragraph >= 40;
    if (next_paragraph) {
      if (++paragraphs == 2) {
        for (piece& part : words_of(code)) made.pieces.push_back(std::move(part));
      }
      in_paragraph = 0;
    }
    ++in_paragraph;
    sentence_ended = word.back() == '.';
    made.pieces.push_back({(i == 0 ? "" : next_paragraph ? "\n\n" : " ") + word});
  }
  return made;
}

inline script slow(const chat& from, std::string_view argument) {
  script made = argument.empty() ? echo(from, argument) : say(argument);
  made.delay = std::chrono::milliseconds(250);
  return made;
}

inline script unicode(const chat&, std::string_view) {
  script made;
  made.delay = std::chrono::milliseconds(5);  // for each of its many pieces
  made.pieces = code_points_of(
      "Grüße, Ελλάδα, Привет. 日本語の文章、中文句子、한국어 문장. "
      "שלום עולם, مرحبا بالعالم. "
      "👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🦀 "
      "é (e\u0301). ∑ √ ∞ ≠ → “quotes” …");
  return made;
}

inline script html(const chat&, std::string_view) {
  return say(
      "This is text and has to be shown as text: <script>alert('run')</script> <b>not bold</b> "
      "<img src=x onerror=\"alert('run')\"> &amp; </div> <!-- comment -->");
}

inline script markdown(const chat&, std::string_view) {
  return say(
      "## A heading\n\nSome *emphasis*, **more of it** and `code`.\n\n- first\n- second\n\n"
      "1. one\n2. two\n\n> A quotation.\n\n| name | value |\n| --- | --- |\n| a | 1 |\n| b | 2 "
      "|\n\n"
      "```cpp\nint main() { return 0; }\n```\n\nThe end.");
}

inline script flaky(const chat& from, std::string_view argument) {
  script made = echo(from, argument);
  made.flaky = true;
  return made;
}

inline script fail(const chat&, std::string_view argument) {
  return refuse(static_cast<int>(number_in(argument, 500, 400, 599)));
}

inline script fail_with_hint(const chat&, std::string_view) {
  script made = refuse(429);
  made.retry_after = true;
  return made;
}

inline script fail_midstream(const chat&, std::string_view) {
  return say("This answer begins well, but then", script::finish::error);
}

inline script cut(const chat&, std::string_view) {
  return say("This answer is cut off in the middle of a", script::finish::cut);
}

inline script stall(const chat&, std::string_view) {
  return say("This answer stops here and says no more:", script::finish::stall);
}

inline script stall_before(const chat&, std::string_view) {
  script made;
  made.begin = script::start::comments_only;
  return made;
}

inline script silent(const chat&, std::string_view) {
  script made;
  made.begin = script::start::silent;
  return made;
}

inline script empty(const chat&, std::string_view) { return say("", script::finish::done_only); }

inline script json_reply(const chat&, std::string_view) {
  script made = say("This answer came as one JSON body and not as a stream.");
  made.whole_json = true;
  return made;
}

}  // namespace replies
}  // namespace demo
