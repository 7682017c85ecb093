// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/joined_messages.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <string>
#include <vector>

using agent_websocket::openrouter::chat_message;
using agent_websocket::openrouter::joined_messages;

TEST_CASE("joined messages: what is added and dropped at both ends") {
  std::mt19937 random(7);
  joined_messages all;
  std::vector<chat_message> model;
  for (int step = 0; step < 2000; ++step) {
    const auto some = [&] { return random() % (model.size() + 1); };
    switch (random() % 6) {
      case 0: {
        const std::size_t count = some() % 4;
        all.drop_front(count);
        model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(count));
        break;
      }
      case 1: {
        const std::size_t count = some() % 4;
        all.drop_back(count);
        model.resize(model.size() - count);
        break;
      }
      default:
        model.push_back(step % 3 == 0
                            ? chat_message::tool_result("c", std::string(random() % 50, '"'))
                            : chat_message::user(std::string(random() % 50, 'x')));
        all.add(model.back());
    }
    std::string joined;
    for (const chat_message& each : model) joined += (joined.empty() ? "" : ",") + each.json();
    REQUIRE(all.json() == joined);
    REQUIRE(all.messages().size() == model.size());
  }
  all.drop_front(all.messages().size());
  CHECK(all.json().empty());
}

TEST_CASE("joined messages: room for what was dropped is given back") {
  joined_messages all;
  all.add(chat_message::user(std::string(1 << 20, 'x')));
  for (int i = 0; i < 3; ++i) all.add(chat_message::user("small"));
  const char* const before = all.json().data();
  all.drop_front(1);
  CHECK(all.json().data() != before);  // it lies in memory of its own size
  CHECK(all.messages().size() == 3u);
}
