// SPDX-License-Identifier: MIT
#include <agent_websocket/session/restoring.hpp>

#include "restored_life.hpp"

#include <agent_websocket/session/identity.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

using texts = std::vector<std::string>;

/// What a life did, and what clients of it hold.
struct life {
  const char* name;
  std::function<void(kept_core&)> live;
};

void complete_with(kept_core& talk, std::string reasoning_details, std::string annotations = {}) {
  completion_result result;
  result.finish_reason = "stop";
  result.model = "served/model";
  result.reasoning_details = std::move(reasoning_details);
  result.annotations = std::move(annotations);
  result.used = {1, 10, 20, 0.125, true, true};
  result.usage = R"({"prompt_tokens":10})";
  talk.core.completed(talk.run(), std::move(result), talk.at);
  talk.collect();
  talk.sent();
}

const life lives[] = {
    {"a plain answer", [](kept_core& talk) { talk.converse("x \"y\"\n\xc3\xa9", "answer", "q"); }},
    {"a question without an id", [](kept_core& talk) { talk.converse("x", "y"); }},
    {"several answers",
     [](kept_core& talk) {
       for (int i = 0; i < 5; ++i) {
         talk.pass(1500ms);
         talk.converse("x" + std::to_string(i), "y", "q" + std::to_string(i));
       }
     }},
    {"a streamed answer",
     [](kept_core& talk) {
       talk.send(R"({"id":"q","content":"x","stream":true,"meta":{"tab":[1, 2]}})");
       talk.proceed();
       talk.text("a");
       talk.sent();
       talk.pass(10ms);
       talk.text("b");
       talk.complete();
     }},
    {"an answer that failed",
     [](kept_core& talk) {
       talk.send(R"({"id":"q","content":"x"})");
       talk.proceed();
       talk.fail(errc::provider_error);
       talk.send(R"({"id":"q2","content":"x","stream":true})");
       talk.proceed();
       talk.text("half");
       talk.fail(errc::timeout_idle);
     }},
    {"an answer that was cut",
     [](kept_core& talk) {
       talk.send(R"({"id":"q","content":"x"})");
       talk.proceed();
       talk.text("half");
       talk.complete("length");
     }},
    {"answers that were cancelled",
     [](kept_core& talk) {
       talk.send(R"({"id":"q","content":"x"})");
       talk.proceed();
       talk.text("half");
       talk.send(R"({"id":"w","content":"x"})");
       talk.send(R"({"type":"command","op":"cancel","ref":"w"})");
       talk.send(R"({"type":"command","op":"cancel","id":"c"})");
     }},
    {"an answer of the application, and a refusal",
     [](kept_core& talk) {
       talk.send(R"({"id":"q","content":"x"})");
       talk.collect();
       query_decision decision;
       decision.what = query_decision::kind::answer;
       decision.text = "mine";
       talk.core.decided(talk.consults.back().run, decision, talk.at);
       talk.send(R"({"id":"q2","content":"x"})");
       talk.collect();
       talk.core.decided(talk.consults.back().run,
                         query_decision::refusal(error(errc::forbidden, "No")), talk.at);
       talk.collect();
       talk.consults.clear();
     }},
    {"reasoning that must come back byte for byte",
     [](kept_core& talk) {
       talk.send(R"({"id":"q","content":"x","stream":true})");
       talk.proceed();
       talk.core.reasoning(talk.run(), "hm", talk.at);
       talk.text("y");
       complete_with(talk,
                     "[ {\"type\":\"reasoning.text\",  \"text\":\"\\u00e9 \\/ \xc3\xa9\", "
                     "\"signature\":\"A+/=\",\"n\":1.50e+1 } ]",
                     R"([{"type":"url_citation","url_citation":{"url":"https://x"}}])");
     }},
    {"calls of tools",
     [](kept_core& talk) {
       talk.send(R"({"id":"q","content":"x","stream":true})");
       talk.proceed();
       talk.text("let me see");
       talk.call({{"a", "weather", "{\"city\" : \"Rome\"}"}, {"b", "nothing", "{}"}});
       talk.reply("t_1", "sunny \"there\"");
       talk.text("It is sunny");
       complete_with(talk, "[{\"x\":1.0}]");
     }},
    {"calls that a person has decided",
     [](kept_core& talk) {
       talk.ask_and_call({{"a", "erase", R"({"city":"Rome"})"}, {"b", "ask", "{}"}});
       talk.decide("edit", "f_1", R"(,"id":"d1","data":{"city":"Oslo"})");
       talk.decide("answer", "f_2", R"(,"id":"d2","content":"blue")");
       talk.reply("t_1", "erased");
       talk.text("done");
       talk.complete();
     }},
    {"calls that were cut off",
     [](kept_core& talk) {
       talk.ask_and_call({{"a", "weather", R"({"city":"Rome"})"}});
       talk.reply("t_1", "sunny");
       talk.fail(errc::provider_error);
     }},
    {"parts and pictures",
     [](kept_core& talk) {
       talk.send(
           R"({"id":"q","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]})");
       talk.proceed();
       talk.text("nice");
       completion_result result;
       result.images = R"([{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}])";
       result.finish_reason = "stop";
       talk.core.completed(talk.run(), std::move(result), talk.at);
     }},
    {"an answer made again",
     [](kept_core& talk) {
       talk.converse("x", "y", "q");
       talk.converse("x2", "y2", "q2");
       talk.send(R"({"type":"command","op":"regenerate","id":"g"})");
       talk.proceed();
       talk.text("y3");
       talk.complete();
       talk.send(R"({"type":"command","op":"regenerate"})");
       talk.proceed();
       talk.fail(errc::provider_error);
     }},
    {"feedback",
     [](kept_core& talk) {
       talk.converse("x", "y", "q");
       talk.send(R"({"type":"human_feedback","id":"f1","ref":"q","rating":-0.5,"content":"no"})");
       talk.pass(20ms);
       talk.send(R"({"type":"human_feedback","ref":"q","correction":"it is 42"})");
       talk.converse("x2", "y2", "q2");
       talk.send(R"({"type":"human_feedback","id":"f3","rating":1})");
     }},
    {"a cleared conversation",
     [](kept_core& talk) {
       talk.converse("x", "y", "q");
       talk.send(R"({"type":"command","op":"clear"})");
       talk.converse("x2", "y2", "q2");
     }},
    {"choices",
     [](kept_core& talk) {
       talk.send(
           R"({"type":"command","op":"set","id":"s1","data":{"model":"m","temperature":0.25,"max_tokens":7,"system":"S"}})");
       talk.send(R"({"type":"command","op":"set","id":"s2","data":{"model":null}})");
     }},
    {"settings of its own",
     [](kept_core& talk) {
       session_settings own = talk.core.settings();
       own.system_prompt = "own \"prompt\"";
       own.fallback_models = {"a", "b"};
       own.max_history = 4;
       own.client_tools = false;
       own.temperature = 0.1;
       own.welcome_data = R"({"a":1})";
       talk.core.change_settings(own);
       for (int i = 0; i < 4; ++i) talk.converse("x", "y", "q" + std::to_string(i));
       own.system_prompt = tool_settings().system_prompt;  // as for all others, again
       own.client_settings.clear();
       talk.core.change_settings(own);
       talk.converse("x", "y", "q5");
     }},
    {"notifications",
     [](kept_core& talk) {
       for (int i = 0; i < 3; ++i) {
         talk.core.notify("n", "topic", R"({"frame":{"a":1},"b":",\"frame\":"})", false, talk.at);
         talk.core.notify("lost", {}, {}, true, talk.at);
       }
     }},
    {"ids that would mislead a reader",
     [](kept_core& talk) {
       talk.send(R"({"id":"m","content":",\"frame\":{","meta":{"frame":{"a":",\"frame\":"}}})");
       talk.proceed();
       talk.complete();
       talk.converse("x", "y", "r_9");
       talk.converse("x", "y", "q_e1_1");
       talk.converse("x", "y");
     }},
    {"nothing but a notification", [](kept_core& talk) {
       talk.core.notify("n", {}, {}, false, talk.at);
     }},
};

