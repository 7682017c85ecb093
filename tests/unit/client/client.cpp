// SPDX-License-Identifier: MIT
// The carrying out: policies, timer, calls from inside the sink. What is decided: core.cpp.
#include <agent_websocket/client/client.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>
#include <agent_websocket/testing/mock_client_transport.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;
using testing::manual_scheduler;
using testing::mock_client_transport;
using client_type = basic_client<mock_client_transport, manual_scheduler>;

namespace {

struct application final : client_sink {
  void on_state(client_state state) override {
    add(std::string(to_string(state)));
    on_change(state);
  }
  void on_disconnected(std::uint16_t code, std::string_view reason) override {
    add("lost:" + std::to_string(code) + std::string(reason));
  }
  void on_stopped(std::uint16_t code, std::string_view) override {
    add("stopped:" + std::to_string(code));
  }
  void on_welcome(const client_notice& notice) override {
    add("w:" + frame(notice.json).text("session_id"));
  }
  void on_reset() override { add("reset"); }
  void on_text(const std::string& id, text_change, std::string_view text) override {
    add(id + "+" + std::string(text));
    on_piece();
  }
  void on_reasoning(const std::string& id, text_change, std::string_view text) override {
    add(id + "?" + std::string(text));
  }
  void on_answer(const client_answer& answer) override {
    add(answer.id + "=" + answer.text());
    on_end();
  }
  void on_notification(const client_notice& notice) override { add("n:" + notice.content); }
  void on_feedback_request(const client_request& request) override { add("f:" + request.id); }
  void on_feedback_resolved(const client_resolution& what) override { add("f-" + what.id); }
  void on_tool(const client_tool_progress& what) override { add("t:" + what.state); }
  void on_tool_call(const client_tool_call& call) override {
    add("call:" + call.id);
    on_call(call.id);
  }
  void on_status(const client_notice& notice) override { add("s:" + notice.op); }
  void on_error(const client_notice& notice) override { add("e:" + notice.code); }

  void add(const std::string& word) { log += (log.empty() ? "" : " ") + word; }
  std::string take() { return std::exchange(log, {}); }

  std::string log;
  std::function<void(client_state)> on_change = [](client_state) {};
  std::function<void()> on_piece = [] {}, on_end = [] {};
  std::function<void(const std::string&)> on_call = [](const std::string&) {};
};

struct bench {
  explicit bench(client_options options = {})
      : client(std::make_unique<client_type>(transport, scheduler, sink,
                                             prepared(std::move(options)))) {}

  static client_options prepared(client_options options) {
    options.random = random_source([] { return std::uint64_t{1} << 63; });
    options.url = "ws://example.org/ws";
    options.headers.add("X-Test", "yes");
    return options;
  }
  void become_live() {
    client->start();
    transport.accept();
    welcome("new");
    transport.receive(R"({"type":"status","op":"live","seq":0})");
    sink.take();
    transport.take_sent();
  }
  void welcome(const std::string& reason) {
    transport.receive(
        R"({"type":"notification","op":"welcome","session_id":"s1","resume_token":"t","epoch":"e1","seq":0,"reason":")" +
        reason + R"(","recovered":)" + (reason == "ok" ? "true" : "false") +
        R"(,"heartbeat_ms":25000,"timeout_ms":8000})");
  }

  manual_scheduler scheduler;
  mock_client_transport transport;
  application sink;
  std::unique_ptr<client_type> client;
};

}  // namespace

TEST_CASE("client: a conversation on its policies") {
  bench b;
  b.client->start();
  CHECK(b.transport.connections()[0].url == "ws://example.org/ws");
  CHECK(b.transport.connections()[0].headers.find("X-Test") == "yes");
  CHECK(b.client->state() == client_state::connecting);
  b.transport.accept();
  b.welcome("new");
  b.transport.receive(R"({"type":"status","op":"live","seq":0})");
  CHECK(b.sink.take() == "connecting catching_up w:s1 live");
  wire::query asked;
  asked.id = "q1";
  asked.content = "Hello";
  CHECK(*b.client->query(asked) == "q1");
  CHECK(b.client->query("Two"));
  CHECK(b.client->cancel("q1"));
  wire::human_feedback said;
  said.rating = 1;
  CHECK(b.client->feedback(said));
  wire::command info;
  info.op = "info";
  CHECK(b.client->command(info));
  CHECK(b.transport.take_sent().size() == 7u);
  b.transport.receive(R"({"type":"response","seq":1,"ref":"q1","stream":"r","phase":"start"})");
  b.transport.receive(
      R"({"type":"response","stream":"r","phase":"reasoning","idx":0,"n":1,"content":"m"})");
  b.transport.receive(
      R"({"type":"response","seq":2,"ref":"q1","stream":"r","phase":"full","content":"Hi"})");
  b.transport.receive(R"({"type":"notification","seq":3,"content":"a"})");
  b.transport.receive(R"({"type":"human_feedback","seq":4,"id":"f1"})");
  b.transport.receive(R"({"type":"status","op":"tool"})");
  b.transport.receive(R"({"type":"error","code":"bad_json"})");
  CHECK(b.sink.take() == "q1?m q1+Hi q1=Hi n:a f:f1 s:tool e:bad_json");
  CHECK(b.client->transcript().find("q1")->text() == "Hi");
  CHECK(b.client->position().last_seq == 4);
  CHECK(b.client->connection().max_queued() == 0u);
  b.client->stop();
  CHECK(b.transport.connections()[0].closed_with->first == 1000);
}

