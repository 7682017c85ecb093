// SPDX-License-Identifier: MIT
#include <agent_websocket/server/recovery.hpp>

#include <agent_websocket/policy/memory_store.hpp>
#include <agent_websocket/server/restore_session.hpp>
#include <agent_websocket/session/restoring.hpp>

#include "unit/session/core_fixture.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace agent_websocket;

namespace {

bool is_not_here(const std::string&, const stored_session&) { return false; }

/// Is asked, and answers when the test says so.
struct slow_store {
  std::string asked;  // "load a, claim a 3, "
  std::deque<load_handler> loads;
  std::deque<claim_handler> claims;

  bool lasting() const { return true; }
  void load(std::string_view session, load_handler done) {
    asked += "load " + std::string(session) + ", ";
    loads.push_back(std::move(done));
  }
  void claim(std::string_view session, const stored_session& known, claim_handler done) {
    asked += "claim " + std::string(session) + " " + std::to_string(known.fence) + ", ";
    claims.push_back(std::move(done));
  }
  void append(store_batch, const store_handler&) {}
  void release(std::string_view, fence_number, const store_handler&) {}
  void erase(std::string_view, fence_number, const store_handler&) {}
  void check(const store_handler&) {}

  void loaded(result<stored_session> what) {
    REQUIRE_FALSE(loads.empty());
    const load_handler done = std::move(loads.front());
    loads.pop_front();
    done(std::move(what));
  }
  void claimed(result<fence_number> what) {
    REQUIRE_FALSE(claims.empty());
    const claim_handler done = std::move(claims.front());
    claims.pop_front();
    done(std::move(what));
  }
};

stored_session known(fence_number fence = 3, std::string holder = {}) {
  stored_session made;
  made.records = {"{}"};
  made.next = 7;
  made.fence = fence;
  made.holder = std::move(holder);
  return made;
}

wire::command hello(connection_id from, std::string session, std::string id = {}) {
  wire::command made;
  made.from = from;
  made.id = std::move(id);
  made.resume_session = std::move(session);
  return made;
}

struct fixture {
  using type = recovery<slow_store>;

