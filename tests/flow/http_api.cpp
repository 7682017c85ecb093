// SPDX-License-Identifier: MIT
//
// The HTTP API on the port of the sockets: what operators and other programs do to sessions, and
// what the clients of these see of it.
#include "flow/fixture.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace flow;

namespace {

const std::string token = "an-admin-token-0123456789";

aw::options with_api() {
  auto chosen = settings();
  chosen.access.admin_token = token;
  chosen.session.resume_window = 300s;
  chosen.run_grace = 120s;
  return chosen;
}

struct api_fixture : fixture {
  explicit api_fixture(aw::options chosen = with_api()) : fixture(std::move(chosen)) {}

  aw::http::response ask(const std::string& method, const std::string& target,
                         const std::string& body = {}, const std::string& key = {}) {
    if (!transport.listening()) start();
    aw::http::request asked;
    asked.method = method;
    asked.target = target;
    asked.headers = {{"Authorization", "Bearer " + token}, {"Content-Type", "application/json"}};
    if (!key.empty()) asked.headers.add("Idempotency-Key", key);
    asked.body = body;
    const auto answered = transport.request(std::move(asked));
    run();
    CHECK(answered.headers.find("Cache-Control") == "no-store");
    CHECK_FALSE(answered.headers.contains("Access-Control-Allow-Origin"));
    return answered;
  }
  std::string name(aw::connection_id id) { return clients.at(id).session_id(); }

  /// The client goes away, and comes back to what it had.
  struct ticket {
    std::string session_id, token, epoch;
  };
  std::pair<aw::connection_id, ticket> arrive() {
    if (!transport.listening()) start();
    const auto id = transport.connect();
    run();
    const frame welcome(transport.take_sent(id).at(0));
    return {id, {welcome.text("session_id"), welcome.text("resume_token"), welcome.text("epoch")}};
  }
  std::pair<aw::connection_id, std::vector<frame>> come_back(const ticket& of, int last_seq) {
    const auto id = arrive().first;
    transport.receive(id, R"({"type":"command","op":"hello","v":1,"session_id":")" + of.session_id +
                              R"(","resume":{"token":")" + of.token + R"(","epoch":")" + of.epoch +
                              R"(","last_seq":)" + std::to_string(last_seq) + "}}");
    run();
    return {id, frames_of(transport.take_sent(id))};
  }
};

std::string code_of(const aw::http::response& refusal) {
  return frame(refusal.body).text("error.code");
}

}  // namespace

TEST_CASE_FIXTURE(api_fixture, "http_api: the original's call reaches its session and no other") {
  const auto first = connect();
  const auto second = connect();
  const auto answered =
      ask("POST", "/functions/v1/notify_websocket",
          R"({"sessionId":")" + name(second) + R"(","message":"Your report is ready"})");
  CHECK(answered.status == 200);
  const frame told(answered.body);
  CHECK(told.truth("success"));
  CHECK(told.text("sessionId") == name(second));
  CHECK(told.number("sockets") == 1);
  CHECK(told.truth("kept"));
  CHECK(heard(first).empty());
  const auto frames = heard(second);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].type() == "notification");
  CHECK(frames[0].content() == "Your report is ready");
  CHECK(frames[0].number("seq") == 1);
}

TEST_CASE_FIXTURE(api_fixture, "http_api: a notification with everything") {
  const auto id = connect();
  const auto answered = ask("POST", "/v1/sessions/" + name(id) + "/notify",
                            R"({"content":"Build 812 failed","topic":"build","data":{"build":812}})");
  CHECK(answered.status == 200);
  CHECK(frame(answered.body).text("session_id") == name(id));
  const auto frames = heard(id);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].text("topic") == "build");
  CHECK(frames[0].number("data.build") == 812);
}

