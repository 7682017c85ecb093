// SPDX-License-Identifier: MIT
//
// What every model of the requirement Transport has to do, row by row of its table. A fixture gives
// `transport()`, `limit()` (the largest text that is taken), `until(predicate)`: lets things run
// until it holds (false: it took too long), `settle()`: lets run what is under way; and clients,
// named by the numbers that `connect()` and `request(method, target, body)` give out:
//   text(c, t) binary(c, bytes) oversized(c, bytes) pong(c) leave(c, code, reason) vanish(c)
//   stall(c) read_on(c), and what c has received: answer(c) ("200 body"; "" before), texts(c),
//   pings(c), close_frame(c) ("1000 reason"; "" before).
#pragma once

#include <agent_websocket/policy/transport.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace transport_suite {

using agent_websocket::connection_id;
using agent_websocket::handshake;
using agent_websocket::http::response;

/// Keeps what it is told, connection by connection, and checks the order.
class watcher final : public agent_websocket::transport_sink {
 public:
  enum class state { asked, abandoned, open, closed };

  struct connection {
    state now = state::asked;
    handshake request;
    std::vector<std::string> events;  ///< without "alive"
    std::size_t alive = 0;
    std::size_t drained = 0;
    std::string closed_with;
  };

  std::map<connection_id, connection> connections;
  std::vector<connection_id> order;  ///< of the requests
  bool forbidden = false;            ///< no sink function may be called now
  std::function<void(connection_id)> requested = [](connection_id) {};
  std::function<void(connection_id)> opened = [](connection_id) {};
  std::function<void(connection_id, const std::string&)> received = [](connection_id,
                                                                       const std::string&) {};
  std::function<void(connection_id)> drained = [](connection_id) {};
  std::function<void(connection_id)> closed = [](connection_id) {};

  connection& operator[](connection_id id) { return connections[id]; }

  void on_request(connection_id id, handshake request) override {
    CHECK_FALSE(forbidden);
    CHECK(id != 0);
    CHECK(connections.count(id) == 0u);
    connections[id].request = std::move(request);
    order.push_back(id);
    requested(id);
  }
  void on_abandoned(connection_id id) override {
    connection& of = told(id, state::asked);
    of.now = state::abandoned;
  }
  void on_open(connection_id id) override {
    connection& of = told(id, state::asked);
    CHECK(of.request.is_upgrade);
    of.now = state::open;
    opened(id);
  }
  void on_text(connection_id id, std::string_view text) override {
    connection& of = told(id, state::open);
    CHECK(of.alive > 0u);
    of.events.emplace_back(text);
    received(id, of.events.back());
  }
  void on_binary(connection_id id, std::size_t bytes) override {
    told(id, state::open).events.push_back("binary " + std::to_string(bytes));
  }
  void on_oversized(connection_id id, std::size_t bytes) override {
    told(id, state::open).events.push_back("oversized " + std::to_string(bytes));
  }
  void on_alive(connection_id id) override { ++told(id, state::open).alive; }
  void on_drained(connection_id id) override {
    ++told(id, state::open).drained;
    drained(id);
  }
  void on_close(connection_id id, std::uint16_t code, std::string_view reason) override {
    connection& of = told(id, state::open);
    of.now = state::closed;
    of.closed_with = std::to_string(code) + " " + std::string(reason);
    closed(id);
  }

 private:
  connection& told(connection_id id, state wanted) {
    CHECK_FALSE(forbidden);
    REQUIRE(connections.count(id) == 1u);
    CHECK(connections[id].now == wanted);
    return connections[id];
  }
};

/// Calls into the transport during which no sink function may be called.
template <typename Transport>
class quiet {
 public:
  quiet(Transport& transport, watcher& sink) : transport_(transport), sink_(sink) {}

