// SPDX-License-Identifier: MIT
#include <agent_websocket/session/deciding.hpp>

#include "core_tools.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

constexpr const char* rome = R"({"city":"Rome"})";
constexpr const char* query = R"({"id":"q","content":"x","stream":true})";

struct two_asked : tool_core {
  two_asked() {
    hello();
    asked = ask_and_call({{"a", "erase", rome}, {"b", "bold", "{}"}}, query);
  }
  std::vector<frame> asked;
};

wire::command command(const char* op) {
  wire::command made;
  made.op = op;
  return made;
}

}  // namespace

TEST_CASE_FIXTURE(tool_core,
                  "deciding: a request says what is asked, and stops the query's clock") {
  hello();
  const auto frames = ask_and_call({{"a", "erase", rome}}, query);
  CHECK(shape(frames) == "waiting:t_1 asked:f_1");
  const frame asked = frames.back();
  CHECK(asked.number("seq") == 1);
  CHECK(asked.ref() == "q");
  CHECK(asked.text("kind") == "approval");
  CHECK(asked.content() == "Run erase?");
  CHECK(asked.json("tool") == R"({"name":"erase","arguments":{"city":"Rome"}})");
  CHECK(asked.text("default") == "reject");
  CHECK(asked.text("expires_at") == "2026-01-01T00:05:00.000Z");
  CHECK(tools.empty());
  CHECK(holds == std::vector<bool>{true});
  REQUIRE(clocks.size() == 1u);
  CHECK(clocks[0].id == "f_1");
  CHECK(clocks[0].limit == 300s);
}

TEST_CASE_FIXTURE(tool_core, "deciding: a question is never decided by silence") {
  hello();
  const auto frames = ask_and_call({{"a", "ask", "{}"}});
  CHECK(frames.back().text("kind") == "question");
  CHECK(frames.back().content() == "Which colour?");
  CHECK(frames.back().text("default") == "reject");
  time_is_up("f_1");
  CHECK(shape(sent()) == "resolved:f_1:reject:expired failed:t_1");
  CHECK(tools.empty());
  CHECK(told().find("Nobody has decided") != std::string::npos);
}

TEST_CASE_FIXTURE(two_asked, "deciding: the query's clock stands still until the last decision") {
  CHECK(shape(asked) == "waiting:t_1 asked:f_1 waiting:t_2 asked:f_2");
  CHECK(holds == std::vector<bool>{true});
  decide("reject", "f_1");
  CHECK(holds == std::vector<bool>{true});
  decide("reject", "f_2");
  CHECK(holds == std::vector<bool>{true, false});
  call({{"c", "erase", rome}});
  decide("approve");
  CHECK(holds == std::vector<bool>{true, false, true, false});
}

TEST_CASE_FIXTURE(two_asked, "deciding: with two open, a decision must say which") {
  decide("approve", {}, R"(,"id":"d")");
  REQUIRE(decided_frames.size() == 1u);
  CHECK(decided_frames[0].code() == "feedback_invalid");
  CHECK(decided_frames[0].ref() == "d");
  CHECK(decided_frames[0].truth("retryable"));
  CHECK(tools.empty());
  decide("approve", "f_2", R"(,"id":"d")");  // the id is still free
  CHECK(shape(decided_frames) == "resolved:f_2:approve: calling:t_2");
  decide("reject");  // now it is clear
  CHECK(shape(decided_frames) == "resolved:f_1:reject: failed:t_1");
  CHECK(starts.size() == 1u);
  reply("t_2", "ok");
  CHECK(told() == "a={\"error\":\"A person has declined this call\"}\nb=ok");
}

TEST_CASE_FIXTURE(two_asked, "deciding: of two requests one expires, by its own default") {
  time_is_up("f_2");  // approved by default
  CHECK(shape(sent()) == "resolved:f_2:approve:expired calling:t_2");
  CHECK(to_run() == "t_2");
  CHECK(holds == std::vector<bool>{true});
  reply("t_2", "ok");
  CHECK(starts.size() == 1u);
  decide("approve", "f_2");
  CHECK(decided_frames.at(0).code() == "feedback_expired");
  decide("approve");
  CHECK(to_run() == "t_2 t_1");
  reply("t_1", "gone");
  CHECK(told() == "a=gone\nb=ok");
}

