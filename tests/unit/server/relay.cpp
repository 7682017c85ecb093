// SPDX-License-Identifier: MIT
#include <agent_websocket/server/relay.hpp>

#include <agent_websocket/policy/memory_exchange.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aw = agent_websocket;
using namespace std::chrono_literals;
using aw::testing::manual_scheduler;

namespace {

using lines = std::vector<std::string>;
using relay_type = aw::relay<manual_scheduler>;

constexpr std::size_t budget = 64 * 1024;  // of sessions, for one socket

/// Counts what is said, and loses what the test wants to be lost.
struct watched_exchange {
  struct watch {
    std::function<bool(std::string_view text)> loses;
    lines said;  // "to kind"
  };

  watched_exchange(const std::shared_ptr<aw::memory_bus>& bus, std::string name,
                   manual_scheduler& clock, std::shared_ptr<watch> by)
      : inner(bus, std::move(name), [&clock](std::function<void()> f) { clock.post(std::move(f)); }),
        seen(std::move(by)) {}

  std::string name() const { return inner.name(); }
  void listen(aw::exchange_sink& sink) { inner.listen(sink); }
  void send(std::string_view to, std::string_view text) {
    seen->said.push_back(std::string(to) + " " + std::string(text.substr(0, 1)));
    if (!seen->loses || !seen->loses(text)) inner.send(to, text);
  }
  void publish(std::string_view text) { inner.publish(text); }

  aw::memory_exchange inner;
  std::shared_ptr<watch> seen;
};

std::string name_of(aw::connection_id id) {
  return aw::is_remote(id) ? "g" + std::to_string(id & ~aw::remote_bit) : std::to_string(id);
}
constexpr aw::connection_id guest(std::uint64_t number) { return aw::remote_bit | number; }

/// A server as its relay sees it: notes what it is told, and does what the test wants thereupon.
struct peer final : aw::relay_sink {
  peer(const std::shared_ptr<aw::memory_bus>& bus, const std::string& name, manual_scheduler& clock)
      : exchange(std::make_unique<watched_exchange>(bus, name, clock, watch)),
        relay(std::make_unique<relay_type>(exchange, clock, *this)) {
    relay->start();
  }

  void on_arrival(aw::connection_id id, std::string_view arrival) override {
    note("arrival " + name_of(id) + " " + std::string(arrival), id);
  }
  void on_guest_text(aw::connection_id id, std::string_view text) override {
    note("text " + name_of(id) + " " + std::string(text), id);
  }
  void on_guest_drained(aw::connection_id id) override { note("drained " + name_of(id), id); }
  void on_guest_gone(aw::connection_id id, std::uint16_t code) override {
    note("gone " + name_of(id) + " " + std::to_string(code), id);
  }
  std::size_t on_frame(aw::connection_id socket, std::string_view frame) override {
    note("frame " + name_of(socket) + " " + std::string(frame.substr(0, 40)), socket);
    return waits[socket];
  }
  void on_refused(aw::connection_id socket, aw::errc why) override {
    note("refused " + name_of(socket) + " " + aw::to_string(why), socket);
  }
  void on_closed(aw::connection_id socket, std::uint16_t code, std::string_view reason) override {
    note("closed " + name_of(socket) + " " + std::to_string(code) + " " + std::string(reason),
         socket);
  }
  void on_notice(std::string_view from, std::string_view text) override {
    note("notice " + std::string(from) + " " + std::string(text), 0);
  }

  void note(std::string line, aw::connection_id about) {
    told.push_back(std::move(line));
    if (then) then(about);
  }
  lines taken() { return std::exchange(told, {}); }
  std::size_t said(std::string_view what) const {
    return static_cast<std::size_t>(std::count(watch->said.begin(), watch->said.end(), what));
  }
  std::vector<aw::connection_id> away() const {
    std::vector<aw::connection_id> all;
    relay->each_away([&](aw::connection_id each) { all.push_back(each); });
    std::sort(all.begin(), all.end());
    return all;
  }

  lines told;
  std::map<aw::connection_id, std::size_t> waits;  // in the transport, as the test wants it
  std::function<void(aw::connection_id)> then;
  std::shared_ptr<watched_exchange::watch> watch = std::make_shared<watched_exchange::watch>();
  aw::any_exchange exchange;
  std::unique_ptr<relay_type> relay;
};

struct bench {
  manual_scheduler clock;
  std::shared_ptr<aw::memory_bus> bus = std::make_shared<aw::memory_bus>();
  peer a{bus, "a", clock};  // has the sessions
  peer b{bus, "b", clock};  // has the sockets
  peer c{bus, "c", clock};