  slow_store store;
  std::string told;  // "a: fence 4 of 1 2(x y) "
  std::vector<stored_session> sessions;
  std::function<void()> then;
  std::unique_ptr<type> its = std::make_unique<type>(
      store, is_not_here,
      [this](const std::string& id, result<claimed_session> found,
             std::vector<type::waiting_socket> asked) {
        told += id + ": ";
        told += found ? "fence " + std::to_string(found->fence) : to_string(found.error().code);
        told += " of";
        for (const auto& each : asked) {
          told += " " + std::to_string(each.connection);
          CHECK(each.hello.from == each.connection);
          std::string held;
          for (const std::string& text : each.held) held += (held.empty() ? "" : " ") + text;
          if (!held.empty()) told += "(" + held + ")";
        }
        told += "; ";
        if (found) sessions.push_back(found->stored);
        for (const auto& each : asked) CHECK_FALSE(its->is_waiting(each.connection));
        if (then) then();
      });
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "recovery: claims the session that a client asks for") {
  CHECK_FALSE(its->is_waiting(1));
  its->wait(hello(1, "a"));
  CHECK(its->is_waiting(1));
  CHECK(store.asked == "load a, ");
  store.loaded(known(3));
  CHECK(store.asked == "load a, claim a 3, ");
  CHECK(told.empty());
  store.claimed(4);
  CHECK(told == "a: fence 4 of 1; ");
  REQUIRE(sessions.size() == 1u);
  CHECK(sessions[0].next == 7u);
  CHECK(sessions[0].records.size() == 1u);
  CHECK_FALSE(its->is_waiting(1));
}

TEST_CASE_FIXTURE(fixture, "recovery: holds what comes meanwhile, in its order") {
  its->wait(hello(1, "a"));
  its->wait(hello(2, "b"));
  CHECK(its->hold(1, "x"));
  CHECK(its->hold(2, "other"));
  store.loaded(known());
  CHECK(its->hold(1, "y"));
  store.claimed(4);
  CHECK(told == "a: fence 4 of 1(x y); ");
  CHECK_FALSE(its->hold(1, "z"));  // it waits no more
  CHECK_FALSE(its->hold(9, "z"));
}

TEST_CASE_FIXTURE(fixture, "recovery: not more than it should") {
  its->wait(hello(1, "a"));
  its->wait(hello(2, "a"));
  CHECK(its->hold(1, std::string(fixture::type::max_held_bytes, 'x')));
  CHECK_FALSE(its->hold(1, "y"));
  for (std::size_t i = 0; i < fixture::type::max_held_messages; ++i) CHECK(its->hold(2, ""));
  CHECK_FALSE(its->hold(2, ""));
}

TEST_CASE_FIXTURE(fixture, "recovery: looks for a session once at a time, however many ask") {
  its->wait(hello(1, "a"));
  its->wait(hello(2, "a"));
  store.loaded(known());
  its->wait(hello(3, "a"));
  its->wait(hello(4, "b"));
  CHECK(store.asked == "load a, claim a 3, load b, ");
  store.claimed(4);
  CHECK(told == "a: fence 4 of 1 2 3; ");
  store.loaded(known(8));
  store.claimed(9);
  CHECK(told == "a: fence 4 of 1 2 3; b: fence 9 of 4; ");
  its->wait(hello(5, "a"));  // later it is looked for again
  CHECK(store.asked == "load a, claim a 3, load b, claim b 8, load a, ");
}

TEST_CASE_FIXTURE(fixture, "recovery: a session that is not there") {
  its->wait(hello(1, "a"));
  store.loaded(stored_session());
  CHECK(told == "a: session_not_found of 1; ");
  CHECK(store.claims.empty());
}

TEST_CASE_FIXTURE(fixture, "recovery: one that another process has") {
  its->wait(hello(1, "a"));
  store.loaded(known(3, "other process"));
  CHECK(told == "a: busy of 1; ");
  CHECK(store.claims.empty());
  its->wait(hello(1, "a"));
  store.loaded(known(3));
  store.claimed(error(errc::busy));  // it was quicker
  CHECK(told == "a: busy of 1; a: busy of 1; ");
}

TEST_CASE_FIXTURE(fixture, "recovery: a store that is away") {
  its->wait(hello(1, "a"));
  store.loaded(error(errc::connection_failed));
  its->wait(hello(2, "a"));
  store.loaded(known());
  store.claimed(error(errc::internal));
  CHECK(told == "a: connection_failed of 1; a: internal of 2; ");
}

TEST_CASE_FIXTURE(fixture, "recovery: one that has changed is looked for again, not for ever") {
  its->wait(hello(1, "a"));
  for (int i = 1; i < fixture::type::max_attempts; ++i) {
    store.loaded(known(static_cast<fence_number>(i)));
    store.claimed(error(errc::moved));
    CHECK(told.empty());
    CHECK(store.loads.size() == 1u);
  }
  store.loaded(known(9));
  store.claimed(error(errc::moved));
  CHECK(told == "a: moved of 1; ");
  CHECK(store.loads.empty());
  its->wait(hello(1, "a"));  // with all attempts again
  store.loaded(known());
  store.claimed(error(errc::moved));
  store.loaded(known(5));
  store.claimed(6);
  CHECK(told == "a: moved of 1; a: fence 6 of 1; ");
}

// ---- who goes meanwhile

TEST_CASE_FIXTURE(fixture, "recovery: a socket that is gone is not told of") {
  its->wait(hello(1, "a"));
  its->wait(hello(2, "a"));
  its->hold(2, "x");
  its->forget(1);
  its->forget(7);
  CHECK_FALSE(its->is_waiting(1));
  CHECK_FALSE(its->hold(1, "y"));
  store.loaded(known());
  store.claimed(4);
  CHECK(told == "a: fence 4 of 2(x); ");
}

TEST_CASE_FIXTURE(fixture, "recovery: what nobody asks for any more is not claimed") {
  its->wait(hello(1, "a"));
  its->forget(1);
  store.loaded(known());
  CHECK(store.claims.empty());
  CHECK(told.empty());
  its->wait(hello(2, "a"));
  CHECK(store.asked == "load a, load a, ");
  store.loaded(known());
  CHECK(store.claims.size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "recovery: what the server fetches for itself needs no socket") {
  std::string came;
  its->fetch("a", [&](const error* why) { came += why == nullptr ? "found " : "not "; });
  its->wait(hello(1, "a"));
  its->forget(1);
  store.loaded(known());
  REQUIRE(store.claims.size() == 1u);
  store.claimed(4);
  CHECK(came == "found ");
}

TEST_CASE_FIXTURE(fixture, "recovery: one that was claimed already is handed over all the same") {
  its->wait(hello(1, "a"));
  store.loaded(known());
  its->forget(1);
  store.claimed(4);
  CHECK(told == "a: fence 4 of; ");
}

TEST_CASE_FIXTURE(fixture, "recovery: who comes while the former is forgotten is served") {
  its->wait(hello(1, "a"));
  its->forget(1);
  its->wait(hello(2, "a"));
  CHECK(store.asked == "load a, ");
  store.loaded(known());
  store.claimed(4);
  CHECK(told == "a: fence 4 of 2; ");
}

TEST_CASE_FIXTURE(fixture, "recovery: tells nobody once it is gone") {
  its->wait(hello(1, "a"));
  its->wait(hello(2, "b"));
  store.loaded(known());
  its.reset();
  store.claimed(4);
  store.loaded(known());
  CHECK(told.empty());
  CHECK(store.claims.empty());
}

TEST_CASE_FIXTURE(fixture, "recovery: may go while it tells, and may be asked again") {
  its->wait(hello(1, "a"));
  then = [this] {
    then = nullptr;
    its->wait(hello(1, "b"));
  };
  store.loaded(stored_session());
  CHECK(its->is_waiting(1));
  CHECK(store.asked == "load a, load b, ");
  store.loaded(stored_session());
  CHECK(told == "a: session_not_found of 1; b: session_not_found of 1; ");
  its->wait(hello(1, "c"));
  then = [this] { its.reset(); };
  store.loaded(stored_session());
  CHECK(its == nullptr);
}

// ---- sessions that leave

TEST_CASE_FIXTURE(fixture, "recovery: a session is not looked for while its last records are written") {
  CHECK(its->nobody_leaves());
  its->leaving("a");
  CHECK_FALSE(its->nobody_leaves());
  its->wait(hello(1, "a"));
  its->wait(hello(2, "b"));
  CHECK(store.asked == "load b, ");
  its->hold(1, "x");
  its->left("a");
  CHECK(its->nobody_leaves());
  CHECK(store.asked == "load b, load a, ");
  store.loaded(stored_session());
  store.loaded(known());
  store.claimed(4);
  CHECK(told == "b: session_not_found of 2; a: fence 4 of 1(x); ");
}

TEST_CASE_FIXTURE(fixture, "recovery: nor when nobody has asked for it, or does any more") {
  its->leaving("a");
  its->left("a");
  CHECK(store.asked.empty());
  its->leaving("a");
  its->wait(hello(1, "a"));
  its->forget(1);
  its->left("a");
  CHECK(store.asked.empty());
  its->wait(hello(2, "a"));
  CHECK(store.asked == "load a, ");
}

TEST_CASE("recovery: with a store that answers at once") {
  const auto space = std::make_shared<memory_space>();
  memory_store former(space, "former"), here(space, "here");
  former.append({"a", 1, 0, {"{}", "{}"}, false}, [](const result<void>& kept) { CHECK(kept); });
  std::string told;
  recovery<memory_store> its(here, is_not_here, [&](const std::string& id,
                                                    result<claimed_session> found,
                                                    const auto& asked) {
    told += id + " " +
            (found ? std::to_string(found->fence) + "/" + std::to_string(found->stored.next)
                   : std::string(to_string(found.error().code))) +
            " " + std::to_string(asked.size()) + "; ";
  });
  its.wait(hello(1, "a"));
  CHECK_FALSE(its.is_waiting(1));
  its.wait(hello(1, "b"));
  former.release("a", 1, [](const result<void>& let_go) { CHECK(let_go); });
  its.wait(hello(1, "a"));
  CHECK(told == "a busy 1; b session_not_found 1; a 2/2 1; ");
}

// ---- restore_session

namespace {

struct session_type {
  using surroundings = int;

  session_type(int&, principal who, std::string where, std::string its_id, std::string its_epoch,
               std::shared_ptr<const session_settings> settings)
      : owner(std::move(who)), address(std::move(where)), epoch(its_epoch),
        core(std::move(its_id), std::move(its_epoch), std::move(settings), fixture_.at) {}

  result<void> restore(const stored_session& from, fence_number its_fence) {
    fence = its_fence;
    return core.restore(from.records, fixture_.at);
  }

  core_fixture fixture_;
  principal owner;
  std::string address, epoch;
  session_core core;
  fence_number fence = 0;
};

claimed_session claimed(std::vector<std::string> records) {
  claimed_session made;
  made.stored.records = std::move(records);
  made.fence = 5;
  return made;
}

}  // namespace

TEST_CASE("recovery: makes a session again, of the same owner") {
  core_fixture talk;
  principal who;
  who.name = "anna";
  who.is_anonymous = true;
  talk.core.belong_to(who, "192.0.2.7");
  talk.keep_records(true);
  talk.converse("x", "y", "q");
  int around = 0;
  const auto made =
      restore_session<session_type>(around, claimed(talk.stored),
                                    std::make_shared<const session_settings>());
  REQUIRE(made);
  const session_type& its = **made;
  CHECK(its.owner.name == "anna");
  CHECK(its.owner.is_anonymous);
  CHECK(its.address == "192.0.2.7");
  CHECK(its.core.id() == talk.core.id());
  CHECK(its.epoch == "e1");
  CHECK(its.fence == 5u);
  CHECK(its.core.output().log().top() == 1u);
}

TEST_CASE("recovery: records that are damaged, or of a later version, make none") {
  core_fixture talk;
  talk.keep_records(true);
  talk.converse("x", "y", "q");
  const auto settings = std::make_shared<const session_settings>();
  int around = 0;
  std::vector<std::string> later = talk.stored;
  const std::size_t at = later[0].find(R"("v":1)");
  REQUIRE(at != std::string::npos);
  later[0].replace(at, 5, R"("v":2)");
  const auto newer = restore_session<session_type>(around, claimed(later), settings);
  REQUIRE_FALSE(newer);
  CHECK(newer.error().code == errc::bad_message);
  CHECK(newer.error().message.find("newer version") != std::string::npos);
  std::vector<std::string> cut = talk.stored;
  cut.back().pop_back();
  CHECK(restore_session<session_type>(around, claimed(cut), settings).error().code ==
        errc::bad_json);
  cut = talk.stored;
  cut.erase(cut.begin());
  CHECK(restore_session<session_type>(around, claimed(cut), settings).error().code ==
        errc::bad_message);
}
