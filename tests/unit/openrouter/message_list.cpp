// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/message_list.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::openrouter::assistant_message;
using agent_websocket::openrouter::chat_message;
using agent_websocket::openrouter::joined_messages;
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

std::string json_of(const message_list& list) {
  std::string text;
  list.append_json(text);
  CHECK(list.bytes() == text.size());
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
  CHECK(json_of(list) == R"({"role":"system","content":"S"},{"role":"user","content":"a \"b\""})");
  list.insert(list.begin() + 1, chat_message::tool_result("c", "21"));
  CHECK(list[1].text() == "21");
  CHECK(json_of(list) == R"({"role":"system","content":"S"},)"
                         R"({"role":"tool","tool_call_id":"c","content":"21"},)"
                         R"({"role":"user","content":"a \"b\""})");
  list.replace(list.begin(), chat_message::system("T"));
  CHECK(texts(list) == "T|21|a \"b\"|");
  list.erase(list.begin(), list.end());
  CHECK(list.empty());
  CHECK(json_of(list).empty());
  CHECK(list.begin() == list.end());
}

TEST_CASE("message list: an empty one") {
  message_list list;
  CHECK(list.empty());
  CHECK(json_of(list).empty());
  CHECK(list.begin() == list.end());
  CHECK(list.erase(list.begin(), list.end()) == list.end());
  const std::vector<chat_message> none;
  CHECK(list.insert(list.end(), none.begin(), none.end()) == list.end());
  CHECK(json_of(none).empty());
  list.insert(list.end(), chat_message::user("a"));
  CHECK(texts(list) == "a|");
  list.clear();
  CHECK(list.size() == 0u);
}

TEST_CASE("message list: what is shared stays as it is") {
  const auto shared = std::make_shared<joined_messages>();
  for (const char* const each : {"a", "b", "c"}) shared->add(chat_message::user(each));
  const message_list whole({chat_message::system("S")}, shared, {chat_message::user("q")});
  CHECK(texts(whole) == "S|a|b|c|q|");
  CHECK(json_of(whole) == joined({whole.begin(), whole.end()}));
  message_list list = whole;
  list.push_back(chat_message::user("r"));
  list.insert(list.begin(), chat_message::system("R"));
  list.insert(list.end() - 2, chat_message::user("context"));
  list.replace(list.begin() + 1, chat_message::system("T"));
  CHECK(&list[2].text() == &shared->messages()[0].text());
  CHECK(shared.use_count() == 3);
  CHECK(texts(list) == "R|T|a|b|c|context|q|r|");
  CHECK(json_of(list) == joined({list.begin(), list.end()}));
  list.erase(list.begin() + 3, list.begin() + 4);  // now it has them alone
  CHECK(shared.use_count() == 2);
  CHECK(texts(list) == "R|T|a|c|context|q|r|");
  CHECK(json_of(list) == joined({list.begin(), list.end()}));
  CHECK(texts(whole) == "S|a|b|c|q|");
  CHECK(texts(message_list({chat_message::system("S")}, nullptr, {chat_message::user("q")})) ==
        "S|q|");
}

TEST_CASE("message list: iterators are those of an array") {
  const message_list list = {chat_message::user("a"), chat_message::user("b"),
                             chat_message::user("c")};
  auto at = list.begin();
  CHECK((at++)->text() == "a");
  CHECK((*at).text() == "b");
  CHECK((--at)->text() == "a");
  CHECK(at[2].text() == "c");
  CHECK((2 + at)->text() == "c");
  CHECK(list.end() - at == 3);
  CHECK((list.end() - 1)->text() == "c");
  CHECK(at < list.end());
  CHECK(list.end() >= at);
  CHECK(std::find_if(list.begin(), list.end(), [](const chat_message& each) {
          return each.text() == "b";
        }) == list.begin() + 1);
  CHECK(std::string((list.end() - 1)->text()) == list.back().text());
  CHECK(std::vector<chat_message>(list.begin(), list.end()).size() == 3u);
}

TEST_CASE("message list: takes what is its own") {
  message_list list = {chat_message::user("a"), chat_message::user("b")};
  list.push_back(list.front());
  list.insert(list.begin(), list.back());
  list.insert(list.begin() + 1, list.begin(), list.end());
  CHECK(texts(list) == "a|a|a|b|a|a|b|a|");
  list.replace(list.begin(), list[3]);
  CHECK(texts(list) == "b|a|a|b|a|a|b|a|");
  CHECK(json_of(list) == joined({list.begin(), list.end()}));
}

TEST_CASE("message list: is what a vector is, whatever is done to it") {
  std::mt19937 random(5);
  const auto below = [&random](std::size_t limit) { return random() % limit; };
  for (int round = 0; round < 50; ++round) {
    std::vector<chat_message> model;
    const auto shared = std::make_shared<joined_messages>();
    for (std::size_t i = below(6); i > 0; --i) {
      model.push_back(chat_message::user("shared " + std::to_string(i)));
      shared->add(model.back());
    }
    message_list list({}, round % 3 == 0 ? nullptr : shared, {});
    if (round % 3 == 0) model.clear();
    std::vector<std::pair<message_list, std::string>> copies;
    for (int step = 0; step < 60; ++step) {
      assistant_message said;
      said.text = std::string(below(20), step % 2 == 0 ? '"' : 'x');
      if (below(2) == 0) said.annotations = R"([{ "a":1 }])";
      const chat_message made = chat_message::assistant(said);
      const auto at = static_cast<std::ptrdiff_t>(below(model.size() + 1));
      message_list::const_iterator result;
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
      REQUIRE(json_of(list) == joined(model));
      for (std::size_t i = 0; i < model.size(); ++i) REQUIRE(&list[i].text() == &model[i].text());
    }
    for (const auto& each : copies) REQUIRE(json_of(each.first) == each.second);
  }
}
