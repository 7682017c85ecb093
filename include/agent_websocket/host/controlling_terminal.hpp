// SPDX-License-Identifier: MIT
//
// The terminal that a process was started from (POSIX), for what a SIGHUP means: that this terminal
// has gone, or, to a process that had none or still has it, the word of an operator. Takes no
// signal itself.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && !defined(_WIN32)

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace agent_websocket {

class controlling_terminal {
 public:
  /// None.
  controlling_terminal() = default;

  /// That of this process, before it takes SIGHUP. None when SIGHUP is ignored: nohup says that the
  /// terminal may go.
  static controlling_terminal of_process();

  /// There was one, and there is none any more.
  bool has_gone() const;

 private:
  static bool is_there();
  static bool ignores_hangup();

  bool was_there_ = false;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE controlling_terminal controlling_terminal::of_process() {
  controlling_terminal found;
  found.was_there_ = is_there() && !ignores_hangup();
  return found;
}

AGENT_WEBSOCKET_INLINE bool controlling_terminal::has_gone() const {
  return was_there_ && !is_there();
}

AGENT_WEBSOCKET_INLINE bool controlling_terminal::is_there() {
  const int terminal = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (terminal >= 0) ::close(terminal);
  return terminal >= 0;
}

AGENT_WEBSOCKET_INLINE bool controlling_terminal::ignores_hangup() {
  struct sigaction before {};
  return ::sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler == SIG_IGN;
}

#endif

}  // namespace agent_websocket

#endif
