// SPDX-License-Identifier: MIT
//
// Plain HTTP beside the sockets, and the door: which upgrades are let in.
#include "flow/fixture.hpp"

#include <stdexcept>
#include <string>
#include <utility>

using namespace flow;

namespace {

aw::http::request get(const std::string& target, const std::string& method = "GET") {
  aw::http::request asked;
  asked.method = method;
  asked.target = target;
  return asked;
}

struct guarded_door {
  std::string* last_target = nullptr;
  void authenticate(const aw::credentials& shown, const aw::authentication_handler& done) {
    if (shown.token == "good") return done(aw::principal{"alice"});
    if (shown.token == "old") return done(aw::error(aw::errc::token_expired));
    if (shown.token == "bad") return done(aw::error(aw::errc::forbidden));
    if (shown.token == "broken") {
      return done(aw::error(aw::errc::internal, "Internal error", "the secret database is down"));
    }
    done(aw::error(aw::errc::unauthorized));
  }
};

aw::handshake with_token(const std::string& token) {
  aw::handshake asked;
  if (!token.empty()) asked.request.headers.add("Authorization", "Bearer " + token);
  return asked;
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "http: a plain request of the socket's path") {
  start();
  for (const std::string path : {"/ws", "/functions/v1/agent_websocket", "/ws?x=1"}) {
    CAPTURE(path);
    const auto refused = transport.request(get(path));
    CHECK(refused.status == 400);
    CHECK(refused.body == "Expected WebSocket request");
  }
}

TEST_CASE_FIXTURE(fixture, "http: health, readiness, and nothing else") {
  start();
  CHECK(transport.request(get("/healthz")).status == 200);
  CHECK(transport.request(get("/readyz")).status == 200);
  CHECK(transport.request(get("/healthz", "HEAD")).status == 200);
  for (const std::string path : {"/", "/wss", "/ws/", "/functions/v1/", "/functions/v1/other",
                                 "/v1/sessions", "/.env", "/../etc/passwd"}) {
    CAPTURE(path);
    CHECK(transport.request(get(path)).status == 404);
    aw::handshake upgrade;
    upgrade.request.target = path;
    const auto id = transport.connect(std::move(upgrade));
    CHECK_FALSE(transport.is_open(id));
    CHECK(transport.response_of(id).status == 404);
  }
  CHECK(server.session_count() == 0u);
}

TEST_CASE_FIXTURE(fixture, "http: both paths of the socket upgrade, with a query string too") {
  for (const std::string path :
       {"/ws", "/functions/v1/agent_websocket", "/ws?token=x", "/functions/v1/agent_websocket?"}) {
    CAPTURE(path);
    aw::handshake upgrade;
    upgrade.request.target = path;
    CHECK(transport.is_open(connect(std::move(upgrade))));
  }
}

TEST_CASE("http: the socket's path follows the agent's name") {
  auto chosen = settings();
  chosen.base_path = "/api";
  chosen.session.agent_name = "bot";
  fixture talk(chosen);
  aw::handshake upgrade;
  upgrade.request.target = "/api/bot";
  CHECK(talk.transport.is_open(talk.connect(upgrade)));
  CHECK(talk.transport.request(get("/functions/v1/agent_websocket")).status == 404);
}

TEST_CASE_FIXTURE(fixture, "http: a subprotocol is chosen when it is offered, and only then") {
  aw::handshake upgrade;
  upgrade.request.headers.add("Sec-WebSocket-Protocol", "chat, agent-websocket.v1");
  const auto chosen = connect(upgrade);
  CHECK(transport.response_of(chosen).headers.find("Sec-WebSocket-Protocol") ==
        "agent-websocket.v1");
  CHECK_FALSE(transport.response_of(connect()).headers.contains("Sec-WebSocket-Protocol"));
}

TEST_CASE_FIXTURE(fixture, "http: routes of the application") {
  router()
      .on_http("GET", "/", [](const aw::http::request&) { return aw::http::response::html("<p>"); })
      .on_http("POST", "/notify",
               [this](const aw::http::request& asked) {
                 server.broadcast(asked.body);
                 return aw::http::response::json(202, "{}");
               })
      .on_http("GET", "/healthz",
               [](const aw::http::request&) { return aw::http::response::text(200, "mine"); })
      .on_http("GET", "/ws", [](const aw::http::request&) {
        return aw::http::response::text(200, "never reached");
      });
  const auto id = connect();
  CHECK(transport.request(get("/")).body == "<p>");
  CHECK(transport.request(get("/?a=b", "HEAD")).status == 200);
  CHECK(transport.request(get("/", "POST")).status == 404);
  CHECK(transport.request(get("/healthz")).body == "mine");
  CHECK(transport.request(get("/ws")).status == 400);
  auto post = get("/notify", "POST");
  post.body = "hello all";
  CHECK(transport.request(post).status == 202);
  run();
  CHECK(heard(id).at(0).content() == "hello all");
}

TEST_CASE_FIXTURE(fixture, "http: a route that throws costs one answer") {
  router()
      .on_http("GET", "/throws",
               [](const aw::http::request&) -> aw::http::response {
                 throw std::runtime_error("the secret inside");
               })
      .on_http("GET", "/throws-a-number",
               [](const aw::http::request&) -> aw::http::response { throw 7; });
  start();
  for (const std::string path : {"/throws", "/throws-a-number"}) {
    CAPTURE(path);
    aw::http::response answered{0, {}, {}};
    CHECK_NOTHROW(answered = transport.request(get(path)));
    CHECK(answered.status == 500);
    CHECK_FALSE(mentions(answered.body, "secret"));
  }
  CHECK(transport.request(get("/healthz")).status == 200);
  CHECK(log.has("handler_threw"));
}

TEST_CASE("http: the door decides who gets in, and as whom") {
  auto chosen = settings();
  chosen.access.auth_timeout = 0ms;
  basic_fixture<aw::testing::mock_transport, guarded_door> talk(chosen);
  talk.start();
  const auto status = [&](const std::string& token) {
    const auto id = talk.transport.connect(with_token(token));
    CHECK_FALSE(talk.transport.is_open(id));
    CHECK_FALSE(mentions(talk.transport.response_of(id).body, "secret"));
    return talk.transport.response_of(id).status;
  };
  CHECK(status("") == 401);
  CHECK(status("old") == 401);
  CHECK(status("bad") == 403);
  CHECK(status("broken") == 503);
  CHECK(talk.server.session_count() == 0u);
  // What the client is not told, the operator is.
  CHECK(talk.log.has("socket_refused from 127.0.0.1, internal: the secret database is down"));
  CHECK(talk.log.has("socket_refused from 127.0.0.1, token_expired"));
  const auto id = talk.connect(with_token("good"));
  CHECK(talk.session(id)->owner().name == "alice");
  CHECK(talk.session(id)->remote_address() == "127.0.0.1");
}

TEST_CASE_FIXTURE(fixture, "http: whoever goes before he is let in leaves nothing behind") {
  struct slow_door {
    aw::authentication_handler done;
    void authenticate(const aw::credentials&, aw::authentication_handler handler) {
      done = std::move(handler);
    }
  };
  basic_fixture<aw::testing::mock_transport, slow_door> talk;
  talk.start();
  const auto id = talk.transport.connect();
  talk.transport.disconnect(id);
  talk.doors.done(aw::principal{});
  talk.run();
  CHECK(talk.server.session_count() == 0u);
  const auto second = talk.transport.connect();
  talk.doors.done(aw::principal{});
  talk.run();
  CHECK(talk.transport.is_open(second));
  talk.doors.done(aw::principal{});  // twice
  talk.run();
  CHECK(talk.server.session_count() == 1u);
}
