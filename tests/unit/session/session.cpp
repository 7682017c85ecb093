// SPDX-License-Identifier: MIT
#include <agent_websocket/session/session.hpp>

#include "flow/tool_fixture.hpp"

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
    void on_command(session_type&, const aw::wire::command&) override {}
    std::optional<aw::error> on_begin(const session_type&) override { return std::nullopt; }
    void on_answered(const session_type&, const aw::answer_record&) override {}
    void on_over(session_type&) override {}
    bool is_log_read(aw::log_level) const override { return false; }
    void on_log(const session_type&, aw::log_level, std::string_view, std::string_view) override {}
  } sink;
  aw::openrouter::client_settings upstream;
  upstream.base_url = "http://localhost/v1";
  session_type::client_type client(upstream, http, clock);
  aw::random_source random = aw::random_source::seeded(1);
  aw::upstream_slots slots(1);
  aw::coalescer<aw::testing::manual_scheduler, session_type> wakes(clock);
  const aw::basic_router<session_type> hooks;
  aw::outlet<aw::testing::mock_transport> out(transport);
  std::string scratch;
  session_type::surroundings around{out,   client, clock, store, random,
                                    slots, wakes,  hooks, sink,  scratch};
  auto alone = std::make_shared<session_type>(around, aw::principal{}, "", "id", "epoch",
                                              std::make_shared<const aw::session_settings>());
  alone->welcome([](aw::session_core& core, std::string_view token, aw::moment at) {
    core.opened(1, token, at);
  });
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

// ---- handlers that do more than answer

namespace {

/// Two calls in one round; the handler of the first does `what` with its session.
template <typename What>
void call_twice(tool_fixture& f, What what) {
  f.server.tool({"act", "does something", ""},
                [&f, what](const tool_fixture::invocation& call, const aw::tool_reply& reply) {
                  f.ran.push_back(call.id);
                  call.on_cancel([&f, id = call.id] { f.cancelled.push_back(id); });
                  if (call.id == "t_1") what(call, reply);
                });
  f.http.reply_with(calls({{"a", "act", "{}"}, {"b", "act", "{}"}}));
}

}  // namespace

TEST_CASE_FIXTURE(tool_fixture,
                  "basic_session: a handler closes its session: the next is not run") {
  call_twice(*this, [](const invocation& call, const aw::tool_reply& reply) {
    call.session()->close(4499, "closed_by_operator");
    CHECK(call.session()->closing());
    reply("too late");
  });
  const auto id = greet();
  const auto frames = say(id, R"({"id":"q","content":"x"})");
  CHECK(ran == std::vector<std::string>{"t_1"});
  CHECK(cancelled == std::vector<std::string>{"t_1"});
  CHECK(terminal(frames).text("error.code") == "interrupted");
  CHECK(transport.close_sent(id)->first == 4499);
  run();
  CHECK(transport.take_sent(id).empty());
  CHECK(http.calls().size() == 1u);
}

TEST_CASE_FIXTURE(tool_fixture,
                  "basic_session: a cancel from inside a handler: the next is not run") {
  call_twice(*this, [this](const invocation&, const aw::tool_reply&) {
    transport.receive(1, R"({"type":"command","op":"cancel"})");
    transport.run();
  });
  const auto id = greet();
  REQUIRE(id == 1u);
  const auto frames = say(id, R"({"id":"q","content":"x"})");
  CHECK(terminal(frames).text("status") == "cancelled");
  CHECK(ran == std::vector<std::string>{"t_1"});
  CHECK(cancelled == ran);
  // The session goes on.
  CHECK(terminal(ask(id, R"({"content":"y"})", {"z"})).content() == "z");
}

TEST_CASE_FIXTURE(tool_fixture, "basic_session: what is told of a cancel may close the session") {
  server.tool({"slow", "takes time", ""},
              [this](const invocation& call, const aw::tool_reply& reply) {
                call.on_cancel([this, call, reply] {
                  cancelled.push_back(call.id);
                  reply("too late");
                  if (const auto its = call.session()) its->close(4499, "x");
                });
              });
  const auto id = greet();
  http.reply_with(calls({{"a", "slow", "{}"}, {"b", "slow", "{}"}}));
  say(id, R"({"id":"q","content":"x"})");
  const auto frames = say(id, R"({"type":"command","op":"cancel"})");
  CHECK(terminal(frames).text("status") == "cancelled");
  CHECK(cancelled == std::vector<std::string>{"t_1", "t_2"});
  CHECK(transport.close_sent(id)->first == 4499);
  run();
  CHECK(http.calls().size() == 1u);
}

