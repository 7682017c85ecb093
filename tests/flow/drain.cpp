// SPDX-License-Identifier: MIT
//
// Stopping in order: nothing new, a word to everyone, running answers may end, then 1012.
#include "flow/fixture.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace flow;

namespace {

/// What was accepted before stop() may still send its request afterwards.
struct lines_that_stand : aw::testing::mock_transport {
  void stop() { stopped = true; }
  bool stopped = false;
};

/// Lets in when the test says so.
struct slow_door {
  std::vector<aw::authentication_handler> waiting;
  void authenticate(const aw::credentials&, aw::authentication_handler done) {
    waiting.push_back(std::move(done));
  }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "drain: without sessions it is done at once, and only once") {
  start();
  int times = 0;
  server.stop([&] { ++times; });
  CHECK(times == 0);
  run();
  CHECK(times == 1);
  CHECK_FALSE(transport.listening());
  pass_in_silence(1min);
  CHECK(times == 1);
}

TEST_CASE_FIXTURE(fixture, "drain: idle sessions are told and closed with 1012") {
  const auto first = connect();
  const auto second = connect();
  int times = 0;
  server.stop([&] {
    ++times;
    CHECK(server.session_count() == 0u);
  });
  run();
  for (const auto id : {first, second}) {
    const auto frames = heard(id);
    REQUIRE(frames.size() == 2u);
    CHECK(frames[0].op() == "drain");
    CHECK(frames[1].is_status("drain"));
    CHECK(frames[1].number("retry_after_ms") == 5000);
    REQUIRE(transport.close_sent(id).has_value());
    CHECK(transport.close_sent(id)->first == 1012);
  }
  CHECK(times == 1);
}

TEST_CASE_FIXTURE(fixture, "drain: a running answer may end, what waits is refused") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x","stream":true})");
  say(id, R"({"id":"q2","content":"y"})");
  say(id, R"({"id":"q3","content":"y","stream":true})");
  const auto call = http.last().id;
  http.respond_head(call, 200, event_stream());
  http.respond_body(call, chunk("half "));
  heard(id);
  int times = 0;
  server.stop([&] { ++times; });
  run();
  const auto frames = heard(id);
  CHECK(frames.at(0).op() == "drain");
  const auto ends = terminals(frames);
  REQUIRE(ends.size() == 2u);
  CHECK(ends[0].ref() == "q2");
  CHECK(ends[0].code() == "draining");
  CHECK(ends[1].ref() == "q3");
  CHECK(ends[1].text("error.code") == "draining");
  CHECK(transport.is_open(id));
  CHECK(times == 0);

  CHECK(say(id, R"({"id":"q4","content":"z"})").at(0).code() == "draining");
  pass(9s);
  CHECK(times == 0);
  http.respond_body(call, chunk("and half") + finish() + done());
  http.complete(call);
  run();
  CHECK(terminal(heard(id)).content() == "half and half");
  REQUIRE(transport.close_sent(id).has_value());
  CHECK(transport.close_sent(id)->first == 1012);
  CHECK(times == 1);
  pass(1min);
  CHECK(times == 1);
}

TEST_CASE_FIXTURE(fixture, "drain: after DRAIN_TIMEOUT a running answer ends with draining") {
  const auto plain = connect();
  const auto streaming = connect();
  say(plain, R"({"id":"q1","content":"x"})");
  say(streaming, R"({"id":"q1","content":"x","stream":true})");
  http.respond_head(http.last().id, 200, event_stream());
  http.respond_body(http.last().id, chunk("half"));
  heard(streaming);
  int times = 0;
  server.stop([&] { ++times; });
  pass(10s - 1ms);
  CHECK(http.open_calls() == 2u);
  CHECK(times == 0);
  pass(1ms);
  CHECK(http.open_calls() == 0u);
  const frame end = terminal(heard(plain));
  CHECK(end.code() == "draining");
  CHECK(end.ref() == "q1");
  CHECK(end.truth("retryable"));
  const frame cut = terminal(heard(streaming));
  CHECK(cut.text("status") == "failed");
  CHECK(cut.text("error.code") == "draining");
  CHECK(cut.content() == "half");
  for (const auto id : {plain, streaming}) CHECK(transport.close_sent(id)->first == 1012);
  CHECK(times == 1);
}

TEST_CASE_FIXTURE(fixture, "drain: a second stop changes nothing") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x"})");
  int first = 0, second = 0;
  server.stop([&] { ++first; });
  run();
  heard(id);
  server.stop([&] { ++second; });
  run();
  CHECK(heard(id).empty());
  pass(30s);
  CHECK(first == 1);
  CHECK(second <= 1);
}

TEST_CASE_FIXTURE(fixture, "drain: a client that goes meanwhile does not hold it up") {
  const auto id = connect();
  say(id, R"({"content":"x"})");
  int times = 0;
  server.stop([&] { ++times; });
  run();
  CHECK(times == 0);
  transport.disconnect(id);
  run();
  CHECK(times == 1);
  CHECK(http.open_calls() == 0u);
}

TEST_CASE_FIXTURE(fixture, "drain: the one who is told may destroy what it likes") {
  aw::testing::mock_transport lines;
  auto other =
      std::make_unique<aw::basic_server<aw::testing::mock_transport, aw::testing::mock_http_client,
                                        aw::testing::manual_scheduler>>(settings(), lines, http,
                                                                        clock);
  REQUIRE(other->start());
  const auto id = lines.connect();
  lines.receive(id, R"({"content":"x"})");
  other->stop([&] { other.reset(); });
  clock.run();
  CHECK(other != nullptr);
  clock.advance(1min);
  lines.run();
  clock.run();
  CHECK(other == nullptr);
  clock.advance(24h);
}

TEST_CASE("drain: whoever still comes is told to come again elsewhere") {
  basic_fixture<lines_that_stand> talk;
  const auto id = talk.connect();
  talk.say(id, R"({"content":"keeps it open"})");
  talk.server.stop();
  talk.run();
  CHECK_FALSE(talk.transport.stopped);
  const auto late = talk.transport.connect();
  talk.run();
  CHECK_FALSE(talk.transport.is_open(late));
  const auto refused = talk.transport.response_of(late);
  CHECK(refused.status == 503);
  CHECK(refused.headers.contains("Retry-After"));
  aw::http::request ready;
  ready.target = "/readyz";
  CHECK(talk.transport.request(ready).status == 503);
  ready.target = "/healthz";
  CHECK(talk.transport.request(ready).status == 200);
  talk.transport.disconnect(id);
  talk.run();
  CHECK(talk.transport.stopped);
}

TEST_CASE("drain: whoever stood at the door is told so too, and nobody gets in after the end") {
  basic_fixture<lines_that_stand, slow_door> talk;
  talk.start();
  const auto late = talk.transport.connect();
  REQUIRE(talk.doors.waiting.size() == 1u);
  int times = 0;
  talk.server.stop([&] { ++times; });
  talk.run();
  CHECK(times == 1);
  talk.doors.waiting[0](aw::principal{"late"});
  talk.run();
  CHECK(talk.server.session_count() == 0u);
  CHECK_FALSE(talk.transport.is_open(late));
  CHECK(talk.transport.response_of(late).status == 503);
}
