// SPDX-License-Identifier: MIT
#include <agent_websocket/server/router.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <ostream>  // prints a shared_ptr
#include <string>
#include <utility>
#include <vector>

using namespace agent_websocket;

namespace {

struct fake_session {
  std::vector<query_decision> decided;
  void decide(run_number, query_decision decision) { decided.push_back(std::move(decision)); }
};
using router = basic_router<fake_session>;

http::response page(const http::request&) { return http::response::html("<p>"); }

}  // namespace

TEST_CASE("router: without hooks everything goes its way") {
  const router plain;
  const auto session = std::make_shared<fake_session>();
  plain.connected(*session, {});
  plain.query(*session, {}, query_reply<fake_session>(session, 1));
  REQUIRE(session->decided.size() == 1u);
  CHECK(session->decided[0].what == query_decision::kind::proceed);
  openrouter::chat_request request;
  plain.request(*session, request);
  CHECK_FALSE(plain.command(*session, {}));
  plain.feedback(*session, {});
  plain.response(*session, {});
  plain.disconnected(*session, 1000);
  plain.resumed(*session);
  plain.ended(*session);
  plain.event({});
  CHECK(plain.find_http("GET", "/") == nullptr);
  CHECK(plain.commands().empty());
}

TEST_CASE("router: each hook is given what it is for") {
  router hooks;
  std::string seen;
  const auto session = std::make_shared<fake_session>();
  hooks.on_connect([&](fake_session&, const handshake& from) { seen += from.remote_address + " "; })
      .on_query([&](fake_session&, const wire::query& asked, query_reply<fake_session> reply) {
        seen += asked.content + " ";
        reply.answer("a");
      })
      .before_request(
          [&](fake_session&, openrouter::chat_request& request) { request.model = "changed"; })
      .on_response([&](fake_session&, const answer_record& ended) { seen += ended.text + " "; })
      .on_feedback([&](fake_session&, const feedback_entry& said) { seen += said.comment + " "; })
      .on_disconnect([&](fake_session&, std::uint16_t code) { seen += std::to_string(code) + " "; })
      .on_resume([&](fake_session& back) {
        CHECK(&back == session.get());
        seen += "resumed ";
      })
      .on_end([&](fake_session& over) {
        CHECK(&over == session.get());
        seen += "ended ";
      })
      .on_event([&](const server_event& what) { seen += std::string(what.name) + " "; });

  handshake from;
  from.remote_address = "127.0.0.1";
  hooks.connected(*session, from);
  wire::query asked;
  asked.content = "question";
  hooks.query(*session, asked, query_reply<fake_session>(session, 1));
  REQUIRE(session->decided.size() == 1u);
  CHECK(session->decided[0].text == "a");
  openrouter::chat_request request;
  hooks.request(*session, request);
  CHECK(request.model == "changed");
  answer_record ended;
  ended.text = "answer";
  hooks.response(*session, ended);
  feedback_entry said;
  said.comment = "good";
  hooks.feedback(*session, said);
  hooks.disconnected(*session, 1001);
  hooks.resumed(*session);
  hooks.ended(*session);
  hooks.event({log_level::info, "session_opened", "s", "t"});
  CHECK(seen == "127.0.0.1 question answer good 1001 resumed ended session_opened ");
}

TEST_CASE("router: a later hook replaces the former") {
  router hooks;
  int first = 0, second = 0;
  hooks.on_event([&](const server_event&) { ++first; });
  hooks.on_event([&](const server_event&) { ++second; });
  hooks.event({});
  CHECK(first == 0);
  CHECK(second == 1);
}

TEST_CASE("router: commands by their exact op") {
  router hooks;
  fake_session session;
  std::string seen;
  hooks.on_command(
      "roll", [&](fake_session&, const wire::command& c) { seen += c.content; }, "rolls the dice");
  hooks.on_command("time", [&](fake_session&, const wire::command&) { seen += "t"; });
  wire::command command;
  command.op = "roll";
  command.content = "2";
  CHECK(hooks.command(session, command));
  command.op = "Roll";
  CHECK_FALSE(hooks.command(session, command));
  command.op = "time";
  CHECK(hooks.command(session, command));
  CHECK(seen == "2t");
  const auto listed = hooks.commands();
  REQUIRE(listed.size() == 2u);
  CHECK(listed[0].op == "roll");
  CHECK(listed[0].text == "rolls the dice");
  CHECK(listed[1].op == "time");
  CHECK_FALSE(listed[1].text.empty());
}

