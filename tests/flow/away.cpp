// SPDX-License-Identifier: MIT
//
// Clients that come back to another server than the one that has their session, in the worst
// moments: with messages right behind the hello, while the session is written, ends or is closed,
// more than once on one socket. Nothing is lost, mixed up or counted for ever.
#include "flow/away_fixture.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

using namespace flow;

namespace {

bool has_text(const std::vector<frame>& frames, std::string_view words) {
  for (const frame& each : frames) {
    if (each.content() == words) return true;
  }
  return false;
}
std::size_t count_status(const std::vector<frame>& frames, std::string_view op) {
  std::size_t count = 0;
  for (const frame& each : frames) count += each.is_status(op) ? 1U : 0U;
  return count;
}

const std::string third = R"({"id":"q3","content":"z"})";

}  // namespace

TEST_CASE_FIXTURE(away_cluster, "away: messages right behind a hello are for the session") {
  ticket mine;
  aw::connection_id there = 0;
  const std::string ping = R"({"type":"command","op":"ping","id":"p1"})";
  SUBCASE("which comes to its client") {
    const auto id = begin(mine);
    a->transport.disconnect(id);
    run();
    b->http.reply_with(answer({"three"}));
    const auto frames = come_back(*b, there, mine, 1, {third, ping});
    REQUIRE(frames.size() >= 2u);
    CHECK(frames[0].truth("recovered"));
    CHECK(has_text(frames, "three"));
    CHECK(count_status(frames, "ack") == 1u);
    CHECK(count_status(frames, "pong") == 1u);
    CHECK(b->http.calls().size() == 1u);
    CHECK(b->server.session_count() == 1u);
  }
  SUBCASE("which stays where it is") {
    begin_busy(mine);
    auto frames = come_back(*b, there, mine, 2, {third, ping});
    REQUIRE(frames.size() >= 2u);
    CHECK(frames[0].truth("recovered"));
    CHECK(count_status(frames, "ack") == 1u);
    CHECK(count_status(frames, "pong") == 1u);
    a->http.reply_with(answer({"three"}));
    end_answer();
    frames = b->taken(there);
    CHECK(has_text(frames, "some text"));
    CHECK(has_text(frames, "three"));
    CHECK(a->server.session_count() == 1u);
  }
  SUBCASE("of somebody else") {
    begin_busy(mine);
    mine.token = std::string(mine.token.size(), 'x');
    b->http.reply_with(answer({"own"}));
    const auto frames = come_back(*b, there, mine, 1, {third, ping});
    REQUIRE_FALSE(frames.empty());
    CHECK(frames[0].text("reason") == "forbidden");
    CHECK(has_text(frames, "own"));
    CHECK(count_status(frames, "pong") == 1u);
  }
  CHECK(b->transport.is_open(there));
}

TEST_CASE_FIXTURE(away_cluster, "away: messages are held in their order, and not without end") {
  ticket mine;
  begin_busy(mine);
  a->faults->delay = 50ms;  // the welcome waits for its record
  aw::connection_id there = 0;
  std::vector<std::string> texts;
  SUBCASE("in order") {
    for (int i = 0; i < 50; ++i)
      texts.push_back(R"({"type":"command","op":"ping","id":"p)" + std::to_string(i) + "\"}");
    come_back(*b, there, mine, 1, texts);
    pass(1s, 50ms);
    const auto frames = b->taken(there);
    std::vector<std::string> seen;
    for (const frame& each : frames) {
      if (each.is_status("pong")) seen.push_back(each.ref());
    }
    REQUIRE(seen.size() == 50u);
    for (int i = 0; i < 50; ++i)
      CHECK(seen[static_cast<std::size_t>(i)] == "p" + std::to_string(i));
    CHECK(b->transport.is_open(there));
  }
  SUBCASE("too many") {
    for (int i = 0; i < 300; ++i) texts.push_back(R"({"type":"command","op":"ping"})");
    come_back(*b, there, mine, 1, texts);
    pass(1s, 50ms);
    CHECK(b->closed_with(there) == 1013);
  }
}

