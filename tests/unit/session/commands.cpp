// SPDX-License-Identifier: MIT
#include <agent_websocket/session/commands.hpp>

#include "core_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

bool mentions(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(core_fixture, "commands: ping is answered by pong, also while an answer runs") {
  const auto frames = send(R"({"type":"command","op":"ping","id":"p1","meta":{"a":1}})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].is_status("pong"));
  CHECK(frames[0].ref() == "p1");
  CHECK_FALSE(frames[0].has("seq"));
  send(R"({"content":"x"})");
  proceed();
  CHECK(send(R"({"type":"command","content":"ping"})").at(0).is_status("pong"));
}

TEST_CASE("commands: help lists them all, the application's too") {
  session_settings settings;
  settings.commands = {{"roll", "rolls the dice"}};
  core_fixture talk(settings);
  const auto frames = talk.send(R"({"type":"command","op":"help","id":"x1"})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].is_status("help"));
  CHECK(frames[0].ref() == "x1");
  for (const char* op : {"help", "info", "ping", "cancel", "clear", "history", "set", "regenerate",
                         "close", "roll", "rolls the dice"}) {
    CHECK(mentions(frames[0].content(), op));
    CHECK(mentions(frames[0].json("data"), op));
  }
}

TEST_CASE_FIXTURE(core_fixture, "commands: info tells about the session") {
  converse("x", "y");
  send(R"({"content":"running"})");
  send(R"({"content":"waiting"})");
  const auto frames = send(R"({"type":"command","op":"info","id":"i1"})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].is_status("info"));
  CHECK(frames[0].ref() == "i1");
  CHECK(frames[0].text("data.session_id") == core.id());
  CHECK(frames[0].text("data.agent") == "agent_websocket");
  CHECK(frames[0].text("data.model") == "openai/gpt-4-turbo");
  CHECK(frames[0].number("data.messages") == 3);
  CHECK(frames[0].number("data.queued") == 1);
  CHECK(frames[0].truth("data.running"));
  CHECK(is_timestamp(frames[0].text("data.created")));
}

TEST_CASE_FIXTURE(core_fixture, "commands: set changes what the next request says") {
  const auto frames =
      send(R"({"type":"command","op":"set","id":"s1","data":{"model":"m","temperature":0.2,)"
           R"("max_tokens":500,"system":"Be brief."}})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].is_status("set"));
  CHECK(frames[0].ref() == "s1");
  CHECK(frames[0].json("data") ==
        R"({"model":"m","temperature":0.2,"max_tokens":500,"system":"Be brief."})");
  send(R"({"content":"x"})");
  const auto& request = proceed();
  CHECK(request.model == "m");
  CHECK(request.temperature == 0.2);
  CHECK(request.max_tokens == 500);
  CHECK(transcript(request) == "system:Be brief.|user:x");
  complete();
  sent();
  CHECK(send(R"({"type":"command","op":"set","data":{"model":null}})").at(0).text("data.model") ==
        "openai/gpt-4-turbo");
}

TEST_CASE("commands: a set that is not allowed or wrong changes nothing") {
  session_settings settings;
  settings.client_settings = {"temperature", "max_tokens"};
  core_fixture talk(settings);
  const auto forbidden = talk.send(
      R"({"type":"command","op":"set","id":"s1","data":{"temperature":0.1,"model":"m"}})");
  REQUIRE(forbidden.size() == 1u);
  CHECK(forbidden[0].code() == "forbidden");
  CHECK(forbidden[0].ref() == "s1");
  CHECK(talk.send(R"({"type":"command","op":"set","data":{"temperature":5}})").at(0).code() ==
        "bad_message");
  CHECK(talk.send(R"({"type":"command","op":"set"})").at(0).code() == "bad_message");
  CHECK(talk.send(R"({"type":"command","op":"set","data":[]})").at(0).code() == "bad_message");
  talk.send(R"({"content":"x"})");
  CHECK(talk.proceed().temperature == 0.7);
}

TEST_CASE_FIXTURE(core_fixture, "commands: cancel before the application has decided") {
  send(R"({"id":"q1","content":"x"})");
  collect();
  const auto frames = send(R"({"type":"command","op":"cancel","id":"c1","ref":"q1"})");
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].is_status("ack"));
  CHECK(frames[0].ref() == "c1");
  CHECK(frames[1].phase() == "full");
  CHECK(frames[1].ref() == "q1");
  CHECK(frames[1].text("status") == "cancelled");
  core.decided(consults.at(0).run, {}, at);
  consults.clear();
  collect();
  CHECK(starts.empty());
  CHECK(sent().empty());
}

TEST_CASE_FIXTURE(core_fixture, "commands: cancel before the first token and in mid-stream") {
  for (const std::string piece : {"", "half"}) {
    CAPTURE(piece);
    send(R"({"content":"x","stream":true})");
    proceed();
    text(piece);
    sent();
    const auto frames = send(R"({"type":"command","content":"cancel"})");
    const auto ends = terminals(frames);
    REQUIRE(ends.size() == 1u);
    CHECK(ends[0].text("status") == "cancelled");
    CHECK(ends[0].content() == piece);
    for (const frame& each : frames) CHECK_FALSE(each.is_status("ack"));
    collect();
    CHECK(cancels.back() == run());
    text("late");
    complete();
    CHECK(sent().empty());
  }
}

TEST_CASE_FIXTURE(core_fixture, "commands: cancel while the query waits") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  send(R"({"id":"q2","content":"y"})");
  send(R"({"id":"q3","content":"z"})");
  const auto frames = send(R"({"type":"command","op":"cancel","id":"c1","ref":"q2"})");
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].is_status("ack"));
  CHECK(frames[1].ref() == "q2");
  CHECK(frames[1].text("status") == "cancelled");
  collect();
  CHECK(cancels.empty());
  complete();
  const auto& request = proceed();
  CHECK(request.messages.back().text() == "z");
  for (const auto& each : request.messages) CHECK(each.text() != "y");
}

