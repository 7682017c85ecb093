// SPDX-License-Identifier: MIT
#include <agent_websocket/session/turn.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using agent_websocket::feedback_entry;
using agent_websocket::turn;
using agent_websocket::openrouter::chat_message;

namespace {

std::string added_by(const turn& of) {
  std::vector<chat_message> request;
  of.append_to(request);
  std::string all;
  for (const chat_message& each : request) all += each.text() + "|";
  return all;
}

turn ended(const std::string& question) {
  turn made;
  made.question = chat_message::user(question);
  made.seq = 1;
  return made;
}

}  // namespace

TEST_CASE("turn: what it adds to a request") {
  turn each = ended("q");
  CHECK(each.messages() == 0u);
  CHECK(added_by(each).empty());  // it failed without an answer
  each.seq = 0;
  CHECK(each.running());
  CHECK(each.messages() == 1u);
  CHECK(added_by(each) == "q|");
  each.seq = 1;
  each.steps = {chat_message::tool_result("c", "tool")};
  CHECK(each.messages() == 2u);
  CHECK(added_by(each) == "q|tool|(This answer was cut off.)|");
  each.answer = chat_message::assistant("a");
  CHECK(each.messages() == 2u);
  CHECK(added_by(each) == "q|tool|a|");
  feedback_entry said;
  each.feedback.push_back(said);
  said.correction = "b";
  each.feedback.push_back(said);
  CHECK(each.messages() == 3u);
  CHECK(added_by(each) == "q|tool|a|Correction of your previous answer: b|");
}

TEST_CASE("turn: what people see of it") {
  turn each = ended("q");
  CHECK(each.text().empty());
  CHECK_FALSE(each.has_words());
  CHECK_FALSE(each.has_reply());
  each.feedback.push_back({});
  CHECK(each.has_reply());
  each.answer = chat_message::assistant("a");
  CHECK(each.text() == "a");
  each.shown = "words, then a";
  CHECK(each.text() == "words, then a");
  CHECK(each.has_words());
}

TEST_CASE("turn: its bytes count what was said and asked, and the results of tools") {
  turn each = ended("q");
  const std::size_t question = each.question.bytes();
  CHECK(each.bytes() == question);
  each.answer = chat_message::assistant("a");
  each.steps = {chat_message::tool_result("c", "tool")};
  each.shown = "12";
  each.feedback.push_back({"", "", {}, "345", "6789", {}});
  CHECK(each.bytes() == question + each.answer->bytes() + each.steps[0].bytes() + 9);
}
