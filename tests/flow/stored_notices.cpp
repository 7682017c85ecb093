// SPDX-License-Identifier: MIT
//
// The HTTP API on a lasting store: 200 is said when the store has kept what was asked for, and not
// before. What the store loses, does not take or takes too late is no success, and may be repeated.
#include "flow/lasting_fixture.hpp"

#include <agent_websocket/policy/memory_exchange.hpp>
#include <agent_websocket/testing/faulty_store.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace flow;

namespace {

const std::string token = "an-admin-token-of-the-test";

aw::options with_admin(std::chrono::seconds patience = 60s) {
  auto chosen = lasting();
  chosen.access.admin_token = token;
  chosen.session.store_patience = patience;
  return chosen;
}

aw::http::request asked(const std::string& method, const std::string& target,
                        const std::string& body = {}, const std::string& key = {}) {
  aw::http::request made;
  made.method = method;
  made.target = target;
  made.headers = {{"Authorization", "Bearer " + token}, {"Content-Type", "application/json"}};
  if (!key.empty()) made.headers.add("Idempotency-Key", key);
  made.body = body;
  return made;
}

/// A server on a store whose faults the test chooses.
struct slow_fixture : lasting_fixture {
  using faulty = aw::testing::faulty_store<aw::memory_store, aw::testing::manual_scheduler>;

  explicit slow_fixture(const aw::options& chosen, std::string name = "a",
                        std::shared_ptr<aw::memory_space> kept_in =
                            std::make_shared<aw::memory_space>(),
                        std::uint64_t seed = 1)
      : lasting_fixture(chosen, aw::any_store(), seed), space(std::move(kept_in)) {
    store = aw::any_store(
        std::make_unique<faulty>(aw::memory_store(space, std::move(name)), clock, faults));
  }
  slow_fixture() : slow_fixture(with_admin()) {}

  std::shared_ptr<aw::memory_space> space;
  std::shared_ptr<aw::testing::store_faults> faults = std::make_shared<aw::testing::store_faults>();

  /// Asks, and gives the connection; the answer is for status().
  aw::connection_id ask(const std::string& method, const std::string& target,
                        const std::string& body = {}, const std::string& key = {}) {
    if (!transport.listening()) start();
    transport.request(asked(method, target, body, key));
    const auto of = transport.last();
    run();
    return of;
  }
  aw::connection_id notify(const ticket& whom, const std::string& text,
                           const std::string& key = {}) {
    return ask("POST", "/v1/sessions/" + whom.session_id + "/notify",
               R"({"content":")" + text + "\"}", key);
  }
  aw::connection_id end(const ticket& which, const std::string& key = {}) {
    return ask("DELETE", "/v1/sessions/" + which.session_id, {}, key);
  }
  int status(aw::connection_id of) const { return transport.response_of(of).status; }
  frame body(aw::connection_id of) const { return frame(transport.response_of(of).body); }

  /// A session that the store has, whose client has been told one answer, and its socket.
  aw::connection_id begin(ticket& mine) {
    const auto id = arrive(mine);
    http.reply_with(answer({"one"}));
    tell(id, R"({"id":"q1","content":"x"})");
    return id;
  }
  void fail() { faults->failure = aw::error(aw::errc::connection_failed); }
  void mend() { faults->failure.reset(); }
  std::size_t notices(aw::connection_id id, const std::string& text) {
    std::size_t count = 0;
    for (const frame& each : taken(id)) count += each.content() == text ? 1U : 0U;
    return count;
  }
};

}  // namespace

TEST_CASE_FIXTURE(slow_fixture, "stored_notices: 200 is said when the store has it, as the client is told") {
  ticket mine;
  const auto id = begin(mine);
  faults->delay = 50ms;
  const auto first = notify(mine, "first");
  const auto second =
      ask("POST", "/functions/v1/notify_websocket",
          R"({"sessionId":")" + mine.session_id + R"(","message":"second"})");
  pass_in_silence(49ms);
  CHECK(status(first) == 0);
  CHECK(taken(id).empty());
  pass_in_silence(1ms);
  CHECK(status(first) == 200);
  CHECK(body(first).truth("kept"));
  CHECK(body(first).number("sockets") == 1);
  CHECK(taken(id).at(0).content() == "first");
  CHECK(status(second) == 0);
  pass_in_silence(50ms);
  CHECK(status(second) == 200);
  CHECK(body(second).truth("success"));
  CHECK(taken(id).at(0).content() == "second");
  CHECK(mentions(server.metrics(), "status=\"2xx\"} 2\n"));
}

