// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/memory_exchange.hpp>

#include <agent_websocket/policy/any_exchange.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>

#include "policy/exchange_suite.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

using agent_websocket::any_exchange;
using agent_websocket::exchange_sink;
using agent_websocket::memory_bus;
using agent_websocket::memory_exchange;
using agent_websocket::testing::manual_scheduler;

namespace {

struct memory_fixture {
  static constexpr std::size_t size = 3;

  memory_fixture() {
    for (std::size_t i = 0; i < size; ++i) {
      each[i] = std::make_unique<memory_exchange>(
          bus, "process-" + std::to_string(i),
          [this](std::function<void()> f) { scheduler.post(std::move(f)); });
    }
  }

  memory_exchange& exchange(std::size_t i) { return *each[i]; }
  void listen(std::size_t i, exchange_sink& sink) { each[i]->listen(sink); }
  void run(const std::function<bool()>& ready) {
    settle();
    CHECK(ready());
  }
  void settle() { scheduler.advance(std::chrono::milliseconds(1)); }
  void drop(std::size_t i) { each[i].reset(); }
  void lose(std::size_t i) { bus->cut(each[i]->name()); }
  void restore(std::size_t i) { bus->join(each[i]->name()); }

  manual_scheduler scheduler;
  std::shared_ptr<memory_bus> bus = std::make_shared<memory_bus>();
  std::unique_ptr<memory_exchange> each[size];
};

/// The same, seen through an any_exchange.
struct any_fixture : memory_fixture {
  any_fixture() {
    for (std::size_t i = 0; i < size; ++i) {
      seen[i] = any_exchange(std::move(each[i]));
    }
  }
  any_exchange& exchange(std::size_t i) { return seen[i]; }
  void listen(std::size_t i, exchange_sink& sink) { seen[i].listen(sink); }
  void drop(std::size_t i) { seen[i] = any_exchange(); }
  void lose(std::size_t i) { bus->cut(seen[i].name()); }
  void restore(std::size_t i) { bus->join(seen[i].name()); }

  any_exchange seen[size];
};

}  // namespace

TEST_CASE("memory_exchange keeps the requirement Exchange") {
  exchange_suite::run_all<memory_fixture>();
}

TEST_CASE("any_exchange keeps the requirement Exchange") { exchange_suite::run_all<any_fixture>(); }
