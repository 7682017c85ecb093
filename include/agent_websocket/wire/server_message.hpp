// SPDX-License-Identifier: MIT
//
// The text of one WebSocket frame from the server -> a message as a client looks at it. The
// counterpart of encode.hpp, more lenient than decode.hpp: a client that refused what it does not
// know could not talk to a newer server, so a field of the wrong type reads as absent. Views refer
// to the document.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/wire/message.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace wire {

enum class server_type { response, notification, status, error, human_feedback, unknown };

/// The `phase` of a response.
enum class response_phase { none, start, reasoning, delta, snapshot, end, full };

/// The largest integer that every JSON implementation reads as it was written.
inline constexpr std::int64_t max_json_integer = (std::int64_t{1} << 53) - 1;

namespace detail {

/// Milliseconds, at most a day: what a server says may be wrong.
std::optional<std::chrono::milliseconds> wait_or_nothing(json::value of) noexcept;

std::optional<answer_status> status_of(std::string_view name) noexcept;

}  // namespace detail

/// A message of the server. What only some kinds have is read from `body`.
struct server_message {
  server_type type = server_type::unknown;
  std::string_view op, id, ref, stream, content;
  std::optional<std::int64_t> seq;
  bool replay = false;
  response_phase phase = response_phase::none;
  json::value body;

  bool is_op(server_type of, std::string_view name) const noexcept;
  bool is_welcome() const noexcept;
  bool is_live() const noexcept;
  /// A piece of an answer: neither numbered nor the end of it.
  bool is_piece() const noexcept;
  /// Has its place in the order of the session.
  bool is_numbered() const noexcept { return seq.has_value() && !is_welcome() && !is_live(); }
  /// The end of an answer. Of an error only a server that numbers it says so; for the query that
  /// it names any error is the end.
  bool is_terminal() const noexcept;
};

/// Reads the text of one frame into `document`. Nothing when it is no JSON object, or when its
/// place in the order of the session cannot be read: nothing good could come of guessing that.
std::optional<server_message> read_server_message(std::string_view text, json::document& document);

/// A failure in the server's words.
struct failure_view {
  std::string_view code;  ///< a name of errc, or one of a newer server
  std::string_view content;
  bool retryable = false;
  std::optional<std::chrono::milliseconds> retry_after;
};

/// Reads an `error` message, or the `error` member of a response.
failure_view read_failure(json::value from);

/// How an answer ended. A response without a status that is known counts as completed: it has the
/// whole text.
answer_status read_answer_status(const server_message& from);

/// The `tool` member of a status or of a request for a decision.
struct tool_view {
  std::string_view call;  ///< the server's name of the call
  std::string_view name, state, error;
  json::value arguments;
};

tool_view read_tool(json::value from) noexcept;

/// A request for a decision: a `human_feedback`, or an element of a welcome's `pending_feedback`.
struct feedback_request_view {
  std::string_view id, ref, kind, content;
  tool_view tool;
  std::string_view expires_at;
  std::string_view default_decision;
};

feedback_request_view read_feedback_request(json::value from) noexcept;

/// What a welcome says of the session.
struct welcome_view {
  std::string_view session_id, resume_token, epoch;
  std::string_view reason = "new";
  std::int64_t seq = 0;
  bool recovered = false;
  std::chrono::milliseconds heartbeat{25'000};  ///< 0: the server does not look
  std::chrono::milliseconds timeout{8'000};
  std::size_t max_message_bytes = 0;  ///< 0: not told
  std::size_t max_queued = 0;         ///< 0: not told
};

welcome_view read_welcome(const server_message& from);

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

inline std::string_view text_or_nothing(json::value of) noexcept {
  return of.string().value_or(std::string_view());
}

inline std::optional<std::int64_t> count_or_nothing(json::value of) noexcept {
  const auto number = of.integer();
  return number && *number >= 0 && *number <= max_json_integer ? number : std::nullopt;
}

AGENT_WEBSOCKET_INLINE std::optional<std::chrono::milliseconds> wait_or_nothing(
    json::value of) noexcept {
  const auto number = of.number();
  if (!number || !(*number >= 0)) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::min(*number, 86'400'000.0)));
}

inline std::string json_or_nothing(json::value of) {
  return of.is_object() || of.is_array() ? json::to_text(of) : std::string();
}

inline server_type type_of(std::string_view name) noexcept {
  if (name == "response") return server_type::response;
  if (name == "notification") return server_type::notification;
  if (name == "status") return server_type::status;
  if (name == "error") return server_type::error;
  if (name == "human_feedback") return server_type::human_feedback;
  return server_type::unknown;
}

inline response_phase phase_of(std::string_view name) noexcept {
  if (name == "start") return response_phase::start;
  if (name == "reasoning") return response_phase::reasoning;
  if (name == "delta") return response_phase::delta;
  if (name == "snapshot") return response_phase::snapshot;
  if (name == "end") return response_phase::end;
  if (name == "full") return response_phase::full;
  return response_phase::none;
}

