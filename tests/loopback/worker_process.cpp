// SPDX-License-Identifier: MIT
#include <agent_websocket/host/worker_process.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <loopback/temporary_file.hpp>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

result<worker_process> start_shell(const std::string& script, const std::string& out = {},
                                   std::vector<int> descriptors = {}) {
  return start_worker([&](int) {
    worker_command command;
    command.words = {"sh", "-c", script};
    command.environment = {{"OUT", out}};
    command.descriptors = std::move(descriptors);
    return command;
  });
}

/// Waits for its end, for ten seconds at most.
std::optional<worker_end> end_of(const worker_process& one) {
  for (int i = 0; i < 1000; ++i) {
    if (const auto how = reap_worker(one.pid)) {
      ::close(one.line);
      return how;
    }
    std::this_thread::sleep_for(10ms);
  }
  signal_worker(one.pid, SIGKILL);
  return std::nullopt;
}

std::string text_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("worker process: its end is told once, whether it was a code or a signal") {
  const auto by_code = start_shell("exit 3");
  REQUIRE(by_code);
  const auto code = end_of(*by_code);
  REQUIRE(code);
  CHECK(to_string(*code) == "code=3");

  const auto by_signal = start_shell("while :; do sleep 1; done");
  REQUIRE(by_signal);
  CHECK_FALSE(reap_worker(by_signal->pid));
  signal_worker(by_signal->pid, SIGKILL);
  const auto signal = end_of(*by_signal);
  REQUIRE(signal);
  CHECK(to_string(*signal) == "signal=9");
  CHECK(reap_worker(by_signal->pid));  // nothing is left; nobody waits for ever
}

TEST_CASE("worker process: a program that is not there ends with 127, as in a shell") {
  const auto one = start_worker([](int) {
    worker_command command;
    command.words = {"/nowhere/no-such-program"};
    return command;
  });
  REQUIRE(one);
  const auto how = end_of(*one);
  REQUIRE(how);
  CHECK(how->code == 127);
}

TEST_CASE("worker process: the line ends with the process, and holds what it says") {
  const auto one = start_shell("exit 0");
  REQUIRE(one);
  char byte = 0;
  ssize_t got = -1;
  for (int i = 0; i < 500 && got < 0; ++i) {
    got = ::read(one->line, &byte, 1);
    if (got < 0) {
      CHECK(errno == EAGAIN);
      std::this_thread::sleep_for(10ms);
    }
  }
  CHECK(got == 0);
  CHECK(end_of(*one)->is_clean());
}

TEST_CASE("worker process: has the variables, and no descriptor but those that it is given") {
  const loopback::temporary_file out("");
  const int given = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int leaky = ::dup(given);  // without O_CLOEXEC, as Asio's sockets are
  const auto one = start_shell("for n in 0 1 2 3 4 5 6 7 8 9; do :; done; test -e /dev/fd/" +
                                   std::to_string(given) + " && echo given > \"$OUT\"; test -e /dev/fd/" +
                                   std::to_string(leaky) + " && echo leaky >> \"$OUT\"; exit 0",
                               out.name(), {given});
  REQUIRE(one);
  CHECK(end_of(*one)->is_clean());
  CHECK(text_of(out.name()) == "given\n");
  ::close(given);
  ::close(leaky);
}

TEST_CASE("worker process: a variable of ours that is set anew is there once") {
  ::setenv("AGENT_WEBSOCKET_TEST_VARIABLE", "old", 1);
  int found = 0;
  for (const std::string& each : detail::environment_with({{"AGENT_WEBSOCKET_TEST_VARIABLE", "new"}})) {
    if (each.find("AGENT_WEBSOCKET_TEST_VARIABLE=") == 0) {
      ++found;
      CHECK(each == "AGENT_WEBSOCKET_TEST_VARIABLE=new");
    }
  }
  CHECK(found == 1);
  ::unsetenv("AGENT_WEBSOCKET_TEST_VARIABLE");
}

TEST_CASE("worker process: keys at the terminal do not reach it, the word to end does") {
  const auto deaf = start_shell("kill -INT $$; kill -HUP $$; exit 5");
  REQUIRE(deaf);
  CHECK(end_of(*deaf)->code == 5);
  const auto blocked = start_shell("kill -TERM $$; exit 5");
  REQUIRE(blocked);
  CHECK(end_of(*blocked)->signal == SIGTERM);
}
