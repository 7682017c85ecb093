// SPDX-License-Identifier: MIT
#include <agent_websocket/testing/http_script.hpp>

#include <doctest/doctest.h>

#include <ostream>  // prints a std::error_code
#include <string>

using agent_websocket::errc;
using agent_websocket::testing::http_script;
using agent_websocket::testing::http_step;
using agent_websocket::testing::sse;

TEST_CASE("http_script: keeps the steps in their order") {
  http_script script;
  script.head(200, {{"Content-Type", "text/event-stream"}}).body("a").body("").body("b").complete();
  REQUIRE(script.steps().size() == 4u);
  CHECK(script.steps()[0].what == http_step::kind::head);
  CHECK(script.steps()[0].status == 200);
  CHECK(script.steps()[0].headers.find("content-type") == "text/event-stream");
  CHECK(script.steps()[1].bytes == "a");
  CHECK(script.steps()[2].bytes == "b");
  CHECK(script.steps()[3].what == http_step::kind::complete);
  CHECK_FALSE(script.steps()[3].failure);
  CHECK(script.cut() == http_script::never);
  CHECK(script.cut_after(3).cut() == 3u);
}

TEST_CASE("http_script: fail is a completion with an error") {
  http_script script;
  script.fail(errc::timeout_connect, "slow");
  REQUIRE(script.steps().size() == 1u);
  CHECK(script.steps()[0].what == http_step::kind::complete);
  CHECK(script.steps()[0].failure == errc::timeout_connect);
  CHECK(script.steps()[0].bytes == "slow");
}

TEST_CASE("http_script: sse makes one event, a data line per line") {
  CHECK(sse("[DONE]") == "data: [DONE]\n\n");
  CHECK(sse("") == "data: \n\n");
  CHECK(sse("a\nb") == "data: a\ndata: b\n\n");
}
