// SPDX-License-Identifier: MIT
#include "policy/transport_suite.hpp"

#include <agent_websocket/testing/mock_transport.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using agent_websocket::connection_id;
using agent_websocket::testing::mock_transport;

class mock_fixture {
 public:
  mock_transport& transport() { return transport_; }
  std::size_t limit() const { return 64 * 1024; }

  template <typename Predicate>
  bool until(Predicate predicate) {
    for (int i = 0; i < 1000; ++i) {
      if (predicate()) return true;
      transport_.run();
    }
    return false;
  }
  void settle() { transport_.run(); }

  int connect() {
    clients_.push_back(transport_.connect());
    return static_cast<int>(clients_.size()) - 1;
  }
  int request(const char* method, const char* target, const char* body) {
    agent_websocket::http::request request;
    request.method = method;
    request.target = target;
    request.body = body;
    transport_.request(request);
    clients_.push_back(transport_.last());
    return static_cast<int>(clients_.size()) - 1;
  }
  void text(int client, std::string_view words) { transport_.receive(id(client), words); }
  void binary(int client, std::size_t bytes) { transport_.receive_binary(id(client), bytes); }
  void oversized(int client, std::size_t bytes) { transport_.receive_oversized(id(client), bytes); }
  void pong(int client) { transport_.receive_pong(id(client)); }
  void leave(int client, std::uint16_t code, const char* reason) {
    transport_.disconnect(id(client), code, reason);
  }
  void vanish(int client) { transport_.disconnect(id(client)); }
  void stall(int client) { transport_.stall(id(client)); }
  void read_on(int client) { transport_.drain(id(client)); }

  std::string answer(int client) {
    const auto answered = transport_.response_of(id(client));
    if (answered.status == 0) return "";
    return std::to_string(answered.status) + " " + answered.body;
  }
  std::vector<std::string> texts(int client) { return transport_.sent(id(client)); }
  std::size_t pings(int client) { return transport_.pings(id(client)); }
  std::string close_frame(int client) {
    const auto closed = transport_.close_sent(id(client));
    return closed ? std::to_string(closed->first) + " " + closed->second : "";
  }

 private:
  connection_id id(int client) const { return clients_[static_cast<std::size_t>(client)]; }

  mock_transport transport_;
  std::vector<connection_id> clients_;
};

}  // namespace

TRANSPORT_SUITE(mock_fixture, "mock transport")