TEST_CASE("client: connects again by its own timer, at once when it is told to") {
  bench b;
  b.become_live();
  b.transport.disconnect(1006);
  CHECK(b.sink.take() == "lost:1006 waiting");
  b.scheduler.advance(749ms);
  CHECK(b.transport.connections().size() == 1u);
  b.scheduler.advance(1ms);
  CHECK(b.transport.connections().size() == 2u);
  b.transport.refuse(0);
  CHECK(b.sink.take() == "connecting lost:1006Connection refused waiting");
  b.client->start();
  CHECK(b.transport.connections().size() == 3u);
  b.scheduler.advance(2s);
  CHECK(b.transport.connections().size() == 3u);
}

TEST_CASE("client: one timer, which is not set again for every message") {
  bench b;
  b.become_live();
  for (int i = 0; i < 100; ++i) {
    b.scheduler.advance(100ms);
    b.transport.receive(R"({"type":"status","op":"tool"})");
    CHECK(b.scheduler.pending_timers() == 1u);
  }
  b.transport.take_sent();
  b.scheduler.advance(24'999ms);
  CHECK(b.transport.take_sent().empty());
  b.scheduler.advance(1ms);
  CHECK(b.transport.take_sent() == std::vector<std::string>{R"({"type":"command","op":"ping"})"});
  b.transport.receive_ping();  // any bytes are a sign of life
  b.scheduler.advance(24'999ms);
  CHECK(b.transport.take_sent().empty());
  b.scheduler.advance(10'001ms);
  CHECK(b.transport.is_open() == false);
  CHECK(b.client->state() == client_state::waiting);
  b.client->stop();
  CHECK(b.scheduler.pending_timers() == 0u);
}

TEST_CASE("client: calls from inside the sink") {
  bench b;
  b.become_live();
  b.sink.on_piece = [&] { b.client->query("from on_text"); };
  b.sink.on_end = [&] { b.client->stop(); };
  b.client->query("Hello");
  const std::string id = frame(b.transport.take_sent().back()).text("id");
  b.transport.receive(R"({"type":"response","seq":1,"ref":")" + id +
                      R"(","phase":"full","content":"Hi"})");
  // The query that was made meanwhile was sent before the stop, and ends with it.
  CHECK(b.client->state() == client_state::stopped);
  CHECK(b.sink.log.find(id + "+Hi " + id + "=Hi stopped") == 0u);
  CHECK(frame(b.transport.take_sent().back()).content() == "from on_text");
  bench again;
  again.sink.on_change = [&](client_state state) {
    if (state == client_state::stopped) again.client->start();
  };
  again.become_live();
  again.transport.disconnect(4401);
  CHECK(again.sink.take() == "lost:4401 stopped stopped:4401 connecting");
  CHECK(again.transport.connections().size() == 2u);
}

TEST_CASE("client: tokens, now, later, and too late") {
  std::vector<client_token_handler> asked;
  client_options options;
  options.token = [&](client_token_handler done) { asked.push_back(std::move(done)); };
  bench b(std::move(options));
  b.client->start();
  CHECK(b.transport.connections().empty());
  asked.back()(std::string("secret"));
  CHECK(b.transport.connections().size() == 1u);
  b.transport.accept();
  const frame hello(b.transport.take_sent().back());
  CHECK(hello.text("auth.token") == "secret");
  CHECK(b.transport.connections()[0].url.find("secret") == std::string::npos);
  b.transport.disconnect(4004);
  b.scheduler.advance(1s);
  REQUIRE(asked.size() == 2u);
  b.client.reset();
  asked.back()(std::string("nobody is there"));
  CHECK(b.transport.connections().size() == 1u);
}

TEST_CASE("client: a token that is there at once") {
  client_options options;
  options.token = [](const client_token_handler& done) { done(std::string("now")); };
  bench b(std::move(options));
  b.client->start();
  CHECK(b.sink.take() == "connecting");
  b.transport.accept();
  CHECK(frame(b.transport.take_sent().back()).text("auth.token") == "now");
}

TEST_CASE("client: its end leaves no timer") {
  bench b;
  b.become_live();
  CHECK(b.scheduler.pending_timers() == 1u);
  b.client.reset();
  CHECK(b.scheduler.pending_timers() == 0u);
}

TEST_CASE("client: a tool and a decision, from inside the sink") {
  client_options options;
  options.tools = {{"beep", "", ""}};
  bench b(options);
  b.become_live();
  b.sink.on_call = [&b](const std::string& call) { CHECK(b.client->tool_result(call, "true")); };
  b.transport.receive(
      R"({"type":"status","op":"tool","id":"t_1","ref":"q1","tool":{"call":"t_1","name":"beep","state":"calling"}})");
  CHECK(b.sink.take() == "t:calling call:t_1");
  CHECK(b.transport.take_sent().size() == 1u);
  CHECK(b.client->tool_error("t_1", "no").error().code == errc::not_found);
  b.transport.receive(R"({"type":"human_feedback","seq":1,"id":"f_1"})");
  REQUIRE(b.client->requests().size() == 1u);
  CHECK(b.client->decide("f_1", client_decision::approve));
  CHECK(b.transport.take_sent().size() == 1u);
  b.transport.receive(R"({"type":"status","seq":2,"op":"feedback_resolved","ref":"f_1"})");
  CHECK(b.sink.take() == "f:f_1 f-f_1");
  CHECK(b.client->requests().empty());
}
