// SPDX-License-Identifier: MIT
//
// What the client core asks its surroundings to do on the transport, and to tell the application.
// They own what they carry, because the application may call the client while they are carried out.
#pragma once

#include <agent_websocket/client/sink.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace agent_websocket {
namespace client_action {

/// Ask the application for a token, then call client_core::token_ready with the same number.
struct ask_token {
  std::uint64_t attempt;
};
struct open {};
struct send {
  std::string json;
};
struct close {
  std::uint16_t code;
  std::string_view reason;  ///< a literal
};

// The functions of client_sink.
struct tell_state {
  client_state state;
};
struct tell_disconnected {
  std::uint16_t code;
  std::string reason;
};
struct tell_stopped {
  std::uint16_t code;
  std::string reason;
};
struct tell_welcome {
  client_notice notice;
};
struct tell_reset {};
struct tell_text {
  std::string id;
  text_change change;
  std::string text;
};
struct tell_reasoning {
  std::string id;
  text_change change;
  std::string text;
};
struct tell_answer {
  client_answer answer;
};
struct tell_notification {
  client_notice notice;
};
struct tell_tool {
  client_tool_progress progress;
};
struct tell_tool_call {
  client_tool_call call;
};
struct tell_feedback_request {
  client_request request;
};
struct tell_feedback_resolved {
  client_resolution resolution;
};
struct tell_status {
  client_notice notice;
};
struct tell_error {
  client_notice notice;
};

using any = std::variant<ask_token, open, send, close, tell_state, tell_disconnected, tell_stopped,
                         tell_welcome, tell_reset, tell_text, tell_reasoning, tell_answer,
                         tell_notification, tell_tool, tell_tool_call, tell_feedback_request,
                         tell_feedback_resolved, tell_status, tell_error>;

/// In the order in which they are to be done.
using list = std::vector<any>;

}  // namespace client_action
}  // namespace agent_websocket