  /// A socket of b that watches a session of a, and is guest number `number` there.
  void arrive(aw::connection_id socket, std::uint64_t number = 1) {
    b.relay->send_away(socket, "a", "hello");
    clock.run();
    CHECK(a.taken() == lines{"arrival g" + std::to_string(number) + " hello"});
  }
  /// The same, and the session has answered by its welcome.
  void settle(aw::connection_id socket, std::uint64_t number = 1) {
    arrive(socket, number);
    a.relay->send(guest(number), "welcome");
    clock.run();
    CHECK(b.taken().size() == 1u);
  }
};

/// The same numbers in each run.
struct dice {
  explicit dice(std::uint64_t seed) : engine(seed) {}
  std::size_t below(std::size_t end) { return static_cast<std::size_t>(engine() % end); }
  std::mt19937_64 engine;
};

bool is_kind(std::string_view text, char kind) { return !text.empty() && text[0] == kind; }

}  // namespace

TEST_CASE_FIXTURE(bench, "relay: carries an arrival, texts, frames and the end, both ways") {
  REQUIRE(b.relay->is_on());
  arrive(7);
  CHECK(b.relay->is_away(7));
  CHECK_FALSE(b.relay->is_away(8));
  CHECK(b.away() == std::vector<aw::connection_id>{7});
  b.relay->pass(7, "one");
  b.relay->pass(7, std::string_view("t\0wo\n", 5));
  CHECK(a.told.empty());  // never from within
  clock.run();
  CHECK(a.taken() == lines{"text g1 one", std::string("text g1 t\0wo\n", 13)});
  CHECK(a.relay->send(guest(1), "first") == 5u);
  CHECK(a.relay->send(guest(1), "second\n") == 12u);
  clock.run();
  CHECK(b.taken() == lines{"frame 7 first", "frame 7 second\n"});

  SUBCASE("the server closes it") {
    a.relay->close(guest(1), 4499, "the reason has words");
    clock.run();
    CHECK(b.taken() == lines{"closed 7 4499 the reason has words"});
    CHECK(b.relay->is_away(7));  // until the transport has done it
    CHECK(a.told.empty());
    b.relay->gone(7, 4499);
    clock.run();
    CHECK(a.taken() == lines{"gone g1 4499"});
  }
  SUBCASE("without a reason") {
    a.relay->close(guest(1), 1012, {});
    clock.run();
    CHECK(b.taken() == lines{"closed 7 1012 "});
    b.relay->gone(7, 1012);
    clock.run();
    CHECK(a.taken() == lines{"gone g1 1012"});
  }
  SUBCASE("the client goes") {
    b.relay->gone(7, 1001);
    b.relay->gone(7, 1001);
    clock.run();
    CHECK(a.taken() == lines{"gone g1 1001"});
  }
  CHECK_FALSE(b.relay->is_away(7));
  CHECK(b.away().empty());
  // Nothing is left of it.
  CHECK(a.relay->send(guest(1), "late") == 0u);
  a.relay->close(guest(1), 1000, "late");
  a.relay->refuse(guest(1), aw::errc::moved);
  b.relay->pass(7, "late");
  b.relay->drained(7);
  clock.run();
  CHECK(a.told.empty());
  CHECK(b.told.empty());
  CHECK(c.told.empty());
  clock.advance(10s);
  CHECK(clock.pending_timers() == 0u);
}

TEST_CASE_FIXTURE(bench, "relay: an arrival that is refused, and why") {
  for (const aw::errc why : {aw::errc::moved, aw::errc::forbidden}) {
    b.relay->send_away(3, "a", "hello");
    a.then = [&](aw::connection_id who) { a.relay->refuse(who, why); };
    clock.run();
    a.then = nullptr;
    CHECK(b.taken() == lines{std::string("refused 3 ") + aw::to_string(why)});
    CHECK_FALSE(b.relay->is_away(3));
    CHECK(a.taken().size() == 1u);
  }
  // Not known to this version: the session is looked for again.
  b.relay->send_away(3, "a", "hello");
  a.then = [&](aw::connection_id who) { a.relay->refuse(who, aw::errc::internal); };
  clock.run();
  CHECK(b.taken() == lines{"refused 3 moved"});
}

