// SPDX-License-Identifier: MIT
#include <agent_websocket/session/conversation.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

using agent_websocket::conversation;
using agent_websocket::feedback_entry;
using agent_websocket::turn;
using agent_websocket::openrouter::chat_message;
using agent_websocket::openrouter::chat_role;

namespace {

turn asked(const std::string& name) {
  turn begun;
  begun.id = "q" + name;
  begun.stream = "r" + name;
  begun.question = chat_message::user("question " + name);
  return begun;
}

void answer(turn& of, std::uint64_t seq) {
  of.seq = seq;
  of.answer = chat_message::assistant("answer to " + of.id);
}

void add_turn(conversation& to, int number) {
  answer(to.begin(asked(std::to_string(number))), static_cast<std::uint64_t>(number));
  to.trim();
}

feedback_entry correction(std::string text) {
  feedback_entry said;
  said.correction = std::move(text);
  return said;
}

std::string texts(const conversation& of, const std::string& prompt = "P") {
  std::string all;
  const auto messages = of.messages(prompt);
  for (const chat_message& each : messages) {
    if (!all.empty()) all += '|';
    all += each.text();
  }
  return all;
}

}  // namespace

TEST_CASE("conversation: what the model is to read") {
  conversation talk(50);
  CHECK(talk.empty());
  CHECK(texts(talk) == "P");
  add_turn(talk, 1);
  talk.begin(asked("2"));
  CHECK(texts(talk) == "P|question 1|answer to q1|question 2");
  CHECK(texts(talk, "") == "question 1|answer to q1|question 2");
  const auto messages = talk.messages("P");
  CHECK(messages[0].role() == chat_role::system);
  CHECK(messages[1].role() == chat_role::user);
  CHECK(messages[2].role() == chat_role::assistant);
  CHECK(talk.message_count() == 3u);
}

TEST_CASE("conversation: a question that failed without an answer is not sent again") {
  conversation talk(50);
  add_turn(talk, 1);
  turn& failed = talk.begin(asked("2"));
  failed.seq = 2;
  failed.status = agent_websocket::wire::answer_status::failed;
  talk.begin(asked("3"));
  CHECK(texts(talk) == "P|question 1|answer to q1|question 3");
}

TEST_CASE("conversation: a partial answer is part of the conversation") {
  conversation talk(50);
  turn& cut = talk.begin(asked("1"));
  cut.seq = 1;
  cut.status = agent_websocket::wire::answer_status::cancelled;
  cut.answer = chat_message::assistant_partial("half");
  talk.begin(asked("2"));
  CHECK(texts(talk) == "P|question 1|half|question 2");
}

TEST_CASE("conversation: corrections follow the answer that they are for") {
  conversation talk(50);
  add_turn(talk, 1);
  add_turn(talk, 2);
  talk.find("q1")->feedback.push_back(correction("it is 42"));
  feedback_entry thumb;
  thumb.rating = 1;
  thumb.comment = "good";
  talk.find("q2")->feedback.push_back(thumb);
  talk.begin(asked("3"));
  const auto messages = talk.messages("P");
  REQUIRE(messages.size() == 7u);
  CHECK(messages[2].text() == "answer to q1");
  CHECK(messages[3].role() == chat_role::user);
  CHECK(messages[3].text().find("it is 42") != std::string::npos);
  CHECK(messages[4].text() == "question 2");
  CHECK(talk.message_count() == 6u);
}

TEST_CASE("conversation: drops the oldest whole turns above the limit of messages") {
  conversation talk(4);
  for (int i = 1; i <= 3; ++i) add_turn(talk, i);
  CHECK(texts(talk) == "P|question 2|answer to q2|question 3|answer to q3");
  talk.begin(asked("4"));
  CHECK(texts(talk) == "P|question 3|answer to q3|question 4");
  CHECK(talk.find("q2") == nullptr);
}

TEST_CASE("conversation: an odd limit never leaves half a turn") {
  conversation talk(3);
  for (int i = 1; i <= 5; ++i) {
    add_turn(talk, i);
    CHECK(talk.message_count() == 2u);
  }
  talk.begin(asked("6"));
  CHECK(texts(talk) == "P|question 5|answer to q5|question 6");
}

TEST_CASE("conversation: the last turn stays, whatever the limit") {
  for (const std::size_t limit : {std::size_t{0}, std::size_t{1}}) {
    conversation talk(limit);
    add_turn(talk, 1);
    talk.begin(asked("2"));
    CHECK(texts(talk) == "P|question 2");
    talk.back().seq = 2;
    talk.back().answer = chat_message::assistant("answer");
    for (int i = 0; i < 5; ++i) talk.back().feedback.push_back(correction("no"));
    talk.trim();
    CHECK(talk.turns().size() == 1u);
  }
}

