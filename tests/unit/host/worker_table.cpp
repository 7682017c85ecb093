// SPDX-License-Identifier: MIT
#include <agent_websocket/host/worker_table.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <vector>

using agent_websocket::worker_table;
using phase = worker_table::phase;
using namespace std::chrono_literals;

namespace {

const worker_table::time_point start{};

std::vector<unsigned> ids(worker_table& table) {
  std::vector<unsigned> all;
  for (const worker_table::process& each : table) all.push_back(each.id);
  return all;
}

}  // namespace

TEST_CASE("worker table: an id is never used again, a place is as soon as it is free") {
  worker_table table(30s, 15s);
  CHECK(table.empty());
  for (unsigned slot = 0; slot < 3; ++slot) {
    const worker_table::process& made = table.add(slot, start + 1s);
    CHECK(made.id == slot + 1);
    CHECK(made.slot == slot);
    CHECK(made.place == slot);
    CHECK(made.state == phase::starting);
    CHECK(made.since == start + 1s);
    CHECK_FALSE(made.killed);
  }
  const auto gone = table.remove(2);
  REQUIRE(gone);
  CHECK(gone->slot == 1u);
  CHECK(gone->place == 1u);
  CHECK_FALSE(table.remove(2));
  CHECK(table.find(2) == nullptr);
  const worker_table::process& successor = table.add(0, start);
  CHECK(successor.id == 4u);
  CHECK(successor.place == 1u);
  CHECK(table.add(1, start).place == 3u);
  CHECK(ids(table) == std::vector<unsigned>{1, 3, 4, 5});
  for (const unsigned id : {1u, 3u, 4u, 5u}) CHECK(table.remove(id));
  CHECK(table.empty());
  CHECK(table.add(0, start).id == 6u);
}

TEST_CASE("worker table: who is in which phase") {
  worker_table table(30s, 15s);
  table.add(0, start);
  table.add(1, start);
  table.add(1, start);
  table.find(2)->enter(phase::ready, start);
  table.find(3)->enter(phase::ending, start);
  CHECK(table.count(phase::starting) == 1u);
  CHECK(table.count(phase::ready) == 1u);
  CHECK(table.count(phase::ending) == 1u);
  CHECK(table.has(0, phase::starting));
  CHECK_FALSE(table.has(0, phase::ready));
  CHECK(table.has(1, phase::ready));
  CHECK(table.has(1, phase::ending));
  CHECK_FALSE(table.has(1, phase::starting));
  CHECK_FALSE(table.has(2, phase::starting));
  const worker_table& seen = table;
  REQUIRE(seen.find(3) != nullptr);
  CHECK(seen.find(3)->state == phase::ending);
  CHECK(seen.find(4) == nullptr);
}

TEST_CASE("worker table: starting and ending have a time limit, being ready has none") {
  worker_table table(30s, 15s);
  CHECK_FALSE(table.deadline());
  table.add(0, start);
  table.add(1, start + 1s);
  CHECK(table.due(*table.find(1)) == start + 30s);
  CHECK(table.due(*table.find(2)) == start + 31s);
  CHECK(table.deadline() == start + 30s);
  table.find(1)->enter(phase::ready, start + 2s);
  CHECK_FALSE(table.due(*table.find(1)));
  CHECK(table.deadline() == start + 31s);
  table.find(1)->enter(phase::ending, start + 5s);  // counts from now, not from its beginning
  CHECK(table.due(*table.find(1)) == start + 20s);
  CHECK(table.deadline() == start + 20s);
  table.find(1)->killed = true;
  CHECK_FALSE(table.due(*table.find(1)));
  CHECK(table.deadline() == start + 31s);
  table.remove(2);
  CHECK_FALSE(table.deadline());
}
