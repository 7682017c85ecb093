// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/asio_http_channel.hpp>

#include "loopback/raw_client.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

using agent_websocket::adapters::asio_http_buffers;
using agent_websocket::adapters::asio_http_channel;
using agent_websocket::adapters::asio_socket;
using agent_websocket::adapters::link_pointer;
using agent_websocket::adapters::turn_keeper;
using loopback::raw_client;

namespace {

class probe final : public asio_http_channel {
 public:
  probe(asio_socket socket, asio_http_buffers& buffers)
      : asio_http_channel(std::move(socket), buffers) {}

  using asio_http_channel::close_channel;
  using asio_http_channel::has_output;
  using asio_http_channel::is_broken;
  using asio_http_channel::is_open;
  using asio_http_channel::send;
  using asio_http_channel::send_later;

 private:
  ~probe() override = default;
  void on_readable() override {}
};

struct bench {
  asio::io_context context{1};
  asio::ip::tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
  asio_http_buffers buffers{1024, std::make_shared<turn_keeper>(context)};
  raw_client peer{acceptor.local_endpoint().port()};

  link_pointer<probe> accept() {
    asio_socket socket(context);
    acceptor.accept(socket);
    socket.non_blocking(true);
    return link_pointer<probe>(new probe(std::move(socket), buffers));
  }
  template <typename Predicate>
  bool until(Predicate predicate) {
    return loopback::run_until(context, {&peer}, predicate);
  }
};

constexpr std::size_t more_than_the_kernel_takes = 20'000'000;

}  // namespace

TEST_CASE("asio_http_channel: what goes out at once holds no buffer") {
  bench b;
  const auto channel = b.accept();
  CHECK_FALSE(channel->has_output());
  channel->send("head ", "body");
  CHECK_FALSE(channel->has_output());
  CHECK(b.buffers.outputs.size() == 1u);
  channel->send("again", {});
  CHECK(b.buffers.outputs.size() == 1u);  // the same one
  CHECK(b.until([&] { return b.peer.in == "head bodyagain"; }));
}

TEST_CASE("asio_http_channel: what is sent later goes out at the end of the turn, all at once") {
  bench b;
  const auto first = b.accept();
  raw_client other(b.acceptor.local_endpoint().port());
  const auto second = b.accept();
  first->send_later("head ", "body");
  second->send_later("other", {});
  CHECK(first->has_output());
  for (int i = 0; i < 100; ++i) b.peer.pump();
  CHECK(b.peer.in == "");
  b.context.poll_one();
  CHECK_FALSE(first->has_output());
  CHECK_FALSE(second->has_output());
  CHECK(b.until([&] { return b.peer.in == "head body"; }));
  CHECK(loopback::run_until(b.context, {&other}, [&] { return other.in == "other"; }));
}

TEST_CASE("asio_http_channel: closed before the turn ends, nothing goes out and nobody is missed") {
  asio::io_context context{1};
  asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  raw_client peer(acceptor.local_endpoint().port());
  asio_socket socket(context);
  acceptor.accept(socket);
  socket.non_blocking(true);
  auto buffers = std::make_unique<asio_http_buffers>(16, std::make_shared<turn_keeper>(context));
  link_pointer<probe> channel(new probe(std::move(socket), *buffers));
  channel->send_later("head", {});
  channel->close_channel();
  channel = {};
  buffers.reset();
  REQUIRE(loopback::run_until(context, {&peer}, [&] { return peer.ended || peer.broken; }));
  CHECK(peer.in == "");
}

TEST_CASE("asio_http_channel: what the kernel does not take goes out later, in order") {
  bench b;
  const auto channel = b.accept();
  b.peer.reading = false;
  channel->send("begin", std::string(more_than_the_kernel_takes, 'x'));
  CHECK(channel->has_output());
  channel->send("end", {});
  CHECK(b.buffers.outputs.size() == 0u);
  b.context.run_for(std::chrono::milliseconds(10));
  CHECK(channel->has_output());
  b.peer.reading = true;
  REQUIRE(b.until([&] { return b.peer.in.size() == more_than_the_kernel_takes + 8; }));
  CHECK(b.peer.in.compare(0, 6, "beginx") == 0);
  CHECK(b.peer.in.compare(b.peer.in.size() - 4, 4, "xend") == 0);
  CHECK_FALSE(channel->has_output());
  CHECK_FALSE(channel->is_broken());
}

TEST_CASE("asio_http_channel: a peer that is gone breaks it, and the buffer goes back empty") {
  bench b;
  const auto channel = b.accept();
  b.peer.reading = false;
  channel->send("x", std::string(more_than_the_kernel_takes, 'x'));
  b.peer.reset();
  b.peer.drop();
  REQUIRE(loopback::run_until(b.context, {}, [&] { return channel->is_broken(); }));
  CHECK_FALSE(channel->has_output());
  CHECK(channel->is_open());  // what the peer has said may still be read
  channel->send("more", {});
  CHECK_FALSE(channel->has_output());
}

TEST_CASE("asio_http_channel: closing forgets what waits") {
  bench b;
  const auto channel = b.accept();
  b.peer.reading = false;
  channel->send("x", std::string(more_than_the_kernel_takes, 'x'));
  CHECK(channel->has_output());
  channel->close_channel();
  CHECK_FALSE(channel->has_output());
  CHECK_FALSE(channel->is_open());
  b.peer.reading = true;
  REQUIRE(b.until([&] { return b.peer.ended || b.peer.broken; }));
  CHECK(b.peer.in.size() < more_than_the_kernel_takes);
}
