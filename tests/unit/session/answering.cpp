// SPDX-License-Identifier: MIT
#include <agent_websocket/session/answering.hpp>

#include "core_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

std::string refs(const std::vector<frame>& frames) {
  std::string all;
  for (const frame& each : frames) all += each.ref() + " ";
  return all;
}

session_settings with_queue(std::size_t limit) {
  session_settings settings;
  settings.max_queue = limit;
  return settings;
}

}  // namespace

TEST_CASE_FIXTURE(core_fixture, "answering: the plain client's question and its whole answer") {
  const auto first = send(R"({"type":"query","content":"What is Asio?"})");
  REQUIRE(first.size() == 1u);
  CHECK(first[0].is_status("thinking"));
  CHECK(first[0].content() == "Thinking...");
  CHECK_FALSE(first[0].has("seq"));

  const auto& request = proceed();
  CHECK(request.model == "openai/gpt-4-turbo");
  CHECK(request.temperature == 0.7);
  CHECK(request.max_tokens == 1500);
  CHECK(transcript(request) ==
        "system:You are Agent WebSocket, an AI assistant communicating via WebSocket.|user:What is "
        "Asio?");
  text("A ");
  text("library.");
  CHECK(sent().empty());
  complete();
  const auto last = sent();
  REQUIRE(last.size() == 1u);
  CHECK(last[0].type() == "response");
  CHECK(last[0].phase() == "full");
  CHECK(last[0].content() == "A library.");
  CHECK(last[0].text("status") == "completed");
  CHECK(last[0].text("finish_reason") == "stop");
  CHECK(last[0].number("seq") == 1);
  CHECK_FALSE(last[0].ref().empty());
  CHECK(last[0].ref() == first[0].ref());
  REQUIRE(answers.size() == 1u);
  CHECK(answers[0].text == "A library.");
  CHECK(answers[0].status == wire::answer_status::completed);
}

TEST_CASE_FIXTURE(core_fixture, "answering: a streamed answer is start, deltas and end") {
  const auto first = send(R"({"id":"q1","content":"x","stream":true,"meta":{"tab":2}})");
  REQUIRE(first.size() == 2u);
  CHECK(first[0].is_status("ack"));
  CHECK(first[0].ref() == "q1");
  CHECK(first[0].json("duplicate") == "false");
  CHECK(first[0].json("position") == "0");
  CHECK(first[1].is_status("thinking"));
  proceed();
  core.began(run(), "served/model");
  CHECK(sent().empty());
  text("He");
  const auto begun = sent();
  REQUIRE(begun.size() == 2u);
  CHECK(begun[0].phase() == "start");
  CHECK(begun[0].number("seq") == 1);
  CHECK(begun[0].ref() == "q1");
  CHECK(begun[0].text("stream") == first[0].text("stream"));
  CHECK(begun[0].text("model") == "served/model");
  CHECK(begun[1].phase() == "delta");
  CHECK(begun[1].json("idx") == "0");
  CHECK(begun[1].json("n") == "1");
  CHECK(begun[1].content() == "He");
  text("llo");
  const auto second = sent();
  REQUIRE(second.size() == 1u);
  CHECK(second[0].json("idx") == "1");
  CHECK(second[0].content() == "llo");
  complete();
  const auto last = sent();
  REQUIRE(last.size() == 1u);
  CHECK(last[0].phase() == "end");
  CHECK(last[0].number("seq") == 2);
  CHECK(last[0].number("n") == 2);
  CHECK(last[0].content() == "Hello");
  CHECK(last[0].text("status") == "completed");
  CHECK(last[0].json("meta") == R"({"tab":2})");
  CHECK(last[0].text("stream") == first[0].text("stream"));
}