  void answer(connection_id id, response response) {
    call([&] { transport_.answer(id, std::move(response)); });
  }
  void accept(connection_id id) { answer(id, {101, {}, ""}); }
  std::size_t send(connection_id id, std::string_view text) {
    std::size_t waiting = 0;
    call([&] { waiting = transport_.send(id, text); });
    return waiting;
  }
  void ping(connection_id id) {
    call([&] { transport_.ping(id); });
  }
  void close(connection_id id, std::uint16_t code, std::string_view why) {
    call([&] { transport_.close(id, code, why); });
  }
  void stop() {
    call([&] { transport_.stop(); });
  }

 private:
  template <typename Call>
  void call(Call call) {
    sink_.forbidden = true;
    call();
    sink_.forbidden = false;
  }

  Transport& transport_;
  watcher& sink_;
};

template <typename Fixture>
struct bench {
  watcher sink;
  Fixture fixture;
  quiet<std::remove_reference_t<decltype(std::declval<Fixture&>().transport())>> transport{
      fixture.transport(), sink};

  bench() {
    REQUIRE(fixture.transport().start(sink));
    sink.requested = [this](connection_id id) { transport.accept(id); };
  }

  template <typename Predicate>
  bool until(Predicate predicate) {
    return fixture.until(predicate);
  }

  /// An upgrade that is accepted: the client's number and the connection's id.
  std::pair<int, connection_id> open() {
    const std::size_t before = sink.order.size();
    const int client = fixture.connect();
    REQUIRE(until([&] {
      return sink.order.size() > before && sink[sink.order.back()].now == watcher::state::open;
    }));
    return {client, sink.order.back()};
  }

  /// A request that is left unanswered.
  std::pair<int, connection_id> ask(bool upgrade) {
    sink.requested = [](connection_id) {};
    const std::size_t before = sink.order.size();
    const int client = upgrade ? fixture.connect() : fixture.request("GET", "/plain", "");
    REQUIRE(until([&] { return sink.order.size() > before; }));
    return {client, sink.order.back()};
  }

  bool is_closed(connection_id id) { return sink[id].now == watcher::state::closed; }
};

using texts = std::vector<std::string>;

template <typename Fixture>
void requests_arrive() {
  bench<Fixture> b;
  SUBCASE("an upgrade") {
    const auto [client, id] = b.open();
    const handshake& request = b.sink[id].request;
    CHECK(request.is_upgrade);
    CHECK(request.request.method == "GET");
    CHECK(request.request.target == "/ws");
    CHECK(request.request.headers.contains("host"));
    CHECK(request.remote_address == "127.0.0.1");
    CHECK(b.fixture.answer(client).substr(0, 3) == "101");
  }
  SUBCASE("a plain one, with its body") {
    b.sink.requested = [&b](connection_id id) {
      b.transport.answer(id, response::text(202, "ok"));
    };
    const int client = b.fixture.request("POST", "/notify?x=1", "{\"a\":1}");
    REQUIRE(b.until([&] { return !b.fixture.answer(client).empty(); }));
    const handshake& request = b.sink[b.sink.order.at(0)].request;
    CHECK_FALSE(request.is_upgrade);
    CHECK(request.request.method == "POST");
    CHECK(request.request.path() == "/notify");
    CHECK(request.request.query() == "x=1");
    CHECK(request.request.body == "{\"a\":1}");
    CHECK(b.fixture.answer(client) == "202 ok");
  }
}

