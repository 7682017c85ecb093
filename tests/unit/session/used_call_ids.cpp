// SPDX-License-Identifier: MIT
#include <agent_websocket/session/used_call_ids.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::used_call_ids;
using agent_websocket::openrouter::tool_call;

TEST_CASE("used_call_ids: a good call is not touched") {
  used_call_ids ids;
  const tool_call call{"toolu_1", "read", R"({ "path" : "a\u0041" })", true};
  CHECK(ids.replayable(call) == call);
}

TEST_CASE("used_call_ids: no two calls of a session have one id") {
  used_call_ids ids;
  CHECK(ids.replayable({"a", "t", "{}", true}).id == "a");
  CHECK(ids.replayable({"a", "t", "{}", true}).id == "c00000001");
  CHECK(ids.replayable({"c00000002", "t", "{}", true}).id == "c00000002");
  CHECK(ids.replayable({"", "t", "{}", true}).id == "c00000003");
  CHECK(ids.replayable({"a", "t", "{}", true}).id == "c00000004");
  // The oldest are forgotten.
  for (std::size_t i = 0; i < used_call_ids::max_ids; ++i)
    ids.replayable({"x" + std::to_string(i), "t", "{}", true});
  CHECK(ids.replayable({"a", "t", "{}", true}).id == "a");
}

TEST_CASE("used_call_ids: what providers refuse is not sent back to them") {
  used_call_ids ids;
  for (const char* name : {"", "functions.clock", "two words", "<b>"})
    CHECK(ids.replayable({"a", name, "{}", true}).name == "unknown_tool");
  CHECK(ids.replayable({"a", std::string(65, 'x'), "{}", true}).name == "unknown_tool");
  CHECK(ids.replayable({"a", std::string(64, 'x'), "{}", true}).name == std::string(64, 'x'));
  for (const char* arguments : {"", "[]", "nonsense", R"({"a":)", "1", "null"})
    CHECK(ids.replayable({"a", "t", arguments, true}).arguments == "{}");
}

TEST_CASE("used_call_ids: those that another process has shown the model are taken") {
  used_call_ids ids;
  ids.take("a");
  ids.take("a");
  ids.take("");
  ids.take("c00000001");
  CHECK(ids.replayable({"a", "t", "{}", true}).id == "c00000002");
  CHECK(ids.replayable({"b", "t", "{}", true}).id == "b");
  for (std::size_t i = 0; i < used_call_ids::max_ids; ++i) ids.take("x" + std::to_string(i));
  CHECK(ids.replayable({"a", "t", "{}", true}).id == "a");
}
