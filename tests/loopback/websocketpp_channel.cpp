// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/websocketpp_channel.hpp>

#include "loopback/raw_client.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

using agent_websocket::adapters::asio_socket;
using agent_websocket::adapters::link_pointer;
using agent_websocket::adapters::transport_settings;
using agent_websocket::adapters::websocketpp_channel;
using loopback::raw_client;

namespace {

class channel final : public websocketpp_channel<channel> {
 public:
  channel(hub_type& hub, asio_socket socket) : websocketpp_channel(hub, std::move(socket)) {}

  std::size_t send(const std::string& bytes) {
    output() += bytes;
    return pending_after_send();
  }
  void on_turn_end() override {
    ++settled;
    untouch();
    write();
  }
  void on_deadline() {}
  using websocketpp_channel::pending;

  int settled = 0;
  int drained = 0;
  bool broken = false;

 private:
  void on_readable() override {}
  void on_writable() override { write(); }
  void write() {
    broken = !transmit_output();
    if (take_drained()) ++drained;
  }
};

struct bench {
  asio::io_context context{1};
  std::shared_ptr<channel::hub_type> hub =
      std::make_shared<channel::hub_type>(context, transport_settings());
  asio::ip::tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
  raw_client client{acceptor.local_endpoint().port()};
  link_pointer<channel> line;

  bench() {
    asio_socket socket(context);
    acceptor.accept(socket);
    socket.non_blocking(true);
    line = link_pointer<channel>(new channel(*hub, std::move(socket)));
  }
  template <typename Predicate>
  bool until(Predicate predicate) {
    return loopback::run_until(context, {&client}, predicate);
  }
};

}  // namespace

TEST_CASE("channel: what is sent in one turn is one write, and costs no buffer afterwards") {
  bench b;
  for (std::size_t i = 1; i <= 50; ++i) CHECK(b.line->send("hello") == 5 * i);
  CHECK(b.line->settled == 0);
  REQUIRE(b.until([&] { return b.client.in.size() == 250; }));
  CHECK(b.line->settled == 1);
  CHECK(b.client.data_segments() == 1u);
  CHECK(b.line->pending() == 0u);
  CHECK(b.hub->spare_outputs.size() == 1u);
  CHECK(b.line->drained == 0);
}

TEST_CASE("channel: counts to the byte what a slow peer leaves, and tells once when it is gone") {
  bench b;
  b.client.reading = false;
  std::size_t sent = 0;
  while (b.line->pending() == 0) {
    sent += 1'000'000;
    b.line->send(std::string(1'000'000, 'x'));
    b.context.restart();
    b.context.poll();
  }
  const int drained = b.line->drained;
  const std::size_t waiting = b.line->pending();
  CHECK(b.line->send("12345") == waiting + 5);
  b.client.reading = true;
  REQUIRE(b.until([&] { return b.client.in.size() == sent + 5; }));
  CHECK(b.client.in.substr(sent) == "12345");
  CHECK(b.line->drained == drained + 1);
  CHECK(b.line->pending() == 0u);
}

TEST_CASE("channel: a broken connection is told") {
  bench b;
  b.client.reset();
  for (int i = 0; i < 100 && !b.line->broken; ++i) {
    b.line->send("x");
    b.context.restart();
    b.context.poll();
  }
  CHECK(b.line->broken);
}
