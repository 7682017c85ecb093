// SPDX-License-Identifier: MIT
#include <agent_websocket/client/following.hpp>

#include "unit/client/connection_bench.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <variant>

using namespace agent_websocket;
using bench = connection_bench;
using greeting = client_connection::greeting;
using place = client_connection::place;

TEST_CASE("client following: what a welcome means") {
  bench b({"s1", "t", "e1", 7});
  b.subject.connect(b.now);
  b.subject.opened({"q1"}, b.now);
  const auto hello = b.frames();
  REQUIRE(hello.size() == 1u);
  CHECK(hello[0].text("outbox.0") == "q1");
  CHECK_FALSE(b.subject.is_following());
  CHECK_FALSE(b.subject.caught_up(b.now));
  CHECK(b.subject.welcomed(bench::welcome("other", "new")) == greeting::ignored);
  CHECK(b.subject.welcomed(bench::welcome("", "ok")) == greeting::ignored);
  CHECK_FALSE(b.subject.is_following());
  SUBCASE("recovered") {
    CHECK(b.subject.welcomed(bench::welcome("s1", "ok", 3)) == greeting::recovered);
    CHECK(b.subject.position().last_seq == 7);
    CHECK(b.subject.caught_up(b.now));
  }
  SUBCASE("moved") {
    for (const char* reason : {"gap", "epoch_changed"})
      CHECK(b.subject.welcomed(bench::welcome("s1", reason, 3)) == greeting::moved);
    CHECK(b.subject.position().last_seq == 3);
  }
  SUBCASE("replaced") {
    CHECK(b.subject.welcomed(bench::welcome("s2", "expired")) == greeting::replaced);
    CHECK(b.subject.position().session_id == "s2");
    CHECK(b.subject.position().last_seq == 0);
  }
}

TEST_CASE("client following: a welcome that says the same once more does not move back") {
  bench b;
  b.subject.connect(b.now);
  b.subject.opened({}, b.now);
  CHECK(b.subject.welcomed(bench::welcome("s1", "new")) == greeting::first);
  CHECK(b.subject.take_number(1) == place::next);
  CHECK(b.subject.welcomed(bench::welcome("s1", "new")) == greeting::confirmed);
  CHECK(b.subject.position().last_seq == 1);
  CHECK(b.subject.welcomed(bench::welcome("s1", "new", 4)) == greeting::confirmed);
  CHECK(b.subject.position().last_seq == 4);
}

TEST_CASE("client following: numbered messages, and what is done about a gap") {
  bench b;
  b.become_live();
  CHECK(b.subject.take_number(1) == place::next);
  CHECK(b.subject.take_number(1) == place::seen);
  CHECK(b.subject.take_number(3) == place::gap);
  CHECK(b.subject.position().last_seq == 1);
  CHECK_FALSE(b.subject.missed({}, b.now));
  CHECK(b.subject.state() == client_state::catching_up);
  CHECK_FALSE(b.subject.is_following());
  CHECK(b.frames()[0].number("resume.last_seq") == 1);
  b.subject.welcomed(bench::welcome("s1", "ok", 1));
  SUBCASE("again, without progress: ends") {
    CHECK(b.subject.missed({}, b.now));
    CHECK(b.subject.state() == client_state::waiting);
    CHECK(std::get<client_action::close>(b.actions[0]).code == 4000);
  }
  SUBCASE("again, with progress: asks again") {
    CHECK(b.subject.take_number(2) == place::next);
    CHECK_FALSE(b.subject.missed({}, b.now));
    CHECK(b.frames().size() == 1u);
  }
  SUBCASE("on the next connection it counts anew") {
    b.subject.ended(1006, "", b.now);
    b.subject.connect(b.now);
    b.subject.opened({}, b.now);
    b.subject.welcomed(bench::welcome("s1", "ok", 1));
    CHECK_FALSE(b.subject.missed({}, b.now));
  }
}

TEST_CASE("client following: without a way to resume a gap is passed over") {
  bench b;
  b.subject.connect(b.now);
  b.subject.opened({}, b.now);
  auto w = bench::welcome("s1", "new");
  w.resume_token = {};
  b.subject.welcomed(w);
  b.actions.clear();
  CHECK(b.subject.take_number(5) == place::next);
  CHECK_FALSE(b.subject.missed({}, b.now));
  CHECK(b.frames().empty());
}

TEST_CASE("client following: acknowledges when live and every 16 messages") {
  bench b;
  b.become_live();
  for (std::int64_t seq = 1; seq <= 40; ++seq) {
    CHECK(b.subject.take_number(seq) == place::next);
    b.subject.after_number();
    const auto sent = b.frames();
    CHECK(sent.size() == (seq % 16 == 0 ? 1u : 0u));
    if (!sent.empty())
      CHECK(sent[0].raw() == R"({"type":"command","op":"ack","seq":)" + std::to_string(seq) + "}");
  }
}