TEST_CASE_FIXTURE(core_fixture, "commands: an answer can be cancelled by the id of its stream") {
  const auto first = send(R"({"id":"q1","content":"x"})");
  const auto second = send(R"({"id":"q2","content":"y"})");
  const auto cancel = [this](const std::string& ref) {
    return terminals(send(R"({"type":"command","op":"cancel","ref":")" + ref + R"("})"));
  };
  CHECK(cancel(second.at(0).text("stream")).at(0).ref() == "q2");
  CHECK(cancel(first.at(0).text("stream")).at(0).ref() == "q1");
}

TEST_CASE_FIXTURE(core_fixture,
                  "commands: cancelling what is unknown or finished changes nothing") {
  const auto not_found = [this](const std::string& command) {
    const auto frames = send(command);
    REQUIRE(frames.size() == 1u);
    CHECK(frames[0].type() == "error");
    CHECK(frames[0].code() == "not_found");
    CHECK_FALSE(frames[0].is_terminal());
    return frames[0].ref();
  };
  CHECK(not_found(R"({"type":"command","op":"cancel","id":"c1"})") == "c1");
  CHECK(not_found(R"({"type":"command","content":"cancel"})") == "");
  converse("x", "the answer", "q1");
  CHECK(not_found(R"({"type":"command","op":"cancel","ref":"q1"})") == "");
  send(R"({"id":"q2","content":"y"})");
  proceed();
  text("a");
  CHECK(not_found(R"({"type":"command","op":"cancel","id":"c2","ref":"q1"})") == "c2");
  CHECK(not_found(R"({"type":"command","op":"cancel","id":"c3","ref":"nobody"})") == "c3");
  CHECK(not_found(R"({"type":"command","op":"cancel","id":"c4","ref":"c3"})") == "c4");
  collect();
  CHECK(cancels.empty());
  CHECK(core.running());
  complete();
  const auto ends = terminals(sent());
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].text("status") == "completed");
  CHECK(ends[0].number("seq") == 2);
  const auto history = send(R"({"type":"command","op":"history"})").at(0);
  CHECK(history.text("data.messages.1.status") == "completed");
  CHECK(history.text("data.messages.1.content") == "the answer");
}

