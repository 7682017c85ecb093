// SPDX-License-Identifier: MIT
#include <agent_websocket/session/keeper.hpp>

#include <agent_websocket/session/restoring.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>

#include "core_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

const error away(errc::connection_failed, "The store is away", "refused");

/// Holds what it is asked until the test answers it; `answers` are given at once.
struct slow_store {
  std::vector<store_batch> batches;
  std::deque<store_handler> open;
  std::deque<result<void>> answers;
  std::vector<std::string> asked;  // "append", "release s 1", "erase s 1"

  bool lasting() const { return true; }
  void load(std::string_view, const load_handler&) {}
  void claim(std::string_view, const stored_session&, const claim_handler&) {}
  void check(const store_handler&) {}
  void append(store_batch batch, store_handler done) {
    batches.push_back(std::move(batch));
    take("append", std::move(done));
  }
  void release(std::string_view session, fence_number fence, store_handler done) {
    take("release " + std::string(session) + " " + std::to_string(fence), std::move(done));
  }
  void erase(std::string_view session, fence_number fence, store_handler done) {
    take("erase " + std::string(session) + " " + std::to_string(fence), std::move(done));
  }
  void take(std::string what, store_handler done) {
    asked.push_back(std::move(what));
    if (answers.empty()) return open.push_back(std::move(done));
    const result<void> outcome = answers.front();
    answers.pop_front();
    done(outcome);
  }
  /// Answers what it was asked first.
  void answer(const result<void>& outcome = {}) {
    REQUIRE_FALSE(open.empty());
    const store_handler done = std::move(open.front());
    open.pop_front();
    done(outcome);
  }
  std::string last() const { return asked.empty() ? "nothing" : asked.back(); }
};

using keeper_type = keeper<slow_store, testing::manual_scheduler>;

struct fixture : keeper_sink {
  explicit fixture(duration patience = 60s)
      : its(std::make_unique<keeper_type>(store, scheduler, "s", *this, patience)) {
    core_.keep_records();
  }

  testing::manual_scheduler scheduler;
  slow_store store;
  std::unique_ptr<keeper_type> its;
  std::vector<std::uint64_t> kept;
  std::vector<errc> not_kept, lost;
  std::function<void()> then;  // within each of the calls
  int done = 0;

  moment now() const { return {scheduler.now(), scheduler.wall_now()}; }
  session_core core_{"s", "e1", std::make_shared<const session_settings>(), now()};

  /// The session has made these records.
  void keep(const std::vector<std::string>& records) {
    for (const std::string& each : records) core_.book().add(each);
    its->keep(core_, now());
  }
  void leave(bool forever) {
    its->leave(forever, [this] { ++done; });
  }

  void on_kept(std::uint64_t count) override {
    kept.push_back(count);
    if (then) then();
  }
  void on_not_kept(const error& why) override {
    not_kept.push_back(why.code);
    if (then) then();
  }
  void on_lost(const error& why) override {
    lost.push_back(why.code);
    if (then) then();
  }
};

using texts = std::vector<std::string>;
using counts = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE_FIXTURE(fixture, "keeper: gives the store what it takes over, in its order") {
  keep({"a", "b"});
  REQUIRE(store.batches.size() == 1u);
  const store_batch& first = store.batches[0];
  CHECK(first.session == "s");
  CHECK(first.fence == 1u);
  CHECK(first.first == 0u);
  CHECK(first.records == texts{"a", "b"});
  CHECK_FALSE(first.replaces);
  CHECK(kept.empty());
  store.answer();
  CHECK(kept == counts{2});
  keep({"c"});
  REQUIRE(store.batches.size() == 2u);
  CHECK(store.batches[1].first == 2u);
  CHECK(store.batches[1].records == texts{"c"});
  store.answer();
  CHECK(kept == counts{2, 3});
}

TEST_CASE_FIXTURE(fixture, "keeper: one batch at a time, and all that comes meanwhile in the next") {
  keep({"a"});
  keep({"b"});
  keep({"c", "d"});
  CHECK(store.batches.size() == 1u);
  store.answer();
  CHECK(kept == counts{1});
  REQUIRE(store.batches.size() == 2u);
  CHECK(store.batches[1].first == 1u);
  CHECK(store.batches[1].records == texts{"b", "c", "d"});
  keep({"e"});
  CHECK(store.batches.size() == 2u);
  store.answer();
  CHECK(kept == counts{1, 4});
  CHECK(store.batches.at(2).first == 4u);
}

