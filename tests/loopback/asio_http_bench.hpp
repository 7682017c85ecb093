// SPDX-License-Identifier: MIT
//
// The bench of the HTTP clients for asio_http_client.
#pragma once

#include <agent_websocket/adapters/asio_http_client.hpp>

#include "http_bench.hpp"

namespace loopback {

using asio_http_bench = http_bench<agent_websocket::adapters::asio_http_client,
                                   agent_websocket::adapters::asio_http_options>;

}  // namespace loopback
