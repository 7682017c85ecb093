// SPDX-License-Identifier: MIT
//
// Agent WebSocket: serve an LLM agent over WebSocket, and be its client. Include this header, or
// its one-file form in single_include/. Set AGENT_WEBSOCKET_WITH_ADAPTERS to 0 before, the same in
// every translation unit, for the core and the mocks alone.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/version.hpp>

#include <agent_websocket/auth/any_authenticator.hpp>
#include <agent_websocket/auth/tokens_or_jwt.hpp>
#include <agent_websocket/client/client.hpp>
#include <agent_websocket/openrouter/response_format.hpp>
#include <agent_websocket/server/environment.hpp>
#include <agent_websocket/server/server.hpp>

#include <agent_websocket/policy/any_exchange.hpp>
#include <agent_websocket/policy/any_store.hpp>
#include <agent_websocket/policy/memory_exchange.hpp>

#include <agent_websocket/testing/faulty_store.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>
#include <agent_websocket/testing/mock_client_transport.hpp>
#include <agent_websocket/testing/mock_http_client.hpp>
#include <agent_websocket/testing/mock_server.hpp>
#include <agent_websocket/testing/mock_transport.hpp>

#include <agent_websocket/adapters/asio_http_client.hpp>
#include <agent_websocket/adapters/redis_exchange.hpp>
#include <agent_websocket/adapters/redis_store.hpp>
#include <agent_websocket/adapters/sqlite_export.hpp>
#include <agent_websocket/adapters/sqlite_store.hpp>

#include <agent_websocket/host/client.hpp>
#include <agent_websocket/host/server.hpp>
#include <agent_websocket/host/supervisor.hpp>