TEST_CASE_FIXTURE(away_cluster, "away: a session is handed over when its last records are kept") {
  ticket mine;
  const auto id = begin(mine);
  a->transport.disconnect(id);
  run();
  a->faults->delay = 200ms;
  aw::connection_id there = 0;
  CHECK(come_back(*b, there, mine, 0).empty());
  SUBCASE("to its client") {
    b->http.reply_with(answer({"three"}));
    tell(*b, there, third);
    pass(2s, 100ms);
    const auto frames = b->taken(there);
    REQUIRE_FALSE(frames.empty());
    CHECK(frames[0].truth("recovered"));
    CHECK(has_text(frames, "one"));
    CHECK(has_text(frames, "three"));
    CHECK(b->times('a') <= 2u);
  }
  SUBCASE("which has gone meanwhile, and comes again") {
    b->transport.disconnect(there);
    run();
    pass(2s, 100ms);
    const auto frames = come_back(*c, there, mine, 0);
    REQUIRE_FALSE(frames.empty());
    CHECK(frames[0].truth("recovered"));
    CHECK(has_text(frames, "one"));
  }
  SUBCASE("to the first of two clients, the other one is relayed") {
    aw::connection_id second = 0;
    auto seen = come_back(*c, second, mine, 0);
    pass(2s, 100ms);
    for (const frame& each : c->taken(second)) seen.push_back(each);
    for (const auto& frames : {seen, b->taken(there)}) {
      REQUIRE_FALSE(frames.empty());
      CHECK(frames[0].truth("recovered"));
      CHECK(has_text(frames, "one"));
    }
    CHECK(b->server.session_count() + c->server.session_count() == 1u);
  }
  CHECK(a->server.session_count() == 0u);
  CHECK(a->alive() == 0);
}

TEST_CASE_FIXTURE(away_cluster, "away: a session that nobody gives up is looked for some times only") {
  ticket mine;
  const auto id = begin(mine);
  a->transport.disconnect(id);
  run();
  // Held in the name of a server that does not know it.
  aw::memory_store ghost(group.space, "a");
  const std::string other = "00000000-0000-4000-8000-000000000000";
  ghost.append({other, 1, 0, {R"({"t":"header"})"}, false}, [](const aw::result<void>&) {});
  mine.session_id = other;
  aw::connection_id there = 0;
  come_back(*b, there, mine, 0);
  CHECK(b->times('a') == 5u);
  CHECK(a->times('r') == 5u);
  CHECK(b->closed_with(there) == 4003);
  b->transport.disconnect(there);
  run();
  CHECK(b->alive() == 0);
  // Nobody is asked any more.
  b->said->clear();
  a->said->clear();
  pass(20s);
  CHECK(b->said->empty());
  CHECK(a->said->empty());
}

TEST_CASE_FIXTURE(away_cluster, "away: an empty token is nobody's") {
  ticket mine;
  begin_busy(mine);
  mine.token.clear();
  aw::connection_id there = 0;
  const auto frames = come_back(*b, there, mine, 0);
  REQUIRE_FALSE(frames.empty());
  CHECK_FALSE(frames[0].truth("recovered"));
  CHECK_FALSE(has_text(frames, "one"));
  CHECK(b->transport.is_open(there));
}

TEST_CASE_FIXTURE(away_cluster, "away: a second hello on the socket") {
  ticket mine, other;
  begin(other);
  begin_busy(mine);
  aw::connection_id there = 0;
  auto frames = come_back(*b, there, mine, 2);
  REQUIRE(frames.at(0).truth("recovered"));
  const ticket now = away_node::ticket_in(frames[0]);
  SUBCASE("for the same session is answered") {
    frames = tell(*b, there, hello_text(now, 1));
    REQUIRE_FALSE(frames.empty());
    CHECK(frames[0].op() == "welcome");
    CHECK(frames[0].truth("recovered"));
    CHECK(b->transport.is_open(there));
    end_answer();
    CHECK(has_text(b->taken(there), "some text"));
    return;
  }
  SUBCASE("for another one ends it") { frames = tell(*b, there, hello_text(other, 0)); }
  SUBCASE("for a new one ends it") {
    frames = tell(*b, there, R"({"type":"command","op":"hello","v":1})");
  }
  CHECK(frames.empty());
  CHECK(b->closed_with(there) == 4000);
  b->transport.disconnect(there);
  run();
  CHECK(a->server.session_count() == 2u);
  CHECK(come_back(*b, there, other, 0).at(0).truth("recovered"));
}