TEST_CASE_FIXTURE(core_fixture, "answering: deltas that nobody took yet are merged") {
  send(R"({"id":"q1","content":"x","stream":true})");
  proceed();
  for (const char* piece : {"a", "b", "c"}) text(piece);
  complete();
  const auto frames = sent();
  REQUIRE(frames.size() == 3u);
  CHECK(frames[1].phase() == "delta");
  CHECK(frames[1].content() == "abc");
  CHECK(frames[1].number("n") == 3);
  CHECK(frames[2].number("n") == 3);
}

TEST_CASE_FIXTURE(core_fixture, "answering: an empty streamed answer has a start and an end") {
  send(R"({"id":"q1","content":"x","stream":true})");
  proceed();
  complete();
  const auto frames = sent();
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].phase() == "start");
  CHECK(frames[1].phase() == "end");
  CHECK(frames[1].json("n") == "0");
  CHECK(frames[1].json("content") == R"("")");
}

TEST_CASE_FIXTURE(core_fixture, "answering: hello with the cap delta makes streams the default") {
  send(R"({"type":"command","op":"hello","v":1,"caps":["delta"]})");
  send(R"({"id":"q1","content":"x"})");
  proceed();
  complete();
  CHECK(terminals(sent()).at(0).phase() == "end");
  send(R"({"id":"q2","content":"x","stream":false})");
  proceed();
  complete();
  CHECK(terminals(sent()).at(0).phase() == "full");
}

TEST_CASE_FIXTURE(core_fixture, "answering: only messages with an id get ack and queued") {
  CHECK(refs(send(R"({"content":"a"})")).size() > 0u);
  for (const frame& each : send(R"({"content":"b"})")) {
    CHECK_FALSE(each.is_status("ack"));
    CHECK_FALSE(each.is_status("queued"));
  }
  const auto frames = send(R"({"id":"q3","content":"c"})");
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].is_status("ack"));
  CHECK(frames[0].ref() == "q3");
  CHECK(frames[0].number("position") == 2);
  CHECK(frames[1].is_status("queued"));
  CHECK(frames[1].ref() == "q3");
  CHECK(frames[1].number("position") == 2);
}

TEST_CASE_FIXTURE(core_fixture, "answering: one at a time, in the order of the questions") {
  std::string order;
  for (const std::string id : {"q1", "q2", "q3", "q4"}) {
    send(R"({"id":")" + id + R"(","content":"about )" + id + R"("})");
  }
  for (int i = 0; i < 4; ++i) {
    collect();
    CHECK(consults.size() == 1u);
    proceed();
    CHECK(starts.size() == static_cast<std::size_t>(i + 1));
    text("answer");
    complete();
    for (const frame& each : sent()) {
      if (each.is_terminal()) order += each.ref() + " ";
    }
  }
  CHECK(order == "q1 q2 q3 q4 ");
  CHECK_FALSE(core.busy());
}

TEST_CASE("answering: the queue is bounded") {
  core_fixture talk(with_queue(2));
  for (const std::string id : {"q1", "q2", "q3"}) {
    const auto frames = talk.send(R"({"id":")" + id + R"(","content":"x"})");
    CHECK(frames.at(0).is_status("ack"));
  }
  const auto refused = talk.send(R"({"id":"q4","content":"x"})");
  REQUIRE(refused.size() == 1u);
  CHECK(refused[0].type() == "error");
  CHECK(refused[0].code() == "queue_full");
  CHECK(refused[0].ref() == "q4");
  CHECK(refused[0].truth("retryable"));
  CHECK_FALSE(refused[0].is_terminal());
  // A place is free again as soon as one begins; the refused one was not taken and may come again.
  talk.proceed();
  talk.complete();
  CHECK(talk.send(R"({"id":"q4","content":"x"})").at(0).is_status("ack"));
}

TEST_CASE("answering: without a queue a second question is refused, a first never") {
  core_fixture talk(with_queue(0));
  CHECK(talk.send(R"({"content":"x"})").at(0).is_status("thinking"));
  CHECK(talk.send(R"({"content":"y"})").at(0).code() == "queue_full");
  talk.proceed();
  talk.complete();
  CHECK(talk.sent().size() == 1u);
  CHECK(talk.send(R"({"content":"z"})").at(0).is_status("thinking"));
}

