// SPDX-License-Identifier: MIT
#include <agent_websocket/json/tape.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <set>
#include <string>

namespace json = agent_websocket::json;

TEST_CASE("tape: each kind has words of its own") {
  std::set<std::string> words;
  for (const auto each : {json::kind::absent, json::kind::null, json::kind::boolean, json::kind::number,
                          json::kind::string, json::kind::array, json::kind::object})
    words.insert(json::describe(each));
  CHECK(words.size() == 7);
  CHECK(words.count("an array") == 1);
}

TEST_CASE("tape: a node is nothing to begin with") {
  const json::detail::node fresh;
  CHECK(fresh.what == json::kind::absent);
  CHECK(fresh.length == 0);
  CHECK(json::detail::tape().nodes.empty());
}
