// SPDX-License-Identifier: MIT
#include <agent_websocket/session/core_view.hpp>

#include "core_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

using namespace agent_websocket;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(core_fixture, "core_view: a session that has just begun") {
  const core_view& view = core;
  CHECK(view.id() == "f81d4fae-7dec-41d0-a765-00a0c91e6bf6");
  CHECK(view.owner().is_anonymous);
  CHECK(view.owner().name == "anonymous");
  CHECK(view.address().empty());
  CHECK(view.history().empty());
  CHECK(view.waiting().empty());
  CHECK(view.last_activity() == at.now);
  CHECK_FALSE(view.busy());
  CHECK_FALSE(view.running());
  CHECK_FALSE(view.is_current(0));
  CHECK_FALSE(view.closing());
  CHECK_FALSE(view.ended_for_good());
  CHECK_FALSE(view.worth_keeping());
  CHECK_FALSE(view.has_actions());
  CHECK_FALSE(view.has_work());
  CHECK_FALSE(view.accepts_token("token"));
  CHECK(view.streamed().run == 0u);
}

TEST_CASE_FIXTURE(core_fixture, "core_view: whose it is") {
  principal alice = principal::anonymous();
  alice.name = "alice";
  alice.is_anonymous = false;
  core.belong_to(std::move(alice), "192.0.2.7");
  CHECK(core.owner().name == "alice");
  CHECK_FALSE(core.owner().is_anonymous);
  CHECK(core.address() == "192.0.2.7");
}

TEST_CASE_FIXTURE(core_fixture, "core_view: the token of its welcome is good for coming back") {
  open();
  CHECK(core.accepts_token("token"));
  CHECK_FALSE(core.accepts_token("tokens"));
  CHECK_FALSE(core.accepts_token(""));
}

TEST_CASE_FIXTURE(core_fixture, "core_view: is busy while an answer runs or waits") {
  send(R"({"id":"q1","content":"x"})");
  CHECK(core.running());
  CHECK(core.busy());
  CHECK(core.waiting().empty());
  CHECK(core.has_actions());
  CHECK(core.has_work());
  send(R"({"id":"q2","content":"y"})");
  CHECK(core.waiting().size() == 1u);
  CHECK(core.busy());
  proceed();
  CHECK_FALSE(core.has_actions());
  CHECK(core.is_current(run()));
  CHECK_FALSE(core.is_current(run() + 1));
  const auto first = run();
  complete();
  CHECK(core.running());  // the second one
  CHECK(core.waiting().empty());
  CHECK_FALSE(core.is_current(first));
  proceed();
  complete();
  CHECK_FALSE(core.running());
  CHECK_FALSE(core.busy());
  CHECK(core.history().turns().size() == 2u);
}

TEST_CASE_FIXTURE(core_fixture,
                  "core_view: a query whose record is not kept is busy, not running") {
  keep_records();
  send(R"({"id":"q1","content":"x"})");
  CHECK(core.busy());
  CHECK_FALSE(core.running());
  CHECK_FALSE(core.has_actions());
  CHECK(core.has_work());
  keep_all();
  CHECK(core.running());
}

TEST_CASE_FIXTURE(core_fixture,
                  "core_view: what can be streamed is there from its first piece on") {
  send(R"({"id":"q1","content":"x","stream":true})");
  proceed();
  CHECK(core.streamed().run == 0u);
  text("Hel");
  core.reasoning(run(), "hm", at);
  text("lo");
  const live_answer now = core.streamed();
  CHECK(now.run == run());
  CHECK(now.stream == "r_1");
  CHECK(now.text == "Hello");
  CHECK(now.chunks == 2u);
  CHECK(now.reasoning == "hm");
  CHECK(now.reasoning_chunks == 1u);
  complete();
  CHECK(core.streamed().run == 0u);

  send(R"({"id":"q2","content":"x"})");
  proceed();
  text("whole");
  CHECK(core.streamed().run == 0u);
}

TEST_CASE_FIXTURE(core_fixture, "core_view: is worth keeping when its client was told something") {
  open();
  CHECK_FALSE(core.worth_keeping());
  core.notify("volatile", {}, {}, true, at);
  CHECK_FALSE(core.worth_keeping());
  core.notify("numbered", {}, {}, false, at);
  CHECK(core.worth_keeping());
}

TEST_CASE_FIXTURE(core_fixture, "core_view: is worth keeping when its client has said something") {
  open();
  send(R"({"type":"command","op":"hello"})");
  send(R"({"type":"command","op":"ping"})");
  CHECK_FALSE(core.worth_keeping());
  send(R"({"type":"command","op":"get_history"})");
  CHECK(core.output().log().top() == 0u);  // the answer has no number
  CHECK(core.worth_keeping());
}

TEST_CASE(
    "core_view: has ended for good, unless it goes on elsewhere or its client may come back") {
  for (const auto& each :
       {std::pair<std::uint16_t, bool>{1000, true}, {1012, false}, {4001, false}, {4100, true}}) {
    CAPTURE(each.first);
    core_fixture talk;
    talk.core.end(each.first, "because", error(errc::interrupted), talk.at);
    CHECK(talk.core.closing());
    CHECK(talk.core.ended_for_good() == each.second);
  }
}
