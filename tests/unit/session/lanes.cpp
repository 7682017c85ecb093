// SPDX-License-Identifier: MIT
#include <agent_websocket/session/lanes.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using agent_websocket::lanes;
using agent_websocket::live_answer;
using agent_websocket::message_log;
namespace wire = agent_websocket::wire;

namespace {

constexpr std::string_view stamp = "2026-01-01T00:00:00.000Z";

std::string status(std::string_view op, std::optional<std::uint64_t> seq = std::nullopt) {
  std::string text;
  wire::encode(text, wire::status{op, {}, {}, {}, {}, seq, {}}, stamp);
  return text;
}
std::string word(std::string_view content) {
  std::string text;
  wire::encode(text, wire::notification{std::nullopt, {}, {}, content, {}}, stamp);
  return text;
}

/// One socket's lanes with the log and the answer that they look at, as a session has them.
struct fixture {
  explicit fixture(std::size_t max_messages = message_log::default_messages,
                   std::size_t max_bytes = message_log::default_bytes)
      : log(max_messages, max_bytes) {}

  message_log log;
  lanes socket{1};
  std::string stream, text;
  std::uint64_t run = 0, chunks = 0;
  bool streams = false, unkept = false;

  live_answer answer() const { return {run, stream, text, chunks}; }

  /// What the log gets may be sent at once, unless it is `unkept`.
  void append(std::string frame) {
    log.append(std::move(frame));
    if (!unkept) log.release(log.top());
  }
  void publish(std::string_view content) {
    std::string frame;
    wire::encode(frame, wire::notification{log.top() + 1, {}, {}, content, {}}, stamp);
    append(std::move(frame));
  }
  void begin() {
    stream = "r_" + std::to_string(++run);
    text.clear();
    chunks = 0;
    streams = true;
    std::string frame;
    wire::encode(frame, wire::response_start{log.top() + 1, "q", stream, {}}, stamp);
    append(std::move(frame));
  }
  void say(std::string_view piece) {
    text += piece;
    ++chunks;
  }
  /// `flushed`: those whose text is to go out before (rule R1).
  void end(const std::vector<lanes*>& flushed) {
    for (lanes* each : flushed) each->put_last_delta(answer(), log.top(), stamp);
    wire::response_end last;
    last.seq = log.top() + 1;
    last.ref = "q";
    last.stream = stream;
    last.streamed = true;
    last.n = chunks;
    last.content = text;
    std::string frame;
    wire::encode(frame, last, stamp);
    append(std::move(frame));
    streams = false;
  }
  void end() { end({&socket}); }

  void catch_up(std::uint64_t position) {
    socket.catch_up(position, log.top(), streams ? run : 0, status("live", log.top()));
  }

  /// The next frame's text; "" when nothing is to be sent.
  std::string next(bool text_due = true) {
    std::string made = "untouched";
    const live_answer now = answer();
    if (socket.take_next(log, streams ? &now : nullptr, text_due, made, stamp)) return made;
    return {};
  }
  /// All that can be sent now, in short: "#3" numbered (with r: replay), "2+1 text" a delta of idx
  /// and n, "snap 2 text", "end text" and "full text" with their number, an op, or the content.
  std::string all(bool text_due = true) {
    std::string told;
    for (std::string each = next(text_due); !each.empty(); each = next(text_due)) {
      if (!told.empty()) told += ", ";
      told += in_short(frame(each));
    }
    return told;
  }
  static std::string in_short(const frame& sent) {
    CHECK(sent.text("timestamp") == stamp);
    std::string number = sent.is_numbered() ? "#" + std::to_string(sent.number("seq")) : "";
    if (sent.is_numbered() && sent.truth("replay")) number += "r";
    if (sent.phase() == "delta")
      return std::to_string(sent.number("idx")) + "+" + std::to_string(sent.number("n")) + " " +
             sent.content();
    if (sent.phase() == "snapshot") {
      CHECK(sent.json("idx") == "0");
      CHECK(sent.truth("replay"));
      return "snap " + std::to_string(sent.number("n")) + " " + sent.content();
    }
    if (sent.type() == "response")
      return number + " " + sent.phase() +
             (sent.is_terminal() ? " " + sent.content() : std::string());
    if (!number.empty()) return number;
    if (!sent.op().empty()) return sent.op();
    return sent.content();
  }

