// SPDX-License-Identifier: MIT
#include <agent_websocket/session/outbox.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

using agent_websocket::outbox;

namespace {

std::vector<std::string> taken(outbox& from, std::size_t at_most = 1000) {
  std::vector<std::string> all;
  std::string text;
  while (all.size() < at_most && from.take_next(text, "2026-01-01T00:00:00.000Z")) {
    all.push_back(text);
  }
  return all;
}

}  // namespace

TEST_CASE("outbox: frames keep their order") {
  outbox box;
  CHECK(box.empty());
  box.put("a");
  box.put("b");
  box.put("c");
  CHECK_FALSE(box.empty());
  CHECK(taken(box) == std::vector<std::string>{"a", "b", "c"});
  CHECK(box.empty());
  CHECK(box.bytes() == 0u);
}

TEST_CASE("outbox: control goes first, in its own order") {
  outbox box;
  box.put("a");
  box.put_control("1");
  box.put("b");
  box.put_control("2");
  CHECK(taken(box) == std::vector<std::string>{"1", "2", "a", "b"});
}

TEST_CASE("outbox: a delta comes out as the protocol has it") {
  outbox box;
  box.put_delta("r_1", 0, 1, "As");
  const auto frames = frames_of(taken(box));
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].type() == "response");
  CHECK(frames[0].phase() == "delta");
  CHECK(frames[0].text("stream") == "r_1");
  CHECK(frames[0].json("idx") == "0");
  CHECK(frames[0].json("n") == "1");
  CHECK(frames[0].content() == "As");
  CHECK(frames[0].text("timestamp") == "2026-01-01T00:00:00.000Z");
  CHECK_FALSE(frames[0].has("seq"));
}

TEST_CASE("outbox: deltas that wait are merged") {
  outbox box;
  box.put_delta("r_1", 0, 1, "a");
  box.put_delta("r_1", 1, 1, "b");
  box.put_delta("r_1", 2, 3, "cde");
  const auto frames = frames_of(taken(box));
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].json("idx") == "0");
  CHECK(frames[0].json("n") == "5");
  CHECK(frames[0].content() == "abcde");
  CHECK(box.bytes() == 0u);
}

TEST_CASE("outbox: what was sent is not merged with what comes later") {
  outbox box;
  box.put_delta("r_1", 0, 1, "a");
  CHECK(frame(taken(box)[0]).content() == "a");
  box.put_delta("r_1", 1, 1, "b");
  const frame next(taken(box).at(0));
  CHECK(next.json("idx") == "1");
  CHECK(next.content() == "b");
}

TEST_CASE("outbox: deltas are not merged across another frame, another stream or a gap") {
  outbox box;
  box.put_delta("r_1", 0, 1, "a");
  box.put(R"({"type":"notification"})");
  box.put_delta("r_1", 1, 1, "b");
  box.put_delta("r_2", 2, 1, "c");
  box.put_delta("r_2", 4, 1, "d");
  const auto frames = frames_of(taken(box));
  REQUIRE(frames.size() == 5u);
  CHECK(frames[0].content() == "a");
  CHECK(frames[1].type() == "notification");
  CHECK(frames[2].json("idx") == "1");
  CHECK(frames[3].text("stream") == "r_2");
  CHECK(frames[4].json("idx") == "4");
}

TEST_CASE("outbox: an end never overtakes the deltas of its stream") {
  outbox box;
  box.put_delta("r_1", 0, 1, "a");
  box.put_delta("r_1", 1, 1, "b");
  box.put(R"({"type":"response","phase":"end"})");
  const auto frames = frames_of(taken(box));
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].content() == "ab");
  CHECK(frames[1].phase() == "end");
}

TEST_CASE("outbox: counts the bytes that wait, and forgets them all with clear") {
  outbox box;
  box.put("12345");
  box.put_control("123");
  box.put_delta("r_1", 0, 1, "1234567");
  CHECK(box.bytes() >= 15u);
  const std::size_t full = box.bytes();
  taken(box, 1);
  CHECK(box.bytes() == full - 3u);
  box.clear();
  CHECK(box.bytes() == 0u);
  CHECK(box.empty());
  CHECK(taken(box).empty());
  box.put("x");
  CHECK(box.bytes() == 1u);
}

TEST_CASE("outbox: random puts and takes lose, reorder and miscount nothing") {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    outbox box;
    std::string sent, received;
    std::uint64_t idx = 0, numbered = 0, next = 0, have = 0;
    bool good = true;
    const auto look = [&](const std::string& text) {
      const frame each(text);
      if (each.phase() == "delta") {
        good = good && each.number("idx") == static_cast<std::int64_t>(have);
        have += static_cast<std::uint64_t>(each.number("n"));
        received += each.content();
      } else if (each.type() == "numbered") {
        good = good && each.number("seq") == static_cast<std::int64_t>(++next);
      }
    };
    for (int step = 0; step < 300; ++step) {
      switch (random() % 5) {
        case 0: box.put(R"({"type":"numbered","seq":)" + std::to_string(++numbered) + "}"); break;
        case 1: box.put_control(R"({"type":"control"})"); break;
        case 2:
        case 3: {
          const std::string piece(random() % 4, static_cast<char>('a' + random() % 26));
          box.put_delta("r_1", idx++, 1, piece);
          sent += piece;
          break;
        }
        default:
          for (const std::string& each : taken(box, random() % 5)) look(each);
      }
    }
    for (const std::string& each : taken(box)) look(each);
    CHECK(good);
    CHECK(received == sent);
    CHECK(have == idx);
    CHECK(next == numbered);
    CHECK(box.bytes() == 0u);
  }
}