TEST_CASE_FIXTURE(api_fixture, "http_api: a client that is away gets its notification when it comes") {
  auto [id, mine] = arrive();
  transport.receive(id, R"({"type":"command","op":"info"})");
  transport.disconnect(id);
  run();
  const std::string path = "/v1/sessions/" + mine.session_id + "/notify";
  const frame told(ask("POST", path, R"({"content":"while you were out"})").body);
  CHECK(told.number("sockets") == 0);
  CHECK(told.truth("kept"));
  const frame lost(ask("POST", path, R"({"content":"too fast for you","volatile":true})").body);
  CHECK(lost.number("sockets") == 0);
  CHECK_FALSE(lost.truth("kept"));
  const frame all(ask("POST", "/v1/broadcast", R"({"content":"to all"})").body);
  CHECK(all.number("sessions") == 1);
  CHECK(all.number("sockets") == 0);
  const auto back = come_back(mine, 0).second;
  REQUIRE(back.size() == 4u);
  CHECK(back[0].truth("recovered"));
  CHECK(back[1].content() == "while you were out");
  CHECK(back[1].truth("replay"));
  CHECK(back[2].content() == "to all");
  CHECK(back[3].is_status("live"));
}

TEST_CASE_FIXTURE(api_fixture, "http_api: volatile ones are not numbered") {
  const auto id = connect();
  ask("POST", "/v1/broadcast", R"({"content":"50 %","volatile":true})");
  const auto frames = heard(id);
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].content() == "50 %");
  CHECK_FALSE(frames[0].has("seq"));
}

TEST_CASE_FIXTURE(api_fixture, "http_api: broadcast reaches all") {
  const auto first = connect();
  const auto second = connect();
  const frame told(ask("POST", "/v1/broadcast", R"({"content":"news","topic":"t"})").body);
  CHECK(told.number("sessions") == 2);
  CHECK(told.number("sockets") == 2);
  for (const auto id : {first, second}) {
    const auto frames = heard(id);
    REQUIRE(frames.size() == 1u);
    CHECK(frames[0].content() == "news");
  }
}

TEST_CASE_FIXTURE(api_fixture, "http_api: sessions are listed page by page and shown one by one") {
  const auto busy = connect();
  connect();
  connect();
  say(busy, R"({"content":"x"})");
  say(busy, R"({"content":"y"})");
  std::vector<std::string> seen;
  std::string cursor;
  int pages = 0;
  do {
    const frame page(ask("GET", "/v1/sessions?limit=2&cursor=" + cursor).body);
    page.at("sessions").for_each_element(
        [&](const aw::json::value& each) { seen.emplace_back(each["id"].string().value_or("")); });
    cursor = page.text("next_cursor");
  } while (!cursor.empty() && ++pages < 9);
  CHECK(pages == 1);
  REQUIRE(seen.size() == 3u);
  for (const std::string& each : seen) CHECK(server.find_session(each) != nullptr);
  const frame shown(ask("GET", "/v1/sessions/" + name(busy)).body);
  CHECK(shown.text("id") == name(busy));
  CHECK(shown.text("user") == "anonymous");
  CHECK(shown.number("sockets") == 1);
  CHECK(shown.truth("running"));
  CHECK(shown.number("queued") == 1);
  CHECK(shown.number("messages") == 1);
  CHECK(is_timestamp(shown.text("created")));
  CHECK(is_timestamp(shown.text("last_activity")));
}

TEST_CASE_FIXTURE(api_fixture, "http_api: ending a session in the middle of an answer") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x","stream":true})");
  say(id, R"({"id":"q2","content":"y"})");
  const auto call = http.last().id;
  http.respond_head(call, 200, event_stream());
  http.respond_body(call, chunk("half"));
  run();
  const std::string session_id = name(id);
  const auto answered = ask("DELETE", "/v1/sessions/" + session_id);
  CHECK(answered.status == 200);
  CHECK(frame(answered.body).truth("closed"));
  CHECK(frame(answered.body).number("sockets") == 1);
  heard(id);
  REQUIRE(clients[id].terminals().size() == 2u);
  CHECK(clients[id].terminals().at("q1").text("error.code") == "interrupted");
  CHECK(clients[id].terminals().at("q1").content() == "half");
  CHECK(clients[id].terminals().at("q2").code() == "interrupted");
  CHECK(transport.close_sent(id)->first == 4499);
  CHECK(transport.close_sent(id)->second == "closed_by_operator");
  CHECK(http.open_calls() == 0u);
  CHECK(server.session_count() == 0u);
  CHECK(code_of(ask("DELETE", "/v1/sessions/" + session_id)) == "session_not_found");
}