  std::size_t waiting() const {
    const live_answer now = answer();
    return socket.waiting_bytes(log, streams ? &now : nullptr);
  }
};

}  // namespace

// ---- order

TEST_CASE_FIXTURE(fixture, "lanes: nothing to send") {
  CHECK(next().empty());
  CHECK(socket.connection() == 1u);
  CHECK(socket.position() == 0u);
  CHECK(waiting() == 0u);
  std::string untouched = "as it was";
  CHECK_FALSE(socket.take_next(log, nullptr, true, untouched, stamp));
  CHECK(untouched == "as it was");
}

TEST_CASE_FIXTURE(fixture, "lanes: control, then numbered, then text, then volatile") {
  socket.put_volatile(word("v"));
  begin();
  say("As");
  publish("n");
  socket.put_control(status("pong"));
  CHECK(all() == "pong, #1 start, #2, 0+1 As, v");
}

TEST_CASE_FIXTURE(fixture, "lanes: what comes between two takes goes by its lane") {
  socket.put_volatile(word("v"));
  publish("a");
  CHECK(frame(next()).number("seq") == 1);
  publish("b");
  socket.put_control(status("pong"));
  CHECK(all() == "pong, #2, v");
}

TEST_CASE_FIXTURE(fixture, "lanes: each lane keeps its own order") {
  for (const char* each : {"c1", "c2", "c3"}) socket.put_control(status(each));
  for (const char* each : {"n1", "n2", "n3"}) publish(each);
  for (const char* each : {"v1", "v2", "v3"}) socket.put_volatile(word(each));
  CHECK(all() == "c1, c2, c3, #1, #2, #3, v1, v2, v3");
}

TEST_CASE_FIXTURE(fixture, "lanes: numbered messages are sent as they are, one after the other") {
  for (int i = 0; i < 10; ++i) publish("n" + std::to_string(i));
  for (std::uint64_t seq = 1; seq <= 10; ++seq) {
    CHECK(next() == log.at(seq));
    CHECK(socket.position() == seq);
  }
  CHECK(next().empty());
}

TEST_CASE_FIXTURE(fixture, "lanes: a socket that comes later goes on from where it is told") {
  for (const char* each : {"a", "b", "c"}) publish(each);
  lanes late(2, 2);
  CHECK(late.position() == 2u);
  std::string sent;
  REQUIRE(late.take_next(log, nullptr, true, sent, stamp));
  CHECK(sent == log.at(3));
  CHECK_FALSE(late.take_next(log, nullptr, true, sent, stamp));
}

TEST_CASE_FIXTURE(fixture, "lanes: ordered frames keep their place among the numbered ones") {
  socket.put_ordered(status("first"), 0);
  publish("a");
  socket.put_ordered(status("behind_a"), log.top());
  socket.put_ordered(status("too"), log.top());
  publish("b");
  publish("c");
  socket.put_ordered(status("behind_c"), log.top());
  CHECK(all() == "first, #1, behind_a, too, #2, #3, behind_c");
}

TEST_CASE_FIXTURE(fixture, "lanes: an ordered frame goes before the text, and control before it") {
  begin();
  CHECK(all() == "#1 start");
  say("a");
  socket.put_ordered(status("thinking"), log.top());
  socket.put_control(status("pong"));
  CHECK(all() == "pong, thinking, 0+1 a");
}

TEST_CASE_FIXTURE(fixture, "lanes: an ordered frame waits for its number, nothing overtakes it") {
  publish("a");
  publish("b");
  socket.put_ordered(status("behind_b"), 2);
  begin();
  say("x");
  socket.put_volatile(word("v"));
  CHECK(all() == "#1, #2, behind_b, #3 start, 0+1 x, v");
}

// ---- text

TEST_CASE_FIXTURE(fixture, "lanes: text is merged while it waits") {
  begin();
  say("As");
  CHECK(all() == "#1 start, 0+1 As");
  say("io");
  say(" is");
  say(" small");
  CHECK(all() == "1+3 io is small");
  CHECK(next().empty());
  say(".");
  CHECK(all() == "4+1 .");
}

TEST_CASE_FIXTURE(fixture, "lanes: text goes out when it is due") {
  begin();
  say("As");
  socket.put_volatile(word("v"));
  CHECK(all(false) == "#1 start, v");
  CHECK(socket.has_text(answer()));
  say("io");
  CHECK(all(false).empty());
  CHECK(all(true) == "0+2 Asio");
  CHECK_FALSE(socket.has_text(answer()));
}

