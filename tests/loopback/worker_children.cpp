// SPDX-License-Identifier: MIT
#include <agent_websocket/host/worker_children.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// The worker is this program again (Linux): it finds the variable below before main() begins.
#if defined(__linux__)

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

constexpr const char* role_variable = "AGENT_WEBSOCKET_TEST_CHILD";

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

/// Ends with 3 when it has not inherited what its ticket says; else it is ready, and waits for the
/// end of its line.
[[noreturn]] void work(const std::string& role) {
  const char* const text = std::getenv(worker_ticket::variable);
  const auto ticket = worker_ticket::parse(text == nullptr ? "" : text);
  if (!ticket || !is_open(ticket->control) || !is_open(ticket->loads)) ::_exit(3);
  for (const int each : ticket->listeners) {
    if (!is_open(each)) ::_exit(3);
  }
  if (role == "silent") ::_exit(7);
  char byte = 'r';
  if (::write(ticket->control, &byte, 1) != 1) ::_exit(4);
  ::_exit(::read(ticket->control, &byte, 1) == 0 ? 0 : 5);
}

const bool is_child = [] {
  if (const char* const role = std::getenv(role_variable)) work(role);
  return false;
}();

struct bench {
  asio::io_context context{1};
  std::vector<unsigned> ready;
  worker_children subject;
  int listener = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  int loads = ::open("/dev/null", O_RDONLY | O_CLOEXEC);

  explicit bench(const std::string& role = "good", const std::string& program = "/proc/self/exe")
      : subject(context, {{program}, {{role_variable, role}}, {}},
                [this](unsigned id) { ready.push_back(id); }) {}
  ~bench() {
    ::close(listener);
    ::close(loads);
  }

  result<void> start(unsigned id, unsigned place = 0) {
    worker_ticket ticket;
    ticket.slot = 2;
    ticket.place = place;
    ticket.loads = loads;
    ticket.listeners = {listener};
    return subject.start(id, ticket);
  }
  void run(std::size_t until_ready) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (ready.size() < until_ready && std::chrono::steady_clock::now() < end) {
      context.restart();
      context.run_one_for(10ms);
    }
  }
  /// Until so many have ended.
  std::vector<worker_children::ended_child> reap(std::size_t number) {
    std::vector<worker_children::ended_child> all;
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (all.size() < number && std::chrono::steady_clock::now() < end) {
      context.restart();
      context.run_for(10ms);
      for (auto& each : subject.reap()) all.push_back(std::move(each));
    }
    return all;
  }
};

}  // namespace

TEST_CASE("worker children: each gets what its ticket names, and says that it is ready once") {
  bench b;
  REQUIRE(b.start(4));
  b.run(1);
  CHECK(b.ready == std::vector<unsigned>{4});
  CHECK(b.subject.reap().empty());
  const std::string name = b.subject.name_of(4);
  CHECK(name.find("worker=2 pid=") == 0);
  b.subject.signal(4, SIGTERM);
  const auto ended = b.reap(1);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].id == 4u);
  CHECK(ended[0].name == name);
  CHECK(to_string(ended[0].how) == "signal=15");
  CHECK(b.subject.reap().empty());  // it is told once
  CHECK(b.ready.size() == 1u);
}

TEST_CASE("worker children: one that ends without a word is not ready, and its code is told") {
  bench b("silent");
  REQUIRE(b.start(1, 3));
  const auto ended = b.reap(1);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].place == 3u);
  CHECK(to_string(ended[0].how) == "code=7");
  CHECK(b.ready.empty());
}

TEST_CASE("worker children: signals reach the one that is meant, and nobody who is gone") {
  bench b;
  for (const unsigned id : {1u, 2u, 3u}) REQUIRE(b.start(id, id));
  b.run(3);
  REQUIRE(b.ready.size() == 3);
  b.subject.signal(2, SIGKILL);
  const auto ended = b.reap(1);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].id == 2u);
  CHECK(ended[0].place == 2u);
  b.subject.signal(2, SIGKILL);
  b.subject.signal(99, SIGKILL);
  b.context.restart();
  b.context.run_for(30ms);
  CHECK(b.subject.reap().empty());
  // Several ends in one look.
  b.subject.signal(3, SIGKILL);
  b.subject.signal(1, SIGKILL);
  CHECK(b.reap(2).size() == 2u);
}

TEST_CASE("worker children: their lines end with it, and so do they") {
  pid_t pid = 0;
  {
    bench b;
    REQUIRE(b.start(1));
    b.run(1);
    const std::string name = b.subject.name_of(1);
    pid = static_cast<pid_t>(std::stol(name.substr(name.find("pid=") + 4)));
  }
  std::optional<worker_end> how;
  for (int i = 0; i < 1000 && !how; ++i) {
    how = reap_worker(pid);
    ::usleep(10'000);
  }
  REQUIRE(how);
  CHECK(how->is_clean());
}

TEST_CASE("worker children: a program that is not there ends with 127") {
  bench b("good", "/nowhere/no-such-program");
  REQUIRE(b.start(1));
  const auto ended = b.reap(1);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].how.code == 127);
}

#endif
