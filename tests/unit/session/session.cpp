// SPDX-License-Identifier: MIT
#include <agent_websocket/session/session.hpp>

#include "flow/fixture.hpp"

#include <any>
#include <memory>
#include <string>

using namespace flow;

TEST_CASE_FIXTURE(fixture, "basic_session: what the application sees of it") {
  aw::handshake from;
  from.remote_address = "192.0.2.7";
  const auto id = connect(std::move(from));
  const auto its = session(id);
  REQUIRE(its != nullptr);
  CHECK(is_uuid4(its->id()));
  CHECK(its->owner().name == "anonymous");
  CHECK(its->remote_address() == "192.0.2.7");
  CHECK(its->settings().system_prompt == "P");
  CHECK(its->sockets() == 1u);
  CHECK_FALSE(its->closing());
  CHECK_FALSE(its->data().has_value());
  its->data() = 7;
  CHECK(std::any_cast<int>(session(id)->data()) == 7);
  ask(id, R"({"content":"x"})", {"a"});
  CHECK(its->history().turns().size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "basic_session: says what it is told to, at once") {
  const auto id = connect();
  const auto its = session(id);
  its->notify("hello", "topic", R"({"n":1})");
  auto frames = heard(id);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].content() == "hello");
  CHECK(frames[0].number("seq") == 1);
  aw::wire::command command;
  command.op = "roll";
  command.id = "c1";
  its->reply(command, "4");
  its->refuse(command, aw::errc::forbidden);
  its->refuse(command, aw::errc::rate_limited, "Slower, please");
  frames = heard(id);
  REQUIRE(frames.size() == 3u);
  CHECK(frames[0].is_status("roll"));
  CHECK(frames[1].content() == aw::message_of(aw::errc::forbidden));
  CHECK(frames[2].content() == "Slower, please");
}

TEST_CASE_FIXTURE(fixture, "basic_session: close ends what is open and then the socket") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x"})");
  const auto its = session(id);
  its->close(4499, "closed_by_operator", aw::error(aw::errc::forbidden, "Not here"));
  CHECK(its->closing());
  const frame end = terminal(heard(id));
  CHECK(end.code() == "forbidden");
  CHECK(end.content() == "Failed to generate response: Not here");
  CHECK(transport.close_sent(id)->first == 4499);
  CHECK(http.open_calls() == 0u);
  its->close(1000, "again");
  its->notify("nobody hears this");
  run();
  CHECK(transport.close_sent(id)->first == 4499);
  CHECK(transport.take_sent(id).empty());
}

TEST_CASE_FIXTURE(fixture, "basic_session: outlived by who holds it, it does nothing more") {
  const auto id = connect();
  say(id, R"({"content":"x"})");
  const std::shared_ptr<session_type> held = session(id);
  transport.disconnect(id);
  CHECK(held->closing());
  held->notify("n");
  held->reply({}, "r");
  held->close(1000, "c");
  held->change_settings(held->settings());
  run();
  CHECK(http.open_calls() == 0u);
  CHECK(server.find_session(held->id()) == nullptr);
}

TEST_CASE_FIXTURE(fixture, "basic_session: its destruction cancels its call") {
  struct quiet final : aw::session_sink<session_type> {
    void on_hello(session_type&, aw::connection_id, const aw::wire::command&) override {}
    void on_over(session_type&) override {}
    void on_log(const session_type&, aw::log_level, std::string_view, std::string_view) override {}
  } sink;
  aw::openrouter::client_settings upstream;
  upstream.base_url = "http://localhost/v1";
  session_type::client_type client(upstream, http, clock);
  aw::random_source random = aw::random_source::seeded(1);
  aw::upstream_slots slots(1);
  aw::coalescer<aw::testing::manual_scheduler, session_type> wakes(clock);
  const aw::basic_router<session_type> hooks;
  session_type::surroundings around{transport, client, clock, store, random,
                                    slots,     wakes,  hooks, sink};
  auto alone = std::make_shared<session_type>(around, aw::principal{}, "", "id", "epoch",
                                              std::make_shared<const aw::session_settings>());
  alone->open(1);
  aw::wire::query asked;
  asked.content = "x";
  asked.timeout = 5s;
  alone->apply([&](aw::session_core& core, aw::moment at) { core.received(1, asked, at); });
  CHECK(http.open_calls() == 1u);
  CHECK(slots.taken() == 1u);
  alone.reset();
  CHECK(slots.taken() == 0u);
  CHECK(http.open_calls() == 0u);
  CHECK(clock.pending_timers() == 0u);
  clock.advance(1min);
}