TEST_CASE_FIXTURE(fixture, "lanes: the next answer's text begins at 0 again") {
  begin();
  say("one");
  CHECK(all() == "#1 start, 0+1 one");
  end();
  begin();
  CHECK_FALSE(socket.has_text(answer()));
  say("two");
  CHECK(all() == "#2 end one, #3 start, 0+1 two");
}

TEST_CASE_FIXTURE(fixture, "lanes: two sockets of one session each have their own place") {
  lanes other(2);
  begin();
  say("a");
  CHECK(all() == "#1 start, 0+1 a");
  say("b");
  CHECK(all() == "1+1 b");
  std::string sent;
  const live_answer now = answer();
  REQUIRE(other.take_next(log, &now, true, sent, stamp));
  CHECK(sent == log.at(1));
  REQUIRE(other.take_next(log, &now, true, sent, stamp));
  CHECK(fixture::in_short(frame(sent)) == "0+2 ab");
  CHECK_FALSE(other.take_next(log, &now, true, sent, stamp));
}

// ---- rule R1: the last text goes out before the end

TEST_CASE_FIXTURE(fixture, "lanes: text that waits goes out before the end") {
  begin();
  say("a");
  CHECK(all() == "#1 start, 0+1 a");
  say("b");
  say("c");
  end();
  CHECK(all(false) == "1+2 bc, #2 end abc");
}

TEST_CASE_FIXTURE(fixture, "lanes: the last text also keeps behind the start that waits") {
  begin();
  say("a");
  publish("n");
  say("b");
  end();
  begin();
  say("x");
  end();
  CHECK(all() == "#1 start, #2, 0+2 ab, #3 end ab, #4 start, 0+1 x, #5 end x");
}

TEST_CASE_FIXTURE(fixture, "lanes: no last text when all of it is out, or there never was any") {
  begin();
  say("a");
  CHECK(all() == "#1 start, 0+1 a");
  end();
  CHECK(all() == "#2 end a");
  begin();
  end();
  CHECK(all() == "#3 start, #4 end ");
}

TEST_CASE_FIXTURE(fixture, "lanes: the last text is put once") {
  begin();
  say("a");
  socket.put_last_delta(answer(), log.top(), stamp);
  socket.put_last_delta(answer(), log.top(), stamp);
  CHECK_FALSE(socket.has_text(answer()));
  CHECK(all() == "#1 start, 0+1 a");
}

TEST_CASE_FIXTURE(fixture, "lanes: a last text that is too large is left to the end") {
  const std::size_t limit = lanes::max_last_delta_bytes;
  CHECK(limit == 64u * 1024);
  begin();
  say(std::string(limit, 'x'));
  end();
  CHECK(frame(next()).phase() == "start");
  const frame fits(next());
  CHECK(fits.phase() == "delta");
  CHECK(fits.content().size() == limit);
  CHECK(frame(next()).phase() == "end");

  begin();
  say("seen");
  CHECK(all() == "#3 start, 0+1 seen");
  say(std::string(limit + 1, 'x'));
  end();
  const frame last(next());
  CHECK(last.phase() == "end");
  CHECK(last.content().size() == limit + 5);
  CHECK(next().empty());
}

// ---- catching up: rules R3, R4, R5

TEST_CASE_FIXTURE(fixture, "lanes: a replay is marked, then it is live") {
  for (const char* each : {"a", "b", "c"}) publish(each);
  catch_up(1);
  CHECK(socket.position() == 1u);
  publish("d");
  CHECK(all() == "#2r, #3r, live, #4");
  CHECK(socket.position() == 4u);
}

TEST_CASE_FIXTURE(fixture, "lanes: with nothing missed it is live at once") {
  catch_up(0);
  publish("a");
  CHECK(all() == "live, #1");
  catch_up(1);
  CHECK(all() == "live");
}

TEST_CASE_FIXTURE(fixture, "lanes: replay, snapshot, live, and then what came meanwhile") {
  begin();
  say("As");
  say("io");
  catch_up(0);
  say(" is");
  publish("n");
  CHECK(all() == "#1r start, snap 3 Asio is, live, #2");
  CHECK_FALSE(socket.has_text(answer()));
  say(" small");
  CHECK(all() == "3+1  small");
}