TEST_CASE_FIXTURE(tool_fixture, "basic_session: replies after the session is gone do nothing") {
  add_slow({"slow", "takes time", ""});
  const auto id = greet();
  http.reply_with(calls({{"a", "slow", "{}"}}));
  say(id, R"({"id":"q","content":"x"})");
  transport.disconnect(id);
  run();
  CHECK(server.session_count() == 0u);
  CHECK(cancelled.size() == 1u);
  CHECK(invocations.at(0).cancelled());
  CHECK(invocations[0].session() == nullptr);
  replies.at(0)("late");
  replies[0].fail("later");
  int told = 0;
  invocations[0].on_cancel([&told] { ++told; });
  CHECK(told == 1);
  run();
  CHECK(http.calls().size() == 1u);
}

TEST_CASE_FIXTURE(tool_fixture,
                  "basic_session: a handler that answers and then throws has answered") {
  server.tool({"odd", "answers, then throws", ""},
              [](const invocation&, const aw::tool_reply& reply) {
                reply("fine");
                throw 7;
              });
  const auto id = greet();
  http.reply_with(calls({{"a", "odd", "{}"}}));
  ask(id, R"({"content":"x"})", {"ok"});
  CHECK(told_by_tools(http.last().request) == "a=fine");
}

TEST_CASE_FIXTURE(tool_fixture,
                  "basic_session: tools that a hook puts into the request are the application's") {
  std::vector<aw::openrouter::tool_call> got;
  router()
      .before_request([](session_type&, aw::openrouter::chat_request& request) {
        request.tools = R"([{"type":"function","function":{"name":"own"}}])";
      })
      .on_response(
          [&got](session_type&, const aw::answer_record& ended) { got = ended.tool_calls; });
  const auto id = greet();
  http.reply_with(calls({{"c", "own", R"({"a":1})"}}));
  const frame end = terminal(say(id, R"({"id":"q","content":"x"})"));
  CHECK(end.text("finish_reason") == "tool_calls");
  REQUIRE(got.size() == 1u);
  CHECK(got[0].name == "own");
  CHECK(got[0].arguments == R"({"a":1})");
  CHECK(http.calls().size() == 1u);
}

TEST_CASE_FIXTURE(tool_fixture, "basic_session: every request of a run goes through the hook") {
  int seen = 0;
  router().before_request([&seen](session_type&, aw::openrouter::chat_request& request) {
    request.model = "model-" + std::to_string(++seen);
  });
  add_weather();
  const auto id = greet();
  http.reply_with(calls({{"c", "weather", R"({"city":"Rome"})"}}));
  ask(id, R"({"content":"x"})", {"ok"});
  CHECK(seen == 2);
  CHECK(frame(http.last().request.body).text("model") == "model-2");
}

TEST_CASE("basic_session: the query's clock goes on with each decision, and rings in the end") {
  aw::options chosen = settings();
  chosen.session.max_tool_rounds = 20;
  tool_fixture f(chosen);
  aw::tool_definition erase{"erase", "erases", ""};
  erase.requires_approval = true;
  f.add_slow(erase);
  const auto id = f.greet();
  for (int i = 0; i < 5; ++i) f.http.reply_with(calls({{"c", "erase", "{}"}}));
  f.say(id, R"({"id":"q","content":"x","timeout_ms":10000})");
  for (int i = 0; i < 3; ++i) {
    f.pass(100s);  // the person thinks
    f.say(id, R"({"type":"human_feedback","decision":"approve"})");
    f.pass(3s);  // the tool works
    CHECK(terminals(f.heard(id)).empty());
    f.replies.back()("ok");
    f.run();
    f.heard(id);
  }
  f.pass(100s);
  CHECK(terminals(f.heard(id)).empty());
  f.say(id, R"({"type":"human_feedback","decision":"approve"})");
  f.pass(2s);
  const frame end = terminal(f.heard(id));
  CHECK(end.text("error.code") == "timeout_total");
  CHECK(f.cancelled == std::vector<std::string>{"t_4"});
}
