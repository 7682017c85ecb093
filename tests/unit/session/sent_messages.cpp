// SPDX-License-Identifier: MIT
#include <agent_websocket/session/sent_messages.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <utility>

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

std::string afresh(const fifo<turn>& turns, const std::string& prompt) {
  message_list list;
  if (!prompt.empty()) list.push_back(chat_message::system(prompt));
  for (const turn& each : turns) each.append_to(list);
  return std::string(list.json());
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
  sent.front_dropped();
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
  const auto is_kept = [&] {
    const char* const before = sent.update(turns, "P").json().data();
    return sent.update(turns, "P").json().data() == before;
  };
  turns.push_back(asked(std::string(2 * sent_messages::max_kept_twice, 'x')));
  turns.push_back(asked("1"));
  turns.back().question = parts(sent_messages::max_kept_twice - 100);
  CHECK(is_kept());
  turns.push_back(asked("2"));
  turns.back().question = parts(100);
  const message_list above = sent.update(turns, "P");
  CHECK(above.json() == afresh(turns, "P"));
  const message_list again = sent.update(turns, "P");
  CHECK(again.json() == above.json());
  CHECK(again.json().data() != above.json().data());  // not kept meanwhile
  turns.take_front();
  sent.front_dropped();
  turns.take_front();
  sent.front_dropped();
  CHECK(sent.update(turns, "P").json() == afresh(turns, "P"));
  CHECK(is_kept());
}

TEST_CASE("sent messages: are what they would be if made afresh") {
  std::mt19937 random(11);
  const auto below = [&random](unsigned limit) { return random() % limit; };
  for (int round = 0; round < 100; ++round) {
    fifo<turn> turns;
    sent_messages sent;
    std::string prompt = "P";
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
          if (!turns.empty()) turns.back().steps.push_back(chat_message::tool_result("c", "r"));
          break;
        case 4:
          if (turns.empty()) break;
          turns.take_front();
          sent.front_dropped();
          break;
        case 5:
          if (turns.empty()) break;
          turns.drop_back();
          sent.forget();
          break;
        case 6:
          if (turns.empty()) break;
          turns[any()].feedback.push_back({"", "", {}, "", "no: " + std::to_string(step), {}});
          sent.forget();
          break;
        default: prompt = below(2) == 0 ? "" : "P" + std::to_string(below(2));
      }
      if (below(2) == 0) REQUIRE(sent.update(turns, prompt).json() == afresh(turns, prompt));
    }
  }
}
