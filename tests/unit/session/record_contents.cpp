// SPDX-License-Identifier: MIT
#include <agent_websocket/session/record_contents.hpp>

#include <agent_websocket/base/sha256.hpp>
#include <agent_websocket/session/records.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

using namespace agent_websocket;
using openrouter::chat_message;

namespace {

/// What the record `text` reads as, by read(json::value).
template <typename Read>
auto of(std::string_view text, Read read) {
  json::document document;
  REQUIRE(document.parse(text));
  return read(document.root());
}
const auto query_read = [](json::value from) { return records::open_query_of(from); };
const auto turn_read = [](json::value from) { return records::turn_of(from); };
const auto overrides_read = [](json::value from) { return records::overrides_of(from); };
const auto digest_read = [](json::value from) { return records::digest_of(from); };

const wall_time then{std::chrono::milliseconds(1'767'225'600'123)};

accepted_query asked(const std::string& id) {
  accepted_query made;
  made.query.id = id;
  made.query.content = "What is \"Asio\"?";
  made.stream = "r_7";
  return made;
}

}  // namespace

TEST_CASE("record_contents: an open query comes back as far as it is needed") {
  accepted_query accepted = asked("q1");
  accepted.query.meta = R"({"tab":[1, 2]})";
  accepted.streamed = true;
  const auto back = of(records::of_query(accepted, true, true, 3, then), query_read);
  REQUIRE(back);
  CHECK(back->accepted.query.id == "q1");
  CHECK(back->accepted.query.meta == R"({"tab":[1, 2]})");
  CHECK(back->accepted.stream == "r_7");
  CHECK(back->accepted.streamed);
  CHECK_FALSE(back->accepted.regenerate);
  REQUIRE(back->question);
  CHECK(back->question->text() == "What is \"Asio\"?");
  CHECK(back->started);
  CHECK(back->asked == then);
}

TEST_CASE("record_contents: what was to be answered again has no question of its own") {
  accepted_query accepted = asked("q1");
  accepted.regenerate = true;
  const auto back = of(records::of_query(accepted, false, false, 0, then), query_read);
  REQUIRE(back);
  CHECK(back->accepted.regenerate);
  CHECK_FALSE(back->question);
  CHECK_FALSE(back->started);
  CHECK_FALSE(back->accepted.streamed);
  CHECK(back->accepted.query.meta.empty());
}

TEST_CASE("record_contents: without an id or a stream there is no query") {
  CHECK(of(R"({"id":"q","stream":"r_1"})", query_read));
  for (const char* each : {"{}", R"({"id":"q"})", R"({"stream":"r_1"})",
                           R"({"id":7,"stream":"r_1"})", R"({"id":"q","stream":null})", "[]"}) {
    CAPTURE(std::string(each));
    CHECK_FALSE(of(each, query_read));
  }
}

TEST_CASE("record_contents: a turn comes back with its steps and all that was said about it") {
  turn ended;
  ended.id = "q1";
  ended.stream = "r_7";
  ended.seq = 12;
  ended.asked = then;
  ended.answered = then + std::chrono::seconds(2);
  ended.model = "m";
  ended.shown = "Let me see. Sunny.";
  ended.status = wire::answer_status::incomplete;
  ended.question = chat_message::user("x");
  ended.steps = {chat_message::assistant("Let me see."), chat_message::tool_result("c1", "sunny")};
  ended.answer = chat_message::assistant_partial("Sunny.");
  feedback_entry said;
  said.id = "f1";
  said.comment = "yes";
  ended.feedback.push_back(said);
  const auto back = of(records::of_turn(ended, false, {}, 0), turn_read);
  REQUIRE(back);
  CHECK(back->id == "q1");
  CHECK(back->stream == "r_7");
  CHECK(back->seq == 12u);
  CHECK(back->asked == ended.asked);
  CHECK(back->answered == ended.answered);
  CHECK(back->model == "m");
  CHECK(back->shown == ended.shown);
  CHECK(back->status == wire::answer_status::incomplete);
  CHECK(back->question.text() == "x");
  REQUIRE(back->steps.size() == 2u);
  CHECK(back->steps[1].json() == ended.steps[1].json());
  REQUIRE(back->answer);
  CHECK(back->answer->partial());
  REQUIRE(back->feedback.size() == 1u);
  CHECK(back->feedback[0].comment == "yes");
}

TEST_CASE(
    "record_contents: a turn needs a status, a question and a number; its steps are optional") {
  const std::string question = R"("question":{"role":"user","text":"x"})";
  const auto back = of(R"({"seq":1,"status":"failed",)" + question +
                           R"(,"steps":[{"role":"odd","text":"x"},7],"answer":null})",
                       turn_read);
  REQUIRE(back);
  CHECK(back->steps.empty());
  CHECK_FALSE(back->answer);
  for (const std::string& each :
       {R"({"seq":1,"status":"odd",)" + question + "}",
        R"({"seq":0,"status":"failed",)" + question + "}",
        R"({"seq":"1","status":"failed",)" + question + "}", R"({"seq":1,)" + question + "}",
        std::string(R"({"seq":1,"status":"failed"})"),
        std::string(R"({"seq":1,"status":"failed","question":"x"})")}) {
    CAPTURE(each);
    CHECK_FALSE(of(each, turn_read));
  }
}

TEST_CASE("record_contents: what a client has chosen comes back, and nothing else") {
  session_overrides chosen;
  chosen.model = "m";
  chosen.temperature = 0.25;
  chosen.max_tokens = 7;
  chosen.system_prompt = "";
  const session_overrides back = of(records::of_overrides(chosen), overrides_read);
  CHECK(back.model == "m");
  CHECK(back.temperature == 0.25);
  CHECK(back.max_tokens == 7);
  CHECK(back.system_prompt == "");  // chosen to be empty
  for (const char* each :
       {"{}", "null", R"({"model":1,"temperature":"1","max_tokens":1.5,"system":null})"}) {
    CAPTURE(std::string(each));
    const session_overrides none = of(each, overrides_read);
    CHECK_FALSE(none.model);
    CHECK_FALSE(none.temperature);
    CHECK_FALSE(none.max_tokens);
    CHECK_FALSE(none.system_prompt);
  }
}

TEST_CASE("record_contents: a digest is whole or none") {
  const digest256 digest = sha256("token");
  const std::string text = encode_base64url(
      std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
  CHECK(of('"' + text + '"', digest_read) == digest);
  for (const std::string& each :
       {'"' + text.substr(4) + '"', '"' + text + "AAAA\"", std::string("\"\""),
        std::string("\"!\""), std::string("7"), std::string("null")}) {
    CAPTURE(each);
    CHECK_FALSE(of(each, digest_read));
  }
}
