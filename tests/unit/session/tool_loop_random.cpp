// SPDX-License-Identifier: MIT
//
// Whatever happens when: queries, calls, decisions, results, cancels, clients that come and go.
// What must hold then: one terminal message for each accepted query, one resolution for each
// request before it, one end for each handler that was run, and nothing after the end.
#include <agent_websocket/session/tool_loop.hpp>

#include "core_tools.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

struct random_talk : tool_core {
  explicit random_talk(std::uint32_t seed) : tool_core(settings()), random(seed) { hello(beep); }

  static session_settings settings() {
    session_settings made = tool_settings();
    made.max_tool_rounds = 4;
    made.max_log_messages = 100'000;
    made.max_log_bytes = 100u << 20;
    return made;
  }
  static constexpr const char* beep = R"(,"tools":[{"name":"beep"}])";

  std::size_t any(std::size_t below) { return random() % below; }
  std::string any_call() { return "t_" + std::to_string(1 + any(made_calls + 1)); }
  std::string any_request() { return "f_" + std::to_string(1 + any(12)); }

  void step() {
    switch (any(20)) {
      case 0:
      case 1:
      case 2: return ask();
      case 3:
      case 4:
      case 5: return model_calls();
      case 6:
      case 7:
      case 8: return handler_replies();
      case 9:
      case 10: return person_decides();
      case 11: result_of(any_call(), any(2) == 0 ? R"(,"data":null)" : R"(,"error":"no")"); return;
      case 12: return say("cancel");
      case 13:
        if (!starts.empty()) time_is_up(any(2) == 0 ? any_call() : any_request());
        return;
      case 14:
        if (!starts.empty()) model_ends();
        return;
      case 15: return come_back();
      case 16:
        if (any(4) == 0) core.interrupt(at);
        break;
      case 17:
        if (any(6) == 0) say("clear");
        break;
      case 18:
        if (!starts.empty() && any(4) == 0) core.failed(run(), error(errc::timeout_total), at);
        break;
      case 19:
        if (any(6) == 0) say("regenerate");
        break;
    }
    collect();
  }

  void ask() {
    static constexpr const char* overlaps[] = {"queue", "reject", "interrupt", "latest"};
    send(R"({"id":"q)" + std::to_string(++queries) + R"(","content":"x","stream":)" +
         (any(2) == 0 ? "true" : "false") + R"(,"overlap":")" + overlaps[any(4)] +
         R"(","tools":[{"name":"bop"}]})");
    go_on();
  }
  /// The application lets all queries go on, mostly.
  void go_on() {
    collect();
    while (!consults.empty()) {
      const auto asked = consults.front();
      consults.erase(consults.begin());
      query_decision decision;
      if (any(8) == 0) decision = query_decision::refusal(error(errc::forbidden));
      core.decided(asked.run, std::move(decision), at);
      collect();
    }
  }
  void model_calls() {
    if (starts.empty()) return;
    static constexpr const char* names[] = {"weather", "erase", "bold", "ask", "beep", "bop", ""};
    if (any(2) == 0) core.text(run(), "w", at);
    std::vector<call_text> made;
    for (std::size_t i = any(3) + 1; i-- > 0;) {
      made.push_back(
          {"c" + std::to_string(i), names[any(7)], any(4) == 0 ? "{}" : R"({"city":"Rome"})"});
    }
    made_calls += made.size();
    call(made);
  }
  void model_ends() {
    if (any(2) == 0) core.text(run(), "end", at);
    any(4) == 0 ? fail(errc::provider_error) : complete();
    go_on();
  }
  void handler_replies() {
    if (!starts.empty()) reply(any_call(), "r");
  }
  void person_decides() {
    static constexpr const char* words[] = {"approve", "reject", "edit", "answer"};
    decide(words[any(4)], any(3) == 0 ? std::string() : any_request(),
           any(2) == 0 ? R"(,"data":{"city":"Oslo"})" : R"(,"content":"c")");
  }
  void say(const char* op) {
    wire::command made;
    made.op = op;
    core.received(here, made, at);
    go_on();
  }
  void come_back() {
    core.detached(here, at);
    hello(any(2) == 0 ? beep : "");
  }

  std::mt19937 random;
  int queries = 0;
  std::size_t made_calls = 0;
};