TEST_CASE_FIXTURE(core_fixture, "commands: what was cancelled stays in the conversation, marked") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  text("half an ans");
  send(R"({"type":"command","op":"cancel"})");
  const auto history = send(R"({"type":"command","op":"history","id":"h1"})");
  REQUIRE(history.size() == 1u);
  CHECK(history[0].is_status("history"));
  CHECK(history[0].ref() == "h1");
  REQUIRE(history[0].size("data.messages") == 2u);
  CHECK(history[0].text("data.messages.1.content") == "half an ans");
  CHECK(history[0].text("data.messages.1.status") == "cancelled");
  send(R"({"content":"go on"})");
  const auto& request = proceed();
  REQUIRE(request.messages.size() == 4u);
  CHECK(request.messages[2].text() == "half an ans");
  CHECK(request.messages[2].partial());
}

TEST_CASE_FIXTURE(core_fixture, "commands: clear forgets the conversation and ends what is open") {
  keep_records(true);
  converse("x", "y");
  send(R"({"id":"q1","content":"running"})");
  proceed();
  send(R"({"id":"q2","content":"waiting"})");
  const auto frames = send(R"({"type":"command","op":"clear","id":"k1"})");
  const auto ends = terminals(frames);
  REQUIRE(ends.size() == 2u);
  for (const frame& each : ends) CHECK(each.text("status") == "cancelled");
  bool told = false;
  for (const frame& each : frames) told = told || (each.is_status("clear") && each.ref() == "k1");
  CHECK(told);
  collect();
  CHECK(cancels.size() == 1u);
  CHECK(frame(stored.back()).text("kind") == "clear");
  CHECK(core.history().empty());
  send(R"({"content":"anew"})");
  CHECK(proceed().messages.size() == 2u);
  CHECK(send(R"({"type":"command","op":"history"})").at(0).size("data.messages") == 0u);
}

TEST_CASE_FIXTURE(core_fixture, "commands: history in pages") {
  for (int i = 1; i <= 3; ++i) converse("question " + std::to_string(i), "answer");
  const auto last = send(R"({"type":"command","op":"history","limit":2})").at(0);
  REQUIRE(last.size("data.messages") == 2u);
  CHECK(last.text("data.messages.0.content") == "question 3");
  CHECK(last.truth("data.more"));
  const auto before = send(R"({"type":"command","op":"history","before_seq":)" +
                           last.json("data.messages.0.seq") + R"(,"limit":2})")
                          .at(0);
  CHECK(before.text("data.messages.0.content") == "question 2");
  CHECK(send(R"({"type":"command","op":"history"})").at(0).size("data.messages") == 6u);
}

TEST_CASE_FIXTURE(core_fixture, "commands: regenerate answers the last question again") {
  converse("first", "one");
  converse("second", "two", "q2");
  const auto frames = send(R"({"type":"command","op":"regenerate","id":"g1"})");
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].is_status("ack"));
  CHECK(frames[0].ref() == "g1");
  CHECK(frames[1].is_status("thinking"));
  const auto& request = proceed();
  REQUIRE(request.messages.size() == 4u);
  CHECK(request.messages[2].text() == "one");
  CHECK(request.messages[3].text() == "second");
  text("better");
  complete();
  const auto ends = terminals(sent());
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].ref() == "g1");
  CHECK(ends[0].content() == "better");
  const auto history = send(R"({"type":"command","op":"history"})").at(0);
  REQUIRE(history.size("data.messages") == 4u);
  CHECK(history.text("data.messages.3.content") == "better");
}

TEST_CASE_FIXTURE(core_fixture, "commands: regenerate is streamed when it says so") {
  converse("x", "one");
  send(R"({"type":"command","op":"regenerate","stream":true})");
  proceed();
  text("two");
  complete();
  CHECK(terminals(sent()).at(0).phase() == "end");
  send(R"({"type":"command","op":"hello","caps":["delta"]})");
  send(R"({"type":"command","op":"regenerate"})");
  proceed();
  complete();
  CHECK(terminals(sent()).at(0).phase() == "end");
  send(R"({"type":"command","op":"regenerate","stream":false})");
  proceed();
  complete();
  CHECK(terminals(sent()).at(0).phase() == "full");
}

