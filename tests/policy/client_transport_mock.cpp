// SPDX-License-Identifier: MIT
#include "policy/client_transport_suite.hpp"

#include <agent_websocket/testing/mock_client_transport.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using agent_websocket::testing::mock_client_transport;

class mock_fixture {
 public:
  mock_client_transport& transport() { return transport_; }
  std::string url() const { return "ws://localhost/ws"; }

  template <typename Predicate>
  bool until(Predicate predicate) {
    for (int i = 0; i < 1000; ++i) {
      if (predicate()) return true;
      transport_.run();
    }
    return false;
  }
  void settle() { transport_.run(); }

  bool arrived() const { return transport_.is_attempting(); }
  void accept() { transport_.accept(); }
  void refuse(int status) { transport_.refuse(status); }
  void text(std::string_view words) { transport_.receive(words); }
  void ping() { transport_.receive_ping(); }
  void leave(std::uint16_t code, const char* reason) { transport_.disconnect(code, reason); }
  void vanish() { transport_.disconnect(); }

  std::vector<std::string> texts() const { return newest().sent; }
  const agent_websocket::http::header_list& headers() const { return newest().headers; }
  std::string close_frame() const {
    const auto& closed = newest().closed_with;
    return closed ? std::to_string(closed->first) + " " + closed->second : "";
  }

 private:
  const mock_client_transport::connection& newest() const {
    return transport_.connections().back();
  }

  mock_client_transport transport_;
};

}  // namespace

CLIENT_TRANSPORT_SUITE(mock_fixture, "mock client transport")