TEST_CASE_FIXTURE(bench, "relay: sockets of two servers with one id are two guests") {
  arrive(7);
  c.relay->send_away(7, "a", "me too");
  clock.run();
  CHECK(a.taken() == lines{"arrival g2 me too"});
  c.relay->pass(7, "from c");
  b.relay->pass(7, "from b");
  a.relay->send(guest(1), "to b");
  a.relay->send(guest(2), "to c");
  clock.run();
  CHECK(a.taken() == lines{"text g2 from c", "text g1 from b"});
  CHECK(b.taken() == lines{"frame 7 to b"});
  CHECK(c.taken() == lines{"frame 7 to c"});
  c.relay->gone(7, 1000);
  b.relay->pass(7, "still here");
  clock.run();
  CHECK(a.taken() == lines{"gone g2 1000", "text g1 still here"});
}

TEST_CASE_FIXTURE(bench, "relay: a server may have sockets at another one and guests of it") {
  arrive(7);
  a.relay->send_away(7, "b", "the other way");
  clock.run();
  CHECK(b.taken() == lines{"arrival g1 the other way"});
  a.relay->pass(7, "text of a");
  b.relay->pass(7, "text of b");
  clock.run();
  CHECK(b.taken() == lines{"text g1 text of a"});
  CHECK(a.taken() == lines{"text g1 text of b"});
  a.relay->gone(7, 1000);
  clock.run();
  CHECK(b.taken() == lines{"gone g1 1000"});
  CHECK(a.told.empty());
  CHECK(b.relay->is_away(7));
}

TEST_CASE_FIXTURE(bench, "relay: a socket that arrives again is a new guest") {
  arrive(7);
  b.relay->send_away(7, "a", "again");
  b.relay->pass(7, "one");
  clock.run();
  CHECK(a.taken() == lines{"gone g1 1006", "arrival g2 again", "text g2 one"});
  a.relay->send(guest(1), "to nobody");
  a.relay->send(guest(2), "to you");
  clock.run();
  CHECK(b.taken() == lines{"frame 7 to you"});
}

TEST_CASE_FIXTURE(bench, "relay: a lost message costs that socket alone, and both sides know") {
  arrive(7, 1);
  arrive(8, 2);
  SUBCASE("of the client") {
    b.watch->loses = [](std::string_view text) { return is_kind(text, 't'); };
    b.relay->pass(7, "lost");
    b.watch->loses = nullptr;
    b.relay->pass(7, "not to be read");
    b.relay->pass(7, "nor this");
  }
  SUBCASE("of the session") {
    a.watch->loses = [](std::string_view text) { return is_kind(text, 'f'); };
    a.relay->send(guest(1), "lost");
    a.watch->loses = nullptr;
    a.relay->send(guest(1), "not to be sent");
    a.relay->send(guest(1), "nor this");
  }
  b.relay->pass(8, "fine");
  a.relay->send(guest(2), "fine");
  clock.run();
  CHECK(a.taken().size() == 2u);  // the end and the text
  const auto at_b = b.taken();
  const auto closes = std::count(at_b.begin(), at_b.end(), "closed 7 4000 server_error");
  CHECK(closes >= 1);
  CHECK(at_b.size() == static_cast<std::size_t>(closes) + 1);
  CHECK(std::count(at_b.begin(), at_b.end(), "frame 8 fine") == 1);
  b.relay->gone(7, 4000);
  b.relay->pass(8, "still");
  clock.run();
  CHECK(a.taken() == lines{"text g2 still"});
  CHECK(a.relay->send(guest(1), "x") == 0u);
}

TEST_CASE_FIXTURE(bench, "relay: an arrival that is lost ends when its client speaks") {
  b.watch->loses = [](std::string_view text) { return is_kind(text, 'a'); };
  b.relay->send_away(7, "a", "lost");
  b.relay->pass(7, "hello?");
  clock.run();
  CHECK(a.told.empty());
  CHECK(b.taken() == lines{"closed 7 4000 server_error"});
}

TEST_CASE_FIXTURE(bench, "relay: frames for a socket that is not there end its guest") {
  arrive(7);
  b.watch->loses = [](std::string_view text) { return is_kind(text, 'l'); };
  b.relay->gone(7, 1001);
  b.watch->loses = nullptr;
  clock.run();
  CHECK(a.told.empty());
  a.relay->send(guest(1), "anybody?");
  a.relay->send(guest(1), "anybody?");
  clock.run();
  CHECK(a.taken() == lines{"gone g1 1006"});
  CHECK(b.told.empty());
}