TEST_CASE_FIXTURE(api_fixture, "http_api: a session whose client is away is ended for good") {
  auto [id, mine] = arrive();
  transport.receive(id, R"({"type":"command","op":"info"})");
  transport.disconnect(id);
  run();
  REQUIRE(server.session_count() == 1u);
  const auto answered = ask("DELETE", "/v1/sessions/" + mine.session_id);
  CHECK(frame(answered.body).number("sockets") == 0);
  CHECK(server.session_count() == 0u);
  const auto back = come_back(mine, 0).second;
  CHECK_FALSE(back.at(0).truth("recovered"));
  CHECK(back.at(0).text("reason") == "expired");
}

TEST_CASE_FIXTURE(api_fixture, "http_api: the program itself ends a session, from any thread") {
  const auto id = connect();
  server.disconnect(name(id), "maintenance");
  CHECK(transport.is_open(id));  // nothing happens inside of the call
  server.disconnect("nobody");
  run();
  CHECK(transport.close_sent(id)->first == 4499);
  CHECK(transport.close_sent(id)->second == "maintenance");
  CHECK(server.session_count() == 0u);
}

TEST_CASE_FIXTURE(api_fixture, "http_api: who has no token, or the wrong one, is told the same everywhere") {
  const auto id = connect();
  for (const auto& route : std::vector<std::pair<std::string, std::string>>{
           {"POST", "/functions/v1/notify_websocket"},
           {"POST", "/v1/sessions/" + name(id) + "/notify"},
           {"POST", "/v1/sessions/nobody/notify"},
           {"POST", "/v1/broadcast"},
           {"GET", "/v1/sessions"},
           {"GET", "/v1/sessions/" + name(id)},
           {"DELETE", "/v1/sessions/" + name(id)}}) {
    for (const std::string header : {"", "Bearer an-admin-token-0123456788", "Basic YTpi"}) {
      CAPTURE(route.second);
      CAPTURE(header);
      aw::http::request asked;
      asked.method = route.first;
      asked.target = route.second;
      asked.headers = {{"Content-Type", "application/json"}};
      if (!header.empty()) asked.headers.add("Authorization", header);
      asked.body = R"({"content":"x","sessionId":"y","message":"z"})";
      const auto refusal = transport.request(asked);
      CHECK(refusal.status == 401);
      CHECK(refusal.headers.find("WWW-Authenticate").value_or("").substr(0, 6) == "Bearer");
      CHECK(code_of(refusal) == "unauthorized");
    }
  }
  run();
  CHECK(heard(id).empty());
  CHECK(transport.is_open(id));
}

TEST_CASE("http_api: without a token its paths are unknown ones, to the last byte") {
  api_fixture talk(settings());
  const auto id = talk.connect();
  const auto unknown = talk.ask("POST", "/nowhere", "{}");
  CHECK(unknown.status == 404);
  for (const auto& route : std::vector<std::pair<std::string, std::string>>{
           {"POST", "/functions/v1/notify_websocket"},
           {"POST", "/v1/broadcast"},
           {"GET", "/v1/sessions"},
           {"PUT", "/v1/sessions"},
           {"DELETE", "/v1/sessions/" + talk.name(id)}}) {
    CAPTURE(route.second);
    const auto answered = talk.ask(route.first, route.second, R"({"content":"x"})");
    CHECK(answered.status == 404);
    CHECK(answered.body == unknown.body);
    CHECK(answered.headers.size() == unknown.headers.size());
  }
  CHECK(talk.heard(id).empty());
}