TEST_CASE_FIXTURE(core_fixture, "commands: regenerate after a failure and after a cancel") {
  send(R"({"content":"the question"})");
  proceed();
  fail(errc::provider_error);
  send(R"({"type":"command","op":"regenerate"})");
  CHECK(proceed().messages.back().text() == "the question");
  text("half");
  send(R"({"type":"command","op":"cancel"})");
  send(R"({"type":"command","op":"regenerate"})");
  const auto& request = proceed();
  CHECK(request.messages.size() == 2u);
  CHECK(request.messages.back().text() == "the question");
}

TEST_CASE_FIXTURE(core_fixture, "commands: regenerate needs a question and rest") {
  const auto none = send(R"({"type":"command","op":"regenerate","id":"g1"})");
  REQUIRE(none.size() == 1u);
  CHECK(none[0].code() == "not_found");
  CHECK(none[0].ref() == "g1");
  send(R"({"content":"x"})");
  const auto busy = send(R"({"type":"command","op":"regenerate","id":"g2"})");
  REQUIRE(busy.size() == 1u);
  CHECK(busy[0].code() == "busy");
  CHECK(busy[0].ref() == "g2");
}

TEST_CASE_FIXTURE(core_fixture, "commands: regenerate keeps content parts") {
  send(
      R"({"content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"u"}}]})");
  const std::string sent_json = proceed().messages.back().json();
  text("a");
  complete();
  send(R"({"type":"command","op":"regenerate"})");
  CHECK(proceed().messages.back().json() == sent_json);
}

TEST_CASE_FIXTURE(core_fixture, "commands: close ends the session for good") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  text("half");
  send(R"({"id":"q2","content":"y","stream":true})");
  const auto frames = send(R"({"type":"command","op":"close","id":"z1"})");
  const auto ends = terminals(frames);
  REQUIRE(ends.size() == 2u);
  for (const frame& each : ends) CHECK(each.text("status") == "cancelled");
  bool told = false;
  for (const frame& each : frames) told = told || (each.is_status("close") && each.ref() == "z1");
  CHECK(told);
  collect();
  CHECK(cancels.size() == 1u);
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0].first == 1000);
}

TEST_CASE_FIXTURE(core_fixture, "commands: hello is for the server to answer") {
  CHECK(
      send(R"({"type":"command","op":"hello","v":1,"client":"js/1.0","caps":["delta"]})").empty());
  collect();
  REQUIRE(hellos.size() == 1u);
  CHECK(hellos[0].from == here);
  CHECK(hellos[0].client == "js/1.0");
  CHECK(socket().wants_deltas);
}

TEST_CASE_FIXTURE(core_fixture, "commands: a version that nobody speaks ends in 4426") {
  const auto frames = send(R"({"type":"command","op":"hello","id":"h1","v":2})");
  CHECK(frames.at(0).type() == "error");
  collect();
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0].first == 4426);
  CHECK(closes[0].second == "protocol_version");
}

TEST_CASE_FIXTURE(core_fixture, "commands: ack says nothing, tool_result finds no tool") {
  CHECK(send(R"({"type":"command","op":"ack","seq":57})").empty());
  const auto none = send(R"({"type":"command","op":"tool_result","ref":"t1","data":{"ok":true}})");
  REQUIRE(none.size() == 1u);
  CHECK(none[0].code() == "not_found");
}

TEST_CASE_FIXTURE(core_fixture,
                  "commands: what the protocol does not know goes to the application") {
  CHECK(send(R"({"type":"command","op":"roll","id":"c1","content":"two","data":{"n":2}})").empty());
  collect();
  REQUIRE(commands.size() == 1u);
  CHECK(commands[0].op == "roll");
  CHECK(commands[0].id == "c1");
  CHECK(commands[0].content == "two");
  CHECK(commands[0].data == R"({"n":2})");
  send(R"({"type":"command","op":"Ping"})");
  collect();
  CHECK(commands.size() == 2u);
}