TEST_CASE_FIXTURE(fixture, "keeper: a store that answers at once, and a sink that makes more") {
  store.answers = {{}, {}, {}};
  then = [this] {
    if (core_.book().made() < 3) keep({"more"});
  };
  keep({"a"});
  CHECK(kept == counts{1, 2, 3});
  CHECK(store.batches.size() == 3u);
  CHECK(store.batches[2].first == 2u);
}

TEST_CASE_FIXTURE(fixture, "keeper: nothing to keep is not given to the store") {
  keep({});
  CHECK(store.batches.empty());
}

TEST_CASE_FIXTURE(fixture, "keeper: of a claimed session, goes on with its number and its fence") {
  its->begin_at(40, 3);
  core_.book().begin_at(1);
  keep({"a"});
  CHECK(store.batches.at(0).first == 40u);
  CHECK(store.batches.at(0).fence == 3u);
  store.answer();
  CHECK(kept == counts{2});
}

TEST_CASE_FIXTURE(fixture, "keeper: gives the same batch again, at first soon, then less often") {
  keep({"a", "b"});
  std::chrono::milliseconds pause = keeper_type::first_pause;
  for (std::size_t i = 1; i <= 9; ++i) {
    CAPTURE(i);
    store.answer(away);
    CHECK(not_kept.size() == i);
    keep({"later"});
    scheduler.advance(pause - 1ms);
    CHECK(store.batches.size() == i);
    scheduler.advance(1ms);
    REQUIRE(store.batches.size() == i + 1);
    CHECK(store.batches[i].records == texts{"a", "b"});
    CHECK(store.batches[i].first == 0u);
    pause = std::min<std::chrono::milliseconds>(2 * pause, keeper_type::longest_pause);
  }
  CHECK(pause == keeper_type::longest_pause);
  CHECK(kept.empty());
  CHECK(lost.empty());
  CHECK(not_kept.front() == errc::connection_failed);
  store.answer();
  CHECK(kept == counts{2});
  CHECK(store.batches.back().first == 2u);
  CHECK(store.batches.back().records.size() == 9u);
  store.answer(away);  // a new batch begins with the short pause
  const std::size_t before = store.batches.size();
  scheduler.advance(keeper_type::first_pause);
  CHECK(store.batches.size() == before + 1);
}

TEST_CASE("keeper: lost when the store was away for too long") {
  fixture talk(1s);
  talk.keep({"a"});
  while (talk.lost.empty()) {
    REQUIRE(talk.not_kept.size() < 20u);
    talk.store.answer(away);
    if (talk.lost.empty()) talk.scheduler.advance(100ms);
    while (talk.lost.empty() && talk.store.open.empty()) talk.scheduler.advance(100ms);
  }
  CHECK(talk.lost == std::vector<errc>{errc::connection_failed});
  CHECK(talk.scheduler.now() - fixture().scheduler.now() >= 1s);
  CHECK(talk.scheduler.now() - fixture().scheduler.now() <= 2s);
  const std::size_t before = talk.store.batches.size();
  talk.keep({"b"});
  talk.scheduler.advance(1h);
  CHECK(talk.store.batches.size() == before);
  CHECK(talk.kept.empty());
  CHECK(talk.lost.size() == 1u);
}

TEST_CASE("keeper: each batch has the whole patience") {
  fixture talk(1s);
  talk.keep({"a"});
  talk.scheduler.advance(900ms);
  talk.keep({"b"});
  talk.store.answer();
  talk.scheduler.advance(900ms);
  talk.store.answer(away);
  CHECK(talk.lost.empty());
  CHECK(talk.not_kept.size() == 1u);
}

