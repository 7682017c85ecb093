// SPDX-License-Identifier: MIT
#include <agent_websocket/server/store_health.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

struct asked_store {
  bool is_lasting = true;
  std::size_t asked = 0;
  store_handler open;

  bool lasting() const { return is_lasting; }
  void check(store_handler done) {
    ++asked;
    open = std::move(done);
  }
  void answer(const result<void>& outcome = {}) {
    REQUIRE(open);
    const store_handler done = std::exchange(open, nullptr);
    done(outcome);
  }
};

using health_type = store_health<asked_store, testing::manual_scheduler>;

struct fixture {
  testing::manual_scheduler clock;
  asked_store store;
  std::vector<std::string> told;
  std::function<void()> then;
  std::unique_ptr<health_type> health =
      std::make_unique<health_type>(store, clock, [this](const result<void>& outcome) {
        told.push_back(outcome ? "well" : outcome.error().message);
        if (then) then();
      });

  void later() { clock.advance(health_type::interval); }
};

using words = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(fixture, "store_health: a store that is not lasting is well and never asked") {
  store.is_lasting = false;
  CHECK(health->is_well());
  health->watch();
  clock.advance(1h);
  CHECK(health->is_well());
  CHECK(store.asked == 0u);
  CHECK(told.empty());
}

TEST_CASE_FIXTURE(fixture, "store_health: a lasting one is not well before it has answered") {
  health->watch();
  CHECK(store.asked == 1u);
  CHECK_FALSE(health->is_well());
  CHECK(told.empty());
  clock.advance(1h);  // the next question waits for this one
  CHECK(store.asked == 1u);
  store.answer();
  CHECK(health->is_well());
  CHECK(told == words{"well"});
}

TEST_CASE_FIXTURE(fixture, "store_health: asks every few seconds and tells of changes alone") {
  health->watch();
  store.answer();
  clock.advance(health_type::interval - 1ms);
  CHECK(store.asked == 1u);
  clock.advance(1ms);
  CHECK(store.asked == 2u);
  store.answer();
  later();
  CHECK(told == words{"well"});
  store.answer(error(errc::connection_failed, "away"));
  CHECK_FALSE(health->is_well());
  CHECK(told == words{"well", "away"});
  later();
  store.answer(error(errc::internal, "still away"));
  later();
  CHECK_FALSE(health->is_well());
  CHECK(told.size() == 2u);
  store.answer();
  CHECK(health->is_well());
  CHECK(told == words{"well", "away", "well"});
  later();
  CHECK(store.asked == 6u);
}

TEST_CASE_FIXTURE(fixture, "store_health: one that is away from the beginning is told of") {
  health->watch();
  store.answer(error(errc::connection_failed, "away"));
  CHECK(told == words{"away"});
  CHECK_FALSE(health->is_well());
}

TEST_CASE_FIXTURE(fixture, "store_health: nothing happens when it is gone") {
  health->watch();
  health.reset();
  store.answer();
  CHECK(told.empty());
  CHECK(clock.pending_timers() == 0u);
}

TEST_CASE_FIXTURE(fixture, "store_health: its timer goes with it") {
  health->watch();
  store.answer();
  CHECK(clock.pending_timers() == 1u);
  health.reset();
  CHECK(clock.pending_timers() == 0u);
  clock.advance(1h);
  CHECK(store.asked == 1u);
}

TEST_CASE_FIXTURE(fixture, "store_health: may go while it tells") {
  then = [this] { health.reset(); };
  health->watch();
  store.answer(error(errc::internal, "away"));
  CHECK(told == words{"away"});
  CHECK(clock.pending_timers() == 0u);
}
