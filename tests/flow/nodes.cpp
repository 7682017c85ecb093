// SPDX-License-Identifier: MIT
//
// Several servers on one store: a client may come back to any of them, whether its session sleeps,
// works or is watched elsewhere; servers die, stand still and stop, and messages between them are
// lost. In virtual time.
#include "flow/lasting_fixture.hpp"

#include <agent_websocket/policy/memory_exchange.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace flow;

namespace {

struct node : lasting_fixture {
  node(const std::shared_ptr<aw::memory_space>& space, const std::shared_ptr<aw::memory_bus>& bus,
       const std::string& name, std::uint64_t seed)
      : lasting_fixture(lasting(), aw::any_store(std::make_unique<aw::memory_store>(space, name)),
                        seed) {
    server.exchange_by(aw::any_exchange(std::make_unique<aw::memory_exchange>(
        bus, name, [this](std::function<void()> f) { clock.post(std::move(f)); })));
    start();
  }
};

struct cluster {
  std::shared_ptr<aw::memory_space> space = std::make_shared<aw::memory_space>();
  std::shared_ptr<aw::memory_bus> bus = std::make_shared<aw::memory_bus>();
  std::unique_ptr<node> a = std::make_unique<node>(space, bus, "a", 1);
  std::unique_ptr<node> b = std::make_unique<node>(space, bus, "b", 2);
  bool a_stands = false;

  void run() {
    for (int i = 0; i < 12; ++i) {
      if (a && !a_stands) a->run();
      if (b) b->run();
    }
  }
  void pass(aw::duration time) {
    for (; time > aw::duration::zero(); time -= 500ms) {
      if (a && !a_stands) a->pass_in_silence(500ms);
      if (b) b->pass_in_silence(500ms);
      run();
    }
  }
  void kill_a() {
    a.reset();
    space->drop_holder("a");
  }
  std::vector<frame> tell(node& at, aw::connection_id id, std::string_view text) {
    at.transport.receive(id, text);
    run();
    return at.taken(id);
  }
  std::vector<frame> come_back(node& at, aw::connection_id& id, const ticket& of,
                               std::int64_t last_seq) {
    auto frames = at.come_back(id, of, last_seq);
    run();
    for (const frame& each : at.taken(id)) frames.push_back(each);
    return frames;
  }
  /// A session at a that has answered one query, seq 1, and its socket there.
  aw::connection_id begin(ticket& mine) {
    const auto id = a->arrive(mine);
    a->http.reply_with(answer({"one"}));
    tell(*a, id, R"({"id":"q1","content":"x"})");
    return id;
  }
  void chunk_at_a(const std::string& body) {
    a->http.respond_body(a->http.last().id, body);
    run();
  }
};

std::string text_of(const std::vector<frame>& frames) {
  std::string text;
  for (const frame& each : frames) {
    if (each.phase() == "delta") text += each.content();
    if (each.phase() == "snapshot") text = each.content();
  }
  return text;
}

const std::string streamed_query = R"({"id":"q2","content":"y","stream":true})";

}  // namespace

TEST_CASE_FIXTURE(cluster, "nodes: an answer that one server streams goes on at another") {
  ticket mine;
  auto id = begin(mine);
  tell(*a, id, streamed_query);
  a->http.respond_head(a->http.last().id, 200, event_stream());
  chunk_at_a(chunk("some "));
  CHECK(text_of(a->taken(id)) == "some ");
  a->transport.disconnect(id);
  a->run();
  chunk_at_a(chunk("more "));

  aw::connection_id there = 0;
  auto frames = come_back(*b, there, mine, 2);
  REQUIRE(frames.size() >= 3u);
  CHECK(frames[0].truth("recovered"));
  CHECK(frames[0].text("session_id") == mine.session_id);
  CHECK(text_of(frames) == "some more ");
  chunk_at_a(chunk("text"));
  CHECK(text_of(b->taken(there)) == "text");
  chunk_at_a(finish() + done());
  a->http.complete(a->http.last().id);
  run();
  const auto ends = terminals(b->taken(there));
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].content() == "some more text");
  CHECK(b->http.calls().empty());
  // And what it asks now is answered there as well; pings, wrong messages and commands too.
  a->http.reply_with(answer({"three"}));
  const auto next = tell(*b, there, R"({"id":"q3","content":"z"})");
  CHECK(next.at(0).is_status("ack"));
  CHECK(terminals(next).at(0).content() == "three");
  CHECK(tell(*b, there, R"({"type":"command","op":"ping","id":"p"})").at(0).is_status("pong"));
  CHECK(tell(*b, there, "nonsense").at(0).code() == "bad_json");
  CHECK(tell(*b, there, R"({"type":"command","op":"history"})").at(0).raw().find("some more text") !=
        std::string::npos);
  CHECK(b->server.session_count() == 0u);
  CHECK(a->server.session_count() == 1u);
}

