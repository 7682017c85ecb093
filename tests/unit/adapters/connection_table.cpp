// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/connection_table.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

using agent_websocket::connection_id;
using table = agent_websocket::adapters::connection_table<std::shared_ptr<int>>;

namespace {
bool has(const table& connections, connection_id id) { return connections.find(id) != nullptr; }
}  // namespace

TEST_CASE("connection table: finds what is in it and nothing else") {
  table connections;
  const connection_id a = connections.add(std::make_shared<int>(1));
  const connection_id b = connections.add(std::make_shared<int>(2));
  CHECK(a != 0u);
  CHECK(*connections.find(a) == 1);
  CHECK(*connections.find(b) == 2);
  CHECK(connections.size() == 2u);
  connections.remove(a);
  connections.remove(a);
  CHECK_FALSE(has(connections, a));
  CHECK(*connections.find(b) == 2);
  CHECK(connections.size() == 1u);
  CHECK(connections.all().size() == 1u);
  for (const connection_id wrong : {connection_id{0}, connection_id{1}, ~connection_id{0}, b + 1,
                                    b + (connection_id{1} << 32)}) {
    CHECK_FALSE(has(connections, wrong));
    connections.remove(wrong);
  }
  CHECK(connections.size() == 1u);
}

TEST_CASE("connection table: places are used again, ids are not") {
  table connections;
  std::set<connection_id> seen;
  std::vector<connection_id> present;
  for (int i = 0; i < 1000; ++i) {
    const connection_id id = connections.add(std::make_shared<int>(i));
    CHECK(seen.insert(id).second);
    CHECK((id & 0xFFFFFFFFu) < 10u);
    present.push_back(id);
    if (present.size() == 10) {
      const std::size_t chosen = static_cast<std::size_t>(i * 7) % 10;
      connections.remove(present[chosen]);
      present.erase(present.begin() + static_cast<std::ptrdiff_t>(chosen));
    }
  }
  CHECK(connections.size() == present.size());
}

TEST_CASE("connection table: removing the last reference may ask the table again") {
  struct asking {
    table& connections;
    connection_id& id;
    bool& found;
    void operator()(int* number) const {
      found = has(connections, id);
      delete number;
    }
  };
  table connections;
  connection_id id = 0;
  bool found = true;
  id = connections.add(std::shared_ptr<int>(new int(1), asking{connections, id, found}));
  connections.remove(id);
  CHECK_FALSE(found);
}

TEST_CASE("connection table: its size is told to whoever is named") {
  table connections;
  const connection_id first = connections.add(std::make_shared<int>(1));
  std::atomic<std::uint32_t> told{99};
  connections.publish_size(&told);
  CHECK(told.load() == 1u);
  const connection_id second = connections.add(std::make_shared<int>(2));
  CHECK(told.load() == 2u);
  connections.remove(first);
  connections.remove(first);
  CHECK(told.load() == 1u);
  connections.publish_size(nullptr);
  connections.remove(second);
  CHECK(told.load() == 1u);
}
