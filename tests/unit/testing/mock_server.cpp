// SPDX-License-Identifier: MIT
#include <agent_websocket/testing/mock_server.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace aw = agent_websocket;

TEST_CASE("mock_server: a question goes from the client's frame to the model's request and back") {
  aw::testing::mock_transport transport;
  aw::testing::mock_http_client http;
  aw::testing::manual_scheduler clock;
  aw::options options;
  options.base_url = "http://localhost/v1";
  aw::testing::mock_server server(options, transport, http, clock);
  REQUIRE(server.start());
  http.reply_with(aw::testing::http_script()
                      .head(200, {{"Content-Type", "application/json"}})
                      .body(R"({"choices":[{"message":{"content":"Hello, too"},"finish_reason":"stop"}]})")
                      .complete());

  const auto client = transport.connect();
  transport.receive(client, R"({"content":"Hello","stream":false})");
  clock.run();
  REQUIRE(http.calls().size() == 1);
  http.run();

  CHECK(http.last().request.body.find("\"Hello\"") != std::string::npos);
  const std::vector<std::string> sent = transport.take_sent(client);
  REQUIRE_FALSE(sent.empty());
  CHECK(sent.back().find("Hello, too") != std::string::npos);
}
