// SPDX-License-Identifier: MIT
//
// One enumeration of everything that a peer, a model, a network or a configuration can do wrong,
// its std::error_category, and conditions that group it by what to do about it. The names of the
// codes are the `code`s of the wire protocol. Misuse by the caller is an assertion, never one of
// these.
#pragma once

#include <agent_websocket/base/config.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {

/// What went wrong. `to_string(errc)` is the spelling on the wire.
enum class errc {
  // What a client sent.
  bad_json = 1,
  bad_message,
  unknown_type,
  unknown_op,
  too_large,
  unsupported_data,
  unauthorized,
  token_expired,
  forbidden,
  rate_limited,
  quota_exceeded,
  too_many_connections,
  queue_full,
  busy,
  session_not_found,
  session_expired,
  not_found,
  expired,
  feedback_unknown,
  feedback_expired,
  feedback_invalid,
  // What the model or a tool did.
  tool_failed,
  tool_loop,
  provider_error,
  provider_rate_limited,
  provider_overloaded,
  provider_unauthorized,
  payment_required,
  context_length_exceeded,
  content_policy,
  model_not_found,
  empty_response,
  truncated,
  timeout_connect,
  timeout_first_token,
  timeout_idle,
  timeout_total,
  // What the server did.
  interrupted,
  draining,
  internal,
  // Not on the wire.
  cancelled,
  bad_configuration,
  connection_failed,
  protocol_error,
  moved,
};

/// What to do about an error: compare with `code == condition::retryable`.
enum class condition {
  client_fault = 1,  ///< the client's message has to change
  upstream_fault,    ///< the model, its provider or the way to it failed
  retryable,         ///< the same request may succeed later
  cancelled,         ///< somebody asked for it to end
  limit_exceeded,    ///< a limit of the operator or the provider was reached
};

namespace detail {

struct errc_row {
  errc code;
  const char* name;
  const char* text;  // for people, without internals; safe to show to a client
  bool retryable;
};

inline constexpr std::array<errc_row, 45> errc_table{{
    {errc::bad_json, "bad_json", "The message is not valid JSON", false},
    {errc::bad_message, "bad_message", "The message has a missing or wrong field", false},
    {errc::unknown_type, "unknown_type", "Unknown message type", false},
    {errc::unknown_op, "unknown_op", "Unknown command", false},
    {errc::too_large, "too_large", "The message is too large", false},
    {errc::unsupported_data, "unsupported_data", "Only text frames are supported", false},
    {errc::unauthorized, "unauthorized", "Authentication is required", false},
    {errc::token_expired, "token_expired", "The token has expired", true},
    {errc::forbidden, "forbidden", "This is not allowed", false},
    {errc::rate_limited, "rate_limited", "Too many messages", true},
    {errc::quota_exceeded, "quota_exceeded", "The quota is used up", false},
    {errc::too_many_connections, "too_many_connections", "Too many connections", true},
    {errc::queue_full, "queue_full", "Too many queries are waiting", true},
    {errc::busy, "busy", "An answer is still running", true},
    {errc::session_not_found, "session_not_found", "There is no such session", false},
    {errc::session_expired, "session_expired", "The session has expired", false},
    {errc::not_found, "not_found", "There is nothing of that id", false},
    {errc::expired, "expired", "This has expired", false},
    {errc::feedback_unknown, "feedback_unknown", "There is nothing that this feedback could be for",
     false},
    {errc::feedback_expired, "feedback_expired", "The request for feedback has expired", false},
    {errc::feedback_invalid, "feedback_invalid", "The feedback does not fit the request", true},
    {errc::tool_failed, "tool_failed", "A tool failed", false},
    {errc::tool_loop, "tool_loop", "The model called tools too many times", false},
    {errc::provider_error, "provider_error", "The model's provider failed", true},
    {errc::provider_rate_limited, "provider_rate_limited", "The model's provider limits the rate",
     true},
    {errc::provider_overloaded, "provider_overloaded", "The model's provider is overloaded", true},
    {errc::provider_unauthorized, "provider_unauthorized",
     "The model's provider refused the server's credentials", false},
    {errc::payment_required, "payment_required",
     "The server's balance at the model's provider does not suffice", false},
    {errc::context_length_exceeded, "context_length_exceeded",
     "The conversation is too long for the model", false},
    {errc::content_policy, "content_policy", "The provider's content policy refused the request",
     false},
    {errc::model_not_found, "model_not_found", "The model is not available", false},
    {errc::empty_response, "empty_response", "The model sent an empty answer", true},
    {errc::truncated, "truncated", "The answer was cut off", true},
    {errc::timeout_connect, "timeout_connect", "The model's provider could not be reached in time",
     true},
    {errc::timeout_first_token, "timeout_first_token", "The model did not begin to answer in time",
     true},
    {errc::timeout_idle, "timeout_idle", "The model stopped answering", true},
    {errc::timeout_total, "timeout_total", "The answer took too long", false},
    {errc::interrupted, "interrupted", "The answer was interrupted", true},
    {errc::draining, "draining", "The server is shutting down", true},
    {errc::internal, "internal", "Internal error", true},
    {errc::cancelled, "cancelled", "Cancelled", false},
    {errc::bad_configuration, "bad_configuration", "The configuration is wrong", false},
    {errc::connection_failed, "connection_failed", "The connection failed", true},
    {errc::protocol_error, "protocol_error", "The peer broke the protocol", false},
    {errc::moved, "moved", "Another server has the session now", true},
}};

const errc_row& row_of(errc code) noexcept;

}  // namespace detail

