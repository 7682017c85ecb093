// SPDX-License-Identifier: MIT
//
// What /metrics says after things have happened.
#include "flow/tool_fixture.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

using namespace flow;

namespace {

/// The value of a series; -1 when there is none.
double value_of(const std::string& text, const std::string& series) {
  const std::size_t at = text.find("\n" + series + " ");
  if (at == std::string::npos) return -1;
  return std::strtod(text.c_str() + at + series.size() + 2, nullptr);
}

struct metrics_fixture : tool_fixture {
  explicit metrics_fixture(aw::options chosen = settings()) : tool_fixture(std::move(chosen)) {}

  double metric(const std::string& series) {
    return value_of(server.metrics(), "agent_websocket_" + series);
  }
};

}  // namespace

TEST_CASE_FIXTURE(metrics_fixture, "metrics: an answer, from its query to its cost") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x","stream":true})");
  CHECK(metric("upstream_slots_taken") == 1);
  const auto call = http.last().id;
  pass(3s);
  http.respond_head(call, 200, event_stream());
  http.respond_body(call, chunk("yes"));
  run();
  CHECK(metric("time_to_first_token_seconds_count") == 1);
  CHECK(metric("time_to_first_token_seconds_sum") == 3);
  CHECK(metric("answer_duration_seconds_count") == 0);
  pass(4s);
  http.respond_body(call, chunk(", no") + finish() + done());
  http.complete(call);
  run();
  heard(id);
  CHECK(metric("time_to_first_token_seconds_count") == 1);
  CHECK(metric("answer_duration_seconds_sum") == 7);
  CHECK(metric("answers_total{status=\"completed\"}") == 1);
  CHECK(metric("tokens_total{kind=\"prompt\"}") == 12);
  CHECK(metric("tokens_total{kind=\"completion\"}") == 98);
  CHECK(metric("cost_dollars_total") == doctest::Approx(0.0004));
  CHECK(metric("upstream_requests_total") == 1);
  CHECK(metric("upstream_slots_taken") == 0);
  CHECK(metric("messages_received_total{type=\"query\"}") == 1);
  CHECK(metric("received_bytes_total") == 39);
  double bytes = 0;
  for (const std::string& each : transport.sent(id)) bytes += static_cast<double>(each.size());
  CHECK(metric("sent_bytes_total") == bytes);
  CHECK(metric("messages_sent_total") == static_cast<double>(transport.sent(id).size()));
}

TEST_CASE_FIXTURE(metrics_fixture, "metrics: an answer that comes again is counted once") {
  const auto id = connect();
  ask(id, R"({"id":"q1","content":"x"})", {"yes"});
  say(id, R"({"id":"q1","content":"x"})");
  CHECK(metric("answers_total{status=\"completed\"}") == 1);
  CHECK(metric("messages_received_total{type=\"query\"}") == 2);
}

TEST_CASE("metrics: failures, retries, cancels") {
  auto chosen = settings();
  chosen.max_retries = 1;
  metrics_fixture talk(chosen);
  const auto id = talk.connect();
  talk.http.reply_with(refusal(503, "{}"));
  talk.http.reply_with(refusal(401, "{}"));
  talk.say(id, R"({"id":"q1","content":"x"})");
  talk.pass(60s);
  talk.heard(id);
  CHECK(talk.metric("upstream_requests_total") == 2);
  CHECK(talk.metric("upstream_retries_total") == 1);
  CHECK(talk.metric("answers_total{status=\"failed\"}") == 1);
  CHECK(talk.metric("answers_failed_total{code=\"provider_unauthorized\"}") == 1);
  CHECK(talk.metric("errors_sent_total{code=\"provider_unauthorized\"}") == 1);
  talk.say(id, R"({"id":"q2","content":"x","stream":true})");
  talk.say(id, R"({"id":"q3","content":"x"})");
  talk.say(id, R"({"type":"command","op":"cancel","ref":"q3"})");
  talk.say(id, R"({"type":"command","op":"cancel"})");
  CHECK(talk.metric("answers_total{status=\"cancelled\"}") == 2);
  CHECK(talk.metric("messages_received_total{type=\"command\"}") == 2);
  talk.say(id, "no JSON");
  talk.transport.receive_binary(id, 100);
  talk.run();
  CHECK(talk.metric("messages_received_total{type=\"invalid\"}") == 2);
  CHECK(talk.metric("errors_sent_total{code=\"bad_json\"}") == 1);
  CHECK(talk.metric("errors_sent_total{code=\"unsupported_data\"}") == 1);
  CHECK(talk.metric("answers_total{status=\"failed\"}") == 1);
}

TEST_CASE_FIXTURE(metrics_fixture, "metrics: tools") {
  add_weather();
  const auto id = greet();
  http.reply_with(calls({{"c1", "weather", R"({"city":"Rome"})"}, {"c2", "nothing", "{}"}}));
  http.reply_with(answer({"Sunny."}));
  say(id, R"({"id":"q1","content":"weather?"})");
  CHECK(metric("tool_calls_total{outcome=\"done\"}") == 1);
  CHECK(metric("tool_calls_total{outcome=\"failed\"}") == 1);
  CHECK(metric("tokens_total{kind=\"prompt\"}") == 24);
  CHECK(metric("answers_total{status=\"completed\"}") == 1);
}

