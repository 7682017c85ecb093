// SPDX-License-Identifier: MIT
#include <agent_websocket/host/worker_pool.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;
using kind = pool_action::kind;

namespace {

/// A pool, a clock that is moved by hand, and the actions as one line.
struct bench {
  worker_pool_settings settings;
  worker_pool pool;
  worker_pool::time_point now{};

  explicit bench(unsigned workers, unsigned most_failures = 8)
      : settings(make(workers, most_failures)), pool(settings) {
    pool.begin(now);
  }
  static worker_pool_settings make(unsigned workers, unsigned most_failures) {
    worker_pool_settings made;
    made.workers = workers;
    made.most_failures = most_failures;
    return made;
  }

  /// "start 1/1 all-ready drain 1": with id and slot, and the code at the end.
  std::string acts() {
    std::string line;
    for (const pool_action& each : pool.take_actions()) {
      if (!line.empty()) line += ' ';
      switch (each.what) {
        case kind::start:
          line += std::string(each.again ? "again " : "start ") + std::to_string(each.id) + '/' +
                  std::to_string(each.slot);
          break;
        case kind::drain: line += "drain " + std::to_string(each.id); break;
        case kind::kill: line += "kill " + std::to_string(each.id); break;
        case kind::all_ready: line += "all-ready"; break;
        case kind::release: line += "release"; break;
        case kind::failure: line += "failure"; break;
        case kind::restarted: line += "restarted"; break;
        case kind::finish: line += "finish " + std::to_string(each.code); break;
      }
    }
    return line;
  }
  std::string ready(unsigned id) {
    pool.on_ready(id, now);
    return acts();
  }
  std::string end(unsigned id, worker_end how = {}) {
    pool.on_end(id, how, now);
    return acts();
  }
  std::string stop() {
    pool.on_stop(now);
    return acts();
  }
  std::string restart() {
    pool.on_restart(now);
    return acts();
  }
  std::string wait(worker_pool::milliseconds time) {
    now += time;
    pool.on_time(now);
    return acts();
  }
  /// To the next deadline, which has to be that far away.
  std::string wait_exactly(worker_pool::milliseconds time) {
    REQUIRE(pool.deadline());
    CHECK(*pool.deadline() - now == time);
    CHECK(wait(time - 1ms) == "");
    return wait(1ms);
  }
};

constexpr worker_end crash{0, 11};
constexpr worker_end wrong{2, 0};

/// Three that are ready.
struct running : bench {
  explicit running(unsigned most_failures = 8) : bench(3, most_failures) {
    acts();
    ready(1);
    ready(2);
    ready(3);
  }
};

}  // namespace

TEST_CASE("worker pool: all are started at once, and that all are ready is told once") {
  bench b(3);
  CHECK(b.acts() == "start 1/1 start 2/2 start 3/3");
  CHECK(b.ready(3) == "");
  CHECK(b.ready(1) == "");
  CHECK(b.ready(1) == "");
  CHECK(b.ready(2) == "all-ready");
  CHECK(b.ready(2) == "");
  CHECK_FALSE(b.pool.deadline());
  CHECK(b.end(1, crash) == "");
  CHECK(b.wait(100ms) == "again 4/1");
  CHECK(b.ready(4) == "");
}

TEST_CASE("worker pool: who keeps dying is started later each time, up to a limit") {
  running b;
  unsigned id = 1;
  CHECK(b.end(id, crash) == "");
  for (const auto wait : {100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5000ms, 5000ms, 5000ms}) {
    id = id == 1 ? 4 : id + 1;
    CHECK(b.wait_exactly(wait) == "again " + std::to_string(id) + "/1");
    if (id % 2 == 0) b.ready(id);  // whether it had begun to listen or not
    CHECK(b.end(id, crash) == "");
  }
  // One that held for a while is forgiven.
  ++id;
  CHECK(b.wait_exactly(5000ms) == "again " + std::to_string(id) + "/1");
  b.ready(id);
  b.wait(b.settings.stable_time);
  CHECK(b.end(id, crash) == "");
  CHECK(b.wait_exactly(100ms) == "again " + std::to_string(id + 1) + "/1");
}

