// SPDX-License-Identifier: MIT
//
// The `data` of the answers to the built-in commands `help`, `info` and `history`, as JSON text.
// Pure: everything comes in by argument.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/timestamp.hpp>
#include <agent_websocket/base/version.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/session/actions.hpp>
#include <agent_websocket/session/conversation.hpp>
#include <agent_websocket/session/settings.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// The commands of the protocol that a person may give.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 9> built_in_commands{{
    {"help", "lists the commands"},
    {"info", "tells about this session"},
    {"ping", "answers pong"},
    {"cancel", "stops the running answer, or the one named by `ref`"},
    {"clear", "forgets the conversation"},
    {"history", "lists the conversation"},
    {"set", "changes model, temperature, max_tokens or system (in `data`)"},
    {"regenerate", "answers the last question again"},
    {"close", "ends the session for good"},
}};

struct help_text {
  std::string content;
  std::string data;
};

help_text describe_commands(const std::vector<command_description>& of_application);

struct session_info {
  std::string_view session_id;
  std::string_view agent;
  std::string_view model;
  double temperature = 0;
  int max_tokens = 0;
  std::size_t messages = 0;
  std::size_t max_history = 0;
  std::size_t queued = 0;
  bool running = false;
  std::string created, last_activity;
  usage_totals usage;
};

std::string describe_session(const session_info& info);

/// The newest `limit` messages of turns whose terminal message has a `seq` below `before_seq`,
/// oldest first; `more` tells whether there are older ones. Turns are not cut in two, so that a
/// page may hold one message more.
std::string describe_history(const conversation& of, std::uint64_t before_seq, std::size_t limit,
                             std::size_t& count);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE help_text
describe_commands(const std::vector<command_description>& of_application) {
  help_text help{"Commands:", {}};
  json::writer w(help.data);
  w.begin_object().key("commands").begin_array();
  const auto add = [&](std::string_view op, std::string_view text) {
    help.content.append("\n").append(op).append(": ").append(text);
    w.begin_object().member("op", op).member("content", text).end_object();
  };
  for (const auto& each : built_in_commands) add(each.first, each.second);
  for (const command_description& each : of_application) add(each.op, each.text);
  w.end_array().end_object();
  return help;
}

AGENT_WEBSOCKET_INLINE std::string describe_session(const session_info& info) {
  std::string data;
  json::writer w(data);
  w.begin_object()
      .member("session_id", info.session_id)
      .member("agent", info.agent)
      .member("model", info.model);
  w.member("temperature", info.temperature).member("max_tokens", info.max_tokens);
  w.member("messages", info.messages).member("max_history", info.max_history);
  w.member("running", info.running).member("queued", info.queued);
  w.member("created", info.created).member("last_activity", info.last_activity);
  w.key("usage").begin_object().member("answers", info.usage.answers);
  w.member("prompt_tokens", info.usage.prompt_tokens)
      .member("completion_tokens", info.usage.completion_tokens);
  if (info.usage.priced) w.member("cost", info.usage.cost);
  w.end_object();
  w.member("version", AGENT_WEBSOCKET_VERSION_STRING).end_object();
  return data;
}

AGENT_WEBSOCKET_INLINE std::string describe_history(const conversation& of,
                                                    std::uint64_t before_seq, std::size_t limit,
                                                    std::size_t& count) {
  const auto& turns = of.turns();
  std::size_t end = turns.size();
  const auto listed = [&](std::size_t i) { return turns[i].seq != 0 && turns[i].seq < before_seq; };
  while (end > 0 && !listed(end - 1)) --end;
  std::size_t begin = end;
  count = 0;
  while (begin > 0 && count < limit) count += turns[--begin].has_reply() ? 2 : 1;

  std::string data;
  json::writer w(data);
  w.begin_object().key("messages").begin_array();
  for (std::size_t i = begin; i < end; ++i) {
    const turn& each = turns[i];
    w.begin_object()
        .member("role", "user")
        .member("content", each.question.text())
        .member("id", each.id);
    w.member("seq", each.seq).member("timestamp", to_iso8601(each.asked)).end_object();
    if (!each.has_reply()) continue;
    w.begin_object()
        .member("role", "assistant")
        .member("content", each.text())
        .member("ref", each.id);
    w.member("stream", each.stream)
        .member("seq", each.seq)
        .member("status", wire::to_string(each.status));
    if (!each.model.empty()) w.member("model", each.model);
    w.member("timestamp", to_iso8601(each.answered));
    if (!each.feedback.empty()) {
      w.key("feedback").begin_array();
      for (const feedback_entry& said : each.feedback) {
        w.begin_object();
        if (said.rating) w.member("rating", *said.rating);
        if (!said.comment.empty()) w.member("content", said.comment);
        if (!said.correction.empty()) w.member("correction", said.correction);
        w.member("timestamp", to_iso8601(said.at)).end_object();
      }
      w.end_array();
    }
    w.end_object();
  }
  w.end_array().member("more", begin > 0).end_object();
  return data;
}

#endif

}  // namespace agent_websocket
