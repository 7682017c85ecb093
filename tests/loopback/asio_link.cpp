// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/asio_link.hpp>

#include "loopback/raw_client.hpp"
#include "loopback/tls_client.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

using agent_websocket::adapters::asio_link;
using agent_websocket::adapters::asio_socket;
using agent_websocket::adapters::io_outcome;
using agent_websocket::adapters::link_pointer;
using agent_websocket::adapters::output_buffer;
using agent_websocket::adapters::tls_context;
using agent_websocket::adapters::tls_stream;
using loopback::raw_client;

namespace {

int alive = 0;

class probe final : public asio_link {
 public:
  explicit probe(asio_socket socket) : asio_link(std::move(socket)) { ++alive; }

  using asio_link::close_socket;
  using asio_link::secure;
  using asio_link::shut_output;
  using asio_link::socket;
  using asio_link::tls;
  using asio_link::transmit;
  using asio_link::wait_readable;
  using asio_link::wait_writable;

  std::string in;
  int readable = 0;
  int writable = 0;
  bool ended = false;
  bool reads_on = false;

 private:
  ~probe() override { --alive; }
  void on_readable() override {
    ++readable;
    char buffer[100];
    std::size_t size = 0;
    ended = receive(buffer, sizeof buffer, size) == io_outcome::ended;
    in.append(buffer, size);
    if (reads_on && !ended) wait_readable();
  }
  void on_writable() override { ++writable; }
};

struct bench {
  asio::io_context context{1};
  asio::ip::tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
  raw_client client{acceptor.local_endpoint().port()};

  link_pointer<probe> accept() {
    asio_socket socket(context);
    acceptor.accept(socket);
    socket.non_blocking(true);
    return link_pointer<probe>(new probe(std::move(socket)));
  }
  template <typename Predicate>
  bool until(Predicate predicate) {
    return loopback::run_until(context, {&client}, predicate);
  }
};

}  // namespace

TEST_CASE("link: one wait is one call, and the next read tells how it went") {
  bench b;
  const link_pointer<probe> link = b.accept();
  link->wait_readable();
  link->wait_readable();
  b.client.send("hello");
  REQUIRE(b.until([&] { return link->readable == 1; }));
  CHECK(link->in == "hello");
  b.client.send("more");
  b.context.restart();
  b.context.poll();
  CHECK(link->readable == 1);
  link->wait_readable();  // what came meanwhile is seen
  REQUIRE(b.until([&] { return link->readable == 2; }));
  CHECK(link->in == "hellomore");
  link->wait_readable();
  b.client.drop();
  REQUIRE(b.until([&] { return link->readable == 3; }));
  CHECK(link->ended);
}

TEST_CASE("link: writes what fits and tells when there is room") {
  bench b;
  const link_pointer<probe> link = b.accept();
  b.client.reading = false;
  output_buffer output;
  const std::string sent(20'000'000, 'x');
  output.tail() = sent;
  REQUIRE(link->transmit(output) == io_outcome::blocked);
  CHECK(output.pending() > 0u);
  CHECK(output.pending() < sent.size());
  link->wait_writable();
  b.context.poll();
  b.client.reading = true;
  int seen = 0;
  REQUIRE(b.until([&] {
    if (link->writable > seen) {
      seen = link->writable;
      if (link->transmit(output) == io_outcome::blocked) link->wait_writable();
    }
    return b.client.in.size() == sent.size();
  }));
  CHECK(link->writable > 0);
  CHECK(link->transmit(output) == io_outcome::done);
}

TEST_CASE("link: a peer that is gone is an outcome, not a signal") {
  bench b;
  const link_pointer<probe> link = b.accept();
  b.client.reset();
  output_buffer output;
  io_outcome outcome = io_outcome::done;
  for (int i = 0; i < 100 && outcome == io_outcome::done; ++i) {
    output.tail() += "x";
    outcome = link->transmit(output);
  }
  CHECK(outcome == io_outcome::ended);
}