TEST_CASE("router: HTTP routes by method and path") {
  router hooks;
  hooks.on_http("GET", "/", page).on_http("POST", "/notify", page);
  CHECK(hooks.find_http("GET", "/") != nullptr);
  CHECK(hooks.find_http("HEAD", "/") != nullptr);
  CHECK(hooks.find_http("POST", "/notify") != nullptr);
  CHECK(hooks.find_http("HEAD", "/notify") == nullptr);
  CHECK(hooks.find_http("GET", "/notify") == nullptr);
  CHECK(hooks.find_http("POST", "/") == nullptr);
  CHECK(hooks.find_http("GET", "/x") == nullptr);
  CHECK(hooks.find_http("GET", "") == nullptr);
  CHECK((*hooks.find_http("GET", "/"))({}).body == "<p>");
}

TEST_CASE("router: a hook throws to its caller, who catches") {
  router hooks;
  fake_session session;
  hooks.on_connect([](fake_session&, const handshake&) { throw 7; });
  CHECK_THROWS_AS(hooks.connected(session, {}), int);
}

// ---- tools

namespace {

using invocation = tool_invocation<fake_session>;

/// What the handler of that tool answers, "!words" for a failure.
std::string run_tool(const router& hooks, const std::string& name) {
  std::string told;
  const invocation call("t_1", name, R"({"a":1})", {}, std::make_shared<tool_cancellation>());
  hooks.run_tool(call, tool_reply([&told](tool_result result) {
                   told += (result.failed ? "!" : "") + result.text;
                 }));
  return told;
}
void deaf(const invocation&, const tool_reply&) {}

}  // namespace

TEST_CASE("router: tools in the order of their registration, each with its handler") {
  router hooks;
  hooks.tool({"b", "second"}, [](const invocation& call, const tool_reply& reply) {
    reply(call.name + call.arguments);
  });
  hooks.tool({"a", "first"}, [](const invocation&, const tool_reply& reply) { reply.fail("no"); });
  const auto tools = hooks.tools();
  REQUIRE(tools);
  REQUIRE((*tools)->tools().size() == 2u);
  CHECK((*tools)->tools()[0]->definition.name == "b");
  CHECK((*tools)->tools()[1]->definition.description == "first");
  CHECK(run_tool(hooks, "b") == R"(b{"a":1})");
  CHECK(run_tool(hooks, "a") == "!no");
  CHECK(run_tool(hooks, "c").substr(0, 1) == "!");
}

TEST_CASE("router: without tools there is an empty box") {
  const router plain;
  const auto tools = plain.tools();
  REQUIRE(tools);
  CHECK((*tools)->tools().empty());
}

TEST_CASE("router: a tool that asks a person needs no handler, any other does") {
  tool_definition question{"ask", "asks"};
  question.asks_person = true;
  router good;
  good.tool(question);
  CHECK(good.tools());
  router bad;
  bad.tool({"weather", "w"}).tool(question);
  const auto tools = bad.tools();
  REQUIRE_FALSE(tools);
  CHECK(tools.error().code == errc::bad_configuration);
  CHECK(tools.error().message.find("`weather`") != std::string::npos);
}

TEST_CASE("router: the first thing that is wrong with the tools is told") {
  router hooks;
  hooks.tool({"good", "g"}, deaf).tool({"first wrong", "f"}, deaf).tool({"good", "again"}, deaf);
  const auto tools = hooks.tools();
  REQUIRE_FALSE(tools);
  CHECK(tools.error().code == errc::bad_configuration);
  CHECK(tools.error().message.find("name of a tool") != std::string::npos);
  router twice;
  twice.tool({"good", "g"}, deaf).tool({"good", "again"}, deaf);
  REQUIRE_FALSE(twice.tools());
  CHECK(twice.tools().error().message.find("`good`") != std::string::npos);
}

TEST_CASE("router: a tool that throws, throws to its caller") {
  router hooks;
  hooks.tool({"bad", "b"}, [](const invocation&, const tool_reply&) { throw 7; });
  CHECK_THROWS_AS(run_tool(hooks, "bad"), int);
}

TEST_CASE("router: the application adds metrics of its own") {
  router hooks;
  std::string text;
  metrics_text out(text);
  hooks.metrics(out);
  CHECK(text.empty());
  hooks.on_metrics([](metrics_text& to) { to.gauge("shop_open", "Open").sample(1); });
  hooks.metrics(out);
  CHECK(text.find("shop_open 1\n") != std::string::npos);
}