TEST_CASE_FIXTURE(core_fixture, "answering: overlap reject") {
  send(R"({"id":"q1","content":"x","overlap":"reject"})");
  proceed();
  const auto refused = send(R"({"id":"q2","content":"y","overlap":"reject"})");
  REQUIRE(refused.size() == 1u);
  CHECK(refused[0].code() == "busy");
  CHECK(refused[0].ref() == "q2");
  CHECK(refused[0].truth("retryable"));
  CHECK(cancels.empty());
  text("a");
  complete();
  CHECK(refs(terminals(sent())) == "q1 ");
  CHECK(send(R"({"id":"q2","content":"y","overlap":"reject"})").at(0).is_status("ack"));
}

TEST_CASE_FIXTURE(core_fixture, "answering: overlap interrupt takes the running one's place") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  const auto interrupted = run();
  text("half an answer");
  send(R"({"id":"q2","content":"y"})");
  const auto frames = send(R"({"id":"q3","content":"z","overlap":"interrupt"})");
  const auto ends = terminals(frames);
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].ref() == "q1");
  CHECK(ends[0].text("status") == "cancelled");
  CHECK(ends[0].content() == "half an answer");
  const auto& request = proceed();
  CHECK(cancels == std::vector<run_number>{interrupted});
  CHECK(request.messages.back().text() == "z");
  complete();
  proceed();
  complete();
  CHECK(refs(terminals(sent())) == "q3 q2 ");
}

TEST_CASE_FIXTURE(core_fixture, "answering: overlap interrupt when nothing runs is just a query") {
  send(R"({"id":"q1","content":"x","overlap":"interrupt"})");
  proceed();
  complete();
  CHECK(refs(terminals(sent())) == "q1 ");
  CHECK(cancels.empty());
}

TEST_CASE("answering: an interrupt needs no place in the queue, and nobody is left waiting") {
  core_fixture talk(with_queue(1));
  talk.send(R"({"id":"q1","content":"x"})");
  talk.proceed();
  talk.send(R"({"id":"q2","content":"y"})");
  const auto frames = talk.send(R"({"id":"q3","content":"z","overlap":"interrupt"})");
  for (const frame& each : frames) CHECK(each.code() == "");
  talk.collect();
  CHECK(talk.core.running());
  for (int i = 0; i < 2 && talk.core.running(); ++i) {
    talk.proceed();
    talk.complete();
  }
  CHECK(refs(terminals(talk.sent())) == "q3 q2 ");
  CHECK_FALSE(talk.core.busy());
}

TEST_CASE_FIXTURE(core_fixture, "answering: overlap latest replaces what is queued") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  send(R"({"id":"q2","content":"y"})");
  send(R"({"id":"q3","content":"y","stream":true})");
  const auto frames = send(R"({"id":"q4","content":"z","overlap":"latest"})");
  const auto ends = terminals(frames);
  CHECK(refs(ends) == "q2 q3 ");
  for (const frame& each : ends) CHECK(each.text("status") == "cancelled");
  CHECK(cancels.empty());
  complete();
  proceed();
  complete();
  CHECK(refs(terminals(sent())) == "q1 q4 ");
}

TEST_CASE_FIXTURE(core_fixture, "answering: a failure in words for a plain client") {
  send(R"({"id":"q1","content":"x","meta":{"tab":2}})");
  sent();
  proceed();
  text("partial");
  fail(errc::timeout_idle);
  const auto frames = sent();
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].type() == "error");
  CHECK(frames[0].code() == "timeout_idle");
  CHECK(frames[0].content() == "Failed to generate response: The model stopped answering");
  CHECK(frames[0].ref() == "q1");
  CHECK(frames[0].number("seq") == 1);
  CHECK(frames[0].truth("terminal"));
  CHECK(frames[0].truth("retryable"));
  CHECK(frames[0].json("meta") == R"({"tab":2})");
  REQUIRE(answers.size() == 1u);
  CHECK(answers[0].status == wire::answer_status::failed);
  CHECK(answers[0].failure->code == errc::timeout_idle);
}