/// The ids of clients that its records know of.
texts ids_of(const texts& records) {
  std::set<std::string> found;
  for (const frame& each : frames_of(records)) {
    const bool claims = each.text("kind") == "claim" || each.truth("claimed");
    if (claims) found.insert(each.text("id"));
  }
  return {found.begin(), found.end()};
}

}  // namespace

TEST_CASE("restoring: a session is the same again, from its records and from a checkpoint") {
  for (const life& each : lives) {
    for (const bool from_checkpoint : {false, true}) {
      CAPTURE(each.name);
      CAPTURE(from_checkpoint);
      kept_core talk;
      each.live(talk);
      talk.collect();
      talk.sent();
      talk.pass(2s);
      const texts records = from_checkpoint ? talk.core.checkpoint(talk.at) : talk.stored;
      restored_core again(talk, records);
      CHECK(again.stored.size() == records.size());  // it makes none of its own
      CHECK(again.core.worth_keeping());
      CHECK_FALSE(again.core.busy());
      CHECK(seen(again.core) == seen(talk.core));
      const texts expected = talk.core.checkpoint(talk.at);
      const texts made_again = again.core.checkpoint(again.at);
      REQUIRE(made_again.size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) CHECK(made_again[i] == expected[i]);
      check_same_behaviour(talk, again, ids_of(talk.stored), {"token", "other", ""});
    }
  }
}