TEST_CASE_FIXTURE(api_fixture, "http_api: refusals say what would be right") {
  const auto id = connect();
  const std::string notify = "/v1/sessions/" + name(id) + "/notify";
  const auto wrong_method = ask("GET", notify);
  CHECK(wrong_method.status == 405);
  CHECK(wrong_method.headers.find("Allow") == "POST");
  CHECK(ask("POST", notify, "{").status == 400);
  CHECK(code_of(ask("POST", notify, "{")) == "bad_json");
  CHECK(code_of(ask("POST", notify, "{}")) == "bad_message");
  CHECK(mentions(ask("POST", notify, R"({"content":1})").body, "`content` must be a string"));
  CHECK(ask("POST", "/v1/sessions/nobody/notify", R"({"content":"x"})").status == 404);
  CHECK(ask("GET", "/v1/sessions?limit=5000").status == 400);
  aw::http::request form;
  form.method = "POST";
  form.target = notify;
  form.headers = {{"Authorization", "Bearer " + token},
                  {"Content-Type", "application/x-www-form-urlencoded"}};
  form.body = "content=x";
  CHECK(transport.request(form).status == 415);
  CHECK(heard(id).empty());
}

TEST_CASE_FIXTURE(api_fixture, "http_api: a repeat with the same key is done once") {
  const auto id = connect();
  const std::string notify = "/v1/sessions/" + name(id) + "/notify";
  const auto first = ask("POST", notify, R"({"content":"once"})", "k1");
  pass(9min);
  const auto again = ask("POST", notify, R"({"content":"once"})", "k1");
  CHECK(again.status == 200);
  CHECK(again.body == first.body);
  CHECK(ask("POST", notify, R"({"content":"other"})", "k1").status == 422);
  CHECK(heard(id).size() == 1u);
  ask("POST", notify, R"({"content":"once"})", "k2");
  pass(2min);
  ask("POST", notify, R"({"content":"once"})", "k1");  // too long ago
  CHECK(heard(id).size() == 2u);
  const auto gone = ask("DELETE", "/v1/sessions/" + name(id), {}, "d1");
  CHECK(gone.status == 200);
  CHECK(ask("DELETE", "/v1/sessions/" + name(id), {}, "d1").body == gone.body);
  CHECK(ask("DELETE", "/v1/sessions/" + name(id), {}, "d2").status == 404);
}

TEST_CASE_FIXTURE(api_fixture, "http_api: works on while the server drains") {
  const auto id = connect();
  say(id, R"({"id":"q1","content":"x"})");
  server.stop();
  run();
  heard(id);
  CHECK(transport.request({"GET", "/readyz", {}, {}}).status == 503);
  CHECK(frame(ask("GET", "/v1/sessions").body).size("sessions") == 1u);
  CHECK(ask("POST", "/v1/broadcast", R"({"content":"soon"})").status == 200);
  CHECK(heard(id).at(0).content() == "soon");
  CHECK(mentions(ask("GET", "/metrics").body, "\nagent_websocket_draining 1\n"));
  CHECK(ask("DELETE", "/v1/sessions/" + name(id)).status == 200);
  heard(id);
  CHECK(clients[id].terminals().at("q1").code() == "interrupted");
  CHECK(server.session_count() == 0u);
  CHECK_FALSE(transport.listening());
}

TEST_CASE_FIXTURE(api_fixture, "http_api: routes of the application come first") {
  router().on_http("GET", "/v1/sessions", [](const aw::http::request&) {
    auto mine = aw::http::response::text(200, "mine");
    mine.headers.add("Cache-Control", "no-store");
    return mine;
  });
  CHECK(ask("GET", "/v1/sessions").body == "mine");
  CHECK(ask("POST", "/v1/sessions").status == 405);
}

TEST_CASE("http_api: a server does not start with a token that can be guessed") {
  auto chosen = settings();
  chosen.access.admin_token = "secret";
  fixture talk(chosen);
  const auto started = talk.server.start();
  REQUIRE_FALSE(started);
  CHECK(mentions(started.error().message, "ADMIN_TOKEN"));
  CHECK_FALSE(mentions(started.error().message, "secret"));
}