TEST_CASE("keeper: lost at once when another process has the session, or it is not there") {
  for (const errc why : {errc::moved, errc::session_not_found}) {
    fixture talk;
    talk.keep({"a"});
    talk.keep({"b"});
    talk.store.answer(error(why));
    CHECK(talk.lost == std::vector<errc>{why});
    CHECK(talk.not_kept.empty());
    talk.scheduler.advance(1h);
    talk.keep({"c"});
    CHECK(talk.store.batches.size() == 1u);
    talk.leave(true);
    CHECK(talk.done == 1);
    CHECK(talk.store.asked.size() == 1u);
  }
}

TEST_CASE("keeper: a checkpoint takes the place of what was written, when that has become much") {
  core_fixture talk;
  talk.keep_records();
  testing::manual_scheduler scheduler;
  slow_store store;
  fixture told;
  keeper_type its(store, scheduler, talk.core.id(), told, 60s);
  std::size_t written = 0, at_last = 0, checkpoints = 0, whole = 0;
  std::uint64_t next = 0;
  std::vector<std::string> in_store;
  for (int i = 0; i < 3000; ++i) {
    talk.core.notify(std::string(1000, 'n'), {}, {}, false, talk.at);
    its.keep(talk.core, talk.at);
    REQUIRE(store.open.size() == 1u);
    const store_batch& batch = store.batches.back();
    CHECK(batch.first == next);
    next += batch.records.size();
    std::size_t bytes = 0;
    for (const std::string& each : batch.records) bytes += each.size();
    if (batch.replaces) {
      ++checkpoints;
      CHECK(written - at_last + whole >= keeper_type::checkpoint_bytes);
      CHECK(written - at_last >= whole);
      CHECK(batch.records.front().find(R"("kind":"session")") != std::string::npos);
      CHECK(batch.records == talk.core.checkpoint(talk.at));
      whole = bytes;
      at_last = written;
      in_store.clear();
    } else {
      written += bytes;
      CHECK(written - at_last <= std::max(keeper_type::checkpoint_bytes, 2 * whole) + 5000);
    }
    for (const std::string& each : batch.records) in_store.push_back(each);
    store.answer();
    CHECK(told.kept.back() == talk.core.book().made());
  }
  CHECK(checkpoints >= 2u);
  CHECK(checkpoints < 20u);
  session_core again(talk.core.id(), "e1", std::make_shared<const session_settings>(), talk.at);
  REQUIRE(again.restore(in_store, talk.at));
  CHECK(again.output().log().top() == 3000u);
}

TEST_CASE("keeper: a checkpoint replaces what waits, too, and is itself retried") {
  core_fixture talk;
  talk.keep_records();
  testing::manual_scheduler scheduler;
  slow_store store;
  fixture told;
  keeper_type its(store, scheduler, talk.core.id(), told, 60s);
  const auto say = [&](std::size_t bytes) {
    talk.core.notify(std::string(bytes, 'n'), {}, {}, false, talk.at);
    its.keep(talk.core, talk.at);
  };
  say(10);
  say(keeper_type::checkpoint_bytes);
  say(20);
  say(30);
  CHECK(store.batches.size() == 1u);
  store.answer();
  REQUIRE(store.batches.size() == 2u);
  const store_batch all = store.batches[1];
  CHECK(all.replaces);
  CHECK(all.first == 2u);
  // Header, the messages up to the third; the fourth came after it.
  CHECK(all.records.size() == 1u + 3u + 1u);
  store.answer(away);
  scheduler.advance(keeper_type::first_pause);
  CHECK(store.batches.at(2).replaces);
  CHECK(store.batches.at(2).records == all.records);
  store.answer();
  CHECK(told.kept.back() == talk.core.book().made());
  say(40);
  CHECK_FALSE(store.batches.back().replaces);
  CHECK(store.batches.back().first == 2u + all.records.size());
}

// ---- leaving

TEST_CASE("keeper: leaves a session that was never written at once") {
  for (const bool forever : {false, true}) {
    fixture talk;
    talk.leave(forever);
    CHECK(talk.done == 1);
    CHECK(talk.store.asked.empty());
  }
}

TEST_CASE("keeper: leaves when all is kept") {
  for (const bool forever : {false, true}) {
    fixture talk;
    talk.keep({"a"});
    talk.store.answer();
    talk.leave(forever);
    CHECK(talk.store.last() == (forever ? "erase s 1" : "release s 1"));
    CHECK(talk.done == 0);
    talk.store.answer();
    CHECK(talk.done == 1);
    CHECK(talk.scheduler.advance(1h) == 0u);
  }
}

