// SPDX-License-Identifier: MIT
#include <agent_websocket/session/hooks.hpp>

#include <doctest/doctest.h>

#include <memory>
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