TEST_CASE_FIXTURE(core_fixture,
                  "answering: the same for a streaming client is the end of its stream") {
  for (const bool started : {true, false}) {
    CAPTURE(started);
    send(R"({"content":"x","stream":true})");
    proceed();
    if (started) text("partial");
    completion_result result;
    result.failure = error(errc::provider_rate_limited);
    result.retry_after = 1500ms;
    core.completed(run(), result, at);
    const auto frames = sent();
    const auto ends = terminals(frames);
    REQUIRE(ends.size() == 1u);
    CHECK(ends[0].phase() == "end");
    CHECK(ends[0].text("status") == "failed");
    CHECK(ends[0].text("error.code") == "provider_rate_limited");
    CHECK(ends[0].text("error.content") == message_of(errc::provider_rate_limited));
    CHECK(ends[0].truth("error.retryable"));
    CHECK(ends[0].number("error.retry_after_ms") == 1500);
    CHECK(ends[0].content() == (started ? "partial" : ""));
    for (const frame& each : frames) CHECK(each.type() != "error");
    collect();
  }
}

TEST_CASE_FIXTURE(core_fixture, "answering: an answer that was cut short upstream is incomplete") {
  for (const std::string reason : {"length", "content_filter"}) {
    send(R"({"content":"x"})");
    proceed();
    text("not all");
    complete(reason);
    const auto ends = terminals(sent());
    REQUIRE(ends.size() == 1u);
    CHECK(ends[0].text("status") == "incomplete");
    CHECK(ends[0].text("finish_reason") == reason);
    CHECK(ends[0].content() == "not all");
  }
  send(R"({"content":"x"})");
  proceed();
  text("all");
  complete("banana");
  CHECK(terminals(sent()).at(0).text("status") == "completed");
}

TEST_CASE_FIXTURE(core_fixture, "answering: what the model said of its answer") {
  send(R"({"content":"x"})");
  proceed();
  text("a");
  completion_result result;
  result.finish_reason = "stop";
  result.model = "served/model";
  result.usage = R"({"prompt_tokens":12,"cost":0.0004})";
  result.used = {1, 12, 98, 0.0004};
  core.completed(run(), result, at);
  const auto ends = terminals(sent());
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].text("model") == "served/model");
  CHECK(ends[0].json("usage") == R"({"prompt_tokens":12,"cost":0.0004})");
  collect();
  const auto info = send(R"({"type":"command","op":"info"})");
  CHECK(info.at(0).number("data.usage.prompt_tokens") == 12);
  CHECK(info.at(0).number("data.usage.answers") == 1);
}

TEST_CASE_FIXTURE(core_fixture, "answering: events of a run that has ended are dropped") {
  send(R"({"content":"x"})");
  proceed();
  const run_number first = run();
  text("one");
  complete();
  send(R"({"content":"y","stream":true})");
  sent();
  core.text(first, "late", at);
  core.completed(first, {}, at);
  core.decided(first, {}, at);
  core.began(first, "late/model");
  CHECK(sent().empty());
  proceed();
  text("two");
  complete();
  core.completed(run(), {}, at);
  core.text(run(), "late", at);
  const auto ends = terminals(sent());
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].content() == "two");
  CHECK_FALSE(ends[0].has("model"));
  CHECK(answers.size() == 2u);
}

TEST_CASE_FIXTURE(core_fixture,
                  "answering: tokens before the application has decided are dropped") {
  send(R"({"content":"x"})");
  collect();
  REQUIRE(consults.size() == 1u);
  core.text(consults[0].run, "early", at);
  core.completed(consults[0].run, {}, at);
  CHECK(sent().empty());
  proceed();
  text("right");
  complete();
  CHECK(terminals(sent()).at(0).content() == "right");
}

