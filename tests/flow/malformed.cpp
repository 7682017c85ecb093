// SPDX-License-Identifier: MIT
//
// Whatever a client sends: one error that says what was wrong, the socket stays open, and the next
// good query is answered.
#include "flow/fixture.hpp"

#include <cstddef>
#include <random>
#include <string>
#include <vector>

using namespace flow;

namespace {

struct row {
  std::string text;
  std::string code;
  std::string ref;
};

std::string repeated(std::string_view what, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += what;
  return text;
}

const std::vector<row>& table() {
  static const std::vector<row> rows{
      {"", "bad_json", ""},
      {"hello", "bad_json", ""},
      {"{", "bad_json", ""},
      {R"({"content":"x")", "bad_json", ""},
      {R"({"content":'x'})", "bad_json", ""},
      {R"({"content":"x"}{"content":"y"})", "bad_json", ""},
      {R"({"content":"\ud800"})", "bad_json", ""},
      {repeated("[", 5000), "bad_json", ""},
      {R"({"content":"x","meta":{"a":)" + repeated("[", 1000) + repeated("]", 1000) + "}}",
       "bad_json", ""},
      {"[]", "bad_message", ""},
      {"null", "bad_message", ""},
      {"42", "bad_message", ""},
      {R"("query")", "bad_message", ""},
      {"{}", "bad_message", ""},
      {R"({"id":"q1"})", "bad_message", "q1"},
      {R"({"type":"query","id":"q1","content":""})", "bad_message", "q1"},
      {R"({"type":"query","id":"q1","content":"  "})", "bad_message", "q1"},
      {R"({"type":"query","id":"q1","content":7})", "bad_message", "q1"},
      {R"({"type":"query","id":"q1","content":[]})", "bad_message", "q1"},
      {R"({"type":"query","id":"q1","content":[{"type":"hologram"}]})", "bad_message", "q1"},
      {R"({"type":"query","id":"","content":"x"})", "bad_message", ""},
      {R"({"type":"query","id":7,"content":"x"})", "bad_message", ""},
      {R"({"type":"query","id":"a b","content":"x"})", "bad_message", ""},
      {R"({"id":"q1","content":"x","stream":"yes"})", "bad_message", "q1"},
      {R"({"id":"q1","content":"x","priority":10})", "bad_message", "q1"},
      {R"({"id":"q1","content":"x","overlap":"maybe"})", "bad_message", "q1"},
      {R"({"id":"q1","content":"x","timeout_ms":0})", "bad_message", "q1"},
      {R"({"id":"q1","content":"x","meta":7})", "bad_message", "q1"},
      {R"({"id":"q1","content":"x","meta":{"a":")" + repeated("x", 4096) + R"("}})", "bad_message",
       "q1"},
      {R"({"id":"q1","content":"x","model":")" + repeated("m", 300) + R"("})", "bad_message", "q1"},
      {R"({"type":"response","id":"q1","content":"x"})", "unknown_type", "q1"},
      {R"({"type":"error","content":"x"})", "unknown_type", ""},
      {R"({"type":"chat","id":"q1","content":"x"})", "unknown_type", "q1"},
      {R"({"type":5,"id":"q1","content":"x"})", "bad_message", "q1"},
      {R"({"type":"command","id":"c1"})", "bad_message", "c1"},
      {R"({"type":"command","id":"c1","op":5})", "bad_message", "c1"},
      {R"({"type":"command","id":"c1","op":"fly"})", "unknown_op", "c1"},
      {R"({"type":"command","id":"c1","op":"cancel","ref":5})", "bad_message", "c1"},
      {R"({"type":"command","id":"c1","op":"cancel","ref":"nobody"})", "not_found", "c1"},
      {R"({"type":"command","id":"c1","op":"set"})", "bad_message", "c1"},
      {R"({"type":"command","id":"c1","op":"set","data":{"temperature":9}})", "bad_message", "c1"},
      {R"({"type":"command","id":"c1","op":"set","data":{"api_key":"x"}})", "forbidden", "c1"},
      {R"({"type":"command","id":"c1","op":"history","limit":0})", "bad_message", "c1"},
      {R"({"type":"human_feedback","id":"f1"})", "bad_message", "f1"},
      {R"({"type":"human_feedback","id":"f1","rating":"good"})", "bad_message", "f1"},
      {R"({"type":"human_feedback","id":"f1","rating":1})", "feedback_unknown", "f1"},
      {R"({"type":"human_feedback","id":"f1","decision":"approve"})", "feedback_unknown", "f1"},
      {R"({"type":"human_feedback","id":"f1","decision":"maybe"})", "bad_message", "f1"},
  };
  return rows;
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "malformed: each has its code and its reference, and changes nothing") {
  for (const row& each : table()) {
    CAPTURE(each.text.substr(0, 200));
    const auto id = connect();
    const auto frames = say(id, each.text);
    REQUIRE(frames.size() == 1u);
    CHECK(frames[0].type() == "error");
    CHECK(frames[0].code() == each.code);
    CHECK(frames[0].ref() == each.ref);
    CHECK_FALSE(frames[0].content().empty());
    CHECK_FALSE(frames[0].has("seq"));
    CHECK_FALSE(frames[0].has("terminal"));
    CHECK(frames[0].json("retryable") == "false");
    CHECK(transport.is_open(id));
    CHECK_FALSE(transport.close_sent(id).has_value());
    // An id that was refused is not used up.
    CHECK(terminal(ask(id, R"({"id":"q1","content":"good"})", {"answer"})).content() == "answer");
  }
}

TEST_CASE_FIXTURE(fixture, "malformed: while an answer runs it goes on") {
  const auto id = connect();
  say(id, R"({"id":"q0","content":"x","stream":true})");
  http.respond_head(http.last().id, 200, event_stream());
  std::string text;
  for (const row& each : table()) {
    http.respond_body(http.last().id, chunk("t"));
    text += "t";
    say(id, each.text);
    say(id, R"({"type":"command","op":"ping"})");
  }
  http.respond_body(http.last().id, finish() + done());
  http.complete(http.last().id);
  run();
  heard(id);
  REQUIRE(clients[id].terminals().count("q0") == 1u);
  CHECK(clients[id].terminals().at("q0").content() == text);
}

TEST_CASE_FIXTURE(fixture, "malformed: ten in a row close the socket, and nothing else") {
  const auto id = connect();
  const auto other = connect();
  for (int i = 0; i < 9; ++i) say(id, "garbage");
  CHECK(transport.is_open(id));
  CHECK(say(id, "garbage").at(0).code() == "bad_json");
  REQUIRE(transport.close_sent(id).has_value());
  CHECK(transport.close_sent(id)->first == 4400);
  CHECK(transport.close_sent(id)->second == "bad_messages");
  CHECK(transport.is_open(other));
}

TEST_CASE_FIXTURE(
    fixture, "malformed: a command that nobody knows counts, one of the application does not") {
  router().on_command("roll", [](session_type& session, const aw::wire::command& command) {
    session.reply(command, "4");
  });
  const auto id = connect();
  for (int i = 0; i < 40; ++i)
    say(id, i % 9 == 8 ? R"({"type":"command","op":"roll"})" : R"({"type":"command","op":"fly"})");
  CHECK(transport.is_open(id));
  for (int i = 0; i < 10; ++i) say(id, R"({"type":"command","op":"fly"})");
  CHECK_FALSE(transport.is_open(id));
}

TEST_CASE_FIXTURE(fixture, "malformed: binary frames and frames that are too large") {
  const auto id = connect();
  transport.receive_binary(id, 5);
  run();
  auto frames = heard(id);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].type() == "error");
  CHECK(frames[0].code() == "unsupported_data");
  transport.receive_oversized(id, 1u << 30);
  run();
  frames = heard(id);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].code() == "too_large");
  CHECK(mentions(frames[0].content(), "65536"));
  CHECK(transport.is_open(id));
  CHECK(terminal(ask(id, R"({"content":"good"})", {"answer"})).content() == "answer");
}

