// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/byte_budget.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>

using agent_websocket::adapters::byte_budget;

TEST_CASE("byte budget: all together have a limit, to the byte") {
  const byte_budget budget(100);
  byte_budget::share first(budget);
  byte_budget::share second(budget);
  CHECK(first.hold(60));
  CHECK(second.hold(40));
  CHECK_FALSE(second.hold(41));
  CHECK_FALSE(first.hold(61));
  CHECK_FALSE(first.hold(static_cast<std::size_t>(-1)));
  CHECK(budget.used() == 100);
  CHECK(first.hold(10));
  CHECK(second.hold(90));
  CHECK(budget.used() == 100);
}

TEST_CASE("byte budget: what one held is free at its end, also after the budget's own") {
  auto budget = std::make_unique<byte_budget>(100);
  const byte_budget copy = *budget;
  {
    byte_budget::share gone(*budget);
    CHECK(gone.hold(100));
    CHECK(copy.used() == 100);
  }
  CHECK(copy.used() == 0);
  byte_budget::share kept(*budget);
  CHECK(kept.hold(50));
  budget.reset();
  CHECK(kept.hold(70));
  CHECK(copy.used() == 70);
  CHECK(kept.hold(0));
  CHECK(copy.used() == 0);
}

TEST_CASE("byte budget: 0 is no limit, and less than before is always room") {
  const byte_budget none;
  byte_budget::share any(none);
  CHECK(any.hold(static_cast<std::size_t>(-1)));
  CHECK(any.hold(0));
  const byte_budget small(10);
  byte_budget::share one(small);
  CHECK(one.hold(10));
  CHECK(one.hold(10));
  CHECK(one.hold(9));
}