TEST_CASE_FIXTURE(away_cluster, "away: a new token is for the server that has the socket") {
  ticket mine;
  begin_busy(mine);
  aw::connection_id there = 0;
  come_back(*b, there, mine, 2);
  const auto texts = b->times('t');
  const auto frames =
      tell(*b, there, R"({"type":"command","op":"auth","id":"a1","auth":{"token":"new"}})");
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].is_status("ack"));
  CHECK(frames[0].ref() == "a1");
  CHECK(b->times('t') == texts);
}

TEST_CASE("away: the limits of messages hold at the server that has the socket") {
  auto chosen = lasting();
  chosen.access.messages_per_minute = 60;
  chosen.access.message_burst = 3;
  away_cluster nodes(chosen);
  ticket mine;
  nodes.begin_busy(mine);
  aw::connection_id there = 0;
  nodes.come_back(*nodes.b, there, mine, 2);
  std::size_t taken = 0, refused = 0;
  for (int i = 0; i < 6; ++i) {
    const auto frames = nodes.tell(
        *nodes.b, there, R"({"id":"n)" + std::to_string(i) + R"(","content":"x"})");
    REQUIRE_FALSE(frames.empty());
    frames[0].is_status("ack") ? ++taken : ++refused;
    if (!frames[0].is_status("ack")) CHECK(frames[0].code() == "rate_limited");
  }
  CHECK(taken == 3u);
  CHECK(refused == 3u);
  CHECK(nodes.b->transport.is_open(there));
}

TEST_CASE_FIXTURE(away_cluster, "away: a message that is held counts once") {
  ticket mine;
  begin_busy(mine);
  aw::connection_id there = 0;
  come_back(*b, there, mine, 2, {third});
  CHECK(b->server.metrics().find("messages_received_total{type=\"query\"} 1") != std::string::npos);
}

TEST_CASE_FIXTURE(away_cluster, "away: a session that ended for good is gone for its client elsewhere") {
  ticket mine;
  begin_busy(mine);
  aw::connection_id there = 0;
  come_back(*b, there, mine, 2);
  SUBCASE("while it is there") {
    a->server.disconnect(mine.session_id, "enough");
    run();
    CHECK(b->closed_with(there) == 4499);
    b->transport.disconnect(there);
  }
  SUBCASE("by its own word") {
    tell(*b, there, R"({"type":"command","op":"close"})");
    CHECK(b->closed_with(there) != 0);
    b->transport.disconnect(there);
  }
  SUBCASE("after it went") {
    b->transport.disconnect(there);
    run();
    c->server.disconnect(mine.session_id, "enough");
  }
  run();
  CHECK(a->server.session_count() == 0u);
  CHECK(group.space->size() == 0u);
  const auto frames = come_back(*b, there, mine, 2);
  REQUIRE_FALSE(frames.empty());
  CHECK(frames[0].text("reason") == "expired");
  CHECK(a->alive() == 0);
}

TEST_CASE_FIXTURE(away_cluster, "away: a server that stops lets an answer end for a guest") {
  ticket mine;
  begin_busy(mine);
  aw::connection_id there = 0;
  come_back(*b, there, mine, 2);
  bool stopped = false;
  a->server.stop([&] { stopped = true; });
  run();
  CHECK(count_status(b->taken(there), "drain") == 1u);
  CHECK_FALSE(stopped);
  end_answer();
  CHECK(has_text(b->taken(there), "some text"));
  CHECK(b->closed_with(there) == 1012);
  run();
  CHECK(stopped);
  b->transport.disconnect(there);
  const auto frames = come_back(*c, there, mine, 2);
  CHECK(frames.at(0).truth("recovered"));
  CHECK(has_text(frames, "some text"));
  CHECK(a->alive() == 0);
}