TEST_CASE("conversation: corrections count") {
  conversation talk(5);
  add_turn(talk, 1);
  add_turn(talk, 2);
  talk.find("q2")->feedback.push_back(correction("a"));
  talk.trim();
  CHECK(talk.turns().size() == 2u);
  talk.find("q2")->feedback.push_back(correction("b"));
  talk.trim();
  CHECK(talk.turns().size() == 1u);
  CHECK(talk.find("q1") == nullptr);
}

TEST_CASE("conversation: drops the oldest whole turns above the limit of bytes") {
  const std::size_t each = [] {
    conversation one(50);
    add_turn(one, 1);
    return one.turns()[0].bytes();
  }();
  conversation talk(50, 3 * each);
  for (int i = 1; i <= 3; ++i) add_turn(talk, i);
  CHECK(talk.turns().size() == 3u);
  add_turn(talk, 4);
  CHECK(texts(talk) == "P|question 2|answer to q2|question 3|answer to q3|question 4|answer to q4");
  talk.limit_to(50, each - 1);
  talk.trim();
  CHECK(texts(talk) == "P|question 4|answer to q4");  // the last turn stays
  talk.limit_to(50, 0);
  for (int i = 5; i <= 20; ++i) add_turn(talk, i);
  CHECK(talk.turns().size() == 17u);
}

TEST_CASE("conversation: bytes of tools go before words of people, the oldest first") {
  conversation talk(50);
  for (int i = 1; i <= 3; ++i) {
    add_turn(talk, i);
    talk.back().steps.push_back(chat_message::tool_result("t", std::string(1000, 'x')));
  }
  talk.limit_to(50, 2500);
  talk.trim();
  CHECK(talk.turns().size() == 3u);
  CHECK(talk.turns()[0].steps.empty());
  CHECK(talk.turns()[1].steps.size() == 1u);
  CHECK(talk.turns()[2].steps.size() == 1u);
  talk.limit_to(50, 1100);
  talk.trim();
  CHECK(talk.turns()[0].id == "q3");  // nothing helps but to let the turns go
  CHECK(talk.turns()[0].steps.size() == 1u);
}

TEST_CASE("conversation: what people said of an answer has bytes too") {
  conversation talk(50, 3000);
  add_turn(talk, 1);
  add_turn(talk, 2);
  talk.find("q2")->feedback.push_back(correction(std::string(3000, 'y')));
  talk.trim();
  CHECK(talk.turns().size() == 1u);
}

TEST_CASE("conversation: failed turns without messages do not pile up") {
  conversation talk(10);
  for (int i = 0; i < 1000; ++i) {
    talk.begin(asked(std::to_string(i))).seq = 1;
    talk.trim();
  }
  CHECK(talk.turns().size() <= 11u);
}

TEST_CASE("conversation: finds a turn by the query's id, the answer's id, or the last answer") {
  conversation talk(50);
  CHECK(talk.find("") == nullptr);
  add_turn(talk, 1);
  add_turn(talk, 2);
  talk.begin(asked("3"));
  CHECK(talk.find("q1")->id == "q1");
  CHECK(talk.find("r2")->id == "q2");
  CHECK(talk.find("q3")->running());
  CHECK(talk.find("nobody") == nullptr);
  REQUIRE(talk.find("") != nullptr);
  CHECK(talk.find("")->id == "q2");
}

// ---- turns in which tools were called

namespace {

/// The model spoke, called a tool twice, and was told.
turn with_steps(const std::string& name) {
  turn made = asked(name);
  agent_websocket::openrouter::assistant_message said;
  said.text = "Let me see.";
  said.tool_calls = {{"a", "tool", "{}", true}, {"b", "tool", "{}", true}};
  made.steps = {chat_message::assistant(said), chat_message::tool_result("a", "one"),
                chat_message::tool_result("b", "two")};
  made.shown = "Let me see.\n\nanswer to " + made.id;
  return made;
}

}  // namespace

TEST_CASE("conversation: steps stand between question and answer") {
  conversation talk(50);
  answer(talk.begin(with_steps("1")), 1);
  talk.begin(asked("2"));
  CHECK(texts(talk) == "P|question 1|Let me see.|one|two|answer to q1|question 2");
  CHECK(talk.turns()[0].messages() == 2u);  // steps do not count
  CHECK(talk.message_count() == 3u);
  // People see the words as one answer.
  CHECK(talk.turns()[0].text() == "Let me see.\n\nanswer to q1");
}

TEST_CASE("conversation: somebody speaks after the steps, also when the answer never came") {
  conversation talk(50);
  turn& cut = talk.begin(with_steps("1"));
  cut.seq = 1;
  cut.shown = "Let me see.";
  cut.status = agent_websocket::wire::answer_status::cancelled;
  cut.feedback.push_back(correction("no"));
  talk.begin(asked("2"));
  CHECK(texts(talk) ==
        "P|question 1|Let me see.|one|two|(This answer was cut off.)|Correction of your previous "
        "answer: no|question 2");
  CHECK(talk.turns()[0].messages() == 3u);
  CHECK(talk.message_count() == 4u);
}

