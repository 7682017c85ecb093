// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/asio_listener.hpp>

#include "loopback/raw_client.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::adapters::asio_listener;
using agent_websocket::adapters::asio_socket;
using agent_websocket::adapters::listen_options;
using loopback::raw_client;
using namespace std::chrono_literals;

namespace {

struct bench {
  asio::io_context context{1};
  std::vector<std::pair<asio_socket, std::string>> accepted;
  asio_listener listener{context, [this](asio_socket socket, std::string remote) {
                           accepted.emplace_back(std::move(socket), std::move(remote));
                         }};

  agent_websocket::result<void> start(const std::string& host, std::uint16_t port = 0) {
    listen_options options;
    options.host = host;
    options.port = port;
    return listener.start(options);
  }
  template <typename Predicate>
  bool until(Predicate predicate) {
    return loopback::run_until(context, {}, predicate);
  }
};

bool has_ipv6() {
  asio::io_context context;
  std::error_code failure;
  asio::ip::tcp::acceptor probe(context);
  probe.open(asio::ip::tcp::v6(), failure);
  if (!failure) probe.bind({asio::ip::address_v6::loopback(), 0}, failure);
  return !failure;
}

}  // namespace

TEST_CASE("listener: localhost is both loopback addresses on one port, never from inside start") {
  bench b;
  REQUIRE(b.start("localhost"));
  CHECK(b.listener.port() != 0);
  raw_client client(b.listener.port());
  CHECK(client.connected);
  CHECK(b.accepted.empty());
  REQUIRE(b.until([&] { return b.accepted.size() == 1; }));
  CHECK(b.accepted[0].second == "127.0.0.1");
  CHECK(b.accepted[0].first.non_blocking());
  asio::ip::tcp::no_delay no_delay;
  b.accepted[0].first.get_option(no_delay);
  CHECK(no_delay.value());
  if (!has_ipv6()) return;
  asio::ip::tcp::socket other(b.context);
  other.connect({asio::ip::address_v6::loopback(), b.listener.port()});
  REQUIRE(b.until([&] { return b.accepted.size() == 2; }));
  CHECK(b.accepted[1].second == "::1");
}

TEST_CASE("listener: every address, and IPv4 peers of an IPv6 socket look like IPv4") {
  bench b;
  SUBCASE("empty") { REQUIRE(b.start("")); }
  SUBCASE("0.0.0.0") { REQUIRE(b.start("0.0.0.0")); }
  SUBCASE("::") {
    if (!has_ipv6()) return;
    REQUIRE(b.start("::"));
  }
  raw_client client(b.listener.port());
  REQUIRE(b.until([&] { return b.accepted.size() == 1; }));
  CHECK(b.accepted[0].second == "127.0.0.1");
}

TEST_CASE("listener: what cannot be listened on is named") {
  bench first;
  REQUIRE(first.start("127.0.0.1"));
  const std::string port = std::to_string(first.listener.port());
  bench second;
  const auto taken = second.start("127.0.0.1", first.listener.port());
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == agent_websocket::errc::bad_configuration);
  CHECK(taken.error().message.find("cannot listen on 127.0.0.1:" + port +
                                   ": Address already in use") == 0);
  CHECK(second.listener.port() == 0);
  // Also when only the second address is taken.
  if (has_ipv6()) {
    bench third;
    REQUIRE(third.start("::1"));
    bench both;
    const auto half = both.start("localhost", third.listener.port());
    REQUIRE_FALSE(half);
    CHECK(half.error().message.find("[::1]:") != std::string::npos);
    bench afterwards;  // and nothing is left behind
    CHECK(afterwards.start("127.0.0.1", third.listener.port()));
  }
  CHECK(second.start("not.an.address").error().message ==
        "cannot listen on \"not.an.address\": not an IP address, not localhost and not empty");
  const auto foreign = second.start("192.0.2.1");
  REQUIRE_FALSE(foreign);
  CHECK(foreign.error().message.find("192.0.2.1") != std::string::npos);
}

TEST_CASE("listener: stopping frees the port, starting again takes it") {
  bench b;
  REQUIRE(b.start("127.0.0.1"));
  const std::uint16_t port = b.listener.port();
  b.listener.stop();
  CHECK_FALSE(raw_client(port).connected);
  b.context.run_for(1ms);
  REQUIRE(b.start("127.0.0.1", port));
  CHECK(raw_client(port).connected);
  REQUIRE(b.until([&] { return b.accepted.size() == 1; }));
}

TEST_CASE("listener: out of descriptors it turns peers away, rests, and recovers") {
  bench b;
  REQUIRE(b.start("127.0.0.1"));
  b.until([] { return true; });
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(0);
  ::close(next);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(next) + 1;  // room for the client and nothing else
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  {
    raw_client client(b.listener.port());
    CHECK(client.connected);
    CHECK(loopback::run_until(b.context, {&client}, [&] { return client.ended || client.broken; }));
    CHECK(b.accepted.empty());
    // While it rests there is nothing to run.
    std::size_t handlers = 0;
    const auto end = std::chrono::steady_clock::now() + 80ms;
    while (std::chrono::steady_clock::now() < end) handlers += b.context.run_for(5ms);
    CHECK(handlers <= 2u);
  }
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  raw_client later(b.listener.port());
  CHECK(b.until([&] { return b.accepted.size() == 1; }));
}

