// SPDX-License-Identifier: MIT
// What core.cpp does, where another unit has the server's templates, as README.md advises to who has
// many tests.
#include <agent_websocket.hpp>

extern template class agent_websocket::basic_server<
    agent_websocket::testing::mock_transport, agent_websocket::testing::mock_http_client,
    agent_websocket::testing::manual_scheduler>;

#include "core.cpp"
