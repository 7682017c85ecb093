// SPDX-License-Identifier: MIT
//
// Agent WebSocket: serve an LLM agent over WebSocket. Include this header, or its one-file form in
// single_include/. Set AGENT_WEBSOCKET_WITH_ADAPTERS to 0 before, the same in every translation
// unit, for the core and the mocks alone.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/version.hpp>

#include <agent_websocket/server/environment.hpp>
#include <agent_websocket/server/server.hpp>

#include <agent_websocket/testing/manual_scheduler.hpp>
#include <agent_websocket/testing/mock_http_client.hpp>
#include <agent_websocket/testing/mock_transport.hpp>

#include <agent_websocket/adapters/websocketpp_connector.hpp>
#include <agent_websocket/host/server.hpp>
