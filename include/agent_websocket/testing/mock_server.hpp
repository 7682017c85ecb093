// SPDX-License-Identifier: MIT
//
// The server that tests of an application make: on the mocks alone, with no socket, no thread and
// no time but what the test lets pass.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/policy/any_store.hpp>
#include <agent_websocket/server/server.hpp>
#include <agent_websocket/session/session.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>
#include <agent_websocket/testing/mock_http_client.hpp>
#include <agent_websocket/testing/mock_transport.hpp>

namespace agent_websocket {
namespace testing {

/// Has the router of a `server`; how to use it is in examples/unit_test.cpp.
using mock_server = basic_server<mock_transport, mock_http_client, manual_scheduler>;

}  // namespace testing

#if AGENT_WEBSOCKET_SEPARATE_MOCK_SERVER  // naming an instance lays it out, in each unit
AGENT_WEBSOCKET_INSTANTIATE(class basic_server<testing::mock_transport, testing::mock_http_client,
                                               testing::manual_scheduler>);
AGENT_WEBSOCKET_INSTANTIATE(class basic_session<testing::mock_transport, testing::mock_http_client,
                                                testing::manual_scheduler, any_store>);
#endif

}  // namespace agent_websocket
