// SPDX-License-Identifier: MIT
//
// Sessions that outlive their server: it is killed, stopped or replaced, and clients go on with
// another one on the same store. Nothing that was acknowledged is lost, nothing is done twice; while
// the store is away nothing is acknowledged.
#include "flow/lasting_fixture.hpp"

#include <agent_websocket/testing/faulty_store.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace flow;

namespace {

/// Servers that share a store, one after the other or at once.
struct shared_store {
  std::shared_ptr<aw::memory_space> space = std::make_shared<aw::memory_space>();

  aw::any_store open(std::string name) const {
    return aw::any_store(std::make_unique<aw::memory_store>(space, std::move(name)));
  }
};

/// A server that can be killed: what it has in memory is gone.
struct mortal {
  explicit mortal(shared_store& on, aw::options chosen = lasting()) : store(on) {
    settings = std::move(chosen);
    begin();
  }
  void begin() {
    name = "server" + std::to_string(++lives);
    now = std::make_unique<lasting_fixture>(settings, store.open(name),
                                            static_cast<std::uint64_t>(lives));
  }
  void kill() {
    now.reset();
    store.space->drop_holder(name);
    begin();
  }
  lasting_fixture* operator->() { return now.get(); }

  shared_store& store;
  aw::options settings;
  std::string name;
  int lives = 0;
  std::unique_ptr<lasting_fixture> now;
};

bool has_text(const std::vector<frame>& frames, const std::string& words) {
  for (const frame& each : frames) {
    if (each.content() == words) return true;
  }
  return false;
}

/// A server on a store whose faults the test chooses.
struct faulty_fixture : lasting_fixture {
  faulty_fixture() : faulty_fixture(std::make_shared<aw::memory_space>()) {}
  explicit faulty_fixture(std::shared_ptr<aw::memory_space> kept_in)
      : lasting_fixture(with_admin()), space(std::move(kept_in)) {
    using faulty = aw::testing::faulty_store<aw::memory_store, aw::testing::manual_scheduler>;
    store = aw::any_store(
        std::make_unique<faulty>(aw::memory_store(space, "a"), clock, faults));
  }
  static aw::options with_admin() {
    auto chosen = lasting();
    chosen.access.admin_token = "an-admin-token-of-the-test";
    return chosen;
  }
  std::shared_ptr<aw::memory_space> space;
  std::shared_ptr<aw::testing::store_faults> faults = std::make_shared<aw::testing::store_faults>();
};

}  // namespace

TEST_CASE("stored: a client goes on with the next server as if nothing had been") {
  shared_store kept;
  mortal server(kept);
  ticket mine;
  auto id = server->arrive(mine);
  server->http.reply_with(answer({"one"}));
  REQUIRE(has_text(server->tell(id, R"({"id":"q1","content":"x"})"), "one"));
  server.kill();

  const auto frames = server->come_back(id, mine, 0);
  REQUIRE(frames.size() == 3u);
  CHECK(frames[0].truth("recovered"));
  CHECK(frames[0].text("reason") == "ok");
  CHECK(frames[0].text("session_id") == mine.session_id);
  CHECK(frames[0].text("epoch") == mine.epoch);
  CHECK(frames[1].content() == "one");
  CHECK(frames[1].number("seq") == 1);
  CHECK(frames[1].truth("replay"));
  CHECK(frames[2].is_status("live"));
  // The model is told what was said before, and a repeated query is not asked again.
  CHECK(server->tell(id, R"({"id":"q1","content":"x"})").at(0).truth("duplicate"));
  CHECK(server->http.calls().empty());
  server->tell(id, R"({"id":"q2","content":"y"})");
  CHECK(transcript(server->http.last().request).find("one") != std::string::npos);
}