TEST_CASE_FIXTURE(core_fixture, "answering: the application answers, streamed or not") {
  query_decision decision;
  decision.what = query_decision::kind::answer;
  decision.text = "from the cache";
  for (const std::string stream : {"true", "false"}) {
    send(R"({"content":"x","stream":)" + stream + "}");
    collect();
    core.decided(consults.back().run, decision, at);
    collect();
    const auto ends = terminals(sent());
    REQUIRE(ends.size() == 1u);
    CHECK(ends[0].content() == "from the cache");
    CHECK(ends[0].text("status") == "completed");
    CHECK(ends[0].phase() == (stream == "true" ? "end" : "full"));
  }
  CHECK(starts.empty());
  send(R"({"content":"y"})");
  consults.erase(consults.begin(), consults.end());
  const auto& request = proceed();
  CHECK(request.messages.size() == 6u);
  CHECK(request.messages[2].text() == "from the cache");
}

TEST_CASE_FIXTURE(core_fixture, "answering: the application refuses") {
  query_decision decision;
  decision.what = query_decision::kind::refuse;
  decision.why = error(errc::quota_exceeded, "Come back tomorrow");
  send(R"({"id":"q1","content":"x"})");
  collect();
  core.decided(consults.back().run, decision, at);
  const auto ends = terminals(sent());
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].type() == "error");
  CHECK(ends[0].code() == "quota_exceeded");
  CHECK(ends[0].content() == "Failed to generate response: Come back tomorrow");
  CHECK(ends[0].ref() == "q1");
  CHECK_FALSE(core.busy());
}

TEST_CASE_FIXTURE(core_fixture, "answering: the first decision counts") {
  send(R"({"id":"q1","content":"x"})");
  collect();
  const run_number first = consults.at(0).run;
  query_decision answer;
  answer.what = query_decision::kind::answer;
  answer.text = "a";
  core.decided(first, {}, at);
  core.decided(first, answer, at);
  core.decided(first, {}, at);
  consults.clear();
  collect();
  CHECK(starts.size() == 1u);
  CHECK(terminals(sent()).empty());
}

TEST_CASE_FIXTURE(core_fixture,
                  "answering: extra messages go before the question, this time only") {
  converse("first", "one");
  send(R"({"content":"second"})");
  collect();
  query_decision decision;
  decision.extra = {openrouter::chat_message::system("context"),
                    openrouter::chat_message::user("note")};
  core.decided(consults.back().run, decision, at);
  consults.clear();
  collect();
  core.change_settings([this] {
    session_settings own = core.settings();
    own.system_prompt = "P";
    return own;
  }());
  const std::string asked = transcript(*starts.back().request);
  CHECK(asked.substr(asked.find("|user:first")) ==
        "|user:first|assistant:one|system:context|user:note|user:second");
  text("two");
  complete();
  send(R"({"content":"third"})");
  CHECK(transcript(proceed()) ==
        "system:P|user:first|assistant:one|user:second|assistant:two|user:third");
}

TEST_CASE_FIXTURE(core_fixture, "answering: without a system prompt there is no system message") {
  session_settings own = core.settings();
  own.system_prompt.clear();
  core.change_settings(own);
  send(R"({"content":"x"})");
  CHECK(transcript(proceed()) == "user:x");
}

