// SPDX-License-Identifier: MIT
#include <agent_websocket/session/delivery.hpp>

#include <agent_websocket/session/attaching.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using agent_websocket::connection_id;
using agent_websocket::lanes;
using agent_websocket::moment;
using agent_websocket::session_core;
using agent_websocket::session_settings;
using agent_websocket::testing::manual_scheduler;
namespace wire = agent_websocket::wire;
using namespace std::chrono_literals;

namespace {

/// Only what delivery asks of a transport. A socket that stalls takes everything and sends nothing.
struct fake_transport {
  struct peer {
    bool stalled = false;
    std::size_t waiting = 0;
    std::vector<std::string> sent;
  };
  std::map<connection_id, peer> peers;

  std::size_t send(connection_id to, std::string_view text) {
    peer& of = peers[to];
    of.sent.emplace_back(text);
    if (of.stalled) of.waiting += text.size();
    return of.waiting;
  }
};

using delivery = agent_websocket::delivery<fake_transport, manual_scheduler>;

struct fixture {
  manual_scheduler scheduler;
  fake_transport transport;
  std::string scratch;
  agent_websocket::time_point text_waits_until{};
  delivery deliver{transport, scheduler, scratch, text_waits_until};
  session_core core;

  explicit fixture(session_settings settings = {})
      : core("f81d4fae-7dec-41d0-a765-00a0c91e6bf6", "e1",
             std::make_shared<const session_settings>(std::move(settings)), now()) {}

  moment now() const { return {scheduler.now(), scheduler.wall_now()}; }
  delivery::outcome run() { return deliver.run(core); }

  lanes& attach(connection_id connection) { return core.output().attach(connection); }
  void publish(std::size_t bytes) { core.notify(std::string(bytes, 'n'), {}, {}, false, now()); }
  /// A streamed answer is asked for; its start comes with its first text.
  void begin(connection_id from = 1) {
    wire::query asked;
    asked.content = "question";
    asked.stream = true;
    core.received(from, asked, now());
    (void)core.take_actions();
    core.decided(++run_, {}, now());
    (void)core.take_actions();
    deliver.begin_answer();
  }
  void say(std::string_view piece) { core.text(run_, piece, now()); }
  void end() { core.completed(run_, {}, now()); }

  void stall(connection_id which) { transport.peers[which].stalled = true; }
  /// The client reads everything again.
  void drain(connection_id which) {
    transport.peers[which].stalled = false;
    transport.peers[which].waiting = 0;
    core.output().find(which)->transport_waits = 0;
  }
  std::vector<frame> sent(connection_id to = 1) {
    return frames_of(std::exchange(transport.peers[to].sent, {}));
  }
  std::size_t sent_bytes(connection_id to = 1) {
    std::size_t bytes = 0;
    for (const std::string& each : transport.peers[to].sent) bytes += each.size();
    return bytes;
  }
  /// The deltas that were sent, "0+1 As, 1+2 io"; the rest is dropped.
  std::string deltas(connection_id to = 1) {
    std::string told;
    for (const frame& each : sent(to)) {
      if (each.phase() != "delta") continue;
      if (!told.empty()) told += ", ";
      told += std::to_string(each.number("idx")) + "+" + std::to_string(each.number("n")) + " " +
              each.content();
    }
    return told;
  }