template <typename Fixture>
void answers_may_come_later() {
  bench<Fixture> b;
  SUBCASE("a plain one") {
    const auto [client, id] = b.ask(false);
    b.fixture.settle();
    CHECK(b.fixture.answer(client) == "");
    b.transport.answer(id, response::text(404, "no"));
    const int of = client;
    CHECK(b.until([&] { return b.fixture.answer(of) == "404 no"; }));
    b.transport.answer(id, response::text(200, "again"));  // ignored
    b.fixture.settle();
    CHECK(b.fixture.answer(client) == "404 no");
  }
  SUBCASE("an upgrade") {
    const auto [client, id] = b.ask(true);
    b.fixture.settle();
    CHECK(b.fixture.answer(client) == "");
    CHECK(b.transport.send(id, "too early") == 0u);
    b.transport.accept(id);
    const connection_id of = id;
    CHECK(b.until([&] { return b.sink[of].now == watcher::state::open; }));
    b.fixture.settle();
    CHECK(b.fixture.texts(client).empty());
  }
  SUBCASE("an upgrade that is refused") {
    const auto [client, id] = b.ask(true);
    b.transport.answer(id, response::text(401, "who"));
    const int of = client;
    CHECK(b.until([&] { return b.fixture.answer(of) == "401 who"; }));
    b.transport.accept(id);
    CHECK(b.transport.send(id, "x") == 0u);
    b.fixture.vanish(client);
    b.fixture.settle();
    CHECK(b.sink[id].now == watcher::state::asked);  // neither opened nor abandoned nor closed
  }
  SUBCASE("a peer that does not wait") {
    bool is_upgrade = true;
    SUBCASE("for its upgrade") {}
    SUBCASE("for its plain answer") { is_upgrade = false; }
    const auto [client, id] = b.ask(is_upgrade);
    b.fixture.vanish(client);
    const connection_id of = id;
    CHECK(b.until([&] { return b.sink[of].now == watcher::state::abandoned; }));
    b.transport.answer(id, response::text(200, "too late"));
    b.transport.accept(id);
    b.fixture.settle();
    CHECK(b.sink[id].now == watcher::state::abandoned);
  }
}

template <typename Fixture>
void texts_leave_in_order() {
  bench<Fixture> b;
  b.sink.opened = [&b](connection_id id) { b.transport.send(id, "welcome"); };
  const auto [client, id] = b.open();
  texts wanted = {"welcome"};
  for (int i = 0; i < 100; ++i) {
    wanted.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i) * 37, 'x'));
    b.transport.send(id, wanted.back());
  }
  b.transport.ping(id);
  const int of = client;
  CHECK(b.until(
      [&] { return b.fixture.texts(of).size() == wanted.size() && b.fixture.pings(of) == 1u; }));
  CHECK(b.fixture.texts(client) == wanted);
}

template <typename Fixture>
void messages_arrive_in_order() {
  bench<Fixture> b;
  const auto [client, id] = b.open();
  const connection_id of = id;
  b.fixture.text(client, "one");
  b.fixture.text(client, "");
  b.fixture.text(client, std::string(b.fixture.limit(), 'x'));
  b.fixture.oversized(client, b.fixture.limit() + 1);
  b.fixture.binary(client, 5);
  b.fixture.text(client, "last");
  REQUIRE(b.until([&] { return b.sink[of].events.size() == 6u; }));
  CHECK(b.sink[id].events == texts{"one", "", std::string(b.fixture.limit(), 'x'),
                                   "oversized " + std::to_string(b.fixture.limit() + 1), "binary 5",
                                   "last"});
  CHECK(b.sink[id].now == watcher::state::open);
  const std::size_t alive = b.sink[id].alive;
  b.fixture.pong(client);
  CHECK(b.until([&] { return b.sink[of].alive == alive + 1; }));
  CHECK(b.sink[id].events.size() == 6u);
}

