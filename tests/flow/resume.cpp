// SPDX-License-Identifier: MIT
//
// A session is not a socket: clients that go and come back, several sockets on one session, and
// what becomes of sessions that nobody comes back to.
#include "flow/lasting_fixture.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace flow;

TEST_CASE_FIXTURE(lasting_fixture,
                  "resume: an answer that ended while the client was away is there") {
  ticket mine;
  auto id = arrive(mine);
  tell(id, R"({"id":"q1","content":"x","stream":true})");
  const auto call = http.last().id;
  http.respond_head(call, 200, event_stream());
  http.respond_body(call, chunk("half "));
  run();
  CHECK(taken(id).back().phase() == "delta");
  transport.disconnect(id);
  run();
  CHECK(http.open_calls() == 1u);
  http.respond_body(call, chunk("and half") + finish() + done());
  http.complete(call);
  run();
  const auto frames = come_back(id, mine, 1);
  REQUIRE(frames.size() == 3u);
  CHECK(frames[0].op() == "welcome");
  CHECK(frames[0].truth("recovered"));
  CHECK(frames[0].text("reason") == "ok");
  CHECK(frames[0].text("session_id") == mine.session_id);
  CHECK(frames[0].text("epoch") == mine.epoch);
  CHECK(frames[0].text("resume_token") != mine.token);
  CHECK(frames[0].number("resume_window_ms") == 300'000);
  CHECK(frames[1].phase() == "full");
  CHECK(frames[1].content() == "half and half");
  CHECK(frames[1].truth("replay"));
  CHECK(frames[2].is_status("live"));
  CHECK(server.session_count() == 1u);
  CHECK(http.calls().size() == 1u);
}

TEST_CASE_FIXTURE(lasting_fixture, "resume: in mid-answer a snapshot, then the text goes on") {
  ticket mine;
  auto id = arrive(mine);
  tell(id, R"({"id":"q1","content":"x","stream":true})");
  const auto call = http.last().id;
  http.respond_head(call, 200, event_stream());
  for (int i = 0; i < 4999; ++i) http.respond_body(call, chunk("t"));
  run();
  transport.disconnect(id);
  const auto frames = come_back(id, mine, 0);
  REQUIRE(frames.size() == 4u);  // three before live
  CHECK(frames[1].phase() == "start");
  CHECK(frames[2].phase() == "snapshot");
  CHECK(frames[2].content().size() == 4999u);
  CHECK(frames[3].is_status("live"));
  http.respond_body(call, chunk("!") + finish() + done());
  http.complete(call);
  run();
  const auto rest = taken(id);
  REQUIRE(rest.size() == 2u);
  CHECK(rest[0].phase() == "delta");
  CHECK(rest[0].number("idx") == 4999);
  CHECK(rest[1].phase() == "end");
  CHECK(rest[1].number("n") == 5000);
}

TEST_CASE_FIXTURE(lasting_fixture, "resume: two tabs, the first goes, the second has all") {
  ticket mine;
  const auto first = arrive(mine);
  aw::connection_id second = 0;
  CHECK(come_back(second, mine, 0).at(0).truth("recovered"));
  CHECK(server.session_count() == 1u);
  tell(second, R"({"id":"q1","content":"x"})");
  http.respond(http.last().id, 200, event_stream(), chunk("a") + finish() + done());
  run();
  CHECK(terminal(taken(first)).content() == "a");
  transport.disconnect(first);
  run();
  CHECK(terminal(taken(second)).content() == "a");
  server.broadcast("news");
  run();
  CHECK(taken(second).at(0).content() == "news");
}

TEST_CASE_FIXTURE(lasting_fixture, "resume: a token is spent when its successor has arrived") {
  ticket mine;
  auto id = arrive(mine);
  tell(id, R"({"content":"x"})");
  transport.disconnect(id);
  auto frames = come_back(id, mine, 0);
  const ticket second = ticket_in(frames.at(0));
  transport.disconnect(id);
  frames = come_back(id, mine, 0);  // the welcome was lost: the former one is still good
  CHECK(frames.at(0).truth("recovered"));
  const ticket third = ticket_in(frames.at(0));
  tell(id, R"({"type":"command","op":"ack","seq":0})");
  transport.disconnect(id);
  frames = come_back(id, mine, 0);
  CHECK(frames.at(0).text("reason") == "forbidden");
  CHECK(frames[0].text("session_id") != mine.session_id);
  CHECK(frames[0].json("recovered") == "false");
  CHECK(come_back(id, third, 0).at(0).truth("recovered"));
}

TEST_CASE_FIXTURE(lasting_fixture, "resume: an unknown session and a wrong token are told apart") {
  ticket mine;
  auto id = arrive(mine);
  tell(id, R"({"content":"x"})");
  transport.disconnect(id);
  ticket other = mine;
  other.token = "guessed";
  CHECK(come_back(id, other, 0).at(0).text("reason") == "forbidden");
  other = mine;
  other.session_id = "00000000-0000-4000-8000-000000000000";
  const auto frames = come_back(id, other, 0);
  CHECK(frames.at(0).text("reason") == "expired");
  CHECK(frames.at(1).is_status("live"));
  // The socket serves all the same.
  CHECK(tell(id, R"({"type":"command","op":"ping","id":"p"})").at(0).is_status("pong"));
  other = mine;
  other.epoch = "another";
  CHECK(come_back(id, other, 0).at(0).text("reason") == "epoch_changed");
}

TEST_CASE_FIXTURE(lasting_fixture,
                  "resume: the session made for the socket is thrown away, and told of") {
  std::vector<std::string> began, resumed, ended;
  router().on_connect(
      [&](session_type& session, const aw::handshake&) { began.push_back(session.id()); });
  router().on_resume([&](session_type& session) { resumed.push_back(session.id()); });
  router().on_end([&](session_type& session) { ended.push_back(session.id()); });
  ticket mine;
  auto id = arrive(mine);
  tell(id, R"({"content":"x"})");
  transport.disconnect(id);
  come_back(id, mine, 0);
  REQUIRE(began.size() == 2u);
  CHECK(began[0] == mine.session_id);
  CHECK(resumed == std::vector<std::string>{mine.session_id});
  CHECK(ended == std::vector<std::string>{began[1]});
  CHECK(server.session_count() == 1u);
}

TEST_CASE("resume: after RUN_GRACE what runs ends, after RESUME_WINDOW the session") {
  auto chosen = lasting();
  chosen.first_token_timeout = 0s;
  lasting_fixture talk(chosen);
  auto& server = talk.server;
  std::vector<std::string> ended;
  server.router().on_end(
      [&](lasting_fixture::session_type& session) { ended.push_back(session.id()); });
  ticket mine;
  auto id = talk.arrive(mine);
  talk.tell(id, R"({"id":"q1","content":"x"})");
  talk.tell(id, R"({"id":"q2","content":"y"})");
  talk.transport.disconnect(id);
  talk.pass_in_silence(120s - 1ms);
  CHECK(talk.http.open_calls() == 1u);
  talk.pass_in_silence(1ms);
  CHECK(talk.http.open_calls() == 0u);
  CHECK(server.session_count() == 1u);
  talk.pass_in_silence(60s);
  auto frames = talk.come_back(id, mine, 0);
  CHECK(frames.at(0).truth("recovered"));
  const auto ends = terminals(frames);
  REQUIRE(ends.size() == 2u);
  for (const frame& each : ends) CHECK(each.code() == "interrupted");
  mine = talk.ticket_in(frames[0]);
  talk.tell(id, R"({"type":"command","op":"ack","seq":2})");
  talk.transport.disconnect(id);
  talk.pass_in_silence(300s - 1ms);
  CHECK(server.session_count() == 1u);
  talk.pass_in_silence(1ms);
  CHECK(server.session_count() == 0u);
  CHECK(ended.size() == 2u);
  CHECK(talk.come_back(id, mine, 2).at(0).text("reason") == "expired");
}

TEST_CASE("resume: the grace of one that goes later may be over before the window of another") {
  auto chosen = lasting();
  chosen.first_token_timeout = 0s;
  lasting_fixture talk(chosen);
  ticket first, second;
  auto id = talk.arrive(first);
  talk.tell(id, R"({"type":"command","op":"hello"})");
  talk.transport.disconnect(id);
  talk.pass_in_silence(130s);
  id = talk.arrive(second);
  talk.tell(id, R"({"content":"x"})");
  talk.transport.disconnect(id);
  talk.pass_in_silence(120s);
  CHECK(talk.http.open_calls() == 0u);
  CHECK(talk.server.session_count() == 2u);
}

TEST_CASE("resume: with RUN_GRACE -1 an answer goes on to its end, however long") {
  auto chosen = lasting();
  chosen.run_grace = -1ms;
  chosen.first_token_timeout = chosen.idle_timeout = 0s;
  lasting_fixture talk(chosen);
  ticket mine;
  auto id = talk.arrive(mine);
  talk.tell(id, R"({"id":"q1","content":"x"})");
  talk.transport.disconnect(id);
  talk.pass_in_silence(1h);
  CHECK(talk.http.open_calls() == 1u);
  talk.http.respond(talk.http.last().id, 200, event_stream(), chunk("a") + finish() + done());
  talk.run();
  const auto frames = talk.come_back(id, mine, 0);
  CHECK(frames.at(0).truth("recovered"));
  CHECK(terminal(frames).content() == "a");
  talk.transport.disconnect(id);
  talk.pass_in_silence(301s);
  CHECK(talk.server.session_count() == 0u);
}

TEST_CASE_FIXTURE(lasting_fixture, "resume: a session that was never spoken to is not kept") {
  ticket mine;
  auto id = arrive(mine);
  transport.disconnect(id);
  CHECK(server.session_count() == 0u);
  id = arrive(mine);
  tell(id, R"({"type":"command","op":"hello","v":1})");
  transport.disconnect(id);
  CHECK(server.session_count() == 1u);
  id = arrive(mine);
  tell(id, R"({"type":"command","op":"close"})");
  CHECK(server.session_count() == 1u);
}

TEST_CASE("resume: no more sessions wait than MAX_DETACHED; the oldest go") {
  auto chosen = lasting();
  chosen.max_detached = 3;
  lasting_fixture talk(chosen);
  std::vector<ticket> tickets(5);
  for (ticket& each : tickets) {
    const auto id = talk.arrive(each);
    talk.tell(id, R"({"type":"command","op":"hello"})");
    talk.transport.disconnect(id);
    talk.pass_in_silence(1s);
  }
  CHECK(talk.server.session_count() == 3u);
  aw::connection_id id = 0;
  CHECK(talk.come_back(id, tickets[1], 0).at(0).text("reason") == "expired");
  CHECK(talk.come_back(id, tickets[2], 0).at(0).text("reason") == "ok");
}

TEST_CASE_FIXTURE(lasting_fixture, "resume: another principal's session is out of reach") {
  // By the same name "anonymous" anyone with the token may come: the token is the secret.
  ticket mine;
  auto id = arrive(mine);
  tell(id, R"({"content":"x"})");
  CHECK(server.find_session(mine.session_id)->owner().name == "anonymous");
  transport.disconnect(id);
  CHECK(come_back(id, mine, 0).at(0).truth("recovered"));
}

TEST_CASE_FIXTURE(lasting_fixture,
                  "resume: a queued query is accepted once, whichever socket repeats it") {
  ticket mine;
  auto id = arrive(mine);
  tell(id, R"({"id":"q1","content":"x"})");
  tell(id, R"({"id":"q2","content":"y"})");
  transport.disconnect(id);
  const auto frames = come_back(id, mine, 0, R"(,"outbox":["q1","q2","q3"])");
  CHECK(frames.at(0).json("accepted") == R"(["q1","q2"])");
  CHECK(tell(id, R"({"id":"q2","content":"y"})").at(0).truth("duplicate"));
  for (int i = 0; i < 2; ++i) {
    http.respond(http.last().id, 200, event_stream(), chunk("a") + finish() + done());
    run();
  }
  CHECK(http.calls().size() == 2u);
  CHECK(terminals(taken(id)).size() == 2u);
}

TEST_CASE_FIXTURE(lasting_fixture, "resume: a session that waits is drained with the others") {
  ticket mine;
  auto id = arrive(mine);
  tell(id, R"({"id":"q1","content":"x"})");
  transport.disconnect(id);
  int times = 0;
  server.stop([&] { ++times; });
  run();
  CHECK(times == 0);
  http.respond(http.last().id, 200, event_stream(), chunk("a") + finish() + done());
  run();
  CHECK(times == 1);
  CHECK(server.session_count() == 0u);
}

TEST_CASE_FIXTURE(lasting_fixture, "resume: the application may close a session that waits") {
  ticket mine;
  auto id = arrive(mine);
  tell(id, R"({"id":"q1","content":"x"})");
  transport.disconnect(id);
  int ended = 0;
  router().on_end([&](session_type&) { ++ended; });
  server.find_session(mine.session_id)->close(4499, "closed_by_operator");
  run();
  CHECK(ended == 1);
  CHECK(http.open_calls() == 0u);
  CHECK(come_back(id, mine, 0).at(0).text("reason") == "expired");
}

TEST_CASE("resume: slots are handed out in turn, a long queue delays nobody") {
  auto chosen = lasting();
  chosen.max_upstream = 1;
  chosen.session.max_queue = 200;
  lasting_fixture talk(chosen);
  ticket mine, other;
  const auto greedy = talk.arrive(mine);
  for (int i = 0; i < 100; ++i) {
    talk.transport.receive(greedy, R"({"id":"g)" + std::to_string(i) + R"(","content":"x"})");
  }
  const auto modest = talk.arrive(other);
  talk.transport.receive(modest, R"({"id":"m","content":"mine"})");
  talk.run();
  CHECK(talk.http.open_calls() == 1u);
  CHECK(talk.http.calls().size() == 1u);
  talk.http.respond(talk.http.last().id, 200, event_stream(), chunk("a") + finish() + done());
  talk.run();
  CHECK(talk.http.open_calls() == 1u);
  CHECK(mentions(talk.http.last().request.body, "mine"));
  // One that waits for its turn can be cancelled, and gives its place up.
  talk.transport.receive(modest, R"({"type":"command","op":"cancel"})");
  talk.run();
  CHECK(terminal(talk.taken(modest)).text("status") == "cancelled");
  CHECK(talk.http.open_calls() == 1u);
  CHECK(mentions(talk.http.last().request.body, "\"x\""));
}

TEST_CASE(
    "resume: a session that ends when its turn has come asks nothing, and gives its slot back") {
  auto chosen = lasting();
  chosen.max_upstream = 1;
  lasting_fixture talk(chosen);
  std::string closes;
  talk.router().before_request(
      [&](lasting_fixture::session_type& session, aw::openrouter::chat_request&) {
        if (session.id() == closes) session.close(4499, "closed_by_operator");
      });
  ticket first, second, third;
  const auto one = talk.arrive(first);
  talk.tell(one, R"({"content":"x"})");
  const auto two = talk.arrive(second);
  talk.tell(two, R"({"content":"y"})");
  closes = second.session_id;
  talk.http.respond(talk.http.last().id, 200, event_stream(), chunk("a") + finish() + done());
  talk.run();
  CHECK(talk.transport.close_sent(two)->first == 4499);
  CHECK(talk.http.calls().size() == 1u);
  const auto three = talk.arrive(third);
  talk.tell(three, R"({"content":"z"})");
  CHECK(talk.http.open_calls() == 1u);
  CHECK(mentions(talk.http.last().request.body, "\"z\""));
}

TEST_CASE("resume: text that comes fast is sent as one piece, the first at once") {
  auto chosen = lasting();
  chosen.session.coalesce = 20ms;
  lasting_fixture talk(chosen);
  ticket mine;
  const auto id = talk.arrive(mine);
  talk.tell(id, R"({"id":"q1","content":"x","stream":true})");
  const auto call = talk.http.last().id;
  talk.http.respond_head(call, 200, event_stream());
  talk.http.respond_body(call, chunk("a"));
  talk.run();
  CHECK(talk.taken(id).back().content() == "a");
  for (int i = 0; i < 5; ++i) {
    talk.pass_in_silence(3ms);
    talk.http.respond_body(call, chunk("b"));
    talk.run();
    CHECK(talk.taken(id).empty());
  }
  talk.pass_in_silence(5ms);
  auto frames = talk.taken(id);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].content() == "bbbbb");
  CHECK(frames[0].number("n") == 5);
  talk.http.respond_body(call, chunk("c"));
  talk.run();
  CHECK(talk.taken(id).empty());
  // The end waits for nothing (R1).
  talk.http.respond_body(call, chunk("d") + finish() + done());
  talk.http.complete(call);
  talk.run();
  frames = talk.taken(id);
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].content() == "cd");
  CHECK(frames[1].phase() == "end");
  talk.pass_in_silence(1s);
  CHECK(talk.taken(id).empty());
}

