// SPDX-License-Identifier: MIT
//
// The reasoning of a model in the lanes of a socket; lanes.cpp has all else.
#include <agent_websocket/session/lanes.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using agent_websocket::lanes;
using agent_websocket::live_answer;
using agent_websocket::message_log;
namespace wire = agent_websocket::wire;

namespace {

constexpr std::string_view stamp = "2026-01-01T00:00:00.000Z";

struct thinking {
  message_log log;
  lanes socket{1};
  std::string text, thought;
  std::uint64_t run = 1, chunks = 0, thoughts = 0;

  explicit thinking(bool curious = true) {
    if (curious) socket.take_caps({"delta", "reasoning"});
  }
  live_answer answer() const { return {run, "r_1", text, chunks, thought, thoughts}; }
  void say(std::string_view piece) {
    text += piece;
    ++chunks;
  }
  void think(std::string_view piece) {
    thought += piece;
    ++thoughts;
  }
  void next_run() {
    ++run;
    text.clear();
    thought.clear();
    chunks = thoughts = 0;
  }
  void put_last() { socket.put_last_delta(answer(), log.top(), stamp); }
  void catch_up() {
    std::string live;
    wire::encode(live, wire::status{"live", {}, {}, {}, {}, log.top(), {}}, stamp);
    socket.catch_up(0, log.top(), run, live);
  }
  std::size_t waiting() const {
    const live_answer now = answer();
    return socket.waiting_bytes(log, &now);
  }
  /// "reasoning 0+2 text, delta 0+1 text" of all that can be sent now.
  std::string all(bool text_due = true) {
    std::string told, made;
    const live_answer now = answer();
    while (socket.take_next(log, &now, text_due, made, stamp)) {
      const frame sent(made);
      if (!told.empty()) told += ", ";
      if (sent.type() == "response") {
        CHECK(sent.text("stream") == "r_1");
        CHECK_FALSE(sent.has("seq"));
        told += sent.phase() + " " + std::to_string(sent.number("idx")) + "+" +
                std::to_string(sent.number("n")) + " " + sent.content();
      } else {
        told += sent.op();
      }
    }
    return told;
  }
};

}  // namespace

TEST_CASE("lanes: reasoning goes before the text, each with a count of its own") {
  thinking f;
  f.think("a");
  f.think("b");
  f.say("x");
  CHECK(f.all() == "reasoning 0+2 ab, delta 0+1 x");
  f.say("y");
  f.think("c");
  CHECK(f.all() == "reasoning 2+1 c, delta 1+1 y");
  CHECK(f.all().empty());
  f.think("d");
  CHECK(f.all() == "reasoning 3+1 d");
}

TEST_CASE("lanes: reasoning is not for sockets that did not ask for it") {
  thinking f(false);
  f.socket.take_caps({"delta", "Reasoning", "thinking"});
  f.think("secret");
  CHECK(f.all().empty());
  CHECK(f.waiting() == 0u);
  CHECK_FALSE(f.socket.has_text(f.answer()));
  f.say("x");
  f.put_last();
  CHECK(f.all() == "delta 0+1 x");
  f.catch_up();
  CHECK(f.all() == "snapshot 0+1 x, live");
}

TEST_CASE("lanes: a socket that asks for it later gets all of it") {
  thinking f(false);
  f.think("a");
  f.say("x");
  CHECK(f.all() == "delta 0+1 x");
  f.socket.take_caps({"reasoning"});
  f.think("b");
  CHECK(f.all() == "reasoning 0+2 ab");
}

TEST_CASE("lanes: reasoning waits until text is due") {
  thinking f;
  f.think("a");
  CHECK(f.all(false).empty());
  CHECK(f.socket.has_text(f.answer()));
  CHECK(f.all() == "reasoning 0+1 a");
  CHECK_FALSE(f.socket.has_text(f.answer()));
}

TEST_CASE("lanes: reasoning that waits is counted") {
  thinking f;
  f.think("four");
  CHECK(f.waiting() == 4u);
  f.say("xyz");
  CHECK(f.waiting() == 7u);
  f.all();
  CHECK(f.waiting() == 0u);
  CHECK_FALSE(f.socket.too_slow(f.log, 0));
  f.think("x");
  f.put_last();
  CHECK(f.waiting() > 50u);  // a frame now
  f.all();
  CHECK(f.waiting() == 0u);
}

TEST_CASE("lanes: reasoning that waits goes out before the end, and before the last text") {
  thinking f;
  f.think("a");
  f.say("x");
  f.put_last();
  f.put_last();
  CHECK(f.all() == "reasoning 0+1 a, delta 0+1 x");
  f.think("b");
  f.put_last();
  CHECK(f.all() == "reasoning 1+1 b");
}

TEST_CASE("lanes: too much reasoning is left out at the end, the text is not") {
  thinking f;
  f.think(std::string(lanes::max_last_delta_bytes + 1, 't'));
  f.say("x");
  f.put_last();
  f.next_run();
  CHECK(f.all() == "delta 0+1 x");
}

TEST_CASE("lanes: a client that catches up gets the reasoning from its beginning") {
  thinking f;
  f.think("a");
  f.say("x");
  f.all();
  f.catch_up();
  CHECK(f.all() == "snapshot 0+1 x, live, reasoning 0+1 a");
  f.think("b");
  CHECK(f.all() == "reasoning 1+1 b");
}

TEST_CASE("lanes: catching up before the first word") {
  thinking f;
  f.think("a");
  f.all();
  f.catch_up();
  f.think("b");
  CHECK(f.all() == "live, reasoning 0+2 ab");
}

TEST_CASE("lanes: an answer that ends while its client catches up") {
  thinking f;
  f.think("a");
  f.say("x");
  f.all();
  f.catch_up();
  f.put_last();  // its end is next
  f.next_run();
  CHECK(f.all() == "live, reasoning 0+1 a");
}

TEST_CASE("lanes: the next answer's reasoning begins at 0 again") {
  thinking f;
  f.think("a");
  f.think("b");
  f.all();
  f.next_run();
  f.think("c");
  CHECK(f.all() == "reasoning 0+1 c");
}
