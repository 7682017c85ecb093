// SPDX-License-Identifier: MIT
#include <agent_websocket/session/core_output.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

/// What session_core does by its events, done by hand.
struct bench : core_output {
  using core_output::encoded;
  using core_output::live_notice;
  using core_output::next_seq;
  using core_output::put_control;
  using core_output::put_kept;
  using core_output::put_ordered;
  using core_output::put_welcome;

  moment at{time_point(24h), wall_time(1'767'225'600s)};  // 2026-01-01T00:00:00Z

  bench()
      : core_output("s1", "e1", std::make_shared<const session_settings>(),
                    moment{time_point(24h), wall_time(1'767'225'600s)}) {
    output().attach(1);
    output().attach(2);
  }

  void number(const std::string& content) {
    output().publish(encoded(wire::notification{next_seq(), {}, {}, content, {}}, at), ledger_);
  }
  void record(const std::string& what) {
    ledger_.turn_on();
    ledger_.add(what);
  }
  void keep_all() {
    ledger_.take_fresh();
    ledger_.confirm(ledger_.made());
    output().release(ledger_);
  }
  std::string sent(connection_id to) {
    std::string words, text;
    while (output().find(to)->take_next(output().log(), nullptr, true, text, timestamp(at.wall))) {
      const frame f(text);
      words += (words.empty() ? "" : " ") + (f.op().empty() ? f.content() : f.op());
    }
    return words;
  }
};

}  // namespace

TEST_CASE("core_output: every message has the time of its making") {
  bench b;
  const wire::queued said{"q1", 1};
  CHECK(frame(b.encoded(said, b.at)).text("timestamp") == "2026-01-01T00:00:00.000Z");
  b.at.wall += 1234ms;
  CHECK(frame(b.encoded(said, b.at)).text("timestamp") == "2026-01-01T00:00:01.234Z");
  CHECK(b.timestamp(b.at.wall) == "2026-01-01T00:00:01.234Z");
}

TEST_CASE("core_output: goes to the socket that is meant, or with 0 to all") {
  bench b;
  b.put_control(1, wire::queued{"q1", 1}, b.at);
  b.put_ordered(2, wire::status{"thinking", {}, {}, {}, {}, {}, {}}, b.at);
  b.put_control(0, wire::auth_expiring{"soon"}, b.at);
  CHECK(b.sent(1) == "queued auth_expiring");
  CHECK(b.sent(2) == "auth_expiring thinking");
  CHECK(b.sent(1).empty());
}

TEST_CASE("core_output: ordered ones wait for the numbered ones before them, controls do not") {
  bench b;
  b.number("n1");
  b.put_ordered(1, wire::status{"thinking", {}, {}, {}, {}, {}, {}}, b.at);
  b.number("n2");
  b.put_control(1, wire::queued{"q1", 1}, b.at);
  CHECK(b.sent(1) == "queued n1 thinking n2");
  CHECK(b.next_seq() == 3u);
}

TEST_CASE("core_output: what says that something is done waits until that is kept") {
  bench b;
  b.put_kept(1, wire::ack{"c0", {}, 0, false, false}, b.at);
  CHECK(b.sent(1) == "ack");  // nothing was to be kept
  b.record("{}");
  b.put_kept(1, wire::ack{"c1", {}, 0, false, false}, b.at);
  b.put_control(1, wire::queued{"q1", 1}, b.at);
  CHECK(b.sent(1) == "queued");
  b.keep_all();
  CHECK(b.sent(1) == "ack");
}

TEST_CASE("core_output: a welcome comes before everything else, also while nothing is kept") {
  bench b;
  wire::welcome hello;
  hello.session_id = "s1";
  b.record("{}");
  b.put_welcome(1, hello, b.at);
  b.put_control(1, wire::queued{"q1", 1}, b.at);
  CHECK(b.sent(1).empty());
  b.keep_all();
  CHECK(b.sent(1) == "welcome queued");
  CHECK(b.sent(2).empty());
}

TEST_CASE("core_output: `live` names the number of the newest message") {
  bench b;
  CHECK(frame(b.live_notice(b.at)).json("seq") == "0");
  b.number("n1");
  b.number("n2");
  const frame live(b.live_notice(b.at));
  CHECK(live.is_status("live"));
  CHECK(live.number("seq") == 2);
}
