// SPDX-License-Identifier: MIT
#include <agent_websocket/host/worker_loads.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <utility>

using agent_websocket::worker_loads;

TEST_CASE("worker loads: who has clearly more leaves it to the one with the fewest") {
  const worker_loads loads = worker_loads::create();
  REQUIRE(loads);
  CHECK_FALSE(loads.has_less_loaded_than(0));  // nobody is there
  loads.at(0)->store(100);
  CHECK_FALSE(loads.has_less_loaded_than(0));  // alone
  loads.at(1)->store(100 - worker_loads::slack + 1);
  CHECK_FALSE(loads.has_less_loaded_than(0));
  loads.at(1)->store(100 - worker_loads::slack);
  CHECK(loads.has_less_loaded_than(0));
  CHECK_FALSE(loads.has_less_loaded_than(1));
  loads.leave(1);
  CHECK_FALSE(loads.has_less_loaded_than(0));
  loads.at(worker_loads::size - 1)->store(0);
  CHECK(loads.has_less_loaded_than(0));
  loads.leave(0);  // who is going to end does not compare himself
  CHECK_FALSE(loads.has_less_loaded_than(0));
}

TEST_CASE("worker loads: two that hold the same memory see each other") {
  const worker_loads here = worker_loads::create();
  REQUIRE(here);
  const worker_loads there = worker_loads::adopt(::dup(here.descriptor()));
  REQUIRE(there);
  CHECK(there.at(5)->load() == worker_loads::absent);
  here.at(5)->store(7);
  CHECK(there.at(5)->load() == 7u);
}

TEST_CASE("worker loads: where there are none nothing is left to anybody") {
  const worker_loads none;
  CHECK_FALSE(none);
  CHECK(none.at(0) == nullptr);
  CHECK_FALSE(none.has_less_loaded_than(0));
  none.leave(0);
  CHECK_FALSE(worker_loads::adopt(-1));
  CHECK_FALSE(worker_loads::adopt(::open("/dev/null", O_RDWR | O_CLOEXEC)));
  const worker_loads some = worker_loads::create();
  CHECK(some.at(worker_loads::size) == nullptr);
  CHECK_FALSE(some.has_less_loaded_than(worker_loads::size));
}

TEST_CASE("worker loads: moved along, and closed once") {
  worker_loads first = worker_loads::create();
  const int descriptor = first.descriptor();
  worker_loads second(std::move(first));
  first = std::move(second);
  CHECK(first.descriptor() == descriptor);
  CHECK(first);
  first = worker_loads();
  CHECK(::fcntl(descriptor, F_GETFD) == -1);
}
