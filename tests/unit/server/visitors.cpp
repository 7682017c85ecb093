// SPDX-License-Identifier: MIT
#include <agent_websocket/server/visitors.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

const wire::client_message query = wire::query{};
const wire::client_message service = wire::human_feedback{};

struct fixture {
  options settings;
  testing::manual_scheduler clock;
  std::string told;
  std::unique_ptr<visitors<testing::manual_scheduler>> inside;

  void begin() {
    inside = std::make_unique<visitors<testing::manual_scheduler>>(
        settings, clock, [this](std::string_view event, std::string_view text) {
          told.append(event).append(": ").append(text).append("\n");
        });
  }
  bool enter(connection_id connection, std::string address = "192.0.2.7") {
    handshake request;
    request.remote_address = std::move(address);
    return !inside->enter(connection, request);
  }
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "visitors: who is unknown has no limits and no user") {
  begin();
  CHECK(inside->take_frame(1));
  CHECK_FALSE(inside->take(1, query));
  CHECK(inside->user(1) == nullptr);
  CHECK(inside->identify(1, principal{"ada"}));
  inside->leave(1);
  CHECK(inside->size() == 0u);
}

TEST_CASE_FIXTURE(fixture, "visitors: each socket has its own rate, a new one a fresh one") {
  settings.access.messages_per_minute = 60;
  settings.access.message_burst = 1;
  begin();
  enter(1);
  enter(2);
  CHECK_FALSE(inside->take(1, service));
  CHECK(inside->take(1, service)->retry_after == 1s);
  CHECK_FALSE(inside->take(2, service));
  clock.advance(1s);
  CHECK_FALSE(inside->take(1, service));
  inside->leave(1);
  enter(1);
  CHECK_FALSE(inside->take(1, service));
}

TEST_CASE_FIXTURE(fixture, "visitors: a user is known once it is told, and may become another") {
  settings.access.max_connections_per_user = 1;
  begin();
  enter(1);
  CHECK(inside->user(1) == nullptr);
  CHECK(inside->identify(1, principal{"ada"}));
  auto* const ada = inside->user(1);
  REQUIRE(ada != nullptr);
  CHECK(inside->identify(1, principal{"ada"}));  // with a new token
  CHECK(ada->connections() == 1u);
  enter(2);
  CHECK_FALSE(inside->identify(2, principal{"ada"}));
  CHECK(inside->user(2) == nullptr);
  CHECK(inside->identify(1, principal{"bob"}));
  CHECK(inside->user(1)->connections() == 1u);
  CHECK(inside->identify(2, principal{"ada"}));
}

TEST_CASE_FIXTURE(fixture, "visitors: who has no name counts by address, IPv6 by /64") {
  begin();
  enter(1, "2001:db8:1:2::1");
  enter(2, "2001:db8:1:2::2");
  enter(3, "2001:db8:1:3::1");
  enter(4, "");
  enter(5, "");
  for (const connection_id each : {1u, 2u, 3u, 4u, 5u})
    CHECK(inside->identify(each, principal::anonymous()));
  CHECK(inside->user(1) == inside->user(2));
  CHECK(inside->user(1) != inside->user(3));
  CHECK(inside->user(4) == inside->user(5));
  principal named{"address 2001:db8:1:2::"};
  enter(6, "2001:db8:1:2::1");
  CHECK(inside->identify(6, named));
  CHECK(inside->user(6) != inside->user(1));
}

TEST_CASE_FIXTURE(fixture, "visitors: the log names the variable, and is not flooded") {
  settings.access.max_connections_per_address = 1;
  settings.access.new_connections_per_second = 0;
  begin();
  enter(1);
  for (connection_id each = 2; each < 100; ++each) CHECK_FALSE(enter(each));
  CHECK(told.find("connection_refused: from 192.0.2.7; see MAX_CONNECTIONS_PER_IP\n") == 0u);
  CHECK(std::count(told.begin(), told.end(), '\n') == 10);
  clock.advance(1s);
  enter(100);
  CHECK(std::count(told.begin(), told.end(), '\n') == 11);
}

TEST_CASE_FIXTURE(fixture, "visitors: a name cannot break the log's line") {
  settings.access.max_connections_per_user = 1;
  begin();
  enter(1);
  enter(2);
  const principal who{"ada\nevil: \x1b[31m" + std::string(1000, 'x')};
  CHECK(inside->identify(1, who));
  CHECK_FALSE(inside->identify(2, who));
  CHECK(std::count(told.begin(), told.end(), '\n') == 1);
  CHECK(told.find('\x1b') == std::string::npos);
  CHECK(told.size() < 200u);
}

TEST_CASE_FIXTURE(fixture, "visitors: lists that are wrong mean nobody, and are told of elsewhere") {
  settings.access.allowed_origins = {"nonsense"};
  settings.access.trusted_proxies = {"nonsense"};
  begin();
  handshake request;
  request.remote_address = "10.0.0.1";
  request.request.headers = {{"X-Forwarded-For", "192.0.2.7"}};
  CHECK_FALSE(inside->enter(1, request));
  CHECK(request.remote_address == "10.0.0.1");
  settings.api_key = "k";
  CHECK(settings.check().error().message.find("ALLOWED_ORIGINS") == 0u);
  settings.access.allowed_origins.clear();
  CHECK(settings.check().error().message.find("TRUST_PROXY") == 0u);
}