TEST_CASE_FIXTURE(lasting_fixture,
                  "resume: a slow reader is closed with 4002 and comes back without a loss") {
  ticket mine;
  auto id = arrive(mine);
  transport.stall(id);
  tell(id, R"({"id":"q1","content":"x","stream":true})");
  const auto call = http.last().id;
  http.respond_head(call, 200, event_stream());
  std::string text;
  for (int i = 0; i < 400; ++i) {
    http.respond_body(call, chunk(std::string(1000, static_cast<char>('a' + i % 26))));
    text += std::string(1000, static_cast<char>('a' + i % 26));
  }
  run();
  CHECK(http.last().paused);
  pass_in_silence(30s);
  run();
  REQUIRE(transport.close_sent(id).has_value());
  CHECK(transport.close_sent(id)->first == 4002);
  CHECK_FALSE(http.last().paused);
  http.respond_body(call, finish() + done());
  http.complete(call);
  run();
  const auto frames = come_back(id, mine, 0);
  CHECK(frames.at(0).truth("recovered"));
  CHECK(terminal(frames).content() == text);
}

TEST_CASE_FIXTURE(lasting_fixture, "resume: one slow tab does not stop the answer for the other") {
  ticket mine;
  const auto slow = arrive(mine);
  aw::connection_id quick = 0;
  come_back(quick, mine, 0);
  transport.stall(slow);
  tell(quick, R"({"id":"q1","content":"x","stream":true})");
  const auto call = http.last().id;
  http.respond_head(call, 200, event_stream());
  for (int i = 0; i < 400; ++i) http.respond_body(call, chunk(std::string(1000, 'x')));
  run();
  CHECK_FALSE(http.last().paused);
  http.respond_body(call, finish() + done());
  http.complete(call);
  run();
  CHECK(terminal(taken(quick)).content().size() == 400'000u);
  transport.drain(slow);
  run();
  CHECK(terminal(taken(slow)).content().size() == 400'000u);
}

TEST_CASE_FIXTURE(lasting_fixture, "resume: a dead socket is given up without ending the session") {
  ticket mine;
  auto id = arrive(mine);
  tell(id, R"({"id":"q1","content":"x"})");
  pass_in_silence(33s);
  REQUIRE(transport.close_sent(id).has_value());
  CHECK(transport.close_sent(id)->first == 4001);
  CHECK(http.open_calls() == 1u);
  CHECK(come_back(id, mine, 0).at(0).truth("recovered"));
}

TEST_CASE_FIXTURE(lasting_fixture, "resume: volatile notifications are for those who are here") {
  ticket mine;
  auto id = arrive(mine);
  const auto its = server.find_session(mine.session_id);
  its->notify("kept");
  its->notify_volatile("seen");
  const auto frames = taken(id);
  REQUIRE(frames.size() == 2u);
  CHECK(frames[1].content() == "seen");
  CHECK_FALSE(frames[1].has("seq"));
  transport.disconnect(id);
  its->notify_volatile("missed");
  its->notify("kept too");
  const auto later = come_back(id, mine, 1);
  REQUIRE(later.size() == 3u);
  CHECK(later[1].content() == "kept too");
}