TEST_CASE("worker pool: the end of one does not put off the start of another") {
  running b;
  b.end(1, crash);
  CHECK(b.wait(50ms) == "");
  b.end(2, crash);
  CHECK(b.wait(50ms) == "again 4/1");
  CHECK(b.wait(50ms) == "again 5/2");
}

TEST_CASE("worker pool: a worker that just ends, code 0, is started again as well") {
  running b;
  CHECK(b.end(2) == "");
  CHECK(b.wait_exactly(100ms) == "again 4/2");
}

TEST_CASE("worker pool: at the start bad configuration ends all at once, with its code") {
  bench b(3);
  b.acts();
  CHECK(b.ready(1) == "");
  CHECK(b.end(2, wrong) == "failure release drain 1 drain 3");
  CHECK(b.end(3, {0, 15}) == "");
  CHECK(b.end(1) == "finish 2");
  CHECK_FALSE(b.pool.deadline());
}

TEST_CASE("worker pool: at the start, when each has failed, there is no second try") {
  bench b(3);
  b.acts();
  CHECK(b.end(1, crash) == "");
  CHECK(b.end(2, crash) == "");
  SUBCASE("all of them") { CHECK(b.end(3, crash) == "failure release finish 1"); }
  SUBCASE("with a code of their own") { CHECK(b.end(3, {7, 0}) == "failure release finish 7"); }
  SUBCASE("a single one that is ready is reason to go on, though each has failed") {
    b.ready(3);
    CHECK(b.end(3, crash) == "");
    CHECK(b.wait(100ms) == "again 4/1 again 5/2 again 6/3");
    b.ready(6);
    CHECK(b.end(4, crash) == "");
    CHECK(b.wait(200ms) == "again 7/1");
  }
  SUBCASE("a single one that is ready is reason to go on") {
    CHECK(b.ready(3) == "");
    CHECK(b.wait(100ms) == "again 4/1 again 5/2");
    CHECK(b.end(4, crash) == "");
    CHECK(b.end(5, crash) == "");
    CHECK(b.wait(200ms) == "again 6/1 again 7/2");
    b.ready(6);
    CHECK(b.ready(7) == "all-ready");
  }
}

TEST_CASE("worker pool: later all is given up when nobody comes back for long") {
  running b(3);
  for (unsigned id = 1; id <= 3; ++id) CHECK(b.end(id, crash) == "");
  CHECK(b.wait(100ms) == "again 4/1 again 5/2 again 6/3");
  for (unsigned id = 4; id <= 6; ++id) CHECK(b.end(id, crash) == "");
  CHECK(b.wait(200ms) == "again 7/1 again 8/2 again 9/3");
  CHECK(b.end(7, crash) == "");
  CHECK(b.end(8, crash) == "");
  SUBCASE("nobody") { CHECK(b.end(9, {3, 0}) == "failure release finish 3"); }
  SUBCASE("somebody") {
    b.ready(9);
    CHECK(b.wait(400ms) == "again 10/1 again 11/2");
  }
}

TEST_CASE("worker pool: stops in order") {
  running b;
  CHECK(b.stop() == "release drain 1 drain 2 drain 3");
  CHECK(b.pool.is_to_end(1));
  CHECK(b.pool.stopping());
  CHECK(b.end(2) == "");
  CHECK(b.end(1) == "");
  SUBCASE("all end well") { CHECK(b.end(3) == "finish 0"); }
  SUBCASE("one did not know the signal yet") { CHECK(b.end(3, {0, 15}) == "finish 0"); }
  SUBCASE("one ends badly") { CHECK(b.end(3, crash) == "finish 1"); }
  SUBCASE("one does not end") {
    CHECK(b.wait_exactly(b.settings.end_timeout) == "failure kill 3");
    CHECK_FALSE(b.pool.deadline());
    CHECK(b.end(3, {0, 9}) == "finish 1");
  }
  SUBCASE("a second wish kills") {
    CHECK(b.stop() == "kill 3");
    CHECK(b.stop() == "");
    CHECK(b.end(3, {0, 9}) == "finish 1");
  }
  SUBCASE("a wish for a restart is not heard any more") {
    CHECK(b.restart() == "");
    CHECK(b.end(3) == "finish 0");
  }
}

