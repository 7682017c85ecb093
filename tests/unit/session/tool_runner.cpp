// SPDX-License-Identifier: MIT
#include <agent_websocket/session/tool_runner.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <ostream>  // prints a shared_ptr
#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;
using agent_websocket::testing::manual_scheduler;

namespace {

struct fake_session {
  std::string told;
  void tool_ended(run_number run, const std::string& call, tool_result result) {
    told += std::to_string(run) + ":" + call + "=" + (result.failed ? "!" : "") + result.text + " ";
  }
};
using runner_type = tool_runner<fake_session, manual_scheduler>;
using invocation = tool_invocation<fake_session>;

struct fixture {
  manual_scheduler scheduler;
  std::shared_ptr<fake_session> session = std::make_shared<fake_session>();
  std::optional<runner_type> runner{std::in_place, scheduler};
  std::vector<invocation> calls;
  std::vector<tool_reply> replies;
  std::string cancelled, rang;

  /// Runs a handler that keeps what it is given.
  void run(const std::string& id, run_number of = 1) {
    runner->run(session, action::run_tool{of, id, "tool", "{}"},
                [this](const invocation& call, const tool_reply& reply) {
                  call.on_cancel([this, name = call.id] { cancelled += name + " "; });
                  calls.push_back(call);
                  replies.push_back(reply);
                });
  }
  void clock(const std::string& id, std::chrono::milliseconds limit) {
    runner->start_clock(id, limit, [this, id] { rang += id + " "; });
  }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "tool_runner: a reply comes back later, never from inside") {
  runner->run(session, action::run_tool{3, "t_1", "weather", R"({"a":1})"},
              [this](const invocation& call, const tool_reply& reply) {
                CHECK(call.id == "t_1");
                CHECK(call.name == "weather");
                CHECK(call.arguments == R"({"a":1})");
                CHECK(call.session() == session);
                reply("at once");
                CHECK(session->told.empty());
              });
  CHECK(session->told.empty());
  scheduler.run();
  CHECK(session->told == "3:t_1=at once ");
}

TEST_CASE_FIXTURE(fixture,
                  "tool_runner: passes on every reply; which of them counts is the session's") {
  run("t_1");
  replies[0]("one");
  replies[0].fail("two");
  scheduler.run();
  CHECK(session->told == "1:t_1=one 1:t_1=!two ");
}

TEST_CASE_FIXTURE(fixture, "tool_runner: an answered call ends in peace, another is cancelled") {
  run("t_1");
  run("t_2");
  runner->end("t_1", true);
  CHECK(cancelled.empty());
  CHECK_FALSE(calls[0].cancelled());
  runner->end("t_2", false);
  CHECK(cancelled == "t_2 ");
  CHECK(calls[1].cancelled());
  runner->end("t_2", false);
  runner->end("t_9", false);
  runner->stop();
  CHECK(cancelled == "t_2 ");
}

TEST_CASE_FIXTURE(fixture, "tool_runner: stop cancels all that is under way") {
  run("t_1");
  run("t_2");
  clock("t_1", 5s);
  clock("f_1", 5s);
  runner->stop();
  CHECK(cancelled == "t_1 t_2 ");
  CHECK_FALSE(scheduler.has_work());
  runner->stop();
  CHECK(cancelled == "t_1 t_2 ");
}

TEST_CASE_FIXTURE(fixture, "tool_runner: gone, it has cancelled all, and late replies go nowhere") {
  run("t_1");
  clock("t_1", 5s);
  runner.reset();
  CHECK(cancelled == "t_1 ");
  CHECK_FALSE(scheduler.has_work());
  replies[0]("late");
  scheduler.run();
  CHECK(session->told == "1:t_1=late ");  // it is told, and knows that the run is over
  session.reset();
  replies[0]("later");
  scheduler.run();
}

TEST_CASE_FIXTURE(fixture, "tool_runner: a reply does not keep the session alive") {
  run("t_1");
  replies[0]("x");
  const std::weak_ptr<fake_session> watch = session;
  session.reset();
  CHECK(watch.expired());
  scheduler.run();
}

TEST_CASE_FIXTURE(fixture, "tool_runner: clocks ring once, unless the call ends before") {
  clock("t_1", 5s);
  clock("t_2", 5s);
  clock("f_1", 2s);
  scheduler.advance(3s);
  CHECK(rang == "f_1 ");
  runner->end("t_1", true);
  scheduler.advance(10s);
  CHECK(rang == "f_1 t_2 ");
  CHECK_FALSE(scheduler.has_work());
}

TEST_CASE_FIXTURE(fixture, "tool_runner: a clock that is started again starts over") {
  clock("t_1", 5s);
  scheduler.advance(4s);
  clock("t_1", 5s);
  scheduler.advance(4s);
  CHECK(rang.empty());
  scheduler.advance(1s);
  CHECK(rang == "t_1 ");
}

TEST_CASE_FIXTURE(fixture, "tool_runner: may be destroyed by its clock") {
  runner->start_clock("t_1", 1s, [this] {
    rang = "yes";
    runner.reset();
  });
  scheduler.advance(2s);
  CHECK(rang == "yes");
}

TEST_CASE_FIXTURE(fixture,
                  "tool_runner: a handler that is told of the cancel may reply and end things") {
  runner->run(session, action::run_tool{1, "t_1", "tool", "{}"},
              [this](const invocation& call, const tool_reply& reply) {
                call.on_cancel([this, reply] {
                  reply("too late");
                  runner->end("t_1", true);
                  runner->end("t_2", false);
                  cancelled += "t_1 ";
                });
              });
  run("t_2");
  SUBCASE("one") { runner->end("t_1", false); }
  SUBCASE("all") { runner->stop(); }
  CHECK(cancelled.find("t_1 ") != std::string::npos);
  CHECK(cancelled.find("t_2 ") != std::string::npos);
  CHECK(cancelled.size() == 8u);
  CHECK(session->told.empty());
  scheduler.run();
  CHECK(session->told == "1:t_1=too late ");
}

TEST_CASE_FIXTURE(
    fixture, "tool_runner: what a handler throws goes to the caller, and the call is under way") {
  CHECK_THROWS_AS(runner->run(session, action::run_tool{1, "t_1", "tool", "{}"},
                              [this](const invocation& call, const tool_reply&) {
                                call.on_cancel([this] { cancelled += "t_1 "; });
                                throw 7;
                              }),
                  int);
  runner->stop();
  CHECK(cancelled == "t_1 ");
}