TEST_CASE_FIXTURE(core_fixture,
                  "feedback: is stored, acknowledged, given to the application and listed") {
  keep_records(true);
  converse("x", "y", "q1");
  collect();
  stored.clear();
  const auto frames =
      send(R"({"type":"human_feedback","id":"f1","ref":"q1","rating":1,"content":"clear answer",)"
           R"("correction":"it is 42"})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].is_status("ack"));
  CHECK(frames[0].ref() == "f1");
  collect();
  REQUIRE(feedbacks.size() == 1u);
  CHECK(feedbacks[0].id == "f1");
  CHECK(feedbacks[0].answer == core.history().turns()[0].stream);
  CHECK(feedbacks[0].rating == 1.0);
  CHECK(feedbacks[0].comment == "clear answer");
  CHECK(feedbacks[0].correction == "it is 42");
  REQUIRE(stored.size() == 1u);
  CHECK(frame(stored[0]).text("kind") == "feedback");
  CHECK(frame(stored[0]).text("correction") == "it is 42");
  const auto history = send(R"({"type":"command","op":"history"})").at(0);
  CHECK(history.json("data.messages.1.feedback.0.rating") == "1");
  CHECK(history.text("data.messages.1.feedback.0.correction") == "it is 42");
}

TEST_CASE_FIXTURE(core_fixture, "feedback: a correction is in the next request, a rating is not") {
  converse("x", "y", "q1");
  send(R"({"type":"human_feedback","ref":"q1","rating":-1,"content":"bad"})");
  send(R"({"type":"human_feedback","ref":"q1","correction":"it is 42"})");
  send(R"({"content":"next"})");
  const auto& messages = proceed().messages;
  REQUIRE(messages.size() == 5u);
  CHECK(messages[2].text() == "y");
  CHECK(mentions(messages[3].text(), "it is 42"));
  CHECK(messages[4].text() == "next");
  for (const auto& each : messages) CHECK_FALSE(mentions(each.text(), "bad"));
}

TEST_CASE_FIXTURE(core_fixture,
                  "feedback: finds its answer by query, by stream, or takes the last") {
  converse("x", "y", "q1");
  converse("x", "y", "q2");
  const std::string first = core.history().turns()[0].stream;
  const std::string second = core.history().turns()[1].stream;
  send(R"({"type":"human_feedback","ref":"q1","rating":1})");
  send(R"({"type":"human_feedback","ref":")" + second + R"(","rating":2})");
  const auto plain = send(R"({"type":"human_feedback","rating":3})");
  REQUIRE(plain.size() == 1u);
  CHECK(plain[0].is_status("ack"));
  CHECK_FALSE(plain[0].has("ref"));
  collect();
  REQUIRE(feedbacks.size() == 3u);
  CHECK(feedbacks[0].answer == first);
  CHECK(feedbacks[1].answer == second);
  CHECK(feedbacks[2].answer == second);
}

TEST_CASE_FIXTURE(core_fixture, "feedback: that is for nothing is feedback_unknown") {
  const auto unknown = [this](const std::string& text) {
    const auto frames = send(text);
    REQUIRE(frames.size() == 1u);
    CHECK(frames[0].code() == "feedback_unknown");
    return frames[0].ref();
  };
  CHECK(unknown(R"({"type":"human_feedback","id":"f1","rating":1})") == "f1");
  send(R"({"id":"q1","content":"x"})");
  proceed();
  CHECK(unknown(R"({"type":"human_feedback","id":"f2","rating":1})") == "f2");
  CHECK(unknown(R"({"type":"human_feedback","id":"f3","ref":"q1","rating":1})") == "f3");
  text("a");
  complete();
  sent();
  CHECK(unknown(R"({"type":"human_feedback","id":"f4","ref":"nobody","rating":1})") == "f4");
  CHECK(unknown(R"({"type":"human_feedback","id":"f5","decision":"approve"})") == "f5");
  CHECK(unknown(R"({"type":"human_feedback","id":"f6","ref":"q1","decision":"reject"})") == "f6");
  collect();
  CHECK(feedbacks.empty());
}

TEST_CASE_FIXTURE(core_fixture, "feedback: on a partial answer counts like on any other") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  text("half");
  send(R"({"type":"command","op":"cancel"})");
  CHECK(send(R"({"type":"human_feedback","id":"f1","ref":"q1","correction":"whole"})")
            .at(0)
            .is_status("ack"));
  send(R"({"content":"next"})");
  CHECK(mentions(transcript(proceed()), "whole"));
}

