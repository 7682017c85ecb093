// SPDX-License-Identifier: MIT
//
// A client that does not read: what waits for it is bounded, the upstream waits with it, and when
// it reads again it has lost nothing.
#include "flow/fixture.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

using namespace flow;

namespace {

const std::string kilobyte(1024, 'x');

struct slow : fixture {
  using fixture::fixture;
  aw::connection_id id = connect();
  aw::http_call_id call = 0;

  void begin(std::string_view query = R"({"id":"q1","content":"x","stream":true})") {
    say(id, query);
    call = http.last().id;
    http.respond_head(call, 200, event_stream());
    transport.stall(id);
  }
  std::size_t waiting() {
    aw::session_core& core = session(id)->core();
    const aw::live_answer answer = core.streamed();
    const aw::lanes* const socket = core.output().find(id);
    return socket == nullptr
               ? 0
               : socket->waiting_bytes(core.output().log(), answer.run == 0 ? nullptr : &answer);
  }
};

}  // namespace

TEST_CASE_FIXTURE(slow, "slow_client: deltas merge while they wait and make up the whole text") {
  begin();
  for (int i = 0; i < 100; ++i) http.respond_body(call, chunk(kilobyte));
  const std::size_t handed_over = transport.sent(id).size();
  for (int i = 0; i < 3; ++i) http.respond_body(call, chunk("tail"));
  CHECK(transport.sent(id).size() == handed_over);
  transport.drain(id);
  run();
  http.respond_body(call, finish() + done());
  http.complete(call);
  run();
  const auto frames = heard(id);
  const frame end = terminal(frames);
  CHECK(end.content().size() == 100u * 1024u + 12u);
  CHECK(end.number("n") == 103);
  std::size_t deltas = 0;
  for (const frame& each : frames) deltas += each.phase() == "delta" ? 1 : 0;
  CHECK(deltas < 103u);
}

TEST_CASE_FIXTURE(slow, "slow_client: the upstream is paused, and goes on when the client reads") {
  begin();
  std::size_t given = 0, most = 0;
  for (int i = 0; i < 2000 && !http.last().paused; ++i, ++given) {
    http.respond_body(call, chunk(kilobyte));
    most = std::max(most, waiting());
  }
  CHECK(http.last().paused);
  CHECK(given < 300u);
  CHECK(most < 200'000u);
  CHECK(transport.is_open(id));
  // What comes now waits upstream.
  for (int i = 0; i < 500; ++i) http.respond_body(call, chunk(kilobyte));
  CHECK(waiting() <= most);
  pass(29s);
  CHECK(http.last().paused);
  http.respond_body(call, finish() + done());
  http.complete(call);
  transport.drain(id);
  run();
  CHECK_FALSE(transport.close_sent(id).has_value());
  const frame end = terminal(heard(id));
  CHECK(end.text("status") == "completed");
  CHECK(end.content().size() == (given + 500u) * 1024u);
}

TEST_CASE("slow_client: a client that stops again and again loses nothing") {
  slow talk;
  talk.begin();
  std::size_t given = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i, ++given) talk.http.respond_body(talk.call, chunk(kilobyte));
    talk.run();
    talk.transport.drain(talk.id);
    talk.run();
    talk.transport.stall(talk.id);
  }
  talk.http.respond_body(talk.call, finish() + done());
  talk.http.complete(talk.call);
  for (int i = 0; i < 50; ++i) {
    talk.run();
    talk.transport.drain(talk.id);
  }
  CHECK(terminal(talk.heard(talk.id)).content().size() == given * 1024u);
}

TEST_CASE("slow_client: over MAX_OUTBOUND_BYTES the socket is closed with 4002") {
  auto chosen = settings();
  chosen.session.max_outbound_bytes = 131'072;
  slow talk(chosen);
  talk.begin();
  std::size_t most = 0;
  for (int i = 0; i < 2000 && talk.transport.is_open(talk.id); ++i) {
    talk.server.broadcast(kilobyte);
    talk.clock.run();
    if (talk.session(talk.id)) most = std::max(most, talk.waiting());
  }
  REQUIRE(talk.transport.close_sent(talk.id).has_value());
  CHECK(talk.transport.close_sent(talk.id)->first == 4002);
  CHECK(talk.transport.close_sent(talk.id)->second == "slow_consumer");
  CHECK(most <= 131'072u + 2'048u);
  talk.run();
  CHECK(talk.http.open_calls() == 0u);
  CHECK(talk.server.session_count() == 0u);
}

