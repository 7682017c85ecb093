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

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS
