// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/clocks.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>

using agent_websocket::errc;
using agent_websocket::time_point;
using agent_websocket::openrouter::client_settings;
using agent_websocket::openrouter::completion_clocks;
using std::chrono::seconds;

namespace {

time_point at(int s) { return time_point(seconds(1000 + s)); }

client_settings limits(int first, int idle, int total) {
  client_settings made;
  made.first_token_timeout = seconds(first);
  made.idle_timeout = seconds(idle);
  made.total_timeout = seconds(total);
  return made;
}

void check(const completion_clocks& clocks, const client_settings& set, bool has_output, int when,
           errc what) {
  const auto next = clocks.next(set, has_output);
  REQUIRE(next);
  CHECK(next->at == at(when));
  CHECK(next->passed == what);
}

}  // namespace

TEST_CASE("clocks: the earliest of those that run") {
  const client_settings set = limits(20, 10, 100);
  completion_clocks clocks;
  clocks.start(at(0));
  clocks.send(at(5), true);
  check(clocks, set, false, 25, errc::timeout_first_token);  // idle waits for the head
  clocks.on_head(at(6));
  check(clocks, set, false, 16, errc::timeout_idle);
  clocks.on_bytes(at(18));
  check(clocks, set, false, 25, errc::timeout_first_token);
  check(clocks, set, true, 28, errc::timeout_idle);
  clocks.on_bytes(at(95));
  check(clocks, set, true, 100, errc::timeout_total);
  // A second attempt: the total goes on, the others begin anew.
  clocks.send(at(50), true);
  check(clocks, set, false, 70, errc::timeout_first_token);
}

TEST_CASE("clocks: zero is no limit") {
  completion_clocks clocks;
  clocks.start(at(0));
  clocks.send(at(0), true);
  clocks.on_head(at(0));
  CHECK(!clocks.next(limits(0, 0, 0), false));
  CHECK(!clocks.next(limits(5, 0, 0), true));
}

TEST_CASE("clocks: without streaming only idle and total count") {
  completion_clocks clocks;
  clocks.start(at(0));
  clocks.send(at(0), false);
  check(clocks, limits(5, 10, 0), false, 10, errc::timeout_idle);
}

TEST_CASE("clocks: all stand still while paused") {
  const client_settings set = limits(20, 10, 100);
  completion_clocks clocks;
  clocks.start(at(0));
  clocks.send(at(0), true);
  clocks.on_head(at(4));
  clocks.pause(at(6));
  CHECK(clocks.paused());
  clocks.resume(at(1006));
  CHECK(!clocks.paused());
  check(clocks, set, false, 1014, errc::timeout_idle);
  clocks.on_bytes(at(1019));
  check(clocks, set, false, 1020, errc::timeout_first_token);
  clocks.on_bytes(at(1095));
  check(clocks, set, true, 1100, errc::timeout_total);
  // A byte that came in the pause is not in the future afterwards.
  clocks.pause(at(1096));
  clocks.on_bytes(at(1097));
  clocks.resume(at(1098));
  check(clocks, limits(0, 10, 0), true, 1108, errc::timeout_idle);
}

TEST_CASE("clocks: the wait for a retry, and the total") {
  using std::chrono::milliseconds;
  completion_clocks clocks;
  clocks.start(at(0));
  clocks.wait(at(3), milliseconds(2000));
  CHECK(clocks.retry_at() == at(5));
  CHECK(clocks.exceeds_total(limits(0, 0, 10), at(8), milliseconds(2000)));
  CHECK(!clocks.exceeds_total(limits(0, 0, 10), at(8), milliseconds(1999)));
  CHECK(!clocks.exceeds_total(limits(0, 0, 0), at(8), milliseconds(1'000'000)));
  // One that begins in a pause has all of its time left behind it.
  clocks.pause(at(10));
  clocks.wait(at(50), milliseconds(2000));
  clocks.resume(at(100));
  CHECK(clocks.retry_at() == at(102));
}