TEST_CASE_FIXTURE(fixture,
                  "malformed: an error never shows a client's bytes to be what they are not") {
  const auto id = connect();
  for (const std::string text : {R"({"type":"<script>alert(1)</script>","content":"x"})",
                                 R"({"type":"command","op":"<img src=x>"})",
                                 R"({"type":"command","op":"set","data":{"<b>":1}})"}) {
    const auto frames = say(id, text);
    REQUIRE(frames.size() == 1u);
    CHECK_FALSE(mentions(frames[0].content(), "<"));
  }
}

TEST_CASE_FIXTURE(fixture, "malformed: seeded garbage") {
  const auto id = connect();
  std::mt19937 random(5);
  const std::string alphabet = "{}[]\",:\\ \nabctypequerycontentid0123456789-.truefalsenull";
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (std::uint32_t length = static_cast<std::uint32_t>(random()) % 60; length > 0; --length) {
      text.push_back(alphabet[random() % alphabet.size()]);
    }
    const auto frames = say(id, text);
    REQUIRE(frames.size() == 1u);
    REQUIRE(frames[0].type() == "error");
    if (i % 9 == 8) say(id, R"({"type":"command","op":"ping"})");
  }
  CHECK(transport.is_open(id));
  CHECK(terminal(ask(id, R"({"content":"good"})", {"answer"})).content() == "answer");
}
