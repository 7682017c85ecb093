// SPDX-License-Identifier: MIT
//
// What every model of the requirement ClientTransport has to do, row by row of its table. A fixture
// gives `transport()`, `url()` (of a server that is there), `until(predicate)`: lets things run
// until it holds (false: it took too long), `settle()`: lets run what is under way; and the server:
//   arrived() (an attempt waits for its answer) accept() refuse(status) text(t) ping()
//   leave(code, reason) vanish(), and what it received on the newest connection: texts(),
//   headers(), close_frame() ("1000 reason"; "" before).
#pragma once

#include <agent_websocket/policy/client_transport.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace client_transport_suite {

using agent_websocket::errc;

/// Keeps what it is told and checks the order.
class watcher final : public agent_websocket::client_transport_sink {
 public:
  std::vector<std::string> events;  ///< without "alive"
  bool forbidden = false;           ///< no sink function may be called now
  std::function<void()> opened = [] {};
  std::function<void()> received = [] {};
  std::function<void()> ended = [] {};

  /// Events so far, in one line.
  std::string log() const {
    std::string all;
    for (const std::string& each : events) all += each + "; ";
    return all;
  }
  std::size_t alive() const noexcept { return alive_; }

  void on_open() override {
    CHECK_FALSE(forbidden);
    CHECK_FALSE(is_open_);
    is_open_ = true;
    events.emplace_back("open");
    opened();
  }
  void on_alive() override {
    CHECK_FALSE(forbidden);
    CHECK(is_open_);
    ++alive_;
  }
  void on_text(std::string_view text) override {
    CHECK_FALSE(forbidden);
    CHECK(is_open_);
    CHECK(alive_ > 0u);
    events.emplace_back(text);
    received();
  }
  void on_close(std::uint16_t code, std::string_view reason) override {
    CHECK_FALSE(forbidden);
    CHECK(is_open_);
    is_open_ = false;
    events.push_back("closed " + std::to_string(code) + " " + std::string(reason));
    ended();
  }
  void on_failed(std::error_code failure, int status, std::string_view) override {
    CHECK_FALSE(forbidden);
    CHECK_FALSE(is_open_);
    CHECK(failure.category() == make_error_code(errc::internal).category());
    events.push_back("failed " + std::string(to_string(static_cast<errc>(failure.value()))) + " " +
                     std::to_string(status));
    ended();
  }

  /// A connection was dropped by opening again.
  void forget() { is_open_ = false; }

 private:
  bool is_open_ = false;
  std::size_t alive_ = 0;
};

/// A fixture and its sink; calls into the transport during which no sink function may be called.
template <typename Fixture>
struct bench {
  bench() {
    quiet([&] { fixture.transport().start(sink); });
  }

  template <typename Call>
  void quiet(Call call) {
    sink.forbidden = true;
    call();
    sink.forbidden = false;
  }
  void open() {
    sink.forget();
    quiet([&] { fixture.transport().open(fixture.url(), headers); });
  }
  std::size_t send(std::string_view text) {
    std::size_t waiting = 0;
    quiet([&] { waiting = fixture.transport().send(text); });
    return waiting;
  }
  void close(std::uint16_t code, std::string_view why) {
    quiet([&] { fixture.transport().close(code, why); });
  }
  void arrive() {
    REQUIRE(fixture.until([&] { return fixture.arrived(); }));
  }
  void connect() {
    open();
    fixture.settle();  // a server takes notice of an attempt that was dropped
    arrive();
    fixture.accept();
    REQUIRE(logs("open; "));
    sink.events.clear();
  }
  bool logs(const std::string& wanted) {
    fixture.until([&] { return sink.log().size() >= wanted.size(); });
    CHECK(sink.log() == wanted);
    return sink.log() == wanted;
  }

  agent_websocket::http::header_list headers;
  watcher sink;
  Fixture fixture;  // its end drops the connection, of which the sink must not hear
};