TEST_CASE_FIXTURE(slow_fixture, "stored_notices: what need not be kept does not wait") {
  ticket mine;
  const auto id = begin(mine);
  faults->delay = 50ms;
  const std::string text = R"({"content":"v","volatile":true})";
  CHECK(status(ask("POST", "/v1/sessions/" + mine.session_id + "/notify", text)) == 200);
  CHECK(status(ask("POST", "/v1/broadcast", text)) == 200);
  CHECK(notices(id, "v") == 2u);
  CHECK(status(ask("GET", "/v1/sessions")) == 200);
}

TEST_CASE_FIXTURE(slow_fixture, "stored_notices: a store that is away for a moment makes it late") {
  for (const bool after_doing : {false, true}) {
    CAPTURE(after_doing);
    ticket mine;
    const auto id = begin(mine);
    fail();
    faults->fails_after_doing = after_doing;
    const auto first = notify(mine, "n");
    pass_in_silence(3s);
    CHECK(status(first) == 0);
    // By now it is known to be away.
    const auto second = notify(mine, "not done");
    CHECK(status(second) == 503);
    CHECK(body(second).text("error.code") == "internal");
    CHECK(transport.response_of(second).headers.find("Retry-After") == "5");
    mend();
    pass_in_silence(5s);
    CHECK(status(first) == 200);
    const auto frames = taken(id);
    REQUIRE(frames.size() == 1u);
    CHECK(frames[0].content() == "n");
  }
}

TEST_CASE("stored_notices: what the store has lost is no success, and its key is free") {
  for (const bool is_moved : {false, true}) {
    CAPTURE(is_moved);
    slow_fixture talk(with_admin(5s));
    ticket mine;
    auto id = talk.begin(mine);
    slow_fixture other(with_admin(), "b", talk.space, 2);
    if (is_moved) {
      talk.space->drop_holder("a");
      aw::connection_id there = 0;
      CHECK(other.come_back(there, mine, 1).at(0).truth("recovered"));
      other.transport.disconnect(there);
      other.run();
    } else {
      talk.fail();
    }
    const auto first = talk.notify(mine, "n", "k");
    for (int i = 0; i < 12; ++i) talk.pass_in_silence(1s);
    CHECK(talk.status(first) == 503);
    CHECK(talk.body(first).text("error.code") == "internal");
    CHECK(talk.transport.close_sent(id)->first == (is_moved ? 4003 : 4000));
    CHECK(talk.taken(id).size() <= 1u);  // that it cannot be saved
    talk.transport.disconnect(id);
    talk.mend();
    talk.space->drop_holder("b");
    talk.pass_in_silence(10s);
    const auto again = talk.notify(mine, "n", "k");
    CHECK(talk.status(again) == 200);
    CHECK_FALSE(talk.transport.response_of(again).headers.contains("Idempotent-Replayed"));
    const auto frames = talk.come_back(id, mine, 1);
    CHECK(frames.at(0).truth("recovered"));
    std::size_t count = 0;
    for (const frame& each : frames) count += each.content() == "n" ? 1U : 0U;
    CHECK(count == 1u);
  }
}