TEST_CASE_FIXTURE(core_fixture, "answering: content parts go to the model as they came") {
  send(R"({"content":[{"type":"text","text":"What is this?"},{"type":"image_url",)"
       R"("image_url":{"url":"https://h/i.png"}}]})");
  const auto& question = proceed().messages.back();
  CHECK(question.text() == "What is this?");
  CHECK(question.json() ==
        R"({"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url",)"
        R"("image_url":{"url":"https://h/i.png"}}]})");
}

TEST_CASE_FIXTURE(core_fixture, "answering: a query's own model and time limit") {
  send(R"({"type":"command","op":"set","data":{"model":"set/model"}})");
  send(R"({"content":"x","model":"query/model","timeout_ms":1500})");
  collect();
  CHECK(consults.at(0).query.timeout == 1500ms);
  CHECK(proceed().model == "query/model");
  complete();
  send(R"({"content":"x"})");
  collect();
  CHECK_FALSE(consults.at(0).query.timeout.has_value());
  CHECK(proceed().model == "set/model");
}

TEST_CASE("answering: a model that is not allowed is refused before anything runs") {
  session_settings settings;
  settings.allowed_models = {"good/one"};
  core_fixture talk(settings);
  const auto refused = talk.send(R"({"id":"q1","content":"x","model":"bad/one"})");
  REQUIRE(refused.size() == 1u);
  CHECK(refused[0].code() == "forbidden");
  CHECK(refused[0].ref() == "q1");
  CHECK_FALSE(refused[0].is_terminal());
  CHECK_FALSE(talk.core.busy());
  CHECK(talk.send(R"({"id":"q1","content":"x","model":"good/one"})").at(0).is_status("ack"));
}

TEST_CASE("answering: fallback models go with every request") {
  session_settings settings;
  settings.fallback_models = {"b/1", "c/2"};
  core_fixture talk(settings);
  talk.send(R"({"content":"x"})");
  CHECK(talk.proceed().fallback_models == settings.fallback_models);
}

TEST_CASE("answering: history is trimmed by whole turns, the system prompt always stays") {
  session_settings settings;
  settings.max_history = 5;
  settings.system_prompt = "P";
  core_fixture talk(settings);
  for (int i = 1; i <= 6; ++i) {
    const std::string n = std::to_string(i);
    talk.converse("q" + n, "a" + n);
  }
  CHECK(transcript(*talk.starts.back().request) ==
        "system:P|user:q4|assistant:a4|user:q5|assistant:a5|user:q6");
}

TEST_CASE_FIXTURE(core_fixture, "answering: a repeated id is never run again while it is running") {
  const auto first = send(R"({"id":"q1","content":"x"})");
  proceed();
  const auto again = send(R"({"id":"q1","content":"x"})");
  REQUIRE(again.size() == 1u);
  CHECK(again[0].is_status("ack"));
  CHECK(again[0].truth("duplicate"));
  CHECK(again[0].ref() == "q1");
  CHECK(again[0].text("stream") == first[0].text("stream"));
  complete();
  collect();
  CHECK(starts.size() == 1u);
  CHECK(consults.empty());
  CHECK(terminals(sent()).size() == 1u);
}

TEST_CASE("answering: a repeated id is never run again while it waits, not even in a full queue") {
  core_fixture talk(with_queue(1));
  talk.send(R"({"id":"q1","content":"x"})");
  talk.send(R"({"id":"q2","content":"y"})");
  const auto again = talk.send(R"({"id":"q2","content":"y"})");
  REQUIRE(again.size() == 1u);
  CHECK(again[0].is_status("ack"));
  CHECK(again[0].truth("duplicate"));
  CHECK(again[0].number("position") == 1);
  CHECK(talk.core.waiting().size() == 1u);
}

TEST_CASE_FIXTURE(core_fixture, "answering: a repeated id gets its answer again") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  text("the answer");
  complete();
  const auto once = terminals(sent()).at(0);
  const auto again = send(R"({"id":"q1","content":"something else"})");
  REQUIRE(again.size() == 2u);
  CHECK(again[0].is_status("ack"));
  CHECK(again[0].truth("duplicate"));
  CHECK(again[1].is_terminal());
  CHECK(again[1].ref() == "q1");
  CHECK(again[1].content() == "the answer");
  CHECK(again[1].text("status") == "completed");
  CHECK(again[1].number("seq") == once.number("seq"));
  collect();
  CHECK(consults.empty());
  CHECK(starts.size() == 1u);
}

// Idempotency lasts for 1024 ids or 5 minutes, whatever became of the query meanwhile.
TEST_CASE("answering: a repeated id is not run again, however its query ended") {
  core_fixture talk;
  talk.send(R"({"id":"q0","content":"running"})");
  talk.proceed();
  const auto run_again = [&talk](const std::string& id) {
    const std::size_t before = talk.starts.size() + talk.core.waiting().size();
    const auto frames = talk.send(R"({"id":")" + id + R"(","content":"x"})");
    talk.collect();
    const std::size_t after =
        talk.starts.size() + talk.core.waiting().size() + talk.consults.size();
    return after != before || frames.empty() || !frames[0].truth("duplicate");
  };

  SUBCASE("failed") {
    talk.fail(errc::provider_error);
    CHECK_FALSE(run_again("q0"));
  }
  SUBCASE("cancelled while it ran") {
    talk.send(R"({"type":"command","op":"cancel"})");
    talk.collect();
    CHECK_FALSE(run_again("q0"));
  }
  SUBCASE("cancelled while it waited") {
    talk.send(R"({"id":"q1","content":"x"})");
    talk.send(R"({"type":"command","op":"cancel","ref":"q1"})");
    CHECK_FALSE(run_again("q1"));
  }
  SUBCASE("forgotten by clear") {
    talk.complete();
    talk.send(R"({"type":"command","op":"clear"})");
    CHECK_FALSE(run_again("q0"));
  }
  SUBCASE("answered again by regenerate") {
    talk.complete();
    talk.send(R"({"type":"command","op":"regenerate","id":"g1"})");
    talk.proceed();
    talk.complete();
    CHECK_FALSE(run_again("q0"));
    CHECK_FALSE(run_again("g1"));
  }
}

TEST_CASE_FIXTURE(core_fixture,
                  "answering: a repeated id is not run again, however long its query takes") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  send(R"({"id":"q2","content":"y"})");
  pass(6min);
  for (const std::string id : {"q1", "q2"}) {
    CAPTURE(id);
    const auto again = send(R"({"id":")" + id + R"(","content":"x"})");
    REQUIRE_FALSE(again.empty());
    CHECK(again[0].truth("duplicate"));
  }
  CHECK(core.waiting().size() == 1u);
}

