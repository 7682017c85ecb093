// SPDX-License-Identifier: MIT
// The core and the mocks, compiled with AGENT_WEBSOCKET_WITH_ADAPTERS=0: one question through a
// whole server, as a test of an application asks it.
#include <agent_websocket.hpp>

namespace aw = agent_websocket;

int main() {
  aw::testing::mock_transport transport;
  aw::testing::mock_http_client http;
  aw::testing::manual_scheduler clock;
  aw::options options;
  options.base_url = "http://localhost/v1";
  aw::basic_server<aw::testing::mock_transport, aw::testing::mock_http_client,
                   aw::testing::manual_scheduler>
      server(options, transport, http, clock);
  if (!server.start()) return 1;
  transport.receive(transport.connect(), R"({"content":"Hello"})");
  clock.run();
  return http.calls().size() == 1 ? 0 : 1;
}
