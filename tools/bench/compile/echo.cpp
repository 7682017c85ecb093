// SPDX-License-Identifier: MIT
// What others are a ratio of: an echo server of plain websocketpp, as its own examples write it.
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/server.hpp>

#include <cstdint>
#include <cstdlib>

using echo_server = websocketpp::server<websocketpp::config::asio>;

int main(int argc, char** argv) {
  echo_server server;
  server.clear_access_channels(websocketpp::log::alevel::all);
  server.init_asio();
  server.set_message_handler(
      [&server](websocketpp::connection_hdl client, const echo_server::message_ptr& message) {
        server.send(client, message->get_payload(), message->get_opcode());
      });
  server.listen(static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 9002));
  server.start_accept();
  server.run();
}