TEST_CASE("stored: what a killed server had begun ends once, as interrupted") {
  shared_store kept;
  mortal server(kept);
  ticket mine;
  auto id = server->arrive(mine);
  server->tell(id, R"({"id":"q1","content":"x","stream":true})");
  server->tell(id, R"({"id":"q2","content":"y"})");
  server->http.respond_head(server->http.last().id, 200, event_stream());
  server->http.respond_body(server->http.last().id, chunk("half"));
  server->run();
  const auto seen = server->taken(id);
  REQUIRE(has_text(seen, "half"));
  for (int lives = 0; lives < 3; ++lives) {
    CAPTURE(lives);
    server.kill();
    const auto frames = server->come_back(id, mine, 1);
    CHECK(frames.at(0).truth("recovered"));
    mine = server->ticket_in(frames[0]);
    const auto ends = terminals(frames);
    REQUIRE(ends.size() == 2u);
    CHECK(ends[0].text("ref") == "q1");
    CHECK(ends[0].text("error.code") == "interrupted");
    CHECK(ends[0].truth("error.retryable"));
    CHECK(ends[1].text("ref") == "q2");
    CHECK(ends[1].code() == "interrupted");
    CHECK(server->http.calls().empty());
  }
  // Its question can be answered anew.
  server->http.reply_with(answer({"whole"}));
  CHECK(has_text(server->tell(id, R"({"type":"command","op":"regenerate","id":"g1"})"), "whole"));
}

TEST_CASE("stored: a server that stops in order leaves its sessions to the next one") {
  shared_store kept;
  mortal server(kept);
  ticket mine;
  auto id = server->arrive(mine);
  server->http.reply_with(answer({"one"}));
  server->tell(id, R"({"id":"q1","content":"x"})");
  bool stopped = false;
  server->server.stop([&] { stopped = true; });
  server->run();
  REQUIRE(server->transport.close_sent(id).has_value());
  CHECK(server->transport.close_sent(id)->first == 1012);
  server->transport.disconnect(id);
  server->run();
  CHECK(stopped);
  server.begin();  // the former let go of all that it held
  CHECK(server->come_back(id, mine, 1).at(0).truth("recovered"));
}

TEST_CASE("stored: a session that ends when its last record is kept leaves a slow store once") {
  faulty_fixture talk;
  ticket mine;
  auto id = talk.arrive(mine);
  talk.tell(id, R"({"id":"q1","content":"x"})");
  talk.transport.disconnect(id);
  talk.faults->delay = 50ms;
  bool stopped = false;
  talk.server.stop([&] { stopped = true; });
  talk.http.respond_head(talk.http.last().id, 200, event_stream());
  talk.http.respond_body(talk.http.last().id, chunk("one") + finish() + done());
  talk.http.complete(talk.http.last().id);
  for (int i = 0; i < 10; ++i) talk.pass_in_silence(50ms);
  CHECK(stopped);
  lasting_fixture next(lasting(),
                       aw::any_store(std::make_unique<aw::memory_store>(talk.space, "b")), 2);
  const auto frames = next.come_back(id, mine, 0);
  CHECK(frames.at(0).truth("recovered"));
  CHECK(has_text(frames, "one"));
}

TEST_CASE("stored: a session that nobody came back to in time is found in the store") {
  shared_store kept;
  mortal server(kept);
  ticket mine;
  auto id = server->arrive(mine);
  server->http.reply_with(answer({"one"}));
  server->tell(id, R"({"id":"q1","content":"x"})");
  server->transport.disconnect(id);
  server->pass_in_silence(300s);
  CHECK(server->server.session_count() == 0u);
  CHECK(kept.space->size() == 1u);
  const auto frames = server->come_back(id, mine, 0);
  CHECK(frames.at(0).truth("recovered"));
  CHECK(has_text(frames, "one"));
}

TEST_CASE("stored: what ends for good is forgotten, and idle sockets leave nothing") {
  shared_store kept;
  mortal server(kept);
  ticket mine, idle;
  auto id = server->arrive(mine);
  auto other = server->arrive(idle);
  server->tell(other, R"({"type":"command","op":"ping"})");
  CHECK(kept.space->size() == 0u);
  server->http.reply_with(answer({"one"}));
  server->tell(id, R"({"id":"q1","content":"x"})");
  CHECK(kept.space->size() == 1u);
  server->tell(id, R"({"type":"command","op":"close"})");
  CHECK(kept.space->size() == 0u);
  server->transport.disconnect(other);
  server->run();
  CHECK(kept.space->size() == 0u);
  CHECK(kept.space->bytes() == 0u);
}