TEST_CASE("worker pool: stops before all are ready, and while one waits for its next try") {
  bench b(2);
  b.acts();
  b.ready(1);
  b.end(2, crash);
  CHECK(b.stop() == "release drain 1");
  CHECK(b.end(1) == "finish 0");
  CHECK(b.wait(10s) == "");
}

TEST_CASE("worker pool: rolling restart: nobody ends before the successor is ready") {
  running b;
  CHECK(b.restart() == "again 4/1");
  CHECK(b.wait(1s) == "");
  CHECK(b.ready(4) == "drain 1");
  CHECK(b.wait(1s) == "");
  CHECK(b.end(1) == "again 5/2");
  CHECK(b.ready(5) == "drain 2");
  CHECK(b.end(2) == "again 6/3");
  CHECK(b.ready(6) == "drain 3");
  CHECK(b.end(3) == "restarted");
  CHECK_FALSE(b.pool.deadline());
  // Those that ended as they were told have not failed.
  CHECK(b.end(4, crash) == "");
  CHECK(b.wait_exactly(100ms) == "again 7/1");
}

TEST_CASE("worker pool: rolling restart: another wish meanwhile is carried out after it") {
  bench b(1);
  b.acts();
  b.ready(1);
  CHECK(b.restart() == "again 2/1");
  CHECK(b.restart() == "");
  CHECK(b.restart() == "");
  CHECK(b.ready(2) == "drain 1");
  CHECK(b.end(1) == "restarted again 3/1");
  CHECK(b.ready(3) == "drain 2");
  CHECK(b.end(2) == "restarted");
}

TEST_CASE("worker pool: rolling restart: a successor that fails leaves all as it was") {
  running b;
  CHECK(b.restart() == "again 4/1");
  CHECK(b.ready(4) == "drain 1");
  CHECK(b.end(1) == "again 5/2");
  SUBCASE("it ends") { CHECK(b.end(5, wrong) == "failure"); }
  SUBCASE("it hangs") {
    CHECK(b.wait_exactly(b.settings.start_timeout) == "failure kill 5");
    CHECK(b.end(5, {0, 9}) == "failure");
  }
  CHECK_FALSE(b.pool.deadline());
  CHECK(b.restart() == "again 6/1");  // and another wish begins anew
}

TEST_CASE("worker pool: rolling restart: a predecessor that dies or hangs does not hold it up") {
  running b;
  CHECK(b.restart() == "again 4/1");
  SUBCASE("it dies before") {
    CHECK(b.end(1, crash) == "");
    CHECK_FALSE(b.pool.is_to_end(4));
    CHECK(b.ready(4) == "again 5/2");
  }
  SUBCASE("both die") {
    CHECK(b.end(1, crash) == "");
    CHECK(b.end(4, crash) == "failure");
    CHECK(b.wait_exactly(200ms) == "again 5/1");
  }
  SUBCASE("it hangs") {
    CHECK(b.ready(4) == "drain 1");
    CHECK(b.wait_exactly(b.settings.end_timeout) == "failure kill 1");
    CHECK(b.end(1, {0, 9}) == "again 5/2");
  }
  SUBCASE("the successor dies while it drains") {
    CHECK(b.ready(4) == "drain 1");
    CHECK(b.end(4, crash) == "failure");
    CHECK(b.wait(100ms) == "again 5/1");
    CHECK(b.restart() == "");  // first what has been begun
    CHECK(b.ready(5) == "");
    CHECK(b.end(1) == "again 6/1");
  }
}

TEST_CASE("worker pool: rolling restart: helps a worker that keeps dying at once") {
  running b;
  b.end(1, crash);
  CHECK(b.restart() == "again 4/1");
  CHECK(b.ready(4) == "again 5/2");
}

TEST_CASE("worker pool: rolling restart: waits for one that is just being started") {
  running b;
  b.end(1, crash);
  CHECK(b.wait(100ms) == "again 4/1");
  CHECK(b.restart() == "");
  CHECK(b.ready(4) == "again 5/1");  // the former may not have seen what is new
  CHECK(b.ready(5) == "drain 4");
}

