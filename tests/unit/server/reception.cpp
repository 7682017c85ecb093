// SPDX-License-Identifier: MIT
#include <agent_websocket/server/reception.hpp>

#include "flow/fixture.hpp"

#include <string>

using namespace flow;

TEST_CASE_FIXTURE(fixture, "reception: what comes goes to the session of its socket") {
  const auto first = connect();
  const auto second = connect();
  CHECK(say(first, R"({"type":"command","op":"ping","id":"p1"})")[0].ref() == "p1");
  CHECK(heard(second).empty());
  transport.receive_binary(second, 3);
  run();
  CHECK(heard(second)[0].code() == "unsupported_data");
  transport.receive_oversized(second, 1u << 30);
  run();
  CHECK(heard(second)[0].code() == "too_large");
  CHECK(heard(first).empty());
}

TEST_CASE_FIXTURE(fixture, "reception: messages are counted whole, also those that are none") {
  const auto id = connect();
  say(id, R"({"type":"command","op":"ping"})");
  say(id, "no JSON");
  transport.receive_binary(id, 3);
  run();
  const std::string metrics = server.metrics();
  CHECK(mentions(metrics, "type=\"command\"} 1\n"));
  CHECK(mentions(metrics, "} 2\n"));
}
