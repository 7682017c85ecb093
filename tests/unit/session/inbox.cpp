// SPDX-License-Identifier: MIT
#include <agent_websocket/session/inbox.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>

using agent_websocket::accepted_query;
using agent_websocket::inbox;

namespace {

accepted_query urgent(const std::string& id, int priority) {
  accepted_query query;
  query.query.id = id;
  query.query.priority = priority;
  return query;
}

accepted_query made(const std::string& id, const std::string& stream = "r_0", bool first = false) {
  accepted_query query;
  query.query.id = id;
  query.stream = stream;
  query.first = first;
  return query;
}

std::string order(inbox& waiting) {
  std::string ids;
  while (auto next = waiting.take_next()) ids += next->query.id + " ";
  return ids;
}

}  // namespace

TEST_CASE("inbox: first come, first served") {
  inbox waiting(8);
  CHECK(waiting.empty());
  CHECK_FALSE(waiting.take_next().has_value());
  for (const char* id : {"a", "b", "c"}) waiting.push(made(id));
  CHECK(waiting.size() == 3u);
  CHECK(order(waiting) == "a b c ");
  CHECK(waiting.empty());
}

TEST_CASE("inbox: full at its limit") {
  inbox waiting(2);
  CHECK_FALSE(waiting.full());
  waiting.push(made("a"));
  CHECK_FALSE(waiting.full());
  waiting.push(made("b"));
  CHECK(waiting.full());
  waiting.take_next();
  CHECK_FALSE(waiting.full());
  CHECK(inbox(0).full());
}

TEST_CASE("inbox: one that takes another's place goes first") {
  inbox waiting(8);
  waiting.push(made("a"));
  waiting.push(made("b"));
  waiting.push(made("now", "r_3", true));
  CHECK(order(waiting) == "now a b ");
}

TEST_CASE("inbox: queries are found and taken out by their id or that of their answer") {
  inbox waiting(8);
  waiting.push(made("a", "r_1"));
  waiting.push(made("b", "r_2"));
  waiting.push(made("c", "r_3"));
  CHECK(waiting.position_of("a") == std::optional<std::size_t>(0));
  CHECK(waiting.position_of("c") == std::optional<std::size_t>(2));
  CHECK_FALSE(waiting.position_of("d").has_value());
  REQUIRE(waiting.find("b") != nullptr);
  CHECK(waiting.find("b")->stream == "r_2");
  CHECK(waiting.find("d") == nullptr);

  const auto by_id = waiting.take("b");
  REQUIRE(by_id.has_value());
  CHECK(by_id->stream == "r_2");
  CHECK_FALSE(waiting.take("b").has_value());
  CHECK_FALSE(waiting.take("r_2").has_value());
  const auto by_stream = waiting.take("r_3");
  REQUIRE(by_stream.has_value());
  CHECK(by_stream->query.id == "c");
  CHECK(waiting.position_of("a") == std::optional<std::size_t>(0));
  CHECK(order(waiting) == "a ");
}

TEST_CASE("inbox: by priority, and inside one level first come, first served") {
  inbox waiting(16);
  waiting.push(urgent("low1", 0));
  waiting.push(urgent("mid1", 5));
  waiting.push(urgent("high1", 9));
  waiting.push(urgent("mid2", 5));
  waiting.push(urgent("high2", 9));
  waiting.push(urgent("low2", 0));
  CHECK(order(waiting) == "high1 high2 mid1 mid2 low1 low2 ");
}

TEST_CASE("inbox: one that takes another's place goes before every priority") {
  inbox waiting(8);
  waiting.push(urgent("high", 9));
  waiting.push(made("now", "r_3", true));
  CHECK(order(waiting) == "now high ");
}

TEST_CASE("inbox: nothing waits for ever, however many urgent ones come") {
  for (int lowest = 0; lowest < 9; ++lowest) {
    CAPTURE(lowest);
    inbox waiting(16);
    waiting.push(urgent("low", lowest));
    waiting.push(urgent("high", 9));
    int taken = 0;
    for (; taken < 1000; ++taken) {
      waiting.push(urgent("high", 9));
      if (waiting.take_next()->query.id == "low") break;
    }
    CHECK(taken < 100);
  }
}

TEST_CASE("inbox: the position of each is the order in which they would be taken") {
  inbox waiting(16);
  waiting.push(urgent("low", 0));
  waiting.push(urgent("mid1", 5));
  waiting.push(urgent("high", 9));
  waiting.push(urgent("mid2", 5));
  for (std::size_t taken = 0; taken < 4; ++taken) {
    std::string next;
    for (const char* id : {"low", "mid1", "high", "mid2"}) {
      if (waiting.position_of(id) == std::optional<std::size_t>(0)) next += id;
    }
    if (taken == 0) CHECK(waiting.position_of("low") == std::optional<std::size_t>(3));
    if (taken == 0) CHECK(waiting.position_of("mid2") == std::optional<std::size_t>(2));
    CHECK(waiting.take_next()->query.id == next);
  }
}

TEST_CASE("inbox: shows what waits in the order of its coming") {
  inbox waiting(16);
  waiting.push(urgent("a", 0));
  waiting.push(urgent("b", 9));
  CHECK(waiting[0].query.id == "a");
  CHECK(waiting[1].query.id == "b");
}

TEST_CASE("inbox: what the model is to read of a query") {
  agent_websocket::accepted_query asked;
  asked.query.content = "x";
  CHECK(asked.question().json() == R"({"role":"user","content":"x"})");
  asked.query.parts = R"([{"type":"text","text":"x"}])";
  CHECK(asked.question().json() == R"({"role":"user","content":[{"type":"text","text":"x"}]})");
  CHECK(asked.question().text() == "x");
}
