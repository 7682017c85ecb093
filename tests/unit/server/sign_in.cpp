// SPDX-License-Identifier: MIT
#include <agent_websocket/server/sign_in.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

struct fake_authenticator {
  result<principal> answer = principal{"ada"};
  bool at_once = true;
  std::vector<authentication_handler> waiting;
  std::string asked;  // "token@target "

  void authenticate(const credentials& shown, authentication_handler done) {
    asked += std::string(shown.token) + "@" +
             (shown.request == nullptr ? "-" : shown.request->request.target) + " ";
    CHECK(shown.from == credential_source::message);
    if (at_once) return done(answer);
    waiting.push_back(std::move(done));
  }
};

struct fixture : private sign_in_sink {
  fake_authenticator authenticator;
  testing::manual_scheduler clock;
  std::string told;
  std::vector<signed_in> arrived;
  sign_in<fake_authenticator, testing::manual_scheduler> desk{
      {10s, 30s, 100}, authenticator, clock, *this};

  void hold(connection_id connection) {
    handshake made;
    made.request.target = "/" + std::to_string(connection);
    desk.hold(connection, made);
  }
  void hello(connection_id connection, const std::string& token = "t") {
    desk.receive(connection, R"({"type":"command","op":"hello","auth":{"token":")" + token + R"("}})");
  }
  std::string take() { return std::exchange(told, {}); }

  void on_signed_in(connection_id connection, signed_in who) override {
    told += std::to_string(connection) + " is " + who.owner.name + ";";
    arrived.push_back(std::move(who));
  }
  void on_turned_away(connection_id connection, std::uint16_t code, std::string_view reason,
                      const error& why) override {
    CHECK_FALSE(why.message.empty());
    told += std::to_string(connection) + " " + std::to_string(code) + " " + std::string(reason) +
            " " + to_string(why.code) + ";";
  }
  void on_token_expiring(connection_id connection, wall_time) override {
    told += std::to_string(connection) + " expiring;";
  }
  void on_token_expired(connection_id connection) override {
    told += std::to_string(connection) + " expired;";
  }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "sign_in: a token in the first message lets in, with all that came") {
  hold(1);
  CHECK(desk.holds(1));
  hello(1);
  CHECK(take() == "1 is ada;");
  CHECK(authenticator.asked == "t@/1 ");
  REQUIRE(arrived.size() == 1u);
  CHECK(arrived[0].first.op == "hello");
  CHECK(arrived[0].request.request.target == "/1");
  CHECK_FALSE(desk.holds(1));
  clock.advance(1h);
  CHECK(take().empty());
}

TEST_CASE_FIXTURE(fixture, "sign_in: each has its own ten seconds") {
  hold(1);
  clock.advance(4s);
  hold(2);
  clock.advance(6s);
  CHECK(take() == "1 4408 auth_timeout unauthorized;");
  CHECK(desk.held_count() == 1u);
  clock.advance(4s);
  CHECK(take() == "2 4408 auth_timeout unauthorized;");
  CHECK(clock.pending_timers() == 0u);
}

TEST_CASE_FIXTURE(fixture, "sign_in: why somebody is turned away says what the client may do") {
  hold(1);
  desk.receive(1, R"({"content":"x"})");
  CHECK(take() == "1 4401 unauthorized unauthorized;");
  hold(2);
  desk.receive(2, "nonsense");
  CHECK(take() == "2 4401 unauthorized bad_json;");
  hold(3);
  desk.refuse(3);
  CHECK(take() == "3 4401 unauthorized unauthorized;");
  authenticator.answer = error(errc::token_expired);
  hold(4);
  hello(4);
  CHECK(take() == "4 4004 token_expired token_expired;");
  authenticator.answer = error(errc::forbidden);
  hold(5);
  hello(5);
  CHECK(take() == "5 4403 forbidden forbidden;");
  authenticator.answer = error(errc::internal);
  hold(6);
  hello(6);
  CHECK(take() == "6 4000 server_error internal;");
  CHECK(desk.held_count() == 0u);
}

TEST_CASE_FIXTURE(fixture, "sign_in: while a token is checked there is no clock, and messages wait") {
  authenticator.at_once = false;
  hold(1);
  hello(1);
  desk.receive(1, "a");
  desk.receive(1, "b");
  clock.advance(1h);
  CHECK(take().empty());
  authenticator.waiting[0](principal{"bob"});
  CHECK(take() == "1 is bob;");
  CHECK(arrived[0].later == std::vector<std::string>{"a", "b"});
}

TEST_CASE_FIXTURE(fixture, "sign_in: so many bytes may wait") {
  authenticator.at_once = false;
  hold(1);
  hello(1);
  desk.receive(1, std::string(100, 'x'));
  CHECK(take().empty());
  desk.receive(1, "x");
  CHECK(take() == "1 4401 unauthorized unauthorized;");
  authenticator.waiting[0](principal{"bob"});  // too late
  CHECK(take().empty());
}

TEST_CASE_FIXTURE(fixture, "sign_in: who has gone is forgotten; the end sends all away") {
  authenticator.at_once = false;
  hold(1);
  hold(2);
  hello(2);
  desk.gone(1);
  desk.gone(2);
  authenticator.waiting[0](principal{"bob"});
  clock.advance(1min);
  CHECK(take().empty());
  hold(3);
  hold(4);
  hello(4);
  desk.close(1012, "bye", error(errc::draining));
  const std::string said = take();
  CHECK(said.find("3 1012 bye draining;") != std::string::npos);
  CHECK(said.find("4 1012 bye draining;") != std::string::npos);
  CHECK(desk.held_count() == 0u);
}

TEST_CASE_FIXTURE(fixture, "sign_in: a new token must be the same user's") {
  const principal ada{"ada", clock.wall_now() + 5min};
  desk.watch(1, ada);
  const auto renew = [this, &ada](result<principal> who) {
    authenticator.answer = std::move(who);
    std::string outcome = "nothing";
    desk.renew(1, ada, "n", [&](const result<void>& taken) {
      outcome = taken ? "taken" : to_string(taken.error().code);
    });
    return outcome;
  };
  CHECK(renew(principal{"bob"}) == "forbidden");
  principal guest{"ada"};
  guest.is_anonymous = true;
  CHECK(renew(guest) == "forbidden");
  CHECK(renew(error(errc::unauthorized)) == "unauthorized");
  CHECK(authenticator.asked == "n@- n@- n@- ");
  clock.advance(4min);
  CHECK(take() == "1 expiring;");
  CHECK(renew(principal{"ada", clock.wall_now() + 10min}) == "taken");
  clock.advance(8min);
  CHECK(take().empty());
  clock.advance(1min);
  CHECK(take() == "1 expiring;");
  clock.advance(1min);
  CHECK(desk.is_over(1));
  clock.advance(30s);
  CHECK(take() == "1 expired;");
}

TEST_CASE("sign_in: an answer that comes when it is gone is nobody's") {
  fake_authenticator authenticator;
  authenticator.at_once = false;
  {
    fixture talk;
    talk.authenticator.at_once = false;
    talk.hold(1);
    talk.hello(1);
    authenticator.waiting = talk.authenticator.waiting;
  }
  authenticator.waiting[0](principal{"bob"});
  CHECK(authenticator.waiting.size() == 1u);
}
