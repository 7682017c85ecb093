// SPDX-License-Identifier: MIT
#include <agent_websocket/server/registry.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::connection_id;
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

  fake_session(connection_id connection, std::string id)
      : connection_(connection), id_(std::move(id)) {}
  const std::string& id() const { return id_; }
  connection_id connection() const { return connection_; }
  fake_core& core() { return core_; }

 private:
  connection_id connection_;
  std::string id_;
  fake_core core_;
};

using registry = agent_websocket::registry<fake_session>;

struct fixture {
  registry sessions{registry::limits{25s, 8s, 30min}};
  time_point start{24h};
  std::string pinged, silent, expired;

  std::shared_ptr<fake_session> add(connection_id connection, time_point at) {
    auto made = std::make_shared<fake_session>(connection, "s" + std::to_string(connection));
    made->core().active = at;
    sessions.add(made, at);
    return made;
  }
  void sweep(time_point at) {
    pinged.clear();
    silent.clear();
    sessions.sweep_heartbeat(
        at, [this](connection_id connection) { pinged += std::to_string(connection) + " "; },
        [this](fake_session& each) { silent += each.id() + " "; });
  }
  void sweep_inactive(time_point at) {
    expired.clear();
    sessions.sweep_inactive(at, [this](fake_session& each) { expired += each.id() + " "; });
  }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "registry: finds sessions by connection and by id") {
  CHECK(sessions.empty());
  const auto first = add(1, start);
  const auto second = add(2, start);
  CHECK(sessions.size() == 2u);
  CHECK(sessions.find(connection_id{1}) == first);
  CHECK(sessions.find("s2") == second);
  CHECK(sessions.find(connection_id{3}) == nullptr);
  CHECK(sessions.find("s3") == nullptr);
  CHECK(sessions.find("") == nullptr);
  CHECK(sessions.all().size() == 2u);
  CHECK(sessions.remove(1) == first);
  CHECK(sessions.remove(1) == nullptr);
  CHECK(sessions.find(connection_id{1}) == nullptr);
  CHECK(sessions.find("s1") == nullptr);
  CHECK(sessions.size() == 1u);
  CHECK(sessions.remove(2) == second);
  CHECK(sessions.empty());
  CHECK(sessions.all().empty());
}

TEST_CASE_FIXTURE(fixture, "registry: keeps sessions alive only until they are removed") {
  std::weak_ptr<fake_session> watch = add(1, start);
  CHECK_FALSE(watch.expired());
  sessions.remove(1);
  CHECK(watch.expired());
}

TEST_CASE_FIXTURE(fixture, "registry: a silent peer is pinged, then given up") {
  CHECK_FALSE(sessions.next_heartbeat().has_value());
  add(1, start);
  CHECK(sessions.next_heartbeat() == start + 25s);
  sweep(start + 25s - 1ms);
  CHECK(pinged.empty());
  sweep(start + 25s);
  CHECK(pinged == "1 ");
  CHECK(silent.empty());
  CHECK(sessions.next_heartbeat() == start + 33s);
  sweep(start + 33s - 1ms);
  CHECK(pinged.empty());
  CHECK(silent.empty());
  sweep(start + 33s);
  CHECK(silent == "s1 ");
  CHECK(pinged.empty());
}

TEST_CASE_FIXTURE(fixture, "registry: hearing of a peer begins its interval anew, pinged or not") {
  add(1, start);
  sessions.heard(1, start + 20s);
  sweep(start + 25s);
  CHECK(pinged.empty());
  CHECK(sessions.next_heartbeat() == start + 45s);
  sweep(start + 45s);
  CHECK(pinged == "1 ");
  sessions.heard(1, start + 52s);
  sweep(start + 53s);
  CHECK(silent.empty());
  CHECK(sessions.next_heartbeat() == start + 77s);
  sweep(start + 77s);
  CHECK(pinged == "1 ");
  CHECK(silent.empty());
  sessions.heard(99, start);  // nobody
}

TEST_CASE_FIXTURE(fixture, "registry: each peer has its own clock") {
  add(1, start);
  add(2, start + 10s);
  sweep(start + 25s);
  CHECK(pinged == "1 ");
  sweep(start + 33s);
  CHECK(silent == "s1 ");
  sweep(start + 35s);
  CHECK(pinged == "2 ");
  CHECK(silent.empty());
  sessions.remove(1);
  sweep(start + 43s);
  CHECK(silent == "s2 ");
}

TEST_CASE_FIXTURE(fixture, "registry: a peer that goes while it is pinged leaves nothing behind") {
  add(1, start);
  sweep(start + 25s);
  CHECK(sessions.remove(1) != nullptr);
  CHECK_FALSE(sessions.next_heartbeat().has_value());
  sweep(start + 1h);
  CHECK(silent.empty());
}