TEST_CASE("metrics: sockets and sessions come and go") {
  auto chosen = settings();
  chosen.session.resume_window = 10s;
  metrics_fixture talk(chosen);
  const auto first = talk.connect();
  const auto second = talk.connect();
  talk.say(first, R"({"type":"command","op":"info"})");
  CHECK(talk.metric("sockets") == 2);
  CHECK(talk.metric("sessions{state=\"attached\"}") == 2);
  talk.transport.disconnect(first, 1006);
  talk.transport.disconnect(second, 1001);
  talk.run();
  CHECK(talk.metric("sockets") == 0);
  CHECK(talk.metric("sessions{state=\"attached\"}") == 0);
  CHECK(talk.metric("sessions{state=\"detached\"}") == 1);
  CHECK(talk.metric("sockets_opened_total") == 2);
  CHECK(talk.metric("sockets_closed_total{class=\"abnormal\"}") == 1);
  CHECK(talk.metric("sockets_closed_total{class=\"normal\"}") == 1);
  CHECK(talk.metric("sessions_begun_total") == 2);
  talk.clock.advance(11s);
  CHECK(talk.metric("sessions{state=\"detached\"}") == 0);
  CHECK(talk.metric("sessions_ended_total") == 2);
}

TEST_CASE("metrics: who is not let in, and why") {
  struct picky {
    void authenticate(const aw::credentials& shown, const aw::authentication_handler& done) const {
      if (shown.token == "out") return done(aw::error(aw::errc::forbidden));
      if (shown.token == "down") return done(aw::error(aw::errc::internal));
      if (shown.token == "in") return done(aw::principal{"alice"});
      done(aw::error(aw::errc::unauthorized));
    }
  };
  basic_fixture<aw::testing::mock_transport, picky> talk;
  talk.start();
  const auto knock = [&](const std::string& token) {
    aw::handshake asked;
    asked.request.headers.add("Authorization", "Bearer " + token);
    const auto id = talk.transport.connect(std::move(asked));
    talk.run();
    return id;
  };
  for (const char* each : {"out", "down", "who", "who"}) knock(each);
  talk.transport.receive(knock("in"), R"({"content":"runs on while the server drains"})");
  talk.run();
  const auto refused = [&](const std::string& why) {
    return value_of(talk.server.metrics(),
                    "agent_websocket_sockets_refused_total{reason=\"" + why + "\"}");
  };
  CHECK(refused("forbidden") == 1);
  CHECK(refused("unavailable") == 1);
  CHECK(refused("unauthorized") == 2);
  const auto late = talk.transport.connect();  // is to show it by its first message
  talk.run();
  talk.transport.receive(late, R"({"type":"command","op":"hello","auth":{"token":"who"}})");
  talk.run();
  CHECK(refused("unauthorized") == 3);
  CHECK(value_of(talk.server.metrics(),
                 "agent_websocket_errors_sent_total{code=\"unauthorized\"}") == 1);
  talk.server.stop();
  talk.run();
  knock("in");
  CHECK(refused("draining") == 1);
  CHECK(value_of(talk.server.metrics(), "agent_websocket_sockets_opened_total") == 1);
}

TEST_CASE_FIXTURE(metrics_fixture, "metrics: never a user, a session, an address or a secret") {
  const auto id = connect();
  ask(id, R"({"id":"q1","content":"whisper"})", {"murmur"});
  transport.request({"GET", "/strange-path", {}, {}});
  const std::string text = server.metrics();
  for (const std::string& private_one :
       {clients[id].session_id(), std::string("anonymous"), std::string("127.0.0.1"),
        std::string(secret_key), std::string("whisper"), std::string("murmur"), std::string("q1"),
        std::string("strange-path"), std::string("served/model")}) {
    CAPTURE(private_one);
    CHECK_FALSE(mentions(text, private_one));
  }
}

TEST_CASE_FIXTURE(metrics_fixture, "metrics: plain requests by class, the time of the start") {
  start();
  transport.request({"GET", "/healthz", {}, {}});
  transport.request({"GET", "/nowhere", {}, {}});
  transport.request({"PUT", "/metrics", {}, {}});
  CHECK(metric("http_requests_total{status=\"2xx\"}") == 1);
  CHECK(metric("http_requests_total{status=\"4xx\"}") == 2);
  const double started = metric("start_time_seconds");
  CHECK(started == doctest::Approx(
                       std::chrono::duration<double>(clock.wall_now().time_since_epoch()).count()));
  clock.advance(10s);
  CHECK(metric("start_time_seconds") == started);
}

TEST_CASE_FIXTURE(metrics_fixture, "metrics: notifications, once for each session") {
  const auto first = connect();
  connect();
  server.broadcast("news");
  run();
  session(first)->notify_volatile("50 %");
  CHECK(metric("notifications_total{kind=\"numbered\"}") == 2);
  CHECK(metric("notifications_total{kind=\"volatile\"}") == 1);
}

TEST_CASE_FIXTURE(metrics_fixture, "metrics: those of the application stand behind") {
  bool throws = false;
  router().on_metrics([&](aw::metrics_text& out) {
    out.counter("shop_orders_total", "Orders").sample({{"kind", "book"}}, 7);
    if (throws) throw std::runtime_error("no more");
  });
  start();
  CHECK(value_of(server.metrics(), "shop_orders_total{kind=\"book\"}") == 7);
  throws = true;
  CHECK_FALSE(mentions(server.metrics(), "shop_orders"));
  CHECK(metric("draining") == 0);
  CHECK(log.has("handler_threw"));
}

TEST_CASE("metrics: limits that were reached") {
  auto chosen = settings();
  chosen.access.messages_per_minute = 60;
  chosen.access.message_burst = 2;
  metrics_fixture talk(chosen);
  const auto id = talk.connect();
  for (int i = 0; i < 5; ++i) talk.say(id, R"({"type":"command","op":"help"})");
  CHECK(talk.metric("errors_sent_total{code=\"rate_limited\"}") == 3);
  CHECK(talk.metric("messages_received_total{type=\"command\"}") == 5);
}
