// SPDX-License-Identifier: MIT
#include "policy/client_transport_suite.hpp"

#include <agent_websocket/adapters/websocketpp_connector.hpp>

#include "loopback/tls_client.hpp"
#include "loopback/transport_bench.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using agent_websocket::connection_id;

/// The server's side: answers when the test says so, keeps what comes on the newest connection.
class server_sink final : public agent_websocket::transport_sink {
 public:
  connection_id asked = 0;
  connection_id open = 0;
  agent_websocket::http::header_list headers;
  std::vector<std::string> texts;
  std::string close_frame;

  void on_request(connection_id id, agent_websocket::handshake request) override {
    asked = id;
    headers = std::move(request.request.headers);
  }
  void on_abandoned(connection_id id) override {
    if (asked == id) asked = 0;
  }
  void on_open(connection_id id) override {
    open = id;
    texts.clear();
    close_frame.clear();
  }
  void on_text(connection_id id, std::string_view words) override {
    if (id == open) texts.emplace_back(words);
  }
  void on_binary(connection_id, std::size_t) override {}
  void on_oversized(connection_id, std::size_t) override {}
  void on_alive(connection_id) override {}
  void on_drained(connection_id) override {}
  void on_close(connection_id id, std::uint16_t code, std::string_view reason) override {
    if (id == open) close_frame = std::to_string(code) + " " + std::string(reason);
  }
};

/// `certificate` null: without TLS.
class real_fixture {
 public:
  real_fixture() : real_fixture(nullptr) {}
  explicit real_fixture(const loopback::served_certificate* certificate)
      : ca_(loopback::served_certificate::authority().pem()),
        secure_(certificate != nullptr),
        server_(context_, settings(certificate)),
        transport_(context_, trusting()) {
    REQUIRE(server_.start(sink_));
  }

  agent_websocket::adapters::websocketpp_connector& transport() { return transport_; }
  std::string url() const {
    return std::string(secure_ ? "wss" : "ws") + "://127.0.0.1:" + std::to_string(server_.port()) + "/ws";
  }

  template <typename Predicate>
  bool until(Predicate predicate) {
    return loopback::run_until(context_, {}, predicate);
  }
  /// Long enough for bytes that are in the kernel, and for what they cause.
  void settle() {
    int rounds = 0;
    until([&rounds] { return ++rounds > 6; });
  }

  bool arrived() const { return sink_.asked != 0; }
  void accept() { server_.answer(std::exchange(sink_.asked, 0), {101, {}, ""}); }
  void refuse(int status) {
    server_.answer(std::exchange(sink_.asked, 0),
                   agent_websocket::http::response::text(status, "no"));
  }
  void text(std::string_view words) { server_.send(sink_.open, words); }
  void ping() { server_.ping(sink_.open); }
  void leave(std::uint16_t code, const char* reason) { server_.close(sink_.open, code, reason); }
  void vanish() { server_.close(sink_.open, 1006, ""); }

  std::vector<std::string> texts() const { return sink_.texts; }
  const agent_websocket::http::header_list& headers() const { return sink_.headers; }
  std::string close_frame() const { return sink_.close_frame; }

 private:
  static loopback::transport_bench::settings settings(
      const loopback::served_certificate* certificate) {
    loopback::transport_bench::settings chosen = loopback::transport_bench::local();
    if (certificate != nullptr) chosen.tls = certificate->files();
    return chosen;
  }
  agent_websocket::adapters::connector_settings trusting() const {
    agent_websocket::adapters::connector_settings chosen;
    chosen.ca_file = ca_.name();
    return chosen;
  }

  loopback::temporary_file ca_;
  bool secure_;
  asio::io_context context_{1};
  server_sink sink_;
  agent_websocket::adapters::websocketpp_transport server_;
  agent_websocket::adapters::websocketpp_connector transport_;
};

class tls_fixture : public real_fixture {
 public:
  tls_fixture() : real_fixture(&certificate()) {}

 private:
  static const loopback::served_certificate& certificate() {
    static const loopback::served_certificate made;
    return made;
  }
};

}  // namespace

CLIENT_TRANSPORT_SUITE(real_fixture, "websocketpp connector")
CLIENT_TRANSPORT_SUITE(tls_fixture, "websocketpp connector with TLS")