TEST_CASE_FIXTURE(fixture, "registry: what is done with a silent one may remove it or another") {
  add(1, start);
  add(2, start);
  add(3, start);
  sweep(start + 25s);
  int told = 0;
  sessions.sweep_heartbeat(
      start + 33s, [](connection_id) {},
      [this, &told](fake_session&) {
        ++told;
        for (connection_id each = 1; each <= 3; ++each) sessions.remove(each);
      });
  CHECK(told >= 1);
  CHECK(sessions.empty());
  CHECK_FALSE(sessions.next_heartbeat().has_value());
}

TEST_CASE_FIXTURE(fixture, "registry: sessions without activity expire") {
  const auto first = add(1, start);
  const auto second = add(2, start + 1min);
  sweep_inactive(start + 30min - 1ms);
  CHECK(expired.empty());
  sweep_inactive(start + 30min);
  CHECK(expired == "s1 ");
  sessions.remove(1);
  second->core().active = start + 20min;
  sweep_inactive(start + 31min);
  CHECK(expired.empty());
  sweep_inactive(start + 50min - 1ms);
  CHECK(expired.empty());
  sweep_inactive(start + 50min);
  CHECK(expired == "s2 ");
}

TEST_CASE_FIXTURE(fixture, "registry: a busy session is not inactive") {
  const auto only = add(1, start);
  only->core().is_busy = true;
  sweep_inactive(start + 2h);
  CHECK(expired.empty());
  only->core().is_busy = false;
  only->core().active = start + 150min;
  sweep_inactive(start + 3h - 1ms);
  CHECK(expired.empty());
  sweep_inactive(start + 3h);
  CHECK(expired == "s1 ");
}

TEST_CASE_FIXTURE(fixture, "registry: pings and pongs are no activity") {
  add(1, start);
  for (int second = 0; second < 1800; second += 10) {
    sessions.heard(1, start + std::chrono::seconds(second));
  }
  sweep_inactive(start + 30min);
  CHECK(expired == "s1 ");
}

TEST_CASE("registry: agrees with a plain model, whatever happens") {
  struct peer {
    time_point heard, pinged_at, active;
    bool pinged = false, busy = false;
  };
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    fixture real;
    std::map<connection_id, peer> model;
    time_point now = real.start;
    connection_id last = 0;
    for (int step = 0; step < 1500; ++step) {
      now += std::chrono::milliseconds(random() % 4000);
      const std::uint32_t what = static_cast<std::uint32_t>(random()) % 10;
      const connection_id some = last == 0 ? 1 : 1 + random() % last;
      if (what == 0) {
        real.add(++last, now);
        model[last] = {now, {}, now};
      } else if (what == 1) {
        REQUIRE((real.sessions.remove(some) != nullptr) == (model.erase(some) == 1));
      } else if (what < 6) {
        real.sessions.heard(some, now);
        if (model.count(some) != 0) {
          model[some].heard = now;
          model[some].pinged = false;
        }
      } else if (what == 6) {
        if (const auto found = real.sessions.find(some)) {
          found->core().active = now;
          found->core().is_busy = random() % 4 == 0;
          model[some].active = now;
          model[some].busy = found->core().is_busy;
        }
      } else if (what == 7) {
        real.sweep_inactive(now);
        for (auto& each : model) {
          const bool due = !each.second.busy && each.second.active + 30min <= now;
          const bool told = (" " + real.expired).find(" s" + std::to_string(each.first) + " ") !=
                            std::string::npos;
          // One that was told once is told again after another limit; the server removes it.
          if (told) REQUIRE(due);
        }
        for (const auto& each : model) {
          const bool due = !each.second.busy && each.second.active + 30min <= now;
          if (due) real.sessions.remove(each.first);
        }
        for (auto each = model.begin(); each != model.end();) {
          const bool due = !each->second.busy && each->second.active + 30min <= now;
          each = due ? model.erase(each) : std::next(each);
        }
      } else {
        real.sweep(now);
        std::vector<connection_id> gone;
        for (auto& each : model) {
          peer& of = each.second;
          const bool given_up = of.pinged && of.pinged_at + 8s <= now;
          const bool pinged = !of.pinged && of.heard + 25s <= now;
          const std::string name = std::to_string(each.first) + " ";
          REQUIRE(((" " + real.silent).find(" s" + name) != std::string::npos) == given_up);
          REQUIRE(((" " + real.pinged).find(" " + name) != std::string::npos) == pinged);
          if (given_up) gone.push_back(each.first);
          if (pinged) {
            of.pinged = true;
            of.pinged_at = now;
          }
        }
        for (const connection_id each : gone) {
          model.erase(each);
          real.sessions.remove(each);
        }
        time_point next = time_point::max();
        for (const auto& each : model) {
          next = std::min(next, each.second.pinged ? each.second.pinged_at + duration(8s)
                                                   : each.second.heard + duration(25s));
        }
        REQUIRE(real.sessions.next_heartbeat().value_or(time_point::max()) == next);
      }
      REQUIRE(real.sessions.size() == model.size());
    }
  }
}
