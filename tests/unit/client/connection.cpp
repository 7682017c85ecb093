// SPDX-License-Identifier: MIT
#include <agent_websocket/client/connection.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;
using greeting = client_connection::greeting;
using place = client_connection::place;

namespace {

struct bench {
  client_options options;
  client_action::list actions;
  time_point now{24h};
  client_connection subject;

  explicit bench(resume_point from = {}) : subject((prepare(std::move(from)), options), actions) {}

  void prepare(resume_point from) {
    options.random = random_source([] { return std::uint64_t{1} << 63; });
    options.resume = std::move(from);
  }

  static wire::welcome_view welcome(std::string_view session, std::string_view reason,
                                    std::int64_t seq = 0) {
    wire::welcome_view made;
    made.session_id = session;
    made.resume_token = "t";
    made.epoch = "e1";
    made.reason = reason;
    made.seq = seq;
    made.recovered = reason == "ok";
    return made;
  }
  void become_live() {
    subject.connect(now);
    subject.opened({}, now);
    CHECK(subject.welcomed(welcome("s1", "new")) == greeting::first);
    CHECK(subject.caught_up(now));
    actions.clear();
  }
  void pass(std::chrono::milliseconds time) {
    now += time;
    subject.tick(now);
  }
  /// Frames since the last call.
  std::vector<frame> frames() {
    std::vector<frame> found;
    for (const auto& each : actions) {
      if (const auto* sent = std::get_if<client_action::send>(&each))
        found.emplace_back(sent->json);
    }
    actions.clear();
    return found;
  }
  bool opens() const {
    return !actions.empty() && std::holds_alternative<client_action::open>(actions.back());
  }
};

}  // namespace

TEST_CASE("client connection: what a welcome means") {
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

TEST_CASE("client connection: a welcome that says the same once more does not move back") {
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

TEST_CASE("client connection: numbered messages, and what is done about a gap") {
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

TEST_CASE("client connection: without a way to resume a gap is passed over") {
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

TEST_CASE("client connection: acknowledges when live and every 16 messages") {
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

TEST_CASE("client connection: silence") {
  bench b;
  SUBCASE("while connecting") {
    b.subject.connect(b.now);
    b.pass(14'999ms);
    CHECK(b.subject.state() == client_state::connecting);
    b.pass(1ms);
    CHECK(b.subject.state() == client_state::waiting);
  }
  SUBCASE("while waiting for the welcome, whatever else comes") {
    b.subject.connect(b.now);
    b.pass(10s);
    b.subject.opened({}, b.now);
    b.pass(14'999ms);
    b.subject.heard(b.now);
    CHECK(b.subject.state() == client_state::catching_up);
    b.pass(1ms);
    CHECK(b.subject.state() == client_state::waiting);
  }
  SUBCASE("while catching up nothing is asked") {
    b.subject.connect(b.now);
    b.subject.opened({}, b.now);
    b.subject.welcomed(bench::welcome("s1", "new"));
    b.actions.clear();
    b.pass(34'999ms);
    CHECK(b.frames().empty());
    b.pass(1ms);
    CHECK(b.subject.state() == client_state::waiting);
  }
  SUBCASE("while live a sign of life is asked for once") {
    b.become_live();
    b.pass(24'999ms);
    CHECK(b.frames().empty());
    b.pass(1ms);
    CHECK(b.frames()[0].raw() == R"({"type":"command","op":"ping"})");
    b.pass(5s);
    b.subject.heard(b.now);
    b.pass(25s);
    CHECK(b.frames().size() == 1u);
    b.pass(9'999ms);
    CHECK(b.subject.is_live());
    b.pass(1ms);
    CHECK(b.subject.state() == client_state::waiting);
    CHECK(std::get<client_action::close>(b.actions[0]).code == 4001);
  }
  SUBCASE("a server may do without") {
    b.subject.connect(b.now);
    b.subject.opened({}, b.now);
    auto w = bench::welcome("s1", "new");
    w.heartbeat = 0ms;
    b.subject.welcomed(w);
    CHECK(b.subject.deadline() == b.now + 15s);
    b.subject.caught_up(b.now);
    CHECK(b.subject.deadline() == time_point::max());
  }
}

TEST_CASE("client connection: waits, and is careful until a connection has held") {
  bench b;
  b.become_live();
  b.subject.ended(1006, "", b.now);
  CHECK(b.subject.retry_at() == b.now + 750ms);
  b.pass(749ms);
  CHECK(b.subject.state() == client_state::waiting);
  b.pass(1ms);
  CHECK(b.opens());
  b.subject.opened({}, b.now);
  b.subject.welcomed(bench::welcome("s1", "ok"));
  b.subject.caught_up(b.now);
  SUBCASE("not long enough") {
    b.pass(9'999ms);
    b.subject.ended(1006, "", b.now);
    CHECK(b.subject.retry_at() == b.now + 1000ms);
  }
  SUBCASE("long enough") {
    b.pass(10s);
    b.subject.ended(1006, "", b.now);
    CHECK(b.subject.retry_at() == b.now + 750ms);
  }
  SUBCASE("long enough, and then a gap") {
    b.pass(10s);
    b.subject.missed({}, b.now);
    b.subject.ended(1006, "", b.now);
    CHECK(b.subject.retry_at() == b.now + 750ms);
  }
  SUBCASE("what the server asks for counts once") {
    b.subject.told_to_wait(4200ms);
    b.subject.ended(1012, "", b.now);
    CHECK(b.subject.retry_at() == b.now + 4200ms);
    b.subject.connect(b.now);
    b.subject.ended(1012, "", b.now);
    CHECK(b.subject.retry_at() == b.now + 1500ms);
  }
}

TEST_CASE("client connection: a code that ends the session forgets where to resume") {
  for (const auto& [code, known] : {std::pair<int, bool>{1006, true},
                                    {1001, true},
                                    {4100, false},
                                    {4101, false},
                                    {4403, true},
                                    {1000, false}}) {
    bench b;
    b.become_live();
    b.subject.ended(static_cast<std::uint16_t>(code), "", b.now);
    CHECK(b.subject.position().is_known() == known);
  }
}
