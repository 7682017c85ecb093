// SPDX-License-Identifier: MIT
//
// A session_core with tools of each kind, and a model that calls them; the test plays the handlers
// and the people by hand.
#pragma once

#include "core_fixture.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// weather runs at once, erase needs approval, bold is approved by default, ask is answered by a
/// person.
inline std::shared_ptr<const agent_websocket::toolbox> all_tools() {
  constexpr const char* city =
      R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})";
  agent_websocket::toolbox made;
  agent_websocket::tool_definition weather{"weather", "Weather of a city", city};
  weather.timeout = std::chrono::seconds(5);
  agent_websocket::tool_definition erase{"erase", "Erases a city", city};
  erase.requires_approval = true;
  agent_websocket::tool_definition bold{"bold", "Goes on without asking twice"};
  bold.requires_approval = bold.approved_by_default = true;
  agent_websocket::tool_definition ask{"ask", "Asks the user"};
  ask.asks_person = ask.approved_by_default = true;
  ask.question = "Which colour?";
  for (auto* each : {&weather, &erase, &bold, &ask}) REQUIRE(made.add(*each));
  return std::make_shared<const agent_websocket::toolbox>(std::move(made));
}

inline agent_websocket::session_settings tool_settings() {
  agent_websocket::session_settings settings;
  settings.system_prompt = "P";
  settings.tools = all_tools();
  return settings;
}

struct tool_core : core_fixture {
  explicit tool_core(agent_websocket::session_settings settings = tool_settings())
      : core_fixture(std::move(settings)) {}

  struct call_text {
    std::string id, name, arguments;
  };

  /// The model's answer is these calls.
  void call(const std::vector<call_text>& made, std::string finish_reason = "tool_calls") {
    agent_websocket::completion_result result;
    result.finish_reason = std::move(finish_reason);
    for (const call_text& each : made)
      result.tool_calls.push_back({each.id, each.name, each.arguments, true});
    result.used = {1, 10, 20, 0.5, true, true};
    core.completed(run(), std::move(result), at);
    collect();
  }
  /// The client asks and the model calls; gives what the client is sent by that.
  std::vector<frame> ask_and_call(const std::vector<call_text>& made,
                                  std::string_view query = R"({"id":"q","content":"x"})") {
    auto all = send(query);
    proceed();
    call(made);
    for (frame& each : sent()) all.push_back(std::move(each));
    return all;
  }
  void hello(std::string_view more = {}, agent_websocket::connection_id from = here) {
    send(R"({"type":"command","op":"hello","v":1,"caps":["delta","feedback"])" + std::string(more) +
             "}",
         from);
    collect();
    greet(from);
  }
  void greet(agent_websocket::connection_id to = here) {
    core.greet(hellos.back(), "new", "t", at);
    sent(to);
  }
  void decide(std::string_view decision, std::string_view ref = {}, std::string_view more = {}) {
    decided_frames = send(R"({"type":"human_feedback","decision":")" + std::string(decision) +
                          "\"" + (ref.empty() ? "" : ",\"ref\":\"" + std::string(ref) + "\"") +
                          std::string(more) + "}");
    collect();
  }
  void reply(const std::string& call, std::string text) {
    core.tool_ended(run(), call, {std::move(text), false}, true, at);
    collect();
  }
  void time_is_up(const std::string& id) {
    core.clock_over(run(), id, at);
    collect();
  }
  std::vector<frame> result_of(std::string_view call, std::string_view more = R"(,"data":1)",
                               agent_websocket::connection_id from = here) {
    auto frames = send(R"({"type":"command","op":"tool_result","ref":")" + std::string(call) +
                           "\"" + std::string(more) + "}",
                       from);
    collect();
    return frames;
  }
  /// "id=content", one a line: what the model was told by tools in its last request.
  std::string told() const {
    std::string all;
    for (const auto& each : starts.back().request->messages) {
      const frame message(each.json());
      if (message.text("role") != "tool") continue;
      if (!all.empty()) all += '\n';
      all += message.text("tool_call_id") + "=" + message.content();
    }
    return all;
  }
  /// What the handlers are to run, "t_1 t_2".
  std::string to_run() const {
    std::string all;
    for (const auto& each : tools) all += (all.empty() ? "" : " ") + each.call;
    return all;
  }

  std::vector<frame> decided_frames;
};

/// What a client sees of a query: "seq type/op/phase" of each frame that matters, without acks.
inline std::string shape(const std::vector<frame>& frames) {
  std::string all;
  for (const frame& each : frames) {
    if (each.op() == "ack" || each.op() == "thinking") continue;
    if (!all.empty()) all += ' ';
    if (each.type() == "response") {
      all += each.phase() + (each.has("status") ? ":" + each.text("status") : "");
    } else if (each.op() == "tool") {
      all += each.text("tool.state") + ":" + each.text("tool.call");
    } else if (each.type() == "human_feedback") {
      all += "asked:" + each.text("id");
    } else if (each.op() == "feedback_resolved") {
      all += "resolved:" + each.ref() + ":" + each.text("decision") + ":" + each.text("reason");
    } else {
      all += each.type() + ":" + (each.op().empty() ? each.code() : each.op());
    }
  }
  return all;
}

inline std::vector<frame> with_op(const std::vector<frame>& frames, std::string_view op) {
  std::vector<frame> found;
  for (const frame& each : frames) {
    if (each.op() == op) found.push_back(each);
  }
  return found;
}
