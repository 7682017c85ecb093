// SPDX-License-Identifier: MIT
//
// What is curl_http_client's own; see http_clients.cpp for the rest.
#include <agent_websocket/adapters/curl_http_client.hpp>

#include "curl_bench.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;
using loopback::curl_bench;
using loopback::ok;
using loopback::reply;

TEST_CASE("curl: a kept connection that was idle for too long is not used again") {
  agent_websocket::adapters::curl_http_options options;
  options.max_idle_time = 0s;  // curl counts whole seconds
  curl_bench bench(options);
  CHECK(bench.ask(reply(ok("a"))).body == "a");
  CHECK(bench.ask(reply(ok("b"))).body == "b");
  CHECK(bench.server.accepted == 1u);
  bench.run_for(1050ms);
  CHECK(bench.ask(reply(ok("c"))).body == "c");
  CHECK(bench.server.accepted == 2u);
}
