// SPDX-License-Identifier: MIT
//
// How long a session lives: inactivity, silent peers, and sockets that go.
#include "flow/fixture.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using namespace flow;

namespace {

aw::options with_timeout(std::chrono::milliseconds timeout, std::chrono::milliseconds interval) {
  auto chosen = settings();
  chosen.session_timeout = timeout;
  chosen.cleanup_interval = interval;
  return chosen;
}

}  // namespace

TEST_CASE("lifetime: an inactive session is told, closed with 1000 and freed") {
  fixture talk(with_timeout(30min, 60s));
  const auto id = talk.connect();
  talk.ask(id, R"({"content":"x"})", {"a"});
  talk.pass(29min);
  CHECK(talk.heard(id).empty());
  CHECK(talk.transport.is_open(id));
  talk.pass(2min);
  const auto frames = talk.heard(id);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].type() == "notification");
  CHECK(frames[0].content() == "Session closed due to inactivity");
  REQUIRE(talk.transport.close_sent(id).has_value());
  CHECK(talk.transport.close_sent(id)->first == 1000);
  CHECK(talk.transport.close_sent(id)->second == "Session timeout");
  CHECK(talk.server.session_count() == 0u);
}

TEST_CASE("lifetime: sessions are looked at once in CLEANUP_INTERVAL") {
  fixture talk(with_timeout(100s, 60s));
  const auto id = talk.connect();
  talk.pass(119s);
  CHECK(talk.transport.is_open(id));
  talk.pass(1s);
  CHECK_FALSE(talk.transport.is_open(id));
}

TEST_CASE("lifetime: any message counts as activity; pongs, and pings that programs send, do not") {
  fixture talk(with_timeout(100s, 1s));
  const auto busy = talk.connect();
  const auto quiet = talk.connect();
  for (int i = 0; i < 3; ++i) {
    talk.pass(60s);
    talk.say(busy, R"({"type":"command","op":"info"})");
    if (talk.transport.is_open(quiet)) talk.say(quiet, R"({"type":"command","op":"ping"})");
  }
  CHECK(talk.transport.is_open(busy));
  CHECK_FALSE(talk.transport.is_open(quiet));
  CHECK(talk.transport.pings(quiet) > 0u);
  CHECK(talk.server.session_count() == 1u);
}

TEST_CASE("lifetime: a busy session is not inactive") {
  auto chosen = with_timeout(60s, 1s);
  chosen.first_token_timeout = chosen.idle_timeout = 0s;
  fixture talk(chosen);
  const auto id = talk.connect();
  talk.say(id, R"({"content":"x"})");
  talk.pass(10min);
  CHECK(talk.transport.is_open(id));
  talk.http.respond(talk.http.last().id, 200, event_stream(), chunk("a") + finish() + done());
  talk.run();
  CHECK(terminal(talk.heard(id)).content() == "a");
  talk.pass(59s);
  CHECK(talk.transport.is_open(id));
  talk.pass(3s);
  CHECK_FALSE(talk.transport.is_open(id));
}

TEST_CASE_FIXTURE(fixture, "lifetime: a ping after every interval of silence") {
  const auto id = connect();
  pass_in_silence(25s - 1ms);
  CHECK(transport.pings(id) == 0u);
  pass_in_silence(1ms);
  CHECK(transport.pings(id) == 1u);
  transport.receive_pong(id);
  pass_in_silence(25s - 1ms);
  CHECK(transport.pings(id) == 1u);
  pass_in_silence(1ms);
  CHECK(transport.pings(id) == 2u);
  transport.receive_pong(id);
  CHECK(heard(id).empty());
  CHECK(transport.is_open(id));
}

TEST_CASE_FIXTURE(fixture, "lifetime: any frame counts as a sign of life") {
  const auto id = connect();
  pass_in_silence(20s);
  say(id, R"({"type":"command","op":"ping"})");
  pass_in_silence(20s);
  transport.receive_binary(id, 1);
  pass_in_silence(20s);
  transport.receive_oversized(id, 1u << 20);
  pass_in_silence(20s);
  CHECK(transport.pings(id) == 0u);
  pass_in_silence(5s);
  CHECK(transport.pings(id) == 1u);
  pass_in_silence(7s);
  say(id, "garbage");
  pass_in_silence(24s);
  CHECK(transport.is_open(id));
}

