// SPDX-License-Identifier: MIT
#include <agent_websocket/server/admission.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
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

using guests = agent_websocket::visitors<testing::manual_scheduler>;
using admission =
    agent_websocket::admission<fake_transport, fake_authenticator, testing::manual_scheduler>;

struct fixture {
  options settings;
  fake_transport transport;
  fake_authenticator authenticator;
  std::string plain_targets;
  bool answers_plain = true;
  respond_handler later;
  server_counts totals;
  testing::manual_scheduler clock;
  std::string told;
  std::unique_ptr<guests> inside = std::make_unique<guests>(
      settings, clock,
      [this](std::string_view event, std::string_view) { told += std::string(event) + " "; });
  std::unique_ptr<admission> door = make_door();

  std::unique_ptr<admission> make_door() {
    return std::make_unique<admission>(
        settings, transport, authenticator, clock, *inside, totals,
        [this](const http::request& asked, const respond_handler& respond) {
          plain_targets += asked.target + " ";
          if (answers_plain) return respond(http::response::text(404, "Not found"));
          later = respond;
        });
  }

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

TEST_CASE_FIXTURE(fixture, "admission: a plain request may be answered later, unless its client goes") {
  answers_plain = false;
  ask(1, "/slow", false);
  CHECK(transport.answers.empty());
  later(http::response::text(200, "at last"));
  CHECK(answer(1).body == "at last");
  ask(2, "/slow", false);
  door->abandon(2);
  later(http::response::text(200, "too late"));
  CHECK(status(2) == 0);
  CHECK(clock.pending_timers() == 0u);
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

TEST_CASE_FIXTURE(fixture, "admission: why the authenticator refused somebody is reported") {
  std::string reported;
  door->report_to([&](const handshake& from, const error& why) {
    reported += from.remote_address + " " + to_string(why.code) + " " + why.detail + "\n";
  });
  settings.access.auth_timeout = std::chrono::milliseconds(0);
  authenticator.at_once = result<principal>(error(errc::token_expired, "Old", "exp is past"));
  ask(1);
  authenticator.at_once = result<principal>(error(errc::internal, "Try again", "no database"));
  ask(2);
  allow_at_once();
  ask(3);
  CHECK(reported == "192.0.2.7 token_expired exp is past\n192.0.2.7 internal no database\n");
  authenticator.at_once.reset();
  ask(4);
  ask(5);
  door->close();
  authenticator.waiting[0](error(errc::forbidden, "No", "closed anyway"));
  CHECK(reported.find("closed") == std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "admission: a 401 says how to do better") {
  settings.access.auth_timeout = std::chrono::milliseconds(0);
  authenticator.at_once = result<principal>(error(errc::unauthorized));
  ask(1);
  CHECK(answer(1).headers.find("WWW-Authenticate") == "Bearer");
  handshake showing = request("/ws");
  showing.request.headers.add("Authorization", "Bearer secret");
  door->ask(2, showing);
  CHECK(answer(2).headers.find("WWW-Authenticate") == "Bearer error=\"invalid_token\"");
  authenticator.at_once = result<principal>(error(errc::token_expired));
  door->ask(3, showing);
  CHECK(answer(3).headers.find("WWW-Authenticate") == "Bearer error=\"invalid_token\"");
  authenticator.at_once = result<principal>(error(errc::forbidden));
  door->ask(4, showing);
  CHECK_FALSE(answer(4).headers.contains("WWW-Authenticate"));
}

// ---- limits

namespace {

struct limited : fixture {
  /// Makes the door anew, with what was set.
  void rebuild() {
    door.reset();
    inside = std::make_unique<guests>(
        settings, clock,
        [this](std::string_view event, std::string_view) { told += std::string(event) + " "; });
    door = make_door();
  }
  void ask_from(connection_id connection, std::string address, http::header_list headers = {}) {
    handshake made = request("/ws");
    made.remote_address = std::move(address);
    made.request.headers = std::move(headers);
    door->ask(connection, std::move(made));
  }
  std::string retry_after(connection_id of) {
    return std::string(answer(of).headers.find("Retry-After").value_or(""));
  }
};

}  // namespace

TEST_CASE_FIXTURE(limited, "admission: pages of other origins are refused before anything counts") {
  allow_at_once();
  ask_from(1, "192.0.2.7", {{"Host", "localhost:54321"}, {"Origin", "https://evil.example"}});
  CHECK(status(1) == 403);
  CHECK(answer(1).body.find("ALLOWED_ORIGINS") != std::string::npos);
  CHECK(answer(1).body.find("evil") == std::string::npos);
  CHECK(told == "origin_refused ");
  CHECK(inside->size() == 0u);
  CHECK(authenticator.asked.empty());
  ask_from(2, "192.0.2.7", {{"Host", "localhost:54321"}, {"Origin", "http://localhost:3000"}});
  CHECK(status(2) == 101);
  settings.access.allowed_origins = {"https://evil.example"};
  rebuild();
  ask_from(3, "192.0.2.7", {{"Host", "localhost:54321"}, {"Origin", "https://evil.example"}});
  CHECK(status(3) == 101);
}

TEST_CASE_FIXTURE(limited, "admission: nor may they change anything by plain requests") {
  handshake post = request("/v1/broadcast", false);
  post.request.method = "POST";
  post.request.headers = {{"Host", "localhost"}, {"Origin", "https://evil.example"}};
  door->ask(1, post);
  CHECK(status(1) == 403);
  CHECK(plain_targets.empty());
  post.request.headers = {{"Host", "localhost"}, {"Origin", "http://localhost"}};
  door->ask(2, post);
  CHECK(status(2) == 404);
  handshake get = request("/healthz", false);
  get.request.headers = {{"Host", "localhost"}, {"Origin", "https://evil.example"}};
  door->ask(3, get);
  CHECK(plain_targets == "/v1/broadcast /healthz ");
}

TEST_CASE_FIXTURE(limited, "admission: a server on loopback has no names but those of loopback") {
  allow_at_once();
  const http::header_list rebound{{"Host", "evil.example:54321"},
                                  {"Origin", "http://evil.example:54321"}};
  ask_from(1, "127.0.0.1", rebound);
  CHECK(status(1) == 403);
  settings.access.trusted_proxies = {"loopback"};
  rebuild();
  ask_from(2, "127.0.0.1", rebound);  // then it is the proxy who knows the names
  CHECK(status(2) == 101);
  settings.access.trusted_proxies.clear();
  settings.host = "0.0.0.0";
  rebuild();
  ask_from(3, "192.0.2.7", rebound);
  CHECK(status(3) == 101);
}

TEST_CASE_FIXTURE(limited, "admission: connections of one address") {
  settings.access.max_connections_per_address = 2;
  rebuild();
  allow_at_once();
  ask_from(1, "192.0.2.7");
  ask_from(2, "192.0.2.7");
  ask_from(3, "192.0.2.7");
  ask_from(4, "192.0.2.8");
  CHECK(status(2) == 101);
  CHECK(status(3) == 429);
  CHECK(retry_after(3) == "5");
  CHECK(status(4) == 101);
  CHECK(told == "connection_refused ");
  CHECK(authenticator.asked.size() == 3u);
  inside->leave(1);
  ask_from(5, "192.0.2.7");
  CHECK(status(5) == 101);
}

TEST_CASE_FIXTURE(limited, "admission: behind a trusted proxy the client's address counts, and shows") {
  settings.access.max_connections_per_address = 1;
  settings.access.trusted_proxies = {"10.0.0.0/8"};
  rebuild();
  allow_at_once();
  ask_from(1, "10.0.0.1", {{"X-Forwarded-For", "192.0.2.7"}});
  ask_from(2, "10.0.0.1", {{"X-Forwarded-For", "192.0.2.8"}});
  ask_from(3, "10.0.0.1", {{"X-Forwarded-For", "192.0.2.7"}});
  CHECK(status(1) == 101);
  CHECK(status(2) == 101);
  CHECK(status(3) == 429);
  CHECK(door->take(1)->request.remote_address == "192.0.2.7");
  // Who is not the proxy is not believed, and cannot take the place of another.
  ask_from(4, "203.0.113.1", {{"X-Forwarded-For", "192.0.2.9"}});
  CHECK(door->take(4)->request.remote_address == "203.0.113.1");
}

TEST_CASE_FIXTURE(limited, "admission: a proxy that nobody named is noticed, once") {
  allow_at_once();
  ask_from(1, "127.0.0.1", {{"X-Forwarded-For", "192.0.2.7"}});
  ask_from(2, "127.0.0.1", {{"X-Forwarded-For", "192.0.2.7"}});
  CHECK(told == "proxy_not_trusted ");
  CHECK(door->take(1)->request.remote_address == "127.0.0.1");
}

TEST_CASE_FIXTURE(limited, "admission: connections in all, and new ones in a second") {
  settings.max_connections = 2;
  rebuild();
  allow_at_once();
  for (const connection_id each : {1u, 2u, 3u}) ask_from(each, "192.0.2." + std::to_string(each));
  CHECK(status(3) == 503);
  CHECK(retry_after(3) == "5");
  settings.max_connections = 0;
  settings.access.new_connections_per_second = 4;
  rebuild();
  for (connection_id each = 10; each < 18; ++each) {
    ask_from(each, "192.0.2." + std::to_string(each));
    CHECK(status(each) == 101);
  }
  ask_from(18, "192.0.2.18");
  CHECK(status(18) == 503);
  CHECK(retry_after(18) == "1");
  clock.advance(std::chrono::milliseconds(250));
  ask_from(19, "192.0.2.19");
  CHECK(status(19) == 101);
  rebuild();
  for (const connection_id each : {20u, 21u, 22u}) ask_from(each, "192.0.2.1");
  CHECK(status(21) == 101);
  CHECK(status(22) == 429);  // a quarter, and twice as many at once
  CHECK(retry_after(22) == "1");
}

TEST_CASE_FIXTURE(limited, "admission: connections of one user, from wherever") {
  settings.access.max_connections_per_user = 1;
  rebuild();
  allow_at_once("ada");
  ask_from(1, "192.0.2.7");
  ask_from(2, "192.0.2.8");
  CHECK(status(1) == 101);
  CHECK(status(2) == 429);
  CHECK(retry_after(2) == "5");
  CHECK(inside->size() == 1u);
  CHECK(inside->connections().open_from("192.0.2.8") == 0u);
  allow_at_once("bob");
  ask_from(3, "192.0.2.8");
  CHECK(status(3) == 101);
  // Those without a name count by address.
  authenticator.at_once = result<principal>(principal::anonymous());
  ask_from(4, "192.0.2.8");
  ask_from(5, "192.0.2.8");
  CHECK(status(4) == 101);
  CHECK(status(5) == 101);
  // Nobody takes another's place by his name.
  allow_at_once("address 192.0.2.8");
  ask_from(6, "192.0.2.9");
  CHECK(inside->user(6) != inside->user(4));
}

TEST_CASE_FIXTURE(limited, "admission: what was counted is given back once, whatever happens") {
  settings.access.max_connections_per_address = 5;
  settings.access.max_connections_per_user = 4;
  settings.max_connections = 12;
  rebuild();
  std::mt19937 draw(11);
  std::map<connection_id, std::string> asked, open;  // by address
  connection_id next = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto some = [&](auto& from) {
      return std::next(from.begin(), static_cast<std::ptrdiff_t>(draw() % from.size()));
    };
    switch (draw() % 6) {
      case 0:
      case 1: {
        const std::string address = "192.0.2." + std::to_string(draw() % 4);
        http::header_list headers;
        if (draw() % 8 == 0) headers.add("Origin", "https://evil.example");
        if (draw() % 8 == 0) headers.add("Authorization", "Bearer");  // malformed
        ask_from(++next, address, std::move(headers));
        if (transport.answers[next].empty()) asked[next] = address;
        break;
      }
      case 2:
      case 3: {  // an authentication comes, maybe of one that has gone
        if (authenticator.waiting.empty()) break;
        const auto done = std::move(authenticator.waiting.front());
        authenticator.waiting.erase(authenticator.waiting.begin());
        done(draw() % 3 == 0 ? result<principal>(error(errc::unauthorized))
                             : result<principal>(principal{"u" + std::to_string(draw() % 4)}));
        break;
      }
      case 4:
        if (asked.empty()) break;
        if (const auto gone = some(asked); transport.answers[gone->first].empty()) {
          door->abandon(gone->first);
          asked.erase(gone);
        }
        break;
      case 5:
        if (open.empty()) break;
        if (const auto gone = some(open); true) {
          inside->leave(gone->first);
          inside->leave(gone->first);
          open.erase(gone);
        }
        break;
    }
    for (auto each = asked.begin(); each != asked.end();) {
      const auto& answers = transport.answers[each->first];
      if (answers.empty()) {
        ++each;
        continue;
      }
      if (answers.size() != 1) FAIL("two answers");
      if (answers[0].status == 101) {
        if (!door->take(each->first)) FAIL("nobody has arrived");
        open.insert(*each);
      }
      each = asked.erase(each);
    }
    std::map<std::string, std::size_t> counts;
    for (const auto* all : {&asked, &open}) {
      for (const auto& each : *all) ++counts[each.second];
    }
    const std::size_t all = asked.size() + open.size();
    if (inside->size() != all || inside->connections().total() != all) FAIL("lost count");
    for (const auto& each : counts) {
      if (inside->connections().open_from(each.first) != each.second || each.second > 5)
        FAIL("lost count of an address");
    }
    std::map<user_limits::user*, std::size_t> users;
    for (const auto& each : open) {  // some have shown nothing yet
      if (auto* const who = inside->user(each.first)) ++users[who];
    }
    for (const auto& each : users) {
      if (each.first->connections() != each.second || each.second > 4) FAIL("lost count of a user");
    }
  }
  CHECK(next > 5'000u);
}

TEST_CASE_FIXTURE(limited, "admission: what is refused by a limit is counted by why") {
  settings.max_connections = 2;
  settings.access.max_connections_per_address = 1;
  rebuild();
  allow_at_once();
  const auto count = [&](connection_refusal why) {
    return totals.refused[static_cast<std::size_t>(why)];
  };
  ask_from(1, "192.0.2.1", {{"Origin", "https://evil.example"}});
  CHECK(count(connection_refusal::origin) == 1u);
  ask_from(2, "192.0.2.1");
  ask_from(3, "192.0.2.1");
  CHECK(count(connection_refusal::limit) == 1u);
  ask_from(4, "192.0.2.2");
  ask_from(5, "192.0.2.3");
  CHECK(count(connection_refusal::overload) == 1u);
}