TEST_CASE("link: closed, it calls nobody, and lives only as long as it is held") {
  REQUIRE(alive == 0);
  bench b;
  link_pointer<probe> link = b.accept();
  link->wait_readable();
  link->wait_writable();
  link->close_socket(false);
  probe* const known = link.get();
  link = link_pointer<probe>();
  CHECK(alive == 1);  // the pending waits hold it
  CHECK(known->readable == 0);
  b.context.poll();
  CHECK(alive == 0);
}

TEST_CASE("link: waits that are pending at the end of the context are forgotten with it") {
  auto b = std::make_unique<bench>();
  b->accept()->wait_readable();
  CHECK(alive == 1);
  b.reset();
  CHECK(alive == 0);
}

namespace {

struct tls_bench {
  loopback::served_certificate files;
  tls_context shared = tls_context::of_server(files.files()).value();
  asio::io_context context{1};
  asio::ip::tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
  loopback::tls_client client{acceptor.local_endpoint().port()};
  link_pointer<probe> link;

  tls_bench() {
    asio_socket socket(context);
    acceptor.accept(socket);
    socket.non_blocking(true);
    link = link_pointer<probe>(new probe(std::move(socket)));
    link->secure(tls_stream::accept(shared, link->socket()));
  }
  template <typename Predicate>
  bool until(Predicate predicate) {
    return loopback::run_until(context, {&client}, predicate);
  }
};

}  // namespace

TEST_CASE("link: with TLS, what one read leaves inside of OpenSSL is read as well") {
  tls_bench b;
  b.link->reads_on = true;
  b.link->wait_readable();
  const std::string sent(1'050, 'x');  // one record, for a buffer of 100 bytes
  b.client.send(sent);
  CHECK(b.until([&] { return b.link->in == sent; }));
  b.client.finish_sending();
  CHECK(b.until([&] { return b.link->ended; }));
  CHECK_FALSE(b.link->tls()->has_failed());
}

TEST_CASE("link: with TLS, a write that comes first waits for the peer's handshake") {
  tls_bench b;
  output_buffer output;
  output.tail() = "first";
  REQUIRE(b.link->transmit(output) == io_outcome::blocked);
  CHECK(output.pending() == 5u);
  b.link->wait_writable();
  b.context.poll();
  CHECK(b.link->writable == 0);  // the socket could be written all the time
  int seen = 0;
  REQUIRE(b.until([&] {
    if (b.link->writable > seen) {
      seen = b.link->writable;
      if (b.link->transmit(output) == io_outcome::blocked) b.link->wait_writable();
    }
    return b.client.in == "first";
  }));
  CHECK(output.pending() == 0u);
  CHECK(seen < 10);
}

TEST_CASE("link: with TLS, a blocked write counts what is not whole in the kernel") {
  tls_bench b;
  b.link->reads_on = true;
  b.link->wait_readable();
  REQUIRE(b.until([&] { return b.client.is_established() && b.link->tls()->is_established(); }));
  b.client.reading = false;
  output_buffer output;
  const std::string sent(20'000'000, 'x');
  output.tail() = sent;
  REQUIRE(b.link->transmit(output) == io_outcome::blocked);
  CHECK(output.pending() > 0u);
  CHECK(output.pending() % 16'384 == sent.size() % 16'384);  // whole records have gone
  b.link->wait_writable();
  b.client.reading = true;
  int seen = 0;
  REQUIRE(b.until([&] {
    if (b.link->writable > seen) {
      seen = b.link->writable;
      if (b.link->transmit(output) == io_outcome::blocked) b.link->wait_writable();
    }
    return b.client.in.size() == sent.size();
  }));
  CHECK(b.client.in == sent);
  CHECK(b.link->shut_output());
  CHECK(b.until([&] { return b.client.ended; }));
  CHECK_FALSE(b.client.truncated);
}
