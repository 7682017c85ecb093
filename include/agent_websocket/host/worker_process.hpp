// SPDX-License-Identifier: MIT
//
// Processes: the one place that knows fork, exec, kill and waitpid (POSIX); elsewhere each call
// says that there is no such thing. A worker is a program that is started anew, not a copy of this
// process: libraries with threads and locks begin clean, and a rolling restart takes a new binary.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/host/worker_end.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if !defined(_WIN32)
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;  // NOLINT: POSIX wants it declared by its user
#endif

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {

/// What to run.
struct worker_command {
  std::vector<std::string>
      words;  ///< the program, looked for in PATH without a slash, and its arguments
  std::vector<std::pair<std::string, std::string>> environment;  ///< added to ours
  std::vector<int> descriptors;  ///< that it inherits, as they are numbered, beside 0, 1 and 2
};

/// One that was started, and the line to it.
struct worker_process {
  int pid = -1;
  int line = -1;  ///< ends when the process does
};

/// What is said where there is no such thing.
error no_worker_processes();

#if defined(_WIN32)

/// `prepare` gives the command for the worker's end of the line.
template <typename Prepare>
result<worker_process> start_worker(Prepare&&) {
  return no_worker_processes();
}
inline void signal_worker(int, int) noexcept {}
inline std::optional<worker_end> reap_worker(int) noexcept { return worker_end{1, 0}; }

#else

namespace detail {

/// What is open in this process. Where the system has no list of it: what usually is.
inline std::vector<int> open_descriptors() {
  std::vector<int> found;
  if (DIR* const folder = ::opendir("/dev/fd")) {
    while (const dirent* const each = ::readdir(folder)) {
      const int number = std::atoi(each->d_name);
      if (number > 2) found.push_back(number);
    }
    ::closedir(folder);
  } else {
    for (int number = 3; number < 1024; ++number) found.push_back(number);
  }
  return found;
}

/// Our environment with these variables set.
inline std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& more) {
  std::vector<std::string> all;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view text = *each;
    const std::string_view name = text.substr(0, text.find('='));
    const bool replaced = std::any_of(more.begin(), more.end(),
                                      [name](const auto& one) { return one.first == name; });
    if (!replaced) all.emplace_back(text);
  }
  for (const auto& [name, value] : more) all.push_back(name + "=" + value);
  return all;
}

inline std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& each : texts) all.push_back(each.data());
  all.push_back(nullptr);
  return all;
}

/// Between fork and exec: nothing here may allocate or take a lock.
[[noreturn]] inline void become(char* const* words, char** variables, const std::vector<int>& open,
                                const std::vector<int>& kept) {
  // A key at the terminal is for the supervisor, who tells the workers. Ignored outlives exec.
  for (const int each : {SIGTERM, SIGCHLD, SIGPIPE, SIGUSR1, SIGUSR2}) std::signal(each, SIG_DFL);
  for (const int each : {SIGINT, SIGHUP}) std::signal(each, SIG_IGN);
  for (const int each : open) {
    if (std::find(kept.begin(), kept.end(), each) == kept.end()) ::close(each);
  }
  for (const int each : kept) ::fcntl(each, F_SETFD, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  environ = variables;
  ::execvp(words[0], words);
  for (const char* const part : {"cannot run ", static_cast<const char*>(words[0]), ": ",
                                 static_cast<const char*>(std::strerror(errno)), "\n"}) {
    if (::write(2, part, std::strlen(part)) < 0) break;
  }
  ::_exit(127);
}

}  // namespace detail

/// `prepare` gives the worker_command for the descriptor of the worker's end of the line. The line
/// is non-blocking here.
template <typename Prepare>
result<worker_process> start_worker(Prepare&& prepare) {
  const auto failed = [](const char* what) {
    return error(errc::internal, std::string("cannot start a worker: ") + what + ": " +
                                     std::generic_category().message(errno));
  };
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return failed("socketpair");
  for (const int each : ends) ::fcntl(each, F_SETFD, FD_CLOEXEC);
  ::fcntl(ends[0], F_SETFL, ::fcntl(ends[0], F_GETFL) | O_NONBLOCK);

  worker_command command = prepare(ends[1]);
  command.descriptors.push_back(ends[1]);
  std::vector<std::string> variables = detail::environment_with(command.environment);
  const std::vector<char*> words = detail::pointers_to(command.words);
  std::vector<char*> environment = detail::pointers_to(variables);
  const std::vector<int> open = detail::open_descriptors();

  // A signal to the child before it has handlers of its own must not run ours.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const int pid = ::fork();
  if (pid == 0) detail::become(words.data(), environment.data(), open, command.descriptors);
  const int why = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    errno = why;
    return failed("fork");
  }
  return worker_process{pid, ends[0]};
}

inline void signal_worker(int pid, int signal) noexcept {
  if (pid > 0) ::kill(pid, signal);
}

/// How it ended, if it has. Once: afterwards nothing is left of the process.
inline std::optional<worker_end> reap_worker(int pid) noexcept {
  int status = 0;
  int found = 0;
  do {
    found = ::waitpid(pid, &status, WNOHANG);
  } while (found < 0 && errno == EINTR);
  if (found == 0) return std::nullopt;
  if (found < 0) return worker_end{1, 0};  // it was not ours, or somebody else has taken it
  if (WIFSIGNALED(status)) return worker_end{0, WTERMSIG(status)};
  if (WIFEXITED(status)) return worker_end{WEXITSTATUS(status), 0};
  return std::nullopt;
}

#endif

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE error no_worker_processes() {
  return error(errc::bad_configuration, "this system has no worker processes: run one server");
}

#endif

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
