// SPDX-License-Identifier: MIT
// A unit that only declares what is no template: links when the other one defines all that the shipped
// server, client and supervisor and the mock server call, and when nothing is defined in both.
#include <agent_websocket.hpp>

#if AGENT_WEBSOCKET_DEFINITIONS
#error "this unit is to have declarations only"
#endif

namespace aw = agent_websocket;

int main() {
  aw::options options;
  options.base_url = "http://localhost/v1";
  options.port = 0;

  aw::testing::mock_transport transport;
  aw::testing::mock_http_client http;
  aw::testing::manual_scheduler clock;
  aw::testing::mock_server mock(options, transport, http, clock);
  if (!mock.start()) return 1;
  transport.receive(transport.connect(), R"({"content":"Hello"})");
  clock.run();
  if (http.calls().size() != 1) return 2;

  options.host = "127.0.0.1";
  options.api_key = "none";
  aw::server server(options);
  if (!server.start() || server.port() == 0) return 3;

  struct : aw::client_sink {
    void on_answer(const aw::client_answer&) override {}
  } sink;
  const aw::client client(sink);

  asio::io_context context;
  const aw::supervisor supervisor(options, aw::supervisor_settings(), context);
  return supervisor.port() == 0 ? 0 : 4;
}
