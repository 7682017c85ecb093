// SPDX-License-Identifier: MIT
#include <agent_websocket/host/worker_link.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

/// What a supervisor has prepared, in this process.
struct bench {
  worker_loads loads = worker_loads::create();
  worker_ticket ticket;
  int line = -1;

  bench() {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    line = ends[0];
    ticket.slot = 2;
    ticket.place = 1;
    ticket.control = ends[1];
    ticket.loads = ::dup(loads.descriptor());
    ticket.listeners = {ticket.control};  // any will do
  }
  ~bench() {
    if (line >= 0) ::close(line);
  }
  std::optional<worker_link> link() const {
    ::setenv(worker_ticket::variable, ticket.text().c_str(), 1);
    return worker_link::from_environment();
  }
};

}  // namespace

TEST_CASE("worker link: is found once, and nobody else inherits it") {
  CHECK_FALSE(worker_link::from_environment());
  const bench b;
  const auto link = b.link();
  REQUIRE(link);
  CHECK(link->ticket().slot == 2u);
  CHECK(link->ticket().listeners == b.ticket.listeners);
  CHECK(std::getenv(worker_ticket::variable) == nullptr);
  CHECK_FALSE(worker_link::from_environment());
  CHECK((::fcntl(b.ticket.control, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((::fcntl(b.ticket.loads, F_GETFD) & FD_CLOEXEC) != 0);
  ::close(b.ticket.control);
}

TEST_CASE("worker link: a variable that is none is taken away all the same") {
  ::setenv(worker_ticket::variable, "nonsense", 1);
  CHECK_FALSE(worker_link::from_environment());
  CHECK(std::getenv(worker_ticket::variable) == nullptr);
}

TEST_CASE("worker link: looks at the loads of the others, also when it has been moved") {
  const bench b;
  auto found = b.link();
  REQUIRE(found);
  const auto leave_to_others = found->leave_to_others();
  REQUIRE(leave_to_others);
  const worker_link link = std::move(*found);
  found.reset();
  link.load()->store(50);
  CHECK(b.loads.at(1)->load() == 50u);
  CHECK_FALSE(leave_to_others());
  b.loads.at(0)->store(3);
  CHECK(leave_to_others());
  link.leave();
  CHECK(b.loads.at(1)->load() == worker_loads::absent);
  ::close(b.ticket.control);
}

TEST_CASE("worker link: without a table of loads it leaves nothing to others") {
  bench b;
  ::close(std::exchange(b.ticket.loads, -1));
  const auto link = b.link();
  REQUIRE(link);
  CHECK(link->load() == nullptr);
  CHECK_FALSE(link->leave_to_others());
  link->leave();
  ::close(b.ticket.control);
}

TEST_CASE("worker link: tells that it is ready, and learns that the supervisor is gone") {
  bench b;
  asio::io_context context(1);
  auto link = b.link();
  REQUIRE(link);
  int gone = 0;
  link->ready(context, [&gone] { ++gone; });
  char said = 0;
  CHECK(::read(b.line, &said, 1) == 1);
  CHECK(said == 'r');
  context.run_for(10ms);
  CHECK(gone == 0);
  ::close(std::exchange(b.line, -1));
  context.run_for(1s);
  CHECK(gone == 1);
}