TEST_CASE_FIXTURE(slow_fixture, "stored_notices: a store that is too slow is told of, and what it does afterwards is known") {
  ticket mine;
  const auto id = begin(mine);
  faults->delay = 25s;
  const auto first = notify(mine, "n", "k");
  const auto repeat = notify(mine, "n", "k");
  CHECK(status(repeat) == 409);
  CHECK(body(repeat).text("error.code") == "idempotency_key_in_use");
  for (int i = 0; i < 20; ++i) pass(1s);
  CHECK(status(first) == 503);
  CHECK(transport.response_of(first).headers.find("Retry-After") == "5");
  CHECK(status(notify(mine, "n", "k")) == 409);  // it is not known yet
  for (int i = 0; i < 5; ++i) pass(1s);
  const auto last = notify(mine, "n", "k");
  CHECK(status(last) == 200);
  CHECK(transport.response_of(last).headers.find("Idempotent-Replayed") == "true");
  CHECK(notices(id, "n") == 1u);
}

TEST_CASE_FIXTURE(slow_fixture, "stored_notices: who asks and goes leaves nothing but what it asked for") {
  ticket mine;
  const auto id = begin(mine);
  const std::size_t timers = clock.pending_timers();
  faults->delay = 50ms;
  const auto first = notify(mine, "n", "k");
  transport.disconnect(first);
  pass_in_silence(50ms);
  CHECK(status(first) == 0);
  CHECK(clock.pending_timers() == timers);
  const auto again = notify(mine, "n", "k");
  CHECK(status(again) == 200);
  CHECK(transport.response_of(again).headers.find("Idempotent-Replayed") == "true");
  CHECK(notices(id, "n") == 1u);
}

TEST_CASE("stored_notices: a server that goes meanwhile says that nobody knows") {
  aw::testing::mock_transport transport;
  aw::testing::mock_http_client http;
  aw::testing::manual_scheduler clock;
  const auto space = std::make_shared<aw::memory_space>();
  const auto faults = std::make_shared<aw::testing::store_faults>();
  aw::any_store store(
      std::make_unique<slow_fixture::faulty>(aw::memory_store(space, "a"), clock, faults));
  aw::allow_all doors;
  kept_log log;
  auto server = std::make_unique<fixture::server_type>(with_admin(), transport, http, clock, store,
                                                       doors, log, aw::random_source::seeded(1));
  REQUIRE(server->start());
  const auto id = transport.connect();
  const std::string session_id = frame(transport.take_sent(id).at(0)).text("session_id");
  faults->delay = 50ms;
  SUBCASE("a notice") {
    transport.request(
        asked("POST", "/v1/sessions/" + session_id + "/notify", R"({"content":"n"})", "k"));
  }
  SUBCASE("a broadcast") {
    transport.request(asked("POST", "/v1/broadcast", R"({"content":"n"})", "k"));
  }
  SUBCASE("an end") {
    server->find_session(session_id)->notify("n");
    transport.request(asked("DELETE", "/v1/sessions/" + session_id, {}, "k"));
  }
  SUBCASE("a search") {
    transport.request(asked("DELETE", "/v1/sessions/00000000-0000-4000-8000-000000000000"));
  }
  const auto of = transport.last();
  CHECK(transport.response_of(of).status == 0);
  server.reset();
  CHECK(transport.response_of(of).status == 503);
  CHECK(clock.pending_timers() == 1u);  // the store's
  clock.advance(1min);
  CHECK(transport.response_of(of).status == 503);
}

TEST_CASE("stored_notices: a server that drains answers before it stops") {
  slow_fixture talk;
  ticket mine;
  const auto id = talk.begin(mine);
  SUBCASE("whose client is here") {}
  SUBCASE("whose client is away") { talk.transport.disconnect(id); }
  talk.faults->delay = 50ms;
  const auto first = talk.notify(mine, "n");
  bool stopped = false;
  talk.server.stop([&] { stopped = true; });
  talk.run();
  CHECK(talk.status(first) == 0);
  // That the session is not here any more does not mean that it has ended.
  CHECK(talk.status(talk.notify(mine, "late")) == 503);
  CHECK(talk.status(talk.end(mine)) == 503);
  for (int i = 0; i < 10 && !stopped; ++i) {
    talk.pass_in_silence(50ms);
    if (talk.transport.close_sent(id)) talk.transport.disconnect(id);
  }
  CHECK(stopped);
  CHECK(talk.status(first) == 200);
  slow_fixture next(with_admin(), "b", talk.space, 2);
  aw::connection_id there = 0;
  const auto frames = next.come_back(there, mine, 1);
  REQUIRE(frames.size() >= 2u);
  CHECK(frames[1].content() == "n");
}

