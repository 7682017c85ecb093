// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/asio_dial.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using agent_websocket::adapters::asio_dial;
using agent_websocket::adapters::asio_name_cache;
using agent_websocket::adapters::asio_socket;

namespace {

struct bench {
  asio::io_context context{1};
  asio_name_cache names{context};
  int calls = 0;
  asio_dial::outcome outcome;
  std::optional<asio_socket> socket;

  std::shared_ptr<asio_dial> dial(const std::string& host, std::uint16_t port, int buffer = 0) {
    return asio_dial::begin(context, names, host, port, buffer,
                            [this](const asio_dial::outcome& what, asio_socket made) {
                              ++calls;
                              outcome = what;
                              socket.emplace(std::move(made));
                            });
  }
  bool done() {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (calls == 0 && std::chrono::steady_clock::now() < end) {
      context.restart();  // it stops when it has nothing to do
      context.run_one_for(100ms);
    }
    return calls == 1;
  }
};

asio::ip::tcp::acceptor listening(asio::io_context& context) {
  return {context, {asio::ip::address_v4::loopback(), 0}};
}

/// On 127.0.0.1, and answers no SYN.
struct silent {
  explicit silent(asio::io_context& context) : acceptor(context) {
    acceptor.open(asio::ip::tcp::v4());
    acceptor.bind({asio::ip::address_v4::loopback(), 0});
    acceptor.listen(0);
    for (int i = 0; i < 3; ++i) {
      fillers.emplace_back(context);
      fillers.back().async_connect(acceptor.local_endpoint(), [](std::error_code) {});
    }
    context.run_for(20ms);
  }
  asio::ip::tcp::acceptor acceptor;
  std::vector<asio::ip::tcp::socket> fillers;
};

}  // namespace

TEST_CASE("asio_dial: connects, later, to an address and to a name") {
  bench b;
  const auto server = listening(b.context);
  SUBCASE("an address") {
    b.dial("127.0.0.1", server.local_endpoint().port(), 64 * 1024);
    CHECK(b.calls == 0);
    REQUIRE(b.done());
    asio::socket_base::receive_buffer_size size;
    b.socket->get_option(size);
    CHECK(size.value() >= 64 * 1024);
    CHECK(size.value() <= 128 * 1024);  // Linux doubles it
  }
  SUBCASE("a name of which one address may refuse") {
    b.dial("localhost", server.local_endpoint().port());
    REQUIRE(b.done());
  }
  CHECK_FALSE(b.outcome.failure);
  CHECK(b.socket->is_open());
  CHECK(b.socket->non_blocking());
  asio::ip::tcp::no_delay no_delay;
  b.socket->get_option(no_delay);
  CHECK(no_delay.value());
  b.context.run_for(20ms);
  CHECK(b.calls == 1);
}

#if defined(__linux__) && defined(ASIO_HAS_EPOLL)
namespace {

/// What this process' epoll descriptors watch that one for (proc_pid_fdinfo(5)).
std::vector<unsigned> watched_events(int descriptor) {
  std::vector<unsigned> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream lines(entry.path());
    std::string word;
    int watched = -1;
    while (lines >> word) {
      if (word == "tfd:") lines >> watched;
      if (word != "events:") continue;
      unsigned events = 0;
      lines >> std::hex >> events >> std::dec;
      if (watched == descriptor) found.push_back(events);
      watched = -1;
    }
  }
  return found;
}

}  // namespace

TEST_CASE(
    "asio_dial: a connected socket is not watched for output, which would wake up each wait") {
  bench b;
  const auto server = listening(b.context);
  b.dial("127.0.0.1", server.local_endpoint().port());
  REQUIRE(b.done());
  REQUIRE_FALSE(b.outcome.failure);
  int waits = 0;
  b.socket->async_wait(asio::socket_base::wait_read, [&waits](std::error_code) { ++waits; });
  const std::vector<unsigned> watched = watched_events(b.socket->native_handle());
  REQUIRE(watched.size() == 1);
  constexpr unsigned input = 0x1;  // EPOLLIN
  constexpr unsigned output = 0x4;  // EPOLLOUT
  CHECK((watched[0] & input) != 0);
  CHECK((watched[0] & output) == 0);
  b.socket->cancel();
  b.context.restart();
  b.context.run_for(20ms);
  CHECK(waits == 1);
}
#endif

TEST_CASE("asio_dial: failures") {
  bench b;
  SUBCASE("refused") {
    auto server = listening(b.context);
    const std::uint16_t port = server.local_endpoint().port();
    server.close();
    b.dial("127.0.0.1", port);
    CHECK(b.calls == 0);
    REQUIRE(b.done());
    CHECK(b.outcome.failure == asio::error::connection_refused);
    CHECK(b.outcome.step == std::string("cannot connect to "));
  }
  SUBCASE("no such name") {
    b.dial("name.invalid", 80);
    REQUIRE(b.done());
    CHECK(b.outcome.failure);
    CHECK(b.outcome.step == std::string("cannot resolve "));
  }
  CHECK_FALSE(b.socket->is_open());
}

TEST_CASE("asio_dial: both families in turn, in the order of the system") {
  const auto at = [](const char* address) {
    return asio::ip::tcp::endpoint(asio::ip::make_address(address), 1);
  };
  CHECK(asio_dial::alternating({at("::1"), at("::2"), at("::3"), at("1.1.1.1"), at("2.2.2.2")}) ==
        asio_name_cache::endpoints{at("::1"), at("1.1.1.1"), at("::2"), at("2.2.2.2"), at("::3")});
  CHECK(asio_dial::alternating({at("1.1.1.1"), at("2.2.2.2"), at("::1")}) ==
        asio_name_cache::endpoints{at("1.1.1.1"), at("::1"), at("2.2.2.2")});
  CHECK(asio_dial::alternating({at("1.1.1.1")}) == asio_name_cache::endpoints{at("1.1.1.1")});
}

TEST_CASE("asio_dial: an address that is silent does not hold the next one up") {
  bench b;
  const silent first(b.context);
  const auto second = listening(b.context);
  const auto begin = std::chrono::steady_clock::now();
  const auto dial = asio_dial::begin_with(
      b.context, {first.acceptor.local_endpoint(), second.local_endpoint()}, 0,
      [&b](const asio_dial::outcome& what, asio_socket made) {
        ++b.calls;
        b.outcome = what;
        b.socket.emplace(std::move(made));
      });
  REQUIRE(b.done());
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK_FALSE(b.outcome.failure);
  CHECK(b.socket->remote_endpoint() == second.local_endpoint());
  CHECK(took >= asio_dial::fallback_delay - 10ms);
  CHECK(took < 2s);
}

TEST_CASE("asio_dial: one that is given up calls nobody") {
  bench b;
  const auto server = listening(b.context);
  const std::uint16_t port = server.local_endpoint().port();
  SUBCASE("while it connects") {
    const auto dial = b.dial("127.0.0.1", port);
    dial->give_up();
  }
  SUBCASE("while it resolves") {
    const auto dial = b.dial("localhost", port);
    dial->give_up();
  }
  SUBCASE("while it waits to fail") {
    const auto dial = b.dial("127.0.0.1", 1);
    b.context.run_one_for(100ms);
    dial->give_up();
    b.calls = 0;
  }
  b.context.run_for(100ms);
  CHECK(b.calls == 0);
}
