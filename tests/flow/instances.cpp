// SPDX-License-Identifier: MIT
//
// The templates that most flow tests use, compiled once: see fixture.hpp.
#include "flow/fixture.hpp"

namespace agent_websocket {
template class openrouter::basic_openrouter_client<testing::mock_http_client,
                                                   testing::manual_scheduler>;
template class basic_session<testing::mock_transport, testing::mock_http_client,
                             testing::manual_scheduler, any_store>;
template class basic_server<testing::mock_transport, testing::mock_http_client,
                            testing::manual_scheduler, any_store, allow_all, flow::kept_log>;
}  // namespace agent_websocket
