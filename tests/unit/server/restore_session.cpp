// SPDX-License-Identifier: MIT
#include <agent_websocket/server/restore_session.hpp>

#include "flow/lasting_fixture.hpp"

#include <agent_websocket/policy/memory_store.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace flow;

namespace {

struct kept_in {
  std::shared_ptr<aw::memory_space> space = std::make_shared<aw::memory_space>();
  aw::any_store open(const std::string& name) {
    return aw::any_store(std::make_unique<aw::memory_store>(space, name));
  }
};

/// A server, and the records of one of its sessions.
struct records_fixture : kept_in, lasting_fixture {
  records_fixture() : lasting_fixture(lasting(), open("a")) {
    const auto id = arrive(mine);
    http.reply_with(answer({"one"}));
    tell(id, R"({"id":"q1","content":"x"})");
    space->drop_holder("a");
    reader.load(mine.session_id, [&](aw::result<aw::stored_session> known) {
      REQUIRE(known);
      found.stored = *std::move(known);
    });
    REQUIRE(found.stored.records.size() >= 2u);
    reader.claim(mine.session_id, found.stored, [&](aw::result<aw::fence_number> fence) {
      REQUIRE(fence);
      found.fence = *fence;
    });
  }

  aw::memory_store reader{space, "reader"};
  ticket mine;
  aw::claimed_session found;
};

/// What is told to a session that belongs to nobody.
struct quiet_sink final : aw::session_sink<fixture::session_type> {
  using session_type = fixture::session_type;
  std::optional<aw::error> on_begin(const session_type&) override { return std::nullopt; }
  void on_answered(const session_type&, const aw::answer_record&) override {}
  void on_over(session_type&) override {}
  void on_command(session_type&, const aw::wire::command&) override {}
  bool is_log_read(aw::log_level) const override { return false; }
  void on_log(const session_type&, aw::log_level, std::string_view, std::string_view) override {}
};

struct bench : records_fixture {
  aw::any_store kept = open("reader");
  aw::random_source random = aw::random_source::seeded(3);
  fixture::session_type::client_type client{{}, http, clock};
  aw::upstream_slots slots{0};
  aw::coalescer<aw::testing::manual_scheduler, fixture::session_type> wakes{clock};
  aw::basic_router<fixture::session_type> hooks;
  quiet_sink sink;
  aw::outlet<aw::testing::mock_transport> out{transport};
  std::string scratch;
  fixture::session_type::surroundings around{out,   client, clock, kept, random,
                                             slots, wakes,  hooks, sink,  scratch};
  std::shared_ptr<const aw::session_settings> defaults =
      std::make_shared<const aw::session_settings>(lasting().session);

  aw::result<std::shared_ptr<fixture::session_type>> restore() {
    return aw::restore_session<fixture::session_type>(around, found, defaults);
  }
};

}  // namespace

TEST_CASE("restore_session: makes it again as it was") {
  bench at;
  const auto made = at.restore();
  REQUIRE(made);
  fixture::session_type& session = **made;
  CHECK(session.id() == at.mine.session_id);
  CHECK(session.owner().name == "anonymous");
  CHECK(session.remote_address() == "127.0.0.1");
  CHECK(session.sockets() == 0u);
  CHECK_FALSE(session.closing());
  CHECK(session.core().accepts_token(at.mine.token));
  CHECK_FALSE(session.core().accepts_token("another"));
  CHECK(session.core().output().log().top() == 1u);
  CHECK(session.history().turns().size() == 1u);
  // What it says goes on in the store behind what was there.
  session.notify("more");
  at.reader.load(at.mine.session_id, [&](aw::result<aw::stored_session> known) {
    REQUIRE(known);
    CHECK(known->records.size() > at.found.stored.records.size());
    CHECK(known->fence == at.found.fence);
  });
}

TEST_CASE("restore_session: what is damaged is not made, and the error says so") {
  bench at;
  const auto fails_with = [&](aw::errc code) {
    const auto made = at.restore();
    REQUIRE_FALSE(made);
    CHECK(made.error().code == code);
    CHECK_FALSE(made.error().message.empty());
  };
  SUBCASE("the first record") {
    at.found.stored.records[0] = "nonsense";
    fails_with(aw::errc::bad_json);
    at.found.stored.records[0] = "{}";
    fails_with(aw::errc::bad_message);
    at.found.stored.records[0] =
        R"({"kind":"session","v":1000000,"id":"s","epoch":"e","owner":"o"})";
    fails_with(aw::errc::bad_message);
    at.found.stored.records.erase(at.found.stored.records.begin());
    fails_with(aw::errc::bad_message);
  }
  SUBCASE("a later one") {
    at.found.stored.records[1] = "nonsense";
    fails_with(aw::errc::bad_json);
  }
}
