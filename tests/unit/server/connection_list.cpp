// SPDX-License-Identifier: MIT
#include <agent_websocket/server/connection_list.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <vector>

using agent_websocket::connection_id;
using agent_websocket::duration;
using agent_websocket::time_point;
using namespace std::chrono_literals;

namespace {

struct fake_session {
  std::string name;
};

struct fixture {
  agent_websocket::connection_list<fake_session> sockets{25s, 8s};
  time_point start{24h};
  std::string pinged, silent;

  std::shared_ptr<fake_session> add(connection_id connection, time_point at) {
    auto made = std::make_shared<fake_session>(fake_session{"s" + std::to_string(connection)});
    sockets.add(connection, made, at);
    return made;
  }
  void sweep(time_point at) {
    pinged.clear();
    silent.clear();
    sockets.sweep(
        at, [this](connection_id connection) { pinged += std::to_string(connection) + " "; },
        [this](connection_id connection, fake_session& session) {
          silent += std::to_string(connection) + ":" + session.name + " ";
        });
  }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "connection_list: finds the session that a socket watches") {
  CHECK(sockets.empty());
  const auto first = add(1, start);
  const auto second = add(2, start);
  CHECK(sockets.size() == 2u);
  CHECK(sockets.find(1) == first);
  CHECK(sockets.find(2) == second);
  CHECK(sockets.find(3) == nullptr);
  CHECK(sockets.remove(1) == first);
  CHECK(sockets.remove(1) == nullptr);
  CHECK(sockets.find(1) == nullptr);
  CHECK(sockets.size() == 1u);
  CHECK(sockets.remove(2) == second);
  CHECK(sockets.empty());
}

TEST_CASE_FIXTURE(fixture, "connection_list: several sockets may watch one session") {
  const auto shared = add(1, start);
  sockets.add(2, shared, start);
  CHECK(sockets.size() == 2u);
  CHECK(sockets.find(1) == sockets.find(2));
  CHECK(sockets.remove(1) == shared);
  CHECK(sockets.find(2) == shared);
}

TEST_CASE_FIXTURE(fixture, "connection_list: keeps sessions alive only while they are watched") {
  const std::weak_ptr<fake_session> first = add(1, start);
  const std::weak_ptr<fake_session> second = add(2, start);
  CHECK_FALSE(first.expired());
  sockets.remove(1);
  CHECK(first.expired());
  sockets.move(2, std::make_shared<fake_session>());
  CHECK(second.expired());
}

TEST_CASE_FIXTURE(fixture, "connection_list: a socket that moves keeps its heartbeat") {
  add(1, start);
  const auto other = std::make_shared<fake_session>(fake_session{"other"});
  sockets.move(1, other);
  sockets.move(99, other);
  CHECK(sockets.size() == 1u);
  CHECK(sockets.find(1) == other);
  CHECK(sockets.find(99) == nullptr);
  CHECK(sockets.next_heartbeat() == start + 25s);
  sweep(start + 25s);
  CHECK(pinged == "1 ");
  sockets.move(1, std::make_shared<fake_session>(fake_session{"third"}));
  sweep(start + 33s);
  CHECK(silent == "1:third ");
}

TEST_CASE_FIXTURE(fixture, "connection_list: a silent peer is pinged, then given up") {
  CHECK_FALSE(sockets.next_heartbeat().has_value());
  add(1, start);
  CHECK(sockets.next_heartbeat() == start + 25s);
  sweep(start + 25s - 1ms);
  CHECK(pinged.empty());
  sweep(start + 25s);
  CHECK(pinged == "1 ");
  CHECK(silent.empty());
  CHECK(sockets.next_heartbeat() == start + 33s);
  sweep(start + 33s - 1ms);
  CHECK(pinged.empty());
  CHECK(silent.empty());
  sweep(start + 33s);
  CHECK(silent == "1:s1 ");
  CHECK(pinged.empty());
}

TEST_CASE_FIXTURE(fixture, "connection_list: one that is given up is told again until it is gone") {
  add(1, start);
  sweep(start + 25s);
  sweep(start + 33s);
  CHECK(silent == "1:s1 ");
  sweep(start + 34s);
  CHECK(silent.empty());
  CHECK(sockets.next_heartbeat() == start + 41s);
  sweep(start + 41s);
  CHECK(silent == "1:s1 ");
  CHECK(pinged.empty());
}

TEST_CASE_FIXTURE(fixture, "connection_list: hearing of a peer begins its interval anew") {
  add(1, start);
  sockets.heard(1, start + 20s);
  sweep(start + 25s);
  CHECK(pinged.empty());
  CHECK(sockets.next_heartbeat() == start + 45s);
  sweep(start + 45s);
  CHECK(pinged == "1 ");
  sockets.heard(1, start + 52s);  // while it is pinged
  sweep(start + 53s);
  CHECK(silent.empty());
  CHECK(sockets.next_heartbeat() == start + 77s);
  sweep(start + 77s);
  CHECK(pinged == "1 ");
  CHECK(silent.empty());
  sockets.heard(99, start);  // nobody
  CHECK(sockets.size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "connection_list: each peer has its own clock") {
  add(1, start);
  add(2, start + 10s);
  sweep(start + 25s);
  CHECK(pinged == "1 ");
  sweep(start + 33s);
  CHECK(silent == "1:s1 ");
  sweep(start + 35s);
  CHECK(pinged == "2 ");
  CHECK(silent.empty());
  sockets.remove(1);
  sweep(start + 43s);
  CHECK(silent == "2:s2 ");
}

TEST_CASE_FIXTURE(fixture, "connection_list: a peer that goes while pinged leaves nothing behind") {
  add(1, start);
  sweep(start + 25s);
  CHECK(sockets.remove(1) != nullptr);
  CHECK_FALSE(sockets.next_heartbeat().has_value());
  sweep(start + 1h);
  CHECK(silent.empty());
}

TEST_CASE_FIXTURE(fixture, "connection_list: what is done with a silent one may remove any") {
  for (const connection_id each : {1u, 2u, 3u}) add(each, start);
  sweep(start + 25s);
  int told = 0;
  sockets.sweep(
      start + 33s, [](connection_id) {},
      [this, &told](connection_id, fake_session& session) {
        CHECK_FALSE(session.name.empty());
        ++told;
        for (const connection_id each : {1u, 2u, 3u}) sockets.remove(each);
      });
  CHECK(told >= 1);
  CHECK(sockets.empty());
  CHECK_FALSE(sockets.next_heartbeat().has_value());
}

TEST_CASE("connection_list: agrees with a plain model, whatever happens") {
  struct peer {
    time_point heard, pinged_at;
    bool pinged = false;
  };
  std::size_t pings = 0, given_up_in_all = 0;
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
        model[last] = {now, {}, false};
      } else if (what == 1) {
        REQUIRE((real.sockets.remove(some) != nullptr) == (model.erase(some) == 1));
      } else if (what < 6) {
        real.sockets.heard(some, now);
        if (model.count(some) != 0) model[some] = {now, {}, false};
      } else if (what == 6) {
        real.sockets.move(some, std::make_shared<fake_session>(fake_session{"moved"}));
      } else {
        real.sweep(now);
        std::vector<connection_id> gone;
        for (auto& each : model) {
          peer& of = each.second;
          const bool given_up = of.pinged && of.pinged_at + 8s <= now;
          const bool pinged = !of.pinged && of.heard + 25s <= now;
          const std::string name = " " + std::to_string(each.first);
          REQUIRE(((" " + real.silent).find(name + ":") != std::string::npos) == given_up);
          REQUIRE(((" " + real.pinged).find(name + " ") != std::string::npos) == pinged);
          if (given_up) gone.push_back(each.first);
          if (pinged) {
            of.pinged = true;
            of.pinged_at = now;
            ++pings;
          }
        }
        for (const connection_id each : gone) {
          ++given_up_in_all;
          model.erase(each);
          real.sockets.remove(each);
        }
        time_point next = time_point::max();
        for (const auto& each : model) {
          next = std::min(next, each.second.pinged ? each.second.pinged_at + duration(8s)
                                                   : each.second.heard + duration(25s));
        }
        REQUIRE(real.sockets.next_heartbeat().value_or(time_point::max()) == next);
      }
      REQUIRE(real.sockets.size() == model.size());
    }
  }
  CHECK(pings > 500u);
  CHECK(given_up_in_all > 300u);
}
