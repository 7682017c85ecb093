// SPDX-License-Identifier: MIT
//
// Some hundred short lives of sessions, each of its own seed: restored from its records, from a
// checkpoint, or from a checkpoint and what came after it, a session is the same as it was.
#include <agent_websocket/session/restoring.hpp>

#include "restored_life.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

using texts = std::vector<std::string>;

session_settings settings_of(std::uint32_t seed) {
  session_settings made = tool_settings();
  if (seed % 2 == 0) made.max_history = 3 + seed % 5;
  if (seed % 3 == 0) made.max_history_bytes = 600;
  if (seed % 5 == 0) made.max_log_messages = 8;
  if (seed % 7 == 0) made.max_log_bytes = 2000;
  made.max_queue = 3;
  return made;
}

struct random_life : kept_core {
  explicit random_life(std::uint32_t seed) : kept_core(settings_of(seed)), random(seed) {}

  std::size_t any(std::size_t below) { return random() % below; }
  std::string fresh(const char* kind) { return kind + std::to_string(++made); }
  std::string sometimes(std::string what) { return any(2) == 0 ? what : std::string(); }

  void step() {
    pass(std::chrono::milliseconds(any(3000)));
    switch (any(22)) {
      case 0:
      case 1:
      case 2: ask(); break;
      case 3:
      case 4:
      case 5: speak(); break;
      case 6:
      case 7: end(); break;
      case 8: call_tools(); break;
      case 9: reply_to_call(); break;
      case 10: decide_something(); break;
      case 11: judge(); break;
      case 12: command("regenerate", sometimes(R"(,"stream":true)")); break;
      case 13: command("cancel", sometimes(R"(,"ref":")" + any_id() + "\"")); break;
      case 14:
        if (any(4) == 0) command("clear");
        break;
      case 15: set(); break;
      case 16: core.notify(fresh("note "), "topic", {}, any(3) == 0, at); break;
      case 17: come_back(); break;
      case 18: change(); break;
      case 19:
        if (any(4) == 0) core.interrupt(at);
        break;
      case 20:
        if (any(3) == 0) make_checkpoint();
        break;
      case 21: come_and_go(); break;
    }
    collect();
    decide_queries();
    sent();
  }
  /// All that is open ends.
  void quiet() {
    for (int i = 0; i < 40 && core.busy(); ++i) {
      core.interrupt(at);
      collect();
      decide_queries();
      if (core.running()) core.failed(last_run, error(errc::timeout_total), at);
      collect();
    }
    REQUIRE_FALSE(core.busy());
    sent();
  }

  std::mt19937 random;
  int made = 0;
  texts ids, tokens{"token"}, streams;
  run_number last_run = 0;

 private:
  std::string any_id() { return ids.empty() ? "nobody" : ids[any(ids.size())]; }
  std::string with_id(std::string id) {
    ids.push_back(std::move(id));
    return R"("id":")" + ids.back() + R"(",)";
  }

  void ask() {
    static constexpr const char* overlaps[] = {"queue", "queue", "reject", "interrupt", "latest"};
    std::string text = any(3) == 0 ? "{" : "{" + with_id(any(5) == 0 ? any_id() : fresh("q"));
    text += any(4) == 0
                ? R"("content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"https://e.x/a"}}])"
                : R"("content":"x )" + std::to_string(made) + " \\\"\\u00e9\\n" + "\"";
    text += sometimes(R"(,"stream":true)") + sometimes(R"(,"meta":{"a": [1,  2.50]})");
    text += sometimes(R"(,"overlap":")" + std::string(overlaps[any(5)]) + "\"");
    text += sometimes(R"(,"priority":)" + std::to_string(any(3))) + "}";
    send(text);
  }
  void decide_queries() {
    while (!consults.empty()) {
      const auto asked = consults.front();
      consults.erase(consults.begin());
      query_decision decision;
      if (any(8) == 0) decision = query_decision::refusal(error(errc::forbidden));
      if (any(8) == 0) {
        decision.what = query_decision::kind::answer;
        decision.text = "from the application";
      }
      last_run = asked.run;
      core.decided(asked.run, std::move(decision), at);
      collect();
    }
  }
  void speak() {
    if (starts.empty()) return;
    if (any(3) == 0) core.reasoning(run(), "hm", at);
    core.text(run(), fresh("w "), at);
  }
  void end() {
    if (starts.empty()) return;
    completion_result result;
    static constexpr const char* reasons[] = {"stop", "stop", "length", "content_filter"};
    result.finish_reason = reasons[any(4)];
    if (any(5) == 0) result.failure = error(errc::provider_error, "words", "a secret detail");
    if (any(2) == 0) result.used = {1, 10, 20, 0.25, true, true};
    if (any(2) == 0) result.model = fresh("model/");
    if (any(3) == 0) result.reasoning_details = "[ {\"a\":1.0,  \"b\":\"\\u00e9\\/\"} ]";
    if (any(3) == 0) result.annotations = "[{\"c\" :1}]";
    core.completed(run(), std::move(result), at);
  }
  void call_tools() {
    if (starts.empty()) return;
    static constexpr const char* names[] = {"weather", "erase", "bold", "ask", "nothing"};
    std::vector<call_text> calls;
    for (std::size_t i = any(3) + 1; i-- > 0;)
      calls.push_back({"c" + std::to_string(any(4)), names[any(5)],
                       any(4) == 0 ? "no JSON" : "{\"city\" :\"Rome\"}"});
    call(calls);
  }
  void reply_to_call() {
    if (!tools.empty()) reply(tools[any(tools.size())].call, fresh("reply "));
  }
  void decide_something() {
    static constexpr const char* words[] = {"approve", "reject", "edit", "answer"};
    decide(words[any(4)], any(2) == 0 ? "" : "f_" + std::to_string(1 + any(6)),
           (any(2) == 0 ? "" : R"(,"id":")" + fresh("d") + "\"") +
               (any(2) == 0 ? R"(,"data":{"city":"Oslo"})" : R"(,"content":"c")"));
  }
  void judge() {
    std::string text = R"({"type":"human_feedback",)";
    if (any(2) == 0) text += R"("id":")" + fresh("h") + R"(",)";
    if (any(2) == 0) text += R"("ref":"r_)" + std::to_string(1 + any(6)) + R"(",)";
    text += R"("rating":)" + std::to_string(any(2)) + ".5";
    send(text + sometimes(R"(,"correction":"better ")") + sometimes(R"(,"content":"well")") + "}");
  }
  void command(const char* op, const std::string& more = {}) {
    const std::string id = any(2) == 0 ? R"("id":")" + fresh("k") + R"(",)" : "";
    send("{" + id + R"("type":"command","op":")" + op + "\"" + more + "}");
  }
  void set() {
    static constexpr const char* data[] = {
        R"({"model":"m"})", R"({"model":null})", R"({"temperature":0.125})",
        R"({"system":"S \"x\"","max_tokens":9})", R"({"system":null,"temperature":null})"};
    command("set", R"(,"data":)" + std::string(data[any(5)]));
  }
  void change() {
    session_settings own = any(3) == 0 ? defaults : core.settings();
    if (any(2) == 0) own.system_prompt = fresh("prompt ");
    if (any(2) == 0) own.max_tokens = static_cast<int>(100 + any(100));
    if (any(2) == 0) own.fallback_models.push_back(fresh("m"));
    core.change_settings(own);
  }
  /// Another socket with the token of any.
  void come_back() {
    core.detached(5, at);
    const std::string& token = tokens[any(tokens.size())];
    if (!core.accepts_token(token)) return;
    const std::string given = fresh("token ");
    wire::command hello;
    hello.from = 5;
    hello.op = "hello";
    hello.resume.emplace();
    hello.resume->token = token;
    hello.resume->epoch = "e1";
    hello.resume->last_seq = core.output().log().top();
    core.resume(5, hello, given, at);
    tokens.push_back(given);
    collect();
    sent(5);
    if (any(2) == 0) send(R"({"type":"command","op":"ack","seq":1})", 5);
  }
  void come_and_go() {
    const std::string given = fresh("token ");
    core.opened(9, given, at);
    tokens.push_back(given);
    collect();
    core.detached(9, at);
  }
  void make_checkpoint() {
    collect();
    if (core.book().made() != 0) stored = core.checkpoint(at);
  }
};