TEST_CASE_FIXTURE(fixture, "lanes: no delta before the snapshot, whatever is due") {
  begin();
  say("a");
  publish("n");
  catch_up(0);
  CHECK(frame(next(true)).phase() == "start");
  say("b");
  CHECK(frame(next(true)).number("seq") == 2);
  say("c");
  const frame snapshot(next(true));
  CHECK(fixture::in_short(snapshot) == "snap 3 abc");
  CHECK(frame(next(true)).is_status("live"));
  CHECK(next(true).empty());
  say("d");
  CHECK(all() == "3+1 d");
}

TEST_CASE_FIXTURE(fixture, "lanes: a snapshot does not wait until text is due") {
  begin();
  say("a");
  catch_up(1);
  CHECK(all(false) == "snap 1 a, live");
}

TEST_CASE_FIXTURE(fixture, "lanes: a snapshot takes the place of deltas that wait") {
  begin();
  say("a");
  CHECK(all() == "#1 start, 0+1 a");
  say("b");
  catch_up(1);
  CHECK(all() == "snap 2 ab, live");
}

TEST_CASE_FIXTURE(fixture, "lanes: no snapshot while nothing runs or nothing was said") {
  publish("a");
  catch_up(0);
  CHECK(all() == "#1r, live");
  begin();
  catch_up(2);
  CHECK(all() == "live");
  say("x");
  CHECK(all() == "0+1 x");
}

TEST_CASE_FIXTURE(fixture, "lanes: control overtakes a replay") {
  publish("a");
  publish("b");
  catch_up(0);
  CHECK(fixture::in_short(frame(next())) == "#1r");
  socket.put_control(status("pong"));
  CHECK(all() == "pong, #2r, live");
}

TEST_CASE_FIXTURE(fixture, "lanes: the welcome that goes before a replay is not lost by it") {
  publish("a");
  socket.put_control(status("welcome"));
  catch_up(0);
  CHECK(all() == "welcome, #1r, live");
}

TEST_CASE_FIXTURE(fixture, "lanes: an answer that ended before the replay is replayed whole") {
  begin();
  say("ab");
  CHECK(all() == "#1 start, 0+1 ab");
  end();
  catch_up(1);
  CHECK(all() == "#2r full ab, live");
}

TEST_CASE_FIXTURE(fixture, "lanes: an answer that ends while its replay waits has no snapshot") {
  begin();
  say("ab");
  catch_up(0);
  say("c");
  end();
  CHECK(all() == "#1r start, live, #2 end abc");
}

TEST_CASE_FIXTURE(fixture, "lanes: no text of an answer that began meanwhile before its start") {
  begin();
  say("ab");
  catch_up(1);
  end();
  begin();
  say("x");
  CHECK(all() == "live, #2 end ab, #3 start, 0+1 x");
}

TEST_CASE_FIXTURE(fixture, "lanes: catching up again starts over") {
  for (const char* each : {"a", "b", "c"}) publish(each);
  catch_up(0);
  catch_up(1);
  CHECK(all() == "#2r, #3r, live");
  catch_up(0);
  CHECK(all() == "#1r, #2r, #3r, live");
}

TEST_CASE_FIXTURE(fixture, "lanes: catching up in the middle of a replay starts over") {
  begin();
  say("x");
  publish("b");
  publish("c");
  catch_up(0);
  CHECK(fixture::in_short(frame(next())) == "#1r start");
  CHECK(fixture::in_short(frame(next())) == "#2r");
  publish("d");
  catch_up(1);
  say("y");
  publish("e");
  CHECK(all() == "#2r, #3r, #4r, snap 2 xy, live, #5");
}

TEST_CASE_FIXTURE(fixture, "lanes: catching up between snapshot and live gives one of each again") {
  begin();
  say("x");
  catch_up(1);
  CHECK(fixture::in_short(frame(next())) == "snap 1 x");
  catch_up(1);
  CHECK(all() == "snap 1 x, live");
}

TEST_CASE_FIXTURE(fixture, "lanes: ordered frames for a client that starts over are dropped") {
  publish("a");
  socket.put_ordered(status("thinking"), log.top());
  begin();
  say("x");
  socket.put_last_delta(answer(), log.top(), stamp);
  const std::size_t before = waiting();
  catch_up(0);
  CHECK(waiting() < before);
  CHECK(all() == "#1r, #2r start, snap 1 x, live");
  CHECK(waiting() == 0u);
}

