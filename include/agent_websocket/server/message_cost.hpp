// SPDX-License-Identifier: MIT
//
// Which messages make the server work anew, and which only keep, steer or end what is there. The
// first can be refused to a client for a while (its token is over, it sends too much); the others
// always get through, so that nothing is lost that was begun.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/wire/message.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <variant>

namespace agent_websocket {

/// True for queries, judgements of answers, and commands that change or read much. False for
/// decisions, results of tools and the protocol's own verbs, and for what is no message.
bool begins_work(const wire::client_message& message) noexcept;

/// True when the model has to answer.
bool asks_model(const wire::client_message& message) noexcept;

/// True for what is done once for an id, however often it is sent. Clients send these again when
/// they do not know whether they arrived.
bool is_done_once(const wire::client_message& message) noexcept;

/// The id that an answer to the message refers to; empty when it has none.
std::string_view id_of(const wire::client_message& message) noexcept;

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool begins_work(const wire::client_message& message) noexcept {
  static constexpr std::array<std::string_view, 7> free{"ping",   "ack",   "hello",      "auth",
                                                        "cancel", "close", "tool_result"};
  if (const auto* command = std::get_if<wire::command>(&message))
    return std::find(free.begin(), free.end(), command->op) == free.end();
  if (const auto* feedback = std::get_if<wire::human_feedback>(&message))
    return feedback->decision.empty();
  return std::holds_alternative<wire::query>(message);
}

AGENT_WEBSOCKET_INLINE bool asks_model(const wire::client_message& message) noexcept {
  const auto* command = std::get_if<wire::command>(&message);
  return command != nullptr ? command->op == "regenerate"
                            : std::holds_alternative<wire::query>(message);
}

AGENT_WEBSOCKET_INLINE bool is_done_once(const wire::client_message& message) noexcept {
  if (const auto* command = std::get_if<wire::command>(&message))
    return command->op == "regenerate" || command->op == "set";
  return begins_work(message);
}

AGENT_WEBSOCKET_INLINE std::string_view id_of(const wire::client_message& message) noexcept {
  if (const auto* query = std::get_if<wire::query>(&message)) return query->id;
  if (const auto* command = std::get_if<wire::command>(&message)) return command->id;
  if (const auto* feedback = std::get_if<wire::human_feedback>(&message)) return feedback->id;
  return std::get<wire::rejection>(message).ref;
}

#endif

}  // namespace agent_websocket