TEST_CASE_FIXTURE(core_fixture,
                  "answering: an id is free again when nobody can repeat it any more") {
  converse("x", "one", "q1");
  pass(5min + core.settings().resume_window - 1ms);
  CHECK(send(R"({"id":"q1","content":"x"})").at(0).json("duplicate") == "true");
  pass(1ms);
  CHECK(send(R"({"id":"q1","content":"x"})").at(0).json("duplicate") == "false");
  proceed();
  text("two");
  complete();
  CHECK(terminals(sent()).at(0).content() == "two");
}

TEST_CASE_FIXTURE(core_fixture, "answering: urgent questions first, and each is told its place") {
  send(R"({"id":"q1","content":"x"})");
  proceed();
  const auto place = [this](const std::string& id, int priority) {
    const auto frames =
        send(R"({"id":")" + id + R"(","content":"x","priority":)" + std::to_string(priority) + "}");
    CHECK(frames.at(1).is_status("queued"));
    CHECK(frames.at(1).number("position") == frames.at(0).number("position"));
    return frames.at(0).number("position");
  };
  CHECK(place("low", 0) == 1);
  CHECK(place("mid", 5) == 1);
  CHECK(place("mid2", 5) == 2);
  CHECK(place("high", 9) == 1);
  CHECK(place("low2", 0) == 5);
  complete();
  for (int i = 0; i < 5; ++i) {
    proceed();
    complete();
  }
  CHECK(refs(terminals(sent())) == "q1 high mid mid2 low low2 ");
}

