// SPDX-License-Identifier: MIT
#include <agent_websocket/client/tool_calls.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace agent_websocket;
using list = std::vector<std::string>;

namespace {

client_tool_progress progress(std::string_view text) {
  json::document document;
  const auto read = wire::read_server_message(text, document);
  REQUIRE(read);
  return client_tool_progress::of(*read);
}

}  // namespace

TEST_CASE("client tool calls: progress is read from a status, leniently") {
  auto read = progress(
      R"({"type":"status","op":"tool","ref":"q1","stream":"r_1","content":"Calling clock",
          "tool":{"call":"t_3","name":"clock","arguments":{"zone":"UTC"},"state":"failed","error":"no"}})");
  CHECK(read.ref == "q1");
  CHECK(read.stream == "r_1");
  CHECK(read.call == "t_3");
  CHECK(read.name == "clock");
  CHECK(read.arguments == R"({"zone":"UTC"})");
  CHECK(read.state == "failed");
  CHECK(read.error == "no");
  CHECK(read.content == "Calling clock");
  read = progress(R"({"type":"status","op":"tool","id":"t_4","tool":{"name":3}})");
  CHECK(read.call == "t_4");
  CHECK(read.name.empty());
  CHECK(read.arguments == "{}");
}

TEST_CASE("client tool calls: a call runs once, and has one result") {
  client_tool_calls calls;
  CHECK(calls.begin("t1", "q1"));
  CHECK_FALSE(calls.begin("t1", "q1"));
  CHECK_FALSE(calls.begin("", "q1"));
  CHECK_FALSE(calls.begin("no id", "q1"));
  CHECK(calls.is_running("t1"));
  CHECK_FALSE(calls.is_running("t2"));
  calls.answered("t1", "m1");
  CHECK_FALSE(calls.is_running("t1"));
  CHECK_FALSE(calls.begin("t1", "q1"));
  calls.settle("m2");
  calls.settle("");
  CHECK_FALSE(calls.begin("t1", "q1"));
  calls.settle("m1");
  CHECK(calls.begin("t1", "q1"));
}

TEST_CASE("client tool calls: what nobody waits for ends, with its result") {
  client_tool_calls calls;
  for (const char* id : {"t1", "t2", "t3"}) calls.begin(id, "q1");
  calls.begin("t4", "q2");
  calls.begin("t5", "q3");
  calls.answered("t1", "m1");
  calls.answered("t2", "m2");
  calls.answered("t5", "m5");
  CHECK(calls.end("t9").empty());
  CHECK(calls.end("t1") == list{"m1"});
  CHECK(calls.end("t1").empty());
  CHECK(calls.end_of_query("q1") == list{"m2"});
  CHECK_FALSE(calls.is_running("t3"));
  CHECK(calls.is_running("t4"));
  CHECK(calls.end_all() == list{"m5"});
  CHECK_FALSE(calls.is_running("t4"));
  for (std::size_t i = 0; i <= client_tool_calls::max_open; ++i)
    calls.begin("x" + std::to_string(i), "q1");
  CHECK_FALSE(calls.is_running("x0"));
  CHECK(calls.is_running("x1"));
}