TEST_CASE_FIXTURE(cluster, "nodes: a cancel from another server closes the upstream call") {
  ticket mine;
  auto id = begin(mine);
  tell(*a, id, streamed_query);
  a->transport.disconnect(id);
  a->run();
  aw::connection_id there = 0;
  come_back(*b, there, mine, 1);
  CHECK(a->http.open_calls() == 1u);
  const auto frames = tell(*b, there, R"({"type":"command","op":"cancel","ref":"q2","id":"c"})");
  CHECK(a->http.open_calls() == 0u);
  CHECK(terminals(frames).at(0).text("status") == "cancelled");
}

TEST_CASE_FIXTURE(cluster, "nodes: a session with nothing to do goes to where its client is") {
  ticket mine;
  auto id = begin(mine);
  a->transport.disconnect(id);
  a->run();
  aw::connection_id there = 0;
  const auto frames = come_back(*b, there, mine, 0);
  CHECK(frames.at(0).truth("recovered"));
  CHECK(frames.at(1).content() == "one");
  CHECK(a->server.session_count() == 0u);
  CHECK(b->server.session_count() == 1u);
  b->http.reply_with(answer({"two"}));
  CHECK(terminals(tell(*b, there, R"({"id":"q2","content":"y"})")).at(0).content() == "two");
  CHECK(transcript(b->http.last().request).find("one") != std::string::npos);
  // And back again.
  const ticket now = node::ticket_in(frames[0]);
  b->transport.disconnect(there);
  b->run();
  CHECK(come_back(*a, id, now, 2).at(0).truth("recovered"));
  CHECK(a->server.session_count() == 1u);
  CHECK(b->server.session_count() == 0u);
}

TEST_CASE_FIXTURE(cluster, "nodes: two tabs at two servers see the same") {
  ticket mine;
  auto first = begin(mine);
  aw::connection_id second = 0;
  CHECK(come_back(*b, second, mine, 1).at(0).truth("recovered"));
  CHECK(a->transport.is_open(first));
  tell(*b, second, streamed_query);
  a->http.respond_head(a->http.last().id, 200, event_stream());
  chunk_at_a(chunk("both"));
  CHECK(text_of(b->taken(second)) == "both");
  chunk_at_a(finish() + done());
  a->http.complete(a->http.last().id);
  run();
  CHECK(terminals(a->taken(first)).at(0).content() == "both");
  CHECK(terminals(b->taken(second)).at(0).content() == "both");
  // One goes, the other stays.
  a->transport.disconnect(first);
  run();
  a->http.reply_with(answer({"three"}));
  CHECK(terminals(tell(*b, second, R"({"id":"q3","content":"z"})")).at(0).content() == "three");
  b->transport.disconnect(second);
  run();
  CHECK(a->server.session_count() == 1u);
  pass(301s);
  CHECK(a->server.session_count() == 0u);
  CHECK(space->size() == 1u);
}

TEST_CASE_FIXTURE(cluster, "nodes: a stranger gets nothing of a session of another server") {
  ticket mine;
  begin(mine);
  ticket guessed = mine;
  guessed.token = std::string(mine.token.size(), 'x');
  aw::connection_id there = 0;
  const auto frames = come_back(*b, there, guessed, 0);
  REQUIRE_FALSE(frames.empty());
  CHECK(frames[0].text("reason") == "forbidden");
  CHECK(frames[0].text("session_id") != mine.session_id);
  for (const frame& each : frames) CHECK(each.content() != "one");
  b->http.reply_with(answer({"own"}));
  CHECK(terminals(tell(*b, there, R"({"content":"x"})")).at(0).content() == "own");
  CHECK(b->server.session_count() == 1u);
}

TEST_CASE_FIXTURE(cluster, "nodes: a server that dies costs a moment, not a session") {
  ticket mine;
  auto id = begin(mine);
  tell(*a, id, streamed_query);
  a->transport.disconnect(id);
  a->run();
  aw::connection_id there = 0;
  const auto before = come_back(*b, there, mine, 1);
  REQUIRE(before.at(0).truth("recovered"));
  mine = node::ticket_in(before[0]);
  kill_a();
  pass(13s);
  REQUIRE(b->transport.close_sent(there).has_value());
  CHECK(b->transport.close_sent(there)->first == 4000);
  b->transport.disconnect(there);
  const auto frames = come_back(*b, there, mine, 1);
  CHECK(frames.at(0).truth("recovered"));
  const auto ends = terminals(frames);
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].text("ref") == "q2");
  CHECK(ends[0].text("error.code") == "interrupted");
}

