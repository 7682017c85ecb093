// SPDX-License-Identifier: MIT
#include <agent_websocket/client/connection.hpp>

#include "unit/client/connection_bench.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <variant>

using namespace agent_websocket;
using namespace std::chrono_literals;
using bench = connection_bench;

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
