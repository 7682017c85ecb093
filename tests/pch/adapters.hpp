// SPDX-License-Identifier: MIT
// The precompiled header of adapter_tests, in both builds: third-party headers only, so that no
// test passes because of an own header that it does not include.
#pragma once

#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

// websocketpp's response.hpp does not include the shared_ptr that it uses.
#include <websocketpp/common/memory.hpp>

#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>
#include <websocketpp/processors/hybi13.hpp>

#include <curl/curl.h>
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