/// What the numbered log says, checked message by message.
struct log_check {
  std::set<std::string> ended, asked, resolved;
  std::map<std::string, std::string> query_of;

  void take(const frame& each) {
    CAPTURE(each.raw());
    if (each.type() == "human_feedback") {
      CHECK(asked.insert(each.text("id")).second);
      CHECK(ended.count(each.ref()) == 0u);
      query_of[each.text("id")] = each.ref();
    } else if (each.op() == "feedback_resolved") {
      CHECK(asked.count(each.ref()) == 1u);
      CHECK(resolved.insert(each.ref()).second);
      CHECK(ended.count(query_of[each.ref()]) == 0u);
    } else if (each.phase() == "start") {
      CHECK(ended.count(each.ref()) == 0u);
    } else if (each.is_terminal()) {
      CHECK(ended.insert(each.ref()).second);
      for (const auto& one : query_of) {
        if (one.second == each.ref()) CHECK(resolved.count(one.first) == 1u);
      }
    }
  }
};

}  // namespace

TEST_CASE("tool_loop: whatever happens when, everything ends once and in order") {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    random_talk talk(seed);
    talk.keep_records(true);
    for (int i = 0; i < 80; ++i) talk.step();
    talk.go_on();
    switch (seed % 4) {
      case 0: talk.core.end(4499, "x", error(errc::interrupted), talk.at); break;
      case 1: talk.core.expired(talk.at); break;
      case 2:
        talk.core.drain(5s, talk.at);
        talk.core.drain_expired(talk.at);
        break;
      case 3: talk.say("close"); break;
    }
    talk.collect();
    CHECK_FALSE(talk.core.busy());
    CHECK(talk.closes.size() == 1u);

    const message_log& log = talk.core.output().log();
    log_check check;
    for (std::uint64_t seq = 1; seq <= log.top(); ++seq) check.take(frame(log.at(seq)));
    CHECK(check.asked == check.resolved);
    // The records tell which queries were accepted, and which have ended.
    std::set<std::string> accepted;
    std::size_t kept_ends = 0;
    for (const frame& each : frames_of(talk.stored)) {
      if (each.text("kind") == "query") accepted.insert(each.text("id"));
      if (each.has("ends")) ++kept_ends;
    }
    CHECK(check.ended == accepted);
    CHECK(kept_ends == accepted.size());
    // Each handler that was run is told that its call has ended, once.
    std::map<std::string, int> ends;
    for (const auto& each : talk.ended_tools) ++ends[each.call];
    std::set<std::string> run;
    for (const auto& each : talk.tools) {
      CHECK(run.insert(each.call).second);
      CHECK(ends[each.call] == 1);
    }
    // And each clock is stopped.
    for (const auto& each : talk.clocks) CHECK(ends[each.id] == 1);
    // The query's clock does not stand still in the end.
    if (!talk.holds.empty()) CHECK_FALSE(talk.holds.back());
    for (std::size_t i = 0; i < talk.holds.size(); ++i) CHECK(talk.holds[i] == (i % 2 == 0));
    // Every request to the model is whole: calls are followed by their results.
    for (const auto& each : talk.starts) {
      std::size_t open = 0;
      for (const auto& message : each.request->messages) {
        const frame said(message.json());
        if (said.text("role") == "tool") {
          REQUIRE(open > 0u);
          --open;
        } else {
          CHECK(open == 0u);
          open = said.size("tool_calls");
        }
      }
      CHECK(open == 0u);
    }
  }
}
