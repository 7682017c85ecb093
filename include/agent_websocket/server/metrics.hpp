// SPDX-License-Identifier: MIT
//
// What a server counts of its sockets, and all metrics of a server as text for Prometheus. Names
// follow its practice: a prefix, base units, _total on what only grows, a time as the moment of its
// begin. Labels have small fixed sets of values: never a user, a session or an address.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/error.hpp>
#include <agent_websocket/base/version.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/server/metrics_text.hpp>
#include <agent_websocket/session/counts.hpp>
#include <agent_websocket/wire/message.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

namespace agent_websocket {

/// Why a socket was not let in.
enum class connection_refusal {
  origin,        ///< a page of another site
  unauthorized,  ///< no token, or a wrong one
  forbidden,
  limit,     ///< of a user or an address
  overload,  ///< of the whole server
  draining,
  unavailable,  ///< the authenticator cannot tell
};

/// For what an authenticator, a limit or the end of the server says.
constexpr connection_refusal refusal_by(errc why) noexcept {
  if (why == errc::forbidden) return connection_refusal::forbidden;
  if (why == errc::internal) return connection_refusal::unavailable;
  if (why == errc::draining) return connection_refusal::draining;
  if (why == errc::too_many_connections || why == errc::rate_limited)
    return connection_refusal::limit;
  return connection_refusal::unauthorized;
}

struct server_counts {
  using number = std::uint64_t;

  static constexpr std::array<std::string_view, 7> refusal_names{
      {"origin", "unauthorized", "forbidden", "limit", "overload", "draining", "unavailable"}};
  /// By what they tell the client, see close_class().
  static constexpr std::array<std::string_view, 7> close_names{
      {"normal", "abnormal", "protocol", "restart", "resume", "new_session", "stop"}};
  static constexpr std::array<std::string_view, 4> message_names{
      {"query", "command", "human_feedback", "invalid"}};
  static constexpr std::array<std::string_view, 5> status_names{
      {"1xx", "2xx", "3xx", "4xx", "5xx"}};

  number opened = 0;
  std::array<number, refusal_names.size()> refused{};
  std::array<number, close_names.size()> closed{};
  std::array<number, message_names.size()> messages{};
  std::array<number, status_names.size()> http{};  ///< plain requests that were answered
  number received_bytes = 0;                       ///< of messages
  number sessions_begun = 0, sessions_resumed = 0, sessions_restored = 0, sessions_ended = 0;
  session_counts sessions;  ///< by them

  void refuse(connection_refusal why) noexcept { ++refused[static_cast<std::size_t>(why)]; }
  void close(std::uint16_t code) noexcept { ++closed[close_class(code)]; }
  void message(const wire::client_message& what, std::size_t size) noexcept;
  /// A frame that could be no message.
  void frame(std::size_t size) noexcept;
  void answer(int status) noexcept;

  /// Where a close code (RFC 6455 section 7.4, and the protocol's own) stands in close_names.
  static constexpr std::size_t close_class(std::uint16_t code) noexcept {
    if (code == 1000 || code == 1001 || code == 1005) return 0;
    if (code == 1006) return 1;
    if (code >= 1011 && code <= 1013) return 3;
    if (code >= 4000 && code <= 4099) return 4;
    if (code >= 4100 && code <= 4199) return 5;
    if (code >= 4400 && code <= 4499) return 6;
    return code >= 3000 ? 0 : 2;  // an application's own
  }