TEST_CASE("restoring: a checkpoint and what comes after it") {
  for (const life& first : lives) {
    for (const life& second : {lives[0], lives[3], lives[9], lives[13], lives[14], lives[15]}) {
      CAPTURE(first.name);
      CAPTURE(second.name);
      kept_core talk;
      first.live(talk);
      talk.collect();
      talk.sent();
      talk.stored = talk.core.checkpoint(talk.at);
      talk.pass(claimed_ids::max_age + talk.defaults.resume_window + 1s);  // ids are free again
      if (&first != &lives[9] && second.name != lives[9].name) second.live(talk);
      talk.collect();
      talk.sent();
      const restored_core again(talk, talk.stored);
      CHECK(seen(again.core) == seen(talk.core));
    }
  }
}

TEST_CASE("restoring: messages go on with their numbers, and clients resume as before") {
  kept_core talk;
  talk.converse("x", "y", "q");
  restored_core again(talk, talk.stored);
  again.resume(R"({"token":"token","last_seq":0,"epoch":"e1"})", 5);
  again.collect();
  const auto frames = again.sent(5);
  REQUIRE(frames.size() == 3u);
  CHECK(frames[0].text("reason") == "ok");
  CHECK(frames[0].truth("recovered"));
  CHECK(frames[1].phase() == "full");
  CHECK(frames[1].truth("replay"));
  again.core.notify("n", {}, {}, false, again.at);
  again.collect();
  CHECK(again.sent(5).at(0).number("seq") == 2);
}

TEST_CASE("restoring: a log that has forgotten its oldest begins where it did") {
  session_settings settings = tool_settings();
  settings.max_log_messages = 5;
  kept_core talk(settings);
  for (int i = 0; i < 12; ++i) talk.core.notify("n" + std::to_string(i), {}, {}, false, talk.at);
  talk.collect();
  for (const texts& records : {talk.stored, talk.core.checkpoint(talk.at)}) {
    const restored_core again(talk, records);
    CHECK(again.core.output().log().oldest() == 8u);
    CHECK(seen(again.core) == seen(talk.core));
  }
  CHECK(talk.core.checkpoint(talk.at).size() == 6u);
}

TEST_CASE("restoring: resume tokens that were given are accepted, those that are spent are not") {
  kept_core talk;
  talk.converse("x", "y", "q");
  talk.core.detached(1, talk.at);
  // The token is the hello of the fixture with a word before it.
  const auto hello = [](const std::string& token) {
    return R"({"token":")" + token + R"(","last_seq":0,"epoch":"e1"})";
  };
  talk.core.opened(3, "second", talk.at);
  talk.resume(hello("token"), 2);
  talk.send(R"({"type":"command","op":"ack","seq":1})", 2);
  talk.collect();
  CHECK_FALSE(talk.core.accepts_token("token"));
  for (const texts& records : {talk.stored, talk.core.checkpoint(talk.at)}) {
    const restored_core again(talk, records);
    CHECK_FALSE(again.core.accepts_token("token"));
    CHECK(again.core.accepts_token("second"));
    CHECK_FALSE(again.core.accepts_token(""));
  }
  for (const std::string& each : talk.stored) CHECK(each.find("second") == std::string::npos);
}

TEST_CASE("restoring: claimed ids grow old while nobody has the session") {
  kept_core talk;
  talk.converse("x", "y", "q");
  talk.pass(claimed_ids::max_age);
  talk.converse("x", "y", "q2");
  for (const texts& records : {talk.stored, talk.core.checkpoint(talk.at)}) {
    restored_core again(talk.defaults, talk.at);
    again.pass(talk.defaults.resume_window + 1s);
    REQUIRE(again.take(records));
    again.open();
    again.sent();
    CHECK(with_op(again.send(R"({"id":"q2","content":"x"})"), "ack").at(0).truth("duplicate"));
    CHECK_FALSE(with_op(again.send(R"({"id":"q","content":"x"})"), "ack").at(0).truth("duplicate"));
  }
}