TEST_CASE("keeper: lets go under the fence that it was given") {
  fixture talk;
  talk.its->begin_at(9, 4);
  talk.leave(false);
  CHECK(talk.store.last() == "release s 4");
}

TEST_CASE_FIXTURE(fixture, "keeper: lets go when the last of its records are kept, untold") {
  keep({"a"});
  keep({"b"});
  leave(false);
  CHECK(store.asked.size() == 1u);
  store.answer();
  CHECK(store.last() == "append");
  CHECK(store.batches.back().records == texts{"b"});
  CHECK(done == 0);
  store.answer();
  CHECK(store.last() == "release s 1");
  store.answer();
  CHECK(done == 1);
  CHECK(kept.empty());
}

TEST_CASE_FIXTURE(fixture, "keeper: what is over for ever is forgotten, whatever is on its way") {
  keep({"a"});
  keep({"b"});
  leave(true);
  CHECK(store.last() == "erase s 1");
  CHECK(done == 0);
  store.answer();  // the append
  CHECK(done == 0);
  CHECK(store.batches.size() == 1u);
  store.answer();
  CHECK(done == 1);
  CHECK(kept.empty());
  CHECK(scheduler.advance(1h) == 0u);
}

TEST_CASE("keeper: leaves while a batch waits to be tried again") {
  for (const bool forever : {false, true}) {
    CAPTURE(forever);
    fixture talk;
    talk.keep({"a"});
    talk.store.answer(away);
    talk.leave(forever);
    if (!forever) {
      CHECK(talk.store.asked.size() == 1u);
      talk.scheduler.advance(keeper_type::first_pause);
      CHECK(talk.store.last() == "append");
      talk.store.answer(away);
      talk.scheduler.advance(10s);
      talk.store.answer();
    }
    CHECK(talk.store.last() == (forever ? "erase s 1" : "release s 1"));
    CHECK(talk.done == 0);
    talk.store.answer();
    CHECK(talk.done == 1);
    CHECK(talk.not_kept.size() == 1u);
    CHECK(talk.scheduler.advance(1h) == 0u);
  }
}

TEST_CASE("keeper: has nothing to let go when its records are lost meanwhile") {
  fixture moved;
  moved.keep({"a"});
  moved.leave(false);
  moved.store.answer(error(errc::moved));
  CHECK(moved.done == 1);
  CHECK(moved.store.asked.size() == 1u);
  CHECK(moved.lost.empty());

  fixture tired(1s);
  tired.keep({"a"});
  tired.leave(false);
  tired.scheduler.advance(2s);
  tired.store.answer(away);
  CHECK(tired.done == 1);
  CHECK(tired.store.asked.size() == 1u);
}

TEST_CASE("keeper: a store that is away is told again that a session is over") {
  for (const bool forever : {false, true}) {
    fixture talk(1s);
    talk.keep({"a"});
    talk.store.answer();
    talk.leave(forever);
    talk.store.answer(away);
    CHECK(talk.done == 0);
    CHECK(talk.store.asked.size() == 2u);
    talk.scheduler.advance(keeper_type::first_pause);
    CHECK(talk.store.asked.size() == 3u);
    CHECK(talk.store.asked[1] == talk.store.asked[2]);
    talk.store.answer(away);
    talk.scheduler.advance(keeper_type::first_pause);
    CHECK(talk.store.asked.size() == 3u);
    talk.scheduler.advance(keeper_type::first_pause);
    CHECK(talk.store.asked.size() == 4u);
    talk.store.answer();
    CHECK(talk.done == 1);
  }
}

TEST_CASE("keeper: has the whole patience for that, also behind a batch that took its time") {
  fixture talk(1s);
  talk.keep({"a"});
  talk.leave(false);
  for (int i = 0; i < 3; ++i) {
    talk.store.answer(away);
    talk.scheduler.advance(400ms);
  }
  talk.store.answer();
  CHECK(talk.store.last() == "release s 1");
  talk.store.answer(away);
  CHECK(talk.done == 0);
  talk.scheduler.advance(keeper_type::first_pause);
  REQUIRE(talk.store.open.size() == 1u);
  talk.store.answer();
  CHECK(talk.done == 1);
}

