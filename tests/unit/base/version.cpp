// SPDX-License-Identifier: MIT
#include <agent_websocket/base/version.hpp>

#include <doctest/doctest.h>

#include <string>

TEST_CASE("version: the text is the three numbers") {
  const std::string expected = std::to_string(AGENT_WEBSOCKET_VERSION_MAJOR) + "." +
                               std::to_string(AGENT_WEBSOCKET_VERSION_MINOR) + "." +
                               std::to_string(AGENT_WEBSOCKET_VERSION_PATCH);
  CHECK(std::string(AGENT_WEBSOCKET_VERSION_STRING) == expected);
}

TEST_CASE("version: the numbers are plain, also for the preprocessor") {
#if AGENT_WEBSOCKET_VERSION_MAJOR * 10000 + AGENT_WEBSOCKET_VERSION_MINOR * 100 + \
        AGENT_WEBSOCKET_VERSION_PATCH <=                                          \
    0
  FAIL("the version is 0.0.0");
#endif
  CHECK(agent_websocket::protocol_version == 1);
}