template <typename Fixture>
void closing_by_the_library() {
  bench<Fixture> b;
  const auto [client, id] = b.open();
  const int peer = client;
  const connection_id of = id;
  SUBCASE("with the frame behind what waits, once") {
    b.transport.send(id, "last words");
    b.transport.close(id, 4001, "heartbeat_timeout");
    b.transport.close(id, 1000, "again");
    CHECK(b.transport.send(id, "too late") == 0u);
    b.transport.ping(id);
    b.fixture.text(client, "dropped");
    REQUIRE(b.until([&] { return b.is_closed(of); }));
    b.fixture.settle();
    CHECK(b.sink[id].closed_with == "4001 heartbeat_timeout");
    CHECK(b.fixture.texts(client) == texts{"last words"});
    CHECK(b.fixture.close_frame(client) == "4001 heartbeat_timeout");
    CHECK(b.fixture.pings(client) == 0u);
    CHECK(b.sink[id].events.empty());
    b.transport.close(id, 1000, "dead");
    CHECK(b.transport.send(id, "dead") == 0u);
    b.fixture.settle();
  }
  SUBCASE("at once") {
    b.transport.close(id, 1006, "");
    CHECK(b.transport.send(id, "x") == 0u);
    REQUIRE(b.until([&] { return b.is_closed(of); }));
    CHECK(b.sink[id].closed_with == "1006 ");
  }
  SUBCASE("from inside sink functions") {
    b.sink.received = [&b](connection_id whose, const std::string& words) {
      b.transport.send(whose, words + "!");
      if (words == "bye") b.transport.close(whose, 1000, "done");
      if (words == "cut") b.transport.close(whose, 1006, "");
    };
    b.sink.closed = [&b](connection_id whose) { CHECK(b.transport.send(whose, "x") == 0u); };
    SUBCASE("with a frame") {
      b.fixture.text(client, "bye");
      b.fixture.text(client, "more");
      REQUIRE(b.until([&] { return b.is_closed(of) && b.fixture.close_frame(peer) != ""; }));
      CHECK(b.fixture.texts(client) == texts{"bye!"});
      CHECK(b.fixture.close_frame(client) == "1000 done");
      CHECK(b.sink[id].events == texts{"bye"});
    }
    SUBCASE("at once") {
      b.fixture.text(client, "cut");
      b.fixture.text(client, "more");
      REQUIRE(b.until([&] { return b.is_closed(of); }));
      CHECK(b.sink[id].events == texts{"cut"});
    }
  }
  SUBCASE("before it is open") {
    b.sink.requested = [&b](connection_id whose) {
      b.transport.accept(whose);
      b.transport.close(whose, 4429, "connection_limit");
    };
    b.sink.opened = [&b](connection_id whose) { CHECK(b.transport.send(whose, "x") == 0u); };
    const int other = b.fixture.connect();
    REQUIRE(b.until([&] { return b.sink.order.size() == 2u && b.is_closed(b.sink.order.back()); }));
    b.fixture.settle();
    CHECK(b.sink[b.sink.order.back()].closed_with == "4429 connection_limit");
    CHECK(b.fixture.close_frame(other) == "4429 connection_limit");
  }
}

template <typename Fixture>
void closing_by_the_peer() {
  bench<Fixture> b;
  const auto [client, id] = b.open();
  const connection_id of = id;
  std::string wanted = "1006 ";
  SUBCASE("with a frame") {
    b.fixture.leave(client, 4000, "going");
    wanted = "4000 going";
  }
  SUBCASE("without a word") { b.fixture.vanish(client); }
  REQUIRE(b.until([&] { return b.is_closed(of); }));
  CHECK(b.sink[id].closed_with == wanted);
  b.fixture.settle();
  CHECK(b.transport.send(id, "x") == 0u);
  b.transport.close(id, 1000, "");
  b.transport.ping(id);
  b.fixture.settle();
}

