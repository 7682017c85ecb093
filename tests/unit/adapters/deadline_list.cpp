// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/deadline_list.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <vector>

using agent_websocket::adapters::deadline_hook;
using agent_websocket::adapters::deadline_list;
using namespace std::chrono_literals;

namespace {
struct item : deadline_hook {
  explicit item(int number) : name(number) {}
  int name;
};
const deadline_hook::time_point start{1000s};
}  // namespace

TEST_CASE("deadline list: in the order of joining, each at its time") {
  deadline_list<item> list(5s);
  item a(1);
  item b(2);
  CHECK_FALSE(list.next());
  CHECK(list.join(a, start) == start + 5s);
  list.join(b, start + 1s);
  CHECK(list.next() == start + 5s);
  CHECK(list.take_expired(start + 4999ms) == nullptr);
  CHECK(list.take_expired(start + 5s) == &a);
  CHECK_FALSE(a.is_listed());
  CHECK(list.take_expired(start + 5s) == nullptr);
  CHECK(list.next() == start + 6s);
  CHECK(list.take_expired(start + 9s) == &b);
  CHECK_FALSE(list.next());
}

TEST_CASE("deadline list: leaving, joining again, changing lists, dying") {
  deadline_list<item> list(5s);
  deadline_list<item> other(1s);
  std::vector<std::unique_ptr<item>> items;
  for (int i = 0; i < 5; ++i) {
    items.push_back(std::make_unique<item>(i));
    list.join(*items.back(), start);
  }
  items[0]->leave();
  items[0]->leave();                 // twice is once
  list.join(*items[1], start + 1s);  // to the back
  other.join(*items[2], start);      // elsewhere
  items[3].reset();                  // gone
  CHECK(other.take_expired(start + 1s) == items[2].get());
  CHECK(list.take_expired(start + 60s) == items[4].get());
  CHECK(list.next() == start + 6s);
  CHECK(list.take_expired(start + 60s) == items[1].get());
  CHECK(list.take_expired(start + 60s) == nullptr);
}

TEST_CASE("deadline list: its end leaves the items free") {
  item a(1);
  {
    deadline_list<item> list(5s);
    list.join(a, start);
  }
  CHECK_FALSE(a.is_listed());
}
