// SPDX-License-Identifier: MIT
//
// How to test your own agent with the mocks: no socket, no port, no sleep.
#define AGENT_WEBSOCKET_WITH_ADAPTERS 0
#include <agent_websocket.hpp>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <chrono>
#include <string>

namespace aw = agent_websocket;

// What is to be tested: the router of a program. A template, because it is set up for the real server and for this one.
template <typename Router>
void set_up(Router& router) {
  router.on_command("roll", [](auto& session, const auto& command) { session.reply(command, "4"); });
  router.on_query([](auto&, const auto& query, auto reply) {
    if (query.content == "Who are you?") return reply.answer("A dice cup.");
    reply.proceed();
  });
}

// [unit_test]
struct fixture {
  aw::testing::mock_transport transport;  // records frames, can stall and cut
  aw::testing::mock_http_client http;     // scripted answers, faults at the n-th byte
  aw::testing::manual_scheduler clock;    // virtual time
  aw::testing::mock_server server{settings(), transport, http, clock};
  aw::connection_id client = 0;

  fixture() {
    set_up(server.router());
    REQUIRE(server.start());
    client = transport.connect();
    transport.take_sent(client);  // the welcome
  }

  static aw::options settings() {
    aw::options options;
    options.base_url = "http://localhost/v1";
    options.session.heartbeat_interval = std::chrono::hours(1);  // the mock answers no pings by itself
    return options;
  }

  /// The last frame that the client received after sending `text`.
  std::string ask(const std::string& text) {
    transport.receive(client, text);
    clock.run();
    http.run();
    return transport.take_sent(client).back();
  }
};

TEST_CASE_FIXTURE(fixture, "the application's command") {
  CHECK(ask(R"({"type":"command","op":"roll","id":"r1"})").find(R"("content":"4","ref":"r1")") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a question that needs no model") {
  CHECK(ask(R"({"content":"Who are you?"})").find("A dice cup.") != std::string::npos);
  CHECK(http.calls().empty());
}

TEST_CASE_FIXTURE(fixture, "a question for the model") {
  http.reply_with(aw::testing::http_script()
                      .head(200, {{"Content-Type", "text/event-stream"}})
                      .body(aw::testing::sse(R"({"choices":[{"delta":{"content":"Six."},"finish_reason":"stop"}]})"))
                      .body(aw::testing::sse("[DONE]"))
                      .complete());
  CHECK(ask(R"({"content":"How many sides?"})").find(R"("content":"Six.","status":"completed")") != std::string::npos);
  CHECK(http.last().request.body.find("How many sides?") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a model that says nothing for five minutes") {
  ask(R"({"content":"Hello?"})");
  clock.advance(std::chrono::minutes(5));
  CHECK(transport.take_sent(client).back().find(R"("code":"timeout_first_token")") != std::string::npos);
}
// [unit_test]
