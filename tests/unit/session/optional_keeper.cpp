// SPDX-License-Identifier: MIT
#include <agent_websocket/session/optional_keeper.hpp>

#include <agent_websocket/policy/memory_store.hpp>
#include <agent_websocket/session/attaching.hpp>
#include <agent_websocket/session/keeping.hpp>
#include <agent_websocket/session/restoring.hpp>
#include <agent_websocket/testing/faulty_store.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

using store_type = testing::faulty_store<memory_store, testing::manual_scheduler>;

struct fixture : keeper_sink {
  using keeper_type = optional_keeper<store_type, testing::manual_scheduler>;

  explicit fixture(bool is_lasting = true)
      : store(is_lasting ? memory_store(space, "a") : memory_store(), clock, faults),
        its(std::make_unique<keeper_type>(store, clock, core, *this)) {}

  std::shared_ptr<memory_space> space = std::make_shared<memory_space>();
  std::shared_ptr<testing::store_faults> faults = std::make_shared<testing::store_faults>();
  testing::manual_scheduler clock;
  store_type store;
  session_core core{"s", "e1", std::make_shared<const session_settings>(), now()};
  std::unique_ptr<keeper_type> its;
  std::string told;

  moment now() const { return {clock.now(), clock.wall_now()}; }
  void notify() {
    core.notify("n", {}, {}, false, now());
    its->keep(now());
  }
  void watch() {
    its->when_kept([this](bool kept) { told += kept ? "kept " : "lost "; });
  }
  void watch_end() {
    its->when_erased([this](bool erased) { told += erased ? "erased " : "not erased "; });
  }
  void leave(bool forever) {
    its->leave(forever, [this] { told += "left "; });
  }

  void on_kept(std::uint64_t count) override { core.kept(count, now()); }
  void on_not_kept(const error&) override { core.not_kept(now()); }
  void on_lost(const error& why) override { core.lose(why, now()); }
};

struct without_store : fixture {
  without_store() : fixture(false) {}
};

}  // namespace

TEST_CASE_FIXTURE(without_store, "optional_keeper: without a lasting store nothing waits") {
  CHECK_FALSE(core.book().is_on());
  notify();
  CHECK(its->fence() == 0u);
  CHECK_FALSE(its->keeps());
  watch();
  watch_end();
  leave(true);
  CHECK(told == "kept erased left ");
  CHECK(faults->appends == 0u);
}

TEST_CASE_FIXTURE(fixture, "optional_keeper: what is in flight is waited for") {
  watch();
  CHECK(told == "kept ");  // there is nothing
  faults->delay = 50ms;
  notify();
  watch();
  CHECK(told == "kept ");
  clock.advance(50ms);
  CHECK(told == "kept kept ");
  watch();
  CHECK(told == "kept kept kept ");
  CHECK(its->fence() == 1u);
  CHECK(its->keeps());
  CHECK(space->size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "optional_keeper: of a session from the store all is kept") {
  its->begin_at(7, 3);
  core.book().begin_at(1);  // as restoring does
  watch();
  CHECK(told == "kept ");
  CHECK(its->fence() == 3u);
}

TEST_CASE_FIXTURE(fixture, "optional_keeper: nothing recorded, nothing given") {
  its->keep(now());
  CHECK(faults->appends == 0u);
  watch_end();
  leave(true);
  CHECK(told == "erased left ");
}

TEST_CASE_FIXTURE(fixture, "optional_keeper: a session that leaves takes its records along") {
  faults->delay = 50ms;
  notify();
  watch();
  SUBCASE("to the store") {
    watch_end();
    leave(false);
    clock.advance(200ms);
    CHECK(told == "kept not erased left ");
  }
  SUBCASE("for good") {
    watch_end();
    leave(true);
    CHECK(told == "lost ");
    clock.advance(200ms);
    CHECK(told == "lost erased left ");
    CHECK(space->size() == 0u);
  }
  SUBCASE("with the server") {
    watch_end();
    its.reset();
    CHECK(told == "lost not erased ");
    clock.advance(200ms);
    CHECK(told == "lost not erased ");
  }
}