/// How often each query was ended; `begins`: begun instead.
std::map<std::string, int> ends_in(const session_core& core, bool begins = false) {
  std::map<std::string, int> ends;
  const message_log& log = core.output().log();
  for (std::uint64_t seq = log.oldest(); seq <= log.top(); ++seq) {
    const frame each(log.at(seq));
    if (begins ? each.phase() == "start" : each.is_terminal()) ++ends[each.text("ref") + " " + each.text("stream")];
  }
  return ends;
}

}  // namespace

TEST_CASE("restoring: any life is the same again when nothing is open") {
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    random_life talk(seed);
    for (std::size_t i = 0; i < 20 + seed % 60; ++i) talk.step();
    talk.quiet();
    talk.core.notify("the last", {}, {}, false, talk.at);  // so that there are records
    talk.collect();
    talk.sent();
    talk.pass(1s);
    const std::string before = seen(talk.core);
    const restored_core from_records(talk, talk.stored);
    REQUIRE(seen(from_records.core) == before);
    restored_core again(talk, talk.core.checkpoint(talk.at));
    REQUIRE(seen(again.core) == before);
    CHECK(again.core.checkpoint(again.at) == talk.core.checkpoint(talk.at));
    CHECK(from_records.core.checkpoint(talk.at) == talk.core.checkpoint(talk.at));
    if (seed % 4 == 0) {
      texts ids = talk.ids;
      std::sort(ids.begin(), ids.end());
      ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
      ids.erase(std::remove_if(ids.begin(), ids.end(),
                               [&](const std::string& id) {
                                 // Those that were refused, or that are free again, are asked anew.
                                 const auto frames = again.core.needs_no_repeat(id, 0, again.at);
                                 return !frames;
                               }),
                ids.end());
      check_same_behaviour(talk, again, ids, talk.tokens);
    }
  }
}

