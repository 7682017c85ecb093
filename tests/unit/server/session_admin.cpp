// SPDX-License-Identifier: MIT
#include <agent_websocket/server/session_admin.hpp>

#include "flow/fixture.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace flow;

namespace {

/// The way to other servers, as far as there are any.
struct shown_returns {
  using errand = std::function<void(fixture::session_type*, aw::errc)>;

  bool has_others = false;
  std::map<std::string, errand> errands;  // by session
  std::vector<std::string> told;          // notices

  bool may_be_elsewhere() const { return has_others; }
  void reach(const std::string& id, errand act, std::string notice) {
    errands[id] = std::move(act);
    told.push_back("to " + id + ": " + notice);
  }
  void tell_all(std::string_view notice) { told.push_back("to all: " + std::string(notice)); }
};

/// The sessions of a server, as a registry shows them.
struct shown_sessions {
  using session_type = fixture::session_type;

  bool stops = false;
  bool draining() const { return stops; }
  shown_returns others;
  shown_returns& returns() { return others; }
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
  int tellings = 0;

  /// What came of it, which is told at once as long as no store is asked.
  template <typename Ask>
  std::optional<aw::reached> outcome_of(Ask ask) {
    std::optional<aw::reached> outcome;
    tellings = 0;
    ask([&](const std::optional<aw::reached>& told) {
      ++tellings;
      outcome = told;
    });
    return outcome;
  }
  std::optional<aw::reached> notify(const std::string& id, const aw::api_notice& said) {
    auto outcome = outcome_of([&](auto told) { admin.notify(id, said, told); });
    CHECK(tellings == 1);
    return outcome;
  }
  aw::reached broadcast(const aw::api_notice& said) {
    const auto outcome = outcome_of([&](auto told) { admin.broadcast(said, told); });
    CHECK(tellings == 1);
    REQUIRE(outcome);
    return *outcome;
  }
  std::optional<aw::reached> disconnect(const std::string& id,
                                        const std::string& reason = "closed_by_operator") {
    auto outcome = outcome_of([&](auto told) { admin.disconnect(id, reason, told); });
    CHECK(tellings == 1);
    return outcome;
  }

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
  const auto told = notify(session(first)->id(), said("one"));
  REQUIRE(told);
  CHECK(told->sessions == 1u);
  CHECK(told->sockets == 1u);
  const auto lossy = notify(session(first)->id(), said("two", true));
  REQUIRE(lossy);
  const auto frames = heard(first);
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].number("seq") == 1);
  CHECK(frames[0].text("topic") == "topic");
  CHECK(frames[0].json("data") == "[1]");
  CHECK_FALSE(frames[1].has("seq"));
  CHECK(frames[1].content() == "two");
  const auto all = broadcast(said("all"));
  CHECK(all.sessions == 2u);
  CHECK(all.sockets == 2u);
  CHECK(heard(first).size() == 1u);
  CHECK(heard(second).size() == 1u);
  CHECK_FALSE(notify("nobody", said("x")));
}

TEST_CASE_FIXTURE(admin_fixture, "session_admin: a session that ends is there no more") {
  const auto id = arrive();
  const std::string name = session(id)->id();
  const auto told = disconnect(name);
  REQUIRE(told);
  CHECK(told->sessions == 1u);
  CHECK(told->sockets == 1u);
  CHECK_FALSE(told->passed_on);
  CHECK(transport.close_sent(id).value_or(std::make_pair(std::uint16_t(0), std::string())) ==
        std::make_pair(std::uint16_t(4499), std::string("closed_by_operator")));
  // Its socket has not gone yet.
  CHECK(shown.find(name)->closing());
  CHECK_FALSE(disconnect(name));
  CHECK_FALSE(admin.session(name));
  CHECK_FALSE(notify(name, said("late")));
  CHECK(broadcast(said("late")).sessions == 0u);
  CHECK(admin.sessions("", 9).sessions.empty());
}

TEST_CASE_FIXTURE(admin_fixture, "session_admin: a reason is cut to what a close frame holds") {
  const auto id = arrive();
  std::string reason(122, 'x');
  reason += "\xc3\xa4";
  CHECK(disconnect(session(id)->id(), reason));
  CHECK(transport.close_sent(id)->second == std::string(122, 'x'));
}

