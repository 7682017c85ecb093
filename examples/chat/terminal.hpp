// SPDX-License-Identifier: MIT
//
// The terminal itself (POSIX termios): raw mode, taken back on every way out of the program, its
// size, and whole writes. What is in it when a signal or a crash ends the program is static,
// because a signal handler can reach nothing else.
#pragma once

#include "text.hpp"

#include <langinfo.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace chat {

struct terminal_size {
  int columns = 80;
  int rows = 24;
};

/// So that the C library knows how wide characters are.
inline void use_utf8_locale() {
  const auto is_utf8 = [] { return std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0; };
  if (std::setlocale(LC_CTYPE, "") != nullptr && is_utf8()) return;
  for (const char* name : {"C.UTF-8", "en_US.UTF-8"}) {
    if (std::setlocale(LC_CTYPE, name) != nullptr && is_utf8()) return;
  }
}

/// Writes all of it, also where the descriptor does not block. False when nobody reads any more.
inline bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd writable{descriptor, POLLOUT, 0};
      ::poll(&writable, 1, 1000);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

/// Standard input and output, when both are a terminal.
class terminal {
 public:
  /// False also for a terminal that can do nothing but print.
  static bool is_usable() {
    const char* kind = std::getenv("TERM");
    return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 &&
           (kind == nullptr || std::strcmp(kind, "dumb") != 0);
  }

  static terminal_size size() {
    winsize found{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &found) != 0 || found.ws_col == 0 || found.ws_row == 0)
      return {};
    return {found.ws_col, found.ws_row};
  }

  /// Keys come one by one and unseen from now on. Returns false when the terminal refuses.
  static bool enter_raw_mode() {
    if (::tcgetattr(STDIN_FILENO, &cooked_) != 0) return false;
    if (!watching_) {
      watching_ = true;
      std::atexit(leave_raw_mode);
      watch_crashes();
    }
    termios raw = cooked_;
    raw.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON);
    raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN | ISIG);
    raw.c_cflag |= CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    raw_ = 1;
    if (::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0) {
      raw_ = 0;
      return false;
    }
    return write_all(STDOUT_FILENO, "\x1b[?2004h");  // pasted text is marked as such
  }

  /// May be called at any time, from a signal handler too.
  static void leave_raw_mode() {
    if (raw_ == 0) return;
    raw_ = 0;
    static constexpr char usual[] =
        "\x1b[?2004l\x1b[0m\x1b[?25h";  // no marks, no style, the cursor seen
    if (::write(STDOUT_FILENO, usual, sizeof usual - 1) < 0) {
    }  // nothing else could be done
    ::tcsetattr(STDIN_FILENO, TCSANOW, &cooked_);
  }

 private:
  static void watch_crashes() {
    static char stack[64 * 1024];  // that of the program may be what is full
    stack_t other{};
    other.ss_sp = stack;
    other.ss_size = sizeof stack;
    ::sigaltstack(&other, nullptr);
    struct sigaction action {};
    action.sa_handler = [](int signal) {
      leave_raw_mode();
      ::raise(signal);  // its own way of ending the program, because of SA_RESETHAND
    };
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK);
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGSYS, SIGTRAP}) {
      ::sigaction(signal, &action, nullptr);
    }
  }

  static inline termios cooked_{};
  static inline volatile std::sig_atomic_t raw_ = 0;
  static inline bool watching_ = false;
};

}  // namespace chat