TEST_CASE("keeper: is not told again what it cannot do, nor for ever") {
  fixture moved;
  moved.keep({"a"});
  moved.store.answer();
  moved.leave(true);
  moved.store.answer(error(errc::moved));
  CHECK(moved.done == 1);

  fixture tired(1s);
  tired.keep({"a"});
  tired.store.answer();
  tired.leave(true);
  for (int i = 0; i < 20 && tired.done == 0; ++i) {
    if (!tired.store.open.empty()) tired.store.answer(away);
    tired.scheduler.advance(100ms);
  }
  CHECK(tired.done == 1);
  CHECK(tired.scheduler.advance(1h) == 0u);
}

TEST_CASE("keeper: has left when it is gone, also when the store takes its time") {
  for (const bool forever : {false, true}) {
    fixture talk;
    talk.keep({"a"});
    talk.keep({"b"});
    talk.leave(forever);
    talk.its.reset();
    while (!talk.store.open.empty()) talk.store.answer();
    CHECK(talk.store.last() == (forever ? "erase s 1" : "release s 1"));
    CHECK(talk.done == 1);

    fixture retried;
    retried.keep({"a"});
    retried.store.answer();
    retried.leave(forever);
    retried.store.answer(away);
    retried.its.reset();
    retried.scheduler.advance(1s);
    CHECK(retried.store.asked.size() == 3u);
    retried.store.answer();
    CHECK(retried.done == 1);
  }
}

// ---- its end

TEST_CASE_FIXTURE(fixture, "keeper: tells nobody anything once it is gone") {
  keep({"a"});
  keep({"b"});
  its.reset();
  store.answer();
  CHECK(kept.empty());
  CHECK(store.batches.size() == 1u);

  its = std::make_unique<keeper_type>(store, scheduler, "s", *this, 60s);
  keep({"c"});
  store.answer(away);
  CHECK(not_kept.size() == 1u);
  its.reset();
  CHECK(scheduler.advance(1h) == 0u);
  CHECK(store.batches.size() == 2u);

  its = std::make_unique<keeper_type>(store, scheduler, "s", *this, 60s);
  keep({"d"});
  its.reset();
  store.answer(error(errc::moved));
  CHECK(lost.empty());
}

TEST_CASE("keeper: may be destroyed by what it tells") {
  struct way {
    result<void> outcome;
    std::size_t kept, not_kept, lost;
  };
  for (const bool at_once : {false, true}) {
    for (const way& each : {way{{}, 1, 0, 0}, way{away, 0, 1, 0}, way{error(errc::moved), 0, 0, 1}}) {
      fixture talk;
      talk.then = [&] { talk.its.reset(); };
      if (at_once) talk.store.answers = {each.outcome};
      for (const char* record : {"a", "b"}) talk.core_.book().add(record);
      talk.its->keep(talk.core_, talk.now());
      if (!at_once) {
        talk.core_.book().add("c");
        talk.its->keep(talk.core_, talk.now());
        talk.store.answer(each.outcome);
      }
      CHECK(talk.kept.size() == each.kept);
      CHECK(talk.not_kept.size() == each.not_kept);
      CHECK(talk.lost.size() == each.lost);
      CHECK(talk.its == nullptr);
      CHECK(talk.scheduler.advance(1h) == 0u);
      CHECK(talk.store.batches.size() == 1u);
    }
  }
}

// ---- who waits for it

namespace {

struct watched : fixture {
  explicit watched(duration patience = 60s) : fixture(patience) {}
  std::string told;

  void watch(std::uint64_t records) {
    its->when_kept(records, [this, records](bool is_kept) {
      told += std::to_string(records) + (is_kept ? " kept, " : " lost, ");
    });
  }
  void watch_end() {
    its->when_erased([this](bool erased) { told += erased ? "erased, " : "not erased, "; });
  }
  /// With the records up to now kept.
  void has_kept(const std::vector<std::string>& records) {
    keep(records);
    store.answer();
  }
};

}  // namespace

