// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/timer_heap.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

using agent_websocket::time_point;
using agent_websocket::timer_id;
using agent_websocket::adapters::timer_heap;
using namespace std::chrono_literals;

namespace {
const time_point start{1000s};
}

TEST_CASE("timer heap: by time, and by age where the time is the same") {
  timer_heap heap;
  std::vector<int> ran;
  const auto add = [&](time_point when, int name) {
    return heap.add(when, [&ran, name] { ran.push_back(name); });
  };
  CHECK(heap.empty());
  add(start + 2s, 20);
  add(start + 1s, 10);
  add(start + 1s, 11);
  add(start + 1s, 12);
  CHECK(heap.size() == 4);
  CHECK(heap.earliest() == start + 1s);
  CHECK(heap.count_until(start) == 0);
  CHECK(heap.count_until(start + 1s) == 3);
  CHECK(heap.count_until(start + 2s) == 4);
  while (!heap.empty()) heap.take_earliest()();
  CHECK(ran == std::vector<int>{10, 11, 12, 20});
}

TEST_CASE("timer heap: an id is good once, also when its place has a new owner") {
  timer_heap heap;
  const timer_id old = heap.add(start, [] {});
  CHECK(old != 0);
  CHECK(heap.remove(old));
  CHECK_FALSE(heap.remove(old));
  CHECK_FALSE(heap.remove(0));
  const timer_id made = heap.add(start, [] {});
  CHECK(made != old);
  CHECK_FALSE(heap.remove(old));
  CHECK_FALSE(heap.remove(0));
  CHECK_FALSE(heap.remove(~timer_id{0}));
  CHECK(heap.size() == 1);
  CHECK(heap.take_earliest());
  CHECK_FALSE(heap.remove(made));
  CHECK(heap.empty());
}

TEST_CASE("timer heap: what was removed can use the heap while it is destroyed") {
  struct last_words {
    explicit last_words(std::function<void()> say) : words(std::move(say)) {}
    last_words(const last_words&) = delete;
    last_words& operator=(const last_words&) = delete;
    ~last_words() { words(); }
    std::function<void()> words;
  };
  timer_heap heap;
  timer_id made = 0;
  auto dying = std::make_shared<last_words>([&] { made = heap.add(start + 5s, [] {}); });
  const std::weak_ptr<last_words> seen = dying;
  const timer_id id = heap.add(start, [kept = std::move(dying)] {});
  CHECK_FALSE(seen.expired());
  heap.remove(id);
  CHECK(seen.expired());
  CHECK(heap.size() == 1);
  CHECK(heap.earliest() == start + 5s);
  CHECK(heap.remove(made));
}

TEST_CASE("timer heap: at random, against a map") {
  std::mt19937 random(20261128);
  timer_heap heap;
  std::map<std::pair<time_point, timer_id>, int> model;
  int ran = -1;
  int next = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto what = static_cast<unsigned>(random() % 100);
    // Grows, shrinks and grows again.
    const unsigned adds = step / 2'500 % 2 == 0 ? 55 : 35;
    if (what < adds) {
      const time_point when = start + std::chrono::milliseconds(random() % 50);
      const int name = next++;
      model.emplace(std::pair(when, heap.add(when, [&ran, name] { ran = name; })), name);
    } else if (!model.empty() && what < adds + 20) {
      const auto victim = std::next(model.begin(), static_cast<int>(random() % model.size()));
      const std::function<void()> removed = heap.remove(victim->first.second);
      REQUIRE(removed);
      removed();
      REQUIRE(ran == victim->second);
      model.erase(victim);
    } else if (!model.empty()) {
      REQUIRE(heap.earliest() == model.begin()->first.first);
      heap.take_earliest()();
      REQUIRE(ran == model.begin()->second);
      model.erase(model.begin());
    }
    REQUIRE(heap.size() == model.size());
    if (step % 97 == 0) {
      const time_point until = start + std::chrono::milliseconds(random() % 50);
      const auto end = model.lower_bound(std::pair(until + 1ns, timer_id{0}));
      REQUIRE(heap.count_until(until) ==
              static_cast<std::size_t>(std::distance(model.begin(), end)));
    }
  }
  CHECK(next > 5'000);
}