TEST_CASE_FIXTURE(cluster, "nodes: who waits for a server that has died has the session when its lease is over") {
  ticket mine;
  begin(mine);
  a.reset();  // the store does not know yet
  aw::connection_id there = 0;
  CHECK(come_back(*b, there, mine, 1).empty());
  pass(9s);
  CHECK(b->taken(there).empty());
  space->drop_holder("a");
  pass(5s);
  CHECK_FALSE(b->transport.close_sent(there).has_value());
  const auto frames = b->taken(there);
  REQUIRE_FALSE(frames.empty());
  CHECK(frames[0].truth("recovered"));
  CHECK(b->server.session_count() == 1u);
}

TEST_CASE_FIXTURE(cluster, "nodes: a server that stood still for longer than its lease does no harm") {
  ticket mine;
  auto id = begin(mine);
  tell(*a, id, streamed_query);
  a->http.respond_head(a->http.last().id, 200, event_stream());
  chunk_at_a(chunk("old "));
  a_stands = true;
  space->drop_holder("a");
  aw::connection_id there = 0;
  const auto frames = come_back(*b, there, mine, 1);
  CHECK(frames.at(0).truth("recovered"));
  CHECK(terminals(frames).at(0).text("error.code") == "interrupted");
  b->http.reply_with(answer({"new"}));
  const auto again = tell(*b, there, R"({"id":"q3","content":"z"})");
  CHECK(terminals(again).at(0).content() == "new");

  a_stands = false;
  a->taken(id);
  chunk_at_a(chunk("text") + finish() + done());
  a->http.complete(a->http.last().id);
  run();
  CHECK(terminals(a->taken(id)).empty());
  REQUIRE(a->transport.close_sent(id).has_value());
  CHECK(a->transport.close_sent(id)->first == 4003);
  a->transport.disconnect(id);
  run();
  CHECK(a->server.session_count() == 0u);
  const auto history = tell(*b, there, R"({"type":"command","op":"history"})").at(0).raw();
  CHECK(history.find("new") != std::string::npos);
  CHECK(history.find("old") == std::string::npos);
}

TEST_CASE_FIXTURE(cluster, "nodes: a server that stood still asks the store before it refuses") {
  ticket mine;
  const auto id = begin(mine);
  bool watched = false;
  SUBCASE("while another tab is there still") { watched = true; }
  SUBCASE("while nobody is there") { a->transport.disconnect(id); }
  a->run();
  a_stands = true;
  space->drop_holder("a");
  aw::connection_id there = 0;
  mine = node::ticket_in(come_back(*b, there, mine, 1).at(0));
  tell(*b, there, R"({"type":"command","op":"ack","seq":1})");  // the former token is void
  b->transport.disconnect(there);
  b->run();
  a_stands = false;
  auto frames = come_back(*a, there, mine, 1);
  if (watched) {  // it has to leave first
    REQUIRE(a->transport.close_sent(there).has_value());
    CHECK(a->transport.close_sent(there)->first == 4003);
    CHECK(a->transport.close_sent(id)->first == 4003);
    run();
    frames = come_back(*a, there, mine, 1);
  }
  CHECK(frames.at(0).truth("recovered"));
  CHECK(frames.at(0).text("session_id") == mine.session_id);
  ticket guessed = mine;
  guessed.token = std::string(mine.token.size(), 'x');
  CHECK(come_back(*a, there, guessed, 1).at(0).text("reason") == "forbidden");
}

TEST_CASE_FIXTURE(cluster, "nodes: a server that stops sends its guests to others") {
  ticket mine;
  auto id = begin(mine);
  aw::connection_id there = 0;
  const auto before = come_back(*b, there, mine, 1);
  mine = node::ticket_in(before.at(0));
  a->transport.disconnect(id);
  run();
  bool stopped = false;
  a->server.stop([&] { stopped = true; });
  run();
  REQUIRE(b->transport.close_sent(there).has_value());
  CHECK(b->transport.close_sent(there)->first == 1012);
  b->transport.disconnect(there);
  run();
  CHECK(stopped);
  const auto frames = come_back(*b, there, mine, 1);
  CHECK(frames.at(0).truth("recovered"));
  CHECK(b->server.session_count() == 1u);
}

