// SPDX-License-Identifier: MIT
#include <agent_websocket/server/session_list.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::duration;
using agent_websocket::time_point;
using namespace std::chrono_literals;

namespace {

class fake_session {
 public:
  struct fake_core {
    bool is_busy = false;
    time_point active{};
    bool busy() const { return is_busy; }
    time_point last_activity() const { return active; }
  };

  explicit fake_session(std::string id) : id_(std::move(id)) {}
  const std::string& id() const { return id_; }
  fake_core& core() { return core_; }

 private:
  std::string id_;
  fake_core core_;
};

using session_list = agent_websocket::session_list<fake_session>;

struct fixture {
  session_list sessions;
  time_point start{24h};
  std::string expired, interrupted, forgotten;

  explicit fixture(session_list::limits allowed = {30min, 120s, 300s, 1000}) : sessions(allowed) {}

  fake_session& add(const std::string& id, time_point at) {
    auto made = std::make_shared<fake_session>(id);
    made->core().active = at;
    sessions.add(made, at);
    return *made;
  }
  void sweep_inactive(time_point at) {
    expired.clear();
    sessions.sweep_inactive(at, [this](fake_session& each) { expired += each.id() + " "; });
  }
  void sweep(time_point at) {
    interrupted.clear();
    forgotten.clear();
    sessions.sweep_detached(
        at, [this](fake_session& each) { interrupted += each.id() + " "; },
        [this](fake_session& each) {
          CHECK(sessions.find(each.id()) == nullptr);
          forgotten += each.id() + " ";
        });
  }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "session_list: finds sessions by id") {
  CHECK(sessions.empty());
  fake_session& first = add("s1", start);
  fake_session& second = add("s2", start);
  CHECK(sessions.size() == 2u);
  CHECK(sessions.find("s1").get() == &first);
  CHECK(sessions.find("s2").get() == &second);
  CHECK(sessions.find("s3") == nullptr);
  CHECK(sessions.find("") == nullptr);
  CHECK(sessions.all().size() == 2u);
  CHECK(sessions.erase(first));
  CHECK(sessions.find("s1") == nullptr);
  CHECK(sessions.size() == 1u);
  CHECK(sessions.erase(second));
  CHECK(sessions.empty());
  CHECK(sessions.all().empty());
}

TEST_CASE_FIXTURE(fixture, "session_list: keeps sessions alive only until they are erased") {
  add("s1", start);
  const std::weak_ptr<fake_session> watch = sessions.find("s1");
  CHECK_FALSE(watch.expired());
  sessions.erase(*watch.lock());
  CHECK(watch.expired());
}

TEST_CASE_FIXTURE(fixture, "session_list: what is not there changes nothing") {
  fake_session stranger("x");
  CHECK_FALSE(sessions.erase(stranger));
  sessions.detached(stranger, start);
  sessions.attached(stranger, start);
  CHECK(sessions.empty());
  CHECK_FALSE(sessions.next_detached().has_value());
  sweep(start + 1h);
  sweep_inactive(start + 1h);
  CHECK(forgotten.empty());
  CHECK(expired.empty());
}

// ---- with a socket

TEST_CASE_FIXTURE(fixture, "session_list: sessions without activity expire") {
  add("s1", start);
  fake_session& second = add("s2", start + 1min);
  sweep_inactive(start + 30min - 1ms);
  CHECK(expired.empty());
  sweep_inactive(start + 30min);
  CHECK(expired == "s1 ");
  sessions.erase(*sessions.find("s1"));
  second.core().active = start + 20min;
  sweep_inactive(start + 31min);
  CHECK(expired.empty());
  sweep_inactive(start + 50min - 1ms);
  CHECK(expired.empty());
  sweep_inactive(start + 50min);
  CHECK(expired == "s2 ");
}

TEST_CASE_FIXTURE(fixture, "session_list: a busy session is not inactive") {
  fake_session& only = add("s1", start);
  only.core().is_busy = true;
  sweep_inactive(start + 2h);
  CHECK(expired.empty());
  only.core().is_busy = false;
  only.core().active = start + 150min;
  sweep_inactive(start + 3h - 1ms);
  CHECK(expired.empty());
  sweep_inactive(start + 3h);
  CHECK(expired == "s1 ");
}

TEST_CASE_FIXTURE(fixture, "session_list: inactivity is of sessions with a socket only") {
  fake_session& only = add("s1", start);
  sessions.detached(only, start + 1min);
  sweep_inactive(start + 10h);
  CHECK(expired.empty());
  sessions.attached(only, start + 10h);
  sweep_inactive(start + 10h + 30min - 1ms);
  CHECK(expired.empty());  // its client has just come back
  sweep_inactive(start + 10h + 30min);
  CHECK(expired == "s1 ");
}

TEST_CASE_FIXTURE(fixture,
                  "session_list: one that expired may be erased on the spot, with others") {
  for (const char* each : {"s1", "s2", "s3"}) add(each, start);
  int told = 0;
  sessions.sweep_inactive(start + 30min, [&](fake_session& each) {
    ++told;
    CHECK(each.id().size() == 2u);
    for (const auto& other : sessions.all()) sessions.erase(*other);
  });
  CHECK(told == 3);
  CHECK(sessions.empty());
}

// ---- without a socket

TEST_CASE_FIXTURE(fixture, "session_list: first the grace of the answer ends, then the wait") {
  fake_session& only = add("s1", start);
  CHECK_FALSE(sessions.next_detached().has_value());
  sessions.detached(only, start);
  CHECK(sessions.next_detached() == start + 120s);
  sweep(start + 120s - 1ms);
  CHECK(interrupted.empty());
  sweep(start + 120s);
  CHECK(interrupted == "s1 ");
  CHECK(forgotten.empty());
  CHECK(sessions.find("s1") != nullptr);
  CHECK(sessions.next_detached() == start + 300s);
  sweep(start + 300s - 1ms);
  CHECK(interrupted.empty());  // once
  CHECK(forgotten.empty());
  sweep(start + 300s);
  CHECK(forgotten == "s1 ");
  CHECK(sessions.empty());
  CHECK_FALSE(sessions.next_detached().has_value());
}

TEST_CASE_FIXTURE(fixture,
                  "session_list: the wait is counted from the going, however late we look") {
  sessions.detached(add("s1", start), start);
  sweep(start + 299s);
  CHECK(interrupted == "s1 ");
  CHECK(sessions.next_detached() == start + 300s);
  sweep(start + 300s);
  CHECK(forgotten == "s1 ");
  sessions.detached(add("s2", start), start);
  sweep(start + 1h);
  CHECK(interrupted == "s2 ");  // its answer ends before it does
  CHECK(forgotten == "s2 ");
}

TEST_CASE_FIXTURE(fixture, "session_list: who comes back stops both clocks") {
  fake_session& only = add("s1", start);
  sessions.detached(only, start);
  sessions.attached(only, start + 60s);
  CHECK_FALSE(sessions.next_detached().has_value());
  sweep(start + 1h);
  CHECK(interrupted.empty());
  CHECK(forgotten.empty());
  sessions.detached(only, start + 1h);
  CHECK(sessions.next_detached() == start + 1h + 120s);
  sweep(start + 1h + 200s);
  CHECK(interrupted == "s1 ");
  sessions.attached(only, start + 1h + 250s);
  CHECK_FALSE(sessions.next_detached().has_value());
  sweep(start + 3h);
  CHECK(forgotten.empty());
  CHECK(sessions.size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "session_list: a second going begins the wait anew") {
  fake_session& only = add("s1", start);
  sessions.detached(only, start);
  sessions.detached(only, start + 100s);
  CHECK(sessions.next_detached() == start + 220s);
}

TEST_CASE("session_list: with no grace an answer ends at once, the session waits") {
  fixture f({30min, 0s, 300s, 1000});
  f.sessions.detached(f.add("s1", f.start), f.start);
  CHECK(f.sessions.next_detached() == f.start);
  f.sweep(f.start);
  CHECK(f.interrupted == "s1 ");
  CHECK(f.forgotten.empty());
  CHECK(f.sessions.next_detached() == f.start + 300s);
}

TEST_CASE("session_list: with no window a session is forgotten at once, its answer with it") {
  fixture f({30min, 120s, 0s, 1000});
  f.sessions.detached(f.add("s1", f.start), f.start);
  CHECK(f.sessions.next_detached() == f.start);
  f.sweep(f.start);
  CHECK(f.forgotten == "s1 ");
  CHECK(f.sessions.empty());
}

TEST_CASE("session_list: a grace longer than the window is cut by it") {
  fixture f({30min, 600s, 300s, 1000});
  f.sessions.detached(f.add("s1", f.start), f.start);
  CHECK(f.sessions.next_detached() == f.start + 300s);
  f.sweep(f.start + 300s);
  CHECK(f.forgotten == "s1 ");
}

TEST_CASE("session_list: with a grace without end nobody is interrupted") {
  fixture f({30min, -1ms, 300s, 1000});
  fake_session& busy = f.add("busy", f.start);
  fake_session& idle = f.add("idle", f.start);
  busy.core().is_busy = true;
  f.sessions.detached(busy, f.start);
  f.sessions.detached(idle, f.start);
  CHECK(f.sessions.next_detached() == f.start + 300s);
  f.sweep(f.start + 300s);
  CHECK(f.interrupted.empty());
  CHECK(f.forgotten == "idle ");
  time_point now = f.start + 300s;
  for (int look = 0; look < 50; ++look) {
    const auto next = f.sessions.next_detached();
    REQUIRE(next.has_value());
    REQUIRE(*next > now);  // no busy waiting
    now = *next;
    f.sweep(now);
    REQUIRE(f.forgotten.empty());
    REQUIRE(f.interrupted.empty());
  }
  busy.core().is_busy = false;
  const auto next = f.sessions.next_detached();
  REQUIRE(next.has_value());
  CHECK(*next <= now + 300s);
  f.sweep(*next);
  CHECK(f.forgotten == "busy ");
}

TEST_CASE("session_list: a grace without end, no window: looked at, but not all the time") {
  fixture f({30min, -1ms, 0s, 1000});
  fake_session& busy = f.add("busy", f.start);
  busy.core().is_busy = true;
  f.sessions.detached(busy, f.start);
  f.sweep(f.start);
  CHECK(f.forgotten.empty());
  const auto next = f.sessions.next_detached();
  REQUIRE(next.has_value());
  CHECK(*next >= f.start + 100ms);
  CHECK(*next <= f.start + 10s);
  busy.core().is_busy = false;
  f.sweep(*next);
  CHECK(f.forgotten == "busy ");
}

TEST_CASE("session_list: of those who wait the oldest go when they are too many") {
  fixture f({30min, 120s, 300s, 2});
  for (int i = 1; i <= 4; ++i)
    f.sessions.detached(f.add("s" + std::to_string(i), f.start), f.start + i * 10s);
  f.add("here", f.start);  // with a socket: does not count
  f.sweep(f.start + 40s);
  CHECK(f.forgotten == "s1 s2 ");
  CHECK(f.sessions.size() == 3u);
  f.sweep(f.start + 140s);  // s3 and s4 wait without grace or with little
  CHECK(f.forgotten.empty());
  f.sessions.detached(*f.sessions.find("here"), f.start + 140s);
  f.sweep(f.start + 140s);
  CHECK(f.forgotten == "s3 ");
}

TEST_CASE("session_list: too many by nobody who has come back") {
  fixture f({30min, 120s, 300s, 1});
  fake_session& first = f.add("s1", f.start);
  f.sessions.detached(first, f.start);
  f.sessions.attached(first, f.start + 1s);
  f.sessions.detached(f.add("s2", f.start), f.start + 1s);
  f.sweep(f.start + 1s);
  CHECK(f.forgotten.empty());
}

TEST_CASE("session_list: with room for none nobody waits") {
  fixture f({30min, 120s, 300s, 0});
  f.sessions.detached(f.add("s1", f.start), f.start);
  f.sweep(f.start);
  CHECK(f.forgotten == "s1 ");
  fixture endless({30min, -1ms, 300s, 0});
  fake_session& busy = endless.add("busy", endless.start);
  busy.core().is_busy = true;
  endless.sessions.detached(busy, endless.start);
  endless.sweep(endless.start);
  CHECK(endless.forgotten == "busy ");
}

TEST_CASE_FIXTURE(fixture, "session_list: what is done with one may erase any") {
  for (const char* each : {"s1", "s2", "s3"}) sessions.detached(add(each, start), start);
  int told = 0;
  const auto erase_all = [&](fake_session& each) {
    ++told;
    CHECK(each.id().size() == 2u);
    for (const auto& other : sessions.all()) sessions.erase(*other);
  };
  sessions.sweep_detached(start + 120s, erase_all, erase_all);
  CHECK(told == 3);
  CHECK(sessions.empty());
  CHECK_FALSE(sessions.next_detached().has_value());
}

TEST_CASE("session_list: agrees with a plain model, whatever happens") {
  struct entry {
    bool attached = true;
    bool told_of_grace = false;
    time_point since;
  };
  std::size_t interrupted = 0, forgotten = 0, crowded_out = 0;
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const duration grace = std::chrono::seconds(random() % 5 * 60), window = 300s;
    const std::size_t room = 3 + random() % 20;
    fixture real({30min, grace, window, room});
    std::map<std::string, entry> model;
    time_point now = real.start;
    int last = 0;
    for (int step = 0; step < 800; ++step) {
      now += std::chrono::milliseconds(random() % 20'000 + 1);
      const std::uint32_t what = static_cast<std::uint32_t>(random()) % 8;
      const std::string some = "s" + std::to_string(last == 0 ? 1 : 1 + random() % unsigned(last));
      const auto found = real.sessions.find(some);
      REQUIRE((found != nullptr) == (model.count(some) == 1));
      if (what < 2) {
        const std::string id = "s" + std::to_string(++last);
        real.add(id, now);
        model[id] = {true, false, now};
      } else if (what < 5 && found != nullptr) {
        real.sessions.detached(*found, now);
        model[some] = {false, false, now};
      } else if (what == 5 && found != nullptr) {
        real.sessions.attached(*found, now);
        model[some] = {true, false, now};
      } else if (what == 6 && found != nullptr && random() % 4 == 0) {
        CHECK(real.sessions.erase(*found));
        model.erase(some);
      } else {
        real.sweep(now);
        std::vector<std::pair<time_point, std::string>> waiting;
        for (auto& each : model) {
          entry& of = each.second;
          if (of.attached) continue;
          waiting.emplace_back(of.since, each.first);
          const bool due = !of.told_of_grace && of.since + grace <= now;
          REQUIRE(((" " + real.interrupted).find(" " + each.first + " ") != std::string::npos) ==
                  due);
          of.told_of_grace = of.told_of_grace || due;
          interrupted += due ? 1u : 0u;
        }
        std::sort(waiting.begin(), waiting.end());
        const std::size_t too_many = waiting.size() > room ? waiting.size() - room : 0;
        for (std::size_t i = 0; i < waiting.size(); ++i) {
          const bool over = waiting[i].first + window <= now;
          const bool gone = i < too_many || over;
          REQUIRE(((" " + real.forgotten).find(" " + waiting[i].second + " ") !=
                   std::string::npos) == gone);
          if (gone) model.erase(waiting[i].second);
          forgotten += gone ? 1u : 0u;
          crowded_out += gone && !over ? 1u : 0u;
        }
        time_point next = time_point::max();
        for (const auto& each : model) {
          const entry& of = each.second;
          if (of.attached) continue;
          next = std::min(next, of.since + (of.told_of_grace ? window : std::min(grace, window)));
        }
        REQUIRE(real.sessions.next_detached().value_or(time_point::max()) == next);
      }
      REQUIRE(real.sessions.size() == model.size());
      REQUIRE(real.sessions.all().size() == model.size());
    }
  }
  CHECK(interrupted > 500u);
  CHECK(forgotten > 500u);
  CHECK(crowded_out > 100u);
}

TEST_CASE_FIXTURE(fixture, "session_list: which of those without a socket waits for longest") {
  const auto any = [](const fake_session&) { return true; };
  CHECK(sessions.oldest_detached(any) == nullptr);
  fake_session& a = add("a", start);
  fake_session& b = add("b", start);
  fake_session& c = add("c", start);
  CHECK(sessions.oldest_detached(any) == nullptr);
  sessions.detached(b, start + 1s);
  sessions.detached(a, start + 2s);
  sessions.detached(c, start + 3s);
  CHECK(sessions.oldest_detached(any) == &b);
  CHECK(sessions.oldest_detached([&](const fake_session& each) { return &each != &b; }) == &a);
  CHECK(sessions.oldest_detached([](const fake_session&) { return false; }) == nullptr);
  // Whether the grace of its answer is over makes no difference.
  sessions.sweep_detached(start + 121s, [](fake_session&) {}, [](fake_session&) {});
  CHECK(sessions.oldest_detached(any) == &b);
  CHECK(sessions.oldest_detached([&](const fake_session& each) { return &each == &c; }) == &c);
  sessions.attached(b, start + 122s);
  CHECK(sessions.oldest_detached(any) == &a);
}

TEST_CASE_FIXTURE(fixture, "session_list: visits in the order of the ids, from any place") {
  for (const char* id : {"c", "a", "d", "b"}) add(id, start);
  const auto visited = [this](const std::string& after, std::size_t most) {
    std::string seen;
    sessions.each_after(after, [&](fake_session& each) {
      seen += each.id();
      return seen.size() < most;
    });
    return seen;
  };
  CHECK(visited("", 9) == "abcd");
  CHECK(visited("b", 9) == "cd");
  CHECK(visited("bb", 9) == "cd");
  CHECK(visited("d", 9).empty());
  CHECK(visited("", 2) == "ab");
  sessions.erase(*sessions.find("b"));
  CHECK(visited("b", 9) == "cd");
}

TEST_CASE_FIXTURE(fixture, "session_list: counts those without a socket") {
  fake_session& first = add("a", start);
  fake_session& second = add("b", start);
  CHECK(sessions.detached_count() == 0u);
  sessions.detached(first, start);
  sessions.detached(second, start);
  CHECK(sessions.detached_count() == 2u);
  sessions.attached(first, start);
  CHECK(sessions.detached_count() == 1u);
  sessions.erase(second);
  CHECK(sessions.detached_count() == 0u);
}