TEST_CASE("restoring: older turns that were driven out do not come back, others do not go") {
  session_settings settings = tool_settings();
  settings.max_history = 3;
  kept_core failed(settings);
  failed.converse("old", "y", "q1");
  failed.converse("new", "y", "q2");
  failed.send(R"({"id":"q3","content":"x"})");
  failed.proceed();
  failed.fail(errc::provider_error);  // its question counted while it ran
  CHECK(failed.core.history().turns().size() == 2u);
  failed.send(R"({"type":"human_feedback","ref":"q2","correction":"better"})");
  failed.collect();
  CHECK(failed.core.history().turns().size() == 2u);
  for (const texts& records : {failed.stored, failed.core.checkpoint(failed.at)})
    CHECK(seen(restored_core(failed, records).core) == seen(failed.core));

  settings.max_history = 4;
  kept_core corrected(settings);
  corrected.converse("old", "y", "q1");
  corrected.converse("new", "y", "q2");
  corrected.send(R"({"type":"human_feedback","ref":"q1","correction":"better"})");
  CHECK(corrected.core.history().turns().size() == 1u);
  corrected.send(R"({"type":"command","op":"regenerate"})");
  corrected.proceed();
  corrected.fail(errc::provider_error);
  CHECK(corrected.core.history().turns().size() == 1u);
  for (const texts& records : {corrected.stored, corrected.core.checkpoint(corrected.at)})
    CHECK(seen(restored_core(corrected, records).core) == seen(corrected.core));
}

// ---- what was open

namespace {

/// The terminal messages of that query in the log.
std::vector<frame> ends_of(const session_core& core, std::string_view id) {
  std::vector<frame> found;
  const message_log& log = core.output().log();
  for (std::uint64_t seq = log.oldest(); seq <= log.top(); ++seq) {
    const frame each(log.at(seq));
    if (each.is_terminal() && each.ref() == id) found.push_back(each);
  }
  return found;
}
int starts_of(const session_core& core, std::string_view id) {
  int count = 0;
  const message_log& log = core.output().log();
  for (std::uint64_t seq = log.oldest(); seq <= log.top(); ++seq) {
    const frame each(log.at(seq));
    if (each.phase() == "start" && each.ref() == id) ++count;
  }
  return count;
}

std::vector<texts> both_of(const kept_core& talk) {
  return {talk.stored, talk.core.checkpoint(talk.at)};
}

}  // namespace

TEST_CASE("restoring: what ran and what waited has been interrupted, each once") {
  kept_core talk;
  talk.converse("before", "y", "q0");
  talk.send(R"({"id":"q1","content":"first","meta":{"tab":1}})");
  talk.proceed();
  talk.text("half");
  talk.send(R"({"id":"q2","content":"second"})");
  talk.send(R"({"content":"third"})");
  talk.collect();
  for (const texts& records : both_of(talk)) {
    restored_core again(talk, records);
    CHECK_FALSE(again.core.busy());
    CHECK(again.starts.empty());
    for (const char* id : {"q1", "q2", "q_e1_1"}) {
      CAPTURE(std::string(id));
      const auto ends = ends_of(again.core, id);
      REQUIRE(ends.size() == 1u);
      CHECK(ends[0].type() == "error");
      CHECK(ends[0].code() == "interrupted");
      CHECK(ends[0].truth("retryable"));
      CHECK(ends[0].json("meta") == (std::string(id) == "q1" ? R"({"tab":1})" : "null"));
    }
    CHECK(again.core.output().log().top() == 4u);
    // The questions stay, so that they can be answered again.
    REQUIRE(again.core.history().turns().size() == 4u);
    CHECK(again.core.history().turns()[3].question.text() == "third");
    CHECK(again.core.history().turns()[3].status == wire::answer_status::failed);
    again.open();
    again.sent();
    CHECK(with_op(again.send(R"({"id":"q1","content":"first"})"), "ack").at(0).truth("duplicate"));
    again.send(R"({"type":"command","op":"regenerate"})");
    CHECK(again.proceed().messages.back().text() == "third");
  }
}