TEST_CASE_FIXTURE(watched, "keeper: tells when records are kept, not before, and not what is behind") {
  keep({"a"});
  keep({"b"});
  watch(1);
  watch(2);
  CHECK(told.empty());
  store.answer(away);
  CHECK(told.empty());
  scheduler.advance(keeper_type::first_pause);
  store.answer();
  CHECK(told == "1 kept, ");
  store.answer();
  CHECK(told == "1 kept, 2 kept, ");
  watch(2);
  CHECK(told == "1 kept, 2 kept, 2 kept, ");
}

TEST_CASE_FIXTURE(watched, "keeper: tells the sink first, which may have made more") {
  then = [&] {
    CHECK(told.empty());
    if (kept.size() > 1) return;
    keep({"b"});
    watch(2);
  };
  keep({"a"});
  watch(1);
  store.answers = {{}};  // for the second
  store.answer();
  CHECK(told == "1 kept, 2 kept, ");
  CHECK(kept == counts{1, 2});
}

TEST_CASE("keeper: tells when records are lost") {
  for (const errc why : {errc::moved, errc::session_not_found, errc::connection_failed}) {
    CAPTURE(to_string(why));
    watched talk(1s);
    talk.has_kept({"a"});
    talk.keep({"b"});
    talk.keep({"c"});
    talk.watch(2);
    talk.watch(3);
    if (why == errc::connection_failed) talk.scheduler.advance(1s);
    talk.store.answer(error(why));
    CHECK(talk.lost == std::vector<errc>{why});
    CHECK(talk.told == "2 lost, 3 lost, ");
    talk.watch(1);  // that was kept before
    talk.watch(3);
    CHECK(talk.told == "2 lost, 3 lost, 1 kept, 3 lost, ");
    talk.watch_end();
    talk.leave(true);
    CHECK(talk.told == "2 lost, 3 lost, 1 kept, 3 lost, not erased, ");
    CHECK(talk.done == 1);
  }
}

TEST_CASE_FIXTURE(watched, "keeper: tells also when it has left meanwhile") {
  keep({"a"});
  keep({"b"});
  watch(1);
  watch(2);
  watch_end();
  leave(false);
  its.reset();
  store.answer();
  CHECK(told == "1 kept, ");
  SUBCASE("kept") {
    store.answer();
    CHECK(told == "1 kept, 2 kept, ");
    CHECK(done == 0);
    store.answer();  // the release
    CHECK(told == "1 kept, 2 kept, not erased, ");
  }
  SUBCASE("lost") {
    store.answer(error(errc::moved));
    CHECK(told == "1 kept, not erased, 2 lost, ");
  }
  CHECK(done == 1);
}

TEST_CASE_FIXTURE(watched, "keeper: nobody waits for it when it goes without leaving") {
  keep({"a"});
  watch(1);
  watch_end();
  its.reset();
  CHECK(told == "1 lost, not erased, ");
  store.answer();
  CHECK(told == "1 lost, not erased, ");
}

TEST_CASE_FIXTURE(watched, "keeper: tells when the session is forgotten, before it is done with it") {
  has_kept({"a"});
  keep({"b"});
  watch(2);
  watch_end();
  leave(true);
  CHECK(told == "2 lost, ");
  store.answer();  // the append: it does not matter any more
  SUBCASE("at once") {
    store.answer();
    CHECK(told == "2 lost, erased, ");
  }
  SUBCASE("late") {
    store.answer(away);
    CHECK(told == "2 lost, ");
    scheduler.advance(keeper_type::first_pause);
    store.answer();
    CHECK(told == "2 lost, erased, ");
  }
  SUBCASE("by another server") {
    store.answer(error(errc::moved));
    CHECK(told == "2 lost, not erased, ");
  }
  SUBCASE("never") {
    scheduler.advance(60s);
    store.answer(away);
    CHECK(told == "2 lost, not erased, ");
  }
  CHECK(done == 1);
  CHECK(scheduler.advance(1h) == 0u);
}

TEST_CASE_FIXTURE(watched, "keeper: what was never stored need not be forgotten") {
  watch_end();
  leave(true);
  CHECK(told == "erased, ");
  CHECK(done == 1);
}