TEST_CASE("stored_notices: a server that stops without its store says that nobody knows") {
  slow_fixture talk;
  ticket mine;
  const auto id = talk.begin(mine);
  talk.transport.disconnect(id);
  talk.faults->delay = 10min;
  const auto first = talk.notify(mine, "n");
  int status_at_stop = -1;
  talk.server.stop([&] { status_at_stop = talk.status(first); });
  talk.run();
  CHECK(status_at_stop == -1);
  for (int i = 0; i < 15 && status_at_stop == -1; ++i) talk.pass_in_silence(1s);
  CHECK(status_at_stop == 503);
}

// ---- ends

TEST_CASE_FIXTURE(slow_fixture, "stored_notices: an end is told when the store has forgotten the session") {
  ticket mine;
  const auto id = begin(mine);
  bool is_here = true;
  SUBCASE("whose client is here") {}
  SUBCASE("whose client is away") {
    transport.disconnect(id);
    is_here = false;
  }
  run();
  faults->delay = 50ms;
  const auto first = end(mine, "k");
  CHECK(status(first) == 0);
  const auto second = end(mine);  // looks for it in the store, when that has forgotten it
  CHECK(status(second) == 0);
  pass_in_silence(49ms);
  CHECK(status(first) == 0);
  pass_in_silence(1ms);
  CHECK(status(first) == 200);
  CHECK(body(first).truth("closed"));
  CHECK(body(first).number("sockets") == (is_here ? 1 : 0));
  CHECK(space->size() == 0u);
  pass_in_silence(100ms);
  CHECK(status(second) == 404);
  CHECK(transport.response_of(end(mine, "k")).body == transport.response_of(first).body);
}

TEST_CASE("stored_notices: an end that the store is not told of is no success, and may be repeated") {
  slow_fixture talk(with_admin(5s));
  ticket mine;
  const auto id = talk.begin(mine);
  talk.fail();
  const auto first = talk.end(mine, "k");
  CHECK(talk.transport.close_sent(id)->first == 4499);
  for (int i = 0; i < 12; ++i) talk.pass_in_silence(1s);
  CHECK(talk.status(first) == 503);
  CHECK(talk.space->size() == 1u);
  const auto second = talk.end(mine, "k");
  CHECK(talk.status(second) == 503);  // it cannot even be looked for
  talk.mend();
  const auto third = talk.end(mine, "k");
  CHECK(talk.status(third) == 200);
  CHECK(talk.space->size() == 0u);
}

TEST_CASE_FIXTURE(slow_fixture, "stored_notices: a session that was never stored ends at once") {
  ticket mine;
  const auto id = arrive(mine);
  faults->delay = 50ms;
  CHECK(status(end(mine)) == 200);
  CHECK(transport.close_sent(id)->first == 4499);
}

// ---- all

TEST_CASE_FIXTURE(slow_fixture, "stored_notices: a broadcast is told when the last session has it") {
  ticket one, two;
  const auto first = begin(one);
  const auto second = begin(two);
  faults->delay = 50ms;
  server.find_session(two.session_id)->notify("before");  // its store has something to do
  const auto of = ask("POST", "/v1/broadcast", R"({"content":"n"})");
  pass_in_silence(50ms);
  CHECK(notices(first, "n") == 1u);
  CHECK(status(of) == 0);
  pass_in_silence(50ms);
  CHECK(notices(second, "n") == 1u);
  CHECK(status(of) == 200);
  CHECK(transport.response_of(of).body == R"({"sessions":2,"sockets":2,"kept":true})" "\n");
}

