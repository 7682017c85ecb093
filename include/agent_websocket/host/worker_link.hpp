// SPDX-License-Identifier: MIT
//
// The worker's end of what joins it to its supervisor: the sockets that it inherits, the line on
// which it says that it is ready and on which it learns that the supervisor is gone, and the table
// of loads. A server that is given one by server::join is a worker.
#pragma once

#include <agent_websocket/adapters/asio.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/host/worker_loads.hpp>
#include <agent_websocket/host/worker_ticket.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if defined(ASIO_HAS_POSIX_STREAM_DESCRIPTOR)
#include <asio/posix/stream_descriptor.hpp>

#include <fcntl.h>
#endif

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {

class worker_link {
 public:
  worker_link(worker_link&&) = default;
  worker_link& operator=(worker_link&&) = default;

  /// Nothing when no supervisor has started this process. What is found is taken: a second call
  /// finds nothing, and neither does a program that this one starts. Before there are threads.
  static std::optional<worker_link> from_environment();

  const worker_ticket& ticket() const noexcept { return ticket_; }
  /// Our own; null where loads are not shared. Stays where it is when the link is moved.
  worker_loads::count* load() const noexcept;
  std::function<bool()> leave_to_others() const;
  /// Nobody leaves a connection to this worker any more.
  void leave() const noexcept { loads_->leave(ticket_.place); }

#if defined(ASIO_HAS_POSIX_STREAM_DESCRIPTOR)
  /// Tells the supervisor that connections are accepted. `on_gone` is called when there is no
  /// supervisor any more.
  void ready(asio::io_context& context, std::function<void()> on_gone) {
    std::error_code failure;
    line_ = std::make_unique<asio::posix::stream_descriptor>(context, ticket_.control);
    line_->write_some(asio::buffer("r", 1), failure);
    line_->async_read_some(asio::buffer(unused_.get(), 1),
                           [on_gone = std::move(on_gone)](const std::error_code& end, std::size_t) {
                             if (end != asio::error::operation_aborted) on_gone();
                           });
  }
#else
  void ready(asio::io_context&, std::function<void()>) {}
#endif

 private:
  worker_link() = default;

#if defined(ASIO_HAS_POSIX_STREAM_DESCRIPTOR)
  /// For this process alone.
  static void keep(int descriptor) {
    if (descriptor >= 0) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }

  std::unique_ptr<asio::posix::stream_descriptor> line_;
  std::unique_ptr<char[]> unused_ = std::make_unique<char[]>(1);
#endif
  worker_ticket ticket_;
  std::unique_ptr<worker_loads> loads_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE std::optional<worker_link> worker_link::from_environment() {
#if defined(ASIO_HAS_POSIX_STREAM_DESCRIPTOR)
  const char* const text = std::getenv(worker_ticket::variable);
  if (text == nullptr) return std::nullopt;
  auto ticket = worker_ticket::parse(text);
  ::unsetenv(worker_ticket::variable);
  if (!ticket) return std::nullopt;
  worker_link made;
  for (const int each : ticket->listeners) keep(each);
  keep(ticket->control);
  keep(ticket->loads);
  made.loads_ = std::make_unique<worker_loads>(worker_loads::adopt(ticket->loads));
  made.ticket_ = std::move(*ticket);
  return made;
#else
  return std::nullopt;
#endif
}

AGENT_WEBSOCKET_INLINE worker_loads::count* worker_link::load() const noexcept {
  return loads_->at(ticket_.place);
}

AGENT_WEBSOCKET_INLINE std::function<bool()> worker_link::leave_to_others() const {
  if (load() == nullptr) return nullptr;
  return
      [loads = loads_.get(), place = ticket_.place] { return loads->has_less_loaded_than(place); };
}

#endif

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
