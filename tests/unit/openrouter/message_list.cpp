// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/message_list.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::openrouter::assistant_message;
using agent_websocket::openrouter::chat_message;
using agent_websocket::openrouter::message_list;

namespace {

std::string joined(const std::vector<chat_message>& messages) {
  std::string text;
  for (const chat_message& each : messages) {
    if (!text.empty()) text += ',';
    text += each.json();
  }
  return text;
}

std::string texts(const message_list& list) {
  std::string all;
  for (const chat_message& each : list) all += each.text() + "|";
  return all;
}

}  // namespace

TEST_CASE("message list: messages and their joined text") {
  message_list list = {chat_message::system("S"), chat_message::user("a \"b\"")};
  CHECK(list.size() == 2u);
  CHECK(list.front().text() == "S");
  CHECK(list.back().text() == "a \"b\"");
  CHECK(list.json() == R"({"role":"system","content":"S"},{"role":"user","content":"a \"b\""})");
  list.insert(list.begin() + 1, chat_message::tool_result("c", "21"));
  CHECK(list[1].text() == "21");
  CHECK(list.json() == R"({"role":"system","content":"S"},)"
                       R"({"role":"tool","tool_call_id":"c","content":"21"},)"
                       R"({"role":"user","content":"a \"b\""})");
  list.replace(list.begin(), chat_message::system("T"));
  CHECK(texts(list) == "T|21|a \"b\"|");
  list.erase(list.begin(), list.end());
  CHECK(list.empty());
  CHECK(list.json().empty());
  CHECK(list.begin() == list.end());
}

TEST_CASE("message list: an empty one") {
  message_list list;
  CHECK(list.empty());
  CHECK(list.json().empty());
  CHECK(list.begin() == list.end());
  CHECK(list.erase(list.begin(), list.end()) == list.end());
  const std::vector<chat_message> none;
  CHECK(list.insert(list.end(), none.begin(), none.end()) == list.end());
  CHECK(message_list(none).json().empty());
  list.insert(list.end(), chat_message::user("a"));
  CHECK(texts(list) == "a|");
  list.clear();
  CHECK(list.size() == 0u);
}

TEST_CASE("message list: copies share until one is changed") {
  message_list one = {chat_message::user("a"), chat_message::user("b")};
  const message_list copy = one;
  CHECK(copy.json().data() == one.json().data());
  one.push_back(chat_message::user("c"));
  CHECK(texts(copy) == "a|b|");
  CHECK(copy.json() == joined({chat_message::user("a"), chat_message::user("b")}));
  CHECK(texts(one) == "a|b|c|");
  message_list other = copy;
  other.erase(other.begin(), other.begin() + 1);
  CHECK(texts(copy) == "a|b|");
  CHECK(texts(other) == "b|");
  const char* const before = one.json().data();
  const message_list moved = std::move(one);
  CHECK(moved.json().data() == before);
}

TEST_CASE("message list: takes what is its own") {
  message_list list = {chat_message::user("a"), chat_message::user("b")};
  list.push_back(list.front());
  list.insert(list.begin(), list.back());
  list.insert(list.begin() + 1, list.begin(), list.end());
  CHECK(texts(list) == "a|a|a|b|a|a|b|a|");
  list.replace(list.begin(), list[3]);
  CHECK(texts(list) == "b|a|a|b|a|a|b|a|");
  CHECK(list.json() == joined({list.begin(), list.end()}));
}

TEST_CASE("message list: is what a vector is, whatever is done to it") {
  std::mt19937 random(5);
  const auto below = [&random](std::size_t limit) { return random() % limit; };
  for (int round = 0; round < 50; ++round) {
    message_list list;
    std::vector<chat_message> model;
    std::vector<std::pair<message_list, std::string>> copies;
    for (int step = 0; step < 60; ++step) {
      assistant_message said;
      said.text = std::string(below(20), step % 2 == 0 ? '"' : 'x');
      if (below(2) == 0) said.annotations = R"([{ "a":1 }])";
      const chat_message made = chat_message::assistant(said);
      const auto at = static_cast<std::ptrdiff_t>(below(model.size() + 1));
      message_list::const_iterator result = nullptr;
      switch (below(5)) {
        case 0:
          list.push_back(made);
          model.push_back(made);
          break;
        case 1:
          result = list.insert(list.begin() + at, made);
          CHECK(result == list.begin() + at);
          model.insert(model.begin() + at, made);
          break;
        case 2: {
          const auto to = at + static_cast<std::ptrdiff_t>(
                                   below(model.size() - static_cast<std::size_t>(at) + 1));
          result = list.erase(list.begin() + at, list.begin() + to);
          CHECK(result == list.begin() + at);
          model.erase(model.begin() + at, model.begin() + to);
          break;
        }
        case 3:
          if (at == static_cast<std::ptrdiff_t>(model.size())) break;
          list.replace(list.begin() + at, made);
          model[static_cast<std::size_t>(at)] = made;
          break;
        default: copies.emplace_back(list, joined(model));
      }
      REQUIRE(list.size() == model.size());
      REQUIRE(list.json() == joined(model));
      for (std::size_t i = 0; i < model.size(); ++i) REQUIRE(&list[i].text() == &model[i].text());
    }
    for (const auto& each : copies) REQUIRE(each.first.json() == each.second);
  }
}