TEST_CASE("listener: out of descriptors, it does not spend its time on turning away") {
  bench b;
  REQUIRE(b.start("127.0.0.1"));
  std::vector<raw_client> clients;
  for (int i = 0; i < 40; ++i) clients.emplace_back(b.listener.port());
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(0);
  ::close(next);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(next);  // the descriptor in reserve is below it
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  const auto end = std::chrono::steady_clock::now() + 50ms;
  while (std::chrono::steady_clock::now() < end) b.context.run_for(5ms);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  std::size_t gone = 0;
  for (raw_client& each : clients) {
    each.pump();
    gone += each.ended || each.broken ? 1U : 0U;
  }
  CHECK(gone >= 16u);
  CHECK(gone < 40u);
  CHECK(b.until([&] { return b.accepted.size() == 40 - gone; }));
}

TEST_CASE("listener: its end stops it, whatever is pending") {
  asio::io_context context(1);
  std::uint16_t port = 0;
  {
    asio_listener listener(context, [](asio_socket, std::string) { FAIL("accepted"); });
    REQUIRE(listener.start(listen_options{"127.0.0.1", 0}));
    port = listener.port();
    raw_client client(port);
  }
  context.run_for(10ms);
  CHECK(context.stopped());
  CHECK_FALSE(raw_client(port).connected);
}

TEST_CASE("listener: several share a port when all of them say so") {
  bench first;
  listen_options options{"127.0.0.1", 0};
  options.reuse_port = true;
  REQUIRE(first.listener.start(options));
  options.port = first.listener.port();
  bench second;
  REQUIRE(second.listener.start(options));
  std::vector<raw_client> clients;
  for (int i = 0; i < 64; ++i) clients.emplace_back(options.port);
  const auto both = [&] {
    second.context.poll();
    return first.accepted.size() + second.accepted.size() == 64;
  };
  REQUIRE(first.until(both));
  CHECK(first.accepted.size() > 0u);
  CHECK(second.accepted.size() > 0u);
  options.reuse_port = false;
  bench third;
  const auto alone = third.listener.start(options);
  REQUIRE_FALSE(alone);
  CHECK(alone.error().message.find("does another server run there?") != std::string::npos);
  bench fourth;
  REQUIRE(fourth.start("127.0.0.1"));
  options.reuse_port = true;
  options.port = fourth.listener.port();
  const auto unshared = third.listener.start(options);
  REQUIRE_FALSE(unshared);
  CHECK(unshared.error().message.find("whoever runs there has to share the port") !=
        std::string::npos);
}

TEST_CASE("listener: what one has opened another one accepts from, also after the first is gone") {
  std::vector<int> descriptors;
  std::uint16_t port = 0;
  {
    bench opener;
    listen_options options;
    REQUIRE(opener.listener.open(options));
    port = opener.listener.port();
    raw_client early(port);
    CHECK(early.connected);
    opener.context.run_for(10ms);
    CHECK(opener.accepted.empty());  // it waits in the queue, whoever comes
    descriptors = opener.listener.release();
    CHECK(descriptors.size() == (has_ipv6() ? 2u : 1u));
    CHECK(opener.listener.release().empty());
  }
  bench worker;
  listen_options options;
  options.host = "192.0.2.1";  // is not looked at
  for (const int each : descriptors) options.inherited.push_back(::dup(each));
  REQUIRE(worker.listener.start(options));
  CHECK(worker.listener.port() == port);
  raw_client late(port);
  REQUIRE(worker.until([&] { return worker.accepted.size() == 2; }));

  // Its end is not that of the queue.
  worker.listener.stop();
  raw_client waiting(port);
  CHECK(waiting.connected);
  bench successor;
  options.inherited = descriptors;
  REQUIRE(successor.listener.start(options));
  REQUIRE(successor.until([&] { return successor.accepted.size() == 1; }));
  successor.listener.stop();
  CHECK_FALSE(raw_client(port).connected);
}

TEST_CASE("listener: a descriptor that does not listen is named") {
  bench b;
  const auto refused = [&b](int descriptor) {
    listen_options options;
    options.inherited = {descriptor};
    const auto started = b.listener.start(options);
    REQUIRE_FALSE(started);
    CHECK(started.error().code == agent_websocket::errc::bad_configuration);
    CHECK(started.error().message.find("cannot listen on the inherited descriptor " +
                                       std::to_string(descriptor)) == 0);
    CHECK(b.listener.port() == 0);
  };
  refused(-1);
  refused(0);
  const int idle = ::socket(AF_INET, SOCK_STREAM, 0);
  refused(idle);
  ::close(idle);
  const int local = ::socket(AF_UNIX, SOCK_STREAM, 0);
  refused(local);
  ::close(local);
}

TEST_CASE("listener: what is left to others and not taken is accepted a moment later") {
  bench b;
  int asked = 0;
  bool polite = true;
  listen_options options{"127.0.0.1", 0};
  options.leave_to_others = [&] {
    ++asked;
    return polite;
  };
  REQUIRE(b.listener.start(options));
  b.context.poll();
  CHECK(asked == 0);
  std::vector<raw_client> clients;
  for (int i = 0; i < 5; ++i) clients.emplace_back(b.listener.port());
  b.context.poll();
  CHECK(asked == 1);
  CHECK(b.accepted.empty());
  REQUIRE(b.until([&] { return b.accepted.size() == 5; }));
  CHECK(asked >= 5);  // one at a time
  // And nobody turns round and round while there is nothing to do.
  b.context.run_for(20ms);
  const int before = asked;
  std::size_t handlers = 0;
  const auto end = std::chrono::steady_clock::now() + 50ms;
  while (std::chrono::steady_clock::now() < end) handlers += b.context.run_for(5ms);
  CHECK(handlers == 0u);
  CHECK(asked == before);
  polite = false;
  clients.emplace_back(b.listener.port());
  b.context.poll();
  CHECK(b.accepted.size() == 6u);
}
