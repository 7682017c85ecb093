// SPDX-License-Identifier: MIT
//
// What people say of an answer: stored, acknowledged, given to the application, listed, and (a
// correction) told to the model.
#include "flow/fixture.hpp"

#include <string>
#include <vector>

using namespace flow;

TEST_CASE_FIXTURE(fixture, "feedback: rating, comment and correction arrive everywhere") {
  std::vector<aw::feedback_entry> given;
  std::string by;
  router().on_feedback([&](session_type& session, const aw::feedback_entry& said) {
    by = session.id();
    given.push_back(said);
  });
  const auto id = connect();
  const frame end = terminal(ask(id, R"({"id":"q1","content":"6 x 7?"})", {"41"}));
  const auto frames =
      say(id, R"({"type":"human_feedback","id":"f1","ref":"q1","rating":-1,"content":"wrong",)"
              R"("correction":"it is 42"})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].is_status("ack"));
  CHECK(frames[0].ref() == "f1");
  REQUIRE(given.size() == 1u);
  CHECK(by == clients[id].session_id());
  CHECK(given[0].id == "f1");
  CHECK(given[0].answer == end.text("stream"));
  CHECK(given[0].rating == -1.0);
  CHECK(given[0].comment == "wrong");
  CHECK(given[0].correction == "it is 42");

  const frame history = say(id, R"({"type":"command","op":"history"})").at(0);
  CHECK(history.json("data.messages.1.feedback.0.rating") == "-1");
  CHECK(history.text("data.messages.1.feedback.0.content") == "wrong");
  CHECK(history.text("data.messages.1.feedback.0.correction") == "it is 42");

  ask(id, R"({"content":"and 6 x 8?"})", {"48"});
  const std::string asked = transcript(http.last().request);
  CHECK(mentions(asked, "it is 42"));
  CHECK_FALSE(mentions(asked, "wrong"));
  CHECK(asked.find("assistant:41") < asked.find("it is 42"));
  CHECK(asked.find("it is 42") < asked.find("and 6 x 8?"));
}

TEST_CASE_FIXTURE(fixture, "feedback: the plain client's thumb is for the last answer") {
  std::vector<aw::feedback_entry> given;
  router().on_feedback(
      [&](session_type&, const aw::feedback_entry& said) { given.push_back(said); });
  const auto id = connect();
  const frame end = terminal(ask(id, R"({"content":"x"})", {"a"}));
  CHECK(say(id, R"({"type":"human_feedback","rating":1})").at(0).is_status("ack"));
  CHECK(say(id, R"({"type":"human_feedback","content":"nice"})").at(0).is_status("ack"));
  REQUIRE(given.size() == 2u);
  CHECK(given[0].answer == end.text("stream"));
  CHECK(given[1].comment == "nice");
}

TEST_CASE_FIXTURE(fixture, "feedback: on nothing is unknown, and the next good one is taken") {
  const auto id = connect();
  CHECK(say(id, R"({"type":"human_feedback","rating":1})").at(0).code() == "feedback_unknown");
  const auto unknown = say(id, R"({"type":"human_feedback","id":"f1","ref":"nobody","rating":1})");
  REQUIRE(unknown.size() == 1u);
  CHECK(unknown[0].code() == "feedback_unknown");
  CHECK(unknown[0].ref() == "f1");
  say(id, R"({"id":"q1","content":"x"})");
  CHECK(say(id, R"({"type":"human_feedback","ref":"q1","rating":1})").at(0).code() ==
        "feedback_unknown");
  http.respond(http.last().id, 200, event_stream(), chunk("a") + finish() + done());
  run();
  heard(id);
  CHECK(say(id, R"({"type":"human_feedback","ref":"q1","rating":1})").at(0).is_status("ack"));
}

TEST_CASE_FIXTURE(fixture, "feedback: never waits behind queries") {
  const auto id = connect();
  ask(id, R"({"id":"q1","content":"x"})", {"a"});
  say(id, R"({"content":"running"})");
  say(id, R"({"content":"waiting"})");
  CHECK(say(id, R"({"type":"human_feedback","id":"f1","ref":"q1","rating":1})")
            .at(0)
            .is_status("ack"));
}

TEST_CASE_FIXTURE(fixture, "feedback: of one session is for its own answers only") {
  const auto first = connect();
  const auto second = connect();
  ask(first, R"({"id":"q1","content":"x"})", {"a"});
  CHECK(say(second, R"({"type":"human_feedback","ref":"q1","rating":1})").at(0).code() ==
        "feedback_unknown");
}