TEST_CASE("restoring: a streamed answer that was cut has one start and an end that failed") {
  for (const bool started : {false, true}) {
    kept_core talk;
    talk.send(R"({"id":"q","content":"x","stream":true})");
    talk.proceed();
    if (started) talk.text("half");
    talk.send(R"({"id":"w","content":"x","stream":true})");
    talk.collect();
    for (const texts& records : both_of(talk)) {
      const restored_core again(talk, records);
      for (const char* id : {"q", "w"}) {
        CAPTURE(std::string(id));
        CHECK(starts_of(again.core, id) == 1);
        const auto ends = ends_of(again.core, id);
        REQUIRE(ends.size() == 1u);
        CHECK(ends[0].phase() == "end");
        CHECK(ends[0].text("status") == "failed");
        CHECK(ends[0].text("error.code") == "interrupted");
        CHECK(ends[0].text("stream") == (std::string(id) == "q" ? "r_1" : "r_2"));
      }
    }
  }
}

TEST_CASE("restoring: open questions to people are withdrawn, before their query ends") {
  kept_core talk;
  talk.ask_and_call({{"a", "erase", R"({"city":"Rome"})"}, {"b", "ask", "{}"}});
  for (const texts& records : both_of(talk)) {
    restored_core again(talk, records);
    const message_log& log = again.core.output().log();
    REQUIRE(log.top() == 5u);
    for (std::uint64_t i = 0; i < 2; ++i) {
      const frame resolved(log.at(3 + i));
      CHECK(resolved.op() == "feedback_resolved");
      CHECK(resolved.ref() == "f_" + std::to_string(i + 1));
      CHECK(resolved.text("decision") == "reject");
      CHECK(resolved.text("reason") == "cancelled");
    }
    CHECK(frame(log.at(5)).code() == "interrupted");
    // Ids of requests and of calls are not given twice.
    again.open();
    again.sent();
    again.ask_and_call({{"a", "erase", R"({"city":"Rome"})"}}, R"({"id":"n","content":"x"})");
    const frame asked(log.at(6));
    CHECK(asked.text("id") == "f_3");
    again.decide("approve");
    REQUIRE(again.tools.size() == 1u);
    CHECK(again.tools[0].call != "t_1");
    CHECK(again.tools[0].call != "t_2");
  }
}

TEST_CASE("restoring: ids of calls are never given again, however often it happens") {
  kept_core talk;
  texts records;
  std::set<std::string> calls;
  talk.ask_and_call({{"a", "weather", R"({"city":"Rome"})"}});
  calls.insert(talk.tools.at(0).call);
  records = talk.stored;
  for (int i = 0; i < 4; ++i) {
    CAPTURE(i);
    restored_core again(talk, records);
    again.open();
    again.sent();
    const std::string id = "again" + std::to_string(i);
    again.ask_and_call({{"a", "weather", R"({"city":"Rome"})"}},
                       R"({"content":"x","id":")" + id + R"("})");
    REQUIRE(again.tools.size() == 1u);
    CHECK(calls.insert(again.tools[0].call).second);
    records = i % 2 == 0 ? again.stored : again.core.checkpoint(again.at);
  }
}

TEST_CASE("restoring: the model's ids of calls stay unique in what it is told") {
  kept_core talk;
  talk.ask_and_call({{"a", "weather", R"({"city":"Rome"})"}});
  talk.reply("t_1", "sunny");
  talk.text("y");
  talk.complete();
  for (const texts& records : both_of(talk)) {
    restored_core again(talk, records);
    again.open();
    again.sent();
    again.ask_and_call({{"a", "weather", R"({"city":"Oslo"})"}}, R"({"id":"n","content":"x"})");
    again.reply(again.tools.at(0).call, "rain");
    std::set<std::string> ids;
    for (const auto& each : again.starts.back().request->messages) {
      const frame message(each.json());
      if (message.has("tool_calls.0.id")) CHECK(ids.insert(message.text("tool_calls.0.id")).second);
    }
    CHECK(ids.size() == 2u);
  }
}

TEST_CASE("restoring: an answer that was being made again is kept as it was") {
  kept_core talk;
  talk.converse("x", "y", "q");
  talk.send(R"({"type":"human_feedback","id":"f","ref":"q","rating":1})");
  talk.send(R"({"type":"command","op":"regenerate","id":"g"})");
  talk.proceed();
  talk.text("half");
  talk.collect();
  for (const texts& records : both_of(talk)) {
    const restored_core again(talk, records);
    CHECK(ends_of(again.core, "g").size() == 1u);
    REQUIRE(again.core.history().turns().size() == 1u);
    const turn& only = again.core.history().turns()[0];
    CHECK(only.question.text() == "x");
    CHECK(only.text() == "y");
    CHECK(only.feedback.size() == 1u);
  }
}

