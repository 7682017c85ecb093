// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/tool_call.hpp>

#include <doctest/doctest.h>

using agent_websocket::openrouter::tool_call;

TEST_CASE("tool call: equal when all of it is") {
  const tool_call one{"a", "f", "{}", true};
  CHECK(one == tool_call{"a", "f", "{}", true});
  CHECK(one != tool_call{"b", "f", "{}", true});
  CHECK(one != tool_call{"a", "g", "{}", true});
  CHECK(one != tool_call{"a", "f", "{ }", true});
  CHECK(one != tool_call{"a", "f", "{}", false});
  CHECK(tool_call().complete);
}
