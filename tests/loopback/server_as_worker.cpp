// SPDX-License-Identifier: MIT
//
// A server that has joined a supervisor, which is the test.
#include <agent_websocket/host/server.hpp>

#include <doctest/doctest.h>

#include <loopback/raw_client.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

using namespace agent_websocket;
using loopback::raw_client;
using namespace std::chrono_literals;

namespace {

/// What a supervisor prepares, and a server that has taken it.
struct bench {
  asio::io_context unused{1};
  worker_loads loads = worker_loads::create();
  int queue = -1;  // the listening socket, kept open as a supervisor does
  int line = -1;
  std::uint16_t port = 0;
  server subject{settings()};
  std::string events;

  bench() {
    adapters::asio_listener opener(unused, [](adapters::asio_socket, std::string) {});
    adapters::listen_options where{"127.0.0.1", 0};
    REQUIRE(opener.open(where));
    port = opener.port();
    queue = opener.release().front();
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    line = ends[0];
    worker_ticket ticket;
    ticket.control = ends[1];
    ticket.loads = ::dup(loads.descriptor());
    ticket.listeners = {::dup(queue)};
    ::setenv(worker_ticket::variable, ticket.text().c_str(), 1);
    auto link = worker_link::from_environment();
    REQUIRE(link);
    subject.join(std::move(*link));
    subject.router().on_event([this](const auto& event) { events += std::string(event.name) + ' '; });
  }
  ~bench() {
    ::close(queue);
    if (line >= 0) ::close(line);
  }

  static options settings() {
    options chosen;
    chosen.host = "127.0.0.1";
    chosen.port = 1;  // would fail
    chosen.base_url = "http://127.0.0.1:1/v1";
    chosen.level = log_level::off;
    return chosen;
  }
  bool is_ready() {
    char said = 0;
    return ::recv(line, &said, 1, 0) == 1 && said == 'r';
  }
};

template <typename Predicate>
bool until(raw_client& client, Predicate predicate) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() > end) return false;
    client.pump();
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

bool has(const raw_client& client, const std::string& text) {
  return client.in.find(text) != std::string::npos;
}

/// Sees a client that was welcomed to its end: it is told to come back.
bool is_sent_away(raw_client& client) {
  const bool told = until(client, [&] { return has(client, "Server is shutting down") &&
                                               has(client, "\x03\xF4"); });  // 1012
  client.send(loopback::close_frame(1012));
  return told && until(client, [&] { return client.ended || client.broken; });
}

}  // namespace

TEST_CASE("server as a worker: who was accepted before the end is welcomed, who was not can wait") {
  bench b;
  bool ready = false;
  bool welcomed = false;
  bool left = false;
  bool waits = false;
  bool away = false;
  std::thread person([&] {
    ready = b.is_ready();
    raw_client early(b.port);
    const auto accepted = std::chrono::steady_clock::now() + 10s;
    while (b.loads.at(0)->load() != 1 && std::chrono::steady_clock::now() < accepted)
      std::this_thread::sleep_for(1ms);
    std::raise(SIGTERM);
    while (b.loads.at(0)->load() == 1 && std::chrono::steady_clock::now() < accepted)
      std::this_thread::sleep_for(1ms);
    left = b.loads.at(0)->load() == worker_loads::absent;
    std::raise(SIGTERM);  // a service manager may tell all processes as well
    raw_client late(b.port);
    late.send(loopback::upgrade_request());
    early.send(loopback::upgrade_request());
    welcomed = until(early, [&] { return has(early, "Connected to Agent WebSocket"); });
    away = is_sent_away(early);
    late.pump();
    waits = late.connected && late.in.empty() && !late.ended && !late.broken;
  });
  CHECK(b.subject.run());
  person.join();
  CHECK(b.subject.port() == b.port);
  CHECK(ready);
  CHECK(left);
  CHECK(welcomed);
  CHECK(away);
  CHECK(waits);
}

TEST_CASE("server as a worker: who was accepted and asks for nothing does not hold it up for long") {
  bench b;
  bool ready = false;
  std::chrono::steady_clock::time_point told;
  std::thread person([&] {
    ready = b.is_ready();
    const raw_client silent(b.port);
    std::this_thread::sleep_for(50ms);
    told = std::chrono::steady_clock::now();
    std::raise(SIGTERM);
    std::this_thread::sleep_for(1500ms);
  });
  CHECK(b.subject.run());
  const auto took = std::chrono::steady_clock::now() - told;
  person.join();
  CHECK(ready);
  CHECK(took > 900ms);
  CHECK(took < 4s);
}

TEST_CASE("server as a worker: ends in order when the supervisor is gone") {
  bench b;
  bool welcomed = false;
  bool away = false;
  std::thread person([&] {
    b.is_ready();
    raw_client client(b.port);
    client.send(loopback::upgrade_request());
    welcomed = until(client, [&] { return has(client, "Connected to Agent WebSocket"); });
    ::close(std::exchange(b.line, -1));
    away = is_sent_away(client);
  });
  CHECK(b.subject.run());
  person.join();
  CHECK(welcomed);
  CHECK(away);
  CHECK(b.events.find("supervisor_gone") != std::string::npos);
}
