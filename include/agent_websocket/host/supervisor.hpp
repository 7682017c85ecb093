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
#include <agent_websocket/host/controlling_terminal.hpp>
#include <agent_websocket/host/worker_children.hpp>
#include <agent_websocket/host/worker_link.hpp>
#include <agent_websocket/host/worker_loads.hpp>
#include <agent_websocket/host/worker_pool.hpp>
#include <agent_websocket/host/worker_process.hpp>
#include <agent_websocket/host/worker_ticket.hpp>
#include <agent_websocket/server/options.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && defined(ASIO_HAS_POSIX_STREAM_DESCRIPTOR)

#include <asio/signal_set.hpp>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
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

/// What `supervisor` is, a template so that only a unit which makes one compiles it. What is to be
/// done is decided by worker_pool; the processes are worker_children.
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

  // Until what was accepted is answered (server::join), and for what comes after the drain.
  static constexpr std::chrono::milliseconds end_margin{6'000};

  worker_pool_settings pool_settings() const;

  static std::chrono::steady_clock::time_point now();

  void log(log_level level, std::string_view event, const std::string& text) const;

  // ---- events

  void wait_for_signal();

  void reap();

  void on_ready(unsigned id);

  void arm();

  // ---- actions

  void carry_out();

  void carry_out(const pool_action& action);

  void launch(const pool_action& action);

  /// Who tries to connect from now on is refused, and need not wait for a queue that nobody serves.
  void release();

  options settings_;
  supervisor_settings how_;
  asio::io_context& context_;
  adapters::stderr_logger logger_;
  worker_pool pool_;
  adapters::asio_timer timer_;
  asio::signal_set signals_;
  std::function<void()> running_;
  worker_children workers_;
  std::vector<int> listeners_;
  worker_loads loads_;
  std::uint16_t port_ = 0;
  int code_ = 0;
  controlling_terminal terminal_;
  bool finished_ = false;
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
      signals_(context),
      workers_(context, {how_.command, how_.environment, {}},
               [this](unsigned id) { on_ready(id); }) {}

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
  terminal_ = controlling_terminal::of_process();
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
void shipped_supervisor<T>::wait_for_signal() {
  signals_.async_wait([this](const std::error_code& failure, int number) {
    if (failure) return;
    if (number == SIGCHLD) {
      reap();
    } else if (number == SIGHUP && !terminal_.has_gone()) {
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
  for (const worker_children::ended_child& each : workers_.reap()) {
    loads_.leave(each.place);
    const bool expected = (pool_.is_to_end(each.id) || pool_.stopping()) && each.how.is_clean();
    log(expected ? log_level::info : log_level::warning, "worker_ended",
        each.name + ' ' + to_string(each.how));
    pool_.on_end(each.id, each.how, now());
  }
}

template <typename T>
void shipped_supervisor<T>::on_ready(unsigned id) {
  pool_.on_ready(id, now());
  carry_out();
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
    case kind::drain: return workers_.signal(action.id, SIGTERM);
    case kind::kill: return workers_.signal(action.id, SIGKILL);
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
  worker_ticket ticket;
  ticket.slot = action.slot;
  ticket.place = action.place;
  ticket.loads = loads_.descriptor();
  ticket.listeners = listeners_;
  if (const auto started = workers_.start(action.id, std::move(ticket)); !started) {
    log(log_level::error, "worker_failed", started.error().message);
    return pool_.on_end(action.id, {1, 0}, now());
  }
  log(log_level::info, action.again ? "worker_restarted" : "worker_started",
      workers_.name_of(action.id));
}

template <typename T>
void shipped_supervisor<T>::release() {
  for (const int each : std::exchange(listeners_, {})) ::close(each);
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
