// SPDX-License-Identifier: MIT
//
// Random schedules of one server on a lasting store, that is killed at any moment or stops, and
// begun anew; of a store that is slow, fails, or is away. What holds in the end is said in
// stored_world.hpp.
#include "flow/schedules.hpp"
#include "flow/stored_world.hpp"

#include <cstdint>

using namespace flow;

TEST_CASE("stored lossless: a server that dies or stops takes nothing with it") {
  perils what;
  what.kills = what.stops = what.tabs = true;
  const std::uint32_t count = schedules(75);
  const auto all = play(count, 300, what);
  if (count < 50) return;
  // The schedules do reach what they are for.
  CHECK(all.kills > count);
  CHECK(all.stops > count / 2);
  CHECK(all.interrupted > count / 10);
  CHECK(all.recovered > count * 2);
  CHECK(all.kept_notes > count * 3);
}

TEST_CASE("stored lossless: a store that fails costs time, not what was acknowledged") {
  perils what;
  what.kills = what.stops = what.tabs = what.store_faults = true;
  const std::uint32_t count = schedules(75);
  const auto all = play(count, 300, what);
  if (count < 50) return;
  CHECK(all.faults > count);
  CHECK(all.long_faults > count / 10);
  CHECK(all.kills > count);
}
