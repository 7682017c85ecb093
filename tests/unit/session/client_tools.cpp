// SPDX-License-Identifier: MIT
#include <agent_websocket/session/client_tools.hpp>

#include "core_tools.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;

namespace {

tool_ptr tool_of(const std::string& name, const std::string& description = {}) {
  tool_definition made;
  made.name = name;
  made.description = description;
  auto checked = make_tool(std::move(made), true);
  REQUIRE(checked);
  return *checked;
}
std::string names(const client_tools& of) {
  std::string all;
  for (const tool_ptr& each : of.tools()) all += each->definition.name + " ";
  return all;
}

constexpr const char* beep = R"(,"tools":[{"name":"beep"}])";
constexpr const char* query = R"({"id":"q","content":"x","stream":true})";

/// As each socket sees the call: "id or none".
std::string call_ids(const std::vector<frame>& frames) {
  std::string all;
  for (const frame& each : with_op(frames, "tool")) {
    if (each.text("tool.state") == "calling") all += each.has("id") ? each.text("id") + " " : "- ";
  }
  return all;
}

}  // namespace

TEST_CASE("client_tools: a socket declares, declares anew, and goes") {
  client_tools all;
  CHECK(all.tools().empty());
  CHECK(all.runner_of("a") == 0u);
  all.declare(1, {tool_of("a"), tool_of("b")});
  all.declare(2, {tool_of("c")});
  CHECK(names(all) == "a b c ");
  CHECK(all.runner_of("b") == 1u);
  CHECK(all.runner_of("c") == 2u);
  all.declare(1, {tool_of("b"), tool_of("d")});
  CHECK(all.runner_of("a") == 0u);
  CHECK(all.runner_of("d") == 1u);
  all.forget(1);
  CHECK(names(all) == "c ");
  all.declare(2, {});
  CHECK(names(all).empty());
  all.forget(7);
}

TEST_CASE("client_tools: the socket that declared a name last runs it, while it is there") {
  client_tools all;
  all.declare(1, {tool_of("a", "first"), tool_of("b")});
  all.declare(2, {tool_of("a", "second")});
  CHECK(all.runner_of("a") == 2u);
  REQUIRE(all.tools().size() == 2u);
  for (const tool_ptr& each : all.tools()) {
    if (each->definition.name == "a") CHECK(each->definition.description == "second");
  }
  all.forget(2);  // the first is still here
  CHECK(all.runner_of("a") == 1u);
  REQUIRE(all.tools().size() == 2u);
  all.declare(1, {tool_of("a")});
  CHECK(names(all) == "a ");
}

TEST_CASE_FIXTURE(tool_core,
                  "client tools: the call goes to who declared it, others are told of it") {
  hello(beep);
  hello({}, 2);
  socket(3);
  send(query, 2);
  proceed();
  sent();
  sent(2);
  call({{"c", "beep", "{}"}});
  CHECK(tools.empty());
  CHECK(clocks.at(0).id == "t_1");
  CHECK(call_ids(sent()) == "t_1 ");
  CHECK(call_ids(sent(2)) == "- ");
  CHECK(with_op(sent(3), "tool").empty());
  // Any socket of the session may answer: the client may have come back on it.
  CHECK(shape(result_of("t_1", R"(,"data":[1,"a"])", 2)) == "done:t_1");
  CHECK(told() == "c=[1,\"a\"]");
}

TEST_CASE_FIXTURE(tool_core, "client tools: what a result may be") {
  struct row {
    const char* more;
    const char* told;
  };
  for (const row& each : {row{R"(,"data":{"a":1})", R"({"a":1})"}, row{R"(,"data":false)", "false"},
                          row{R"(,"data":"words")", R"("words")"}, row{R"(,"data":null)", "null"},
                          row{R"(,"data":0)", "0"}, row{R"(,"error":"no")", R"({"error":"no"})"},
                          row{R"(,"error":"no","data":1)", R"({"error":"no"})"},
                          row{R"(,"error":null,"data":1)", "1"}}) {
    CAPTURE(std::string(each.more));
    tool_core f;
    f.hello(beep);
    f.ask_and_call({{"c", "beep", "{}"}});
    f.result_of("t_1", each.more);
    CHECK(f.told() == std::string("c=") + each.told);
  }
}

TEST_CASE_FIXTURE(tool_core, "client tools: a result for what is not open is not found") {
  hello(beep);
  const auto not_found = [this](std::string_view call, const char* more = R"(,"data":1)") {
    const auto frames = result_of(call, more);
    return frames.size() == 1u && frames[0].code() == "not_found" ? frames[0].ref()
                                                                  : std::string("found");
  };
  CHECK(not_found("t_1") == "t_1");
  ask_and_call(
      {{"a", "beep", "{}"}, {"b", "weather", R"({"city":"x"})"}, {"c", "erase", R"({"city":"x"})"}},
      query);
  CHECK(not_found("t_2", R"(,"data":1,"id":"r1")") == "r1");  // the server's own
  CHECK(not_found("t_3") == "t_3");                           // waits for a person
  CHECK(not_found("c") == "c");                               // the model's id
  result_of("t_1", R"(,"data":1,"id":"r2")");
  CHECK(not_found("t_1") == "t_1");
  const auto again = result_of("t_1", R"(,"data":1,"id":"r2")");
  CHECK(again.at(0).truth("duplicate"));
  core.end(4499, "x", error(errc::interrupted), at);
  collect();
  sent();
  CHECK(result_of("t_1").empty());  // the session is over
}