 private:
  static_assert(std::variant_size_v<wire::client_message> == message_names.size());
};

/// What a server is like at the moment.
struct server_state {
  std::size_t sockets = 0;
  std::size_t attached_sessions = 0;  ///< with a socket
  std::size_t detached_sessions = 0;  ///< that wait for their client
  std::size_t slots_taken = 0, slots_waiting = 0, slots_limit = 0;
  std::uint64_t upstream_requests = 0, upstream_retries = 0;
  wall_time started{};
  bool draining = false;
  bool store_up = true;
};

namespace detail {

template <std::size_t Size>
void write_each(metrics_text& out, std::string_view label,
                const std::array<std::string_view, Size>& names,
                const std::array<std::uint64_t, Size>& numbers) {
  for (std::size_t i = 0; i < Size; ++i) out.sample({{label, names[i]}}, numbers[i]);
}

/// All codes of the wire from the beginning, so that a series does not begin with its first error;
/// the others when they have happened.
void write_each(metrics_text& out, const errc_counts& numbers);

}  // namespace detail

void write_metrics(metrics_text& out, const server_counts& counts, const server_state& now);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void server_counts::message(const wire::client_message& what,
                                                   std::size_t size) noexcept {
  received_bytes += size;
  ++messages[what.index()];
}

AGENT_WEBSOCKET_INLINE void server_counts::frame(std::size_t size) noexcept {
  received_bytes += size;
  ++messages[std::variant_size_v<wire::client_message> - 1];
}

AGENT_WEBSOCKET_INLINE void server_counts::answer(int status) noexcept {
  if (status >= 100 && status <= 599) ++http[static_cast<std::size_t>(status / 100 - 1)];
}

namespace detail {

AGENT_WEBSOCKET_INLINE void write_each(metrics_text& out, const errc_counts& numbers) {
  for (const errc_row& row : errc_table) {
    const bool on_wire = row.code <= errc::internal;
    if (on_wire || numbers[row.code] != 0) out.sample({{"code", row.name}}, numbers[row.code]);
  }
}

/// To the millisecond, without the noise of binary fractions of nanoseconds.
inline double unix_seconds(wall_time at) noexcept {
  const auto since = at.time_since_epoch();
  return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count()) /
         1000;
}

inline void write_server(metrics_text& out, const server_counts& counts, const server_state& now) {
  out.gauge("agent_websocket_build_info", "Always 1; the label tells the version of the library")
      .sample({{"version", AGENT_WEBSOCKET_VERSION_STRING}}, 1);
  out.gauge("agent_websocket_start_time_seconds", "When the server began to listen, in Unix time")
      .sample(unix_seconds(now.started));
  out.gauge("agent_websocket_draining", "1 while the server stops and lets nobody in")
      .sample(now.draining);
  out.gauge("agent_websocket_store_up", "1 while the store answers, or none is used")
      .sample(now.store_up);
  out.gauge("agent_websocket_sockets", "WebSockets that are open").sample(now.sockets);
  out.gauge("agent_websocket_sessions",
            "Sessions: attached ones have a socket, detached ones wait for their client")
      .sample({{"state", "attached"}}, now.attached_sessions)
      .sample({{"state", "detached"}}, now.detached_sessions);
  out.counter("agent_websocket_sockets_opened_total", "WebSockets that were let in")
      .sample(counts.opened);
  out.counter("agent_websocket_sockets_refused_total", "WebSockets that were not let in, and why");
  write_each(out, "reason", server_counts::refusal_names, counts.refused);
  out.counter("agent_websocket_sockets_closed_total",
              "WebSockets that were closed, by what the close code means to the client");
  write_each(out, "class", server_counts::close_names, counts.closed);
  out.counter("agent_websocket_sessions_begun_total", "Sessions that were begun")
      .sample(counts.sessions_begun);
  out.counter("agent_websocket_sessions_resumed_total", "Times that a client came back to one")
      .sample(counts.sessions_resumed);
  out.counter("agent_websocket_sessions_restored_total", "Sessions that came from the store")
      .sample(counts.sessions_restored);
  out.counter("agent_websocket_sessions_ended_total", "Sessions that are over for good")
      .sample(counts.sessions_ended);
  out.counter("agent_websocket_http_requests_total", "Plain HTTP requests, by class of the status");
  write_each(out, "status", server_counts::status_names, counts.http);
  out.counter("agent_websocket_messages_received_total", "Messages of clients, by type");
  write_each(out, "type", server_counts::message_names, counts.messages);
  out.counter("agent_websocket_received_bytes_total", "Bytes of messages of clients")
      .sample(counts.received_bytes);
}

inline void write_sessions(metrics_text& out, const session_counts& counts) {
  out.counter("agent_websocket_messages_sent_total", "Messages to clients").sample(counts.frames);
  out.counter("agent_websocket_sent_bytes_total", "Bytes of messages to clients")
      .sample(counts.bytes);
  out.counter("agent_websocket_errors_sent_total", "Errors that clients were told, by code");
  write_each(out, counts.errors);
  out.counter("agent_websocket_notifications_total", "Notifications, once for each session")
      .sample({{"kind", "numbered"}}, counts.numbered_notifications)
      .sample({{"kind", "volatile"}}, counts.volatile_notifications);
  out.counter("agent_websocket_answers_total", "Queries that were answered, by how it ended");
  for (const auto status : {wire::answer_status::completed, wire::answer_status::cancelled,
                            wire::answer_status::failed, wire::answer_status::incomplete}) {
    out.sample({{"status", wire::to_string(status)}}, counts.answers_of(status));
  }
  out.counter("agent_websocket_answers_failed_total", "Answers that failed, by code");
  write_each(out, counts.failed_answers);
  out.whole_histogram("agent_websocket_time_to_first_token_seconds",
                      "From the begin of an answer to its first piece of text", counts.first_text);
  out.whole_histogram("agent_websocket_answer_duration_seconds",
                      "From the begin of an answer to its end", counts.whole_answer);
  out.counter("agent_websocket_tokens_total", "Tokens that upstream has counted")
      .sample({{"kind", "prompt"}}, counts.used.prompt_tokens)
      .sample({{"kind", "completion"}}, counts.used.completion_tokens);
  out.counter("agent_websocket_cost_dollars_total", "Cost that upstream has told")
      .sample(counts.used.cost);
  out.counter("agent_websocket_tool_calls_total", "Tool calls that have ended, by how")
      .sample({{"outcome", "done"}}, counts.tools_done)
      .sample({{"outcome", "failed"}}, counts.tools_failed);
}

inline void write_upstream(metrics_text& out, const server_state& now) {
  out.counter("agent_websocket_upstream_requests_total", "Requests to the upstream, retries too")
      .sample(now.upstream_requests);
  out.counter("agent_websocket_upstream_retries_total", "Requests that were sent again")
      .sample(now.upstream_retries);
  out.gauge("agent_websocket_upstream_slots_taken", "Answers that are being made now")
      .sample(now.slots_taken);
  out.gauge("agent_websocket_upstream_slots_waiting", "Answers that wait for a free slot")
      .sample(now.slots_waiting);
  out.gauge("agent_websocket_upstream_slots_limit", "Slots that there are; 0 is no limit")
      .sample(now.slots_limit);
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE void write_metrics(metrics_text& out, const server_counts& counts,
                                          const server_state& now) {
  detail::write_server(out, counts, now);
  detail::write_sessions(out, counts.sessions);
  detail::write_upstream(out, now);
}

#endif

}  // namespace agent_websocket