TEST_CASE_FIXTURE(bench, "relay: to close a socket that is not there ends its guest") {
  arrive(7);
  b.watch->loses = [](std::string_view text) { return is_kind(text, 'l'); };
  b.relay->gone(7, 1001);
  b.watch->loses = nullptr;
  clock.run();
  CHECK(a.told.empty());
  a.relay->close(guest(1), 4003, "moved");
  clock.run();
  CHECK(a.taken() == lines{"gone g1 1006"});
  CHECK(b.told.empty());
}

TEST_CASE_FIXTURE(bench, "relay: another server cannot speak for a socket") {
  arrive(7);
  const auto from_c = [&](aw::relay_kind kind, std::uint64_t number, std::string_view body) {
    c.exchange.send("b", aw::encode_relay({kind, 7, number, body}));
    c.exchange.send("a", aw::encode_relay({kind, 7, number, body}));
    clock.run();
  };
  from_c(aw::relay_kind::frame, 1, "x");
  from_c(aw::relay_kind::close, 0, "4000 x");
  from_c(aw::relay_kind::refuse, 0, "forbidden");
  from_c(aw::relay_kind::text, 2, "x");
  from_c(aw::relay_kind::took, 0, "5");
  from_c(aw::relay_kind::left, 0, "1000");
  CHECK(a.told.empty());
  CHECK(b.told.empty());
  CHECK(b.relay->is_away(7));
  CHECK(a.relay->send(guest(1), "frame") == 5u);
}

// ---- how much