TEST_CASE_FIXTURE(cluster, "nodes: a server that stops closes its own sockets that are away") {
  ticket mine;
  begin(mine);
  aw::connection_id there = 0;
  come_back(*b, there, mine, 1);
  bool stopped = false;
  b->server.stop([&] { stopped = true; });
  run();
  // It is told so, by no number: those are of the session, which goes on.
  const auto told = b->taken(there);
  REQUIRE(told.size() == 1u);
  CHECK(told[0].is_status("drain"));
  CHECK(space->size() == 1u);
  REQUIRE(b->transport.close_sent(there).has_value());
  CHECK(b->transport.close_sent(there)->first == 1012);
  b->transport.disconnect(there);
  run();
  CHECK(stopped);
  CHECK(a->server.session_count() == 1u);
}

TEST_CASE_FIXTURE(cluster, "nodes: messages that are lost between servers cost a reconnect") {
  ticket mine;
  auto id = begin(mine);
  aw::connection_id there = 0;
  const auto before = come_back(*b, there, mine, 1);
  mine = node::ticket_in(before.at(0));
  SUBCASE("and both are told") {
    bus->cut("b");
    tell(*b, there, R"({"id":"q2","content":"y"})");
    bus->join("b");
    run();
  }
  SUBCASE("and nobody is told") {
    bus->cut("b");
    a->http.reply_with(answer({"lost"}));
    tell(*a, id, R"({"id":"q2","content":"y"})");
    pass(13s);
  }
  REQUIRE(b->transport.close_sent(there).has_value());
  CHECK(b->transport.close_sent(there)->first == 4000);
  b->transport.disconnect(there);
  bus->join("b");
  run();
  const auto frames = come_back(*b, there, mine, 1);
  CHECK(frames.at(0).truth("recovered"));
}

TEST_CASE_FIXTURE(cluster, "nodes: who has missed something tells those who do not know") {
  ticket mine;
  begin(mine);
  aw::connection_id there = 0;
  come_back(*b, there, mine, 1);
  const auto session = a->server.find_session(mine.session_id);
  REQUIRE(session != nullptr);
  CHECK(session->sockets() == 2u);
  SUBCASE("the server that has the session") {
    bus->cut("a");
    bus->join("a");
  }
  SUBCASE("the server that has the socket") {
    bus->cut("b");
    bus->join("b");
  }
  run();
  REQUIRE(b->transport.close_sent(there).has_value());
  CHECK(b->transport.close_sent(there)->first == 4000);
  CHECK(session->sockets() == 1u);
}

TEST_CASE_FIXTURE(cluster, "nodes: notices reach a session wherever it is") {
  ticket awake, asleep;
  const auto id = begin(awake);
  const auto other = begin(asleep);
  a->transport.disconnect(other);
  for (int i = 0; i < 31; ++i) {
    pass(10s);
    tell(*a, id, R"({"type":"command","op":"ping"})");
  }
  REQUIRE(a->server.session_count() == 1u);  // the other one is in the store
  a->taken(id);
  b->server.notify(awake.session_id, "to the one at a");
  b->server.notify(asleep.session_id, "to the one in the store");
  b->server.notify("00000000-0000-4000-8000-000000000000", "to nobody");
  run();
  const auto heard = a->taken(id);
  REQUIRE(heard.size() == 1u);
  CHECK(heard[0].content() == "to the one at a");
  CHECK(heard[0].number("seq") == 2);
  aw::connection_id there = 0;
  const auto frames = come_back(*a, there, asleep, 1);
  REQUIRE(frames.size() >= 2u);
  CHECK(frames[0].truth("recovered"));
  CHECK(frames[1].content() == "to the one in the store");
  b->server.broadcast("to all");
  run();
  CHECK(a->taken(id).at(0).content() == "to all");
  CHECK(a->taken(there).at(0).content() == "to all");
  b->server.disconnect(awake.session_id, "enough");
  run();
  CHECK(a->transport.close_sent(id)->first == 4499);
}

TEST_CASE_FIXTURE(cluster, "nodes: a client that does not read does not fill the way between servers") {
  ticket mine;
  auto id = begin(mine);
  tell(*a, id, streamed_query);
  a->http.respond_head(a->http.last().id, 200, event_stream());
  a->transport.disconnect(id);
  a->run();
  aw::connection_id there = 0;
  come_back(*b, there, mine, 1);
  b->transport.stall(there);
  for (int i = 0; i < 300; ++i) chunk_at_a(chunk(std::string(4000, 'x')));
  std::size_t waits = 0;
  for (const frame& each : b->taken(there)) waits += each.raw().size();
  CHECK(waits > 0u);
  CHECK(waits < 200u * 1024u);
  b->transport.drain(there);
  run();
  chunk_at_a(finish() + done());
  a->http.complete(a->http.last().id);
  run();
  const auto ends = terminals(b->taken(there));
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].content().size() == 1'200'000u);
}
