// SPDX-License-Identifier: MIT
//
// `supervisor`: several server processes on one port of one machine (POSIX). It binds and listens
// once and accepts nothing; the workers inherit the listening sockets and all accept from the same
// queue. So nothing is lost when one of them ends, however it does. SO_REUSEPORT, with a socket and
// a queue for each worker, was turned down: what waits in the queue of a worker that stops is
// reset, and even if the supervisor kept all queues open, a share of the connections would stand
// still as long as one worker is dead or stuck. What one queue does worse, an even spread,
// worker_loads makes good: of 200 sockets 4 workers got 52, 52, 48, 48 (with SO_REUSEPORT 61, 41,
// 36, 62; with one queue and nothing else 98, 79, 0, 23). The price: each connection wakes all
// workers: 40 us of processor time with one worker, 70 with 4, 125 with 16, 280 with 64.
// (options::reuse_port is for processes that somebody else starts.)
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/adapters/asio_listener.hpp>
#include <agent_websocket/adapters/stderr_logger.hpp>
#include <agent_websocket/host/check_workers.hpp>
#include <agent_websocket/host/worker_link.hpp>
#include <agent_websocket/host/worker_loads.hpp>
#include <agent_websocket/host/worker_pool.hpp>
#include <agent_websocket/host/worker_process.hpp>
#include <agent_websocket/host/worker_ticket.hpp>
#include <agent_websocket/server/options.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && defined(ASIO_HAS_POSIX_STREAM_DESCRIPTOR)

#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {

/// What a supervisor starts.
struct supervisor_settings {
  unsigned workers = 2;  ///< 1 to max_workers
  /// The program of the workers and its arguments: as a rule the ones of the supervisor itself.
  /// Each worker finds its worker_link and gives it to its server.
  std::vector<std::string> command;
  std::vector<std::pair<std::string, std::string>> environment;  ///< added to ours
};

namespace detail {

/// What `supervisor` is, a template so that only a unit which makes one compiles it.
template <typename = void>
class shipped_supervisor {
 public:
  /// Of `settings` it uses the address, the drain's time limit and what is said about the log. The
  /// context outlives it and is for it (and for what needs little time).
  shipped_supervisor(options settings, supervisor_settings how, asio::io_context& context);
  shipped_supervisor(const shipped_supervisor&) = delete;
  shipped_supervisor& operator=(const shipped_supervisor&) = delete;
  ~shipped_supervisor() { release(); }  // the workers end with their lines

  /// What is listened on, also when the options asked for any; 0 before start().
  std::uint16_t port() const noexcept { return port_; }

  /// Begins to listen and starts the workers. The error is in words for the operator.
  result<void> start();

  /// Runs the context until all workers have ended, after SIGINT, SIGTERM or when they cannot
  /// start. Returns the exit code: 0 when all ended well. SIGINT and SIGTERM let the workers drain,
  /// the second of them kills; SIGHUP starts new ones, one after the other. `running` is called
  /// when all are ready for the first time. After start().
  int run(const std::function<void()>& running = {});

 private:
  using kind = pool_action::kind;
  using line = asio::posix::stream_descriptor;

  struct worker {
    unsigned slot = 0;
    unsigned place = 0;
    int pid = -1;
    std::unique_ptr<line> to;
    std::unique_ptr<char> said = std::make_unique<char>();
  };

