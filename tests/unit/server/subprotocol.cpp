// SPDX-License-Identifier: MIT
#include <agent_websocket/server/subprotocol.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

bool offers(const std::vector<std::string>& values) {
  agent_websocket::http::request asked;
  asked.headers.add("Host", "localhost");
  for (const std::string& each : values) asked.headers.add("sec-websocket-protocol", each);
  return agent_websocket::offers_subprotocol(asked, agent_websocket::subprotocol_name);
}

}  // namespace

TEST_CASE("subprotocol: the name of this one") {
  CHECK(agent_websocket::subprotocol_name == "agent-websocket.v1");
}

TEST_CASE("subprotocol: one of a list, in any of the headers") {
  CHECK(offers({"agent-websocket.v1"}));
  CHECK(offers({"chat, agent-websocket.v1"}));
  CHECK(offers({"agent-websocket.v1,chat"}));
  CHECK(offers({"a ,\tagent-websocket.v1\t, b"}));
  CHECK(offers({"chat", "agent-websocket.v1"}));
}

TEST_CASE("subprotocol: names are compared whole and with regard to case") {
  CHECK_FALSE(offers({}));
  CHECK_FALSE(offers({""}));
  CHECK_FALSE(offers({",,,"}));
  CHECK_FALSE(offers({"chat"}));
  CHECK_FALSE(offers({"agent-websocket"}));
  CHECK_FALSE(offers({"agent-websocket.v12"}));
  CHECK_FALSE(offers({"xagent-websocket.v1"}));
  CHECK_FALSE(offers({"Agent-WebSocket.v1"}));
  CHECK_FALSE(offers({"agent-websocket.v1;q=1"}));
}
