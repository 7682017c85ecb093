// SPDX-License-Identifier: MIT
#include <agent_websocket/server/activity_list.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

using agent_websocket::activity_list;
using agent_websocket::time_point;
using namespace std::chrono_literals;

namespace {

time_point second(int count) { return time_point(std::chrono::seconds(count)); }

template <typename Key>
std::string order(activity_list<Key> list) {
  std::string keys;
  while (!list.empty()) {
    keys += std::to_string(list.front().key) + " ";
    list.remove(list.begin());
  }
  return keys;
}

}  // namespace

TEST_CASE("activity_list: the one not heard of for the longest time stands in front") {
  activity_list<int> list;
  CHECK(list.empty());
  CHECK_FALSE(list.next_deadline(10s).has_value());
  list.add(1, second(1));
  list.add(2, second(2));
  list.add(3, second(3));
  CHECK(list.front().key == 1);
  CHECK(list.front().since == second(1));
  CHECK(list.next_deadline(10s) == second(11));
  CHECK(order(list) == "1 2 3 ");
}

TEST_CASE("activity_list: hearing of one moves it to its place") {
  activity_list<int> list;
  const auto first = list.add(1, second(1));
  const auto middle = list.add(2, second(2));
  list.add(3, second(3));
  list.touch(first, second(4));
  CHECK(order(list) == "2 3 1 ");
  list.touch(middle, second(3));
  CHECK(list.front().key == 3);
  list.touch(first, second(4));
  CHECK(list.next_deadline(1s) == second(4));
}

TEST_CASE("activity_list: positions stay good while others move and go") {
  activity_list<int> list;
  const auto one = list.add(1, second(1));
  const auto two = list.add(2, second(1));
  const auto three = list.add(3, second(1));
  list.touch(one, second(5));
  list.remove(two);
  list.touch(three, second(6));
  CHECK(one->key == 1);
  CHECK(order(list) == "1 3 ");
  list.remove(one);
  list.remove(three);
  CHECK(list.empty());
}

TEST_CASE("activity_list: a late newcomer stands where its time belongs") {
  activity_list<int> list;
  list.add(1, second(5));
  list.add(2, second(3));
  list.add(3, second(4));
  CHECK(list.front().key == 2);
  list.remove(list.begin());
  CHECK(list.front().key == 3);
}

TEST_CASE("activity_list: the front is always the oldest") {
  std::mt19937 random(3);
  activity_list<int> list;
  std::map<int, activity_list<int>::position> where;
  std::map<int, time_point> since;
  int now = 0;
  for (int step = 0; step < 5000; ++step) {
    now += static_cast<int>(random() % 3);
    const int key = static_cast<int>(random() % 50);
    const auto found = where.find(key);
    if (found == where.end()) {
      where.emplace(key, list.add(key, second(now)));
      since[key] = second(now);
    } else if (random() % 5 == 0) {
      list.remove(found->second);
      where.erase(found);
      since.erase(key);
    } else {
      list.touch(found->second, second(now));
      since[key] = second(now);
    }
    REQUIRE(list.empty() == since.empty());
    if (since.empty()) continue;
    time_point oldest = time_point::max();
    for (const auto& each : since) oldest = std::min(oldest, each.second);
    REQUIRE(list.front().since == oldest);
    REQUIRE(since.at(list.front().key) == oldest);
  }
}