  // Until what was accepted is answered (server::join), and for what comes after the drain.
  static constexpr std::chrono::milliseconds end_margin{6'000};

  worker_pool_settings pool_settings() const;

  static std::chrono::steady_clock::time_point now();

  void log(log_level level, std::string_view event, const std::string& text) const;
  static std::string name_of(const worker& one);

  // ---- events

  void wait_for_signal();

  /// One signal may stand for several ends.
  void reap();

  void ended(unsigned id, const worker_end& how);

  void listen_to(unsigned id);

  void arm();

  // ---- actions

  void carry_out();

  void carry_out(const pool_action& action);

  void launch(const pool_action& action);

  void tell(unsigned id, int signal);

  /// Who tries to connect from now on is refused, and need not wait for a queue that nobody serves.
  void release();

  /// nohup says that the terminal may go.
  static bool ignores_hangup();
  /// A hangup means that the terminal has gone when there was one and is not any more; else it is
  /// an operator's word.
  static bool is_at_terminal();

  options settings_;
  supervisor_settings how_;
  asio::io_context& context_;
  adapters::stderr_logger logger_;
  worker_pool pool_;
  adapters::asio_timer timer_;
  asio::signal_set signals_;
  std::function<void()> running_;
  std::map<unsigned, worker> workers_;  // by the pool's ids
  std::vector<int> listeners_;
  worker_loads loads_;
  std::uint16_t port_ = 0;
  int code_ = 0;
  bool finished_ = false, has_terminal_ = false;
};

}  // namespace detail

/// One in a process, which has nothing else to do. All calls from the thread that runs the context.
class supervisor : public detail::shipped_supervisor<> {
 public:
  using shipped_supervisor::shipped_supervisor;
};

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

template <typename T>
shipped_supervisor<T>::shipped_supervisor(options settings, supervisor_settings how,
                                          asio::io_context& context)
    : settings_(std::move(settings)),
      how_(std::move(how)),
      context_(context),
      logger_(settings_.level, settings_.log_format == "json" ? adapters::log_format::json
                                                              : adapters::log_format::text),
      pool_(pool_settings()),
      timer_(context),
      signals_(context) {}

template <typename T>
result<void> shipped_supervisor<T>::start() {
  const auto warning = check_workers(settings_, how_.workers);
  if (!warning) return warning.error();
  if (how_.workers < 1 || how_.workers > max_workers || how_.command.empty()) {
    return error(errc::bad_configuration, "a supervisor needs a program to run, and 1 to " +
                                              std::to_string(max_workers) + " workers");
  }
  adapters::asio_listener listener(context_, [](adapters::asio_socket, std::string) {});
  adapters::listen_options where;
  where.host = settings_.host;
  where.port = settings_.port;
  where.reuse_port = settings_.reuse_port;
  if (auto opened = listener.open(where); !opened) return opened;
  port_ = listener.port();
  listeners_ = listener.release();
  loads_ = worker_loads::create();
  has_terminal_ = is_at_terminal() && !ignores_hangup();
  for (const int number : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) {
    std::error_code failure;
    signals_.add(number, failure);
    if (failure) return error(errc::internal, "cannot take signals: " + failure.message());
  }
  wait_for_signal();
  if (*warning) log(log_level::warning, "workers_do_not_share", **warning);
  pool_.begin(now());
  carry_out();
  return {};
}

template <typename T>
int shipped_supervisor<T>::run(const std::function<void()>& running) {
  running_ = running;
  if (!finished_) context_.run();
  return code_;
}

template <typename T>
worker_pool_settings shipped_supervisor<T>::pool_settings() const {
  worker_pool_settings chosen;
  chosen.workers = how_.workers;
  chosen.end_timeout = settings_.drain_timeout + end_margin;
  return chosen;
}

template <typename T>
std::chrono::steady_clock::time_point shipped_supervisor<T>::now() {
  return std::chrono::steady_clock::now();
}

template <typename T>
void shipped_supervisor<T>::log(log_level level, std::string_view event,
                                const std::string& text) const {
  if (logger_.enabled(level)) logger_.write({level, event, {}, text});
}

template <typename T>
std::string shipped_supervisor<T>::name_of(const worker& one) {
  return "worker=" + std::to_string(one.slot) + " pid=" + std::to_string(one.pid);
}

template <typename T>
void shipped_supervisor<T>::wait_for_signal() {
  signals_.async_wait([this](const std::error_code& failure, int number) {
    if (failure) return;
    if (number == SIGCHLD) {
      reap();
    } else if (number == SIGHUP && !(has_terminal_ && !is_at_terminal())) {
      log(log_level::info, "rolling_restart", "one worker after the other");
      pool_.on_restart(now());
    } else {
      pool_.on_stop(now());
    }
    carry_out();
    if (!finished_) wait_for_signal();
  });
}

template <typename T>
void shipped_supervisor<T>::reap() {
  std::vector<unsigned> ids;
  for (const auto& each : workers_) ids.push_back(each.first);
  for (const unsigned id : ids) {
    if (const auto how = reap_worker(workers_[id].pid)) ended(id, *how);
  }
}

template <typename T>
void shipped_supervisor<T>::ended(unsigned id, const worker_end& how) {
  const worker& gone = workers_[id];
  loads_.leave(gone.place);
  const bool expected = (pool_.is_to_end(id) || pool_.stopping()) && how.is_clean();
  log(expected ? log_level::info : log_level::warning, "worker_ended",
      name_of(gone) + ' ' + to_string(how));
  workers_.erase(id);
  pool_.on_end(id, how, now());
}

template <typename T>
void shipped_supervisor<T>::listen_to(unsigned id) {
  worker& one = workers_[id];
  one.to->async_read_some(asio::buffer(one.said.get(), 1),
                          [this, id](const std::error_code& end, std::size_t) {
                            if (end) return;  // that of the process is told by a signal
                            pool_.on_ready(id, now());
                            carry_out();
                          });
}

template <typename T>
void shipped_supervisor<T>::arm() {
  const auto when = finished_ ? std::nullopt : pool_.deadline();
  if (!when) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(*when);
  timer_.async_wait([this](const std::error_code& failure) {
    if (failure) return;
    pool_.on_time(now());
    carry_out();
  });
}

template <typename T>
void shipped_supervisor<T>::carry_out() {
  for (auto all = pool_.take_actions(); !all.empty(); all = pool_.take_actions()) {
    for (const pool_action& each : all) carry_out(each);
  }
  arm();
}

template <typename T>
void shipped_supervisor<T>::carry_out(const pool_action& action) {
  switch (action.what) {
    case kind::start: return launch(action);
    case kind::drain: return tell(action.id, SIGTERM);
    case kind::kill: return tell(action.id, SIGKILL);
    case kind::all_ready:
      if (running_) running_();
      return;
    case kind::release: return release();
    case kind::failure: return log(log_level::error, "worker_failed", action.text);
    case kind::restarted: return log(log_level::info, "rolling_restart_complete", {});
    case kind::finish:
      finished_ = true;
      code_ = action.code;
      signals_.cancel();
      context_.stop();
      return;
  }
}

template <typename T>
void shipped_supervisor<T>::launch(const pool_action& action) {
  const auto made = start_worker([&](int control) {
    worker_ticket ticket;
    ticket.slot = action.slot;
    ticket.place = action.place;
    ticket.control = control;
    ticket.loads = loads_.descriptor();
    ticket.listeners = listeners_;
    worker_command command;
    command.words = how_.command;
    command.environment = how_.environment;
    command.environment.emplace_back(worker_ticket::variable, ticket.text());
    command.descriptors = listeners_;
    if (ticket.loads >= 0) command.descriptors.push_back(ticket.loads);
    return command;
  });
  if (!made) {
    log(log_level::error, "worker_failed", made.error().message);
    return pool_.on_end(action.id, {1, 0}, now());
  }
  worker& one = workers_[action.id];
  one.slot = action.slot;
  one.place = action.place;
  one.pid = made->pid;
  one.to = std::make_unique<line>(context_, made->line);
  log(log_level::info, action.again ? "worker_restarted" : "worker_started", name_of(one));
  listen_to(action.id);
}

template <typename T>
void shipped_supervisor<T>::tell(unsigned id, int signal) {
  const auto found = workers_.find(id);
  if (found != workers_.end()) signal_worker(found->second.pid, signal);
}

template <typename T>
void shipped_supervisor<T>::release() {
  for (const int each : std::exchange(listeners_, {})) ::close(each);
}

template <typename T>
bool shipped_supervisor<T>::ignores_hangup() {
  struct sigaction before {};
  return ::sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler == SIG_IGN;
}

template <typename T>
bool shipped_supervisor<T>::is_at_terminal() {
  const int terminal = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (terminal >= 0) ::close(terminal);
  return terminal >= 0;
}

}  // namespace detail

#endif

AGENT_WEBSOCKET_INSTANTIATE(class detail::shipped_supervisor<>);

}  // namespace agent_websocket

#elif AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace agent_websocket {

struct supervisor_settings {
  unsigned workers = 2;
  std::vector<std::string> command;
  std::vector<std::pair<std::string, std::string>> environment;
};

/// Where there are no such processes.
class supervisor {
 public:
  supervisor(const options&, const supervisor_settings&, asio::io_context&) {}
  std::uint16_t port() const noexcept { return 0; }
  result<void> start() { return no_worker_processes(); }
  int run(const std::function<void()>& = {}) { return 1; }
};

}  // namespace agent_websocket

#endif
