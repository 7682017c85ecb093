// SPDX-License-Identifier: MIT
#include <agent_websocket/session/coalescer.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

using agent_websocket::testing::manual_scheduler;
using namespace std::chrono_literals;

namespace {

struct fake_session {
  std::function<void()> on_flush;
  void flush() { on_flush(); }
};
using coalescer = agent_websocket::coalescer<manual_scheduler, fake_session>;

struct fixture {
  manual_scheduler scheduler;
  coalescer wakes{scheduler};
  std::string flushed;

  std::shared_ptr<fake_session> session(const std::string& name) {
    return std::make_shared<fake_session>(fake_session{[this, name] { flushed += name; }});
  }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "coalescer: no timer while nobody waits") {
  CHECK_FALSE(scheduler.has_work());
  const auto a = session("a");
  wakes.wake(scheduler.now() + 20ms, a);
  CHECK(scheduler.pending_timers() == 1u);
  scheduler.advance(20ms);
  CHECK(flushed == "a");
  CHECK_FALSE(scheduler.has_work());
}

TEST_CASE_FIXTURE(fixture, "coalescer: wakes at the time, not before") {
  const auto a = session("a");
  wakes.wake(scheduler.now() + 20ms, a);
  scheduler.advance(20ms - 1ns);
  CHECK(flushed.empty());
  scheduler.advance(1ns);
  CHECK(flushed == "a");
  scheduler.advance(1s);
  CHECK(flushed == "a");
}

TEST_CASE_FIXTURE(fixture, "coalescer: one timer for all, each at its own time") {
  const auto a = session("a"), b = session("b"), c = session("c");
  wakes.wake(scheduler.now() + 20ms, a);
  scheduler.advance(5ms);
  wakes.wake(scheduler.now() + 20ms, b);
  wakes.wake(scheduler.now() + 20ms, c);
  CHECK(scheduler.pending_timers() == 1u);
  scheduler.advance(15ms);
  CHECK(flushed == "a");
  CHECK(scheduler.pending_timers() == 1u);
  scheduler.advance(5ms - 1ns);
  CHECK(flushed == "a");
  scheduler.advance(1ns);
  CHECK(flushed == "abc");
  CHECK_FALSE(scheduler.has_work());
}

TEST_CASE_FIXTURE(fixture, "coalescer: a session that is gone is passed over") {
  auto a = session("a");
  const auto b = session("b");
  wakes.wake(scheduler.now() + 20ms, a);
  wakes.wake(scheduler.now() + 20ms, b);
  a.reset();
  scheduler.advance(20ms);
  CHECK(flushed == "b");
}

TEST_CASE_FIXTURE(fixture, "coalescer: keeps no session alive") {
  auto a = session("a");
  const std::weak_ptr<fake_session> watch = a;
  wakes.wake(scheduler.now() + 20ms, a);
  a.reset();
  CHECK(watch.expired());
}

TEST_CASE_FIXTURE(fixture, "coalescer: a session may ask again while it is woken") {
  const auto a = session("a"), b = session("b");
  a->on_flush = [&] {
    flushed += "a";
    if (flushed.size() < 5) wakes.wake(scheduler.now() + 20ms, a);
  };
  wakes.wake(scheduler.now() + 20ms, a);
  wakes.wake(scheduler.now() + 20ms, b);
  scheduler.advance(20ms);
  CHECK(flushed == "ab");
  scheduler.advance(20ms);
  CHECK(flushed == "aba");
  scheduler.advance(1s);
  CHECK(flushed == "abaaa");
  CHECK_FALSE(scheduler.has_work());
}

TEST_CASE_FIXTURE(fixture, "coalescer: asked for a time that is over, wakes soon and not at once") {
  const auto a = session("a");
  wakes.wake(scheduler.now() - 1s, a);
  CHECK(flushed.empty());
  scheduler.run();
  CHECK(flushed == "a");
}

TEST_CASE_FIXTURE(fixture, "coalescer: asking again and again for now does not starve others") {
  const auto a = session("a"), b = session("b");
  int left = 50;
  a->on_flush = [&] {
    if (--left > 0) wakes.wake(scheduler.now(), a);
  };
  wakes.wake(scheduler.now(), a);
  wakes.wake(scheduler.now(), b);
  scheduler.run();
  CHECK(flushed == "b");
  CHECK(left == 0);
}

TEST_CASE_FIXTURE(fixture, "coalescer: a shorter window waits behind a longer one, and is woken") {
  const auto slow = session("s"), quick = session("q");
  wakes.wake(scheduler.now() + 50ms, slow);
  wakes.wake(scheduler.now() + 10ms, quick);
  scheduler.advance(50ms);
  CHECK(flushed == "sq");
}

TEST_CASE("coalescer: leaves no timer behind") {
  manual_scheduler scheduler;
  const auto never = std::make_shared<fake_session>(fake_session{[] { FAIL("woken by nobody"); }});
  {
    coalescer wakes(scheduler);
    wakes.wake(scheduler.now() + 20ms, never);
    CHECK(scheduler.pending_timers() == 1u);
  }
  CHECK_FALSE(scheduler.has_work());
  scheduler.advance(1s);
}