TEST_CASE_FIXTURE(bench, "relay: what was taken is told in pieces, and makes room") {
  arrive(7);
  const std::string frame(5000, 'x');
  CHECK(a.relay->send(guest(1), frame) == 5000u);
  clock.run();
  CHECK(b.said("a k") == 0u);
  CHECK(a.relay->send(guest(1), frame) == 10'000u);
  CHECK(a.relay->send(guest(1), frame) == 15'000u);
  clock.run();
  CHECK(b.said("a k") == 0u);
  CHECK(a.told.empty());
  CHECK(a.relay->send(guest(1), frame) == 20'000u);  // 16 KiB and more
  clock.run();
  CHECK(b.said("a k") == 1u);
  CHECK(a.taken() == lines{"drained g1"});
  CHECK(a.relay->send(guest(1), "x") == 1u);
}

TEST_CASE_FIXTURE(bench, "relay: a transport that does not take it holds the frames up") {
  arrive(7);
  b.waits[7] = budget;
  const std::string frame(1024, 'x');
  std::size_t waiting = 0;
  int sent = 0;
  while (waiting < budget) {
    waiting = a.relay->send(guest(1), frame);
    clock.run();
    REQUIRE(++sent < 1000);
  }
  CHECK(sent == 64);
  CHECK(b.said("a k") == 0u);
  CHECK(a.told.empty());
  clock.advance(5s);
  CHECK(a.told.empty());
  b.relay->drained(7);
  b.relay->drained(7);  // nothing more to be told
  clock.run();
  CHECK(b.said("a k") == 1u);
  CHECK(a.taken() == lines{"drained g1"});
  CHECK(a.relay->send(guest(1), "xy") == 2u);
}

TEST_CASE_FIXTURE(bench, "relay: a transport that writes later, and never is behind, stops nothing") {
  // As adapters::websocketpp_transport does: a frame goes out at the end of the turn, so that it
  // waits when it was given; on_drained comes only after more than 16 KiB waited.
  arrive(7);
  const std::string frame(1000, 'x');
  b.waits[7] = frame.size() + 4;
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(a.relay->send(guest(1), frame) < budget);
    clock.run();
  }
  CHECK(b.taken().size() == 1000u);
}

TEST_CASE_FIXTURE(bench, "relay: a session goes on when there is room, and not before") {
  arrive(7);
  b.waits[7] = budget;
  a.relay->send(guest(1), std::string(20'000, 'x'));
  CHECK(a.relay->send(guest(1), std::string(1'000'000, 'y')) == 1'020'000u);
  a.then = [&](aw::connection_id who) { a.relay->send(who, std::string(1'000'000, 'z')); };
  const auto took = [&](const std::string& bytes) {
    b.exchange.send("a", aw::encode_relay({aw::relay_kind::took, 7, 0, bytes}));
    clock.run();
  };
  took("20000");  // the large one is still on its way
  CHECK(a.told.empty());
  took("1000000");
  CHECK(a.taken() == lines{"drained g1"});
}

TEST_CASE_FIXTURE(bench, "relay: what is said to be taken never makes less than nothing wait") {
  arrive(7);
  a.relay->send(guest(1), "12345");
  for (const char* bytes : {"3", "100", "18446744073709551615", "18446744073709551616",
                            "99999999999999999999999999", "-1", "", "x"}) {
    CAPTURE(bytes);
    b.exchange.send("a", aw::encode_relay({aw::relay_kind::took, 7, 0, bytes}));
    clock.run();
    const std::size_t waits = a.relay->send(guest(1), "1");
    CHECK(waits <= 10u);
    CHECK(waits >= 1u);
  }
}

TEST_CASE_FIXTURE(bench, "relay: frames never exceed the budget by more than one, and none is lost") {
  dice random(7);
  arrive(1);
  std::size_t on_the_way = 0, given = 0, arrived = 0, transport = 0, most = 0;
  std::size_t waits = 0;
  bool above = false;
  a.then = [&](aw::connection_id) { waits = 0; };  // as a session does when it is told
  b.then = [&](aw::connection_id) {
    ++arrived;
    transport += 1500;
    b.waits[1] = transport;
    above = above || transport > 16 * 1024;
  };
  const auto turn = [&] {
    if (random.below(4) != 0) {
      for (int i = 0; i < 20 && waits < budget; ++i, ++given)
        waits = a.relay->send(guest(1), std::string(1500, 'x'));
    }
    clock.run();
    if (random.below(3) == 0) transport -= std::min<std::size_t>(transport, random.below(60'000));
    if (above && transport <= 16 * 1024) {
      above = false;
      b.relay->drained(1);
    }
    on_the_way = (given - arrived) * 1500;
    most = std::max(most, on_the_way + transport);
  };
  for (int i = 0; i < 5000; ++i) turn();
  CHECK(arrived == given);
  CHECK(arrived > 10'000u);
  CHECK(most <= 2 * budget + 3000);
}

// ---- who is there

TEST_CASE_FIXTURE(bench, "relay: others are asked every 2 s, while there is something to watch") {
  clock.advance(1min);
  CHECK(clock.pending_timers() == 0u);
  CHECK(a.watch->said.empty());
  settle(7);
  a.watch->said.clear();
  b.watch->said.clear();
  clock.advance(1s);
  CHECK(a.watch->said.empty());
  CHECK(b.watch->said.empty());
  clock.advance(1s);
  for (const peer* each : {&a, &b}) {
    CHECK(each->watch->said.size() == 2u);
    CHECK(each->said(each == &a ? "b p" : "a p") == 1u);
    CHECK(each->said(each == &a ? "b q" : "a q") == 1u);
  }
  clock.advance(98s);
  CHECK(a.said("b p") == 50u);
  CHECK(b.said("a p") == 50u);
  CHECK(a.told.empty());
  CHECK(b.told.empty());
  CHECK(c.watch->said.empty());
  b.relay->gone(7, 1000);
  clock.run();
  a.taken();
  a.watch->said.clear();
  b.watch->said.clear();
  clock.advance(1min);
  CHECK(a.watch->said.empty());
  CHECK(b.watch->said.empty());
  CHECK(clock.pending_timers() == 0u);
  // And it begins anew.
  settle(8, 2);
  clock.advance(1min);
  CHECK(b.said("a p") == 30u);
  CHECK(b.told.empty());
}

TEST_CASE_FIXTURE(bench, "relay: who is silent for 10 s has gone, on both sides") {
  settle(7);
  c.relay->send_away(9, "a", "hello");
  clock.run();
  a.taken();
  a.relay->send(guest(2), "welcome");
  clock.run();
  c.taken();
  bus->cut("b");
  clock.advance(9s);
  CHECK(a.told.empty());
  CHECK(b.told.empty());
  clock.advance(4s);
  CHECK(a.taken() == lines{"gone g1 1006"});
  CHECK(b.taken() == lines{"closed 7 4000 server_error"});
  CHECK_FALSE(b.relay->is_away(7));
  CHECK(c.told.empty());
  CHECK(c.relay->is_away(9));
  const std::size_t asked = b.said("a p");
  clock.advance(1min);
  CHECK(b.said("a p") == asked);
  CHECK(a.relay->send(guest(2), "still") == 12u);
}

TEST_CASE_FIXTURE(bench, "relay: an answer in time keeps a server") {
  settle(7);
  const auto nothing = [](std::string_view) { return true; };
  for (int i = 0; i < 5; ++i) {
    a.watch->loses = b.watch->loses = nothing;
    clock.advance(6s);
    a.watch->loses = b.watch->loses = nullptr;
    clock.advance(4s);
  }
  CHECK(a.told.empty());
  CHECK(b.told.empty());
  CHECK(b.relay->is_away(7));
}

TEST_CASE_FIXTURE(bench, "relay: anything that a server says shows that it lives") {
  settle(7);
  a.watch->loses = b.watch->loses = [](std::string_view text) {
    return is_kind(text, 'p') || is_kind(text, 'q');
  };
  for (int i = 0; i < 20; ++i) {
    clock.advance(5s);
    b.relay->pass(7, "text");
    a.relay->send(guest(1), "frame");
    clock.run();
  }
  CHECK(a.taken().size() == 20u);
  CHECK(b.taken().size() == 20u);
  clock.advance(13s);
  CHECK(b.taken() == lines{"closed 7 4000 server_error"});
}

TEST_CASE_FIXTURE(bench, "relay: a gap costs all sockets between them, and the others are told") {
  arrive(7);
  b.relay->send_away(8, "c", "hello");
  c.relay->send_away(9, "a", "hello");
  clock.run();
  a.taken();
  c.taken();
  SUBCASE("where the sockets are") {
    bus->cut("b");
    bus->join("b");
    clock.run();
    const auto at_b = b.taken();
    CHECK(at_b.size() == 2u);
    CHECK(std::count(at_b.begin(), at_b.end(), "closed 7 4000 server_error") == 1);
    CHECK(std::count(at_b.begin(), at_b.end(), "closed 8 4000 server_error") == 1);
    CHECK(a.taken() == lines{"gone g1 1006"});
    CHECK(c.taken() == lines{"gone g1 1006"});
    CHECK(b.away().empty());
    CHECK(c.relay->is_away(9));
  }
  SUBCASE("where the sessions are") {
    bus->cut("a");
    bus->join("a");
    clock.run();
    const auto at_a = a.taken();
    CHECK(at_a.size() == 2u);
    CHECK(std::count(at_a.begin(), at_a.end(), "gone g1 1006") == 1);
    CHECK(std::count(at_a.begin(), at_a.end(), "gone g2 1006") == 1);
    // Their clients may be only listening: nothing else would ever tell them.
    CHECK(b.taken() == lines{"closed 7 4000 server_error"});
    CHECK(c.taken() == lines{"closed 9 4000 server_error"});
    CHECK(b.relay->is_away(8));
    CHECK(a.relay->send(guest(1), "x") == 0u);
  }
}

TEST_CASE_FIXTURE(bench, "relay: a server that stood still is told what it has lost") {
  settle(7);
  // The messages of a to b wait, as those of a process that does not read.
  std::vector<std::string> kept;
  a.watch->loses = [&](std::string_view text) { return kept.emplace_back(text), true; };
  b.watch->loses = [](std::string_view) { return true; };
  clock.advance(7s);
  b.watch->loses = nullptr;
  clock.advance(500ms);
  a.taken();
  a.watch->loses = nullptr;
  for (const std::string& each : kept) a.exchange.send("b", each);
  clock.advance(30s);
  // Whatever happened to them, both sides are of one mind.
  const bool here = b.relay->is_away(7);
  CHECK(here == (a.relay->send(guest(1), "x") != 0u));
}

// ---- notices

TEST_CASE_FIXTURE(bench, "relay: notices to one and to all others") {
  a.relay->tell("b", "for b");
  a.relay->tell("nobody", "lost");
  a.relay->tell_all("for all\n");
  clock.run();
  CHECK(a.told.empty());
  CHECK(b.taken() == lines{"notice a for b", "notice a for all\n"});
  CHECK(c.taken() == lines{"notice a for all\n"});
  clock.advance(1min);
  CHECK(clock.pending_timers() == 0u);
}

TEST_CASE("relay: without others it does nothing") {
  struct deaf final : aw::relay_sink {
    void on_arrival(aw::connection_id, std::string_view) override { FAIL("told"); }
    void on_guest_text(aw::connection_id, std::string_view) override { FAIL("told"); }
    void on_guest_drained(aw::connection_id) override { FAIL("told"); }
    void on_guest_gone(aw::connection_id, std::uint16_t) override { FAIL("told"); }
    std::size_t on_frame(aw::connection_id, std::string_view) override { return 0; }
    void on_refused(aw::connection_id, aw::errc) override { FAIL("told"); }
    void on_closed(aw::connection_id, std::uint16_t, std::string_view) override { FAIL("told"); }
    void on_notice(std::string_view, std::string_view) override { FAIL("told"); }
  } sink;
  manual_scheduler clock;
  aw::any_exchange nobody;
  relay_type relay(nobody, clock, sink);
  relay.start();
  CHECK_FALSE(relay.is_on());
  relay.tell("a", "x");
  relay.tell_all("x");
  CHECK_FALSE(relay.is_away(1));
  relay.gone(1, 1000);
  CHECK_FALSE(clock.has_work());
}

// ---- what is no message

TEST_CASE_FIXTURE(bench, "relay: what is no message does nothing") {
  arrive(7);
  const lines nonsense{
      "",        "\n",        "f\n",       "f 7\n",          "f 7 \n",       "f  7 1\nx",
      "F 7 1\nx", "z 7 1\nx", "f 7 1",     "f 7 1 2\nx",     "f -7 1\nx",    "f 7 -1\nx",
      "f 0x7 1\nx", "ff 7 1\nx", "f 18446744073709551616 1\nx", "f 7 18446744073709551616\nx",
      std::string(100'000, 'f'), std::string("f 7 1\0\nx", 8), "2 f 7 1\nx"};
  for (const std::string& each : nonsense) {
    CAPTURE(each.substr(0, 40));
    a.exchange.send("b", each);
    b.exchange.send("a", each);
    clock.run();
    CHECK(a.told.empty());
    CHECK(b.told.empty());
  }
  // Numbers that are none of its own.
  for (const std::uint64_t socket : {std::uint64_t(0), std::uint64_t(1), ~std::uint64_t(0), guest(1)}) {
    for (const char kind : std::string("tklrfc")) {
      const std::string text =
          aw::encode_relay({static_cast<aw::relay_kind>(kind), socket, ~std::uint64_t(0), "9"});
      a.exchange.send("b", text);
      b.exchange.send("a", text);
    }
    clock.run();
    CHECK(a.taken().empty());
    CHECK(b.taken().empty());
  }
  a.relay->send(guest(1), "frame");
  b.relay->pass(7, "text");
  clock.run();
  CHECK(a.taken() == lines{"text g1 text"});
  CHECK(b.taken() == lines{"frame 7 frame"});
}

TEST_CASE_FIXTURE(bench, "relay: bytes at random have no effect") {
  arrive(7);
  dice random(3);
  const std::string_view likely = "atklrfcpqn 0123456789\n";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    const auto size = random.below(40);
    const bool wild = random.below(2) == 0;
    for (std::uint64_t n = 0; n < size; ++n) {
      text += wild ? static_cast<char>(random.below(256)) : likely[random.below(likely.size())];
    }
    const auto message = aw::decode_relay(text);
    if (message && (message->socket == 7 || message->kind == aw::relay_kind::arrive ||
                    message->kind == aw::relay_kind::notice)) {
      continue;  // one that has an effect
    }
    a.exchange.send("b", text);
    b.exchange.send("a", text);
    clock.run();
    REQUIRE(a.told.empty());
    REQUIRE(b.told.empty());
  }
  CHECK(b.away() == std::vector<aw::connection_id>{7});
  CHECK(a.relay->send(guest(1), "x") == 1u);
}

TEST_CASE_FIXTURE(bench, "relay: whatever a server says, it has no guests and timers for ever") {
  dice random(11);
  const std::string_view kinds = "atklrfcpqn";
  for (int i = 0; i < 20'000; ++i) {
    const char kind = kinds[random.below(kinds.size())];
    const std::string body = random.below(2) == 0 ? "4000 x" : std::to_string(random.below(70'000));
    const std::string text = aw::encode_relay(
        {static_cast<aw::relay_kind>(kind), random.below(4), random.below(5), body});
    (random.below(2) == 0 ? a : b).exchange.send(random.below(2) == 0 ? "a" : "b", text);
    if (random.below(8) == 0) b.relay->send_away(random.below(4), "a", "hello");
    if (random.below(8) == 0) b.relay->gone(random.below(4), 1000);
    if (random.below(50) == 0) clock.advance(1s);
    clock.run();
  }
  for (const aw::connection_id each : b.away()) b.relay->gone(each, 1000);
  clock.run();
  bus->cut("a");
  bus->cut("b");
  clock.advance(15s);
  CHECK(clock.pending_timers() == 0u);
  CHECK(b.away().empty());
}

// ---- ends, and calls from within

TEST_CASE_FIXTURE(bench, "relay: goes with timers and messages on their way") {
  arrive(7);
  a.relay->send(guest(1), "frame");
  b.relay->pass(7, "text");
  SUBCASE("where the socket is") {
    b.relay.reset();
    b.exchange = aw::any_exchange();
    clock.advance(15s);
    CHECK(b.told.empty());
    CHECK(a.taken() == lines{"text g1 text", "gone g1 1006"});
  }
  SUBCASE("where the session is") {
    a.relay.reset();
    a.exchange = aw::any_exchange();
    clock.advance(15s);
    CHECK(a.told.empty());
    CHECK(b.taken() == lines{"frame 7 frame", "closed 7 4000 server_error"});
  }
  SUBCASE("all of them") {
    for (peer* each : {&a, &b, &c}) {
      each->relay.reset();
      each->exchange = aw::any_exchange();
    }
    clock.advance(15s);
    CHECK(a.told.empty());
    CHECK(b.told.empty());
  }
  CHECK(clock.pending_timers() == 0u);
}

TEST_CASE_FIXTURE(bench, "relay: every function may be called from inside of the sink") {
  const auto all_of = [](peer& at, aw::connection_id id) {
    at.relay->send(id, "frame");
    at.relay->close(id, 4001, "x");
    at.relay->refuse(id, aw::errc::moved);
    at.relay->send(id, "frame");
    at.relay->close(id, 4001, "x");
    at.relay->pass(id, "text");
    at.relay->drained(id);
    at.relay->gone(id, 1000);
    at.relay->gone(id, 1000);
    at.relay->drained(id);
    at.relay->tell("c", "x");
    at.relay->tell_all("x");
    at.relay->each_away([](aw::connection_id) {});
  };
  const auto say = [&](const char* to, aw::relay_kind kind, std::uint64_t number,
                       std::string_view body) {
    (*to == 'a' ? b : a).exchange.send(to, aw::encode_relay({kind, 7, number, body}));
  };
  SUBCASE("an arrival") {
    a.then = [&](aw::connection_id id) { all_of(a, id); };
    b.relay->send_away(7, "a", "hello");
  }
  SUBCASE("of a guest") {
    arrive(7);
    a.then = [&](aw::connection_id id) { all_of(a, id); };
    SUBCASE("a text") { b.relay->pass(7, "text"); }
    SUBCASE("what was taken") { say("a", aw::relay_kind::took, 0, "5"); }
    SUBCASE("its end") { b.relay->gone(7, 1000); }
    SUBCASE("a lost text") { say("a", aw::relay_kind::text, 9, "x"); }
    SUBCASE("it arrives again") { b.relay->send_away(7, "a", "again"); }
    SUBCASE("a gap") {
      bus->cut("a");
      bus->join("a");
    }
    SUBCASE("silence") { bus->cut("b"); }
  }
  SUBCASE("of a socket") {
    arrive(7);
    b.then = [&](aw::connection_id id) {
      all_of(b, id);
      if (b.relay->is_away(id)) return;
      static int again = 0;
      if (++again % 2 == 1) b.relay->send_away(id, "a", "again");
    };
    SUBCASE("a frame") { a.relay->send(guest(1), "frame"); }
    SUBCASE("a large frame") { a.relay->send(guest(1), std::string(20'000, 'x')); }
    SUBCASE("its refusal") { a.relay->refuse(guest(1), aw::errc::moved); }
    SUBCASE("its end") { a.relay->close(guest(1), 4001, "x"); }
    SUBCASE("a lost frame") { say("b", aw::relay_kind::frame, 9, "x"); }
    SUBCASE("a gap") {
      bus->cut("b");
      bus->join("b");
    }
    SUBCASE("silence") { bus->cut("a"); }
  }
  clock.run();
  clock.advance(15s);
  a.then = b.then = nullptr;
  for (const aw::connection_id each : b.away()) b.relay->gone(each, 1000);
  clock.advance(15s);
  CHECK(b.away().empty());
  CHECK(clock.pending_timers() == 0u);
}
