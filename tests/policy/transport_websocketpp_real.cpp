// SPDX-License-Identifier: MIT
#include "policy/transport_suite.hpp"

#include <agent_websocket/adapters/websocketpp_transport.hpp>

#include "loopback/raw_client.hpp"
#include "loopback/tls_client.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using agent_websocket::adapters::websocketpp_transport;

class real_fixture {
 public:
  real_fixture() : real_fixture(agent_websocket::adapters::tls_files()) {}
  explicit real_fixture(const agent_websocket::adapters::tls_files& tls)
      : secure_(!tls.empty()), transport_(context_, settings(tls)) {}

  websocketpp_transport& transport() { return transport_; }
  std::size_t limit() const { return settings({}).max_message_bytes; }

  template <typename Predicate>
  bool until(Predicate predicate) {
    return loopback::run_until(context_, pointers_, [&] {
      for (client& each : clients_) each.take();
      return predicate();
    });
  }
  /// Long enough for bytes that are in the kernel, and for what they cause.
  void settle() {
    int rounds = 0;
    until([&rounds] { return ++rounds > 6; });
  }

  int connect() { return begin(loopback::upgrade_request(), true); }
  int request(const std::string& method, const std::string& target, const std::string& body) {
    return begin(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n\r\n" + body,
                 false);
  }
  void text(int c, std::string_view words) { send(c, loopback::fin | loopback::text, words); }
  void binary(int c, std::size_t bytes) {
    send(c, loopback::fin | loopback::binary, std::string(bytes, 'b'));
  }
  void oversized(int c, std::size_t bytes) {
    send(c, loopback::fin | loopback::text, std::string(bytes, 'o'));
  }
  void pong(int c) { send(c, loopback::fin | loopback::pong, ""); }
  void leave(int c, int code, const char* reason) {
    at(c).left = true;
    at(c).socket.send(loopback::close_frame(code, reason));
  }
  void vanish(int c) { at(c).socket.drop(); }
  void stall(int c) { at(c).socket.reading = false; }
  void read_on(int c) { at(c).socket.reading = true; }

  std::string answer(int c) { return at(c).answer; }
  std::vector<std::string> texts(int c) { return at(c).texts; }
  std::size_t pings(int c) { return at(c).pings; }
  std::string close_frame(int c) { return at(c).closed; }

 private:
  struct client {
    client(std::uint16_t port, bool secure, bool upgrade)
        : owned(secure ? std::make_unique<loopback::tls_client>(port)
                       : std::make_unique<loopback::raw_client>(port)),
          socket(*owned),
          upgrading(upgrade) {}

    void take() {
      if (head.empty()) {
        head = loopback::take_head(socket.in);
        if (head.empty()) return;
        is_websocket = upgrading && head.substr(0, 12) == "HTTP/1.1 101";
        if (is_websocket) answer = "101 ";
      }
      if (!is_websocket) {
        if (socket.ended) answer = head.substr(9, 3) + " " + socket.in;
        return;
      }
      while (const auto frame = loopback::take_frame(socket.in)) {
        if (frame->first_byte == (loopback::fin | loopback::text)) texts.push_back(frame->payload);
        if (frame->first_byte == (loopback::fin | loopback::ping)) ++pings;
        if (frame->first_byte == (loopback::fin | loopback::bye)) {
          CHECK(closed.empty());
          closed = frame->words();
          if (!left)
            socket.send(
                loopback::client_frame(loopback::fin | loopback::bye, frame->payload.substr(0, 2)));
        }
      }
    }

    std::unique_ptr<loopback::raw_client> owned;
    loopback::raw_client& socket;
    bool upgrading;
    bool is_websocket = false;
    bool left = false;
    std::string head;
    std::string answer;
    std::string closed;
    std::vector<std::string> texts;
    std::size_t pings = 0;
  };

  static websocketpp_transport::settings settings(const agent_websocket::adapters::tls_files& tls) {
    websocketpp_transport::settings chosen;
    chosen.host = "127.0.0.1";
    chosen.port = 0;
    chosen.tls = tls;
    chosen.max_message_bytes = 10'000;
    chosen.close_timeout = std::chrono::milliseconds(2'000);
    return chosen;
  }

  int begin(const std::string& request, bool upgrade) {
    clients_.emplace_back(transport_.port(), secure_, upgrade);
    pointers_.push_back(&clients_.back().socket);
    clients_.back().socket.send(request);
    return static_cast<int>(clients_.size()) - 1;
  }
  void send(int c, int first_byte, std::string_view payload) {
    at(c).socket.send(loopback::client_frame(first_byte, payload));
  }
  client& at(int c) { return clients_[static_cast<std::size_t>(c)]; }

  bool secure_;
  asio::io_context context_{1};
  websocketpp_transport transport_;
  std::deque<client> clients_;
  std::vector<loopback::raw_client*> pointers_;
};

class tls_fixture : public real_fixture {
 public:
  tls_fixture() : real_fixture(certificate().files()) {}

 private:
  static const loopback::served_certificate& certificate() {
    static const loopback::served_certificate made;
    return made;
  }
};

}  // namespace

TRANSPORT_SUITE(real_fixture, "websocketpp transport")
TRANSPORT_SUITE(tls_fixture, "websocketpp transport with TLS")
