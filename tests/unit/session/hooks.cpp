// SPDX-License-Identifier: MIT
#include <agent_websocket/session/hooks.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;

namespace {

struct fake_session {
  std::vector<std::pair<run_number, query_decision>> decided;
  void decide(run_number run, query_decision decision) {
    decided.emplace_back(run, std::move(decision));
  }
};

}  // namespace

TEST_CASE("query_reply: tells its session what was decided, and for which run") {
  const auto session = std::make_shared<fake_session>();
  const query_reply<fake_session> reply(session, 7);
  reply.proceed();
  reply.proceed({openrouter::chat_message::system("context")});
  reply.answer("42");
  reply.refuse(errc::quota_exceeded);
  reply.refuse(errc::forbidden, "Not on Sundays");
  REQUIRE(session->decided.size() == 5u);
  for (const auto& each : session->decided) CHECK(each.first == 7u);
  CHECK(session->decided[0].second.what == query_decision::kind::proceed);
  CHECK(session->decided[0].second.extra.empty());
  REQUIRE(session->decided[1].second.extra.size() == 1u);
  CHECK(session->decided[1].second.extra[0].text() == "context");
  CHECK(session->decided[2].second.what == query_decision::kind::answer);
  CHECK(session->decided[2].second.text == "42");
  CHECK(session->decided[3].second.what == query_decision::kind::refuse);
  CHECK(session->decided[3].second.why.code == errc::quota_exceeded);
  CHECK(session->decided[3].second.why.message == message_of(errc::quota_exceeded));
  CHECK(session->decided[4].second.why.code == errc::forbidden);
  CHECK(session->decided[4].second.why.message == "Not on Sundays");
}

TEST_CASE("run_hook: what a hook throws is put into words, and it is done without") {
  std::string logged;
  int without = 0;
  const auto log = [&](const std::string& words) { logged += words + "|"; };
  const auto on_throw = [&] { ++without; };
  int ran = 0;
  run_hook([&] { ++ran; }, log, on_throw);
  CHECK(ran == 1);
  CHECK(logged.empty());
  CHECK(without == 0);
  run_hook([] { throw std::runtime_error("no luck"); }, log, on_throw);
  run_hook([] { throw 7; }, log, on_throw);
  CHECK(logged == ": no luck|: not a std::exception|");
  CHECK(without == 2);
  // What on_throw throws is its caller's.
  CHECK_THROWS_AS(run_hook([] { throw 7; }, log, [] { throw 'x'; }), char);
}

TEST_CASE("query_reply: may be copied, and outlives its session") {
  auto session = std::make_shared<fake_session>();
  const query_reply<fake_session> first(session, 1);
  const query_reply<fake_session> copy = first;
  copy.answer("a");
  CHECK(session->decided.size() == 1u);
  std::weak_ptr<fake_session> watch = session;
  session.reset();
  CHECK(watch.expired());
  first.answer("b");
  copy.refuse(errc::internal);
  copy.proceed();
}
