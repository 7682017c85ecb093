// SPDX-License-Identifier: MIT
//
// A session that keeps records, all that can be seen of it as one text, and another one that is made
// again from its records: the two must look the same. Shared by the tests of restoring.
#pragma once

#include "core_tools.hpp"

#include <agent_websocket/session/identity.hpp>
#include <agent_websocket/session/restoring.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A message, byte for byte.
inline std::string seen(const agent_websocket::openrouter::chat_message& message) {
  return std::string(to_string(message.role())) + (message.partial() ? "~ " : " ") +
         message.text() + " " + message.json() + "\n";
}

inline std::string seen(const agent_websocket::openrouter::chat_request& request) {
  std::string all = request.model + " " + std::to_string(request.temperature.value_or(-1)) + " " +
                    std::to_string(request.max_tokens.value_or(-1)) + "\n";
  for (const auto& each : request.messages) all += seen(each);
  return all;
}

inline std::string seen(const agent_websocket::turn& turn) {
  using agent_websocket::records::milliseconds;
  namespace wire = agent_websocket::wire;
  std::string all = "turn " + turn.id + " " + turn.stream + " #" + std::to_string(turn.seq) + " " +
                    std::to_string(milliseconds(turn.asked)) + " " +
                    std::to_string(milliseconds(turn.answered)) + " " +
                    std::string(wire::to_string(turn.status)) + " " + turn.model + " " + turn.shown + "\n";
  all += seen(turn.question);
  for (const auto& each : turn.steps) all += "step " + seen(each);
  if (turn.answer) all += "answer " + seen(*turn.answer);
  for (const auto& each : turn.feedback) {
    all += "feedback " + each.id + " " + each.answer + " " +
           (each.rating ? std::to_string(*each.rating) : "none") + " " + each.comment + " " +
           each.correction + " " + std::to_string(milliseconds(each.at)) + "\n";
  }
  return all;
}

/// Everything that clients and models can see of a session, one thing a line.
inline std::string seen(const agent_websocket::session_core& core) {
  using namespace agent_websocket;
  std::string all = "session " + core.id() + "\n";
  const message_log& log = core.output().log();
  all += "log " + std::to_string(log.oldest()) + ".." + std::to_string(log.top()) + "\n";
  for (std::uint64_t seq = log.oldest(); seq <= log.top(); ++seq) all += log.at(seq) + "\n";
  for (const turn& each : core.history().turns()) all += seen(each);
  for (const auto& each : core.history().messages("P")) all += seen(each);
  std::size_t count = 0;
  all += describe_history(core.history(), std::uint64_t{1} << 53, 100, count) + "\n";
  session_info info = session_commands::describe(core);
  info.last_activity.clear();
  all += describe_session(info) + "\n";
  json::writer w(all);
  write_kept_settings(w, core.settings(), session_settings());
  return all;
}

/// A session on a store that keeps everything at once.
struct kept_core : tool_core {
  explicit kept_core(agent_websocket::session_settings settings = tool_settings())
      : tool_core(settings), defaults(std::move(settings)) {
    agent_websocket::principal owner;
  owner.name = "anna";
  core.belong_to(owner, "192.0.2.7");
    open();
    sent();
    keep_records(true);
  }

  agent_websocket::session_settings defaults;
};

/// The session that its records make.
struct restored_core : tool_core {
  restored_core(const agent_websocket::session_settings& settings, agent_websocket::moment when)
      : tool_core(settings) {
    at = when;
    core.detached(here, at);
    keeps_at_once = true;
  }
  restored_core(const kept_core& of, const std::vector<std::string>& records)
      : restored_core(of.defaults, of.at) {
    REQUIRE(take(records));
  }

  agent_websocket::result<void> take(const std::vector<std::string>& records) {
    if (auto who = agent_websocket::read_identity(records.front()))
      core.belong_to(who->owner, who->address);
    auto outcome = core.restore(records, at);
    if (outcome) {
      stored = records;
      collect();
    }
    return outcome;
  }
};

/// Both are asked the same from here on, and must answer the same.
inline void check_same_behaviour(tool_core& one, tool_core& other,
                                 const std::vector<std::string>& used_ids,
                                 const std::vector<std::string>& tokens) {
  for (const std::string& each : tokens) {
    CAPTURE(each);
    CHECK(one.core.accepts_token(each) == other.core.accepts_token(each));
  }
  const auto said = [](tool_core& by, const std::string& text) {
    std::string all;
    for (const frame& each : by.send(text, 77)) all += each.raw() + "\n";
    return all;
  };
  for (tool_core* each : {&one, &other}) {
    each->core.detached(77, each->at);
    const std::uint64_t top = each->core.output().log().top();
    each->socket(77).catch_up(top, top, 0, R"({"type":"status","op":"live"})");
    each->sent(77);
  }
  for (const std::string& each : used_ids) {
    const std::string again = R"({"content":"x","id":)" + quoted(each) + "}";
    CAPTURE(again);
    CHECK(said(one, again) == said(other, again));
  }
  for (const char* each :
       {R"({"type":"command","op":"history","limit":5})",
        R"({"type":"command","op":"set","id":"last","data":{"temperature":1}})",
        R"({"type":"human_feedback","id":"lastf","rating":1,"correction":"better"})",
        R"({"id":"new","content":"what now?","stream":true})"}) {
    CAPTURE(std::string(each));
    CHECK(said(one, each) == said(other, each));
  }
  CHECK(seen(one.proceed()) == seen(other.proceed()));
  for (tool_core* each : {&one, &other}) {
    each->text("well");
    each->complete();
    each->sent(77);
  }
  CHECK(seen(one.core) == seen(other.core));
}
