// SPDX-License-Identifier: MIT
#include <agent_websocket/base/fifo.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

using agent_websocket::fifo;

namespace {

template <typename T>
std::deque<T> drained(fifo<T> queue) {
  std::deque<T> all;
  while (!queue.empty()) all.push_back(queue.take_front());
  return all;
}

}  // namespace

TEST_CASE("fifo: an item is made in its place") {
  fifo<std::pair<std::string, int>> queue;
  CHECK(queue.emplace_back("a", 1).second == 1);
  queue.emplace_back(std::string(40, 'b'), 2).second = 3;
  CHECK(queue.size() == 2u);
  CHECK(queue.back() == std::pair<std::string, int>(std::string(40, 'b'), 3));
  CHECK(queue.take_front().first == "a");

  struct refusing {
    explicit refusing(bool refuse) {
      if (refuse) throw std::runtime_error("no");
    }
  };
  fifo<refusing> others;
  CHECK_THROWS_AS(others.emplace_back(true), std::runtime_error);
  CHECK(others.empty());
  others.emplace_back(false);
  CHECK_THROWS_AS(others.emplace_back(true), std::runtime_error);
  CHECK(others.size() == 1u);
}

TEST_CASE("fifo: first in, first out") {
  fifo<int> queue;
  CHECK(queue.empty());
  CHECK(queue.size() == 0u);
  queue.push_back(1);
  queue.push_back(2);
  queue.push_back(3);
  CHECK(queue.size() == 3u);
  CHECK(queue.front() == 1);
  CHECK(queue.back() == 3);
  CHECK(queue.take_front() == 1);
  CHECK(queue.front() == 2);
  CHECK(queue[0] == 2);
  CHECK(queue[1] == 3);
  CHECK(queue.take_front() == 2);
  CHECK(queue.take_front() == 3);
  CHECK(queue.empty());
}

TEST_CASE("fifo: what is pushed in front comes next, also behind a head that has moved") {
  fifo<int> queue;
  for (int i = 0; i < 5; ++i) queue.push_back(i);
  CHECK(queue.take_front() == 0);
  CHECK(queue.take_front() == 1);
  queue.push_front(9);
  CHECK(drained(queue) == std::deque<int>{9, 2, 3, 4});
}

TEST_CASE("fifo: takes from the middle, the front and the back") {
  fifo<int> queue;
  for (int i = 0; i < 6; ++i) queue.push_back(i);
  CHECK(queue.take_front() == 0);
  CHECK(queue.take(2) == 3);
  CHECK(queue.take(0) == 1);
  CHECK(queue.take(queue.size() - 1) == 5);
  CHECK(drained(queue) == std::deque<int>{2, 4});
}

TEST_CASE("fifo: taking the last one out of the middle leaves an empty queue that can be used") {
  fifo<int> queue;
  queue.push_back(1);
  queue.push_back(2);
  CHECK(queue.take_front() == 1);
  CHECK(queue.take(0) == 2);
  CHECK(queue.empty());
  queue.push_back(7);
  CHECK(queue.front() == 7);
  CHECK(queue.back() == 7);
  CHECK(queue.size() == 1u);
}

TEST_CASE("fifo: clear forgets everything and leaves it usable") {
  for (const int count : {0, 1, 10, 1000}) {
    CAPTURE(count);
    fifo<int> queue;
    for (int i = 0; i < count; ++i) queue.push_back(i);
    if (count > 1) queue.take_front();
    queue.clear();
    CHECK(queue.empty());
    queue.push_back(5);
    CHECK(queue.take_front() == 5);
  }
}

TEST_CASE("fifo: what was taken is destroyed, at the latest when the queue runs empty") {
  const auto counted = std::make_shared<int>(0);
  fifo<std::shared_ptr<int>> queue;
  for (int i = 0; i < 200; ++i) queue.push_back(counted);
  for (int i = 0; i < 199; ++i) queue.take_front();
  CHECK(counted.use_count() == 2);
  queue.take_front();
  CHECK(counted.use_count() == 1);
  for (int i = 0; i < 200; ++i) queue.push_back(counted);
  queue.clear();
  CHECK(counted.use_count() == 1);
}

TEST_CASE("fifo: holds what can only be moved") {
  fifo<std::unique_ptr<int>> queue;
  queue.push_back(std::make_unique<int>(1));
  queue.push_front(std::make_unique<int>(0));
  CHECK(*queue.take(1) == 1);
  CHECK(*queue.take_front() == 0);
  CHECK(queue.empty());
}

TEST_CASE("fifo: does the same as std::deque, whatever the order of calls") {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    fifo<std::string> queue;
    std::deque<std::string> model;
    bool same = true;
    // Long stretches of growing and of shrinking, so that the head travels far.
    bool growing = true;
    for (int step = 0; step < 2000 && same; ++step) {
      if (random() % 300 == 0) growing = !growing;
      const std::uint32_t what = random() % 16;
      if (model.empty() || what < (growing ? 9u : 4u)) {
        const std::string made = "some text that is not short: " + std::to_string(step);
        queue.push_back(made);
        model.push_back(made);
      } else if (what == 15) {
        const std::string made = std::to_string(step);
        queue.push_front(made);
        model.push_front(made);
      } else if (what == 14) {
        const std::size_t at = random() % model.size();
        same = queue.take(at) == model[at];
        model.erase(model.begin() + static_cast<std::ptrdiff_t>(at));
      } else if (what == 13 && random() % 40 == 0) {
        queue.clear();
        model.clear();
      } else {
        same = queue.take_front() == model.front();
        model.pop_front();
      }
      same = same && queue.size() == model.size() && queue.empty() == model.empty();
      if (!model.empty()) same = same && queue.front() == model.front();
      if (!model.empty()) same = same && queue.back() == model.back();
      const std::size_t middle = model.size() / 2;
      if (!model.empty()) same = same && queue[middle] == model[middle];
    }
    REQUIRE(same);
  }
}

TEST_CASE("fifo: a copy that fails leaves nothing behind") {
  static int alive = 0;
  struct item {
    explicit item(bool breaks_off) : breaks(breaks_off) { ++alive; }
    item(const item& other) : breaks(other.breaks) {
      if (breaks) throw std::runtime_error("no more");
      ++alive;
    }
    item(item&& other) noexcept : breaks(other.breaks) { ++alive; }
    ~item() { --alive; }
    bool breaks;
  };
  {
    fifo<item> queue;
    for (const bool each : {false, false, true, false}) queue.push_back(item(each));
    CHECK_THROWS_AS(fifo<item>{queue}, std::runtime_error);
    CHECK(alive == 4);
  }
  CHECK(alive == 0);
}