TEST_CASE("stored: a stranger gets nothing of a session in the store") {
  shared_store kept;
  mortal server(kept);
  ticket mine;
  auto id = server->arrive(mine);
  server->http.reply_with(answer({"one"}));
  server->tell(id, R"({"id":"q1","content":"x"})");
  server.kill();
  ticket guessed = mine;
  guessed.token = std::string(mine.token.size(), 'x');
  const auto frames = server->come_back(id, guessed, 0);
  CHECK(frames.at(0).text("reason") == "forbidden");
  CHECK(frames.at(0).text("session_id") != mine.session_id);
  CHECK_FALSE(has_text(frames, "one"));
  guessed.session_id = "00000000-0000-4000-8000-000000000000";
  CHECK(server->come_back(id, guessed, 0).at(0).text("reason") == "expired");
  CHECK(server->come_back(id, mine, 0).at(0).truth("recovered"));
}

TEST_CASE("stored: choices, feedback and a cleared conversation survive") {
  shared_store kept;
  mortal server(kept);
  ticket mine;
  auto id = server->arrive(mine);
  server->http.reply_with(answer({"one"}));
  server->tell(id, R"({"id":"q1","content":"x"})");
  server->tell(id, R"({"type":"command","op":"set","id":"s1","data":{"model":"other/model"}})");
  server->tell(id, R"({"type":"human_feedback","id":"f1","rating":-1,"correction":"two"})");
  server.kill();
  server->come_back(id, mine, 1);
  server->tell(id, R"({"id":"q2","content":"y"})");
  const std::string asked = server->http.last().request.body;
  CHECK(asked.find("other/model") != std::string::npos);
  CHECK(asked.find("Correction of your previous answer: two") != std::string::npos);
  server->tell(id, R"({"type":"command","op":"clear"})");
  server.kill();
  server->come_back(id, mine, 1);
  server->tell(id, R"({"id":"q3","content":"z"})");
  CHECK(server->http.last().request.body.find("two") == std::string::npos);
}

TEST_CASE("stored: nothing is acknowledged before the store has it") {
  faulty_fixture talk;
  ticket mine;
  auto id = talk.arrive(mine);
  talk.faults->delay = 50ms;
  talk.http.reply_with(answer({"one"}));
  CHECK(talk.tell(id, R"({"id":"q1","content":"x"})").empty());
  CHECK(talk.http.calls().empty());
  CHECK(talk.tell(id, R"({"type":"command","op":"ping","id":"p1"})").at(0).is_status("pong"));
  talk.pass_in_silence(50ms);
  auto frames = talk.taken(id);
  CHECK(frames.at(0).is_status("ack"));
  CHECK_FALSE(has_text(frames, "one"));  // the model has answered; that is being written
  CHECK(talk.http.calls().size() == 1u);
  talk.pass_in_silence(50ms);
  CHECK(has_text(talk.taken(id), "one"));
}

TEST_CASE("stored: while the store is away queries are refused, and it all goes on when it is back") {
  for (const bool after_doing : {false, true}) {
    CAPTURE(after_doing);
    faulty_fixture talk;
    ticket mine;
    auto id = talk.arrive(mine);
    talk.http.reply_with(answer({"one"}));
    talk.tell(id, R"({"id":"q1","content":"x"})");
    talk.tell(id, R"({"id":"q2","content":"y","stream":true})");
    talk.http.respond_head(talk.http.last().id, 200, event_stream());
    talk.http.respond_body(talk.http.last().id, chunk("some "));
    talk.run();
    talk.taken(id);
    talk.faults->failure = aw::error(aw::errc::connection_failed);
    talk.faults->fails_after_doing = after_doing;
    // The answer goes on from memory, its end waits.
    talk.http.respond_body(talk.http.last().id, chunk("text"));
    talk.run();
    CHECK(has_text(talk.taken(id), "text"));
    talk.http.respond_body(talk.http.last().id, finish() + done());
    talk.http.complete(talk.http.last().id);
    talk.run();
    CHECK(terminals(talk.taken(id)).empty());
    for (const char* text : {R"({"id":"q3","content":"z"})",
                             R"({"type":"command","op":"set","id":"s1","data":{"model":"m"}})",
                             R"({"type":"command","op":"clear","id":"c1"})",
                             R"({"type":"human_feedback","id":"f1","rating":1})"}) {
      CAPTURE(text);
      const auto refused = talk.tell(id, text);
      REQUIRE(refused.size() == 1u);
      CHECK(refused[0].code() == "internal");
      CHECK(refused[0].truth("retryable"));
    }
    aw::http::request notice;
    notice.method = "POST";
    notice.target = "/v1/sessions/" + mine.session_id + "/notify";
    notice.headers = {{"Authorization", "Bearer an-admin-token-of-the-test"},
                      {"Content-Type", "application/json"}};
    notice.body = R"({"content":"n"})";
    const auto refused = talk.transport.request(notice);
    CHECK(refused.status == 503);
    CHECK(refused.headers.find("Retry-After").has_value());
    talk.pass_in_silence(3s);
    CHECK(talk.taken(id).empty());
    CHECK(talk.http.calls().size() == 2u);
    talk.faults->failure.reset();
    talk.pass_in_silence(10s);
    const auto ends = terminals(talk.taken(id));
    REQUIRE(ends.size() == 1u);
    CHECK(ends[0].content() == "some text");
    talk.http.reply_with(answer({"three"}));
    CHECK(has_text(talk.tell(id, R"({"id":"q3","content":"z"})"), "three"));
    CHECK(talk.transport.is_open(id));
  }
}