TEST_CASE_FIXTURE(fixture, "lanes: what is put in order during a replay waits for its end") {
  publish("a");
  catch_up(0);
  socket.put_ordered(status("thinking"), log.top());
  publish("b");
  socket.put_ordered(status("tool"), log.top());
  CHECK(all() == "#1r, live, thinking, #2, tool");
}

TEST_CASE_FIXTURE(fixture, "lanes: a socket may fall back behind what it was sent") {
  for (const char* each : {"a", "b"}) publish(each);
  CHECK(all() == "#1, #2");
  catch_up(0);
  CHECK(all() == "#1r, #2r, live");
  publish("c");
  CHECK(all() == "#3");
}

// ---- volatile

TEST_CASE_FIXTURE(fixture, "lanes: of volatile messages the oldest make room") {
  const std::size_t limit = lanes::max_volatile_bytes;
  const std::string filler(limit / 4 - 200, 'x');
  for (const char* each : {"1", "2", "3", "4"}) socket.put_volatile(word(each + filler));
  CHECK(waiting() <= limit);
  socket.put_volatile(word("5" + filler));
  CHECK(waiting() <= limit);
  std::string told;
  for (std::string each = next(); !each.empty(); each = next()) told += frame(each).content()[0];
  CHECK(told == "2345");
}

TEST_CASE_FIXTURE(fixture, "lanes: a volatile message above all bounds is itself dropped") {
  socket.put_volatile(word("small"));
  socket.put_volatile(std::string(lanes::max_volatile_bytes + 1, 'x'));
  CHECK(next().empty());
  CHECK(waiting() == 0u);
  socket.put_volatile(std::string(lanes::max_volatile_bytes, 'y'));
  CHECK(next().size() == lanes::max_volatile_bytes);
}

// ---- how much

TEST_CASE_FIXTURE(fixture, "lanes: everything that waits is counted, once") {
  const std::string control = status("pong"), ordered = status("thinking"), lost = word("v");
  socket.put_control(control);
  CHECK(waiting() == control.size());
  socket.put_ordered(ordered, 0);
  CHECK(waiting() == control.size() + ordered.size());
  publish("n");
  const std::size_t numbered = log.bytes();
  CHECK(waiting() == control.size() + ordered.size() + numbered);
  socket.put_volatile(lost);
  CHECK(waiting() == control.size() + ordered.size() + numbered + lost.size());
  streams = true;
  run = 1;
  stream = "r_1";
  say("text");
  CHECK(waiting() == control.size() + ordered.size() + numbered + lost.size() + 4);

  CHECK(frame(next()).is_status("pong"));
  CHECK(waiting() == ordered.size() + numbered + lost.size() + 4);
  CHECK(frame(next()).is_status("thinking"));
  CHECK(waiting() == numbered + lost.size() + 4);
  CHECK(frame(next()).number("seq") == 1);
  CHECK(waiting() == lost.size() + 4);
  CHECK(frame(next()).phase() == "delta");
  CHECK(waiting() == lost.size());
  CHECK(frame(next()).content() == "v");
  CHECK(waiting() == 0u);
}

TEST_CASE_FIXTURE(fixture, "lanes: replaying puts the replayed bytes back on the count") {
  publish("a");
  publish("b");
  all();
  CHECK(waiting() == 0u);
  catch_up(0);
  CHECK(waiting() == log.bytes() + status("live", 2).size());
  all();
  CHECK(waiting() == 0u);
}

TEST_CASE_FIXTURE(fixture, "lanes: too slow by more of its own than is allowed") {
  socket.put_control(std::string(600, 'x'));
  CHECK_FALSE(socket.too_slow(log, 600));
  socket.put_ordered("y", 0);
  CHECK(socket.too_slow(log, 600));
  CHECK(next().size() == 600u);
  CHECK_FALSE(socket.too_slow(log, 600));
}