TEST_CASE("restoring: in the middle of any life, what is open ends once, and twice is as once") {
  std::size_t open_ends = 0;
  for (std::uint32_t seed = 1001; seed <= 1300; ++seed) {
    CAPTURE(seed);
    random_life talk(seed);
    for (std::size_t i = 0; i < 5 + seed % 50; ++i) talk.step();
    talk.core.notify("the last", {}, {}, false, talk.at);
    talk.collect();
    const bool was_busy = talk.core.busy();
    const auto before = ends_in(talk.core);
    const std::uint64_t top = talk.core.output().log().top();
    for (const texts& records : {talk.stored, talk.core.checkpoint(talk.at)}) {
      const restored_core once(talk, records);
      CHECK_FALSE(once.core.busy());
      CHECK((once.core.output().log().top() > top) == was_busy);
      // What clients were told stays as it was.
      const message_log& log = once.core.output().log();
      for (std::uint64_t seq = std::max(log.oldest(), talk.core.output().log().oldest());
           seq <= top; ++seq)
        CHECK(log.at(seq) == talk.core.output().log().at(seq));
      for (std::uint64_t seq = std::max(log.oldest(), top + 1); seq <= log.top(); ++seq) {
        const frame each(log.at(seq));
        CAPTURE(each.raw());
        if (each.phase() == "start") continue;
        if (each.op() == "feedback_resolved") {
          CHECK(each.text("reason") == "cancelled");
          continue;
        }
        CHECK(each.is_terminal());
        CHECK((each.code() == "interrupted" || each.text("error.code") == "interrupted"));
        ++open_ends;
      }
      for (const auto& each : ends_in(once.core)) {
        CAPTURE(each.first);
        if (each.first.find(' ') + 1 != each.first.size()) CHECK(each.second == 1);
      }
      for (const auto& each : ends_in(once.core, true)) {
        CAPTURE(each.first);
        CHECK(each.second == 1);
      }
      const restored_core twice(talk, once.stored);
      CHECK(twice.stored.size() == once.stored.size());
      REQUIRE(seen(twice.core) == seen(once.core));
      const restored_core thrice(talk, twice.core.checkpoint(twice.at));
      REQUIRE(seen(thrice.core) == seen(once.core));
    }
  }
  CHECK(open_ends > 100u);
}