template <typename Fixture>
void texts_both_ways() {
  bench<Fixture> b;
  b.headers.add("X-Test", "yes");
  b.connect();
  CHECK(b.fixture.headers().find("X-Test") == "yes");
  b.send("one");
  b.send("");
  b.send("zwei \xC3\xA4");
  const std::string large(60'000, 'x');
  b.send(large);
  REQUIRE(b.fixture.until([&] { return b.fixture.texts().size() == 4u; }));
  CHECK(b.fixture.texts() == std::vector<std::string>{"one", "", "zwei \xC3\xA4", large});
  b.fixture.text("first");
  b.fixture.text("second");
  CHECK(b.logs("first; second; "));
  CHECK(b.sink.alive() > 0u);
  b.fixture.ping();
  b.fixture.settle();
  CHECK(b.logs("first; second; "));
}

template <typename Fixture>
void nothing_without_a_connection() {
  bench<Fixture> b;
  CHECK(b.send("nobody") == 0u);
  b.close(1000, "");
  b.fixture.settle();
  CHECK(b.sink.log() == "");
  b.open();
  CHECK(b.send("too early") == 0u);
  b.arrive();
  CHECK(b.send("too early") == 0u);
  b.fixture.accept();
  REQUIRE(b.logs("open; "));
  b.send("now");
  REQUIRE(b.fixture.until([&] { return !b.fixture.texts().empty(); }));
  CHECK(b.fixture.texts() == std::vector<std::string>{"now"});
}

template <typename Fixture>
void refusals() {
  for (const int status : {401, 403, 404, 426, 429, 503}) {
    bench<Fixture> b;
    b.open();
    b.arrive();
    b.fixture.refuse(status);
    CHECK(b.logs("failed connection_failed " + std::to_string(status) + "; "));
    b.fixture.settle();
    CHECK(b.sink.events.size() == 1u);
  }
}

template <typename Fixture>
void ends() {
  bench<Fixture> b;
  b.connect();
  SUBCASE("the server closes") {
    b.fixture.leave(1012, "drain");
    CHECK(b.logs("closed 1012 drain; "));
  }
  SUBCASE("the server vanishes") {
    b.fixture.vanish();
    CHECK(b.logs("closed 1006 ; "));
  }
  SUBCASE("we close, behind what was sent") {
    b.send("last");
    b.close(4001, "heartbeat_timeout");
    CHECK(b.send("too late") == 0u);
    b.close(1000, "again");
    CHECK(b.logs("closed 4001 heartbeat_timeout; "));
    CHECK(b.fixture.until([&] { return !b.fixture.close_frame().empty(); }));
    CHECK(b.fixture.close_frame() == "4001 heartbeat_timeout");
    CHECK(b.fixture.texts() == std::vector<std::string>{"last"});
  }
  SUBCASE("we leave at once") {
    b.close(1006, "");
    CHECK(b.logs("closed 1006 ; "));
  }
  b.fixture.settle();
  CHECK(b.sink.events.size() == 1u);
  CHECK(b.send("nobody") == 0u);
  b.sink.events.clear();
  b.connect();
}

template <typename Fixture>
void attempts_given_up() {
  bench<Fixture> b;
  b.open();
  SUBCASE("at once") {}
  SUBCASE("before the answer") { b.arrive(); }
  b.close(1000, "");
  CHECK(b.logs("failed cancelled 0; "));
  b.fixture.settle();
  CHECK(b.sink.events.size() == 1u);
}

template <typename Fixture>
void opening_again() {
  bench<Fixture> b;
  b.open();
  SUBCASE("drops an attempt") {}
  SUBCASE("drops an attempt that was given up") { b.close(1000, ""); }
  SUBCASE("drops a connection") {
    b.arrive();
    b.fixture.accept();
    REQUIRE(b.logs("open; "));
    b.sink.events.clear();
  }
  SUBCASE("drops a connection that is closing") {
    b.arrive();
    b.fixture.accept();
    REQUIRE(b.logs("open; "));
    b.sink.events.clear();
    b.close(1000, "");
  }
  b.fixture.settle();
  b.sink.events.clear();  // what was closed may have been told meanwhile
  b.connect();
  b.fixture.text("here");
  CHECK(b.logs("here; "));
}

template <typename Fixture>
void calls_from_the_sink() {
  bench<Fixture> b;
  int ended = 0;
  b.sink.opened = [&] { b.fixture.transport().send("hello"); };
  b.sink.received = [&] { b.fixture.transport().close(1000, "heard"); };
  b.sink.ended = [&] {
    if (++ended == 1) b.fixture.transport().open(b.fixture.url(), {});
  };
  b.open();
  b.arrive();
  b.fixture.accept();
  REQUIRE(b.fixture.until([&] { return b.fixture.texts().size() == 1u; }));
  b.fixture.text("heard?");
  REQUIRE(b.logs("open; heard?; closed 1000 heard; "));
  b.arrive();
  b.fixture.accept();
  REQUIRE(b.fixture.until([&] { return b.fixture.texts().size() == 1u; }));
  CHECK(b.fixture.texts() == std::vector<std::string>{"hello"});
}

}  // namespace client_transport_suite

/// The cases for one fixture.
#define CLIENT_TRANSPORT_SUITE(FIXTURE, NAME)                                                     \
  TEST_CASE(NAME ": texts both ways, in order") {                                                 \
    client_transport_suite::texts_both_ways<FIXTURE>();                                           \
  }                                                                                               \
  TEST_CASE(NAME ": nothing is sent without a connection") {                                      \
    client_transport_suite::nothing_without_a_connection<FIXTURE>();                              \
  }                                                                                               \
  TEST_CASE(NAME ": refusals") { client_transport_suite::refusals<FIXTURE>(); }                   \
  TEST_CASE(NAME ": every end is told once") { client_transport_suite::ends<FIXTURE>(); }         \
  TEST_CASE(NAME ": attempts given up") { client_transport_suite::attempts_given_up<FIXTURE>(); } \
  TEST_CASE(NAME ": opening again") { client_transport_suite::opening_again<FIXTURE>(); }         \
  TEST_CASE(NAME ": calls from inside the sink") {                                                \
    client_transport_suite::calls_from_the_sink<FIXTURE>();                                       \
  }
