// SPDX-License-Identifier: MIT
#include <agent_websocket/server/session_accounts.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

struct session_type {
  int number = 0;
  user_limits::user* account = nullptr;
};

struct fixture {
  options settings;
  testing::manual_scheduler clock;
  std::unique_ptr<visitors<testing::manual_scheduler>> guests;
  std::unique_ptr<session_accounts<session_type, testing::manual_scheduler>> accounts;
  std::deque<session_type> sessions = std::deque<session_type>(8);
  std::vector<session_type*> here;  // oldest first
  std::string dropped;
  bool refuse_all = false;

  fixture() {
    for (std::size_t i = 0; i < sessions.size(); ++i) sessions[i].number = static_cast<int>(i);
  }
  void begin() {
    guests = std::make_unique<visitors<testing::manual_scheduler>>(
        settings, clock, [](std::string_view, std::string_view) {});
    accounts = std::make_unique<session_accounts<session_type, testing::manual_scheduler>>(*guests,
                                                                                           clock);
  }
  /// A socket of that user.
  void enter(connection_id connection, const std::string& name) {
    handshake request;
    request.remote_address = "192.0.2." + std::to_string(connection);
    REQUIRE_FALSE(guests->enter(connection, request));
    principal who;
    who.name = name;
    REQUIRE(guests->identify(connection, who));
  }
  bool count(std::size_t number, connection_id connection, bool is_here = true) {
    session_type& its = sessions[number];
    here.push_back(&its);
    return accounts->begin(
        its, connection,
        [&](const auto& is_his) -> session_type* {
          for (session_type* each : here) {
            if (!refuse_all && each != &its && is_his(*each)) return each;
          }
          return nullptr;
        },
        [&](session_type& gone) {
          dropped += std::to_string(gone.number) + " ";
          here.erase(std::find(here.begin(), here.end(), &gone));
          accounts->end(gone);
        },
        [&] { return is_here; });
  }
  answer_record cost(std::int64_t tokens, double price, bool priced = true) {
    answer_record answer;
    answer.used.completion_tokens = tokens;
    answer.used.counted = true;
    answer.used.cost = price;
    answer.used.priced = priced;
    return answer;
  }
  bool allowed(std::size_t number) { return !accounts->refusal(sessions[number]).has_value(); }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "session_accounts: sessions of nobody that is counted are unlimited") {
  settings.access.max_sessions_per_user = 1;
  settings.access.daily_tokens_per_user = 1;
  begin();
  for (std::size_t i = 0; i < 5; ++i) CHECK(count(i, 77));
  CHECK(dropped.empty());
  accounts->spend(sessions[0], cost(100, 1));
  CHECK(allowed(0));
  accounts->end(sessions[0]);
}

TEST_CASE_FIXTURE(fixture, "session_accounts: where a user has too many, the oldest of his goes") {
  settings.access.max_sessions_per_user = 2;
  begin();
  enter(1, "ada");
  enter(2, "bob");
  CHECK(count(0, 2));
  CHECK(count(1, 1));
  CHECK(count(2, 1));
  CHECK(count(3, 2));
  CHECK(dropped.empty());
  CHECK(count(4, 1));
  CHECK(dropped == "1 ");
  CHECK(count(5, 2));
  CHECK(dropped == "1 0 ");
  accounts->end(sessions[4]);  // gives its place back
  CHECK(count(6, 1));
  CHECK(dropped == "1 0 ");
}

TEST_CASE_FIXTURE(fixture, "session_accounts: or the new one does not begin, when none can go") {
  settings.access.max_sessions_per_user = 1;
  begin();
  enter(1, "ada");
  CHECK(count(0, 1));
  refuse_all = true;
  CHECK_FALSE(count(1, 1));
  accounts->spend(sessions[1], cost(1, 1));  // it counts for nobody
  refuse_all = false;
  CHECK(count(1, 1));
  CHECK(dropped == "0 ");
}

