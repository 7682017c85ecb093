// SPDX-License-Identifier: MIT
#include <agent_websocket/base/config.hpp>

#include <doctest/doctest.h>

// An undefined macro would be 0 in an #if: these are checked in code, where it is an error.
TEST_CASE("config: every switch is 0 or 1") {
  CHECK((AGENT_WEBSOCKET_WITH_ADAPTERS == 0 || AGENT_WEBSOCKET_WITH_ADAPTERS == 1));
  CHECK((AGENT_WEBSOCKET_WITH_CURL == 0 || AGENT_WEBSOCKET_WITH_CURL == 1));
}

TEST_CASE("config: the core tests are built without the adapters, and so without curl") {
  CHECK(AGENT_WEBSOCKET_WITH_ADAPTERS == 0);
  CHECK(AGENT_WEBSOCKET_WITH_CURL == 0);
}
