// SPDX-License-Identifier: MIT
//
// One table of all environment variables: how each gets into the options. It also feeds `--help`
// and the README. Reads nothing by itself.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/server/access_variables.hpp>
#include <agent_websocket/server/option_variable.hpp>
#include <agent_websocket/server/options.hpp>
#include <agent_websocket/server/variable_text.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent_websocket {

/// All variables, in the order in which people read about them.
const std::vector<option_variable>& option_variables();

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

/// All but those of access_variables().
inline const std::vector<option_variable>& main_variables() {
  using detail::applied;
  static constexpr double week = 7 * 86'400;
  static const std::vector<option_variable> table{
      {"OPENROUTER_API_KEY", "",
       "key for OpenRouter; required unless OPENROUTER_BASE_URL is another server",
       [](options& o, std::string_view text) -> applied {
         for (const char c : text) {
           if (c <= 0x20 || c >= 0x7F) return "visible ASCII characters only";
         }
         o.api_key = std::string(text);
         return std::nullopt;
       },
       true},
      {"OPENROUTER_BASE_URL", "https://openrouter.ai/api/v1",
       "any server that speaks the chat completions API",
       [](options& o, std::string_view text) -> applied {
         if (const auto url = http::parse_url(text); !url)
           return "a base URL: " + url.error().message;
         o.base_url = std::string(text);
         return std::nullopt;
       }},
      {"MODEL", "openai/gpt-4-turbo", "model that answers",
       [](options& o, std::string_view text) -> applied {
         if (text.size() > 200) return "at most 200 bytes";
         o.session.model = std::string(text);
         return std::nullopt;
       }},
      {"MODEL_FALLBACKS", "", "models that OpenRouter tries next, separated by commas",
       [](options& o, std::string_view text) -> applied {
         o.session.fallback_models = detail::split_list(text);
         return std::nullopt;
       }},
      {"ALLOWED_MODELS", "*",
       "models that clients may choose, separated by commas; * is any, none is only the configured",
       [](options& o, std::string_view text) -> applied {
         o.session.allowed_models =
             text == "none" ? std::vector<std::string>() : detail::split_list(text);
         return std::nullopt;
       }},
      {"CLIENT_SETTINGS", "model,temperature,max_tokens,system",
       "what clients may change by the command set; none is nothing",
       [](options& o, std::string_view text) -> applied {
         auto names = text == "none" ? std::vector<std::string>() : detail::split_list(text);
         for (const std::string& each : names) {
           if (each != "model" && each != "temperature" && each != "max_tokens" &&
               each != "system") {
             return "a list out of model, temperature, max_tokens, system; or none";
           }
         }
         o.session.client_settings = std::move(names);
         return std::nullopt;
       }},
      {"SYSTEM_PROMPT", "You are Agent WebSocket, an AI assistant communicating via WebSocket.",
       "first message of every request",
       [](options& o, std::string_view text) -> applied {
         o.session.system_prompt = std::string(text);
         return std::nullopt;
       }},
      {"AGENT_NAME", "agent_websocket", "name of the agent and last part of the socket's path",
       [](options& o, std::string_view text) -> applied {
         if (text.find('/') != std::string_view::npos ||
             !detail::is_path("/" + std::string(text))) {
           return "letters, digits and - _ . ~ without spaces or slashes";
         }
         o.session.agent_name = std::string(text);
         return std::nullopt;
       }},
      {"TEMPERATURE", "0.7", "0 to 2",
       [](options& o, std::string_view text) -> applied {
         const auto number = detail::read_decimal(text);
         if (!number || *number > 2) return "a number from 0 to 2";
         o.session.temperature = *number;
         return std::nullopt;
       }},
      {"MAX_TOKENS", "1500", "longest answer, in tokens",
       [](options& o, std::string_view text) {
         return detail::read_whole(o.session.max_tokens, text, 1, 10'000'000);
       }},
      {"MAX_TOKENS_FIELD", "max_tokens",
       "name of that limit in requests: max_tokens, max_completion_tokens or both",
       [](options& o, std::string_view text) -> applied {
         using name = openrouter::max_tokens_name;
         if (text == "max_tokens") {
           o.max_tokens_field = name::max_tokens;
         } else if (text == "max_completion_tokens") {
           o.max_tokens_field = name::max_completion_tokens;
         } else if (text == "both") {
           o.max_tokens_field = name::both;
         } else {
           return "max_tokens, max_completion_tokens or both";
         }
         return std::nullopt;
       }},
      {"REASONING_EFFORT", "",
       "how much the model thinks: none, minimal, low, medium, high, xhigh or max; empty is its "
       "own",
       [](options& o, std::string_view text) -> applied {
         if (!detail::is_word(text)) return "a word such as low, medium or high";
         o.session.reasoning_effort = std::string(text);
         return std::nullopt;
       }},
      {"MAX_TOOL_ROUNDS", "8", "rounds of tool calls until an answer fails with tool_loop",
       [](options& o, std::string_view text) {
         return detail::read_whole(o.session.max_tool_rounds, text, 0u, 1000u);
       }},
      {"TOOL_TIMEOUT", "60", "seconds that a tool gets for one call",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.session.tool_timeout, text, 0.01, 86'400);
       }},
      {"APPROVAL_TIMEOUT", "300", "seconds that a person has to decide about a call",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.session.approval_timeout, text, 0.01, week);
       }},
      {"CLIENT_TOOLS", "on", "on or off: whether clients may bring tools that they run themselves",
       [](options& o, std::string_view text) -> applied {
         if (text != "on" && text != "off") return "on or off";
         o.session.client_tools = text == "on";
         return std::nullopt;
       }},
      {"MAX_HISTORY", "50",
       "messages kept per conversation, in whole turns; the system prompt is always kept",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::size_t>(o.session.max_history, text, 1, 10'000);
       }},
      {"SESSION_TIMEOUT", "30", "minutes without a message until a session is closed",
       [](options& o, std::string_view text) {
         return detail::read_time(o.session_timeout, text, "minutes", 60'000, 0.001, 7 * 1440);
       }},
      {"CLEANUP_INTERVAL", "60", "seconds between two looks for inactive sessions",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.cleanup_interval, text, 0.01, 86'400);
       }},
      {"RESUME_WINDOW", "300", "seconds that a session waits for its client to come back",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.session.resume_window, text, 0, week);
       }},
      {"RUN_GRACE", "120",
       "seconds that an answer goes on without its client; 0 cancels at once, -1 lets it end",
       [](options& o, std::string_view text) -> applied {
         if (text == "-1") {
           o.run_grace = std::chrono::milliseconds(-1);
           return std::nullopt;
         }
         if (const auto wrong = detail::read_seconds(o.run_grace, text, 0, week))
           return *wrong + ", or -1";
         return std::nullopt;
       }},
      {"MAX_DETACHED", "10000", "sessions that wait for their client at once; the oldest go first",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::size_t>(o.max_detached, text, 0, 10'000'000);
       }},
      {"STORE", "memory",
       "where sessions are kept: memory (they end with the process), sqlite:FILE, or "
       "redis://[user:password@]host[:port][/database] for several processes",
       [](options& o, std::string_view text) -> applied {
         for (const std::string_view each : {"sqlite:", "redis://", "rediss://"}) {
           if (text.size() > each.size() && text.substr(0, each.size()) == each) {
             o.store = std::string(text);
             return std::nullopt;
           }
         }
         if (text != "memory") return "memory, sqlite:FILE or redis://...";
         o.store = "memory";
         return std::nullopt;
       },
       true},
      {"STORE_KEEP", "30", "days that a session stays in the store after its last message",
       [](options& o, std::string_view text) {
         return detail::read_time(o.store_keep, text, "days", 86'400'000, 0.001, 3650);
       }},
      {"STORE_PATIENCE", "60",
       "seconds that a session goes on while the store is away, before its clients are sent away",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.session.store_patience, text, 1, 3600);
       }},
      {"HOST", "localhost", "address to listen on; 0.0.0.0 for all of IPv4, :: for all",
       [](options& o, std::string_view text) -> applied {
         o.host = std::string(text);
         return std::nullopt;
       }},
      {"PORT", "54321", "port to listen on; 0 takes any free one",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::uint16_t>(o.port, text, 0, 65'535);
       }},
      {"REUSE_PORT", "off",
       "on or off: whether other servers that say so too may listen on the same port",
       [](options& o, std::string_view text) -> applied {
         if (text != "on" && text != "off") return "on or off";
         o.reuse_port = text == "on";
         return std::nullopt;
       }},
      {"BASE_PATH", "/functions/v1",
       "path of the socket, without the agent's name; /ws is served too",
       [](options& o, std::string_view text) -> applied {
         if (!detail::is_path(text))
           return "a path that begins with a slash, without spaces, ?, # and %";
         o.base_path = std::string(text);
         return std::nullopt;
       }},
      {"MAX_CONNECTIONS", "10000", "connections at once; 0 is no limit",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::size_t>(o.max_connections, text, 0, 10'000'000);
       }},
      {"MAX_MESSAGE_BYTES", "65536", "largest message of a client, in bytes",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::size_t>(o.session.max_message_bytes, text, 128, 64u << 20);
       }},
      {"MAX_BAD_MESSAGES", "10",
       "messages in a row that are none, until a socket is closed with 4400; 0 is no limit",
       [](options& o, std::string_view text) {
         return detail::read_whole(o.session.max_bad_messages, text, 0u, 1'000'000u);
       }},
      {"MAX_QUEUE", "16", "queries of one session that may wait behind the running one",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::size_t>(o.session.max_queue, text, 0, 10'000);
       }},
      {"MAX_UPSTREAM", "256", "answers that are made at once, over all sessions; 0 is no limit",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::size_t>(o.max_upstream, text, 0, 10'000'000);
       }},
      {"COALESCE_MS", "20",
       "milliseconds of an answer's text that are sent as one piece, after the first; 0 sends each",
       [](options& o, std::string_view text) {
         return detail::read_time(o.session.coalesce, text, "milliseconds", 1, 0, 10'000);
       }},
      {"MAX_OUTBOUND_BYTES", "1048576",
       "bytes that may wait for a slow client before it is closed with 4002",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::size_t>(o.session.max_outbound_bytes, text, 131'072,
                                                1u << 30);
       }},
      {"SLOW_TIMEOUT", "30",
       "seconds that an answer waits for a client that takes nothing, until it is closed with 4002",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.session.slow_timeout, text, 0.05, 86'400);
       }},
      {"HEARTBEAT_INTERVAL", "25", "seconds of silence until a ping is sent",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.session.heartbeat_interval, text, 0.05, 86'400);
       }},
      {"HEARTBEAT_TIMEOUT", "8", "seconds after the ping until a silent peer is closed with 4001",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.session.heartbeat_timeout, text, 0.05, 86'400);
       }},
      {"CONNECT_TIMEOUT", "10", "seconds to reach the upstream",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.connect_timeout, text, 0.01, 3600);
       }},
      {"FIRST_TOKEN_TIMEOUT", "300", "seconds until the first token",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.first_token_timeout, text, 0.01, 86'400);
       }},
      {"IDLE_TIMEOUT", "120", "seconds between two bytes of an answer",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.idle_timeout, text, 0.01, 86'400);
       }},
      {"TOTAL_TIMEOUT", "0", "seconds for a whole answer, retries included; 0 is no limit",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.total_timeout, text, 0, week);
       }},
      {"MAX_RETRIES", "2", "further attempts after one that failed before its first token",
       [](options& o, std::string_view text) {
         return detail::read_whole(o.max_retries, text, 0, 20);
       }},
      {"HTTP_REFERER", "", "URL of your application, for OpenRouter's attribution",
       [](options& o, std::string_view text) -> applied {
         o.http_referer = std::string(text);
         return std::nullopt;
       }},
      {"APP_TITLE", "", "name of your application, for OpenRouter's attribution",
       [](options& o, std::string_view text) -> applied {
         o.app_title = std::string(text);
         return std::nullopt;
       }},
      {"DRAIN_TIMEOUT", "10", "seconds that running answers get when the server stops",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.drain_timeout, text, 0, 3600);
       }},
      {"RESTART_TIME", "5",
       "seconds after which clients are told to come back when the server stops",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.restart_time, text, 0, 3600);
       }},
      {"LOG_LEVEL", "info", "debug, info, warning, error or off",
       [](options& o, std::string_view text) -> applied {
         for (const log_level level : {log_level::debug, log_level::info, log_level::warning,
                                       log_level::error, log_level::off}) {
           if (text == to_string(level)) {
             o.level = level;
             return std::nullopt;
           }
         }
         return "debug, info, warning, error or off";
       }},
      {"LOG_FORMAT", "text", "text or json",
       [](options& o, std::string_view text) -> applied {
         if (text != "text" && text != "json") return "text or json";
         o.log_format = std::string(text);
         return std::nullopt;
       }},
  };
  return table;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE const std::vector<option_variable>& option_variables() {
  static const std::vector<option_variable> all = [] {
    std::vector<option_variable> joined = detail::main_variables();
    joined.insert(joined.end(), access_variables().begin(), access_variables().end());
    return joined;
  }();
  return all;
}

#endif

}  // namespace agent_websocket