TEST_CASE_FIXTURE(fixture, "session_accounts: a session counts once, for who counted it first") {
  settings.access.max_sessions_per_user = 1;
  settings.access.daily_tokens_per_user = 10;
  begin();
  enter(1, "ada");
  enter(2, "bob");
  CHECK(count(0, 1));
  CHECK(count(0, 1));
  CHECK(count(0, 2));
  CHECK(dropped.empty());
  CHECK(guests->user(2)->sessions() == 0u);
  accounts->spend(sessions[0], cost(10, 0));
  CHECK(guests->user(1)->tokens_today(clock.wall_now()) == 10u);
  CHECK(guests->user(2)->tokens_today(clock.wall_now()) == 0u);
}

TEST_CASE_FIXTURE(fixture, "session_accounts: one that was ended meanwhile does not count") {
  settings.access.max_sessions_per_user = 1;
  begin();
  enter(1, "ada");
  CHECK(count(0, 1, false));
  CHECK(guests->user(1)->sessions() == 0u);
  CHECK(count(1, 1));
  CHECK(guests->user(1)->sessions() == 1u);
}

TEST_CASE_FIXTURE(fixture, "session_accounts: a session outlives the socket that it counts by") {
  settings.access.daily_tokens_per_user = 10;
  begin();
  enter(1, "ada");
  CHECK(count(0, 1));
  guests->leave(1);
  accounts->spend(sessions[0], cost(10, 0));
  CHECK_FALSE(allowed(0));
  enter(2, "ada");
  CHECK(guests->user(2)->tokens_today(clock.wall_now()) == 10u);
}

TEST_CASE_FIXTURE(fixture, "session_accounts: no answer begins when the day is used up") {
  settings.access.daily_tokens_per_user = 100;
  begin();
  enter(1, "ada");
  enter(2, "bob");
  count(0, 1);
  count(1, 1);
  count(2, 2);
  accounts->spend(sessions[0], cost(99, 0));
  CHECK(allowed(0));
  accounts->spend(sessions[1], cost(1, 0));
  const auto refused = accounts->refusal(sessions[0]);
  REQUIRE(refused);
  CHECK(refused->code == errc::quota_exceeded);
  CHECK(refused->message == message_gate::budget_words);
  CHECK_FALSE(allowed(1));
  CHECK(allowed(2));
  clock.advance(24h);
  CHECK(allowed(0));
}

TEST_CASE_FIXTURE(fixture, "session_accounts: what upstream has not told counts by its length") {
  settings.access.daily_tokens_per_user = 100;
  begin();
  enter(1, "ada");
  count(0, 1);
  answer_record cut;
  cut.unreported_tokens = 40;
  accounts->spend(sessions[0], cut);
  CHECK(guests->user(1)->tokens_today(clock.wall_now()) == 40u);
  answer_record both = cost(50, 0);
  both.unreported_tokens = 10;
  accounts->spend(sessions[0], both);
  CHECK_FALSE(allowed(0));
}

TEST_CASE_FIXTURE(fixture, "session_accounts: and costs what other answers have cost") {
  settings.access.daily_cost_per_user = 1;
  begin();
  enter(1, "ada");
  count(0, 1);
  answer_record cut;
  cut.unreported_tokens = 100;
  accounts->spend(sessions[0], cut);  // nobody knows a price yet
  CHECK(guests->user(1)->cost_today(clock.wall_now()) == doctest::Approx(0));
  accounts->spend(sessions[7], cost(1000, 5));      // also of a session that counts for nobody
  accounts->spend(sessions[7], cost(1000, 7, false));  // told no price
  accounts->spend(sessions[0], cut);
  CHECK(guests->user(1)->cost_today(clock.wall_now()) == doctest::Approx(0.5));
  accounts->spend(sessions[0], cost(1, 0.25));
  CHECK(guests->user(1)->cost_today(clock.wall_now()) == doctest::Approx(0.75));
  accounts->spend(sessions[0], cost(1, 0.25));
  CHECK_FALSE(allowed(0));
}
