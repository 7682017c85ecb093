// SPDX-License-Identifier: MIT
#include <agent_websocket/session/sent_messages.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::fifo;
using agent_websocket::sent_messages;
using agent_websocket::turn;
using agent_websocket::openrouter::chat_message;
using agent_websocket::openrouter::message_list;

namespace {

turn asked(const std::string& words) {
  turn begun;
  begun.question = chat_message::user(words);
  return begun;
}

std::string texts(const message_list& list) {
  std::string all;
  for (const chat_message& each : list) all += each.text() + "|";
  return all;
}

std::string json_of(const message_list& list) {
  std::string text;
  list.append_json(text);
  return text;
}

std::string afresh(const fifo<turn>& turns, const std::string& prompt) {
  std::vector<chat_message> all;
  if (!prompt.empty()) all.push_back(chat_message::system(prompt));
  for (const turn& each : turns) each.append_to(all);
  return json_of(all);
}

}  // namespace

TEST_CASE("sent messages: what came since is added, the last turn is read again") {
  fifo<turn> turns;
  sent_messages sent;
  CHECK(texts(sent.update(turns, "")).empty());
  CHECK(texts(sent.update(turns, "P")) == "P|");
  turns.push_back(asked("1"));
  CHECK(texts(sent.update(turns, "P")) == "P|1|");
  turns.back().seq = 1;
  turns.back().answer = chat_message::assistant("one");
  turns.push_back(asked("2"));
  CHECK(texts(sent.update(turns, "P")) == "P|1|one|2|");
  turns.take_front();
  sent.front_dropped(1);
  CHECK(texts(sent.update(turns, "P")) == "P|2|");
  CHECK(texts(sent.update(turns, "Q")) == "Q|2|");
  CHECK(texts(sent.update(turns, "")) == "2|");
}

TEST_CASE("sent messages: what a request has is not changed by the next") {
  fifo<turn> turns;
  sent_messages sent;
  turns.push_back(asked("1"));
  const message_list first = sent.update(turns, "P");
  turns.push_back(asked("2"));
  CHECK(texts(sent.update(turns, "P")) == "P|1|2|");
  CHECK(texts(first) == "P|1|");
}

TEST_CASE("sent messages: what messages keep themselves is kept twice up to a bound") {
  const auto parts = [](std::size_t bytes) {
    return chat_message::user_parts("[\"" + std::string(bytes, 'x') + "\"]", "picture");
  };
  fifo<turn> turns;
  sent_messages sent;
  turns.push_back(asked(std::string(2 * sent_messages::max_kept_twice, 'x')));
  turns.push_back(asked("1"));
  turns.back().question = parts(sent_messages::max_kept_twice - 100);
  turns.push_back(asked("2"));
  turns.back().question = parts(100);
  turns.push_back(asked("3"));
  CHECK(json_of(sent.update(turns, "P")) == afresh(turns, "P"));
  CHECK_FALSE(sent.is_joined());
  CHECK(json_of(sent.update(turns, "P")) == afresh(turns, "P"));
  turns.take_front();
  sent.front_dropped(1);
  CHECK(json_of(sent.update(turns, "P")) == afresh(turns, "P"));
  CHECK_FALSE(sent.is_joined());
  turns.take_front();
  sent.front_dropped(1);
  CHECK(json_of(sent.update(turns, "P")) == afresh(turns, "P"));
  CHECK(sent.is_joined());
  sent.forget();
  CHECK_FALSE(sent.is_joined());
}

TEST_CASE("sent messages: are what they would be if made afresh") {
  std::mt19937 random(11);
  const auto below = [&random](unsigned limit) { return random() % limit; };
  for (int round = 0; round < 100; ++round) {
    fifo<turn> turns;
    sent_messages sent;
    std::vector<std::pair<message_list, std::string>> held;
    std::string prompt = "P";
    std::size_t dropped = 0;
    for (int step = 0; step < 60; ++step) {
      const auto any = [&] { return below(static_cast<unsigned>(turns.size())); };
      switch (below(8)) {
        case 0:
        case 1: turns.push_back(asked(std::to_string(step))); break;
        case 2:
          if (turns.empty()) break;
          turns.back().seq = 1;
          turns.back().answer = chat_message::assistant("to " + std::to_string(step));
          break;
        case 3:
          if (turns.empty()) break;
          turns.back().steps.push_back(chat_message::tool_result("c", std::string(4000, 'r')));
          break;
        case 4:
          if (turns.empty()) break;
          for (std::size_t i = dropped = 1 + any(); i > 0; --i) turns.take_front();
          sent.front_dropped(dropped);
          break;
        case 5:
          if (turns.empty()) break;
          turns.drop_back();
          sent.back_dropped(turns.size());
          break;
        case 6:
          if (turns.empty()) break;
          turns[any()].feedback.push_back({"", "", {}, "", "no: " + std::to_string(step), {}});
          sent.forget();
          break;
        default: prompt = below(2) == 0 ? "" : "P" + std::to_string(below(2));
      }
      if (below(8) == 0) held.emplace_back(sent.update(turns, prompt), afresh(turns, prompt));
      if (below(20) == 0) held.clear();
      for (const auto& each : held) REQUIRE(json_of(each.first) == each.second);
      if (below(2) == 0) REQUIRE(json_of(sent.update(turns, prompt)) == afresh(turns, prompt));
    }
  }
}
