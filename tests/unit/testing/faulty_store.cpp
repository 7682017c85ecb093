// SPDX-License-Identifier: MIT
#include <agent_websocket/testing/faulty_store.hpp>

#include <agent_websocket/policy/any_store.hpp>
#include <agent_websocket/policy/memory_store.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace aw = agent_websocket;
using namespace std::chrono_literals;
using lines = std::vector<std::string>;

namespace {

using faulty = aw::testing::faulty_store<aw::memory_store, aw::testing::manual_scheduler>;

struct bench {
  aw::testing::manual_scheduler clock;
  std::shared_ptr<aw::memory_space> space = std::make_shared<aw::memory_space>();
  std::shared_ptr<aw::testing::store_faults> faults = std::make_shared<aw::testing::store_faults>();
  std::unique_ptr<faulty> store =
      std::make_unique<faulty>(aw::memory_store(space, "a"), clock, faults);
  lines told;

  template <typename Value>
  std::function<void(aw::result<Value>)> into(const std::string& name) {
    return [this, name](const aw::result<Value>& outcome) {
      told.push_back(name + (outcome ? " ok" : " " + std::string(aw::to_string(outcome.error().code))));
    };
  }
  void append() { store->append({"s", 1, 0, {"{}"}, false}, into<void>("append")); }
  void load() {
    store->load("s", [this](const aw::result<aw::stored_session>& outcome) {
      told.push_back(outcome ? "load " + std::to_string(outcome->records.size())
                             : std::string("load ") + aw::to_string(outcome.error().code));
    });
  }
  void all() {
    append();
    load();
    aw::stored_session known;
    known.next = known.fence = 1;
    store->claim("s", known, into<aw::fence_number>("claim"));
    store->check(into<void>("check"));
    store->release("s", 99, into<void>("release"));
    store->erase("s", 99, into<void>("erase"));
  }
  lines taken() { return std::exchange(told, {}); }
};

const lines well{"append ok", "load 1", "claim ok", "check ok", "release moved", "erase moved"};

}  // namespace

TEST_CASE("faulty_store: is a Store") {
  CHECK(aw::is_store_v<faulty>);
  aw::testing::manual_scheduler clock;
  const auto faults = std::make_shared<aw::testing::store_faults>();
  CHECK_FALSE(faulty(aw::memory_store(), clock, faults).lasting());
}

TEST_CASE_FIXTURE(bench, "faulty_store: without faults it is the other one") {
  CHECK(store->lasting());
  all();
  CHECK(taken() == well);
  CHECK(faults->appends == 1u);
  CHECK(space->size() == 1u);
  CHECK_FALSE(clock.has_work());
}

TEST_CASE_FIXTURE(bench, "faulty_store: answers late, in order, and has done it by then") {
  faults->delay = 20ms;
  all();
  CHECK(space->size() == 1u);
  clock.advance(19ms);
  CHECK(told.empty());
  clock.advance(1ms);
  CHECK(taken() == well);
}

TEST_CASE_FIXTURE(bench, "faulty_store: fails, with or without doing it") {
  faults->failure = aw::error(aw::errc::connection_failed);
  all();
  const lines failed{"append connection_failed",  "load connection_failed",
                     "claim connection_failed",   "check connection_failed",
                     "release connection_failed", "erase connection_failed"};
  CHECK(taken() == failed);
  CHECK(space->size() == 0u);
  faults->fails_after_doing = true;
  faults->delay = 1s;
  all();
  CHECK(told.empty());
  CHECK(space->size() == 1u);
  faults->failure.reset();  // too late for those
  clock.advance(1s);
  CHECK(taken() == failed);
  faults->delay = 0s;
  append();
  CHECK(taken() == lines{"append moved"});  // since it was claimed
}

TEST_CASE_FIXTURE(bench, "faulty_store: says nothing until it is told to go on") {
  faults->stalls = true;
  all();
  CHECK(told.empty());
  CHECK(space->size() == 0u);
  CHECK(faults->appends == 0u);
  clock.advance(1h);
  CHECK(told.empty());
  CHECK(faults->stalled.size() == 6u);
  faults->go_on();
  CHECK(taken() == well);
  CHECK(faults->stalled.empty());
  load();
  CHECK(taken() == lines{"load 1"});
}

TEST_CASE_FIXTURE(bench, "faulty_store: what is asked for while it goes on comes behind") {
  faults->stalls = true;
  store->check([this](const aw::result<void>&) {
    told.push_back("first");
    store->check([this](const aw::result<void>&) { told.push_back("third"); });
  });
  store->check([this](const aw::result<void>&) { told.push_back("second"); });
  faults->go_on();
  CHECK(taken() == lines{"first", "second", "third"});
}

TEST_CASE_FIXTURE(bench, "faulty_store: nothing is told when it is gone") {
  SUBCASE("while it is late") {
    faults->delay = 1s;
    all();
    store.reset();
    clock.advance(2s);
  }
  SUBCASE("while it is stalled") {
    faults->stalls = true;
    all();
    store.reset();
    faults->go_on();
    CHECK(space->size() == 0u);
  }
  CHECK(told.empty());
}