/// The spelling on the wire: "queue_full".
inline const char* to_string(errc code) noexcept { return detail::row_of(code).name; }

/// One sentence for people, without internals.
inline const char* message_of(errc code) noexcept { return detail::row_of(code).text; }

/// True when the same request may succeed later.
inline bool is_retryable(errc code) noexcept { return detail::row_of(code).retryable; }

std::error_code make_error_code(errc code) noexcept;
std::error_condition make_error_condition(condition value) noexcept;

namespace detail {

class errc_category final : public std::error_category {
 public:
  AGENT_WEBSOCKET_INLINE const char* name() const noexcept override;
  AGENT_WEBSOCKET_INLINE std::string message(int value) const override;
};

class condition_category final : public std::error_category {
 public:
  AGENT_WEBSOCKET_INLINE const char* name() const noexcept override;

  AGENT_WEBSOCKET_INLINE std::string message(int value) const override;

  AGENT_WEBSOCKET_INLINE bool equivalent(const std::error_code& code,
                                         int value) const noexcept override;
};

}  // namespace detail

std::error_code make_error_code(errc code) noexcept;

std::error_condition make_error_condition(condition value) noexcept;

/// An error as a value: what, in words that a client may see, and (for the log only) in detail.
struct error {
  errc code = errc::internal;
  std::string message;  ///< for people; never holds keys, paths or an upstream's raw text
  std::string detail;   ///< for the log only

  error() = default;
  explicit error(errc what) : code(what), message(message_of(what)) {}
  error(errc what, std::string words) : code(what), message(std::move(words)) {}
  error(errc what, std::string words, std::string log_only);

  /// With the detail, for the log.
  std::string in_full() const;
};

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE const errc_row& row_of(errc code) noexcept {
  for (const errc_row& row : errc_table) {
    if (row.code == code) return row;
  }
  return errc_table[39];  // internal
}

AGENT_WEBSOCKET_INLINE const char* errc_category::name() const noexcept {
  return "agent_websocket";
}

AGENT_WEBSOCKET_INLINE std::string errc_category::message(int value) const {
  return message_of(static_cast<errc>(value));
}

inline const std::error_category& errc_category_instance() noexcept {
  static const errc_category instance;
  return instance;
}

AGENT_WEBSOCKET_INLINE const char* condition_category::name() const noexcept {
  return "agent_websocket.condition";
}

AGENT_WEBSOCKET_INLINE std::string condition_category::message(int value) const {
  switch (static_cast<condition>(value)) {
    case condition::client_fault: return "client fault";
    case condition::upstream_fault: return "upstream fault";
    case condition::retryable: return "retryable";
    case condition::cancelled: return "cancelled";
    case condition::limit_exceeded: return "limit exceeded";
  }
  return "unknown condition";
}

AGENT_WEBSOCKET_INLINE bool condition_category::equivalent(const std::error_code& code,
                                                           int value) const noexcept {
  if (code.category() != errc_category_instance()) return false;
  const errc what = static_cast<errc>(code.value());
  switch (static_cast<condition>(value)) {
    case condition::client_fault: return what >= errc::bad_json && what <= errc::feedback_invalid;
    case condition::upstream_fault:
      return (what >= errc::provider_error && what <= errc::timeout_total) ||
             what == errc::connection_failed;
    case condition::retryable: return is_retryable(what);
    case condition::cancelled: return what == errc::cancelled || what == errc::interrupted;
    case condition::limit_exceeded:
      return what == errc::too_large || what == errc::rate_limited ||
             what == errc::quota_exceeded || what == errc::too_many_connections ||
             what == errc::queue_full || what == errc::provider_rate_limited ||
             what == errc::payment_required;
  }
  return false;
}

inline const std::error_category& condition_category_instance() noexcept {
  static const condition_category instance;
  return instance;
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), detail::errc_category_instance()};
}

AGENT_WEBSOCKET_INLINE std::error_condition make_error_condition(condition value) noexcept {
  return {static_cast<int>(value), detail::condition_category_instance()};
}

AGENT_WEBSOCKET_INLINE error::error(errc what, std::string words, std::string log_only)
    : code(what), message(std::move(words)), detail(std::move(log_only)) {}

AGENT_WEBSOCKET_INLINE std::string error::in_full() const {
  return detail.empty() ? message : message + ": " + detail;
}

#endif

}  // namespace agent_websocket

namespace std {
template <>
struct is_error_code_enum<agent_websocket::errc> : true_type {};
template <>
struct is_error_condition_enum<agent_websocket::condition> : true_type {};
}  // namespace std