TEST_CASE_FIXTURE(away_cluster, "away: a server that has missed messages tells those that only listen") {
  ticket mine;
  begin_busy(mine);
  aw::connection_id there = 0;
  come_back(*b, there, mine, 2);
  group.bus->cut("a");
  group.bus->join("a");
  run();
  CHECK(b->closed_with(there) == 4000);
  b->transport.disconnect(there);
  run();
  CHECK(come_back(*b, there, mine, 2).at(0).truth("recovered"));
  end_answer();
  CHECK(has_text(b->taken(there), "some text"));
}

TEST_CASE_FIXTURE(away_cluster, "away: of each session an end is told, also of a socket's own") {
  ticket mine;
  begin_busy(mine);
  for (int i = 0; i < 5; ++i) {
    aw::connection_id there = 0;
    come_back(*b, there, mine, 2);
    CHECK(b->server.session_count() == 0u);
    b->transport.disconnect(there);
    run();
  }
  CHECK(b->begun == 5);
  CHECK(b->alive() == 0);
  CHECK(group.space->size() == 1u);
}

TEST_CASE_FIXTURE(away_cluster, "away: a socket with a session of its own does not hear two at once") {
  ticket mine, own;
  begin_busy(mine);
  const auto there = b->arrive(own);
  tell(*b, there, R"({"id":"o1","content":"x","stream":true})");
  b->http.respond_head(b->http.last().id, 200, event_stream());
  b->http.respond_body(b->http.last().id, chunk("own "));
  run();
  b->taken(there);
  auto frames = tell(*b, there, hello_text(mine, 2));
  b->http.respond_body(b->http.last().id, chunk("words") + finish() + done());
  b->http.complete(b->http.last().id);
  run();
  for (const frame& each : b->taken(there)) frames.push_back(each);
  bool hears_its_own = false, hears_mine = false;
  for (const frame& each : frames) {
    hears_its_own = hears_its_own || each.content() == "own words" || each.content() == "words";
    hears_mine = hears_mine || each.text("session_id") == mine.session_id;
  }
  CHECK_FALSE((hears_its_own && hears_mine));
  b->transport.disconnect(there);
  run();
  // Both can be had.
  aw::connection_id again = 0;
  frames = come_back(*b, again, own, 0);
  REQUIRE_FALSE(frames.empty());
  CHECK(frames[0].truth("recovered"));
  CHECK(has_text(frames, "own words"));
  CHECK(come_back(*c, again, mine, 2).at(0).truth("recovered"));
}

TEST_CASE("away: the sessions of a user are counted while they are there") {
  auto chosen = lasting();
  chosen.access.max_sessions_per_user = 2;
  away_cluster nodes(chosen);
  ticket mine;
  nodes.begin_busy(mine);
  // Its sockets at another server are no sessions of that one, whatever they said before.
  for (int i = 0; i < 4; ++i) {
    ticket own;
    auto there = nodes.b->arrive(own);
    if (i % 2 == 1) {
      nodes.tell(*nodes.b, there, R"({"type":"command","op":"hello","v":1})");
      nodes.tell(*nodes.b, there, R"({"type":"command","op":"info"})");
    }
    nodes.tell(*nodes.b, there, nodes.hello_text(mine, 2));
    nodes.b->transport.disconnect(there);
    nodes.run();
    nodes.pass(301s, 10s);
    CHECK(nodes.b->alive() == 0);
    nodes.begin_busy(mine);
  }
  for (int i = 0; i < 2; ++i) {
    ticket own;
    const auto there = nodes.b->arrive(own);
    nodes.b->http.reply_with(answer({"fine"}));
    CHECK(has_text(nodes.tell(*nodes.b, there, third), "fine"));
  }
}