TEST_CASE_FIXTURE(two_asked, "deciding: a clock that rings after the decision does nothing") {
  decide("approve", "f_1");
  CHECK(ended_tools.back().call == "f_1");  // its clock is stopped
  time_is_up("f_1");
  CHECK(sent().empty());
  CHECK(to_run() == "t_1");
}

TEST_CASE_FIXTURE(two_asked, "deciding: late and wrong ones are told so") {
  decide("reject", "f_1");
  decide("approve", "f_1", R"(,"id":"d2")");
  CHECK(decided_frames.at(0).code() == "feedback_unknown");
  CHECK(decided_frames[0].ref() == "d2");
  decide("approve", "f_9");
  CHECK(decided_frames.at(0).code() == "feedback_unknown");
  decide("approve", "q");
  CHECK(decided_frames.at(0).code() == "feedback_unknown");
  CHECK(tools.empty());
}

TEST_CASE_FIXTURE(two_asked, "deciding: a repeated decision is acknowledged and does nothing") {
  decide("approve", "f_1", R"(,"id":"d1")");
  decide("approve", "f_1", R"(,"id":"d1")");
  REQUIRE(decided_frames.size() == 1u);
  CHECK(decided_frames[0].is_status("ack"));
  CHECK(decided_frames[0].truth("duplicate"));
  CHECK(to_run() == "t_1");
}

TEST_CASE_FIXTURE(two_asked, "deciding: a wrong edit leaves the request open") {
  for (const char* data :
       {"", R"(,"data":null)", R"(,"data":[1])", R"(,"data":{"city":1})", R"(,"data":"Rome")"}) {
    CAPTURE(std::string(data));
    decide("edit", "f_1", data);
    REQUIRE(decided_frames.size() == 1u);
    CHECK(decided_frames[0].code() == "feedback_invalid");
    CHECK(decided_frames[0].truth("retryable"));
  }
  decide("edit", "f_1", R"(,"data":{"city":"Oslo"})");
  CHECK(shape(decided_frames) == "resolved:f_1:edit: calling:t_1");
  CHECK(decided_frames.back().json("tool.arguments") == R"({"city":"Oslo"})");
  CHECK(tools.at(0).arguments == R"({"city":"Oslo"})");
}

TEST_CASE_FIXTURE(tool_core, "deciding: a question takes answers and refusals only") {
  hello();
  ask_and_call({{"a", "ask", "{}"}});
  for (const char* wrong : {"approve", "edit", "answer"}) {
    decide(wrong);
    CHECK(decided_frames.at(0).code() == "feedback_invalid");
  }
  decide("answer", {}, R"(,"data":{"colour":"blue"})");
  CHECK(shape(decided_frames) == "resolved:f_1:answer: done:t_1");
  CHECK(told() == R"(a={"colour":"blue"})");
}

TEST_CASE_FIXTURE(tool_core, "deciding: everybody who watches is told, and anyone may decide") {
  hello();
  socket(2);
  ask_and_call({{"a", "erase", rome}}, query);
  CHECK(shape(sent(2)) == "asked:f_1");  // numbered: also to the plain client
  send(R"({"type":"human_feedback","ref":"f_1","decision":"reject"})", 2);
  collect();
  CHECK(shape(sent()) == "resolved:f_1:reject: failed:t_1");
  CHECK(starts.size() == 2u);
}

TEST_CASE_FIXTURE(tool_core, "deciding: nothing is open") {
  decide("approve");
  CHECK(decided_frames.at(0).code() == "feedback_unknown");
  decide("reject", "f_1");
  CHECK(decided_frames.at(0).code() == "feedback_unknown");
}

TEST_CASE_FIXTURE(two_asked, "deciding: after a cancel there is nothing to decide") {
  core.received(here, command("cancel"), at);
  collect();
  CHECK(shape(sent()) ==
        "resolved:f_1:reject:cancelled resolved:f_2:reject:cancelled failed:t_1 failed:t_2 start "
        "end:cancelled");
  for (const char* ref : {"f_1", "f_2"}) {
    decide("approve", ref);
    CHECK(decided_frames.at(0).code() == "feedback_unknown");
    time_is_up(ref);
  }
  CHECK(sent().empty());
  CHECK(tools.empty());
  // The next run's requests are others.
  CHECK(shape(ask_and_call({{"a", "erase", rome}}, R"({"id":"q2","content":"x"})")) ==
        "waiting:t_3 asked:f_3");
  decide("approve", "f_1");
  CHECK(decided_frames.at(0).code() == "feedback_unknown");
  decide("approve");
  CHECK(to_run() == "t_3");
}