TEST_CASE("restoring: twice gives the same again, also when the second finds nothing open") {
  kept_core talk;
  talk.converse("before", "y", "q0");
  talk.ask_and_call({{"a", "erase", R"({"city":"Rome"})"}}, R"({"id":"q1","content":"x"})");
  talk.send(R"({"id":"q2","content":"y","stream":true})");
  talk.collect();
  for (const texts& records : both_of(talk)) {
    const restored_core once(talk, records);
    CHECK(once.stored.size() > records.size());
    for (const texts& more : {once.stored, once.core.checkpoint(once.at)}) {
      const restored_core twice(talk, more);
      CHECK(twice.stored.size() == more.size());
      CHECK(seen(twice.core) == seen(once.core));
    }
    // What of it was not kept any more happens again, in the same way.
    for (std::size_t kept = records.size(); kept < once.stored.size(); ++kept) {
      CAPTURE(kept);
      const texts some(once.stored.begin(),
                       once.stored.begin() + static_cast<std::ptrdiff_t>(kept));
      const restored_core twice(talk, some);
      CHECK(twice.core.output().log().top() == once.core.output().log().top());
      for (const char* id : {"q1", "q2"}) CHECK(ends_of(twice.core, id).size() == 1u);
      CHECK(starts_of(twice.core, "q2") == 1);
    }
  }
}

TEST_CASE("restoring: a query that was withdrawn is not there, and its id is free") {
  core_fixture talk;
  talk.open();
  talk.sent();
  talk.keep_records();
  talk.send(R"({"id":"q","content":"x"})");
  talk.core.not_kept(talk.at);
  talk.collect();
  talk.keep_all();
  core_fixture again;
  REQUIRE(again.core.restore(talk.stored, again.at));
  CHECK(again.core.output().log().top() == 0u);
  CHECK(again.core.history().empty());
  again.keeps_at_once = true;
  const auto acked = again.send(R"({"id":"q","content":"x"})");
  CHECK_FALSE(acked.at(0).truth("duplicate"));
}

TEST_CASE("restoring: cut after any record, every query that was told of ends once") {
  kept_core talk;
  talk.converse("x", "y", "q0");
  talk.ask_and_call({{"a", "erase", R"({"city":"Rome"})"}},
                    R"({"id":"q1","content":"x","stream":true})");
  talk.send(R"({"id":"q2","content":"x","stream":true})");
  talk.decide("approve", "f_1", R"(,"id":"d")");
  talk.reply("t_1", "erased");
  talk.text("z");
  talk.complete();
  talk.send(R"({"type":"command","op":"cancel","id":"c"})");
  talk.send(R"({"type":"command","op":"clear"})");
  talk.collect();
  for (std::size_t kept = 1; kept <= talk.stored.size(); ++kept) {
    CAPTURE(kept);
    const texts some(talk.stored.begin(), talk.stored.begin() + static_cast<std::ptrdiff_t>(kept));
    restored_core again(talk, some);
    std::set<std::string> asked;
    for (const frame& each : frames_of(some)) {
      if (each.text("kind") == "query") asked.insert(each.text("id"));
    }
    for (const std::string& id : asked) {
      CAPTURE(id);
      CHECK(ends_of(again.core, id).size() == 1u);
      CHECK(starts_of(again.core, id) == (id == "q0" ? 0 : 1));
    }
    const restored_core twice(talk, again.stored);
    CHECK(seen(twice.core) == seen(again.core));
  }
}

// ---- records that are not right

namespace {

result<void> outcome_of(const texts& records) {
  core_fixture fresh;
  return fresh.core.restore(records, fresh.at);
}

}  // namespace