TEST_CASE_FIXTURE(fixture, "lifetime: a silent peer is closed with 4001 and its answer cancelled") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x"})");
  pass_in_silence(33s - 1ms);
  CHECK(transport.is_open(id));
  CHECK(http.open_calls() == 1u);
  pass_in_silence(1ms);
  REQUIRE(transport.close_sent(id).has_value());
  CHECK(transport.close_sent(id)->first == 4001);
  CHECK(transport.close_sent(id)->second == "heartbeat_timeout");
  CHECK(http.open_calls() == 0u);
  CHECK(server.session_count() == 0u);
  pass_in_silence(1h);
  CHECK(transport.pings(id) == 1u);
}

TEST_CASE_FIXTURE(fixture, "lifetime: peers that came at different times have their own clocks") {
  const auto first = connect();
  pass_in_silence(10s);
  const auto second = connect();
  pass_in_silence(15s);
  CHECK(transport.pings(first) == 1u);
  CHECK(transport.pings(second) == 0u);
  transport.receive_pong(first);
  pass_in_silence(10s);
  CHECK(transport.pings(second) == 1u);
  pass_in_silence(8s);
  CHECK(transport.is_open(first));
  CHECK_FALSE(transport.is_open(second));
}

TEST_CASE_FIXTURE(fixture, "lifetime: a socket that goes frees its session and cancels at once") {
  std::vector<std::uint16_t> codes;
  router().on_disconnect([&](session_type&, std::uint16_t code) { codes.push_back(code); });
  const auto id = connect();
  ask(id, R"({"content":"x"})", {"a"});
  say(id, R"({"content":"y","stream":true})");
  say(id, R"({"content":"z"})");
  http.respond_head(http.last().id, 200, event_stream());
  http.respond_body(http.last().id, chunk("half"));
  std::weak_ptr<session_type> watch = session(id);
  transport.disconnect(id, 1001, "bye");
  CHECK(http.open_calls() == 0u);
  CHECK(server.session_count() == 0u);
  run();
  CHECK(watch.expired());
  CHECK(codes == std::vector<std::uint16_t>{1001});
  CHECK(http.calls().size() == 2u);
  pass_in_silence(24h);
  CHECK(http.calls().size() == 2u);
}

TEST_CASE_FIXTURE(fixture, "lifetime: many sockets come and go, and nothing is left") {
  start();
  const std::size_t timers = clock.pending_timers();
  for (int round = 0; round < 20; ++round) {
    std::vector<aw::connection_id> ids;
    for (int i = 0; i < 10; ++i) ids.push_back(connect());
    for (const auto id : ids) {
      say(id, R"({"content":"x","timeout_ms":5000})");
      if (id % 3 == 0) say(id, R"({"type":"command","op":"close"})");
    }
    for (const auto id : ids) transport.disconnect(id);
  }
  run();
  CHECK(server.session_count() == 0u);
  CHECK(http.open_calls() == 0u);
  pass_in_silence(1min);
  CHECK(clock.pending_timers() == timers);
}

TEST_CASE_FIXTURE(fixture, "lifetime: a server that goes takes its open calls with it") {
  aw::testing::mock_transport lines;
  aw::testing::mock_http_client upstream;
  aw::testing::manual_scheduler time;
  {
    aw::basic_server<aw::testing::mock_transport, aw::testing::mock_http_client,
                     aw::testing::manual_scheduler>
        other(settings(), lines, upstream, time);
    REQUIRE(other.start());
    const auto id = lines.connect();
    lines.receive(id, R"({"content":"x","timeout_ms":100})");
    time.run();
    CHECK(upstream.open_calls() == 1u);
    other.stop();
    other.broadcast("too late");
    other.post([] { FAIL("ran after the server"); });
  }
  CHECK(upstream.open_calls() == 0u);
  time.advance(24h);
}