TEST_CASE("stored: a query that cannot be kept is refused, and may be sent again") {
  faulty_fixture talk;
  ticket mine;
  auto id = talk.arrive(mine);
  talk.faults->failure = aw::error(aw::errc::internal, "The store is full");
  const auto refused = talk.tell(id, R"({"id":"q1","content":"x"})");
  REQUIRE(refused.size() == 1u);
  CHECK(refused[0].code() == "internal");
  CHECK(refused[0].text("ref") == "q1");
  CHECK(talk.http.calls().empty());
  talk.faults->failure.reset();
  talk.pass_in_silence(10s);
  talk.http.reply_with(answer({"one"}));
  CHECK(has_text(talk.tell(id, R"({"id":"q1","content":"x"})"), "one"));
  CHECK(talk.http.calls().size() == 1u);
}

TEST_CASE("stored: a store that is away for too long costs the sockets, not what was kept") {
  faulty_fixture talk;
  ticket mine;
  auto id = talk.arrive(mine);
  talk.http.reply_with(answer({"one"}));
  talk.tell(id, R"({"id":"q1","content":"x"})");
  talk.tell(id, R"({"id":"q2","content":"y","stream":true})");
  talk.http.respond_head(talk.http.last().id, 200, event_stream());
  talk.http.respond_body(talk.http.last().id, chunk("some "));
  talk.run();
  talk.faults->failure = aw::error(aw::errc::connection_failed);
  talk.http.respond_body(talk.http.last().id, finish() + done());
  talk.http.complete(talk.http.last().id);
  for (int i = 0; i < 70; ++i) {
    talk.pass_in_silence(1s);
    talk.transport.receive(id, R"({"type":"command","op":"ping"})");
  }
  REQUIRE(talk.transport.close_sent(id).has_value());
  CHECK(talk.transport.close_sent(id)->first == 4000);
  talk.transport.disconnect(id);
  talk.run();
  CHECK(talk.server.session_count() == 0u);
  // Who comes now is sent away until the store is back, and has lost nothing.
  auto frames = talk.come_back(id, mine, 2);
  CHECK(talk.transport.close_sent(id)->first == 4000);
  talk.transport.disconnect(id);
  talk.faults->failure.reset();
  talk.pass_in_silence(10s);
  frames = talk.come_back(id, mine, 2);
  CHECK(frames.at(0).truth("recovered"));
  const auto ends = terminals(frames);
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].text("ref") == "q2");
  CHECK(ends[0].text("error.code") == "interrupted");
}

TEST_CASE("stored: a server stops in order although its store does not answer") {
  faulty_fixture talk;
  ticket mine;
  auto id = talk.arrive(mine);
  talk.http.reply_with(answer({"one"}));
  talk.tell(id, R"({"id":"q1","content":"x"})");
  talk.faults->failure = aw::error(aw::errc::connection_failed);
  bool stopped = false;
  talk.server.stop([&] { stopped = true; });
  talk.run();
  talk.transport.disconnect(id);
  talk.pass_in_silence(4s);
  CHECK_FALSE(stopped);  // it may come back
  talk.pass_in_silence(2s);
  CHECK(stopped);
}

