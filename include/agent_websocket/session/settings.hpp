// SPDX-License-Identifier: MIT
//
// What a session is told by its server: the model's parameters, limits, and what a client may
// change of them. The `set` command and the on_connect hook work on a session's own copy.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/result.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/session/tool.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// A command that the application registered, for `help`.
struct command_description {
  std::string op;
  std::string text;
};

/// Settings of one session. Shared by all sessions that did not change theirs.
struct session_settings {
  std::string agent_name = "agent_websocket";
  std::string model = "openai/gpt-4-turbo";
  std::vector<std::string> fallback_models;
  std::string system_prompt =
      "You are Agent WebSocket, an AI assistant communicating via WebSocket.";
  double temperature = 0.7;      ///< 0 to 2
  int max_tokens = 1500;         ///< of an answer; 1 or more
  std::string reasoning_effort;  ///< none, low, high, ...; empty: the model's own
  std::size_t max_history = 50;  ///< messages kept beside the system prompt; whole turns
  /// Of the conversation as it is sent upstream, beside the system prompt; 0: no limit. The default
  /// is above what max_history messages of people can have, and bounds images and results of tools.
  std::size_t max_history_bytes = 4u << 20;
  /// Of the text of a query, pictures and files not counted; 0: only max_message_bytes.
  std::size_t max_content_bytes = 0;
  /// Told in the welcome; 0: there is no limit. The server counts, for each socket.
  std::uint32_t messages_per_minute = 0;
  std::uint32_t message_burst = 0;
  std::size_t max_queue = 16;              ///< queries that wait behind the running one
  unsigned max_bad_messages = 10;          ///< in a row, until a socket is closed; 0: no limit
  std::size_t max_message_bytes = 65'536;  ///< of one message of a client
  std::size_t max_outbound_bytes =
      1u << 20;  ///< that wait for a slow client before it is closed with 4002
  /// Numbered messages that are kept for clients that come back, in count and bytes.
  std::size_t max_log_messages = 1024;
  std::size_t max_log_bytes = 1u << 20;
  /// Longest wait for a client that takes nothing while its answer waits for it.
  std::chrono::milliseconds slow_timeout{30'000};
  /// Text that comes within this time of the piece sent before is sent as one; 0: each at once.
  std::chrono::milliseconds coalesce{20};
  std::chrono::milliseconds heartbeat_interval{25'000};
  std::chrono::milliseconds heartbeat_timeout{8'000};
  /// How long a session without a socket waits for its client.
  std::chrono::milliseconds resume_window{300'000};
  /// How long a session goes on while its store is away; then its clients are sent away.
  std::chrono::milliseconds store_patience{60'000};
  /// Models that clients may choose by `set` and `query`; "*" allows any. The configured ones are
  /// always allowed.
  std::vector<std::string> allowed_models{"*"};
  /// Which settings clients may change: model, temperature, max_tokens, system.
  std::vector<std::string> client_settings{"model", "temperature", "max_tokens", "system"};
  std::shared_ptr<const toolbox> tools;  ///< that the model may call; null: none
  bool client_tools = true;              ///< clients may declare tools that they run themselves
  unsigned max_tool_rounds = 8;          ///< of calls, until an answer fails with tool_loop
  std::chrono::milliseconds tool_timeout{60'000};       ///< of one call
  std::chrono::milliseconds approval_timeout{300'000};  ///< that a person has for a decision
  std::vector<command_description> commands;            ///< of the application
  std::string welcome_data;  ///< JSON object text for the welcome's `data`, or empty

  bool allows_model(std::string_view name) const;

  /// Of the text of a query. Error: too_large.
  result<void> check_content(std::size_t bytes) const;

  bool allows_setting(std::string_view name) const;
};

/// What a client chose by `set`; absent: the operator's value.
struct session_overrides {
  std::optional<std::string> model;
  std::optional<double> temperature;
  std::optional<int> max_tokens;
  std::optional<std::string> system_prompt;
};

/// Reads the `data` of a `set` command: all of it is applied or, at the first thing that is wrong
/// or not allowed, nothing. null takes a choice back. Errors: bad_message, forbidden.
result<session_overrides> apply_overrides(session_overrides current,
                                          const session_settings& settings, json::value data);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool session_settings::allows_model(std::string_view name) const {
  const auto is = [name](const std::string& each) { return each == "*" || each == name; };
  return name == model || std::any_of(fallback_models.begin(), fallback_models.end(), is) ||
         std::any_of(allowed_models.begin(), allowed_models.end(), is);
}

AGENT_WEBSOCKET_INLINE result<void> session_settings::check_content(std::size_t bytes) const {
  if (max_content_bytes == 0 || bytes <= max_content_bytes) return {};
  return error(errc::too_large, "`content` has " + std::to_string(bytes) + " bytes; at most " +
                                    std::to_string(max_content_bytes) + " are allowed");
}

AGENT_WEBSOCKET_INLINE bool session_settings::allows_setting(std::string_view name) const {
  return std::find(client_settings.begin(), client_settings.end(), name) != client_settings.end();
}

AGENT_WEBSOCKET_INLINE result<session_overrides> apply_overrides(session_overrides current,
                                                                 const session_settings& settings,
                                                                 json::value data) {
  if (!data.is_object() || data.size() == 0) {
    return error(errc::bad_message,
                 "`data` must be an object with model, temperature, max_tokens or system");
  }
  std::optional<error> wrong;
  const auto refuse = [&wrong](errc code, std::string words) {
    if (!wrong) wrong = error(code, std::move(words));
  };
  data.for_each_member([&](std::string_view name, json::value value) {
    const bool known =
        name == "model" || name == "temperature" || name == "max_tokens" || name == "system";
    if (!known || !settings.allows_setting(name)) {
      return refuse(errc::forbidden,
                    known
                        ? "`" + std::string(name) + "` may not be changed here"
                        : std::string("Only model, temperature, max_tokens and system can be set"));
    }
    if (name == "model") {
      current.model.reset();
      if (value.is_null()) return;
      const auto text = value.string();
      if (!text || text->empty() || text->size() > 200) {
        return refuse(errc::bad_message, "`data.model` must be a string of 1 to 200 bytes");
      }
      if (!settings.allows_model(*text))
        return refuse(errc::forbidden, "That model is not allowed here");
      current.model = std::string(*text);
    } else if (name == "temperature") {
      current.temperature.reset();
      if (value.is_null()) return;
      const auto number = value.number();
      if (!number || *number < 0 || *number > 2) {
        return refuse(errc::bad_message, "`data.temperature` must be a number from 0 to 2");
      }
      current.temperature = *number;
    } else if (name == "max_tokens") {
      current.max_tokens.reset();
      if (value.is_null()) return;
      const auto number = value.integer();
      if (!number || *number < 1 || *number > settings.max_tokens) {
        return refuse(errc::bad_message, "`data.max_tokens` must be a whole number from 1 to " +
                                             std::to_string(settings.max_tokens));
      }
      current.max_tokens = static_cast<int>(*number);
    } else {
      current.system_prompt.reset();
      if (value.is_null()) return;
      const auto text = value.string();
      if (!text) return refuse(errc::bad_message, "`data.system` must be a string");
      current.system_prompt = std::string(*text);
    }
  });
  if (wrong) return *std::move(wrong);
  return current;
}

#endif

}  // namespace agent_websocket
