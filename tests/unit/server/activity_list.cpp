// SPDX-License-Identifier: MIT
#include <agent_websocket/server/activity_list.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <vector>

using agent_websocket::activity_list;
using agent_websocket::time_point;
using namespace std::chrono_literals;

namespace {

time_point second(int count) { return time_point(std::chrono::seconds(count)); }

struct thing : agent_websocket::activity_hook {
  explicit thing(int its) : key(its) {}
  int key;
};
using list_type = activity_list<thing>;

/// Empties the list.
std::string order(list_type& list) {
  std::string keys;
  while (!list.empty()) {
    keys += std::to_string(list.front().key) + " ";
    list.remove(list.front());
  }
  return keys;
}

}  // namespace

TEST_CASE("activity_list: the one not heard of for the longest time stands in front") {
  list_type list;
  thing one(1), two(2), three(3);
  CHECK(list.empty());
  CHECK_FALSE(list.next_deadline(10s).has_value());
  list.add(one, second(1));
  list.add(two, second(2));
  list.add(three, second(3));
  CHECK(list.size() == 3u);
  CHECK(list.front().key == 1);
  CHECK(list.front().since() == second(1));
  CHECK(list.after(one) == &two);
  CHECK(list.after(two) == &three);
  CHECK(list.after(three) == nullptr);
  CHECK(list.next_deadline(10s) == second(11));
  CHECK(order(list) == "1 2 3 ");
}

TEST_CASE("activity_list: hearing of one moves it to its place") {
  list_type list;
  thing one(1), two(2), three(3);
  list.add(one, second(1));
  list.add(two, second(2));
  list.add(three, second(3));
  list.touch(one, second(4));
  CHECK(list.front().key == 2);
  CHECK(list.after(three) == &one);
  list.touch(two, second(3));
  CHECK(list.front().key == 3);
  list.touch(one, second(4));
  CHECK(list.next_deadline(1s) == second(4));
  CHECK(list.size() == 3u);
  CHECK(order(list) == "3 2 1 ");
}

TEST_CASE("activity_list: things stay where they are while others move and go") {
  list_type list;
  thing one(1), two(2), three(3);
  list.add(one, second(1));
  list.add(two, second(1));
  list.add(three, second(1));
  list.touch(one, second(5));
  list.remove(two);
  list.touch(three, second(6));
  CHECK(order(list) == "1 3 ");
  CHECK(list.empty());
  list.add(two, second(1));  // what was removed may come again
  CHECK(order(list) == "2 ");
}

TEST_CASE("activity_list: a late newcomer stands where its time belongs") {
  list_type list;
  thing one(1), two(2), three(3);
  list.add(one, second(5));
  list.add(two, second(3));
  list.add(three, second(4));
  CHECK(order(list) == "2 3 1 ");
}

TEST_CASE("activity_list: the front is always the oldest") {
  std::mt19937 random(3);
  list_type list;
  std::map<int, thing> where;
  std::map<int, time_point> since;
  int now = 0;
  for (int step = 0; step < 5000; ++step) {
    now += static_cast<int>(random() % 3);
    const int key = static_cast<int>(random() % 50);
    const auto found = where.find(key);
    if (found == where.end()) {
      list.add(where.try_emplace(key, key).first->second, second(now));
      since[key] = second(now);
    } else if (random() % 5 == 0) {
      list.remove(found->second);
      where.erase(found);
      since.erase(key);
    } else {
      list.touch(found->second, second(now));
      since[key] = second(now);
    }
    REQUIRE(list.size() == since.size());
    if (since.empty()) continue;
    time_point oldest = time_point::max();
    for (const auto& each : since) oldest = std::min(oldest, each.second);
    REQUIRE(list.front().since() == oldest);
    REQUIRE(since.at(list.front().key) == oldest);
  }
}