TEST_CASE("worker pool: rolling restart: a stop meanwhile tells each one once") {
  running b;
  b.restart();
  CHECK(b.ready(4) == "drain 1");
  b.wait(1s);
  CHECK(b.stop() == "release drain 2 drain 3 drain 4");
  CHECK(*b.pool.deadline() - b.now == b.settings.end_timeout - 1s);
}

TEST_CASE("worker pool: rolling restart: ends with a stop") {
  running b;
  CHECK(b.restart() == "again 4/1");
  CHECK(b.stop() == "release drain 1 drain 2 drain 3 drain 4");
  CHECK(b.end(4, {0, 15}) == "");
  CHECK(b.end(1) == "");
  CHECK(b.end(2) == "");
  CHECK(b.end(3) == "finish 0");
}

TEST_CASE("worker pool: one that is never ready is killed and started again") {
  running b;
  b.end(1, crash);
  CHECK(b.wait(100ms) == "again 4/1");
  CHECK(b.wait_exactly(b.settings.start_timeout) == "failure kill 4");
  CHECK(b.pool.is_to_end(4));
  CHECK(b.ready(4) == "");  // too late
  CHECK(b.end(4, {0, 9}) == "");
  CHECK(b.wait_exactly(200ms) == "again 5/1");
}

TEST_CASE("worker pool: what nobody knows is passed over") {
  running b;
  CHECK(b.end(99, crash) == "");
  CHECK(b.ready(99) == "");
  CHECK_FALSE(b.pool.is_to_end(99));
}

TEST_CASE("worker pool: whatever happens, no place is taken twice and a restart ends nobody early") {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto workers = static_cast<unsigned>(1 + random() % 4);
    bench b(workers);
    struct process {
      unsigned id, place;
      bool ready = false, told = false;
    };
    std::vector<process> alive;
    bool finished = false;
    bool stopped = false;
    const auto carry_out = [&] {
      for (const pool_action& each : b.pool.take_actions()) {
        REQUIRE_FALSE(finished);
        if (each.what == kind::start) {
          REQUIRE_FALSE(stopped);
          REQUIRE(each.place < worker_pool::places(workers));
          for (const process& other : alive) REQUIRE(other.place != each.place);
          alive.push_back({each.id, each.place});
        } else if (each.what == kind::drain || each.what == kind::kill) {
          std::size_t others = 0;
          bool found = false;
          for (process& other : alive) {
            if (other.id == each.id) found = other.told = true;
            if (other.ready && !other.told) ++others;
          }
          REQUIRE(found);
          // A drain outside a stop leaves at least one that is ready.
          if (each.what == kind::drain && !stopped) REQUIRE(others >= 1);
        } else if (each.what == kind::release) {
          stopped = true;
        } else if (each.what == kind::finish) {
          REQUIRE(alive.empty());
          finished = true;
        }
      }
    };
    carry_out();
    for (int step = 0; step < 300 && !finished; ++step) {
      const auto what = random() % 12;
      if (what < 4 && !alive.empty()) {
        process& one = alive[random() % alive.size()];
        one.ready = true;
        b.pool.on_ready(one.id, b.now);
      } else if (what < 7 && !alive.empty()) {
        const std::size_t at = random() % alive.size();
        const unsigned id = alive[at].id;
        alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(at));
        b.pool.on_end(id, {static_cast<int>(random() % 2), 0}, b.now);
      } else if (what < 8) {
        b.pool.on_restart(b.now);
      } else if (what < 9 && step > 250) {
        b.pool.on_stop(b.now);
      } else {
        b.now += std::chrono::milliseconds(random() % 6000);
        b.pool.on_time(b.now);
      }
      carry_out();
    }
    if (!finished) b.pool.on_stop(b.now);
    carry_out();
    while (!alive.empty()) {
      const unsigned id = alive.back().id;
      alive.pop_back();
      b.pool.on_end(id, {}, b.now);
      carry_out();
    }
    CHECK(finished);
  }
}