TEST_CASE_FIXTURE(fixture, "lanes: text and volatile messages make nobody too slow") {
  begin();
  all();
  say(std::string(10'000, 'x'));
  socket.put_volatile(std::string(10'000, 'v'));
  CHECK_FALSE(socket.too_slow(log, 1000));
}

TEST_CASE_FIXTURE(fixture, "lanes: one numbered frame may be as large as it likes") {
  publish(std::string(5000, 'x'));
  CHECK_FALSE(socket.too_slow(log, 1000));
  publish("y");
  CHECK(socket.too_slow(log, 1000));
  CHECK(frame(next()).number("seq") == 1);
  CHECK_FALSE(socket.too_slow(log, 1000));
}

TEST_CASE("lanes: too slow before its place leaves the log, by bytes and by count") {
  fixture small(1000, 10'000);
  int sent = 0;
  while (!small.socket.too_slow(small.log, 1u << 20)) {
    small.publish(std::string(200, 'x'));
    REQUIRE(++sent < 100);
  }
  CHECK(small.log.bytes_after(0) > 7500u);
  CHECK(small.log.holds_after(0));

  fixture few(100, 1u << 20);
  for (int i = 0; i < 75; ++i) few.publish("x");
  CHECK_FALSE(few.socket.too_slow(few.log, 1u << 20));
  few.publish("x");
  CHECK(few.socket.too_slow(few.log, 1u << 20));
  CHECK(few.log.holds_after(0));
}

TEST_CASE("lanes: too slow once its place has left the log") {
  fixture small(4, 10'000);
  for (int i = 0; i < 5; ++i) small.publish("x");
  CHECK_FALSE(small.log.holds_after(0));
  CHECK(small.socket.too_slow(small.log, 1u << 20));
  lanes later(2, 4);
  CHECK_FALSE(later.too_slow(small.log, 1u << 20));
}

TEST_CASE("lanes: what has left the log is not skipped: nothing more is sent but control") {
  fixture small(4, 10'000);
  for (int i = 0; i < 6; ++i) small.publish("x");
  small.begin();
  small.say("a");
  CHECK(small.next().empty());
  CHECK(small.socket.position() == 0u);
  small.socket.put_control(status("pong"));
  CHECK(small.all() == "pong");
  small.catch_up(small.log.oldest() - 1);
  CHECK(small.all() == "#4r, #5r, #6r, #7r start, snap 1 a, live");
}

TEST_CASE("lanes: what is replayed was allowed, what comes behind it is not") {
  fixture full(100, 10'000);
  for (int i = 0; i < 70; ++i) full.publish(std::string(40, 'x'));
  full.catch_up(0);
  CHECK(full.log.bytes_after(full.socket.position()) > 5000u);
  CHECK_FALSE(full.socket.too_slow(full.log, 5000));
  // A client that reads as fast as messages come is served, though it is still in the replay.
  for (int i = 0; i < 20; ++i) {
    full.next();
    full.publish(std::string(40, 'x'));
    CHECK_FALSE(full.socket.too_slow(full.log, 5000));
  }
  CHECK(full.log.bytes_after(full.socket.position()) > 5000u);
  for (int i = 0; i < 40; ++i) {
    full.publish(std::string(40, 'x'));
    full.next();
  }
  CHECK(full.log.holds_after(full.socket.position()));
  CHECK(full.socket.too_slow(full.log, 5000));
}

TEST_CASE("lanes: a replay that the log has left behind cannot go on") {
  fixture full(100, 1u << 20);
  for (int i = 0; i < 100; ++i) full.publish("x");
  full.catch_up(0);
  CHECK_FALSE(full.socket.too_slow(full.log, 1u << 20));
  full.publish("x");  // puts the first one out
  CHECK(full.socket.too_slow(full.log, 1u << 20));
  full.catch_up(1);
  CHECK_FALSE(full.socket.too_slow(full.log, 1u << 20));
}

// ---- the session's notes

TEST_CASE_FIXTURE(fixture, "lanes: caps are kept, once told") {
  CHECK_FALSE(socket.wants_deltas);
  socket.take_caps({});
  socket.take_caps({"feedback", "Delta"});
  CHECK_FALSE(socket.wants_deltas);
  socket.take_caps({"feedback", "delta", "tools"});
  CHECK(socket.wants_deltas);
  socket.take_caps({"feedback"});
  CHECK(socket.wants_deltas);
}

TEST_CASE("lanes: a new socket has nothing against it") {
  const lanes fresh(7, 3);
  CHECK(fresh.connection() == 7u);
  CHECK(fresh.position() == 3u);
  CHECK(fresh.transport_waits == 0u);
  CHECK(fresh.bad_messages == 0u);
  CHECK_FALSE(fresh.closed);
}

// ---- all of it at once

namespace {

/// A client that knows the rule for deltas, the rule for numbers, and nothing else. Whatever it
/// would have to say hello again for is a fault here.
class simple_client {
 public:
  void welcomed() { catching_up_ = true; }

  void take(const frame& got, const message_log& log) {
    CAPTURE(got.raw());
    if (got.is_status("live")) {
      REQUIRE(catching_up_);
      REQUIRE(got.number("seq") <= static_cast<std::int64_t>(log.top()));
      REQUIRE(seen_ == static_cast<std::uint64_t>(got.number("seq")));
      catching_up_ = false;
    } else if (got.is_numbered()) {
      const auto seq = static_cast<std::uint64_t>(got.number("seq"));
      REQUIRE(got.truth("replay") == catching_up_);
      if (seq <= seen_ && catching_up_) return;  // came after it said hello
      REQUIRE(seq == seen_ + 1);
      seen_ = seq;
      const std::string stream = got.text("stream");
      if (got.phase() == "start") {
        open_ = stream;
        texts_[stream].clear();
        have_[stream] = 0;
      } else if (got.is_terminal()) {
        // The end may simply replace; what came before it must be a beginning of it.
        const std::string whole = got.content();
        REQUIRE(whole.compare(0, texts_[stream].size(), texts_[stream]) == 0);
        texts_[stream] = whole;
        ended_[stream] = whole;
        open_.clear();
      }
    } else if (got.phase() == "snapshot") {
      REQUIRE(catching_up_);
      const std::string stream = got.text("stream");
      REQUIRE(ended_.count(stream) == 0);
      const auto n = static_cast<std::uint64_t>(got.number("n"));
      REQUIRE(n >= have_[stream]);
      texts_[stream] = got.content();
      have_[stream] = n;
      open_ = stream;
    } else if (got.phase() == "delta") {
      REQUIRE_FALSE(catching_up_);
      const std::string stream = got.text("stream");
      REQUIRE(stream == open_);
      const auto idx = static_cast<std::uint64_t>(got.number("idx"));
      const auto n = static_cast<std::uint64_t>(got.number("n"));
      REQUIRE(n > 0);
      REQUIRE(idx == have_[stream]);  // no hole, and nothing twice
      texts_[stream] += got.content();
      have_[stream] = idx + n;
    } else if (got.op() == "note") {
      REQUIRE_FALSE(catching_up_);
      REQUIRE(static_cast<std::uint64_t>(got.number("data.after")) == seen_);
    }
  }

  std::uint64_t seen() const { return seen_; }
  const std::string& text(const std::string& stream) { return texts_[stream]; }
  std::size_t ended() const { return ended_.size(); }

 private:
  std::uint64_t seen_ = 0;
  bool catching_up_ = false;
  std::string open_;
  std::map<std::string, std::string> texts_, ended_;
  std::map<std::string, std::uint64_t> have_;
};

}  // namespace

TEST_CASE("lanes: a client that follows two rules gets everything, whatever happens when") {
  std::size_t ended = 0, caught_up = 0;
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto one_of = [&random](std::uint32_t n) {
      return static_cast<std::uint32_t>(random()) % n;
    };
    fixture session;
    simple_client client;
    std::deque<std::string> on_the_way;  // handed to the transport, not yet with the client
    for (int step = 0; step < 600; ++step) {
      CAPTURE(step);
      switch (one_of(12)) {
        case 0:
          if (!session.streams) session.begin();
          break;
        case 1:
        case 2:
        case 3:
          if (session.streams) session.say(std::string(one_of(4) == 0 ? 0 : one_of(9), 'x') + "y");
          break;
        case 4:
          if (session.streams && one_of(3) == 0) session.end();
          break;
        case 5: session.publish("n"); break;
        case 6: {
          std::string text;
          const std::string after = R"({"after":)" + std::to_string(session.log.top()) + "}";
          wire::encode(text, wire::status{"note", {}, {}, after, {}, {}, {}}, stamp);
          session.socket.put_ordered(text, session.log.top());
          break;
        }
        case 7:
          session.socket.put_control(status("pong"));
          session.socket.put_volatile(word("v"));
          break;
        case 8:
          if (one_of(4) == 0) {
            // Says hello with what it has: on a new socket, then what was on its way is lost; or on
            // this one, then that comes before the welcome.
            const std::uint64_t last_seq = client.seen();
            if (one_of(2) == 0) {
              session.socket = lanes(1);
            } else {
              for (const std::string& each : on_the_way) client.take(frame(each), session.log);
            }
            on_the_way.clear();
            client.welcomed();
            session.catch_up(last_seq);
            ++caught_up;
          }
          break;
        default:
          for (std::uint32_t room = one_of(6); room > 0; --room) {
            const std::string text = session.next(one_of(2) == 0);
            if (text.empty()) break;
            on_the_way.push_back(text);
          }
          for (std::uint32_t count = one_of(6); count > 0 && !on_the_way.empty(); --count) {
            client.take(frame(on_the_way.front()), session.log);
            on_the_way.pop_front();
          }
      }
    }
    for (std::string text = session.next(); !text.empty(); text = session.next())
      on_the_way.push_back(text);
    for (const std::string& each : on_the_way) client.take(frame(each), session.log);
    REQUIRE(client.seen() == session.log.top());
    REQUIRE(session.waiting() == 0u);
    if (session.run != 0) REQUIRE(client.text(session.stream) == session.text);
    ended += client.ended();
  }
  CHECK(ended > 500u);
  CHECK(caught_up > 500u);
}

// ---- what is not kept by the store yet

TEST_CASE("lanes: what is not released is not sent, nor is what stands behind it") {
  fixture talk;
  talk.publish("1");
  talk.unkept = true;
  talk.publish("2");
  talk.socket.put_ordered(status("after 2"), 2);
  talk.begin();
  talk.say("a");
  talk.socket.put_volatile(status("volatile"));
  talk.socket.put_control(status("pong"));
  CHECK(talk.all() == "pong, #1, volatile");
  talk.log.release(2);
  CHECK(talk.all() == "#2, after 2");
  talk.log.release(3);
  CHECK(talk.all() == "#3 start, 0+1 a");
}

TEST_CASE("lanes: a control frame that waits goes when its records are kept, in its order") {
  fixture talk;
  talk.socket.put_control_when_kept(status("two"), 2);
  talk.socket.put_control_when_kept(status("four"), 4);
  talk.socket.put_control(status("pong"));
  CHECK(talk.all() == "pong");
  talk.socket.kept(1);
  CHECK(talk.all() == "");
  talk.socket.kept(3);
  CHECK(talk.all() == "two");
  talk.socket.kept(9);
  CHECK(talk.all() == "four");
  CHECK(talk.socket.waiting_bytes(talk.log, nullptr) == 0u);
}

TEST_CASE("lanes: nothing goes before a welcome that waits") {
  fixture talk;
  talk.publish("1");
  talk.socket.put_control_when_kept(status("one"), 1);
  talk.socket.begin_when_kept(status("welcome"), 2);
  talk.socket.put_control(status("pong"));
  talk.socket.put_volatile(status("volatile"));
  talk.socket.kept(1);
  CHECK(talk.all() == "");
  talk.socket.kept(2);
  CHECK(talk.all() == "welcome, pong, one, #1, volatile");
}

TEST_CASE("lanes: a second welcome takes the place of one that waits, also in the count") {
  fixture talk;
  for (int i = 0; i < 50; ++i) talk.socket.begin_when_kept(std::string(100, 'w'), 2);
  CHECK(talk.socket.waiting_bytes(talk.log, nullptr) == 100u);
  CHECK_FALSE(talk.socket.too_slow(talk.log, 200));
  talk.socket.begin_when_kept(status("welcome"), 3);
  talk.socket.kept(2);
  CHECK(talk.all() == "");
  talk.socket.kept(3);
  CHECK(talk.all() == "welcome");
  CHECK(talk.socket.waiting_bytes(talk.log, nullptr) == 0u);
}

TEST_CASE("lanes: what is not released is not the client's fault") {
  fixture talk(1000, 100'000);
  talk.publish("1");
  talk.publish("2");
  talk.publish("3");
  talk.unkept = true;
  for (int i = 0; i < 50; ++i) talk.publish(std::string(1000, 'x'));
  CHECK_FALSE(talk.socket.too_slow(talk.log, 5000));
  talk.log.release(20);
  CHECK(talk.socket.too_slow(talk.log, 5000));
}
