// SPDX-License-Identifier: MIT
#include <agent_websocket/server/session_admin.hpp>

#include "flow/fixture.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace flow;

namespace {

/// The sessions of a server, as a registry shows them.
struct shown_sessions {
  using session_type = fixture::session_type;

  std::map<std::string, std::shared_ptr<session_type>, std::less<>> sessions;

  std::shared_ptr<session_type> find(std::string_view id) const {
    const auto found = sessions.find(id);
    return found == sessions.end() ? nullptr : found->second;
  }
  std::vector<std::shared_ptr<session_type>> all() const {
    std::vector<std::shared_ptr<session_type>> found;
    for (const auto& each : sessions) found.push_back(each.second);
    return found;
  }
  template <typename Visit>
  void each_after(std::string_view after, Visit&& visit) const {
    for (auto at = sessions.upper_bound(after); at != sessions.end(); ++at) {
      if (!visit(*at->second)) return;
    }
  }
};

struct admin_fixture : fixture {
  shown_sessions shown;
  aw::session_admin<shown_sessions> admin{shown, [] { return std::string("metrics"); }};

  aw::connection_id arrive() {
    const auto id = connect();
    shown.sessions.emplace(session(id)->id(), session(id));
    return id;
  }
  aw::api_notice said(const std::string& content, bool may_be_lost = false) {
    return {content, "topic", "[1]", may_be_lost};
  }
};

}  // namespace

TEST_CASE_FIXTURE(admin_fixture, "session_admin: describes a session") {
  const auto id = arrive();
  http.reply_with(answer({"yes"}));
  say(id, R"({"content":"x"})");
  say(id, R"({"content":"y"})");  // runs
  say(id, R"({"content":"z"})");  // waits
  const auto told = admin.session(session(id)->id());
  REQUIRE(told);
  CHECK(told->id == session(id)->id());
  CHECK(told->user == "anonymous");
  CHECK(told->sockets == 1u);
  CHECK(is_timestamp(told->created));
  CHECK(is_timestamp(told->last_activity));
  CHECK(told->running);
  CHECK(told->queued == 1u);
  CHECK(told->messages == 3u);
  CHECK_FALSE(admin.session("nobody"));
  CHECK_FALSE(admin.session(""));
  CHECK(admin.metrics() == "metrics");
}

TEST_CASE_FIXTURE(admin_fixture, "session_admin: pages hold every session once") {
  for (int i = 0; i < 5; ++i) arrive();
  std::vector<std::string> seen;
  std::string after;
  int pages = 0;
  do {
    const auto page = admin.sessions(after, 2);
    CHECK(page.sessions.size() == (pages < 2 ? 2u : 1u));
    for (const auto& each : page.sessions) seen.push_back(each.id);
    after = page.next;
  } while (++pages < 9 && !after.empty());
  CHECK(pages == 3);
  std::vector<std::string> all;
  for (const auto& each : shown.sessions) all.push_back(each.first);
  CHECK(seen == all);
  CHECK(admin.sessions("", 5).next.empty());
  CHECK(admin.sessions("", 4).next == all[3]);
}

TEST_CASE_FIXTURE(admin_fixture, "session_admin: notices, numbered and not") {
  const auto first = arrive();
  const auto second = arrive();
  const auto told = admin.notify(session(first)->id(), said("one"));
  REQUIRE(told);
  CHECK(told->sessions == 1u);
  CHECK(told->sockets == 1u);
  const auto lossy = admin.notify(session(first)->id(), said("two", true));
  REQUIRE(lossy);
  const auto frames = heard(first);
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].number("seq") == 1);
  CHECK(frames[0].text("topic") == "topic");
  CHECK(frames[0].json("data") == "[1]");
  CHECK_FALSE(frames[1].has("seq"));
  CHECK(frames[1].content() == "two");
  const auto all = admin.broadcast(said("all"));
  CHECK(all.sessions == 2u);
  CHECK(all.sockets == 2u);
  CHECK(heard(first).size() == 1u);
  CHECK(heard(second).size() == 1u);
  CHECK_FALSE(admin.notify("nobody", said("x")));
}

TEST_CASE_FIXTURE(admin_fixture, "session_admin: a session that ends is there no more") {
  const auto id = arrive();
  const std::string name = session(id)->id();
  CHECK(admin.disconnect(name) == std::size_t(1));
  CHECK(transport.close_sent(id).value_or(std::make_pair(std::uint16_t(0), std::string())) ==
        std::make_pair(std::uint16_t(4499), std::string("closed_by_operator")));
  // Its socket has not gone yet.
  CHECK(shown.find(name)->closing());
  CHECK_FALSE(admin.disconnect(name));
  CHECK_FALSE(admin.session(name));
  CHECK_FALSE(admin.notify(name, said("late")));
  CHECK(admin.broadcast(said("late")).sessions == 0u);
  CHECK(admin.sessions("", 9).sessions.empty());
}

TEST_CASE_FIXTURE(admin_fixture, "session_admin: a reason is cut to what a close frame holds") {
  const auto id = arrive();
  std::string reason(122, 'x');
  reason += "\xc3\xa4";
  CHECK(admin.disconnect(session(id)->id(), reason));
  CHECK(transport.close_sent(id)->second == std::string(122, 'x'));
}