TEST_CASE("slow_client: control messages are bounded like all others") {
  auto chosen = settings();
  chosen.session.max_outbound_bytes = 131'072;
  slow talk(chosen);
  talk.begin();
  for (int i = 0; i < 20'000 && talk.transport.is_open(talk.id); ++i) {
    talk.transport.receive(talk.id, R"({"type":"command","op":"ping","id":"p"})");
  }
  REQUIRE(talk.transport.close_sent(talk.id).has_value());
  CHECK(talk.transport.close_sent(talk.id)->first == 4002);
}

TEST_CASE_FIXTURE(slow, "slow_client: one slow client does not slow another") {
  begin();
  for (int i = 0; i < 300; ++i) http.respond_body(call, chunk(kilobyte));
  CHECK(http.calls()[0].paused);
  const auto other = connect();
  CHECK(terminal(ask(other, R"({"content":"x","stream":true})", {"quick"})).content() == "quick");
}

TEST_CASE_FIXTURE(slow, "slow_client: one that goes while it is paused frees everything") {
  begin();
  for (int i = 0; i < 300; ++i) http.respond_body(call, chunk(kilobyte));
  CHECK(http.last().paused);
  transport.disconnect(id);
  CHECK(http.open_calls() == 0u);
  CHECK(server.session_count() == 0u);
}

TEST_CASE_FIXTURE(slow, "slow_client: cancelling while it is paused tells what was there") {
  begin();
  for (int i = 0; i < 300; ++i) http.respond_body(call, chunk(kilobyte));
  CHECK(http.last().paused);
  transport.receive(id, R"({"type":"command","op":"cancel"})");
  CHECK(http.open_calls() == 0u);
  transport.drain(id);
  run();
  const frame end = terminal(heard(id));
  CHECK(end.text("status") == "cancelled");
  CHECK_FALSE(end.content().empty());
}

TEST_CASE_FIXTURE(slow, "slow_client: a plain query costs no more than its text") {
  begin(R"({"id":"q1","content":"x"})");
  for (int i = 0; i < 300; ++i) http.respond_body(call, chunk(kilobyte));
  CHECK_FALSE(http.last().paused);
  CHECK(waiting() == 0u);
  http.respond_body(call, finish() + done());
  http.complete(call);
  transport.drain(id);
  run();
  CHECK(terminal(heard(id)).content().size() == 300u * 1024u);
}

TEST_CASE_FIXTURE(slow, "slow_client: an acknowledgement is not held up by what waits") {
  begin();
  for (int i = 0; i < 120; ++i) http.respond_body(call, chunk(kilobyte));
  CHECK(waiting() > 0u);
  transport.receive(id, R"({"type":"command","op":"ping","id":"p1"})");
  transport.drain(id);
  run();
  const auto frames = frames_of(transport.take_sent(id));
  std::size_t pong = 0, last_delta = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].is_status("pong")) pong = i;
    if (frames[i].phase() == "delta") last_delta = i;
  }
  CHECK(pong > 0u);
  CHECK(pong < last_delta);
}

TEST_CASE_FIXTURE(slow, "slow_client: one that takes nothing for SLOW_TIMEOUT is given up") {
  begin();
  for (int i = 0; i < 300; ++i) http.respond_body(call, chunk(kilobyte));
  pass_in_silence(30s - 1ms);
  CHECK(transport.is_open(id));
  pass_in_silence(1ms);
  REQUIRE(transport.close_sent(id).has_value());
  CHECK(transport.close_sent(id)->first == 4002);
  CHECK(http.open_calls() == 0u);
}