 private:
  agent_websocket::run_number run_ = 0;
};

session_settings with_coalesce(std::chrono::milliseconds window) {
  session_settings settings;
  settings.coalesce = window;
  return settings;
}
session_settings with_max_outbound(std::size_t bytes) {
  session_settings settings;
  settings.max_outbound_bytes = bytes;
  return settings;
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "delivery: nothing to do without sockets") {
  publish(10);
  const auto outcome = run();
  CHECK_FALSE(outcome.nobody_keeps_up);
  CHECK_FALSE(outcome.wake.has_value());
  CHECK(outcome.too_slow.empty());
  CHECK(transport.peers.empty());
}

TEST_CASE_FIXTURE(fixture, "delivery: each socket is sent what waits for it") {
  attach(1);
  publish(10);
  run();
  attach(2);
  core.output().put_control(2, R"({"type":"status","op":"pong"})");
  publish(10);
  run();
  CHECK(sent(1).size() == 2u);
  const auto second = sent(2);
  REQUIRE(second.size() == 3u);
  CHECK(second[0].is_status("pong"));
  CHECK(second[1].number("seq") == 1);
  CHECK(second[2].number("seq") == 2);
  run();
  CHECK(sent(1).empty());
  CHECK(sent(2).empty());
}

TEST_CASE_FIXTURE(fixture, "delivery: a socket that we have closed is sent nothing more") {
  attach(1).closed = true;
  publish(10);
  const auto outcome = run();
  CHECK(sent().empty());
  CHECK_FALSE(outcome.nobody_keeps_up);
}

// ---- collecting text

TEST_CASE_FIXTURE(fixture, "delivery: the first text goes out at once, the next is collected") {
  attach(1);
  begin();
  say("As");
  auto outcome = run();
  CHECK(deltas() == "0+1 As");
  CHECK_FALSE(outcome.wake.has_value());
  say("io");
  outcome = run();
  CHECK(deltas().empty());
  CHECK(outcome.wake == scheduler.now() + 20ms);
  scheduler.advance(5ms);
  say(" is");
  outcome = run();
  CHECK(deltas().empty());
  CHECK(outcome.wake == scheduler.now() + 15ms);
  scheduler.advance(15ms - 1ns);
  CHECK(run().wake.has_value());
  CHECK(deltas().empty());
  scheduler.advance(1ns);
  outcome = run();
  CHECK(deltas() == "1+2 io is");
  CHECK_FALSE(outcome.wake.has_value());
  say(".");
  CHECK(run().wake == scheduler.now() + 20ms);
}

TEST_CASE_FIXTURE(fixture, "delivery: text after a pause goes out at once") {
  attach(1);
  begin();
  say("a");
  run();
  scheduler.advance(20ms);
  CHECK_FALSE(run().wake.has_value());
  say("b");
  CHECK_FALSE(run().wake.has_value());
  CHECK(deltas() == "0+1 a, 1+1 b");
}

TEST_CASE_FIXTURE(fixture, "delivery: an answer's end waits for no window") {
  attach(1);
  begin();
  say("a");
  run();
  say("b");
  run();
  sent();
  end();
  run();
  const auto last = sent();
  REQUIRE(last.size() >= 2u);
  CHECK(last[0].phase() == "delta");
  CHECK(last[0].content() == "b");
  CHECK(last[1].phase() == "end");
  CHECK(last[1].content() == "ab");
}

TEST_CASE_FIXTURE(fixture, "delivery: the first text of each answer goes out at once") {
  attach(1);
  begin();
  say("a");
  run();
  end();
  run();
  begin();
  say("x");
  CHECK_FALSE(run().wake.has_value());
  CHECK(deltas() == "0+1 a, 0+1 x");
}

TEST_CASE_FIXTURE(fixture, "delivery: other messages do not wait for the window") {
  attach(1);
  begin();
  say("a");
  run();
  say("b");
  sent();
  publish(3);
  const auto outcome = run();
  const auto got = sent();
  REQUIRE(got.size() == 1u);
  CHECK(got[0].content() == "nnn");
  CHECK(outcome.wake.has_value());
}

TEST_CASE("delivery: without a window each piece goes out at once") {
  fixture plain(with_coalesce(0ms));
  plain.attach(1);
  plain.begin();
  for (const char* each : {"a", "b", "c"}) {
    plain.say(each);
    CHECK_FALSE(plain.run().wake.has_value());
  }
  CHECK(plain.deltas() == "0+1 a, 1+1 b, 2+1 c");
}

TEST_CASE_FIXTURE(fixture, "delivery: text that nobody is here for keeps no window open") {
  attach(1);
  begin();
  core.detached(1, now());
  say("a");
  CHECK_FALSE(run().wake.has_value());
  attach(2);
  say("b");
  CHECK_FALSE(run().wake.has_value());
  CHECK(deltas(2) == "0+2 ab");
}

TEST_CASE_FIXTURE(fixture, "delivery: text that only adds to what is collected needs no run, most times") {
  attach(1);
  begin();
  CHECK_FALSE(deliver.collects(core, 2));  // no window has begun
  say("As");
  run();
  say("io");
  REQUIRE(run().wake.has_value());
  std::size_t looks = 0;
  for (int i = 0; i < 128; ++i) {
    say("x");
    if (!deliver.collects(core, 1)) ++looks;
  }
  CHECK(looks == 4);
  CHECK_FALSE(deliver.collects(core, 100'000));  // a large piece may be too much by itself
  scheduler.advance(20ms - 1ns);
  CHECK(deliver.collects(core, 1));
  scheduler.advance(1ns);
  CHECK_FALSE(deliver.collects(core, 1));  // it is due
}

TEST_CASE_FIXTURE(fixture, "delivery: windows that begin at about the same time end together") {
  attach(1);
  begin();
  scheduler.advance(1ms);
  say("As");
  run();
  say("io");
  CHECK(run().wake == scheduler.now() + 19ms);
  scheduler.advance(19ms + 2ms);
  run();
  say(".");
  CHECK(run().wake == scheduler.now() + 18ms);
}

TEST_CASE_FIXTURE(fixture, "delivery: text that a slow socket holds is no reason to wake") {
  attach(1);
  begin();
  run();
  stall(1);
  publish(delivery::transport_budget);
  say("a");
  const auto outcome = run();
  CHECK(deltas().empty());
  CHECK_FALSE(outcome.wake.has_value());
}

TEST_CASE_FIXTURE(fixture, "delivery: a slow socket does not take a quick one's text away") {
  attach(1);
  attach(2);
  begin();
  run();
  stall(1);
  publish(delivery::transport_budget);
  run();
  say("a");
  run();
  say("b");
  CHECK(run().wake == scheduler.now() + 20ms);
  scheduler.advance(20ms);
  run();
  say("c");
  scheduler.advance(20ms);
  run();
  CHECK(deltas(2) == "0+1 a, 1+1 b, 2+1 c");
  CHECK(deltas(1).empty());
  drain(1);
  CHECK(run().wake == scheduler.now() + 20ms);
  scheduler.advance(20ms);
  run();
  CHECK(deltas(1) == "0+3 abc");
}

// ---- slow clients

TEST_CASE_FIXTURE(fixture, "delivery: the transport is given a budget, the rest waits") {
  attach(1);
  stall(1);
  for (int i = 0; i < 20; ++i) publish(10'000);
  run();
  CHECK(sent_bytes() >= delivery::transport_budget);
  CHECK(sent_bytes() < delivery::transport_budget + 11'000);
  const std::size_t before = transport.peers[1].sent.size();
  run();
  CHECK(transport.peers[1].sent.size() == before);
  drain(1);
  run();
  const auto all = sent();
  REQUIRE(all.size() == 20u);
  for (std::size_t i = 0; i < all.size(); ++i)
    CHECK(all[i].number("seq") == static_cast<std::int64_t>(i + 1));
}

TEST_CASE_FIXTURE(fixture, "delivery: nobody keeps up when all fall behind") {
  attach(1);
  attach(2);
  stall(1);
  for (int i = 0; i < 9; ++i) publish(20'000);
  CHECK_FALSE(run().nobody_keeps_up);  // 2 does
  stall(2);
  for (int i = 0; i < 9; ++i) publish(20'000);
  CHECK(run().nobody_keeps_up);
  drain(2);
  CHECK_FALSE(run().nobody_keeps_up);
  core.output().find(2)->closed = true;
  CHECK(run().nobody_keeps_up);
  drain(1);
  CHECK_FALSE(run().nobody_keeps_up);
}

TEST_CASE_FIXTURE(fixture, "delivery: falling behind takes more than the transport's budget") {
  attach(1);
  stall(1);
  publish(delivery::transport_budget);  // with the transport
  publish(30'000);
  publish(30'000);
  CHECK_FALSE(run().nobody_keeps_up);
  publish(10'000);
  CHECK(run().nobody_keeps_up);
}

TEST_CASE_FIXTURE(fixture, "delivery: text counts for falling behind, and makes nobody too slow") {
  attach(1);
  begin();
  run();
  stall(1);
  publish(delivery::transport_budget);
  say(std::string(2u << 20, 'x'));
  const auto outcome = run();
  CHECK(outcome.nobody_keeps_up);
  CHECK(outcome.too_slow.empty());
}

TEST_CASE("delivery: who is too slow is named, and holds nobody up") {
  fixture small(with_max_outbound(131'072));
  small.attach(1);
  small.attach(2);
  small.attach(3);
  small.stall(1);
  small.stall(3);
  for (int i = 0; i < 30; ++i) small.publish(10'000);
  const auto outcome = small.run();
  CHECK(outcome.too_slow == std::vector<connection_id>{1, 3});
  CHECK_FALSE(outcome.nobody_keeps_up);
  CHECK(small.sent(2).size() == 30u);
}

TEST_CASE_FIXTURE(fixture, "delivery: before a close everything that waits is sent") {
  lanes& socket = attach(1);
  begin();
  say("a");
  run();
  say("b");
  stall(1);
  for (int i = 0; i < 20; ++i) publish(10'000);
  run();
  deliver.send_all(core, socket);
  const auto all = sent();
  CHECK(all.back().phase() == "delta");
  CHECK(all.back().content() == "b");
  CHECK(all[all.size() - 2].number("seq") == 21);
  CHECK(socket.waiting_bytes(core.output().log(), nullptr) == 0u);
  deliver.send_all(core, socket);
  CHECK(sent().empty());
}

TEST_CASE_FIXTURE(fixture, "delivery: frames carry the time at which they are made") {
  attach(1);
  begin();
  run();
  sent();
  say("a");
  scheduler.advance(1500ms);
  run();
  const auto got = sent();
  REQUIRE(got.size() == 2u);
  CHECK(got[0].phase() == "start");
  CHECK(got[0].text("timestamp") == "2026-01-01T00:00:00.000Z");
  CHECK(got[1].phase() == "delta");
  CHECK(got[1].text("timestamp") == "2026-01-01T00:00:01.500Z");
}

TEST_CASE_FIXTURE(fixture, "delivery: counts what it hands over") {
  agent_websocket::session_counts counts;
  core.output().count_into(counts);
  attach(1);
  attach(2);
  publish(10);
  run();
  CHECK(counts.frames == 2u);
  CHECK(counts.bytes == sent_bytes(1) + sent_bytes(2));
  run();
  CHECK(counts.frames == 2u);
}
