// SPDX-License-Identifier: MIT
#include <agent_websocket/session/ending.hpp>

#include "core_tools.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

constexpr const char* rome = R"({"city":"Rome"})";
constexpr const char* query = R"({"id":"q","content":"x","stream":true})";

/// "q:end:failed q2:..." of those that ended.
std::string ends(const std::vector<frame>& frames) {
  std::string all;
  for (const frame& each : terminals(frames)) {
    all += each.ref() + ":" +
           (each.type() == "error" ? each.code() : each.text("status") + each.text("error.code")) +
           " ";
  }
  return all;
}

}  // namespace

TEST_CASE_FIXTURE(tool_core, "ending: an idle session is told, then closed") {
  core.expired(at);
  collect();
  const auto frames = sent();
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].content() == "Session closed due to inactivity");
  CHECK(frames[0].is_numbered());
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0] == std::pair<int, std::string>(1000, "Session timeout"));
  core.expired(at);
  core.drain(5s, at);
  core.end(4499, "x", error(errc::interrupted), at);
  collect();
  CHECK(closes.size() == 1u);
  CHECK(sent().empty());
}

TEST_CASE_FIXTURE(tool_core, "ending: whoever ends it, waiting queries end too, each once") {
  hello();
  ask_and_call({{"c", "weather", rome}}, query);
  send(R"({"id":"q2","content":"y","stream":true})");
  send(R"({"id":"q3","content":"z","stream":false})");
  SUBCASE("interrupt") {
    core.interrupt(at);
    collect();
    CHECK(ends(sent()) == "q2:failedinterrupted q3:interrupted q:failedinterrupted ");
    CHECK_FALSE(core.closing());
  }
  SUBCASE("end") {
    core.end(4499, "x", error(errc::forbidden), at);
    collect();
    CHECK(ends(sent()) == "q2:failedforbidden q3:forbidden q:failedforbidden ");
    CHECK(closes.size() == 1u);
  }
  SUBCASE("drain lets the running one end") {
    core.drain(5s, at);
    collect();
    CHECK(ends(sent()) == "q2:faileddraining q3:draining ");
    CHECK(core.running());
    CHECK(closes.empty());
    reply("t_1", "ok");
    text("done");
    complete();
    CHECK(ends(sent()) == "q:completed ");
    REQUIRE(closes.size() == 1u);
    CHECK(closes[0].first == 1012);
  }
  SUBCASE("drain, and its time is over") {
    core.drain(5s, at);
    core.drain_expired(at);
    collect();
    CHECK(ends(sent()) == "q2:faileddraining q3:draining q:faileddraining ");
    CHECK(closes.size() == 1u);
    core.drain_expired(at);
    collect();
    CHECK(closes.size() == 1u);
  }
  CHECK_FALSE(core.busy());
  reply("t_1", "late");
  time_is_up("t_1");
  CHECK(terminals(sent()).empty());
  for (const auto& each : answers) CHECK(each.stream == "r_1");
}

TEST_CASE_FIXTURE(tool_core,
                  "ending: a drain waits for a person, and withdraws what nobody decided") {
  hello();
  ask_and_call({{"c", "erase", rome}}, query);
  core.drain(5s, at);
  collect();
  CHECK(core.running());
  sent();
  SUBCASE("decided in time") {
    decide("approve");
    CHECK(to_run() == "t_1");
    reply("t_1", "ok");
    text("done");
    complete();
    CHECK(ends(sent()) == "q:completed ");
  }
  SUBCASE("not decided") {
    core.drain_expired(at);
    collect();
    const auto frames = sent();
    CHECK(shape(frames) == "resolved:f_1:reject:cancelled failed:t_1 start end:failed");
    CHECK(frames.back().truth("error.retryable"));
  }
  CHECK(closes.size() == 1u);
  CHECK(core.closing());
}

TEST_CASE_FIXTURE(tool_core, "ending: nobody is interrupted who waits for a person") {
  hello();
  ask_and_call({{"c", "erase", rome}}, query);
  send(R"({"id":"q2","content":"y"})");
  core.interrupt(at);
  collect();
  CHECK(core.running());
  CHECK(core.waiting().size() == 1u);
  decide("approve");
  core.interrupt(at);  // now it is a call like any other
  collect();
  CHECK_FALSE(core.busy());
}

TEST_CASE_FIXTURE(tool_core, "ending: without anything open a drain closes at once") {
  core.drain(4200ms, at);
  collect();
  const auto frames = sent();
  CHECK(shape(frames) == "notification:drain status:drain");
  CHECK(frames.back().number("retry_after_ms") == 4200);
  CHECK(closes.size() == 1u);
  CHECK(send(R"({"id":"q","content":"x"})").empty());
}

TEST_CASE_FIXTURE(tool_core, "ending: interrupting what does nothing does nothing") {
  core.interrupt(at);
  core.failed(1, error(errc::timeout_total), at);
  collect();
  CHECK(sent().empty());
  CHECK(cancels.empty());
}

TEST_CASE_FIXTURE(tool_core, "ending: a session that is idle has nothing open; what is, ends too") {
  hello();
  ask_and_call({{"c", "erase", rome}}, query);
  send(R"({"id":"q2","content":"y"})");
  core.expired(at);
  collect();
  CHECK(ends(sent()) == "q2:failedinterrupted q:failedinterrupted ");
  CHECK_FALSE(core.busy());
  CHECK(closes.size() == 1u);
}
