// SPDX-License-Identifier: MIT
#include <agent_websocket/host/supervisor.hpp>

#include <doctest/doctest.h>

#include <loopback/raw_client.hpp>

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

// The worker is this program again (Linux): it finds the variable below before main() begins.
#if defined(__linux__)

using namespace agent_websocket;
using loopback::raw_client;
using namespace std::chrono_literals;

namespace {

constexpr const char* role_variable = "AGENT_WEBSOCKET_TEST_WORKER";

/// Says its process id to everybody who connects.
[[noreturn]] void work(const std::string& role) {
  if (role == "wrong") ::_exit(2);
  if (role == "broken") ::_exit(9);
  auto link = worker_link::from_environment();
  if (!link || worker_link::from_environment()) ::_exit(3);
  asio::io_context context(1);
  adapters::asio_listener listener(context, [](adapters::asio_socket socket, const std::string&) {
    std::error_code ignored;
    socket.send(asio::buffer(std::to_string(::getpid()) + "\n"), 0, ignored);
  });
  adapters::listen_options options;
  options.inherited = link->ticket().listeners;
  options.leave_to_others = link->leave_to_others();
  if (!listener.start(options)) ::_exit(4);
  link->load()->store(0);
  asio::signal_set signals(context, SIGTERM);
  signals.async_wait([&](const std::error_code&, int) { context.stop(); });
  link->ready(context, [] { ::_exit(0); });
  context.run_for(60s);
  ::_exit(role == "clumsy" ? 1 : 0);
}

const bool is_worker = [] {
  if (const char* const role = std::getenv(role_variable)) work(role);
  return false;
}();

struct bench {
  asio::io_context context{1};
  std::unique_ptr<supervisor> subject;
  asio::steady_timer timer{context};
  int announced = 0;
  std::set<std::string> seen;

  explicit bench(const std::string& role = "good", unsigned workers = 2) {
    options settings;
    settings.host = "127.0.0.1";
    settings.port = 0;
    settings.level = log_level::off;
    settings.drain_timeout = 1s;
    supervisor_settings how;
    how.workers = workers;
    how.command = {"/proc/self/exe"};
    how.environment = {{role_variable, role}};
    subject = std::make_unique<supervisor>(settings, how, context);
  }

  /// Runs to the end; when all are ready `then` begins. Ends by itself after half a minute.
  int run(std::function<void()> then = {}) {
    REQUIRE(subject->start());
    CHECK(subject->port() != 0);
    timer.expires_after(30s);
    timer.async_wait([](const std::error_code& stopped) {
      if (!stopped) ::kill(::getpid(), SIGINT);
    });
    return subject->run([this, then = std::move(then)] {
      ++announced;
      if (then) then();
    });
  }

  /// The process that answers a new connection. Blocks for up to a second.
  std::string answer() const {
    raw_client client(subject->port());
    for (int i = 0; i < 1000 && client.in.find('\n') == std::string::npos; ++i) {
      client.pump();
      ::usleep(1000);
    }
    return client.in.substr(0, client.in.find('\n'));
  }
  /// Looks again every 20 ms until `done`.
  void until(std::function<bool()> done, std::function<void()> then) {
    const auto next = std::make_shared<asio::steady_timer>(context, 20ms);
    next->async_wait([this, next, done = std::move(done), then = std::move(then)](const std::error_code&) {
      if (done()) return then();
      until(done, then);
    });
  }
  void stop() { ::kill(::getpid(), SIGTERM); }
};

}  // namespace

TEST_CASE("supervisor: workers serve one port, and all end on a signal") {
  bench b;
  std::set<pid_t> workers;
  std::uint16_t port = 0;
  CHECK(b.run([&] {
    port = b.subject->port();
    for (int i = 0; i < 4; ++i) {
      const std::string answered = b.answer();
      CHECK(answered != "");
      CHECK(answered != std::to_string(::getpid()));
      workers.insert(static_cast<pid_t>(std::stol(answered)));
    }
    b.stop();
  }) == 0);
  CHECK(b.announced == 1);
  CHECK_FALSE(raw_client(port).connected);
  REQUIRE_FALSE(workers.empty());
  for (const pid_t each : workers) CHECK(::kill(each, 0) != 0);  // nothing is left of them
}

TEST_CASE("supervisor: a worker that ends badly when it is told to makes the code 1") {
  bench b("clumsy");
  CHECK(b.run([&] { b.stop(); }) == 1);
}

TEST_CASE("supervisor: workers that cannot start are given up at once") {
  const auto begin = std::chrono::steady_clock::now();
  SUBCASE("bad configuration") {
    bench b("wrong");
    CHECK(b.run() == 2);
    CHECK(b.announced == 0);
  }
  SUBCASE("anything else") {
    bench b("broken");
    CHECK(b.run() == 9);
  }
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
}

TEST_CASE("supervisor: one that is killed comes back") {
  bench b("good", 1);
  std::string first;
  std::string second;
  CHECK(b.run([&] {
    first = b.answer();
    ::kill(std::stoi(first), SIGKILL);
    b.until([&] { return !(second = b.answer()).empty(); }, [&] { b.stop(); });
  }) == 0);
  CHECK(first != second);
  CHECK(b.announced == 1);
}

TEST_CASE("supervisor: a hangup puts new processes in the place of all") {
  bench b("good", 1);
  std::string first;
  CHECK(b.run([&] {
    first = b.answer();
    ::kill(::getpid(), SIGHUP);
    b.until([&] { return b.answer() != first; }, [&] { b.stop(); });
  }) == 0);
  CHECK(first != "");
}

TEST_CASE("supervisor: what cannot be done is said before anything is started") {
  bench none("good", 0);
  CHECK_FALSE(none.subject->start());
  bench many("good", max_workers + 1);
  REQUIRE_FALSE(many.subject->start());
  CHECK(many.subject->start().error().message.find("1 to 64") != std::string::npos);
  options settings;
  settings.host = "192.0.2.1";
  settings.level = log_level::off;
  asio::io_context context;
  supervisor foreign(settings, {2, {"/proc/self/exe"}, {}}, context);
  REQUIRE_FALSE(foreign.start());
  CHECK(foreign.start().error().message.find("192.0.2.1") != std::string::npos);
}

#endif
