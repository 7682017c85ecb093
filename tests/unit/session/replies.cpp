// SPDX-License-Identifier: MIT
#include <agent_websocket/session/replies.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

using namespace agent_websocket;

namespace {

/// Turns 1 to `count`; the seq of turn i is 10 * i.
conversation talk(int count) {
  conversation made(1000);
  for (int i = 1; i <= count; ++i) {
    const std::string name = std::to_string(i);
    turn each;
    each.id = "q" + name;
    each.stream = "r" + name;
    each.seq = static_cast<std::uint64_t>(10 * i);
    each.question = openrouter::chat_message::user("question " + name);
    each.answer = openrouter::chat_message::assistant("answer " + name);
    each.asked = std::chrono::system_clock::time_point(std::chrono::seconds(1'767'225'600));
    each.answered = each.asked + std::chrono::milliseconds(1500);
    made.begin(each);
  }
  return made;
}

struct page {
  frame data;
  std::size_t count = 0;
};

page listed(const conversation& of, std::uint64_t before = std::uint64_t{1} << 53,
            std::size_t limit = 50) {
  std::size_t count = 0;
  const std::string text = describe_history(of, before, limit, count);
  return {frame(text), count};
}

}  // namespace

TEST_CASE("replies: help lists the protocol's commands and the application's") {
  const help_text help = describe_commands({{"roll", "rolls the dice"}});
  const frame data(help.data);
  std::string ops;
  data.at("commands").for_each_element([&ops](const json::value& each) {
    CHECK_FALSE(each["content"].string()->empty());
    ops.append(*each["op"].string()).append(" ");
  });
  CHECK(ops == "help info ping cancel clear history set regenerate close roll ");
  for (const char* op : {"help", "cancel", "regenerate", "roll", "rolls the dice"}) {
    CHECK(help.content.find(op) != std::string::npos);
  }
}

TEST_CASE("replies: an application's description is text, not JSON") {
  const frame data(describe_commands({{"a\"b", "</script>\n\""}}).data);
  CHECK(data.text("commands.9.op") == "a\"b");
  CHECK(data.text("commands.9.content") == "</script>\n\"");
}

TEST_CASE("replies: info") {
  session_info info;
  info.session_id = "s";
  info.agent = "a";
  info.model = "m";
  info.temperature = 0.7;
  info.max_tokens = 1500;
  info.messages = 4;
  info.max_history = 50;
  info.queued = 2;
  info.running = true;
  info.created = "2026-01-01T00:00:00.000Z";
  info.last_activity = "2026-01-01T00:00:01.000Z";
  info.usage = {2, 10, 20, 0.0004, true, true};
  const frame data(describe_session(info));
  CHECK(data.text("session_id") == "s");
  CHECK(data.text("agent") == "a");
  CHECK(data.text("model") == "m");
  CHECK(data.json("temperature") == "0.7");
  CHECK(data.number("max_tokens") == 1500);
  CHECK(data.number("messages") == 4);
  CHECK(data.number("max_history") == 50);
  CHECK(data.truth("running"));
  CHECK(data.number("queued") == 2);
  CHECK(data.text("created") == "2026-01-01T00:00:00.000Z");
  CHECK(data.text("last_activity") == "2026-01-01T00:00:01.000Z");
  CHECK(data.number("usage.answers") == 2);
  CHECK(data.number("usage.prompt_tokens") == 10);
  CHECK(data.number("usage.completion_tokens") == 20);
  CHECK(data.real("usage.cost") == 0.0004);
}

TEST_CASE("replies: the history of nothing") {
  const page none = listed(conversation(10));
  CHECK(none.count == 0u);
  CHECK(none.data.size("messages") == 0u);
  CHECK(none.data.has("messages"));
  CHECK(none.data.json("more") == "false");
}

TEST_CASE("replies: questions and answers, oldest first") {
  const page all = listed(talk(2));
  CHECK(all.count == 4u);
  REQUIRE(all.data.size("messages") == 4u);
  CHECK(all.data.text("messages.0.role") == "user");
  CHECK(all.data.text("messages.0.content") == "question 1");
  CHECK(all.data.text("messages.0.id") == "q1");
  CHECK(all.data.text("messages.0.timestamp") == "2026-01-01T00:00:00.000Z");
  CHECK(all.data.text("messages.1.role") == "assistant");
  CHECK(all.data.text("messages.1.content") == "answer 1");
  CHECK(all.data.text("messages.1.ref") == "q1");
  CHECK(all.data.text("messages.1.stream") == "r1");
  CHECK(all.data.number("messages.1.seq") == 10);
  CHECK(all.data.text("messages.1.status") == "completed");
  CHECK(all.data.text("messages.1.timestamp") == "2026-01-01T00:00:01.500Z");
  CHECK(all.data.text("messages.3.content") == "answer 2");
  CHECK(all.data.json("more") == "false");
}

TEST_CASE("replies: pages go backwards without a gap and without an overlap") {
  const conversation of = talk(7);
  std::uint64_t before = std::uint64_t{1} << 53;
  std::string seen;
  for (int pages = 0; pages < 10; ++pages) {
    const page each = listed(of, before, 4);
    REQUIRE(each.data.size("messages") > 0u);
    CHECK(each.data.size("messages") == each.count);
    CHECK(each.count <= 5u);
    std::string questions;
    each.data.at("messages").for_each_element([&](const json::value& message) {
      if (message["role"].string() == "user") questions.append(*message["id"].string()) += ' ';
    });
    seen.insert(0, questions);
    if (!each.data.truth("more")) break;
    before = static_cast<std::uint64_t>(each.data.number("messages.0.seq"));
  }
  CHECK(seen == "q1 q2 q3 q4 q5 q6 q7 ");
  CHECK(listed(of, 10, 4).count == 0u);
  CHECK(listed(of, 11, 4).count == 2u);
  CHECK(listed(of, 11, 4).data.json("more") == "false");
}

TEST_CASE("replies: what is still running is not listed; what failed or was cancelled is") {
  conversation of = talk(1);
  turn failed;
  failed.id = "q2";
  failed.seq = 20;
  failed.status = wire::answer_status::failed;
  failed.question = openrouter::chat_message::user("question 2");
  of.begin(failed);
  turn cut = failed;
  cut.id = "q3";
  cut.seq = 30;
  cut.status = wire::answer_status::cancelled;
  cut.answer = openrouter::chat_message::assistant_partial("half");
  of.begin(cut);
  turn running;
  running.id = "q4";
  of.begin(running);
  const page all = listed(of);
  CHECK(all.count == 5u);
  REQUIRE(all.data.size("messages") == 5u);
  CHECK(all.data.text("messages.2.id") == "q2");
  CHECK(all.data.text("messages.4.content") == "half");
  CHECK(all.data.text("messages.4.status") == "cancelled");
}

TEST_CASE("replies: of an answer with tool calls the words are listed, not the calls") {
  conversation of = talk(1);
  turn called;
  called.id = "q2";
  called.stream = "r2";
  called.seq = 20;
  called.question = openrouter::chat_message::user("question 2");
  openrouter::assistant_message said;
  said.text = "Hm.";
  said.tool_calls = {{"c", "tool", "{}", true}};
  called.steps = {openrouter::chat_message::assistant(said),
                  openrouter::chat_message::tool_result("c", "secret")};
  called.shown = "Hm.";
  SUBCASE("answered") {
    called.answer = openrouter::chat_message::assistant("Yes.");
    called.shown = "Hm.\n\nYes.";
    of.begin(called);
    CHECK(listed(of).data.text("messages.3.content") == "Hm.\n\nYes.");
  }
  SUBCASE("cancelled in mid-call") {
    called.status = wire::answer_status::cancelled;
    of.begin(called);
    CHECK(listed(of).data.text("messages.3.content") == "Hm.");
    CHECK(listed(of).data.text("messages.3.status") == "cancelled");
  }
  CHECK(listed(of).count == 4u);
  CHECK(listed(of).data.size("messages") == 4u);
  CHECK(listed(of).data.raw().find("secret") == std::string::npos);
}

TEST_CASE("replies: feedback stands with the answer that it is for") {
  conversation of = talk(2);
  feedback_entry said;
  said.rating = -1;
  said.comment = "wrong";
  said.correction = "42";
  said.at = std::chrono::system_clock::time_point(std::chrono::seconds(1'767'225'600));
  of.find("q1")->feedback.push_back(said);
  const page all = listed(of);
  CHECK(all.data.size("messages.1.feedback") == 1u);
  CHECK(all.data.json("messages.1.feedback.0.rating") == "-1");
  CHECK(all.data.text("messages.1.feedback.0.content") == "wrong");
  CHECK(all.data.text("messages.1.feedback.0.correction") == "42");
  CHECK(all.data.text("messages.1.feedback.0.timestamp") == "2026-01-01T00:00:00.000Z");
  CHECK_FALSE(all.data.has("messages.3.feedback"));
}
