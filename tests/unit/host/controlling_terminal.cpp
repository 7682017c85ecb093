// SPDX-License-Identifier: MIT
#include <agent_websocket/host/controlling_terminal.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

// A terminal of our own, whose other end we hold (Linux).
#if defined(__linux__)

using agent_websocket::controlling_terminal;

namespace {

enum class start { with_terminal, with_nohup, without_terminal };

/// 1: the terminal stood and has gone; 0: it has not; else the code of what failed.
int look(start how) {
  ::setsid();
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) return 10;
  ::signal(SIGHUP, how == start::with_nohup ? SIG_IGN : SIG_DFL);
  if (how != start::without_terminal) {
    const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
    if (slave < 0 || ::ioctl(slave, TIOCSCTTY, 0) != 0) return 11;
  }
  const controlling_terminal terminal = controlling_terminal::of_process();
  if (terminal.has_gone()) return 12;
  ::signal(SIGHUP, SIG_IGN);  // as one that takes the signal
  ::close(master);
  return terminal.has_gone() ? 1 : 0;
}

/// In a process of its own: only one without a terminal can get another one.
int in_child(start how) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(look(how));
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("controlling terminal: one that was there is missed") {
  CHECK(in_child(start::with_terminal) == 1);
}

TEST_CASE("controlling terminal: one that may go, by nohup, is not missed") {
  CHECK(in_child(start::with_nohup) == 0);
}

TEST_CASE("controlling terminal: where there was none, none has gone") {
  CHECK(in_child(start::without_terminal) == 0);
  CHECK_FALSE(controlling_terminal().has_gone());
}

#endif