TEST_CASE_FIXTURE(admin_fixture, "session_admin: what is not here is done by who has it") {
  shown.others.has_others = true;
  // What becomes of it is told when it is known.
  std::vector<std::string> outcomes;
  const auto tells = [&](const std::string& what) {
    return [&outcomes, what](const std::optional<aw::reached>& told) {
      outcomes.push_back(what + (!told            ? " not found"
                                 : told->refused  ? " refused"
                                 : told->passed_on ? " passed on"
                                                  : " " + std::to_string(told->sockets)));
    };
  };
  admin.notify("elsewhere", said("one"), tells("notify"));
  admin.disconnect("another", "enough", tells("end"));
  CHECK(outcomes.empty());
  REQUIRE(shown.others.told.size() == 2u);
  const auto notice = aw::decode_notice(shown.others.told[0].substr(14));
  REQUIRE(notice);
  CHECK(notice->what == aw::server_notice::kind::notify);
  CHECK(notice->session == "elsewhere");
  CHECK(notice->said.content == "one");
  CHECK(notice->said.topic == "topic");
  CHECK(notice->said.data == "[1]");
  const auto end = aw::decode_notice(shown.others.told[1].substr(12));
  REQUIRE(end);
  CHECK(end->what == aw::server_notice::kind::disconnect);
  CHECK(end->session == "another");
  CHECK(end->reason == "enough");
  // Fetched from the store, it is done here.
  const auto id = arrive();
  const auto notify_there = shown.others.errands.at("elsewhere");
  const auto end_there = shown.others.errands.at("another");
  notify_there(session(id).get(), aw::errc());
  const auto frames = heard(id);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].content() == "one");
  CHECK(frames[0].number("seq") == 1);
  end_there(session(id).get(), aw::errc());
  CHECK(transport.close_sent(id)->first == 4499);
  CHECK(transport.close_sent(id)->second == "enough");
  CHECK(outcomes == std::vector<std::string>{"notify 1", "end 1"});
  outcomes.clear();
  notify_there(session(id).get(), aw::errc());  // which ends by now
  for (const auto why : {aw::errc::busy, aw::errc::session_not_found, aw::errc::connection_failed,
                         aw::errc::moved})
    notify_there(nullptr, why);
  end_there(nullptr, aw::errc::busy);
  end_there(nullptr, aw::errc::session_not_found);
  CHECK(outcomes == std::vector<std::string>{"notify not found", "notify passed on",
                                             "notify not found", "notify refused",
                                             "notify refused", "end passed on", "end not found"});
}

TEST_CASE_FIXTURE(admin_fixture, "session_admin: what is here is not asked of others") {
  shown.others.has_others = true;
  const auto id = arrive();
  CHECK_FALSE(notify(session(id)->id(), said("x"))->passed_on);
  const std::string name = session(id)->id();
  CHECK_FALSE(disconnect(name)->passed_on);
  // Nor what ends here.
  CHECK(shown.find(name)->closing());
  CHECK_FALSE(notify(name, said("late")));
  CHECK_FALSE(disconnect(name));
  CHECK(shown.others.told.empty());
}

TEST_CASE_FIXTURE(admin_fixture, "session_admin: what leaves this server has not ended") {
  const auto id = arrive();
  const std::string name = session(id)->id();
  const auto leaving = session(id);
  leaving->close(1012, "Server is shutting down");
  // Without a lasting store it has.
  CHECK_FALSE(notify(name, said("late")));
  shown.others.has_others = true;
  REQUIRE(notify(name, said("late")));
  CHECK(notify(name, said("late"))->refused);
  CHECK(disconnect(name)->refused);
  shown.stops = true;
  CHECK(notify("elsewhere", said("late"))->refused);
  CHECK(shown.others.told.empty());
}

TEST_CASE_FIXTURE(admin_fixture, "session_admin: a broadcast goes to all servers, and comes back to none") {
  const auto id = arrive();
  CHECK(broadcast(said("all")).sessions == 1u);
  CHECK(heard(id).size() == 1u);
  REQUIRE(shown.others.told.size() == 1u);
  const std::string notice = shown.others.told[0].substr(8);
  admin.act(notice);  // as another server does with it
  const auto frames = heard(id);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].content() == "all");
  CHECK(shown.others.told.size() == 1u);
}

TEST_CASE_FIXTURE(admin_fixture, "session_admin: does what other servers ask for, on what is here") {
  shown.others.has_others = true;
  const auto first = arrive();
  const auto second = arrive();
  aw::server_notice notice;
  notice.session = session(first)->id();
  notice.said = said("for one", true);
  admin.act(aw::encode_notice(notice));
  const auto frames = heard(first);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].content() == "for one");
  CHECK_FALSE(frames[0].has("seq"));
  notice.what = aw::server_notice::kind::disconnect;
  notice.reason = std::string(200, 'x');
  admin.act(aw::encode_notice(notice));
  CHECK(transport.close_sent(first)->first == 4499);
  CHECK(transport.close_sent(first)->second == std::string(123, 'x'));
  CHECK(heard(second).empty());
  CHECK(transport.is_open(second));
  // Gone, unknown, nonsense: nothing, and nobody is asked again.
  admin.act(aw::encode_notice(notice));
  notice.session = "nobody";
  admin.act(aw::encode_notice(notice));
  notice.session.clear();
  admin.act(aw::encode_notice(notice));
  admin.act("nonsense");
  admin.act("");
  CHECK(heard(second).empty());
  CHECK(transport.is_open(second));
  CHECK(shown.others.told.empty());
}