TEST_CASE_FIXTURE(away_cluster, "away: a session that another server took is not said to have expired") {
  ticket mine;
  const auto first = begin(mine);
  aw::connection_id second = 0;
  come_back(*a, second, mine, 1);
  // Its lease was over for a moment: another server has it now.
  group.space->drop_holder("a");
  aw::connection_id there = 0;
  REQUIRE(come_back(*b, there, mine, 1).at(0).truth("recovered"));
  // The first learns of it by its next record, and sends its sockets away; they have not gone yet
  // when their client is back.
  ticket own;
  const auto back = a->arrive(own);
  int gone = 0;
  a->server.router().on_disconnect([&](auto&, std::uint16_t) {
    if (++gone == 1) a->transport.receive(back, hello_text(mine, 1));
  });
  a->transport.receive(first, R"({"id":"q2","content":"y"})");
  run();
  CHECK(gone >= 2);
  for (const frame& each : a->taken(back)) CHECK(each.text("reason") != "expired");
  CHECK(a->closed_with(back) == 4003);  // in a moment it is clear who has it
  aw::connection_id again = 0;
  CHECK(come_back(*a, again, mine, 1).at(0).truth("recovered"));
}

TEST_CASE_FIXTURE(away_cluster, "away: sockets that go in the middle leave nothing") {
  ticket mine;
  begin_busy(mine);
  for (int turns = 0; turns < 8; ++turns) {
    CAPTURE(turns);
    ticket own;
    const auto there = b->arrive(own);
    b->transport.receive(there, hello_text(mine, 2));
    b->transport.receive(there, third);
    for (int i = 0; i < turns; ++i) (i % 2 == 0 ? b : a)->clock.run_one();
    b->transport.disconnect(there);
    run();
    CHECK(b->alive() == 0);
    CHECK(a->server.find_session(mine.session_id)->sockets() == 0u);
  }
  end_answer();
  pass(20s);
  a->said->clear();
  b->said->clear();
  pass(20s);
  CHECK(a->said->empty());
  CHECK(b->said->empty());
}

TEST_CASE_FIXTURE(away_cluster, "away: a server that stops waits for nobody who is elsewhere") {
  ticket mine;
  begin_busy(mine);
  a->faults->delay = 1s;
  aw::connection_id there = 0;
  come_back(*b, there, mine, 2);  // the answer is still to come
  bool stopped = false;
  b->server.stop([&] { stopped = true; });
  run();
  CHECK(b->closed_with(there) == 1012);
  b->transport.disconnect(there);
  pass(3s, 500ms);
  CHECK(stopped);
  CHECK(b->alive() == 0);
  CHECK(a->server.find_session(mine.session_id)->sockets() == 0u);
}

TEST_CASE_FIXTURE(away_cluster, "away: two tabs that come back at once get one session") {
  ticket mine;
  const auto id = begin(mine);
  a->transport.disconnect(id);
  run();
  SUBCASE("which is given up at once") {}
  SUBCASE("which is given up later") { a->faults->delay = 100ms; }
  SUBCASE("by servers whose stores take their time") {
    a->faults->delay = b->faults->delay = 100ms;
  }
  ticket own;
  const auto first = b->arrive(own), second = b->arrive(own);
  b->transport.receive(first, hello_text(mine, 0));
  b->transport.receive(second, hello_text(mine, 0));
  run();
  pass(3s, 100ms);
  for (const auto each : {first, second}) {
    const auto frames = b->taken(each);
    REQUIRE_FALSE(frames.empty());
    CHECK(frames[0].truth("recovered"));
    CHECK(b->transport.is_open(each));
  }
  CHECK(b->server.session_count() == 1u);
  CHECK(b->server.find_session(mine.session_id)->sockets() == 2u);
  b->faults->delay = 0ms;
  b->http.reply_with(answer({"two"}));
  CHECK(has_text(tell(*b, first, R"({"id":"q2","content":"y"})"), "two"));
  CHECK(has_text(b->taken(second), "two"));
  b->transport.disconnect(first);
  b->transport.disconnect(second);
  pass(400s, 10s);
  CHECK(b->server.session_count() == 0u);
  CHECK(b->alive() == 0);
}

TEST_CASE_FIXTURE(away_cluster, "away: what is ended is not fetched again to be told something") {
  ticket mine;
  begin(mine);
  a->server.disconnect(mine.session_id, "enough");
  a->server.notify(mine.session_id, "too late");
  a->server.disconnect(mine.session_id, "again");
  run();
  pass(400s, 10s);
  CHECK(a->server.session_count() == 0u);
  CHECK(a->alive() == 0);
  CHECK(group.space->size() == 0u);
}