template <typename Fixture>
void a_peer_that_does_not_read_is_counted() {
  bench<Fixture> b;
  const auto [client, id] = b.open();
  const int peer = client;
  const connection_id of = id;
  b.fixture.stall(client);
  texts wanted;
  const auto send_one = [&] {
    wanted.push_back(std::to_string(wanted.size()) + std::string(40'000, 'x'));
    return b.transport.send(of, wanted.back());
  };
  // Until the kernel takes no more, if there is one.
  std::size_t waiting = 0;
  REQUIRE(b.until([&] {
    waiting = send_one();
    b.fixture.settle();
    return waiting > 100'000;
  }));
  const std::size_t drained_before = b.sink[id].drained;  // what the kernel took whole
  const std::size_t frame = wanted.back().size() + 4;
  const std::size_t first = send_one();
  const std::size_t second = send_one();
  CHECK(second - first >= frame);
  CHECK(second - first <= frame + 1);  // the number has grown by a digit
  b.fixture.settle();
  CHECK(b.transport.send(id, "") == second + 2);
  wanted.emplace_back();
  bool sent_from_inside = false;
  b.sink.drained = [&](connection_id whose) {
    if (!std::exchange(sent_from_inside, true)) b.transport.send(whose, "drained");
  };
  wanted.emplace_back("drained");
  b.fixture.read_on(client);
  REQUIRE(b.until([&] { return b.fixture.texts(peer).size() == wanted.size(); }));
  CHECK(b.fixture.texts(client) == wanted);
  CHECK(b.sink[id].drained == drained_before + 1);
}

template <typename Fixture>
void unknown_ids_are_ignored() {
  bench<Fixture> b;
  for (const connection_id id :
       {connection_id{0}, connection_id{1}, connection_id{77}, ~connection_id{0}}) {
    b.transport.accept(id);
    CHECK(b.transport.send(id, "x") == 0u);
    b.transport.ping(id);
    b.transport.close(id, 1000, "");
    b.transport.close(id, 1006, "");
  }
  b.fixture.settle();
  CHECK(b.sink.connections.empty());
}

template <typename Fixture>
void ids_are_not_given_out_twice() {
  bench<Fixture> b;
  std::set<connection_id> seen;
  for (int i = 0; i < 20; ++i) {
    const auto [client, id] = b.open();
    CHECK(seen.insert(id).second);
    b.fixture.vanish(client);
    const connection_id of = id;
    REQUIRE(b.until([&] { return b.is_closed(of); }));
  }
}

template <typename Fixture>
void stopping_leaves_what_stands() {
  bench<Fixture> b;
  const auto [client, id] = b.open();
  const int peer = client;
  const connection_id of = id;
  b.transport.stop();
  b.fixture.settle();
  CHECK(b.sink[id].now == watcher::state::open);
  b.transport.send(id, "still here");
  b.fixture.text(client, "me too");
  CHECK(b.until(
      [&] { return b.fixture.texts(peer).size() == 1u && b.sink[of].events.size() == 1u; }));
}

/// All of it: one doctest case per row.
#define TRANSPORT_SUITE(fixture, name)                                                           \
  TEST_CASE(name ": requests arrive") { transport_suite::requests_arrive<fixture>(); }           \
  TEST_CASE(name ": answers may come later") {                                                   \
    transport_suite::answers_may_come_later<fixture>();                                          \
  }                                                                                              \
  TEST_CASE(name ": texts leave in order") { transport_suite::texts_leave_in_order<fixture>(); } \
  TEST_CASE(name ": messages arrive in order") {                                                 \
    transport_suite::messages_arrive_in_order<fixture>();                                        \
  }                                                                                              \
  TEST_CASE(name ": closing by the library") {                                                   \
    transport_suite::closing_by_the_library<fixture>();                                          \
  }                                                                                              \
  TEST_CASE(name ": closing by the peer") { transport_suite::closing_by_the_peer<fixture>(); }   \
  TEST_CASE(name ": a peer that does not read is counted") {                                     \
    transport_suite::a_peer_that_does_not_read_is_counted<fixture>();                            \
  }                                                                                              \
  TEST_CASE(name ": unknown ids are ignored") {                                                  \
    transport_suite::unknown_ids_are_ignored<fixture>();                                         \
  }                                                                                              \
  TEST_CASE(name ": ids are not given out twice") {                                              \
    transport_suite::ids_are_not_given_out_twice<fixture>();                                     \
  }                                                                                              \
  TEST_CASE(name ": stopping leaves what stands") {                                              \
    transport_suite::stopping_leaves_what_stands<fixture>();                                     \
  }

}  // namespace transport_suite
