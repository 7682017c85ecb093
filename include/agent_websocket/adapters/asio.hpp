// SPDX-License-Identifier: MIT
//
// The parts of standalone Asio that the adapters share, included one by one: <asio.hpp> costs a
// compiler more than a second. Every name used is in Asio 1.22 and still there in the newest one;
// build with ASIO_NO_DEPRECATED to keep it so. Boost.Asio is another library and does not serve.
#pragma once

#include <agent_websocket/base/config.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if defined(ASIO_ENABLE_BOOST) || (defined(ASIO_DETAIL_CONFIG_HPP) && !defined(ASIO_STANDALONE))
#error "agent_websocket needs standalone Asio: define ASIO_STANDALONE (and not ASIO_ENABLE_BOOST)"
#endif
#ifndef ASIO_STANDALONE
#define ASIO_STANDALONE
#endif

// Before Asio: its configuration asks for a macro of libstdc++ (_GLIBCXX_HAVE_ALIGNED_ALLOC) that
// any standard header brings, and translation units that see it and others do not mix.
#include <cstddef>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#if defined(__linux__)
#include <unistd.h>
#endif

#include <chrono>
#include <system_error>

namespace agent_websocket {
namespace adapters {

/// Sockets and timers that name their executor instead of asking for it through a polymorphic one.
using asio_socket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;
using asio_timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                              asio::wait_traits<std::chrono::steady_clock>,
                                              asio::io_context::executor_type>;

/// How a read or a write went.
enum class io_outcome { done, blocked, ended };

/// `ended` is an error or the end of the stream.
io_outcome outcome_of(const std::error_code& failure) noexcept;

/// For a socket that was connected by Asio: no call of it blocks from now on, and a wait for input
/// wakes up for input. Connecting waits for output, and Asio's reactor on epoll goes on watching
/// for it: each later wait for input would first wake up for "can be written". A socket that is
/// given back and registered again knows no such wait. One that is refused then is closed, which
/// its first use tells.
void finish_connecting(asio_socket& socket);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE io_outcome outcome_of(const std::error_code& failure) noexcept {
  if (!failure) return io_outcome::done;
  const bool later = failure == asio::error::would_block || failure == asio::error::try_again ||
                     failure == asio::error::interrupted;
  return later ? io_outcome::blocked : io_outcome::ended;
}

AGENT_WEBSOCKET_INLINE void finish_connecting(asio_socket& socket) {
  std::error_code failure;
#if defined(__linux__)
  const auto protocol = socket.local_endpoint(failure).protocol();
  const auto handle = failure ? -1 : socket.release(failure);
  if (!failure) {
    socket.assign(protocol, handle, failure);
    if (failure) ::close(handle);
  }
#endif
  socket.non_blocking(true, failure);
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