AGENT_WEBSOCKET_INLINE std::optional<answer_status> status_of(std::string_view name) noexcept {
  for (const answer_status each : {answer_status::completed, answer_status::cancelled,
                                   answer_status::failed, answer_status::incomplete}) {
    if (to_string(each) == name) return each;
  }
  return std::nullopt;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE bool server_message::is_op(server_type of,
                                                  std::string_view name) const noexcept {
  return type == of && op == name;
}

AGENT_WEBSOCKET_INLINE bool server_message::is_welcome() const noexcept {
  return is_op(server_type::notification, "welcome");
}

AGENT_WEBSOCKET_INLINE bool server_message::is_live() const noexcept {
  return is_op(server_type::status, "live");
}

AGENT_WEBSOCKET_INLINE bool server_message::is_piece() const noexcept {
  return phase == response_phase::delta || phase == response_phase::snapshot ||
         phase == response_phase::reasoning;
}

AGENT_WEBSOCKET_INLINE bool server_message::is_terminal() const noexcept {
  return phase == response_phase::end || phase == response_phase::full ||
         (type == server_type::error && body["terminal"].boolean().value_or(false));
}

AGENT_WEBSOCKET_INLINE std::optional<server_message> read_server_message(std::string_view text,
                                                                         json::document& document) {
  if (!document.parse(text) || !document.root().is_object()) return std::nullopt;
  server_message read;
  read.body = document.root();
  read.type = detail::type_of(detail::text_or_nothing(read.body["type"]));
  read.op = detail::text_or_nothing(read.body["op"]);
  read.id = detail::text_or_nothing(read.body["id"]);
  read.ref = detail::text_or_nothing(read.body["ref"]);
  read.stream = detail::text_or_nothing(read.body["stream"]);
  read.content = detail::text_or_nothing(read.body["content"]);
  const json::value seq = read.body["seq"];
  read.seq = detail::count_or_nothing(seq);
  if (!read.seq && seq && !seq.is_null()) return std::nullopt;
  read.replay = read.body["replay"].boolean().value_or(false);
  if (read.type == server_type::response)
    read.phase = detail::phase_of(detail::text_or_nothing(read.body["phase"]));
  return read;
}

AGENT_WEBSOCKET_INLINE failure_view read_failure(json::value from) {
  return {detail::text_or_nothing(from["code"]), detail::text_or_nothing(from["content"]),
          from["retryable"].boolean().value_or(false),
          detail::wait_or_nothing(from["retry_after_ms"])};
}

AGENT_WEBSOCKET_INLINE answer_status read_answer_status(const server_message& from) {
  return detail::status_of(detail::text_or_nothing(from.body["status"]))
      .value_or(from.body["error"].is_object() ? answer_status::failed : answer_status::completed);
}

AGENT_WEBSOCKET_INLINE tool_view read_tool(json::value from) noexcept {
  return {detail::text_or_nothing(from["call"]), detail::text_or_nothing(from["name"]),
          detail::text_or_nothing(from["state"]), detail::text_or_nothing(from["error"]),
          from["arguments"]};
}

AGENT_WEBSOCKET_INLINE feedback_request_view read_feedback_request(json::value from) noexcept {
  return {detail::text_or_nothing(from["id"]),
          detail::text_or_nothing(from["ref"]),
          detail::text_or_nothing(from["kind"]),
          detail::text_or_nothing(from["content"]),
          read_tool(from["tool"]),
          detail::text_or_nothing(from["expires_at"]),
          detail::text_or_nothing(from["default"])};
}

AGENT_WEBSOCKET_INLINE welcome_view read_welcome(const server_message& from) {
  welcome_view read;
  const json::value body = from.body;
  read.session_id = detail::text_or_nothing(body["session_id"]);
  read.resume_token = detail::text_or_nothing(body["resume_token"]);
  read.epoch = detail::text_or_nothing(body["epoch"]);
  read.reason = body["reason"].string().value_or(read.reason);
  read.seq = from.seq.value_or(0);
  read.recovered = body["recovered"].boolean().value_or(false);
  read.heartbeat = detail::wait_or_nothing(body["heartbeat_ms"]).value_or(read.heartbeat);
  read.timeout = detail::wait_or_nothing(body["timeout_ms"]).value_or(read.timeout);
  const json::value limits = body["limits"];
  read.max_message_bytes =
      static_cast<std::size_t>(detail::count_or_nothing(limits["max_message_bytes"]).value_or(0));
  read.max_queued =
      static_cast<std::size_t>(detail::count_or_nothing(limits["max_queued"]).value_or(0));
  return read;
}

#endif

}  // namespace wire
}  // namespace agent_websocket
