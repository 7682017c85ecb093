// SPDX-License-Identifier: MIT
//
// The worker processes that a supervisor has started and that have not ended yet, by the ids of its
// pool: starts them, hears on the line to each one that it is ready, sends signals, and tells which
// ones have ended. Decides nothing, see worker_pool.hpp; fork and exec are in worker_process.hpp.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/host/worker_end.hpp>
#include <agent_websocket/host/worker_process.hpp>
#include <agent_websocket/host/worker_ticket.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && defined(ASIO_HAS_POSIX_STREAM_DESCRIPTOR)

#include <asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {

/// All calls from the thread that runs the context, which outlives it. When it goes the lines end,
/// by which the workers know that they are to end.
class worker_children {
 public:
  struct ended_child {
    unsigned id = 0;
    unsigned place = 0;
    std::string name;
    worker_end how;
  };

  /// Each one runs `what`, to which its ticket and the descriptors that it inherits are added.
  /// `on_ready` gets the id of one that has said that it is ready.
  worker_children(asio::io_context& context, worker_command what,
                  std::function<void(unsigned id)> on_ready);

  /// The control line of the ticket is made here. Precondition: no process of that id lives.
  result<void> start(unsigned id, worker_ticket ticket);

  /// Nothing happens when there is no such process (any more).
  void signal(unsigned id, int number) const;

  /// "worker=1 pid=4711": for the log. Precondition: it has been started, and was not told as
  /// ended.
  std::string name_of(unsigned id) const;

  /// Those that have ended since the last call, in the order of their ids: one SIGCHLD may stand
  /// for several of them.
  std::vector<ended_child> reap();

 private:
  struct child {
    unsigned slot = 0;
    unsigned place = 0;
    int pid = -1;
    std::unique_ptr<asio::posix::stream_descriptor> line;
    std::unique_ptr<char> said = std::make_unique<char>();
  };

  void listen_to(unsigned id, child& one);

  asio::io_context& context_;
  worker_command what_;
  std::function<void(unsigned)> on_ready_;
  std::map<unsigned, child> children_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE worker_children::worker_children(asio::io_context& context,
                                                        worker_command what,
                                                        std::function<void(unsigned id)> on_ready)
    : context_(context), what_(std::move(what)), on_ready_(std::move(on_ready)) {}

AGENT_WEBSOCKET_INLINE result<void> worker_children::start(unsigned id, worker_ticket ticket) {
  const auto made = start_worker([&](int control) {
    ticket.control = control;
    worker_command command = what_;
    command.environment.emplace_back(worker_ticket::variable, ticket.text());
    command.descriptors.insert(command.descriptors.end(), ticket.listeners.begin(),
                               ticket.listeners.end());
    if (ticket.loads >= 0) command.descriptors.push_back(ticket.loads);
    return command;
  });
  if (!made) return made.error();
  child& one = children_[id];
  one.slot = ticket.slot;
  one.place = ticket.place;
  one.pid = made->pid;
  one.line = std::make_unique<asio::posix::stream_descriptor>(context_, made->line);
  listen_to(id, one);
  return {};
}

AGENT_WEBSOCKET_INLINE void worker_children::signal(unsigned id, int number) const {
  const auto found = children_.find(id);
  if (found != children_.end()) signal_worker(found->second.pid, number);
}

AGENT_WEBSOCKET_INLINE std::string worker_children::name_of(unsigned id) const {
  const child& one = children_.at(id);
  return "worker=" + std::to_string(one.slot) + " pid=" + std::to_string(one.pid);
}

AGENT_WEBSOCKET_INLINE std::vector<worker_children::ended_child> worker_children::reap() {
  std::vector<ended_child> all;
  for (auto each = children_.begin(); each != children_.end();) {
    const auto how = reap_worker(each->second.pid);
    if (!how) {
      ++each;
      continue;
    }
    all.push_back({each->first, each->second.place, name_of(each->first), *how});
    each = children_.erase(each);
  }
  return all;
}

AGENT_WEBSOCKET_INLINE void worker_children::listen_to(unsigned id, child& one) {
  one.line->async_read_some(asio::buffer(one.said.get(), 1),
                            [this, id](const std::error_code& end, std::size_t) {
                              if (end) return;  // that of the process is told by a signal
                              on_ready_(id);
                            });
}

#endif

}  // namespace agent_websocket

#endif
