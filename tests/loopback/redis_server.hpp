// SPDX-License-Identifier: MIT
//
// A redis-server of the test's own, on a free port of 127.0.0.1 and in a directory of its own: a
// child process that ends with the test. Its data outlive a restart when it was asked to append
// them to a file.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace loopback {

/// Runs a program to its end, without a shell; its output goes to `output` or nowhere. -1: it is
/// not there.
inline int run_program(const std::vector<std::string>& words, const std::string& output = "") {
  std::vector<char*> arguments;
  for (const std::string& each : words) arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  const std::string target = output.empty() ? "/dev/null" : output;
  const pid_t child = ::fork();
  if (child == 0) {
    const int to = ::open(target.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(to, 1);
    ::dup2(to, 2);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status) == 127 ? -1 : WEXITSTATUS(status);
}

/// No other socket has it or the one 10000 higher, where the servers of a cluster talk to each
/// other. Both are below the ports that the system gives to outgoing connections: it could give
/// one of those to a client in the moment before the server takes it.
inline std::uint16_t free_port() {
  static std::minstd_rand random(std::random_device{}());
  const auto is_free = [](int port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    const bool done =
        ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(socket);
    return done;
  };
  for (int tries = 0; tries < 1000; ++tries) {
    const int port = std::uniform_int_distribution<int>(12'000, 21'999)(random);
    if (is_free(port) && is_free(port + 10'000)) return static_cast<std::uint16_t>(port);
  }
  throw std::runtime_error("no free port");
}

class redis_server {
 public:
  using words = std::vector<std::string>;

  /// False: the test says so and is over.
  static bool is_installed() {
    static const bool found = run_program({"redis-server", "--version"}) == 0;
    if (!found) MESSAGE("skipped: there is no redis-server here (Debian: redis-server)");
    return found;
  }

  /// Starts with these options beside its own. With `is_secure` the port is one for TLS, and the
  /// options name the files.
  explicit redis_server(words options = {}, bool is_secure = false)
      : port_(free_port()), options_(std::move(options)), is_secure_(is_secure) {
    const char* const temporary = std::getenv("TMPDIR");
    directory_ = std::string(temporary != nullptr ? temporary : "/tmp") + "/redis_test_XXXXXX";
    if (::mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("no directory");
    start();
  }
  redis_server(const redis_server&) = delete;
  redis_server& operator=(const redis_server&) = delete;
  ~redis_server() {
    end(SIGKILL);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url() const { return "redis://" + address(); }
  const std::string& directory() const { return directory_; }
  std::string log() const {
    std::ostringstream text;
    text << std::ifstream(directory_ + "/log").rdbuf();
    return text.str();
  }

  void start() {
    const std::string port = std::to_string(port_);
    words all{"redis-server", "--bind", "127.0.0.1", "--dir", directory_, "--save", "",
              "--daemonize", "no", "--loglevel", "notice"};
    for (const std::string& each : is_secure_ ? words{"--port", "0", "--tls-port", port}
                                              : words{"--port", port}) {
      all.push_back(each);
    }
    all.insert(all.end(), options_.begin(), options_.end());
    std::vector<char*> arguments;
    for (std::string& each : all) arguments.push_back(each.data());
    arguments.push_back(nullptr);
    const std::string log = directory_ + "/log";
    child_ = ::fork();
    if (child_ == 0) {
#if defined(__linux__)
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
      const int to = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(to, 1);
      ::dup2(to, 2);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    for (int i = 0; i < 1000 && !takes_connections(); ++i) {
      if (::waitpid(child_, nullptr, WNOHANG) == child_) {
        child_ = -1;
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (!takes_connections()) throw std::runtime_error("redis-server does not start: " + log_end());
  }

  /// Sends the signal and waits for the end; SIGKILL is a crash.
  void end(int signal) {
    if (child_ <= 0) return;
    ::kill(child_, SIGCONT);
    ::kill(child_, signal);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
  }
  /// It stands still: sockets stay, nothing is answered.
  void pause() { ::kill(child_, SIGSTOP); }
  void go_on() { ::kill(child_, SIGCONT); }

  /// A command by redis-cli; returns what it prints.
  std::string command(const words& each) const {
    words all{"redis-cli", "-h", "127.0.0.1", "-p", std::to_string(port_)};
    all.insert(all.end(), each.begin(), each.end());
    const std::string output = directory_ + "/output";
    std::error_code ignored;
    std::filesystem::remove(output, ignored);
    run_program(all, output);
    std::ostringstream text;
    text << std::ifstream(output).rdbuf();
    std::string printed = text.str();
    while (!printed.empty() && printed.back() == '\n') printed.pop_back();
    return printed;
  }

 private:
  bool takes_connections() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    const bool done = ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(socket);
    return done;
  }
  std::string log_end() const {
    const std::string all = log();
    return all.substr(all.size() < 500 ? 0 : all.size() - 500);
  }

  std::uint16_t port_;
  words options_;
  bool is_secure_;
  std::string directory_;
  pid_t child_ = -1;
};

}  // namespace loopback
