// SPDX-License-Identifier: MIT
#include <agent_websocket/server/admission.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;

namespace {

/// Only what admission asks of a transport.
struct fake_transport {
  std::map<connection_id, std::vector<http::response>> answers;
  void answer(connection_id to, http::response response) {
    answers[to].push_back(std::move(response));
  }
};

/// Decides at once when it is told how, else when the test says so.
struct fake_authenticator {
  std::optional<result<principal>> at_once;
  std::vector<authentication_handler> waiting;
  std::vector<std::string> asked;
  std::vector<std::pair<std::string, credential_source>> shown;

  void authenticate(const credentials& what, authentication_handler done) {
    asked.push_back(what.request == nullptr ? "no request" : what.request->request.target);
    shown.emplace_back(what.token, what.from);
    if (at_once) return done(*at_once);
    waiting.push_back(std::move(done));
  }
};

using admission = agent_websocket::admission<fake_transport, fake_authenticator>;

struct fixture {
  options settings;
  fake_transport transport;
  fake_authenticator authenticator;
  std::string plain_targets;
  std::unique_ptr<admission> door = std::make_unique<admission>(
      settings, transport, authenticator, [this](const http::request& asked) {
        plain_targets += asked.target + " ";
        return http::response::text(404, "Not found");
      });

  static handshake request(std::string target, bool is_upgrade = true) {
    handshake made;
    made.request.target = std::move(target);
    made.is_upgrade = is_upgrade;
    made.remote_address = "192.0.2.7";
    return made;
  }
  void ask(connection_id connection, std::string target = "/ws", bool is_upgrade = true) {
    door->ask(connection, request(std::move(target), is_upgrade));
  }
  void allow_at_once(std::string name = "ada") {
    authenticator.at_once = result<principal>(principal{std::move(name)});
  }
  /// The only answer of that connection; status 0 when there is none yet.
  http::response answer(connection_id of) {
    const auto& all = transport.answers[of];
    CHECK(all.size() <= 1u);
    return all.empty() ? http::response{0, {}, {}} : all.front();
  }
  int status(connection_id of) { return answer(of).status; }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "admission: who may come is let in, with his request and his name") {
  allow_at_once();
  ask(1, "/ws?room=2");
  CHECK(status(1) == 101);
  const auto arrived = door->take(1);
  REQUIRE(arrived.has_value());
  CHECK(arrived->owner->name == "ada");
  CHECK(arrived->request.request.target == "/ws?room=2");
  CHECK(arrived->request.remote_address == "192.0.2.7");
  CHECK_FALSE(door->take(1).has_value());
  CHECK_FALSE(door->take(2).has_value());
}

TEST_CASE_FIXTURE(fixture, "admission: sockets are at the configured path and at /ws") {
  allow_at_once();
  settings.base_path = "/a/b";
  settings.session.agent_name = "bot";
  ask(1, "/a/b/bot");
  ask(2, "/ws");
  ask(3, "/a/b/bot?x=1");
  for (const connection_id each : {1u, 2u, 3u}) CHECK(status(each) == 101);
  CHECK(authenticator.asked.size() == 3u);
  ask(4, "/a/b/bot/");
  ask(5, "/functions/v1/agent_websocket");
  ask(6, "/WS");
  ask(7, "/");
  for (const connection_id each : {4u, 5u, 6u, 7u}) CHECK(status(each) == 404);
  CHECK(plain_targets == "/a/b/bot/ /functions/v1/agent_websocket /WS / ");
  CHECK(authenticator.asked.size() == 3u);
}

TEST_CASE_FIXTURE(fixture,
                  "admission: plain requests go to their handler, also upgrades elsewhere") {
  ask(1, "/healthz", false);
  ask(2, "/chat", true);
  CHECK(plain_targets == "/healthz /chat ");
  CHECK(status(1) == 404);
  CHECK_FALSE(door->take(2).has_value());
}

TEST_CASE_FIXTURE(fixture, "admission: a plain request at a socket's path is told so") {
  ask(1, "/ws", false);
  CHECK(status(1) == 400);
  CHECK(answer(1).body == "Expected WebSocket request");
  CHECK(authenticator.asked.empty());
}

TEST_CASE_FIXTURE(fixture, "admission: who shows nothing may do so by its first message") {
  authenticator.at_once = result<principal>(error(errc::unauthorized));
  ask(1);
  CHECK(status(1) == 101);
  const auto arrived = door->take(1);
  REQUIRE(arrived.has_value());
  CHECK_FALSE(arrived->owner.has_value());
  handshake wrong = request("/ws");
  wrong.request.headers.add("Authorization", "Bearer nonsense");
  door->ask(2, wrong);
  CHECK(status(2) == 401);
}

TEST_CASE_FIXTURE(fixture, "admission: each refusal has its status and its words") {
  settings.access.auth_timeout = std::chrono::milliseconds(0);
  const auto refused = [this](connection_id connection, error why) {
    authenticator.at_once = result<principal>(std::move(why));
    ask(connection);
    CHECK_FALSE(door->take(connection).has_value());
    return answer(connection);
  };
  const auto unknown = refused(1, error(errc::unauthorized, "No token"));
  CHECK(unknown.status == 401);
  CHECK(unknown.body == "No token");
  CHECK(refused(2, error(errc::token_expired)).status == 401);
  CHECK(refused(3, error(errc::forbidden)).status == 403);
  const auto broken = refused(4, error(errc::internal, "Try again", "database is down"));
  CHECK(broken.status == 503);
  CHECK(broken.body == "Try again");  // the detail is for the log
}

TEST_CASE_FIXTURE(fixture, "admission: waits for the authentication, of each on its own") {
  ask(1);
  ask(2);
  CHECK(status(1) == 0);
  authenticator.waiting[1](principal{"bob"});
  CHECK(status(1) == 0);
  CHECK(status(2) == 101);
  authenticator.waiting[0](error(errc::forbidden));
  CHECK(status(1) == 403);
  CHECK(door->take(2)->owner->name == "bob");
  CHECK_FALSE(door->take(1).has_value());
}

TEST_CASE_FIXTURE(fixture, "admission: who has gone meanwhile is not answered") {
  ask(1);
  door->abandon(1);
  door->abandon(99);
  authenticator.waiting[0](principal{"ada"});
  CHECK(status(1) == 0);
  CHECK_FALSE(door->take(1).has_value());
}

TEST_CASE_FIXTURE(fixture, "admission: a decision may come after the door is gone") {
  ask(1);
  door.reset();
  authenticator.waiting[0](principal{"ada"});
  CHECK(status(1) == 0);
}

TEST_CASE_FIXTURE(fixture, "admission: closed, it lets nobody in and says when to come back") {
  allow_at_once();
  CHECK_FALSE(door->closed());
  door->close();
  CHECK(door->closed());
  ask(1);
  CHECK(status(1) == 503);
  CHECK_FALSE(answer(1).headers.find("Retry-After").value_or("").empty());
  CHECK(authenticator.asked.empty());
  CHECK_FALSE(door->take(1).has_value());
  ask(2, "/readyz", false);  // plain requests are answered still
  CHECK(plain_targets == "/readyz ");
}

TEST_CASE_FIXTURE(fixture, "admission: who waits while it closes is not let in either") {
  ask(1);
  ask(2);
  door->close();
  authenticator.waiting[0](principal{"ada"});
  authenticator.waiting[1](error(errc::forbidden));
  CHECK(status(1) == 503);
  CHECK(status(2) == 503);
  CHECK_FALSE(door->take(1).has_value());
}

TEST_CASE_FIXTURE(fixture, "admission: the subprotocol is chosen when it is offered") {
  allow_at_once();
  handshake offers = request("/ws");
  offers.request.headers.add("Sec-WebSocket-Protocol", "chat, agent-websocket.v1");
  door->ask(1, offers);
  CHECK(answer(1).headers.find("Sec-WebSocket-Protocol") == "agent-websocket.v1");
  handshake other = request("/ws");
  other.request.headers.add("Sec-WebSocket-Protocol", "chat");
  door->ask(2, other);
  CHECK(status(2) == 101);
  CHECK_FALSE(answer(2).headers.contains("Sec-WebSocket-Protocol"));
  ask(3);
  CHECK_FALSE(answer(3).headers.contains("Sec-WebSocket-Protocol"));
}

TEST_CASE_FIXTURE(fixture, "admission: the authenticator is told what the request shows") {
  allow_at_once();
  ask(1);
  handshake by_header = request("/ws");
  by_header.request.headers.add("Authorization", "Bearer abc");
  door->ask(2, by_header);
  handshake by_subprotocol = request("/ws");
  by_subprotocol.request.headers.add("Sec-WebSocket-Protocol", "agent-websocket.v1, bearer.def");
  door->ask(3, by_subprotocol);
  handshake by_url = request("/ws?access_token=ghi&token=ghi");
  door->ask(4, by_url);
  CHECK(authenticator.shown == std::vector<std::pair<std::string, credential_source>>{
                                   {"", credential_source::none},
                                   {"abc", credential_source::header},
                                   {"def", credential_source::subprotocol},
                                   {"", credential_source::none}});
  CHECK(authenticator.asked[1] == "/ws");
}

TEST_CASE_FIXTURE(fixture, "admission: a token in the subprotocols is never repeated") {
  allow_at_once();
  handshake both = request("/ws");
  both.request.headers.add("Sec-WebSocket-Protocol", "bearer.secret, agent-websocket.v1");
  door->ask(1, both);
  CHECK(answer(1).headers.find("Sec-WebSocket-Protocol") == "agent-websocket.v1");
  handshake alone = request("/ws");
  alone.request.headers.add("Sec-WebSocket-Protocol", "bearer.secret");
  door->ask(2, alone);
  CHECK(status(2) == 101);
  CHECK_FALSE(answer(2).headers.contains("Sec-WebSocket-Protocol"));
}

TEST_CASE_FIXTURE(fixture, "admission: malformed credentials are refused before anybody is asked") {
  allow_at_once();
  handshake two = request("/ws");
  two.request.headers.add("Authorization", "Bearer secret1");
  two.request.headers.add("Sec-WebSocket-Protocol", "agent-websocket.v1, bearer.secret2");
  door->ask(1, two);
  CHECK(status(1) == 400);
  CHECK(answer(1).body == "The request shows two different tokens");
  handshake empty = request("/ws");
  empty.request.headers.add("Authorization", "Bearer");
  door->ask(2, empty);
  CHECK(status(2) == 400);
  CHECK(authenticator.asked.empty());
  CHECK_FALSE(door->take(1).has_value());
}