TEST_CASE("stored: what a client sends behind its hello waits for the session") {
  faulty_fixture talk;
  ticket mine;
  auto id = talk.arrive(mine);
  talk.http.reply_with(answer({"one"}));
  talk.tell(id, R"({"id":"q1","content":"x"})");
  talk.transport.disconnect(id);
  talk.pass_in_silence(300s);
  talk.faults->delay = 20ms;
  CHECK(talk.come_back(id, mine, 1).empty());
  talk.http.reply_with(answer({"two"}));
  CHECK(talk.tell(id, R"({"id":"q2","content":"y"})").empty());
  for (int i = 0; i < 10; ++i) talk.pass_in_silence(20ms);
  const auto frames = talk.taken(id);
  CHECK(frames.at(0).truth("recovered"));
  CHECK(has_text(frames, "two"));
}

TEST_CASE("stored: a socket that goes while its session is read leaves it to the next") {
  faulty_fixture talk;
  ticket mine;
  auto id = talk.arrive(mine);
  talk.http.reply_with(answer({"one"}));
  talk.tell(id, R"({"id":"q1","content":"x"})");
  talk.transport.disconnect(id);
  talk.pass_in_silence(300s);
  talk.faults->delay = 20ms;
  talk.come_back(id, mine, 1);
  talk.transport.disconnect(id);
  talk.pass_in_silence(1s);
  CHECK(talk.server.session_count() == 0u);  // nor is it claimed for nobody
  talk.faults->delay = 0ms;
  CHECK(talk.come_back(id, mine, 1).at(0).truth("recovered"));
}

TEST_CASE("stored: of two servers only one has a session, and the other one's client is sent there") {
  shared_store kept;
  lasting_fixture a(lasting(), kept.open("a"), 1), b(lasting(), kept.open("b"), 2);
  ticket mine;
  auto at_a = a.arrive(mine);
  a.http.reply_with(answer({"one"}));
  a.tell(at_a, R"({"id":"q1","content":"x"})");
  aw::connection_id at_b = 0;
  b.come_back(at_b, mine, 1);
  REQUIRE(b.transport.close_sent(at_b).has_value());
  CHECK(b.transport.close_sent(at_b)->first == 4003);

  // Its lease is over, though it lives: what it says now is not kept, and not acknowledged.
  kept.space->drop_holder("a");
  b.transport.disconnect(at_b);
  CHECK(b.come_back(at_b, mine, 1).at(0).truth("recovered"));
  const auto frames = a.tell(at_a, R"({"id":"q2","content":"y"})");
  CHECK(terminals(frames).empty());
  for (const frame& each : frames) CHECK_FALSE(each.is_status("ack"));
  CHECK(a.http.calls().size() == 1u);
  REQUIRE(a.transport.close_sent(at_a).has_value());
  CHECK(a.transport.close_sent(at_a)->first == 4003);
  a.transport.disconnect(at_a);
  a.run();
  CHECK(a.server.session_count() == 0u);
  CHECK(kept.space->size() == 1u);
  b.http.reply_with(answer({"two"}));
  CHECK(has_text(b.tell(at_b, R"({"id":"q2","content":"y"})"), "two"));
}

TEST_CASE("stored: readiness says whether the store answers") {
  faulty_fixture talk;
  talk.start();
  const auto status_of = [&](const std::string& path) {
    aw::http::request asked;
    asked.method = "GET";
    asked.target = path;
    return talk.transport.request(asked).status;
  };
  const auto ready = [&] { return status_of("/readyz"); };
  CHECK(ready() == 200);
  talk.faults->failure = aw::error(aw::errc::connection_failed);
  talk.pass(3s);
  CHECK(ready() == 503);
  CHECK(status_of("/healthz") == 200);
  CHECK(talk.log.has("store_unavailable"));
  talk.faults->failure.reset();
  talk.pass(3s);
  CHECK(ready() == 200);
  CHECK(talk.log.has("store_ready"));
}