TEST_CASE_FIXTURE(slow_fixture, "stored_notices: a broadcast tells how many sessions could not keep it") {
  ticket one, two;
  const auto first = begin(one);
  const auto second = begin(two);
  fail();
  server.find_session(one.session_id)->notify("before");
  mend();
  const auto of = ask("POST", "/v1/broadcast", R"({"content":"n"})", "k");
  CHECK(status(of) == 200);
  CHECK(transport.response_of(of).body ==
        R"({"sessions":2,"sockets":2,"kept":false,"unkept":1})" "\n");
  CHECK(notices(second, "n") == 1u);
  CHECK(notices(first, "n") == 0u);
  pass_in_silence(5s);  // it was told nevertheless
  CHECK(notices(first, "n") == 1u);
  ask("POST", "/v1/broadcast", R"({"content":"n"})", "k");
  CHECK(notices(second, "n") == 0u);
}

TEST_CASE("stored_notices: a broadcast that nobody could keep is no success") {
  slow_fixture talk(with_admin(5s));
  ticket one, two;
  talk.begin(one);
  talk.begin(two);
  talk.fail();
  const auto of = talk.ask("POST", "/v1/broadcast", R"({"content":"n"})");
  CHECK(talk.status(of) == 0);
  for (int i = 0; i < 12; ++i) talk.pass_in_silence(1s);
  CHECK(talk.status(of) == 503);
}

// ---- elsewhere

TEST_CASE_FIXTURE(slow_fixture, "stored_notices: what only the store has is fetched, and then told the truth of") {
  ticket mine;
  auto id = begin(mine);
  transport.disconnect(id);
  pass_in_silence(300s);
  REQUIRE(server.session_count() == 0u);
  SUBCASE("told") {
    faults->delay = 50ms;
    const auto first = notify(mine, "n");
    pass_in_silence(100ms);
    CHECK(server.session_count() == 1u);
    CHECK(status(first) == 0);
    pass_in_silence(50ms);
    CHECK(status(first) == 200);
    CHECK(body(first).number("sockets") == 0);
    CHECK_FALSE(body(first).truth("passed_on"));
    faults->delay = 0ms;
    const auto frames = come_back(id, mine, 1);
    REQUIRE(frames.size() >= 2u);
    CHECK(frames[1].content() == "n");
  }
  SUBCASE("ended") {
    const auto first = end(mine);
    CHECK(status(first) == 200);
    CHECK(space->size() == 0u);
    CHECK(status(end(mine)) == 404);
  }
  SUBCASE("unknown") {
    ticket nobody;
    nobody.session_id = "00000000-0000-4000-8000-000000000000";
    CHECK(status(notify(nobody, "n")) == 404);
    CHECK(status(end(nobody)) == 404);
  }
  SUBCASE("not to be had") {
    fail();
    const auto first = notify(mine, "n", "k");
    CHECK(status(first) == 503);
    mend();
    CHECK(status(notify(mine, "n", "k")) == 200);
  }
  SUBCASE("of another server that cannot be told") {
    slow_fixture other(with_admin(), "b", space, 2);
    aw::connection_id there = 0;
    CHECK(other.come_back(there, mine, 1).at(0).truth("recovered"));
    CHECK(status(notify(mine, "n")) == 503);
    CHECK(status(end(mine)) == 503);
    CHECK(other.transport.is_open(there));
  }
}

TEST_CASE("stored_notices: what another server has is passed on, without a promise") {
  const auto bus = std::make_shared<aw::memory_bus>();
  const auto join = [&bus](slow_fixture& at, const std::string& name) {
    at.server.exchange_by(aw::any_exchange(std::make_unique<aw::memory_exchange>(
        bus, name, [&at](std::function<void()> f) { at.clock.post(std::move(f)); })));
    at.start();
  };
  slow_fixture a, b(with_admin(), "b", a.space, 2);
  join(a, "a");
  join(b, "b");
  ticket mine;
  const auto id = a.begin(mine);
  const auto told = b.notify(mine, "n");
  CHECK(b.status(told) == 202);
  CHECK(b.body(told).truth("passed_on"));
  CHECK(b.body(told).number("sockets") == 0);
  a.run();
  CHECK(a.notices(id, "n") == 1u);
  const auto ended = b.end(mine);
  CHECK(b.status(ended) == 202);
  CHECK_FALSE(b.body(ended).truth("closed"));
  a.run();
  CHECK(a.transport.close_sent(id)->first == 4499);
}
