// SPDX-License-Identifier: MIT
#include <agent_websocket/server/waiting_requests.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

struct fake_transport {
  std::map<connection_id, std::vector<http::response>> answers;
  void answer(connection_id to, http::response response) {
    answers[to].push_back(std::move(response));
  }
};

using requests = waiting_requests<fake_transport, testing::manual_scheduler>;

struct fixture {
  fake_transport transport;
  testing::manual_scheduler clock;
  server_counts counts;
  bool at_once = false;
  std::vector<respond_handler> open;
  std::unique_ptr<requests> its = std::make_unique<requests>(
      transport, clock, counts, [this](const http::request& asked, const respond_handler& respond) {
        if (at_once) return respond(http::response::text(200, asked.target));
        open.push_back(respond);
      });

  void ask(connection_id connection, std::string target = "/x") {
    http::request asked;
    asked.target = std::move(target);
    its->ask(connection, asked);
  }
  /// The only answer of that connection; status 0 when there is none yet.
  http::response answer(connection_id of) {
    const auto& all = transport.answers[of];
    CHECK(all.size() <= 1u);
    return all.empty() ? http::response{0, {}, {}} : all.front();
  }
  void check_unknown(connection_id of) {
    CHECK(answer(of).status == 503);
    CHECK(answer(of).headers.find("Retry-After") == "5");
    CHECK(answer(of).headers.find("Content-Type") == "application/json");
    CHECK(answer(of).body.find(R"({"error":{"code":"internal")") == 0u);
  }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "waiting_requests: an answer at once needs no clock") {
  at_once = true;
  ask(1, "/a");
  CHECK(answer(1).body == "/a");
  CHECK(clock.pending_timers() == 0u);
  CHECK(counts.http[1] == 1u);
}

TEST_CASE_FIXTURE(fixture, "waiting_requests: answers come later, in any order, each to its request") {
  ask(1);
  ask(2);
  CHECK(clock.pending_timers() == 2u);
  open[1](http::response::text(404, "two"));
  CHECK(answer(1).status == 0);
  clock.advance(19s);
  open[0](http::response::text(200, "one"));
  CHECK(answer(1).body == "one");
  CHECK(answer(2).body == "two");
  CHECK(clock.pending_timers() == 0u);
  CHECK(counts.http[1] == 1u);
  CHECK(counts.http[3] == 1u);
}

TEST_CASE_FIXTURE(fixture, "waiting_requests: only the first answer counts") {
  ask(1);
  open[0](http::response::text(200, "one"));
  open[0](http::response::text(200, "two"));
  CHECK(answer(1).body == "one");
  CHECK(counts.http[1] == 1u);
}

TEST_CASE_FIXTURE(fixture, "waiting_requests: nobody waits for longer than that") {
  ask(1);
  clock.advance(19'999ms);
  CHECK(answer(1).status == 0);
  clock.advance(1ms);
  check_unknown(1);
  CHECK(counts.http[4] == 1u);
  open[0](http::response::text(200, "late"));
  CHECK(answer(1).status == 503);
  CHECK(counts.http[1] == 0u);
  CHECK(clock.pending_timers() == 0u);
}

TEST_CASE_FIXTURE(fixture, "waiting_requests: of a client that has gone nothing stays") {
  ask(1);
  its->abandon(1);
  its->abandon(1);
  its->abandon(7);
  CHECK(clock.pending_timers() == 0u);
  open[0](http::response::text(200, "late"));
  CHECK(answer(1).status == 0);
  CHECK(counts.http[1] == 0u);
}

TEST_CASE_FIXTURE(fixture, "waiting_requests: who waits when the server goes is told so") {
  ask(1);
  ask(2);
  ask(3);
  its->abandon(3);
  its.reset();
  check_unknown(1);
  check_unknown(2);
  CHECK(answer(3).status == 0);
  CHECK(clock.pending_timers() == 0u);
  open[0](http::response::text(200, "late"));
  CHECK(answer(1).status == 503);
}

TEST_CASE_FIXTURE(fixture, "waiting_requests: who waits can be told before the server goes") {
  ask(1);
  its->dismiss();
  check_unknown(1);
  CHECK(clock.pending_timers() == 0u);
  open[0](http::response::text(200, "late"));
  CHECK(answer(1).status == 503);
  ask(2);
  open[1](http::response::text(200, "two"));
  CHECK(answer(2).body == "two");
}
