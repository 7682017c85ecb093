// SPDX-License-Identifier: MIT
//
// Random schedules of several servers on one store, whose clients come to any of them at each
// connect; of servers that die and stand still, and of messages between them that are lost. What
// holds in the end is said in stored_world.hpp.
#include "flow/schedules.hpp"
#include "flow/stored_world.hpp"

#include <cstdint>

using namespace flow;

TEST_CASE("nodes lossless: clients go from server to server and lose nothing") {
  perils what;
  what.servers = 2;
  what.users = 2;
  what.tabs = true;
  const std::uint32_t count = schedules(75);
  const auto all = play(count, 300, what);
  if (count < 50) return;
  CHECK(all.recovered > count * 3);
  CHECK(all.kept_notes > count * 3);
}

TEST_CASE("nodes lossless: servers die, stop, stand still, and do not hear each other") {
  perils what;
  what.servers = 3;
  what.users = 2;
  what.tabs = what.kills = what.stops = what.standstills = what.lost_messages = true;
  const std::uint32_t count = schedules(75);
  const auto all = play(count, 300, what);
  if (count < 50) return;
  CHECK(all.kills > count / 2);
  CHECK(all.standstills > count / 2);
  CHECK(all.losses > count / 2);
}

TEST_CASE("nodes lossless: and their store fails one of them or all") {
  perils what;
  what.servers = 2;
  what.users = 1;
  what.tabs = what.kills = what.stops = what.standstills = what.lost_messages = true;
  what.store_faults = true;
  const std::uint32_t count = schedules(75);
  const auto all = play(count, 300, what);
  if (count < 50) return;
  CHECK(all.faults > count / 2);
}