TEST_CASE("restoring: damaged records are refused in words") {
  kept_core talk;
  lives[9].live(talk);
  talk.send(R"({"type":"command","op":"set","id":"s1","data":{"model":"m"}})");
  talk.collect();
  for (std::size_t i = 0; i < talk.stored.size(); ++i) {
    CAPTURE(talk.stored[i]);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, talk.stored[i].size() / 2,
                                   talk.stored[i].size() - 1}) {
      texts damaged = talk.stored;
      damaged[i].resize(size);
      const auto outcome = outcome_of(damaged);
      REQUIRE_FALSE(outcome);
      CHECK(outcome.error().code == errc::bad_json);
      CHECK_FALSE(outcome.error().message.empty());
    }
  }
  struct wrong {
    const char* record;
    const char* kind;
  };
  for (const wrong& each :
       {wrong{R"({"kind":"message","seq":1})", "message"},
        wrong{R"({"kind":"message","seq":1,"frame":7})", "message"},
        wrong{R"({"kind":"message","seq":1,"frame":{"a":1},"more":2})", "message"},
        wrong{R"({"kind":"message","seq":0,"frame":{}})", "message"},
        wrong{R"({"kind":"message","seq":2,"frame":{}})", "message"},
        wrong{R"({"kind":"message","seq":-1,"frame":{}})", "message"},
        wrong{R"({"kind":"query","id":"q"})", "query"},
        wrong{R"({"kind":"query","stream":"r_1"})", "query"},
        wrong{R"({"kind":"withdrawn"})", "withdrawn"},
        wrong{R"({"kind":"turn","id":"q"})", "turn"},
        wrong{R"({"kind":"turn","id":"q","seq":1,"status":"odd","question":{"role":"user","text":"x"}})",
              "turn"},
        wrong{R"({"kind":"turn","id":"q","seq":1,"status":"completed","question":{"role":"odd","text":"x"}})",
              "turn"},
        wrong{R"({"kind":"claim"})", "claim"}, wrong{R"({"kind":"asked"})", "asked"},
        wrong{R"({"kind":"tokens","tokens":[{"sha256":"short"}]})", "tokens"},
        wrong{R"({"kind":"tokens","tokens":[{}]})", "tokens"}}) {
    CAPTURE(std::string(each.record));
    kept_core first;
    first.core.notify("n", {}, {}, false, first.at);
    first.collect();
    const auto outcome = outcome_of({first.stored.front(), each.record});
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == errc::bad_message);
    CHECK(outcome.error().message.find(each.kind) != std::string::npos);
  }
}

TEST_CASE("restoring: records in another order, twice or missing are noticed where it matters") {
  kept_core talk;
  for (int i = 0; i < 3; ++i) talk.core.notify("n", {}, {}, false, talk.at);
  talk.collect();
  REQUIRE(talk.stored.size() == 4u);
  const texts& all = talk.stored;
  CHECK(outcome_of(all));
  CHECK_FALSE(outcome_of({all[0], all[2], all[1], all[3]}));
  CHECK_FALSE(outcome_of({all[0], all[1], all[3]}));
  CHECK_FALSE(outcome_of({all[0], all[1], all[1]}));
  CHECK_FALSE(outcome_of({all[0], all[1], all[0]}));  // who it is, in the middle
  CHECK_FALSE(outcome_of({all[1], all[0], all[2]}));
  CHECK_FALSE(outcome_of({all[1], all[2]}));
}

TEST_CASE("restoring: what a later version may have added is done without") {
  kept_core talk;
  talk.converse("x", "y", "q");
  texts more = talk.stored;
  more.push_back(R"({"kind":"dream","of":"sheep"})");
  more.push_back(R"({"no":"kind"})");
  more.push_back(R"([1])");
  CHECK(outcome_of(more));
}

TEST_CASE("restoring: members of the wrong type, anywhere, are no crash") {
  kept_core talk;
  lives[9].live(talk);
  lives[14].live(talk);
  lives[16].live(talk);
  talk.send(R"({"id":"open","content":"x"})");
  talk.collect();
  for (const texts& all : {talk.stored, talk.core.checkpoint(talk.at)}) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string& record = all[i];
      for (std::size_t at = record.find("\":"); at != std::string::npos;
           at = record.find("\":", at + 1)) {
        for (const char* other : {"null", "-5", "1e300", "9223372036854775807", "\"odd\"", "[1]",
                                  "{}", "[{}]", "true"}) {
          std::size_t end = record.find_first_of(",}]", at + 2);
          if (record[at + 2] == '"') end = record.find('"', at + 3) + 1;
          texts odd = all;
          odd[i] = record.substr(0, at + 2) + other + record.substr(end);
          const auto outcome = outcome_of(odd);
          if (!outcome) CHECK_FALSE(outcome.error().message.empty());
        }
      }
    }
  }
}