TEST_CASE("answering: a repeated id is not run again when its turn was trimmed away") {
  session_settings settings;
  settings.max_history = 2;
  core_fixture talk(settings);
  for (const std::string id : {"q1", "q2", "q3"}) talk.converse("x", "y", id);
  const std::size_t before = talk.starts.size();
  const auto again = talk.send(R"({"id":"q1","content":"x"})");
  talk.collect();
  CHECK(talk.consults.empty());
  CHECK(talk.starts.size() == before);
  CHECK(again.at(0).truth("duplicate"));
}

TEST_CASE_FIXTURE(core_fixture, "answering: ids of the server's making are no client's") {
  send(R"({"id":"q_1","content":"mine"})");
  const auto other = send(R"({"content":"no id"})");
  proceed();
  complete();
  proceed();
  complete();
  const auto ends = terminals(sent());
  REQUIRE(ends.size() == 2u);
  CHECK(ends[0].ref() == "q_1");
  CHECK(ends[1].ref() != "q_1");
}

TEST_CASE_FIXTURE(core_fixture, "answering: numbered messages count 1, 2, 3 without a gap") {
  std::int64_t last = 0;
  const auto look = [&last](const std::vector<frame>& frames) {
    for (const frame& each : frames) {
      if (each.is_numbered()) CHECK(each.number("seq") == ++last);
    }
  };
  look(send(R"({"id":"q1","content":"x","stream":true})"));
  look(send(R"({"id":"q2","content":"x"})"));
  look(send(R"({"id":"q3","content":"x","stream":true})"));
  look(send(R"({"id":"q4","content":"x"})"));
  proceed();
  text("a");
  core.notify("n", {}, {}, false, at);
  look(sent());
  complete();
  proceed();
  fail(errc::provider_error);
  look(sent());
  look(send(R"({"type":"command","op":"cancel","ref":"q4"})"));
  look(send(R"({"type":"command","op":"cancel"})"));
  look(send(R"({"type":"command","op":"nonsense"})"));
  look(send("garbage"));
  core.expired(at);
  look(sent());
  CHECK(last == 8);
}

TEST_CASE_FIXTURE(core_fixture, "answering: what is kept is enough to rebuild the conversation") {
  keep_records(true);
  send(R"({"id":"q1","content":"x"})");
  send(R"({"id":"q2","content":"y"})");
  proceed();
  text("one");
  complete();
  send(R"({"type":"command","op":"cancel","ref":"q2"})");
  collect();
  std::string kinds;
  const auto records = frames_of(stored);
  for (const frame& each : records) {
    const std::string name = each.has("ends") ? each.text("ends") : each.text("id");
    kinds += each.text("kind") + ":" + (each.text("kind") == "session" ? "" : name) + " ";
  }
  CHECK(kinds == "session: query:q1 query:q2 message:q1 turn:q1 message:q2 turn:q2 ");
  CHECK(records.at(4).text("answer.text") == "one");
  CHECK(records.at(6).text("status") == "cancelled");
}

TEST_CASE_FIXTURE(core_fixture, "answering: a run can be ended whoever it waits for") {
  for (const bool decided : {false, true}) {
    CAPTURE(decided);
    send(R"({"content":"x"})");
    collect();
    const run_number asked = consults.at(0).run;
    if (decided) proceed();
    consults.clear();
    core.failed(asked + 1, error(errc::timeout_total), at);
    CHECK(core.running());
    core.failed(asked, error(errc::timeout_total), at);
    collect();
    CHECK_FALSE(core.running());
    CHECK(cancels.back() == asked);
    const auto ends = terminals(sent());
    REQUIRE(ends.size() == 1u);
    CHECK(ends[0].code() == "timeout_total");
    core.decided(asked, {}, at);
    core.failed(asked, error(errc::timeout_total), at);
    collect();
    CHECK(sent().empty());
  }
  CHECK(starts.size() == 1u);
}