TEST_CASE_FIXTURE(core_fixture, "feedback: a repeated id counts once") {
  converse("x", "y", "q1");
  for (int i = 0; i < 2; ++i) {
    const auto frames =
        send(R"({"type":"human_feedback","id":"f1","ref":"q1","correction":"it is 42"})");
    REQUIRE(frames.size() == 1u);
    CHECK(frames[0].is_status("ack"));
  }
  collect();
  CHECK(feedbacks.size() == 1u);
  send(R"({"content":"next"})");
  CHECK(proceed().messages.size() == 5u);
}

TEST_CASE_FIXTURE(core_fixture, "feedback: one answer takes only so much of it") {
  converse("x", "y", "q1");
  std::string last;
  for (int i = 0; i < 50; ++i) {
    const auto frames = send(R"({"type":"human_feedback","ref":"q1","rating":1})");
    REQUIRE(frames.size() == 1u);
    last = frames[0].type();
  }
  CHECK(last == "error");
  collect();
  CHECK(feedbacks.size() < 50u);
}

TEST_CASE_FIXTURE(core_fixture, "feedback: a correction of a failed answer is not lost") {
  send(R"({"id":"q1","content":"What is 6 x 7?"})");
  proceed();
  fail(errc::provider_error);
  sent();
  const auto frames =
      send(R"({"type":"human_feedback","id":"f1","ref":"q1","correction":"it is 42"})");
  REQUIRE(frames.size() == 1u);
  // Either it is refused, or it is where feedback has to be: the history and the next request.
  if (frames[0].is_status("ack")) {
    CHECK(mentions(send(R"({"type":"command","op":"history"})").at(0).raw(), "it is 42"));
    send(R"({"content":"next"})");
    CHECK(mentions(transcript(proceed()), "it is 42"));
  } else {
    CHECK(frames[0].code() == "feedback_unknown");
  }
}

TEST_CASE_FIXTURE(core_fixture, "commands: a setting that is repeated does not undo a later one") {
  send(R"({"type":"command","op":"set","id":"s1","data":{"temperature":0.5}})");
  send(R"({"type":"command","op":"set","id":"s2","data":{"temperature":0.6}})");
  const auto frames = send(R"({"type":"command","op":"set","id":"s1","data":{"temperature":0.5}})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].is_status("ack"));
  CHECK(frames[0].truth("duplicate"));
  send(R"({"content":"x"})");
  CHECK(proceed().temperature == 0.6);
  const auto back = resume(R"({"token":"t","epoch":"e1","last_seq":0})", 2, R"(["s1","s3"])");
  CHECK(back.at(0).json("accepted") == R"(["s1"])");
}

TEST_CASE_FIXTURE(core_fixture, "commands: feedback that is repeated is taken once, and told so") {
  converse("x", "a", "q1");
  CHECK(send(R"({"type":"human_feedback","id":"f1","rating":1})").at(0).is_status("ack"));
  const auto again = send(R"({"type":"human_feedback","id":"f1","rating":1})");
  CHECK(again.at(0).truth("duplicate"));
  collect();
  CHECK(feedbacks.size() == 1u);
}

TEST_CASE_FIXTURE(core_fixture, "commands: an id made here is none that a client has used") {
  const auto first = send(R"({"content":"x"})");
  const std::string id = first.at(0).ref();
  const std::string next = id.substr(0, id.rfind('_')) + "_2";
  proceed();
  complete();
  sent();
  send(R"({"content":"y","id":")" + next + "\"}");
  proceed();
  complete();
  sent();
  CHECK(send(R"({"content":"z"})").at(0).ref() != next);
}

TEST_CASE_FIXTURE(core_fixture, "commands: the id of a setting is none for a query") {
  send(R"({"type":"command","op":"set","id":"s1","data":{"temperature":0.5}})");
  const auto frames = send(R"({"id":"s1","content":"x"})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].code() == "bad_message");
  CHECK(frames[0].ref() == "s1");
}
