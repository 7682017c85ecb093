// SPDX-License-Identifier: MIT
//
// What the tests of tools share: an upstream that calls them, and what the model was told.
#pragma once

#include "flow/fixture.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flow {

/// One call as a model makes it.
struct model_call_text {
  std::string id, name, arguments;
};

/// An answer that calls tools, with some words before.
inline aw::testing::http_script calls(const std::vector<model_call_text>& made,
                                      std::string_view words = {},
                                      std::string_view reason = "tool_calls") {
  aw::testing::http_script script;
  script.head(200, event_stream());
  if (!words.empty()) script.body(chunk(words));
  for (std::size_t i = 0; i < made.size(); ++i) {
    script.body(aw::testing::sse(
        R"({"id":"gen-1","model":"served/model","choices":[{"index":0,"delta":{"tool_calls":[)"
        R"({"index":)" +
        std::to_string(i) + R"(,"id":)" + ::quoted(made[i].id) +
        R"(,"type":"function","function":{"name":)" + ::quoted(made[i].name) + R"(,"arguments":)" +
        ::quoted(made[i].arguments) + R"(}}]},"finish_reason":null}]})"));
  }
  return script.body(finish(reason)).body(done()).complete();
}

/// The messages of role tool in the last request: "id=content", one a line.
inline std::string told_by_tools(const aw::http::request& request) {
  const frame body(request.body);
  std::string all;
  body.at("messages").for_each_element([&all](const aw::json::value& each) {
    if (each["role"].string() != "tool") return;
    if (!all.empty()) all += '\n';
    all.append(each["tool_call_id"].string().value_or("?")).append("=");
    all.append(each["content"].string().value_or("(none)"));
  });
  return all;
}

inline std::vector<frame> with_op(const std::vector<frame>& frames, std::string_view op) {
  std::vector<frame> found;
  for (const frame& each : frames) {
    if (each.op() == op) found.push_back(each);
  }
  return found;
}
inline std::vector<frame> of_type(const std::vector<frame>& frames, std::string_view type) {
  std::vector<frame> found;
  for (const frame& each : frames) {
    if (each.type() == type) found.push_back(each);
  }
  return found;
}

inline constexpr const char* city_schema =
    R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})";

struct tool_fixture : fixture {
  explicit tool_fixture(aw::options chosen = settings()) : fixture(std::move(chosen)) {}

  using invocation = aw::tool_invocation<session_type>;

  /// A tool that answers "N of CITY" at once.
  void add_weather() {
    server.tool({"weather", "Weather of a city", city_schema},
                [this](const invocation& call, const aw::tool_reply& reply) {
                  ran.push_back(call.arguments);
                  reply("sunny in " + std::string(call.value()["city"].string().value_or("?")));
                });
  }
  /// A tool that waits until the test answers by replies.back().
  void add_slow(aw::tool_definition definition) {
    server.tool(std::move(definition), [this](const invocation& call, const aw::tool_reply& reply) {
      ran.push_back(call.arguments);
      call.on_cancel([this, id = call.id] { cancelled.push_back(id); });
      invocations.push_back(call);
      replies.push_back(reply);
    });
  }
  aw::connection_id greet(std::string_view caps = R"("delta","feedback")",
                          std::string_view more = {}) {
    const auto id = connect();
    say(id, R"({"type":"command","op":"hello","v":1,"caps":[)" + std::string(caps) + "]" +
                std::string(more) + "}");
    return id;
  }

  std::vector<std::string> ran, cancelled;
  std::vector<invocation> invocations;
  std::vector<aw::tool_reply> replies;
};

}  // namespace flow
