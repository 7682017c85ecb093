// SPDX-License-Identifier: MIT
#include <agent_websocket/limits/upstream_slots.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

using agent_websocket::upstream_slots;

namespace {

struct fixture {
  std::string turns;
  std::function<void()> turn(const std::string& name) {
    return [this, name] { turns += name; };
  }
};

}  // namespace

TEST_CASE("upstream_slots: as many as there are") {
  upstream_slots slots(2);
  CHECK(slots.taken() == 0u);
  CHECK(slots.try_acquire());
  CHECK(slots.try_acquire());
  CHECK_FALSE(slots.try_acquire());
  CHECK(slots.taken() == 2u);
  slots.release();
  CHECK(slots.taken() == 1u);
  CHECK(slots.try_acquire());
  CHECK_FALSE(slots.try_acquire());
}

TEST_CASE("upstream_slots: 0 is no limit") {
  upstream_slots slots(0);
  for (int i = 0; i < 5000; ++i) REQUIRE(slots.try_acquire());
  CHECK(slots.taken() == 5000u);
}

TEST_CASE_FIXTURE(fixture, "upstream_slots: who waits comes in the order of the line") {
  upstream_slots slots(1);
  REQUIRE(slots.try_acquire());
  slots.wait(turn("a"));
  slots.wait(turn("b"));
  slots.wait(turn("c"));
  CHECK(slots.waiting() == 3u);
  CHECK(turns.empty());
  slots.release();
  CHECK(turns == "a");
  CHECK(slots.taken() == 1u);
  CHECK(slots.waiting() == 2u);
  slots.release();
  slots.release();
  CHECK(turns == "abc");
  CHECK(slots.taken() == 1u);
  slots.release();
  CHECK(slots.taken() == 0u);
}

TEST_CASE_FIXTURE(fixture, "upstream_slots: a newcomer does not overtake the line") {
  upstream_slots slots(1);
  REQUIRE(slots.try_acquire());
  slots.wait(turn("a"));
  slots.release();
  CHECK(turns == "a");
  CHECK_FALSE(slots.try_acquire());  // the slot is a's
}

TEST_CASE_FIXTURE(fixture, "upstream_slots: leaving the line, from anywhere in it") {
  upstream_slots slots(1);
  REQUIRE(slots.try_acquire());
  const auto a = slots.wait(turn("a"));
  const auto b = slots.wait(turn("b"));
  const auto c = slots.wait(turn("c"));
  slots.wait(turn("d"));
  CHECK(a != 0u);
  CHECK(a != b);
  slots.withdraw(b);
  CHECK(slots.waiting() == 3u);
  slots.withdraw(b);
  slots.withdraw(0);
  slots.withdraw(999);
  CHECK(slots.waiting() == 3u);
  slots.release();
  CHECK(turns == "a");
  slots.withdraw(a);  // has had its turn
  slots.withdraw(c);
  slots.release();
  CHECK(turns == "ad");
  CHECK(slots.taken() == 1u);
}

TEST_CASE_FIXTURE(fixture, "upstream_slots: tickets are not given out twice") {
  upstream_slots slots(1);
  REQUIRE(slots.try_acquire());
  const auto a = slots.wait(turn("a"));
  slots.withdraw(a);
  const auto b = slots.wait(turn("b"));
  CHECK(a != b);
  slots.withdraw(a);
  CHECK(slots.waiting() == 1u);
}

TEST_CASE("upstream_slots: a turn may give its slot back, wait again, or leave for another") {
  upstream_slots slots(1);
  REQUIRE(slots.try_acquire());
  std::string turns;
  slots.wait([&] {
    turns += "a";
    slots.wait([&] { turns += "A"; });
    slots.release();
  });
  upstream_slots::ticket c = 0;
  slots.wait([&] {
    turns += "b";
    slots.withdraw(c);
    slots.release();
  });
  c = slots.wait([&] { turns += "c"; });
  slots.release();
  CHECK(turns == "abA");
  CHECK(slots.taken() == 1u);
  slots.release();
  CHECK(slots.taken() == 0u);
}

TEST_CASE("upstream_slots: nobody gets a turn after the close") {
  upstream_slots slots(1);
  REQUIRE(slots.try_acquire());
  auto kept = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = kept;
  const auto place = slots.wait([kept] { FAIL("a turn after the close"); });
  kept.reset();
  slots.dismiss();
  CHECK(slots.waiting() == 0u);
  CHECK(watch.expired());
  slots.withdraw(place);
  slots.release();
  CHECK(slots.taken() == 0u);
}

TEST_CASE("upstream_slots: what a turn holds is let go after it") {
  upstream_slots slots(1);
  REQUIRE(slots.try_acquire());
  auto kept = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = kept;
  slots.wait([kept] {});
  kept.reset();
  CHECK_FALSE(watch.expired());
  slots.release();
  CHECK(watch.expired());
}

// Each session asks for one at a time, so the line is fair between sessions.
TEST_CASE("upstream_slots: never more than allowed, and nobody is forgotten, whatever happens") {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::size_t max = 1 + random() % 4;
    upstream_slots slots(max);
    std::size_t held = 0;
    std::vector<int> come;
    std::deque<std::pair<int, upstream_slots::ticket>> line;
    int last = 0;
    for (int step = 0; step < 500; ++step) {
      const auto what = random() % 4;
      if (what < 2) {
        const int who = ++last;
        if (slots.try_acquire()) {
          ++held;
          REQUIRE(line.empty());
        } else {
          REQUIRE(held == max);
          const auto place = slots.wait([&, who] { come.push_back(who); });
          line.emplace_back(who, place);
        }
      } else if (what == 2 && held != 0) {
        come.clear();
        slots.release();
        if (line.empty()) {
          --held;
          REQUIRE(come.empty());
        } else {
          REQUIRE(come == std::vector<int>{line.front().first});
          line.pop_front();
        }
      } else if (!line.empty()) {
        const std::size_t at = random() % line.size();
        slots.withdraw(line[at].second);
        line.erase(line.begin() + static_cast<std::ptrdiff_t>(at));
      }
      REQUIRE(slots.taken() == held);
      REQUIRE(slots.waiting() == line.size());
    }
  }
}