TEST_CASE("deciding: whatever ends the run, each request is resolved once before") {
  struct row {
    const char* what;
    void (*end)(tool_core&);
    const char* last;
  };
  const row rows[] = {
      {"close", [](tool_core& f) { f.core.received(1, command("close"), f.at); }, "end:cancelled"},
      {"clear", [](tool_core& f) { f.core.received(1, command("clear"), f.at); }, "end:cancelled"},
      {"end", [](tool_core& f) { f.core.end(4499, "x", error(errc::interrupted), f.at); },
       "end:failed"},
      {"failed", [](tool_core& f) { f.core.failed(f.run(), error(errc::timeout_total), f.at); },
       "end:failed"},
      {"drain",
       [](tool_core& f) {
         f.core.drain(5s, f.at);
         CHECK(f.core.running());
         f.core.drain_expired(f.at);
       },
       "end:failed"},
      {"query",
       [](tool_core& f) {
         f.decided_frames = f.send(R"({"id":"q9","content":"y","overlap":"interrupt"})");
       },
       "end:cancelled"},
  };
  for (const row& each : rows) {
    CAPTURE(std::string(each.what));
    two_asked f;
    each.end(f);
    const bool by_query = !f.decided_frames.empty();
    const auto seen = by_query ? f.decided_frames : f.sent();
    f.collect();
    std::string numbered;
    for (const frame& one : seen) {
      if (one.is_numbered() && one.op() != "drain") numbered += shape({one}) + " ";
    }
    CHECK(numbered == std::string("resolved:f_1:reject:cancelled resolved:f_2:reject:cancelled ") +
                          "start " + each.last + " ");
    CHECK(f.tools.empty());
    if (by_query) {
      CHECK(f.core.running());
      CHECK(f.starts.size() == 1u);
      f.proceed();
      CHECK(f.starts.size() == 2u);
    } else {
      CHECK_FALSE(f.core.running());
    }
  }
}

TEST_CASE_FIXTURE(two_asked, "deciding: who leaves may still come back and decide") {
  core.detached(here, at);
  core.interrupt(at);
  CHECK(core.running());
  const auto frames = resume(R"({"token":"t","epoch":"e1","last_seq":0})", 2);
  const frame welcome = frames.at(0);
  CHECK(welcome.size("pending_feedback") == 2u);
  CHECK(welcome.text("pending_feedback.0.id") == "f_1");
  CHECK(welcome.text("pending_feedback.0.ref") == "q");
  CHECK(welcome.text("pending_feedback.0.kind") == "approval");
  CHECK(welcome.text("pending_feedback.0.content") == "Run erase?");
  CHECK(welcome.json("pending_feedback.0.tool.arguments") == rome);
  CHECK(welcome.text("pending_feedback.0.default") == "reject");
  CHECK(welcome.text("pending_feedback.1.default") == "approve");
  CHECK(shape(frames) == "notification:welcome asked:f_1 asked:f_2 status:live");
  send(R"({"type":"human_feedback","ref":"f_1","decision":"approve"})", 2);
  collect();
  CHECK(to_run() == "t_1");
}

TEST_CASE_FIXTURE(two_asked,
                  "deciding: a decision in the outbox of a client is known to have come") {
  decide("approve", "f_1", R"(,"id":"d1")");
  const auto frames = resume(R"({"token":"t","epoch":"e1","last_seq":0})", 2, R"(["d1","d2"])");
  CHECK(frames.at(0).json("accepted") == R"(["d1"])");
  CHECK(frames[0].size("pending_feedback") == 1u);
}

TEST_CASE_FIXTURE(two_asked, "deciding: other queries wait meanwhile") {
  const auto frames = send(R"({"id":"q2","content":"y","overlap":"latest"})");
  CHECK(shape(frames) == "status:queued");
  CHECK(core.running());
  decide("reject", "f_1");
  decide("reject", "f_2");
  text("ok");
  complete();
  CHECK(terminals(sent()).at(0).ref() == "q");
  proceed();
  CHECK(starts.back().request->messages.back().text() == "y");
}
