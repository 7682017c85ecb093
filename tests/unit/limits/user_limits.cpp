// SPDX-License-Identifier: MIT
#include <agent_websocket/limits/user_limits.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::duration;
using agent_websocket::rate;
using agent_websocket::time_point;
using agent_websocket::user_limits;
using agent_websocket::wall_time;
using namespace std::chrono_literals;

namespace {

const time_point start{1000s};
const wall_time noon{std::chrono::hours(24 * 20'000 + 12)};

}  // namespace

TEST_CASE("user_limits: connections at once") {
  user_limits::limits allowed;
  allowed.connections = 2;
  user_limits users(allowed);
  user_limits::place a, b, c;
  CHECK(users.connect(a, "alice", start, noon));
  CHECK(users.connect(b, "alice", start, noon));
  CHECK_FALSE(users.connect(c, "alice", start, noon));
  CHECK_FALSE(c);
  CHECK(users.connect(c, "bob", start, noon));
  CHECK(a.who().connections() == 2u);
  a.give_back();
  a.give_back();
  CHECK(b.who().connections() == 1u);
  CHECK(users.connect(a, "alice", start, noon));
  user_limits::place counted_elsewhere;
  CHECK(users.connect(counted_elsewhere, "alice", start, noon, true));
}

TEST_CASE("user_limits: sessions at once, which hold the user without a connection") {
  user_limits::limits allowed;
  allowed.sessions = 1;
  user_limits users(allowed);
  user_limits::place socket;
  user_limits::session_place session, second;
  users.connect(socket, "alice", start, noon);
  CHECK(users.begin_session(session, socket.who()));
  CHECK(users.sessions_full(socket.who()));
  CHECK_FALSE(users.begin_session(second, socket.who()));
  socket.give_back();
  CHECK(session.who().sessions() == 1u);
  users.connect(socket, "alice", start + 1h, noon + 1h);
  CHECK_FALSE(users.begin_session(second, socket.who()));
  session.give_back();
  CHECK(users.begin_session(second, socket.who()));
}

TEST_CASE("user_limits: messages over all sockets, and over a reconnect") {
  user_limits::limits allowed;
  allowed.messages = rate::per_minute(60, 2);
  user_limits users(allowed);
  user_limits::place a, b;
  users.connect(a, "alice", start, noon);
  users.connect(b, "alice", start, noon);
  CHECK_FALSE(a.who().take_message(start));
  CHECK_FALSE(b.who().take_message(start));
  CHECK(a.who().wait(start) == duration(1s));
  CHECK(b.who().take_message(start) == duration(1s));
  a.give_back();
  b.give_back();
  CHECK(users.users() == 1u);
  users.connect(a, "alice", start + 100ms, noon);
  CHECK(a.who().take_message(start + 100ms) == duration(900ms));
}

TEST_CASE("user_limits: a budget in tokens, until midnight UTC") {
  user_limits::limits allowed;
  allowed.daily_tokens = 100;
  user_limits users(allowed);
  user_limits::place session;
  users.connect(session, "alice", start, noon);
  auto& who = session.who();
  CHECK_FALSE(users.budget_wait(who, noon));
  who.spend(99, 5, noon);
  CHECK_FALSE(users.budget_wait(who, noon));
  who.spend(1, 0, noon + 1h);
  CHECK(users.budget_wait(who, noon + 1h) == duration(11h));
  CHECK(users.budget_wait(who, noon + 12h - 1ms) == duration(1ms));
  CHECK_FALSE(users.budget_wait(who, noon + 12h));
  CHECK(who.tokens_today(noon + 12h) == 0u);
  who.spend(7, 0, noon + 12h);
  CHECK(who.tokens_today(noon + 12h) == 7u);
  // A clock that is set back gives nothing back.
  CHECK(who.tokens_today(noon) == 7u);
  who.spend(93, 0, noon);
  CHECK(users.budget_wait(who, noon) == duration(36h));
}

TEST_CASE("user_limits: a budget in money; what is no amount counts as nothing") {
  user_limits::limits allowed;
  allowed.daily_cost = 0.5;
  user_limits users(allowed);
  user_limits::place session;
  users.connect(session, "alice", start, noon);
  auto& who = session.who();
  for (const double none : {-1.0, std::numeric_limits<double>::quiet_NaN(),
                            std::numeric_limits<double>::infinity(), 0.0}) {
    who.spend(1'000'000, none, noon);
  }
  CHECK(who.cost_today(noon) == 0.0);
  CHECK_FALSE(users.budget_wait(who, noon));
  who.spend(0, 0.25, noon);
  CHECK_FALSE(users.budget_wait(who, noon));
  who.spend(0, 0.25, noon);
  CHECK(users.budget_wait(who, noon));
  who.spend(UINT64_MAX, 0, noon);
  CHECK(who.tokens_today(noon) == UINT64_MAX);
}

TEST_CASE("user_limits: who has nothing to be remembered for is forgotten") {
  user_limits::limits allowed;
  allowed.messages = rate::per_minute(60, 10);
  user_limits users(allowed);
  for (int i = 0; i < 100; ++i) {
    user_limits::place gone;
    users.connect(gone, "u" + std::to_string(i), start, noon);
    if (i % 2 == 0) gone.who().take_message(start);
  }
  CHECK(users.users() >= 50u);  // whose bucket is not full
  user_limits::place held;
  for (int i = 0; i < 20; ++i) users.connect(held, "last", start + 2s, noon);
  CHECK(users.users() == 1u);
}

TEST_CASE("user_limits: what was spent is remembered until midnight") {
  user_limits::limits allowed;
  allowed.daily_tokens = 10;
  user_limits users(allowed);
  {
    user_limits::place gone;
    users.connect(gone, "alice", start, noon);
    gone.who().spend(10, 0, noon);
  }
  user_limits::place other, back;
  users.connect(other, "bob", start + 11h, noon + 11h);
  CHECK(users.users() == 2u);
  users.connect(back, "alice", start + 11h, noon + 11h);
  CHECK(users.budget_wait(back.who(), noon + 11h) == duration(1h));
  back.give_back();
  other.give_back();
  users.connect(other, "bob", start + 13h, noon + 13h);
  CHECK(users.users() == 1u);
}

TEST_CASE("user_limits: above the cap those go who left first, and never who is here") {
  user_limits::limits allowed;
  allowed.max_users = 3;
  user_limits users(allowed);
  user_limits::place here, again;
  users.connect(here, "here", start, noon);
  for (const char* each : {"a", "b", "c"}) {
    user_limits::place gone;
    users.connect(gone, each, start, noon);
    gone.who().spend(5, 0, noon);
  }
  CHECK(users.users() == 3u);
  users.connect(again, "c", start, noon);
  CHECK(again.who().tokens_today(noon) == 5u);  // still known
  CHECK(here.who().connections() == 1u);
  std::vector<user_limits::place> many(10);
  for (std::size_t i = 0; i < many.size(); ++i)
    CHECK(users.connect(many[i], "m" + std::to_string(i), start, noon));
  CHECK(users.users() == 12u);  // all of them are here
}

TEST_CASE("user_limits: places are given back once, whatever the order") {
  user_limits::limits allowed;
  allowed.connections = 3;
  allowed.sessions = 4;
  allowed.messages = rate::per_minute(600, 2);
  allowed.max_users = 12;
  user_limits users(allowed);
  std::mt19937 draw(5);
  struct held {
    std::string who;
    user_limits::place place;
    user_limits::session_place session;
    bool is_session;

    user_limits::user& its() const { return is_session ? session.who() : place.who(); }
  };
  std::vector<held> kept;
  time_point now = start;
  wall_time at = noon;
  for (int i = 0; i < 20'000; ++i) {
    now += std::chrono::milliseconds(draw() % 50);
    at += std::chrono::minutes(draw() % 3);
    const std::string who = "u" + std::to_string(draw() % 30);
    switch (draw() % 5) {
      case 0:
      case 1: {
        user_limits::place got;
        if (users.connect(got, who, now, at)) kept.push_back({who, std::move(got), {}, false});
        break;
      }
      case 2:
        if (!kept.empty()) {
          held& of = kept[draw() % kept.size()];
          user_limits::session_place got;
          const std::string name = of.who;
          of.its().take_message(now);
          if (users.begin_session(got, of.its()))
            kept.push_back({name, {}, std::move(got), true});
        }
        break;
      case 3:
        if (!kept.empty()) kept[draw() % kept.size()].its().spend(draw() % 3, 0.1, at);
        break;
      case 4:
        for (int n = 0; n < 2 && !kept.empty(); ++n)
          kept.erase(kept.begin() + static_cast<long>(draw() % kept.size()));
        break;
    }
    std::map<std::string, std::pair<std::size_t, std::size_t>> counts;
    for (const held& each : kept)
      ++(each.is_session ? counts[each.who].second : counts[each.who].first);
    for (const held& each : kept) {
      const auto& [connections, sessions] = counts[each.who];
      if (each.its().connections() != connections || connections > 3) FAIL("connections");
      if (each.its().sessions() != sessions || sessions > 4) FAIL("sessions");
    }
    if (users.users() > 12 + counts.size()) FAIL("too many are remembered");
  }
}

TEST_CASE("user_limits: a place that was kept is given back by hand") {
  user_limits users(user_limits::limits{});
  user_limits::place socket;
  users.connect(socket, "alice", start, noon);
  user_limits::user* kept = nullptr;
  {
    user_limits::session_place session;
    REQUIRE(users.begin_session(session, socket.who()));
    kept = session.keep();
    CHECK_FALSE(session);
  }
  CHECK(kept->sessions() == 1u);
  users.end_session(*kept);
  CHECK(socket.who().sessions() == 0u);
}