TEST_CASE_FIXTURE(tool_core, "client tools: its client leaves, another declares the tool") {
  hello(beep);
  hello({}, 2);
  ask_and_call({{"c", "beep", "{}"}}, query);
  sent(2);
  core.detached(here, at);
  CHECK(core.running());
  const std::string more = R"(,"tools":[{"name":"beep"}])";
  send(R"({"type":"command","op":"hello","v":1,"caps":["tools"])" + more + "}", 2);
  collect();
  core.greet(hellos.back(), "new", "t", at);
  CHECK(call_ids(sent(2)) == "t_1 ");
  CHECK(call_ids(sent(2)).empty());
  result_of("t_1", R"(,"data":"ok")", 2);
  CHECK(told() == "c=\"ok\"");
}

TEST_CASE_FIXTURE(
    tool_core,
    "client tools: a call comes again with each hello that declares it, until it has ended") {
  hello(beep);
  ask_and_call({{"c", "beep", "{}"}, {"d", "beep", "{}"}}, query);
  result_of("t_1");
  const auto greeted = [this](const char* more) {
    send(R"({"type":"command","op":"hello","v":1,"caps":["tools"])" + std::string(more) + "}");
    collect();
    core.greet(hellos.back(), "new", "t", at);
    return call_ids(sent());
  };
  CHECK(greeted(beep) == "t_2 ");
  CHECK(greeted("") == "");
  CHECK(greeted(beep) == "t_2 ");
  time_is_up("t_2");
  CHECK(greeted(beep) == "");
}

TEST_CASE_FIXTURE(tool_core, "client tools: a client without that tool is never called") {
  // One declares, another asks; the one that declared leaves before the model calls.
  hello(beep, 2);
  socket(3);
  send(query, 3);
  proceed();
  sent(3);
  core.detached(2, at);
  call({{"c", "beep", "{}"}});
  CHECK(with_op(sent(3), "tool").empty());
  time_is_up("t_1");
  CHECK(told() == "c={\"error\":\"The tool took too long\"}");
}

TEST_CASE_FIXTURE(
    tool_core,
    "client tools: those of a query are run by who asked, whoever has one of that name") {
  hello(R"(,"tools":[{"name":"beep","description":"of another"}])", 2);
  hello();
  send(R"({"id":"q","content":"x","stream":true,"tools":[{"name":"beep","description":"mine"}]})");
  CHECK(proceed().tools.find("mine") != std::string::npos);
  CHECK(proceed().tools.find("of another") == std::string::npos);
  sent();
  call({{"c", "beep", "{}"}});
  CHECK(call_ids(sent()) == "t_1 ");
  CHECK(call_ids(sent(2)) == "- ");
  // It comes again to the same socket, and when that is gone to who declares it.
  send(R"({"type":"command","op":"hello","v":1,"caps":[]})");
  collect();
  core.greet(hellos.back(), "new", "t", at);
  CHECK(call_ids(sent()) == "t_1 ");
  core.detached(here, at);
  send(R"({"type":"command","op":"hello","v":1,"caps":[],"tools":[{"name":"beep"}]})", 4);
  collect();
  core.greet(hellos.back(), "new", "t", at);
  CHECK(call_ids(sent(4)) == "t_1 ");
}

TEST_CASE_FIXTURE(
    tool_core, "client tools: a query with one that is wrong, or whose name is taken, is refused") {
  hello();
  for (const char* wrong :
       {R"({"name":"weather"})", R"({"name":"a b"})", R"({"name":"ok"},{"name":"ok"})"}) {
    const auto frames = send(R"({"id":"q","content":"x","tools":[)" + std::string(wrong) + "]}");
    REQUIRE(frames.size() == 1u);
    CHECK(frames[0].ref() == "q");
    CHECK(frames[0].code() == "bad_message");
    CHECK_FALSE(frames[0].truth("terminal"));
    CHECK_FALSE(core.running());
  }
}

TEST_CASE("client tools: not where the operator does not want them") {
  session_settings settings;
  settings.client_tools = false;
  tool_core f(settings);
  f.hello(beep);
  CHECK(f.send(R"({"id":"q","content":"x","tools":[{"name":"beep"}]})").at(0).code() ==
        "forbidden");
  f.send(R"({"id":"q","content":"x"})");
  CHECK(f.proceed().tools.empty());
}

TEST_CASE_FIXTURE(tool_core,
                  "client tools: a hello that is for another session declares nothing here") {
  send(R"({"type":"command","op":"hello","v":1,"caps":["tools"],"session_id":"other","resume":)"
       R"({"token":"t","epoch":"e","last_seq":0},"tools":[{"name":"beep"}]})");
  collect();
  core.detached(here, at);
  send(R"({"content":"x"})", 2);
  CHECK(proceed().tools.find("beep") == std::string::npos);
}

TEST_CASE_FIXTURE(tool_core, "client tools: resume declares them, and brings the open calls") {
  hello(beep);
  ask_and_call({{"c", "beep", "{}"}}, query);
  core.detached(here, at);
  json::document scratch;
  auto back = std::get<wire::command>(wire::decode(
      R"({"type":"command","op":"hello","v":1,"caps":["tools"],"session_id":"s","resume":)"
      R"({"token":"t","epoch":"e1","last_seq":0},"tools":[{"name":"beep"}]})",
      scratch));
  core.resume(5, back, "t", at);
  CHECK(call_ids(sent(5)) == "t_1 ");
  result_of("t_1", R"(,"data":1)", 5);
  CHECK(told() == "c=1");
}
