// SPDX-License-Identifier: MIT
#include <agent_websocket/server/server.hpp>

#include "flow/fixture.hpp"

#include <memory>
#include <string>
#include <utility>

using namespace flow;

TEST_CASE_FIXTURE(fixture, "basic_server: start checks the options before it listens") {
  auto chosen = settings();
  chosen.base_url = "https://openrouter.ai/api/v1";
  chosen.api_key.clear();
  fixture wrong(chosen);
  const auto started = wrong.server.start();
  REQUIRE_FALSE(started);
  CHECK(mentions(started.error().message, "OPENROUTER_API_KEY"));
  CHECK_FALSE(wrong.transport.listening());
}

TEST_CASE_FIXTURE(fixture, "basic_server: start tells why it cannot listen") {
  transport.fail_start(aw::error(aw::errc::bad_configuration, "cannot listen on 127.0.0.1:1"));
  const auto started = server.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().message == "cannot listen on 127.0.0.1:1");
  CHECK(server.start());
  CHECK(transport.listening());
}

TEST_CASE_FIXTURE(fixture, "basic_server: post runs on the executor, in order, not at once") {
  std::string order;
  server.post([&] { order += "a"; });
  server.post([&] {
    order += "b";
    server.post([&] { order += "d"; });
  });
  server.post([&] { order += "c"; });
  CHECK(order.empty());
  clock.run();
  CHECK(order == "abcd");
}

TEST_CASE_FIXTURE(fixture,
                  "basic_server: posted and timed things of a server that is gone never run") {
  bool ran = false;
  auto gone =
      std::make_unique<aw::basic_server<aw::testing::mock_transport, aw::testing::mock_http_client,
                                        aw::testing::manual_scheduler>>(settings(), transport, http,
                                                                        clock);
  REQUIRE(gone->start());
  const auto id = transport.connect();
  transport.receive(id, R"({"content":"x","timeout_ms":5})");
  gone->post([&] { ran = true; });
  gone->stop([&] { ran = true; });
  gone.reset();
  clock.run();
  clock.advance(24h);
  CHECK_FALSE(ran);
  CHECK(clock.pending_timers() == 0u);
  CHECK(http.open_calls() == 0u);
}

TEST_CASE_FIXTURE(fixture,
                  "basic_server: log lines hold no key and no text of clients below debug") {
  const auto id = connect();
  ask(id, R"({"content":"the client's secret question"})", {"the model's secret answer"});
  http.reply_with(refusal(500, "raw upstream body " + std::string(secret_key)));
  say(id, R"({"content":"the client's secret question"})");
  say(id, "the client's secret garbage");
  transport.disconnect(id);
  CHECK(log.has("session_opened"));
  CHECK(log.has("session_closed"));
  CHECK(log.has("completion_failed"));
  for (const std::string& line : log.lines) {
    CAPTURE(line);
    CHECK_FALSE(mentions(line, secret_key));
    CHECK_FALSE(mentions(line, "secret question"));
    CHECK_FALSE(mentions(line, "secret answer"));
    CHECK_FALSE(mentions(line, "secret garbage"));
  }
}

TEST_CASE("basic_server: what is below LOG_LEVEL is not logged, but told to on_event") {
  auto chosen = settings();
  chosen.level = aw::log_level::error;
  fixture talk(chosen);
  int events = 0;
  talk.router().on_event([&](const aw::server_event&) { ++events; });
  const auto id = talk.connect();
  CHECK(talk.log.lines.empty());
  CHECK(events > 0);
  talk.http.reply_with(refusal(500, ""));
  talk.say(id, R"({"content":"x"})");
  CHECK(talk.log.has("completion_failed"));
}