TEST_CASE("conversation: words before the calls are an answer to people") {
  conversation talk(50);
  turn& cut = talk.begin(with_steps("1"));
  cut.shown = "Let me see.";
  CHECK(talk.find("") == nullptr);  // it runs
  cut.seq = 1;
  CHECK(cut.has_reply());
  CHECK(cut.text() == "Let me see.");
  REQUIRE(talk.find("") != nullptr);
  CHECK(talk.find("")->id == "q1");
  // Calls without a word are none.
  turn& silent = talk.begin(with_steps("2"));
  silent.shown.clear();
  silent.seq = 2;
  CHECK_FALSE(silent.has_reply());
  CHECK(silent.text().empty());
  CHECK(talk.find("")->id == "q1");
}

TEST_CASE("conversation: steps drive nothing out but older steps") {
  conversation talk(6);
  answer(talk.begin(with_steps("1")), 1);
  answer(talk.begin(with_steps("2")), 2);
  talk.trim();
  CHECK(
      texts(talk) ==
      "P|question 1|Let me see.|one|two|answer to q1|question 2|Let me see.|one|two|answer to q2");
  // A turn with more of them than are kept, as long as it is the last.
  turn& longest = talk.begin(with_steps("3"));
  for (int i = 0; i < 100; ++i) longest.steps.push_back(chat_message::tool_result("c", "x"));
  answer(longest, 3);
  talk.trim();
  CHECK(talk.turns().size() == 3u);
  CHECK(talk.turns()[2].steps.size() == 103u);
  CHECK(talk.turns()[0].steps.empty());
  CHECK(talk.turns()[1].steps.empty());
  CHECK(talk.messages("").size() == 109u);
  talk.begin(asked("4"));
  CHECK(texts(talk) == "P|question 2|answer to q2|question 3|answer to q3|question 4");
}

TEST_CASE("conversation: clear forgets all turns") {
  conversation talk(50);
  add_turn(talk, 1);
  talk.clear();
  CHECK(talk.empty());
  CHECK(talk.message_count() == 0u);
  CHECK(texts(talk) == "P");
}

TEST_CASE("conversation: whatever happens, the limit holds and turns stay whole") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::size_t limit = 1 + random() % 12;
    conversation talk(limit);
    std::size_t longest = 0;
    for (int i = 1; i <= 80; ++i) {
      talk.begin(asked(std::to_string(i)));
      if (talk.turns().size() > 1) longest = std::max(longest, talk.message_count());
      if (random() % 4 != 0) talk.back().answer = chat_message::assistant("a");
      talk.back().seq = static_cast<std::uint64_t>(i);
      talk.trim();
      if (talk.back().answer && random() % 3 == 0) {
        talk.back().feedback.push_back(correction("c"));
        talk.trim();
      }
      REQUIRE(talk.back().id == "q" + std::to_string(i));
      if (talk.turns().size() > 1) longest = std::max(longest, talk.message_count());
      REQUIRE(talk.turns().size() <= limit + 1);
    }
    CHECK(longest <= limit);
  }
}

TEST_CASE("conversation: what it knows of its turns is what they say, whatever was changed") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&random](std::size_t limit) { return random() % limit; };
    conversation talk(2 + below(12), below(2) == 0 ? 0 : 200 + below(1500));
    std::string prompt = "P";
    for (int i = 1; i <= 120; ++i) {
      const std::string name = std::to_string(i);
      const auto any = [&] { return talk.turns()[below(talk.turns().size())].id; };
      switch (talk.empty() ? 0 : below(9)) {
        case 0:
        case 1: talk.begin(asked(name)); break;
        case 2:
        case 3: answer(talk.back(), static_cast<std::uint64_t>(i)); break;
        case 4: talk.back().steps.push_back(chat_message::tool_result("c", "tool")); break;
        case 5: talk.find(any())->feedback.push_back(correction("no, " + name)); break;
        case 6: talk.drop_last(); break;
        case 7: prompt = below(3) == 0 ? "" : "P" + std::to_string(below(2)); break;
        default: below(20) == 0 ? talk.clear() : talk.trim();
      }
      std::size_t count = 0;
      std::string afresh = prompt.empty() ? "" : chat_message::system(prompt).json() + ",";
      for (const turn& each : talk.turns()) {
        count += each.messages();
        std::vector<chat_message> added;
        each.append_to(added);
        for (const chat_message& message : added) afresh.append(message.json()).append(",");
      }
      if (below(2) == 0) REQUIRE(talk.message_count() == count);
      if (below(2) != 0) continue;
      std::string sent;
      talk.messages(prompt).append_json(sent);
      REQUIRE(sent == afresh.substr(0, afresh.size() - 1));
    }
  }
}
