// SPDX-License-Identifier: MIT
//
// Agent WebSocket 0.1.0, the single header.
// Made from include/ by tools/amalgamate.py: change it there, not here.
//
// MIT License
//
// Copyright (c) 2026 Agent WebSocket contributors
//
// Permission is hereby granted, free of charge, to any person obtaining a copy
// of this software and associated documentation files (the "Software"), to deal
// in the Software without restriction, including without limitation the rights
// to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
// copies of the Software, and to permit persons to whom the Software is
// furnished to do so, subject to the following conditions:
//
// The above copyright notice and this permission notice shall be included in all
// copies or substantial portions of the Software.
//
// THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
// IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
// FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
// AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
// LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
// OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
// SOFTWARE.
#pragma once
#ifndef AGENT_WEBSOCKET_SINGLE_HEADER_INCLUDED
#define AGENT_WEBSOCKET_SINGLE_HEADER_INCLUDED

// --- agent_websocket/base/config.hpp

// Feature switches and the language check. Every switch is 0 or 1, set by the user before the first
// include, the same in all translation units of a program; a switch only adds names.

#if !defined(__cplusplus) || (__cplusplus < 201703L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 201703L))
#error "agent_websocket needs C++17 or newer: compile with -std=c++17 (MSVC: /std:c++17 /Zc:__cplusplus)"
#endif

/// 1 (default): the shipped adapters and `server` (Asio, websocketpp, and what the switches below add).
/// 0: the core and the mocks only; nothing but RapidJSON and the standard library is included.
#ifndef AGENT_WEBSOCKET_WITH_ADAPTERS
#define AGENT_WEBSOCKET_WITH_ADAPTERS 1
#endif

/// 1: `adapters::curl_http_client` (libcurl). Default: on where the adapters are on.
#ifndef AGENT_WEBSOCKET_WITH_CURL
#define AGENT_WEBSOCKET_WITH_CURL AGENT_WEBSOCKET_WITH_ADAPTERS
#endif

// --- agent_websocket/base/version.hpp

// The version of the library, written here and nowhere else: CMake and Meson read these lines.
// Semantic versioning 2.0.0.

#define AGENT_WEBSOCKET_VERSION_MAJOR 0
#define AGENT_WEBSOCKET_VERSION_MINOR 1
#define AGENT_WEBSOCKET_VERSION_PATCH 0

#define AGENT_WEBSOCKET_STRINGIFY_EXPANDED(x) #x
#define AGENT_WEBSOCKET_STRINGIFY(x) AGENT_WEBSOCKET_STRINGIFY_EXPANDED(x)

/// "major.minor.patch"
#define AGENT_WEBSOCKET_VERSION_STRING                     \
  AGENT_WEBSOCKET_STRINGIFY(AGENT_WEBSOCKET_VERSION_MAJOR) \
  "." AGENT_WEBSOCKET_STRINGIFY(AGENT_WEBSOCKET_VERSION_MINOR) "." AGENT_WEBSOCKET_STRINGIFY(AGENT_WEBSOCKET_VERSION_PATCH)

namespace agent_websocket {

/// The version of the wire protocol that the welcome message names in `v`.
inline constexpr int protocol_version = 1;

}  // namespace agent_websocket

// --- agent_websocket/base/ids.hpp

// The grammar of the identifiers of the wire protocol (`id`, `ref`): 1 to 64 characters of
// [A-Za-z0-9_.:-]. Whoever makes an id does so within it.

#include <cstddef>
#include <string_view>

namespace agent_websocket {

inline constexpr std::size_t max_id_length = 64;

/// True for a legal message id.
constexpr bool is_valid_id(std::string_view text) noexcept {
  if (text.empty() || text.size() > max_id_length) return false;
  for (const char c : text) {
    const bool legal = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
                       c == '.' || c == ':' || c == '-';
    if (!legal) return false;
  }
  return true;
}

}  // namespace agent_websocket

// --- agent_websocket/base/utf8.hpp

// UTF-8 (RFC 3629): how long the sequence at the front of some bytes is, and cutting text without cutting a
// character. Overlong forms, surrogates and code points above U+10FFFF are not UTF-8.

namespace agent_websocket {

/// 1 to 4 for a well-formed sequence at the front of `bytes`, 0 when there is none (also when it is cut short).
constexpr std::size_t utf8_sequence_length(std::string_view bytes) noexcept {
  const auto at = [&bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto continues = [&](std::size_t i) { return i < bytes.size() && (at(i) & 0xC0) == 0x80; };
  if (bytes.empty()) return 0;
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return continues(1) ? 2 : 0;
  if (lead < 0xF0) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && at(1) < 0xA0) return 0;
    if (lead == 0xED && at(1) >= 0xA0) return 0;
    return 3;
  }
  if (lead > 0xF4 || !continues(1) || !continues(2) || !continues(3)) return 0;
  if (lead == 0xF0 && at(1) < 0x90) return 0;
  if (lead == 0xF4 && at(1) >= 0x90) return 0;
  return 4;
}

/// True when all of `bytes` is UTF-8.
constexpr bool is_utf8(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const std::size_t length = utf8_sequence_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

/// The longest front of `text` with at most `max_bytes` bytes that does not end inside a character.
constexpr std::string_view cut_utf8(std::string_view text, std::size_t max_bytes) noexcept {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace agent_websocket

// --- agent_websocket/client/answer_text.hpp

// The text of an answer, put together from deltas, snapshots and its end by the rule of the wire
// protocol, section 4: what is known is dropped, what goes on is appended, what begins anew
// replaces, and a hole is reported. Pure.

#include <cstdint>
#include <string>

namespace agent_websocket {

/// What has happened to the text of an answer.
enum class text_change { none, appended, rewritten, hole };

class answer_text {
 public:
  struct outcome {
    text_change what = text_change::none;
    /// appended: what has come behind; rewritten: all of it. Valid until the next change.
    std::string_view text;
  };

  /// Longer texts are cut: no end could bring them, because no message is that large.
  static constexpr std::size_t max_bytes = 16 * 1024 * 1024;

  /// A delta or a snapshot: source chunks `idx` to `idx + n - 1`.
  outcome add(std::int64_t idx, std::int64_t n, std::string_view content) {
    constexpr std::int64_t most = std::int64_t{1} << 53;
    if (idx < 0 || n < 0 || idx > most || n > most) return {};
    if (idx + n <= have_) return {};
    if (idx == 0) {
      have_ = n;
      return replace(content);
    }
    if (idx != have_) return {text_change::hole, {}};
    have_ += n;
    return append(content);
  }

  /// A piece of reasoning, which no end brings whole: one that begins at 0 is all that counts, and
  /// what stands behind a hole is dropped until then.
  outcome add_reasoning(std::int64_t idx, std::int64_t n, std::string_view content) {
    if (idx == 0 && n > 0) have_ = 0;
    const outcome made = add(idx, n, content);
    return made.what == text_change::hole ? outcome() : made;
  }

  /// The end brings the whole text.
  outcome replace(std::string_view whole) {
    whole = cut_utf8(whole, max_bytes);
    if (whole.substr(0, text_.size()) == text_) return append(whole.substr(text_.size()));
    text_.assign(whole);
    return {text_change::rewritten, text_};
  }

  const std::string& text() const noexcept { return text_; }

 private:
  outcome append(std::string_view more) {
    more = cut_utf8(more, max_bytes - text_.size());
    if (more.empty()) return {};
    const std::size_t before = text_.size();
    text_.append(more);
    return {text_change::appended, std::string_view(text_).substr(before)};
  }

  std::int64_t have_ = 0;  // chunks
  std::string text_;
};

}  // namespace agent_websocket

// --- agent_websocket/base/error.hpp

// One enumeration of everything that a peer, a model, a network or a configuration can do wrong, its
// std::error_category, and conditions that group it by what to do about it. The names of the codes are
// the `code`s of the wire protocol. Misuse by the caller is an assertion, never one of these.

#include <array>
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

inline constexpr std::array<errc_row, 44> errc_table{{
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
    {errc::feedback_unknown, "feedback_unknown", "There is nothing that this feedback could be for", false},
    {errc::feedback_expired, "feedback_expired", "The request for feedback has expired", false},
    {errc::feedback_invalid, "feedback_invalid", "The feedback does not fit the request", true},
    {errc::tool_failed, "tool_failed", "A tool failed", false},
    {errc::tool_loop, "tool_loop", "The model called tools too many times", false},
    {errc::provider_error, "provider_error", "The model's provider failed", true},
    {errc::provider_rate_limited, "provider_rate_limited", "The model's provider limits the rate", true},
    {errc::provider_overloaded, "provider_overloaded", "The model's provider is overloaded", true},
    {errc::provider_unauthorized, "provider_unauthorized", "The model's provider refused the server's credentials", false},
    {errc::payment_required, "payment_required", "The server's balance at the model's provider does not suffice", false},
    {errc::context_length_exceeded, "context_length_exceeded", "The conversation is too long for the model", false},
    {errc::content_policy, "content_policy", "The provider's content policy refused the request", false},
    {errc::model_not_found, "model_not_found", "The model is not available", false},
    {errc::empty_response, "empty_response", "The model sent an empty answer", true},
    {errc::truncated, "truncated", "The answer was cut off", true},
    {errc::timeout_connect, "timeout_connect", "The model's provider could not be reached in time", true},
    {errc::timeout_first_token, "timeout_first_token", "The model did not begin to answer in time", true},
    {errc::timeout_idle, "timeout_idle", "The model stopped answering", true},
    {errc::timeout_total, "timeout_total", "The answer took too long", false},
    {errc::interrupted, "interrupted", "The answer was interrupted", true},
    {errc::draining, "draining", "The server is shutting down", true},
    {errc::internal, "internal", "Internal error", true},
    {errc::cancelled, "cancelled", "Cancelled", false},
    {errc::bad_configuration, "bad_configuration", "The configuration is wrong", false},
    {errc::connection_failed, "connection_failed", "The connection failed", true},
    {errc::protocol_error, "protocol_error", "The peer broke the protocol", false},
}};

inline const errc_row& row_of(errc code) noexcept {
  for (const errc_row& row : errc_table) {
    if (row.code == code) return row;
  }
  return errc_table[39];  // internal
}

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
  const char* name() const noexcept override { return "agent_websocket"; }
  std::string message(int value) const override { return message_of(static_cast<errc>(value)); }
};

inline const std::error_category& errc_category_instance() noexcept {
  static const errc_category instance;
  return instance;
}

class condition_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "agent_websocket.condition"; }

  std::string message(int value) const override {
    switch (static_cast<condition>(value)) {
      case condition::client_fault: return "client fault";
      case condition::upstream_fault: return "upstream fault";
      case condition::retryable: return "retryable";
      case condition::cancelled: return "cancelled";
      case condition::limit_exceeded: return "limit exceeded";
    }
    return "unknown condition";
  }

  bool equivalent(const std::error_code& code, int value) const noexcept override {
    if (code.category() != errc_category_instance()) return false;
    const errc what = static_cast<errc>(code.value());
    switch (static_cast<condition>(value)) {
      case condition::client_fault: return what >= errc::bad_json && what <= errc::feedback_invalid;
      case condition::upstream_fault:
        return (what >= errc::provider_error && what <= errc::timeout_total) || what == errc::connection_failed;
      case condition::retryable: return is_retryable(what);
      case condition::cancelled: return what == errc::cancelled || what == errc::interrupted;
      case condition::limit_exceeded:
        return what == errc::too_large || what == errc::rate_limited || what == errc::quota_exceeded ||
               what == errc::too_many_connections || what == errc::queue_full || what == errc::provider_rate_limited ||
               what == errc::payment_required;
    }
    return false;
  }
};

inline const std::error_category& condition_category_instance() noexcept {
  static const condition_category instance;
  return instance;
}

}  // namespace detail

inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), detail::errc_category_instance()};
}

inline std::error_condition make_error_condition(condition value) noexcept {
  return {static_cast<int>(value), detail::condition_category_instance()};
}

/// An error as a value: what, in words that a client may see, and (for the log only) in detail.
struct error {
  errc code = errc::internal;
  std::string message;  ///< for people; never holds keys, paths or an upstream's raw text
  std::string detail;   ///< for the log only

  error() = default;
  explicit error(errc what) : code(what), message(message_of(what)) {}
  error(errc what, std::string words) : code(what), message(std::move(words)) {}
  error(errc what, std::string words, std::string log_only)
      : code(what), message(std::move(words)), detail(std::move(log_only)) {}
};

}  // namespace agent_websocket

namespace std {
template <>
struct is_error_code_enum<agent_websocket::errc> : true_type {};
template <>
struct is_error_condition_enum<agent_websocket::condition> : true_type {};
}  // namespace std

// --- agent_websocket/base/result.hpp

// A value or an `error`: what pure functions return where bad input is possible. A small stand-in for
// std::expected (C++23), with the same names where it has them.

#include <cassert>
#include <stdexcept>
#include <variant>

namespace agent_websocket {

/// Thrown by `result::value()` when there is none; `what()` is the error's message.
class bad_result_access : public std::runtime_error {
 public:
  explicit bad_result_access(const agent_websocket::error& why) : std::runtime_error(why.message), code_(why.code) {}
  errc code() const noexcept { return code_; }

 private:
  errc code_;
};

/// Holds a `T` or an `error`. Implicit from both, so that a function returns either.
template <typename T>
class result {
 public:
  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}            // NOLINT: implicit on purpose
  result(agent_websocket::error why) : state_(std::in_place_index<1>, std::move(why)) {}  // NOLINT

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value; throws bad_result_access, with the error's words, when there is none.
  T& value() & {
    require();
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    require();
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    require();
    return std::move(*std::get_if<0>(&state_));
  }

  /// The value, unchecked. Precondition: has_value().
  T& operator*() & noexcept { return checked(std::get_if<0>(&state_)); }
  const T& operator*() const& noexcept { return checked(std::get_if<0>(&state_)); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }

  /// Precondition: !has_value().
  const agent_websocket::error& error() const noexcept { return checked(std::get_if<1>(&state_)); }

 private:
  template <typename P>
  static P& checked(P* pointer) noexcept {
    assert(pointer != nullptr);
    return *pointer;
  }

  void require() const {
    if (!has_value()) throw bad_result_access(error());
  }

  std::variant<T, agent_websocket::error> state_;
};

/// Nothing, or an `error`.
template <>
class result<void> {
 public:
  result() = default;
  result(agent_websocket::error why) : failed_(true), error_(std::move(why)) {}  // NOLINT: implicit on purpose

  bool has_value() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return !failed_; }
  void value() const {
    if (failed_) throw bad_result_access(error_);
  }
  const agent_websocket::error& error() const noexcept { return error_; }

 private:
  bool failed_ = false;
  agent_websocket::error error_;
};

}  // namespace agent_websocket

// --- agent_websocket/json/number.hpp

// Conversion between JSON number text and C++ numbers: exact, locale-independent, never undefined (RFC 8259 section 6).
// Uses <charconv>; where the standard library has it for integers only (older libc++), a stream in the classic locale.

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#if !defined(__cpp_lib_to_chars)
#include <locale>
#include <sstream>
#endif

namespace agent_websocket {
namespace json {

namespace detail {

/// A JSON number taken apart: 0.d1d2d3... x 10^order, d1 not 0; no digits at all for zero.
struct decimal {
  bool negative = false;
  char digits[20] = {};    // the first ones, enough for int64_t
  std::int64_t count = 0;  // of digits up to the last that is not 0
  std::int64_t order = 0;
};

inline decimal take_apart(std::string_view text) noexcept {
  decimal parts;
  std::int64_t seen = 0;
  bool behind_point = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '-') {
      parts.negative = true;
    } else if (c == '.') {
      behind_point = true;
    } else if (c == 'e' || c == 'E') {
      const bool plus = i + 1 < text.size() && text[i + 1] == '+';
      const char* const begin = text.data() + i + (plus ? 2 : 1);
      const char* const end = text.data() + text.size();
      // In 32 bits, beyond which the text would have to be gigabytes for its digits to matter.
      std::int32_t exponent = 0;
      if (std::from_chars(begin, end, exponent).ec == std::errc::result_out_of_range) {
        exponent = *begin == '-' ? std::numeric_limits<std::int32_t>::min()
                                 : std::numeric_limits<std::int32_t>::max();
      }
      parts.order += exponent;
      break;
    } else if (seen == 0 && c == '0') {
      if (behind_point) --parts.order;
    } else {
      if (!behind_point) ++parts.order;
      if (seen < static_cast<std::int64_t>(sizeof parts.digits)) parts.digits[seen] = c;
      ++seen;
      if (c != '0') parts.count = seen;
    }
  }
  return parts;
}

}  // namespace detail

/// The number that `text` spells, or nullopt when it does not fit a double. Too small is 0.
/// Precondition: a JSON number.
inline std::optional<double> parse_double(std::string_view text) noexcept {
  double number = 0;
#if defined(__cpp_lib_to_chars)
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc::result_out_of_range) {
    // The two ends of the range give the same code; at the small one the point is far to the left.
    return detail::take_apart(text).order <= 0 ? std::optional<double>(0.0) : std::nullopt;
  }
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
#else
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  stream >> number;
  // libc++ calls subnormal numbers a failure as well, and gives them.
  if (stream.fail() && detail::take_apart(text).order > 0) return std::nullopt;
  if (!std::isfinite(number)) return std::nullopt;
#endif
  return number;
}

/// The integer that `text` spells ("3", "3.0", "3e2"), or nullopt when it has a fraction or does not fit int64_t.
/// Exact: never by way of a double. Precondition: a JSON number.
inline std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc() && end == text.data() + text.size()) return number;
  if (text.find_first_of(".eE") == std::string_view::npos) return std::nullopt;
  const detail::decimal parts = detail::take_apart(text);
  if (parts.count == 0) return 0;
  if (parts.count > parts.order || parts.order > 19) return std::nullopt;  // int64_t has 19 digits
  char whole[1 + sizeof parts.digits] = {'-'};
  for (std::int64_t i = 0; i < parts.order; ++i) whole[1 + i] = i < parts.count ? parts.digits[i] : '0';
  const char* const begin = whole + (parts.negative ? 0 : 1);
  if (std::from_chars(begin, whole + 1 + parts.order, number).ec != std::errc()) return std::nullopt;
  return number;
}

/// The shortest text that reads back as the same double, without exponent for whole numbers below 2^53.
/// Precondition: finite.
inline std::string print_double(double number) {
  char text[40];
  if (std::trunc(number) == number && std::fabs(number) <= 9007199254740992.0) {
    const auto whole = std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(number));
    return std::string(text, whole.ptr);
  }
#if defined(__cpp_lib_to_chars)
  const auto done = std::to_chars(text, text + sizeof text, number);
  return std::string(text, done.ptr);
#else
  std::string shortest;
  for (int digits = 15; digits <= 17; ++digits) {  // 15 always fit a double, 17 always tell it apart
    std::ostringstream stream;
    stream.imbue(std::locale::classic());
    stream.precision(digits);
    stream << number;
    shortest = stream.str();
    if (parse_double(shortest) == number) break;
  }
  return shortest;
#endif
}

}  // namespace json
}  // namespace agent_websocket

// --- agent_websocket/json/reader.hpp

// Reads JSON text (RFC 8259) into a flat, read-only document: one buffer, one vector of nodes, both reused from
// parse to parse, so that a steady stream of messages costs few allocations. Every read is checked: asking for what
// is not there gives an absent value or nullopt, never an abort. This is the only header that names RapidJSON; it
// parses iteratively, in situ, with numbers left as text and encoding validated, because RapidJSON's other modes
// overflow the stack on deep nesting and crash on 26-byte numbers (CVE-2024-38517).

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <cstring>
#include <vector>

namespace agent_websocket {
namespace json {

enum class kind : std::uint8_t { absent, null, boolean, number, string, array, object };

/// "an array", "a string": for error messages.
inline const char* describe(kind what) noexcept {
  switch (what) {
    case kind::absent: return "nothing";
    case kind::null: return "null";
    case kind::boolean: return "a boolean";
    case kind::number: return "a number";
    case kind::string: return "a string";
    case kind::array: return "an array";
    case kind::object: return "an object";
  }
  return "nothing";
}

struct parse_limits {
  std::size_t max_depth = 64;            ///< nested arrays and objects
  std::size_t max_bytes = 64u << 20;     ///< of text
  std::size_t max_values = 1u << 20;     ///< values and keys in all; bounds the nodes' memory
};

namespace detail {

struct node {
  kind what = kind::absent;
  bool truth = false;
  std::uint32_t offset = 0;  // of the text of a string or number
  std::uint32_t length = 0;  // of that text; of a container: its direct children (members of an object)
  std::uint32_t next = 0;    // the node behind this subtree
};

struct tape {
  std::string text;
  std::vector<node> nodes;
};

}  // namespace detail

/// A view of one value of a document. Cheap to copy; valid until the document is parsed again, moved or destroyed.
class value {
 public:
  value() = default;

  json::kind kind() const noexcept { return tape_ ? at().what : json::kind::absent; }
  bool exists() const noexcept { return tape_ != nullptr; }
  explicit operator bool() const noexcept { return exists(); }
  bool is_null() const noexcept { return kind() == json::kind::null; }
  bool is_string() const noexcept { return kind() == json::kind::string; }
  bool is_number() const noexcept { return kind() == json::kind::number; }
  bool is_array() const noexcept { return kind() == json::kind::array; }
  bool is_object() const noexcept { return kind() == json::kind::object; }
  bool is_boolean() const noexcept { return kind() == json::kind::boolean; }

  /// The text of a string; nullopt for anything else. May hold any character, U+0000 too.
  std::optional<std::string_view> string() const noexcept {
    if (!is_string()) return std::nullopt;
    return text();
  }
  std::optional<bool> boolean() const noexcept {
    if (!is_boolean()) return std::nullopt;
    return at().truth;
  }
  /// A number as double; nullopt when it is not a number or out of double's range.
  std::optional<double> number() const noexcept {
    if (!is_number()) return std::nullopt;
    return parse_double(text());
  }
  /// A number without fraction in the range of int64_t ("3", "3.0", "3e2"); nullopt for anything else.
  std::optional<std::int64_t> integer() const noexcept {
    if (!is_number()) return std::nullopt;
    return parse_integer(text());
  }
  /// A number exactly as it was written.
  std::optional<std::string_view> number_text() const noexcept {
    if (!is_number()) return std::nullopt;
    return text();
  }

  /// Elements of an array or members of an object; 0 for anything else.
  std::size_t size() const noexcept { return is_array() || is_object() ? at().length : 0; }

  /// The member of that name (the last one, as in JavaScript, when there are several), or an absent value.
  value operator[](std::string_view name) const noexcept {
    value found;
    if (!is_object()) return found;
    for (std::uint32_t i = index_ + 1; i < at().next;) {
      const value name_node(tape_, i);
      const std::uint32_t member = i + 1;
      if (name_node.text() == name) found = value(tape_, member);
      i = tape_->nodes[member].next;
    }
    return found;
  }
  value operator[](const char* name) const noexcept { return (*this)[std::string_view(name)]; }

  /// The element at that position, or an absent value. Linear in the position.
  value operator[](std::size_t position) const noexcept {
    if (!is_array() || position >= at().length) return {};
    std::uint32_t i = index_ + 1;
    while (position-- > 0) i = tape_->nodes[i].next;
    return value(tape_, i);
  }
  value operator[](int position) const noexcept {
    return position < 0 ? value() : (*this)[static_cast<std::size_t>(position)];
  }

  /// Calls `f(value)` for each element of an array, in order.
  template <typename F>
  void for_each_element(F&& f) const {
    if (!is_array()) return;
    for (std::uint32_t i = index_ + 1; i < at().next; i = tape_->nodes[i].next) f(value(tape_, i));
  }
  /// Calls `f(std::string_view name, value)` for each member of an object, in order.
  template <typename F>
  void for_each_member(F&& f) const {
    if (!is_object()) return;
    for (std::uint32_t i = index_ + 1; i < at().next;) {
      f(value(tape_, i).text(), value(tape_, i + 1));
      i = tape_->nodes[i + 1].next;
    }
  }

 private:
  friend class document;
  value(const detail::tape* of, std::uint32_t index) noexcept : tape_(of), index_(index) {}
  const detail::node& at() const noexcept { return tape_->nodes[index_]; }
  std::string_view text() const noexcept { return std::string_view(tape_->text).substr(at().offset, at().length); }

  const detail::tape* tape_ = nullptr;
  std::uint32_t index_ = 0;
};

namespace detail {

/// RapidJSON's SAX handler: appends nodes and enforces the limits.
class tape_builder {
 public:
  tape_builder(tape& out, const parse_limits& limits) : out_(out), limits_(limits) {}

  bool Null() { return add(kind::null); }
  bool Bool(bool truth) {
    if (!add(kind::boolean)) return false;
    out_.nodes.back().truth = truth;
    return true;
  }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool) { return add_text(kind::number, text, length); }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    return check_surrogates(text, length) && add_text(kind::string, text, length);
  }
  bool Key(const char* text, rapidjson::SizeType length, bool copy) {
    --children_of_parent();  // the value behind it counts
    return String(text, length, copy);
  }
  bool StartObject() { return open(kind::object); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool StartArray() { return open(kind::array); }
  bool EndArray(rapidjson::SizeType) { return close(); }
  // Never called with numbers as strings; required by the interface.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

  const char* refusal() const noexcept { return refusal_; }

 private:
  std::uint32_t& children_of_parent() { return out_.nodes[open_.back()].length; }

  bool add(kind what) {
    if (out_.nodes.size() >= limits_.max_values) {
      refusal_ = "it has too many values";
      return false;
    }
    if (!open_.empty()) ++children_of_parent();
    node made;
    made.what = what;
    made.next = static_cast<std::uint32_t>(out_.nodes.size() + 1);
    out_.nodes.push_back(made);
    return true;
  }
  bool add_text(kind what, const char* text, std::size_t length) {
    if (!add(what)) return false;
    out_.nodes.back().offset = static_cast<std::uint32_t>(text - out_.text.data());
    out_.nodes.back().length = static_cast<std::uint32_t>(length);
    return true;
  }
  bool open(kind what) {
    if (open_.size() >= limits_.max_depth) {
      refusal_ = "it is nested too deeply";
      return false;
    }
    const auto index = static_cast<std::uint32_t>(out_.nodes.size());
    if (!add(what)) return false;
    open_.push_back(index);
    return true;
  }
  bool close() {
    out_.nodes[open_.back()].next = static_cast<std::uint32_t>(out_.nodes.size());
    open_.pop_back();
    return true;
  }
  // RapidJSON lets "\uDC00" alone through as the bytes ED B0 80, which are not UTF-8 (RFC 3629 section 3).
  bool check_surrogates(const char* text, std::size_t length) {
    const char* end = text + length;
    for (const char* at = text; at != end;) {
      at = static_cast<const char*>(std::memchr(at, 0xED, static_cast<std::size_t>(end - at)));
      if (at == nullptr) return true;
      ++at;
      if (at != end && static_cast<unsigned char>(*at) >= 0xA0) {
        refusal_ = "a \\u escape is half of a surrogate pair";
        return false;
      }
    }
    return true;
  }

  tape& out_;
  const parse_limits& limits_;
  std::vector<std::uint32_t> open_;
  const char* refusal_ = nullptr;
};

}  // namespace detail

/// Owns the text and the nodes of one parsed JSON value. Movable; used from one thread at a time.
class document {
 public:
  /// Parses `text`, replacing what was there. On failure (errc::bad_json; errc::too_large above max_bytes) the
  /// document is empty and the message says what is wrong and at which byte.
  result<void> parse(std::string_view text, const parse_limits& limits = {}) {
    tape_.nodes.clear();
    if (text.size() > limits.max_bytes || text.size() > std::numeric_limits<std::int32_t>::max()) {
      return error(errc::too_large, "The JSON text is too large: " + std::to_string(text.size()) + " bytes, at most " +
                                        std::to_string(limits.max_bytes) + " are allowed");
    }
    if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
      return refuse("a NUL byte stands in the text", nul);
    }
    tape_.text.assign(text);
    tape_.text.append(8, '\0');  // the validating parser looks up to 3 bytes past a truncated sequence
    detail::tape_builder builder(tape_, limits);
    rapidjson::InsituStringStream stream(tape_.text.data());
    constexpr unsigned flags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                               rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseValidateEncodingFlag;
    const rapidjson::ParseResult outcome = rapidjson::Reader().Parse<flags>(stream, builder);
    if (outcome.IsError()) {
      tape_.nodes.clear();
      return refuse(builder.refusal() ? builder.refusal() : rapidjson::GetParseError_En(outcome.Code()), outcome.Offset());
    }
    return {};
  }

  /// The top value, absent before the first successful parse.
  value root() const noexcept { return tape_.nodes.empty() ? value() : value(&tape_, 0); }

 private:
  static error refuse(std::string why, std::size_t offset) {
    while (!why.empty() && why.back() == '.') why.pop_back();
    return error(errc::bad_json, "Not valid JSON: " + why + " (at byte " + std::to_string(offset) + ")");
  }

  detail::tape tape_;
};

}  // namespace json
}  // namespace agent_websocket

// --- agent_websocket/json/writer.hpp

// Appends JSON text (RFC 8259) to a std::string: no document, no intermediate buffer, no allocation beyond the
// string's own growth. Written by hand rather than on RapidJSON's Writer because this is the hot path of every
// token and costs a third of it. Output is always valid UTF-8: bytes that are not are replaced by U+FFFD.

#include <type_traits>

namespace agent_websocket {
namespace json {

/// Appends `text` as a JSON string body, without the quotes.
inline void append_escaped(std::string& out, std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  const char* run = text.data();
  const char* at = run;
  const char* const end = run + text.size();
  const auto flush = [&] { out.append(run, static_cast<std::size_t>(at - run)); };
  while (at != end) {
    const auto c = static_cast<unsigned char>(*at);
    if (c >= 0x20 && c != '"' && c != '\\' && c < 0x7F) {
      ++at;
      continue;
    }
    if (c >= 0x80) {
      const std::size_t length = utf8_sequence_length(std::string_view(at, static_cast<std::size_t>(end - at)));
      if (length != 0) {
        at += length;
        continue;
      }
      flush();
      out += "\xEF\xBF\xBD";
      run = ++at;
      continue;
    }
    flush();
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        out += "\\u00";
        out.push_back(digits[c >> 4]);
        out.push_back(digits[c & 0xF]);
    }
    run = ++at;
  }
  flush();
}

/// Writes one JSON value piece by piece. Commas are its own business; nesting is the caller's.
///
///     json::writer w(out);
///     w.begin_object().member("type", "status").member("position", 2).end_object();
class writer {
 public:
  explicit writer(std::string& out) : out_(out) {}

  writer& begin_object() { return open('{'); }
  writer& end_object() { return close('}'); }
  writer& begin_array() { return open('['); }
  writer& end_array() { return close(']'); }

  /// The name of the next value. `name` is written as it is: it must need no escaping unless `key_escaped` is used.
  writer& key(std::string_view name) {
    separate();
    out_.push_back('"');
    out_.append(name);
    out_.append("\":");
    comma_ = false;
    return *this;
  }
  /// The name of the next value, where it comes from outside.
  writer& key_escaped(std::string_view name) {
    separate();
    out_.push_back('"');
    append_escaped(out_, name);
    out_.append("\":");
    comma_ = false;
    return *this;
  }

  writer& value(std::string_view text) {
    separate();
    out_.push_back('"');
    append_escaped(out_, text);
    out_.push_back('"');
    return *this;
  }
  writer& value(const char* text) { return value(std::string_view(text)); }
  writer& value(const std::string& text) { return value(std::string_view(text)); }
  writer& value(bool truth) { return raw(truth ? "true" : "false"); }
  template <typename Integer, std::enable_if_t<std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>, int> = 0>
  writer& value(Integer number) {
    char text[24];
    const auto done = std::to_chars(text, text + sizeof text, number);
    return raw(std::string_view(text, static_cast<std::size_t>(done.ptr - text)));
  }
  /// Precondition: finite. JSON has no NaN and no infinity.
  writer& value(double number) {
    assert(std::isfinite(number));
    return raw(std::isfinite(number) ? std::string_view(print_double(number)) : std::string_view("null"));
  }
  writer& null() { return raw("null"); }
  /// A piece of JSON text that is already a whole value.
  writer& raw(std::string_view json) {
    separate();
    out_.append(json);
    return *this;
  }

  template <typename T>
  writer& member(std::string_view name, const T& what) {
    return key(name).value(what);
  }
  writer& member_raw(std::string_view name, std::string_view json) { return key(name).raw(json); }

 private:
  void separate() {
    if (comma_) out_.push_back(',');
    comma_ = true;
  }
  writer& open(char bracket) {
    separate();
    out_.push_back(bracket);
    comma_ = false;
    return *this;
  }
  writer& close(char bracket) {
    out_.push_back(bracket);
    comma_ = true;
    return *this;
  }

  std::string& out_;
  bool comma_ = false;
};

}  // namespace json
}  // namespace agent_websocket

// --- agent_websocket/json/print.hpp

// Writes a parsed value back as compact JSON text: members in their order, numbers exactly as they were written.
// For what passes through (`meta`, content parts, tool arguments), not for building messages.

namespace agent_websocket {
namespace json {

/// Writes `what` through `out`. Recursion is bounded by the depth limit of the parser. An absent value is null.
inline void print(writer& out, const value& what) {
  switch (what.kind()) {
    case kind::absent:
    case kind::null: out.null(); return;
    case kind::boolean: out.value(*what.boolean()); return;
    case kind::number: out.raw(*what.number_text()); return;
    case kind::string: out.value(*what.string()); return;
    case kind::array:
      out.begin_array();
      what.for_each_element([&out](const value& element) { print(out, element); });
      out.end_array();
      return;
    case kind::object:
      out.begin_object();
      what.for_each_member([&out](std::string_view name, const value& member) {
        out.key_escaped(name);
        print(out, member);
      });
      out.end_object();
      return;
  }
}

/// `what` as compact JSON text.
inline std::string to_text(const value& what) {
  std::string text;
  writer out(text);
  print(out, what);
  return text;
}

}  // namespace json
}  // namespace agent_websocket

// --- agent_websocket/wire/message.hpp

// The messages of the wire protocol, version 1, as closed sets of plain values: what a client may
// send (three types) and what the server sends (four, and human_feedback). Text is UTF-8. JSON that
// only passes through (`meta`, `data`, content parts, usage) is kept as compact JSON text.
// decode.hpp and encode.hpp convert; nothing here does.

#include <chrono>

namespace agent_websocket {
namespace wire {

// ---- from the client
// --------------------------------------------------------------------------------------------

/// What a query does when an answer is running.
enum class overlap { queue, reject, interrupt, latest };

/// A tool that a client runs itself.
struct declared_tool {
  std::string name;
  std::string description;
  std::string parameters;  ///< JSON Schema text, or empty
};

/// `type: "query"`: asks the agent.
struct query {
  std::string id;       ///< the client's, or empty: then the session makes one
  std::string content;  ///< as text; of content parts: their text parts, joined by line feeds
  std::string parts;    ///< content given as an array of parts: its JSON text; else empty
  std::optional<bool> stream;
  int priority = 5;  ///< 0 (last) to 9 (first)
  wire::overlap overlap = wire::overlap::queue;
  std::optional<std::chrono::milliseconds> timeout;  ///< for the whole answer
  std::string model;                                 ///< instead of the session's, or empty
  std::string meta;                  ///< JSON object text to echo with the answer, or empty
  std::vector<declared_tool> tools;  ///< of the client, for this query
  std::optional<std::uint64_t> ack;  ///< last number that the client has, if it says so
};

/// What a `hello` says of the session that it wants back.
struct resume_request {
  std::string token;
  std::string epoch;
  std::uint64_t last_seq = 0;
};

/// `type: "command"`: a verb of the protocol or of the application.
struct command {
  std::string id;
  std::string op;       ///< from `op`, or the whole `content` of a bare command
  std::string ref;      ///< the id acted on, or empty
  std::string content;  ///< text given beside `op`, or empty
  std::string data;     ///< JSON text of `data`, or empty
  std::string meta;
  // hello
  std::vector<std::string> caps;
  std::vector<declared_tool> tools;
  std::string client;          ///< name and version of the client program, for the log
  std::string resume_session;  ///< the session it wants back, or empty
  std::optional<resume_request> resume;
  std::vector<std::string> outbox;  ///< ids of messages that it does not know to have arrived
  std::optional<std::int64_t> version;
  std::string token;           ///< of hello and auth: who the client is, or empty; a secret
  std::optional<bool> stream;  ///< regenerate: as of a query
  // tool_result
  std::string failure;  ///< the client's words in place of a result, or empty
  // history
  std::optional<std::int64_t> before_seq;
  std::optional<std::int64_t> limit;
  std::optional<std::uint64_t> ack;  ///< also the `seq` of the command ack
  std::uint64_t from = 0;            ///< the connection that it came on; set by the session
};

/// `type: "human_feedback"` from a person: the decision on an open request, or a judgement of an
/// answer.
struct human_feedback {
  std::string id;
  std::string
      ref;  ///< the stream or query id of the answer judged, or the request; empty: the last one
  std::string decision;          ///< approve, reject, edit, answer; or empty
  std::optional<double> rating;  ///< -100 to 100; thumbs are 1 and -1
  std::string content;           ///< a comment
  std::string correction;        ///< what the answer should have been
  std::string data;              ///< JSON text that goes with a decision
  std::string meta;
  std::optional<std::uint64_t> ack;
};

/// A text that is no message of the protocol: why, and the id it carried if that could be read.
struct rejection {
  error why;
  std::string ref;
};

using client_message = std::variant<query, command, human_feedback, rejection>;

// ---- from the server
// --------------------------------------------------------------------------------------------

struct limits_notice {
  std::size_t max_message_bytes = 0;
  std::size_t max_queued = 0;
};

/// An answer that runs while a client comes back.
struct active_answer {
  std::string_view ref, stream;
};

/// `human_feedback` from the server: a person is asked for a decision.
struct feedback_request {
  std::string_view id, ref, kind, content;
  std::string_view tool, arguments;  ///< name, and JSON object text
  std::string_view expires_at;       ///< ISO-8601
  std::string_view default_decision;
  std::uint64_t seq = 0;
};

/// What a client that comes back is told beside the verdict.
struct resume_notice {
  std::vector<std::string_view> accepted;  ///< of its outbox: what has arrived
  std::vector<active_answer> active;
  std::vector<feedback_request> pending_feedback;
};

/// `notification`, op `welcome`.
struct welcome {
  std::string_view session_id;
  std::string_view resume_token;
  std::string_view epoch;
  std::uint64_t seq = 0;  ///< the socket goes on from here: the next numbered message is one above
  bool recovered = false;
  std::string_view reason = "new";
  std::chrono::milliseconds heartbeat{0};
  std::chrono::milliseconds timeout{0};
  std::chrono::milliseconds resume_window{0};
  limits_notice limits;
  std::optional<resume_notice> resumed;  ///< when a resume was asked for
  std::string_view data;                 ///< JSON object text of the application, or empty
};

/// `status` of any op, most of them with nothing but op and ref.
struct status {
  std::string_view op;
  std::string_view ref;
  std::string_view content;
  std::string_view data;  ///< JSON text, or empty
  std::string_view meta;
  std::optional<std::uint64_t> seq;
  std::optional<std::chrono::milliseconds> retry_after;
};

/// `status`, op `auth_expiring`: the client is to show a new token by the command auth.
struct auth_expiring {
  std::string_view expires_at;  ///< ISO-8601
};

/// `status`, op `ack`: the message with that id has been taken.
struct ack {
  std::string_view ref;
  std::string_view stream;   ///< of a query: which answer will belong to it
  std::size_t position = 0;  ///< of a query: how many run before it
  bool duplicate = false;
  bool of_query = false;
};

/// `status`, op `queued`.
struct queued {
  std::string_view ref;
  std::size_t position = 0;  ///< 1 is next
};

/// `status`, op `tool`: a tool is called, waits for a person, or has ended.
struct tool_status {
  std::string_view ref, stream;
  std::string_view call, name, arguments;  ///< our id of the call; JSON object text
  std::string_view state;                  ///< calling, waiting, done, failed
  std::string_view failure;                ///< words for people, of failed
  bool to_be_run = false;                  ///< by the client that gets this
};

/// `status`, op `feedback_resolved`, numbered.
struct feedback_resolved {
  std::uint64_t seq = 0;
  std::string_view ref, decision;
  std::string_view reason;  ///< expired or cancelled, when no person decided
};

/// `response`, phase `start`.
struct response_start {
  std::uint64_t seq = 0;
  std::string_view ref, stream, model;
};

/// `response`, phase `delta`. `idx` counts source chunks, `n` of them are merged here.
struct response_delta {
  std::string_view stream;
  std::uint64_t idx = 0, n = 0;
  std::string_view content;
  bool snapshot = false;   ///< phase `snapshot`: all of it so far, for a client that catches up
  bool reasoning = false;  ///< phase `reasoning`: of what the model thinks, counted by itself
};

enum class answer_status { completed, cancelled, failed, incomplete };

/// `response`, phase `full` or `end`: the terminal message of a query that was answered.
struct response_end {
  std::uint64_t seq = 0;
  std::string_view ref, stream;
  bool streamed = false;  ///< phase end, with n; else full
  std::uint64_t n = 0;
  std::string_view content;
  answer_status status = answer_status::completed;
  std::string_view finish_reason, model;
  std::string_view usage;        ///< JSON object text, or empty
  std::string_view annotations;  ///< JSON array text, or empty: citations, files
  std::string_view meta;
  const struct failure_notice* failure = nullptr;  ///< of a streamed answer that failed
  bool replay = false;
};

/// `error`, and the `error` member of a failed stream's end.
struct failure_notice {
  errc code = errc::internal;
  std::string_view content;
  std::string_view ref;
  std::optional<std::chrono::milliseconds> retry_after;
  bool retryable = false;
  std::optional<std::uint64_t> seq;  ///< set when this is the terminal message of a query
  std::string_view meta;
  bool replay = false;
};

/// `notification`.
struct notification {
  std::optional<std::uint64_t> seq;
  std::string_view op;
  std::string_view topic;
  std::string_view content;
  std::string_view data;  ///< JSON text, or empty
};

constexpr std::string_view to_string(answer_status value) noexcept {
  switch (value) {
    case answer_status::completed: return "completed";
    case answer_status::cancelled: return "cancelled";
    case answer_status::failed: return "failed";
    case answer_status::incomplete: return "incomplete";
  }
  return "failed";
}

}  // namespace wire
}  // namespace agent_websocket

// --- agent_websocket/wire/server_message.hpp

// The text of one WebSocket frame from the server -> a message as a client looks at it. The
// counterpart of encode.hpp, more lenient than decode.hpp: a client that refused what it does not
// know could not talk to a newer server, so a field of the wrong type reads as absent. Views refer
// to the document.

#include <algorithm>

namespace agent_websocket {
namespace wire {

enum class server_type { response, notification, status, error, human_feedback, unknown };

/// The `phase` of a response.
enum class response_phase { none, start, reasoning, delta, snapshot, end, full };

/// The largest integer that every JSON implementation reads as it was written.
inline constexpr std::int64_t max_json_integer = (std::int64_t{1} << 53) - 1;

namespace detail {

inline std::string_view text_or_nothing(json::value of) noexcept {
  return of.string().value_or(std::string_view());
}

inline std::optional<std::int64_t> count_or_nothing(json::value of) noexcept {
  const auto number = of.integer();
  return number && *number >= 0 && *number <= max_json_integer ? number : std::nullopt;
}

/// Milliseconds, at most a day: what a server says may be wrong.
inline std::optional<std::chrono::milliseconds> wait_or_nothing(json::value of) noexcept {
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

inline std::optional<answer_status> status_of(std::string_view name) noexcept {
  for (const answer_status each : {answer_status::completed, answer_status::cancelled,
                                   answer_status::failed, answer_status::incomplete}) {
    if (to_string(each) == name) return each;
  }
  return std::nullopt;
}

}  // namespace detail

/// A message of the server. What only some kinds have is read from `body`.
struct server_message {
  server_type type = server_type::unknown;
  std::string_view op, id, ref, stream, content;
  std::optional<std::int64_t> seq;
  bool replay = false;
  response_phase phase = response_phase::none;
  json::value body;

  bool is_op(server_type of, std::string_view name) const noexcept {
    return type == of && op == name;
  }
  bool is_welcome() const noexcept { return is_op(server_type::notification, "welcome"); }
  bool is_live() const noexcept { return is_op(server_type::status, "live"); }
  /// A piece of an answer: neither numbered nor the end of it.
  bool is_piece() const noexcept {
    return phase == response_phase::delta || phase == response_phase::snapshot ||
           phase == response_phase::reasoning;
  }
  /// Has its place in the order of the session.
  bool is_numbered() const noexcept { return seq.has_value() && !is_welcome() && !is_live(); }
  /// The end of an answer. Of an error only a server that numbers it says so; for the query that
  /// it names any error is the end.
  bool is_terminal() const noexcept {
    return phase == response_phase::end || phase == response_phase::full ||
           (type == server_type::error && body["terminal"].boolean().value_or(false));
  }
};

/// Reads the text of one frame into `document`. Nothing when it is no JSON object, or when its
/// place in the order of the session cannot be read: nothing good could come of guessing that.
inline std::optional<server_message> read_server_message(std::string_view text,
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

/// A failure in the server's words.
struct failure_view {
  std::string_view code;  ///< a name of errc, or one of a newer server
  std::string_view content;
  bool retryable = false;
  std::optional<std::chrono::milliseconds> retry_after;
};

/// Reads an `error` message, or the `error` member of a response.
inline failure_view read_failure(json::value from) {
  return {detail::text_or_nothing(from["code"]), detail::text_or_nothing(from["content"]),
          from["retryable"].boolean().value_or(false),
          detail::wait_or_nothing(from["retry_after_ms"])};
}

/// How an answer ended. A response without a status that is known counts as completed: it has the
/// whole text.
inline answer_status read_answer_status(const server_message& from) {
  return detail::status_of(detail::text_or_nothing(from.body["status"]))
      .value_or(from.body["error"].is_object() ? answer_status::failed : answer_status::completed);
}

/// The `tool` member of a status or of a request for a decision.
struct tool_view {
  std::string_view call;  ///< the server's name of the call
  std::string_view name, state, error;
  json::value arguments;
};

inline tool_view read_tool(json::value from) noexcept {
  return {detail::text_or_nothing(from["call"]), detail::text_or_nothing(from["name"]),
          detail::text_or_nothing(from["state"]), detail::text_or_nothing(from["error"]),
          from["arguments"]};
}

/// A request for a decision: a `human_feedback`, or an element of a welcome's `pending_feedback`.
struct feedback_request_view {
  std::string_view id, ref, kind, content;
  tool_view tool;
  std::string_view expires_at;
  std::string_view default_decision;
};

inline feedback_request_view read_feedback_request(json::value from) noexcept {
  return {detail::text_or_nothing(from["id"]),
          detail::text_or_nothing(from["ref"]),
          detail::text_or_nothing(from["kind"]),
          detail::text_or_nothing(from["content"]),
          read_tool(from["tool"]),
          detail::text_or_nothing(from["expires_at"]),
          detail::text_or_nothing(from["default"])};
}

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

inline welcome_view read_welcome(const server_message& from) {
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

}  // namespace wire
}  // namespace agent_websocket

// --- agent_websocket/client/requests.hpp

// Requests of the server for a person's decision that are open as far as the client knows. One
// request may arrive three ways (live, by replay, in a welcome); it is one by its id. Pure.

#include <deque>
#include <iterator>

namespace agent_websocket {

/// The server asks a person. basic_client::decide() answers.
struct client_request {
  std::string id;
  std::string ref;      ///< the query that waits for it
  std::string kind;     ///< approval: may a tool run; question; or what a newer server has
  std::string content;  ///< for the person
  std::string tool_name, tool_arguments;  ///< of an approval; the arguments are JSON text
  std::string expires_at;                 ///< ISO 8601, or empty
  std::string default_decision;           ///< what holds when nobody decides
  bool is_open = true;  ///< false: it comes by replay, and has been decided meanwhile
  std::string json;     ///< all of it as it came

  /// From a message, or from an element of a welcome's `pending_feedback`.
  static client_request of(json::value body) {
    const wire::feedback_request_view read = wire::read_feedback_request(body);
    client_request made;
    made.id = std::string(read.id);
    made.ref = std::string(read.ref);
    made.kind = std::string(read.kind);
    made.content = std::string(read.content);
    made.tool_name = std::string(read.tool.name);
    if (read.tool.arguments) made.tool_arguments = json::to_text(read.tool.arguments);
    made.expires_at = std::string(read.expires_at);
    made.default_decision = std::string(read.default_decision);
    made.json = json::to_text(body);
    return made;
  }
};

/// What a person decides: approve and reject any request; edit: run the tool with other arguments;
/// answer: take this as the result, or as the answer to the question.
enum class client_decision { approve, reject, edit, answer };

constexpr std::string_view to_string(client_decision value) noexcept {
  switch (value) {
    case client_decision::approve: return "approve";
    case client_decision::reject: return "reject";
    case client_decision::edit: return "edit";
    case client_decision::answer: return "answer";
  }
  return "reject";
}

/// A request is not open any more.
struct client_resolution {
  std::string id;        ///< of the request
  std::string decision;  ///< that was applied; empty: not known
  /// Empty: a person decided. expired, cancelled: nobody did. gone: the server does not know of the
  /// request any more.
  std::string reason;
};

class client_requests {
 public:
  /// The oldest is forgotten when there are more.
  static constexpr std::size_t max_open = 100;

  const std::deque<client_request>& open() const noexcept { return open_; }

  /// False: it is known already, or has no id that a decision could name.
  bool add(client_request request) {
    if (!is_valid_id(request.id) || contains(request.id)) return false;
    if (open_.size() >= max_open) open_.pop_front();
    open_.push_back(std::move(request));
    return true;
  }

  /// False: there is no such request.
  bool remove(std::string_view id) {
    const auto found = find(id);
    if (found == open_.end()) return false;
    open_.erase(found);
    return true;
  }

  /// A welcome lists what is open; what comes until take_unlisted() comes by replay.
  void begin_list() { listed_.emplace(); }
  void list(std::string_view id) { listed_->emplace_back(id); }
  /// False: a list has begun, and the request is not on it.
  bool may_be_open(std::string_view id) const {
    return !listed_ || std::find(listed_->begin(), listed_->end(), id) != listed_->end();
  }

  /// Ends the list. Takes what is not on it: the server does not know of these.
  std::vector<std::string> take_unlisted() {
    std::vector<std::string> taken;
    std::deque<client_request> kept;
    for (client_request& each : open_) {
      if (may_be_open(each.id)) {
        kept.push_back(std::move(each));
      } else {
        taken.push_back(std::move(each.id));
      }
    }
    open_ = std::move(kept);
    listed_.reset();
    return taken;
  }

  /// Another session has begun: takes them all.
  std::vector<std::string> take_all() {
    begin_list();
    return take_unlisted();
  }

 private:
  bool contains(std::string_view id) const {
    return std::any_of(open_.begin(), open_.end(),
                       [&](const client_request& each) { return each.id == id; });
  }
  std::deque<client_request>::iterator find(std::string_view id) {
    return std::find_if(open_.begin(), open_.end(),
                        [&](const client_request& each) { return each.id == id; });
  }

  std::deque<client_request> open_;
  std::optional<std::vector<std::string>> listed_;  // ids, between a welcome and live
};

}  // namespace agent_websocket

// --- agent_websocket/client/tool_calls.hpp

// Calls of tools that this client runs itself, from the server's call to the acknowledged result.
// A call that is open comes again after a reconnect; it must not run twice. Pure.

namespace agent_websocket {

/// What a tool is doing, whoever runs it.
struct client_tool_progress {
  std::string ref, stream;  ///< the query and its answer
  std::string call;         ///< the server's name of the call
  std::string name;
  std::string arguments;  ///< JSON text
  std::string state;      ///< calling, waiting (for a person), done, failed
  std::string error;      ///< for people, when it failed
  std::string content;    ///< "Calling get_weather"

  static client_tool_progress of(const wire::server_message& m) {
    const wire::tool_view read = wire::read_tool(m.body["tool"]);
    client_tool_progress made;
    made.ref = std::string(m.ref);
    made.stream = std::string(m.stream);
    made.call = std::string(read.call.empty() ? m.id : read.call);
    made.name = std::string(read.name);
    made.arguments = read.arguments ? json::to_text(read.arguments) : "{}";
    made.state = std::string(read.state);
    made.error = std::string(read.error);
    made.content = std::string(m.content);
    return made;
  }
};

/// The model calls a tool of this client: to be answered by basic_client::tool_result() or
/// tool_error(), now or later.
struct client_tool_call {
  std::string id;
  std::string ref;  ///< the query
  std::string name;
  std::string arguments;  ///< JSON text
};

class client_tool_calls {
 public:
  /// The oldest is forgotten when there are more.
  static constexpr std::size_t max_open = 256;

  /// False: it is here already, and must not run again.
  bool begin(std::string_view call, std::string_view ref) {
    if (!is_valid_id(call) || find(call) != open_.end()) return false;
    if (open_.size() >= max_open) open_.pop_front();
    open_.push_back({std::string(call), std::string(ref), {}});
    return true;
  }

  /// It was called, and has no result yet.
  bool is_running(std::string_view call) {
    const auto found = find(call);
    return found != open_.end() && found->result.empty();
  }

  /// `result`: id of the message that brings it. Precondition: is_running(call).
  void answered(std::string_view call, std::string_view result) {
    find(call)->result = std::string(result);
  }

  /// The server has that result, or refuses it.
  void settle(std::string_view result) {
    take([&](const entry& each) { return !each.result.empty() && each.result == result; });
  }
  /// The server waits no more for the call, for those of the query, for any. Gives the messages
  /// with their results, which need not be sent.
  std::vector<std::string> end(std::string_view call) {
    return take([&](const entry& each) { return each.call == call; });
  }
  std::vector<std::string> end_of_query(std::string_view ref) {
    return take([&](const entry& each) { return each.ref == ref; });
  }
  std::vector<std::string> end_all() {
    return take([](const entry&) { return true; });
  }

 private:
  struct entry {
    std::string call, ref;
    std::string result;  // empty while it runs
  };

  std::deque<entry>::iterator find(std::string_view call) {
    return std::find_if(open_.begin(), open_.end(),
                        [&](const entry& each) { return each.call == call; });
  }
  template <typename Predicate>
  std::vector<std::string> take(Predicate wanted) {
    std::vector<std::string> results;
    std::deque<entry> kept;
    for (entry& each : open_) {
      if (!wanted(each)) {
        kept.push_back(std::move(each));
      } else if (!each.result.empty()) {
        results.push_back(std::move(each.result));
      }
    }
    open_ = std::move(kept);
    return results;
  }

  std::deque<entry> open_;
};

}  // namespace agent_websocket

// --- agent_websocket/client/sink.hpp

// What a client tells its application: the states of the connection, answers as they grow and end,
// and what the server says besides.

namespace agent_websocket {

enum class client_state {
  idle,         ///< not started
  connecting,   ///< an attempt is made
  catching_up,  ///< the connection stands, what was missed is coming
  live,
  waiting,  ///< for the next attempt
  stopped,  ///< for good, until it is started again
};

constexpr std::string_view to_string(client_state value) noexcept {
  switch (value) {
    case client_state::idle: return "idle";
    case client_state::connecting: return "connecting";
    case client_state::catching_up: return "catching_up";
    case client_state::live: return "live";
    case client_state::waiting: return "waiting";
    case client_state::stopped: return "stopped";
  }
  return "stopped";
}

/// Why there is no answer, or no whole one.
struct answer_failure {
  std::string code;     ///< the spelling of an errc, or one of a newer server
  std::string content;  ///< for people
  bool retryable = false;
  std::optional<std::chrono::milliseconds> retry_after;
};

/// An answer, growing or ended.
struct client_answer {
  std::string id;      ///< of the query
  std::string stream;  ///< the server's name of the answer; empty: not known
  answer_text so_far;
  answer_text reasoning;  ///< what came of it; where the capability was declared
  std::optional<wire::answer_status> status;  ///< none while it is open
  std::optional<answer_failure> failure;      ///< of status failed
  std::string finish_reason, model;
  std::string usage, meta;  ///< JSON object text, or empty
  /// Asked by this client and not ended before. Others were asked by another client of the session,
  /// or come again after the transcript was dropped.
  bool own = false;

  const std::string& text() const noexcept { return so_far.text(); }
  bool is_open() const noexcept { return !status.has_value(); }
};

/// A message that is about no answer, or about its progress.
struct client_notice {
  std::string op, id, ref;
  std::string topic;  ///< of a notification
  std::string code;   ///< of an error
  std::string content;
  std::optional<std::int64_t> seq;
  bool replay = false;
  std::string json;  ///< the whole message as it came

  static client_notice of(const wire::server_message& message, std::string_view json) {
    client_notice made;
    made.op = std::string(message.op);
    made.id = std::string(message.id);
    made.ref = std::string(message.ref);
    made.topic = std::string(message.body["topic"].string().value_or(""));
    made.code = std::string(message.body["code"].string().value_or(""));
    made.content = std::string(message.content);
    made.seq = message.seq;
    made.replay = message.replay;
    made.json = std::string(json);
    return made;
  }
};

/// Receives what happens to a client; override what is wanted. Called on the executor, start(),
/// stop() and cancel() included; all calls of the client may be made from inside, but its
/// destructor. These functions do not throw.
class client_sink {
 public:
  virtual void on_state(client_state) {}
  /// A connection or an attempt has ended. `reason`: the server's, or what went wrong, for the log.
  virtual void on_disconnected(std::uint16_t /*code*/, std::string_view /*reason*/) {}
  /// The client has stopped and does not connect again by itself; `code` says why (see the close
  /// codes of the protocol).
  virtual void on_stopped(std::uint16_t /*code*/, std::string_view /*reason*/) {}
  /// A session was entered or is taken up; what the server says of it (its `data` is that of the
  /// server's application) is in `json`.
  virtual void on_welcome(const client_notice&) {}
  /// The transcript was dropped: the server could not go on where this client was. What it still
  /// has of the conversation comes now.
  virtual void on_reset() {}

  /// The text of an answer has grown by `text` (appended), or is `text` from now on (rewritten).
  virtual void on_text(const std::string& /*id*/, text_change, std::string_view /*text*/) {}
  /// The same for the model's reasoning, where the capability was declared. It may have holes.
  virtual void on_reasoning(const std::string& /*id*/, text_change, std::string_view /*text*/) {}
  /// A tool was called, waits for a person, is done or has failed.
  virtual void on_tool(const client_tool_progress&) {}
  /// The model calls a tool of this client. Once for a call, also when the connection is lost
  /// meanwhile. Nobody waits for the result any more when on_tool says done or failed, and when the
  /// answer has ended.
  virtual void on_tool_call(const client_tool_call&) {}
  /// An answer has ended. Exactly once for every query that was taken.
  virtual void on_answer(const client_answer&) {}

  virtual void on_notification(const client_notice&) {}
  /// The server asks a person for a decision, which basic_client::decide() brings.
  virtual void on_feedback_request(const client_request&) {}
  /// Such a request is not open any more. Not told of requests that were not told.
  virtual void on_feedback_resolved(const client_resolution&) {}
  /// Progress of a query (ack, queued, thinking), answers to commands, and the server's own
  /// (drain, auth_expiring).
  virtual void on_status(const client_notice&) {}
  /// An error that is not the end of an answer.
  virtual void on_error(const client_notice&) {}

 protected:
  ~client_sink() = default;
};

}  // namespace agent_websocket

// --- agent_websocket/client/actions.hpp

// What the client core asks its surroundings to do on the transport, and to tell the application.
// They own what they carry, because the application may call the client while they are carried out.

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

// --- agent_websocket/base/random.hpp

// Random numbers for session ids (UUID version 4, RFC 9562 section 5.4), tokens and jitter. The default source is
// std::random_device, which on the supported platforms is the operating system's cryptographic generator; tests
// hand in a seeded one.

#include <functional>
#include <random>

namespace agent_websocket {

/// Draws random bits. Copyable; used from one thread at a time.
class random_source {
 public:
  /// Draws from the operating system.
  random_source()
      : draw_([] {
          thread_local std::random_device device;
          return (static_cast<std::uint64_t>(device()) << 32) | static_cast<std::uint64_t>(device());
        }) {}

  /// Draws 64 bits a call from `draw`.
  explicit random_source(std::function<std::uint64_t()> draw) : draw_(std::move(draw)) {}

  /// The same sequence for the same seed: for tests only, predictable.
  static random_source seeded(std::uint64_t seed) {
    return random_source([engine = std::mt19937_64(seed)]() mutable { return static_cast<std::uint64_t>(engine()); });
  }

  std::uint64_t bits() { return draw_(); }

  /// A real number in [0, 1).
  double unit() { return static_cast<double>(draw_() >> 11) * 0x1.0p-53; }

 private:
  std::function<std::uint64_t()> draw_;
};

/// A random UUID, version 4, variant 1, lower case: "f81d4fae-7dec-41d0-a765-00a0c91e6bf6".
inline std::string make_uuid(random_source& random) {
  static constexpr char digits[] = "0123456789abcdef";
  std::uint64_t high = random.bits();
  std::uint64_t low = random.bits();
  high = (high & 0xFFFF'FFFF'FFFF'0FFFULL) | 0x0000'0000'0000'4000ULL;
  low = (low & 0x3FFF'FFFF'FFFF'FFFFULL) | 0x8000'0000'0000'0000ULL;
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) text.push_back('-');
    const std::uint64_t half = i < 16 ? high : low;
    text.push_back(digits[(half >> (60 - 4 * (i % 16))) & 0xF]);
  }
  return text;
}

/// A secret of 256 bits, as 43 characters of base64url (RFC 4648, section 5) without padding.
inline std::string make_token(random_source& random) {
  static constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  text.reserve(43);
  std::uint64_t bits = 0;
  for (int i = 0; i < 43; ++i) {
    if (i % 10 == 0) bits = random.bits();
    text.push_back(digits[bits & 63]);
    bits >>= 6;
  }
  return text;
}

}  // namespace agent_websocket

// --- agent_websocket/client/close_verdict.hpp

// What a client does when a connection or an attempt has ended, by the close code (RFC 6455 section
// 7.4) or the HTTP status: the ranges of the wire protocol, section 7. Pure.

namespace agent_websocket {

enum class after_close {
  resume,  ///< connect again and go on with the session
  renew,   ///< connect again, with a new session
  stop,    ///< tell the user: connecting again would not help
};

inline constexpr std::uint16_t close_code_done = 1000;
inline constexpr std::uint16_t close_code_lost =
    1006;  ///< never on the wire: without a close frame
inline constexpr std::uint16_t close_code_restart = 1012;
inline constexpr std::uint16_t close_code_overload = 1013;
inline constexpr std::uint16_t close_code_server_error = 4000;
inline constexpr std::uint16_t close_code_silence = 4001;
inline constexpr std::uint16_t close_code_moved = 4003;

constexpr after_close verdict_of(std::uint16_t code) noexcept {
  if (code >= 4100 && code <= 4199) return after_close::renew;
  if (code >= 4400 && code <= 4499) return after_close::stop;
  const bool is_final = code == close_code_done || code == 1002 || code == 1003 || code == 1007 ||
                        code == 1008 || code == 1009;
  return is_final ? after_close::stop : after_close::resume;
}

/// The close code that says the same as an attempt that failed. `status`: of the HTTP answer that
/// refused it; 0: there was none.
inline std::uint16_t close_code_of(std::error_code failure, int status) noexcept {
  switch (status) {
    case 400:
    case 401:
    case 403:
    case 404:
    case 426: return static_cast<std::uint16_t>(4000 + status);
    case 429:
    case 503: return close_code_overload;
    default: break;
  }
  if (failure == errc::bad_configuration) return 4400;
  if (failure == errc::unauthorized) return 4401;
  if (failure == errc::forbidden) return 4403;
  return close_code_lost;
}

}  // namespace agent_websocket

// --- agent_websocket/client/backoff.hpp

// How long to wait before the next attempt to connect: exponential with full jitter, so that the
// clients of a server that fell over do not come back as one. Pure; the dice are the caller's.

namespace agent_websocket {

class client_backoff {
 public:
  using milliseconds = std::chrono::milliseconds;

  static constexpr milliseconds least{500};
  static constexpr milliseconds most{20'000};
  static constexpr milliseconds longest_told{300'000};  ///< of a server, which may be wrong

  /// The delay after a connection or an attempt that ended with `code`. `told`: the wait that the
  /// server asked for before.
  milliseconds next(std::uint16_t code, std::optional<milliseconds> told, random_source& random) {
    // An overloaded server is not helped by those who come back first.
    if (code == close_code_overload) attempts_ = std::max(attempts_, 4);
    const int doublings = std::min(attempts_++, 16);
    if (told && (code == close_code_restart || code == close_code_moved)) {
      return std::max(least, part_of(std::min(*told, longest_told), 0.5 + random.unit()));
    }
    const milliseconds range = std::min(most, least * (1 << doublings));
    return std::min(most, least + part_of(range, random.unit()));
  }

  /// A connection has held.
  void reset() noexcept { attempts_ = 0; }
  /// Since the last reset.
  int attempts() const noexcept { return attempts_; }

 private:
  static milliseconds part_of(milliseconds whole, double factor) {
    return milliseconds(
        static_cast<milliseconds::rep>(static_cast<double>(whole.count()) * factor));
  }

  int attempts_ = 0;
};

}  // namespace agent_websocket

// --- agent_websocket/http/headers.hpp

// A list of header fields (RFC 9110 section 5): names compare without regard to case, order and repetitions are
// kept. Field values that come from configuration pass `sanitize_field_value` before they go out.

#include <initializer_list>

namespace agent_websocket {
namespace http {

/// ASCII case-insensitive equality, as header names and many values compare.
constexpr bool iequals(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

/// Without leading and trailing spaces and tabs (OWS).
constexpr std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// What may stand in a field value: printable ASCII and spaces; everything else (CR, LF, NUL, bytes above
/// 0x7E) is dropped, so that no value can begin a second header.
inline std::string sanitize_field_value(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (const char c : text) {
    if (c >= 0x20 && c <= 0x7E) clean.push_back(c);
  }
  return std::string(trim(clean));
}

/// Header fields in their order.
class header_list {
 public:
  using field = std::pair<std::string, std::string>;

  header_list() = default;
  header_list(std::initializer_list<field> fields) : fields_(fields) {}

  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }

  /// Replaces all fields of that name by one.
  void set(std::string_view name, std::string value) {
    std::string kept(name);  // `name` may be that of a field in this list
    erase(kept);
    add(std::move(kept), std::move(value));
  }

  void erase(std::string_view name) {
    const std::string wanted(name);  // `name` may be that of a field in this list
    for (std::size_t i = fields_.size(); i-- > 0;) {
      if (iequals(fields_[i].first, wanted)) fields_.erase(fields_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  /// The first value of that name.
  std::optional<std::string_view> find(std::string_view name) const noexcept {
    for (const field& each : fields_) {
      if (iequals(each.first, name)) return std::string_view(each.second);
    }
    return std::nullopt;
  }
  bool contains(std::string_view name) const noexcept { return find(name).has_value(); }

  std::size_t size() const noexcept { return fields_.size(); }
  bool empty() const noexcept { return fields_.empty(); }
  void clear() noexcept { fields_.clear(); }
  auto begin() const noexcept { return fields_.begin(); }
  auto end() const noexcept { return fields_.end(); }

 private:
  std::vector<field> fields_;
};

}  // namespace http
}  // namespace agent_websocket

// --- agent_websocket/client/options.hpp

// What a client is made with: where to, as whom, with which capabilities, within which limits; and
// the point at which a session can be taken up again, also by the next start of the program.

namespace agent_websocket {

/// Where a session can be taken up again. The token is a secret.
struct resume_point {
  std::string session_id;
  std::string token;  ///< empty: there is nothing to resume
  std::string epoch;
  std::int64_t last_seq = 0;

  bool is_known() const noexcept { return !token.empty(); }
};

/// Takes the token of an attempt, or why there is none; on the executor, at most once.
using client_token_handler = std::function<void(result<std::string>)>;

struct client_options {
  std::string url = "ws://localhost:54321/ws";                 ///< never with a token in it
  http::header_list headers;                                   ///< of the upgrade request
  std::string client = "cpp/" AGENT_WEBSOCKET_VERSION_STRING;  ///< for the server's log
  /// What the application can show: delta (streamed answers), reasoning, feedback (requests for a
  /// decision). `tools` is added when there are some.
  std::vector<std::string> caps = {"delta"};
  /// What the model may call here: see client_sink::on_tool_call. Parameters are JSON object text.
  std::vector<wire::declared_tool> tools;
  /// Asked before every attempt, because tokens expire, and when the server says that one ends;
  /// calls the handler now or later. Without it the client says nothing of who it is. Of an
  /// attempt, unauthorized and forbidden stop the client, any other error counts as one that
  /// failed. Does not throw.
  std::function<void(client_token_handler)> token;
  resume_point resume;   ///< of a former run of the program, or nothing
  random_source random;  ///< of ids and delays

  std::size_t max_outbox_messages = 100;
  std::size_t max_outbox_bytes = 256 * 1024;
  /// Queries that the server has taken are kept as well, to be asked again of a server that lost
  /// its place; within these limits.
  std::size_t max_open_queries = 1000;
  std::size_t max_open_bytes = 1024 * 1024;
  /// Of the transcript; open answers are not counted.
  std::size_t max_answers = 200;
  std::size_t max_answer_bytes = 8 * 1024 * 1024;
  std::size_t max_notifications = 200;
};

}  // namespace agent_websocket

// --- agent_websocket/base/detect.hpp

// The detection idiom (std::experimental::is_detected of the Library Fundamentals TS v2), on which the
// requirement checks of policy/ are built. Nothing else belongs here.

namespace agent_websocket {
namespace detail {

template <typename, template <typename...> class Expression, typename... Arguments>
struct detected : std::false_type {};

template <template <typename...> class Expression, typename... Arguments>
struct detected<std::void_t<Expression<Arguments...>>, Expression, Arguments...> : std::true_type {};

}  // namespace detail

/// True when `Expression<Arguments...>` is well-formed.
template <template <typename...> class Expression, typename... Arguments>
inline constexpr bool is_detected_v = detail::detected<void, Expression, Arguments...>::value;

}  // namespace agent_websocket

// --- agent_websocket/policy/scheduler.hpp

// Requirement Scheduler: the one executor of a server, and its clocks. Shipped models: adapters::asio_scheduler,
// testing::manual_scheduler (virtual time).
//
// | expression          | result       | promise of the policy                                                      |
// |---------------------|--------------|----------------------------------------------------------------------------|
// | s.now()             | time_point   | monotonic (std::chrono::steady_clock::time_point)                          |
// | s.wall_now()        | wall_time    | for people (std::chrono::system_clock::time_point)                         |
// | s.post(f)           | void         | runs f() soon, on the executor, never inside post; from any thread         |
// | s.start_timer(t, f) | timer_id     | runs f() once, at or soon after time_point t, on the executor; never inside |
// | s.cancel_timer(id)  | void         | f() of that timer will not run; unknown and fired ids are ignored          |
//
// Promise of the library: all but post() is called on the executor only. Functions that still wait when the
// scheduler is destroyed are destroyed without being run.

namespace agent_websocket {

using time_point = std::chrono::steady_clock::time_point;
using wall_time = std::chrono::system_clock::time_point;
using duration = std::chrono::steady_clock::duration;

/// Names a timer; 0 is never given out. Not reused within a process.
using timer_id = std::uint64_t;

namespace detail {
template <typename S>
using now_expression = std::enable_if_t<std::is_same_v<decltype(std::declval<S&>().now()), time_point>>;
template <typename S>
using wall_now_expression = std::enable_if_t<std::is_same_v<decltype(std::declval<S&>().wall_now()), wall_time>>;
template <typename S>
using post_expression = decltype(std::declval<S&>().post(std::declval<std::function<void()>>()));
template <typename S>
using start_timer_expression = std::enable_if_t<std::is_same_v<
    decltype(std::declval<S&>().start_timer(time_point(), std::declval<std::function<void()>>())), timer_id>>;
template <typename S>
using cancel_timer_expression = decltype(std::declval<S&>().cancel_timer(timer_id()));
}  // namespace detail

template <typename S>
inline constexpr bool has_now_v = is_detected_v<detail::now_expression, S>;
template <typename S>
inline constexpr bool has_wall_now_v = is_detected_v<detail::wall_now_expression, S>;
template <typename S>
inline constexpr bool has_post_v = is_detected_v<detail::post_expression, S>;
template <typename S>
inline constexpr bool has_start_timer_v = is_detected_v<detail::start_timer_expression, S>;
template <typename S>
inline constexpr bool has_cancel_timer_v = is_detected_v<detail::cancel_timer_expression, S>;

/// True when S meets the requirement Scheduler.
template <typename S>
inline constexpr bool is_scheduler_v =
    has_now_v<S> && has_wall_now_v<S> && has_post_v<S> && has_start_timer_v<S> && has_cancel_timer_v<S>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename S>
concept scheduler_policy = is_scheduler_v<S>;
#endif

/// Instantiated by everything that takes a Scheduler, so that the first error line names the missing member.
template <typename S>
constexpr bool require_scheduler() {
  static_assert(has_now_v<S>, "Scheduler needs: std::chrono::steady_clock::time_point now()");
  static_assert(has_wall_now_v<S>, "Scheduler needs: std::chrono::system_clock::time_point wall_now()");
  static_assert(has_post_v<S>, "Scheduler needs: void post(std::function<void()>)");
  static_assert(has_start_timer_v<S>, "Scheduler needs: timer_id start_timer(time_point, std::function<void()>)");
  static_assert(has_cancel_timer_v<S>, "Scheduler needs: void cancel_timer(timer_id)");
  return true;
}

}  // namespace agent_websocket

// --- agent_websocket/wire/encode_client.hpp

// Messages of a client -> the text of one WebSocket frame, appended to a string. The counterpart of
// decode.hpp; what has no value, or the value that the server assumes anyway, is left out. No
// timestamp: a client's is information that nobody reads.

namespace agent_websocket {
namespace wire {

/// `command`, op `hello`: the first message of a client, and what it says again to be brought up to
/// date.
struct hello {
  std::string_view client;
  const std::vector<std::string>* caps = nullptr;
  const std::vector<declared_tool>* tools = nullptr;
  std::string_view auth_token;                       ///< or empty
  std::string_view session_id, resume_token, epoch;  ///< no resume_token: a new session
  std::int64_t last_seq = 0;
  std::vector<std::string_view> outbox;  ///< ids that the server has not acknowledged
};

namespace detail {

inline void client_member_if(json::writer& w, std::string_view name, std::string_view text) {
  if (!text.empty()) w.member(name, text);
}
inline void client_raw_if(json::writer& w, std::string_view name, std::string_view json) {
  if (!json.empty()) w.member_raw(name, json);
}
inline void client_tools_if(json::writer& w, const std::vector<declared_tool>& tools) {
  if (tools.empty()) return;
  w.key("tools").begin_array();
  for (const declared_tool& each : tools) {
    w.begin_object().member("name", each.name);
    client_member_if(w, "description", each.description);
    client_raw_if(w, "parameters", each.parameters);
    w.end_object();
  }
  w.end_array();
}

}  // namespace detail

constexpr std::string_view to_string(overlap value) noexcept {
  switch (value) {
    case overlap::queue: return "queue";
    case overlap::reject: return "reject";
    case overlap::interrupt: return "interrupt";
    case overlap::latest: return "latest";
  }
  return "queue";
}

inline void encode(std::string& out, const query& m) {
  json::writer w(out);
  w.begin_object().member("type", "query");
  detail::client_member_if(w, "id", m.id);
  if (m.parts.empty()) {
    w.member("content", m.content);
  } else {
    w.member_raw("content", m.parts);
  }
  if (m.stream) w.member("stream", *m.stream);
  if (m.priority != 5) w.member("priority", m.priority);
  if (m.overlap != overlap::queue) w.member("overlap", to_string(m.overlap));
  if (m.timeout) w.member("timeout_ms", m.timeout->count());
  detail::client_member_if(w, "model", m.model);
  detail::client_tools_if(w, m.tools);
  detail::client_raw_if(w, "meta", m.meta);
  w.end_object();
}

/// Of a `hello` only what `command` has in common with all others: see the other overload.
inline void encode(std::string& out, const command& m) {
  json::writer w(out);
  w.begin_object().member("type", "command").member("op", m.op);
  detail::client_member_if(w, "id", m.id);
  detail::client_member_if(w, "ref", m.ref);
  detail::client_member_if(w, "content", m.content);
  detail::client_raw_if(w, "data", m.data);
  detail::client_member_if(w, "error", m.failure);
  if (m.stream) w.member("stream", *m.stream);
  if (m.before_seq) w.member("before_seq", *m.before_seq);
  if (m.limit) w.member("limit", *m.limit);
  detail::client_raw_if(w, "meta", m.meta);
  w.end_object();
}

inline void encode(std::string& out, const human_feedback& m) {
  json::writer w(out);
  w.begin_object().member("type", "human_feedback");
  detail::client_member_if(w, "id", m.id);
  detail::client_member_if(w, "ref", m.ref);
  detail::client_member_if(w, "decision", m.decision);
  if (m.rating) w.member("rating", *m.rating);
  detail::client_member_if(w, "content", m.content);
  detail::client_member_if(w, "correction", m.correction);
  detail::client_raw_if(w, "data", m.data);
  detail::client_raw_if(w, "meta", m.meta);
  w.end_object();
}

inline void encode(std::string& out, const hello& m) {
  json::writer w(out);
  w.begin_object().member("type", "command").member("op", "hello").member("v", protocol_version);
  detail::client_member_if(w, "client", m.client);
  w.key("caps").begin_array();
  if (m.caps != nullptr) {
    for (const std::string& each : *m.caps) w.value(each);
  }
  w.end_array();
  if (m.tools != nullptr) detail::client_tools_if(w, *m.tools);
  if (!m.auth_token.empty()) {
    w.key("auth").begin_object().member("token", m.auth_token).end_object();
  }
  if (!m.resume_token.empty()) {
    w.member("session_id", m.session_id);
    w.key("resume").begin_object().member("token", m.resume_token).member("epoch", m.epoch);
    w.member("last_seq", m.last_seq).end_object();
    if (!m.outbox.empty()) {
      w.key("outbox").begin_array();
      for (const std::string_view each : m.outbox) w.value(each);
      w.end_array();
    }
  }
  w.end_object();
}

/// `command`, op `auth`: a new token.
inline void encode_auth(std::string& out, std::string_view token) {
  json::writer w(out);
  w.begin_object().member("type", "command").member("op", "auth");
  w.key("auth").begin_object().member("token", token).end_object().end_object();
}

/// `command`, op `ack`: everything numbered up to `seq` has arrived.
inline void encode_ack(std::string& out, std::int64_t seq) {
  json::writer(out)
      .begin_object()
      .member("type", "command")
      .member("op", "ack")
      .member("seq", seq)
      .end_object();
}

}  // namespace wire
}  // namespace agent_websocket

// --- agent_websocket/client/connection.hpp

// The client's side of the connection as a pure state machine: when to connect, what hello says,
// what a welcome means, which numbered messages are new, when a silent server counts as gone, how
// long to wait. Knows nothing of queries and answers. No I/O, clock, lock or thread.

namespace agent_websocket {

class client_connection {
 public:
  using milliseconds = std::chrono::milliseconds;
  using id_list = std::vector<std::string_view>;

  /// What a welcome means for what the client has.
  enum class greeting {
    ignored,    ///< of a session that is going to be thrown away
    first,      ///< there was nothing before
    confirmed,  ///< the session that this connection was greeted with before
    recovered,  ///< the session goes on where it was
    moved,      ///< the session goes on elsewhere: what the client knows of it is void
    replaced,   ///< another session
  };
  /// Where a message stands in the order of the session.
  enum class place { seen, next, gap };

  /// What is to be done is appended to `actions`.
  client_connection(const client_options& options, client_action::list& actions)
      : options_(options), actions_(actions), position_(options.resume), random_(options.random) {}

  client_state state() const noexcept { return state_; }
  bool is_live() const noexcept { return state_ == client_state::live; }
  /// A connection stands or is attempted.
  bool is_underway() const noexcept {
    return state_ == client_state::connecting || state_ == client_state::catching_up || is_live();
  }
  /// Messages of the session count: it is known which one it is and where it goes on.
  bool is_following() const noexcept { return following_; }
  const resume_point& position() const noexcept { return position_; }
  /// Of the latest welcome; 0: not told.
  std::size_t max_message_bytes() const noexcept { return max_message_bytes_; }
  std::size_t max_queued() const noexcept { return max_queued_; }
  int attempts() const noexcept { return backoff_.attempts(); }
  /// Of state waiting: when the next attempt begins.
  time_point retry_at() const noexcept { return retry_at_; }
  random_source& random() noexcept { return random_; }

  // ---- the attempt

  void connect(time_point now) {
    enter(client_state::connecting);
    give_up_at_ = now + patience;
    auth_token_.clear();
    renewing_ = false;
    ++attempt_;
    if (options_.token) {
      actions_.push_back(client_action::ask_token{attempt_});
    } else {
      actions_.push_back(client_action::open{});
    }
  }

  /// The token of this connection ends soon: the application is asked for a new one.
  void renew_token() {
    if (!options_.token || !following_ || std::exchange(renewing_, true)) return;
    actions_.push_back(client_action::ask_token{attempt_});
  }
  /// True when that is what was asked for; without a token the server will end the connection.
  bool token_renewed(std::uint64_t attempt, const std::string* token) {
    if (attempt != attempt_ || !std::exchange(renewing_, false)) return false;
    if (token == nullptr || token->empty() || !following_) return true;
    auth_token_ = *token;
    std::string json;
    wire::encode_auth(json, auth_token_);
    send(std::move(json));
    return true;
  }

  /// False: not of this attempt, or too late.
  bool token_ready(std::uint64_t attempt, std::string token, time_point now) {
    if (!awaits_token(attempt)) return false;
    token_asked_ = attempt;
    auth_token_ = std::move(token);
    give_up_at_ = now + patience;
    actions_.push_back(client_action::open{});
    return true;
  }
  bool awaits_token(std::uint64_t attempt) const noexcept {
    return state_ == client_state::connecting && options_.token && attempt == attempt_ &&
           token_asked_ != attempt;
  }

  /// `unacknowledged`: ids of the outbox.
  void opened(const id_list& unacknowledged, time_point now) {
    heard(now);
    say_hello(unacknowledged, now);
  }

  // ---- what comes

  /// Anything from the server shows that it is there.
  void heard(time_point now) noexcept {
    heard_at_ = now;
    pinged_ = false;
  }

  greeting welcomed(const wire::welcome_view& w) {
    if (w.session_id.empty() || (awaits_verdict_ && w.reason == "new")) return greeting::ignored;
    const greeting found = classify(w);
    if (found == greeting::confirmed) {
      position_.last_seq = std::max(position_.last_seq, w.seq);
    } else if (found != greeting::recovered) {
      position_.last_seq = w.seq;
    }
    if (!w.resume_token.empty() || position_.session_id != w.session_id)
      position_.token = std::string(w.resume_token);
    position_.session_id = std::string(w.session_id);
    position_.epoch = std::string(w.epoch);
    awaits_verdict_ = false;
    following_ = true;
    heartbeat_ = w.heartbeat;
    timeout_ = w.timeout;
    max_message_bytes_ = w.max_message_bytes;
    max_queued_ = w.max_queued;
    return found;
  }

  /// Nothing is missing any more. False when it is not about the session that is wanted.
  bool caught_up(time_point now) {
    if (!following_ || state_ != client_state::catching_up) return false;
    enter(client_state::live);
    live_since_ = now;
    acknowledge();
    return true;
  }

  /// Where a numbered message stands. `next`: it counts as taken. Without a way to resume nothing
  /// could close a gap, so there it is passed over.
  place take_number(std::int64_t seq) {
    if (seq <= position_.last_seq) return place::seen;
    if (seq != position_.last_seq + 1 && position_.is_known()) return place::gap;
    position_.last_seq = seq;
    ++unacknowledged_;
    progressed();
    return place::next;
  }

  /// To be called when a numbered message has been dealt with: acknowledges, when it is time to.
  void after_number() {
    if (is_live() && unacknowledged_ >= acknowledge_every) acknowledge();
  }

  /// What the server sends can be used.
  void progressed() noexcept { gaps_ = 0; }

  /// Something is missing: asks the server to begin anew where it was whole; when that has not
  /// helped before, ends the connection. True: it has ended.
  bool missed(const id_list& unacknowledged, time_point now) {
    if (!position_.is_known()) return false;
    if (++gaps_ < 2) {
      say_hello(unacknowledged, now);
      return false;
    }
    break_off(close_code_server_error, "gap", now);
    return true;
  }

  /// The server said how long it will be away.
  void told_to_wait(milliseconds wait) noexcept { told_ = wait; }

  // ---- the end

  /// A connection or an attempt has ended, or is given up. Tells the application, and what to do;
  /// the state is `waiting` or `stopped` then.
  after_close ended(std::uint16_t code, std::string_view reason, time_point now) {
    settle_backoff(now);
    following_ = false;
    awaits_verdict_ = false;
    gaps_ = 0;
    const std::optional<milliseconds> told = std::exchange(told_, std::nullopt);
    actions_.push_back(client_action::tell_disconnected{code, std::string(reason)});
    const after_close what = verdict_of(code);
    if (what == after_close::renew || code == close_code_done) position_.token.clear();
    if (what == after_close::stop) {
      enter(client_state::stopped);
    } else {
      retry_at_ = now + backoff_.next(code, told, random_);
      enter(client_state::waiting);
    }
    return what;
  }

  /// The application wants no more of it.
  void stop(time_point now) {
    if (is_underway()) actions_.push_back(client_action::close{close_code_done, {}});
    settle_backoff(now);
    following_ = false;
    awaits_verdict_ = false;
    told_.reset();
    enter(client_state::stopped);
  }

  // ---- time

  /// Does what is due at or before `now`.
  void tick(time_point now) {
    if (now < deadline()) return;
    switch (state_) {
      case client_state::waiting: return connect(now);
      case client_state::live:
        if (!pinged_ && now < silent_too_long()) {
          pinged_ = true;
          return send(R"({"type":"command","op":"ping"})");
        }
        break;
      case client_state::connecting:
      case client_state::catching_up: break;
      case client_state::idle:
      case client_state::stopped: return;
    }
    break_off(close_code_silence, following_ ? "heartbeat_timeout" : "timeout", now);
  }

  /// When tick() is to be called next.
  time_point deadline() const {
    switch (state_) {
      case client_state::waiting: return retry_at_;
      case client_state::connecting: return give_up_at_;
      case client_state::catching_up: return following_ ? silent_too_long() : give_up_at_;
      case client_state::live:
        if (heartbeat_.count() == 0) break;
        return pinged_ ? silent_too_long() : heard_at_ + heartbeat_;
      case client_state::idle:
      case client_state::stopped: break;
    }
    return time_point::max();
  }

 private:
  static constexpr std::chrono::seconds patience{15};  // for a connection, and for a welcome
  static constexpr std::chrono::seconds steady_after{10};
  static constexpr std::chrono::seconds grace{2};
  static constexpr int acknowledge_every = 16;

  void enter(client_state next) {
    if (std::exchange(state_, next) != next) actions_.push_back(client_action::tell_state{next});
  }

  void send(std::string json) { actions_.push_back(client_action::send{std::move(json)}); }

  void say_hello(const id_list& unacknowledged, time_point now) {
    settle_backoff(now);
    wire::hello m;
    m.client = options_.client;
    m.caps = &options_.caps;
    m.tools = &options_.tools;
    m.auth_token = auth_token_;
    m.session_id = position_.session_id;
    m.resume_token = position_.token;
    m.epoch = position_.epoch;
    m.last_seq = position_.last_seq;
    m.outbox = unacknowledged;
    std::string json;
    encode(json, m);
    send(std::move(json));
    greeted_ = false;
    following_ = false;
    awaits_verdict_ = position_.is_known();
    give_up_at_ = now + patience;
    enter(client_state::catching_up);
  }

  greeting classify(const wire::welcome_view& w) {
    const bool greeted = std::exchange(greeted_, true);
    if (position_.session_id.empty()) return greeting::first;
    if (position_.session_id != w.session_id) return greeting::replaced;
    if (w.recovered) return greeting::recovered;
    const bool repeats = greeted && w.reason == "new" && position_.epoch == w.epoch;
    return repeats ? greeting::confirmed : greeting::moved;
  }

  void acknowledge() {
    unacknowledged_ = 0;
    std::string json;
    wire::encode_ack(json, position_.last_seq);
    send(std::move(json));
  }

  void break_off(std::uint16_t code, std::string_view reason, time_point now) {
    actions_.push_back(client_action::close{code, reason});
    ended(code, reason, now);
  }

  // A connection that has held is no reason to be careful with the next.
  void settle_backoff(time_point now) noexcept {
    if (is_live() && now - live_since_ >= steady_after) backoff_.reset();
  }

  time_point silent_too_long() const noexcept {
    if (heartbeat_.count() == 0) return heard_at_ + patience;
    return heard_at_ + heartbeat_ + timeout_ + grace;
  }

  const client_options& options_;
  client_action::list& actions_;
  resume_point position_;
  random_source random_;
  client_backoff backoff_;
  std::string auth_token_;  // of this attempt
  std::uint64_t attempt_ = 0;
  std::uint64_t token_asked_ = 0;  // the attempt that has its token
  std::optional<milliseconds> told_;
  milliseconds heartbeat_{25'000};
  milliseconds timeout_{8'000};
  std::size_t max_message_bytes_ = 0;
  std::size_t max_queued_ = 0;
  time_point retry_at_{};
  time_point give_up_at_{};
  time_point heard_at_{};
  time_point live_since_{};
  int unacknowledged_ = 0;
  int gaps_ = 0;
  client_state state_ = client_state::idle;
  bool pinged_ = false;          // and nothing was heard since
  bool awaits_verdict_ = false;  // on coming back to the session
  bool following_ = false;
  bool renewing_ = false;  // a new token has been asked for
  bool greeted_ = false;   // since the last hello
};

}  // namespace agent_websocket

// --- agent_websocket/client/outbox.hpp

// Messages of a client that the server has not acknowledged yet, as JSON text, in their order: each
// is sent again, with the same id, on the next connection. Queries stay after that, until they are
// answered, in case that the server loses its place. Full means that an add fails. Pure.

namespace agent_websocket {

class client_outbox {
 public:
  explicit client_outbox(const client_options& limits)
      : max_messages_(limits.max_outbox_messages),
        max_bytes_(limits.max_outbox_bytes),
        max_open_(limits.max_open_queries),
        max_open_bytes_(limits.max_open_bytes) {}

  /// False, and nothing is kept, when there is no room.
  bool add(std::string_view id, std::string_view json, bool is_query) {
    std::size_t count = 0, bytes = 0, all = 0;
    for (const entry& each : entries_) {
      all += each.json.size();
      if (each.is_accepted) continue;
      ++count;
      bytes += each.json.size();
    }
    if (count >= max_messages_ || bytes + json.size() > max_bytes_) return false;
    if (entries_.size() >= max_open_ || all + json.size() > max_open_bytes_) return false;
    entries_.push_back({std::string(id), std::string(json), is_query, false, false, false});
    return true;
  }

  bool contains(std::string_view id) const { return find(entries_, id) != entries_.end(); }

  /// True when it has never been handed to a connection.
  bool is_unsent(std::string_view id) const {
    const auto found = find(entries_, id);
    return found != entries_.end() && !found->was_sent;
  }

  /// Those that are not acknowledged or to be asked again. Views are valid until the next change.
  std::vector<std::string_view> ids() const {
    std::vector<std::string_view> all;
    for (const entry& each : entries_) {
      if (each.is_to_send()) all.push_back(each.id);
    }
    return all;
  }

  /// Calls f(const std::string& json) for each of ids(), and notes that it is sent.
  template <typename F>
  void send_all(F f) {
    for (entry& each : entries_) {
      if (!each.is_to_send()) continue;
      each.was_sent = true;
      f(std::as_const(each.json));
    }
  }
  /// The same for the newest.
  template <typename F>
  void send_newest(F f) {
    if (entries_.empty()) return;
    entries_.back().was_sent = true;
    f(std::as_const(entries_.back().json));
  }

  /// The server has it. `again`: and had it before, so that its end, which is sent behind, is on no
  /// log; if the connection breaks before it comes, the query is asked again.
  void accept(std::string_view id, bool again = false) {
    const auto found = find(entries_, id);
    if (found == entries_.end()) return;
    if (found->is_query) {
      found->is_accepted = true;
      found->asks_again = again;
    } else {
      entries_.erase(found);
    }
  }

  /// It is answered or refused. False: it is not here.
  bool settle(std::string_view id) {
    const auto found = find(entries_, id);
    if (found == entries_.end()) return false;
    entries_.erase(found);
    return true;
  }
  /// The same for what is no query.
  bool settle_request(std::string_view id) {
    const auto found = find(entries_, id);
    if (found == entries_.end() || found->is_query) return false;
    entries_.erase(found);
    return true;
  }

  /// The session goes on without what the client knew of it: queries that have no answer are asked
  /// again.
  void expect_again() {
    for (entry& each : entries_) each.asks_again = each.is_accepted;
  }

  /// The session is gone: takes the queries that it had.
  std::vector<std::string> take_accepted() {
    std::vector<std::string> taken;
    std::deque<entry> kept;
    for (entry& each : entries_) {
      if (each.is_accepted) {
        taken.push_back(std::move(each.id));
      } else {
        kept.push_back(std::move(each));
      }
    }
    entries_ = std::move(kept);
    return taken;
  }

  void clear() { entries_.clear(); }

 private:
  struct entry {
    std::string id;
    std::string json;
    bool is_query;
    bool is_accepted;
    bool asks_again;  // though it is accepted
    bool was_sent;

    bool is_to_send() const noexcept { return !is_accepted || asks_again; }
  };

  template <typename Entries>
  static auto find(Entries& in, std::string_view id) -> decltype(in.begin()) {
    return std::find_if(in.begin(), in.end(), [&](const entry& each) { return each.id == id; });
  }

  std::size_t max_messages_, max_bytes_, max_open_, max_open_bytes_;
  std::deque<entry> entries_;
};

}  // namespace agent_websocket

// --- agent_websocket/client/transcript.hpp

// What a client knows of the conversation: answers in the order in which they were asked, and
// notifications. Bounded: the oldest that have ended go first. Pure.

namespace agent_websocket {

class client_transcript {
 public:
  explicit client_transcript(const client_options& limits)
      : max_answers_(limits.max_answers),
        max_answer_bytes_(limits.max_answer_bytes),
        max_notifications_(limits.max_notifications) {}

  const std::deque<client_answer>& answers() const noexcept { return answers_; }
  const std::deque<client_notice>& notifications() const noexcept { return notifications_; }

  /// Null when there is none.
  const client_answer* find(std::string_view id) const noexcept { return find_in(answers_, id); }
  client_answer* find(std::string_view id) noexcept { return find_in(answers_, id); }

  /// By the query's id where the message has one, else by the name of the answer.
  client_answer* find(std::string_view id, std::string_view stream) noexcept {
    if (!id.empty()) return find(id);
    if (stream.empty()) return nullptr;
    const auto found = std::find_if(answers_.rbegin(), answers_.rend(),
                                    [&](client_answer& each) { return each.stream == stream; });
    return found == answers_.rend() ? nullptr : &*found;
  }

  /// Precondition: find(id) is null. References are valid until the next call that is not const.
  client_answer& add(std::string_view id, bool own) {
    if (!own) limit_foreign();
    client_answer made;
    made.id = std::string(id);
    made.own = own;
    answers_.push_back(std::move(made));
    return answers_.back();
  }

  /// Calls f(client_answer&) for each open answer of this client's own.
  template <typename F>
  void for_each_open(F f) {
    for (client_answer& each : answers_) {
      if (each.own && each.is_open()) f(each);
    }
  }

  void notify(client_notice notice) {
    if (max_notifications_ == 0) return;
    if (notifications_.size() >= max_notifications_) notifications_.pop_front();
    notifications_.push_back(std::move(notice));
  }

  /// Forgets all but what this client still waits for, and of that what has come. What failed
  /// because its session was lost stays too: there is no other trace of it.
  void drop() {
    notifications_.clear();
    remove_if([](const client_answer& each) {
      const bool is_lost = each.failure && each.failure->code == to_string(errc::session_expired);
      return !each.own || !(each.is_open() || is_lost);
    });
    for (client_answer& each : answers_) {
      each.so_far = {};
      each.reasoning = {};
      each.stream.clear();
      each.model.clear();
    }
  }

  /// To be called when answers have ended.
  void trim() {
    std::size_t count = 0, bytes = 0;
    for (const client_answer& each : answers_) {
      if (each.is_open()) continue;
      ++count;
      bytes += size_of(each);
    }
    if (count <= max_answers_ && bytes <= max_answer_bytes_) return;
    remove_if([&](const client_answer& each) {
      if (each.is_open() || (count <= max_answers_ && bytes <= max_answer_bytes_)) return false;
      --count;
      bytes -= size_of(each);
      return true;
    });
  }

 private:
  static constexpr std::size_t max_open_foreign = 64;

  static std::size_t size_of(const client_answer& answer) noexcept {
    return answer.text().size() + answer.reasoning.text().size();
  }

  // From the newest on: that is what most messages are about.
  template <typename Answers>
  static auto find_in(Answers& answers, std::string_view id) noexcept
      -> decltype(&answers.front()) {
    const auto found = std::find_if(answers.rbegin(), answers.rend(),
                                    [&](const client_answer& each) { return each.id == id; });
    return found == answers.rend() ? nullptr : &*found;
  }

  // A server that begins answers without end must not fill the memory.
  void limit_foreign() {
    const auto is_foreign = [](const client_answer& each) { return !each.own && each.is_open(); };
    if (static_cast<std::size_t>(std::count_if(answers_.begin(), answers_.end(), is_foreign)) <
        max_open_foreign) {
      return;
    }
    answers_.erase(std::find_if(answers_.begin(), answers_.end(), is_foreign));
  }

  // Not std::remove_if, which may ask twice.
  template <typename Predicate>
  void remove_if(Predicate unwanted) {
    std::deque<client_answer> kept;
    for (client_answer& each : answers_) {
      if (!unwanted(each)) kept.push_back(std::move(each));
    }
    answers_ = std::move(kept);
  }

  std::size_t max_answers_, max_answer_bytes_, max_notifications_;
  std::deque<client_answer> answers_;
  std::deque<client_notice> notifications_;
};

}  // namespace agent_websocket

// --- agent_websocket/client/core.hpp

// The client as a pure state machine: events and a moment go in, actions come out. No I/O, clock,
// lock or thread, so that what a client does can be replayed, cut after every frame, and judged by
// the scripts of tests/conformance. Promises exactly one end for every query that was taken,
// whatever happens. What the server sends is read in reception.hpp.

namespace agent_websocket {

class client_core {
 public:
  explicit client_core(client_options options)
      : options_(std::move(options)),
        connection_(options_, actions_),
        outbox_(options_),
        transcript_(options_),
        id_prefix_(make_uuid(connection_.random()).substr(0, 13) + ".") {
    const auto declared = std::find(options_.caps.begin(), options_.caps.end(), "tools");
    if (!options_.tools.empty() && declared == options_.caps.end())
      options_.caps.emplace_back("tools");
  }
  client_core(const client_core&) = delete;
  client_core& operator=(const client_core&) = delete;

  const client_options& options() const noexcept { return options_; }
  const client_connection& connection() const noexcept { return connection_; }
  const client_transcript& transcript() const noexcept { return transcript_; }
  const std::deque<client_request>& requests() const noexcept { return requests_.open(); }
  bool has_actions() const noexcept { return !actions_.empty(); }
  client_action::list take_actions() { return std::exchange(actions_, {}); }
  /// When tick() is to be called next.
  time_point deadline() const { return connection_.deadline(); }

  // ---- the application

  /// Connects; while it waits for the next attempt, at once. Ignored while it is connected.
  void start(time_point now) {
    if (!connection_.is_underway()) connection_.connect(now);
  }

  void stop(time_point now) {
    if (connection_.state() == client_state::stopped) return;
    connection_.stop(now);
    conclude(close_code_done, {});
  }

  /// Asks the agent; gives the id of the query. It is sent now or when the connection is live.
  /// Errors, all at once and without any trace: bad_message, too_large, queue_full, interrupted.
  result<std::string> query(wire::query asked) {
    if (asked.parts.empty() && asked.content.find_first_not_of(" \t\r\n") == std::string::npos)
      return error(errc::bad_message, "A query needs a content");
    return ask(asked);
  }

  /// Decides on a request. Kept until the server has it; errors as of query().
  result<std::string> decide(std::string_view request, client_decision decision,
                             std::string content, std::string data) {
    const bool is_bare = content.empty() && data.empty();
    if ((decision == client_decision::edit && data.empty()) ||
        (decision == client_decision::answer && is_bare) || !is_json_or_empty(data)) {
      return error(errc::bad_message, "The decision needs data that are JSON");
    }
    wire::human_feedback said;
    said.ref = std::string(request);
    said.decision = std::string(to_string(decision));
    said.content = std::move(content);
    said.data = std::move(data);
    return feedback(std::move(said));
  }

  /// What came of a call. Kept until the server has it. not_found: nobody waits for it; the call
  /// stays open after all other errors.
  result<void> tool_result(std::string_view call, std::string data) {
    if (!is_json_or_empty(data)) return error(errc::bad_message, "The result is no JSON");
    return answer_call(call, data.empty() ? "null" : std::move(data), {});
  }
  result<void> tool_error(std::string_view call, std::string words) {
    return answer_call(call, {}, words.empty() ? message_of(errc::tool_failed) : std::move(words));
  }

  /// Judges an answer or decides on a request. Kept until the server has it; errors as of query().
  result<std::string> feedback(wire::human_feedback said) { return keep_and_send(said); }

  /// Any command but hello, which is the client's own. `regenerate` is a query without a content,
  /// `set` is kept until the server has it; all others are sent now or fail (connection_failed).
  result<std::string> command(wire::command wanted) {
    if (wanted.op.empty() || wanted.op == "hello")
      return error(errc::bad_message, "A command needs an op, which must not be hello");
    if (wanted.op == "regenerate") return ask(wanted);
    if (wanted.op == "set") return keep_and_send(wanted);
    if (!connection_.is_live()) return not_connected();
    if (auto named = name(wanted.id); !named) return named.error();
    std::string json;
    encode(json, wanted);
    send(std::move(json));
    return wanted.id;
  }

  /// Ends the answer to that query; empty: the one that runs. The query ends with an answer of
  /// status cancelled, unless it had ended before. One that was never sent ends at once; for others
  /// the client must be live (connection_failed).
  result<void> cancel(std::string_view ref) {
    if (!connection_.is_live()) {
      client_answer* const waiting = ref.empty() ? nullptr : open_answer(ref);
      if (waiting == nullptr || !outbox_.is_unsent(ref)) return not_connected();
      end(*waiting, wire::answer_status::cancelled);
      return {};
    }
    wire::command wanted;
    wanted.op = "cancel";
    wanted.id = id_prefix_ + cancel_mark + std::to_string(++made_ids_);
    wanted.ref = std::string(ref);
    std::string json;
    encode(json, wanted);
    send(std::move(json));
    return {};
  }

  // ---- the surroundings

  /// Answers client_action::ask_token.
  void token_ready(std::uint64_t attempt, result<std::string> token, time_point now) {
    if (connection_.token_renewed(attempt, token ? &token.value() : nullptr)) return;
    if (!connection_.awaits_token(attempt)) return;
    if (token) {
      connection_.token_ready(attempt, std::move(token).value(), now);
    } else {
      lost(close_code_of(token.error().code, 0), token.error().message, now);
    }
  }

  void opened(time_point now) {
    if (connection_.state() == client_state::connecting) connection_.opened(outbox_.ids(), now);
  }

  /// Something has arrived, which need not be a whole message.
  void heard(time_point now) { connection_.heard(now); }

  void received(std::string_view text, time_point now);

  /// Events of a connection that was given up before are ignored.
  void closed(std::uint16_t code, std::string_view reason, time_point now) {
    if (connection_.is_underway()) lost(code, reason, now);
  }
  void failed(std::error_code why, int status, std::string_view detail, time_point now) {
    if (connection_.state() == client_state::connecting)
      lost(close_code_of(why, status), detail, now);
  }

  void tick(time_point now) { connection_.tick(now); }

 private:
  static constexpr const char* cancel_mark = "c";
  static constexpr const char* result_mark = "t";

  static error not_connected() {
    return error(errc::connection_failed, "There is no connection to the server at the moment");
  }

  std::string make_id() { return id_prefix_ + std::to_string(++made_ids_); }

  /// Makes an id where there is none.
  result<void> name(std::string& id) {
    if (id.empty()) {
      id = make_id();
    } else if (!is_valid_id(id)) {
      return error(errc::bad_message, "An id has 1 to 64 characters out of A-Z a-z 0-9 _ . : -");
    }
    return {};
  }

  void send(std::string json) { actions_.push_back(client_action::send{std::move(json)}); }

  template <typename Message>
  result<std::string> ask(Message& message) {
    auto kept = keep(message, true);
    if (!kept) return kept;
    // A former run of the program may have asked it, so that its answer is already coming.
    if (client_answer* const known = transcript_.find(message.id)) {
      known->own = true;
    } else {
      transcript_.add(message.id, true);
    }
    send_kept();
    return kept;
  }

  static bool is_json_or_empty(std::string_view text) {
    return text.empty() || json::document().parse(text).has_value();
  }

  result<void> answer_call(std::string_view call, std::string data, std::string why_not) {
    if (!calls_.is_running(call)) return error(errc::not_found);
    wire::command made;
    made.op = "tool_result";
    made.id = id_prefix_ + result_mark + std::to_string(++made_ids_);
    made.ref = std::string(call);
    made.data = std::move(data);
    made.failure = std::move(why_not);
    const auto kept = keep_and_send(made);
    if (!kept) return kept.error();
    calls_.answered(call, made.id);
    return {};
  }

  template <typename Message>
  result<std::string> keep_and_send(Message& message) {
    auto kept = keep(message, false);
    if (kept) send_kept();
    return kept;
  }

  template <typename Message>
  result<std::string> keep(Message& message, bool is_query) {
    if (connection_.state() == client_state::stopped)
      return error(errc::interrupted, "The client has been stopped");
    if (auto named = name(message.id); !named) return named.error();
    const client_answer* const known = is_query ? transcript_.find(message.id) : nullptr;
    if (outbox_.contains(message.id) || (known != nullptr && (known->own || !known->is_open())))
      return error(errc::bad_message, "That id has been used before");
    std::string json;
    encode(json, message);
    const std::size_t limit = connection_.max_message_bytes();
    if (limit != 0 && json.size() > limit) {
      return error(errc::too_large,
                   "The server takes messages of at most " + std::to_string(limit) + " bytes");
    }
    if (!outbox_.add(message.id, json, is_query)) {
      return error(errc::queue_full,
                   "Too much waits for the server already; try again when some is answered");
    }
    return message.id;
  }

  void send_kept() {
    if (connection_.is_live()) outbox_.send_newest([this](const std::string& json) { send(json); });
  }

  void withdraw(const std::vector<std::string>& results) {
    for (const std::string& id : results) outbox_.settle(id);
  }
  bool has_made(std::string_view id, const char* mark) const {
    const std::string begin = id_prefix_ + mark;
    return id.substr(0, begin.size()) == begin;
  }

  /// Of this client's own, and not ended.
  client_answer* open_answer(std::string_view id) {
    client_answer* const found = transcript_.find(id);
    return found != nullptr && found->own && found->is_open() ? found : nullptr;
  }

  /// The one end of an answer.
  void end(client_answer& answer, wire::answer_status status) {
    answer.status = status;
    if (answer.own) outbox_.settle(answer.id);
    withdraw(calls_.end_of_query(answer.id));
    actions_.push_back(client_action::tell_answer{answer});
    transcript_.trim();
  }
  void fail(client_answer& answer, answer_failure why) {
    answer.failure = std::move(why);
    end(answer, wire::answer_status::failed);
  }
  void fail(client_answer& answer, errc code, std::string words) {
    fail(answer, {to_string(code), std::move(words), is_retryable(code), std::nullopt});
  }

  void lost(std::uint16_t code, std::string_view reason, time_point now) {
    if (connection_.ended(code, reason, now) == after_close::stop) conclude(code, reason);
  }

  /// Nothing is going to come any more.
  void conclude(std::uint16_t code, std::string_view reason) {
    outbox_.clear();
    calls_.end_all();
    // Ended ones may leave the transcript meanwhile.
    std::vector<std::string> open;
    transcript_.for_each_open([&open](const client_answer& each) { open.push_back(each.id); });
    for (const std::string& id : open) {
      if (client_answer* const each = open_answer(id))
        fail(*each, errc::interrupted, "The connection ended before the answer was complete");
    }
    actions_.push_back(client_action::tell_stopped{code, std::string(reason)});
  }

  // reception.hpp
  void on_welcome(const wire::server_message& m, std::string_view text);
  void on_live(time_point now);
  void follow(const wire::server_message& m, std::string_view text, time_point now);
  void take(const wire::server_message& m, std::string_view text, time_point now);
  void on_response(const wire::server_message& m, time_point now);
  void on_piece(const wire::server_message& m, time_point now);
  void on_end(const wire::server_message& m);
  void on_error(const wire::server_message& m, std::string_view text);
  void on_status(const wire::server_message& m, std::string_view text);
  void on_request(json::value body, bool is_open);
  void on_tool(const wire::server_message& m);
  void tell_gone(const std::vector<std::string>& requests);
  void forget_requests();
  void session_replaced();
  void tell_text(const client_answer& answer, const answer_text::outcome& change);
  client_answer* answer_of(const wire::server_message& m);

  client_options options_;
  client_action::list actions_;
  client_connection connection_;
  client_outbox outbox_;
  client_transcript transcript_;
  client_requests requests_;
  client_tool_calls calls_;
  json::document document_;
  std::string id_prefix_;  // of ids that no other client makes
  std::uint64_t made_ids_ = 0;
};

}  // namespace agent_websocket

// --- agent_websocket/client/reception.hpp

// What the client core makes of the server's messages: welcome and live, the order of numbered
// ones, answers from their first piece to their one end, and the rest, which goes to the
// application as it is.

namespace agent_websocket {

inline void client_core::received(std::string_view text, time_point now) {
  if (!connection_.is_underway()) return;
  connection_.heard(now);
  const auto read = wire::read_server_message(text, document_);
  if (!read) return;
  if (read->is_welcome()) {
    on_welcome(*read, text);
  } else if (read->is_live()) {
    on_live(now);
  } else if (connection_.is_following()) {
    follow(*read, text, now);
  } else if (!read->is_numbered() && read->type == wire::server_type::status) {
    on_status(*read, text);
  } else if (!read->is_numbered() && read->type == wire::server_type::error) {
    on_error(*read, text);
  }
  // All else is of a session that will be thrown away, or comes again after the next welcome.
}

inline void client_core::on_welcome(const wire::server_message& m, std::string_view text) {
  using greeting = client_connection::greeting;
  const std::string epoch = connection_.position().epoch;
  const greeting found = connection_.welcomed(wire::read_welcome(m));
  if (found == greeting::ignored) return;
  if (found != greeting::confirmed)
    actions_.push_back(client_action::tell_welcome{client_notice::of(m, text)});
  m.body["accepted"].for_each_element(
      [this](json::value id) { outbox_.accept(id.string().value_or("")); });
  if (found == greeting::moved || found == greeting::replaced) {
    transcript_.drop();
    actions_.push_back(client_action::tell_reset{});
    if (found == greeting::moved) {
      outbox_.expect_again();
    } else {
      session_replaced();
    }
  }
  // Another server, or another life of it: its names mean something else.
  if (found == greeting::replaced || epoch != connection_.position().epoch) forget_requests();
  if (const json::value pending = m.body["pending_feedback"]; pending.is_array()) {
    requests_.begin_list();
    pending.for_each_element(
        [this](json::value each) { requests_.list(each["id"].string().value_or("")); });
    pending.for_each_element([this](json::value each) { on_request(each, true); });
  }
  m.body["active"].for_each_element([this](json::value each) {
    const std::string_view ref = each["ref"].string().value_or("");
    if (!is_valid_id(ref)) return;
    client_answer* answer = transcript_.find(ref);
    if (answer == nullptr) answer = &transcript_.add(ref, false);
    if (answer->is_open()) answer->stream = std::string(each["stream"].string().value_or(""));
  });
}

inline void client_core::session_replaced() {
  for (const std::string& id : outbox_.take_accepted()) {
    if (client_answer* const answer = open_answer(id)) {
      fail(*answer, {to_string(errc::session_expired),
                     "The session has ended before the answer was complete", true, std::nullopt});
    }
  }
}

inline void client_core::forget_requests() {
  tell_gone(requests_.take_all());
  withdraw(calls_.end_all());
}

inline void client_core::on_live(time_point now) {
  if (!connection_.caught_up(now)) return;
  tell_gone(requests_.take_unlisted());
  outbox_.send_all([this](const std::string& json) { send(json); });
}

inline void client_core::tell_gone(const std::vector<std::string>& requests) {
  for (const std::string& id : requests)
    actions_.push_back(client_action::tell_feedback_resolved{{id, {}, "gone"}});
}

inline void client_core::on_request(json::value body, bool is_open) {
  client_request request = client_request::of(body);
  request.is_open = is_open;
  if (requests_.add(request))
    actions_.push_back(client_action::tell_feedback_request{std::move(request)});
}

inline void client_core::on_tool(const wire::server_message& m) {
  if (!connection_.is_following()) return;
  client_tool_progress progress = client_tool_progress::of(m);
  if (progress.state == "done" || progress.state == "failed") withdraw(calls_.end(progress.call));
  const bool is_for_us = !m.id.empty() && progress.state == "calling";
  client_tool_call call{std::string(m.id), progress.ref, progress.name, progress.arguments};
  actions_.push_back(client_action::tell_tool{std::move(progress)});
  if (is_for_us && calls_.begin(call.id, call.ref))
    actions_.push_back(client_action::tell_tool_call{std::move(call)});
}

inline void client_core::follow(const wire::server_message& m, std::string_view text,
                                time_point now) {
  if (!m.is_numbered()) return take(m, text, now);
  const bool repeats_answer = m.replay && m.is_terminal() && open_answer(m.ref) != nullptr &&
                              *m.seq != connection_.position().last_seq + 1;
  // The answer to an id that was sent again, with the number that it had then.
  if (repeats_answer) return take(m, text, now);
  switch (connection_.take_number(*m.seq)) {
    case client_connection::place::seen: return;
    case client_connection::place::gap: connection_.missed(outbox_.ids(), now); return;
    case client_connection::place::next: break;
  }
  take(m, text, now);
  connection_.after_number();
}

inline void client_core::take(const wire::server_message& m, std::string_view text,
                              time_point now) {
  switch (m.type) {
    case wire::server_type::response: return on_response(m, now);
    case wire::server_type::error: return on_error(m, text);
    case wire::server_type::status: return on_status(m, text);
    case wire::server_type::notification:
      if (!m.body["content"].is_string()) return;
      if (m.op != "drain") transcript_.notify(client_notice::of(m, text));
      return actions_.push_back(client_action::tell_notification{client_notice::of(m, text)});
    case wire::server_type::human_feedback: return on_request(m.body, requests_.may_be_open(m.id));
    case wire::server_type::unknown: return;
  }
}

/// The answer that a response is about; one that nobody here has asked for is added. Null when the
/// message names none.
inline client_answer* client_core::answer_of(const wire::server_message& m) {
  if (client_answer* const found = transcript_.find(m.ref, m.stream)) return found;
  return is_valid_id(m.ref) ? &transcript_.add(m.ref, false) : nullptr;
}

inline void client_core::on_response(const wire::server_message& m, time_point now) {
  if (m.is_piece()) return on_piece(m, now);
  if (m.is_terminal()) return on_end(m);
  client_answer* const answer = m.phase == wire::response_phase::start ? answer_of(m) : nullptr;
  if (answer == nullptr || !answer->is_open()) return;
  answer->stream = std::string(m.stream);
  answer->model = std::string(m.body["model"].string().value_or(""));
}

inline void client_core::on_piece(const wire::server_message& m, time_point now) {
  client_answer* const answer = transcript_.find(m.ref, m.stream);
  if (answer == nullptr || !answer->is_open() || !m.body["content"].is_string()) return;
  if (m.phase == wire::response_phase::reasoning) {
    const answer_text::outcome change = answer->reasoning.add_reasoning(
        m.body["idx"].integer().value_or(-1), m.body["n"].integer().value_or(-1), m.content);
    if (change.what != text_change::none) {
      actions_.push_back(
          client_action::tell_reasoning{answer->id, change.what, std::string(change.text)});
    }
    return;
  }
  const answer_text::outcome change = answer->so_far.add(
      m.body["idx"].integer().value_or(-1), m.body["n"].integer().value_or(-1), m.content);
  if (change.what == text_change::hole) {
    connection_.missed(outbox_.ids(), now);  // else the end brings the whole text
  } else if (change.what != text_change::none) {
    connection_.progressed();
    tell_text(*answer, change);
  }
}

inline void client_core::on_end(const wire::server_message& m) {
  client_answer* const answer = answer_of(m);
  if (answer == nullptr || !answer->is_open()) return;
  if (m.body["content"].is_string()) tell_text(*answer, answer->so_far.replace(m.content));
  if (!m.stream.empty()) answer->stream = std::string(m.stream);
  answer->finish_reason = std::string(m.body["finish_reason"].string().value_or(""));
  if (const auto model = m.body["model"].string()) answer->model = std::string(*model);
  if (m.body["usage"].is_object()) answer->usage = json::to_text(m.body["usage"]);
  if (m.body["meta"].is_object()) answer->meta = json::to_text(m.body["meta"]);
  const wire::answer_status status = wire::read_answer_status(m);
  if (status == wire::answer_status::failed) {
    const wire::failure_view why = wire::read_failure(m.body["error"]);
    answer->failure = answer_failure{std::string(why.code), std::string(why.content), why.retryable,
                                     why.retry_after};
  }
  end(*answer, status);
}

inline void client_core::on_error(const wire::server_message& m, std::string_view text) {
  client_answer* answer = open_answer(m.ref);
  if (answer == nullptr && m.is_terminal()) answer = answer_of(m);
  if (answer != nullptr) {
    if (!answer->is_open()) return;
    const wire::failure_view why = wire::read_failure(m.body);
    if (m.body["meta"].is_object()) answer->meta = json::to_text(m.body["meta"]);
    return fail(*answer,
                {std::string(why.code), std::string(why.content), why.retryable, why.retry_after});
  }
  outbox_.settle(m.ref);
  calls_.settle(m.ref);
  // What came too late to cancel, or to be of use, is no news.
  const bool is_late = has_made(m.ref, cancel_mark) || has_made(m.ref, result_mark);
  if (is_late && m.body["code"].string() == "not_found") return;
  actions_.push_back(client_action::tell_error{client_notice::of(m, text)});
}

inline void client_core::on_status(const wire::server_message& m, std::string_view text) {
  if (m.op == "ack") {
    outbox_.accept(m.ref, m.body["duplicate"].boolean().value_or(false));
    calls_.settle(m.ref);
    if (has_made(m.ref, result_mark)) return;
    client_answer* const answer = open_answer(m.ref);
    if (answer != nullptr && !m.stream.empty()) answer->stream = std::string(m.stream);
  } else if (m.op == "tool" && m.body["tool"].is_object()) {
    return on_tool(m);
  } else if (m.op == "feedback_resolved" && requests_.remove(m.ref)) {
    return actions_.push_back(client_action::tell_feedback_resolved{
        {std::string(m.ref), std::string(m.body["decision"].string().value_or("")),
         std::string(m.body["reason"].string().value_or(""))}});
  } else if (m.op == "drain") {
    if (const auto wait = wire::detail::wait_or_nothing(m.body["retry_after_ms"]))
      connection_.told_to_wait(*wait);
  } else if (m.op == "auth_expiring") {
    connection_.renew_token();
  } else if (m.op == "pong" && m.ref.empty()) {
    return;  // to the client's own
  } else if (!m.ref.empty()) {
    outbox_.settle_request(m.ref);  // answered by more than an ack
  }
  actions_.push_back(client_action::tell_status{client_notice::of(m, text)});
}

inline void client_core::tell_text(const client_answer& answer,
                                   const answer_text::outcome& change) {
  if (change.what == text_change::none) return;
  actions_.push_back(client_action::tell_text{answer.id, change.what, std::string(change.text)});
}

}  // namespace agent_websocket

// --- agent_websocket/policy/client_transport.hpp

// Requirement ClientTransport: opens one WebSocket (RFC 6455) at a time to a server and carries text frames. Shipped
// models: adapters::websocketpp_connector, testing::mock_client_transport.
//
// | expression           | result | promise of the policy                                                          |
// |----------------------|--------|--------------------------------------------------------------------------------|
// | t.start(sink)        | void   | reports to `sink` from now on; called once, before the others                  |
// | t.open(url, headers) | void   | begins an attempt, `headers` added to its request; what was before, an attempt |
// |                      |        | or a connection, is dropped and not reported any more                          |
// | t.send(text)         | size_t | queues one text frame, payload copied; returns the bytes that wait and are not |
// |                      |        | yet in the kernel; 0 and no frame when no connection stands                    |
// | t.close(code, why)   | void   | queues a close frame behind what waits, then ends the connection when the peer |
// |                      |        | has answered or 5 s have passed; code 1006: ends it at once; before on_open it |
// |                      |        | ends the attempt (errc::cancelled); ignored when there is neither              |
//
// For each open() that is not dropped: on_failed, or on_open and, later, exactly one on_close. Sink functions are
// called on the executor and never from inside one of the calls above. Between close() and on_close incoming frames
// are dropped. Pings are answered by the transport; binary messages are dropped; broken frames, invalid UTF-8 and
// messages above the transport's limit end the connection with 1002, 1007 or 1009.
// on_failed's errors: bad_configuration (the address), cancelled, connection_failed, protocol_error, timeout_connect;
// and for an HTTP answer that refused the upgrade its status beside the error.
//
// Promise of the library: calls only from the executor; the sink outlives the transport's last call; sink functions
// do not throw. All calls but start() may be made from inside sink functions.

namespace agent_websocket {

/// Receives what happens to a client's connection.
class client_transport_sink {
 public:
  /// The WebSocket stands; frames may be sent (they may be from inside of this call).
  virtual void on_open() = 0;
  /// Any frame or part of a frame arrived: the server lives. Called before the functions below, at most once a read.
  virtual void on_alive() = 0;
  /// A whole text message, valid UTF-8.
  virtual void on_text(std::string_view text) = 0;
  /// The connection is gone. `code` is the close code that was received, or the one sent when we began, or 1006.
  virtual void on_close(std::uint16_t code, std::string_view reason) = 0;
  /// The connection did not come about. The category is agent_websocket's. `status`: of the HTTP answer that refused
  /// the upgrade; 0: there was none. `detail` is for the log.
  virtual void on_failed(std::error_code failure, int status, std::string_view detail) = 0;

 protected:
  ~client_transport_sink() = default;
};

namespace detail {
template <typename T>
using client_start_expression = decltype(std::declval<T&>().start(std::declval<client_transport_sink&>()));
template <typename T>
using client_open_expression =
    decltype(std::declval<T&>().open(std::string_view(), std::declval<const http::header_list&>()));
template <typename T>
using client_send_expression =
    std::enable_if_t<std::is_same_v<decltype(std::declval<T&>().send(std::string_view())), std::size_t>>;
template <typename T>
using client_close_expression = decltype(std::declval<T&>().close(std::uint16_t(), std::string_view()));
}  // namespace detail

template <typename T>
inline constexpr bool has_client_start_v = is_detected_v<detail::client_start_expression, T>;
template <typename T>
inline constexpr bool has_client_open_v = is_detected_v<detail::client_open_expression, T>;
template <typename T>
inline constexpr bool has_client_send_v = is_detected_v<detail::client_send_expression, T>;
template <typename T>
inline constexpr bool has_client_close_v = is_detected_v<detail::client_close_expression, T>;

/// True when T meets the requirement ClientTransport.
template <typename T>
inline constexpr bool is_client_transport_v =
    has_client_start_v<T> && has_client_open_v<T> && has_client_send_v<T> && has_client_close_v<T>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename T>
concept client_transport_policy = is_client_transport_v<T>;
#endif

/// Instantiated by everything that takes a ClientTransport, so that the first error line names the missing member.
template <typename T>
constexpr bool require_client_transport() {
  static_assert(has_client_start_v<T>, "ClientTransport needs: void start(client_transport_sink&)");
  static_assert(has_client_open_v<T>, "ClientTransport needs: void open(std::string_view, const http::header_list&)");
  static_assert(has_client_send_v<T>, "ClientTransport needs: std::size_t send(std::string_view)");
  static_assert(has_client_close_v<T>, "ClientTransport needs: void close(std::uint16_t, std::string_view)");
  return true;
}

}  // namespace agent_websocket

// --- agent_websocket/client/client.hpp

// basic_client: a client of the wire protocol that keeps its connection. Carries out what the
// client core decides, on its policies; connects again by itself and takes the session up where it
// was, so that no query is lost, none is answered twice and no text has holes. Models of
// ClientTransport decide how the server is reached.

#include <memory>

namespace agent_websocket {

/// All calls on the executor.
template <typename ClientTransport, typename Scheduler>
class basic_client final : private client_transport_sink {
  static_assert(require_client_transport<ClientTransport>() && require_scheduler<Scheduler>());

 public:
  /// Policies and sink outlive the client; the transport is this client's alone, and is not run any
  /// more after it.
  basic_client(ClientTransport& transport, Scheduler& scheduler, client_sink& sink,
               client_options options = {})
      : transport_(transport), scheduler_(scheduler), sink_(sink), core_(std::move(options)) {
    transport_.start(*this);
  }
  basic_client(const basic_client&) = delete;
  basic_client& operator=(const basic_client&) = delete;
  ~basic_client() { scheduler_.cancel_timer(timer_); }

  /// Connects, and stays so until stop() or until the server says that it is no use. While it waits
  /// for the next attempt: makes it now. Ignored while it is connected.
  void start() {
    core_.start(now());
    carry_out();
  }
  /// Leaves; the session stays with the server for a while, see position(). Open queries end as
  /// failed (interrupted).
  void stop() {
    core_.stop(now());
    carry_out();
  }

  /// Asks the agent; gives the id of the query, for which on_answer will be called exactly once.
  /// Sent now, or as soon as the client is live. Errors, without any trace: queue_full,
  /// bad_message, too_large, interrupted (stopped).
  result<std::string> query(wire::query asked) { return carried(core_.query(std::move(asked))); }
  result<std::string> query(std::string_view content) {
    wire::query asked;
    asked.content = std::string(content);
    return query(std::move(asked));
  }
  /// Ends the answer to that query, or the running one. connection_failed: cannot be done now.
  result<void> cancel(std::string_view ref = {}) { return carried(core_.cancel(ref)); }
  /// Decides on a request of the server; gives the id of the decision, of which on_error speaks
  /// when it comes too late or does not fit. Sent as a query is. `content`: a comment, which the
  /// model is told when the decision is reject, or the answer. `data`: JSON text, of edit the
  /// arguments to run the tool with, of answer the result in place of running it. bad_message: one
  /// of these is missing or no JSON.
  result<std::string> decide(std::string_view request, client_decision decision,
                             std::string content = {}, std::string data = {}) {
    return carried(core_.decide(request, decision, std::move(content), std::move(data)));
  }
  /// The result of a call that on_tool_call brought, as JSON text. Kept until the server has it.
  /// Errors: not_found (it has a result, or nobody waits for it any more), bad_message (no JSON),
  /// queue_full, too_large; the call is still open after the last three.
  result<void> tool_result(std::string_view call, std::string data) {
    return carried(core_.tool_result(call, std::move(data)));
  }
  /// Why there is no result, in words for the model.
  result<void> tool_error(std::string_view call, std::string words) {
    return carried(core_.tool_error(call, std::move(words)));
  }
  /// Judges an answer; also what decide() does, with all fields. Sent as a query is.
  result<std::string> feedback(wire::human_feedback said) {
    return carried(core_.feedback(std::move(said)));
  }
  /// Sends a command; what it is answered comes by on_status or on_error, `ref` being the id given
  /// here. `regenerate` is a query, `set` is kept as one; others are not kept: connection_failed.
  result<std::string> command(wire::command wanted) {
    return carried(core_.command(std::move(wanted)));
  }

  client_state state() const noexcept { return core_.connection().state(); }
  const client_transcript& transcript() const noexcept { return core_.transcript(); }
  /// Requests for a decision that are open, oldest first.
  const std::deque<client_request>& requests() const noexcept { return core_.requests(); }
  /// Where the session can be taken up, also by the next run of the program:
  /// client_options::resume.
  const resume_point& position() const noexcept { return core_.connection().position(); }
  /// What the server told of its limits, attempts, and when the next one is due.
  const client_connection& connection() const noexcept { return core_.connection(); }

 private:
  time_point now() { return scheduler_.now(); }

  template <typename Result>
  Result carried(Result outcome) {
    carry_out();
    return outcome;
  }

  // ---- client_transport_sink

  void on_open() override {
    core_.opened(now());
    carry_out();
  }
  void on_alive() override { core_.heard(now()); }
  void on_text(std::string_view text) override {
    core_.received(text, now());
    carry_out();
  }
  void on_close(std::uint16_t code, std::string_view reason) override {
    core_.closed(code, reason, now());
    carry_out();
  }
  void on_failed(std::error_code failure, int status, std::string_view detail) override {
    core_.failed(failure, status, detail, now());
    carry_out();
  }

  // ---- actions

  /// Those of calls that are made meanwhile come behind.
  void carry_out() {
    if (std::exchange(carrying_out_, true)) return;
    while (core_.has_actions()) {
      for (client_action::any& each : core_.take_actions())
        std::visit([this](auto& what) { this->perform(what); }, each);
    }
    carrying_out_ = false;
    arm();
  }

  void perform(client_action::ask_token& what) {
    core_.options().token([weak = std::weak_ptr<basic_client*>(self_),
                           attempt = what.attempt](result<std::string> token) {
      const auto self = weak.lock();
      if (self == nullptr) return;
      (*self)->core_.token_ready(attempt, std::move(token), (*self)->now());
      (*self)->carry_out();
    });
  }
  void perform(client_action::open&) {
    transport_.open(core_.options().url, core_.options().headers);
  }
  void perform(client_action::send& what) { transport_.send(what.json); }
  void perform(client_action::close& what) { transport_.close(what.code, what.reason); }
  void perform(client_action::tell_state& what) { sink_.on_state(what.state); }
  void perform(client_action::tell_disconnected& what) {
    sink_.on_disconnected(what.code, what.reason);
  }
  void perform(client_action::tell_stopped& what) { sink_.on_stopped(what.code, what.reason); }
  void perform(client_action::tell_welcome& what) { sink_.on_welcome(what.notice); }
  void perform(client_action::tell_reset&) { sink_.on_reset(); }
  void perform(client_action::tell_text& what) { sink_.on_text(what.id, what.change, what.text); }
  void perform(client_action::tell_reasoning& what) {
    sink_.on_reasoning(what.id, what.change, what.text);
  }
  void perform(client_action::tell_tool& what) { sink_.on_tool(what.progress); }
  void perform(client_action::tell_tool_call& what) { sink_.on_tool_call(what.call); }
  void perform(client_action::tell_answer& what) { sink_.on_answer(what.answer); }
  void perform(client_action::tell_notification& what) { sink_.on_notification(what.notice); }
  void perform(client_action::tell_feedback_request& what) {
    sink_.on_feedback_request(what.request);
  }
  void perform(client_action::tell_feedback_resolved& what) {
    sink_.on_feedback_resolved(what.resolution);
  }
  void perform(client_action::tell_status& what) { sink_.on_status(what.notice); }
  void perform(client_action::tell_error& what) { sink_.on_error(what.notice); }

  // ---- time

  /// One timer. Most events move the deadline further away: then it stays as it is and, when it
  /// runs too early, is set again.
  void arm() {
    const time_point due = core_.deadline();
    if (timer_ != 0 && timer_at_ <= due && due != time_point::max()) return;
    scheduler_.cancel_timer(std::exchange(timer_, 0));
    if (due == time_point::max()) return;
    timer_at_ = due;
    timer_ = scheduler_.start_timer(due, [this] {
      timer_ = 0;
      core_.tick(now());
      carry_out();
    });
  }

  ClientTransport& transport_;
  Scheduler& scheduler_;
  client_sink& sink_;
  client_core core_;
  std::shared_ptr<basic_client*> self_ = std::make_shared<basic_client*>(this);
  timer_id timer_ = 0;
  time_point timer_at_{};
  bool carrying_out_ = false;
};

}  // namespace agent_websocket

// --- agent_websocket/openrouter/request_encoder.hpp

// Writes the fields of a request, one by one: what is not set is left out, what is out of its range
// is refused with words that name the field ("provider.max_price.prompt"), no name goes out twice.
// Knows no field; those are request.hpp's and its parts'.

namespace agent_websocket {
namespace openrouter {
namespace detail {

/// How many characters UTF-8 text has.
inline std::size_t count_characters(std::string_view text) noexcept {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins));
}

/// One object. Keeps the first refusal; after one the text is of no use.
class request_encoder {
 public:
  static constexpr int any = std::numeric_limits<int>::max();

  /// `path` stands in front of the names in a refusal.
  explicit request_encoder(std::string& out, std::string path = {})
      : writer_(out), path_(std::move(path)) {
    writer_.begin_object();
  }

  void text(std::string_view name, const std::string& what) {
    if (!what.empty()) key(name).value(what);
  }
  void text(std::string_view name, const std::string& what, std::size_t max_characters) {
    if (count_characters(what) > max_characters) {
      refuse(name, "must have at most " + std::to_string(max_characters) + " characters");
    }
    text(name, what);
  }
  void texts(std::string_view name, const std::vector<std::string>& what) {
    if (what.empty()) return;
    key(name).begin_array();
    for (const std::string& each : what) writer_.value(each);
    writer_.end_array();
  }
  template <typename T>  // bool or an integer
  void plain(std::string_view name, const std::optional<T>& what) {
    if (what) key(name).value(*what);
  }
  void integer(std::string_view name, const std::optional<int>& what, int low, int high,
               std::string_view range) {
    if (!what) return;
    if (*what < low || *what > high) return refuse(name, "must be a whole number", range);
    key(name).value(*what);
  }
  void real(std::string_view name, const std::optional<double>& what, double low, double high,
            std::string_view range, bool low_is_open = false) {
    if (!what) return;
    // Written so that NaN, which compares false with everything, is refused.
    const bool fits = *what <= high && (low_is_open ? *what > low : *what >= low);
    if (!fits) return refuse(name, "must be a number", range);
    key(name).value(*what);
  }
  /// JSON text that goes out byte for byte; of at least so many elements or members.
  void raw(std::string_view name, const std::string& what, json::kind wanted,
           json::kind also = json::kind::absent, std::size_t at_least = 0) {
    if (what.empty() || !parse(name, what, wanted, also)) return;
    if (parsed_.root().size() < at_least) refuse(name, "must not be empty");
    key(name).raw(what);
  }
  /// An object that `members` writes through an encoder of its own; left out when it stays empty.
  template <typename Members>
  void object(std::string_view name, Members&& members) {
    std::string text;
    request_encoder inner(text, path_ + std::string(name) + ".");
    members(inner);
    inner.finish();
    if (inner.refusal_) {
      if (!refusal_) refusal_ = std::move(inner.refusal_);
    } else if (text != "{}") {
      key(name).raw(text);
    }
  }
  /// The members of an object given as JSON text. To be called last but for key().
  void members_of(std::string_view name, const std::string& what) {
    if (what.empty() || !parse(name, what, json::kind::object, json::kind::absent)) return;
    parsed_.root().for_each_member([this](std::string_view member, const json::value& value) {
      json::print(key(member), value);
    });
  }

  json::writer& key(std::string_view name) {
    names_.push_back(name);
    return writer_.key_escaped(name);
  }

  void refuse(std::string_view name, std::string_view what, std::string_view range = {}) {
    if (refusal_) return;
    std::string words("`");
    words.append(path_).append(name).append("` ").append(what).append(range);
    refusal_ = error(errc::bad_message, std::move(words));
  }

  /// Closes the object.
  void finish() {
    writer_.end_object();
    std::sort(names_.begin(), names_.end());
    const auto twice = std::adjacent_find(names_.begin(), names_.end());
    if (twice != names_.end()) refuse(*twice, "is given twice");
  }
  const std::optional<error>& refusal() const noexcept { return refusal_; }

 private:
  bool parse(std::string_view name, const std::string& what, json::kind wanted, json::kind also) {
    const result<void> outcome = parsed_.parse(what);
    if (!outcome) {
      refuse(name, "is wrong: ", outcome.error().message);
      return false;
    }
    const json::kind found = parsed_.root().kind();
    if (found == wanted || found == also) return true;
    refuse(name, "must be ", json::describe(wanted));
    return false;
  }

  json::writer writer_;
  std::string path_;
  json::document parsed_;
  std::vector<std::string_view>
      names_;  // the caller's, or in parsed_, which `members_of` fills last
  std::optional<error> refusal_;
};

}  // namespace detail
}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/request_options.hpp

// The smaller objects of a request (OpenRouter's API reference, "Create a chat completion"):
// reasoning, caching, tracing, audio. Words that name one of several choices are strings, since
// new choices appear without notice. Data and how it is written; request.hpp sends it.

namespace agent_websocket {
namespace openrouter {

/// How much a model thinks before it answers. Of `effort` and `max_tokens` one at most.
struct reasoning_options {
  std::string effort;             ///< none, minimal, low, medium, high, xhigh, max
  std::optional<int> max_tokens;  ///< 1 or more, and less than the limit of the whole answer
  std::optional<bool> exclude;    ///< thinks, but sends none of it
  std::optional<bool> enabled;    ///< true alone means medium effort
  std::string summary;            ///< auto, concise, detailed
};

/// Anthropic's prompt caching, placed by OpenRouter.
struct cache_control {
  std::string type = "ephemeral";
  std::string ttl;  ///< 5m or 1h
};

/// OpenAI's prompt caching with breakpoints in the content parts.
struct prompt_cache_options {
  std::string mode = "explicit";
  std::string ttl;
};

/// What the request is called in the account's observability tools.
struct trace_labels {
  std::string trace_id;
  std::string trace_name;
  std::string span_name;
  std::string generation_name;
  std::string parent_span_id;
  std::string extra;  ///< JSON object text: further members
};

/// Wanted when "audio" is among the modalities; needs a stream.
struct audio_output {
  std::string voice;
  std::string format;
};

namespace detail {

inline void write(request_encoder& out, const reasoning_options& what) {
  if (!what.effort.empty() && what.max_tokens) {
    out.refuse("max_tokens", "and `reasoning.effort` exclude each other");
  }
  out.text("effort", what.effort);
  out.integer("max_tokens", what.max_tokens, 1, request_encoder::any, ", 1 or more");
  out.plain("exclude", what.exclude);
  out.plain("enabled", what.enabled);
  out.text("summary", what.summary);
}
inline void write(request_encoder& out, const cache_control& what) {
  out.text("type", what.type);
  out.text("ttl", what.ttl);
}
inline void write(request_encoder& out, const prompt_cache_options& what) {
  out.text("mode", what.mode);
  out.text("ttl", what.ttl);
}
inline void write(request_encoder& out, const trace_labels& what) {
  out.text("trace_id", what.trace_id);
  out.text("trace_name", what.trace_name);
  out.text("span_name", what.span_name);
  out.text("generation_name", what.generation_name);
  out.text("parent_span_id", what.parent_span_id);
  out.members_of("extra", what.extra);
}
inline void write(request_encoder& out, const audio_output& what) {
  out.text("voice", what.voice);
  out.text("format", what.format);
}

}  // namespace detail
}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/tool_definition.hpp

// Tools as a request offers them to a model ("tools" and "tool_choice" of OpenRouter's API
// reference): from plain values to the JSON text of chat_request, made once and sent often. Says
// nothing of how a tool is run.

namespace agent_websocket {
namespace openrouter {

/// A function that a model may call.
struct tool_definition {
  std::string name;         ///< 1 to 64 of A-Z a-z 0-9 _ -
  std::string description;  ///< for the model
  std::string parameters;   ///< JSON Schema of an object, as text; empty: it takes none
  std::optional<bool>
      strict;  ///< arguments follow the schema exactly, where a provider can do that
  std::optional<openrouter::cache_control> cache_control;
};

/// Whether a tool may be called that.
constexpr bool is_tool_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 64) return false;
  for (const char c : name) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && c != '_' && c != '-') return false;
  }
  return true;
}

/// The JSON array for chat_request::tools; empty for no tools. Errors: bad_message, with words that
/// name the tool and what is wrong. `parameters` go out byte for byte.
inline result<std::string> encode_tools(const std::vector<tool_definition>& tools) {
  std::string text;
  if (tools.empty()) return text;
  json::writer out(text);
  out.begin_array();
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const tool_definition& each = tools[i];
    std::string one;
    detail::request_encoder in(one, "tools[" + std::to_string(i) + "].");
    in.key("type").value("function");
    in.object("function", [&each](detail::request_encoder& function) {
      if (!is_tool_name(each.name)) {
        function.refuse("name", "must be 1 to 64 of A-Z, a-z, 0-9, _ and -");
      }
      function.text("name", each.name);
      function.text("description", each.description);
      // Some servers fail where it is left out, which would mean the same.
      static const std::string nothing = R"({"type":"object","properties":{}})";
      function.raw("parameters", each.parameters.empty() ? nothing : each.parameters,
                   json::kind::object);
      function.plain("strict", each.strict);
    });
    if (each.cache_control) {
      in.object("cache_control", [&each](detail::request_encoder& cache) {
        detail::write(cache, *each.cache_control);
      });
    }
    in.finish();
    for (std::size_t j = 0; j < i; ++j) {
      if (tools[j].name == each.name) in.refuse("function.name", "is given twice: ", each.name);
    }
    if (in.refusal()) return *in.refusal();
    out.raw(one);
  }
  out.end_array();
  return text;
}

/// chat_request::tool_choice of a word: none, auto or required.
inline std::string tool_choice(std::string_view word) {
  std::string text;
  json::writer(text).value(word);
  return text;
}

/// chat_request::tool_choice of the function that the model has to call.
inline std::string tool_choice_function(std::string_view name) {
  std::string text;
  json::writer out(text);
  out.begin_object().member("type", "function").key("function");
  out.begin_object().member("name", name).end_object().end_object();
  return text;
}

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/response_format.hpp

// The form in which a model has to answer ("response_format" of OpenRouter's API reference,
// "Structured outputs"), as the JSON text of chat_request.

namespace agent_websocket {
namespace openrouter {

/// A schema that the answer has to follow.
struct json_schema {
  std::string name;            ///< 1 to 64 of A-Z a-z 0-9 _ -
  std::string schema;          ///< JSON Schema, as text; empty: left out
  std::optional<bool> strict;  ///< true leaves only the providers that can promise it
  std::string description;
};

/// Any JSON object; the prompt has to ask for JSON too.
inline std::string json_object_format() { return R"({"type":"json_object"})"; }

/// JSON by a schema, which goes out byte for byte. Errors: bad_message, with words.
inline result<std::string> json_schema_format(const json_schema& what) {
  std::string text;
  detail::request_encoder out(text, "response_format.");
  out.key("type").value("json_schema");
  out.object("json_schema", [&what](detail::request_encoder& in) {
    if (!is_tool_name(what.name)) in.refuse("name", "must be 1 to 64 of A-Z, a-z, 0-9, _ and -");
    in.text("name", what.name);
    in.text("description", what.description);
    in.raw("schema", what.schema, json::kind::object);
    in.plain("strict", what.strict);
  });
  out.finish();
  if (out.refusal()) return *out.refusal();
  return text;
}

/// Text by a grammar.
inline std::string grammar_format(std::string_view grammar) {
  std::string text;
  json::writer out(text);
  out.begin_object().member("type", "grammar").member("grammar", grammar).end_object();
  return text;
}

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/server/env_file.hpp

// The text of a .env file -> variables. The common part of what shells and dotenv readers take; no
// substitution of variables and no commands.

#include <map>

namespace agent_websocket {

/// Takes the text of a .env file apart: NAME=value lines; `export ` in front, blank lines and lines
/// that begin with # are allowed; a value may stand in single quotes (as it is) or double quotes
/// (with \n, \", \\ escapes); without quotes, " #" begins a comment. The error names the line.
inline result<std::map<std::string, std::string>> parse_env_file(std::string_view text) {
  std::map<std::string, std::string> variables;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    line = http::trim(line);
    if (number == 1 && line.substr(0, 3) == "\xEF\xBB\xBF") line.remove_prefix(3);
    if (line.empty() || line.front() == '#') continue;
    const auto refuse = [number](const char* why) {
      return error(errc::bad_configuration, "line " + std::to_string(number) + ": " + why);
    };
    if (line.substr(0, 7) == "export ") line = http::trim(line.substr(7));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return refuse("expected NAME=value");
    const std::string_view name = http::trim(line.substr(0, equals));
    if (name.empty() ||
        name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") !=
            std::string_view::npos) {
      return refuse("a name has letters, digits and underscores only");
    }
    std::string_view raw = http::trim(line.substr(equals + 1));
    std::string value;
    if (!raw.empty() && (raw.front() == '"' || raw.front() == '\'')) {
      const char quote = raw.front();
      std::size_t at = 1;
      for (; at < raw.size() && raw[at] != quote; ++at) {
        if (quote == '"' && raw[at] == '\\' && at + 1 < raw.size()) {
          ++at;
          value.push_back(raw[at] == 'n' ? '\n' : raw[at] == 't' ? '\t' : raw[at]);
        } else {
          value.push_back(raw[at]);
        }
      }
      if (at >= raw.size()) return refuse("the quote is not closed");
      const std::string_view rest = http::trim(raw.substr(at + 1));
      if (!rest.empty() && rest.front() != '#')
        return refuse("only a comment may follow the closing quote");
    } else {
      const std::string_view untrimmed = line.substr(equals + 1);  // "A= # none yet" has no value
      value = std::string(http::trim(untrimmed.substr(0, untrimmed.find(" #"))));
    }
    variables[std::string(name)] = std::move(value);
  }
  return variables;
}

}  // namespace agent_websocket

// --- agent_websocket/http/url.hpp

// http and https URLs (RFC 3986, RFC 9110 section 4.2), as far as a base URL and the endpoints below it need: the
// parts, checks with clear words, joining with exactly one slash. No percent decoding, no relative references.

namespace agent_websocket {
namespace http {

struct url {
  std::string scheme;         ///< "http" or "https"
  std::string host;           ///< without the brackets of an IPv6 address
  std::uint16_t port = 0;     ///< given or the scheme's own
  std::string path;           ///< begins with '/'; "/" when none was given
  bool secure() const noexcept { return scheme == "https"; }
};

/// Takes an absolute http or https URL apart. User information, queries and fragments are refused: none of them
/// belongs into a base URL, and a secret in one would end in logs.
inline result<url> parse_url(std::string_view text) {
  const auto refuse = [](std::string why) { return error(errc::bad_configuration, std::move(why)); };
  for (const char c : text) {
    if (c <= 0x20 || c > 0x7E) return refuse("a URL holds only visible ASCII characters");
  }
  url parsed;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return refuse("a URL begins with http:// or https://");
  const std::string_view scheme = text.substr(0, colon);
  if (iequals(scheme, "http")) {
    parsed.scheme = "http";
    parsed.port = 80;
  } else if (iequals(scheme, "https")) {
    parsed.scheme = "https";
    parsed.port = 443;
  } else {
    return refuse("a URL begins with http:// or https://");
  }
  std::string_view rest = text.substr(colon + 3);
  const std::size_t slash = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
  if (rest.find_first_of("?#") != std::string_view::npos) return refuse("a base URL has no query and no fragment");
  if (authority.find('@') != std::string_view::npos) return refuse("a base URL has no user name or password");
  std::string_view port;
  bool has_port = false;
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return refuse("the bracket of an IPv6 address is not closed");
    parsed.host = std::string(authority.substr(1, bracket - 1));
    authority.remove_prefix(bracket + 1);
    if (!authority.empty()) {
      if (authority.front() != ':') return refuse("only a port may follow the bracket of an IPv6 address");
      port = authority.substr(1);
      has_port = true;
    }
  } else {
    const std::size_t mark = authority.rfind(':');
    parsed.host = std::string(authority.substr(0, mark));
    if (parsed.host.find(':') != std::string::npos) return refuse("an IPv6 address stands in brackets: [::1]");
    if (mark != std::string_view::npos) {
      port = authority.substr(mark + 1);
      has_port = true;
    }
  }
  if (parsed.host.empty()) return refuse("the host is missing");
  if (parsed.host.find_first_of("\"<>[\\]^`{|}") != std::string::npos) {  // RFC 3986 appendix A
    return refuse("the host holds a character that no host has");
  }
  if (has_port) {
    std::uint32_t number = 0;
    const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (failure != std::errc() || end != port.data() + port.size() || number == 0 || number > 65535) {
      return refuse("a port is a number from 1 to 65535");
    }
    parsed.port = static_cast<std::uint16_t>(number);
  }
  parsed.path = rest.empty() ? "/" : std::string(rest);
  return parsed;
}

/// `base` and `path` with exactly one slash between them.
inline std::string join_url(std::string_view base, std::string_view path) {
  while (!base.empty() && base.back() == '/') base.remove_suffix(1);
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  std::string joined(base);
  joined.push_back('/');
  joined.append(path);
  return joined;
}

}  // namespace http
}  // namespace agent_websocket

// --- agent_websocket/openrouter/tool_call.hpp

// A call of a tool, as a model asks for it ("tool_calls" in OpenRouter's API reference). Data only;
// tool_calls.hpp puts it together from a stream.

namespace agent_websocket {
namespace openrouter {

/// One call. What it says comes from a model and is checked by whoever runs it.
struct tool_call {
  /// Unique inside one answer; made here when the server gave none or one that was there before.
  std::string id;
  std::string name;
  /// JSON text byte for byte as the model wrote it; "{}" when it gave none or only blanks.
  std::string arguments;
  /// False when the answer was cut off and the arguments with it: never to be run.
  bool complete = true;
};

inline bool operator==(const tool_call& a, const tool_call& b) {
  return a.id == b.id && a.name == b.name && a.arguments == b.arguments && a.complete == b.complete;
}
inline bool operator!=(const tool_call& a, const tool_call& b) { return !(a == b); }

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/message.hpp

// One message of a conversation as OpenRouter's chat completions take it ("messages", request
// schema ChatMessages): an immutable value that carries its finished JSON text, made once, so that
// a conversation is sent again and again without encoding it anew. Copies share it.

namespace agent_websocket {
namespace openrouter {

enum class chat_role : std::uint8_t { system, user, assistant, tool };

/// The spelling in "role".
constexpr std::string_view to_string(chat_role role) noexcept {
  switch (role) {
    case chat_role::system: return "system";
    case chat_role::user: return "user";
    case chat_role::assistant: return "assistant";
    case chat_role::tool: return "tool";
  }
  return "user";
}

/// An answer as it goes back to the model. What is empty is left out; the JSON texts go out byte
/// for byte, since models refuse reasoning whose signature no longer fits.
struct assistant_message {
  std::string text;
  std::vector<tool_call> tool_calls;  ///< complete ones; each needs its tool_result() behind
  std::string reasoning_details;      ///< array; an explicit "[]" is sent too
  std::string annotations;            ///< array; spares the parsing of files once more
};

/// A message; by default an empty one of the user. Bytes that are not UTF-8 go out as U+FFFD.
class chat_message {
 public:
  chat_message() : body_(empty_body()) {}

  static chat_message system(std::string text) {
    return of_text(chat_role::system, std::move(text), false);
  }
  static chat_message user(std::string text) {
    return of_text(chat_role::user, std::move(text), false);
  }
  /// `parts` is the JSON text of an array of content parts (text, image_url, file, input_audio),
  /// checked by the caller; `text` is what people see of it.
  static chat_message user_parts(std::string_view parts, std::string text) {
    std::string json;
    json::writer w(json);
    w.begin_object().member("role", to_string(chat_role::user)).member_raw("content", parts);
    w.end_object();
    return chat_message(chat_role::user, std::move(text), std::move(json), false);
  }
  static chat_message assistant(std::string text) {
    return of_text(chat_role::assistant, std::move(text), false);
  }
  /// An answer with all that belongs to it; text() is its text.
  static chat_message assistant(assistant_message what) {
    std::string json;
    json::writer w(json);
    w.begin_object().member("role", to_string(chat_role::assistant)).key("content");
    if (what.text.empty() && !what.tool_calls.empty()) {
      w.null();  // some providers refuse the empty text here
    } else {
      w.value(what.text);
    }
    if (!what.tool_calls.empty()) {
      w.key("tool_calls").begin_array();
      for (const tool_call& each : what.tool_calls) {
        w.begin_object().member("id", each.id).member("type", "function").key("function");
        w.begin_object().member("name", each.name).member("arguments", each.arguments);
        w.end_object().end_object();
      }
      w.end_array();
    }
    if (!what.reasoning_details.empty()) w.member_raw("reasoning_details", what.reasoning_details);
    if (!what.annotations.empty()) w.member_raw("annotations", what.annotations);
    w.end_object();
    return chat_message(chat_role::assistant, std::move(what.text), std::move(json), false);
  }
  /// What a tool gave for the call of that id; text() is `content`.
  static chat_message tool_result(std::string_view call_id, std::string content) {
    std::string json;
    json::writer w(json);
    w.begin_object().member("role", to_string(chat_role::tool)).member("tool_call_id", call_id);
    w.member("content", content).end_object();
    return chat_message(chat_role::tool, std::move(content), std::move(json), false);
  }
  /// An answer that was cut off or cancelled: the same on the wire, marked for the program.
  static chat_message assistant_partial(std::string text) {
    return of_text(chat_role::assistant, std::move(text), true);
  }

  chat_role role() const noexcept { return body_->role; }
  /// What people see, as it was given. Valid as long as any copy of the message lives.
  const std::string& text() const noexcept { return body_->text; }
  /// The JSON object as it is sent.
  const std::string& json() const noexcept { return body_->json; }
  /// What the message adds to a request.
  std::size_t bytes() const noexcept { return body_->json.size(); }
  /// True for an answer that is not whole.
  bool partial() const noexcept { return body_->partial; }

 private:
  struct body {
    chat_role role = chat_role::user;
    bool partial = false;
    std::string text;
    std::string json;
  };

  chat_message(chat_role role, std::string text, std::string json, bool partial)
      : body_(std::make_shared<const body>(body{role, partial, std::move(text), std::move(json)})) {
  }

  static chat_message of_text(chat_role role, std::string text, bool partial) {
    std::string json;
    json.reserve(text.size() + text.size() / 16 + 40);
    json::writer w(json);
    w.begin_object().member("role", to_string(role)).member("content", text).end_object();
    return chat_message(role, std::move(text), std::move(json), partial);
  }

  static const std::shared_ptr<const body>& empty_body() {
    static const std::shared_ptr<const body> empty = of_text(chat_role::user, "", false).body_;
    return empty;
  }

  std::shared_ptr<const body> body_;
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/provider_preferences.hpp

// Which providers OpenRouter may use for a request, and in what order (its docs, "Provider
// routing"): the request's "provider". Data and how it is written; request.hpp sends it.

namespace agent_websocket {
namespace openrouter {

/// The most that may be paid, in USD: for a million tokens, for an image, for a request.
struct price_limits {
  std::optional<double> prompt;
  std::optional<double> completion;
  std::optional<double> image;
  std::optional<double> audio;
  std::optional<double> request;
};

/// A number for all requests, or for percentiles of them: one or the other.
struct speed_limits {
  std::optional<double> value;
  std::optional<double> p50;
  std::optional<double> p75;
  std::optional<double> p90;
  std::optional<double> p99;
};

/// What is not set is left to OpenRouter.
struct provider_preferences {
  std::vector<std::string> order;   ///< slugs ("deepinfra/turbo"), tried in this order
  std::vector<std::string> only;    ///< no others
  std::vector<std::string> ignore;  ///< never these
  std::optional<bool> allow_fallbacks;
  std::optional<bool> require_parameters;  ///< only those that know every field of the request
  std::string data_collection;             ///< allow or deny
  std::optional<bool> zdr;                 ///< only those that retain no data
  std::optional<bool> enforce_distillable_text;
  std::vector<std::string> quantizations;  ///< int4, fp8, bf16, unknown, ...
  std::string sort;                        ///< price, throughput, latency, exacto
  std::string sort_partition;              ///< model or none; needs `sort`
  price_limits max_price;
  speed_limits preferred_min_throughput;  ///< tokens a second
  speed_limits preferred_max_latency;     ///< seconds
  /// JSON object text: further members. OpenRouter refuses those that it does not know.
  std::string extra;
};

namespace detail {

inline void write(request_encoder& out, const price_limits& what) {
  const auto price = [&out](std::string_view name, const std::optional<double>& limit) {
    if (!limit) return;
    if (!(*limit >= 0 && *limit <= std::numeric_limits<double>::max())) {
      return out.refuse(name, "must be a number, 0 or more");
    }
    out.text(name, json::print_double(*limit));  // numbers are refused in places
  };
  price("prompt", what.prompt);
  price("completion", what.completion);
  price("image", what.image);
  price("audio", what.audio);
  price("request", what.request);
}

inline void write(request_encoder& out, std::string_view name, const speed_limits& what) {
  constexpr double most = std::numeric_limits<double>::max();
  constexpr std::string_view range = ", 0 or more";
  if (what.value && (what.p50 || what.p75 || what.p90 || what.p99)) {
    out.refuse(name, "must be a number or percentiles, not both");
  }
  out.real(name, what.value, 0, most, range);
  out.object(name, [&](request_encoder& in) {
    in.real("p50", what.p50, 0, most, range);
    in.real("p75", what.p75, 0, most, range);
    in.real("p90", what.p90, 0, most, range);
    in.real("p99", what.p99, 0, most, range);
  });
}

inline void write(request_encoder& out, const provider_preferences& what) {
  out.texts("order", what.order);
  out.texts("only", what.only);
  out.texts("ignore", what.ignore);
  out.plain("allow_fallbacks", what.allow_fallbacks);
  out.plain("require_parameters", what.require_parameters);
  out.text("data_collection", what.data_collection);
  out.plain("zdr", what.zdr);
  out.plain("enforce_distillable_text", what.enforce_distillable_text);
  out.texts("quantizations", what.quantizations);
  if (what.sort_partition.empty()) {
    out.text("sort", what.sort);
  } else if (what.sort.empty()) {
    out.refuse("sort_partition", "needs `provider.sort`");
  } else {
    out.object("sort", [&](request_encoder& in) {
      in.text("by", what.sort);
      in.text("partition", what.sort_partition);
    });
  }
  out.object("max_price", [&](request_encoder& in) { write(in, what.max_price); });
  write(out, "preferred_min_throughput", what.preferred_min_throughput);
  write(out, "preferred_max_latency", what.preferred_max_latency);
  out.members_of("extra", what.extra);
}

}  // namespace detail
}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/request.hpp

// The body of `POST /chat/completions` (OpenRouter's API reference, "Create a chat completion";
// the same for other OpenAI-compatible servers): fields as a plain value, and its JSON text. Only
// fields that are set are sent, always in the same order, since the order is part of the key of
// OpenRouter's response cache. No headers, no I/O.

namespace agent_websocket {
namespace openrouter {

/// What is asked of a model. A field that is not set (nullopt, empty) is left out.
struct chat_request {
  std::string model;                         ///< "author/slug"; left out: the account's default
  std::vector<std::string> fallback_models;  ///< tried in this order after `model`
  std::string preset;                        ///< settings that the account keeps under this slug
  std::vector<chat_message> messages;        ///< at least one

  std::optional<double> temperature;         ///< 0 to 2
  std::optional<double> top_p;               ///< above 0, up to 1
  std::optional<int> top_k;                  ///< 0 (off) or more
  std::optional<double> min_p;               ///< 0 to 1
  std::optional<double> top_a;               ///< 0 to 1
  std::optional<double> frequency_penalty;   ///< -2 to 2
  std::optional<double> presence_penalty;    ///< -2 to 2
  std::optional<double> repetition_penalty;  ///< above 0, up to 2
  std::optional<int> max_tokens;             ///< 1 or more; `dialect` says under which name
  std::vector<std::string> stop;             ///< at most 4
  std::optional<std::int64_t> seed;
  std::map<std::string, double> logit_bias;  ///< by the token's number; -100 to 100
  std::optional<bool> logprobs;
  std::optional<int> top_logprobs;  ///< 0 to 20; needs logprobs

  // JSON text, checked by encode() and sent byte for byte.
  std::string tools;        ///< array: encode_tools() (tool_definition.hpp)
  std::string tool_choice;  ///< string or object: tool_choice(), tool_choice_function()
  std::optional<bool> parallel_tool_calls;
  std::string stop_server_tools_when;  ///< JSON text: array of at least one condition
  std::string response_format;         ///< JSON text: object, see response_format.hpp
  std::optional<bool> structured_outputs;

  reasoning_options reasoning;
  std::string reasoning_effort;  ///< for servers without `reasoning`; not another than its effort
  std::string verbosity;
  std::vector<std::string> modalities;  ///< text, image, audio
  audio_output audio;
  std::string image_config;  ///< JSON text: object
  std::string prediction;    ///< text that much of the answer will be the same as

  provider_preferences provider;
  std::string plugins;             ///< JSON text: array
  std::string web_search_options;  ///< JSON text: object; "{}" is sent too
  std::string service_tier;
  std::string user;                             ///< a stable pseudonym of the end user
  std::string session_id;                       ///< at most 256 characters; sticky routing
  std::map<std::string, std::string> metadata;  ///< 16 at most; of 64 and 512 characters
  trace_labels trace;
  std::optional<openrouter::cache_control> cache_control;
  std::string prompt_cache_key;
  std::optional<openrouter::prompt_cache_options> prompt_cache_options;
  /// Streams begin with what OpenRouter sent to the provider; for developers.
  std::optional<bool> debug_echo_upstream_body;

  /// An object whose members are added to the body, for all that has no field here. A name that is
  /// sent already is refused.
  std::string extra;

  bool stream = true;
};

/// Under which name the limit of the answer goes out: servers know one or the other.
enum class max_tokens_name { max_tokens, max_completion_tokens, both };

/// In what one OpenAI-compatible server differs from another.
struct dialect {
  max_tokens_name limit_name = max_tokens_name::max_tokens;
  /// Sends stream_options.include_usage with streams: OpenRouter needs it no more, others do.
  bool include_usage = true;
  /// Takes `<think>...</think>` at the very beginning of an answer for reasoning, not for text.
  bool think_tags = true;
};

namespace detail {

inline void write_messages(request_encoder& out, const std::vector<chat_message>& what) {
  if (what.empty()) return out.refuse("messages", "must have at least one message");
  json::writer& writer = out.key("messages").begin_array();
  for (const chat_message& each : what) writer.raw(each.json());
  writer.end_array();
}

inline void write_sampling(request_encoder& out, const chat_request& request, const dialect& as) {
  constexpr int any = request_encoder::any;
  out.real("temperature", request.temperature, 0, 2, " from 0 to 2");
  out.real("top_p", request.top_p, 0, 1, " above 0, up to 1", true);
  out.integer("top_k", request.top_k, 0, any, ", 0 or more");
  out.real("min_p", request.min_p, 0, 1, " from 0 to 1");
  out.real("top_a", request.top_a, 0, 1, " from 0 to 1");
  out.real("frequency_penalty", request.frequency_penalty, -2, 2, " from -2 to 2");
  out.real("presence_penalty", request.presence_penalty, -2, 2, " from -2 to 2");
  out.real("repetition_penalty", request.repetition_penalty, 0, 2, " above 0, up to 2", true);
  if (as.limit_name != max_tokens_name::max_completion_tokens) {
    out.integer("max_tokens", request.max_tokens, 1, any, ", 1 or more");
  }
  if (as.limit_name != max_tokens_name::max_tokens) {
    out.integer("max_completion_tokens", request.max_tokens, 1, any, ", 1 or more");
  }
  if (request.stop.size() > 4) out.refuse("stop", "must have at most 4 texts");
  out.texts("stop", request.stop);
  out.plain("seed", request.seed);
  out.object("logit_bias", [&request](request_encoder& in) {
    for (const auto& each : request.logit_bias) {
      in.real(each.first, each.second, -100, 100, " from -100 to 100");
    }
  });
  out.plain("logprobs", request.logprobs);
  out.integer("top_logprobs", request.top_logprobs, 0, 20, " from 0 to 20");
  if (request.top_logprobs && !request.logprobs.value_or(false)) {
    out.refuse("top_logprobs", "needs `logprobs`");
  }
}

inline void write_reasoning(request_encoder& out, const chat_request& request) {
  const reasoning_options& reasoning = request.reasoning;
  out.object("reasoning", [&reasoning](request_encoder& in) { write(in, reasoning); });
  if (reasoning.max_tokens && request.max_tokens && *reasoning.max_tokens >= *request.max_tokens) {
    out.refuse("reasoning.max_tokens", "must be less than `max_tokens`");
  }
  if (!request.reasoning_effort.empty() && !reasoning.effort.empty() &&
      request.reasoning_effort != reasoning.effort) {
    out.refuse("reasoning_effort", "must be the same as `reasoning.effort`");
  }
  out.text("reasoning_effort", request.reasoning_effort);
}

inline void write_metadata(request_encoder& out, const chat_request& request) {
  if (request.metadata.size() > 16) out.refuse("metadata", "must have at most 16 pairs");
  for (const auto& each : request.metadata) {
    if (count_characters(each.first) > 64) {
      out.refuse("metadata", "must have names of at most 64 characters");
    }
  }
  out.object("metadata", [&request](request_encoder& in) {
    for (const auto& each : request.metadata) {
      if (count_characters(each.second) > 512) {
        in.refuse(each.first, "must have at most 512 characters");
      }
      in.key(each.first).value(each.second);
    }
  });
}

}  // namespace detail

/// The JSON body, or errc::bad_message with words that name the wrong field. Integers are written
/// without a point, doubles in their shortest form; NaN and infinity are refused.
inline result<std::string> encode(const chat_request& request, const dialect& as = {}) {
  using detail::request_encoder;
  std::size_t size = 512 + request.extra.size() + request.tools.size();
  for (const chat_message& each : request.messages) size += each.bytes() + 1;
  std::string body;
  body.reserve(size);
  request_encoder out(body);
  const auto part = [&out](const char* name, const auto& what) {
    out.object(name, [&what](request_encoder& in) { detail::write(in, what); });
  };
  out.text("model", request.model);
  out.texts("models", request.fallback_models);
  out.text("preset", request.preset);
  detail::write_messages(out, request.messages);
  detail::write_sampling(out, request, as);
  out.raw("tools", request.tools, json::kind::array);
  out.raw("tool_choice", request.tool_choice, json::kind::object, json::kind::string);
  out.plain("parallel_tool_calls", request.parallel_tool_calls);
  out.raw("stop_server_tools_when", request.stop_server_tools_when, json::kind::array,
          json::kind::absent, 1);
  out.raw("response_format", request.response_format, json::kind::object);
  out.plain("structured_outputs", request.structured_outputs);
  detail::write_reasoning(out, request);
  out.text("verbosity", request.verbosity);
  out.texts("modalities", request.modalities);
  if (!request.stream && !(request.audio.voice.empty() && request.audio.format.empty())) {
    out.refuse("audio", "needs `stream`");
  }
  part("audio", request.audio);
  out.raw("image_config", request.image_config, json::kind::object);
  out.object("prediction", [&request](request_encoder& in) {
    if (!request.prediction.empty()) in.key("type").value("content");
    in.text("content", request.prediction);
  });
  part("provider", request.provider);
  out.raw("plugins", request.plugins, json::kind::array);
  out.raw("web_search_options", request.web_search_options, json::kind::object);
  out.text("service_tier", request.service_tier);
  out.text("user", request.user);
  out.text("session_id", request.session_id, 256);
  detail::write_metadata(out, request);
  part("trace", request.trace);
  if (request.cache_control) part("cache_control", *request.cache_control);
  out.text("prompt_cache_key", request.prompt_cache_key);
  if (request.prompt_cache_options) part("prompt_cache_options", *request.prompt_cache_options);
  if (request.debug_echo_upstream_body && !request.stream) {
    out.refuse("debug", "needs `stream`");
  }
  out.object("debug", [&request](request_encoder& in) {
    in.plain("echo_upstream_body", request.debug_echo_upstream_body);
  });
  out.members_of("extra", request.extra);
  out.key("stream").value(request.stream);
  if (request.stream && as.include_usage) {
    out.key("stream_options").begin_object().member("include_usage", true).end_object();
  }
  out.finish();
  if (out.refusal()) return *out.refusal();
  return body;
}

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/policy/logger.hpp

// Requirement Logger: takes lines for the operator. Shipped models: adapters::stderr_logger, null_logger.
//
// | expression          | result | promise of the policy                                            |
// |---------------------|--------|------------------------------------------------------------------|
// | l.enabled(level)    | bool   | cheap; records of a level that is off are not even made          |
// | l.write(record)     | void   | does not throw; escapes control characters, one line per record  |
//
// Promise of the library: records hold no keys and no tokens; text of clients and models only at level debug.

namespace agent_websocket {

enum class log_level { debug, info, warning, error, off };

constexpr std::string_view to_string(log_level level) noexcept {
  switch (level) {
    case log_level::debug: return "debug";
    case log_level::info: return "info";
    case log_level::warning: return "warning";
    case log_level::error: return "error";
    case log_level::off: return "off";
  }
  return "off";
}

/// One line. The views are valid during write() only.
struct log_record {
  log_level level = log_level::info;
  std::string_view event;    ///< a fixed word: "session_opened", "completion_failed"
  std::string_view session;  ///< session id, or empty
  std::string_view text;     ///< one sentence or key=value pairs
};

/// Drops everything.
struct null_logger {
  bool enabled(log_level) const noexcept { return false; }
  void write(const log_record&) const noexcept {}
};

namespace detail {
template <typename L>
using log_enabled_expression =
    std::enable_if_t<std::is_convertible_v<decltype(std::declval<L&>().enabled(log_level::info)), bool>>;
template <typename L>
using log_write_expression = decltype(std::declval<L&>().write(std::declval<const log_record&>()));
}  // namespace detail

template <typename L>
inline constexpr bool has_log_enabled_v = is_detected_v<detail::log_enabled_expression, L>;
template <typename L>
inline constexpr bool has_log_write_v = is_detected_v<detail::log_write_expression, L>;

/// True when L meets the requirement Logger.
template <typename L>
inline constexpr bool is_logger_v = has_log_enabled_v<L> && has_log_write_v<L>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename L>
concept logger_policy = is_logger_v<L>;
#endif

/// Instantiated by everything that takes a Logger, so that the first error line names the missing member.
template <typename L>
constexpr bool require_logger() {
  static_assert(has_log_enabled_v<L>, "Logger needs: bool enabled(log_level)");
  static_assert(has_log_write_v<L>, "Logger needs: void write(const log_record&)");
  return true;
}

}  // namespace agent_websocket

// --- agent_websocket/server/access_options.hpp

// What an operator can set about who is let in, and how much of the server one client may take:
// authentication, origins, limits, TLS and the HTTP API. A part of options.hpp; a plain value.

namespace agent_websocket {

struct access_options {
  using milliseconds = std::chrono::milliseconds;

  // Authentication.
  /// For a client that showed no token in its handshake to send one as its first message; 0: the
  /// handshake must have it.
  milliseconds auth_timeout{10'000};
  /// After its token has expired, for a client to show a new one before its socket is closed.
  milliseconds auth_grace{30'000};
};

}  // namespace agent_websocket

// --- agent_websocket/json/exact.hpp

// Comparing JSON values by what they mean: 1, 1.0 and 10e-1 are one number, the order of members is
// nothing, of a repeated name the last one counts. Numbers of any length, never by way of a double.

namespace agent_websocket {
namespace json {

/// A number as 0.digits x 10^order: the first and the last digit are not 0, zero has no digits.
struct exact_number {
  bool negative = false;
  std::string digits;
  std::int64_t order = 0;

  bool is_integer() const noexcept { return static_cast<std::int64_t>(digits.size()) <= order; }
};

/// Precondition: a JSON number. An exponent outside of 32 bits counts as the largest or least one.
inline exact_number parse_exact(std::string_view text) {
  exact_number made;
  const std::size_t e = text.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view exponent = text.substr(e + 1);
    if (!exponent.empty() && exponent[0] == '+') exponent.remove_prefix(1);
    std::int32_t number = 0;
    const auto done = std::from_chars(exponent.data(), exponent.data() + exponent.size(), number);
    if (done.ec == std::errc::result_out_of_range) {
      number = exponent[0] == '-' ? std::numeric_limits<std::int32_t>::min()
                                  : std::numeric_limits<std::int32_t>::max();
    }
    made.order = number;
    text = text.substr(0, e);
  }
  if (!text.empty() && text[0] == '-') {
    made.negative = true;
    text.remove_prefix(1);
  }
  const std::size_t point = std::min(text.find('.'), text.size());
  made.order += static_cast<std::int64_t>(point);
  made.digits.assign(text.substr(0, point));
  if (point < text.size()) made.digits.append(text.substr(point + 1));
  const std::size_t zeros = std::min(made.digits.find_first_not_of('0'), made.digits.size());
  made.digits.erase(0, zeros);
  made.order -= static_cast<std::int64_t>(zeros);
  made.digits.erase(made.digits.find_last_not_of('0') + 1);
  if (made.digits.empty()) made = {};
  return made;
}

/// Below 0, 0 or above 0, as `left` is less than, equal to or more than `right`.
inline int compare(const exact_number& left, const exact_number& right) noexcept {
  const auto sign = [](const exact_number& of) {
    return of.digits.empty() ? 0 : of.negative ? -1 : 1;
  };
  if (sign(left) != sign(right)) return sign(left) < sign(right) ? -1 : 1;
  int size = left.digits.compare(right.digits);
  if (left.order != right.order && !left.digits.empty()) size = left.order < right.order ? -1 : 1;
  return left.negative ? -size : size;
}

/// The most digits that a divisor may have.
inline constexpr std::size_t max_divisor_digits = 18;

/// Whether `number` is a whole multiple of `divisor`. Precondition: the divisor is not 0 and has at
/// most max_divisor_digits.
inline bool is_multiple(const exact_number& number, const exact_number& divisor) noexcept {
  if (number.digits.empty()) return true;
  const auto exponent = [](const exact_number& of) {
    return of.order - static_cast<std::int64_t>(of.digits.size());
  };
  // The digits end with one that is not 0, so no power of ten divides them.
  std::int64_t zeros = exponent(number) - exponent(divisor);
  if (zeros < 0) return false;
  // Each zero takes a 2 and a 5 out of the divisor; after 64 none can be left in it.
  zeros = std::min<std::int64_t>(zeros, 64);
  std::uint64_t by = 0, rest = 0;
  for (const char c : divisor.digits) by = by * 10 + static_cast<std::uint64_t>(c - '0');
  for (const char c : number.digits) rest = (rest * 10 + static_cast<std::uint64_t>(c - '0')) % by;
  for (; zeros > 0; --zeros) rest = rest * 10 % by;
  return rest == 0;
}

/// Appends a text that two values have in common exactly when they are equal.
inline void append_canonical(std::string& out, const value& what) {
  switch (what.kind()) {
    case kind::absent:
    case kind::null: out += "null"; return;
    case kind::boolean: out += *what.boolean() ? "true" : "false"; return;
    case kind::number: {
      const exact_number number = parse_exact(*what.number_text());
      if (number.negative) out += '-';
      out += number.digits;
      out += 'e';
      out += std::to_string(number.order);
      return;
    }
    case kind::string:
      out += '"';
      append_escaped(out, *what.string());
      out += '"';
      return;
    case kind::array:
      out += '[';
      what.for_each_element([&out](const value& element) {
        append_canonical(out, element);
        out += ',';
      });
      out += ']';
      return;
    case kind::object: {
      std::map<std::string_view, value> members;
      what.for_each_member([&](std::string_view name, const value& member) {
        members.insert_or_assign(name, member);
      });
      out += '{';
      for (const auto& [name, member] : members) {
        out += '"';
        append_escaped(out, name);
        out += "\":";
        append_canonical(out, member);
        out += ',';
      }
      out += '}';
      return;
    }
  }
}

/// append_canonical, alone.
inline std::string to_canonical(const value& what) {
  std::string text;
  append_canonical(text, what);
  return text;
}

}  // namespace json
}  // namespace agent_websocket

// --- agent_websocket/json/schema_rules.hpp

// A compiled schema: what schema_compiler makes and schema_matcher reads. Nothing in it refers to
// the text that it was made of.

namespace agent_websocket {
namespace json {

/// One schema, its subschemas as indices into the vector that they all stand in.
struct schema_rules {
  using index = std::size_t;

  /// Values that are allowed: canonical texts, sorted, and how to name them.
  struct choice {
    std::vector<std::string> canonical;
    std::string words;
  };

  std::optional<bool> always;  ///< `true` or `false` in place of an object
  unsigned types = 0;          ///< bits by schema_type_names; 0: any
  bool nullable = false;
  bool unique_items = false;
  std::optional<choice> enumerated, constant;
  std::optional<exact_number> minimum, maximum, above, below, multiple_of;
  std::optional<std::uint64_t> min_length, max_length, min_items, max_items;
  std::optional<std::uint64_t> min_properties, max_properties;
  std::map<std::string, index, std::less<>> properties;
  std::vector<std::string> required;
  std::vector<index> all_of, any_of, one_of, prefix_items;
  std::optional<index> additional_properties, items, ruled_out, ref;
};

/// Bit i of schema_rules::types.
inline constexpr std::string_view schema_type_names[] = {"string", "integer", "number", "boolean",
                                                         "array",  "object",  "null"};

}  // namespace json
}  // namespace agent_websocket

// --- agent_websocket/json/schema_words.hpp

// The words of a schema's sentences: places, types, numbers and what was found, each of bounded
// length. Pure.

namespace agent_websocket {
namespace json {

/// One step into a value: to a member, or to an element of an array.
struct schema_step {
  std::string_view name;
  std::size_t position = 0;
  bool is_name = false;
};

namespace schema_words {

/// Cut where it is long.
inline std::string excerpt(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  return std::string(cut_utf8(text, max_bytes)) + "...";
}

/// "`options.size`", "`list[2]`", "`[\"a b\"].c`"; "the arguments" for no step at all.
inline std::string place(const std::vector<schema_step>& path) {
  constexpr std::size_t most = 300, most_of_name = 60;
  const auto is_plain = [](std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-' || c == '$';
    });
  };
  if (path.empty()) return "the arguments";
  std::string made;
  for (const schema_step& each : path) {
    if (made.size() > most) {
      made += "...";
      break;
    }
    if (!each.is_name) {
      made += '[' + std::to_string(each.position) + ']';
    } else if (is_plain(each.name)) {
      made += (made.empty() ? "" : ".") + excerpt(each.name, most_of_name);
    } else {
      made += "[\"";
      append_escaped(made, excerpt(each.name, most_of_name));
      made += "\"]";
    }
  }
  return '`' + made + '`';
}

/// A value as it was found: its text, of arrays and objects only the kind.
inline std::string shown(const value& what) {
  constexpr std::size_t most = 60;
  if (!what.is_string()) {
    const bool is_short = what.is_number() || what.is_boolean();
    return is_short ? excerpt(to_text(what), most) : describe(what.kind());
  }
  std::string made = "\"";
  append_escaped(made, excerpt(*what.string(), most));
  return made + '"';
}

/// "1 item", "2 items".
inline std::string counted(std::uint64_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

/// "a string, an integer or null". `types`: as in schema_rules.
inline std::string types(unsigned types) {
  std::string made;
  for (std::size_t i = 0; i < std::size(schema_type_names); ++i) {
    if ((types >> i & 1u) == 0) continue;
    const std::string_view name = schema_type_names[i];
    if (!made.empty()) made += (types >> i) == 1u ? " or " : ", ";
    if (name != "null") made += std::string_view("aeio").find(name[0]) < 4 ? "an " : "a ";
    made += name;
  }
  return made;
}

/// Without exponent unless it would be long.
inline std::string number(const exact_number& of) {
  const auto size = static_cast<std::int64_t>(of.digits.size());
  const std::string sign = of.negative ? "-" : "";
  if (size == 0) return "0";
  if (of.order > 21 || of.order < -6 || size > 40)
    return sign + "0." + excerpt(of.digits, 40) + 'e' + std::to_string(of.order);
  if (of.order <= 0)
    return sign + "0." + std::string(static_cast<std::size_t>(-of.order), '0') + of.digits;
  if (of.order >= size)
    return sign + of.digits + std::string(static_cast<std::size_t>(of.order - size), '0');
  const auto whole = static_cast<std::size_t>(of.order);
  return sign + of.digits.substr(0, whole) + '.' + of.digits.substr(whole);
}

}  // namespace schema_words
}  // namespace json
}  // namespace agent_websocket

// --- agent_websocket/json/schema_compiler.hpp

// JSON Schema (2020-12, the subset that schema.hpp states) -> rules that a value can be held
// against. Refuses a keyword whose value cannot be meant, and a $ref that leads nowhere or only to
// itself; what it does not know is an annotation.

namespace agent_websocket {
namespace json {

class schema_compiler {
 public:
  /// Subschemas that apply to one and the same value, inside each other.
  static constexpr std::size_t max_nesting = 32;

  /// The rules of the schema, the top one first. errc::bad_message says where it is wrong.
  static result<std::vector<schema_rules>> compile(value top) {
    schema_compiler self;
    self.add(top, "");
    self.resolve();
    self.heights_.assign(self.rules_.size(), unknown);
    for (std::size_t i = 0; i < self.rules_.size() && !self.failure_; ++i) self.height(i, 0);
    if (self.failure_) return *self.failure_;
    return std::move(self.rules_);
  }

 private:
  using index = schema_rules::index;

  struct reference {
    index from;
    std::string target, place;
  };

  template <typename Member>
  struct keyword {
    std::string_view name;
    Member schema_rules::*member;
  };

  static constexpr std::size_t unknown = static_cast<std::size_t>(-1);
  static constexpr std::size_t under_way = unknown - 1;

  /// Only the first refusal counts; what follows it may be a consequence.
  void refuse(const std::string& place, const std::string& words) {
    if (failure_) return;
    const std::string where =
        place.empty() ? "The schema "
                      : "The schema is wrong: `" + schema_words::excerpt(place, 200) + "` ";
    failure_ = error(errc::bad_message, where + words);
  }
  bool require(bool good, const std::string& place, const char* what, value found) {
    if (!good)
      refuse(place, std::string("must be ") + what + ", not " + schema_words::shown(found));
    return good;
  }
  static std::string below(const std::string& place, std::string_view name) {
    std::string made = place + '/';
    for (const char c : name) {
      if (c == '~') {
        made += "~0";
      } else if (c == '/') {
        made += "~1";
      } else {
        made += c;
      }
    }
    return made;
  }

  // ---- schemas

  index add(value what, const std::string& place) {
    const index at = rules_.size();
    rules_.emplace_back();
    places_.push_back(place);
    by_place_.insert_or_assign(place, at);
    schema_rules made;
    if (what.is_boolean()) {
      made.always = what.boolean();
    } else if (require(what.is_object(), place, "an object, true or false", what)) {
      what.for_each_member([&](std::string_view name, value member) {
        add_keyword(made, at, what, name, member, below(place, name));
      });
    }
    rules_[at] = std::move(made);
    return at;
  }

  std::vector<index> add_list(value what, const std::string& place) {
    std::vector<index> made;
    if (!require(what.is_array() && what.size() > 0, place, "a list of schemas", what)) return made;
    what.for_each_element(
        [&](value each) { made.push_back(add(each, below(place, std::to_string(made.size())))); });
    return made;
  }

  std::map<std::string, index, std::less<>> add_named(value what, const std::string& place) {
    std::map<std::string, index, std::less<>> made;
    require(what.is_object(), place, "an object of schemas", what);
    what.for_each_member([&](std::string_view name, value each) {
      made.insert_or_assign(std::string(name), add(each, below(place, name)));
    });
    return made;
  }

  // ---- keywords

  void add_keyword(schema_rules& to, index at, value schema, std::string_view name, value what,
                   const std::string& place) {
    using optional_index = std::optional<index>;
    using optional_count = std::optional<std::uint64_t>;
    using optional_number = std::optional<exact_number>;
    static constexpr keyword<optional_count> counts[] = {
        {"minLength", &schema_rules::min_length},
        {"maxLength", &schema_rules::max_length},
        {"minItems", &schema_rules::min_items},
        {"maxItems", &schema_rules::max_items},
        {"minProperties", &schema_rules::min_properties},
        {"maxProperties", &schema_rules::max_properties}};
    static constexpr keyword<std::vector<index>> lists[] = {
        {"allOf", &schema_rules::all_of},
        {"anyOf", &schema_rules::any_of},
        {"oneOf", &schema_rules::one_of},
        {"prefixItems", &schema_rules::prefix_items}};
    static constexpr keyword<optional_index> schemas[] = {
        {"additionalProperties", &schema_rules::additional_properties},
        {"not", &schema_rules::ruled_out}};
    static constexpr keyword<bool> flags[] = {{"nullable", &schema_rules::nullable},
                                              {"uniqueItems", &schema_rules::unique_items}};
    static constexpr keyword<optional_number> numbers[] = {
        {"minimum", &schema_rules::minimum},
        {"maximum", &schema_rules::maximum},
        {"exclusiveMinimum", &schema_rules::above},
        {"exclusiveMaximum", &schema_rules::below}};
    for (const auto& each : counts) {
      if (each.name == name) to.*each.member = count(what, place);
    }
    for (const auto& each : lists) {
      if (each.name == name) to.*each.member = add_list(what, place);
    }
    for (const auto& each : schemas) {
      if (each.name == name) to.*each.member = add(what, place);
    }
    for (const auto& each : flags) {
      if (each.name == name && require(what.is_boolean(), place, "true or false", what))
        to.*each.member = *what.boolean();
    }
    for (const auto& each : numbers) {
      if (each.name == name) to.*each.member = bound(schema, name, what, place);
    }
    add_other(to, at, schema, name, what, place);
  }

  void add_other(schema_rules& to, index at, value schema, std::string_view name, value what,
                 const std::string& place) {
    if (name == "type") {
      to.types = types(what, place);
    } else if (name == "enum") {
      if (require(what.is_array() && what.size() > 0, place, "a list of values", what))
        to.enumerated = choice(what);
    } else if (name == "const") {
      to.constant = {{to_canonical(what)}, schema_words::excerpt(to_text(what), 100)};
    } else if (name == "properties") {
      to.properties = add_named(what, place);
    } else if (name == "$defs" || name == "definitions") {
      add_named(what, place);
    } else if (name == "required") {
      to.required.clear();
      require(what.is_array(), place, "a list of names", what);
      what.for_each_element([&](value each) {
        if (require(each.is_string(), place, "a list of names", each))
          to.required.emplace_back(*each.string());
      });
    } else if (name == "multipleOf") {
      to.multiple_of = number(what, place);
      const exact_number& by = *to.multiple_of;
      require(!by.digits.empty() && !by.negative && by.digits.size() <= max_divisor_digits, place,
              "a number above 0 of at most 18 digits", what);
    } else if (name == "items" && what.is_array()) {  // before 2020-12
      to.prefix_items = add_list(what, place);
    } else if (name == "items" || (name == "additionalItems" && schema["items"].is_array())) {
      to.items = add(what, place);
    } else if (name == "$ref" && require(what.is_string(), place, "a string", what)) {
      references_.push_back({at, std::string(*what.string()), place});
    }
  }

  unsigned types(value what, const std::string& place) {
    if (what.is_array()) {
      unsigned all = 0;
      what.for_each_element([&](value each) {
        if (require(each.is_string(), place, "a list of names of types", each))
          all |= types(each, place);
      });
      require(what.size() > 0, place, "the name of a type or a list of them", what);
      return all;
    }
    for (std::size_t i = 0; i < std::size(schema_type_names); ++i) {
      if (what.string() == schema_type_names[i]) return 1u << i;
    }
    require(false, place,
            "null, boolean, object, array, number, string, integer or a list of these", what);
    return 0;
  }

  static schema_rules::choice choice(value list) {
    constexpr std::size_t most = 20, most_bytes = 300;
    schema_rules::choice made;
    list.for_each_element([&](value each) {
      if (made.canonical.size() < most && made.words.size() < most_bytes) {
        if (!made.words.empty()) made.words += ", ";
        made.words += schema_words::excerpt(to_text(each), 60);
      } else if (made.words.back() != '.') {
        made.words += ", ...";
      }
      made.canonical.push_back(to_canonical(each));
    });
    std::sort(made.canonical.begin(), made.canonical.end());
    return made;
  }

  std::uint64_t count(value what, const std::string& place) {
    const auto number = what.integer();
    require(number && *number >= 0, place, "an integer of at least 0", what);
    return static_cast<std::uint64_t>(std::max<std::int64_t>(number.value_or(0), 0));
  }

  exact_number number(value what, const std::string& place) {
    return require(what.is_number(), place, "a number", what) ? parse_exact(*what.number_text())
                                                              : exact_number();
  }

  /// OpenAPI 3.0 says `true` for "the minimum itself is excluded".
  std::optional<exact_number> bound(value schema, std::string_view name, value what,
                                    const std::string& place) {
    if (!what.is_boolean() || name.substr(0, 9) != "exclusive") return number(what, place);
    const value limit = schema[name == "exclusiveMinimum" ? "minimum" : "maximum"];
    if (!*what.boolean() || !limit.is_number()) return std::nullopt;
    return parse_exact(*limit.number_text());
  }

  // ---- references

  void resolve() {
    for (const reference& each : references_) {
      const auto target = target_of(each.target);
      const auto found = target ? by_place_.find(*target) : by_place_.end();
      if (found != by_place_.end()) {
        rules_[each.from].ref = found->second;
      } else if (each.target.empty() || each.target[0] != '#') {
        refuse(each.place, "leads out of the schema: only `#`, `#/$defs/...` and the like work");
      } else {
        refuse(each.place, "leads to nothing: " + schema_words::excerpt(each.target, 100));
      }
    }
  }

  /// The JSON pointer (RFC 6901) of a URI fragment.
  static std::optional<std::string> target_of(std::string_view uri) {
    if (uri.empty() || uri[0] != '#') return std::nullopt;
    std::string made;
    for (std::size_t i = 1; i < uri.size(); ++i) {
      unsigned byte = 0;
      if (uri[i] == '%' && i + 2 < uri.size()) {
        const auto done = std::from_chars(uri.data() + i + 1, uri.data() + i + 3, byte, 16);
        if (done.ptr != uri.data() + i + 3) return std::nullopt;
        made += static_cast<char>(byte);
        i += 2;
      } else {
        made += uri[i];
      }
    }
    return made;
  }

  /// How many schemas are applied inside each other without going into the value. Bounds the
  /// recursion here and when a value is checked.
  std::size_t height(index at, std::size_t above) {
    if (failure_) return 0;
    if (heights_[at] == under_way) refuse(places_[at], "leads only back to itself");
    const std::size_t known = heights_[at] < under_way ? heights_[at] : 0;
    if (above + known > max_nesting) refuse(places_[at], "refers too deep");
    if (failure_ || known > 0) return known;
    heights_[at] = under_way;
    std::size_t most = 0;
    const schema_rules& of = rules_[at];
    for (const auto* list : {&of.all_of, &of.any_of, &of.one_of}) {
      for (const index each : *list) most = std::max(most, height(each, above + 1));
    }
    for (const auto* one : {&of.ref, &of.ruled_out}) {
      if (*one) most = std::max(most, height(**one, above + 1));
    }
    return heights_[at] = most + 1;
  }

  std::vector<schema_rules> rules_;
  std::vector<std::string> places_;  // by index
  std::map<std::string, index, std::less<>> by_place_;
  std::vector<reference> references_;
  std::vector<std::size_t> heights_;
  std::optional<error> failure_;
};

}  // namespace json
}  // namespace agent_websocket

// --- agent_websocket/json/schema_matcher.hpp

// Holds one value against the rules of a schema and says in one sentence what does not fit: where,
// what was found, what would be right. Written for a model that is to do it better. The work is
// bounded, because schemas come from clients and values from models.

namespace agent_websocket {
namespace json {

class schema_matcher {
 public:
  /// Steps: about one for each pair of a schema and a value that it applies to.
  static constexpr std::size_t max_work = 1'000'000;
  /// Schemas and values inside each other.
  static constexpr std::size_t max_depth = 512;

  explicit schema_matcher(const std::vector<schema_rules>& rules) : rules_(rules) {}

  std::optional<std::string> violation(value what) {
    verdict found = check(0, what);
    if (exhausted_) return "the arguments are too complex to be checked";
    if (!found) return std::nullopt;
    return std::move(found->words);
  }

 private:
  struct failure {
    std::string words;
    std::size_t depth;  // of the place that it is about
  };
  using verdict = std::optional<failure>;
  using index = schema_rules::index;

  // ---- words

  failure fail(const std::string& words) const {
    return {schema_words::place(path_) + ' ' + words, path_.size()};
  }

  // ---- work

  bool spend(std::size_t steps) {
    work_ += std::min(steps, max_work);
    if (work_ > max_work) exhausted_ = true;
    return !exhausted_;
  }

  std::string canonical(value what) {
    std::string made = to_canonical(what);
    spend(made.size() / 32);
    return made;
  }

  // ---- rules

  verdict check(index at, value what) {
    if (depth_ >= max_depth) exhausted_ = true;
    if (!spend(1)) return fail("cannot be checked");
    const schema_rules& rules = rules_[at];
    if (rules.always) return *rules.always ? verdict() : fail("must not be given");
    if (rules.nullable && what.is_null()) return {};
    ++depth_;
    verdict found = check_all(rules, what);
    --depth_;
    return found;
  }

  verdict check_all(const schema_rules& rules, value what) {
    verdict found;
    if (rules.types != 0 && (found = check_type(rules.types, what))) return found;
    if (rules.enumerated && (found = check_choice(*rules.enumerated, what))) return found;
    if (rules.constant && (found = check_choice(*rules.constant, what))) return found;
    if (what.is_number() && (found = check_number(rules, what))) return found;
    if (what.is_string() && (found = check_string(rules, what))) return found;
    if (what.is_array() && (found = check_array(rules, what))) return found;
    if (what.is_object() && (found = check_object(rules, what))) return found;
    if (rules.ref && (found = check(*rules.ref, what))) return found;
    for (const index each : rules.all_of) {
      if ((found = check(each, what))) return found;
    }
    if (!rules.any_of.empty() && (found = check_some(rules.any_of, what, false))) return found;
    if (!rules.one_of.empty() && (found = check_some(rules.one_of, what, true))) return found;
    if (rules.ruled_out && !check(*rules.ruled_out, what))
      return fail("must not be " + (what.is_array() || what.is_object() ? "such " : std::string()) +
                  schema_words::shown(what));
    return {};
  }

  verdict check_type(unsigned types, value what) {
    const auto has = [types](std::string_view name) {
      for (std::size_t i = 0; i < std::size(schema_type_names); ++i) {
        if (schema_type_names[i] == name) return (types >> i & 1u) != 0;
      }
      return false;
    };
    bool good = false, is_fraction = false;
    switch (what.kind()) {
      case kind::absent:
      case kind::null: good = has("null"); break;
      case kind::boolean: good = has("boolean"); break;
      case kind::string: good = has("string"); break;
      case kind::array: good = has("array"); break;
      case kind::object: good = has("object"); break;
      case kind::number:
        is_fraction = has("integer");
        good = has("number") || (is_fraction && parse_exact(*what.number_text()).is_integer());
        break;
    }
    if (good) return {};
    return fail("must be " + schema_words::types(types) + ", not " +
                (is_fraction ? schema_words::shown(what) : std::string(describe(what.kind()))));
  }

  verdict check_choice(const schema_rules::choice& allowed, value what) {
    const std::string found = canonical(what);
    if (std::binary_search(allowed.canonical.begin(), allowed.canonical.end(), found)) return {};
    return fail((allowed.canonical.size() == 1 ? "must be " : "must be one of ") + allowed.words +
                ", not " + schema_words::shown(what));
  }

  verdict check_number(const schema_rules& rules, value what) {
    if (!rules.minimum && !rules.maximum && !rules.above && !rules.below && !rules.multiple_of)
      return {};
    const exact_number number = parse_exact(*what.number_text());
    spend(number.digits.size() / 32);
    const auto wrong = [&](const char* words, const exact_number& limit) {
      return fail(std::string("must be ") + words + ' ' + schema_words::number(limit) + ", not " +
                  schema_words::shown(what));
    };
    if (rules.minimum && compare(number, *rules.minimum) < 0)
      return wrong("at least", *rules.minimum);
    if (rules.maximum && compare(number, *rules.maximum) > 0)
      return wrong("at most", *rules.maximum);
    if (rules.above && compare(number, *rules.above) <= 0) return wrong("more than", *rules.above);
    if (rules.below && compare(number, *rules.below) >= 0) return wrong("less than", *rules.below);
    if (rules.multiple_of && !is_multiple(number, *rules.multiple_of))
      return wrong("a multiple of", *rules.multiple_of);
    return {};
  }

  verdict check_count(std::optional<std::uint64_t> least, std::optional<std::uint64_t> most,
                      std::uint64_t count, std::string_view noun) {
    if (least && count < *least)
      return fail("must have at least " + schema_words::counted(*least, noun) + ", not " +
                  std::to_string(count));
    if (most && count > *most)
      return fail("must have at most " + schema_words::counted(*most, noun) + ", not " +
                  std::to_string(count));
    return {};
  }

  verdict check_string(const schema_rules& rules, value what) {
    if (!rules.min_length && !rules.max_length) return {};
    const std::string_view text = *what.string();
    spend(text.size() / 64);
    const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    });
    return check_count(rules.min_length, rules.max_length, static_cast<std::uint64_t>(characters),
                       "character");
  }

  verdict check_array(const schema_rules& rules, value what) {
    verdict found = check_count(rules.min_items, rules.max_items, what.size(), "item");
    if (found || (!rules.items && rules.prefix_items.empty() && !rules.unique_items)) return found;
    std::vector<std::pair<std::string, std::size_t>> seen;
    std::size_t position = 0;
    what.for_each_element([&](value each) {
      if (!found) {
        path_.push_back({{}, position, false});
        if (position < rules.prefix_items.size()) {
          found = check(rules.prefix_items[position], each);
        } else if (rules.items) {
          found = check(*rules.items, each);
        }
        path_.pop_back();
        if (rules.unique_items && !found) seen.emplace_back(canonical(each), position);
      }
      ++position;
    });
    if (found || seen.empty()) return found;
    std::sort(seen.begin(), seen.end());
    const auto twice = std::adjacent_find(
        seen.begin(), seen.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
    if (twice == seen.end()) return {};
    return fail("must not have an item twice: [" + std::to_string(std::next(twice)->second) +
                "] is equal to [" + std::to_string(twice->second) + "]");
  }

  verdict check_object(const schema_rules& rules, value what) {
    for (const std::string& name : rules.required) {
      if (!spend(what.size())) break;
      if (what[name].exists()) continue;
      path_.push_back({name, 0, true});
      verdict found = fail("is missing: it is required");
      path_.pop_back();
      return found;
    }
    verdict found = check_count(rules.min_properties, rules.max_properties, what.size(), "member");
    if (found || (rules.properties.empty() && !rules.additional_properties)) return found;
    what.for_each_member([&](std::string_view name, value member) {
      if (found) return;
      const auto known = rules.properties.find(name);
      path_.push_back({name, 0, true});
      if (known != rules.properties.end()) {
        found = check(known->second, member);
      } else if (rules.additional_properties) {
        found = check(*rules.additional_properties, member);
        const auto& additional = rules_[*rules.additional_properties].always;
        if (additional && !*additional) found = fail("is not known" + known_words(rules));
      }
      path_.pop_back();
    });
    return found;
  }

  static std::string known_words(const schema_rules& rules) {
    std::string made;
    for (const auto& each : rules.properties) {
      made += made.empty() ? "; known are " : ", ";
      if (made.size() > 300) return made + "...";
      made += '`' + schema_words::excerpt(each.first, 60) + '`';
    }
    return made;
  }

  /// Of alternatives that all fail, the one that got furthest is what was meant.
  verdict check_some(const std::vector<index>& alternatives, value what, bool only_one) {
    std::optional<std::size_t> fits;
    verdict nearest;
    for (std::size_t i = 0; i < alternatives.size(); ++i) {
      verdict found = check(alternatives[i], what);
      if (exhausted_) return found ? found : fail("cannot be checked");
      if (found) {
        if (!nearest || found->depth > nearest->depth) nearest = std::move(found);
      } else if (!only_one) {
        return {};
      } else if (fits) {
        return fail("must fit exactly one alternative, not both number " +
                    std::to_string(*fits + 1) + " and number " + std::to_string(i + 1));
      } else {
        fits = i;
      }
    }
    if (fits) return {};
    if (alternatives.size() == 1) return nearest;
    return failure{schema_words::place(path_) + " must fit one of " +
                       std::to_string(alternatives.size()) + " alternatives; for the nearest, " +
                       nearest->words,
                   nearest->depth};
  }

  const std::vector<schema_rules>& rules_;
  std::vector<schema_step> path_;
  std::size_t work_ = 0, depth_ = 0;
  bool exhausted_ = false;
};

}  // namespace json
}  // namespace agent_websocket

// --- agent_websocket/json/schema.hpp

// JSON Schema for the arguments of tools: the keywords of 2020-12 that models and tools use.
//   type (also a list; 1.0 is an integer), enum, const, allOf, anyOf, oneOf, not, $ref inside the
//   schema ("#", "#/$defs/...", "#/definitions/...", any place of a schema), boolean schemas,
//   properties, required, additionalProperties, minProperties, maxProperties,
//   items, prefixItems, minItems, maxItems, uniqueItems, minLength, maxLength (characters),
//   minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf (exact, without rounding).
// Older spellings: items as a list with additionalItems, exclusiveMinimum true beside minimum,
// nullable (null is then allowed, whatever else is said). All others (pattern, patternProperties,
// propertyNames, format, if, dependentRequired, ...) are annotations: the model sees them, nothing
// is checked. No regular expressions, nothing is fetched. Of a keyword that is repeated the last
// one counts; members of the arguments that share a name are checked each.

namespace agent_websocket {
namespace json {

/// A compiled schema. Cheap to copy; may be used from several threads at once.
class schema {
 public:
  /// errc::bad_json: no JSON. errc::bad_message: no schema, in words that name the place in it.
  static result<schema> compile(std::string_view json_text) {
    document text;
    if (const auto parsed = text.parse(json_text); !parsed) return parsed.error();
    auto rules = schema_compiler::compile(text.root());
    if (!rules) return rules.error();
    return schema(std::make_shared<const std::vector<schema_rules>>(std::move(*rules)));
  }

  /// Nothing when `arguments` fit, else one sentence that says what does not: "`city` must be a
  /// string, not a number". What takes too much work to check does not fit.
  std::optional<std::string> violation(const value& arguments) const {
    return schema_matcher(*rules_).violation(arguments);
  }

 private:
  explicit schema(std::shared_ptr<const std::vector<schema_rules>> rules)
      : rules_(std::move(rules)) {}

  std::shared_ptr<const std::vector<schema_rules>> rules_;  // never null
};

}  // namespace json
}  // namespace agent_websocket

// --- agent_websocket/session/tool.hpp

// A tool that the model may call: what the model is told of it, what the server sees to when it is
// called, and the set of tools of a server. Data only; who runs them stands in tool_runner.hpp.

namespace agent_websocket {

/// What the application says of a tool (OpenRouter docs, "Tool calling").
struct tool_definition {
  std::string name;           ///< 1 to 64 of A-Z a-z 0-9 _ -
  std::string description{};  ///< for the model: what it does, and when to use it
  /// JSON Schema of the arguments, which are an object; empty: there are none. The server checks
  /// them by it, see json/schema.hpp for the keywords.
  std::string parameters{};
  /// A person has to agree before the tool is run; see session_settings::approval_timeout.
  bool requires_approval = false;
  /// A person answers in place of the tool, which needs no handler.
  bool asks_person = false;
  std::string question{};            ///< what the person is asked; empty: "Run NAME?"
  bool approved_by_default = false;  ///< what happens when nobody decides in time
  /// Longest run; 0: session_settings::tool_timeout.
  std::chrono::milliseconds timeout{0};
  std::size_t max_result_bytes = 64 * 1024;  ///< of what the model is told; more is cut

  bool needs_person() const noexcept { return requires_approval || asks_person; }
};

/// What became of a call.
struct tool_result {
  std::string text;  ///< what the model is told; of a failure: the reason in words
  bool failed = false;

  static tool_result failure(std::string words) { return {std::move(words), true}; }
};

/// A tool that was checked, ready to be offered. `of_client`: the client runs it.
struct tool_spec {
  tool_definition definition;
  json::schema arguments;
  std::string described;  ///< as it goes into a request
  bool of_client = false;
};

using tool_ptr = std::shared_ptr<const tool_spec>;

/// Checks a definition. Errors: bad_message with words that name the tool and what is wrong.
inline result<tool_ptr> make_tool(tool_definition definition, bool of_client = false) {
  const auto refuse = [&definition](std::string words) {
    return error(errc::bad_message, "Tool `" + definition.name.substr(0, 64) + "`: " + words);
  };
  if (!openrouter::is_tool_name(definition.name)) {
    return error(errc::bad_message,
                 "The name of a tool must have 1 to 64 characters out of A-Z a-z 0-9 _ -");
  }
  if (definition.timeout.count() < 0) return refuse("the timeout is negative");
  auto described = openrouter::encode_tools({openrouter::tool_definition{
      definition.name, definition.description, definition.parameters, {}, {}}});
  if (!described) return refuse(described.error().message);
  auto compiled =
      json::schema::compile(definition.parameters.empty() ? "true" : definition.parameters);
  if (!compiled) return refuse("its parameters: " + compiled.error().message);
  // Without the brackets of the array.
  return tool_ptr(std::make_shared<const tool_spec>(
      tool_spec{std::move(definition), std::move(*compiled),
                described->substr(1, described->size() - 2), of_client}));
}

/// The tools as `tools` of a request.
inline std::string describe_tools(const std::vector<tool_ptr>& tools) {
  std::string text;
  if (tools.empty()) return text;
  json::writer w(text);
  w.begin_array();
  for (const tool_ptr& each : tools) w.raw(each->described);
  w.end_array();
  return text;
}

/// The tools that a server has for its sessions, in the order of their registration.
class toolbox {
 public:
  /// Errors: see make_tool; and bad_message for a name that is taken.
  result<void> add(tool_definition definition) {
    if (find(definition.name) != nullptr) {
      return error(errc::bad_message, "There are two tools of the name `" + definition.name + "`");
    }
    auto made = make_tool(std::move(definition));
    if (!made) return made.error();
    tools_.push_back(std::move(*made));
    return {};
  }

  tool_ptr find(std::string_view name) const noexcept { return find_tool(tools_, name); }
  const std::vector<tool_ptr>& tools() const noexcept { return tools_; }

  static tool_ptr find_tool(const std::vector<tool_ptr>& tools, std::string_view name) noexcept {
    for (const tool_ptr& each : tools) {
      if (each->definition.name == name) return each;
    }
    return nullptr;
  }

 private:
  std::vector<tool_ptr> tools_;
};

}  // namespace agent_websocket

// --- agent_websocket/session/settings.hpp

// What a session is told by its server: the model's parameters, limits, and what a client may
// change of them. The `set` command and the on_connect hook work on a session's own copy.

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
  double temperature = 0.7;                ///< 0 to 2
  int max_tokens = 1500;                   ///< of an answer; 1 or more
  std::string reasoning_effort;            ///< none, low, high, ...; empty: the model's own
  std::size_t max_history = 50;            ///< messages kept beside the system prompt; whole turns
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

  bool allows_model(std::string_view name) const {
    const auto is = [name](const std::string& each) { return each == "*" || each == name; };
    return name == model || std::any_of(fallback_models.begin(), fallback_models.end(), is) ||
           std::any_of(allowed_models.begin(), allowed_models.end(), is);
  }

  bool allows_setting(std::string_view name) const {
    return std::find(client_settings.begin(), client_settings.end(), name) != client_settings.end();
  }
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
inline result<session_overrides> apply_overrides(session_overrides current,
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

}  // namespace agent_websocket

// --- agent_websocket/server/options.hpp

// Everything that an operator can set about a server, with its defaults, units and limits. A plain
// value: fill it by hand, or from the environment (environment.hpp).

namespace agent_websocket {

struct options {
  using milliseconds = std::chrono::milliseconds;

  // Upstream.
  std::string api_key;  ///< never printed; required for openrouter.ai
  std::string base_url = "https://openrouter.ai/api/v1";
  std::string http_referer;  ///< sent for OpenRouter's rankings
  std::string app_title;     ///< likewise
  milliseconds connect_timeout{10'000};
  milliseconds first_token_timeout{300'000};
  milliseconds idle_timeout{120'000};  ///< between two bytes of an answer
  milliseconds total_timeout{0};       ///< of an answer, retries included; 0: none
  int max_retries = 2;                 ///< after the first attempt, before the first token only
  /// The name of the limit in requests; OpenRouter and most servers know both.
  openrouter::max_tokens_name max_tokens_field = openrouter::max_tokens_name::max_tokens;

  // Sessions.
  session_settings session;
  milliseconds session_timeout{30 * 60'000};  ///< without a message
  milliseconds cleanup_interval{60'000};      ///< how often inactive sessions are looked for
  /// How long an answer goes on without a client; 0: cancelled at once, negative: to its end.
  milliseconds run_grace{120'000};
  std::size_t max_detached = 10'000;  ///< sessions that wait for their client; the oldest go
  std::size_t max_upstream = 256;     ///< answers at once over all sessions; 0: no limit

  // Listening.
  std::string host = "localhost";
  std::uint16_t port = 54321;               ///< 0: any free one
  std::string base_path = "/functions/v1";  ///< the agent's name is appended
  std::size_t max_connections = 10'000;     ///< 0: no limit
  milliseconds drain_timeout{10'000};
  milliseconds restart_time{
      5'000};  ///< clients are told to come back after it when the server stops

  access_options access;

  // Logging.
  log_level level = log_level::info;
  std::string log_format = "text";  ///< or "json"

  /// Where the socket is served, beside "/ws": "/functions/v1/agent_websocket".
  std::string socket_path() const { return http::join_url(base_path, session.agent_name); }

  /// Checks what single values cannot tell. Called by a server before it starts.
  result<void> check() const {
    const auto url = http::parse_url(base_url);
    if (!url)
      return error(errc::bad_configuration, "OPENROUTER_BASE_URL is wrong: " + url.error().message);
    if (api_key.empty() && http::iequals(url->host, "openrouter.ai")) {
      return error(errc::bad_configuration,
                   "OPENROUTER_API_KEY is not set; get a key at https://openrouter.ai/keys, or set "
                   "OPENROUTER_BASE_URL "
                   "to a server that needs none");
    }
    if (!url->secure() && http::iequals(url->host, "openrouter.ai")) {
      return error(
          errc::bad_configuration,
          "OPENROUTER_BASE_URL must begin with https:// for openrouter.ai, so that the key is "
          "not sent in the clear");
    }
    return {};
  }

  /// Reads the environment, and `env_file` when it is not empty; what the environment has wins. The
  /// error names the variable, its value and what is allowed.
  static result<options> from_environment(const std::string& env_file = {});
};

}  // namespace agent_websocket

// --- agent_websocket/server/option_variable.hpp

// What one environment variable is to the options. The tables are in option_variables.hpp and
// access_variables.hpp.

namespace agent_websocket {

/// One variable: its name, its default and meaning for people, and how its text gets into the
/// options. `apply` returns what would be allowed when the text is not.
struct option_variable {
  std::string_view name;
  std::string_view default_text;
  std::string_view meaning;
  std::optional<std::string> (*apply)(options&, std::string_view text);
  bool secret = false;
};

}  // namespace agent_websocket

// --- agent_websocket/server/variable_text.hpp

// The text of a variable -> a value within its range, or words for what would be allowed, which
// end the sentence "NAME is "text", but must be".

namespace agent_websocket {
namespace detail {

using applied = std::optional<std::string>;

template <typename Integer>
applied read_whole(Integer& into, std::string_view text, Integer least, Integer most) {
  Integer number{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size() || number < least ||
      number > most) {
    return "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  }
  into = number;
  return std::nullopt;
}

inline std::optional<double> read_decimal(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos)
    return std::nullopt;
  return json::parse_double(text);
}

/// A time in units of `unit` milliseconds, fractions allowed.
inline applied read_time(std::chrono::milliseconds& into, std::string_view text,
                         const char* unit_name, double unit, double least, double most) {
  const auto number = read_decimal(text);
  if (!number || !(*number >= least && *number <= most)) {
    return "a number of " + std::string(unit_name) + " from " + json::print_double(least) + " to " +
           json::print_double(most);
  }
  into = std::chrono::milliseconds(static_cast<std::int64_t>(*number * unit + 0.5));
  return std::nullopt;
}
inline applied read_seconds(std::chrono::milliseconds& into, std::string_view text, double least,
                            double most) {
  return read_time(into, text, "seconds", 1000, least, most);
}

inline std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view item = http::trim(text.substr(0, comma));
    if (!item.empty()) items.emplace_back(item);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return items;
}

/// A name of one of several choices: new ones are made elsewhere.
inline bool is_word(std::string_view text) noexcept {
  if (text.empty() || text.size() > 40) return false;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!plain) return false;
  }
  return true;
}

inline bool is_path(std::string_view text) noexcept {
  if (text.empty() || text.front() != '/') return false;
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7F || c == '?' || c == '#' || c == '%') return false;
  }
  return true;
}

}  // namespace detail

}  // namespace agent_websocket

// --- agent_websocket/server/access_variables.hpp

// The environment variables of access_options.hpp, how each gets into the options: a part of the
// table in option_variables.hpp.

namespace agent_websocket {

/// In the order in which people read about them.
inline const std::vector<option_variable>& access_variables() {
  static const std::vector<option_variable> table{
      {"AUTH_TIMEOUT", "10",
       "seconds for a client without a token in its handshake to send one; 0: it must have one",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.access.auth_timeout, text, 0, 600);
       }},
      {"AUTH_GRACE", "30", "seconds after its token has expired until a socket is closed with 4004",
       [](options& o, std::string_view text) {
         return detail::read_seconds(o.access.auth_grace, text, 0, 3600);
       }},
  };
  return table;
}

}  // namespace agent_websocket

// --- agent_websocket/server/option_variables.hpp

// One table of all environment variables: how each gets into the options. It also feeds `--help`
// and the README. Reads nothing by itself.

namespace agent_websocket {

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
      {"HOST", "localhost", "address to listen on; 0.0.0.0 for all of IPv4, :: for all",
       [](options& o, std::string_view text) -> applied {
         o.host = std::string(text);
         return std::nullopt;
       }},
      {"PORT", "54321", "port to listen on; 0 takes any free one",
       [](options& o, std::string_view text) {
         return detail::read_whole<std::uint16_t>(o.port, text, 0, 65'535);
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

/// All variables, in the order in which people read about them.
inline const std::vector<option_variable>& option_variables() {
  static const std::vector<option_variable> all = [] {
    std::vector<option_variable> joined = detail::main_variables();
    joined.insert(joined.end(), access_variables().begin(), access_variables().end());
    return joined;
  }();
  return all;
}

}  // namespace agent_websocket

// --- agent_websocket/server/environment.hpp

// Options from environment variables and a file with some, by the table of option_variables.hpp.
// Reads the environment; does not change it.

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace agent_websocket {

/// Looks a variable up; nullopt when it is not set.
using variable_lookup = std::function<std::optional<std::string>(std::string_view name)>;

/// Options out of variables. An empty variable counts as not set.
inline result<options> read_options(const variable_lookup& lookup) {
  options read;
  for (const option_variable& variable : option_variables()) {
    const auto text = lookup(variable.name);
    if (!text || text->empty()) continue;
    if (const auto allowed = variable.apply(read, *text)) {
      // A URL may hold a password.
      const bool secret = variable.secret || text->find('@') != std::string::npos;
      const std::string shown = secret ? "(a secret)" : "\"" + text->substr(0, 100) + "\"";
      return error(errc::bad_configuration,
                   std::string(variable.name) + " is " + shown + ", but must be " + *allowed);
    }
  }
  return read;
}

inline result<options> options::from_environment(const std::string& env_file) {
  std::map<std::string, std::string> from_file;
  if (!env_file.empty()) {
    std::ifstream stream(env_file, std::ios::binary);
    std::ostringstream text;
    if (stream && stream.peek() != std::ifstream::traits_type::eof()) text << stream.rdbuf();
    if (!stream.is_open() || stream.bad())  // bad: a folder, for one
      return error(errc::bad_configuration, "cannot read the file " + env_file);
    auto parsed = parse_env_file(text.str());
    if (!parsed) return error(errc::bad_configuration, env_file + ", " + parsed.error().message);
    from_file = std::move(*parsed);
  }
  return read_options([&from_file](std::string_view name) -> std::optional<std::string> {
    const std::string key(name);
    if (const char* set = std::getenv(key.c_str()); set != nullptr && *set != '\0')
      return std::string(set);
    const auto found = from_file.find(key);
    return found == from_file.end() ? std::nullopt : std::optional<std::string>(found->second);
  });
}

}  // namespace agent_websocket

// --- agent_websocket/http/message.hpp

// HTTP requests and responses as plain values (RFC 9110): what a program sends upstream, and what a listener
// received and answers. No parsing, no sockets.

namespace agent_websocket {
namespace http {

/// A request. For a client `target` is the absolute URL; for a server it is the origin form ("/ws?x=1").
struct request {
  std::string method = "GET";
  std::string target;
  header_list headers;
  std::string body;
  /// Client side: limit for name resolution, TCP and TLS together; not for the answer. 0 = none.
  std::chrono::milliseconds connect_timeout{10'000};
  /// Client side: largest response header section, and (for a body that is not streamed) nothing else, in bytes.
  std::size_t max_header_bytes = 64 * 1024;

  /// Server side: the path without the query, as sent.
  std::string_view path() const noexcept { return std::string_view(target).substr(0, target.find_first_of("?#")); }
  /// Server side: what stands behind '?', empty when nothing does.
  std::string_view query() const noexcept {
    const std::string_view sent = std::string_view(target).substr(0, target.find('#'));
    const std::size_t mark = sent.find('?');
    return mark == std::string_view::npos ? std::string_view() : sent.substr(mark + 1);
  }
};

/// A whole response.
struct response {
  int status = 200;
  header_list headers;
  std::string body;

  static response text(int status, std::string words) {
    return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(words)};
  }
  static response json(int status, std::string body) {
    return {status, {{"Content-Type", "application/json"}}, std::move(body)};
  }
  static response html(std::string body) {
    return {200, {{"Content-Type", "text/html; charset=utf-8"}}, std::move(body)};
  }
};

/// The reason phrase of RFC 9110 section 15; "Unknown" for what this library never sends.
constexpr std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

}  // namespace http
}  // namespace agent_websocket

// --- agent_websocket/openrouter/error.hpp

// Why a completion failed, as a value: what clients may be told, what the log gets, and what the
// retry rules need. How failures are read from answers stands in error_reader.hpp.

namespace agent_websocket {
namespace openrouter {

/// One failed attempt, or a failed completion.
struct failure {
  /// `message` is safe for clients; `detail` holds what the upstream said, keys masked, at most
  /// 2 KiB and for the log only.
  error why;
  int status = 0;        ///< HTTP status, or the code of an error inside a stream; 0 when unknown
  std::string type;      ///< the upstream's own name of it ("rate_limit_exceeded"), or empty
  std::string provider;  ///< the provider's display name, or empty
  std::optional<std::chrono::milliseconds> retry_after;  ///< the upstream's hint
  /// The same request may be sent again, as far as this failure is concerned. (is_retryable(code)
  /// is coarser: a malformed request and a broken provider share a code.)
  bool retryable = false;

  failure() = default;
  explicit failure(errc code) : why(code), retryable(is_retryable(code)) {}
  explicit failure(error what) : why(std::move(what)), retryable(is_retryable(why.code)) {}
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/retry.hpp

// When a failed attempt is made again: exponential backoff with full jitter (AWS Architecture Blog,
// "Exponential Backoff And Jitter"), or what the upstream asks for with Retry-After (RFC 9110
// section 10.2.3). Pure; the caller sees to it that nothing was delivered before.

namespace agent_websocket {
namespace openrouter {

struct retry_policy {
  int max_attempts = 3;                   ///< in all; 1 means no retries
  std::chrono::milliseconds base{500};    ///< longest first wait; doubles from attempt to attempt
  std::chrono::milliseconds cap{30'000};  ///< longest wait without a hint
  std::chrono::milliseconds max_wait{60'000};  ///< a longer hint of the upstream means giving up
};

/// How long to wait after attempt number `attempt` (1, 2, ...) has failed, or nullopt: give up.
/// `unit` is a random number in [0, 1).
inline std::optional<std::chrono::milliseconds> decide_retry(const retry_policy& policy,
                                                             int attempt, const failure& why,
                                                             double unit) noexcept {
  using std::chrono::milliseconds;
  if (!why.retryable || attempt >= policy.max_attempts) return std::nullopt;
  // A model that answers with nothing twice will do so a third time, and each may be billed.
  if (why.why.code == errc::empty_response && attempt >= 2) return std::nullopt;
  const auto part = [unit](milliseconds of) {
    return milliseconds(static_cast<milliseconds::rep>(static_cast<double>(of.count()) * unit));
  };
  if (why.retry_after && why.retry_after->count() > 0) {
    if (*why.retry_after > policy.max_wait) return std::nullopt;
    // Jitter on top, or all who were refused come back at the same moment.
    return *why.retry_after + part(*why.retry_after / 2);
  }
  milliseconds longest = std::min(policy.base, policy.cap);
  for (int i = 1; i < attempt && longest < policy.cap; ++i) {
    longest = longest > policy.cap / 2 ? policy.cap : longest * 2;
  }
  return part(longest);
}

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/settings.hpp

// Settings of basic_openrouter_client and the HTTP request that follows from them: target, and the
// headers of OpenRouter's docs ("API reference", "App attribution"). No I/O; the body stands in
// request.hpp.

namespace agent_websocket {
namespace openrouter {

/// Limits of one answer.
struct answer_limits {
  /// Of text; as much again of reasoning, of its details, of annotations and of all tool calls.
  std::size_t max_text_bytes = 4u << 20;
  std::size_t max_event_bytes = 8u << 20;   ///< one event, or a whole JSON answer: images are large
  std::size_t max_image_bytes = 16u << 20;  ///< all images together, as they are sent
};

/// Whether headers that only OpenRouter knows (attribution) are sent.
enum class openrouter_headers { automatic, always, never };

/// Text that goes into headers is reduced to printable ASCII.
struct client_settings {
  std::string base_url = "https://openrouter.ai/api/v1";  ///< with or without a slash at its end
  std::string api_key;                                    ///< empty: no Authorization header
  std::string referer;                                    ///< HTTP-Referer: URL of the application
  std::string title;                                      ///< X-OpenRouter-Title: its name
  http::header_list headers;                              ///< more headers; they replace ours
  /// automatic: only when the base URL's host is openrouter.ai or below it.
  openrouter_headers attribution = openrouter_headers::automatic;
  openrouter::dialect dialect;

  // Zero means no limit. Reasoning models are silent for minutes before the first token.
  std::chrono::milliseconds connect_timeout{10'000};       ///< name, TCP and TLS of one attempt
  std::chrono::milliseconds first_token_timeout{300'000};  ///< from sending to the first fragment
  std::chrono::milliseconds idle_timeout{120'000};         ///< without a byte; comments count
  std::chrono::milliseconds total_timeout{0};              ///< over all attempts and waits

  retry_policy retry;
  answer_limits limits;
};

namespace detail {

/// token of RFC 9110 section 5.6.2.
inline bool is_header_name(std::string_view name) noexcept {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  for (const char c : name) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && others.find(c) == std::string_view::npos) return false;
  }
  return !name.empty();
}

inline bool is_openrouter_host(std::string_view host) noexcept {
  constexpr std::string_view domain = "openrouter.ai";
  if (host.size() < domain.size()) return false;
  if (!http::iequals(host.substr(host.size() - domain.size()), domain)) return false;
  return host.size() == domain.size() || host[host.size() - domain.size() - 1] == '.';
}

}  // namespace detail

/// The words name the setting; the key is in none of them.
inline result<void> check(const client_settings& settings) {
  const auto refuse = [](std::string words) {
    return error(errc::bad_configuration, std::move(words));
  };
  const result<http::url> base = http::parse_url(settings.base_url);
  if (!base) return refuse("base URL: " + base.error().message);
  for (const auto& field : settings.headers) {
    if (!detail::is_header_name(field.first)) return refuse("a header's name is not a token");
  }
  const auto negative = [](std::chrono::milliseconds time) { return time.count() < 0; };
  if (negative(settings.connect_timeout) || negative(settings.first_token_timeout) ||
      negative(settings.idle_timeout) || negative(settings.total_timeout)) {
    return refuse("a timeout is negative");
  }
  if (settings.retry.max_attempts < 1) return refuse("at least one attempt is needed");
  return {};
}

/// A POST of `body`, made by encode(). Precondition: check(settings).
inline http::request make_http_request(const client_settings& settings, std::string body,
                                       bool stream) {
  http::request made;
  made.method = "POST";
  made.target = http::join_url(settings.base_url, "chat/completions");
  made.body = std::move(body);
  made.connect_timeout = settings.connect_timeout;
  const auto put = [&made](const char* name, std::string_view text) {
    std::string value = http::sanitize_field_value(text);
    if (!value.empty()) made.headers.add(name, std::move(value));
  };
  if (const std::string key = http::sanitize_field_value(settings.api_key); !key.empty()) {
    put("Authorization", "Bearer " + key);
  }
  put("Content-Type", "application/json");
  put("Accept", stream ? "text/event-stream" : "application/json");
  bool attribution = settings.attribution == openrouter_headers::always;
  if (settings.attribution == openrouter_headers::automatic) {
    const result<http::url> base = http::parse_url(settings.base_url);
    attribution = base && detail::is_openrouter_host(base->host);
  }
  if (attribution) {
    put("HTTP-Referer", settings.referer);
    put("X-OpenRouter-Title", settings.title);
  }
  for (const auto& field : settings.headers) {
    if (!detail::is_header_name(field.first)) continue;
    made.headers.set(field.first, http::sanitize_field_value(field.second));
  }
  return made;
}

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/clocks.hpp

// The clocks of one completion: connecting is the HTTP client's; here are first token, idle, total,
// and the wait before a retry. All of them stand still while the completion is paused. Arithmetic
// on moments that are handed in; the timer is the caller's.

namespace agent_websocket {
namespace openrouter {

/// When something is due, and what it means when that moment has come.
struct deadline {
  time_point at;
  errc passed = errc::internal;
};

class completion_clocks {
 public:
  /// The completion begins.
  void start(time_point now) noexcept { started_ = now; }

  /// An attempt is sent; `streams` says whether the answer is asked for piece by piece.
  void send(time_point now, bool streams) noexcept {
    sent_ = last_byte_ = now;
    streams_ = streams;
    has_head_ = false;
  }
  void on_head(time_point now) noexcept {
    has_head_ = true;
    last_byte_ = now;
  }
  /// Any byte counts, those of comments too.
  void on_bytes(time_point now) noexcept { last_byte_ = now; }

  /// An attempt has failed; the next is due after `wait`.
  void wait(time_point now, std::chrono::milliseconds wait) noexcept {
    retry_at_ = standing(now) + wait;
  }

  bool paused() const noexcept { return paused_; }
  void pause(time_point now) noexcept {
    paused_ = true;
    paused_at_ = now;
  }
  void resume(time_point now) noexcept {
    paused_ = false;
    const duration lost = now - paused_at_;
    started_ += lost;
    sent_ += lost;
    retry_at_ += lost;
    last_byte_ = std::min(last_byte_ + lost, now);  // bytes may come while it is paused
  }

  time_point retry_at() const noexcept { return retry_at_; }

  /// What is due next while an answer is awaited or read.
  std::optional<deadline> next(const client_settings& limits, bool has_output) const noexcept {
    std::optional<deadline> first;
    const auto add = [&first](time_point from, std::chrono::milliseconds limit, errc passed) {
      if (limit.count() <= 0) return;
      const time_point at = from + limit;
      if (!first || at < first->at) first = deadline{at, passed};
    };
    add(started_, limits.total_timeout, errc::timeout_total);
    // A server that does not stream is silent until it has all of the answer.
    if (streams_ && !has_output) {
      add(sent_, limits.first_token_timeout, errc::timeout_first_token);
    }
    if (has_head_ || !streams_) add(last_byte_, limits.idle_timeout, errc::timeout_idle);
    return first;
  }

  /// True when a wait of that length would end behind the total limit.
  bool exceeds_total(const client_settings& limits, time_point now,
                     std::chrono::milliseconds wait) const noexcept {
    const auto total = limits.total_timeout;
    return total.count() > 0 && standing(now) + wait >= started_ + total;
  }

 private:
  time_point standing(time_point now) const noexcept { return paused_ ? paused_at_ : now; }

  time_point started_, sent_, last_byte_, retry_at_, paused_at_;
  bool streams_ = true;
  bool has_head_ = false;
  bool paused_ = false;
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/error_table.hpp

// What an upstream's statuses and error types mean for this library: the code that clients see and
// whether the same request may be sent again. From OpenRouter's docs ("Errors and debugging",
// error_type and availability codes), with the names that OpenAI, Anthropic, vLLM and llama.cpp
// use. Tables only; error_reader.hpp finds the words that are looked up here.

namespace agent_websocket {
namespace openrouter {
namespace detail {

struct fault_rule {
  errc code = errc::provider_error;
  bool retryable = false;
  /// The upstream's words are about its own inside or the server's account: not for clients.
  bool internal = false;
};

struct named_rule {
  std::string_view name;
  fault_rule rule;
};

/// By the upstream's own name of the error; nullptr when the name says nothing.
inline const fault_rule* rule_of_type(std::string_view type) noexcept {
  static constexpr named_rule table[] = {
      // OpenRouter's error_type
      {"context_length_exceeded", {errc::context_length_exceeded, false, false}},
      {"max_tokens_exceeded", {errc::context_length_exceeded, false, false}},
      {"token_limit_exceeded", {errc::context_length_exceeded, false, false}},
      {"string_too_long", {errc::context_length_exceeded, false, false}},
      {"payload_too_large", {errc::context_length_exceeded, false, false}},
      {"authentication", {errc::provider_unauthorized, false, true}},
      {"permission_denied", {errc::provider_unauthorized, false, true}},
      {"payment_required", {errc::payment_required, false, true}},
      {"rate_limit_exceeded", {errc::provider_rate_limited, true, false}},
      {"provider_overloaded", {errc::provider_overloaded, true, false}},
      {"provider_unavailable", {errc::provider_error, true, true}},
      {"not_found", {errc::model_not_found, false, false}},
      {"content_policy_violation", {errc::content_policy, false, false}},
      {"refusal", {errc::content_policy, false, false}},
      {"invalid_prompt", {errc::bad_message, false, false}},
      {"invalid_image", {errc::bad_message, false, false}},
      {"image_too_large", {errc::bad_message, false, false}},
      {"image_too_small", {errc::bad_message, false, false}},
      {"unsupported_image_format", {errc::bad_message, false, false}},
      {"image_not_found", {errc::bad_message, false, false}},
      {"image_download_failed", {errc::bad_message, false, false}},
      {"invalid_request", {errc::provider_error, false, false}},
      {"precondition_failed", {errc::provider_error, false, false}},
      {"unprocessable", {errc::provider_error, false, false}},
      {"server", {errc::provider_error, true, true}},
      {"timeout", {errc::provider_error, true, true}},
      // availability.code
      {"model_not_found", {errc::model_not_found, false, false}},
      {"no_endpoints", {errc::model_not_found, false, false}},
      {"model_deprecated", {errc::model_not_found, false, false}},
      {"model_unavailable_upstream", {errc::model_not_found, false, false}},
      {"privacy_restricted", {errc::model_not_found, false, false}},
      {"constraint_filtered", {errc::model_not_found, false, false}},
      {"free_variant_ended", {errc::model_not_found, false, false}},
      {"region_restricted", {errc::model_not_found, false, false}},
      {"capacity_exhausted", {errc::provider_rate_limited, true, false}},
      {"temporarily_unavailable", {errc::provider_overloaded, true, true}},
      // others
      {"authentication_error", {errc::provider_unauthorized, false, true}},
      {"permission_error", {errc::provider_unauthorized, false, true}},
      {"invalid_api_key", {errc::provider_unauthorized, false, true}},
      {"insufficient_quota", {errc::payment_required, false, true}},
      {"rate_limit_error", {errc::provider_rate_limited, true, false}},
      {"overloaded_error", {errc::provider_overloaded, true, true}},
      {"unavailable_error", {errc::provider_overloaded, true, true}},
      {"exceed_context_size_error", {errc::context_length_exceeded, false, false}},
      {"not_found_error", {errc::model_not_found, false, false}},
      {"content_filter", {errc::content_policy, false, false}},
      {"server_error", {errc::provider_error, true, true}},
      {"api_error", {errc::provider_error, true, true}},
      {"timeout_error", {errc::provider_error, true, true}},
  };
  for (const named_rule& each : table) {
    if (each.name == type) return &each.rule;
  }
  return nullptr;
}

/// By the status alone; 0 is an error in a stream that has none.
constexpr fault_rule rule_of_status(int status) noexcept {
  switch (status) {
    case 401: return {errc::provider_unauthorized, false, true};
    case 402: return {errc::payment_required, false, true};
    case 403: return {errc::provider_unauthorized, false, true};
    case 404: return {errc::model_not_found, false, false};
    case 408: return {errc::provider_error, true, true};
    case 413: return {errc::context_length_exceeded, false, false};
    case 429: return {errc::provider_rate_limited, true, false};
    case 503:
    case 529: return {errc::provider_overloaded, true, true};
    default: break;
  }
  // 500, 502, 504, Cloudflare's 520 to 530, and whatever comes to be.
  if (status >= 500) return {errc::provider_error, true, true};
  // A redirect: the base URL is wrong. Not for clients.
  if (status >= 300 && status < 400) return {errc::provider_error, false, true};
  return {errc::provider_error, false, false};
}

constexpr bool contains(std::string_view text, std::string_view part) noexcept {
  return text.find(part) != std::string_view::npos;
}

/// The most telling of all that is known.
inline fault_rule choose_rule(int status, std::string_view type, std::string_view availability,
                              std::string_view limit_source, std::string_view message,
                              bool moderated) noexcept {
  const fault_rule by_status = rule_of_status(status);
  if (status == 401) return by_status;
  if (moderated) return {errc::content_policy, false, false};
  if (status == 403 && limit_source.substr(0, 11) == "openrouter_") {
    return {errc::payment_required, false, true};
  }
  fault_rule rule = by_status;
  if (const fault_rule* named = rule_of_type(availability)) {
    rule = *named;
  } else if (const fault_rule* typed = rule_of_type(type)) {
    // Both have to agree: a 429 for want of money does not pass, nor does a 500 for a bad request.
    rule = *typed;
    if (status != 0) rule.retryable = rule.retryable && by_status.retryable;
    if (status >= 500) rule.internal = true;
  }
  if (rule.code == errc::provider_error && (status == 400 || status == 0)) {
    if (contains(message, "not a valid model")) rule = {errc::model_not_found, false, false};
    if (contains(message, "context length")) {
      rule = {errc::context_length_exceeded, false, false};
    }
  }
  // A day's allowance comes back tomorrow, whatever Retry-After says.
  if (rule.code == errc::provider_rate_limited &&
      (contains(limit_source, "daily") || contains(message, "free-models-per-day"))) {
    rule.retryable = false;
  }
  return rule;
}

}  // namespace detail
}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/redact.hpp

// What may be shown of an upstream's words: for the log with keys masked, for clients one short
// line without keys, links, paths and raw bodies. A filter by form: it knows what keys look like,
// and the one key that is given to it.

namespace agent_websocket {
namespace openrouter {

namespace detail {

constexpr bool is_alphanumeric(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
constexpr bool is_key_character(char c) noexcept {
  // '*' because servers print keys half masked; '.' and the rest because tokens hold them.
  return is_alphanumeric(c) || c == '-' || c == '_' || c == '.' || c == '*' || c == '+' ||
         c == '/' || c == '=' || c == '~';
}

template <typename Accept>
constexpr std::size_t run_length(std::string_view text, Accept accept) {
  std::size_t length = 0;
  while (length < text.size() && accept(text[length])) ++length;
  return length;
}

/// How many bytes at the front of `text` are a key by its form; `shown` of them may be kept.
inline std::size_t key_length(std::string_view text, std::size_t& shown) {
  static constexpr std::array<std::string_view, 12> prefixes{
      "sk-", "sk_", "pk-", "pk_", "rk_", "gsk_", "hf_", "xai-", "AIza", "AKIA", "ghp_", "eyJ"};
  for (const std::string_view prefix : prefixes) {
    if (text.substr(0, prefix.size()) != prefix) continue;
    const std::size_t length = run_length(text, is_key_character);
    shown = prefix.size();
    return length >= prefix.size() + 8 ? length : 0;
  }
  for (const std::string_view scheme : {std::string_view("bearer "), std::string_view("basic ")}) {
    if (!http::iequals(text.substr(0, scheme.size()), scheme)) continue;
    const std::size_t length = run_length(text.substr(scheme.size()), is_key_character);
    shown = scheme.size();
    return length >= 6 ? scheme.size() + length : 0;
  }
  return 0;
}

/// How many bytes at the front of `text`, which follow "://", are user information with its '@'.
inline std::size_t user_information_length(std::string_view text) {
  const std::size_t end = text.substr(0, 512).find_first_of("/?# \t\r\n\"'<>\\");
  const std::size_t at = text.substr(0, end == std::string_view::npos ? 512 : end).rfind('@');
  return at == std::string_view::npos ? 0 : at + 1;
}

constexpr std::string_view link_start = "://";

}  // namespace detail

/// `text` with what looks like a key, and every occurrence of `secret`, replaced by "***".
inline std::string mask_keys(std::string_view text, std::string_view secret = {}) {
  constexpr std::string_view mask = "***";
  std::string masked;
  masked.reserve(text.size());
  bool in_word = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    if (secret.size() >= 4 && rest.substr(0, secret.size()) == secret) {
      masked.append(mask);
      at += secret.size();
      continue;
    }
    std::size_t shown = 0;
    const std::size_t key = in_word ? 0 : detail::key_length(rest, shown);
    if (key != 0) {
      masked.append(rest.substr(0, shown)).append(mask);
      at += key;
      in_word = true;
      continue;
    }
    if (rest.substr(0, detail::link_start.size()) == detail::link_start) {
      masked.append(detail::link_start);
      at += detail::link_start.size();
      if (const std::size_t user = detail::user_information_length(text.substr(at)); user != 0) {
        masked.append(mask).push_back('@');
        at += user;
      }
      in_word = false;
      continue;
    }
    in_word = detail::is_alphanumeric(rest.front());
    masked.push_back(rest.front());
    ++at;
  }
  return masked;
}

/// For the log: keys masked, at most 2 KiB.
inline std::string words_for_log(std::string_view text, std::string_view secret = {}) {
  constexpr std::size_t most = 2048;
  // Masked before it is cut, so that no half of a key is left at the end.
  std::string words = mask_keys(cut_utf8(text, 4 * most), secret);
  words.resize(cut_utf8(words, most).size());
  return words;
}

namespace detail {

/// One word of a message as a client may see it.
inline std::string_view harmless_word(std::string_view word) {
  if (word.find(link_start) != std::string_view::npos) {
    constexpr std::string_view docs = "https://openrouter.ai/";
    const bool known = word.substr(0, docs.size()) == docs;
    return known && word.find_first_of("?@") == std::string_view::npos ? word : "[link]";
  }
  const std::string_view bare = word.substr(run_length(
      word, [](char c) { return c == '"' || c == '\'' || c == '(' || c == '[' || c == '`'; }));
  const auto count = [bare](char wanted) {
    std::size_t found = 0;
    for (const char c : bare) found += c == wanted ? 1u : 0u;
    return found;
  };
  const bool from_root = !bare.empty() && (bare.front() == '/' || bare.front() == '~');
  const bool on_drive = bare.size() > 2 && bare[1] == ':' && bare[2] == '\\';
  if ((from_root && count('/') >= 2) || on_drive) return "[path]";
  std::size_t run = 0;
  bool digit = false, letter = false;
  for (const char c : word) {
    if (!is_alphanumeric(c) && c != '_' && c != '-') {
      run = 0;
      digit = letter = false;
      continue;
    }
    digit = digit || (c >= '0' && c <= '9');
    letter = letter || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (++run >= 32 && digit && letter) return "***";  // a key of a form that nobody knows
  }
  return word;
}

}  // namespace detail

/// For clients: one line of at most 300 bytes, valid UTF-8; empty when `text` is a raw body (HTML,
/// JSON) rather than words.
inline std::string words_for_client(std::string_view text, std::string_view secret = {}) {
  constexpr std::size_t most = 300;
  std::string plain;
  const std::string masked = mask_keys(cut_utf8(text, 4096), secret);
  for (std::string_view rest = masked; !rest.empty();) {
    const std::size_t length = utf8_sequence_length(rest);
    if (length == 0) {
      plain.append("\xEF\xBF\xBD");
      rest.remove_prefix(1);
      continue;
    }
    const auto c = static_cast<unsigned char>(rest.front());
    plain.append(c < 0x20 || c == 0x7F ? std::string_view(" ") : rest.substr(0, length));
    rest.remove_prefix(length);
  }
  std::string_view rest = http::trim(plain);
  if (rest.empty() || rest.front() == '<' || rest.front() == '{') return {};
  for (const std::string_view raw : {"{\"", "{'", "[{", "<!", "<html", "<HTML", "<body"}) {
    rest = rest.substr(0, rest.find(raw));
  }
  std::string words;
  while (!(rest = http::trim(rest)).empty()) {
    const std::size_t length = detail::run_length(rest, [](char c) { return c != ' '; });
    if (!words.empty()) words.push_back(' ');
    words.append(detail::harmless_word(rest.substr(0, length)));
    rest.remove_prefix(length);
  }
  while (!words.empty() && (words.back() == ':' || words.back() == ',' || words.back() == '-')) {
    words.pop_back();
  }
  if (words.size() > most) words = std::string(cut_utf8(words, most - 3)) + "...";
  return words;
}

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/retry_hint.hpp

// How long an upstream asks to wait: Retry-After (RFC 9110 section 10.2.3, dates as in section
// 5.6.7), the copies of it in OpenRouter's error bodies, and X-RateLimit-Reset. Pure reading; what
// is made of it stands in retry.hpp.

namespace agent_websocket {
namespace openrouter {

/// "Sun, 06 Nov 1994 08:49:37 GMT", the form that senders must use; also the obsolete forms
/// "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994". Nothing for anything else.
inline std::optional<wall_time> parse_http_date(std::string_view text) {
  // The parts are the same in all three forms; only their order and separators differ.
  static constexpr std::array<std::string_view, 12> months{
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::int64_t day = 0, month = 0, year = -1, second_of_day = -1;
  bool skipped_weekday = false;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(" ,-");
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (part.empty() || part == "GMT") continue;
    const bool digits = part.find_first_not_of("0123456789:") == std::string_view::npos;
    const auto number = [](std::string_view of) { return json::parse_integer(of).value_or(-1); };
    if (!digits) {
      if (!skipped_weekday) {
        skipped_weekday = true;
        continue;
      }
      for (std::size_t i = 0; i < months.size(); ++i) {
        if (part == months[i]) month = static_cast<std::int64_t>(i) + 1;
      }
      if (month == 0) return std::nullopt;
    } else if (part.find(':') != std::string_view::npos) {
      if (part.size() != 8 || part[2] != ':' || part[5] != ':') return std::nullopt;
      // "08" is no JSON number, so a digit at a time.
      const auto two = [&part](std::size_t at) {
        return (part[at] - '0') * 10 + (part[at + 1] - '0');
      };
      for (const std::size_t at : {0u, 1u, 3u, 4u, 6u, 7u}) {
        if (part[at] == ':') return std::nullopt;
      }
      if (two(0) > 23 || two(3) > 59 || two(6) > 60) return std::nullopt;
      second_of_day = two(0) * 3600 + two(3) * 60 + two(6);
    } else if (day == 0 && part.size() <= 2) {
      day = number(part);
      if (day < 1 || day > 31) return std::nullopt;
    } else if (year < 0 && (part.size() == 4 || part.size() == 2)) {
      year = number(part);
      if (part.size() == 2) year += year < 70 ? 2000 : 1900;
    } else {
      return std::nullopt;
    }
  }
  if (day == 0 || month == 0 || year < 1970 || second_of_day < 0) return std::nullopt;
  // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = y / 400;
  const std::int64_t yoe = y - era * 400;
  const std::int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  const std::int64_t days = era * 146'097 + doe - 719'468;
  return wall_time(std::chrono::seconds(days * 86'400 + second_of_day));
}

namespace detail {

using hint = std::optional<std::chrono::milliseconds>;

/// A wait of that many units of a millisecond, at most a year; nothing when it is negative.
inline hint wait_of(std::optional<double> number, double unit) {
  constexpr double longest = 1000.0 * 86'400 * 366;
  if (!number) return std::nullopt;
  const double ms = *number * unit;
  if (!(ms >= 0)) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(ms < longest ? ms : longest));
}

inline std::optional<double> decimal(std::string_view text) {
  text = http::trim(text);
  while (text.size() > 1 && text.front() == '0' && text[1] != '.') text.remove_prefix(1);
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos) {
    return std::nullopt;
  }
  return json::parse_double(text);
}

/// Seconds, or a date.
inline hint read_retry_after(std::string_view text, wall_time now) {
  if (const hint seconds = wait_of(decimal(text), 1000)) return seconds;
  const std::optional<wall_time> date = parse_http_date(http::trim(text));
  if (!date) return std::nullopt;
  if (*date <= now) return std::chrono::milliseconds(0);
  return std::chrono::duration_cast<std::chrono::milliseconds>(*date - now);
}

/// A moment: unix milliseconds or seconds, told apart by their size, or seconds from now.
inline hint read_reset(std::string_view text, wall_time now) {
  const std::optional<double> number = decimal(text);
  if (!number) return std::nullopt;
  if (*number < 1e8) return wait_of(number, 1000);
  const double then = *number < 1e11 ? *number * 1000 : *number;
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  return wait_of(then - static_cast<double>(since.count()), 1);
}

/// A number, or the text of one.
inline std::optional<double> number_in(const json::value& from) {
  if (const auto text = from.string()) return decimal(*text);
  return from.number();
}

inline std::string_view text_in(const json::value& from) {
  if (const auto text = from.string()) return *text;
  return from.number_text().value_or(std::string_view());
}

inline json::value header_in(const json::value& headers, std::string_view wanted) {
  json::value found;
  headers.for_each_member([&](std::string_view name, const json::value& value) {
    if (http::iequals(name, wanted)) found = value;
  });
  return found;
}

}  // namespace detail

/// The wait that an error asks for, from the first of its places that says something. `fault` is
/// the value of "error" (or absent); `limited` says that the error is about a rate, without which
/// X-RateLimit-Reset means nothing.
inline std::optional<std::chrono::milliseconds> read_retry_hint(const http::header_list& headers,
                                                                const json::value& fault,
                                                                bool limited, wall_time now) {
  using detail::hint;
  if (const auto text = headers.find("Retry-After-Ms")) {
    if (const hint found = detail::wait_of(detail::decimal(*text), 1)) return found;
  }
  if (const auto text = headers.find("Retry-After")) {
    if (const hint found = detail::read_retry_after(*text, now)) return found;
  }
  const json::value metadata = fault["metadata"];
  for (const json::value& place :
       {fault["availability"]["retry_after"], metadata["retry_after_seconds"]}) {
    if (const hint found = detail::wait_of(detail::number_in(place), 1000)) return found;
  }
  const json::value copies = metadata["headers"];
  const json::value copy = detail::header_in(copies, "Retry-After");
  if (const hint found = detail::read_retry_after(detail::text_in(copy), now)) return found;
  if (!limited) return std::nullopt;
  if (const auto text = headers.find("X-RateLimit-Reset")) {
    if (const hint found = detail::read_reset(*text, now)) return found;
  }
  const json::value reset = detail::header_in(copies, "X-RateLimit-Reset");
  return detail::read_reset(detail::text_in(reset), now);
}

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/error_reader.hpp

// Reads a failure from what an upstream answered: an HTTP status with a body of any kind, or an
// error inside a stream. Follows OpenRouter's docs ("Errors and debugging") and the shapes that
// other OpenAI-compatible servers send; unknown types and statuses are no surprise.

namespace agent_websocket {
namespace openrouter {

/// What reading a failure needs to know beside the answer.
struct failure_context {
  wall_time now{};          ///< for hints that are moments
  std::string_view secret;  ///< the key that is masked wherever it appears
};

namespace detail {

/// A status in the range of HTTP, from a number or digits; 0 for anything else.
inline int status_in(const json::value& from) {
  std::int64_t number = from.integer().value_or(0);
  if (const auto text = from.string()) {
    const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (failed != std::errc() || end != text->data() + text->size()) return 0;
  }
  return number >= 100 && number <= 599 ? static_cast<int>(number) : 0;
}

/// The first that is a string and not empty.
inline std::string_view first_text(std::initializer_list<json::value> places) {
  for (const json::value& each : places) {
    const auto text = each.string();
    if (text && !text->empty()) return *text;
  }
  return {};
}

/// What an upstream said, wherever in its answer that stood. Views into the parsed documents.
class fault_words {
 public:
  /// `top` is a whole body or chunk; `fault` its error, which may be `top` itself.
  fault_words(const json::value& top, const json::value& fault) {
    const json::value metadata = fault["metadata"];
    const json::value code = fault["code"];
    status = status_in(code);
    if (status == 0) status = status_in(fault["http_status"]);
    if (status == 0) status = status_in(fault["status"]);
    const std::string_view code_word = status_in(code) == 0 ? first_text({code}) : "";
    availability = first_text({fault["availability"]["code"]});
    type = first_text({metadata["error_type"], fault["error_type"]});
    if (type.empty()) type = rule_of_type(code_word) != nullptr ? code_word : "";
    if (type.empty()) type = first_text({fault["type"]});
    if (type.empty()) type = code_word;
    provider = first_text({metadata["provider_name"], top["provider"]});
    limit_source = first_text({metadata["limit_source"]});
    message =
        first_text({fault, fault["message"], top["message"], top["detail"], top["error_msg"]});
    retryable = fault["availability"]["retryable"].boolean();
    flagged = first_text({metadata["flagged_input"]});
    metadata["reasons"].for_each_element([this](const json::value& each) {
      const std::string_view reason = first_text({each});
      if (reason.empty()) return;
      reasons.append(reasons.empty() ? "" : ", ").append(reason);
    });
    read_raw(metadata["raw"]);
  }

  int status = 0;
  std::string_view type, availability, provider, limit_source, message, flagged;
  std::string reasons;
  std::optional<bool> retryable;
  bool from_provider = false;  ///< `message` is the provider's own

  /// What clients may read of it; unfiltered.
  std::string words() const {
    std::string text;
    if (from_provider && !provider.empty()) text.append(provider).append(": ");
    text.append(message);
    if (!reasons.empty()) text.append(" (reasons: ").append(reasons).push_back(')');
    if (!flagged.empty()) text.append(" (flagged: ").append(flagged).push_back(')');
    return text;
  }

 private:
  /// The provider's answer inside OpenRouter's: an object, or JSON text, or plain text.
  void read_raw(const json::value& raw) {
    json::value inner = raw;
    if (const auto text = raw.string()) {
      if (raw_.parse(*text) && !raw_.root().is_string()) {
        inner = raw_.root();
      } else if (!text->empty() && (message.empty() || message == "Provider returned error")) {
        message = *text;
        from_provider = true;
        return;
      }
    }
    if (inner.is_array()) inner = inner[0];
    const std::string_view found =
        first_text({inner["error"]["message"], inner["error"], inner["message"], inner["detail"]});
    if (found.empty()) return;
    message = found;
    from_provider = true;
  }

  json::document raw_;
};

/// `fault` and `raw` are what `said` was read from, and the whole of it as text.
inline failure make_failure(const fault_words& said, int status, const http::header_list& headers,
                            const json::value& fault, std::string_view raw,
                            const failure_context& context) {
  const fault_rule rule = choose_rule(status, said.type, said.availability, said.limit_source,
                                      said.message, !said.reasons.empty());
  failure made;
  made.status = status;
  made.type = words_for_client(said.type.empty() ? said.availability : said.type, context.secret);
  made.provider = words_for_client(said.provider, context.secret);
  made.why.code = rule.code;
  made.why.message = message_of(rule.code);
  // What went wrong inside the provider, or between it and this server, is no client's business.
  if (!rule.internal) {
    const std::string words = words_for_client(said.words(), context.secret);
    if (!words.empty()) made.why.message.append(": ").append(words);
  }
  const bool limited = rule.code == errc::provider_rate_limited;
  made.retry_after = read_retry_hint(headers, fault, limited, context.now);
  made.retryable = said.retryable.value_or(rule.retryable);
  // Only a budget that frees itself is worth a second try, and then only with a time to wait.
  if (status == 402) {
    made.retryable = made.retry_after && said.limit_source == "openrouter_in_flight_budget";
  }
  std::string head = "status " + std::to_string(status);
  if (!made.type.empty()) head.append(", type ").append(made.type);
  if (!made.provider.empty()) head.append(", provider ").append(made.provider);
  head.append(": ").append(cut_utf8(raw, 8192));
  made.why.detail = words_for_log(head, context.secret);
  return made;
}

}  // namespace detail

/// The error in a body or chunk, or an absent value. "error": null, "" and {} are none, though some
/// servers put them on good chunks.
inline json::value find_error(const json::value& top) {
  const auto says_something = [](const json::value& fault) {
    if (const auto text = fault.string()) return !text->empty();
    return fault.is_object() && fault.size() > 0;
  };
  if (const json::value fault = top["error"]; says_something(fault)) return fault;
  if (const json::value fault = top["choices"][0]["error"]; says_something(fault)) return fault;
  if (top["choices"].exists() && !top["choices"].is_null()) return {};
  // Flat forms: vLLM's {"object":"error","message":..}, gateways' {"code":400,"message":..}.
  const bool flat = top["object"].string() == std::string_view("error") ||
                    (top["message"].is_string() && (top["code"].exists() || top["type"].exists()));
  return flat ? top : json::value();
}

/// The failure that a stream, or a body with status 200, tells of. `fault` comes from find_error().
inline failure read_stream_failure(const json::value& top, const json::value& fault,
                                   const failure_context& context) {
  const detail::fault_words said(top, fault);
  return detail::make_failure(said, said.status, {}, fault, json::to_text(top), context);
}

/// The failure that an HTTP status other than 2xx tells of; `body` may be anything, also cut short.
inline failure read_http_failure(int status, const http::header_list& headers,
                                 std::string_view body, const failure_context& context) {
  json::document parsed;
  json::value top, fault;
  if (parsed.parse(body)) {
    top = parsed.root();
    if (top.is_array()) top = top[0];  // Google's gateways
    fault = find_error(top);
    if (!fault.exists()) fault = top;
  }
  const detail::fault_words said(top, fault);
  return detail::make_failure(said, status, headers, fault, body, context);
}

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/response.hpp

// What is known of an answer beside its text: tokens and cost, who served it, how it ended
// (OpenRouter's API reference, ChatUsage; docs "Usage accounting"). Data only.

namespace agent_websocket {
namespace openrouter {

/// Tokens and cost. All optional: servers leave out what they do not count. No number is derived
/// from another, since reasoning tokens have been seen to exceed the completion's.
struct usage {
  std::optional<std::int64_t> prompt_tokens;
  std::optional<std::int64_t> completion_tokens;
  std::optional<std::int64_t> total_tokens;
  std::optional<double> cost;  ///< in USD; no cost is not 0
  /// The object as sent, compact, without words; empty when there was none.
  std::string json;
};

namespace detail {

/// Clients see it, and words of an upstream are not for them.
inline void print_numbers(json::writer& w, const json::value& from, int depth) {
  w.begin_object();
  from.for_each_member([&](std::string_view name, const json::value& value) {
    if (value.is_number() || value.is_boolean() || value.is_null()) {
      json::print(w.key(name), value);
    } else if (value.is_object() && depth < 2) {
      w.key(name);
      print_numbers(w, value, depth + 1);
    }
  });
  w.end_object();
}

}  // namespace detail

/// Reads a "usage" object; anything else leaves `into` as it is and returns false.
inline bool read_usage(const json::value& from, usage& into) {
  if (!from.is_object()) return false;
  const auto count = [&from](const char* name) -> std::optional<std::int64_t> {
    const std::optional<std::int64_t> number = from[name].integer();
    return number && *number >= 0 ? number : std::nullopt;
  };
  into.prompt_tokens = count("prompt_tokens");
  into.completion_tokens = count("completion_tokens");
  into.total_tokens = count("total_tokens");
  into.cost = from["cost"].number();
  into.json.clear();
  json::writer w(into.json);
  detail::print_numbers(w, from, 0);
  return true;
}

/// How a completion ended. The text went through the sink before; with `failed` it is partial.
struct outcome {
  std::optional<failure> failed;
  /// As sent: stop, length, tool_calls, content_filter, or what a server makes up; may be empty.
  std::string finish_reason;
  std::string model;          ///< the one that served, which need not be the one asked for
  std::string provider;       ///< display name
  std::string generation_id;  ///< for GET /generation
  openrouter::usage usage;
  /// Whatever the finish reason; with `failed`, or after a limit of tokens, some may not be
  /// complete.
  std::vector<tool_call> tool_calls;
  // JSON texts of arrays, or empty. With `failed` what there was of them, which is not to be sent
  // back.
  std::string reasoning_details;  ///< merged, for assistant_message; "[]" when it was empty
  std::string annotations;        ///< citations, and files as they were parsed
  std::string images;
  bool no_done = false;         ///< ended well, but without [DONE]
  bool has_tool_calls = false;  ///< there are tool_calls
  std::size_t comments = 0;     ///< keep-alive comments seen
  std::size_t skipped = 0;      ///< events that were no chunks and were passed over
  int attempts = 1;             ///< requests that were sent

  /// True for a whole answer.
  bool complete() const noexcept { return !failed; }
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/sink.hpp

// What basic_openrouter_client reports to. Calls come on the executor, never from inside
// start, cancel, pause or resume, and may themselves call all of these.

namespace agent_websocket {
namespace openrouter {

/// Names one completion of one client; 0 is never given out, none is given out twice.
using completion_id = std::uint64_t;

/// Per completion: any number of on_retry, then at most one on_begin, then any number of on_text
/// and on_reasoning, and exactly one on_complete, unless it is cancelled: then nothing more.
class completion_sink {
 public:
  /// The first content, reasoning or tool fragment is there: no more retries from here on. `model`
  /// is empty when the server does not say.
  virtual void on_begin(completion_id id, std::string_view model) = 0;
  /// A piece of the answer: whole characters, valid UTF-8, never empty.
  virtual void on_text(completion_id id, std::string_view text) = 0;
  /// A piece of what the model thought; not part of the answer.
  virtual void on_reasoning(completion_id id, std::string_view text) = 0;
  /// Attempt number `attempt` (1, 2, ...) failed; the next is sent after `wait`.
  virtual void on_retry(completion_id id, int attempt, std::chrono::milliseconds wait,
                        const failure& why) = 0;
  /// The end. The id is unknown to the client by now; the sink may be destroyed from inside.
  virtual void on_complete(completion_id id, const outcome& ended) = 0;

 protected:
  ~completion_sink() = default;
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/http/sse_parser.hpp

// Server-sent events, as the WHATWG HTML standard has them (section 9.2.6, "Interpreting an event
// stream"): bytes in, events out, wherever the bytes were cut. Linear in the bytes; an event that
// lies in one read is not copied. Differs from the standard in two things, both for model servers:
// an event without its blank line at the end is given out (marked), and so is a line `error: ...`.

namespace agent_websocket {
namespace http {

/// One event. The views are valid during the call that shows it only.
struct sse_event {
  std::string_view event_type;  ///< of the field `event`; empty when there was none
  std::string_view data;        ///< the fields `data`, joined by LF
  /// Where the event's first data line begins: the number of bytes of the stream before it.
  std::uint64_t position = 0;
  /// A line `error: data` (llama.cpp before September 2025), which the standard would ignore.
  bool is_error_field = false;
  /// The stream ended before the event's blank line.
  bool unterminated = false;
};

/// An incremental parser of one stream. `OnEvent` is called as bool(const sse_event&): false means
/// that nothing more is wanted, and all further bytes are dropped. It must not call the parser.
class sse_parser {
 public:
  static constexpr std::size_t default_max_event_bytes = 8u << 20;

  explicit sse_parser(std::size_t max_event_bytes = default_max_event_bytes) noexcept
      : max_event_bytes_(max_event_bytes) {}

  /// Takes the next bytes. errc::too_large once an event is above the limit; the parser then drops
  /// what follows.
  template <typename OnEvent>
  std::error_code feed(std::string_view bytes, OnEvent&& on_event) {
    const std::uint64_t begin = position_;
    position_ += bytes.size();
    if (stopped_) return {};
    std::size_t at = skip_mark(bytes);
    // Of each kind of line end the next one, so that no byte is searched twice.
    std::size_t line_feed = bytes.find('\n', at);
    std::size_t carriage_return = bytes.find('\r', at);
    while (at < bytes.size()) {
      if (after_carriage_return_) {
        after_carriage_return_ = false;
        if (bytes[at] == '\n') {
          line_feed = bytes.find('\n', ++at);
          continue;
        }
      }
      const std::size_t end = line_feed < carriage_return ? line_feed : carriage_return;
      const std::string_view piece =
          bytes.substr(at, end == std::string_view::npos ? end : end - at);
      if (end == std::string_view::npos) {
        if (!begin_line(piece, begin + at)) return fail();
        break;
      }
      if (!end_line(piece, begin + at, on_event)) return stopped_ ? std::error_code() : fail();
      at = end + 1;
      if (end == carriage_return) {
        after_carriage_return_ = true;
        carriage_return = bytes.find('\r', at);
      } else {
        line_feed = bytes.find('\n', at);
      }
    }
    keep_seen();
    return {};
  }

  /// The stream has ended: shows an event that lacks its end. The parser is then done.
  template <typename OnEvent>
  std::error_code finish(OnEvent&& on_event) {
    if (stopped_) return {};
    const bool has_line = in_comment_ || !line_.empty();
    if (has_line && !end_line({}, line_position_, on_event)) {
      return stopped_ ? std::error_code() : fail();
    }
    if (has_data_) dispatch(on_event, true);
    stopped_ = true;
    return {};
  }

  /// How many comments there were: servers send them to keep connections alive.
  std::size_t comments() const noexcept { return comments_; }
  /// How many bytes were fed.
  std::uint64_t position() const noexcept { return position_; }

 private:
  static constexpr std::size_t kept_capacity = 64 * 1024;

  /// Skips the byte order mark, which may come in pieces; returns where the text begins.
  std::size_t skip_mark(std::string_view bytes) {
    static constexpr char mark[] = "\xEF\xBB\xBF";
    std::size_t at = 0;
    while (mark_bytes_ < 3 && at < bytes.size()) {
      if (bytes[at] != mark[mark_bytes_]) {
        line_.assign(mark, mark_bytes_);  // it was none
        mark_bytes_ = 3;
        return at;
      }
      ++at;
      ++mark_bytes_;
    }
    return at;
  }

  /// Keeps the first part of a line whose end is not there yet. False above the limit.
  bool begin_line(std::string_view piece, std::uint64_t position) {
    if (piece.empty() || in_comment_) return true;
    if (line_.empty()) {
      line_position_ = position;
      if (piece.front() == ':') {
        in_comment_ = true;  // its text is not needed
        return true;
      }
    }
    if (!fits(line_.size() + piece.size())) return false;
    line_.append(piece);
    return true;
  }

  /// A line is whole. False when the event is above the limit or nothing more is wanted.
  template <typename OnEvent>
  bool end_line(std::string_view piece, std::uint64_t position, OnEvent& on_event) {
    if (in_comment_) {
      in_comment_ = false;
      ++comments_;
      return true;
    }
    if (line_.empty()) return process(piece, position, false, on_event);
    if (!fits(line_.size() + piece.size())) return false;
    line_.append(piece);
    const bool go_on = process(line_, line_position_, true, on_event);
    line_.clear();
    if (line_.capacity() > kept_capacity) std::string().swap(line_);
    return go_on;
  }

  bool fits(std::size_t line) const noexcept {
    return line <= max_event_bytes_ && data_bytes() <= max_event_bytes_ - line;
  }
  std::size_t data_bytes() const noexcept { return data_.size() + seen_.size(); }

  template <typename OnEvent>
  bool process(std::string_view line, std::uint64_t position, bool is_kept, OnEvent& on_event) {
    if (line.empty()) {
      if (has_data_) return dispatch(on_event, false);
      event_type_.clear();
      return true;
    }
    if (line.front() == ':') {
      ++comments_;
      return true;
    }
    if (!fits(line.size())) return false;
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    std::size_t value_at = colon == std::string_view::npos ? line.size() : colon + 1;
    if (value_at < line.size() && line[value_at] == ' ') ++value_at;
    const std::string_view value = line.substr(value_at);
    if (name == "data") {
      add_data(value, position, is_kept ? value_at : std::string_view::npos);
    } else if (name == "event") {
      event_type_.assign(value);
    } else if (name == "error" && !value.empty()) {
      sse_event event;
      event.event_type = name;
      event.data = value;
      event.position = position;
      event.is_error_field = true;
      return show(event, on_event);
    }
    return true;
  }

  /// `kept_at`: where the value begins in line_, when it is there.
  void add_data(std::string_view value, std::uint64_t position, std::size_t kept_at) {
    if (has_data_) {
      keep_seen();
      data_.push_back('\n');
      data_.append(value);
      return;
    }
    has_data_ = true;
    data_position_ = position;
    if (kept_at == std::string_view::npos) {
      seen_ = value;
    } else {  // without a second copy of what may be megabytes
      line_.erase(0, kept_at);
      data_.swap(line_);
    }
  }

  /// What is seen in the bytes of this feed() has to outlive it.
  void keep_seen() {
    if (seen_.data() == nullptr) return;
    data_.assign(seen_);
    seen_ = {};
  }

  template <typename OnEvent>
  bool dispatch(OnEvent& on_event, bool unterminated) {
    sse_event event;
    event.event_type = event_type_;
    event.data = seen_.data() != nullptr ? seen_ : std::string_view(data_);
    event.position = data_position_;
    event.unterminated = unterminated;
    const bool go_on = show(event, on_event);
    has_data_ = false;
    seen_ = {};
    data_.clear();
    if (data_.capacity() > kept_capacity) std::string().swap(data_);
    event_type_.clear();
    return go_on;
  }

  template <typename OnEvent>
  bool show(const sse_event& event, OnEvent& on_event) {
    if (!on_event(event)) stopped_ = true;
    return !stopped_;
  }

  std::error_code fail() {
    stopped_ = true;
    seen_ = {};
    std::string().swap(line_);
    std::string().swap(data_);
    return errc::too_large;
  }

  std::size_t max_event_bytes_;
  std::uint64_t position_ = 0;
  std::uint64_t line_position_ = 0;
  std::uint64_t data_position_ = 0;
  std::size_t comments_ = 0;
  std::string line_;       // the beginning of a line that is not whole yet
  std::string data_;       // data of earlier reads, or of several lines
  std::string_view seen_;  // data in the bytes of this read
  std::string event_type_;
  std::size_t mark_bytes_ = 0;
  bool has_data_ = false;
  bool in_comment_ = false;
  bool after_carriage_return_ = false;
  bool stopped_ = false;
};

}  // namespace http
}  // namespace agent_websocket

// --- agent_websocket/openrouter/json_list.hpp

// Keeps the elements of arrays that come in pieces ("images" and "annotations" of OpenRouter's
// chunks) as the JSON text of one array. What comes twice is kept once, since servers repeat the
// last chunk. Bounded; knows nothing of what the elements are.

namespace agent_websocket {
namespace openrouter {

class json_list {
 public:
  /// More elements than this are refused.
  static constexpr std::size_t max_elements = 1024;

  /// `max_bytes`: of all elements together.
  explicit json_list(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}

  /// Takes the elements of an array; anything else is passed over. False when a limit is exceeded.
  bool add(const json::value& array) {
    bool fits = true;
    array.for_each_element([&](const json::value& each) {
      if (!fits) return;
      std::string text = json::to_text(each);
      if (std::find(elements_.begin(), elements_.end(), text) != elements_.end()) return;
      fits = elements_.size() < max_elements && text.size() <= max_bytes_ - bytes_;
      if (!fits) return;
      bytes_ += text.size();
      elements_.push_back(std::move(text));
    });
    return fits;
  }

  /// The array as JSON text; empty when it would be.
  std::string take() {
    std::string text;
    if (elements_.empty()) return text;
    text.reserve(bytes_ + elements_.size() + 2);
    json::writer out(text);
    out.begin_array();
    for (const std::string& each : elements_) out.raw(each);
    out.end_array();
    elements_.clear();
    bytes_ = 0;
    return text;
  }

 private:
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::vector<std::string> elements_;
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/reasoning_details.hpp

// Merges the fragments of "reasoning_details" (OpenRouter's docs, "Reasoning tokens") into the
// array that goes back to the model with the next request. It carries signatures: a provider
// refuses raw fragments, and blocks that were changed or left out. Not for people; what they see
// comes from answer_reader.hpp.

namespace agent_websocket {
namespace openrouter {

/// The reasoning blocks of one answer.
class reasoning_details_accumulator {
 public:
  /// More blocks, or members of a block, than this are refused.
  static constexpr std::size_t max_entries = 1024;
  static constexpr std::size_t max_members = 64;

  /// `max_bytes`: of all blocks together.
  explicit reasoning_details_accumulator(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}

  /// Takes the array of a chunk; anything but an array of objects is passed over. False when a
  /// limit is exceeded.
  bool add_fragments(const json::value& fragments) {
    seen_ = seen_ || fragments.is_array();
    bool fits = true;
    fragments.for_each_element([&](const json::value& each) {
      if (!fits || !each.is_object()) return;
      entry* to = find(each);
      if (to == nullptr) {
        fits = entries_.size() < max_entries;
        if (!fits) return;
        to = &entries_.emplace_back();
        to->index = each["index"].integer();
      }
      fits = merge(*to, each);
    });
    return fits;
  }

  /// Takes the array of a whole message, as it is.
  bool add_whole(const json::value& details) {
    if (!details.is_array()) return true;
    seen_ = true;
    bool fits = true;
    details.for_each_element([&](const json::value& each) {
      if (!fits || !each.is_object()) return;
      fits = entries_.size() < max_entries && merge(entries_.emplace_back(), each);
    });
    return fits;
  }

  /// The merged array as JSON text; empty when there was none, "[]" when it was empty.
  std::string take() {
    std::string text;
    if (!seen_) return text;
    json::writer out(text);
    out.begin_array();
    for (const entry& each : entries_) {
      out.begin_object();
      for (const member& one : each.members) {
        out.key_escaped(one.name);
        one.is_text ? out.value(one.content) : out.raw(one.content);
      }
      out.end_object();
    }
    out.end_array();
    entries_.clear();
    seen_ = false;
    return text;
  }

 private:
  struct member {
    std::string name;
    std::string content;  // text, or JSON text
    bool is_text = false;
  };

  struct entry {
    std::optional<std::int64_t> index;
    std::vector<member> members;

    member* find(std::string_view name) {
      const auto is = [name](const member& each) { return each.name == name; };
      const auto found = std::find_if(members.begin(), members.end(), is);
      return found == members.end() ? nullptr : &*found;
    }
    /// The text of a member, or an empty one: null, "" and nothing say the same.
    std::string_view word(std::string_view name) {
      const member* const found = find(name);
      return found != nullptr && found->is_text ? std::string_view(found->content) : "";
    }
  };

  static std::string_view word(const json::value& from) { return from.string().value_or(""); }

  /// The block that the fragment belongs to; null: it begins one.
  entry* find(const json::value& fragment) {
    const std::string_view type = word(fragment["type"]);
    const auto latest = [this](auto&& holds) {
      const auto found = std::find_if(entries_.rbegin(), entries_.rend(), holds);
      return found == entries_.rend() ? nullptr : &*found;
    };
    if (const auto index = fragment["index"].integer()) {
      return latest([&](entry& each) { return each.index == index && each.word("type") == type; });
    }
    const bool signs = !word(fragment["signature"]).empty() && word(fragment["text"]).empty();
    if (signs) {
      entry* const signed_by_it = latest(
          [&](entry& each) { return each.word("type") == type && !each.word("text").empty(); });
      if (signed_by_it != nullptr && signed_by_it->word("signature").empty()) return signed_by_it;
    }
    if (entries_.empty()) return nullptr;
    entry& last = entries_.back();
    const bool same = last.word("type") == type && last.word("id") == word(fragment["id"]);
    return same ? &last : nullptr;
  }

  bool merge(entry& to, const json::value& fragment) {
    bool fits = true;
    fragment.for_each_member([&](std::string_view name, const json::value& value) {
      fits = fits && merge(to, name, value);
    });
    return fits;
  }

  bool merge(entry& to, std::string_view name, const json::value& value) {
    constexpr std::size_t punctuation = 6;  // "":"",
    const bool nothing = value.is_null() || value.string() == std::string_view();
    member* into = to.find(name);
    if (into == nullptr) {
      if (to.members.size() == max_members || !count(name.size() + punctuation)) return false;
      into = &to.members.emplace_back(member{std::string(name), "null", false});
      if (nothing) return set(*into, value);
    }
    if (nothing) return true;
    const bool grows = name == "text" || name == "summary" || name == "data";
    if (!grows || !into->is_text || !value.is_string()) return set(*into, value);
    if (!count(value.string()->size())) return false;
    into->content.append(*value.string());
    return true;
  }

  bool set(member& into, const json::value& value) {
    const std::optional<std::string_view> text = value.string();
    std::string content = text ? std::string(*text) : json::to_text(value);
    if (content == into.content && into.is_text == text.has_value()) return true;
    if (!count(content.size())) return false;
    into.content = std::move(content);
    into.is_text = text.has_value();
    return true;
  }

  bool count(std::size_t bytes) noexcept {
    if (bytes > max_bytes_ - bytes_) return false;
    bytes_ += bytes;
    return true;
  }

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::vector<entry> entries_;
  bool seen_ = false;
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/think_tags.hpp

// Keeps thoughts apart that a server leaves in the content, as `<think>...</think>` at its very
// beginning (LM Studio, older vLLM and llama.cpp). Content in, cut anywhere; text and reasoning
// out. A tag that stands elsewhere is text. Holds back only what may still become a tag.

namespace agent_websocket {
namespace openrouter {

enum class content_kind { text, reasoning };

/// The content of one answer.
class think_tags {
 public:
  /// More blanks than this in front of `<think>`, and it is text: they are held back until then.
  static constexpr std::size_t max_blanks = 64;

  /// Not `enabled`: all of the content is text.
  explicit think_tags(bool enabled = true) noexcept
      : state_(enabled ? state::begin : state::text) {}

  /// Takes the next piece. `take(content_kind, std::string_view)` gets what is certain now, in
  /// order and never empty; what is whole UTF-8 stays so.
  template <typename Take>
  void feed(std::string_view piece, Take&& take) {
    std::string joined;
    if (!held_.empty()) {
      joined = std::exchange(held_, {}).append(piece);
      piece = joined;
    }
    if (state_ == state::begin) piece = look_at_begin(piece);
    if (state_ == state::thought_begin) {
      piece = without_blanks(piece);
      if (!piece.empty()) state_ = state::thought;
    }
    if (state_ == state::thought) piece = read_thought(piece, take);
    if (state_ == state::text_begin) {
      piece = without_blanks(piece);
      if (!piece.empty()) state_ = state::text;
    }
    if (state_ == state::text && !piece.empty()) take(content_kind::text, piece);
  }

  /// The content has ended: what was held back is no tag.
  template <typename Take>
  void finish(Take&& take) {
    const bool is_text = state_ == state::begin;
    state_ = state::text;
    const std::string held = std::exchange(held_, {});
    if (!held.empty()) take(is_text ? content_kind::text : content_kind::reasoning, held);
  }

 private:
  enum class state { begin, thought_begin, thought, text_begin, text };

  static constexpr std::string_view opening = "<think>";
  static constexpr std::string_view closing = "</think>";

  static std::string_view without_blanks(std::string_view text) noexcept {
    const std::size_t at = text.find_first_not_of(" \t\r\n");
    return at == std::string_view::npos ? std::string_view() : text.substr(at);
  }

  /// Returns what is behind the tag, all of it when there is none, or nothing while that is open.
  std::string_view look_at_begin(std::string_view piece) {
    const std::string_view rest = without_blanks(piece);
    const bool far = piece.size() - rest.size() > max_blanks;
    if (!far && rest.substr(0, opening.size()) == opening) {
      state_ = state::thought_begin;
      return rest.substr(opening.size());
    }
    if (!far && opening.substr(0, rest.size()) == rest) {
      held_ = piece;
      return {};
    }
    state_ = state::text;
    return piece;
  }

  /// Returns what is behind the tag that ends the thought.
  template <typename Take>
  std::string_view read_thought(std::string_view piece, Take& take) {
    const std::size_t at = piece.find(closing);
    std::string_view thought = piece.substr(0, at);
    if (at == std::string_view::npos) {
      const std::size_t last = piece.rfind('<');
      const std::string_view tail =
          last == std::string_view::npos ? std::string_view() : piece.substr(last);
      if (closing.substr(0, tail.size()) == tail) {
        held_ = tail;
        thought.remove_suffix(tail.size());
      }
    }
    if (!thought.empty()) take(content_kind::reasoning, thought);
    if (at == std::string_view::npos) return {};
    state_ = state::text_begin;
    return piece.substr(at + closing.size());
  }

  std::string held_;
  state state_;
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/tool_calls.hpp

// Puts tool calls together from the fragments of a stream ("choices[].delta.tool_calls" of
// OpenRouter's API reference). Servers differ in what of index, id and name they send, repeat or
// leave out; the rules here take all that has been seen. Calls are given once, at the end: who ran
// a call as soon as its arguments parse would run it again for the blanks behind them.

namespace agent_websocket {
namespace openrouter {

namespace detail {

inline bool is_blank(std::string_view text) noexcept {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// Follows the brackets of a JSON text that arrives in pieces.
class bracket_counter {
 public:
  void feed(std::string_view text) noexcept {
    for (const char c : text) take(c);
  }
  /// Only blanks have come.
  bool is_blank() const noexcept { return state_ == state::before; }
  /// An object or array has closed, and only blanks have come behind it.
  bool is_closed() const noexcept { return state_ == state::closed; }

 private:
  enum class state : std::uint8_t { before, inside, text, escape, closed, other };

  void take(char c) noexcept {
    switch (state_) {
      case state::escape: state_ = state::text; return;
      case state::text:
        if (c == '"') state_ = state::inside;
        if (c == '\\') state_ = state::escape;
        return;
      case state::before:
      case state::closed:
        if (detail::is_blank(std::string_view(&c, 1))) return;
        state_ = state_ == state::before && (c == '{' || c == '[') ? state::inside : state::other;
        depth_ = 1;
        return;
      case state::inside:
        if (c == '"') state_ = state::text;
        if (c == '{' || c == '[') ++depth_;
        if ((c == '}' || c == ']') && --depth_ == 0) state_ = state::closed;
        return;
      case state::other: return;
    }
  }

  std::size_t depth_ = 0;
  state state_ = state::before;
};

}  // namespace detail

/// The tool calls of one answer.
class tool_call_accumulator {
 public:
  /// More calls than this are refused.
  static constexpr std::size_t max_calls = 128;

  /// `max_bytes`: of all arguments, names and ids together.
  explicit tool_call_accumulator(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}

  /// Takes the "tool_calls" of a chunk; anything but an array of objects is passed over. False when
  /// a limit is exceeded; what came before stays.
  bool add_fragments(const json::value& fragments) {
    ++array_;
    std::size_t position = 0;
    bool fits = true;
    fragments.for_each_element([&](const json::value& each) {
      if (!fits || !each.is_object()) return;
      const fragment what(each, fragments.size() > 1 ? position++ : none);
      fits = append(find(what), what);
    });
    return fits;
  }

  /// Takes the "tool_calls" of a whole message, in which each entry is a call.
  bool add_whole(const json::value& calls) {
    ++array_;
    bool fits = true;
    calls.for_each_element([&](const json::value& each) {
      if (fits && each.is_object()) fits = append(nullptr, fragment(each, none));
    });
    return fits;
  }

  /// True until something came that is a call, or will be.
  bool empty() const noexcept {
    return std::all_of(calls_.begin(), calls_.end(), [](const call& each) { return each.empty(); });
  }

  /// The calls in the order of their indexes, or else in that in which they began. `cut`: the
  /// answer is not whole (finish reason length, an error, no end); then calls whose arguments do
  /// not parse are not complete. `seed` is what ids are made of, beside the call: the same in, the
  /// same out.
  std::vector<tool_call> take(bool cut, std::string_view seed) {
    const auto is_nothing = [](const call& each) { return each.empty(); };
    calls_.erase(std::remove_if(calls_.begin(), calls_.end(), is_nothing), calls_.end());
    if (std::all_of(calls_.begin(), calls_.end(), [](const call& each) { return each.index; })) {
      const auto before = [](const call& a, const call& b) { return *a.index < *b.index; };
      std::stable_sort(calls_.begin(), calls_.end(), before);
    }
    for (auto each = calls_.begin(); each != calls_.end(); ++each) {
      tool_call& made = each->made;
      made.complete = !cut || json::document().parse(made.arguments).has_value();
      if (each->is_blank()) made.arguments = "{}";
      const auto same = [&made](const call& other) { return other.made.id == made.id; };
      if (made.id.empty() || std::any_of(calls_.begin(), each, same)) make_id(made, seed);
    }
    std::vector<tool_call> taken;
    taken.reserve(calls_.size());
    for (call& each : calls_) taken.push_back(std::move(each.made));
    calls_.clear();
    return taken;
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  struct call {
    tool_call made;
    std::optional<std::int64_t> index;
    std::size_t position = none;  // in an array without indexes
    std::uint64_t array = 0;      // the last one that had a piece of it
    detail::bracket_counter brackets;

    bool is_blank() const noexcept { return brackets.is_blank(); }
    bool empty() const noexcept { return made.id.empty() && made.name.empty() && is_blank(); }
  };

  /// One entry of an array, with what is no value taken for nothing.
  struct fragment {
    fragment(const json::value& entry, std::size_t at)
        : index(entry["index"].integer()),
          position(at),
          id(word(entry["id"])),
          name(word(entry["function"]["name"])) {
      const json::value given = entry["function"]["arguments"];
      if (given.size() != 0) arguments = json::to_text(given);
      if (const auto text = given.string()) arguments.assign(*text);
    }
    static std::string_view word(const json::value& from) {
      const std::string_view text = from.string().value_or("");
      return text == "null" ? std::string_view() : text;
    }

    std::optional<std::int64_t> index;
    std::size_t position;
    std::string_view id, name;
    std::string arguments;
  };

  /// The call that the fragment goes on with; null: it begins one.
  call* find(const fragment& what) {
    call* const found = candidate(what);
    return found != nullptr && continues(*found, what) ? found : nullptr;
  }

  template <typename Condition>
  call* latest(Condition holds) {
    const auto found = std::find_if(calls_.rbegin(), calls_.rend(), holds);
    return found == calls_.rend() ? nullptr : &*found;
  }

  call* candidate(const fragment& what) {
    if (calls_.empty()) return nullptr;
    call& last = calls_.back();
    const auto has_id = [&](const call& each) { return each.made.id == what.id; };
    if (what.index) {
      const auto at_index = [&](const call& each) { return each.index == what.index; };
      if (!what.id.empty()) {
        const auto both = [&](const call& each) { return at_index(each) && has_id(each); };
        if (call* const found = latest(both)) return found;
      }
      if (call* const found = latest(at_index)) return found;
      // Some count the fragments instead of the calls.
      const bool begins = !what.id.empty() || !what.name.empty() || is_closed(last);
      return begins ? nullptr : &last;
    }
    if (!what.id.empty()) {
      if (call* const found = latest(has_id)) return found;
      return last.made.id.empty() && what.name.empty() ? &last : nullptr;  // an id that comes late
    }
    if (what.position == none) return &last;
    const auto at_position = [&](const call& each) { return each.position == what.position; };
    if (call* const found = latest(at_position)) return found;
    return what.position < calls_.size() ? &calls_[what.position] : nullptr;
  }

  /// Whether the candidate is the call meant, or only looks so: servers give every call the index
  /// 0, or the same id, or neither.
  bool continues(const call& of, const fragment& what) const {
    if (what.name.empty()) return true;
    const bool closed = is_closed(of);
    const bool same_id = !what.id.empty() && of.made.id == what.id;
    if (of.array == array_ && !(same_id && what.index)) {
      return !closed && !of.is_blank();  // one array names each call once
    }
    const bool other_name = !of.made.name.empty() && of.made.name != what.name;
    const bool other_id = !of.made.id.empty() && !what.id.empty() && !same_id;
    if (other_id) return !closed && !other_name;
    if (closed) {  // only blanks, or the same once more, can belong to it
      if (other_name) return false;
      const bool named = same_id || what.index;  // or else a call may begin just so
      const bool blank = detail::is_blank(what.arguments) && (named || !what.arguments.empty());
      return blank || (named && what.arguments == of.made.arguments);
    }
    return same_id || !other_name || !of.is_blank();
  }

  /// The arguments are whole JSON, as far as that can be told without parsing them every time.
  static bool is_closed(const call& of) {
    if (of.brackets.is_closed()) return true;
    const std::string& text = of.made.arguments;
    constexpr std::size_t longest_scalar = 64;
    return text.size() <= longest_scalar && json::document().parse(text).has_value();
  }

  bool append(call* to, const fragment& what) {
    if (to == nullptr) {
      if (calls_.size() == max_calls) return false;
      to = &calls_.emplace_back();
    }
    to->array = array_;
    if (!to->index) to->index = what.index;
    if (to->position == none) to->position = what.position;
    if (to->made.id.empty() && !keep(to->made.id, what.id)) return false;
    if (to->made.name.empty() && !keep(to->made.name, what.name)) return false;
    if (what.arguments == to->made.arguments && is_closed(*to)) return true;  // the same again
    if (!keep(to->made.arguments, what.arguments)) return false;
    to->brackets.feed(what.arguments);
    return true;
  }

  bool keep(std::string& in, std::string_view text) {
    if (text.size() > max_bytes_ - bytes_) return false;
    bytes_ += text.size();
    in.append(text);
    return true;
  }

  /// 9 letters and digits: the form that the strictest server (Mistral) takes back.
  void make_id(tool_call& of, std::string_view seed) const {
    std::uint64_t hash = 14'695'981'039'346'656'037u;  // FNV-1a
    const auto mix = [&hash](std::string_view text) {
      for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211u;
      hash = (hash ^ 0xFFu) * 1'099'511'628'211u;
    };
    mix(seed);
    mix(of.name);
    mix(of.arguments);
    const auto is_taken = [&](const call& each) {
      return &each.made != &of && each.made.id == of.id;
    };
    do {
      mix("again");
      of.id.clear();
      for (std::uint64_t rest = hash; of.id.size() < 9; rest /= 36) {
        of.id.push_back("0123456789abcdefghijklmnopqrstuvwxyz"[rest % 36]);
      }
    } while (std::any_of(calls_.begin(), calls_.end(), is_taken));
  }

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t array_ = 0;
  std::vector<call> calls_;
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/answer_reader.hpp

// Reads one chunk of a streamed answer, or a whole answer, as parsed JSON: text and reasoning go to
// a sink, the rest, tool calls among it, is collected in an outcome. Follows OpenRouter's API
// reference (chat completion chunk) and takes what other servers leave out, set to null or spell
// differently. Knows no bytes and no ends; those are stream_decoder.hpp's.

namespace agent_websocket {
namespace openrouter {

/// Receives an answer while it is decoded.
class answer_sink {
 public:
  /// Before the first fragment of content, reasoning or a tool call; at most once.
  virtual void on_begin(std::string_view model) = 0;
  virtual void on_text(std::string_view text) = 0;
  virtual void on_reasoning(std::string_view text) = 0;
  /// Asked for when a failure has to be put in words.
  virtual failure_context context() const = 0;

 protected:
  ~answer_sink() = default;
};

/// The state of one answer. A sink function that wants no more calls stop().
class answer_reader {
 public:
  explicit answer_reader(const answer_limits& limits, const dialect& as = {}) noexcept
      : max_text_bytes_(limits.max_text_bytes),
        tags_(as.think_tags),
        calls_(limits.max_text_bytes),
        details_(limits.max_text_bytes),
        annotations_(limits.max_text_bytes),
        images_(limits.max_image_bytes) {}

  /// One chunk ("choices[].delta"). Returns its text when that is all it gave, or else nothing.
  std::string_view read_chunk(const json::value& top, answer_sink& sink) {
    plain_text_ = {};
    has_more_ = false;
    read(top, false, sink);
    return stopped_ || has_more_ ? std::string_view() : plain_text_;
  }
  /// The text of a chunk that holds nothing else that is new.
  void read_text(std::string_view text, answer_sink& sink) { give_content(text, sink); }
  /// A whole answer ("choices[].message").
  void read_whole(const json::value& top, answer_sink& sink) {
    read(top, true, sink);
    if (!stopped_ && !top["choices"][0].exists()) fail(failure(errc::empty_response), sink);
  }

  /// No content follows: gives what may have become a tag.
  void finish(answer_sink& sink) {
    tags_.finish([&](content_kind kind, std::string_view part) { give_part(kind, part, sink); });
  }
  /// Ends the answer with a failure; what was collected stays.
  void fail(failure why, answer_sink& sink) {
    finish(sink);
    fail(std::move(why));
  }
  /// No more calls to the sink.
  void stop() noexcept { stopped_ = true; }
  bool stopped() const noexcept { return stopped_; }

  /// True once anything of content, reasoning or a tool call was there.
  bool has_output() const noexcept { return has_output_; }
  bool has_text() const noexcept { return text_bytes_ != 0; }
  bool has_tool_calls() const noexcept { return !calls_.empty(); }

  outcome& ended() noexcept { return ended_; }
  const outcome& ended() const noexcept { return ended_; }

  /// The outcome with all that was collected. `whole`: the answer has come to its end.
  outcome take_outcome(bool whole) {
    const std::string& reason = ended_.finish_reason;
    const bool cut = !whole || ended_.failed || reason == "length" || reason == "content_filter";
    ended_.tool_calls = calls_.take(cut, ended_.generation_id);
    ended_.has_tool_calls = !ended_.tool_calls.empty();
    ended_.reasoning_details = details_.take();
    ended_.annotations = annotations_.take();
    ended_.images = images_.take();
    return std::move(ended_);
  }

 private:
  enum class reasoning_field { none, reasoning, reasoning_content, details };

  void read(const json::value& top, bool whole, answer_sink& sink) {
    keep_first(ended_.model, top["model"]);
    keep_first(ended_.provider, top["provider"]);
    keep_first(ended_.generation_id, top["id"]);
    if (read_usage(top["usage"], ended_.usage)) has_more_ = true;
    const json::value choice = first_choice(top["choices"]);
    json::value piece = choice[whole ? "message" : "delta"];
    // Some servers send a whole message as the only chunk.
    if (!piece.is_object() && !has_output_) {
      piece = choice["message"];
      whole = has_more_ = true;
    }
    read_reasoning(piece, sink);
    read_content(piece, sink);
    collect(piece, whole, sink);
    if (stopped_) return;
    if (const auto reason = choice["finish_reason"].string(); reason && !reason->empty()) {
      ended_.finish_reason.assign(*reason);
      has_more_ = true;
    }
    if (const json::value fault = find_error(top); fault.exists()) {
      fail(read_stream_failure(top, fault, sink.context()), sink);
    } else if (ended_.finish_reason == "error") {
      fail(read_stream_failure(top, {}, sink.context()), sink);
      ended_.failed->retryable = true;
    }
  }

  /// The choice with index 0, where one says so; others are other answers to the same question.
  static json::value first_choice(const json::value& choices) {
    json::value found;
    choices.for_each_element([&found](const json::value& choice) {
      if (!found.exists() && choice["index"].integer().value_or(0) == 0) found = choice;
    });
    return found;
  }

  static void keep_first(std::string& kept, const json::value& from) {
    if (!kept.empty()) return;
    if (const auto text = from.string()) kept.assign(*text);
  }

  void read_content(const json::value& piece, answer_sink& sink) {
    const json::value content = piece["content"];
    if (const auto text = content.string()) {
      plain_text_ = *text;
      give_content(*text, sink);
    } else if (content.is_array()) {  // Mistral: parts, of which some are thoughts
      content.for_each_element([&](const json::value& part) {
        if (const auto words = part["text"].string()) give_content(*words, sink);
      });
    } else if (const auto refused = piece["refusal"].string()) {
      give_content(*refused, sink);
    }
    if (piece["audio"].is_object()) begin_more(sink);
  }

  /// What is kept for the end.
  void collect(const json::value& piece, bool whole, answer_sink& sink) {
    const json::value calls = piece["tool_calls"];
    const json::value details = piece["reasoning_details"];
    const json::value images = piece["images"];
    if (has_elements(calls) || has_elements(images)) begin_more(sink);
    if (stopped_) return;
    if (!(whole ? calls_.add_whole(calls) : calls_.add_fragments(calls))) {
      fail_too_long("tool calls");
    } else if (!(whole ? details_.add_whole(details) : details_.add_fragments(details))) {
      fail_too_long("reasoning details");
    } else if (!images_.add(images)) {
      fail_too_long("images");
    } else if (!annotations_.add(piece["annotations"])) {
      fail_too_long("annotations");
    }
  }
  static bool has_elements(const json::value& array) noexcept {
    return array.is_array() && array.size() != 0;
  }

  /// The same thoughts may stand in up to three fields: the first that is seen is the one shown.
  void read_reasoning(const json::value& piece, answer_sink& sink) {
    give_reasoning(piece["reasoning"], reasoning_field::reasoning, sink);
    give_reasoning(piece["reasoning_content"], reasoning_field::reasoning_content, sink);
    piece["reasoning_details"].for_each_element([&](const json::value& entry) {
      begin_more(sink);
      const json::value text = entry["text"];
      give_reasoning(text.is_string() ? text : entry["summary"], reasoning_field::details, sink);
    });
  }

  void give_reasoning(const json::value& from, reasoning_field field, answer_sink& sink) {
    const auto text = from.string();
    if (!text || text->empty()) return;
    if (shown_ == reasoning_field::none) shown_ = field;
    if (shown_ != field) return;
    begin_more(sink);
    give_part(content_kind::reasoning, *text, sink);
  }

  void give_content(std::string_view content, answer_sink& sink) {
    if (content.empty()) return;
    begin(sink);
    tags_.feed(content,
               [&](content_kind kind, std::string_view part) { give_part(kind, part, sink); });
  }

  void give_part(content_kind kind, std::string_view part, answer_sink& sink) {
    if (kind == content_kind::text) return give_text(part, sink);
    const std::string_view fits = cut_utf8(part, max_text_bytes_ - reasoning_bytes_);
    reasoning_bytes_ += fits.size();
    if (!stopped_ && !fits.empty()) sink.on_reasoning(fits);
    if (!stopped_ && fits.size() != part.size()) fail_too_long("reasoning");
  }

  void give_text(std::string_view text, answer_sink& sink) {
    const std::string_view fits = cut_utf8(text, max_text_bytes_ - text_bytes_);
    text_bytes_ += fits.size();
    if (!stopped_ && !fits.empty()) sink.on_text(fits);
    if (!stopped_ && fits.size() != text.size()) fail_too_long("text");
  }

  void begin(answer_sink& sink) {
    if (has_output_ || stopped_) return;
    has_output_ = true;
    sink.on_begin(ended_.model);
  }

  /// Something other than text, which comes again when the same chunk does.
  void begin_more(answer_sink& sink) {
    has_more_ = true;
    begin(sink);
  }

  void fail(failure why) {
    if (!ended_.failed) ended_.failed = std::move(why);
    stopped_ = true;
  }

  void fail_too_long(const char* of_what) {
    failure why(error(errc::truncated, "The answer is longer than allowed"));
    why.why.detail = std::string("too many bytes, or too many pieces, of ") + of_what;
    why.retryable = false;
    fail(std::move(why));
  }

  std::size_t max_text_bytes_;
  std::size_t text_bytes_ = 0;
  std::size_t reasoning_bytes_ = 0;
  think_tags tags_;
  outcome ended_;
  tool_call_accumulator calls_;
  reasoning_details_accumulator details_;
  json_list annotations_;
  json_list images_;
  std::string_view plain_text_;  // of the chunk that is being read
  bool has_more_ = false;        // that chunk gave something else
  reasoning_field shown_ = reasoning_field::none;
  bool has_output_ = false;
  bool stopped_ = false;
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/chunk_pattern.hpp

// The chunks of one stream are the same text but for what stands in "content". A pattern keeps what
// was around it in a chunk that was parsed; a later chunk that fits holds nothing new but its text,
// which is taken without parsing. Costs a tenth of a parse and is only ever sure or silent.

namespace agent_websocket {
namespace openrouter {

class chunk_pattern {
 public:
  /// `chunk` is the JSON text of a chunk that gave `text`, its "content", and nothing else. What
  /// cannot be learned from leaves the pattern as it is.
  void learn(std::string_view chunk, std::string_view text) {
    if (chunk.size() > max_chunk_bytes || text.empty()) return;
    // Without a backslash no name and no text is spelled in two ways. If the name then stands in
    // the chunk once only, it is that of the text that was given.
    if (chunk.find('\\') != std::string_view::npos) return;
    const std::size_t at = chunk.find(name);
    if (at == std::string_view::npos) return;
    if (chunk.find(name, at + 1) != std::string_view::npos) return;
    const std::size_t begin = at + name.size() + opening.size();
    if (chunk.substr(at + name.size(), opening.size()) != opening) return;
    if (chunk.substr(begin, text.size()) != text) return;
    if (chunk.substr(begin + text.size(), 1) != "\"") return;
    before_.assign(chunk.substr(0, begin));
    behind_.assign(chunk.substr(begin + text.size()));
  }

  /// The text of `chunk` when all the rest of it is as it was learned.
  std::optional<std::string_view> match(std::string_view chunk) const noexcept {
    if (before_.empty() || chunk.size() <= before_.size() + behind_.size()) return std::nullopt;
    const std::size_t length = chunk.size() - before_.size() - behind_.size();
    if (chunk.substr(0, before_.size()) != before_) return std::nullopt;
    if (chunk.substr(before_.size() + length) != behind_) return std::nullopt;
    const std::string_view text = chunk.substr(before_.size(), length);
    bool ascii = true;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || c == '"' || c == '\\') return std::nullopt;
      ascii = ascii && byte < 0x80;
    }
    if (!ascii && !is_utf8(text)) return std::nullopt;
    return text;
  }

 private:
  static constexpr std::size_t max_chunk_bytes = 4096;
  static constexpr std::string_view name = "\"content\"";
  static constexpr std::string_view opening = ":\"";

  std::string before_;  // with the quote that opens the text; empty when nothing was learned
  std::string behind_;  // with the quote that closes it
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/json_repair.hpp

// Makes JSON text readable that is wrong in its characters only: servers that cut text by bytes or
// by UTF-16 units send halves of characters, raw or as \u escapes. Each half becomes U+FFFD. Wrong
// structure is left as it is.

namespace agent_websocket {
namespace openrouter {

namespace detail {

/// The code unit of a \uXXXX escape at the front of `text`, or -1.
constexpr int escaped_unit(std::string_view text) noexcept {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return -1;
  int unit = 0;
  for (std::size_t i = 2; i < 6; ++i) {
    const char c = text[i];
    int digit = -1;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

constexpr bool is_high_half(int unit) noexcept { return unit >= 0xD800 && unit <= 0xDBFF; }
constexpr bool is_low_half(int unit) noexcept { return unit >= 0xDC00 && unit <= 0xDFFF; }

}  // namespace detail

/// `json` with every half of a character replaced. Linear.
inline std::string repair_characters(std::string_view json) {
  std::string repaired;
  repaired.reserve(json.size() + 16);
  const auto keep = [&](std::size_t bytes) {
    repaired.append(json.substr(0, bytes));
    json.remove_prefix(bytes);
  };
  while (!json.empty()) {
    if (json.front() == '\\') {
      const int unit = detail::escaped_unit(json);
      if (detail::is_high_half(unit) && detail::is_low_half(detail::escaped_unit(json.substr(6)))) {
        keep(12);
      } else if (detail::is_high_half(unit) || detail::is_low_half(unit)) {
        repaired.append("\\ufffd");
        json.remove_prefix(6);
      } else {
        keep(json.size() < 2 ? 1 : 2);  // with what is escaped, which may be a backslash
      }
      continue;
    }
    if (const std::size_t length = utf8_sequence_length(json); length != 0) {
      keep(length);
    } else {
      repaired.append("\xEF\xBF\xBD");
      json.remove_prefix(1);
    }
  }
  return repaired;
}

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/stream_decoder.hpp

// Decodes the body of an answer with status 2xx: server-sent events of chunks, or one JSON object
// from a server that does not stream. Finds out how it ended, by the rules of OpenRouter's docs
// ("Streaming") and those of the servers that never heard of them. Bytes in, calls on a sink out;
// no clock, no connection.

namespace agent_websocket {
namespace openrouter {

/// One answer. The sink may call stop() from inside its functions; it must not destroy the decoder.
class stream_decoder {
 public:
  explicit stream_decoder(const answer_limits& limits = {}, const dialect& as = {})
      : max_body_bytes_(limits.max_event_bytes),
        events_(limits.max_event_bytes),
        answer_(limits, as) {}

  /// Takes the next bytes of the body. Once done() they are dropped.
  void feed(std::string_view bytes, answer_sink& sink) {
    if (form_ == form::unknown) bytes = look_at(bytes);
    if (answer_.stopped() || bytes.empty()) return;
    switch (form_) {
      case form::unknown: return;
      case form::events: {
        const auto take = [&](const http::sse_event& event) { return read_event(event, sink); };
        if (events_.feed(bytes, take)) fail_too_large(sink);
        return;
      }
      case form::json:
      case form::other: return collect(bytes, sink);
    }
  }

  /// The body has ended: as its framing says it should, or because of `lost`, the connection.
  void finish(answer_sink& sink, const failure* lost = nullptr) {
    if (answer_.stopped()) return;
    switch (form_) {
      case form::unknown: break;
      case form::events: {
        const auto take = [&](const http::sse_event& event) { return read_event(event, sink); };
        if (events_.finish(take)) fail_too_large(sink);
        break;
      }
      case form::json: read_body(lost, sink); break;
      case form::other: fail_malformed("answer", body_, sink); break;
    }
    if (!answer_.stopped()) end(form_ == form::json, lost, sink);
  }

  /// Ends the answer with a failure from outside, such as a timeout; what was collected stays.
  void fail(failure why, answer_sink& sink) { answer_.fail(std::move(why), sink); }
  /// No more calls to the sink.
  void stop() noexcept { answer_.stop(); }

  /// The outcome stands. With [DONE] that is before the body's end.
  bool done() const noexcept { return answer_.stopped(); }
  /// True once anything of content, reasoning or a tool call was there.
  bool has_output() const noexcept { return answer_.has_output(); }
  /// True when [DONE] was seen: what follows is nothing, and the connection can be used again.
  bool saw_done() const noexcept { return saw_done_; }

  /// The outcome, as far as it is known. The counters are those of now.
  outcome take_outcome() {
    outcome ended = answer_.take_outcome(is_whole_);
    ended.comments = events_.comments();
    ended.skipped = skipped_;
    return ended;
  }

 private:
  enum class form { unknown, events, json, other };
  static constexpr std::size_t kept_document_bytes = 1u << 20;

  /// Servers are wrong about Content-Type, and put blank lines before JSON to keep a connection
  /// alive; the first character that is not blank tells. No field of an event begins with '{'.
  std::string_view look_at(std::string_view bytes) {
    std::size_t at = 0;
    while (at < bytes.size() && is_blank(bytes[at])) ++at;
    skipped_bytes_ += at;
    if (at == bytes.size()) return {};
    const char first = bytes[at];
    if (first == '{' || first == '[') {
      form_ = form::json;
    } else if (first == '<') {
      form_ = form::other;
    } else {
      form_ = form::events;
    }
    return bytes.substr(at);
  }

  // Also the bytes of a byte order mark.
  static bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\xEF' || c == '\xBB' ||
           c == '\xBF';
  }

  void collect(std::string_view bytes, answer_sink& sink) {
    if (form_ == form::other) {
      body_.append(bytes.substr(0, 8192 - std::min<std::size_t>(body_.size(), 8192)));
      return;
    }
    if (bytes.size() > max_body_bytes_ - body_.size()) return fail_too_large(sink);
    body_.append(bytes);
  }

  /// False when nothing more is wanted.
  bool read_event(const http::sse_event& event, answer_sink& sink) {
    ++event_count_;
    const std::string_view data = http::trim(event.data);
    if (data.empty()) return true;
    if (data == "[DONE]") {
      saw_done_ = true;
      end(true, nullptr, sink);
      return false;
    }
    const bool is_error = event.is_error_field || event.event_type == "error";
    if (data.front() == ':' && !is_error) {  // a comment that a proxy has put into data
      ++skipped_;
      return true;
    }
    if (!is_error) {
      if (const auto text = pattern_.match(data)) {
        answer_.read_text(*text, sink);
        return !answer_.stopped();
      }
    }
    if (!parse(data)) {
      if (is_error) {
        fail_with_words(data, sink);
      } else if (event.unterminated) {
        return true;  // cut in the middle: the end says so
      } else if (!event.event_type.empty() && event.event_type != "message") {
        ++skipped_;
        return true;
      } else {
        fail_malformed("chunk (event " + std::to_string(event_count_) + ", at byte " +
                           std::to_string(skipped_bytes_ + event.position) + ")",
                       data, sink);
      }
      return false;
    }
    const json::value top = document_.root();
    if (is_error) {
      const json::value fault = find_error(top);
      answer_.fail(read_stream_failure(top, fault.exists() ? fault : top, sink.context()), sink);
    } else if (top.is_object()) {
      pattern_.learn(data, answer_.read_chunk(top, sink));
    } else {
      ++skipped_;
    }
    if (data.size() > kept_document_bytes) document_ = json::document();
    return !answer_.stopped();
  }

  void read_body(const failure* lost, answer_sink& sink) {
    if (parse(body_) && document_.root().is_object()) {
      answer_.read_whole(document_.root(), sink);
    } else if (lost != nullptr) {
      answer_.fail(*lost, sink);
    } else {
      fail_malformed("answer", body_, sink);
    }
  }

  bool parse(std::string_view text) {
    json::parse_limits limits;
    limits.max_bytes = static_cast<std::size_t>(-1);  // bounded before
    const result<void> read = document_.parse(text, limits);
    return read || document_.parse(repair_characters(text), limits);
  }

  /// The answer has ended without an error of its own. `whole`: it said so itself.
  void end(bool whole, const failure* lost, answer_sink& sink) {
    answer_.finish(sink);
    if (answer_.stopped()) return;
    outcome& ended = answer_.ended();
    answer_.stop();
    ended.no_done = form_ == form::events && !saw_done_;
    whole = whole && answer_.has_output();
    if (whole || !ended.finish_reason.empty()) {
      is_whole_ = true;
      if (is_empty(ended)) ended.failed = failure(errc::empty_response);
      const bool only_calls = answer_.has_tool_calls() && !answer_.has_text();
      if (ended.finish_reason.empty() && only_calls) ended.finish_reason = "tool_calls";
    } else if (answer_.has_output()) {
      ended.failed = failure(errc::truncated);
      if (lost != nullptr) ended.failed->why.detail = lost->why.detail;
    } else {
      ended.failed = lost != nullptr ? *lost : failure(errc::empty_response);
    }
  }

  /// A finish reason alone is no answer, unless tokens were spent on what stayed hidden.
  bool is_empty(const outcome& ended) const noexcept {
    if (answer_.has_output()) return false;
    if (ended.finish_reason == "length" || ended.finish_reason == "content_filter") return false;
    return ended.usage.completion_tokens.value_or(0) == 0;
  }

  void fail_too_large(answer_sink& sink) {
    failure why(error(errc::truncated, "The model's provider sent too much at once"));
    why.retryable = false;
    answer_.fail(std::move(why), sink);
  }

  void fail_malformed(const std::string& what, std::string_view text, answer_sink& sink) {
    failure why(errc::provider_error);
    why.why.message = "The model's provider sent a malformed " + what;
    why.why.detail = words_for_log(cut_utf8(text, 8192), sink.context().secret);
    answer_.fail(std::move(why), sink);
  }

  void fail_with_words(std::string_view text, answer_sink& sink) {
    failure why(errc::provider_error);
    const std::string words = words_for_client(text, sink.context().secret);
    if (!words.empty()) why.why.message.append(": ").append(words);
    why.why.detail = words_for_log(text, sink.context().secret);
    why.retryable = false;
    answer_.fail(std::move(why), sink);
  }

  std::size_t max_body_bytes_;
  http::sse_parser events_;
  answer_reader answer_;
  json::document document_;
  chunk_pattern pattern_;
  std::string body_;                 // of an answer that is no stream
  std::uint64_t skipped_bytes_ = 0;  // before the first event
  std::size_t event_count_ = 0;
  std::size_t skipped_ = 0;
  form form_ = form::unknown;
  bool saw_done_ = false;
  bool is_whole_ = false;
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/policy/http_client.hpp

// Requirement HttpClient: sends requests and streams the answers back. Shipped models:
// adapters::curl_http_client, testing::mock_http_client.
//
// | expression        | result       | promise of the policy                                                          |
// |-------------------|--------------|--------------------------------------------------------------------------------|
// | c.start(req,sink) | http_call_id | begins the request; never calls the sink before it returns; ids are not reused |
// | c.cancel(id)      | void         | closes that request's connection (or stream) at once; its sink is never called |
// |                   |              | again, not even with on_complete; unknown and completed ids are ignored        |
// | c.pause(id)       | void         | no on_body and no on_complete until resume; the peer feels it                  |
// | c.resume(id)      | void         | goes on; never calls the sink before it returns                                |
//
// Per request, on the executor: at most one on_head, then any number of on_body, then exactly one on_complete
// (unless cancelled). on_head is not called for 1xx answers. Every status is a success to the policy; redirects are
// not followed. A body whose framing (Content-Length, chunks) was cut short completes with an error.
// on_complete's errors: none; errc::timeout_connect (req.connect_timeout passed before the connection stood, the time
// for the answer never counts); errc::connection_failed (resolve, connect, TLS, reset); errc::protocol_error (not HTTP,
// or a body cut short); errc::too_large. TLS certificates and host names are always verified. Proxy settings of the
// environment are honoured. The words of the failure go to `detail`, for the log.
//
// Promise of the library: calls only from the executor; the sink lives until on_complete or cancel; sink functions do
// not throw; cancel, pause, resume and start may be called from inside sink functions.

namespace agent_websocket {

/// Names one request of one client; 0 is never given out.
using http_call_id = std::uint64_t;

/// Receives the answer of a request.
class http_sink {
 public:
  virtual void on_head(http_call_id call, int status, const http::header_list& headers) = 0;
  virtual void on_body(http_call_id call, std::string_view bytes) = 0;
  virtual void on_complete(http_call_id call, std::error_code failure, std::string_view detail) = 0;

 protected:
  ~http_sink() = default;
};

namespace detail {
template <typename C>
using http_start_expression = std::enable_if_t<std::is_same_v<
    decltype(std::declval<C&>().start(std::declval<http::request>(), std::declval<http_sink&>())), http_call_id>>;
template <typename C>
using http_cancel_expression = decltype(std::declval<C&>().cancel(http_call_id()));
template <typename C>
using http_pause_expression = decltype(std::declval<C&>().pause(http_call_id()));
template <typename C>
using http_resume_expression = decltype(std::declval<C&>().resume(http_call_id()));
}  // namespace detail

template <typename C>
inline constexpr bool has_http_start_v = is_detected_v<detail::http_start_expression, C>;
template <typename C>
inline constexpr bool has_http_cancel_v = is_detected_v<detail::http_cancel_expression, C>;
template <typename C>
inline constexpr bool has_http_pause_v = is_detected_v<detail::http_pause_expression, C>;
template <typename C>
inline constexpr bool has_http_resume_v = is_detected_v<detail::http_resume_expression, C>;

/// True when C meets the requirement HttpClient.
template <typename C>
inline constexpr bool is_http_client_v =
    has_http_start_v<C> && has_http_cancel_v<C> && has_http_pause_v<C> && has_http_resume_v<C>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename C>
concept http_client_policy = is_http_client_v<C>;
#endif

/// Instantiated by everything that takes an HttpClient, so that the first error line names the missing member.
template <typename C>
constexpr bool require_http_client() {
  static_assert(has_http_start_v<C>, "HttpClient needs: http_call_id start(http::request, http_sink&)");
  static_assert(has_http_cancel_v<C>, "HttpClient needs: void cancel(http_call_id)");
  static_assert(has_http_pause_v<C>, "HttpClient needs: void pause(http_call_id)");
  static_assert(has_http_resume_v<C>, "HttpClient needs: void resume(http_call_id)");
  return true;
}

}  // namespace agent_websocket

// --- agent_websocket/openrouter/completion.hpp

// One completion from its first attempt to its end: sends the request, decodes the answer, waits
// and repeats, watches the clocks. Owned by basic_openrouter_client (client.hpp), which is where to
// begin reading. Every callback holds the object alive, for a sink may cancel it, or destroy the
// client, from inside.

namespace agent_websocket {
namespace openrouter {

/// Who owns completions.
class completion_owner {
 public:
  /// The completion has ended for its sink; its connection is still read to its end.
  virtual void on_ended(completion_id id) = 0;
  /// Nothing is left of it.
  virtual void on_finished(completion_id id) = 0;

 protected:
  ~completion_owner() = default;
};

/// What all completions of a client share.
template <typename HttpClient, typename Scheduler>
struct client_surroundings {
  client_settings settings;
  result<void> checked;  ///< settings, once
  HttpClient& http;
  Scheduler& scheduler;
  random_source random;
  completion_owner& owner;
};

template <typename HttpClient, typename Scheduler>
class basic_completion final
    : public http_sink,
      private answer_sink,
      public std::enable_shared_from_this<basic_completion<HttpClient, Scheduler>> {
 public:
  using surroundings = client_surroundings<HttpClient, Scheduler>;

  basic_completion(surroundings& around, completion_id id, chat_request request,
                   completion_sink& sink)
      : around_(around), id_(id), request_(std::move(request)), sink_(&sink) {}

  void begin() {
    clocks_.start(now());
    send();
  }

  /// Ends it without a word.
  void abandon() {
    state_ = state::over;
    if (answer_) answer_->stop();
    stop_timer();
    stop_call();
  }

  void pause() {
    if (clocks_.paused() || state_ == state::over) return;
    clocks_.pause(now());
    if (call_ != 0) around_.http.pause(call_);
  }

  void resume() {
    if (!clocks_.paused() || state_ == state::over) return;
    clocks_.resume(now());
    if (call_ != 0) around_.http.resume(call_);
    watch();
  }

  // ---- http_sink

  void on_head(http_call_id, int status, const http::header_list& headers) override {
    const auto self = this->shared_from_this();
    status_ = status;
    clocks_.on_head(now());
    if (!is_success()) {
      headers_ = headers;
      return watch();
    }
    if (const auto id = headers.find("X-Generation-Id")) generation_id_.assign(*id);
    // Nobody asked for it; decoding what a client did not offer to decode would be guessing.
    if (const auto coding = headers.find("Content-Encoding"); is_coded(coding.value_or(""))) {
      failure why(errc::provider_error);
      why.why.detail =
          words_for_log("Content-Encoding that was not asked for: " + std::string(*coding));
      why.retryable = false;
      return give_up(std::move(why));
    }
    watch();
  }

  void on_body(http_call_id, std::string_view bytes) override {
    const auto self = this->shared_from_this();
    if (state_ != state::sent) return;
    clocks_.on_bytes(now());
    if (!is_success()) {
      const std::size_t room = max_error_bytes - error_body_.size();
      error_body_.append(bytes.substr(0, room));
      if (bytes.size() >= room) give_up(http_failure());
      return;
    }
    answer_->feed(bytes, *this);
    if (state_ == state::sent && answer_->done()) conclude();
  }

  void on_complete(http_call_id, std::error_code failed, std::string_view detail) override {
    const auto self = this->shared_from_this();
    call_ = 0;
    if (state_ == state::draining) return finish_draining();
    if (state_ != state::sent) return;
    if (status_ != 0 && !is_success()) return give_up(http_failure());
    if (failed || status_ == 0) {
      const failure lost = connection_failure(failed, detail);
      answer_->finish(*this, &lost);
    } else {
      answer_->finish(*this);
    }
    if (state_ == state::sent) conclude();
  }

 private:
  enum class state { sent, waiting, draining, over };

  static constexpr std::size_t max_error_bytes = 64 * 1024;
  // For the few bytes of framing behind [DONE], so that the connection can be used again.
  static constexpr std::chrono::milliseconds drain_time{1'000};

  // ---- one attempt

  void send() {
    result<void> usable = around_.checked;
    std::string body;
    if (usable) {
      result<std::string> encoded = encode(request_, around_.settings.dialect);
      if (encoded) {
        body = std::move(*encoded);
      } else {
        usable = encoded.error();
      }
    }
    answer_.emplace(around_.settings.limits, around_.settings.dialect);
    state_ = state::sent;
    if (!usable) return refuse_later(usable.error());
    ++attempts_;
    status_ = 0;
    headers_.clear();
    error_body_.clear();
    generation_id_.clear();
    clocks_.send(now(), request_.stream);
    call_ = around_.http.start(
        make_http_request(around_.settings, std::move(body), request_.stream), *this);
    watch();
  }

  /// Not at once: the sink is never called from inside start.
  void refuse_later(error why) {
    failure refused(std::move(why));
    refused.retryable = false;
    around_.scheduler.post([weak = this->weak_from_this(), refused] {
      const auto self = weak.lock();
      if (self && self->state_ == state::sent) self->give_up(refused);
    });
  }

  bool is_success() const noexcept { return status_ >= 200 && status_ <= 299; }
  static bool is_coded(std::string_view coding) noexcept {
    return !http::trim(coding).empty() && !http::iequals(http::trim(coding), "identity");
  }

  failure http_failure() const {
    return read_http_failure(status_, headers_, error_body_, context());
  }

  failure connection_failure(std::error_code failed, std::string_view detail) const {
    failure why(errc::connection_failed);
    if (failed == errc::timeout_connect) why = failure(errc::timeout_connect);
    if (!failed || failed == errc::protocol_error || failed == errc::too_large) {
      why = failure(errc::provider_error);
      why.retryable = failed != errc::too_large;
    }
    why.why.detail = words_for_log(detail, around_.settings.api_key);
    return why;
  }

  void give_up(failure why) {
    answer_->fail(std::move(why), *this);
    if (state_ == state::sent) conclude();
  }

  // ---- the end of an attempt

  /// The outcome of the attempt stands: repeat it, or report it.
  void conclude() {
    const bool begun = answer_->has_output();
    const bool reusable = answer_->saw_done() && !clocks_.paused();
    outcome ended = answer_->take_outcome();
    ended.attempts = attempts_;
    if (!generation_id_.empty()) ended.generation_id = generation_id_;
    if (ended.failed && !begun) {
      if (const auto wait = next_wait(*ended.failed)) return wait_and_repeat(*wait, *ended.failed);
    }
    stop_timer();
    request_ = {};
    if (call_ != 0 && reusable && !ended.failed) {
      state_ = state::draining;
      drained_by_ = now() + drain_time;
      watch();
      around_.owner.on_ended(id_);
    } else {
      state_ = state::over;
      stop_call();
      around_.owner.on_finished(id_);
    }
    sink_->on_complete(id_, ended);  // last: the client may be gone after it
  }

  std::optional<std::chrono::milliseconds> next_wait(const failure& why) {
    const auto wait = decide_retry(around_.settings.retry, attempts_, why, around_.random.unit());
    if (wait && clocks_.exceeds_total(around_.settings, now(), *wait)) return std::nullopt;
    return wait;
  }

  void wait_and_repeat(std::chrono::milliseconds wait, const failure& why) {
    stop_call();
    state_ = state::waiting;
    clocks_.wait(now(), wait);
    watch();
    sink_->on_retry(id_, attempts_, wait, why);
  }

  void stop_call() {
    if (call_ != 0) around_.http.cancel(std::exchange(call_, 0));
  }

  void finish_draining() {
    abandon();
    around_.owner.on_finished(id_);
  }

  // ---- answer_sink

  void on_begin(std::string_view model) override {
    request_ = {};  // from here on it is never sent again
    sink_->on_begin(id_, model);
  }
  void on_text(std::string_view text) override { sink_->on_text(id_, text); }
  void on_reasoning(std::string_view text) override { sink_->on_reasoning(id_, text); }
  failure_context context() const override {
    return {around_.scheduler.wall_now(), around_.settings.api_key};
  }

  // ---- clocks: one timer, moved only when it would fire too late

  time_point now() const { return around_.scheduler.now(); }

  std::optional<deadline> next_deadline() const {
    switch (state_) {
      case state::over: return std::nullopt;
      case state::draining: return deadline{drained_by_};
      case state::waiting: return deadline{clocks_.retry_at()};
      case state::sent: break;
    }
    return clocks_.next(around_.settings, answer_->has_output());
  }

  void watch() {
    const std::optional<deadline> next = next_deadline();
    if (!next || clocks_.paused()) return;
    if (timer_ != 0 && timer_at_ <= next->at) return;
    stop_timer();
    timer_at_ = next->at;
    timer_ = around_.scheduler.start_timer(timer_at_, [weak = this->weak_from_this()] {
      if (const auto self = weak.lock()) self->on_timer();
    });
  }

  void stop_timer() {
    if (timer_ != 0) around_.scheduler.cancel_timer(std::exchange(timer_, 0));
  }

  void on_timer() {
    timer_ = 0;
    if (clocks_.paused()) return;  // resume() watches again
    const std::optional<deadline> next = next_deadline();
    if (!next) return;
    if (next->at > now()) return watch();
    switch (state_) {
      case state::over: return;
      case state::draining: return finish_draining();
      case state::waiting: return send();
      case state::sent: break;
    }
    if (status_ != 0 && !is_success()) return give_up(http_failure());  // the status says more
    failure why(next->passed);
    // Whoever set the limit meant how long somebody waits, and the attempt may have been billed.
    why.retryable = false;
    give_up(std::move(why));
  }

  surroundings& around_;
  const completion_id id_;
  chat_request request_;
  completion_sink* sink_;
  std::optional<stream_decoder> answer_;
  http::header_list headers_;  // of a failed attempt
  std::string error_body_;
  std::string generation_id_;
  completion_clocks clocks_;
  time_point drained_by_, timer_at_;
  http_call_id call_ = 0;
  timer_id timer_ = 0;
  int attempts_ = 0;
  int status_ = 0;
  state state_ = state::waiting;
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/openrouter/client.hpp

// The client of OpenRouter's chat completions and of servers that speak the same: sends requests
// over an HttpClient, decodes what streams back, repeats what failed before anything was delivered,
// watches four clocks. Each completion is an object of its own (completion.hpp); this is their
// owner. One thread: the executor of the Scheduler.

#include <unordered_map>

namespace agent_websocket {
namespace openrouter {

/// Completions over `HttpClient` and `Scheduler`, both of which outlive the client. Destroying it
/// ends what is open without a word; so may any sink function do.
template <typename HttpClient, typename Scheduler>
class basic_openrouter_client final : private completion_owner {
  static_assert(require_http_client<HttpClient>() && require_scheduler<Scheduler>());

 public:
  /// Settings that check() refuses make every completion fail with errc::bad_configuration.
  basic_openrouter_client(client_settings settings, HttpClient& http, Scheduler& scheduler,
                          random_source random = {})
      : around_{std::move(settings), {}, http, scheduler, std::move(random), *this} {
    around_.checked = check(around_.settings);
    // As it is sent, so that it is found and masked where an upstream repeats it.
    around_.settings.api_key = http::sanitize_field_value(around_.settings.api_key);
  }

  basic_openrouter_client(const basic_openrouter_client&) = delete;
  basic_openrouter_client& operator=(const basic_openrouter_client&) = delete;

  ~basic_openrouter_client() {
    for (const auto& each : completions_) each.second->abandon();
    for (const auto& each : draining_) each.second->abandon();
  }

  /// Sends `request`. The sink is called later, and lives until on_complete or cancel. A wrong
  /// request ends in on_complete with errc::bad_message and words that name the field.
  completion_id start(chat_request request, completion_sink& sink) {
    const completion_id id = ++last_id_;
    const auto made = std::make_shared<completion>(around_, id, std::move(request), sink);
    completions_.emplace(id, made);
    made->begin();
    return id;
  }

  /// Closes the connection at once; the sink is never called again. Unknown ids are ignored.
  void cancel(completion_id id) {
    const auto found = completions_.find(id);
    if (found == completions_.end()) return;
    const std::shared_ptr<completion> cancelled = std::move(found->second);
    completions_.erase(found);
    cancelled->abandon();
  }

  /// Stops reading; all clocks of the completion stand still, and no retry is sent. What was
  /// already read may still be delivered.
  void pause(completion_id id) {
    if (const auto found = completions_.find(id); found != completions_.end()) {
      found->second->pause();
    }
  }
  void resume(completion_id id) {
    if (const auto found = completions_.find(id); found != completions_.end()) {
      found->second->resume();
    }
  }

  /// Completions that have not ended.
  std::size_t size() const noexcept { return completions_.size(); }
  const client_settings& settings() const noexcept { return around_.settings; }

 private:
  using completion = basic_completion<HttpClient, Scheduler>;
  using completion_map = std::unordered_map<completion_id, std::shared_ptr<completion>>;

  void on_ended(completion_id id) override {
    if (auto moved = completions_.extract(id)) draining_.insert(std::move(moved));
  }
  void on_finished(completion_id id) override {
    completions_.erase(id);
    draining_.erase(id);
  }

  typename completion::surroundings around_;
  completion_map completions_;
  completion_map draining_;  // ended for their sinks; connections that are read to their end
  completion_id last_id_ = 0;
};

}  // namespace openrouter
}  // namespace agent_websocket

// --- agent_websocket/policy/transport.hpp

// Requirement Transport: listens, answers HTTP requests, upgrades some of them to WebSocket (RFC 6455) and carries
// text frames. Shipped models: adapters::websocketpp_transport, testing::mock_transport.
//
// | expression             | result       | promise of the policy                                                    |
// |------------------------|--------------|--------------------------------------------------------------------------|
// | t.start(sink)          | result<void> | accepts connections from now on; the error names the address             |
// | t.stop()               | void         | accepts no more; connections that stand go on                            |
// | t.answer(id, response) | void         | answers on_request: status 101 completes the upgrade (the response's     |
// |                        |              | headers are added, such as Sec-WebSocket-Protocol), anything else is     |
// |                        |              | sent whole and the connection closed                                     |
// | t.send(id, text)       | size_t       | queues one text frame, payload copied; returns the bytes of this         |
// |                        |              | connection that wait and are not yet in the kernel                       |
// | t.ping(id)             | void         | queues a ping                                                            |
// | t.close(id, code, why) | void         | queues a close frame behind what waits, then ends the connection when    |
// |                        |              | the peer has answered or 5 s have passed; code 1006: ends it at once     |
//
// Frames of one connection leave in the order of the calls; what is sent in one turn of the executor leaves in as few
// writes as possible. Unknown and closed ids are ignored (send: 0), since a peer may vanish at any time.
// Sink functions are called on the executor and never from inside one of the calls above. After on_close (exactly one
// for every on_open, also when close() began it) an id is not used again. Between close() and on_close incoming frames
// are dropped. Frames and messages above the transport's limit, broken frames, invalid UTF-8 and reserved opcodes are
// the transport's to refuse, with 1009, 1002 or 1007. Pings are answered by the transport.
//
// Promise of the library: calls only from the executor; the sink outlives the transport's last call; sink functions
// do not throw. All calls may be made from inside sink functions.

namespace agent_websocket {

/// Names one connection of one transport; 0 is never given out, none is given out twice.
using connection_id = std::uint64_t;

/// An HTTP request as it came in, upgrade or not.
struct handshake {
  http::request request;
  std::string remote_address;  ///< "127.0.0.1", "::1"; of the peer of the TCP connection
  bool is_upgrade = false;     ///< a well-formed WebSocket version 13 handshake: may be answered with 101
};

/// Receives what happens on a transport's connections.
class transport_sink {
 public:
  /// A request waits for t.answer(), which may come later; until then nothing else happens on the connection but
  /// on_abandoned.
  virtual void on_request(connection_id connection, handshake request) = 0;
  /// The peer of an unanswered request has gone or took too long; the id is dead.
  virtual void on_abandoned(connection_id connection) = 0;
  /// The upgrade is done; frames may be sent (they may be from inside of this call).
  virtual void on_open(connection_id connection) = 0;
  /// A whole text message, valid UTF-8.
  virtual void on_text(connection_id connection, std::string_view text) = 0;
  /// A whole binary message arrived and was dropped.
  virtual void on_binary(connection_id connection, std::size_t bytes) = 0;
  /// A message above the limit arrived and was skipped without being kept; the connection stands. (A transport may
  /// instead close with 1009.) `bytes` is what its frames announced so far.
  virtual void on_oversized(connection_id connection, std::size_t bytes) = 0;
  /// Any frame or part of a frame arrived: the peer lives. Called before the functions above, at most once a read.
  virtual void on_alive(connection_id connection) = 0;
  /// Output that made send() return more than the transport's low-water mark has gone down below it.
  virtual void on_drained(connection_id connection) = 0;
  /// The connection is gone. `code` is the close code that was received, or the one sent when we began, or 1006.
  virtual void on_close(connection_id connection, std::uint16_t code, std::string_view reason) = 0;

 protected:
  ~transport_sink() = default;
};

namespace detail {
template <typename T>
using transport_start_expression =
    std::enable_if_t<std::is_same_v<decltype(std::declval<T&>().start(std::declval<transport_sink&>())), result<void>>>;
template <typename T>
using transport_stop_expression = decltype(std::declval<T&>().stop());
template <typename T>
using transport_answer_expression =
    decltype(std::declval<T&>().answer(connection_id(), std::declval<http::response>()));
template <typename T>
using transport_send_expression = std::enable_if_t<
    std::is_same_v<decltype(std::declval<T&>().send(connection_id(), std::string_view())), std::size_t>>;
template <typename T>
using transport_ping_expression = decltype(std::declval<T&>().ping(connection_id()));
template <typename T>
using transport_close_expression =
    decltype(std::declval<T&>().close(connection_id(), std::uint16_t(), std::string_view()));
}  // namespace detail

template <typename T>
inline constexpr bool has_transport_start_v = is_detected_v<detail::transport_start_expression, T>;
template <typename T>
inline constexpr bool has_transport_stop_v = is_detected_v<detail::transport_stop_expression, T>;
template <typename T>
inline constexpr bool has_transport_answer_v = is_detected_v<detail::transport_answer_expression, T>;
template <typename T>
inline constexpr bool has_transport_send_v = is_detected_v<detail::transport_send_expression, T>;
template <typename T>
inline constexpr bool has_transport_ping_v = is_detected_v<detail::transport_ping_expression, T>;
template <typename T>
inline constexpr bool has_transport_close_v = is_detected_v<detail::transport_close_expression, T>;

/// True when T meets the requirement Transport.
template <typename T>
inline constexpr bool is_transport_v = has_transport_start_v<T> && has_transport_stop_v<T> &&
                                       has_transport_answer_v<T> && has_transport_send_v<T> &&
                                       has_transport_ping_v<T> && has_transport_close_v<T>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename T>
concept transport_policy = is_transport_v<T>;
#endif

/// Instantiated by everything that takes a Transport, so that the first error line names the missing member.
template <typename T>
constexpr bool require_transport() {
  static_assert(has_transport_start_v<T>, "Transport needs: result<void> start(transport_sink&)");
  static_assert(has_transport_stop_v<T>, "Transport needs: void stop()");
  static_assert(has_transport_answer_v<T>, "Transport needs: void answer(connection_id, http::response)");
  static_assert(has_transport_send_v<T>, "Transport needs: std::size_t send(connection_id, std::string_view)");
  static_assert(has_transport_ping_v<T>, "Transport needs: void ping(connection_id)");
  static_assert(has_transport_close_v<T>, "Transport needs: void close(connection_id, std::uint16_t, std::string_view)");
  return true;
}

}  // namespace agent_websocket

// --- agent_websocket/policy/authenticator.hpp

// Requirement Authenticator: decides who somebody is by what he shows. Shipped models: allow_all
// (everybody is the principal "anonymous"), static_tokens, jwt and any_authenticator of auth/.
//
// | expression              | result | promise of the policy                                    |
// |-------------------------|--------|----------------------------------------------------------|
// | a.authenticate(c, done) | void   | calls done exactly once, now or later, on the executor,  |
// |                         |        | with the principal or an error: unauthorized (no or a    |
// |                         |        | wrong token), token_expired, forbidden (known, but not   |
// |                         |        | allowed), internal (cannot tell now). Its message may be |
// |                         |        | seen by whoever asks; its detail is for the log          |
// | a.lets_everybody_in()   | bool   | optional, const: true when nobody has to show anything;  |
// |                         |        | a server then listens on loopback addresses only, unless |
// |                         |        | the operator says otherwise. Absent: false               |
//
// Promise of the library: authenticate is called on the executor; the credentials and what they
// point to are valid during the call only.

namespace agent_websocket {

/// Who a session belongs to. Sessions are told apart by the name alone.
struct principal {
  std::string name = "anonymous";
  /// When what was shown stops being valid; nullopt: never.
  std::optional<wall_time> expires_at = std::nullopt;
  /// Let in without showing anything: limits per user count the address instead.
  bool is_anonymous = false;

  static principal anonymous() {
    principal nobody;
    nobody.is_anonymous = true;
    return nobody;
  }
};

/// Where a token stood.
enum class credential_source {
  none,         ///< there was none
  header,       ///< Authorization: Bearer (RFC 6750 section 2.1)
  subprotocol,  ///< bearer.<token> in Sec-WebSocket-Protocol, for browsers
  message,      ///< a hello or auth command
};

/// What a client shows. Valid during the call only.
struct credentials {
  std::string_view token;  ///< empty: none; not checked in any way, of any length and bytes
  credential_source from = credential_source::none;
  /// Of the socket; null when a socket that is open shows a new token.
  const handshake* request = nullptr;
};

using authentication_handler = std::function<void(result<principal>)>;

/// Lets everybody in.
struct allow_all {
  void authenticate(const credentials&, const authentication_handler& done) const {
    done(principal::anonymous());
  }
  static constexpr bool lets_everybody_in() noexcept { return true; }
};

namespace detail {
template <typename A>
using authenticate_expression = decltype(std::declval<A&>().authenticate(
    std::declval<const credentials&>(), std::declval<authentication_handler>()));
template <typename A>
using lets_everybody_in_expression = std::enable_if_t<
    std::is_convertible_v<decltype(std::declval<const A&>().lets_everybody_in()), bool>>;
// Anything of that name, also what is not const or takes arguments by default.
template <typename A>
using lets_everybody_in_attempt = decltype(std::declval<A&>().lets_everybody_in());
}  // namespace detail

/// True when A meets the requirement Authenticator.
template <typename A>
inline constexpr bool is_authenticator_v = is_detected_v<detail::authenticate_expression, A>;

/// True when A says by itself whether it lets everybody in.
template <typename A>
inline constexpr bool has_lets_everybody_in_v =
    is_detected_v<detail::lets_everybody_in_expression, A>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename A>
concept authenticator_policy = is_authenticator_v<A>;
#endif

/// Instantiated by everything that takes an Authenticator, so that the first error line names the
/// missing member.
template <typename A>
constexpr bool require_authenticator() {
  static_assert(is_authenticator_v<A>,
                "Authenticator needs: void authenticate(const credentials&, "
                "std::function<void(result<principal>)>)");
  static_assert(
      has_lets_everybody_in_v<A> || !is_detected_v<detail::lets_everybody_in_attempt, A>,
      "Authenticator's optional lets_everybody_in must be: bool lets_everybody_in() const");
  return true;
}

/// Whether nobody has to show anything to `a`; false when `a` does not say.
template <typename A>
bool lets_everybody_in([[maybe_unused]] const A& a) {
  if constexpr (has_lets_everybody_in_v<A>) {
    return a.lets_everybody_in();
  } else {
    return false;
  }
}

}  // namespace agent_websocket

// --- agent_websocket/policy/store.hpp

// Requirement Store: keeps what a session must not lose, as JSON records in the order of their appending. Shipped
// model: memory_store (bounded, gone with the process).
//
// | expression                    | result | promise of the policy                                                |
// |-------------------------------|--------|----------------------------------------------------------------------|
// | s.append(session, rec, done)  | void   | keeps rec behind the session's earlier ones                          |
// | s.load(session, done)         | void   | gives all records of the session, oldest first; none when unknown    |
// | s.erase(session, done)        | void   | forgets the session                                                  |
//
// Each calls its done exactly once, now or later, on the executor, with the outcome. Appends of one session are kept
// in the order of the calls. Promise of the library: called on the executor; records are whole JSON objects.

namespace agent_websocket {

using store_handler = std::function<void(result<void>)>;
using load_handler = std::function<void(result<std::vector<std::string>>)>;

/// Keeps records in memory, at most `max_records` and `max_bytes` a session; the oldest go first. The newest record
/// stays even when it alone is above `max_bytes`.
class memory_store {
 public:
  explicit memory_store(std::size_t max_records = 1024, std::size_t max_bytes = 1u << 20)
      : max_records_(max_records), max_bytes_(max_bytes) {}

  void append(std::string_view session, std::string record, const store_handler& done) {
    kept& of = sessions_[std::string(session)];
    of.bytes += record.size();
    of.records.push_back(std::move(record));
    while (of.records.size() > max_records_ || (of.bytes > max_bytes_ && of.records.size() > 1)) {
      of.bytes -= of.records.front().size();
      of.records.pop_front();
    }
    if (of.records.empty()) sessions_.erase(std::string(session));
    done({});
  }

  void load(std::string_view session, const load_handler& done) {
    const auto found = sessions_.find(std::string(session));
    if (found == sessions_.end()) return done(std::vector<std::string>());
    done(std::vector<std::string>(found->second.records.begin(), found->second.records.end()));
  }

  void erase(std::string_view session, const store_handler& done) {
    sessions_.erase(std::string(session));
    done({});
  }

  /// Sessions of which something is kept.
  std::size_t size() const noexcept { return sessions_.size(); }

 private:
  struct kept {
    std::deque<std::string> records;
    std::size_t bytes = 0;
  };
  std::size_t max_records_;
  std::size_t max_bytes_;
  std::unordered_map<std::string, kept> sessions_;
};

namespace detail {
template <typename S>
using append_expression = decltype(std::declval<S&>().append(std::string_view(), std::string(), std::declval<store_handler>()));
template <typename S>
using load_expression = decltype(std::declval<S&>().load(std::string_view(), std::declval<load_handler>()));
template <typename S>
using erase_expression = decltype(std::declval<S&>().erase(std::string_view(), std::declval<store_handler>()));
}  // namespace detail

template <typename S>
inline constexpr bool has_append_v = is_detected_v<detail::append_expression, S>;
template <typename S>
inline constexpr bool has_load_v = is_detected_v<detail::load_expression, S>;
template <typename S>
inline constexpr bool has_erase_v = is_detected_v<detail::erase_expression, S>;

/// True when S meets the requirement Store.
template <typename S>
inline constexpr bool is_store_v = has_append_v<S> && has_load_v<S> && has_erase_v<S>;

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <typename S>
concept store_policy = is_store_v<S>;
#endif

/// Instantiated by everything that takes a Store, so that the first error line names the missing member.
template <typename S>
constexpr bool require_store() {
  static_assert(has_append_v<S>, "Store needs: void append(std::string_view, std::string, store_handler)");
  static_assert(has_load_v<S>, "Store needs: void load(std::string_view, load_handler)");
  static_assert(has_erase_v<S>, "Store needs: void erase(std::string_view, store_handler)");
  return true;
}

}  // namespace agent_websocket

// --- agent_websocket/server/arrival.hpp

// A client whose socket is open: how it came, and who it is. Made by admission.hpp, taken by
// registry.hpp.

namespace agent_websocket {

struct arrival {
  handshake request;
  /// nullopt: it has shown nothing yet; its first message has to.
  std::optional<principal> owner;
};

}  // namespace agent_websocket

// --- agent_websocket/server/plain_http.hpp

// What a server answers to plain HTTP requests by itself: whether it lives (/healthz) and whether
// it takes new connections (/readyz). Everything else is not found; routes of the application come
// before.

namespace agent_websocket {

inline http::response answer_plain_request(const http::request& request, bool draining) {
  const std::string_view path = request.path();
  if (path != "/healthz" && path != "/readyz") return http::response::text(404, "Not found");
  if (request.method != "GET" && request.method != "HEAD") {
    auto refusal = http::response::text(405, "Only GET and HEAD are allowed");
    refusal.headers.add("Allow", "GET, HEAD");
    return refusal;
  }
  if (path == "/healthz") return http::response::text(200, "ok\n");
  return draining ? http::response::text(503, "draining\n") : http::response::text(200, "ready\n");
}

/// What a new socket is told while the server stops.
inline http::response refuse_while_draining(std::chrono::milliseconds retry_after) {
  auto refusal = http::response::text(503, "The server is shutting down");
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(retry_after);
  refusal.headers.add("Retry-After", std::to_string(std::max<std::int64_t>(seconds.count(), 1)));
  return refusal;
}

}  // namespace agent_websocket

// --- agent_websocket/server/shown_credentials.hpp

// The token that an upgrade request shows: `Authorization: Bearer <token>` (RFC 6750 section 2.1),
// or, because a browser's WebSocket cannot set headers, an element `bearer.<token>` of
// Sec-WebSocket-Protocol beside the real subprotocol. Never the URL: URLs end up in logs, histories
// and Referer headers. Only finds the token; whether it is a good one is the Authenticator's
// affair.
//
// The element is never selected in the answer, which would repeat the token to every proxy and log
// on the way back. A client that offers the element alone is therefore answered without a
// subprotocol, as RFC 6455 section 4.2.2 allows a server; a browser then fails the connection by
// itself (WHATWG WebSockets: it offered some, so one has to be selected) and names the reason in
// its console, and other clients go on.

namespace agent_websocket {

namespace detail {

inline constexpr std::string_view bearer_element = "bearer.";

/// Visible ASCII: what RFC 6750 allows and more, but nothing that ends a token early.
inline bool is_token_text(std::string_view text) noexcept {
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7F) return false;
  }
  return !text.empty();
}

/// The token of one Authorization value; empty for schemes other than Bearer, which are somebody
/// else's (a proxy's Basic, for one).
inline result<std::string_view> bearer_of(std::string_view value) {
  const std::string_view text = http::trim(value);
  const std::size_t space = text.find_first_of(" \t");
  if (!http::iequals(text.substr(0, space), "Bearer")) return std::string_view();
  const std::string_view token =
      space == std::string_view::npos ? std::string_view() : http::trim(text.substr(space));
  if (!is_token_text(token)) {
    return error(errc::bad_message, "Malformed Authorization header: expected Bearer <token>");
  }
  return token;
}

/// Takes over what one place of the request shows.
inline result<void> show(credentials& shown, std::string_view token, credential_source from) {
  if (token.empty() || shown.token == token) return {};
  if (!shown.token.empty()) {
    return error(errc::bad_message, "The request shows two different tokens");
  }
  shown.token = token;
  shown.from = from;
  return {};
}

}  // namespace detail

/// What the request shows, as views into it; `request` of the result is the caller's to set. No
/// token is no error. Errors (bad_message, in words that do not repeat the token): a malformed one,
/// several Authorization headers, two tokens that differ. The header counts as the source when both
/// places show the same one.
inline result<credentials> shown_credentials(const http::request& request) {
  credentials shown;
  bool authorization = false;
  for (const auto& field : request.headers) {
    if (!http::iequals(field.first, "Authorization")) continue;
    if (authorization) {
      return error(errc::bad_message, "The request has more than one Authorization header");
    }
    authorization = true;
    const auto token = detail::bearer_of(field.second);
    if (!token) return token.error();
    if (auto added = detail::show(shown, *token, credential_source::header); !added) {
      return added.error();
    }
  }
  for (const auto& field : request.headers) {
    if (!http::iequals(field.first, "Sec-WebSocket-Protocol")) continue;
    std::string_view rest = field.second;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      const std::string_view element = http::trim(rest.substr(0, comma));
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
      constexpr std::size_t prefix = detail::bearer_element.size();
      if (!http::iequals(element.substr(0, prefix), detail::bearer_element)) continue;
      const std::string_view token = element.substr(prefix);
      if (!detail::is_token_text(token)) {
        return error(errc::bad_message,
                     "Malformed Sec-WebSocket-Protocol header: expected bearer.<token>");
      }
      if (auto added = detail::show(shown, token, credential_source::subprotocol); !added) {
        return added.error();
      }
    }
  }
  return shown;
}

}  // namespace agent_websocket

// --- agent_websocket/server/subprotocol.hpp

// The WebSocket subprotocol of this server (RFC 6455 section 1.9) and whether a handshake offers
// it. Choosing one is optional for the server; a browser that offered some fails unless one of them
// is chosen.

namespace agent_websocket {

inline constexpr std::string_view subprotocol = "agent-websocket.v1";

/// True when a Sec-WebSocket-Protocol header of the request lists `protocol`.
inline bool offers_subprotocol(const http::request& request, std::string_view protocol) {
  for (const auto& field : request.headers) {
    if (!http::iequals(field.first, "Sec-WebSocket-Protocol")) continue;
    std::string_view rest = field.second;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      if (http::trim(rest.substr(0, comma)) == protocol) return true;
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  return false;
}

}  // namespace agent_websocket

// --- agent_websocket/server/admission.hpp

// From an HTTP request to an open socket: which paths are sockets, who may open one, and what
// everybody else is answered. Holds the requests that wait for their authentication.

namespace agent_websocket {

template <typename Transport, typename Authenticator>
class admission {
 public:
  /// Answers a plain HTTP request that is for no socket.
  using http_handler = std::function<http::response(const http::request&)>;

  admission(const options& settings, Transport& transport, Authenticator& authenticator,
            http_handler plain)
      : options_(settings),
        transport_(transport),
        authenticator_(authenticator),
        plain_(std::move(plain)) {}

  void ask(connection_id connection, handshake request) {
    const std::string path(request.request.path());
    if (path != options_.socket_path() && path != "/ws")
      return transport_.answer(connection, plain_(request.request));
    if (!request.is_upgrade) {
      return transport_.answer(connection, http::response::text(400, "Expected WebSocket request"));
    }
    if (closed_) return transport_.answer(connection, refuse_while_draining(options_.restart_time));
    auto shown = shown_credentials(request.request);
    if (!shown) {
      return transport_.answer(connection, http::response::text(400, shown.error().message));
    }
    shown->request = &request;
    // Filed first: the authenticator may answer from inside of the call.
    applicant& filed = applicants_[connection];
    filed.arrived.request = request;
    filed.showed = shown->from != credential_source::none;
    authenticator_.authenticate(
        *shown,
        [this, connection, weak = std::weak_ptr<const bool>(alive_)](result<principal> who) {
          if (weak.lock()) decide(connection, std::move(who));
        });
  }

  void abandon(connection_id connection) { applicants_.erase(connection); }

  /// Whose socket has opened.
  std::optional<arrival> take(connection_id connection) {
    const auto found = applicants_.find(connection);
    if (found == applicants_.end()) return std::nullopt;
    arrival arrived = std::move(found->second.arrived);
    applicants_.erase(found);
    return arrived;
  }

  /// Nobody is let in any more.
  void close() noexcept { closed_ = true; }
  bool closed() const noexcept { return closed_; }

 private:
  void decide(connection_id connection, result<principal> who) {
    const auto found = applicants_.find(connection);
    if (found == applicants_.end()) return;  // gone meanwhile
    arrival& arrived = found->second.arrived;
    const bool may_show_later = !who && who.error().code == errc::unauthorized &&
                                !found->second.showed && options_.access.auth_timeout.count() != 0;
    if (closed_ || (!who && !may_show_later)) {
      applicants_.erase(found);
      if (closed_)
        return transport_.answer(connection, refuse_while_draining(options_.restart_time));
      const int status = who.error().code == errc::forbidden  ? 403
                         : who.error().code == errc::internal ? 503
                                                              : 401;
      return transport_.answer(connection, http::response::text(status, who.error().message));
    }
    if (who) arrived.owner = std::move(*who);
    http::response accept;
    accept.status = 101;
    if (offers_subprotocol(arrived.request.request, subprotocol)) {
      accept.headers.add("Sec-WebSocket-Protocol", std::string(subprotocol));
    }
    transport_.answer(connection, std::move(accept));
  }

  struct applicant {
    arrival arrived;
    bool showed = false;  ///< a token, in its handshake
  };

  const options& options_;
  Transport& transport_;
  Authenticator& authenticator_;
  http_handler plain_;
  std::unordered_map<connection_id, applicant> applicants_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  bool closed_ = false;
};

}  // namespace agent_websocket

// --- agent_websocket/server/journal.hpp

// What a server reports of itself: to the application's on_event hook always, to the logger from a
// level on. Also the place where hooks of the application are called: one that throws is reported.

#include <exception>

namespace agent_websocket {

template <typename Logger, typename Router>
class journal {
 public:
  journal(const Router& router, Logger& logger, log_level from)
      : router_(router), logger_(logger), from_(from) {}

  void write(log_level level, std::string_view event, std::string_view session,
             std::string_view text) {
    try {
      router_.event({level, event, session, text});
    } catch (...) {  // nobody is left to tell
    }
    if (level >= from_ && logger_.enabled(level)) logger_.write({level, event, session, text});
  }

  /// Calls hook(); what it throws is written down.
  template <typename Hook>
  void guard(const char* name, std::string_view session, Hook&& hook) {
    try {
      hook();
    } catch (const std::exception& thrown) {
      write(log_level::error, "handler_threw", session, std::string(name) + ": " + thrown.what());
    } catch (...) {
      write(log_level::error, "handler_threw", session, name);
    }
  }

 private:
  const Router& router_;
  Logger& logger_;
  log_level from_;
};

}  // namespace agent_websocket

// --- agent_websocket/server/message_cost.hpp

// Which messages make the server work anew, and which only keep, steer or end what is there. The
// first can be refused to a client for a while (its token is over, it sends too much); the others
// always get through, so that nothing is lost that was begun.

namespace agent_websocket {

/// True for queries, judgements of answers, and commands that change or read much. False for
/// decisions, results of tools and the protocol's own verbs, and for what is no message.
inline bool begins_work(const wire::client_message& message) noexcept {
  static constexpr std::array<std::string_view, 7> free{"ping",   "ack",   "hello",      "auth",
                                                        "cancel", "close", "tool_result"};
  if (const auto* command = std::get_if<wire::command>(&message))
    return std::find(free.begin(), free.end(), command->op) == free.end();
  if (const auto* feedback = std::get_if<wire::human_feedback>(&message))
    return feedback->decision.empty();
  return std::holds_alternative<wire::query>(message);
}

/// The id that an answer to the message refers to; empty when it has none.
inline std::string_view id_of(const wire::client_message& message) noexcept {
  if (const auto* query = std::get_if<wire::query>(&message)) return query->id;
  if (const auto* command = std::get_if<wire::command>(&message)) return command->id;
  if (const auto* feedback = std::get_if<wire::human_feedback>(&message)) return feedback->id;
  return std::get<wire::rejection>(message).ref;
}

}  // namespace agent_websocket

// --- agent_websocket/server/activity_list.hpp

// Connections in the order of when they were last heard of: since all share one limit, the front is
// always the next to fall due, and hearing of one is a splice. In place of a timer object per
// session and of scans over all sessions.

#include <list>

namespace agent_websocket {

template <typename Key>
class activity_list {
 public:
  struct item {
    Key key;
    time_point since;
  };
  using position = typename std::list<item>::iterator;

  /// Adds at its place by time; constant when `since` is the newest, as usual.
  position add(Key key, time_point since) {
    return items_.insert(place_for(since), item{std::move(key), since});
  }

  /// Moves to the place of a newer time.
  void touch(position at, time_point since) {
    at->since = since;
    std::list<item> moved;
    moved.splice(moved.begin(), items_, at);
    items_.splice(place_for(since), moved);
  }

  void remove(position at) { items_.erase(at); }
  bool empty() const noexcept { return items_.empty(); }
  std::size_t size() const noexcept { return items_.size(); }
  /// Precondition: !empty().
  const item& front() const noexcept { return items_.front(); }
  position begin() noexcept { return items_.begin(); }

  /// When the front falls due, with that limit.
  std::optional<time_point> next_deadline(duration limit) const {
    if (items_.empty()) return std::nullopt;
    return items_.front().since + limit;
  }

 private:
  position place_for(time_point since) {
    position at = items_.end();
    while (at != items_.begin() && std::prev(at)->since > since) --at;
    return at;
  }

  std::list<item> items_;
};

}  // namespace agent_websocket

// --- agent_websocket/server/connection_list.hpp

// The open sockets of one server: which session each watches, and its heartbeat, which is silence
// of the peer and then no answer to a ping. Keeps time; what to do when it is up is the server's,
// through visitors.

namespace agent_websocket {

template <typename Session>
class connection_list {
 public:
  connection_list(duration heartbeat_interval, duration heartbeat_timeout)
      : interval_(heartbeat_interval), timeout_(heartbeat_timeout) {}

  void add(connection_id connection, std::shared_ptr<Session> session, time_point now) {
    entries_.emplace(connection, entry{std::move(session), false, heard_.add(connection, now)});
  }

  /// From now on the socket watches another session.
  void move(connection_id connection, std::shared_ptr<Session> session) {
    const auto found = entries_.find(connection);
    if (found != entries_.end()) found->second.session = std::move(session);
  }

  /// The session that the socket watched; null when it is not known.
  std::shared_ptr<Session> remove(connection_id connection) {
    const auto found = entries_.find(connection);
    if (found == entries_.end()) return nullptr;
    (found->second.pinged ? pinged_ : heard_).remove(found->second.silence);
    std::shared_ptr<Session> session = std::move(found->second.session);
    entries_.erase(found);
    return session;
  }

  std::shared_ptr<Session> find(connection_id connection) const {
    const auto found = entries_.find(connection);
    return found == entries_.end() ? nullptr : found->second.session;
  }

  /// The peer has shown that it lives.
  void heard(connection_id connection, time_point now) {
    const auto found = entries_.find(connection);
    if (found == entries_.end()) return;
    entry& of = found->second;
    if (of.pinged) {
      pinged_.remove(of.silence);
      of.silence = heard_.add(connection, now);
      of.pinged = false;
    } else {
      heard_.touch(of.silence, now);
    }
  }

  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }

  /// When something of the heartbeat falls due next.
  std::optional<time_point> next_heartbeat() const {
    const auto ping = heard_.next_deadline(interval_);
    const auto give_up = pinged_.next_deadline(timeout_);
    if (ping && give_up) return std::min(*ping, *give_up);
    return ping ? ping : give_up;
  }

  /// Calls ping(connection) for peers that were silent for an interval, and silent(connection,
  /// session) for those that did not answer one in time. A silent one is reported once an interval
  /// until it is removed.
  template <typename Ping, typename Silent>
  void sweep(time_point now, Ping&& ping, Silent&& silent) {
    std::vector<std::pair<connection_id, std::shared_ptr<Session>>> gone;
    while (!pinged_.empty() && pinged_.front().since + timeout_ <= now) {
      const connection_id connection = pinged_.front().key;
      gone.emplace_back(connection, find(connection));
      pinged_.touch(pinged_.begin(), now);
    }
    while (!heard_.empty() && heard_.front().since + interval_ <= now) {
      const connection_id connection = heard_.front().key;
      entry& of = entries_.find(connection)->second;
      heard_.remove(of.silence);
      of.silence = pinged_.add(connection, now);
      of.pinged = true;
      ping(connection);
    }
    for (const auto& each : gone) silent(each.first, *each.second);
  }

 private:
  struct entry {
    std::shared_ptr<Session> session;
    bool pinged;
    typename activity_list<connection_id>::position
        silence;  // in heard_ or, when pinged, in pinged_
  };

  duration interval_;
  duration timeout_;
  std::unordered_map<connection_id, entry> entries_;
  activity_list<connection_id> heard_, pinged_;
};

}  // namespace agent_websocket

// --- agent_websocket/server/session_list.hpp

// The sessions of one server by id, and the clocks that run for each: inactivity while a socket
// watches it; while none does, how long its answer goes on (run grace) and how long it waits for
// its client (resume window). Keeps time; what to do when it is up is the server's, through
// visitors.

namespace agent_websocket {

template <typename Session>
class session_list {
 public:
  struct limits {
    duration session_timeout;
    duration run_grace;  ///< negative: without end
    duration resume_window;
    std::size_t max_detached;  ///< sessions that wait for their client
  };

  explicit session_list(limits allowed) : limits_(allowed) {}

  /// A session with a socket.
  void add(std::shared_ptr<Session> session, time_point now) {
    Session* const key = session.get();
    entries_.emplace(key->id(), entry{std::move(session), phase::attached, active_.add(key, now)});
  }

  /// False when it was not here.
  bool erase(Session& session) {
    const auto found = entries_.find(session.id());
    if (found == entries_.end()) return false;
    list_of(found->second.now).remove(found->second.place);
    entries_.erase(found);
    return true;
  }

  /// null when there is none.
  std::shared_ptr<Session> find(std::string_view id) const {
    const auto found = entries_.find(std::string(id));
    return found == entries_.end() ? nullptr : found->second.session;
  }

  /// Its last socket is gone.
  void detached(Session& session, time_point now) {
    place(session, limits_.run_grace < duration::zero() ? phase::waiting : phase::in_grace, now);
  }
  /// It has a socket again.
  void attached(Session& session, time_point now) { place(session, phase::attached, now); }

  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }

  /// All sessions as they are now; visiting them may change the list.
  std::vector<std::shared_ptr<Session>> all() const {
    std::vector<std::shared_ptr<Session>> sessions;
    sessions.reserve(entries_.size());
    for (const auto& each : entries_) sessions.push_back(each.second.session);
    return sessions;
  }

  /// Calls expired(session) for those with a socket but without activity for the limit. A busy
  /// session is active.
  template <typename Expired>
  void sweep_inactive(time_point now, Expired&& expired) {
    std::vector<std::shared_ptr<Session>> gone;
    while (!active_.empty() && active_.front().since + limits_.session_timeout <= now) {
      Session& session = *active_.front().key;
      const time_point last = session.core().busy() ? now : session.core().last_activity();
      const bool is_over = last + limits_.session_timeout <= now;
      if (is_over) gone.push_back(find(session.id()));
      active_.touch(active_.begin(), is_over ? now : last);
    }
    for (const auto& each : gone) expired(*each);
  }

  /// When a session without a socket falls due next.
  std::optional<time_point> next_detached() const {
    const auto grace = grace_.next_deadline(std::min(limits_.run_grace, limits_.resume_window));
    const auto end = waiting_.next_deadline(limits_.resume_window);
    if (grace && end) return std::min(*grace, *end);
    return grace ? grace : end;
  }

  /// Calls interrupt(session) when its grace is over, and forget(session) when nobody came back in
  /// time or too many wait; a session whose answer goes on without end waits with it.
  template <typename Interrupt, typename Forget>
  void sweep_detached(time_point now, Interrupt&& interrupt, Forget&& forget) {
    std::vector<std::shared_ptr<Session>> over, gone;
    while (!grace_.empty() && grace_.front().since + limits_.run_grace <= now) {
      Session& session = *grace_.front().key;
      over.push_back(find(session.id()));
      place(session, phase::waiting, grace_.front().since);
    }
    for (auto* each : {&waiting_, &grace_}) {
      while (!each->empty()) {
        const bool too_many = waiting_.size() + grace_.size() > limits_.max_detached;
        if (!too_many && each->front().since + limits_.resume_window > now) break;
        Session& session = *each->front().key;
        if (!too_many && limits_.run_grace < duration::zero() && session.core().busy()) {
          each->touch(each->begin(), std::max(now, now - limits_.resume_window + second));
          continue;
        }
        gone.push_back(find(session.id()));
        erase(session);
      }
    }
    for (const auto& each : over) interrupt(*each);
    for (const auto& each : gone) forget(*each);
  }

 private:
  static constexpr duration second = std::chrono::seconds(1);

  enum class phase { attached, in_grace, waiting };
  struct entry {
    std::shared_ptr<Session> session;
    phase now;
    typename activity_list<Session*>::position place;
  };

  activity_list<Session*>& list_of(phase of) noexcept {
    switch (of) {
      case phase::attached: return active_;
      case phase::in_grace: return grace_;
      case phase::waiting: return waiting_;
    }
    return waiting_;
  }

  void place(Session& session, phase to, time_point since) {
    const auto found = entries_.find(session.id());
    if (found == entries_.end()) return;
    entry& of = found->second;
    list_of(of.now).remove(of.place);
    of.now = to;
    of.place = list_of(to).add(&session, since);
  }

  limits limits_;
  std::unordered_map<std::string, entry> entries_;
  activity_list<Session*> active_, grace_, waiting_;
};

}  // namespace agent_websocket

// --- agent_websocket/server/deadlines.hpp

// The clocks of a server: heartbeats, inactivity, and sessions that wait for their client. One
// timer for each of the three, however many sockets and sessions there are; the lists know who is
// next.

namespace agent_websocket {

/// Is told whose time is up.
template <typename Session>
class deadline_sink {
 public:
  /// Nothing was heard of the peer for an interval.
  virtual void on_silent(connection_id connection) = 0;
  /// Nor after that, within the timeout.
  virtual void on_lost(connection_id connection, Session& session) = 0;
  /// Its client is here and does nothing.
  virtual void on_inactive(Session& session) = 0;
  /// Its client was away for the whole grace.
  virtual void on_grace_over(Session& session) = 0;
  /// Its client did not come back in time; it is no longer in the list.
  virtual void on_forgotten(Session& session) = 0;

 protected:
  ~deadline_sink() = default;
};

template <typename Session, typename Scheduler>
class deadlines {
 public:
  struct intervals {
    duration heartbeat;
    duration heartbeat_timeout;
    duration cleanup;
  };

  deadlines(Scheduler& scheduler, deadline_sink<Session>& sink, intervals every,
            typename session_list<Session>::limits allowed)
      : connections(every.heartbeat, every.heartbeat_timeout),
        sessions(allowed),
        scheduler_(scheduler),
        sink_(sink),
        cleanup_(every.cleanup) {}
  deadlines(const deadlines&) = delete;
  deadlines& operator=(const deadlines&) = delete;
  ~deadlines() {
    for (const timer_id each : {heartbeat_timer_, cleanup_timer_, detached_timer_})
      scheduler_.cancel_timer(each);
  }

  connection_list<Session> connections;
  session_list<Session> sessions;

  /// To be called when a socket has come.
  void watch_heartbeat() {
    if (heartbeat_timer_ != 0) return;
    const auto next = connections.next_heartbeat();
    if (!next) return;
    heartbeat_timer_ = scheduler_.start_timer(*next, [this] {
      heartbeat_timer_ = 0;
      connections.sweep(
          scheduler_.now(), [this](connection_id connection) { sink_.on_silent(connection); },
          [this](connection_id connection, Session& session) {
            sink_.on_lost(connection, session);
          });
      watch_heartbeat();
    });
  }

  /// To be called once.
  void watch_inactivity() {
    cleanup_timer_ = scheduler_.start_timer(scheduler_.now() + cleanup_, [this] {
      sessions.sweep_inactive(scheduler_.now(),
                              [this](Session& session) { sink_.on_inactive(session); });
      watch_inactivity();
    });
  }

  /// To be called when a socket has gone. Whose time is up already is told of at once.
  void watch_detached() {
    sessions.sweep_detached(
        scheduler_.now(), [this](Session& session) { sink_.on_grace_over(session); },
        [this](Session& session) { sink_.on_forgotten(session); });
    const auto next = sessions.next_detached();
    // One that fires too early is set again then.
    if (!next || (detached_timer_ != 0 && detached_at_ <= *next)) return;
    scheduler_.cancel_timer(detached_timer_);
    detached_at_ = *next;
    detached_timer_ = scheduler_.start_timer(*next, [this] {
      detached_timer_ = 0;
      watch_detached();
    });
  }

 private:
  Scheduler& scheduler_;
  deadline_sink<Session>& sink_;
  duration cleanup_;
  timer_id heartbeat_timer_ = 0;
  timer_id cleanup_timer_ = 0;
  timer_id detached_timer_ = 0;
  time_point detached_at_{};
};

}  // namespace agent_websocket

// --- agent_websocket/session/conversation.hpp

// The turns of one conversation: question, answer, how it ended, and what people said of it.
// Trimmed to a number of messages by dropping the oldest whole turns; the system prompt stands
// apart and is never dropped. Calls of tools and their results do not count: of those as many are
// kept again, of the newest turns, so that one turn with many calls does not drive out what people
// have said.

namespace agent_websocket {

/// What a person said of an answer.
struct feedback_entry {
  std::string id;      ///< of the feedback message
  std::string answer;  ///< stream id of the answer that it judges
  std::optional<double> rating;
  std::string comment;
  std::string correction;
  std::chrono::system_clock::time_point at{};
};

/// A question and what became of it.
struct turn {
  std::string id;         ///< of the query
  std::string stream;     ///< of the answer
  std::uint64_t seq = 0;  ///< of the terminal message; 0 while it runs
  std::chrono::system_clock::time_point asked{};
  std::chrono::system_clock::time_point answered{};
  openrouter::chat_message question;
  /// Calls of tools and their results, before the answer.
  std::vector<openrouter::chat_message> steps;
  std::optional<openrouter::chat_message> answer;  ///< also a partial one: see status
  /// What people see, when that is more than the answer: with steps, the model's words before them.
  std::string shown;
  wire::answer_status status = wire::answer_status::completed;
  std::string model;
  std::vector<feedback_entry> feedback;

  bool running() const noexcept { return seq == 0; }
  /// The whole answer as people see it.
  const std::string& text() const noexcept {
    static const std::string none;
    return !shown.empty() ? shown : answer ? answer->text() : none;
  }

  /// Messages of people and of the model that this turn adds to a request. A question that failed
  /// without an answer and without a correction adds none.
  std::size_t messages() const noexcept {
    std::size_t corrections = 0;
    for (const feedback_entry& each : feedback) corrections += each.correction.empty() ? 0 : 1;
    if (!running() && !answer && steps.empty() && corrections == 0) return 0;
    return (answer || !steps.empty() ? 2u : 1u) + corrections;
  }

  /// People have seen something of an answer.
  bool has_words() const noexcept { return answer || !shown.empty(); }
  /// What people see of it: the question, and an answer or what was said in its place.
  bool has_reply() const noexcept { return has_words() || !feedback.empty(); }
};

class conversation {
 public:
  /// Feedback kept per answer; more is refused.
  static constexpr std::size_t max_feedback_per_turn = 16;

  explicit conversation(std::size_t max_messages) : max_messages_(max_messages) {}

  /// Holds from the next trimming on.
  void limit_to(std::size_t max_messages) noexcept { max_messages_ = max_messages; }

  /// Adds a turn that has begun, and trims.
  turn& begin(turn begun) {
    turns_.push_back(std::move(begun));
    trim();
    return turns_.back();
  }

  /// Drops the oldest whole turns until at most the limit of messages is left; the last turn always
  /// stays.
  void trim() {
    std::size_t count = message_count();
    while (turns_.size() > 1 && (count > max_messages_ || turns_.size() > max_messages_)) {
      count -= turns_.front().messages();
      turns_.erase(turns_.begin());
    }
    std::size_t steps = 0;
    for (std::size_t i = turns_.size(); i-- > 0;) {
      steps += turns_[i].steps.size();
      if (i + 1 != turns_.size() && steps > max_messages_) turns_[i].steps.clear();
    }
  }

  /// The turn of that stream or query id; with an empty ref the last one that has ended. nullptr
  /// when there is none.
  turn* find(std::string_view ref) noexcept {
    for (std::size_t i = turns_.size(); i-- > 0;) {
      turn& each = turns_[i];
      if (ref.empty() ? !each.running() && each.has_words() : each.stream == ref || each.id == ref)
        return &each;
    }
    return nullptr;
  }

  turn& back() noexcept { return turns_.back(); }
  void drop_last() { turns_.pop_back(); }
  void clear() noexcept { turns_.clear(); }
  bool empty() const noexcept { return turns_.empty(); }
  const std::vector<turn>& turns() const noexcept { return turns_; }

  /// Messages of all turns, without the system prompt.
  std::size_t message_count() const noexcept {
    std::size_t count = 0;
    for (const turn& each : turns_) count += each.messages();
    return count;
  }

  /// What the model is to read: the system prompt (when there is one), then the turns with their
  /// corrections.
  std::vector<openrouter::chat_message> messages(const std::string& system_prompt) const {
    std::vector<openrouter::chat_message> all;
    all.reserve(message_count() + 1);
    if (!system_prompt.empty()) all.push_back(openrouter::chat_message::system(system_prompt));
    for (const turn& each : turns_) {
      if (each.messages() == 0) continue;
      all.push_back(each.question);
      all.insert(all.end(), each.steps.begin(), each.steps.end());
      if (each.answer) {
        all.push_back(*each.answer);
      } else if (!each.steps.empty()) {  // providers want somebody to speak after a tool
        all.push_back(openrouter::chat_message::assistant_partial("(This answer was cut off.)"));
      }
      for (const feedback_entry& said : each.feedback) {
        if (said.correction.empty()) continue;
        all.push_back(openrouter::chat_message::user("Correction of your previous answer: " +
                                                     said.correction));
      }
    }
    return all;
  }

 private:
  std::size_t max_messages_;
  std::vector<turn> turns_;
};

}  // namespace agent_websocket

// --- agent_websocket/session/actions.hpp

// What the session core asks its surroundings to do. Frames are not among them: they go into the
// outbox.

namespace agent_websocket {

/// Numbers the runs of one session from 1; a late completion of an earlier run is told apart by it.
using run_number = std::uint64_t;

/// What answers have used, as far as upstream told it.
struct usage_totals {
  std::int64_t answers = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  double cost = 0;       ///< in the provider's credits (OpenRouter: US dollars)
  bool counted = false;  ///< something told the tokens
  bool priced = false;   ///< something told a cost, which may be 0

  usage_totals& operator+=(const usage_totals& more) noexcept {
    answers += more.answers;
    prompt_tokens = sum(prompt_tokens, more.prompt_tokens);
    completion_tokens = sum(completion_tokens, more.completion_tokens);
    cost += more.cost;
    counted = counted || more.counted;
    priced = priced || more.priced;
    return *this;
  }
  /// Of counts, which are not negative: the largest number when it would be larger.
  static std::int64_t sum(std::int64_t a, std::int64_t b) noexcept {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    return a > most - b ? most : a + b;
  }
};

/// An answer that has ended, for the application's hook.
struct answer_record {
  std::string query_id;
  std::string stream;
  std::string text;
  wire::answer_status status = wire::answer_status::completed;
  std::string finish_reason;
  std::string model;
  std::string usage;  ///< JSON object text, or empty; of several rounds: their sum
  usage_totals used;
  unsigned rounds = 0;        ///< of tool calls
  std::string generation_id;  ///< of the last request, for OpenRouter's GET /generation
  std::string provider;       ///< who served it, as OpenRouter says
  std::string annotations;    ///< JSON array text, or empty: citations, files
  std::string images;         ///< JSON array text, or empty: what the model drew
  std::string steps;          ///< JSON array text, or empty: messages of the tool loop
  /// Calls that nothing here could run: the application had put tools of its own into the request.
  std::vector<openrouter::tool_call> tool_calls;
  std::optional<error> failure;
  bool retryable = false;  ///< of a failure: the same query may succeed later
};

namespace action {

/// Ask the application what to do with the query, then call session_core::decided.
struct consult {
  run_number run;
  wire::query query;
};
/// Ask the model; answer with began, text and completed.
struct start_completion {
  run_number run;
  openrouter::chat_request request;
};
/// Stop asking the model and running tools; nothing of that run is wanted any more.
struct cancel_completion {
  run_number run;
};
/// Run a tool of the server; answer with tool_ended.
struct run_tool {
  run_number run;
  std::string call;
  std::string name;
  std::string arguments;
};
/// The call has its result; `answered`: by its handler, so that there is nothing to cancel.
struct end_tool {
  std::string call;
  bool answered;
};
/// Call clock_over with that id after `limit`, unless end_tool comes first or the run ends.
struct start_clock {
  run_number run;
  std::string id;
  std::chrono::milliseconds limit;
};
/// The clock of the query stands still, or goes on.
struct hold_clock {
  bool hold;
};
/// A command that the protocol does not define: the application's, or unknown.
struct run_command {
  wire::command command;
};
struct deliver_feedback {
  feedback_entry entry;
};
struct deliver_answer {
  answer_record record;
};
/// Keep this JSON object for the session.
struct persist {
  std::string record;
};
/// What the session cannot answer by itself. `hello`: greet the client, or give it the session that
/// it wants back. `auth`: it shows a new token.
struct ask_server {
  wire::command command;
};
/// Close one socket; the session goes on. `send_first`: what waits for it goes out before.
struct close_socket {
  connection_id connection;
  std::uint16_t code;
  std::string reason;
  bool send_first;
};
/// The session is over: send what waits, then close all its sockets.
struct close_session {
  std::uint16_t code;
  std::string reason;
};

}  // namespace action

using session_action =
    std::variant<action::consult, action::start_completion, action::cancel_completion,
                 action::run_tool, action::end_tool, action::start_clock, action::hold_clock,
                 action::run_command, action::deliver_feedback, action::deliver_answer,
                 action::persist, action::ask_server, action::close_socket, action::close_session>;

/// How a completion ended, as the core wants to know it.
struct completion_result {
  std::optional<error> failure;
  std::optional<bool> retryable;  ///< of a failure, where more is known than its code says
  std::optional<std::chrono::milliseconds> retry_after;
  std::string finish_reason;
  std::string model;
  std::string usage;  ///< JSON object text, or empty
  usage_totals used;
  std::vector<openrouter::tool_call> tool_calls;
  std::string reasoning_details, annotations, images;  ///< JSON array texts, or empty
  std::string generation_id, provider;
};

/// What the application decided about a query.
struct query_decision {
  enum class kind { proceed, answer, refuse };
  kind what = kind::proceed;
  std::string text;  ///< answer: the whole of it
  error why;         ///< refuse
  std::vector<openrouter::chat_message>
      extra;  ///< proceed: messages for this request only, before the question

  static query_decision refusal(error why) {
    query_decision made;
    made.what = kind::refuse;
    made.why = std::move(why);
    return made;
  }
};

}  // namespace agent_websocket

// --- agent_websocket/session/tool_handler.hpp

// What the application's handler of a tool gets: the call with its arguments, and the way to answer
// it, now or later. A call ends once: by its answer, its time limit, or the end of the run.

namespace agent_websocket {

/// Whether a call is still wanted. Shared by the session and the handler; on the executor only.
class tool_cancellation {
 public:
  bool cancelled() const noexcept { return cancelled_; }
  /// Runs f at once when the call was cancelled before.
  void on_cancel(std::function<void()> f) {
    if (cancelled_) return f();
    if (!over_) actions_.push_back(std::move(f));
  }
  /// The first call of cancel() or finish() counts.
  void cancel() {
    if (over_) return;
    over_ = true;
    cancelled_ = true;
    for (const auto& each : std::exchange(actions_, {})) {
      try {
        each();
      } catch (...) {  // nobody is left to tell
      }
    }
  }
  void finish() {
    over_ = true;
    actions_.clear();
  }

 private:
  bool cancelled_ = false;
  bool over_ = false;
  std::vector<std::function<void()>> actions_;
};

/// Ends one call: reply(text) with what the model is to be told, or reply.fail(words). The first
/// counts, later ones are ignored. Copyable; may be called from any thread while the server lives.
class tool_reply {
 public:
  explicit tool_reply(std::function<void(tool_result)> send) : send_(std::move(send)) {}

  /// `text` is usually JSON; the model reads it as it is.
  void operator()(std::string text) const { send_({std::move(text), false}); }
  /// The model is told that the tool failed, and why.
  void fail(std::string words) const { send_(tool_result::failure(std::move(words))); }

 private:
  std::function<void(tool_result)> send_;
};

/// One call of a tool. Copyable.
template <typename Session>
class tool_invocation {
 public:
  /// Precondition: `arguments_text` is a JSON object that fits the tool's parameters.
  tool_invocation(std::string call_id, std::string tool_name, std::string arguments_text,
                  std::weak_ptr<Session> session, std::shared_ptr<tool_cancellation> cancellation)
      : id(std::move(call_id)),
        name(std::move(tool_name)),
        arguments(std::move(arguments_text)),
        session_(std::move(session)),
        cancellation_(std::move(cancellation)) {
    auto parsed = std::make_shared<json::document>();
    (void)parsed->parse(arguments);
    parsed_ = std::move(parsed);
  }

  std::string id;
  std::string name;
  std::string arguments;  ///< JSON object text

  /// The arguments, to be read: call.value()["city"].string(). Valid as long as a copy of the call.
  json::value value() const noexcept { return parsed_->root(); }
  /// Null when the session is gone. On the executor only.
  std::shared_ptr<Session> session() const { return session_.lock(); }
  /// True when nobody wants the result any more. On the executor only: work on another thread is
  /// told by on_cancel.
  bool cancelled() const noexcept { return cancellation_->cancelled(); }
  /// Runs f on the executor when the call is cancelled or its time is up. On the executor only.
  void on_cancel(std::function<void()> f) const { cancellation_->on_cancel(std::move(f)); }

 private:
  std::weak_ptr<Session> session_;
  std::shared_ptr<tool_cancellation> cancellation_;
  std::shared_ptr<const json::document> parsed_;
};

}  // namespace agent_websocket

// --- agent_websocket/session/hooks.hpp

// What a session tells upwards: the hooks of the application, the sink that its server is, and the
// token by which the application answers the question what to do with a query.

namespace agent_websocket {

/// Decides about one query: now or later, once; the first decision counts, later ones are ignored.
/// Copyable; may outlive the session. Called on the server's executor.
template <typename Session>
class query_reply {
 public:
  query_reply(std::weak_ptr<Session> session, run_number run)
      : session_(std::move(session)), run_(run) {}

  /// Let the model answer; `extra` messages go into this request only, before the question.
  void proceed(std::vector<openrouter::chat_message> extra = {}) const {
    query_decision decision;
    decision.extra = std::move(extra);
    send(std::move(decision));
  }
  /// Answer without the model.
  void answer(std::string text) const {
    query_decision decision;
    decision.what = query_decision::kind::answer;
    decision.text = std::move(text);
    send(std::move(decision));
  }
  /// Refuse: the client gets an error of that code with these words (or the code's own).
  void refuse(errc code, std::string words = {}) const {
    send(query_decision::refusal(words.empty() ? error(code) : error(code, std::move(words))));
  }

 private:
  void send(query_decision decision) const {
    if (const auto session = session_.lock()) session->decide(run_, std::move(decision));
  }

  std::weak_ptr<Session> session_;
  run_number run_;
};

/// Runs a hook of the application. What it throws is put into words for the log, and on_throw()
/// does without the hook.
template <typename Hook, typename Log, typename OnThrow>
void run_hook(Hook&& hook, Log&& log, OnThrow&& on_throw) {
  try {
    hook();
    return;
  } catch (const std::exception& thrown) {
    log(std::string(": ") + thrown.what());
  } catch (...) {
    log(std::string(": not a std::exception"));
  }
  on_throw();
}

/// What the application says to what happens in a session. Called on the executor; exceptions are
/// caught, logged and cost one message.
template <typename Session>
class session_hooks {
 public:
  /// A query is about to run: decide by `reply`.
  virtual void query(Session& session, const wire::query& query,
                     query_reply<Session> reply) const = 0;
  /// The request is about to go upstream and may be changed.
  virtual void request(Session& session, openrouter::chat_request& request) const = 0;
  /// False when nobody knows the command.
  virtual bool command(Session& session, const wire::command& command) const = 0;
  /// Runs a tool of the server.
  virtual void run_tool(const tool_invocation<Session>& call, const tool_reply& reply) const = 0;
  virtual void feedback(Session& session, const feedback_entry& feedback) const = 0;
  virtual void response(Session& session, const answer_record& answer) const = 0;

 protected:
  ~session_hooks() = default;
};

/// What a session cannot do by itself. Called on the executor; does not throw.
template <typename Session>
class session_sink {
 public:
  /// A client has said hello on a socket of this session (answer by greet(), or by the resume() of
  /// the session that it asks for) or shown a new token by the command auth.
  virtual void on_command(Session& session, const wire::command& command) = 0;
  /// The session was closed while no socket watched it.
  virtual void on_over(Session& session) = 0;
  virtual void on_log(const Session& session, log_level level, std::string_view event,
                      std::string_view text) = 0;

 protected:
  ~session_sink() = default;
};

}  // namespace agent_websocket

// --- agent_websocket/server/router.hpp

// basic_router: what the application does with what arrives. Every hook is optional. Hooks run on
// the server's executor, must not block, and may throw: that is logged and costs one message.

namespace agent_websocket {

/// Something that happened, for metrics and logs. The views are valid during the call only.
struct server_event {
  log_level level = log_level::info;
  std::string_view name;  ///< a fixed word: session_opened, session_closed, completion_failed, ...
  std::string_view session;  ///< session id, or empty
  std::string_view text;
};

template <typename Session>
class basic_router final : public session_hooks<Session> {
 public:
  using connect_handler = std::function<void(Session&, const handshake&)>;
  using query_handler = std::function<void(Session&, const wire::query&, query_reply<Session>)>;
  using request_handler = std::function<void(Session&, openrouter::chat_request&)>;
  using command_handler = std::function<void(Session&, const wire::command&)>;
  using feedback_handler = std::function<void(Session&, const feedback_entry&)>;
  using response_handler = std::function<void(Session&, const answer_record&)>;
  using disconnect_handler = std::function<void(Session&, std::uint16_t code)>;
  using session_handler = std::function<void(Session&)>;
  using tool_handler = std::function<void(tool_invocation<Session>, tool_reply)>;
  using http_handler = std::function<http::response(const http::request&)>;
  using event_handler = std::function<void(const server_event&)>;

  /// A session has begun; nothing has been sent yet. The place for a system prompt or limits of its
  /// own.
  basic_router& on_connect(connect_handler handler) { return set(connect_, std::move(handler)); }
  /// A query is about to run: answer it without the model, refuse it, or let it proceed. Default:
  /// proceed.
  basic_router& on_query(query_handler handler) { return set(query_, std::move(handler)); }
  /// A request is about to go upstream: see it, change it.
  basic_router& before_request(request_handler handler) {
    return set(request_, std::move(handler));
  }
  /// An answer has ended, however it did.
  basic_router& on_response(response_handler handler) { return set(response_, std::move(handler)); }
  /// A person has judged an answer.
  basic_router& on_feedback(feedback_handler handler) { return set(feedback_, std::move(handler)); }
  /// A socket of the session is gone. Its client may come back: see on_resume and on_end.
  basic_router& on_disconnect(disconnect_handler handler) {
    return set(disconnect_, std::move(handler));
  }
  /// A client has come back to its session, or watches it from one more socket.
  basic_router& on_resume(session_handler handler) { return set(resume_, std::move(handler)); }
  /// The session is over for good: it was closed, or nobody came back in time. Also called for the
  /// session that a client got by connecting, when it goes back to an earlier one.
  basic_router& on_end(session_handler handler) { return set(end_, std::move(handler)); }
  /// Everything that is logged, whatever the logger's level.
  basic_router& on_event(event_handler handler) { return set(event_, std::move(handler)); }

  /// A command of the application's own, with a line for `help`. Commands of the protocol cannot be
  /// replaced.
  basic_router& on_command(std::string op, command_handler handler,
                           std::string description = "a command of this server") {
    commands_[std::move(op)] = {std::move(handler), std::move(description)};
    return *this;
  }
  /// A tool that the model may call. `handler(call, reply)` runs on the executor, must not block,
  /// and calls reply(text) or reply.fail(words) now or later, from any thread; a tool that asks a
  /// person needs none. What is wrong with the definition is told by the server's start().
  basic_router& tool(tool_definition definition, tool_handler handler = nullptr) {
    const std::string name = definition.name;
    const bool needs_handler = !definition.asks_person;
    auto added = tools_.add(std::move(definition));
    if (added && needs_handler && !handler)
      added = error(errc::bad_message, "Tool `" + name + "` has no handler");
    if (!added && !wrong_tool_) wrong_tool_ = added.error();
    handlers_[name] = std::move(handler);
    return *this;
  }
  /// Answers plain HTTP requests of that method and path ("/"). GET handlers answer HEAD too.
  basic_router& on_http(std::string method, std::string path, http_handler handler) {
    http_[{std::move(method), std::move(path)}] = std::move(handler);
    return *this;
  }

  // ---- for the server

  void connected(Session& session, const handshake& request) const {
    if (connect_) connect_(session, request);
  }
  void query(Session& session, const wire::query& query,
             query_reply<Session> reply) const override {
    if (query_) return query_(session, query, std::move(reply));
    reply.proceed();
  }
  void request(Session& session, openrouter::chat_request& request) const override {
    if (request_) request_(session, request);
  }
  bool command(Session& session, const wire::command& command) const override {
    const auto found = commands_.find(command.op);
    if (found == commands_.end()) return false;
    found->second.run(session, command);
    return true;
  }
  void run_tool(const tool_invocation<Session>& call, const tool_reply& reply) const override {
    const auto found = handlers_.find(call.name);
    if (found == handlers_.end() || !found->second) return reply.fail("The tool has no handler");
    found->second(call, reply);
  }
  /// All tools, or why one of them cannot be offered.
  result<std::shared_ptr<const toolbox>> tools() const {
    if (wrong_tool_) return error(errc::bad_configuration, wrong_tool_->message);
    return std::make_shared<const toolbox>(tools_);
  }
  void feedback(Session& session, const feedback_entry& feedback) const override {
    if (feedback_) feedback_(session, feedback);
  }
  void response(Session& session, const answer_record& answer) const override {
    if (response_) response_(session, answer);
  }
  void disconnected(Session& session, std::uint16_t code) const {
    if (disconnect_) disconnect_(session, code);
  }
  void resumed(Session& session) const {
    if (resume_) resume_(session);
  }
  void ended(Session& session) const {
    if (end_) end_(session);
  }
  void event(const server_event& what) const {
    if (event_) event_(what);
  }
  const http_handler* find_http(std::string_view method, std::string_view path) const {
    const auto found =
        http_.find({std::string(method == "HEAD" ? "GET" : method), std::string(path)});
    return found == http_.end() ? nullptr : &found->second;
  }
  std::vector<command_description> commands() const {
    std::vector<command_description> all;
    for (const auto& each : commands_) all.push_back({each.first, each.second.description});
    return all;
  }

 private:
  template <typename Handler>
  basic_router& set(Handler& slot, Handler handler) {
    slot = std::move(handler);
    return *this;
  }

  struct command_entry {
    command_handler run;
    std::string description;
  };

  connect_handler connect_;
  query_handler query_;
  request_handler request_;
  response_handler response_;
  feedback_handler feedback_;
  disconnect_handler disconnect_;
  session_handler resume_;
  session_handler end_;
  event_handler event_;
  std::map<std::string, command_entry> commands_;
  toolbox tools_;
  std::map<std::string, tool_handler> handlers_;
  std::optional<error> wrong_tool_;
  std::map<std::pair<std::string, std::string>, http_handler> http_;
};

}  // namespace agent_websocket

// --- agent_websocket/base/fifo.hpp

// A queue on a vector: first in, first out, no memory at all while it is empty and never used, and
// given back when it runs empty after it was large. std::deque holds half a kilobyte from its
// construction on, which every idle session would pay several times.

namespace agent_websocket {

template <typename T>
class fifo {
 public:
  bool empty() const noexcept { return head_ == items_.size(); }
  std::size_t size() const noexcept { return items_.size() - head_; }

  void push_back(T item) { items_.push_back(std::move(item)); }

  /// Linear.
  void push_front(T item) {
    items_.insert(items_.begin() + static_cast<std::ptrdiff_t>(head_), std::move(item));
  }

  /// Precondition: !empty().
  T& front() noexcept {
    assert(!empty());
    return items_[head_];
  }
  T& back() noexcept {
    assert(!empty());
    return items_.back();
  }
  T& operator[](std::size_t position) noexcept { return items_[head_ + position]; }
  const T& operator[](std::size_t position) const noexcept { return items_[head_ + position]; }

  /// Precondition: !empty(). Amortised constant.
  T take_front() {
    assert(!empty());
    T taken = std::move(items_[head_]);
    ++head_;
    if (head_ == items_.size()) {
      clear();
    } else if (head_ >= 32 && head_ * 2 >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    return taken;
  }

  /// Takes the item at that position out. Linear. Precondition: position < size().
  T take(std::size_t position) {
    assert(position < size());
    const auto at = items_.begin() + static_cast<std::ptrdiff_t>(head_ + position);
    T taken = std::move(*at);
    items_.erase(at);
    if (head_ == items_.size()) clear();
    return taken;
  }

  void clear() noexcept {
    head_ = 0;
    if (items_.capacity() > 64) {
      std::vector<T>().swap(items_);
    } else {
      items_.clear();
    }
  }

 private:
  std::vector<T> items_;
  std::size_t head_ = 0;
};

}  // namespace agent_websocket

// --- agent_websocket/limits/upstream_slots.hpp

// How many requests may be under way upstream at once, over all sessions. Who comes when all are
// taken waits in line; since a session asks for one at a time, a session with a long queue of its
// own takes turns with all others.

namespace agent_websocket {

class upstream_slots {
 public:
  /// Names a place in the line; 0 is never given out.
  using ticket = std::uint64_t;

  /// 0: no limit.
  explicit upstream_slots(std::size_t max) : max_(max) {}

  /// Takes a slot if one is free. Each that was taken, here or by a turn, is given back by
  /// release().
  bool try_acquire() noexcept {
    if (max_ != 0 && taken_ >= max_) return false;
    ++taken_;
    return true;
  }

  /// Calls turn(), with the slot taken, when one is free; from inside of a later release().
  ticket wait(std::function<void()> turn) {
    line_.push_back({++last_, std::move(turn)});
    return last_;
  }

  /// Leaves the line. A ticket whose turn has come is ignored.
  void withdraw(ticket place) {
    for (std::size_t i = 0; i < line_.size(); ++i) {
      if (line_[i].place != place) continue;
      line_.take(i);
      return;
    }
  }

  void release() {
    if (line_.empty()) {
      --taken_;
      return;
    }
    const auto next = line_.take_front();  // the slot goes from hand to hand
    next.turn();
  }

  /// Sends the line away: nobody of those who wait gets a turn.
  void dismiss() noexcept { line_.clear(); }

  std::size_t taken() const noexcept { return taken_; }
  std::size_t waiting() const noexcept { return line_.size(); }

 private:
  struct waiter {
    ticket place;
    std::function<void()> turn;
  };

  std::size_t max_;
  std::size_t taken_ = 0;
  ticket last_ = 0;
  fifo<waiter> line_;
};

}  // namespace agent_websocket

// --- agent_websocket/base/timestamp.hpp

// ISO-8601 timestamps in UTC with milliseconds ("2026-01-01T00:00:00.000Z"), as every server message
// carries. The conversion is days-from-civil arithmetic on the proleptic Gregorian calendar: no locale, no tz
// database, no global lock as in gmtime. `timestamp_cache` makes the text once a millisecond.

namespace agent_websocket {

/// "YYYY-MM-DDThh:mm:ss.mmmZ". Years 0 to 9999; others are clamped.
inline std::string to_iso8601(std::chrono::system_clock::time_point when) {
  using namespace std::chrono;
  constexpr std::int64_t day_ms = 86'400'000;
  std::int64_t ms = duration_cast<milliseconds>(when.time_since_epoch()).count();
  if (duration_cast<system_clock::duration>(milliseconds(ms)) > when.time_since_epoch()) --ms;  // floor
  constexpr std::int64_t first = -62'167'219'200'000, last = 253'402'300'799'999;
  ms = ms < first ? first : (ms > last ? last : ms);
  std::int64_t days = ms / day_ms;
  std::int64_t rest = ms % day_ms;
  if (rest < 0) {
    rest += day_ms;
    --days;
  }
  // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
  const std::int64_t z = days + 719'468;
  const std::int64_t era = (z >= 0 ? z : z - 146'096) / 146'097;
  const std::int64_t doe = z - era * 146'097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36'524 - doe / 146'096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  const std::int64_t day = doy - (153 * mp + 2) / 5 + 1;
  const std::int64_t month = mp < 10 ? mp + 3 : mp - 9;
  const std::int64_t year = yoe + era * 400 + (month <= 2 ? 1 : 0);

  std::string text(24, '0');
  const auto put = [&text](std::size_t at, std::size_t width, std::int64_t value) {
    for (std::size_t i = width; i-- > 0; value /= 10) text[at + i] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, year);
  text[4] = '-';
  put(5, 2, month);
  text[7] = '-';
  put(8, 2, day);
  text[10] = 'T';
  put(11, 2, rest / 3'600'000);
  text[13] = ':';
  put(14, 2, rest / 60'000 % 60);
  text[16] = ':';
  put(17, 2, rest / 1000 % 60);
  text[19] = '.';
  put(20, 3, rest % 1000);
  text[23] = 'Z';
  return text;
}

/// The text of the last moment asked for, made anew only when the millisecond has changed.
class timestamp_cache {
 public:
  std::string_view text(std::chrono::system_clock::time_point when) {
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(when.time_since_epoch());
    if (text_.empty() || ms != moment_) {
      moment_ = ms;
      text_ = to_iso8601(when);
    }
    return text_;
  }

 private:
  std::chrono::milliseconds moment_{0};
  std::string text_;
};

}  // namespace agent_websocket

// --- agent_websocket/session/claims.hpp

// The ids of a session's queries that have been taken, so that a repeated one is never run again:
// the latest 1024, each for five minutes or as long as its session wants. An id is claimed before
// anything is asked upstream, whatever becomes of the query then.

namespace agent_websocket {

class claimed_ids {
 public:
  static constexpr std::size_t max_ids = 1024;
  static constexpr std::chrono::minutes max_age{5};

  explicit claimed_ids(duration age = max_age) : age_(age) {}

  /// Of what has no terminal message.
  static constexpr std::uint64_t without_end = static_cast<std::uint64_t>(-1);

  struct claim {
    std::string stream;         ///< of the answer
    std::uint64_t end_seq = 0;  ///< number of its terminal message; 0 while it is open
  };

  /// What was claimed by that id; nullptr when it is free.
  const claim* find(std::string_view id, time_point now) {
    forget(now);
    const auto found = claims_.find(std::string(id));
    return found == claims_.end() ? nullptr : &found->second;
  }

  /// Precondition: the id is free.
  void take(std::string id, std::string stream, time_point now) {
    if (order_.size() >= max_ids) drop_oldest();
    order_.push_back({id, now});
    claims_.emplace(std::move(id), claim{std::move(stream), 0});
  }

  /// For what has no terminal message; without an id nothing happens. Precondition: as of take().
  void take_without_end(const std::string& id, time_point now) {
    if (id.empty()) return;
    take(id, {}, now);
    ended(id, without_end);
  }

  /// The terminal message of that id was sent; ids that were not claimed are ignored.
  void ended(const std::string& id, std::uint64_t seq) {
    const auto found = claims_.find(id);
    if (found != claims_.end()) found->second.end_seq = seq;
  }

 private:
  struct claimed {
    std::string id;
    time_point at;
  };

  void forget(time_point now) {
    while (!order_.empty() && order_.front().at + age_ <= now) drop_oldest();
  }
  void drop_oldest() { claims_.erase(order_.take_front().id); }

  duration age_;
  fifo<claimed> order_;
  std::unordered_map<std::string, claim> claims_;
};

}  // namespace agent_websocket

// --- agent_websocket/session/client_tools.hpp

// The tools that the clients of one session have declared in their hello: which socket runs which.
// A socket that goes takes its tools with it; a call that it has not answered waits in the run.

namespace agent_websocket {

class client_tools {
 public:
  /// Replaces what that socket declared before. Of several sockets with one name the last to
  /// declare it counts, as long as it is here.
  void declare(connection_id connection, std::vector<tool_ptr> tools) {
    forget(connection);
    for (tool_ptr& each : tools) entries_.push_back({connection, std::move(each)});
  }

  void forget(connection_id connection) {
    const auto of_it = [connection](const entry& of) { return of.connection == connection; };
    entries_.erase(std::remove_if(entries_.begin(), entries_.end(), of_it), entries_.end());
  }

  /// The socket that runs the tool of that name; 0 when none does now.
  connection_id runner_of(std::string_view name) const noexcept {
    const entry* const found = last(name);
    return found == nullptr ? 0 : found->connection;
  }

  std::vector<tool_ptr> tools() const {
    std::vector<tool_ptr> all;
    for (const entry& each : entries_) {
      if (last(each.tool->definition.name) == &each) all.push_back(each.tool);
    }
    return all;
  }

 private:
  struct entry {
    connection_id connection;
    tool_ptr tool;
  };

  const entry* last(std::string_view name) const noexcept {
    for (std::size_t i = entries_.size(); i-- > 0;) {
      if (entries_[i].tool->definition.name == name) return &entries_[i];
    }
    return nullptr;
  }

  std::vector<entry> entries_;
};

}  // namespace agent_websocket

// --- agent_websocket/session/feedback_requests.hpp

// The questions to people that are open in a session, each about one tool call, and what became of
// the last ones, so that who comes too late is told so. The first decision counts; that is the
// core's business.

namespace agent_websocket {

class feedback_requests {
 public:
  static constexpr std::size_t max_former = 64;

  struct request {
    std::string id;    ///< "f_1", unique in the session
    std::string call;  ///< called_tool::id
    std::string ref;   ///< id of the query
    std::string kind;  ///< approval or question
    std::string content;
    std::string tool;
    std::string arguments;   ///< JSON object text
    std::string expires_at;  ///< ISO-8601
    bool approved_by_default = false;

    wire::feedback_request to_wire() const {
      return {id,   ref,       kind,       content,
              tool, arguments, expires_at, approved_by_default ? "approve" : "reject"};
    }
  };
  struct former {
    std::string id;
    std::string decision;
    bool expired = false;
  };

  void open(request asked) { open_.push_back(std::move(asked)); }

  /// Takes the request out; it is remembered as decided.
  request close(std::string_view id, std::string decision, bool expired) {
    for (std::size_t i = 0; i < open_.size(); ++i) {
      if (open_[i].id != id) continue;
      request closed = std::move(open_[i]);
      open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
      former_.push_back({closed.id, std::move(decision), expired});
      if (former_.size() > max_former) former_.take_front();
      return closed;
    }
    return {};
  }

  const request* find(std::string_view id) const noexcept {
    for (const request& each : open_) {
      if (each.id == id) return &each;
    }
    return nullptr;
  }
  const former* find_former(std::string_view id) const noexcept {
    for (std::size_t i = former_.size(); i-- > 0;) {
      if (former_[i].id == id) return &former_[i];
    }
    return nullptr;
  }

  const std::vector<request>& all() const noexcept { return open_; }
  bool empty() const noexcept { return open_.empty(); }

 private:
  std::vector<request> open_;
  fifo<former> former_;
};

}  // namespace agent_websocket

// --- agent_websocket/session/inbox.hpp

// The queries of one session that wait for their turn: bounded, by priority, first come first
// served inside one level, with ageing so that none waits for ever. Commands and feedback never
// wait here.

namespace agent_websocket {

/// A query that was accepted, with what its answer needs.
struct accepted_query {
  wire::query query;              ///< with an id in any case
  std::string stream;             ///< the id of its answer
  connection_id from = 0;         ///< the socket that it came on
  std::vector<tool_ptr> tools{};  ///< that the client runs for it
  bool streamed = false;          ///< deltas, or one full response
  bool first = false;             ///< goes before all that wait
  unsigned overtaken = 0;         ///< by how many that came later
  bool regenerate = false;        ///< answers the last question anew instead of asking one
};

class inbox {
 public:
  explicit inbox(std::size_t max_size) : max_size_(max_size) {}

  void limit_to(std::size_t max_size) noexcept { max_size_ = max_size; }

  bool full() const noexcept { return waiting_.size() >= max_size_; }
  bool empty() const noexcept { return waiting_.empty(); }
  std::size_t size() const noexcept { return waiting_.size(); }

  /// Precondition: there is room, or the query will be taken at once.
  void push(accepted_query query) {
    if (query.first) return waiting_.push_front(std::move(query));
    waiting_.push_back(std::move(query));
  }

  std::optional<accepted_query> take_next() {
    if (waiting_.empty()) return std::nullopt;
    std::size_t best = 0;
    for (std::size_t i = 1; i < waiting_.size(); ++i) {
      if (level_of(waiting_[i]) > level_of(waiting_[best])) best = i;
    }
    for (std::size_t i = 0; i < best; ++i) ++waiting_[i].overtaken;
    return waiting_.take(best);
  }

  /// Takes out the query of that id.
  std::optional<accepted_query> take(std::string_view id) {
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (waiting_[i].query.id == id || waiting_[i].stream == id) return waiting_.take(i);
    }
    return std::nullopt;
  }

  /// The query of that id; nullptr when it does not wait here.
  const accepted_query* find(std::string_view id) const noexcept {
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (waiting_[i].query.id == id) return &waiting_[i];
    }
    return nullptr;
  }

  /// How many run before the query of that id, as things stand: 0 is next.
  std::optional<std::size_t> position_of(std::string_view id) const noexcept {
    const accepted_query* const found = find(id);
    if (found == nullptr) return std::nullopt;
    std::size_t before = 0;
    bool behind = false;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      behind = behind || &waiting_[i] == found;
      const int difference = level_of(waiting_[i]) - level_of(*found);
      if (difference > 0 || (difference == 0 && !behind)) ++before;
    }
    return before;
  }

 private:
  // Four overtakings lift a query by one level.
  static int level_of(const accepted_query& query) noexcept {
    return query.first ? 1000 : query.query.priority + static_cast<int>(query.overtaken / 4);
  }

  std::size_t max_size_;
  fifo<accepted_query> waiting_;
};

}  // namespace agent_websocket

// --- agent_websocket/session/message_log.hpp

// The numbered messages of one session, as frames, in the order of their numbers from 1: what every
// socket is sent, and what a client that comes back has missed. Bounded in count and bytes, the
// oldest go first. Sockets hold positions in it and no copies.

namespace agent_websocket {

class message_log {
 public:
  static constexpr std::size_t default_messages = 1024;
  static constexpr std::size_t default_bytes = 1u << 20;

  explicit message_log(std::size_t max_messages = default_messages,
                       std::size_t max_bytes = default_bytes)
      : max_messages_(max_messages), max_bytes_(max_bytes) {}

  /// Number of the newest message; 0 before the first.
  std::uint64_t top() const noexcept { return top_; }
  /// Number of the oldest that is kept; top() + 1 when none is.
  std::uint64_t oldest() const noexcept { return top_ + 1 - kept_.size(); }
  /// Whether everything after `position` is here; also when there is nothing.
  bool holds_after(std::uint64_t position) const noexcept {
    return position <= top_ && position + 1 >= oldest();
  }

  /// Takes the frame of number top() + 1. The newest stays, however large it is.
  void append(std::string frame) {
    end_ += frame.size();
    kept_.push_back({std::move(frame), end_});
    ++top_;
    while (kept_.size() > max_messages_ || (kept_.size() > 1 && bytes() > max_bytes_))
      kept_.take_front();
  }

  /// Precondition: oldest() <= seq <= top().
  const std::string& at(std::uint64_t seq) const noexcept {
    assert(seq >= oldest() && seq <= top_);
    return kept_[static_cast<std::size_t>(seq - oldest())].frame;
  }

  /// Of what is kept after `position`.
  std::size_t bytes_after(std::uint64_t position) const noexcept {
    if (position >= top_ || kept_.empty()) return 0;
    if (position < oldest()) return bytes();
    return static_cast<std::size_t>(end_ -
                                    kept_[static_cast<std::size_t>(position - oldest())].end);
  }
  std::size_t bytes() const noexcept {
    return kept_.empty() ? 0
                         : static_cast<std::size_t>(end_ - kept_[0].end) + kept_[0].frame.size();
  }

  std::size_t max_messages() const noexcept { return max_messages_; }
  std::size_t max_bytes() const noexcept { return max_bytes_; }

 private:
  struct entry {
    std::string frame;
    std::uint64_t end;  // bytes of all frames up to and with this one
  };

  std::size_t max_messages_;
  std::size_t max_bytes_;
  fifo<entry> kept_;
  std::uint64_t top_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace agent_websocket

// --- agent_websocket/wire/encode.hpp

// Messages of the server -> the text of one WebSocket frame, appended to a string. Every message
// carries `timestamp` (ISO-8601, UTC, milliseconds; the caller makes it, see timestamp_cache).
// Fields that have no value are left out.

namespace agent_websocket {
namespace wire {

namespace detail {

inline void member_if(json::writer& w, std::string_view name, std::string_view text) {
  if (!text.empty()) w.member(name, text);
}
inline void raw_if(json::writer& w, std::string_view name, std::string_view json) {
  if (!json.empty()) w.member_raw(name, json);
}
template <typename T>
void member_if(json::writer& w, std::string_view name, const std::optional<T>& value) {
  if (value) w.member(name, *value);
}
inline json::writer& open(json::writer& w, std::string_view type) {
  return w.begin_object().member("type", type);
}
inline void close(json::writer& w, std::string_view timestamp) {
  w.member("timestamp", timestamp).end_object();
}

}  // namespace detail

namespace detail {

inline void write_request(json::writer& w, const feedback_request& m) {
  w.member("id", m.id).member("ref", m.ref).member("kind", m.kind).member("content", m.content);
  w.key("tool").begin_object().member("name", m.tool);
  w.member_raw("arguments", m.arguments).end_object();
  w.member("expires_at", m.expires_at).member("default", m.default_decision);
}

}  // namespace detail

inline void encode(std::string& out, const welcome& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "notification").member("op", "welcome");
  w.member("content", "Connected to Agent WebSocket. Session ID: " + std::string(m.session_id));
  w.member("v", protocol_version).member("session_id", m.session_id);
  detail::member_if(w, "resume_token", m.resume_token);
  detail::member_if(w, "epoch", m.epoch);
  w.member("seq", m.seq).member("recovered", m.recovered).member("reason", m.reason);
  w.member("heartbeat_ms", m.heartbeat.count()).member("timeout_ms", m.timeout.count());
  w.member("resume_window_ms", m.resume_window.count());
  w.key("limits").begin_object();
  w.member("max_message_bytes", m.limits.max_message_bytes)
      .member("max_queued", m.limits.max_queued);
  w.end_object();
  if (m.resumed) {
    w.key("accepted").begin_array();
    for (const std::string_view each : m.resumed->accepted) w.value(each);
    w.end_array().key("active").begin_array();
    for (const active_answer& each : m.resumed->active) {
      w.begin_object().member("ref", each.ref).member("stream", each.stream).end_object();
    }
    w.end_array().key("pending_feedback").begin_array();
    for (const feedback_request& each : m.resumed->pending_feedback) {
      w.begin_object();
      detail::write_request(w, each);
      w.end_object();
    }
    w.end_array();
  }
  detail::raw_if(w, "data", m.data);
  detail::close(w, timestamp);
}

inline void encode(std::string& out, const status& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "status");
  detail::member_if(w, "seq", m.seq);
  w.member("op", m.op);
  detail::member_if(w, "content", m.content);
  detail::member_if(w, "ref", m.ref);
  if (m.retry_after) w.member("retry_after_ms", m.retry_after->count());
  detail::raw_if(w, "data", m.data);
  detail::raw_if(w, "meta", m.meta);
  detail::close(w, timestamp);
}

inline void encode(std::string& out, const auth_expiring& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "status").member("op", "auth_expiring");
  w.member("content", "Your token expires soon").member("expires_at", m.expires_at);
  detail::close(w, timestamp);
}

inline void encode(std::string& out, const ack& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "status").member("op", "ack").member("ref", m.ref);
  if (m.of_query) {
    detail::member_if(w, "stream", m.stream);
    w.member("position", m.position);
  }
  w.member("duplicate", m.duplicate);
  detail::close(w, timestamp);
}

inline void encode(std::string& out, const queued& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "status").member("op", "queued").member("content", "Queued");
  w.member("ref", m.ref).member("position", m.position);
  detail::close(w, timestamp);
}

inline void encode(std::string& out, const tool_status& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "status").member("op", "tool");
  if (m.to_be_run) w.member("id", m.call);
  w.member("ref", m.ref).member("stream", m.stream);
  const std::string_view words = m.state == "done"      ? "Done: "
                                 : m.state == "failed"  ? "Failed: "
                                 : m.state == "waiting" ? "Waiting for a decision: "
                                                        : "Calling ";
  w.member("content", std::string(words) + std::string(m.name));
  w.key("tool").begin_object().member("call", m.call).member("name", m.name);
  detail::raw_if(w, "arguments", m.arguments);
  w.member("state", m.state);
  detail::member_if(w, "error", m.failure);
  w.end_object();
  detail::close(w, timestamp);
}

inline void encode(std::string& out, const feedback_request& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "human_feedback").member("seq", m.seq);
  detail::write_request(w, m);
  detail::close(w, timestamp);
}

inline void encode(std::string& out, const feedback_resolved& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "status").member("seq", m.seq).member("op", "feedback_resolved");
  w.member("ref", m.ref).member("decision", m.decision);
  detail::member_if(w, "reason", m.reason);
  detail::close(w, timestamp);
}

inline void encode(std::string& out, const response_start& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "response").member("seq", m.seq).member("ref", m.ref).member("stream", m.stream);
  w.member("phase", "start");
  detail::member_if(w, "model", m.model);
  detail::close(w, timestamp);
}

inline void encode(std::string& out, const response_delta& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "response")
      .member("stream", m.stream)
      .member("phase", m.snapshot    ? "snapshot"
                       : m.reasoning ? "reasoning"
                                     : "delta");
  w.member("idx", m.idx).member("n", m.n).member("content", m.content);
  if (m.snapshot) w.member("replay", true);
  detail::close(w, timestamp);
}

inline void encode(std::string& out, const response_end& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "response").member("seq", m.seq).member("ref", m.ref).member("stream", m.stream);
  w.member("phase", m.streamed ? "end" : "full");
  if (m.streamed) w.member("n", m.n);
  w.member("content", m.content).member("status", to_string(m.status));
  detail::member_if(w, "finish_reason", m.finish_reason);
  detail::member_if(w, "model", m.model);
  detail::raw_if(w, "usage", m.usage);
  detail::raw_if(w, "annotations", m.annotations);
  if (m.failure != nullptr) {
    w.key("error").begin_object().member("code", agent_websocket::to_string(m.failure->code));
    w.member("content", m.failure->content).member("retryable", m.failure->retryable);
    if (m.failure->retry_after) w.member("retry_after_ms", m.failure->retry_after->count());
    w.end_object();
  }
  detail::raw_if(w, "meta", m.meta);
  if (m.replay) w.member("replay", true);
  detail::close(w, timestamp);
}

inline void encode(std::string& out, const failure_notice& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "error");
  detail::member_if(w, "seq", m.seq);
  detail::member_if(w, "ref", m.ref);
  w.member("code", agent_websocket::to_string(m.code)).member("content", m.content);
  w.member("retryable", m.retryable);
  if (m.retry_after) w.member("retry_after_ms", m.retry_after->count());
  if (m.seq) w.member("terminal", true);
  if (m.replay) w.member("replay", true);
  detail::raw_if(w, "meta", m.meta);
  detail::close(w, timestamp);
}

inline void encode(std::string& out, const notification& m, std::string_view timestamp) {
  json::writer w(out);
  detail::open(w, "notification");
  detail::member_if(w, "seq", m.seq);
  detail::member_if(w, "op", m.op);
  detail::member_if(w, "topic", m.topic);
  w.member("content", m.content);
  detail::raw_if(w, "data", m.data);
  detail::close(w, timestamp);
}

}  // namespace wire
}  // namespace agent_websocket

// --- agent_websocket/wire/replay.hpp

// A numbered message as it is sent again to a client that has missed it: marked with `replay`, and
// the end of a streamed answer as the whole answer that it is (phase `full`), since its deltas are
// not sent again. Works on the frame as encode.hpp makes it, so that frames are kept once.

namespace agent_websocket {
namespace wire {

/// Precondition: `frame` was made by encode().
inline std::string as_replay(std::string_view frame) {
  constexpr std::string_view response = R"({"type":"response")";
  constexpr std::string_view end = R"("phase":"end")", full = R"("phase":"full")";
  std::string again;
  again.reserve(frame.size() + 16);
  if (frame.substr(0, response.size()) == response) {
    // The members before it are numbers and ids: the first such text is the member itself.
    const std::size_t at = frame.find(end);
    const std::size_t content = frame.find(R"("content":)");
    if (at != std::string_view::npos && at < content) {
      again.append(frame.substr(0, at)).append(full);
      frame.remove_prefix(at + end.size());
    }
  }
  again.append(frame.substr(0, frame.size() - 1)).append(R"(,"replay":true})");
  return again;
}

}  // namespace wire
}  // namespace agent_websocket

// --- agent_websocket/session/lanes.hpp

// What one socket of a session is to be sent, in lanes: control first, then numbered messages with
// what keeps its place among them, then the running answer's new text, then volatile messages.
// Numbered messages and text are not copied here: the socket has a position in the session's log
// and in the answer, so that text which waits is merged by itself and a slow reader costs little.

namespace agent_websocket {

/// The answer that is being streamed, as far as it has come. Views into its owner.
struct live_answer {
  std::uint64_t run = 0;  ///< tells answers apart
  std::string_view stream;
  std::string_view text;
  std::uint64_t chunks = 0;
  std::string_view reasoning{};  ///< counted by itself
  std::uint64_t reasoning_chunks = 0;
};

class lanes {
 public:
  /// Text that waits for a socket when its answer ends is sent as one more delta up to this size;
  /// above it the end alone brings it.
  static constexpr std::size_t max_last_delta_bytes = 64 * 1024;
  static constexpr std::size_t max_volatile_bytes = 64 * 1024;

  /// A socket that has been sent nothing yet and goes on from `position` of the log.
  explicit lanes(connection_id connection, std::uint64_t position = 0)
      : connection_(connection), position_(position) {}

  connection_id connection() const noexcept { return connection_; }
  /// Number of the last numbered message that was handed out.
  std::uint64_t position() const noexcept { return position_; }

  // ---- in

  /// A finished frame that may overtake all but its own kind.
  void put_control(std::string frame) {
    own_bytes_ += frame.size();
    control_.push_back(std::move(frame));
  }

  /// A finished frame that goes behind the numbered message `after`, and before the next.
  void put_ordered(std::string frame, std::uint64_t after) {
    own_bytes_ += frame.size();
    ordered_.push_back({std::move(frame), after});
  }

  /// A finished frame that may be lost: the oldest make room.
  void put_volatile(std::string frame) {
    volatile_bytes_ += frame.size();
    volatile_.push_back(std::move(frame));
    while (volatile_bytes_ > max_volatile_bytes) volatile_bytes_ -= volatile_.take_front().size();
  }

  /// Rule R1: the answer is about to end; its text goes out before. `top`: of the log.
  void put_last_delta(const live_answer& answer, std::uint64_t top, std::string_view timestamp) {
    if (const piece thought = unsent_reasoning(answer);
        thought.n != 0 && thought.text.size() <= max_last_delta_bytes) {
      put_ordered(encode_reasoning(answer, thought, timestamp), top);
    }
    const piece next = unsent(answer);
    if (snapshot_run_ == answer.run || next.n == 0 || next.text.size() > max_last_delta_bytes)
      return;
    put_ordered(encode_delta(answer, next, timestamp), top);
  }

  /// Starts over at `position`: everything after it up to `top` goes out again as replay, then a
  /// snapshot of the answer that runs now, `run` or 0 (rule R5: in place of its waiting deltas),
  /// then `live`. What waited here was for a client that did not know it yet; all of it is in the
  /// replay.
  void catch_up(std::uint64_t position, std::uint64_t top, std::uint64_t run, std::string live) {
    for (std::size_t i = 0; i < ordered_.size(); ++i) own_bytes_ -= ordered_[i].frame.size();
    ordered_.clear();
    position_ = position;
    replay_until_ = top;
    snapshot_run_ = run;
    reasoning_sent_ = {};  // it comes again from its beginning
    put_ordered(std::move(live), top);
  }

  // ---- out

  /// Takes the next frame out into `frame`; false when nothing waits, or nothing but text that is
  /// not `text_due`. `answer` is null when none is streamed.
  bool take_next(const message_log& log, const live_answer* answer, bool text_due,
                 std::string& frame, std::string_view timestamp) {
    if (!control_.empty()) {
      frame = control_.take_front();
      own_bytes_ -= frame.size();
      return true;
    }
    if (!ordered_.empty() && ordered_.front().after <= position_) {
      const std::uint64_t run = std::exchange(snapshot_run_, 0);
      if (run != 0 && answer != nullptr && answer->run == run &&
          take_snapshot(*answer, frame, timestamp)) {
        return true;
      }
      frame = ordered_.take_front().frame;
      own_bytes_ -= frame.size();
      return true;
    }
    if (position_ < log.top()) {
      if (!log.holds_after(position_)) return false;  // see too_slow()
      const std::string& next = log.at(++position_);
      frame = position_ <= replay_until_ ? wire::as_replay(next) : next;
      return true;
    }
    if (answer != nullptr && text_due) {
      if (const piece thought = unsent_reasoning(*answer); thought.n != 0) {
        frame = encode_reasoning(*answer, thought, timestamp);
        return true;
      }
      const piece next = unsent(*answer);
      if (next.n != 0) {
        frame = encode_delta(*answer, next, timestamp);
        return true;
      }
    }
    if (volatile_.empty()) return false;
    frame = volatile_.take_front();
    volatile_bytes_ -= frame.size();
    return true;
  }

  bool has_text(const live_answer& answer) const noexcept {
    return unsent(answer).n != 0 || unsent_reasoning(answer).n != 0;
  }

  // ---- how much

  /// Everything that this socket has not been handed: for the decision to pause the upstream.
  std::size_t waiting_bytes(const message_log& log, const live_answer* answer) const noexcept {
    return own_bytes_ + volatile_bytes_ + log.bytes_after(position_) +
           (answer == nullptr
                ? 0
                : unsent(*answer).text.size() + unsent_reasoning(*answer).text.size());
  }

  /// Too far behind to be served: more than `max_bytes` of its own, or numbered messages about to
  /// leave the log. What it is still replaying does not count: that much was allowed.
  bool too_slow(const message_log& log, std::size_t max_bytes) const noexcept {
    if (own_bytes_ > max_bytes || !log.holds_after(position_)) return true;
    const std::uint64_t from = position_ < replay_until_ ? replay_until_ : position_;
    if (log.top() - from <= 1) return false;  // one frame may be as large as it likes
    const std::size_t room = log.max_bytes() / 4 * 3;
    return log.bytes_after(from) > (max_bytes < room ? max_bytes : room) ||
           log.top() - from > log.max_messages() / 4 * 3;
  }

  // ---- the session's notes about this socket

  /// What its client says that it can do.
  void take_caps(const std::vector<std::string>& caps) {
    greeted = true;
    for (const std::string& each : caps) {
      wants_deltas = wants_deltas || each == "delta";
      wants_reasoning = wants_reasoning || each == "reasoning";
    }
  }

  std::size_t transport_waits = 0;  ///< bytes that the transport holds
  time_point heard{};               ///< when its client said something last
  unsigned bad_messages = 0;        ///< in a row
  bool greeted = false;             ///< its client has said hello
  bool wants_deltas = false;        ///< said so in its hello
  bool wants_reasoning = false;     ///< likewise
  bool closed = false;              ///< by us: nothing more is sent

 private:
  struct in_place {
    std::string frame;
    std::uint64_t after;
  };
  struct piece {
    std::uint64_t idx = 0, n = 0;
    std::string_view text;
  };

  /// How far the answer of one run was sent.
  struct mark {
    std::uint64_t run = 0;
    std::uint64_t chunks = 0;
    std::size_t bytes = 0;

    piece after(std::uint64_t of_run, std::uint64_t n, std::string_view text) const noexcept {
      if (run != of_run) return {0, n, text};
      return {chunks, n - chunks, text.substr(bytes)};
    }
  };

  piece unsent(const live_answer& answer) const noexcept {
    return sent_.after(answer.run, answer.chunks, answer.text);
  }
  piece unsent_reasoning(const live_answer& answer) const noexcept {
    if (!wants_reasoning) return {};
    return reasoning_sent_.after(answer.run, answer.reasoning_chunks, answer.reasoning);
  }

  void mark_sent(const live_answer& answer) noexcept {
    sent_ = {answer.run, answer.chunks, answer.text.size()};
  }

  std::string encode_reasoning(const live_answer& answer, const piece& next,
                               std::string_view timestamp) {
    std::string frame;
    encode(frame, wire::response_delta{answer.stream, next.idx, next.n, next.text, false, true},
           timestamp);
    reasoning_sent_ = {answer.run, answer.reasoning_chunks, answer.reasoning.size()};
    return frame;
  }

  std::string encode_delta(const live_answer& answer, const piece& next,
                           std::string_view timestamp) {
    std::string frame;
    encode(frame, wire::response_delta{answer.stream, next.idx, next.n, next.text, false},
           timestamp);
    mark_sent(answer);
    return frame;
  }

  bool take_snapshot(const live_answer& answer, std::string& frame, std::string_view timestamp) {
    if (answer.chunks == 0) return false;
    frame.clear();
    encode(frame, wire::response_delta{answer.stream, 0, answer.chunks, answer.text, true},
           timestamp);
    mark_sent(answer);
    return true;
  }

  connection_id connection_;
  fifo<std::string> control_;
  fifo<in_place> ordered_;
  fifo<std::string> volatile_;
  std::size_t own_bytes_ = 0;  // of control_ and ordered_
  std::size_t volatile_bytes_ = 0;
  std::uint64_t position_;
  std::uint64_t replay_until_ = 0;
  std::uint64_t snapshot_run_ = 0;  // the answer of which one is due; 0: of none
  mark sent_;
  mark reasoning_sent_;
};

}  // namespace agent_websocket

// --- agent_websocket/session/outbox.hpp

// Everything that a session has to say: its log of numbered messages, and a set of lanes for each
// socket that watches it. Messages go to one socket, to all of them, or into the log, which all
// sockets follow, also those that come later.

namespace agent_websocket {

class outbox {
 public:
  explicit outbox(message_log log = message_log()) : log_(std::move(log)) {}

  const message_log& log() const noexcept { return log_; }

  /// The number that the next numbered message must carry.
  std::uint64_t next_seq() const noexcept { return log_.top() + 1; }
  /// A numbered message.
  void publish(std::string frame) { log_.append(std::move(frame)); }

  /// To one socket, or with 0 to all: may overtake what keeps its order.
  void put_control(connection_id to, const std::string& frame) {
    for (const auto& each : sockets_) {
      if (to == 0 || each->connection() == to) each->put_control(frame);
    }
  }
  /// To one socket, or with 0 to all: keeps its place among the numbered messages.
  void put_ordered(connection_id to, const std::string& frame) {
    for (const auto& each : sockets_) {
      if (to == 0 || each->connection() == to) each->put_ordered(frame, log_.top());
    }
  }
  /// To all sockets that are here now and keep up.
  void put_volatile(const std::string& frame) {
    for (const auto& each : sockets_) each->put_volatile(frame);
  }
  /// To all whose clients have said hello, behind what they have of the answer.
  /// `one` gets a frame of its own.
  void put_progress(const std::string& frame, connection_id one, const std::string& of_one,
                    const live_answer& answer, std::string_view timestamp) {
    for (const auto& each : sockets_) {
      const bool is_one = each->connection() == one;
      if (!each->greeted && !is_one) continue;
      if (answer.run != 0) each->put_last_delta(answer, log_.top(), timestamp);
      each->put_ordered(is_one ? of_one : frame, log_.top());
    }
  }
  /// The answer is about to end.
  void put_last_deltas(const live_answer& answer, std::string_view timestamp) {
    for (const auto& each : sockets_) each->put_last_delta(answer, log_.top(), timestamp);
  }

  // ---- sockets

  lanes& attach(connection_id connection) {
    sockets_.push_back(std::make_unique<lanes>(connection));
    return *sockets_.back();
  }
  void detach(connection_id connection) {
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if (sockets_[i]->connection() != connection) continue;
      sockets_.erase(sockets_.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }
  lanes* find(connection_id connection) noexcept {
    for (const auto& each : sockets_) {
      if (each->connection() == connection) return each.get();
    }
    return nullptr;
  }
  /// The transport has sent all that it had for the socket.
  void drained(connection_id connection) noexcept {
    if (lanes* const socket = find(connection)) socket->transport_waits = 0;
  }
  /// In the order of their coming.
  const std::vector<std::unique_ptr<lanes>>& sockets() const noexcept { return sockets_; }

 private:
  message_log log_;
  std::vector<std::unique_ptr<lanes>> sockets_;
};

}  // namespace agent_websocket

// --- agent_websocket/session/records.hpp

// What a session gives to its Store, as JSON objects with a `kind`: query (when accepted), answer
// (when ended), feedback, settings, clear. Enough to rebuild the conversation from nothing. Pure.

namespace agent_websocket {
namespace records {

inline std::string of_query(const accepted_query& accepted, wall_time at) {
  std::string text;
  json::writer w(text);
  w.begin_object()
      .member("kind", accepted.regenerate ? "regenerate" : "query")
      .member("id", accepted.query.id);
  w.member("stream", accepted.stream).member("content", accepted.query.content);
  if (!accepted.query.parts.empty()) w.member_raw("parts", accepted.query.parts);
  w.member("at", to_iso8601(at)).end_object();
  return text;
}

inline std::string of_answer(const answer_record& ended, std::uint64_t seq, wall_time at) {
  std::string text;
  json::writer w(text);
  w.begin_object()
      .member("kind", "answer")
      .member("ref", ended.query_id)
      .member("stream", ended.stream);
  w.member("seq", seq)
      .member("content", ended.text)
      .member("status", wire::to_string(ended.status));
  if (!ended.finish_reason.empty()) w.member("finish_reason", ended.finish_reason);
  if (!ended.model.empty()) w.member("model", ended.model);
  if (!ended.usage.empty()) w.member_raw("usage", ended.usage);
  if (!ended.steps.empty()) w.member_raw("steps", ended.steps);
  if (ended.failure) w.member("error", to_string(ended.failure->code));
  w.member("at", to_iso8601(at)).end_object();
  return text;
}

inline std::string of_feedback(const feedback_entry& said) {
  std::string text;
  json::writer w(text);
  w.begin_object().member("kind", "feedback").member("id", said.id).member("answer", said.answer);
  if (said.rating) w.member("rating", *said.rating);
  if (!said.comment.empty()) w.member("comment", said.comment);
  if (!said.correction.empty()) w.member("correction", said.correction);
  w.member("at", to_iso8601(said.at)).end_object();
  return text;
}

inline std::string of_clear(wall_time at) {
  std::string text;
  json::writer(text)
      .begin_object()
      .member("kind", "clear")
      .member("at", to_iso8601(at))
      .end_object();
  return text;
}

}  // namespace records
}  // namespace agent_websocket

// --- agent_websocket/session/replies.hpp

// The `data` of the answers to the built-in commands `help`, `info` and `history`, as JSON text.
// Pure: everything comes in by argument.

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

inline help_text describe_commands(const std::vector<command_description>& of_application) {
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

inline std::string describe_session(const session_info& info) {
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

/// The newest `limit` messages of turns whose terminal message has a `seq` below `before_seq`,
/// oldest first; `more` tells whether there are older ones. Turns are not cut in two, so that a
/// page may hold one message more.
inline std::string describe_history(const conversation& of, std::uint64_t before_seq,
                                    std::size_t limit, std::size_t& count) {
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

}  // namespace agent_websocket

// --- agent_websocket/base/sha256.hpp

// SHA-256 (FIPS 180-4, section 6.2) of a short text, so that secrets which come back later (resume
// tokens) are kept as digests only. Own code because the core stands without OpenSSL; not for bulk
// data and not for passwords.

namespace agent_websocket {

using digest256 = std::array<unsigned char, 32>;

namespace detail {

class sha256_state {
 public:
  void block(const unsigned char* bytes) noexcept {
    std::array<std::uint32_t, 64> w{};
    for (std::size_t i = 0; i < 16; ++i) {
      w[i] = static_cast<std::uint32_t>(bytes[4 * i]) << 24 |
             static_cast<std::uint32_t>(bytes[4 * i + 1]) << 16 |
             static_cast<std::uint32_t>(bytes[4 * i + 2]) << 8 |
             static_cast<std::uint32_t>(bytes[4 * i + 3]);
    }
    for (std::size_t i = 16; i < 64; ++i) {
      const std::uint32_t s0 = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const std::uint32_t s1 = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    std::array<std::uint32_t, 8> v = h_;
    for (std::size_t i = 0; i < 64; ++i) {
      const std::uint32_t e1 = turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25);
      const std::uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
      const std::uint32_t t1 = v[7] + e1 + choice + constants[i] + w[i];
      const std::uint32_t e0 = turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22);
      const std::uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
      v = {t1 + e0 + majority, v[0], v[1], v[2], v[3] + t1, v[4], v[5], v[6]};
    }
    for (std::size_t i = 0; i < 8; ++i) h_[i] += v[i];
  }

  digest256 digest() const noexcept {
    digest256 made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i] = static_cast<unsigned char>(h_[i / 4] >> (24 - 8 * (i % 4)) & 0xFF);
    }
    return made;
  }

 private:
  static constexpr std::uint32_t turn(std::uint32_t x, int by) noexcept {
    return x >> by | x << (32 - by);
  }

  static constexpr std::array<std::uint32_t, 64> constants{
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
      0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
      0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
      0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
      0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
      0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
      0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
      0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
      0xc67178f2};

  std::array<std::uint32_t, 8> h_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
};

}  // namespace detail

inline digest256 sha256(std::string_view text) noexcept {
  detail::sha256_state state;
  std::array<unsigned char, 64> block{};
  std::size_t filled = 0;
  const auto put = [&](unsigned char byte) {
    block[filled++] = byte;
    if (filled == block.size()) {
      state.block(block.data());
      filled = 0;
    }
  };
  for (const char each : text) put(static_cast<unsigned char>(each));
  put(0x80);
  while (filled != 56) put(0);
  const std::uint64_t bits = static_cast<std::uint64_t>(text.size()) * 8;
  for (int shift = 56; shift >= 0; shift -= 8)
    put(static_cast<unsigned char>(bits >> shift & 0xFF));
  return state.digest();
}

/// Takes the same time wherever the two differ.
inline bool equal_in_constant_time(const digest256& a, const digest256& b) noexcept {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace agent_websocket

// --- agent_websocket/session/resume_tokens.hpp

// The secrets by which clients come back to one session: a new one with each welcome, kept as a
// digest only. The one that a client presented stays good until that client has shown that its
// welcome arrived (its first ack), so that a lost welcome does not lose the session; and one that
// another socket of the session lives by stays good for that socket.

namespace agent_websocket {

class resume_tokens {
 public:
  /// When there are more, the oldest go of those that no client is known to have, then of those
  /// that no socket lives by.
  static constexpr std::size_t max_tokens = 64;

  bool accepts(std::string_view token) const noexcept {
    const digest256 digest = sha256(token);
    bool found = false;  // looks at all of them, to take the same time
    for (const entry& each : entries_) found |= equal_in_constant_time(each.digest, digest);
    return found;
  }

  /// `holder` is given `token`. `presented`: the one it came with, or empty.
  void issue(connection_id holder, std::string_view token, std::string_view presented = {}) {
    std::optional<digest256> former;
    if (!presented.empty()) former = present(sha256(presented), holder);
    for (entry& each : entries_) {
      if (each.holder == holder) each.holder = 0;  // it has a newer one now
    }
    if (entries_.size() >= max_tokens) drop_one();
    entries_.push_back({sha256(token), holder, former, presented.empty()});
  }

  /// The client behind `holder` has its welcome: the token it came with has served.
  void arrived(connection_id holder) {
    for (std::size_t i = entries_.size(); i-- > 0;) {
      if (entries_[i].holder == holder) return confirm(i);
    }
  }

  /// The socket has gone; its token is what its client comes back with.
  void released(connection_id holder) {
    for (entry& each : entries_) {
      if (each.holder == holder) each.holder = 0;
    }
  }

  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct entry {
    digest256 digest;
    connection_id holder;             // the socket that lives by it; 0: none does now
    std::optional<digest256> former;  // what that socket came with, until it has this one
    bool is_known;                    // a client has it, as far as we know
  };

  /// Who presents a token has it. Gives what is to be retired once the next one has arrived:
  /// nothing when another socket lives by the token, as in a copied tab.
  std::optional<digest256> present(const digest256& digest, connection_id by) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (!equal_in_constant_time(entries_[i].digest, digest)) continue;
      const connection_id holder = entries_[i].holder;
      confirm(i);
      return holder == 0 || holder == by ? std::optional<digest256>(digest) : std::nullopt;
    }
    return std::nullopt;
  }

  /// The client has this one, so that it does not come with the former one any more.
  void confirm(std::size_t position) {
    entry& its = entries_[position];
    its.is_known = true;
    if (!its.former) return;
    const digest256 former = *its.former;
    its.former.reset();
    entries_.erase(std::remove_if(entries_.begin(), entries_.end(),
                                  [&](const entry& each) {
                                    return each.holder == 0 &&
                                           equal_in_constant_time(each.digest, former);
                                  }),
                   entries_.end());
  }

  void drop_one() {
    const auto first = [this](auto matches) {
      return std::find_if(entries_.begin(), entries_.end(), matches);
    };
    auto spent = first([](const entry& each) { return each.holder == 0 && !each.is_known; });
    if (spent == entries_.end()) spent = first([](const entry& each) { return each.holder == 0; });
    entries_.erase(spent == entries_.end() ? entries_.begin() : spent);
  }

  std::vector<entry> entries_;
};

}  // namespace agent_websocket

// --- agent_websocket/session/state.hpp

// The life of the one answer that a session works on, as a table: which state follows which event.
// What is not in the table cannot happen to the session: late events (a token after a cancel) are
// dropped where they arrive.

namespace agent_websocket {

enum class run_state {
  none,       ///< nothing runs; the next query may begin
  deciding,   ///< the application's on_query hook has the query
  thinking,   ///< asked upstream, no token yet
  streaming,  ///< tokens have come
  calling,    ///< the model has called tools, or a person is asked
};

enum class run_event { begin, proceed, token, call, again, finish };

namespace detail {
struct run_row {
  run_state from;
  run_event event;
  run_state to;
};
inline constexpr std::array<run_row, 11> run_table{{
    {run_state::none, run_event::begin, run_state::deciding},
    {run_state::deciding, run_event::proceed, run_state::thinking},
    {run_state::deciding, run_event::finish, run_state::none},
    {run_state::thinking, run_event::token, run_state::streaming},
    {run_state::thinking, run_event::finish, run_state::none},
    {run_state::streaming, run_event::token, run_state::streaming},
    {run_state::streaming, run_event::finish, run_state::none},
    {run_state::thinking, run_event::call, run_state::calling},
    {run_state::streaming, run_event::call, run_state::calling},
    {run_state::calling, run_event::again, run_state::thinking},
    {run_state::calling, run_event::finish, run_state::none},
}};
}  // namespace detail

/// The state after `event`, or nullopt when it does not apply.
constexpr std::optional<run_state> next_state(run_state from, run_event event) noexcept {
  for (const detail::run_row& row : detail::run_table) {
    if (row.from == from && row.event == event) return row.to;
  }
  return std::nullopt;
}

}  // namespace agent_websocket

// --- agent_websocket/session/run.hpp

// The one query that a session works on: its answer so far, and the tool calls of the round that it
// is in. Data only; answering.hpp and tool_loop.hpp work on it.

namespace agent_websocket {

/// A call of the model, from its words to its result.
struct called_tool {
  enum class phase { asking, running, ended };

  std::string id;              ///< ours: "t_1", unique in the session
  openrouter::tool_call call;  ///< as the model made it
  tool_ptr tool;               ///< null when there is none of that name
  phase at = phase::running;
  bool checked = false;   ///< the arguments are an object that fits the tool
  std::string arguments;  ///< that it runs with: the model's, or what a person made of them
  /// Of a tool of a query: the socket that asked, as long as it is here. Else see client_tools.
  connection_id runner = 0;
  connection_id told = 0;  ///< the client that was asked to run it
  tool_result result;
};

struct current_run {
  run_number number = 0;
  accepted_query of;
  run_state state = run_state::none;
  bool started = false;  ///< phase start has been sent
  std::string text;      ///< so far, of all rounds
  std::string model;
  std::uint64_t chunks = 0;  ///< deltas so far
  std::string reasoning;     ///< so far, of a streamed answer
  std::uint64_t reasoning_chunks = 0;

  // The rounds of the tool loop.
  std::vector<openrouter::chat_message>
      extra;  ///< for every request of this run, see query_decision
  std::vector<openrouter::chat_message> steps;  ///< calls and results of the rounds that are over
  std::vector<tool_ptr> offered;
  std::vector<called_tool> calls;  ///< of the round that is under way
  unsigned rounds = 0;
  std::size_t round_begin = 0;  ///< where the text of the last round begins
  usage_totals used;            ///< by the rounds that are over

  called_tool* find_call(std::string_view id) noexcept {
    const auto found = std::find_if(calls.begin(), calls.end(),
                                    [id](const called_tool& each) { return each.id == id; });
    return found == calls.end() ? nullptr : &*found;
  }
  bool calls_ended() const noexcept {
    return std::all_of(calls.begin(), calls.end(), [](const called_tool& each) {
      return each.at == called_tool::phase::ended;
    });
  }
};

/// Why these arguments cannot be given to the tool, in words; nullopt when they can.
inline std::optional<std::string> wrong_arguments(const tool_spec& tool,
                                                  std::string_view arguments) {
  json::document parsed;
  if (const auto read = parsed.parse(arguments); !read)
    return "The arguments: " + read.error().message;
  if (!parsed.root().is_object()) return std::string("The arguments must be a JSON object");
  return tool.arguments.violation(parsed.root());
}

/// The `usage` of an answer of several rounds, as JSON object text; empty when nothing is known.
inline std::string describe_usage(const usage_totals& used) {
  std::string text;
  if (!used.counted && !used.priced) return text;
  json::writer w(text);
  w.begin_object();
  if (used.counted) {
    w.member("prompt_tokens", used.prompt_tokens);
    w.member("completion_tokens", used.completion_tokens);
    w.member("total_tokens", usage_totals::sum(used.prompt_tokens, used.completion_tokens));
  }
  if (used.priced) w.member("cost", used.cost);
  w.end_object();
  return text;
}

/// The messages of a tool loop, as JSON array text; empty when there are none.
inline std::string describe_steps(const std::vector<openrouter::chat_message>& steps) {
  std::string text;
  if (steps.empty()) return text;
  json::writer w(text);
  w.begin_array();
  for (const openrouter::chat_message& each : steps) w.raw(each.json());
  w.end_array();
  return text;
}

/// What the model reads of its own answer in later requests.
inline openrouter::chat_message answer_message(bool complete, std::string words,
                                               const completion_result& result) {
  if (!complete) return openrouter::chat_message::assistant_partial(std::move(words));
  openrouter::assistant_message said;
  said.text = std::move(words);
  said.reasoning_details = result.reasoning_details;
  said.annotations = result.annotations;
  return openrouter::chat_message::assistant(std::move(said));
}

}  // namespace agent_websocket

// --- agent_websocket/session/used_call_ids.hpp

// Makes the model's calls fit to be sent back to it, now and in every later request of the session:
// ids that no other call has, names and arguments that providers do not refuse. What the model got
// wrong it is told in the call's result.

#include <unordered_set>

namespace agent_websocket {

class used_call_ids {
 public:
  static constexpr std::size_t max_ids = 4096;  ///< remembered; more than a conversation holds

  /// The call as the model is shown it. Good ones are not touched: arguments go back byte for byte.
  openrouter::tool_call replayable(openrouter::tool_call call) {
    if (!openrouter::is_tool_name(call.name)) call.name = "unknown_tool";
    json::document parsed;
    if (!parsed.parse(call.arguments) || !parsed.root().is_object()) call.arguments = "{}";
    while (call.id.empty() || !ids_.insert(call.id).second) call.id = make_id();
    order_.push_back(call.id);
    if (order_.size() > max_ids) ids_.erase(order_.take_front());
    return call;
  }

 private:
  /// Nine letters and digits, the one form that all providers take.
  std::string make_id() {
    std::string digits = std::to_string(++made_);
    return "c" + std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0') + digits;
  }

  std::unordered_set<std::string> ids_;
  fifo<std::string> order_;
  std::size_t made_ = 0;
};

}  // namespace agent_websocket

// --- agent_websocket/session/core.hpp

// The session as a pure state machine: an event and a moment go in; frames for the client come out
// in the outbox and things to do as actions. No I/O, clock, lock or thread, so that a conversation
// can be replayed, cut after every frame, and fuzzed. Promises the rule that everything else rests
// on: exactly one terminal message for every accepted query, whatever happens. A session is not a
// socket: any number of them may watch it, also none (attaching.hpp). Queries are in answering.hpp,
// the model's calls of tools in tool_loop.hpp, the people who decide about them in deciding.hpp,
// ends from outside in ending.hpp, built-in commands in commands.hpp, the carrying out in
// session.hpp.

namespace agent_websocket {

/// When an event happened, by both clocks.
struct moment {
  time_point now;
  wall_time wall;
};

class session_core {
 public:
  /// Sockets of one session; the one that was silent for longest makes room for one more.
  static constexpr std::size_t max_sockets = 32;
  /// Calls of one round that are run; the model is told so of those above.
  static constexpr std::size_t max_calls_at_once = 32;

  /// Precondition: `settings` is not null. `epoch` names the numbering of this session's messages.
  session_core(std::string id, std::string epoch, std::shared_ptr<const session_settings> settings,
               moment at)
      : id_(std::move(id)),
        epoch_(std::move(epoch)),
        settings_(std::move(settings)),
        conversation_(settings_->max_history),
        inbox_(settings_->max_queue),
        // A client that comes back at the last moment may repeat what it sent before it went.
        claims_(claimed_ids::max_age + settings_->resume_window),
        outbox_(message_log(settings_->max_log_messages, settings_->max_log_bytes)),
        created_(at.wall),
        active_(at) {}

  const std::string& id() const noexcept { return id_; }
  const session_settings& settings() const noexcept { return *settings_; }
  const agent_websocket::conversation& history() const noexcept { return conversation_; }
  const agent_websocket::inbox& waiting() const noexcept { return inbox_; }
  outbox& output() noexcept { return outbox_; }
  const outbox& output() const noexcept { return outbox_; }
  bool closing() const noexcept { return closing_.has_value(); }
  bool running() const noexcept { return run_.has_value(); }
  bool is_current(run_number run) const noexcept { return run_ && run_->number == run; }
  /// True when an answer runs or waits: such a session is not idle.
  bool busy() const noexcept { return run_.has_value() || !inbox_.empty(); }
  /// False while its client has neither said nor been told anything that it could come back for.
  bool worth_keeping() const noexcept { return spoken_ || outbox_.log().top() != 0; }
  bool accepts_token(std::string_view token) const noexcept { return tokens_.accepts(token); }
  time_point last_activity() const noexcept { return active_.now; }
  bool has_actions() const noexcept { return !actions_.empty(); }
  std::vector<session_action> take_actions() { return std::exchange(actions_, {}); }
  std::string_view timestamp(wall_time at) { return stamp_.text(at); }
  /// What can be streamed now; run 0 when nothing is.
  live_answer streamed() const noexcept {
    if (!run_ || !run_->started) return {};
    return {run_->number, run_->of.stream, run_->text,
            run_->chunks, run_->reasoning, run_->reasoning_chunks};
  }

  /// Gives this session settings of its own. What waits or is kept above a new limit stays for now.
  void change_settings(session_settings settings) {
    settings_ = std::make_shared<const session_settings>(std::move(settings));
    conversation_.limit_to(settings_->max_history);
    inbox_.limit_to(settings_->max_queue);
  }

  // ---- events of its sockets; `token` is the resume token that the welcome is to carry

  /// A socket begins this session. The welcome goes before everything else, also before what the
  /// application said meanwhile.
  void opened(connection_id connection, std::string_view token, moment at);

  /// Answers a hello that asked for no session, or for one that it does not get: the client begins
  /// with what this one has.
  void greet(const wire::command& hello, std::string_view reason, std::string_view token,
             moment at);

  /// Answers a hello that has shown its right to this session: verdict, what was missed, `live`.
  /// The socket may be new here.
  void resume(connection_id connection, const wire::command& hello, std::string_view token,
              moment at);

  /// The socket is gone, or watches another session now.
  void detached(connection_id connection, moment at);

  /// A decoded message, or the reason why the text was none.
  void received(connection_id from, wire::client_message message, moment at);

  /// A frame that could not be a message: unsupported_data (binary) or too_large.
  void refused_frame(connection_id from, errc code, moment at);

  /// Refuses what was no good message; too many in a row close the socket.
  void refuse_bad(connection_id from, std::string_view ref, const error& why, moment at);

  /// The application knew the command.
  void heard_good(connection_id from) {
    if (lanes* const socket = outbox_.find(from)) socket->bad_messages = 0;
  }

  /// The socket does not take what it is sent: the session does without it.
  void give_up(connection_id connection) { close_socket(connection, 4002, "slow_consumer", false); }
  void close_socket(connection_id connection, std::uint16_t code, std::string reason,
                    bool send_first = true);

  // ---- events of the application and of upstream; those of another run than the current one are
  // dropped

  void decided(run_number run, query_decision decision, moment at);

  void began(run_number run, std::string_view model) {
    if (is_current(run) && run_->state != run_state::deciding) run_->model = std::string(model);
  }

  void text(run_number run, std::string_view piece, moment at) {
    if (!is_current(run) || piece.empty()) return;
    const auto next = next_state(run_->state, run_event::token);
    if (!next) return;
    if (run_->state == run_state::thinking && !run_->text.empty()) {  // of another round
      run_->text.append("\n\n");
      run_->round_begin = run_->text.size();
    }
    run_->state = *next;
    run_->text.append(piece);
    ++run_->chunks;
    if (run_->of.streamed) start_stream(at);
  }

  /// A piece of what the model thinks, for those who want to see it.
  void reasoning(run_number run, std::string_view piece, moment at) {
    if (!is_current(run) || !run_->of.streamed || piece.empty()) return;
    if (run_->state == run_state::deciding || run_->state == run_state::calling) return;
    run_->reasoning.append(piece);
    ++run_->reasoning_chunks;
    start_stream(at);
  }

  void completed(run_number run, completion_result result, moment at);

  /// A call has its result: from its handler, or `answered` false: nobody gave one.
  void tool_ended(run_number run, const std::string& call, tool_result result, bool answered,
                  moment at);
  /// The time is up of a call or of a question to a person.
  void clock_over(run_number run, const std::string& id, moment at);

  /// Ends the run, whoever it waits for: the application or upstream.
  void failed(run_number run, const error& why, moment at) {
    if (is_current(run)) fail_run(why, at);
  }

  // ---- events of the server

  /// A notification; numbered unless it may be lost. `data` is JSON text or empty.
  void notify(std::string_view content, std::string_view topic, std::string_view data,
              bool may_be_lost, moment at) {
    if (closing_) return;
    if (!may_be_lost) return publish(wire::notification{next_seq(), {}, topic, content, data}, at);
    outbox_.put_volatile(encoded(wire::notification{std::nullopt, {}, topic, content, data}, at));
  }

  /// An answer to a command of the application, to the socket that gave it.
  void reply(const wire::command& to, std::string_view content, std::string_view data, moment at) {
    if (closing_) return;
    put_control(to.from, wire::status{to.op, to.id, content, data, to.meta, {}, {}}, at);
  }

  /// The message has been taken; only those with an id are told of.
  void acknowledge(connection_id to, const std::string& id, moment at) {
    if (!id.empty()) put_control(to, wire::ack{id, {}, 0, false, false}, at);
  }

  /// The client is to show a new token before then.
  void token_expires(connection_id connection, wall_time when, moment at);

  /// An error that is not the end of a query, to one socket or with 0 to all.
  void refuse(connection_id to, std::string_view ref, const error& why, moment at,
              std::optional<std::chrono::milliseconds> retry_after = std::nullopt) {
    if (closing_) return;
    wire::failure_notice notice;
    notice.code = why.code;
    notice.content = why.message;
    notice.ref = ref;
    notice.retry_after = retry_after;
    notice.retryable = is_retryable(why.code);
    put_control(to, notice, at);
  }

  /// The session was idle for too long.
  void expired(moment at);
  /// Nobody came back in time: what is still open ends, for whoever comes later.
  void interrupt(moment at);
  /// The server is going to stop: nothing new is begun, what runs may end.
  void drain(std::chrono::milliseconds retry_after, moment at);

  /// What runs may no longer end by itself.
  void drain_expired(moment at);
  /// Ends the session: every open query gets its terminal message, then the socket is closed.
  void end(std::uint16_t code, std::string reason, const error& why, moment at);

 private:
  friend class session_commands;

  std::uint64_t next_seq() const noexcept { return outbox_.next_seq(); }

  template <typename Message>
  std::string encoded(const Message& message, moment at) {
    std::string frame;
    encode(frame, message, stamp_.text(at.wall));
    return frame;
  }
  /// Precondition: the message carries next_seq().
  template <typename Message>
  void publish(const Message& message, moment at) {
    outbox_.publish(encoded(message, at));
  }
  template <typename Message>
  void put_control(connection_id to, const Message& message, moment at) {
    outbox_.put_control(to, encoded(message, at));
  }
  template <typename Message>
  void put_ordered(connection_id to, const Message& message, moment at) {
    outbox_.put_ordered(to, encoded(message, at));
  }

  lanes& attach(connection_id connection, moment at);
  wire::welcome make_welcome(std::string_view reason, std::string_view token) const;
  wire::resume_notice make_notice() const;
  std::string live_notice(moment at) {
    return encoded(wire::status{"live", {}, {}, {}, {}, outbox_.log().top(), {}}, at);
  }
  bool needs_no_repeat(std::string_view id, std::uint64_t position, moment at);

  void close(std::uint16_t code, std::string reason);
  void close_for_drain() { close(1012, "Server is shutting down"); }

  void on_query(connection_id from, wire::query query, moment at);
  void on_feedback(connection_id from, wire::human_feedback feedback, moment at);
  void on_decision(connection_id from, const wire::human_feedback& feedback, moment at);
  void on_tool_result(connection_id from, const wire::command& command, moment at);
  void accept(connection_id from, accepted_query accepted, bool with_id, moment at);
  bool answer_duplicate(connection_id from, const wire::query& query, moment at);
  bool is_repeat(connection_id from, const std::string& id, moment at);
  void repeat_end(connection_id to, const wire::query& query, const claimed_ids::claim& claimed,
                  moment at);
  void begin_next(moment at);
  openrouter::chat_request build_request() const;

  result<tool_ptr> check_tool(const wire::declared_tool& declared,
                              const std::vector<tool_ptr>& others) const;
  void declare_tools(connection_id connection, const wire::command& hello, moment at);
  void offer_tools();
  void repeat_calls(connection_id to, moment at);
  void pass_on_calls(connection_id from, moment at);
  bool begin_calls(const completion_result& result, moment at);
  void begin_call(called_tool& call, moment at);
  void start_call(called_tool& call, moment at);
  void ask_person(called_tool& call, moment at);
  feedback_requests::request resolve(const std::string& id, std::string_view decision,
                                     std::string_view reason, moment at);
  void end_call(called_tool& call, tool_result result, bool answered, moment at);
  void continue_run();
  void keep_results();
  void drop_calls(moment at);
  connection_id runner_of(const called_tool& call);
  wire::tool_status status_of(const called_tool& call, std::string_view state,
                              bool to_be_run) const;
  void tell_call(const called_tool& call, std::string_view state, moment at);
  void start_stream(moment at);
  void finish(wire::answer_status status, const completion_result& result, moment at);
  void conclude(const accepted_query& of, const answer_record& record,
                std::optional<std::chrono::milliseconds> retry_after, bool started,
                std::uint64_t chunks, moment at);
  void fail_run(const error& why, moment at);
  void fail_waiting(const error& why, moment at);
  void cancel_run(moment at);
  void cancel_waiting(const accepted_query& waiting, moment at);
  std::string make_query_id(moment at);
  std::string make_stream_id() { return "r_" + std::to_string(++streams_); }

  std::string id_;
  std::string epoch_;
  std::shared_ptr<const session_settings> settings_;
  session_overrides overrides_;
  agent_websocket::conversation conversation_;
  agent_websocket::inbox inbox_;
  claimed_ids claims_;
  outbox outbox_;
  resume_tokens tokens_;
  agent_websocket::client_tools client_tools_;
  feedback_requests requests_;
  used_call_ids call_ids_;
  std::optional<current_run> run_;
  std::vector<session_action> actions_;
  timestamp_cache stamp_;
  usage_totals usage_;
  wall_time created_;
  moment active_;
  run_number runs_ = 0;
  std::uint64_t streams_ = 0;
  std::uint64_t made_ids_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t asked_ = 0;
  bool spoken_ = false;
  bool grace_over_ = false;  // nobody came back in time, but a person is asked
  bool held_ = false;        // the next query is not to begin yet
  bool draining_ = false;
  std::optional<action::close_session> closing_;  // how
};

}  // namespace agent_websocket

// --- agent_websocket/session/answering.hpp

// The part of session_core that answers queries: acceptance, one run at a time, the terminal
// message. Kept apart from core.hpp, which declares it, so that each of the two can be read in one
// go.

namespace agent_websocket {

inline void session_core::on_query(connection_id from, wire::query query, moment at) {
  if (draining_) return refuse(from, query.id, error(errc::draining), at);
  if (!query.id.empty() && answer_duplicate(from, query, at)) return;
  if (!query.model.empty() && !settings_->allows_model(query.model)) {
    return refuse(from, query.id, error(errc::forbidden, "That model is not allowed here"), at);
  }
  accepted_query accepted;
  for (const wire::declared_tool& each : query.tools) {
    auto checked = check_tool(each, accepted.tools);
    if (!checked) return refuse(from, query.id, checked.error(), at);
    accepted.tools.push_back(std::move(*checked));
  }
  switch (query.overlap) {
    case wire::overlap::queue: break;
    case wire::overlap::reject:
      if (busy()) return refuse(from, query.id, error(errc::busy), at);
      break;
    case wire::overlap::interrupt:
      if (run_) {
        held_ = true;  // the new query takes the place of the cancelled one
        cancel_run(at);
        held_ = false;
        accepted.first = true;
      }
      break;
    case wire::overlap::latest:
      while (auto replaced = inbox_.take_next()) cancel_waiting(*replaced, at);
      break;
  }
  if (!accepted.first && busy() && inbox_.full()) {
    return refuse(from, query.id,
                  error(errc::queue_full, "Too many queries are waiting; at most " +
                                              std::to_string(settings_->max_queue) + " may"),
                  at);
  }
  const bool with_id = !query.id.empty();
  if (!with_id) query.id = make_query_id(at);
  const lanes* const asker = outbox_.find(from);
  accepted.streamed = query.stream.value_or(asker != nullptr && asker->wants_deltas);
  accepted.query = std::move(query);
  accept(from, std::move(accepted), with_id, at);
}

// With a part of the epoch, so that it is no id that a client would choose.
inline std::string session_core::make_query_id(moment at) {
  for (;;) {
    std::string id = "q_" + epoch_.substr(0, 8) + "_" + std::to_string(++made_ids_);
    if (claims_.find(id, at.now) == nullptr) return id;
  }
}

/// A repeated id is never run again: it is acknowledged, and answered when the answer is there.
inline bool session_core::answer_duplicate(connection_id from, const wire::query& query,
                                           moment at) {
  const claimed_ids::claim* claimed = claims_.find(query.id, at.now);
  // Claims end, also those of queries that are still open.
  const accepted_query* open = inbox_.find(query.id);
  if (run_ && run_->of.query.id == query.id) open = &run_->of;
  if (open == nullptr && claimed == nullptr) return false;
  if (open == nullptr && claimed->end_seq == claimed_ids::without_end) {
    refuse(from, query.id, error(errc::bad_message, "That `id` was used for a command"), at);
    return true;
  }
  const auto waits = inbox_.position_of(query.id);
  const std::string& stream = open != nullptr ? open->stream : claimed->stream;
  put_control(from, wire::ack{query.id, stream, waits ? *waits + 1 : 0, true, true}, at);
  if (open == nullptr) repeat_end(from, query, *claimed, at);
  return true;
}

/// True for a command, feedback or result that has arrived before: it is acknowledged, and not done
/// again.
inline bool session_core::is_repeat(connection_id from, const std::string& id, moment at) {
  if (id.empty() || claims_.find(id, at.now) == nullptr) return false;
  put_control(from, wire::ack{id, {}, 0, true, false}, at);
  return true;
}

/// The terminal message once more, as it was if it is still there.
inline void session_core::repeat_end(connection_id to, const wire::query& query,
                                     const claimed_ids::claim& claimed, moment at) {
  const message_log& log = outbox_.log();
  if (claimed.end_seq >= log.oldest() && claimed.end_seq <= log.top())
    return outbox_.put_ordered(to, wire::as_replay(log.at(claimed.end_seq)));
  const turn* const asked = conversation_.find(claimed.stream);
  if (asked != nullptr && asked->has_words()) {
    const std::string& text = asked->text();
    wire::response_end again;
    again.seq = claimed.end_seq;
    again.ref = query.id;
    again.stream = claimed.stream;
    again.content = text;
    again.status = asked->status;
    again.model = asked->model;
    again.replay = true;
    return put_ordered(to, again, at);
  }
  const error gone(errc::expired, "The answer is no longer kept");
  wire::failure_notice notice;
  notice.code = gone.code;
  notice.content = gone.message;
  notice.ref = query.id;
  notice.seq = claimed.end_seq;
  notice.meta = query.meta;
  notice.replay = true;
  put_ordered(to, notice, at);
}

inline void session_core::accept(connection_id from, accepted_query accepted, bool with_id,
                                 moment at) {
  accepted.stream = make_stream_id();
  accepted.from = from;
  const std::string id = accepted.query.id;
  const std::string stream = accepted.stream;
  actions_.push_back(action::persist{records::of_query(accepted, at.wall)});
  inbox_.push(std::move(accepted));
  const std::size_t position = run_ ? *inbox_.position_of(id) + 1 : 0;
  if (with_id) claims_.take(id, stream, at.now);
  if (with_id) put_control(from, wire::ack{id, stream, position, false, true}, at);
  if (run_) {
    if (with_id) put_control(from, wire::queued{id, position}, at);
  } else {
    begin_next(at);
  }
}

inline void session_core::begin_next(moment at) {
  if (run_ || closing_ || held_) return;
  auto next = inbox_.take_next();
  if (!next) return;
  run_.emplace();
  run_->number = ++runs_;
  run_->of = std::move(*next);
  run_->state = *next_state(run_state::none, run_event::begin);

  const wire::query& query = run_->of.query;
  turn begun;
  begun.id = query.id;
  begun.stream = run_->of.stream;
  begun.asked = at.wall;
  if (run_->of.regenerate && !conversation_.empty()) {
    begun.question = conversation_.back().question;
    conversation_.drop_last();
  } else {
    begun.question = query.parts.empty()
                         ? openrouter::chat_message::user(query.content)
                         : openrouter::chat_message::user_parts(query.parts, query.content);
  }
  conversation_.begin(std::move(begun));
  put_ordered(0, wire::status{"thinking", query.id, "Thinking...", {}, {}, {}, {}}, at);
  actions_.push_back(action::consult{run_->number, query});
}

inline openrouter::chat_request session_core::build_request() const {
  openrouter::chat_request request;
  request.model = !run_->of.query.model.empty() ? run_->of.query.model
                                                : overrides_.model.value_or(settings_->model);
  request.fallback_models = settings_->fallback_models;
  request.messages =
      conversation_.messages(overrides_.system_prompt.value_or(settings_->system_prompt));
  // Before the question, which is the last message.
  request.messages.insert(request.messages.end() - 1, run_->extra.begin(), run_->extra.end());
  request.messages.insert(request.messages.end(), run_->steps.begin(), run_->steps.end());
  request.temperature = overrides_.temperature.value_or(settings_->temperature);
  request.max_tokens = overrides_.max_tokens.value_or(settings_->max_tokens);
  request.reasoning.effort = settings_->reasoning_effort;
  request.tools = describe_tools(run_->offered);
  return request;
}

inline void session_core::decided(run_number run, query_decision decision, moment at) {
  if (!is_current(run) || run_->state != run_state::deciding) return;
  switch (decision.what) {
    case query_decision::kind::proceed:
      run_->state = *next_state(run_->state, run_event::proceed);
      run_->extra = std::move(decision.extra);
      offer_tools();
      actions_.push_back(action::start_completion{run, build_request()});
      return;
    case query_decision::kind::answer: {
      run_->state = *next_state(run_->state, run_event::proceed);
      text(run, decision.text, at);
      completion_result result;
      result.finish_reason = "stop";
      return finish(wire::answer_status::completed, result, at);
    }
    case query_decision::kind::refuse: {
      completion_result result;
      result.failure = std::move(decision.why);
      return finish(wire::answer_status::failed, result, at);
    }
  }
}

inline void session_core::completed(run_number run, completion_result result, moment at) {
  if (!is_current(run) || run_->state == run_state::deciding) return;
  if (!result.model.empty()) run_->model = result.model;
  if (run_->state == run_state::calling || begin_calls(result, at)) return;
  if (!result.failure && result.finish_reason == "length" && run_->text.empty() &&
      result.tool_calls.empty()) {
    result.failure = error(errc::empty_response,
                           "The model has used up its tokens before it began to answer; allow more "
                           "tokens, or ask for less");
  }
  wire::answer_status status = wire::answer_status::completed;
  if (result.failure) {
    status = wire::answer_status::failed;
  } else if (result.finish_reason == "length" || result.finish_reason == "content_filter") {
    status = wire::answer_status::incomplete;
  }
  finish(status, result, at);
}

inline void session_core::start_stream(moment at) {
  if (run_->started) return;
  run_->started = true;
  publish(wire::response_start{next_seq(), run_->of.query.id, run_->of.stream, run_->model}, at);
}

/// Ends the current run: history, terminal message, hooks, and the next query.
inline void session_core::finish(wire::answer_status status, const completion_result& result,
                                 moment at) {
  if (run_->of.streamed) {
    start_stream(at);
    outbox_.put_last_deltas(streamed(), stamp_.text(at.wall));
  }
  current_run ended = std::move(*run_);
  run_.reset();
  const bool several = ended.rounds != 0 || ended.used.answers != 0;  // requests
  ended.used += result.used;
  ended.used.answers = ended.used.answers == 0 ? 0 : 1;

  answer_record record;
  record.query_id = ended.of.query.id;
  record.stream = ended.of.stream;
  record.text = std::move(ended.text);
  record.status = status;
  record.finish_reason = result.finish_reason;
  record.model = std::move(ended.model);
  record.usage = several ? describe_usage(ended.used) : result.usage;
  record.used = ended.used;
  record.rounds = ended.rounds;
  record.generation_id = result.generation_id;
  record.provider = result.provider;
  record.annotations = result.annotations;
  record.images = result.images;
  record.tool_calls = result.tool_calls;
  record.steps = describe_steps(ended.steps);
  record.failure = result.failure;
  if (record.failure) {
    record.retryable = result.retryable.value_or(is_retryable(record.failure->code));
  }

  conclude(ended.of, record, result.retry_after, ended.started, ended.chunks, at);

  if (turn* asked = conversation_.find(record.stream)) {
    asked->seq = outbox_.log().top();
    asked->answered = at.wall;
    asked->status = status;
    asked->model = record.model;
    // The words before the calls stand in the steps.
    std::string words = record.text.substr(ended.round_begin);
    asked->steps = std::move(ended.steps);
    if (ended.round_begin != 0) asked->shown = record.text;
    if (!words.empty()) {
      asked->answer =
          answer_message(status == wire::answer_status::completed, std::move(words), result);
    }
  }
  conversation_.trim();
  usage_ += ended.used;
  actions_.push_back(action::deliver_answer{std::move(record)});
  active_ = at;
  if (draining_ && !closing_ && inbox_.empty()) {
    close_for_drain();
  } else {
    begin_next(at);
  }
}

/// Puts the one terminal message of an accepted query into the outbox.
inline void session_core::conclude(const accepted_query& of, const answer_record& record,
                                   std::optional<std::chrono::milliseconds> retry_after,
                                   bool started, std::uint64_t chunks, moment at) {
  wire::failure_notice notice;
  if (record.failure) {
    notice.code = record.failure->code;
    notice.content = record.failure->message;
    notice.retry_after = retry_after;
    notice.retryable = record.retryable;
  }
  if (record.failure && !of.streamed) {
    const std::string words = "Failed to generate response: " + record.failure->message;
    notice.content = words;
    notice.ref = of.query.id;
    notice.seq = next_seq();
    notice.meta = of.query.meta;
    publish(notice, at);
  } else {
    wire::response_end end;
    end.seq = next_seq();
    end.ref = of.query.id;
    end.stream = of.stream;
    end.streamed = started;
    end.n = chunks;
    end.content = record.text;
    end.status = record.status;
    end.finish_reason = record.finish_reason;
    end.model = record.model;
    end.usage = record.usage;
    end.annotations = record.annotations;
    end.meta = of.query.meta;
    if (record.failure) end.failure = &notice;
    publish(end, at);
  }
  claims_.ended(of.query.id, outbox_.log().top());
  actions_.push_back(action::persist{records::of_answer(record, outbox_.log().top(), at.wall)});
}

}  // namespace agent_websocket

// --- agent_websocket/session/ending.hpp

// The part of session_core that ends things which did not end by themselves: cancelled and failed
// answers, idle sessions, answers that nobody came back for, what is open when the server stops.

namespace agent_websocket {

inline void session_core::close(std::uint16_t code, std::string reason) {
  if (closing_) return;
  closing_ = {code, std::move(reason)};
  actions_.push_back(action::close_session{closing_->code, closing_->reason});
}

inline void session_core::fail_run(const error& why, moment at) {
  if (!run_) return;
  drop_calls(at);
  actions_.push_back(action::cancel_completion{run_->number});
  completion_result result;
  result.failure = why;
  finish(wire::answer_status::failed, result, at);
}

inline void session_core::cancel_run(moment at) {
  drop_calls(at);
  actions_.push_back(action::cancel_completion{run_->number});
  completion_result result;
  finish(wire::answer_status::cancelled, result, at);
}

inline void session_core::cancel_waiting(const accepted_query& waiting, moment at) {
  answer_record record;
  record.query_id = waiting.query.id;
  record.stream = waiting.stream;
  record.status = wire::answer_status::cancelled;
  conclude(waiting, record, std::nullopt, false, 0, at);
}

inline void session_core::expired(moment at) {
  if (closing_) return;
  publish(wire::notification{next_seq(), {}, {}, "Session closed due to inactivity", {}}, at);
  end(1000, "Session timeout", error(errc::interrupted), at);  // a busy session is not idle
}

inline void session_core::interrupt(moment at) {
  if (closing_) return;
  grace_over_ = !requests_.empty();  // a person may still answer
  if (grace_over_) return;
  fail_waiting(error(errc::interrupted), at);
  fail_run(error(errc::interrupted), at);
}

inline void session_core::fail_waiting(const error& why, moment at) {
  while (auto waiting = inbox_.take_next()) {
    answer_record record;
    record.query_id = waiting->query.id;
    record.stream = waiting->stream;
    record.status = wire::answer_status::failed;
    record.failure = why;
    record.retryable = is_retryable(why.code);
    if (waiting->streamed)
      publish(wire::response_start{next_seq(), waiting->query.id, waiting->stream, {}}, at);
    conclude(*waiting, record, std::nullopt, waiting->streamed, 0, at);
  }
}

inline void session_core::drain(std::chrono::milliseconds retry_after, moment at) {
  if (closing_ || draining_) return;
  draining_ = true;
  publish(wire::notification{next_seq(), "drain", {}, "Server is shutting down", {}}, at);
  put_ordered(0, wire::status{"drain", {}, {}, {}, {}, {}, retry_after}, at);
  fail_waiting(error(errc::draining), at);
  if (!run_) close_for_drain();
}

inline void session_core::drain_expired(moment at) {
  if (closing_) return;
  fail_run(error(errc::draining), at);
  close_for_drain();
}

inline void session_core::end(std::uint16_t code, std::string reason, const error& why, moment at) {
  if (closing_) return;
  fail_waiting(why, at);
  fail_run(why, at);
  close(code, std::move(reason));
}

}  // namespace agent_websocket

// --- agent_websocket/session/deciding.hpp

// The part of session_core in which people decide about the model's calls: a numbered request asks,
// the first decision counts, everybody is told of it. Without one, the tool's default holds when
// the time is up. A request ends with its run.

namespace agent_websocket {

inline void session_core::ask_person(called_tool& call, moment at) {
  call.at = called_tool::phase::asking;
  const tool_definition& definition = call.tool->definition;
  feedback_requests::request asked;
  asked.id = "f_" + std::to_string(++asked_);
  asked.call = call.id;
  asked.ref = run_->of.query.id;
  asked.kind = definition.asks_person ? "question" : "approval";
  asked.content =
      definition.question.empty() ? "Run " + definition.name + "?" : definition.question;
  asked.tool = definition.name;
  asked.arguments = call.arguments;
  asked.expires_at = to_iso8601(at.wall + settings_->approval_timeout);
  asked.approved_by_default = definition.approved_by_default && !definition.asks_person;
  tell_call(call, "waiting", at);
  if (requests_.empty()) actions_.push_back(action::hold_clock{true});
  actions_.push_back(action::start_clock{run_->number, asked.id, settings_->approval_timeout});
  wire::feedback_request said = asked.to_wire();
  said.seq = next_seq();
  publish(said, at);
  requests_.open(std::move(asked));
}

/// The request is decided: everybody is told, and its clock is stopped.
inline feedback_requests::request session_core::resolve(const std::string& id,
                                                        std::string_view decision,
                                                        std::string_view reason, moment at) {
  auto closed = requests_.close(id, std::string(decision), reason == "expired");
  actions_.push_back(action::end_tool{closed.id, true});
  if (requests_.empty()) actions_.push_back(action::hold_clock{false});
  publish(wire::feedback_resolved{next_seq(), closed.id, decision, reason}, at);
  return closed;
}

inline void session_core::on_decision(connection_id from, const wire::human_feedback& feedback,
                                      moment at) {
  const std::string& decision = feedback.decision;
  const auto refuse_it = [&](errc code, std::string words) {
    refuse(from, feedback.id, error(code, std::move(words)), at);
  };
  if (is_repeat(from, feedback.id, at)) return;
  if (feedback.ref.empty() && requests_.all().size() > 1) {
    return refuse_it(errc::feedback_invalid,
                     "Several requests are open: `ref` must name the one that is meant");
  }
  const feedback_requests::request* const asked = !feedback.ref.empty()
                                                      ? requests_.find(feedback.ref)
                                                  : requests_.empty() ? nullptr
                                                                      : &requests_.all().front();
  if (asked == nullptr) {
    const auto* const former = requests_.find_former(feedback.ref);
    if (former == nullptr)
      return refuse_it(errc::feedback_unknown, "No such request for a decision is open");
    if (former->expired)
      return refuse_it(errc::feedback_expired, message_of(errc::feedback_expired));
    return refuse_it(errc::feedback_unknown, "That was decided already: " + former->decision);
  }
  called_tool* const call = run_ ? run_->find_call(asked->call) : nullptr;
  if (call == nullptr) return;  // requests end with their run
  const bool is_question = asked->kind == "question";
  if (is_question && (decision == "approve" || decision == "edit"))
    return refuse_it(errc::feedback_invalid, "That request takes the decisions answer and reject");
  if (decision == "answer" && feedback.content.empty() && feedback.data.empty())
    return refuse_it(errc::feedback_invalid, "The decision answer needs `content` or `data`");
  if (decision == "edit") {
    if (feedback.data.empty())
      return refuse_it(errc::feedback_invalid, "The decision edit needs the arguments in `data`");
    if (const auto wrong = wrong_arguments(*call->tool, feedback.data))
      return refuse_it(errc::feedback_invalid, *wrong);
  }
  claims_.take_without_end(feedback.id, at.now);
  put_control(from, wire::status{"ack", feedback.id, "Decision received", {}, {}, {}, {}}, at);
  resolve(asked->id, decision, {}, at);
  if (decision == "approve") {
    start_call(*call, at);
  } else if (decision == "edit") {
    call->arguments = feedback.data;
    start_call(*call, at);
  } else if (decision == "answer") {
    end_call(*call, {!feedback.content.empty() ? feedback.content : feedback.data, false}, true,
             at);
  } else {
    std::string words = "A person has declined this call";
    if (!feedback.content.empty()) words.append(": ").append(feedback.content);
    end_call(*call, tool_result::failure(std::move(words)), true, at);
  }
  continue_run();
}

}  // namespace agent_websocket

// --- agent_websocket/session/tool_loop.hpp

// The part of session_core in which the model uses tools: what is offered, and a round of calls
// from the model's words to their results. A round begins when a completion has ended with calls;
// all its calls run beside each other; when each has its result the model is asked again. What goes
// wrong with a call is told to the model, not to the client. People who decide: deciding.hpp.

namespace agent_websocket {

/// A tool that a client brings, beside `others` of its own. Errors: bad_message, forbidden.
inline result<tool_ptr> session_core::check_tool(const wire::declared_tool& declared,
                                                 const std::vector<tool_ptr>& others) const {
  if (!settings_->client_tools)
    return error(errc::forbidden, "Clients may not bring tools of their own here");
  if ((settings_->tools && settings_->tools->find(declared.name)) ||
      toolbox::find_tool(others, declared.name)) {
    return error(errc::bad_message, "There is another tool of the name `" + declared.name + "`");
  }
  tool_definition definition;
  definition.name = declared.name;
  definition.description = declared.description;
  definition.parameters = declared.parameters;
  return make_tool(std::move(definition), true);
}

/// A hello says which tools its client runs: the good ones are taken, it is told of the others.
inline void session_core::declare_tools(connection_id connection, const wire::command& hello,
                                        moment at) {
  std::vector<tool_ptr> good;
  for (const wire::declared_tool& each : hello.tools) {
    auto checked = check_tool(each, good);
    if (checked) {
      good.push_back(std::move(*checked));
    } else {
      refuse(connection, hello.id, checked.error(), at);
    }
  }
  client_tools_.declare(connection, std::move(good));
}

/// What the model may call in this run: the server's tools, those of the query, those of the
/// clients that are here.
inline void session_core::offer_tools() {
  std::vector<tool_ptr>& offered = run_->offered;
  if (settings_->tools) offered = settings_->tools->tools();
  const auto add = [&offered](const std::vector<tool_ptr>& more) {
    for (const tool_ptr& each : more) {
      if (!toolbox::find_tool(offered, each->definition.name)) offered.push_back(each);
    }
  };
  add(run_->of.tools);
  add(client_tools_.tools());
}

/// The socket that is to run the call of a client's tool; 0: none is here.
inline connection_id session_core::runner_of(const called_tool& call) {
  if (call.runner != 0 && outbox_.find(call.runner) != nullptr) return call.runner;
  return client_tools_.runner_of(call.tool->definition.name);
}

/// A client that declares a tool again gets the calls of it that are open.
inline void session_core::repeat_calls(connection_id to, moment at) {
  if (!run_) return;
  for (called_tool& each : run_->calls) {
    if (each.at != called_tool::phase::running || !each.tool->of_client || runner_of(each) != to)
      continue;
    each.told = to;
    put_ordered(to, status_of(each, "calling", true), at);
  }
}

/// The calls that a client has left open go to another one that has the tool.
inline void session_core::pass_on_calls(connection_id from, moment at) {
  if (!run_ || closing_) return;
  for (called_tool& each : run_->calls) {
    if (each.at != called_tool::phase::running || !each.tool->of_client || each.told != from)
      continue;
    each.told = runner_of(each);
    if (each.told != 0) put_ordered(each.told, status_of(each, "calling", true), at);
  }
}

/// The model wants tools: true when a round has begun, or the run has ended because of it.
inline bool session_core::begin_calls(const completion_result& result, moment at) {
  if (result.failure || result.tool_calls.empty() || run_->offered.empty()) return false;
  for (const openrouter::tool_call& each : result.tool_calls) {
    if (!each.complete) return false;  // cut off: never to be run
  }
  const auto next = next_state(run_->state, run_event::call);
  if (!next) return false;
  run_->used += result.used;
  if (run_->rounds >= settings_->max_tool_rounds) {
    fail_run(error(errc::tool_loop), at);
    return true;
  }
  ++run_->rounds;
  run_->state = *next;
  openrouter::assistant_message said;
  said.text = run_->text.substr(run_->round_begin);
  for (const openrouter::tool_call& each : result.tool_calls)
    said.tool_calls.push_back(call_ids_.replayable(each));
  said.reasoning_details = result.reasoning_details;
  said.annotations = result.annotations;
  run_->steps.push_back(openrouter::chat_message::assistant(said));
  run_->round_begin = run_->text.size();
  for (std::size_t i = 0; i < result.tool_calls.size(); ++i) {
    const openrouter::tool_call& each = result.tool_calls[i];
    called_tool made;
    made.id = "t_" + std::to_string(++calls_);
    made.tool = toolbox::find_tool(run_->offered, each.name);
    made.arguments = each.arguments;
    made.call = each;
    made.call.id = said.tool_calls[i].id;
    if (toolbox::find_tool(run_->of.tools, each.name)) made.runner = run_->of.from;
    run_->calls.push_back(std::move(made));
  }
  for (std::size_t i = 0; i < run_->calls.size(); ++i) {
    if (i < max_calls_at_once) {
      begin_call(run_->calls[i], at);
    } else {
      end_call(run_->calls[i], tool_result::failure("Too many calls at once"), true, at);
    }
  }
  continue_run();
  return true;
}

inline void session_core::begin_call(called_tool& call, moment at) {
  if (call.tool == nullptr) {
    return end_call(call, tool_result::failure("There is no tool of that name"), true, at);
  }
  if (auto wrong = wrong_arguments(*call.tool, call.arguments))
    return end_call(call, tool_result::failure(std::move(*wrong)), true, at);
  call.checked = true;
  if (call.tool->definition.needs_person()) return ask_person(call, at);
  start_call(call, at);
}

inline void session_core::start_call(called_tool& call, moment at) {
  call.at = called_tool::phase::running;
  if (call.tool->of_client) call.told = runner_of(call);
  tell_call(call, "calling", at);
  const tool_definition& definition = call.tool->definition;
  const auto limit = definition.timeout.count() > 0 ? definition.timeout : settings_->tool_timeout;
  actions_.push_back(action::start_clock{run_->number, call.id, limit});
  if (!call.tool->of_client)
    actions_.push_back(action::run_tool{run_->number, call.id, definition.name, call.arguments});
}

inline void session_core::clock_over(run_number run, const std::string& id, moment at) {
  if (!is_current(run)) return;
  const feedback_requests::request* const asked = requests_.find(id);
  if (asked == nullptr)
    return tool_ended(run, id, tool_result::failure("The tool took too long"), false, at);
  const bool approved = asked->approved_by_default;
  const auto closed = resolve(id, approved ? "approve" : "reject", "expired", at);
  called_tool* const call = run_->find_call(closed.call);
  if (call == nullptr) return;
  if (grace_over_ && requests_.empty()) return fail_run(error(errc::interrupted), at);
  if (approved) {
    start_call(*call, at);
  } else {
    end_call(*call, tool_result::failure("Nobody has decided about this call in time"), true, at);
  }
  continue_run();
}

inline void session_core::tool_ended(run_number run, const std::string& id, tool_result result,
                                     bool answered, moment at) {
  called_tool* const call = is_current(run) ? run_->find_call(id) : nullptr;
  if (call == nullptr || call->at != called_tool::phase::running) return;
  end_call(*call, std::move(result), answered, at);
  continue_run();
}

inline void session_core::on_tool_result(connection_id from, const wire::command& command,
                                         moment at) {
  if (is_repeat(from, command.id, at)) return;
  called_tool* const call = run_ ? run_->find_call(command.ref) : nullptr;
  if (call == nullptr || call->at != called_tool::phase::running || !call->tool->of_client) {
    return refuse(from, command.id.empty() ? command.ref : command.id,
                  error(errc::not_found, "No tool call of that id is open"), at);
  }
  claims_.take_without_end(command.id, at.now);
  acknowledge(from, command.id, at);
  tool_result result{!command.data.empty() ? command.data : command.content, false};
  if (!command.failure.empty()) result = tool_result::failure(command.failure);
  tool_ended(run_->number, command.ref, std::move(result), true, at);
}

inline void session_core::end_call(called_tool& call, tool_result result, bool answered,
                                   moment at) {
  call.at = called_tool::phase::ended;
  const std::size_t limit = call.tool == nullptr ? tool_definition().max_result_bytes
                                                 : call.tool->definition.max_result_bytes;
  if (result.text.size() > limit) {
    result.text = std::string(cut_utf8(result.text, limit));
    result.text.append("\n[cut after " + std::to_string(limit) + " bytes]");
  }
  call.result = std::move(result);
  actions_.push_back(action::end_tool{call.id, answered});
  tell_call(call, call.result.failed ? "failed" : "done", at);
}

/// The round is over: its results follow its calls in what the model reads.
inline void session_core::keep_results() {
  for (called_tool& each : run_->calls) {
    std::string text = std::move(each.result.text);
    if (each.result.failed) {
      const std::string words = std::move(text);
      text.clear();
      json::writer(text).begin_object().member("error", words).end_object();
    }
    if (each.arguments != each.call.arguments)
      text = "A person has changed the arguments to " + each.arguments + "\n" + text;
    run_->steps.push_back(openrouter::chat_message::tool_result(each.call.id, std::move(text)));
  }
  run_->calls.clear();
}

/// Asks the model again when every call has its result.
inline void session_core::continue_run() {
  if (!run_ || run_->calls.empty() || !run_->calls_ended()) return;
  keep_results();
  run_->state = *next_state(run_->state, run_event::again);
  actions_.push_back(action::start_completion{run_->number, build_request()});
}

/// The run ends in the middle of a round: its questions are withdrawn, its open calls have failed.
inline void session_core::drop_calls(moment at) {
  while (!requests_.empty()) {
    const std::string id = requests_.all().front().id;
    resolve(id, "reject", "cancelled", at);
  }
  if (!run_) return;
  for (called_tool& each : run_->calls) {
    if (each.at != called_tool::phase::ended)
      end_call(each, tool_result::failure("The call was cancelled"), false, at);
  }
  keep_results();
}

inline wire::tool_status session_core::status_of(const called_tool& call, std::string_view state,
                                                 bool to_be_run) const {
  wire::tool_status told;
  told.ref = run_->of.query.id;
  told.stream = run_->of.stream;
  told.call = call.id;
  told.name = cut_utf8(call.call.name, 100);  // which the model may have made up
  told.state = state;
  told.to_be_run = to_be_run;
  if (call.checked) told.arguments = call.arguments;
  if (call.result.failed) told.failure = call.result.text;
  return told;
}

/// To clients that said hello; the one that is to run it gets it with its id.
inline void session_core::tell_call(const called_tool& call, std::string_view state, moment at) {
  const connection_id runner = state == "calling" ? call.told : 0;
  const std::string plain = encoded(status_of(call, state, false), at);
  const std::string to_run = runner == 0 ? plain : encoded(status_of(call, state, true), at);
  outbox_.put_progress(plain, runner, to_run, streamed(), stamp_.text(at.wall));
}

}  // namespace agent_websocket

// --- agent_websocket/session/commands.hpp

// The part of session_core that takes messages: which kind goes where, the built-in commands of the
// protocol, and feedback. A command that is not in the table is the application's
// (action::run_command).

namespace agent_websocket {

/// The built-in commands, by op.
class session_commands {
 public:
  /// False when the protocol does not define the op.
  static bool run(session_core& session, const wire::command& command, moment at) {
    for (const row& each : table()) {
      if (each.op != command.op) continue;
      each.run(session, command, at);
      return true;
    }
    return false;
  }

 private:
  using handler = void (*)(session_core&, const wire::command&, moment);
  struct row {
    std::string_view op;
    handler run;
  };

  static const std::array<row, 13>& table() {
    static constexpr std::array<row, 13> rows{{
        {"hello", hello},
        {"ack", ack},
        {"auth", auth},
        {"ping", ping},
        {"info", info},
        {"cancel", cancel},
        {"clear", clear},
        {"history", history},
        {"set", set},
        {"regenerate", regenerate},
        {"close", close},
        {"tool_result", tool_result},
        {"help", help},
    }};
    return rows;
  }

  static void hello(session_core& s, const wire::command& command, moment at) {
    if (command.version && *command.version != protocol_version) {
      s.refuse(
          command.from, command.id,
          error(errc::bad_message, "This server speaks version 1 of the protocol: `v` must be 1"),
          at);
      return s.close_socket(command.from, 4426, "protocol_version");
    }
    if (lanes* const socket = s.outbox_.find(command.from)) socket->take_caps(command.caps);
    s.actions_.push_back(action::ask_server{command});
  }

  static void ack(session_core&, const wire::command&, moment) {}  // read where all acks are

  static void auth(session_core& s, const wire::command& command, moment) {
    s.actions_.push_back(action::ask_server{command});
  }

  static void ping(session_core& s, const wire::command& command, moment at) {
    s.put_control(command.from, wire::status{"pong", command.id, "pong", {}, command.meta, {}, {}},
                  at);
  }

  static void help(session_core& s, const wire::command& command, moment at) {
    const help_text text = describe_commands(s.settings_->commands);
    s.reply(command, text.content, text.data, at);
  }

  static void info(session_core& s, const wire::command& command, moment at) {
    session_info data;
    data.session_id = s.id_;
    data.agent = s.settings_->agent_name;
    const std::string model = s.overrides_.model.value_or(s.settings_->model);
    data.model = model;
    data.temperature = s.overrides_.temperature.value_or(s.settings_->temperature);
    data.max_tokens = s.overrides_.max_tokens.value_or(s.settings_->max_tokens);
    data.messages = s.conversation_.message_count();
    data.max_history = s.settings_->max_history;
    data.queued = s.inbox_.size();
    data.running = s.running();
    data.created = to_iso8601(s.created_);
    data.last_activity = to_iso8601(s.active_.wall);
    data.usage = s.usage_;
    s.reply(command,
            "Session " + s.id_ + ", model " + model + ", " + std::to_string(data.messages) +
                " messages",
            describe_session(data), at);
  }

  static void cancel(session_core& s, const wire::command& command, moment at) {
    const std::string& ref = command.ref;
    if (s.run_ && (ref.empty() || s.run_->of.query.id == ref || s.run_->of.stream == ref)) {
      s.acknowledge(command.from, command.id, at);
      return s.cancel_run(at);
    }
    if (!ref.empty()) {
      if (const auto waiting = s.inbox_.take(ref)) {
        s.acknowledge(command.from, command.id, at);
        return s.cancel_waiting(*waiting, at);
      }
    }
    s.refuse(command.from, command.id,
             error(errc::not_found,
                   ref.empty() ? "Nothing is running" : "No running or waiting query has that id"),
             at);
  }

  static void clear(session_core& s, const wire::command& command, moment at) {
    while (const auto waiting = s.inbox_.take_next()) s.cancel_waiting(*waiting, at);
    if (s.run_) s.cancel_run(at);
    s.conversation_.clear();
    s.actions_.push_back(action::persist{records::of_clear(at.wall)});
    s.reply(command, "Conversation cleared", {}, at);
  }

  static void history(session_core& s, const wire::command& command, moment at) {
    const auto before =
        static_cast<std::uint64_t>(command.before_seq.value_or(std::int64_t{1} << 53));
    std::size_t count = 0;
    const std::string data = describe_history(
        s.conversation_, before, static_cast<std::size_t>(command.limit.value_or(50)), count);
    s.reply(command, std::to_string(count) + (count == 1 ? " message" : " messages"), data, at);
  }

  static void set(session_core& s, const wire::command& command, moment at) {
    // Repeated by a client that does not know whether it arrived, it must not undo a later one.
    if (s.is_repeat(command.from, command.id, at)) return;
    json::document document;
    if (!document.parse(command.data.empty() ? "null" : command.data))
      return;  // it was printed by the decoder
    auto changed = apply_overrides(s.overrides_, *s.settings_, document.root());
    if (!changed) return s.refuse(command.from, command.id, changed.error(), at);
    s.overrides_ = std::move(*changed);
    s.claims_.take_without_end(command.id, at.now);
    std::string data;
    json::writer w(data);
    w.begin_object().member("model", s.overrides_.model.value_or(s.settings_->model));
    w.member("temperature", s.overrides_.temperature.value_or(s.settings_->temperature));
    w.member("max_tokens", s.overrides_.max_tokens.value_or(s.settings_->max_tokens));
    w.member("system", s.overrides_.system_prompt.value_or(s.settings_->system_prompt))
        .end_object();
    s.reply(command, "Settings changed", data, at);
  }

  static void regenerate(session_core& s, const wire::command& command, moment at) {
    if (s.draining_) return s.refuse(command.from, command.id, error(errc::draining), at);
    accepted_query again;
    again.query.id = command.id;
    if (!command.id.empty() && s.answer_duplicate(command.from, again.query, at)) return;
    if (s.busy()) return s.refuse(command.from, command.id, error(errc::busy), at);
    if (s.conversation_.empty()) {
      return s.refuse(command.from, command.id,
                      error(errc::not_found, "There is no question to answer again"), at);
    }
    again.regenerate = true;
    if (command.id.empty()) again.query.id = s.make_query_id(at);
    again.query.meta = command.meta;
    const lanes* const asker = s.outbox_.find(command.from);
    again.streamed = command.stream.value_or(asker != nullptr && asker->wants_deltas);
    s.accept(command.from, std::move(again), !command.id.empty(), at);
  }

  static void close(session_core& s, const wire::command& command, moment at) {
    s.reply(command, "Session closed", {}, at);
    while (const auto waiting = s.inbox_.take_next()) s.cancel_waiting(*waiting, at);
    if (s.run_) s.cancel_run(at);
    s.close(1000, "Session closed");
  }

  static void tool_result(session_core& s, const wire::command& command, moment at) {
    s.on_tool_result(command.from, command, at);
  }
};

/// What programs send by themselves: it keeps a connection, but not a session.
inline bool is_sign_of_life(const wire::client_message& message) noexcept {
  const auto* command = std::get_if<wire::command>(&message);
  return command != nullptr && (command->op == "ping" || command->op == "ack");
}

inline bool is_hello(const wire::client_message& message) noexcept {
  const auto* command = std::get_if<wire::command>(&message);
  return command != nullptr && command->op == "hello";
}

inline void session_core::received(connection_id from, wire::client_message message, moment at) {
  if (closing_) return;
  lanes* const socket = outbox_.find(from);
  if (socket == nullptr || socket->closed) return;
  socket->heard = at.now;
  if (const auto* rejected = std::get_if<wire::rejection>(&message))
    return refuse_bad(from, rejected->ref, rejected->why, at);
  if (!is_sign_of_life(message)) {
    active_ = at;
    spoken_ = spoken_ || !is_hello(message);  // which may be on its way to another session
  }
  if (auto* query = std::get_if<wire::query>(&message)) {
    socket->bad_messages = 0;
    if (query->ack) tokens_.arrived(from);
    on_query(from, std::move(*query), at);
  } else if (auto* command = std::get_if<wire::command>(&message)) {
    command->from = from;
    if (command->ack) tokens_.arrived(from);
    const bool judged_later = command->op == "auth";
    if (session_commands::run(*this, *command, at)) {
      if (!judged_later) socket->bad_messages = 0;
    } else {
      actions_.push_back(action::run_command{std::move(*command)});
    }
  } else if (auto* feedback = std::get_if<wire::human_feedback>(&message)) {
    socket->bad_messages = 0;
    if (feedback->ack) tokens_.arrived(from);
    on_feedback(from, std::move(*feedback), at);
  }
}

inline void session_core::on_feedback(connection_id from, wire::human_feedback feedback,
                                      moment at) {
  if (!feedback.decision.empty()) return on_decision(from, feedback, at);
  turn* judged = conversation_.find(feedback.ref);
  if (judged == nullptr || judged->running()) {
    return refuse(from, feedback.id,
                  error(errc::feedback_unknown, feedback.ref.empty()
                                                    ? "There is no answer yet to give feedback on"
                                                    : "No answer has the id that `ref` names"),
                  at);
  }
  for (const feedback_entry& each : judged->feedback) {
    if (!feedback.id.empty() && each.id == feedback.id)
      return put_control(from, wire::ack{feedback.id, {}, 0, true, false}, at);
  }
  if (judged->feedback.size() >= conversation::max_feedback_per_turn) {
    return refuse(from, feedback.id,
                  error(errc::feedback_invalid, "That answer has as much feedback as is kept"), at);
  }
  feedback_entry said;
  said.id = feedback.id;
  said.answer = judged->stream;
  said.rating = feedback.rating;
  said.comment = std::move(feedback.content);
  said.correction = std::move(feedback.correction);
  said.at = at.wall;
  judged->feedback.push_back(said);
  conversation_.trim();
  actions_.push_back(action::persist{records::of_feedback(said)});
  actions_.push_back(action::deliver_feedback{said});
  put_control(from, wire::status{"ack", said.id, "Feedback received", {}, {}, {}, {}}, at);
}

}  // namespace agent_websocket

// --- agent_websocket/session/attaching.hpp

// The part of session_core that has to do with its sockets: who watches the session, what a client
// that comes back is told (PROTOCOL: hello, resume, replay), and when one is sent away. The verdict
// and the list of what is replayed are cut in one step: a position in the log.

namespace agent_websocket {

inline lanes& session_core::attach(connection_id connection, moment at) {
  std::size_t open = 0;
  const lanes* silent = nullptr;
  for (const auto& each : outbox_.sockets()) {
    if (each->closed) continue;
    ++open;
    if (silent == nullptr || each->heard < silent->heard) silent = each.get();
  }
  if (open >= max_sockets) close_socket(silent->connection(), 4429, "connection_limit");
  lanes& added = outbox_.attach(connection);
  added.heard = at.now;
  grace_over_ = false;
  return added;
}

inline wire::welcome session_core::make_welcome(std::string_view reason,
                                                std::string_view token) const {
  wire::welcome made;
  made.session_id = id_;
  made.resume_token = token;
  made.epoch = epoch_;
  made.reason = reason;
  made.heartbeat = settings_->heartbeat_interval;
  made.timeout = settings_->heartbeat_timeout;
  made.resume_window = settings_->resume_window;
  made.limits = {settings_->max_message_bytes, settings_->max_queue};
  made.data = settings_->welcome_data;
  return made;
}

inline void session_core::opened(connection_id connection, std::string_view token, moment at) {
  attach(connection, at);
  tokens_.issue(connection, token);
  put_control(connection, make_welcome("new", token), at);
  // The application may have refused it before it began.
  if (closing_)
    actions_.push_back(action::close_socket{connection, closing_->code, closing_->reason, true});
}

inline void session_core::greet(const wire::command& hello, std::string_view reason,
                                std::string_view token, moment at) {
  const connection_id connection = hello.from;
  lanes* const socket = outbox_.find(connection);
  if (closing_ || socket == nullptr) return;
  spoken_ = true;
  declare_tools(connection, hello, at);
  const message_log& log = outbox_.log();
  tokens_.issue(connection, token);
  wire::welcome said = make_welcome(reason, token);
  said.seq = log.oldest() - 1;
  if (reason != "new" || run_) said.resumed = make_notice();
  put_control(connection, said, at);
  socket->catch_up(said.seq, log.top(), streamed().run, live_notice(at));
  repeat_calls(connection, at);
}

inline wire::resume_notice session_core::make_notice() const {
  wire::resume_notice made;
  if (run_) made.active.push_back({run_->of.query.id, run_->of.stream});
  for (const auto& each : requests_.all()) made.pending_feedback.push_back(each.to_wire());
  return made;
}

inline void session_core::resume(connection_id connection, const wire::command& hello,
                                 std::string_view token, moment at) {
  if (closing_ || !hello.resume) return;
  spoken_ = true;
  lanes* socket = outbox_.find(connection);
  if (socket == nullptr) socket = &attach(connection, at);
  socket->take_caps(hello.caps);
  declare_tools(connection, hello, at);
  const message_log& log = outbox_.log();
  const bool same_epoch = hello.resume->epoch == epoch_;
  const bool whole = same_epoch && log.holds_after(hello.resume->last_seq);
  const std::uint64_t position = whole ? hello.resume->last_seq : log.oldest() - 1;

  tokens_.issue(connection, token, hello.resume->token);
  wire::welcome said = make_welcome(whole ? "ok" : same_epoch ? "gap" : "epoch_changed", token);
  said.seq = position;
  said.recovered = whole;
  said.resumed = make_notice();
  for (const std::string& each : hello.outbox) {
    if (needs_no_repeat(each, position, at)) said.resumed->accepted.push_back(each);
  }
  put_control(connection, said, at);
  socket->catch_up(position, log.top(), streamed().run, live_notice(at));
  repeat_calls(connection, at);
}

/// The message has arrived, and what became of it is known or comes. A query that a client asks for
/// although its end lies before the position that it goes on from has lost that end in a gap: it
/// is to be repeated, so that it is answered again.
inline bool session_core::needs_no_repeat(std::string_view id, std::uint64_t position, moment at) {
  if (inbox_.find(id) != nullptr || (run_ && run_->of.query.id == id)) return true;
  if (const claimed_ids::claim* const claimed = claims_.find(id, at.now))
    return claimed->end_seq > position;
  for (const turn& each : conversation_.turns()) {
    for (const feedback_entry& said : each.feedback) {
      if (said.id == id) return true;
    }
  }
  return false;
}

inline void session_core::detached(connection_id connection, moment at) {
  tokens_.released(connection);
  client_tools_.forget(connection);
  outbox_.detach(connection);
  pass_on_calls(connection, at);
}

inline void session_core::token_expires(connection_id connection, wall_time when, moment at) {
  if (!closing_) put_control(connection, wire::auth_expiring{to_iso8601(when)}, at);
}

inline void session_core::refused_frame(connection_id from, errc code, moment at) {
  if (code != errc::too_large) return refuse_bad(from, {}, error(code), at);
  refuse_bad(from, {},
             error(code, "The message is too large; at most " +
                             std::to_string(settings_->max_message_bytes) + " bytes are allowed"),
             at);
}

inline void session_core::refuse_bad(connection_id from, std::string_view ref, const error& why,
                                     moment at) {
  lanes* const socket = outbox_.find(from);
  if (closing_ || socket == nullptr || socket->closed) return;
  refuse(from, ref, why, at);
  if (++socket->bad_messages == settings_->max_bad_messages)
    close_socket(from, 4400, "bad_messages");
}

inline void session_core::close_socket(connection_id connection, std::uint16_t code,
                                       std::string reason, bool send_first) {
  lanes* const socket = outbox_.find(connection);
  if (closing_ || socket == nullptr || socket->closed) return;
  socket->closed = true;
  actions_.push_back(action::close_socket{connection, code, std::move(reason), send_first});
}

}  // namespace agent_websocket

// --- agent_websocket/session/coalescer.hpp

// Wakes sessions whose new text waits to be sent as one piece. One timer for all of them: each
// waits equally long, so they fall due in the order in which they came.

namespace agent_websocket {

template <typename Scheduler, typename Session>
class coalescer {
 public:
  explicit coalescer(Scheduler& scheduler) : scheduler_(scheduler) {}
  coalescer(const coalescer&) = delete;
  coalescer& operator=(const coalescer&) = delete;
  ~coalescer() { scheduler_.cancel_timer(timer_); }

  /// Calls session->flush() at `when`, or a little later when sessions have windows of their own.
  void wake(time_point when, std::weak_ptr<Session> session) {
    waiting_.push_back({when, std::move(session)});
    if (timer_ == 0) arm();
  }

 private:
  struct sleeper {
    time_point when;
    std::weak_ptr<Session> session;
  };

  void arm() {
    if (waiting_.empty()) return;
    timer_ = scheduler_.start_timer(waiting_.front().when, [this] {
      timer_ = 0;
      const time_point now = scheduler_.now();
      while (!waiting_.empty() && waiting_.front().when <= now) {
        if (const auto session = waiting_.take_front().session.lock()) session->flush();
      }
      if (timer_ == 0) arm();
    });
  }

  Scheduler& scheduler_;
  fifo<sleeper> waiting_;
  timer_id timer_ = 0;
};

}  // namespace agent_websocket

// --- agent_websocket/session/delivery.hpp

// Hands the frames of one session to the transport, as far as each socket takes them, and collects
// new text for a moment before it goes out as one piece. Tells what came of it; what to do about
// clients that do not keep up is the session's.

namespace agent_websocket {

template <typename Transport, typename Scheduler>
class delivery {
 public:
  /// Handed to the transport at a time, for one socket; what is above waits in its lanes.
  static constexpr std::size_t transport_budget = 64 * 1024;

  struct outcome {
    bool nobody_keeps_up = false;         ///< there are sockets, and much waits for each
    std::optional<time_point> wake;       ///< when text that waits now is to go out
    std::vector<connection_id> too_slow;  ///< to be done without
  };

  delivery(Transport& transport, Scheduler& scheduler)
      : transport_(transport), scheduler_(scheduler) {}

  /// The next piece of text is the first of an answer: it goes out at once.
  void begin_answer() noexcept { text_waits_until_ = {}; }

  outcome run(session_core& session) {
    const live_answer answer = session.streamed();
    const live_answer* const text = answer.run == 0 ? nullptr : &answer;
    const auto window = session.settings().coalesce;
    const bool due =
        window.count() == 0 || text == nullptr || scheduler_.now() >= text_waits_until_;
    outcome made;
    std::size_t open = 0, behind = 0;
    bool sends_text = false, text_waits = false;
    for (const auto& each : session.output().sockets()) {
      if (each->closed) continue;
      ++open;
      const bool has_text = text != nullptr && each->has_text(answer);
      hand_over(session, *each, text, due, transport_budget);
      const bool still = text != nullptr && each->has_text(answer);
      sends_text = sends_text || (has_text && !still);
      text_waits = text_waits || still;
      if (each->too_slow(session.output().log(), session.settings().max_outbound_bytes)) {
        made.too_slow.push_back(each->connection());
      } else if (each->waiting_bytes(session.output().log(), text) > transport_budget) {
        ++behind;
      }
    }
    if (sends_text && window.count() != 0) text_waits_until_ = scheduler_.now() + window;
    if (text_waits && !due) made.wake = text_waits_until_;
    made.nobody_keeps_up = open != 0 && behind == open;
    return made;
  }

  /// Everything that waits for the socket, however much it is: it is about to be closed.
  void send_all(session_core& session, lanes& socket) {
    const live_answer answer = session.streamed();
    hand_over(session, socket, answer.run == 0 ? nullptr : &answer, true,
              static_cast<std::size_t>(-1));
  }

 private:
  void hand_over(session_core& session, lanes& socket, const live_answer* text, bool due,
                 std::size_t budget) {
    std::string frame;
    const std::string_view timestamp = session.timestamp(scheduler_.wall_now());
    while (socket.transport_waits < budget &&
           socket.take_next(session.output().log(), text, due, frame, timestamp)) {
      socket.transport_waits = transport_.send(socket.connection(), frame);
    }
  }

  Transport& transport_;
  Scheduler& scheduler_;
  time_point text_waits_until_{};
};

}  // namespace agent_websocket

// --- agent_websocket/session/model_call.hpp

// The one request that a session has upstream: waits in line for a slot, is started, held up while
// nobody takes the answer, and stopped. What upstream says goes to the session itself.

namespace agent_websocket {

/// How a completion ended, as the core wants to know it. An upstream's own words may name its
/// insides: they stay in the detail, for the log and the application. What is no code of the wire
/// is a failure of the provider, or of the way to it.
inline completion_result result_of(const openrouter::outcome& outcome) {
  completion_result result;
  if (outcome.failed) {
    const error& why = outcome.failed->why;
    const bool is_of_the_way =
        why.code == errc::connection_failed || why.code == errc::protocol_error;
    const errc code = is_of_the_way ? errc::provider_error : why.code;
    result.failure = error(code, message_of(code), why.message + "; " + why.detail);
    result.retry_after = outcome.failed->retry_after;
    // The upstream knows better than the code; a time limit is ours.
    const bool is_ours = code == errc::timeout_connect || code == errc::timeout_first_token ||
                         code == errc::timeout_idle;
    result.retryable = is_retryable(code) && (outcome.failed->retryable || is_ours);
  }
  result.finish_reason = outcome.finish_reason;
  result.model = outcome.model;
  result.usage = outcome.usage.json;
  result.tool_calls = outcome.tool_calls;
  result.reasoning_details = outcome.reasoning_details;
  result.annotations = outcome.annotations;
  result.images = outcome.images;
  result.generation_id = outcome.generation_id;
  result.provider = outcome.provider;
  result.used = {1,
                 outcome.usage.prompt_tokens.value_or(0),
                 outcome.usage.completion_tokens.value_or(0),
                 outcome.usage.cost.value_or(0),
                 outcome.usage.prompt_tokens || outcome.usage.completion_tokens,
                 outcome.usage.cost.has_value()};
  return result;
}

/// For the log.
inline std::string describe(const openrouter::outcome& outcome) {
  std::string text;
  if (outcome.failed) {
    const error& why = outcome.failed->why;
    text = std::string(to_string(why.code)) + " " + why.detail + " ";
  }
  text.append(outcome.generation_id.empty() ? "no id" : outcome.generation_id);
  const auto add = [&text](const char* name, const std::string& value) {
    if (!value.empty()) text.append(" ").append(name).append("=").append(value);
  };
  add("model", outcome.model);
  add("provider", outcome.provider);
  add("finish", outcome.finish_reason);
  if (outcome.usage.prompt_tokens) add("prompt", std::to_string(*outcome.usage.prompt_tokens));
  if (outcome.usage.completion_tokens)
    add("completion", std::to_string(*outcome.usage.completion_tokens));
  if (outcome.usage.cost) add("cost", json::print_double(*outcome.usage.cost));
  if (outcome.attempts > 1) add("attempts", std::to_string(outcome.attempts));
  return text;
}

template <typename Client, typename Scheduler>
class model_call {
 public:
  model_call(Client& client, upstream_slots& slots, Scheduler& scheduler)
      : client_(client), slots_(slots), scheduler_(scheduler) {}
  model_call(const model_call&) = delete;
  model_call& operator=(const model_call&) = delete;
  ~model_call() { stop(); }

  /// Calls begin() now or when a slot is free; it is to call start(). Precondition: there is no
  /// call.
  void await_turn(std::function<void()> begin) {
    if (slots_.try_acquire()) {
      holds_slot_ = true;
      return begin();
    }
    place_ = slots_.wait([this, begin = std::move(begin)] {
      place_ = 0;
      holds_slot_ = true;
      begin();
    });
  }
  void start(openrouter::chat_request request, openrouter::completion_sink& sink) {
    id_ = client_.start(std::move(request), sink);
  }

  /// Upstream has said its last word.
  void ended() {
    id_ = 0;
    end_hold_up();
    free_slot();
  }
  void stop() {
    if (id_ != 0) client_.cancel(std::exchange(id_, 0));
    if (place_ != 0) slots_.withdraw(std::exchange(place_, 0));
    end_hold_up();
    free_slot();
  }

  bool runs() const noexcept { return id_ != 0; }
  bool held_up() const noexcept { return held_up_; }
  /// Stops reading. When that lasts for `limit`, calls too_long(), once. Precondition: runs().
  void hold_up(duration limit, std::function<void()> too_long) {
    held_up_ = true;
    client_.pause(id_);
    timer_ =
        scheduler_.start_timer(scheduler_.now() + limit, [this, too_long = std::move(too_long)] {
          timer_ = 0;
          const auto call = too_long;  // this may be gone before it returns
          call();
        });
  }
  void go_on() {
    end_hold_up();
    client_.resume(id_);
  }

 private:
  void end_hold_up() {
    held_up_ = false;
    if (timer_ != 0) scheduler_.cancel_timer(std::exchange(timer_, 0));
  }
  void free_slot() {
    if (std::exchange(holds_slot_, false)) slots_.release();
  }

  Client& client_;
  upstream_slots& slots_;
  Scheduler& scheduler_;
  openrouter::completion_id id_ = 0;
  upstream_slots::ticket place_ = 0;
  timer_id timer_ = 0;
  bool holds_slot_ = false;
  bool held_up_ = false;
};

}  // namespace agent_websocket

// --- agent_websocket/session/query_clock.hpp

// The time that a query gives its answer (`timeout_ms`): stands still while a person is asked, so
// that a slow decision does not cost the answer.

namespace agent_websocket {

template <typename Scheduler>
class query_clock {
 public:
  explicit query_clock(Scheduler& scheduler) : scheduler_(scheduler) {}
  query_clock(const query_clock&) = delete;
  query_clock& operator=(const query_clock&) = delete;
  ~query_clock() { stop(); }

  /// Calls over() after `limit` of running time, once.
  void start(duration limit, std::function<void()> over) {
    stop();
    over_ = std::move(over);
    left_ = limit;
    go_on();
  }
  void stop() {
    if (timer_ != 0) scheduler_.cancel_timer(std::exchange(timer_, 0));
    over_ = nullptr;
  }

  void hold() {
    if (timer_ == 0) return;
    scheduler_.cancel_timer(std::exchange(timer_, 0));
    left_ = ends_ - scheduler_.now();
  }
  void go_on() {
    if (timer_ != 0 || !over_) return;
    ends_ = scheduler_.now() + left_;
    timer_ = scheduler_.start_timer(ends_, [this] {
      timer_ = 0;
      const auto call = std::exchange(over_, nullptr);  // this may be gone before it returns
      call();
    });
  }

 private:
  Scheduler& scheduler_;
  std::function<void()> over_;
  duration left_{};
  time_point ends_{};
  timer_id timer_ = 0;
};

}  // namespace agent_websocket

// --- agent_websocket/session/tool_runner.hpp

// The tool calls of one session that are under way, and their clocks: runs the application's
// handlers and tells the session what they answer. What a call means to the run is the core's
// business.

namespace agent_websocket {

template <typename Session, typename Scheduler>
class tool_runner {
 public:
  explicit tool_runner(Scheduler& scheduler) : scheduler_(scheduler) {}
  tool_runner(const tool_runner&) = delete;
  tool_runner& operator=(const tool_runner&) = delete;
  ~tool_runner() { stop(); }

  /// Makes the call and its reply for handler(invocation, reply). The reply comes back by
  /// session.tool_ended on the executor, never from inside.
  template <typename Handler>
  void run(const std::weak_ptr<Session>& session, const action::run_tool& what, Handler&& handler) {
    const auto cancellation = std::make_shared<tool_cancellation>();
    calls_[what.call] = cancellation;
    handler(tool_invocation<Session>(what.call, what.name, what.arguments, session, cancellation),
            tool_reply([session, &scheduler = scheduler_, run = what.run,
                        call = what.call](tool_result result) {
              scheduler.post([session, run, call, result = std::move(result)]() mutable {
                if (const auto alive = session.lock())
                  alive->tool_ended(run, call, std::move(result));
              });
            }));
  }

  /// Calls over() after `limit`, once, unless end(id) or stop() comes first.
  void start_clock(const std::string& id, duration limit, std::function<void()> over) {
    stop_clock(id);
    clocks_[id] =
        scheduler_.start_timer(scheduler_.now() + limit, [this, id, over = std::move(over)] {
          clocks_.erase(id);
          const auto call = over;  // this may be gone before it returns
          call();
        });
  }

  /// The call has its result. `answered` by its handler; else the handler is told to give up.
  void end(const std::string& id, bool answered) {
    stop_clock(id);
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    const auto cancellation = std::move(found->second);
    calls_.erase(found);
    answered ? cancellation->finish() : cancellation->cancel();
  }

  /// The run is over: whatever is under way is cancelled.
  void stop() {
    for (const auto& each : std::exchange(clocks_, {})) scheduler_.cancel_timer(each.second);
    for (const auto& each : std::exchange(calls_, {})) each.second->cancel();
  }

 private:
  void stop_clock(const std::string& id) {
    const auto found = clocks_.find(id);
    if (found == clocks_.end()) return;
    scheduler_.cancel_timer(found->second);
    clocks_.erase(found);
  }

  Scheduler& scheduler_;
  std::map<std::string, std::shared_ptr<tool_cancellation>> calls_;
  std::map<std::string, timer_id> clocks_;
};

}  // namespace agent_websocket

// --- agent_websocket/session/session.hpp

// basic_session: carries out what the session core decides, on the policies of its server: frames
// to the transport, completions to the upstream client, records to the store, questions to the
// application. It owns no socket.

#include <any>

namespace agent_websocket {

/// One client's session. Made by basic_server; the application meets it in its hooks, by reference,
/// and may keep a weak_ptr. All calls on the server's executor.
template <typename Transport, typename HttpClient, typename Scheduler, typename Store>
class basic_session final
    : public openrouter::completion_sink,
      public std::enable_shared_from_this<basic_session<Transport, HttpClient, Scheduler, Store>> {
  static_assert(require_transport<Transport>() && require_http_client<HttpClient>() &&
                require_scheduler<Scheduler>() && require_store<Store>());

 public:
  using client_type = openrouter::basic_openrouter_client<HttpClient, Scheduler>;

  struct surroundings {  ///< what all sessions of a server share
    Transport& transport;
    client_type& client;
    Scheduler& scheduler;
    Store& store;
    random_source& random;
    upstream_slots& slots;
    coalescer<Scheduler, basic_session>& wakes;
    const session_hooks<basic_session>& hooks;
    session_sink<basic_session>& sink;
  };

  basic_session(surroundings& around, principal owner, std::string remote_address, std::string id,
                std::string epoch, std::shared_ptr<const session_settings> settings)
      : around_(around),
        owner_(std::move(owner)),
        remote_address_(std::move(remote_address)),
        core_(std::move(id), std::move(epoch), std::move(settings), now()),
        delivery_(around.transport, around.scheduler),
        call_(around.client, around.slots, around.scheduler),
        timeout_(around.scheduler),
        tools_(around.scheduler) {}

  basic_session(const basic_session&) = delete;
  basic_session& operator=(const basic_session&) = delete;

  // ---- for the application

  /// UUID, version 4.
  const std::string& id() const noexcept { return core_.id(); }
  const principal& owner() const noexcept { return owner_; }
  /// Address of the TCP peer that began the session.
  const std::string& remote_address() const noexcept { return remote_address_; }
  const agent_websocket::conversation& history() const noexcept { return core_.history(); }
  const session_settings& settings() const noexcept { return core_.settings(); }
  /// Gives this session settings of its own, such as a system prompt.
  void change_settings(session_settings settings) { core_.change_settings(std::move(settings)); }
  bool closing() const noexcept { return core_.closing(); }
  /// How many watch it now; 0 while its client is away.
  std::size_t sockets() const noexcept { return core_.output().sockets().size(); }
  /// A place for the application's own state of this session.
  std::any& data() noexcept { return data_; }

  /// Answers a command: a `status` with its op, and `ref` when it had an id. `data` is JSON text or
  /// empty.
  void reply(const wire::command& to, std::string_view content, std::string_view data = {}) {
    apply([&](session_core& core, moment at) { core.reply(to, content, data, at); });
  }
  /// Answers a command with an error.
  void refuse(const wire::command& to, errc code, std::string words = {}) {
    core_.refuse(to.from, to.id, words.empty() ? error(code) : error(code, std::move(words)),
                 now());
    carry_out();
  }
  /// Sends a numbered notification: a client that is away gets it when it comes back. `data` is
  /// JSON text or empty.
  void notify(std::string_view content, std::string_view topic = {}, std::string_view data = {}) {
    apply([&](session_core& core, moment at) { core.notify(content, topic, data, false, at); });
  }
  /// Sends a notification that only those get who are here and keep up.
  void notify_volatile(std::string_view content, std::string_view topic = {},
                       std::string_view data = {}) {
    apply([&](session_core& core, moment at) { core.notify(content, topic, data, true, at); });
  }
  /// Ends the session: open queries get `why` as their terminal error, then its sockets are closed.
  void close(std::uint16_t code, std::string reason, const error& why = error(errc::interrupted)) {
    apply([&](session_core& core, moment at) { core.end(code, std::move(reason), why, at); });
  }

  // ---- for the server

  session_core& core() noexcept { return core_; }

  /// A socket begins this session.
  void open(connection_id connection) {
    apply([&](session_core& core, moment at) {
      core.opened(connection, make_token(around_.random), at);
    });
  }
  void greet(const wire::command& hello, std::string_view reason) {
    apply([&](session_core& core, moment at) {
      core.greet(hello, reason, make_token(around_.random), at);
    });
  }
  /// Precondition: the hello has shown its right to this session.
  void resume(connection_id connection, const wire::command& hello) {
    apply([&](session_core& core, moment at) {
      core.resume(connection, hello, make_token(around_.random), at);
    });
  }
  /// Tells the core of an event by tell(core, moment), then carries out what it decides.
  template <typename Tell>
  void apply(Tell&& tell) {
    tell(core_, now());
    carry_out();
  }
  void drained(connection_id connection) {
    core_.output().drained(connection);
    carry_out();
  }
  /// The time is up in which text is collected.
  void flush() {
    wake_due_ = false;
    carry_out();
  }
  void decide(run_number run, query_decision decision) {
    apply([&](session_core& core, moment at) { core.decided(run, std::move(decision), at); });
  }
  void tool_ended(run_number run, const std::string& call, tool_result result) {
    apply([&](session_core& core, moment at) {
      core.tool_ended(run, call, std::move(result), true, at);
    });
  }

 private:
  moment now() const { return {around_.scheduler.now(), around_.scheduler.wall_now()}; }

  // ---- openrouter::completion_sink

  void on_begin(openrouter::completion_id, std::string_view model) override {
    core_.began(run_, model);
  }
  void on_text(openrouter::completion_id, std::string_view text) override {
    apply([&](session_core& core, moment at) { core.text(run_, text, at); });
  }
  void on_reasoning(openrouter::completion_id, std::string_view text) override {
    apply([&](session_core& core, moment at) { core.reasoning(run_, text, at); });
  }
  void on_retry(openrouter::completion_id, int attempt, std::chrono::milliseconds wait,
                const openrouter::failure& why) override {
    log(log_level::warning, "completion_retry",
        "attempt " + std::to_string(attempt) + " failed, next in " + std::to_string(wait.count()) +
            " ms: " + to_string(why.why.code) + " " + why.why.detail);
  }
  void on_complete(openrouter::completion_id, const openrouter::outcome& outcome) override {
    call_.ended();
    outcome.failed ? log(log_level::error, "completion_failed", describe(outcome))
                   : log(log_level::info, "completion_ended", describe(outcome));
    apply([&](session_core& core, moment at) { core.completed(run_, result_of(outcome), at); });
  }

  // ---- carrying out

  /// Performs the core's actions until there are none, then sends what waits.
  void carry_out() {
    if (carrying_out_) return;  // the outer call goes on with what has come
    carrying_out_ = true;
    const auto alive = this->weak_from_this().lock();  // an action may end this session
    while (core_.has_actions()) {
      for (session_action& each : core_.take_actions()) {
        std::visit([this](auto& what) { this->perform(what); }, each);
      }
    }
    carrying_out_ = false;
    send_waiting();
  }

  void perform(action::consult& what) {
    delivery_.begin_answer();
    if (what.query.timeout) {
      timeout_.start(*what.query.timeout, [this, run = what.run] {
        apply([run](session_core& core, moment at) {
          core.failed(run, error(errc::timeout_total), at);
        });
      });
    }
    guarded(
        "on_query",
        [&] {
          around_.hooks.query(*this, what.query,
                              query_reply<basic_session>(this->weak_from_this(), what.run));
        },
        [&] { core_.decided(what.run, query_decision::refusal(error(errc::internal)), now()); });
  }
  void perform(action::start_completion& what) {
    run_ = what.run;
    call_.await_turn([this, request = std::move(what.request)]() mutable {
      guarded(
          "before_request", [&] { around_.hooks.request(*this, request); }, [] {});
      if (core_.is_current(run_)) call_.start(std::move(request), *this);  // the hook may end it
    });
  }
  void perform(action::cancel_completion&) {
    timeout_.stop();
    tools_.stop();
    call_.stop();
  }
  void perform(action::run_tool& what) {
    if (!core_.is_current(what.run)) return;  // ended by the handler of another call
    log(log_level::info, "tool_called", what.name);
    tools_.run(this->weak_from_this(), what,
               [&](const tool_invocation<basic_session>& call, const tool_reply& reply) {
                 guarded(
                     "tool", [&] { around_.hooks.run_tool(call, reply); },
                     [&] { reply.fail("The tool failed"); });
               });
  }
  void perform(action::end_tool& what) { tools_.end(what.call, what.answered); }
  void perform(action::start_clock& what) {
    tools_.start_clock(what.id, what.limit, [this, run = what.run, id = what.id] {
      apply([&](session_core& core, moment at) { core.clock_over(run, id, at); });
    });
  }
  void perform(action::hold_clock& what) { what.hold ? timeout_.hold() : timeout_.go_on(); }
  void perform(action::run_command& what) {
    guarded(
        "on_command",
        [&] {
          if (around_.hooks.command(*this, what.command))
            return core_.heard_good(what.command.from);
          core_.refuse_bad(what.command.from, what.command.id,
                           error(errc::unknown_op, "Unknown command; `help` lists the commands"),
                           now());
        },
        [&] { core_.refuse(what.command.from, what.command.id, error(errc::internal), now()); });
  }
  void perform(action::deliver_feedback& what) {
    guarded(
        "on_feedback", [&] { around_.hooks.feedback(*this, what.entry); }, [] {});
  }
  void perform(action::deliver_answer& what) {
    timeout_.stop();
    guarded(
        "on_answer", [&] { around_.hooks.response(*this, what.record); }, [] {});
  }
  void perform(action::persist& what) {
    around_.store.append(id(), std::move(what.record),
                         [weak = this->weak_from_this()](const result<void>& kept) {
                           const auto session = weak.lock();
                           if (!kept && session)
                             session->log(log_level::error, "store_failed", kept.error().detail);
                         });
  }
  void perform(action::ask_server& what) { around_.sink.on_command(*this, what.command); }
  void perform(action::close_socket& what) {
    lanes* const socket = core_.output().find(what.connection);
    if (socket != nullptr && what.send_first) delivery_.send_all(core_, *socket);
    around_.transport.close(what.connection, what.code, what.reason);
  }
  void perform(action::close_session& what) {
    for (const auto& each : core_.output().sockets()) {
      if (std::exchange(each->closed, true)) continue;
      delivery_.send_all(core_, *each);
      around_.transport.close(each->connection(), what.code, what.reason);
    }
    if (sockets() == 0) around_.sink.on_over(*this);
  }

  template <typename Hook, typename OnThrow>
  void guarded(const char* name, Hook&& hook, OnThrow&& on_throw) {
    run_hook(
        hook,
        [&](const std::string& words) { log(log_level::error, "handler_threw", name + words); },
        on_throw);
  }

  /// Sends what can be sent, does without clients that fall behind, and stops reading upstream
  /// while none keeps up.
  void send_waiting() {
    if (core_.closing()) return;
    const auto outcome = delivery_.run(core_);
    if (outcome.wake && !std::exchange(wake_due_, true))
      around_.wakes.wake(*outcome.wake, this->weak_from_this());
    if (call_.runs() && outcome.nobody_keeps_up != call_.held_up()) {
      outcome.nobody_keeps_up ? hold_up() : call_.go_on();
    }
    if (outcome.too_slow.empty()) return;
    for (const connection_id each : outcome.too_slow) core_.give_up(each);
    carry_out();
  }

  void hold_up() {
    call_.hold_up(core_.settings().slow_timeout, [weak = this->weak_from_this()] {
      const auto session = weak.lock();
      if (!session) return;
      for (const auto& each : session->core_.output().sockets())
        session->core_.give_up(each->connection());
      session->carry_out();  // the answer goes on without them
    });
  }

  void log(log_level level, std::string_view event, std::string_view text) {
    around_.sink.on_log(*this, level, event, text);
  }

  surroundings& around_;
  principal owner_;
  std::string remote_address_;
  session_core core_;
  delivery<Transport, Scheduler> delivery_;
  model_call<client_type, Scheduler> call_;
  std::any data_;
  run_number run_ = 0;
  query_clock<Scheduler> timeout_;
  tool_runner<basic_session, Scheduler> tools_;
  bool wake_due_ = false;
  bool carrying_out_ = false;
};

}  // namespace agent_websocket

// --- agent_websocket/server/registry.hpp

// The sessions of one server and the sockets that watch them, from the first to the last: opens a
// session for a socket, hands a socket that comes back to the session it had, forgets sessions that
// nobody can come back to, and ends them all in order. What arrives is not read here.

namespace agent_websocket {

/// One server's; `Session` is a basic_session on the same policies.
template <typename Session, typename Scheduler, typename Logger>
class registry final : private session_sink<Session>, private deadline_sink<Session> {
 public:
  using session_type = Session;
  using router_type = basic_router<Session>;
  using journal_type = journal<Logger, router_type>;
  /// Takes the new token that a client of the session shows.
  using auth_handler = std::function<void(Session&, const wire::command&)>;

  /// What the sessions share, but the sink, which is the registry itself.
  template <typename Transport, typename Client, typename Store>
  registry(const options& settings, Transport& transport, Client& client, Scheduler& scheduler,
           Store& store, random_source& random, upstream_slots& slots,
           coalescer<Scheduler, Session>& wakes, const router_type& router, journal_type& told,
           auth_handler on_auth)
      : options_(settings),
        scheduler_(scheduler),
        around_{transport, client, scheduler, store, random, slots, wakes, router, *this},
        router_(router),
        journal_(told),
        on_auth_(std::move(on_auth)),
        living_(scheduler, *this,
                {settings.session.heartbeat_interval, settings.session.heartbeat_timeout,
                 settings.cleanup_interval},
                {settings.session_timeout, settings.run_grace, settings.session.resume_window,
                 settings.max_detached}) {}
  registry(const registry&) = delete;
  registry& operator=(const registry&) = delete;
  ~registry() { scheduler_.cancel_timer(drain_timer_); }

  /// Sessions begin with these settings. Once, before the first socket.
  void start(session_settings defaults) {
    defaults_ = std::make_shared<const session_settings>(std::move(defaults));
    living_.watch_inactivity();
  }

  std::size_t size() const noexcept { return living_.sessions.size(); }
  /// null when there is none.
  std::shared_ptr<Session> find(std::string_view id) const { return living_.sessions.find(id); }
  std::shared_ptr<Session> find(connection_id socket) const {
    return living_.connections.find(socket);
  }
  /// All sessions as they are now; visiting them may change them.
  std::vector<std::shared_ptr<Session>> all() const { return living_.sessions.all(); }

  // ---- sockets

  /// A socket begins a session.
  void open(connection_id connection, const handshake& request, principal owner) {
    const std::string& address = request.remote_address;
    const auto session =
        std::make_shared<Session>(around_, std::move(owner), address, make_uuid(around_.random),
                                  make_uuid(around_.random), defaults_);
    living_.connections.add(connection, session, scheduler_.now());
    living_.sessions.add(session, scheduler_.now());
    living_.watch_heartbeat();
    log(log_level::info, "session_opened", session->id(), "from " + address);
    guarded("on_connect", session->id(), [&] { router_.connected(*session, request); });
    session->open(connection);
    if (draining_) drain(*session);
  }

  void heard(connection_id connection) { living_.connections.heard(connection, scheduler_.now()); }

  void closed(connection_id connection, std::uint16_t code) {
    const auto session = living_.connections.remove(connection);
    if (!session) return;
    session->apply([&](session_core& core, moment at) { core.detached(connection, at); });
    log(log_level::info, "socket_closed", session->id(), "code " + std::to_string(code));
    guarded("on_disconnect", session->id(), [&] { router_.disconnected(*session, code); });
    settle(*session);
    finish_drain();
  }

  // ---- the end of all

  bool draining() const noexcept { return draining_; }

  /// Clients are told, running answers get up to drain_timeout, sockets are closed; then `done`.
  /// Once.
  void drain(std::function<void()> done) {
    draining_ = true;
    drained_ = std::move(done);
    log(log_level::info, "draining", {}, std::to_string(size()) + " sessions");
    for (const auto& session : all()) drain(*session);
    drain_timer_ = scheduler_.start_timer(scheduler_.now() + options_.drain_timeout, [this] {
      for (const auto& session : all()) {
        session->apply([](session_core& core, moment at) { core.drain_expired(at); });
        if (session->sockets() == 0) on_over(*session);
      }
    });
    finish_drain();
  }

 private:
  /// A socket has left the session, which may be over by that.
  void settle(Session& session) {
    if (session.sockets() != 0) return;
    const bool over = session.closing() || !session.core().worth_keeping() ||
                      (draining_ && !session.core().busy());
    if (over) return on_over(session);
    living_.sessions.detached(session, scheduler_.now());
    living_.watch_detached();
  }

  void drain(Session& session) {
    session.apply([&](session_core& core, moment at) { core.drain(options_.restart_time, at); });
    if (session.sockets() == 0 && !session.core().busy()) on_over(session);
  }

  void finish_drain() {
    if (!draining_ || !living_.sessions.empty() || !living_.connections.empty()) return;
    if (auto done = std::exchange(drained_, nullptr)) done();
  }

  // ---- session_sink

  void on_over(Session& session) override {
    const auto alive = session.shared_from_this();
    if (living_.sessions.erase(session)) on_forgotten(session);
  }

  void on_command(Session& session, const wire::command& command) override {
    command.op == "auth" ? on_auth_(session, command) : on_hello(session, command);
  }

  void on_hello(Session& session, const wire::command& hello) {
    const connection_id connection = hello.from;
    if (hello.resume_session.empty()) return session.greet(hello, "new");
    const auto wanted = find(hello.resume_session);
    if (!wanted || wanted->closing()) return session.greet(hello, "expired");
    if (!hello.resume || wanted->owner().name != session.owner().name ||
        !wanted->core().accepts_token(hello.resume->token)) {
      return session.greet(hello, "forbidden");
    }
    if (wanted.get() != &session) {
      const auto former = session.shared_from_this();
      living_.connections.move(connection, wanted);
      session.apply([&](session_core& core, moment at) { core.detached(connection, at); });
      settle(session);
      living_.sessions.attached(*wanted, scheduler_.now());
      log(log_level::info, "session_resumed", wanted->id(), "in place of " + former->id());
    }
    wanted->resume(connection, hello);
    guarded("on_resume", wanted->id(), [&] { router_.resumed(*wanted); });
  }

  void on_log(const Session& session, log_level level, std::string_view event,
              std::string_view text) override {
    log(level, event, session.id(), text);
  }

  // ---- deadline_sink

  void on_silent(connection_id connection) override { around_.transport.ping(connection); }
  void on_lost(connection_id connection, Session& session) override {
    session.apply([&](session_core& core, moment) {
      core.close_socket(connection, 4001, "heartbeat_timeout");
    });
  }
  void on_inactive(Session& session) override {
    session.apply([](session_core& core, moment at) { core.expired(at); });
  }
  void on_grace_over(Session& session) override {
    session.apply([](session_core& core, moment at) { core.interrupt(at); });
  }
  /// Nobody can come back to the session any more.
  void on_forgotten(Session& session) override {
    session.apply([](session_core& core, moment at) {
      core.end(4100, "session_expired", error(errc::interrupted), at);
    });
    around_.store.erase(session.id(), [](const result<void>&) {});
    log(log_level::info, "session_closed", session.id(), {});
    guarded("on_end", session.id(), [&] { router_.ended(session); });
    finish_drain();
  }

  void log(log_level level, std::string_view event, std::string_view session,
           std::string_view text) {
    journal_.write(level, event, session, text);
  }
  template <typename Hook>
  void guarded(const char* name, std::string_view session, Hook&& hook) {
    journal_.guard(name, session, hook);
  }

  const options& options_;
  Scheduler& scheduler_;
  typename Session::surroundings around_;
  const router_type& router_;
  journal_type& journal_;
  auth_handler on_auth_;
  deadlines<Session, Scheduler> living_;
  std::shared_ptr<const session_settings> defaults_;
  std::function<void()> drained_;
  timer_id drain_timer_ = 0;
  bool draining_ = false;
};

}  // namespace agent_websocket

// --- agent_websocket/server/token_clocks.hpp

// Until when the tokens last that sockets have shown. Each goes through three times: its client is
// asked for a new one, it is over, and its socket is to be closed. Only tokens that end are here.
// Keeps time; has no timer.

namespace agent_websocket {

class token_clocks {
 public:
  /// A client is asked for a new token this long before its end, or when half of its time has gone.
  static constexpr duration warning = std::chrono::minutes(1);

  /// `grace`: from the end of a token to the end of its socket.
  explicit token_clocks(duration grace) : grace_(grace) {}

  /// In place of what that socket showed before; nullopt: a token that does not end.
  void set(connection_id connection, std::optional<wall_time> expires, moment at) {
    remove(connection);
    if (!expires) return;
    const duration left =
        *expires <= at.wall
            ? duration(0)
            : std::min(std::chrono::duration_cast<duration>(*expires - at.wall), longest);
    entry& added = entries_[connection];
    added.expires = *expires;
    added.over = at.now + left;
    added.due = due_.emplace(added.over - std::min(warning, left / 2), connection);
  }

  void remove(connection_id connection) {
    const auto found = entries_.find(connection);
    if (found == entries_.end()) return;
    if (found->second.stage == stage::over) --over_;
    due_.erase(found->second.due);
    entries_.erase(found);
  }

  /// The token is over; its socket stands yet.
  bool is_over(connection_id connection) const {
    if (over_ == 0) return false;
    const auto found = entries_.find(connection);
    return found != entries_.end() && found->second.stage == stage::over;
  }

  std::size_t size() const noexcept { return entries_.size(); }

  /// When sweep() is to be called next.
  std::optional<time_point> next() const {
    return due_.empty() ? std::nullopt : std::optional<time_point>(due_.begin()->first);
  }

  /// Calls expiring(connection, when) and close(connection) for those whose time it is. A socket
  /// that is to be closed is forgotten before.
  template <typename Expiring, typename Close>
  void sweep(time_point now, Expiring&& expiring, Close&& close) {
    while (!due_.empty() && due_.begin()->first <= now) {
      const connection_id connection = due_.begin()->second;
      entry& of = entries_.find(connection)->second;
      switch (of.stage) {
        case stage::fresh:
          move_on(of, stage::warned, of.over);
          expiring(connection, of.expires);
          break;
        case stage::warned:
          ++over_;
          move_on(of, stage::over, of.over + grace_);
          break;
        case stage::over:
          remove(connection);
          close(connection);
          break;
      }
    }
  }

 private:
  /// Steady clocks cannot hold all that wall clocks can.
  static constexpr duration longest = std::chrono::hours(24 * 366 * 100);

  enum class stage { fresh, warned, over };
  using order = std::multimap<time_point, connection_id>;
  struct entry {
    wall_time expires;
    time_point over;
    order::iterator due;
    token_clocks::stage stage = token_clocks::stage::fresh;
  };

  void move_on(entry& of, stage next, time_point when) {
    const connection_id connection = of.due->second;
    due_.erase(of.due);
    of.stage = next;
    of.due = due_.emplace(when, connection);
  }

  duration grace_;
  std::unordered_map<connection_id, entry> entries_;
  order due_;
  std::size_t over_ = 0;  // entries in that stage
};

}  // namespace agent_websocket

// --- agent_websocket/wire/field_reader.hpp

// Reads the members of one message of a client: each with its type and range, and the first that
// does not fit in words that say what would. null counts as absent.

namespace agent_websocket {
namespace wire {
namespace detail {

/// Reads fields one by one; the first that does not fit is remembered and the rest reads as absent.
class field_reader {
 public:
  explicit field_reader(json::value object) : object_(object) {}

  bool failed() const noexcept { return failed_; }
  error take_error() { return std::move(why_); }
  void fail(std::string words) {
    if (failed_) return;
    failed_ = true;
    why_ = error(errc::bad_message, std::move(words));
  }

  /// null counts as absent.
  json::value find(std::string_view name) const {
    const json::value found = object_[name];
    return found.is_null() ? json::value() : found;
  }

  /// Any JSON as text, also null; empty when it is absent.
  std::string any(const char* name) const {
    const json::value found = object_[name];
    return found ? json::to_text(found) : std::string();
  }

  std::string text(const char* name, std::size_t max_bytes = std::string::npos) {
    const json::value found = find(name);
    if (!found) return {};
    const auto words = found.string();
    if (!words) {
      wrong_type(name, "a string", found);
      return {};
    }
    if (words->size() > max_bytes) {
      fail(quoted(name) + " must have at most " + std::to_string(max_bytes) + " bytes");
      return {};
    }
    return std::string(*words);
  }

  std::string id(const char* name) {
    std::string value = text(name);
    if (find(name) && !failed_ && !is_valid_id(value)) {
      fail(quoted(name) + " must have 1 to 64 characters out of A-Z a-z 0-9 _ . : -");
    }
    return failed_ ? std::string() : value;
  }

  std::optional<bool> boolean(const char* name) {
    const json::value found = find(name);
    if (found && !found.is_boolean()) wrong_type(name, "true or false", found);
    return found.boolean();
  }

  std::optional<std::int64_t> integer(const char* name, std::int64_t least, std::int64_t most) {
    const json::value found = find(name);
    if (!found) return std::nullopt;
    const auto number = found.integer();
    if (!number || *number < least || *number > most) {
      fail(quoted(name) + " must be a whole number from " + std::to_string(least) + " to " +
           std::to_string(most));
      return std::nullopt;
    }
    return number;
  }

  std::optional<double> number(const char* name, double least, double most) {
    const json::value found = find(name);
    if (!found) return std::nullopt;
    const auto value = found.number();
    if (!value || !(*value >= least && *value <= most)) {
      fail(quoted(name) + " must be a number from " + json::print_double(least) + " to " +
           json::print_double(most));
      return std::nullopt;
    }
    return value;
  }

  /// The number of a numbered message, or 0.
  std::optional<std::uint64_t> number_of(const char* name) {
    const auto seq = integer(name, 0, std::int64_t{1} << 53);
    return seq ? std::optional<std::uint64_t>(static_cast<std::uint64_t>(*seq)) : std::nullopt;
  }

  std::vector<std::string> ids(const char* name, std::size_t most) {
    const json::value found = find(name);
    std::vector<std::string> read;
    if (!found) return read;
    const auto refuse = [&] {
      fail(quoted(name) + " must be an array of at most " + std::to_string(most) + " ids");
    };
    if (!found.is_array() || found.size() > most) {
      refuse();
      return read;
    }
    found.for_each_element([&](json::value each) {
      const auto text = each.string();
      if (!text || !is_valid_id(*text)) return refuse();
      read.emplace_back(*text);
    });
    return read;
  }

  std::optional<resume_request> resume() {
    const json::value found = find("resume");
    if (!found) return std::nullopt;
    if (!found.is_object()) {
      wrong_type("resume", "an object", found);
      return std::nullopt;
    }
    const auto token = found["token"].string();
    const auto epoch = found["epoch"].string();
    const auto last_seq = found["last_seq"].integer();
    if (!token || !epoch || !last_seq || *last_seq < 0) {
      fail("`resume` needs `token` and `epoch`, both strings, and `last_seq`, a number from 0");
      return std::nullopt;
    }
    return resume_request{std::string(*token), std::string(*epoch),
                          static_cast<std::uint64_t>(*last_seq)};
  }

  /// The `token` of `auth`; empty when there is no `auth`. Its text is in no error.
  std::string token(std::size_t max_bytes) {
    const json::value found = find("auth");
    if (!found) return {};
    const auto text = found["token"].string();
    if (!text || text->empty() || text->size() > max_bytes) {
      fail("`auth` must be an object with a string `token` of 1 to " + std::to_string(max_bytes) +
           " bytes");
      return {};
    }
    return std::string(*text);
  }

  std::string object_text(const char* name, std::size_t max_bytes) {
    const json::value found = find(name);
    if (!found) return {};
    if (!found.is_object()) {
      wrong_type(name, "an object", found);
      return {};
    }
    std::string raw = json::to_text(found);
    if (raw.size() > max_bytes) {
      fail(quoted(name) + " must have at most " + std::to_string(max_bytes) + " bytes");
      return {};
    }
    return raw;
  }

  void wrong_type(const char* name, const char* wanted, json::value found) {
    fail(quoted(name) + " must be " + wanted + ", not " + json::describe(found.kind()));
  }

  static std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

 private:
  json::value object_;
  bool failed_ = false;
  error why_;
};

}  // namespace detail
}  // namespace wire
}  // namespace agent_websocket

// --- agent_websocket/wire/declared_tools.hpp

// The tools that a client declares in a `hello` or a `query`, in the short form {name, description,
// parameters} or in that of the chat completions API, {type: "function", function: {...}}.

namespace agent_websocket {
namespace wire {

inline constexpr std::size_t max_declared_tools = 64;

namespace detail {

inline void read_declared_tool(field_reader& fields, const std::string& where, json::value from,
                               std::vector<declared_tool>& into) {
  if (from["function"].is_object()) from = from["function"];
  const auto name = from["name"].string();
  if (!from.is_object() || !name)
    return fields.fail(where + " must be an object with a string `name`");
  declared_tool read;
  read.name = std::string(*name);
  const auto given = [&from](const char* member) {
    return from[member].exists() && !from[member].is_null();
  };
  if (given("description")) {
    const auto text = from["description"].string();
    if (!text) return fields.fail(where + ": `description` must be a string");
    read.description = std::string(*text);
  }
  if (given("parameters")) {
    if (!from["parameters"].is_object())
      return fields.fail(where + ": `parameters` must be a JSON Schema object");
    read.parameters = json::to_text(from["parameters"]);
  }
  into.push_back(std::move(read));
}

/// The member `tools`; empty when there is none.
inline std::vector<declared_tool> read_declared_tools(field_reader& fields) {
  std::vector<declared_tool> read;
  const json::value found = fields.find("tools");
  if (!found) return read;
  if (!found.is_array() || found.size() > max_declared_tools) {
    fields.fail("`tools` must be an array of at most " + std::to_string(max_declared_tools) +
                " tools");
    return read;
  }
  found.for_each_element([&](json::value each) {
    read_declared_tool(fields, "`tools[" + std::to_string(read.size()) + "]`", each, read);
  });
  return read;
}

}  // namespace detail
}  // namespace wire
}  // namespace agent_websocket

// --- agent_websocket/wire/decode.hpp

// The text of one WebSocket frame from a client -> a message of the protocol, or a rejection in
// words that say what was wrong, where, and what would be right. Unknown fields are ignored. A
// field of the wrong type or outside its range is an error, also an optional one: silently doing
// something else would be worse.

namespace agent_websocket {
namespace wire {

inline constexpr std::size_t max_meta_bytes = 4096;
inline constexpr std::size_t max_model_length = 200;
inline constexpr std::size_t max_token_bytes = 8192;

namespace detail {

inline bool is_blank(std::string_view text) noexcept {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// Content parts as the OpenRouter chat API takes them from a user: text, image_url, file,
/// input_audio.
inline void read_parts(field_reader& fields, json::value array, query& into) {
  std::size_t position = 0;
  array.for_each_element([&](json::value part) {
    const std::string where = "`content[" + std::to_string(position++) + "]`";
    if (!part.is_object()) return fields.fail(where + " must be an object with a `type`");
    const std::string_view type = part["type"].string().value_or("");
    if (type == "text") {
      const auto text = part["text"].string();
      if (!text) return fields.fail(where + " of type text needs a string `text`");
      if (!into.content.empty()) into.content.push_back('\n');
      into.content.append(*text);
    } else if (type == "image_url") {
      if (!part["image_url"]["url"].string())
        return fields.fail(where + " of type image_url needs `image_url.url`");
    } else if (type == "file") {
      if (!part["file"].is_object())
        return fields.fail(where + " of type file needs an object `file`");
    } else if (type == "input_audio") {
      if (!part["input_audio"]["data"].string() || !part["input_audio"]["format"].string()) {
        return fields.fail(
            where + " of type input_audio needs `input_audio.data` and `input_audio.format`");
      }
    } else {
      fields.fail(where + " has an unknown `type`; known are text, image_url, file, input_audio");
    }
  });
  into.parts = json::to_text(array);
}

inline query read_query(field_reader& fields) {
  query read;
  read.id = fields.id("id");
  const json::value content = fields.find("content");
  if (content.is_array() && content.size() > 0) {
    read_parts(fields, content, read);
  } else if (content.is_string() && !is_blank(*content.string())) {
    read.content = std::string(*content.string());
  } else if (!content || content.is_string() || content.is_array()) {
    fields.fail("Message content is required");
  } else {
    fields.wrong_type("content", "a string or an array of content parts", content);
  }
  read.stream = fields.boolean("stream");
  read.priority = static_cast<int>(fields.integer("priority", 0, 9).value_or(5));
  const std::string overlap = fields.text("overlap");
  if (overlap == "reject") {
    read.overlap = overlap::reject;
  } else if (overlap == "interrupt") {
    read.overlap = overlap::interrupt;
  } else if (overlap == "latest") {
    read.overlap = overlap::latest;
  } else if (!overlap.empty() && overlap != "queue") {
    fields.fail("`overlap` must be queue, reject, interrupt or latest");
  }
  if (const auto ms = fields.integer("timeout_ms", 1, 86'400'000))
    read.timeout = std::chrono::milliseconds(*ms);
  read.model = fields.text("model", max_model_length);
  read.meta = fields.object_text("meta", max_meta_bytes);
  read.tools = read_declared_tools(fields);
  read.ack = fields.number_of("ack");
  return read;
}

inline command read_command(field_reader& fields) {
  command read;
  read.id = fields.id("id");
  read.ref = fields.id("ref");
  read.op = fields.text("op");
  read.content = fields.text("content");
  if (read.op.empty() && !is_blank(read.content)) {
    const std::size_t first = read.content.find_first_not_of(" \t\r\n");
    const std::size_t last = read.content.find_last_not_of(" \t\r\n");
    read.op = read.content.substr(first, last - first + 1);
    read.content.clear();
  }
  if (read.op.empty()) fields.fail("Message content is required");
  if (const json::value data = fields.find("data")) read.data = json::to_text(data);
  read.meta = fields.object_text("meta", max_meta_bytes);
  read.ack = fields.number_of("ack");
  if (read.op == "hello") {
    read.client = std::string(cut_utf8(fields.text("client"), 100));
    read.resume_session = fields.id("session_id");
    read.resume = fields.resume();
    read.outbox = fields.ids("outbox", 1000);
    if (read.resume && read.resume_session.empty())
      fields.fail("`resume` needs the `session_id` that it is about beside it");
    read.version = fields.integer("v", 0, 1'000'000);
    read.token = fields.token(max_token_bytes);
    const json::value caps = fields.find("caps");
    if (caps && !caps.is_array()) fields.wrong_type("caps", "an array of strings", caps);
    caps.for_each_element([&](json::value each) {
      if (const auto name = each.string()) {
        if (read.caps.size() < 32) read.caps.emplace_back(*name);
      } else {
        fields.fail("`caps` must be an array of strings");
      }
    });
    read.tools = read_declared_tools(fields);
  } else if (read.op == "auth") {
    read.token = fields.token(max_token_bytes);
    if (read.token.empty()) fields.fail("An auth command needs its token as `auth.token`");
  } else if (read.op == "ack") {
    read.ack = fields.number_of("seq");
  } else if (read.op == "tool_result") {
    read.data = fields.any("data");  // a tool may give null
    read.failure = fields.text("error");
    if (read.ref.empty()) fields.fail("A tool_result needs the `ref` of the call that it answers");
    if (read.data.empty() && read.content.empty() && read.failure.empty())
      fields.fail("A tool_result needs `data`, or an `error` in words");
  } else if (read.op == "regenerate") {
    read.stream = fields.boolean("stream");
  } else if (read.op == "history") {
    read.before_seq = fields.integer("before_seq", 0, std::int64_t{1} << 53);
    read.limit = fields.integer("limit", 1, 1000);
  }
  return read;
}

inline human_feedback read_feedback(field_reader& fields) {
  human_feedback read;
  read.id = fields.id("id");
  read.ref = fields.id("ref");
  read.decision = fields.text("decision");
  const bool known = read.decision == "approve" || read.decision == "reject" ||
                     read.decision == "edit" || read.decision == "answer" || read.decision.empty();
  if (!known) fields.fail("`decision` must be approve, reject, edit or answer");
  read.rating = fields.number("rating", -100, 100);
  read.content = fields.text("content");
  read.correction = fields.text("correction");
  read.data = fields.any("data");
  read.meta = fields.object_text("meta", max_meta_bytes);
  read.ack = fields.number_of("ack");
  if (read.decision.empty() && !read.rating && is_blank(read.content) &&
      is_blank(read.correction)) {
    fields.fail("Feedback needs a `decision`, a `rating`, a `correction` or a `content`");
  }
  return read;
}

}  // namespace detail

/// Decodes the text of one frame. `scratch` is reused from call to call; nothing refers to it
/// afterwards.
inline client_message decode(std::string_view text, json::document& scratch) {
  json::parse_limits limits;
  limits.max_values = 65'536;
  if (auto parsed = scratch.parse(text, limits); !parsed) return rejection{parsed.error(), {}};
  const json::value root = scratch.root();
  if (!root.is_object()) {
    return rejection{error(errc::bad_message,
                           std::string("A message is a JSON object, not ") + describe(root.kind())),
                     {}};
  }
  std::string ref;
  if (const auto id = root["id"].string(); id && is_valid_id(*id)) ref = std::string(*id);

  const json::value type = root["type"];
  std::string_view name = "query";
  if (type) {
    if (!type.is_string()) {
      return rejection{error(errc::bad_message,
                             std::string("`type` must be a string, not ") + describe(type.kind())),
                       ref};
    }
    name = *type.string();
  }
  detail::field_reader fields(root);
  client_message message;
  if (name == "query") {
    message = detail::read_query(fields);
  } else if (name == "command") {
    message = detail::read_command(fields);
  } else if (name == "human_feedback") {
    message = detail::read_feedback(fields);
  } else if (name == "response" || name == "notification" || name == "status" || name == "error") {
    return rejection{error(errc::unknown_type,
                           "Messages of type " + std::string(name) +
                               " come from the server; send query, command or human_feedback"),
                     ref};
  } else {
    return rejection{
        error(errc::unknown_type, "Unknown message type; send query, command or human_feedback"),
        ref};
  }
  if (fields.failed()) return rejection{fields.take_error(), ref};
  return message;
}

}  // namespace wire
}  // namespace agent_websocket

// --- agent_websocket/server/sign_in.hpp

// Who the sockets of a server are, after their handshake: holds those that have shown nothing yet
// until their first message brings a token, and takes new tokens from those that are known. Whoever
// is let in, told or sent away is the sink's to treat.

namespace agent_websocket {

/// A socket that has shown who it is in its first message.
struct signed_in {
  handshake request;
  principal owner;
  wire::command first;             ///< its hello or auth
  std::vector<std::string> later;  ///< messages that came before the answer to it
};

/// Called on the executor.
class sign_in_sink {
 public:
  virtual void on_signed_in(connection_id connection, signed_in arrived) = 0;
  /// The socket did not show who it is: tell it why, close it.
  virtual void on_turned_away(connection_id connection, std::uint16_t code, std::string_view reason,
                              const error& why) = 0;
  /// The token of the socket ends soon.
  virtual void on_token_expiring(connection_id connection, wall_time when) = 0;
  /// It has ended, and no new one came within the grace.
  virtual void on_token_expired(connection_id connection) = 0;

 protected:
  ~sign_in_sink() = default;
};

template <typename Authenticator, typename Scheduler>
class sign_in {
 public:
  struct limits {
    duration timeout;               ///< for the first message
    duration grace;                 ///< see token_clocks
    std::size_t max_waiting_bytes;  ///< of messages behind the first, while it is being judged
  };

  sign_in(limits allowed, Authenticator& authenticator, Scheduler& scheduler, sign_in_sink& sink)
      : limits_(allowed),
        authenticator_(authenticator),
        scheduler_(scheduler),
        sink_(sink),
        clocks_(allowed.grace) {}
  sign_in(const sign_in&) = delete;
  sign_in& operator=(const sign_in&) = delete;
  ~sign_in() { scheduler_.cancel_timer(timer_); }

  // ---- sockets that have shown nothing

  /// An open socket whose first message has to say who it is.
  void hold(connection_id connection, handshake request) {
    held& added = held_[connection];
    added.request = std::move(request);
    added.since = silent_.add(connection, scheduler_.now());
    watch();
  }

  bool holds(connection_id connection) const {
    return !held_.empty() && held_.find(connection) != held_.end();
  }

  /// A message of a socket that is held.
  void receive(connection_id connection, std::string_view text) {
    const auto found = held_.find(connection);
    if (found == held_.end()) return;
    held& of = found->second;
    if (of.first) return keep(connection, of, text);
    auto message = wire::decode(text, scratch_);
    auto* const command = std::get_if<wire::command>(&message);
    const bool shows = command != nullptr && (command->op == "hello" || command->op == "auth") &&
                       !command->token.empty();
    if (!shows) {
      const auto* const rejected = std::get_if<wire::rejection>(&message);
      return turn_away(connection,
                       rejected != nullptr ? rejected->why : error(errc::unauthorized, how_to));
    }
    silent_.remove(of.since);
    of.first = std::move(*command);
    const std::string token = of.first->token;
    const handshake request = of.request;  // letting it in gives away the other one
    authenticator_.authenticate(
        {token, credential_source::message, &request},
        [this, connection, weak = std::weak_ptr<const bool>(alive_)](result<principal> who) {
          if (weak.lock()) judge(connection, std::move(who));
        });
  }

  /// A frame of a socket that is held, and no message.
  void refuse(connection_id connection) {
    turn_away(connection, error(errc::unauthorized, how_to));
  }

  // ---- sockets that are known

  /// What the socket has shown lasts as long as `owner` says.
  void watch(connection_id connection, const principal& owner) {
    clocks_.set(connection, owner.expires_at, now());
    watch();
  }

  /// Its token is over, and the grace is not.
  bool is_over(connection_id connection) const { return clocks_.is_over(connection); }

  /// A known socket shows a new token; done(result<void>) is called once, unless it goes before.
  template <typename Done>
  void renew(connection_id connection, const principal& owner, const std::string& token,
             Done done) {
    authenticator_.authenticate(
        {token, credential_source::message, nullptr},
        [this, connection, owner, done = std::move(done),
         weak = std::weak_ptr<const bool>(alive_)](result<principal> who) {
          if (!weak.lock()) return;
          if (!who) return done(result<void>(who.error()));
          if (who->name != owner.name || who->is_anonymous != owner.is_anonymous) {
            return done(result<void>(error(
                errc::forbidden, "The token is another user's; connect anew to change users")));
          }
          watch(connection, *who);
          done(result<void>());
        });
  }

  void gone(connection_id connection) {
    clocks_.remove(connection);
    const auto found = held_.find(connection);
    if (found != held_.end()) forget(found);
  }

  /// Sends away all that have not shown who they are.
  void close(std::uint16_t code, std::string_view reason, const error& why) {
    while (!held_.empty()) {
      const connection_id connection = held_.begin()->first;
      forget(held_.begin());
      sink_.on_turned_away(connection, code, reason, why);
    }
  }

  std::size_t held_count() const noexcept { return held_.size(); }

 private:
  static constexpr const char* how_to =
      "Authentication is required: send a hello or auth command with `auth.token` first";
  static constexpr std::size_t max_waiting = 64;  // messages behind the first

  struct held {
    handshake request;
    activity_list<connection_id>::position since;  // in silent_, until there is a first message
    std::optional<wire::command> first;
    std::vector<std::string> later;
    std::size_t later_bytes = 0;
  };
  using held_map = std::unordered_map<connection_id, held>;

  moment now() const { return {scheduler_.now(), scheduler_.wall_now()}; }

  void forget(typename held_map::iterator found) {
    if (!found->second.first) silent_.remove(found->second.since);
    held_.erase(found);
  }

  void keep(connection_id connection, held& of, std::string_view text) {
    of.later_bytes += text.size();
    if (of.later.size() < max_waiting && of.later_bytes <= limits_.max_waiting_bytes)
      return of.later.emplace_back(text), void();
    turn_away(connection, error(errc::unauthorized, "Wait for the welcome before you send more"));
  }

  void judge(connection_id connection, result<principal> who) {
    const auto found = held_.find(connection);
    if (found == held_.end()) return;  // gone meanwhile
    if (!who) return turn_away(connection, who.error());
    signed_in arrived{std::move(found->second.request), std::move(*who),
                      std::move(*found->second.first), std::move(found->second.later)};
    held_.erase(found);
    sink_.on_signed_in(connection, std::move(arrived));
  }

  void turn_away(connection_id connection, const error& why) {
    const auto found = held_.find(connection);
    if (found != held_.end()) forget(found);
    switch (why.code) {
      case errc::token_expired: return sink_.on_turned_away(connection, 4004, "token_expired", why);
      case errc::forbidden: return sink_.on_turned_away(connection, 4403, "forbidden", why);
      case errc::internal: return sink_.on_turned_away(connection, 4000, "server_error", why);
      default: return sink_.on_turned_away(connection, 4401, "unauthorized", why);
    }
  }

  void watch() {
    auto next = silent_.next_deadline(limits_.timeout);
    if (const auto due = clocks_.next(); due && (!next || *due < *next)) next = due;
    // One that fires too early is set again then.
    if (!next || (timer_ != 0 && timer_at_ <= *next)) return;
    scheduler_.cancel_timer(timer_);
    timer_at_ = *next;
    timer_ = scheduler_.start_timer(*next, [this] {
      timer_ = 0;
      sweep();
      watch();
    });
  }

  void sweep() {
    const time_point at = scheduler_.now();
    while (!silent_.empty() && silent_.front().since + limits_.timeout <= at) {
      const connection_id connection = silent_.front().key;
      forget(held_.find(connection));
      sink_.on_turned_away(connection, 4408, "auth_timeout",
                           error(errc::unauthorized, "No token came in time"));
    }
    clocks_.sweep(
        at,
        [this](connection_id connection, wall_time when) {
          sink_.on_token_expiring(connection, when);
        },
        [this](connection_id connection) { sink_.on_token_expired(connection); });
  }

  limits limits_;
  Authenticator& authenticator_;
  Scheduler& scheduler_;
  sign_in_sink& sink_;
  held_map held_;
  activity_list<connection_id> silent_;
  token_clocks clocks_;
  json::document scratch_;
  timer_id timer_ = 0;
  time_point timer_at_{};
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace agent_websocket

// --- agent_websocket/server/upstream_settings.hpp

// What of the options concerns the upstream client, in its own terms.
// Nothing is checked here: options::check and the client do that.

namespace agent_websocket {

/// Settings for openrouter::basic_openrouter_client.
inline openrouter::client_settings upstream_settings(const options& from) {
  openrouter::client_settings to;
  to.base_url = from.base_url;
  to.api_key = from.api_key;
  to.referer = from.http_referer;
  to.title = from.app_title;
  to.dialect.limit_name = from.max_tokens_field;
  to.connect_timeout = from.connect_timeout;
  to.first_token_timeout = from.first_token_timeout;
  to.idle_timeout = from.idle_timeout;
  to.total_timeout = from.total_timeout;
  to.retry.max_attempts = from.max_retries + 1;
  return to;
}

}  // namespace agent_websocket

// --- agent_websocket/server/server.hpp

// basic_server: composes transport, upstream client, sessions, router and clocks into a server. It
// owns none of the policies: they outlive it. It has no thread and no lock; stop, notify, broadcast
// and post may be called from any thread, everything else on the executor (or before start).

namespace agent_websocket {

template <typename Transport, typename HttpClient, typename Scheduler,
          typename Store = memory_store, typename Authenticator = allow_all,
          typename Logger = null_logger>
class basic_server final : private transport_sink, private sign_in_sink {
  static_assert(require_authenticator<Authenticator>() && require_logger<Logger>());

 public:
  using session_type = basic_session<Transport, HttpClient, Scheduler, Store>;
  using router_type = basic_router<session_type>;

  basic_server(options settings, Transport& transport, HttpClient& http, Scheduler& scheduler,
               Store& store, Authenticator& authenticator, Logger& logger,
               random_source random = {})
      : options_(std::move(settings)),
        transport_(transport),
        scheduler_(scheduler),
        random_(random),
        client_(upstream_settings(options_), http, scheduler, std::move(random)),
        slots_(options_.max_upstream),
        wakes_(scheduler),
        journal_(router_, logger, options_.level),
        registry_(options_, transport, client_, scheduler, store, random_, slots_, wakes_, router_,
                  journal_,
                  [this](session_type& session, const wire::command& auth) {
                    renew_token(session, auth);
                  }),
        sign_in_({options_.access.auth_timeout, options_.access.auth_grace,
                  options_.session.max_message_bytes},
                 authenticator, scheduler, *this),
        admission_(options_, transport, authenticator,
                   [this](const http::request& request) { return answer_http(request); }) {}

  /// With policies of its own for the rest, default constructed.
  basic_server(options settings, Transport& transport, HttpClient& http, Scheduler& scheduler)
      : basic_server(std::move(settings), transport, http, scheduler,
                     std::make_unique<own_policies>()) {}

  basic_server(const basic_server&) = delete;
  basic_server& operator=(const basic_server&) = delete;

  ~basic_server() { slots_.dismiss(); }

  router_type& router() noexcept { return router_; }
  const options& settings() const noexcept { return options_; }
  std::size_t session_count() const noexcept { return registry_.size(); }
  /// The session of that id, with or without a socket; null when there is none (any more).
  std::shared_ptr<session_type> find_session(std::string_view id) const {
    return registry_.find(id);
  }

  /// A tool that the model may call, see basic_router::tool. Before start.
  void tool(tool_definition what, typename router_type::tool_handler handler = nullptr) {
    router_.tool(std::move(what), std::move(handler));
  }

  /// Checks the options and begins to listen. Hooks are set before.
  result<void> start() {
    if (auto checked = options_.check(); !checked) return checked;
    if (auto checked = openrouter::check(upstream_settings(options_)); !checked) return checked;
    auto tools = router_.tools();
    if (!tools) return tools.error();
    session_settings shared = options_.session;
    if (!(*tools)->tools().empty()) shared.tools = std::move(*tools);
    for (command_description& each : router_.commands()) shared.commands.push_back(std::move(each));
    if (auto listening = transport_.start(*this); !listening) return listening;
    registry_.start(std::move(shared));
    return {};
  }

  /// Stops in order: no new sockets, a notification to each client, running answers get up to
  /// drain_timeout, close 1001; then `done`. From any thread. A second call changes nothing.
  void stop(std::function<void()> done = {}) {
    post([this, done = std::move(done)]() mutable { begin_drain(std::move(done)); });
  }

  /// Runs f() on the executor. From any thread; nothing happens when the server is gone by then.
  void post(std::function<void()> f) {
    scheduler_.post([weak = std::weak_ptr<const bool>(alive_), f = std::move(f)] {
      if (weak.lock()) f();
    });
  }

  /// Sends a numbered notification to one session, also while its client is away. From any thread.
  void notify(std::string session_id, std::string content, std::string topic = {},
              std::string data = {}) {
    post([this, id = std::move(session_id), content = std::move(content), topic = std::move(topic),
          data = std::move(data)] {
      if (const auto session = registry_.find(id)) session->notify(content, topic, data);
    });
  }

  /// Sends a numbered notification to every session. From any thread.
  void broadcast(std::string content, std::string topic = {}, std::string data = {}) {
    post([this, content = std::move(content), topic = std::move(topic), data = std::move(data)] {
      for (const auto& session : registry_.all()) session->notify(content, topic, data);
    });
  }

 private:
  struct own_policies {
    Store store;
    Authenticator authenticator;
    Logger logger;
  };

  basic_server(options settings, Transport& transport, HttpClient& http, Scheduler& scheduler,
               std::unique_ptr<own_policies> own)
      : basic_server(std::move(settings), transport, http, scheduler, own->store,
                     own->authenticator, own->logger) {
    own_ = std::move(own);
  }

  // ---- transport_sink

  void on_request(connection_id connection, handshake request) override {
    admission_.ask(connection, std::move(request));
  }
  void on_abandoned(connection_id connection) override { admission_.abandon(connection); }

  http::response answer_http(const http::request& request) {
    const auto* handler = router_.find_http(request.method, request.path());
    if (handler == nullptr) return answer_plain_request(request, admission_.closed());
    auto answer = http::response::text(500, "Internal error");
    journal_.guard("on_http", {}, [&] { answer = (*handler)(request); });
    return answer;
  }

  void on_open(connection_id connection) override {
    auto arrived = admission_.take(connection);
    if (!arrived) return;
    if (!arrived->owner) return sign_in_.hold(connection, std::move(arrived->request));
    let_in(connection, arrived->request, std::move(*arrived->owner));
  }

  void let_in(connection_id connection, const handshake& request, principal owner) {
    sign_in_.watch(connection, owner);
    registry_.open(connection, request, std::move(owner));
  }

  void on_text(connection_id connection, std::string_view text) override {
    const auto session = registry_.find(connection);
    if (!session) return sign_in_.receive(connection, text);
    take(connection, *session, wire::decode(text, scratch_));
  }

  void take(connection_id connection, session_type& session, wire::client_message message) {
    session.apply([&](session_core& core, moment at) {
      if (sign_in_.is_over(connection) && begins_work(message)) {
        return core.refuse(connection, id_of(message),
                           error(errc::token_expired,
                                 "Your token has expired: send a new one by the command auth"),
                           at);
      }
      core.received(connection, std::move(message), at);
    });
  }

  void on_binary(connection_id connection, std::size_t) override {
    refuse_frame(connection, errc::unsupported_data);
  }

  void on_oversized(connection_id connection, std::size_t) override {
    refuse_frame(connection, errc::too_large);
  }

  void refuse_frame(connection_id connection, errc code) {
    const auto session = registry_.find(connection);
    if (!session) return sign_in_.refuse(connection);
    session->apply(
        [&](session_core& core, moment at) { core.refused_frame(connection, code, at); });
  }

  void on_alive(connection_id connection) override { registry_.heard(connection); }

  void on_drained(connection_id connection) override {
    if (const auto session = registry_.find(connection)) session->drained(connection);
  }

  void on_close(connection_id connection, std::uint16_t code, std::string_view) override {
    sign_in_.gone(connection);
    registry_.closed(connection, code);
  }

  // ---- sign_in_sink

  void on_signed_in(connection_id connection, signed_in arrived) override {
    let_in(connection, arrived.request, std::move(arrived.owner));
    if (const auto session = registry_.find(connection)) {
      session->apply([&](session_core& core, moment at) {
        if (arrived.first.op == "auth") return core.acknowledge(connection, arrived.first.id, at);
        core.received(connection, std::move(arrived.first), at);
      });
    }
    for (const std::string& each : arrived.later) on_text(connection, each);
  }

  void on_turned_away(connection_id connection, std::uint16_t code, std::string_view reason,
                      const error& why) override {
    log(log_level::info, "socket_refused", {}, std::string(reason) + ": " + why.detail);
    wire::failure_notice notice;
    notice.code = why.code;
    notice.content = why.message;
    notice.retryable = is_retryable(why.code);
    std::string frame;
    encode(frame, notice, to_iso8601(scheduler_.wall_now()));
    transport_.send(connection, frame);
    transport_.close(connection, code, reason);
  }

  void on_token_expiring(connection_id connection, wall_time when) override {
    tell(connection,
         [&](session_core& core, moment at) { core.token_expires(connection, when, at); });
  }

  void on_token_expired(connection_id connection) override {
    tell(connection,
         [&](session_core& core, moment) { core.close_socket(connection, 4004, "token_expired"); });
  }

  void renew_token(session_type& session, const wire::command& auth) {
    sign_in_.renew(auth.from, session.owner(), auth.token,
                   [this, connection = auth.from, id = auth.id](const result<void>& taken) {
                     tell(connection, [&](session_core& core, moment at) {
                       if (!taken) return core.refuse_bad(connection, id, taken.error(), at);
                       core.heard_good(connection);
                       core.acknowledge(connection, id, at);
                     });
                   });
  }

  template <typename Tell>
  void tell(connection_id connection, Tell&& what) {
    if (const auto session = registry_.find(connection)) session->apply(what);
  }

  void log(log_level level, std::string_view event, std::string_view session,
           std::string_view text) {
    journal_.write(level, event, session, text);
  }

  // ---- stopping

  void begin_drain(std::function<void()> done) {
    if (registry_.draining()) return;
    admission_.close();  // who still comes is told so, until the end
    sign_in_.close(1012, "Server is shutting down", error(errc::draining));
    registry_.drain([this, done = std::move(done)]() mutable {
      transport_.stop();
      if (done) scheduler_.post(std::move(done));
    });
  }

  std::unique_ptr<own_policies> own_;  // first, to outlive what refers to it
  options options_;
  Transport& transport_;
  Scheduler& scheduler_;
  random_source random_;
  typename session_type::client_type client_;
  router_type router_;
  upstream_slots slots_;
  coalescer<Scheduler, session_type> wakes_;
  journal<Logger, router_type> journal_;
  registry<session_type, Scheduler, Logger> registry_;
  sign_in<Authenticator, Scheduler> sign_in_;
  admission<Transport, Authenticator> admission_;
  json::document scratch_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace agent_websocket

// --- agent_websocket/testing/manual_scheduler.hpp

// Model of the requirement Scheduler (policy/scheduler.hpp) with virtual time: nothing runs and no
// time passes until the test says so, and then always in the same order. For single-threaded
// tests: unlike that of a real scheduler, post() must come from the test's own thread.

namespace agent_websocket {
namespace testing {

/// Begins at a fixed steady time and at the wall time 2026-01-01T00:00:00.000Z.
///
/// Order: what was posted runs first, in the order of posting; then the timer with the earliest
/// deadline, of equal ones the one started first; then again what was posted meanwhile.
/// Functions may post, and start and cancel timers.
class manual_scheduler {
 public:
  manual_scheduler() = default;
  manual_scheduler(const manual_scheduler&) = delete;
  manual_scheduler& operator=(const manual_scheduler&) = delete;

  /// Destroys what waits without running it. What those destructors post or start is dropped.
  ~manual_scheduler() {
    closing_ = true;
    ids_.clear();
    const auto posted = std::move(posted_);
    const auto timers = std::move(timers_);
  }

  time_point now() const noexcept { return now_; }
  wall_time wall_now() const noexcept {
    return wall_start + std::chrono::duration_cast<wall_time::duration>(now_ - start) + wall_shift_;
  }

  void post(std::function<void()> f) {
    if (!closing_) posted_.push_back(std::move(f));
  }

  /// A time that is not in the future means: as soon as the test lets things run.
  timer_id start_timer(time_point when, std::function<void()> f) {
    const timer_id id = ++last_id_;
    if (!closing_) ids_.emplace(id, timers_.emplace(when, timer{id, std::move(f)}));
    return id;
  }

  void cancel_timer(timer_id id) {
    const auto found = ids_.find(id);
    if (found == ids_.end()) return;
    const auto cancelled = timers_.extract(found->second);  // destroyed last: it may call back
    ids_.erase(found);
  }

  /// Runs one function that is ready now; false when there is none.
  bool run_one() {
    if (!posted_.empty()) {
      const std::function<void()> f = std::move(posted_.front());
      posted_.pop_front();
      f();
      return true;
    }
    if (timers_.empty() || timers_.begin()->first > now_) return false;
    const auto due = timers_.extract(timers_.begin());
    ids_.erase(due.mapped().id);
    due.mapped().f();
    return true;
  }

  /// Runs what is ready now, and what that makes ready, until nothing is. Returns how many
  /// functions ran; throws std::logic_error after `run_limit`, instead of hanging for ever.
  std::size_t run() {
    std::size_t count = 0;
    while (run_one()) {
      if (++count == run_limit) throw std::logic_error("manual_scheduler: never becomes idle");
    }
    return count;
  }

  /// Lets `time` pass, from deadline to deadline: each function sees the time of its own deadline.
  std::size_t advance(duration time) {
    const time_point end = now_ + time;
    std::size_t count = run();
    while (!timers_.empty() && timers_.begin()->first <= end) {
      now_ = timers_.begin()->first;
      count += run();
    }
    now_ = end;
    return count;
  }

  /// Moves the wall clock alone, as an operator or NTP does.
  void shift_wall_clock(wall_time::duration by) { wall_shift_ += by; }

  std::size_t pending_timers() const noexcept { return timers_.size(); }
  /// True while anything is posted or any timer waits, due or not.
  bool has_work() const noexcept { return !posted_.empty() || !timers_.empty(); }
  /// When the earliest timer falls due.
  std::optional<time_point> next_deadline() const {
    if (timers_.empty()) return std::nullopt;
    return timers_.begin()->first;
  }

  static constexpr std::size_t run_limit = 1'000'000;

 private:
  struct timer {
    timer_id id;
    std::function<void()> f;
  };
  using timer_list = std::multimap<time_point, timer>;  // equal keys keep the order of insertion

  static constexpr time_point start{std::chrono::hours(24)};
  static constexpr wall_time wall_start{std::chrono::seconds(1'767'225'600)};

  time_point now_ = start;
  wall_time::duration wall_shift_{0};
  std::deque<std::function<void()>> posted_;
  timer_list timers_;
  std::unordered_map<timer_id, timer_list::iterator> ids_;
  timer_id last_id_ = 0;
  bool closing_ = false;
};

}  // namespace testing
}  // namespace agent_websocket

// --- agent_websocket/testing/mock_client_transport.hpp

// ClientTransport without sockets: the test plays the server, the library's calls are recorded.
//
// Driving calls are the test's: accept, refuse, receive, receive_ping, disconnect, run. What the
// policy forbids to report from inside one of the library's calls (on_close after close, on_failed
// of an attempt that was given up) waits and is delivered by the next driving call, first and last
// thing it does; run() does nothing else.

namespace agent_websocket {
namespace testing {

/// Model of ClientTransport. Connections are counted from 0, one for each open(); records stay
/// readable after a connection has gone.
class mock_client_transport {
 public:
  enum class phase { attempting, open, closing, gone };

  struct connection {
    std::string url;
    http::header_list headers;
    phase now = phase::attempting;
    std::vector<std::string> sent;  ///< all texts
    /// How the library closed the connection or gave the attempt up, if it did.
    std::optional<std::pair<std::uint16_t, std::string>> closed_with;
    bool stalled = false;
    std::size_t waiting = 0;
  };

  // --- the policy

  void start(client_transport_sink& sink) { sink_ = &sink; }

  void open(std::string_view url, const http::header_list& headers) {
    if (!connections_.empty()) connections_.back().now = phase::gone;
    due_ = false;
    connection made;
    made.url = std::string(url);
    made.headers = headers;
    connections_.push_back(std::move(made));
  }

  std::size_t send(std::string_view text) {
    if (!is(phase::open)) return 0;
    connection& to = connections_.back();
    to.sent.emplace_back(text);
    if (!to.stalled) return 0;
    to.waiting += text.size() + (text.size() <= 125 ? 6U : text.size() <= 0xFFFF ? 8U : 14U);
    return to.waiting;
  }

  void close(std::uint16_t code, std::string_view why) {
    if (!is(phase::open) && !is(phase::attempting)) return;
    connection& whose = connections_.back();
    whose.closed_with.emplace(code, std::string(why));
    is_cancelled_ = whose.now == phase::attempting;
    whose.now = phase::closing;
    due_ = true;
  }

  // --- the server. Each throws std::logic_error, to fail the test, when there is no attempt or no
  // connection that it could be about.

  /// The attempt succeeds.
  void accept() {
    run();
    require(phase::attempting);
    connections_.back().now = phase::open;
    sink_->on_open();
    run();
  }

  /// The attempt fails: with an HTTP status, or with 0 and another reason.
  void refuse(int status, errc why = errc::connection_failed) {
    run();
    require(phase::attempting);
    connections_.back().now = phase::gone;
    const std::string detail =
        status == 0 ? "Connection refused" : "HTTP/1.1 " + std::to_string(status);
    sink_->on_failed(make_error_code(why), status, detail);
    run();
  }

  /// The server sends a text.
  void receive(std::string_view text) {
    run();
    require(phase::open);
    sink_->on_alive();
    if (is(phase::open)) sink_->on_text(text);
    run();
  }

  /// The server sends something that is no message: a ping, a part of a long text.
  void receive_ping() {
    run();
    require(phase::open);
    sink_->on_alive();
    run();
  }

  /// The connection ends.
  void disconnect(std::uint16_t code = 1006, std::string_view reason = {}) {
    run();
    require(phase::open);
    connections_.back().now = phase::gone;
    sink_->on_close(code, reason);
    run();
  }

  /// The server stops reading: what is sent waits from now on.
  void stall() {
    require(phase::open);
    connections_.back().stalled = true;
  }

  /// Delivers what waits, also what comes to wait meanwhile.
  void run() {
    while (std::exchange(due_, false)) {
      connection& ended = connections_.back();
      ended.now = phase::gone;
      const auto [code, reason] = *ended.closed_with;
      if (is_cancelled_) {
        sink_->on_failed(make_error_code(errc::cancelled), 0, "given up");
      } else {
        sink_->on_close(code, reason);
      }
    }
  }

  // --- what was recorded

  /// One for each open(), the newest last.
  const std::vector<connection>& connections() const noexcept { return connections_; }
  bool is_attempting() const noexcept { return is(phase::attempting); }
  bool is_open() const noexcept { return is(phase::open); }
  /// Texts since the last take, of all connections, the oldest first.
  std::vector<std::string> take_sent() {
    std::vector<std::string> texts;
    for (; seen_ < connections_.size(); ++seen_, taken_ = 0) {
      const std::vector<std::string>& all = connections_[seen_].sent;
      texts.insert(texts.end(), all.begin() + static_cast<std::ptrdiff_t>(taken_), all.end());
      taken_ = all.size();
      if (seen_ + 1 == connections_.size()) break;  // more may come
    }
    return texts;
  }

 private:
  bool is(phase wanted) const noexcept {
    return !connections_.empty() && connections_.back().now == wanted;
  }
  void require(phase wanted) const {
    if (is(wanted)) return;
    throw std::logic_error(wanted == phase::open ? "mock_client_transport: no connection stands"
                                                 : "mock_client_transport: there is no attempt");
  }

  client_transport_sink* sink_ = nullptr;
  std::vector<connection> connections_;
  std::size_t seen_ = 0;   // connections whose texts were all taken
  std::size_t taken_ = 0;  // texts of the next one
  bool due_ = false;
  bool is_cancelled_ = false;
};

}  // namespace testing
}  // namespace agent_websocket

// --- agent_websocket/testing/http_script.hpp

// What a scripted HTTP server answers to one request, step by step: for mock_http_client and for
// tests that want to say an answer in one line. Data only; nothing here delivers anything.

namespace agent_websocket {
namespace testing {

/// One thing that a sink sees.
struct http_step {
  enum class kind { head, body, complete };

  kind what = kind::complete;
  int status = 0;             ///< of a head
  http::header_list headers;  ///< of a head
  std::string bytes;          ///< of a body; of a completion: its detail
  std::error_code failure;    ///< of a completion

  static http_step head(int status, http::header_list headers) {
    return {kind::head, status, std::move(headers), "", {}};
  }
  static http_step piece_of_body(std::string bytes) {
    return {kind::body, 0, {}, std::move(bytes), {}};
  }
  static http_step completion(std::error_code failure, std::string detail) {
    return {kind::complete, 0, {}, std::move(detail), failure};
  }
};

/// The steps of one answer. A script without completion leaves its call open, as a server does
/// that goes silent.
class http_script {
 public:
  static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

  http_script& head(int status, http::header_list headers = {}) {
    return add(http_step::head(status, std::move(headers)));
  }
  /// Empty bytes are no step: a real client never shows any.
  http_script& body(std::string bytes) {
    if (bytes.empty()) return *this;
    return add(http_step::piece_of_body(std::move(bytes)));
  }
  http_script& complete(std::error_code failure = {}, std::string detail = "") {
    return add(http_step::completion(failure, std::move(detail)));
  }
  http_script& fail(errc failure, std::string detail = "failed by the test") {
    return complete(failure, std::move(detail));
  }
  /// After so many bytes of the body the call ends with connection_failed, whatever follows.
  http_script& cut_after(std::size_t bytes) {
    cut_ = bytes;
    return *this;
  }

  const std::vector<http_step>& steps() const noexcept { return steps_; }
  std::size_t cut() const noexcept { return cut_; }

 private:
  http_script& add(http_step step) {
    steps_.push_back(std::move(step));
    return *this;
  }

  std::vector<http_step> steps_;
  std::size_t cut_ = never;
};

/// A server-sent event with that data: "data: ...\n\n", one data line per line of `text`.
inline std::string sse(std::string_view text) {
  std::string event = "data: ";
  for (const char c : text) {
    event.push_back(c);
    if (c == '\n') event += "data: ";
  }
  return event += "\n\n";
}

}  // namespace testing
}  // namespace agent_websocket

// --- agent_websocket/testing/mock_http_client.hpp

// Model of the requirement HttpClient (policy/http_client.hpp) without a network: records the
// requests and answers them as the test says. It does not look at what is sent.
//
// When sinks are called: by run() (everything), by step() (one step), and by the driving functions
// (respond... and complete), which deliver at once. Never from inside start, cancel, pause, resume.

namespace agent_websocket {
namespace testing {

/// Answers requests from scripts and by hand. What arrives for a paused call waits until it is
/// resumed (and run); what arrives for a completed or cancelled call is dropped.
///
///     http.reply_with(http_script().head(200).body(sse("{...}")).body(sse("[DONE]")).complete());
///     ... the code under test calls http.start() ...
///     http.run();
class mock_http_client {
 public:
  enum class call_state { open, completed, cancelled };

  /// One request that was started.
  struct call {
    http_call_id id = 0;
    http::request request;
    call_state state = call_state::open;
    bool paused = false;
    bool head_delivered = false;
    std::size_t body_bytes_delivered = 0;

   private:
    friend class mock_http_client;
    http_sink* sink = nullptr;
    std::deque<http_step> steps;
    std::size_t cut = http_script::never;
  };

  mock_http_client() = default;
  mock_http_client(const mock_http_client&) = delete;
  mock_http_client& operator=(const mock_http_client&) = delete;

  // --- the requirement ---------------------------------------------------------------------------

  http_call_id start(http::request request, http_sink& sink) {
    call started;
    started.id = static_cast<http_call_id>(calls_.size() + 1);
    started.request = std::move(request);
    started.sink = &sink;
    http_script script;
    if (!scripts_.empty()) {
      script = std::move(scripts_.front());
      scripts_.pop_front();
    } else if (answer_) {
      script = answer_(started.request);
    }
    started.steps.assign(script.steps().begin(), script.steps().end());
    started.cut = script.cut();
    started.cut = std::min(started.cut, std::exchange(cut_next_, http_script::never));
    calls_.push_back(std::move(started));
    return calls_.back().id;
  }

  void cancel(http_call_id id) {
    if (is_open(id)) end(at(id), call_state::cancelled);
  }
  void pause(http_call_id id) {
    if (is_open(id)) at(id).paused = true;
  }
  void resume(http_call_id id) {
    if (is_open(id)) at(id).paused = false;
  }

  // --- what was asked ----------------------------------------------------------------------------

  /// All calls, oldest first; start() invalidates references into it.
  const std::vector<call>& calls() const noexcept { return calls_; }

  /// The call started last; throws std::logic_error when there was none.
  const call& last() const {
    if (calls_.empty()) throw std::logic_error("mock_http_client: nothing was requested");
    return calls_.back();
  }

  /// How many calls are neither completed nor cancelled.
  std::size_t open_calls() const {
    return static_cast<std::size_t>(
        std::count_if(calls_.begin(), calls_.end(),
                      [](const call& each) { return each.state == call_state::open; }));
  }

  // --- scripts and faults ------------------------------------------------------------------------

  /// Answers the next call that has no script yet.
  void reply_with(http_script script) { scripts_.push_back(std::move(script)); }

  /// Answers every call for which reply_with has left nothing.
  void reply_by(std::function<http_script(const http::request&)> answer) {
    answer_ = std::move(answer);
  }

  /// How many scripts no call has taken yet.
  std::size_t scripts_left() const noexcept { return scripts_.size(); }

  /// Cuts the body of the next call that is started: after `bytes` of it, connection_failed.
  void cut_after(std::size_t bytes) { cut_next_ = bytes; }
  /// The same for a call that is open.
  void cut_after(http_call_id id, std::size_t bytes) {
    if (is_open(id)) at(id).cut = bytes;
  }

  /// From now on bodies are delivered in pieces of at most `bytes` (0: as they were given), each
  /// of them a step.
  void split(std::size_t bytes) { piece_ = bytes; }

  // --- driving: id names a call of this client; from inside a sink function it is only queued
  // ------

  void respond_head(http_call_id id, int status, http::header_list headers = {}) {
    drive(id, http_script().head(status, std::move(headers)));
  }
  void respond_body(http_call_id id, std::string bytes) {
    drive(id, http_script().body(std::move(bytes)));
  }
  void complete(http_call_id id, std::error_code failure = {}, std::string detail = "") {
    drive(id, http_script().complete(failure, std::move(detail)));
  }
  /// A whole answer.
  void respond(http_call_id id, int status, http::header_list headers, std::string body) {
    drive(id, http_script().head(status, std::move(headers)).body(std::move(body)).complete());
  }

  /// Delivers one step; calls with something to deliver take turns. False when there is none.
  bool step() {
    for (std::size_t tried = 0; tried < calls_.size(); ++tried) {
      if (turn_ >= calls_.size()) turn_ = 0;
      if (deliver(calls_[turn_++].id)) return true;
    }
    return false;
  }

  /// Delivers everything that is not paused; returns how many steps that were.
  std::size_t run() {
    std::size_t count = 0;
    while (step()) ++count;
    return count;
  }

 private:
  // Set while a sink function runs, also when that throws (a failed REQUIRE does).
  class delivery_mark {
   public:
    explicit delivery_mark(bool& flag) : flag_(flag), outer_(std::exchange(flag, true)) {}
    ~delivery_mark() { flag_ = outer_; }
    delivery_mark(const delivery_mark&) = delete;
    delivery_mark& operator=(const delivery_mark&) = delete;

   private:
    bool& flag_;
    bool outer_;
  };

  bool is_open(http_call_id id) const {
    return id != 0 && id <= calls_.size() && calls_[id - 1].state == call_state::open;
  }
  call& at(http_call_id id) { return calls_[id - 1]; }

  static void end(call& ended, call_state state) {
    ended.state = state;
    ended.steps.clear();
  }

  void drive(http_call_id id, const http_script& script) {
    if (id == 0 || id > calls_.size()) throw std::logic_error("mock_http_client: no such call");
    if (!is_open(id)) return;
    call& driven = at(id);
    driven.steps.insert(driven.steps.end(), script.steps().begin(), script.steps().end());
    driven.cut = std::min(driven.cut, script.cut());
    while (!delivering_ && deliver(id)) continue;
  }

  static bool is_cut(const call& of) {
    return of.head_delivered && of.body_bytes_delivered >= of.cut;
  }

  // The next thing that the sink of `from` has to see: a whole step, a piece of one, or the cut.
  http_step take_step(call& from) {
    if (is_cut(from)) return http_step::completion(errc::connection_failed, "cut by the test");
    http_step& front = from.steps.front();
    if (front.what != http_step::kind::body) {
      http_step whole = std::move(front);
      from.steps.pop_front();
      return whole;
    }
    std::size_t size = std::min(front.bytes.size(), from.cut - from.body_bytes_delivered);
    if (piece_ != 0) size = std::min(size, piece_);
    http_step piece = http_step::piece_of_body(front.bytes.substr(0, size));
    front.bytes.erase(0, size);
    if (front.bytes.empty()) from.steps.pop_front();
    return piece;
  }

  // Sinks may start further calls, so nothing refers into calls_ once one is called.
  bool deliver(http_call_id id) {
    if (!is_open(id) || at(id).paused) return false;
    call& from = at(id);
    if (from.steps.empty() && !is_cut(from)) return false;
    const http_step next = take_step(from);
    http_sink& sink = *from.sink;
    const delivery_mark mark(delivering_);
    switch (next.what) {
      case http_step::kind::head:
        if (from.head_delivered) throw std::logic_error("mock_http_client: a second head");
        from.head_delivered = true;
        sink.on_head(id, next.status, next.headers);
        break;
      case http_step::kind::body:
        if (!from.head_delivered) throw std::logic_error("mock_http_client: body before head");
        from.body_bytes_delivered += next.bytes.size();
        sink.on_body(id, next.bytes);
        break;
      case http_step::kind::complete:
        end(from, call_state::completed);
        sink.on_complete(id, next.failure, next.bytes);
        break;
    }
    return true;
  }

  std::vector<call> calls_;
  std::deque<http_script> scripts_;
  std::function<http_script(const http::request&)> answer_;
  std::size_t cut_next_ = http_script::never;
  std::size_t piece_ = 0;
  std::size_t turn_ = 0;
  bool delivering_ = false;
};

}  // namespace testing
}  // namespace agent_websocket

// --- agent_websocket/testing/mock_transport.hpp

// Transport without sockets: the test plays the clients, the library's calls are recorded.
//
// Driving calls are the test's: connect, request, receive..., disconnect, drain, run. What the
// policy forbids to report from inside one of the library's calls (on_open after answer, on_close
// after close) waits and is delivered by the next driving call, first and last thing it does; run()
// does nothing else. So connect() returns with the connection open when the sink answers at once,
// and after a close() by the library the on_close comes with run() at the latest.

namespace agent_websocket {
namespace testing {

/// Model of Transport. Records stay readable after a connection has gone; driving calls and records
/// of an id that was never given out throw std::out_of_range, to fail the test.
class mock_transport {
 public:
  /// See transport_sink::on_drained.
  std::size_t low_water_mark = 16 * 1024;

  // --- the policy
  // ---------------------------------------------------------------------------------

  result<void> start(transport_sink& sink) {
    if (start_failure_) {
      const error failure = *std::exchange(start_failure_, std::nullopt);
      return failure;
    }
    sink_ = &sink;
    listening_ = true;
    return {};
  }

  void stop() { listening_ = false; }

  void answer(connection_id id, http::response response) {
    peer* const found = find(id, phase::asked);
    if (found == nullptr) return;
    const bool upgrades = response.status == 101 && found->is_upgrade;
    if (response.status == 101 && !upgrades)
      response = http::response::text(500, "Internal error\n");
    found->answer = std::move(response);
    found->now = upgrades ? phase::open : phase::gone;
    if (upgrades) due_.push_back({id, event::opened});
  }

  std::size_t send(connection_id id, std::string_view text) {
    peer* const found = find(id, phase::open);
    if (found == nullptr) return 0;
    found->sent.emplace_back(text);
    if (!found->stalled) return 0;
    found->waiting += text.size() + (text.size() <= 125 ? 2U : text.size() <= 0xFFFF ? 4U : 10U);
    if (found->waiting > low_water_mark) found->above = true;
    return found->waiting;
  }

  void ping(connection_id id) {
    if (peer* const found = find(id, phase::open)) ++found->pings;
  }

  void close(connection_id id, std::uint16_t code, std::string_view why) {
    peer* const found = find(id, phase::open);
    if (found == nullptr) return;
    found->closed_with.emplace(code, std::string(why));
    found->now = phase::closing;
    due_.push_back({id, event::closed});
  }

  // --- the clients
  // --------------------------------------------------------------------------------

  /// A client asks for an upgrade; what `request` leaves empty is filled in ("/ws", a Host, an
  /// address). Open when the sink answers 101 at once; see response_of() for a refusal.
  connection_id connect(handshake request = {}) {
    if (request.request.target.empty()) request.request.target = "/ws";
    request.is_upgrade = true;
    return arrive(std::move(request));
  }

  /// A plain HTTP request. Status 0 when the sink has not answered yet: see last() and
  /// response_of().
  http::response request(http::request plain) {
    if (plain.target.empty()) plain.target = "/";
    handshake asked;
    asked.request = std::move(plain);
    return response_of(arrive(std::move(asked)));
  }

  /// The client sends a text; dropped when the connection is not open.
  void receive(connection_id id, std::string_view text) {
    deliver(id, [&] { sink_->on_text(id, text); });
  }
  void receive_binary(connection_id id, std::size_t bytes) {
    deliver(id, [&] { sink_->on_binary(id, bytes); });
  }
  /// A text above the transport's limit, which passes over it.
  void receive_oversized(connection_id id, std::size_t bytes) {
    deliver(id, [&] { sink_->on_oversized(id, bytes); });
  }
  void receive_pong(connection_id id) {
    deliver(id, [] {});
  }

  /// The client goes: on_close with these words, on_abandoned when its request was not answered.
  void disconnect(connection_id id, std::uint16_t code = 1006, std::string_view reason = {}) {
    run();
    if (find(id, phase::asked) != nullptr) {
      at(id).now = phase::gone;
      sink_->on_abandoned(id);
    } else if (find(id, phase::open) != nullptr) {
      at(id).now = phase::gone;
      sink_->on_close(id, code, reason);
    }
    run();
  }

  /// The client stops reading: what is sent waits from now on.
  void stall(connection_id id) { at(id).stalled = true; }

  /// The client reads everything, and goes on reading.
  void drain(connection_id id) {
    run();
    peer& reader = at(id);
    reader.stalled = false;
    reader.waiting = 0;
    if (std::exchange(reader.above, false) && reader.now == phase::open) sink_->on_drained(id);
    run();
  }

  /// Delivers what waits, also what comes to wait meanwhile.
  void run() {
    if (running_) return;  // a sink that drives: the call outside goes on
    running_ = true;
    while (!due_.empty()) {
      const auto [id, what] = due_.front();
      due_.erase(due_.begin());
      peer& whose = at(id);
      if (what == event::opened) {
        sink_->on_open(id);
      } else if (whose.now == phase::closing) {
        whose.now = phase::gone;
        const auto [code, reason] = *whose.closed_with;
        sink_->on_close(id, code, reason);
      }
    }
    running_ = false;
  }

  // --- what was recorded
  // --------------------------------------------------------------------------

  bool listening() const noexcept { return listening_; }
  /// The next start() fails with this.
  void fail_start(error failure) { start_failure_ = std::move(failure); }

  /// The id of the latest request.
  connection_id last() const noexcept { return last_; }
  /// What a request was answered; status 0 when it was not (yet).
  http::response response_of(connection_id id) const {
    return at(id).answer.value_or(http::response{0, {}, {}});
  }
  bool is_open(connection_id id) const { return at(id).now == phase::open; }

  /// All texts that were sent to the client.
  const std::vector<std::string>& sent(connection_id id) const { return at(id).sent; }
  /// Those since the last take.
  std::vector<std::string> take_sent(connection_id id) {
    peer& whose = at(id);
    const auto first = whose.sent.begin() + static_cast<std::ptrdiff_t>(whose.taken);
    std::vector<std::string> texts(first, whose.sent.end());
    whose.taken = whose.sent.size();
    return texts;
  }
  std::size_t pings(connection_id id) const { return at(id).pings; }
  /// How the library closed the connection, if it did.
  std::optional<std::pair<std::uint16_t, std::string>> close_sent(connection_id id) const {
    return at(id).closed_with;
  }
  /// Connections that are open now.
  std::size_t open_count() const noexcept {
    std::size_t count = 0;
    for (const auto& each : peers_) count += each.second.now == phase::open ? 1U : 0U;
    return count;
  }

 private:
  enum class phase { asked, open, closing, gone };
  enum class event { opened, closed };

  struct peer {
    phase now = phase::asked;
    bool is_upgrade = false;
    bool stalled = false;
    bool above = false;
    std::size_t waiting = 0;
    std::size_t taken = 0;
    std::size_t pings = 0;
    std::vector<std::string> sent;
    std::optional<http::response> answer;
    std::optional<std::pair<std::uint16_t, std::string>> closed_with;
  };

  connection_id arrive(handshake asked) {
    if (!listening_) throw std::logic_error("mock_transport: nobody listens");
    run();
    if (!asked.request.headers.contains("Host")) asked.request.headers.add("Host", "localhost");
    if (asked.remote_address.empty()) asked.remote_address = "127.0.0.1";
    const connection_id id = ++last_;
    peers_[id].is_upgrade = asked.is_upgrade;
    sink_->on_request(id, std::move(asked));
    run();
    return id;
  }

  template <typename Report>
  void deliver(connection_id id, Report report) {
    run();
    if (at(id).now == phase::open) sink_->on_alive(id);
    if (at(id).now == phase::open) report();
    run();
  }

  peer* find(connection_id id, phase wanted) {
    const auto found = peers_.find(id);
    return found != peers_.end() && found->second.now == wanted ? &found->second : nullptr;
  }
  peer& at(connection_id id) { return peers_.at(id); }
  const peer& at(connection_id id) const { return peers_.at(id); }

  transport_sink* sink_ = nullptr;
  std::optional<error> start_failure_;
  std::map<connection_id, peer> peers_;
  std::vector<std::pair<connection_id, event>> due_;
  connection_id last_ = 0;
  bool listening_ = false;
  bool running_ = false;
};

}  // namespace testing
}  // namespace agent_websocket

// --- agent_websocket/adapters/asio.hpp

// The parts of standalone Asio that the adapters share, included one by one: <asio.hpp> costs a
// compiler more than a second. Every name used is in Asio 1.22 and still there in the newest one;
// build with ASIO_NO_DEPRECATED to keep it so. Boost.Asio is another library and does not serve.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if defined(ASIO_ENABLE_BOOST) || (defined(ASIO_DETAIL_CONFIG_HPP) && !defined(ASIO_STANDALONE))
#error "agent_websocket needs standalone Asio: define ASIO_STANDALONE (and not ASIO_ENABLE_BOOST)"
#endif
#ifndef ASIO_STANDALONE
#define ASIO_STANDALONE
#endif

// Before Asio: its configuration asks for a macro of libstdc++ (_GLIBCXX_HAVE_ALIGNED_ALLOC) that
// any standard header brings, and translation units that see it and others do not mix.
#include <cstddef>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/asio_scheduler.hpp

// Model of the requirement Scheduler (policy/scheduler.hpp) on an asio::io_context that one thread
// runs. All timers share one asio::steady_timer that waits for the earliest deadline: a session
// that starts and cancels timers costs map nodes, no system calls.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// The context must outlive the scheduler. Destroying the scheduler inside of one of its own
/// functions is allowed.
class asio_scheduler {
 public:
  explicit asio_scheduler(asio::io_context& context) : context_(context), timer_(context) {}
  asio_scheduler(const asio_scheduler&) = delete;
  asio_scheduler& operator=(const asio_scheduler&) = delete;

  /// Destroys what waits without running it. What those destructors post or start is dropped.
  ~asio_scheduler() {
    alive_.reset();
    ids_.clear();
    const timer_list timers = std::exchange(timers_, {});
    std::unique_lock<std::mutex> lock(mutex_);
    const std::deque<std::function<void()>> posted = std::exchange(posted_, {});
    closing_ = true;
    lock.unlock();
  }

  time_point now() const noexcept { return std::chrono::steady_clock::now(); }
  wall_time wall_now() const noexcept { return std::chrono::system_clock::now(); }

  /// From any thread, until the destructor begins. The functions wait here and not in Asio's
  /// queue, so that they end with the scheduler, also when the context lives on.
  void post(std::function<void()> f) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (closing_) return;
      posted_.push_back(std::move(f));
    }
    asio::post(context_, [this, alive = watch_] {
      if (!alive.expired()) run_posted();
    });
  }

  /// A time that is not in the future means: on the next turn.
  timer_id start_timer(time_point when, std::function<void()> f) {
    const timer_id id = ++last_id_;
    if (!alive_) return id;
    ids_.emplace(id, timers_.emplace(when, timer{id, std::move(f)}));
    if (!running_timers_) arm();
    return id;
  }

  void cancel_timer(timer_id id) {
    const auto found = ids_.find(id);
    if (found == ids_.end()) return;
    const auto cancelled = timers_.extract(found->second);  // destroyed last: it may call back
    ids_.erase(found);
    if (timers_.empty()) disarm();
  }

 private:
  struct timer {
    timer_id id;
    std::function<void()> f;
  };
  using timer_list = std::multimap<time_point, timer>;  // equal keys keep the order of insertion

  void run_posted() {
    std::function<void()> f;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      f = std::move(posted_.front());  // there is one for every run_posted
      posted_.pop_front();
    }
    f();
  }

  // Waits for the earliest deadline. A timer that is cancelled leaves the wait as it is, unless it
  // was the last one: waking up for nothing once is cheaper than arming anew for each.
  void arm() {
    if (timers_.empty()) return disarm();
    const time_point earliest = timers_.begin()->first;
    if (armed_for_ && *armed_for_ <= earliest) return;
    armed_for_ = earliest;
    timer_.expires_at(earliest);
    timer_.async_wait([this, alive = watch_, turn = ++turn_](std::error_code failure) {
      if (failure || alive.expired() || turn != turn_) return;
      run_timers();
    });
  }

  void disarm() {
    ++turn_;
    if (armed_for_) timer_.cancel();  // so that a context without other work can return
    armed_for_.reset();
  }

  // Arms anew however the functions end, also by an exception, but not when one of them has
  // destroyed the scheduler.
  class arming {
   public:
    explicit arming(asio_scheduler& scheduler) : scheduler_(scheduler), alive_(scheduler.watch_) {
      scheduler_.armed_for_.reset();
      scheduler_.running_timers_ = true;
    }
    arming(const arming&) = delete;
    arming& operator=(const arming&) = delete;
    ~arming() {
      if (!scheduler_alive()) return;
      scheduler_.running_timers_ = false;
      scheduler_.arm();
    }
    bool scheduler_alive() const noexcept { return !alive_.expired(); }

   private:
    asio_scheduler& scheduler_;
    std::weak_ptr<char> alive_;
  };

  // Runs as many as are due now; those that they start, even in the past, wait for the next turn
  // at the latest, so that sockets get theirs.
  void run_timers() {
    const arming mark(*this);
    const time_point time = now();
    std::size_t due = 0;
    for (auto each = timers_.begin(); each != timers_.end() && each->first <= time; ++each) ++due;
    for (; due > 0 && !timers_.empty() && timers_.begin()->first <= time; --due) {
      const auto next = timers_.extract(timers_.begin());
      ids_.erase(next.mapped().id);
      next.mapped().f();
      if (!mark.scheduler_alive()) return;
    }
  }

  asio::io_context& context_;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  const std::weak_ptr<char> watch_ = alive_;  // handlers look here before they touch anything
  timer_list timers_;
  std::unordered_map<timer_id, timer_list::iterator> ids_;
  std::optional<time_point> armed_for_;
  std::uint64_t turn_ = 0;  // tells the current wait from those replaced
  timer_id last_id_ = 0;
  bool running_timers_ = false;
  std::mutex mutex_;  // guards the two below
  std::deque<std::function<void()>> posted_;
  bool closing_ = false;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/output_buffer.hpp

// The bytes of one connection that wait for the kernel, exact to the byte, and a small pool of such
// buffers: a connection has one only while something waits. No sockets.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// Appended to at the back, taken from the front.
class output_buffer {
 public:
  /// Append here, and do nothing else with it.
  std::string& tail() noexcept { return bytes_; }

  /// What is to go out next: everything that waits.
  std::string_view front() const noexcept { return std::string_view(bytes_).substr(sent_); }
  std::size_t pending() const noexcept { return bytes_.size() - sent_; }
  std::size_t capacity() const noexcept { return bytes_.capacity(); }

  /// The first `count` bytes of front() are gone. Moves the rest only when at least as much has
  /// gone since the last time, so that a slow reader of a large buffer costs no more than copying
  /// it once.
  void consume(std::size_t count) {
    sent_ += count;
    if (sent_ == bytes_.size()) {
      bytes_.clear();
      sent_ = 0;
    } else if (sent_ >= bytes_.size() - sent_) {
      bytes_.erase(0, sent_);
      sent_ = 0;
    }
  }

 private:
  std::string bytes_;
  std::size_t sent_ = 0;
};

/// Keeps a few emptied buffers, so that a message does not cost an allocation.
class output_pool {
 public:
  static constexpr std::size_t max_buffers = 64;
  static constexpr std::size_t max_buffer_bytes = 16 * 1024;  // larger ones go back to the system

  std::unique_ptr<output_buffer> take() {
    if (spare_.empty()) return std::make_unique<output_buffer>();
    std::unique_ptr<output_buffer> buffer = std::move(spare_.back());
    spare_.pop_back();
    return buffer;
  }

  /// Precondition: nothing is pending in it.
  void give_back(std::unique_ptr<output_buffer> buffer) {
    if (spare_.size() < max_buffers && buffer->capacity() <= max_buffer_bytes) {
      spare_.push_back(std::move(buffer));
    }
  }

  std::size_t size() const noexcept { return spare_.size(); }

 private:
  std::vector<std::unique_ptr<output_buffer>> spare_;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/asio_link.hpp

// A non-blocking TCP socket that tells when it can be read and written: what the server's
// connections and the connector have in common. Counts its references itself, and the pending wait
// for input lies inside of it, so that an idle connection costs no more than its own object. Knows
// nothing of HTTP and WebSocket.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if defined(__linux__)
#include <linux/sockios.h>
#include <sys/ioctl.h>
#endif

#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Sockets and timers that name their executor instead of asking for it through a polymorphic one.
using asio_socket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;
using asio_timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                              asio::wait_traits<std::chrono::steady_clock>,
                                              asio::io_context::executor_type>;

/// How a read or a write went.
enum class io_outcome { done, blocked, ended };

/// Derived classes live on the heap, held by link_pointer. One thread.
class asio_link {
 public:
  asio_link(const asio_link&) = delete;
  asio_link& operator=(const asio_link&) = delete;

  void add_reference() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }

 protected:
  explicit asio_link(asio_socket socket) : socket_(std::move(socket)) {}
  virtual ~asio_link() = default;

  /// The socket can be read, was closed by the peer or has failed: receive() tells.
  virtual void on_readable() = 0;
  virtual void on_writable() = 0;

  bool is_open() const noexcept { return socket_.is_open(); }
  asio_socket& socket() noexcept { return socket_; }

  /// One call of on_readable(), soon; nothing when the socket is closed or a wait is pending.
  void wait_readable();
  /// The same for on_writable().
  void wait_writable();

  /// Reads once. `ended`: end of the stream or an error.
  io_outcome receive(char* data, std::size_t size, std::size_t& received) {
    std::error_code failure;
    received = socket_.read_some(asio::mutable_buffer(data, size), failure);
    return outcome_of(failure);
  }

  /// Writes once what waits. `done` when nothing is left.
  io_outcome transmit(output_buffer& output) {
    const std::string_view front = output.front();
    if (front.empty()) return io_outcome::done;
    std::error_code failure;
    // On Linux and BSD this is send() with MSG_NOSIGNAL or a socket with SO_NOSIGPIPE: a gone peer
    // is an error.
    output.consume(socket_.write_some(asio::const_buffer(front.data(), front.size()), failure));
    const io_outcome outcome = outcome_of(failure);
    return outcome == io_outcome::done && output.pending() != 0 ? io_outcome::blocked : outcome;
  }

  /// True when the kernel holds bytes that the peer's has not taken; false where the system does
  /// not tell.
  bool has_undelivered() {
#if defined(__linux__)
    int waiting = 0;
    return ::ioctl(socket_.native_handle(), SIOCOUTQ, &waiting) == 0 && waiting > 0;
#else
    return false;
#endif
  }

  /// Nothing more will be sent; the peer reads its end of the stream.
  void shut_output() {
    std::error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  }

  /// Closes; no function is called from now on. `reset`: throws away what the kernel has not sent
  /// yet.
  void close_socket(bool reset) {
    std::error_code ignored;
    if (reset) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
  }

 private:
  struct wait_handler;

  /// Room for Asio's object of one pending wait; a larger one of another version goes to the heap.
  class wait_memory {
   public:
    void* allocate(std::size_t size) {
      if (taken_ || size > sizeof bytes_) return ::operator new(size);
      taken_ = true;
      return bytes_;
    }
    void deallocate(void* memory) noexcept {
      if (memory == bytes_) {
        taken_ = false;
      } else {
        ::operator delete(memory);
      }
    }

   private:
    alignas(std::max_align_t) unsigned char bytes_[88];
    bool taken_ = false;
  };

  template <typename T>
  struct wait_allocator {
    using value_type = T;
    explicit wait_allocator(wait_memory& memory) noexcept : memory_(&memory) {}
    template <typename U>
    wait_allocator(const wait_allocator<U>& other) noexcept : memory_(other.memory_) {}  // NOLINT
    T* allocate(std::size_t count) { return static_cast<T*>(memory_->allocate(count * sizeof(T))); }
    void deallocate(T* memory, std::size_t) noexcept { memory_->deallocate(memory); }
    template <typename U>
    bool operator==(const wait_allocator<U>& other) const noexcept {
      return memory_ == other.memory_;
    }
    template <typename U>
    bool operator!=(const wait_allocator<U>& other) const noexcept {
      return memory_ != other.memory_;
    }
    wait_memory* memory_;
  };

  static io_outcome outcome_of(const std::error_code& failure) noexcept {
    if (!failure) return io_outcome::done;
    const bool later = failure == asio::error::would_block || failure == asio::error::try_again ||
                       failure == asio::error::interrupted;
    return later ? io_outcome::blocked : io_outcome::ended;
  }

  asio_socket socket_;
  unsigned references_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  wait_memory read_memory_;
};

/// A counted reference to an asio_link or what is derived from it.
template <typename Link>
class link_pointer {
 public:
  link_pointer() = default;
  explicit link_pointer(Link* link) noexcept : link_(link) {
    if (link_ != nullptr) link_->add_reference();
  }
  link_pointer(const link_pointer& other) noexcept : link_pointer(other.link_) {}
  link_pointer(link_pointer&& other) noexcept : link_(std::exchange(other.link_, nullptr)) {}
  link_pointer& operator=(link_pointer other) noexcept {
    std::swap(link_, other.link_);
    return *this;
  }
  ~link_pointer() {
    if (link_ != nullptr) link_->release();
  }

  Link* get() const noexcept { return link_; }
  Link* operator->() const noexcept { return link_; }
  Link& operator*() const noexcept { return *link_; }
  explicit operator bool() const noexcept { return link_ != nullptr; }

 private:
  Link* link_ = nullptr;
};

struct asio_link::wait_handler {
  using allocator_type = wait_allocator<void>;
  allocator_type get_allocator() const noexcept { return allocator_type(link->read_memory_); }

  // The error says nothing that the next read does not say.
  void operator()(const std::error_code&) const {
    link->reading_ = false;
    if (link->is_open()) link->on_readable();
  }

  link_pointer<asio_link> link;
};

inline void asio_link::wait_readable() {
  if (reading_ || !is_open()) return;
  reading_ = true;
  socket_.async_wait(asio::socket_base::wait_read, wait_handler{link_pointer<asio_link>(this)});
}

inline void asio_link::wait_writable() {
  if (writing_ || !is_open()) return;
  writing_ = true;
  socket_.async_wait(asio::socket_base::wait_write,
                     [link = link_pointer<asio_link>(this)](const std::error_code&) {
                       link->writing_ = false;
                       if (link->is_open()) link->on_writable();
                     });
}

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/websocketpp_frame.hpp

// WebSocket frames (RFC 6455 section 5.2), outgoing side: headers by websocketpp's frame.hpp,
// written straight into the buffer that goes to the kernel, and masking word by word. One message
// is one frame; nothing is compressed.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <websocketpp/common/system_error.hpp>
#include <websocketpp/frame.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace adapters {

using opcode = websocketpp::frame::opcode::value;

/// The close codes that a transport itself uses (RFC 6455 section 7.4.1).
namespace close_code {
inline constexpr std::uint16_t none = 0;  ///< nothing is wrong; not on the wire
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t protocol_error = 1002;
inline constexpr std::uint16_t no_status = 1005;  ///< a close frame without a code; not on the wire
inline constexpr std::uint16_t abnormal = 1006;   ///< no close frame at all; not on the wire
inline constexpr std::uint16_t invalid_payload = 1007;
inline constexpr std::uint16_t policy_violation = 1008;
inline constexpr std::uint16_t too_big = 1009;
}  // namespace close_code

/// The reason text for a connection that fails with one of these codes.
constexpr std::string_view failure_reason(std::uint16_t code) noexcept {
  switch (code) {
    case close_code::invalid_payload: return "invalid_utf8";
    case close_code::policy_violation: return "too_many_fragments";
    case close_code::too_big: return "message_too_large";
    default: return "protocol_error";
  }
}

/// XORs `size` bytes with a key made by websocketpp::frame::prepare_masking_key; returns the key
/// for the bytes that follow. Masking and unmasking are the same.
inline std::size_t apply_mask(char* data, std::size_t size, std::size_t key) noexcept {
  std::size_t i = 0;
  for (std::size_t word = 0; size - i >= sizeof word; i += sizeof word) {
    std::memcpy(&word, data + i, sizeof word);  // the payload lies at any address
    word ^= key;
    std::memcpy(data + i, &word, sizeof word);
  }
  if (i == size) return key;
  char rest[sizeof key];
  std::memcpy(rest, &key, sizeof key);
  const std::size_t tail = size - i;
  for (std::size_t k = 0; k < tail; ++k) data[i + k] = static_cast<char>(data[i + k] ^ rest[k]);
  return websocketpp::frame::circshift_prepared_key(key, tail);
}

/// The bytes that a frame of a server with such a payload takes.
constexpr std::size_t frame_size(std::size_t payload) noexcept {
  return payload + (payload <= 125 ? 2 : payload <= 0xFFFF ? 4 : 10);
}

namespace detail {

/// Writes a frame's header with FIN set to `header` (room for 14 bytes) and returns its length.
/// `key` is null for a server's frame. The length is written here, since websocketpp's conversion
/// caches the byte order in an unguarded static variable, which two servers on two threads would
/// race for.
inline std::size_t write_frame_header(char* header, opcode code, std::size_t payload,
                                      const websocketpp::frame::masking_key_type* key) noexcept {
  namespace frame = websocketpp::frame;
  const frame::basic_header basic(code, payload, true, key != nullptr);
  header[0] = static_cast<char>(basic.b0);
  header[1] = static_cast<char>(basic.b1);
  const std::size_t length_bytes = frame::get_masking_key_offset(basic);
  for (std::size_t i = 0; i < length_bytes; ++i) {
    header[2 + i] = static_cast<char>(std::uint64_t{payload} >> (8 * (length_bytes - 1 - i)));
  }
  if (key == nullptr) return 2 + length_bytes;
  std::memcpy(header + 2 + length_bytes, key->c, sizeof key->c);
  return 2 + length_bytes + sizeof key->c;
}

}  // namespace detail

/// Appends one unmasked frame with FIN set, as a server sends it.
inline void append_frame(std::string& out, opcode code, std::string_view payload) {
  char header[websocketpp::frame::MAX_HEADER_LENGTH];
  out.append(header, detail::write_frame_header(header, code, payload.size(), nullptr));
  out.append(payload);
}

/// Appends one masked frame with FIN set, as a client sends it. `key_bits` are 32 fresh random
/// bits.
inline void append_masked_frame(std::string& out, opcode code, std::string_view payload,
                                std::uint32_t key_bits) {
  websocketpp::frame::masking_key_type key;
  key.i = key_bits;
  char header[websocketpp::frame::MAX_HEADER_LENGTH];
  out.append(header, detail::write_frame_header(header, code, payload.size(), &key));
  const std::size_t start = out.size();
  out.append(payload);
  apply_mask(&out[start], payload.size(), websocketpp::frame::prepare_masking_key(key));
}

/// The payload of a close frame: the code and at most 123 bytes of the reason, cut at a character.
/// Empty for codes that do not go on the wire.
inline std::string close_payload(std::uint16_t code, std::string_view reason) {
  if (code == close_code::none || code == close_code::no_status || code == close_code::abnormal) {
    return std::string();
  }
  std::string payload;
  payload.push_back(static_cast<char>(code >> 8));
  payload.push_back(static_cast<char>(code & 0xFF));
  payload.append(cut_utf8(reason, websocketpp::frame::limits::close_reason_size));
  return payload;
}

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/websocketpp_utf8.hpp

// UTF-8 validation (RFC 3629) of text that comes in pieces, cut anywhere: wrong bytes are found as
// soon as they are there. Walks the table of websocketpp's utf8_validator, but passes over ASCII a
// word at a time, which makes plain text about 25 times cheaper than that validator. Does not
// decode.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <websocketpp/utf8_validator.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace agent_websocket {
namespace adapters {

/// The state between two pieces of one text: one byte.
class utf8_checker {
 public:
  /// False as soon as no continuation could make the text valid; it stays false until reset().
  bool feed(const char* data, std::size_t size) noexcept {
    namespace table = websocketpp::utf8_validator;
    std::uint32_t state = state_;
    std::size_t i = 0;
    while (i < size && state != table::utf8_reject) {
      if (state == table::utf8_accept) {
        i += ascii_front(data + i, size - i);
        if (i == size) break;
      }
      const std::uint8_t type = table::utf8d[static_cast<unsigned char>(data[i])];
      state = table::utf8d[256 + state * 16 + type];
      ++i;
    }
    state_ = static_cast<std::uint8_t>(state);
    return state != table::utf8_reject;
  }

  /// True when the text does not end inside a character.
  bool complete() const noexcept { return state_ == websocketpp::utf8_validator::utf8_accept; }

  void reset() noexcept { state_ = websocketpp::utf8_validator::utf8_accept; }

 private:
  /// How many bytes at the front are ASCII.
  static std::size_t ascii_front(const char* data, std::size_t size) noexcept {
    constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080ULL;
    std::size_t i = 0;
    for (std::uint64_t words[2]; size - i >= sizeof words; i += sizeof words) {
      std::memcpy(words, data + i, sizeof words);
      if (((words[0] | words[1]) & high_bits) != 0) break;
    }
    while (i < size && static_cast<unsigned char>(data[i]) < 0x80) ++i;
    return i;
  }

  std::uint8_t state_ = websocketpp::utf8_validator::utf8_accept;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/websocketpp_frame_reader.hpp

// WebSocket frames (RFC 6455 sections 5 and 8.1), incoming side, for a server and for a client:
// bytes in, events out, cut anywhere. websocketpp's frame.hpp and close.hpp know the format; its
// hybi13::consume is not used, since it reserves memory for what a header announces and works byte
// by byte. Here memory grows with what has arrived, a message that lies whole in the read buffer is
// handed out from there, and what is too large is passed over.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <websocketpp/utf8_validator.hpp>  // close.hpp names it without including it
#include <websocketpp/error.hpp>
#include <websocketpp/close.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// What a frame_reader accepts; the same for all connections of a transport.
struct frame_limits {
  /// A larger text is passed over without being kept, then reported; the connection stands.
  std::size_t max_message_bytes = 64 * 1024;
  /// A message that announces more ends the connection with 1009: passing over it would cost too
  /// much.
  std::uint64_t max_skipped_bytes = 64 * 1024 * 1024;
  /// Empty fragments of one message; they take no memory, but time. More end the connection with
  /// 1008.
  std::uint16_t max_empty_fragments = 10'000;
  /// True for a server: every frame of a client is masked, no frame of a server is.
  bool expect_masked = true;
};

/// The state of one direction of one connection, 64 bytes while no message is cut in two.
///
/// `Events` has bool functions that say whether to go on; after false the rest of the bytes is
/// dropped:
///   on_text(std::string_view) on_binary(std::size_t bytes) on_oversized(std::size_t bytes)
///   on_ping(std::string_view) on_pong() on_close(std::uint16_t code, std::string_view reason)
/// A close frame without a code is on_close(1005, ""). The views live until the function returns.
class frame_reader {
 public:
  /// Takes `size` bytes, which are changed (unmasked in place). Returns close_code::none, or the
  /// code with which the connection has to fail; after that nothing more may be fed.
  template <typename Events>
  std::uint16_t feed(char* data, std::size_t size, const frame_limits& limits, Events& events) {
    for (;;) {
      if (!in_payload_) {
        if (size == 0) return close_code::none;
        std::uint16_t failure = close_code::none;
        const std::size_t used = take_header(data, size, limits, failure);
        if (failure != close_code::none) return failure;
        data += used;
        size -= used;
        if (!in_payload_) return close_code::none;
      }
      const std::size_t part = remaining_ < size ? static_cast<std::size_t>(remaining_) : size;
      remaining_ -= part;
      bool go_on = true;
      const bool control = websocketpp::frame::opcode::is_control(frame_opcode_);
      if (masked_ && (control || !skipping_)) key_ = apply_mask(data, part, key_);
      const std::uint16_t failure =
          control ? take_control(data, part, go_on, events) : take_data(data, part, go_on, events);
      if (failure != close_code::none) return failure;
      data += part;
      size -= part;
      if (remaining_ != 0) return close_code::none;
      in_payload_ = false;
      if (!go_on) return close_code::none;
    }
  }

  /// True while a message or a frame is not whole.
  bool in_message() const noexcept {
    return in_payload_ || head_size_ != 0 || message_ != opcode::continuation;
  }

 private:
  using opcode = websocketpp::frame::opcode::value;
  static constexpr std::size_t max_control_bytes = 125;

  /// What has to be kept between two reads; made only then.
  struct kept {
    std::string message;
    std::array<char, max_control_bytes> control{};
    std::size_t control_size = 0;
  };

  static std::uint64_t load_length(const unsigned char* bytes, std::size_t count) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = (value << 8) | bytes[i];
    return value;
  }

  /// Takes bytes of a header up to its end; sets in_payload_ when it is complete.
  std::size_t take_header(const char* data, std::size_t size, const frame_limits& limits,
                          std::uint16_t& failure) {
    namespace frame = websocketpp::frame;
    std::size_t used = 0;
    while (head_size_ < 2 && used < size)
      head_[head_size_++] = static_cast<unsigned char>(data[used++]);
    if (head_size_ < 2) return used;
    const frame::basic_header basic(head_[0], head_[1]);
    if (!is_legal(basic, limits)) {
      failure = close_code::protocol_error;
      return used;
    }
    const std::size_t wanted = frame::get_header_len(basic);
    const std::size_t part = std::min(wanted - head_size_, size - used);
    std::memcpy(head_.data() + head_size_, data + used, part);
    head_size_ = static_cast<std::uint8_t>(head_size_ + part);
    used += part;
    if (head_size_ == wanted) {
      head_size_ = 0;
      failure = begin_frame(basic, limits);
    }
    return used;
  }

  /// What two bytes show; RFC 6455 sections 5.1, 5.2, 5.4 and 5.5.
  bool is_legal(const websocketpp::frame::basic_header& basic, const frame_limits& limits) const {
    namespace frame = websocketpp::frame;
    const opcode code = frame::get_opcode(basic);
    if (frame::get_rsv1(basic) || frame::get_rsv2(basic) || frame::get_rsv3(basic)) return false;
    if (frame::opcode::reserved(code)) return false;
    if (frame::get_masked(basic) != limits.expect_masked) return false;
    if (frame::opcode::is_control(code)) {
      return frame::get_fin(basic) && frame::get_basic_size(basic) <= max_control_bytes;
    }
    return (code == opcode::continuation) == (message_ != opcode::continuation);
  }

  /// The header in head_ is complete and its first two bytes are legal.
  std::uint16_t begin_frame(const websocketpp::frame::basic_header& basic,
                            const frame_limits& limits) {
    namespace frame = websocketpp::frame;
    const std::size_t length_bytes = frame::get_masking_key_offset(basic);
    remaining_ = length_bytes == 0 ? frame::get_basic_size(basic)
                                   : load_length(head_.data() + 2, length_bytes);
    // "the minimal number of bytes MUST be used", and no length has its highest bit set
    if (length_bytes == 2 && remaining_ <= frame::limits::payload_size_basic)
      return close_code::protocol_error;
    if (length_bytes == 8 && (remaining_ <= frame::limits::payload_size_extended ||
                              remaining_ > frame::limits::payload_size_jumbo)) {
      return close_code::protocol_error;
    }
    masked_ = frame::get_masked(basic);
    if (masked_) {
      frame::masking_key_type key;
      std::memcpy(key.c, head_.data() + 2 + length_bytes, sizeof key.c);
      key_ = frame::prepare_masking_key(key);
    }
    frame_opcode_ = frame::get_opcode(basic);
    in_payload_ = true;
    if (frame::opcode::is_control(frame_opcode_)) return close_code::none;

    final_ = frame::get_fin(basic);
    if (frame_opcode_ != opcode::continuation) {
      message_ = frame_opcode_;
      announced_ = 0;
      empty_fragments_ = 0;
      utf8_.reset();
      skipping_ = message_ == opcode::binary;
    }
    if (remaining_ == 0 && !final_ && ++empty_fragments_ > limits.max_empty_fragments) {
      return close_code::policy_violation;
    }
    announced_ += remaining_;  // no overflow: both are below 2^63
    if (announced_ > std::max<std::uint64_t>(limits.max_skipped_bytes, limits.max_message_bytes)) {
      return close_code::too_big;
    }
    if (announced_ > limits.max_message_bytes) {
      skipping_ = true;
      if (kept_ != nullptr) std::string().swap(kept_->message);
    }
    return close_code::none;
  }

  template <typename Events>
  std::uint16_t take_data(const char* data, std::size_t size, bool& go_on, Events& events) {
    const bool whole = remaining_ == 0 && final_;
    if (!skipping_) {
      if (!utf8_.feed(data, size)) return close_code::invalid_payload;
      const bool had_more = kept_ != nullptr && !kept_->message.empty();
      if (!whole || had_more) keep().message.append(data, size);
    }
    if (!whole) return close_code::none;
    const opcode code = message_;
    const bool skipped = skipping_;
    message_ = opcode::continuation;
    skipping_ = false;
    if (code == opcode::binary) {
      kept_.reset();
      go_on = events.on_binary(static_cast<std::size_t>(announced_));
    } else if (skipped) {
      kept_.reset();
      go_on = events.on_oversized(static_cast<std::size_t>(announced_));
    } else if (!utf8_.complete()) {
      return close_code::invalid_payload;
    } else if (kept_ != nullptr && !kept_->message.empty()) {
      const std::unique_ptr<kept> message = std::move(kept_);
      go_on = events.on_text(std::string_view(message->message));
    } else {
      kept_.reset();
      go_on = events.on_text(std::string_view(data, size));
    }
    return close_code::none;
  }

  template <typename Events>
  std::uint16_t take_control(const char* data, std::size_t size, bool& go_on, Events& events) {
    std::string_view payload(data, size);
    const bool had_more = kept_ != nullptr && kept_->control_size != 0;
    if (remaining_ != 0 || had_more) {
      kept& store = keep();
      std::memcpy(store.control.data() + store.control_size, data, size);
      store.control_size += size;
      if (remaining_ != 0) return close_code::none;
      payload = std::string_view(store.control.data(), store.control_size);
      store.control_size = 0;
    }
    std::uint16_t failure = close_code::none;
    if (frame_opcode_ == opcode::ping) {
      go_on = events.on_ping(payload);
    } else if (frame_opcode_ == opcode::pong) {
      go_on = events.on_pong();
    } else {
      failure = take_close(payload, go_on, events);
    }
    if (message_ == opcode::continuation) kept_.reset();
    return failure;
  }

  template <typename Events>
  static std::uint16_t take_close(std::string_view payload, bool& go_on, Events& events) {
    namespace status = websocketpp::close::status;
    go_on = false;  // nothing follows a close frame
    if (payload.empty()) {
      events.on_close(close_code::no_status, std::string_view());
      return close_code::none;
    }
    if (payload.size() == 1) return close_code::protocol_error;
    const auto high = static_cast<unsigned char>(payload[0]);
    const auto low = static_cast<unsigned char>(payload[1]);
    const auto code = static_cast<std::uint16_t>((high << 8) | low);
    if (status::invalid(code) || status::reserved(code)) return close_code::protocol_error;
    payload.remove_prefix(2);
    utf8_checker checker;
    if (!checker.feed(payload.data(), payload.size()) || !checker.complete()) {
      return close_code::invalid_payload;
    }
    events.on_close(code, payload);
    return close_code::none;
  }

  kept& keep() {
    if (kept_ == nullptr) kept_ = std::make_unique<kept>();
    return *kept_;
  }

  std::unique_ptr<kept> kept_;
  std::uint64_t remaining_ = 0;  // payload bytes of the frame that have not come yet
  std::uint64_t announced_ = 0;  // payload bytes of the message, by its frame headers
  std::size_t key_ = 0;
  opcode frame_opcode_ = opcode::continuation;
  opcode message_ = opcode::continuation;  // text or binary while a message is open
  std::array<unsigned char, websocketpp::frame::MAX_HEADER_LENGTH> head_{};
  std::uint16_t empty_fragments_ = 0;
  std::uint8_t head_size_ = 0;
  utf8_checker utf8_;
  bool in_payload_ = false;
  bool masked_ = false;
  bool final_ = false;
  bool skipping_ = false;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/websocketpp_handshake.hpp

// The opening handshake of RFC 6455 section 4, server and client side, by websocketpp's
// processor::hybi13. Version 13 only; extensions are declined by not answering their offers. hybi13
// looks at the key for being there only: what it has to be is checked here. No sockets, no limits
// of time or size.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <websocketpp/common/memory.hpp>  // response.hpp uses shared_ptr without including it
#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>
#include <websocketpp/extensions/permessage_deflate/disabled.hpp>
#include <websocketpp/message_buffer/alloc.hpp>
#include <websocketpp/message_buffer/message.hpp>
#include <websocketpp/processors/hybi13.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agent_websocket {
namespace adapters {

/// What the headers of a request ask for.
enum class upgrade_request {
  none,           ///< plain HTTP
  well_formed,    ///< may be answered with 101
  wrong_version,  ///< a WebSocket, but not version 13: 426
  malformed,      ///< a WebSocket handshake that breaks RFC 6455 section 4.1: 400
};

namespace detail {

/// What hybi13 wants to know at compile time. It is used for the handshake only, so that messages,
/// masking keys and extensions stand here by name alone.
struct handshake_config {
  using request_type = websocketpp::http::parser::request;
  using response_type = websocketpp::http::parser::response;
  using message_type =
      websocketpp::message_buffer::message<websocketpp::message_buffer::alloc::con_msg_manager>;
  using con_msg_manager_type = websocketpp::message_buffer::alloc::con_msg_manager<message_type>;
  struct rng_type {
    std::uint32_t operator()() const noexcept { return 0; }
  };
  struct permessage_deflate_config {
    using request_type = handshake_config::request_type;
  };
  using permessage_deflate_type =
      websocketpp::extensions::permessage_deflate::disabled<permessage_deflate_config>;
  static constexpr bool enable_extensions = false;
  static constexpr std::size_t max_message_size = 0;
};

/// The processor. Only its const functions are used, which read nothing but its parameters: one
/// serves all connections of all threads.
inline const websocketpp::processor::hybi13<handshake_config>& handshake_processor() {
  static handshake_config::rng_type no_random;
  static const websocketpp::processor::hybi13<handshake_config> instance(false, true, nullptr,
                                                                         no_random);
  return instance;
}

/// True when the comma-separated list holds the token, whatever its case.
inline bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (http::iequals(http::trim(list.substr(0, comma)), token)) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

/// True for the base64 of 16 bytes: 22 characters and two pads.
inline bool is_handshake_key(std::string_view key) {
  if (key.size() != 24 || key.substr(22) != "==") return false;
  for (const char c : key.substr(0, 22)) {
    if (!websocketpp::is_base64(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

}  // namespace detail

/// Looks at a request that was read whole.
inline upgrade_request upgrade_of(const websocketpp::http::parser::request& request) {
  if (!detail::has_token(request.get_header("Upgrade"), "websocket") ||
      !detail::has_token(request.get_header("Connection"), "upgrade")) {
    return upgrade_request::none;
  }
  if (request.get_header("Sec-WebSocket-Version") != "13") return upgrade_request::wrong_version;
  if (detail::handshake_processor().validate_handshake(request) ||
      !detail::is_handshake_key(request.get_header("Sec-WebSocket-Key"))) {
    return upgrade_request::malformed;
  }
  return upgrade_request::well_formed;
}

/// The value of Sec-WebSocket-Accept for a well-formed request.
inline std::string accept_key_of(const websocketpp::http::parser::request& request) {
  websocketpp::http::parser::response answer;
  detail::handshake_processor().process_handshake(request, std::string(), answer);
  return answer.get_header("Sec-WebSocket-Accept");
}

/// A client's handshake: the request's bytes and what is needed to check the answer.
struct client_handshake {
  std::string bytes;
  std::string key;

  /// `host` as it stands in a Host field ("example.org:8080"), `nonce` 16 fresh random bytes.
  /// Fields of `headers` that belong to the handshake itself are left out.
  static client_handshake make(std::string_view host, std::string_view target,
                               const http::header_list& headers,
                               const std::array<unsigned char, 16>& nonce) {
    client_handshake made;
    made.key = websocketpp::base64_encode(nonce.data(), nonce.size());
    made.bytes.append("GET ").append(target).append(" HTTP/1.1\r\nHost: ").append(host);
    made.bytes.append("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13");
    made.bytes.append("\r\nSec-WebSocket-Key: ").append(made.key).append("\r\n");
    for (const auto& [name, value] : headers) {
      if (is_own_field(name)) continue;
      made.bytes.append(name).append(": ").append(http::sanitize_field_value(value)).append("\r\n");
    }
    made.bytes.append("\r\n");
    return made;
  }

  /// Checks the head of the answer, from its status line to the empty line. The error's detail
  /// holds the status line of a server that refused; see refusal_status.
  result<void> check(std::string_view head) const {
    const auto refuse = [](std::string words) {
      return error(errc::connection_failed, "The server refused the WebSocket", std::move(words));
    };
    const std::string_view status_line = head.substr(0, head.find('\r'));
    // Before websocketpp sees it: it makes an enumerator of whatever number stands here.
    if (status_line.substr(0, 12) != "HTTP/1.1 101") {
      return refuse(http::sanitize_field_value(status_line.substr(0, 200)));
    }
    try {
      websocketpp::http::parser::response answer;
      answer.consume(head.data(), head.size());
      websocketpp::http::parser::request request;
      request.replace_header("Sec-WebSocket-Key", key);
      if (detail::handshake_processor().validate_server_handshake_response(request, answer)) {
        return refuse("the answer to the handshake is no WebSocket's");
      }
      if (!answer.get_header("Sec-WebSocket-Extensions").empty()) {
        return refuse("the server chose an extension that was not offered");
      }
    } catch (const websocketpp::http::exception& failure) {
      return refuse(failure.what());
    }
    return {};
  }

  /// The HTTP status of an answer that refused; 0 when it is none, or no refusal.
  static int refusal_status(std::string_view head) noexcept {
    if (head.substr(0, 7) != "HTTP/1." || head.size() < 12 || head[8] != ' ') return 0;
    int status = 0;
    for (const char digit : head.substr(9, 3)) {
      if (digit < '0' || digit > '9') return 0;
      status = status * 10 + (digit - '0');
    }
    return status >= 100 && status != 101 ? status : 0;
  }

 private:
  static bool is_own_field(std::string_view name) {
    for (const std::string_view own :
         {"Host", "Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key",
          "Sec-WebSocket-Extensions", "Content-Length", "Transfer-Encoding"}) {
      if (http::iequals(name, own)) return true;
    }
    return false;
  }
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/websocketpp_client_line.hpp

// A client's WebSocket (RFC 6455) over a TCP connection that stands: handshake, masked frames,
// pongs, close. One line is one connection; see websocketpp_connector for how it comes about. No
// TLS, no extensions.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

struct connector_settings {
  /// Larger texts end the connection with 1009.
  std::size_t max_message_bytes = 16 * 1024 * 1024;
  std::chrono::milliseconds connect_timeout{10'000};  ///< from open() to on_open
  std::chrono::milliseconds close_timeout{5'000};
};

class websocketpp_client_line final : public asio_link {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Sends the handshake. `deadline`: for its answer.
  static link_pointer<websocketpp_client_line> begin(asio_socket socket,
                                                     client_transport_sink& sink,
                                                     client_handshake handshake,
                                                     const connector_settings& settings,
                                                     time_point deadline) {
    link_pointer<websocketpp_client_line> line(
        new websocketpp_client_line(std::move(socket), sink, std::move(handshake), settings));
    line->output_.tail() = line->handshake_.bytes;
    line->post_flush();
    line->watch(deadline);
    line->wait_readable();
    return line;
  }

  /// Bytes that wait; 0 when the line is not open.
  std::size_t send(std::string_view text) {
    if (phase_ != phase::open) return 0;
    append(opcode::text, text);
    return output_.pending();
  }

  void ping() {
    if (phase_ == phase::open) append(opcode::ping, std::string_view());
  }

  void close(std::uint16_t code, std::string_view reason) {
    if (phase_ == phase::gone || (phase_ == phase::closing && code != close_code::abnormal)) return;
    const bool was_open = phase_ == phase::open;
    if (phase_ != phase::closing) {
      closing_with_ = code;
      closing_reason_ = std::string(reason);
    }
    phase_ = phase::closing;
    if (was_open && code != close_code::abnormal) {
      append(opcode::close, close_payload(code, reason));
      watch(std::chrono::steady_clock::now() + settings_.close_timeout);
    } else {
      is_cancelled_ = !was_open && handshaking_;
      watch(std::chrono::steady_clock::now());  // reported by the executor, soon
    }
  }

  /// Nothing is called from now on.
  void drop() { end(); }

  bool is_open() const noexcept { return phase_ == phase::open; }

  // Events of the frame reader.
  bool on_text(std::string_view text) {
    if (phase_ == phase::open) sink_->on_text(text);
    return phase_ != phase::gone;
  }
  bool on_binary(std::size_t) { return true; }
  bool on_oversized(std::size_t) {
    break_off(close_code::too_big);
    return false;
  }
  bool on_ping(std::string_view payload) {
    if (phase_ == phase::open) append(opcode::pong, payload);
    return true;
  }
  bool on_pong() { return true; }
  bool on_close(std::uint16_t code, std::string_view reason) {
    if (phase_ == phase::open) append(opcode::close, close_payload(code, std::string_view()));
    transmit(output_);
    report_close(code, reason);
    return false;
  }

 private:
  enum class phase : std::uint8_t { handshake, open, closing, gone };
  static constexpr std::size_t read_bytes = 16 * 1024;
  static constexpr std::size_t max_head_bytes = 16 * 1024;

  websocketpp_client_line(asio_socket from, client_transport_sink& sink, client_handshake handshake,
                          const connector_settings& settings)
      : asio_link(std::move(from)),
        sink_(&sink),
        handshake_(std::move(handshake)),
        settings_(settings),
        timer_(socket().get_executor()) {
    limits_.max_message_bytes = settings.max_message_bytes;
    limits_.expect_masked = false;
  }
  ~websocketpp_client_line() override = default;

  void append(opcode code, std::string_view payload) {
    append_masked_frame(output_.tail(), code, payload, static_cast<std::uint32_t>(random_.bits()));
    post_flush();
  }

  void post_flush() {
    if (std::exchange(flush_posted_, true)) return;
    asio::post(socket().get_executor(),
               [self = link_pointer<websocketpp_client_line>(this)] { self->on_writable(); });
  }

  void on_writable() override {
    flush_posted_ = false;
    if (phase_ == phase::gone) return;
    switch (transmit(output_)) {
      case io_outcome::done: return;
      case io_outcome::blocked: return wait_writable();
      case io_outcome::ended: return lost("the connection was closed");
    }
  }

  void on_readable() override {
    std::array<char, read_bytes> data;
    std::size_t size = 0;
    if (receive(data.data(), data.size(), size) == io_outcome::ended) {
      return lost("the connection was closed");
    }
    if (size > 0 && phase_ == phase::open) sink_->on_alive();
    if (phase_ == phase::gone) return;
    if (handshaking_) {
      take_answer(std::string_view(data.data(), size));
    } else {
      take_frames(data.data(), size);
    }
    if (phase_ != phase::gone) wait_readable();
  }

  void take_answer(std::string_view bytes) {
    head_.append(bytes);
    const std::size_t end = head_.find("\r\n\r\n");
    if (end == std::string::npos) {
      if (head_.size() > max_head_bytes) fail(errc::protocol_error, "the answer has no end");
      return;
    }
    const result<void> verdict = handshake_.check(std::string_view(head_).substr(0, end + 4));
    if (!verdict) {
      return fail(verdict.error().code, verdict.error().detail,
                  client_handshake::refusal_status(head_));
    }
    std::string rest = head_.substr(end + 4);
    std::string().swap(head_);
    handshaking_ = false;
    if (phase_ != phase::handshake) return;  // close() was called meanwhile
    phase_ = phase::open;
    timer_.cancel();
    sink_->on_open();
    if (rest.empty()) return;
    if (phase_ == phase::open) sink_->on_alive();
    take_frames(&rest[0], rest.size());
  }

  void take_frames(char* data, std::size_t size) {
    if (phase_ == phase::gone) return;
    const std::uint16_t failure = reader_.feed(data, size, limits_, *this);
    if (failure != close_code::none) break_off(failure);
  }

  void break_off(std::uint16_t failure) {
    if (phase_ == phase::open) {
      append(opcode::close, close_payload(failure, failure_reason(failure)));
      transmit(output_);
    }
    report_close(failure, failure_reason(failure));
  }

  void lost(std::string_view why) {
    if (handshaking_) return fail(is_cancelled_ ? errc::cancelled : errc::connection_failed, why);
    report_close(close_code::abnormal, std::string_view());
  }

  void report_close(std::uint16_t code, std::string_view reason) {
    client_transport_sink* const sink = sink_;
    const std::string ours = closing_reason_;
    const bool began = phase_ == phase::closing;
    if (!end()) return;
    sink->on_close(began ? closing_with_ : code, began ? std::string_view(ours) : reason);
  }

  void fail(errc failure, std::string_view detail, int status = 0) {
    client_transport_sink* const sink = sink_;
    const std::string words(detail);
    if (end()) sink->on_failed(make_error_code(failure), status, words);
  }

  /// True the first time.
  bool end() {
    if (phase_ == phase::gone) return false;
    phase_ = phase::gone;
    timer_.cancel();
    close_socket(false);
    return true;
  }

  void watch(time_point deadline) {
    timer_.expires_at(deadline);
    timer_.async_wait(
        [self = link_pointer<websocketpp_client_line>(this)](const std::error_code& failure) {
          if (!failure && self->phase_ != phase::gone) self->on_deadline();
        });
  }

  void on_deadline() {
    if (!handshaking_) return report_close(close_code::abnormal, std::string_view());
    fail(is_cancelled_ ? errc::cancelled : errc::timeout_connect, "no answer to the handshake");
  }

  client_transport_sink* sink_;
  client_handshake handshake_;
  connector_settings settings_;
  asio_timer timer_;
  frame_limits limits_;
  frame_reader reader_;
  output_buffer output_;
  random_source random_;
  std::string head_;  // of an unfinished answer
  std::string closing_reason_;
  std::uint16_t closing_with_ = close_code::none;
  phase phase_ = phase::handshake;
  bool handshaking_ = true;
  bool is_cancelled_ = false;
  bool flush_posted_ = false;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/websocketpp_connector.hpp

// The client side of a WebSocket (RFC 6455 section 4.1) on Asio: takes a ws:// address apart,
// resolves the name, connects, and leaves the rest to websocketpp_client_line. One connection at a
// time; connecting again is its user's business. No TLS. Model of ClientTransport.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <asio/connect.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

class websocketpp_connector {
 public:
  /// The context outlives the connector.
  explicit websocketpp_connector(asio::io_context& context, connector_settings settings = {})
      : context_(context), settings_(settings) {}
  websocketpp_connector(const websocketpp_connector&) = delete;
  websocketpp_connector& operator=(const websocketpp_connector&) = delete;
  ~websocketpp_connector() { drop(); }

  /// Reports to `sink`, which outlives the connector; after its destructor the sink is not called.
  void start(client_transport_sink& sink) { sink_ = &sink; }

  /// Connects to "ws://host:port/path?query". What was before is dropped without a word.
  /// Precondition: start() was called.
  void open(std::string_view url, const http::header_list& headers = {}) {
    drop();
    attempt_ = std::make_shared<attempt>(*this);
    attempt_->begin(url, headers);
  }

  /// Sends a text message; returns the bytes that wait, 0 when no WebSocket stands.
  std::size_t send(std::string_view text) { return line_ ? line_->send(text) : 0; }
  void ping() {
    if (line_) line_->ping();
  }
  /// Begins the closing handshake; 1006 ends the connection at once. Before on_open it cancels.
  void close(std::uint16_t code = close_code::normal, std::string_view reason = {}) {
    if (line_) {
      line_->close(code, reason);
    } else if (attempt_) {
      attempt_->fail_later(errc::cancelled, "closed before the connection stood");
    }
  }
  bool is_open() const noexcept { return line_ && line_->is_open(); }

 private:
  using line_pointer = link_pointer<websocketpp_client_line>;

  /// From an address to a TCP connection. Pending operations hold it; `owner` is null once it is
  /// given up.
  struct attempt : std::enable_shared_from_this<attempt> {
    explicit attempt(websocketpp_connector& of)
        : owner(&of),
          deadline(std::chrono::steady_clock::now() + of.settings_.connect_timeout),
          resolver(of.context_),
          socket(of.context_.get_executor()),
          timer(of.context_) {}

    void begin(std::string_view url, const http::header_list& headers) {
      const std::size_t mark = url.find('?');
      const std::string_view base = url.substr(0, mark);
      const std::string query(mark == std::string_view::npos ? std::string_view()
                                                             : url.substr(mark));
      if (!http::iequals(base.substr(0, 5), "ws://"))
        return fail_later(errc::bad_configuration, "the address must begin with ws://");
      const auto parsed = http::parse_url("http" + std::string(base.substr(2)));
      if (!parsed) return fail_later(errc::bad_configuration, parsed.error().message);
      for (const char c : query) {
        if (c <= 0x20 || c >= 0x7F || c == '#')
          return fail_later(errc::bad_configuration, "the query holds a character that none has");
      }
      const bool is_ipv6 = parsed->host.find(':') != std::string::npos;
      host =
          (is_ipv6 ? "[" + parsed->host + "]" : parsed->host) + ":" + std::to_string(parsed->port);
      random_source random;
      std::array<unsigned char, 16> nonce;
      for (unsigned char& each : nonce) each = static_cast<unsigned char>(random.bits() & 0xFF);
      handshake = client_handshake::make(host, parsed->path + query, headers, nonce);

      timer.expires_at(deadline);
      timer.async_wait([self = shared_from_this()](std::error_code cancelled) {
        if (!cancelled)
          self->fail(errc::timeout_connect, "no connection to " + self->host + " in time");
      });
      resolver.async_resolve(
          parsed->host, std::to_string(parsed->port),
          [self = shared_from_this()](std::error_code failure, const auto& addresses) {
            if (failure) return self->fail_for("cannot resolve ", failure);
            self->connect(addresses);
          });
    }

    void connect(const asio::ip::tcp::resolver::results_type& addresses) {
      if (owner == nullptr) return;
      asio::async_connect(socket, addresses,
                          [self = shared_from_this()](std::error_code failure, const auto&) {
                            if (failure) return self->fail_for("cannot connect to ", failure);
                            self->hand_over();
                          });
    }

    void hand_over() {
      if (owner == nullptr) return;
      timer.cancel();
      std::error_code ignored;
      socket.set_option(asio::ip::tcp::no_delay(true), ignored);
      socket.non_blocking(true, ignored);  // else a write to a peer that does not read would wait
      websocketpp_connector& to = *std::exchange(owner, nullptr);
      const auto self = std::exchange(to.attempt_, nullptr);
      to.line_ = websocketpp_client_line::begin(std::move(socket), *to.sink_, std::move(handshake),
                                                to.settings_, deadline);
    }

    void fail_for(std::string_view what, const std::error_code& why) {
      fail(errc::connection_failed, std::string(what) + host + ": " + why.message());
    }

    void fail_later(errc code, std::string detail) {
      asio::post(timer.get_executor(), [self = shared_from_this(), code,
                                        detail = std::move(detail)] { self->fail(code, detail); });
    }

    void fail(errc code, std::string_view detail) {
      if (owner == nullptr) return;
      client_transport_sink& to = *owner->sink_;
      const std::string words(detail);
      const auto self = std::exchange(owner->attempt_, nullptr);
      give_up();
      to.on_failed(make_error_code(code), 0, words);
    }

    void give_up() {
      owner = nullptr;
      std::error_code ignored;
      resolver.cancel();
      socket.close(ignored);
      timer.cancel();
    }

    websocketpp_connector* owner;
    std::chrono::steady_clock::time_point deadline;
    std::string host;  // as in the Host field
    client_handshake handshake;
    asio::ip::tcp::resolver resolver;
    asio_socket socket;
    asio_timer timer;
  };

  void drop() {
    if (const auto former = std::exchange(attempt_, nullptr)) former->give_up();
    if (line_) {
      const line_pointer former = std::move(line_);
      former->drop();
    }
  }

  asio::io_context& context_;
  client_transport_sink* sink_ = nullptr;
  connector_settings settings_;
  std::shared_ptr<attempt> attempt_;
  line_pointer line_;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/host/client.hpp

// `client`: basic_client with the shipped policies, ready to use: websocketpp_connector and
// asio_scheduler on one io_context, its own or the program's. Programs that bring other policies,
// such as a transport with TLS, use basic_client.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <asio/executor_work_guard.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

/// All calls but post() on the thread that runs the io_context.
class client {
 public:
  using basic_type = basic_client<adapters::websocketpp_connector, adapters::asio_scheduler>;

  /// Runs on an io_context of its own: call run(). The sink outlives the client.
  explicit client(client_sink& sink, client_options options = {})
      : own_(std::make_unique<asio::io_context>(1)),
        context_(*own_),
        parts_(context_, sink, std::move(options)) {}

  /// Runs on the program's io_context, which outlives the client: call start(), and run the context
  /// on one thread.
  client(client_sink& sink, client_options options, asio::io_context& context)
      : context_(context), parts_(context, sink, std::move(options)) {}

  /// See basic_client for these.
  void start() { parts_.client.start(); }
  void stop() { parts_.client.stop(); }
  result<std::string> query(std::string_view content) { return parts_.client.query(content); }
  result<std::string> query(wire::query asked) { return parts_.client.query(std::move(asked)); }
  result<void> cancel(std::string_view ref = {}) { return parts_.client.cancel(ref); }
  result<std::string> decide(std::string_view request, client_decision decision,
                             std::string content = {}, std::string data = {}) {
    return parts_.client.decide(request, decision, std::move(content), std::move(data));
  }
  result<void> tool_result(std::string_view call, std::string data) {
    return parts_.client.tool_result(call, std::move(data));
  }
  result<void> tool_error(std::string_view call, std::string words) {
    return parts_.client.tool_error(call, std::move(words));
  }
  result<std::string> feedback(wire::human_feedback said) {
    return parts_.client.feedback(std::move(said));
  }
  result<std::string> command(wire::command wanted) {
    return parts_.client.command(std::move(wanted));
  }
  client_state state() const noexcept { return parts_.client.state(); }
  const client_transcript& transcript() const noexcept { return parts_.client.transcript(); }
  const std::deque<client_request>& requests() const noexcept { return parts_.client.requests(); }
  const resume_point& position() const noexcept { return parts_.client.position(); }
  const client_connection& connection() const noexcept { return parts_.client.connection(); }
  basic_type& basic() noexcept { return parts_.client; }

  /// Starts and runs the io_context until the client has stopped: by stop(), or because the server
  /// said that connecting again is no use. Blocks.
  void run() {
    start();
    if (context_.stopped()) context_.restart();
    const auto work = asio::make_work_guard(context_);  // a token may come from elsewhere
    while (state() != client_state::stopped && context_.run_one() != 0) {
    }
    context_.poll();  // the close frame leaves
  }

  /// Runs f() on the io_context. From any thread.
  void post(std::function<void()> f) { parts_.scheduler.post(std::move(f)); }

 private:
  // In the order in which they need each other.
  struct parts {
    parts(asio::io_context& context, client_sink& sink, client_options options)
        : scheduler(context),
          transport(context, settings()),
          client(transport, scheduler, sink, std::move(options)) {}

    static adapters::connector_settings settings() {
      adapters::connector_settings chosen;
      chosen.max_message_bytes =
          answer_text::max_bytes + 1024 * 1024;  // with what is around a text
      return chosen;
    }

    adapters::asio_scheduler scheduler;
    adapters::websocketpp_connector transport;
    basic_type client;
  };

  std::unique_ptr<asio::io_context> own_;
  asio::io_context& context_;
  parts parts_;
};

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/curl_error.hpp

// What a CURLcode means to the requirement HttpClient:
// https://curl.se/libcurl/c/libcurl-errors.html A code that is not listed there yet counts as a
// connection that failed, which is the answer that lets the caller try again.

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

#include <curl/curl.h>

#include <system_error>

namespace agent_websocket {
namespace adapters {

/// The completion of a transfer that ended with `code`. `head_done`: its whole header section was
/// received.
inline std::error_code curl_failure(CURLcode code, bool head_done) noexcept {
  switch (static_cast<int>(code)) {
    case CURLE_OK:
      // curl takes a header section that ends with the connection for a whole answer.
      return head_done ? std::error_code() : errc::protocol_error;
    case CURLE_OPERATION_TIMEDOUT: return errc::timeout_connect;  // the only timeout that is set
    case CURLE_OUT_OF_MEMORY:  // a header line above curl's own limit, before curl 8.6 ...
    case 100:                  // ... and CURLE_TOO_LARGE since
      return head_done ? errc::connection_failed : errc::too_large;
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9, and URLs that are neither http nor https
    case CURLE_URL_MALFORMAT:
    case CURLE_LOGIN_DENIED:  // a user name in the URL
      return errc::protocol_error;
    default: return errc::connection_failed;
  }
}

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

// --- agent_websocket/adapters/curl_url.hpp

// Whether a URL names this machine, as curl itself reads the URL: requests to it take no proxy.
// Names are not resolved. https://curl.se/libcurl/c/libcurl-url.html

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace agent_websocket {
namespace adapters {

/// True for localhost, names below it (RFC 6761), 127.0.0.0/8 and ::1.
inline bool is_loopback_host(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  constexpr std::string_view name = "localhost";
  if (http::iequals(host.substr(host.size() - std::min(host.size(), name.size())), name)) {
    return host.size() == name.size() || host[host.size() - name.size() - 1] == '.';
  }
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  std::error_code not_numeric;
  const auto address = asio::ip::make_address(std::string(host), not_numeric);
  if (not_numeric) return false;
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
  }
  return address.is_loopback();
}

/// The same for the host of an absolute URL; false when it is none.
inline bool is_loopback_url(const std::string& target) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
  char* host = nullptr;
  if (url == nullptr || curl_url_set(url.get(), CURLUPART_URL, target.c_str(), 0) != CURLUE_OK ||
      curl_url_get(url.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK) {
    return false;
  }
  const bool loopback = is_loopback_host(host);
  curl_free(host);
  return loopback;
}

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

// --- agent_websocket/adapters/curl_call.hpp

// One HTTP request as a libcurl easy handle: its settings, and its header and body callbacks turned
// into calls of an http_sink. Does not run anything: that is curl_multi's part.
// https://curl.se/libcurl/c/curl_easy_setopt.html

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Settings of a curl_http_client. There is none that switches the verification of certificates
/// and host names off.
struct curl_http_options {
  /// A PEM file of certificate authorities, in place of the system's file. Empty: the system's.
  std::string ca_file;
  /// Of the buffer that each open request reads into: what a stream costs in memory. 1 KiB to
  /// 512 KiB.
  std::size_t buffer_bytes = 4 * 1024;
  /// Connections above this number are closed when their request is done, not kept for the next.
  std::size_t max_kept_connections = 256;
  /// A kept connection is not used again after so long. Below the 60 s after which many servers
  /// close theirs, so that few requests meet a connection that is just being closed.
  std::chrono::seconds max_idle_time{50};
};

/// One request on its way. Its address is known to curl: it does not move.
class curl_call {
 public:
  curl_call(http_call_id id, http::request request, http_sink& sink,
            const curl_http_options& options)
      : id_(id), request_(std::move(request)), sink_(&sink), easy_(curl_easy_init()) {
    if (easy_ == nullptr) return;
    set_request();
    set_connection(options);
    set_callbacks();
  }
  curl_call(const curl_call&) = delete;
  curl_call& operator=(const curl_call&) = delete;

  /// Precondition: easy() was removed from its CURLM.
  ~curl_call() {
    curl_easy_cleanup(easy_);
    curl_slist_free_all(fields_);
  }

  http_call_id id() const noexcept { return id_; }
  CURL* easy() const noexcept { return easy_; }

  /// False: the request cannot be sent, and complete(CURLE_FAILED_INIT) says why.
  bool ready() const noexcept { return easy_ != nullptr && setting_ == CURLE_OK && !failure_; }

  /// From now on the sink is not called, and the transfer ends at its next callback.
  void abandon() noexcept { sink_ = nullptr; }

  /// Body bytes that curl delivers are refused until resume(), and the end is kept back.
  void pause() noexcept { paused_ = true; }
  /// True when there is something kept back to be told.
  bool resume() noexcept {
    paused_ = false;
    return held_ || ended_;
  }
  /// The transfer is over. False: nobody is to know yet.
  bool end(CURLcode code) noexcept {
    ended_ = code;
    return !paused_;
  }
  std::optional<CURLcode> ended() const noexcept { return ended_; }
  /// Delivers what was held, from inside of this call. Precondition: called by curl_multi::enter.
  void unpause() {
    if (paused_ || !held_) return;
    held_ = false;
    curl_easy_pause(easy_, CURLPAUSE_CONT);
  }

  /// Tells the sink how it ended, unless abandoned. `id` is dead then.
  void complete(CURLcode code) {
    if (sink_ == nullptr) return;
    http_sink& sink = *std::exchange(sink_, nullptr);
    if (setting_ != CURLE_OK) code = setting_;
    const std::error_code failure = failure_ ? failure_ : curl_failure(code, head_done_);
    std::string_view detail;
    if (failure_) {
      detail = failed_because_;
    } else if (failure && code == CURLE_OK) {
      detail = "the connection ended within the header section of the answer";
    } else if (failure) {
      detail = words_[0] != '\0' ? words_.data() : curl_easy_strerror(code);
    }
    sink.on_complete(id_, failure, detail);
  }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy_, option, value);
    if (setting_ == CURLE_OK) setting_ = code;
  }

  void fail(errc failure, const char* why) {
    failure_ = failure;
    failed_because_ = why;
  }

  static bool is_token(std::string_view text) {
    static constexpr std::string_view separators = "\"(),/:;<=>?@[\\]{}";
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
      return c > ' ' && c < '\x7F' && separators.find(c) == std::string_view::npos;
    });
  }

  void set_request() {
    if (!is_token(request_.method)) return fail(errc::protocol_error, "not a method name");
    set(CURLOPT_URL, request_.target.c_str());
    const bool is_head = request_.method == "HEAD";
    const bool has_body = !is_head && (!request_.body.empty() || request_.method == "POST" ||
                                       request_.method == "PUT" || request_.method == "PATCH");
    if (has_body) {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
      set(CURLOPT_POSTFIELDS, request_.body.data());  // not copied
    }
    if (is_head) {
      set(CURLOPT_NOBODY, 1L);
    } else if (request_.method != (has_body ? "POST" : "GET")) {
      set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    }
    for (const auto& [name, value] : request_.headers) {
      // Framing is curl's.
      if (http::iequals(name, "Content-Length") || http::iequals(name, "Transfer-Encoding")) {
        continue;
      }
      if (is_token(name)) add_field(name, http::sanitize_field_value(value));
    }
    // What curl would add of its own.
    if (has_body && !request_.headers.contains("Content-Type")) remove_field("Content-Type");
    if (!request_.headers.contains("Expect")) remove_field("Expect");
    if (!request_.headers.contains("User-Agent")) {
      set(CURLOPT_USERAGENT, "agent_websocket/" AGENT_WEBSOCKET_VERSION_STRING);
    }
    set(CURLOPT_HTTPHEADER, fields_);
  }

  // curl reads "Name;" as an empty field, "Name:" as the wish that there be none.
  void add_field(const std::string& name, const std::string& value) {
    append_field(value.empty() ? name + ";" : name + ": " + value);
  }
  void remove_field(const std::string& name) { append_field(name + ":"); }
  void append_field(const std::string& line) {
    curl_slist* const longer = curl_slist_append(fields_, line.c_str());
    if (longer == nullptr) return fail(errc::connection_failed, "out of memory");
    fields_ = longer;
  }

  void set_connection(const curl_http_options& options) {
    constexpr std::chrono::milliseconds no_limit = std::chrono::hours(24 * 20);  // fits any long
    const bool limited = request_.connect_timeout.count() > 0;
    const auto limit = limited ? std::min(request_.connect_timeout, no_limit) : no_limit;
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limit.count()));
    set(CURLOPT_NOSIGNAL, 1L);  // also lets the resolver's timeout work without SIGALRM
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_HTTP09_ALLOWED, 0L);
    set(CURLOPT_FOLLOWLOCATION, 0L);  // credentials stay with the host that they were meant for
    set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));  // and are not told a proxy
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
    set(CURLOPT_TCP_NODELAY, 1L);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_TCP_KEEPIDLE, 30L);
    set(CURLOPT_TCP_KEEPINTVL, 15L);
    set(CURLOPT_MAXAGE_CONN, static_cast<long>(options.max_idle_time.count()));
    set(CURLOPT_BUFFERSIZE, static_cast<long>(options.buffer_bytes));
    set(CURLOPT_UPLOAD_BUFFERSIZE, 16L * 1024);  // its 64 KiB live as long as the stream
#if LIBCURL_VERSION_NUM >= 0x075500
    set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    set(CURLOPT_QUICK_EXIT, 1L);  // cancelling does not wait for a name that is being resolved
#endif
    if (is_loopback_url(request_.target)) set(CURLOPT_PROXY, "");  // not even the environment's
  }

  void set_callbacks() {
    set(CURLOPT_PRIVATE, this);
    set(CURLOPT_ERRORBUFFER, words_.data());
    set(CURLOPT_HEADERFUNCTION, &curl_call::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &curl_call::on_write);
    set(CURLOPT_WRITEDATA, this);
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) noexcept {
    return static_cast<curl_call*>(self)->header_line({data, size}) ? size : 0;
  }
  static std::size_t on_write(char* data, std::size_t, std::size_t size, void* self) noexcept {
    return static_cast<curl_call*>(self)->body_bytes({data, size});
  }

  // Curl hands on one whole line a call: of every head (1xx answers have one), and of trailers.
  // False ends the transfer.
  bool header_line(std::string_view line) {
    if (sink_ == nullptr) return false;
    if (head_done_) return true;
    head_bytes_ += line.size();
    if (head_bytes_ > request_.max_header_bytes) {
      fail(errc::too_large, "the header section of the answer is too large");
      return false;
    }
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    if (line.substr(0, 5) == "HTTP/") {
      headers_.clear();
      last_ = {};
    } else if (line.empty()) {
      return head_end();
    } else if (line.front() == ' ' || line.front() == '\t') {
      last_.second += " " + std::string(http::trim(line));  // obs-fold, RFC 9112 section 5.2
    } else {
      add_last();
      const std::size_t colon = std::min(line.find(':'), line.size());
      last_.first = http::trim(line.substr(0, colon));
      last_.second = http::trim(line.substr(std::min(colon + 1, line.size())));
    }
    return true;
  }

  void add_last() {
    if (!last_.first.empty()) headers_.add(std::move(last_.first), std::move(last_.second));
    last_ = {};
  }

  bool head_end() {
    add_last();
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    if (status == 101) {
      fail(errc::protocol_error, "the server switched protocols, which nobody asked for");
      return false;
    }
    if (status >= 100 && status < 200) return true;  // the answer itself is still to come
    head_done_ = true;
    sink_->on_head(id_, static_cast<int>(status), headers_);
    return sink_ != nullptr;
  }

  std::size_t body_bytes(std::string_view bytes) {
    if (sink_ == nullptr) return 0;
    if (paused_) {
      held_ = true;
      return CURL_WRITEFUNC_PAUSE;
    }
    sink_->on_body(id_, bytes);
    return sink_ != nullptr ? bytes.size() : 0;
  }

  const http_call_id id_;
  const http::request request_;
  http_sink* sink_;  // null: nobody waits for the answer any more
  CURL* const easy_;
  curl_slist* fields_ = nullptr;
  CURLcode setting_ = CURLE_OK;  // the first setting that failed
  std::error_code failure_;      // ours; otherwise what curl says counts
  const char* failed_because_ = "";
  std::array<char, CURL_ERROR_SIZE> words_{};
  http::header_list headers_;
  http::header_list::field last_;  // may still be continued
  std::size_t head_bytes_ = 0;
  bool head_done_ = false;
  bool paused_ = false;
  bool held_ = false;  // by curl, which has to be told to go on
  std::optional<CURLcode> ended_;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

// --- agent_websocket/adapters/curl_multi.hpp

// Runs libcurl's multi interface on an asio::io_context: tells Asio which sockets and which time
// curl waits for, and curl when they are ready. Knows nothing about requests.
// https://curl.se/libcurl/c/libcurl-multi.html, "multi_socket".

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

#include <asio/posix/basic_stream_descriptor.hpp>
#include <curl/curl.h>

#ifndef ASIO_HAS_POSIX_STREAM_DESCRIPTOR
#error "curl_multi needs a POSIX system: set AGENT_WEBSOCKET_WITH_CURL to 0, bring an HttpClient"
#endif

#include <cassert>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Owns a CURLM. Its user adds and removes transfers by curl_multi_add_handle and
/// curl_multi_remove_handle, and only while inside() is false: curl forbids that in its callbacks.
class curl_multi {
 public:
  /// `on_turn` is called after each time that curl has worked, outside of its callbacks: the moment
  /// to read curl_multi_info_read, and to add and remove what had to wait. The context must
  /// outlive the object.
  curl_multi(asio::io_context& context, std::function<void()> on_turn)
      : context_(context), timer_(context), on_turn_(std::move(on_turn)) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (initialised == CURLE_OK) multi_ = curl_multi_init();
    if (multi_ == nullptr) return;
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &curl_multi::on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &curl_multi::on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  }
  curl_multi(const curl_multi&) = delete;
  curl_multi& operator=(const curl_multi&) = delete;

  /// Closes the pooled connections. Precondition: all transfers were removed, and !inside().
  ~curl_multi() {
    assert(!inside_);
    alive_.reset();
    if (multi_ == nullptr) return;
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, nullptr);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, nullptr);
    for (const auto& each : sockets_) each.second->let_go();
    curl_multi_cleanup(multi_);
  }

  /// Null when curl could not be initialised.
  CURLM* handle() const noexcept { return multi_; }

  /// True while curl works, so that its callbacks may be on the stack.
  bool inside() const noexcept { return inside_; }

  /// Lets curl work: `f` calls it. Then comes on_turn. Precondition: !inside().
  template <typename Function>
  void enter(Function f) {
    assert(!inside_);
    inside_ = true;
    f();
    inside_ = false;
    on_turn_();
  }

  /// Runs `f` in the next turn of the executor, unless the object is gone by then.
  template <typename Function>
  void post(Function f) {
    asio::post(context_, [alive = watch_, f = std::move(f)] {
      if (!alive.expired()) f();
    });
  }

 private:
  // One socket that curl waits for. The handlers of its two waits keep it, `removed` tells them
  // that curl does not want them any more.
  using watcher = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

  struct socket : std::enable_shared_from_this<socket> {
    socket(curl_multi& multi, curl_socket_t number)
        : owner(multi), descriptor(multi.context_.get_executor()), fd(number) {}

    void want(int what) {
      wanted = what;
      if ((wanted & CURL_POLL_IN) != 0 && !reading) wait(CURL_POLL_IN, reading);
      if ((wanted & CURL_POLL_OUT) != 0 && !writing) wait(CURL_POLL_OUT, writing);
    }

    void wait(int direction, bool& waiting) {
      waiting = true;
      descriptor.async_wait(
          direction == CURL_POLL_IN ? watcher::wait_read : watcher::wait_write,
          [self = this->shared_from_this(), direction, &waiting](std::error_code failure) {
            waiting = false;
            if (!self->removed) self->ready(direction, failure);
          });
    }

    // A direction that was armed and is not wanted by now stays quiet until it is wanted again.
    void ready(int direction, std::error_code failure) {
      if ((wanted & direction) == 0) return;
      const int event = failure                     ? CURL_CSELECT_ERR
                        : direction == CURL_POLL_IN ? CURL_CSELECT_IN
                                                    : CURL_CSELECT_OUT;
      owner.act(fd, event);
      if (!removed) want(wanted);
    }

    // Before curl closes the socket, or keeps it for later.
    void let_go() {
      removed = true;
      if (descriptor.is_open()) descriptor.release();
    }

    curl_multi& owner;
    watcher descriptor;
    const curl_socket_t fd;
    int wanted = 0;
    bool reading = false;
    bool writing = false;
    bool removed = false;
  };

  void act(curl_socket_t fd, int events) {
    enter([&] {
      int running = 0;
      curl_multi_socket_action(multi_, fd, events, &running);
    });
  }

  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void* of_socket) noexcept {
    static_cast<curl_multi*>(self)->socket_wanted(fd, what, static_cast<socket*>(of_socket));
    return 0;  // anything else makes the CURLM useless for ever
  }

  void socket_wanted(curl_socket_t fd, int what, socket* known) {
    if (what == CURL_POLL_REMOVE) {
      if (known == nullptr) return;
      known->let_go();
      curl_multi_assign(multi_, fd, nullptr);
      sockets_.erase(known);
      return;
    }
    if (known == nullptr) {
      auto made = std::make_shared<socket>(*this, fd);
      known = made.get();
      sockets_.emplace(known, std::move(made));
      curl_multi_assign(multi_, fd, known);
      std::error_code failure;
      known->descriptor.assign(fd, failure);
      if (failure) {  // out of memory or of epoll watches: let curl find the socket broken
        post([this, fd] { act(fd, CURL_CSELECT_ERR); });
        return;
      }
    }
    if (known->descriptor.is_open()) known->want(what);
  }

  static int on_timer(CURLM*, long milliseconds, void* self) noexcept {
    static_cast<curl_multi*>(self)->time_wanted(milliseconds);
    return 0;
  }

  // Curl may not be called from here, so also a timeout of 0 takes its turn.
  void time_wanted(long milliseconds) {
    const std::uint64_t turn = ++timer_turn_;
    const auto expired = [this, turn, alive = watch_](std::error_code failure = {}) {
      if (failure || alive.expired() || turn != timer_turn_) return;
      act(CURL_SOCKET_TIMEOUT, 0);
    };
    if (timer_armed_) timer_.cancel();
    timer_armed_ = milliseconds > 0;
    if (milliseconds < 0) return;
    if (milliseconds == 0) return asio::post(context_, expired);
    timer_.expires_after(std::chrono::milliseconds(milliseconds));
    timer_.async_wait(expired);
  }

  asio::io_context& context_;
  asio::steady_timer timer_;
  std::function<void()> on_turn_;
  CURLM* multi_ = nullptr;
  std::unordered_map<socket*, std::shared_ptr<socket>> sockets_;
  std::uint64_t timer_turn_ = 0;
  bool timer_armed_ = false;
  bool inside_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  const std::weak_ptr<char> watch_ = alive_;  // handlers look here before they touch anything
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

// --- agent_websocket/adapters/curl_http_client.hpp

// Model of the requirement HttpClient (policy/http_client.hpp) on libcurl: HTTP/1.1 with TLS, a
// pool of kept connections, and the proxies of the environment (never for this machine itself). No
// redirects, no cookies, no decompression: a body is handed on as it came, and a Content-Encoding
// that the server applied without being asked is there in the headers.

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// Used on the executor of its context only. The context must outlive it; a sink function must not
/// destroy it. A request that was sent on a kept connection which the server had closed meanwhile
/// is sent once more, by curl, on a new one. A body with neither Content-Length nor chunks ends
/// with its connection, and even TLS does not tell then whether it was cut.
class curl_http_client {
 public:
  explicit curl_http_client(asio::io_context& context, curl_http_options options = {})
      : options_(std::move(options)), multi_(context, [this] { tidy(); }) {
    curl_multi_setopt(multi_.handle(), CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
    const std::size_t most = std::min<std::size_t>(options_.max_kept_connections, 1'000'000);
    curl_multi_setopt(multi_.handle(), CURLMOPT_MAXCONNECTS, static_cast<long>(most));
  }
  curl_http_client(const curl_http_client&) = delete;
  curl_http_client& operator=(const curl_http_client&) = delete;

  /// Ends what is open; no sink is called.
  ~curl_http_client() {
    for (const auto& each : calls_) remove(*each.second);
  }

  http_call_id start(http::request request, http_sink& sink) {
    const http_call_id id = ++last_id_;
    calls_.emplace(id, std::make_unique<curl_call>(id, std::move(request), sink, options_));
    if (multi_.inside()) {
      starting_.push_back(id);
    } else {
      add(id);
    }
    return id;
  }

  void cancel(http_call_id id) {
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    std::unique_ptr<curl_call> call = std::move(found->second);
    calls_.erase(found);
    call->abandon();
    if (multi_.inside()) {
      cancelled_.push_back(std::move(call));
    } else {
      remove(*call);
    }
  }

  void pause(http_call_id id) {
    const auto found = calls_.find(id);
    if (found != calls_.end()) found->second->pause();
  }

  void resume(http_call_id id) {
    const auto found = calls_.find(id);
    if (found == calls_.end() || !found->second->resume()) return;
    multi_.post([this, id] {
      const auto still = calls_.find(id);
      if (still == calls_.end()) return;
      curl_call& call = *still->second;
      if (call.ended()) return finish(id, *call.ended());
      multi_.enter([&call] { call.unpause(); });
    });
  }

  /// How many requests are neither completed nor cancelled.
  std::size_t open_calls() const noexcept { return calls_.size(); }

 private:
  void add(http_call_id id) {
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;  // cancelled before it began
    curl_call& call = *found->second;
    if (call.ready() && curl_multi_add_handle(multi_.handle(), call.easy()) == CURLM_OK) return;
    multi_.post([this, id] { finish(id, CURLE_FAILED_INIT); });
  }

  void remove(curl_call& call) {
    call.abandon();
    // Closes the connection, unless its answer is complete.
    if (call.easy() != nullptr) curl_multi_remove_handle(multi_.handle(), call.easy());
  }

  // What could not be done while curl worked, and what it has completed.
  void tidy() {
    for (const auto& each : std::exchange(cancelled_, {})) remove(*each);
    for (const http_call_id id : std::exchange(starting_, {})) add(id);
    int left = 0;
    while (CURLMsg* const message = curl_multi_info_read(multi_.handle(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      curl_call* call = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
      finish(call->id(), message->data.result);
    }
  }

  void finish(http_call_id id, CURLcode code) {
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    CURL* const easy = found->second->easy();
    if (easy != nullptr) curl_multi_remove_handle(multi_.handle(), easy);
    if (!found->second->end(code)) return;
    const std::unique_ptr<curl_call> call = std::move(found->second);
    calls_.erase(found);
    call->complete(code);
  }

  const curl_http_options options_;
  curl_multi multi_;
  std::unordered_map<http_call_id, std::unique_ptr<curl_call>> calls_;
  std::vector<http_call_id> starting_;                 // by a sink function, while curl works
  std::vector<std::unique_ptr<curl_call>> cancelled_;  // the same
  http_call_id last_id_ = 0;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

// --- agent_websocket/adapters/stderr_logger.hpp

// Model of the requirement Logger (policy/logger.hpp): one line per record to standard error or
// another file descriptor, as text for people or as a JSON object (RFC 8259) for machines. No
// files, no rotation, no thread of its own: that is the service manager's business.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace agent_websocket {
namespace adapters {

enum class log_format { text, json };

/// Lines are cut here: what POSIX writes to a pipe in one piece, so that lines of several processes
/// do not mix (PIPE_BUF).
inline constexpr std::size_t max_log_line_bytes = 4096;

namespace detail {

/// Appends `text` a character at a time, each as `escape` writes it, while the line stays shorter
/// than `limit`; what is cut off is marked by "...".
template <typename Escape>
void append_within(std::string& line, std::string_view text, std::size_t limit, Escape escape) {
  constexpr std::string_view mark = "...";
  std::size_t fits = line.size();  // the longest length that leaves space for the mark
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    const std::size_t taken = length == 0 ? 1 : length;
    if (line.size() + mark.size() <= limit) fits = line.size();
    escape(line, text.substr(0, taken), length != 0);
    if (line.size() > limit) {
      line.resize(fits);
      line += mark;
      return;
    }
    text.remove_prefix(taken);
  }
}

/// For a terminal: control characters (C0, DEL, C1) as \n, \t or \x1b, invalid bytes as \xff.
inline void escape_for_people(std::string& line, std::string_view character, bool valid) {
  static constexpr char digits[] = "0123456789abcdef";
  const auto first = static_cast<unsigned char>(character.front());
  const bool c1 =
      character.size() == 2 && first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
  if (valid && !c1 && first >= 0x20 && first != 0x7F && first != '\\') {
    line += character;
    return;
  }
  const auto byte = c1 ? static_cast<unsigned char>(character[1]) : first;
  switch (byte) {
    case '\n': line += "\\n"; return;
    case '\r': line += "\\r"; return;
    case '\t': line += "\\t"; return;
    case '\\': line += "\\\\"; return;
    default:
      line += "\\x";
      line += digits[byte >> 4];
      line += digits[byte & 0xF];
  }
}

inline void escape_for_json(std::string& line, std::string_view character, bool) {
  json::append_escaped(line, character);
}

}  // namespace detail

/// One record as a line, with its '\n', of at most max_log_line_bytes. Text:
///
///     2026-01-01T00:00:00.000Z info session_opened session=4f0c... resumed=false
///
/// JSON: an object with time, level and event, and with session and text where there are any.
inline std::string format_log_line(const log_record& record, wall_time when, log_format format) {
  std::string line;
  const auto add = [&line, format](std::string_view text, std::size_t limit) {
    if (format == log_format::json) {
      detail::append_within(line, text, limit, detail::escape_for_json);
    } else {
      detail::append_within(line, text, limit, detail::escape_for_people);
    }
  };
  const bool json = format == log_format::json;
  const std::size_t end = max_log_line_bytes - (json ? 3 : 1);  // "}\n and \n
  line += json ? "{\"time\":\"" : "";
  line += to_iso8601(when);
  line += json ? "\",\"level\":\"" : " ";
  line += to_string(record.level);
  line += json ? "\",\"event\":\"" : " ";
  add(record.event, end / 4);
  if (!record.session.empty()) {
    line += json ? "\",\"session\":\"" : " session=";
    add(record.session, end / 2);
  }
  if (!record.text.empty()) {
    line += json ? "\",\"text\":\"" : " ";
    add(record.text, end);
  }
  line += json ? "\"}\n" : "\n";
  return line;
}

/// Writes each record by one write(2). May be used from any thread. A line that cannot be written
/// is dropped; nobody waits for a log.
class stderr_logger {
 public:
  explicit stderr_logger(log_level least = log_level::info, log_format format = log_format::text,
                         int file_descriptor = 2)
      : least_(least), format_(format), file_descriptor_(file_descriptor) {}

  bool enabled(log_level level) const noexcept {
    return level >= least_ && level != log_level::off;
  }

  void write(const log_record& record) const noexcept {
    try {
      const std::string line = format_log_line(record, std::chrono::system_clock::now(), format_);
      put(line);
    } catch (...) {  // out of memory: without this line
    }
  }

 private:
  void put(std::string_view rest) const noexcept {
    while (!rest.empty()) {
#ifdef _WIN32
      const auto done = ::_write(file_descriptor_, rest.data(), static_cast<unsigned>(rest.size()));
#else
      const auto done = ::write(file_descriptor_, rest.data(), rest.size());
#endif
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(done));
    }
  }

  log_level least_;
  log_format format_;
  int file_descriptor_;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/asio_listener.hpp

// Listens on explicit endpoints and hands out accepted sockets. When descriptors run out it waits
// instead of spinning, and turns peers away with a descriptor that it keeps in reserve. Knows
// nothing of HTTP and WebSocket.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#if !defined(_WIN32)
#include <fcntl.h>
#include <unistd.h>
#endif

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// A descriptor that is given up for a moment to accept and close one connection when there are no
/// others. Where there is no limit to run into (Windows) it does nothing.
class spare_descriptor {
 public:
  spare_descriptor() { take(); }
  spare_descriptor(const spare_descriptor&) = delete;
  spare_descriptor& operator=(const spare_descriptor&) = delete;
  ~spare_descriptor() { give_up(); }

#if !defined(_WIN32)
  /// True when there was one to give up.
  bool give_up() noexcept {
    if (descriptor_ < 0) return false;
    ::close(std::exchange(descriptor_, -1));
    return true;
  }
  void take() noexcept {
    if (descriptor_ < 0) descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }

 private:
  int descriptor_ = -1;
#else
  bool give_up() noexcept { return false; }
  void take() noexcept {}
#endif
};

/// Where and how to listen.
struct listen_options {
  std::string host = "localhost";
  std::uint16_t port = 0;  ///< 0: any; the same for all addresses of the host
  int backlog = asio::socket_base::max_listen_connections;
  int send_buffer_bytes = 0;  ///< of the accepted sockets; 0: the system's choice
};

/// One executor. on_accept is called on it, never from inside start().
class asio_listener {
 public:
  /// The socket is non-blocking; the text is the address of its peer, an IPv4 one never in IPv6
  /// form.
  using accepted = std::function<void(asio_socket, std::string remote_address)>;

  asio_listener(asio::io_context& context, accepted on_accept)
      : context_(&context), on_accept_(std::move(on_accept)) {}
  asio_listener(const asio_listener&) = delete;
  asio_listener& operator=(const asio_listener&) = delete;
  ~asio_listener() { stop(); }

  /// Host "localhost" is 127.0.0.1 and ::1, "" is every address of both families; in both cases
  /// IPv6 is left out where the system has none. "::" takes IPv4 as well where the system allows
  /// it. Names are not looked up.
  result<void> start(const listen_options& options);

  /// Accepts no more, and frees the port.
  void stop() {
    for (const std::shared_ptr<door>& each : doors_) each->close();
    doors_.clear();
  }

  /// The port that start() got; 0 when it does not listen.
  std::uint16_t port() const noexcept { return port_; }

 private:
  using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;
  using endpoint = asio::ip::tcp::endpoint;
  static constexpr int accepts_a_turn = 16;
  static constexpr std::chrono::milliseconds pause{100};

  /// One endpoint. Pending waits keep it; `owner` is null when they shall do nothing.
  struct door : std::enable_shared_from_this<door> {
    door(asio::io_context& context, asio_listener& listener)
        : socket(context), timer(context), owner(&listener) {}

    void close() {
      owner = nullptr;
      std::error_code ignored;
      socket.close(ignored);
      timer.cancel();
    }

    void wait() {
      socket.async_wait(asio::socket_base::wait_read,
                        [self = this->shared_from_this()](const std::error_code&) {
                          if (self->owner != nullptr) self->accept_some();
                        });
    }

    void rest() {
      timer.expires_after(pause);
      timer.async_wait([self = this->shared_from_this()](const std::error_code&) {
        if (self->owner != nullptr) self->accept_some();
      });
    }

    void accept_some() {
      for (int i = 0; i < accepts_a_turn; ++i) {
        asio_socket peer(socket.get_executor());
        endpoint address;
        std::error_code failure;
        socket.accept(peer, address, failure);
        if (failure == asio::error::connection_aborted || failure == asio::error::interrupted)
          continue;
        if (failure == asio::error::would_block || failure == asio::error::try_again) break;
        if (failure) {
          if (failure == asio::error::no_descriptors) turn_away();
          return rest();  // no descriptors, no memory: both pass
        }
        std::error_code ignored;
        peer.set_option(asio::ip::tcp::no_delay(true), ignored);
        peer.non_blocking(true, failure);
        if (failure) continue;
        owner->on_accept_(std::move(peer), text_of(address.address()));
        if (owner == nullptr) return;
      }
      wait();
    }

    /// Those who wait learn at once that there is no place for them.
    void turn_away() {
      for (int i = 0; i < accepts_a_turn && spare.give_up(); ++i) {
        asio_socket peer(socket.get_executor());
        std::error_code failure;
        socket.accept(peer, failure);
        peer.close(failure);
        spare.take();
        if (failure) break;
      }
    }

    acceptor socket;
    asio_timer timer;
    asio_listener* owner;
    spare_descriptor spare;
  };

  static std::string text_of(const asio::ip::address& address) {
    if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address.to_string();
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }

  std::error_code open(const endpoint& where, bool v6_only, const listen_options& options);
  result<void> open_all(const std::vector<std::pair<endpoint, bool>>& wanted,
                        const listen_options& options, bool& port_taken);

  static error failure_of(const endpoint& where, const std::error_code& why) {
    const std::string host = where.address().is_v6() ? "[" + where.address().to_string() + "]"
                                                     : where.address().to_string();
    std::string words =
        "cannot listen on " + host + ":" + std::to_string(where.port()) + ": " + why.message();
    if (why == asio::error::address_in_use)
      words += " (does another server run there? choose another port)";
    if (why == asio::error::access_denied) words += " (ports below 1024 need special rights)";
    return error(errc::bad_configuration, std::move(words));
  }

  /// True when the system has no IPv6, or no address of it.
  static bool is_without_ipv6(const std::error_code& why) noexcept {
    return why == asio::error::address_family_not_supported ||
           why == std::errc::address_not_available || why == asio::error::no_protocol_option;
  }

  asio::io_context* context_;
  accepted on_accept_;
  std::vector<std::shared_ptr<door>> doors_;
  std::uint16_t port_ = 0;
};

inline std::error_code asio_listener::open(const endpoint& where, bool v6_only,
                                           const listen_options& options) {
  const auto opened = std::make_shared<door>(*context_, *this);
  std::error_code failure;
  acceptor& socket = opened->socket;
  socket.open(where.protocol(), failure);
#if !defined(_WIN32)  // where it means something else
  if (!failure) socket.set_option(asio::socket_base::reuse_address(true), failure);
#endif
  if (!failure && where.address().is_v6()) socket.set_option(asio::ip::v6_only(v6_only), failure);
  if (!failure && options.send_buffer_bytes > 0) {  // inherited by the accepted sockets
    socket.set_option(asio::socket_base::send_buffer_size(options.send_buffer_bytes), failure);
  }
  if (!failure) socket.bind(where, failure);
  if (!failure) socket.listen(options.backlog, failure);
  if (!failure) socket.non_blocking(true, failure);
  if (!failure) port_ = socket.local_endpoint(failure).port();
  if (!failure) doors_.push_back(opened);
  return failure;
}

inline result<void> asio_listener::open_all(const std::vector<std::pair<endpoint, bool>>& wanted,
                                            const listen_options& options, bool& port_taken) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& [address, v6_only] = wanted[i];
    const endpoint where(address.address(), i == 0 ? options.port : port_);
    const std::error_code failure = open(where, v6_only, options);
    if (!failure) continue;
    if (i > 0 && is_without_ipv6(failure)) continue;
    port_taken = i > 0 && failure == asio::error::address_in_use;
    stop();
    port_ = 0;
    return failure_of(where, failure);
  }
  return {};
}

inline result<void> asio_listener::start(const listen_options& options) {
  stop();
  const auto at = [](const asio::ip::address& address) { return endpoint(address, 0); };
  std::vector<std::pair<endpoint, bool>> wanted;
  if (options.host == "localhost") {
    wanted = {{at(asio::ip::address_v4::loopback()), false},
              {at(asio::ip::address_v6::loopback()), true}};
  } else if (options.host.empty()) {
    wanted = {{at(asio::ip::address_v4::any()), false}, {at(asio::ip::address_v6::any()), true}};
  } else {
    std::error_code failure;
    const asio::ip::address address = asio::ip::make_address(options.host, failure);
    if (failure) {
      return error(errc::bad_configuration,
                   "cannot listen on \"" + options.host +
                       "\": not an IP address, not localhost and not empty");
    }
    wanted = {{at(address), false}};
  }
  // With port 0 the second address may find the port that the first one got taken by somebody else.
  result<void> outcome;
  for (int attempts = options.port == 0 ? 8 : 1; attempts > 0; --attempts) {
    bool port_taken = false;
    outcome = open_all(wanted, options, port_taken);
    if (!port_taken) break;
  }
  for (const std::shared_ptr<door>& each : doors_) each->wait();
  return outcome;
}

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/deadline_list.hpp

// Things with the same time limit, in the order in which they joined, which is the order of their
// deadlines: joining, leaving and asking for the next deadline cost the same for one and for a
// million. Intrusive; allocates nothing.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <chrono>
#include <optional>

namespace agent_websocket {
namespace adapters {

/// Base of what stands in a deadline_list; in at most one at a time. Leaves its list when it is
/// destroyed.
class deadline_hook {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  deadline_hook() = default;
  deadline_hook(const deadline_hook&) = delete;
  deadline_hook& operator=(const deadline_hook&) = delete;
  ~deadline_hook() { leave(); }

  bool is_listed() const noexcept { return next_ != nullptr; }

  void leave() noexcept {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <typename T>
  friend class deadline_list;

  deadline_hook* previous_ = nullptr;
  deadline_hook* next_ = nullptr;
  time_point deadline_{};
};

/// T derives from deadline_hook.
template <typename T>
class deadline_list {
 public:
  using time_point = deadline_hook::time_point;

  explicit deadline_list(std::chrono::steady_clock::duration limit) : limit_(limit) {
    ends_.next_ = ends_.previous_ = &ends_;
  }
  ~deadline_list() {
    while (ends_.next_ != &ends_) ends_.next_->leave();
  }

  /// Joins at the back, out of whatever list it was in; returns its deadline. `now` must not go
  /// backwards.
  time_point join(T& item, time_point now) noexcept {
    deadline_hook& hook = item;
    hook.leave();
    hook.deadline_ = now + limit_;
    hook.previous_ = ends_.previous_;
    hook.next_ = &ends_;
    ends_.previous_->next_ = &hook;
    ends_.previous_ = &hook;
    return hook.deadline_;
  }

  /// The next deadline, if anything is listed.
  std::optional<time_point> next() const noexcept {
    if (ends_.next_ == &ends_) return std::nullopt;
    return ends_.next_->deadline_;
  }

  /// Takes out the first item whose deadline has come; null when there is none.
  T* take_expired(time_point now) noexcept {
    if (ends_.next_ == &ends_ || ends_.next_->deadline_ > now) return nullptr;
    deadline_hook* const hook = ends_.next_;
    hook->leave();
    return static_cast<T*>(hook);
  }

 private:
  std::chrono::steady_clock::duration limit_;
  deadline_hook ends_;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/connection_table.hpp

// Connections by their ids. An id holds the place in the table and how often that place was used,
// so that finding one is one look and no id is given out twice (not before a single place has been
// used 2^32 times).

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// `Pointer` is a smart pointer, null by default.
template <typename Pointer>
class connection_table {
 public:
  connection_id add(Pointer connection) {
    std::size_t index = free_;
    if (index == none) {
      index = places_.size();
      places_.emplace_back();
    } else {
      free_ = places_[index].next_free;
    }
    place& chosen = places_[index];
    chosen.connection = std::move(connection);
    ++chosen.uses;
    ++size_;
    return (static_cast<connection_id>(chosen.uses) << 32) | static_cast<connection_id>(index);
  }

  /// Null for ids that are not in the table, whatever they are.
  const Pointer& find(connection_id id) const noexcept {
    static const Pointer nobody{};
    const auto index = static_cast<std::size_t>(id & 0xFFFF'FFFFU);
    if (index >= places_.size() || places_[index].uses != id >> 32) return nobody;
    return places_[index].connection;
  }

  /// Ids that are not in the table are ignored.
  void remove(connection_id id) {
    if (!find(id)) return;
    const auto index = static_cast<std::size_t>(id & 0xFFFF'FFFFU);
    place& emptied = places_[index];
    const Pointer last =
        std::move(emptied.connection);  // outlives the change: it may be the only reference
    emptied.connection = Pointer{};
    emptied.next_free = free_;
    free_ = index;
    --size_;
  }

  std::size_t size() const noexcept { return size_; }

  /// A copy of what is in the table.
  std::vector<Pointer> all() const {
    std::vector<Pointer> found;
    found.reserve(size_);
    for (const place& each : places_) {
      if (each.connection) found.push_back(each.connection);
    }
    return found;
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  struct place {
    Pointer connection{};
    std::size_t next_free = none;
    std::uint32_t uses = 0;
  };

  std::vector<place> places_;
  std::size_t free_ = none;
  std::size_t size_ = 0;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/websocketpp_hub.hpp

// What the connections of one transport share: settings, sink, the read buffer, the table of ids,
// the lists of deadlines with their one timer, and the turn, which joins what is sent in one turn
// of the executor into one write a connection. Moves no bytes itself.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace adapters {

/// Settings of a websocketpp_transport.
struct transport_settings {
  std::string host = "localhost";  ///< see asio_listener::start
  std::uint16_t port = 54321;      ///< 0: any; port() tells which
  int listen_backlog = asio::socket_base::max_listen_connections;
  std::size_t max_connections = 0;  ///< above it: 503; 0: no limit but the system's
  std::size_t max_message_bytes = 64 * 1024;
  std::size_t max_http_body_bytes = 1024 * 1024;
  std::chrono::milliseconds handshake_timeout{5'000};  ///< from accept to a complete request
  std::chrono::milliseconds answer_timeout{30'000};  ///< for answer(), and for the peer to take it
  std::chrono::milliseconds close_timeout{5'000};    ///< for the peer's part of an end
  std::size_t low_water_mark = 16 * 1024;            ///< see transport_sink::on_drained
  int so_sndbuf =
      0;  ///< send buffer of each connection in the kernel, in bytes; 0: the system's choice
};

/// `Connection` is derived from asio_link and deadline_hook and has settle() and on_deadline().
template <typename Connection>
class websocketpp_hub : public std::enable_shared_from_this<websocketpp_hub<Connection>> {
 public:
  using pointer = link_pointer<Connection>;
  static constexpr std::size_t read_buffer_bytes = 64 * 1024;

  websocketpp_hub(asio::io_context& context, transport_settings chosen)
      : settings(std::move(chosen)),
        heads(settings.handshake_timeout),
        answers(settings.answer_timeout),
        endings(settings.close_timeout),
        context_(&context),
        timer_(context),
        read_buffer_(std::make_unique<char[]>(read_buffer_bytes)) {
    limits.max_message_bytes = settings.max_message_bytes;
  }

  const transport_settings settings;
  frame_limits limits;
  transport_sink* sink = nullptr;
  bool listening = false;
  std::size_t active = 0;  ///< connections that count against max_connections
  connection_table<pointer> connections;
  output_pool spare_outputs;
  deadline_list<Connection> heads;  // from accept to a complete request
  deadline_list<Connection>
      answers;  // from a request to its answer, and from there to its last byte
  deadline_list<Connection> endings;  // from the beginning of an end to its end

  /// Used by one read at a time and by nobody between two.
  char* read_buffer() noexcept { return read_buffer_.get(); }

  /// Sets the connection's deadline, in place of the one it has.
  void watch(deadline_list<Connection>& list, Connection& connection) {
    const auto deadline = list.join(connection, std::chrono::steady_clock::now());
    if (!armed_ || deadline < *armed_) arm(deadline);
  }

  /// The connection's settle() runs soon, once, on its own: at the end of the current scope, else
  /// posted.
  void touch(Connection& connection) {
    touched_.emplace_back(&connection);
    if (depth_ == 0) post_turn();
  }

  /// Around everything that runs on the executor by itself: settles at its end what it has touched.
  class scope {
   public:
    explicit scope(websocketpp_hub& hub) : hub_(hub.shared_from_this()) { ++hub_->depth_; }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;
    ~scope() {
      if (hub_->depth_ == 1) hub_->settle_touched();
      --hub_->depth_;
      if (hub_->depth_ == 0 && !hub_->touched_.empty()) hub_->post_turn();
    }

   private:
    std::shared_ptr<websocketpp_hub> hub_;  // what runs may be the transport's end
  };

  /// Nothing is called from now on.
  void shut() {
    shut_ = true;
    touched_.clear();
    timer_.cancel();
  }

  /// Nothing is accepted any more: a timer for nobody must not keep the io_context's run() from
  /// returning.
  void rest_when_idle() {
    if (listening || heads.next() || answers.next() || endings.next()) return;
    armed_.reset();
    timer_.cancel();
  }

 private:
  void post_turn() {
    if (posted_ || shut_) return;
    posted_ = true;
    asio::post(*context_, [self = this->shared_from_this()] {
      self->posted_ = false;
      if (!self->shut_) const scope turn(*self);
    });
  }

  /// What is touched meanwhile has its turn later, so that two connections cannot keep the loop for
  /// themselves.
  void settle_touched() {
    settling_.swap(touched_);
    for (const pointer& each : settling_) {
      if (shut_) break;
      each->settle();
    }
    settling_.clear();
  }

  void arm(std::chrono::steady_clock::time_point when) {
    armed_ = when;
    timer_.expires_at(when);
    timer_.async_wait([self = this->shared_from_this()](const std::error_code& failure) {
      if (failure || self->shut_) return;
      self->sweep();
    });
  }

  void sweep() {
    const scope turn(*this);
    armed_.reset();
    const auto now = std::chrono::steady_clock::now();
    std::optional<std::chrono::steady_clock::time_point> next;
    for (deadline_list<Connection>* list : {&heads, &answers, &endings}) {
      while (Connection* const late = list->take_expired(now)) {
        const pointer kept(late);
        late->on_deadline();
        if (shut_) return;
      }
    }
    for (const deadline_list<Connection>* list : {&heads, &answers, &endings}) {
      const auto first = list->next();
      if (first && (!next || *first < *next)) next = first;
    }
    if (next && (!armed_ || *next < *armed_)) arm(*next);
  }

  asio::io_context* context_;
  asio_timer timer_;
  std::optional<std::chrono::steady_clock::time_point> armed_;
  std::unique_ptr<char[]> read_buffer_;
  std::vector<pointer> touched_;
  std::vector<pointer> settling_;
  int depth_ = 0;
  bool posted_ = false;
  bool shut_ = false;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/websocketpp_channel.hpp

// The outgoing side of a connection: one output buffer, made only when something waits, written
// once at the end of a turn and then whenever the kernel has room, counted to the byte. Knows its
// hub, but nothing of HTTP and WebSocket.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Base of `Connection`.
template <typename Connection>
class websocketpp_channel : public asio_link, public deadline_hook {
 public:
  using hub_type = websocketpp_hub<Connection>;

 protected:
  websocketpp_channel(hub_type& hub, asio_socket socket)
      : asio_link(std::move(socket)), hub_(&hub) {}
  ~websocketpp_channel() override = default;

  hub_type& hub() noexcept { return *hub_; }
  transport_sink& sink() const noexcept { return *hub_->sink; }

  /// Bytes that are not in the kernel yet.
  std::size_t pending() const noexcept { return output_ == nullptr ? 0 : output_->pending(); }

  /// Where to append what shall go out; it goes out at the end of the turn.
  std::string& output() {
    if (output_ == nullptr) output_ = hub_->spare_outputs.take();
    touch();
    return output_->tail();
  }

  /// settle() will be called once, soon.
  void touch() {
    if (!std::exchange(touched_, true)) hub_->touch(static_cast<Connection&>(*this));
  }
  /// First thing in settle() but for what is to be part of the same write.
  void untouch() noexcept { touched_ = false; }

  /// Writes what waits, as far as the kernel takes it; the rest when it has room. False: the
  /// connection is broken.
  bool transmit_output() {
    if (output_ == nullptr) return true;
    switch (transmit(*output_)) {
      case io_outcome::done: hub_->spare_outputs.give_back(std::move(output_)); return true;
      case io_outcome::blocked: wait_writable(); return true;
      case io_outcome::ended: break;
    }
    return false;
  }

  /// What waits after a send; notes whether drained() has to tell of it.
  std::size_t pending_after_send() noexcept {
    const std::size_t waiting = pending();
    if (waiting > hub_->settings.low_water_mark) above_ = true;
    return waiting;
  }

  /// True once when output that was above the low-water mark is no longer so.
  bool take_drained() noexcept {
    if (!above_ || pending() > hub_->settings.low_water_mark) return false;
    above_ = false;
    return true;
  }

 private:
  hub_type* hub_;
  std::unique_ptr<output_buffer> output_;
  bool touched_ = false;
  bool above_ = false;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/http_answer.hpp

// The bytes of an HTTP/1.1 response (RFC 9112 section 4): whole, with its length, for a connection
// that is closed behind it; and the 101 that ends HTTP on a connection. No sockets.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <string>
#include <string_view>

namespace agent_websocket {
namespace adapters {

namespace detail {

/// Fields that the transport sets itself; an application's own would contradict them.
inline bool is_transport_field(std::string_view name) noexcept {
  for (const std::string_view own : {"Connection", "Content-Length", "Transfer-Encoding", "Upgrade",
                                     "Sec-WebSocket-Accept", "Sec-WebSocket-Extensions"}) {
    if (http::iequals(name, own)) return true;
  }
  return false;
}

inline void append_status_line(std::string& out, int status) {
  out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ");
  out.append(http::reason_phrase(status)).append("\r\n");
}

inline void append_fields(std::string& out, const http::header_list& headers) {
  for (const auto& [name, value] : headers) {
    if (is_transport_field(name)) continue;
    out.append(name).append(": ").append(http::sanitize_field_value(value)).append("\r\n");
  }
}

}  // namespace detail

/// Appends a whole response. `head_only`: the request was a HEAD, so the body stays out but its
/// length does not.
inline void append_answer(std::string& out, const http::response& answer, bool head_only) {
  const bool may_have_body = answer.status >= 200 && answer.status != 204 && answer.status != 304;
  detail::append_status_line(out, answer.status);
  detail::append_fields(out, answer.headers);
  if (may_have_body) {
    out.append("Content-Length: ").append(std::to_string(answer.body.size())).append("\r\n");
  }
  if (answer.status == 426) {  // RFC 9110 section 15.5.22, RFC 6455 section 4.4
    if (!answer.headers.contains("Sec-WebSocket-Version")) {
      out.append("Sec-WebSocket-Version: 13\r\n");
    }
    out.append("Upgrade: websocket\r\nConnection: close, Upgrade\r\n\r\n");
  } else {
    out.append("Connection: close\r\n\r\n");
  }
  if (may_have_body && !head_only) out.append(answer.body);
}

/// Appends the answer that completes an upgrade, with the fields of `answer`, such as
/// Sec-WebSocket-Protocol.
inline void append_upgrade(std::string& out, const http::response& answer,
                           std::string_view accept_key) {
  detail::append_status_line(out, 101);
  out.append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
  out.append(accept_key).append("\r\n");
  detail::append_fields(out, answer.headers);
  out.append("\r\n");
}

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/websocketpp_request_reader.hpp

// One HTTP/1.1 request (RFC 9112) from bytes that come in pieces, by websocketpp's
// http::parser::request, with the checks that this parser leaves out. A head may have 16 000 bytes
// (websocketpp's constant), a body needs a Content-Length. No chunked bodies, no second request on
// a connection.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Why a request is not served: the status of the answer and its text.
struct request_refusal {
  int status = 400;
  const char* words = "Bad request";
};

/// Reads one request. Feed it until it is complete or failed; it keeps at most a head and a body.
class request_reader {
 public:
  enum class progress { more, complete, failed };

  explicit request_reader(std::size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  /// Takes all of `bytes`; what lies behind the request is in rest().
  progress feed(std::string_view bytes) {
    if (!has_head_) {
      const std::size_t seen = bytes_.size();
      if (seen != 0) {
        bytes_.append(bytes);
        bytes = bytes_;
      }
      // The end of the head may have begun in what was there before.
      const std::size_t end = bytes.find("\r\n\r\n", seen < 3 ? 0 : seen - 3);
      const std::size_t head_size = end == std::string_view::npos ? bytes.size() : end + 4;
      if (head_size > websocketpp::http::max_header_size)
        return fail(431, "Request header too large");
      if (end == std::string_view::npos) {
        if (seen == 0) bytes_ = std::string(bytes);
        return progress::more;
      }
      has_head_ = true;
      if (!take_head(bytes.substr(0, head_size))) return progress::failed;
      const std::string behind(bytes.substr(head_size));
      std::string().swap(bytes_);
      return take_body(behind);
    }
    return take_body(bytes);
  }

  /// After `complete`.
  http::request& request() noexcept { return request_; }
  upgrade_request upgrade() const noexcept { return upgrade_; }
  /// The value for Sec-WebSocket-Accept; only of a well-formed upgrade.
  const std::string& accept_key() const noexcept { return accept_key_; }
  /// Bytes that came behind the request.
  std::string& rest() noexcept { return bytes_; }

  /// After `failed`.
  const request_refusal& refusal() const noexcept { return refusal_; }

  /// True when the head is there and the client waits for "100 Continue" before it sends the body.
  bool wants_continue() const noexcept {
    return expects_continue_ && request_.body.empty() && body_size_ > 0;
  }

 private:
  progress fail(int status, const char* words) {
    refusal_ = {status, words};
    return progress::failed;
  }
  bool refuse(int status, const char* words) {
    fail(status, words);
    return false;
  }

  /// What websocketpp lets pass: control characters, folded lines, a space or nothing before the
  /// colon.
  static bool is_clean(std::string_view head) noexcept {
    bool in_name = false;  // the first line is the request line
    for (std::size_t i = 0; i < head.size(); ++i) {
      const char c = head[i];
      if (c == '\r') {
        if (i + 1 == head.size() || head[i + 1] != '\n') return false;
        ++i;
        if (i + 1 < head.size() && (head[i + 1] == ' ' || head[i + 1] == '\t')) return false;
        in_name = true;
      } else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F) {
        return false;
      } else if (in_name) {
        if (c == ' ' || c == '\t' || (c == ':' && head[i - 1] == '\n')) return false;
        if (c == ':') in_name = false;
      }
    }
    return true;
  }

  bool take_head(std::string_view head) {
    if (!is_clean(head)) return refuse(400, "Malformed request");
    websocketpp::http::parser::request parsed;
    parsed.set_max_body_size(
        static_cast<std::size_t>(-1));  // the length is checked below, as a number
    try {
      parsed.consume(head.data(), head.size());
    } catch (const websocketpp::http::exception& failure) {
      if (failure.m_error_code == websocketpp::http::status_code::request_header_fields_too_large) {
        return refuse(431, "Request header too large");
      }
      // Only HTTP/1.1 demands a Host; the probes of some load balancers still speak 1.0. This is
      // the parser's last check: it has read everything.
      if (failure.m_msg != "Incomplete Request" || parsed.get_version() != "HTTP/1.0") {
        return refuse(400, "Malformed request");
      }
    }
    return take_request_line(parsed) && take_fields(parsed) && take_length() &&
           take_upgrade(parsed);
  }

  bool take_request_line(const websocketpp::http::parser::request& parsed) {
    const std::string& version = parsed.get_version();
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
      return version.compare(0, 5, "HTTP/") == 0 ? refuse(505, "Only HTTP/1.1 is supported")
                                                 : refuse(400, "Malformed request");
    }
    request_.method = parsed.get_method();
    std::string_view target = parsed.get_uri();
    for (const std::string_view scheme : {"http://", "https://"}) {  // RFC 9112 section 3.2.2
      if (http::iequals(target.substr(0, scheme.size()), scheme)) {
        const std::size_t slash = target.find('/', scheme.size());
        target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
        break;
      }
    }
    const bool has_form =
        target.substr(0, 1) == "/" || (target == "*" && request_.method == "OPTIONS");
    if (!has_form) return refuse(400, "Malformed request target");
    for (const char c : target) {
      if (c <= 0x20 || c > 0x7E) return refuse(400, "Malformed request target");
    }
    request_.target = std::string(target);
    return true;
  }

  bool take_fields(const websocketpp::http::parser::request& parsed) {
    // Repeated fields were joined with commas; a second Host shows itself by one.
    if (parsed.get_header("Host").find(',') != std::string::npos)
      return refuse(400, "More than one Host");
    for (const auto& [name, value] : parsed.get_headers()) request_.headers.add(name, value);
    expects_continue_ = http::iequals(parsed.get_header("Expect"), "100-continue");
    return true;
  }

  bool take_length() {
    if (request_.headers.contains("Transfer-Encoding")) {
      return refuse(501, "Bodies need a Content-Length");
    }
    const auto length = request_.headers.find("Content-Length");
    if (!length) return true;
    const char* const last = length->data() + length->size();
    const auto [end, failure] = std::from_chars(length->data(), last, body_size_);
    if (failure == std::errc::result_out_of_range) return refuse(413, "Request body too large");
    if (failure != std::errc() || end != last) return refuse(400, "Malformed Content-Length");
    if (body_size_ > max_body_bytes_) return refuse(413, "Request body too large");
    return true;
  }

  bool take_upgrade(const websocketpp::http::parser::request& parsed) {
    upgrade_ = upgrade_of(parsed);
    switch (upgrade_) {
      case upgrade_request::none: return true;
      case upgrade_request::wrong_version: return refuse(426, "WebSocket version 13 is required");
      case upgrade_request::malformed: return refuse(400, "Malformed WebSocket handshake");
      case upgrade_request::well_formed: break;
    }
    if (body_size_ != 0) return refuse(400, "Malformed WebSocket handshake");
    accept_key_ = accept_key_of(parsed);
    return true;
  }

  progress take_body(std::string_view bytes) {
    const std::string_view part = bytes.substr(0, body_size_ - request_.body.size());
    request_.body.append(part);
    if (request_.body.size() < body_size_) return progress::more;
    bytes_.append(bytes.substr(part.size()));
    return progress::complete;
  }

  http::request request_;
  std::string bytes_;  // of an unfinished head; behind the end, what follows the request
  std::string accept_key_;
  std::size_t max_body_bytes_;
  std::size_t body_size_ = 0;
  request_refusal refusal_;
  upgrade_request upgrade_ = upgrade_request::none;
  bool has_head_ = false;
  bool expects_continue_ = false;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/websocketpp_opening.hpp

// The HTTP part of a connection's life, up to the answer: reads the request, tells the sink's side
// of it, makes the bytes of every answer. No sockets and no clocks.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

class websocketpp_opening {
 public:
  using progress = request_reader::progress;

  /// `remote_address` is the peer's, as text.
  websocketpp_opening(std::size_t max_body_bytes, std::string remote_address)
      : reader_(max_body_bytes), remote_address_(std::move(remote_address)) {}

  /// Takes bytes up to the end of the request, or until it has to be refused.
  progress feed(std::string_view bytes) { return reader_.feed(bytes); }

  /// True once, when the client waits for "100 Continue".
  bool take_continue() noexcept {
    return reader_.wants_continue() && !std::exchange(continued_, true);
  }

  /// After `complete`, once.
  handshake take_request() {
    head_only_ = reader_.request().method == "HEAD";
    handshake taken;
    taken.request = std::move(reader_.request());
    taken.remote_address = std::move(remote_address_);
    taken.is_upgrade = is_upgrade();
    return taken;
  }

  /// After `failed`.
  http::response refusal() {
    head_only_ = reader_.request().method == "HEAD";
    return http::response::text(reader_.refusal().status,
                                std::string(reader_.refusal().words) + "\n");
  }

  /// For a connection above the limit, whatever it would have asked for.
  static http::response no_place() {
    http::response answer = http::response::text(503, "Too many connections\n");
    answer.headers.add("Retry-After", "5");
    return answer;
  }

  bool is_upgrade() const noexcept { return reader_.upgrade() == upgrade_request::well_formed; }

  /// Appends the bytes of the answer. True when the connection is a WebSocket from now on. A 101
  /// for what is no upgrade is a mistake of the application and becomes a 500.
  bool append(std::string& out, const http::response& answer) const {
    if (answer.status != 101) {
      append_answer(out, answer, head_only_);
    } else if (is_upgrade()) {
      append_upgrade(out, answer, reader_.accept_key());
      return true;
    } else {
      append_answer(out, http::response::text(500, "Internal error\n"), head_only_);
    }
    return false;
  }

  /// What came behind the request. Append here what comes before the answer.
  std::string& early() noexcept { return reader_.rest(); }

 private:
  request_reader reader_;
  std::string remote_address_;
  bool head_only_ = false;
  bool continued_ = false;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/websocketpp_connection.hpp

// One connection of a websocketpp_transport, from its first byte to its last: request, answer,
// upgrade, frames, end. Reads once a turn into the hub's buffer and keeps nothing of the handshake.
// What it does when is in the table at `phase`; the formats are elsewhere.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

class websocketpp_connection final : public websocketpp_channel<websocketpp_connection> {
 public:
  /// Takes an accepted socket into the hub.
  static void open(hub_type& hub, asio_socket socket, std::string remote_address);

  // What the transport is asked to do; ignored where it makes no sense (any more).
  void answer(const http::response& response);
  std::size_t send(std::string_view text);
  void ping();
  void close(std::uint16_t code, std::string_view why);

  /// The transport goes: nothing is called any more.
  void drop() {
    phase_ = phase::gone;
    leave();
    close_socket(true);
  }

  /// At the end of a turn in which the hub was told: reports what could not be reported at once,
  /// and writes.
  void settle();
  void on_deadline();

 private:
  /// | phase   | waits for                | deadline              | end                         |
  /// |---------|--------------------------|-----------------------|-----------------------------|
  /// | head    | a complete request       | heads                 | without a word              |
  /// | asked   | answer()                 | answers               | on_abandoned; late: and 503 |
  /// | open    | frames                   | none                  | on_close                    |
  /// | closing | the peer's close frame   | endings               | on_close                    |
  /// | leaving | output to go, peer's end | answers, then endings | all was reported before     |
  /// | gone    | settle(), to report      |                       |                             |
  enum class phase : std::uint8_t { head, asked, open, closing, leaving, gone };

  static constexpr std::size_t max_refused = 128;
  static constexpr std::size_t max_early_bytes = 16 * 1024;
  /// A peer that pings without reading gets no pongs beyond this (RFC 6455 section 5.5.3).
  static constexpr std::size_t max_output_for_pong = 64 * 1024;

  /// How close() was called.
  struct farewell {
    std::uint16_t code;
    std::string reason;
  };

  /// Turns the events of the frame reader into calls of the sink.
  struct frame_events {
    websocketpp_connection& self;

    bool on_text(std::string_view text) {
      if (self.phase_ == phase::open) self.sink().on_text(self.id_, text);
      return self.is_reading_frames();
    }
    bool on_binary(std::size_t bytes) {
      if (self.phase_ == phase::open) self.sink().on_binary(self.id_, bytes);
      return self.is_reading_frames();
    }
    bool on_oversized(std::size_t bytes) {
      if (self.phase_ == phase::open) self.sink().on_oversized(self.id_, bytes);
      return self.is_reading_frames();
    }
    bool on_ping(std::string_view payload) {
      if (self.phase_ == phase::open && self.pending() < max_output_for_pong) {
        append_frame(self.output(), opcode::pong, payload);
      }
      return true;
    }
    bool on_pong() { return true; }
    bool on_close(std::uint16_t code, std::string_view reason) {
      self.peer_closed(code, reason);
      return false;
    }
  };

  websocketpp_connection(hub_type& hub, asio_socket socket)
      : websocketpp_channel(hub, std::move(socket)) {}
  ~websocketpp_connection() override = default;

  bool is_reading_frames() const noexcept {
    return phase_ == phase::open || phase_ == phase::closing;
  }

  void on_readable() override;
  void on_writable() override;
  void take(char* data, std::size_t size);
  void take_request(std::string_view bytes);
  void take_frames(char* data, std::size_t size);
  void report_open();
  void peer_closed(std::uint16_t code, std::string_view reason);
  void report_close(std::uint16_t code, std::string_view reason);
  void lost();
  void leave_with(const http::response& response);
  void write();
  void retire();
  void finish(bool reset);

  connection_id id_ = 0;
  frame_reader reader_;
  std::unique_ptr<websocketpp_opening> opening_;  // until the answer has been given
  std::unique_ptr<farewell> farewell_;
  phase phase_ = phase::head;
  bool active_ = false;     // counts against max_connections
  bool open_due_ = false;   // answered with 101, not yet reported
  bool close_due_ = false;  // ended by close(), not yet reported
  bool clean_ = false;      // the peer sends nothing any more
  bool shut_ = false;       // our end of the stream is closed
};

inline void websocketpp_connection::open(hub_type& hub, asio_socket socket,
                                         std::string remote_address) {
  const std::size_t limit = hub.settings.max_connections;
  const bool full = limit != 0 && hub.active >= limit;
  // Who is turned away stays until he has read why; there is a limit to that as well.
  if (full && hub.connections.size() >= limit + max_refused) return;
  const link_pointer<websocketpp_connection> made(
      new websocketpp_connection(hub, std::move(socket)));
  made->id_ = hub.connections.add(made);
  made->opening_ = std::make_unique<websocketpp_opening>(hub.settings.max_http_body_bytes,
                                                         std::move(remote_address));
  if (full) return made->leave_with(websocketpp_opening::no_place());
  made->active_ = true;
  ++hub.active;
  hub.watch(hub.heads, *made);
  made->wait_readable();
}

inline void websocketpp_connection::on_readable() {
  const hub_type::scope turn(hub());
  report_open();
  if (phase_ == phase::gone) return;
  std::size_t size = 0;
  if (receive(hub().read_buffer(), hub_type::read_buffer_bytes, size) == io_outcome::ended) {
    clean_ = true;
    // The peer may have closed one direction only and still want what we have for it.
    if (phase_ != phase::leaving || pending() == 0) lost();
    return;
  }
  if (size > 0) take(hub().read_buffer(), size);
  // What comes too early is read after the answer. Until then a peer that goes is not noticed.
  if (phase_ == phase::asked && opening_->early().size() >= max_early_bytes) return;
  wait_readable();
}

inline void websocketpp_connection::take(char* data, std::size_t size) {
  switch (phase_) {
    case phase::head: return take_request(std::string_view(data, size));
    case phase::asked: opening_->early().append(data, size); return;
    case phase::open:
    case phase::closing: return take_frames(data, size);
    case phase::leaving:
    case phase::gone: return;
  }
}

inline void websocketpp_connection::take_request(std::string_view bytes) {
  switch (opening_->feed(bytes)) {
    case websocketpp_opening::progress::more:
      if (opening_->take_continue()) output().append("HTTP/1.1 100 Continue\r\n\r\n");
      return;
    case websocketpp_opening::progress::failed: return leave_with(opening_->refusal());
    case websocketpp_opening::progress::complete: break;
  }
  phase_ = phase::asked;
  hub().watch(hub().answers, *this);
  sink().on_request(id_, opening_->take_request());
}

inline void websocketpp_connection::answer(const http::response& response) {
  if (phase_ != phase::asked) return;
  if (response.status != 101 || !opening_->is_upgrade()) return leave_with(response);
  opening_->append(output(), response);
  leave();
  phase_ = phase::open;
  open_due_ = true;
  wait_readable();
}

/// Reports the upgrade, then takes the frames that came before it.
inline void websocketpp_connection::report_open() {
  if (!std::exchange(open_due_, false)) return;
  std::string early = std::move(opening_->early());
  opening_.reset();
  sink().on_open(id_);
  if (!early.empty() && is_reading_frames()) take_frames(&early[0], early.size());
}

inline std::size_t websocketpp_connection::send(std::string_view text) {
  if (phase_ != phase::open) return 0;
  append_frame(output(), opcode::text, text);
  return pending_after_send();
}

inline void websocketpp_connection::ping() {
  if (phase_ == phase::open) append_frame(output(), opcode::ping, std::string_view());
}

inline void websocketpp_connection::close(std::uint16_t code, std::string_view why) {
  if (!is_reading_frames()) return;
  const bool at_once = code == close_code::abnormal;
  if (phase_ == phase::closing && !at_once) return;
  if (farewell_ == nullptr) {
    farewell_ = std::make_unique<farewell>(farewell{code, std::string(why)});
  }
  if (at_once) {
    close_due_ = true;
    touch();
    return finish(true);
  }
  append_frame(output(), opcode::close, close_payload(code, why));
  phase_ = phase::closing;
  hub().watch(hub().endings, *this);
}

inline void websocketpp_connection::take_frames(char* data, std::size_t size) {
  if (phase_ == phase::open) sink().on_alive(id_);
  if (!is_reading_frames()) return;
  frame_events events{*this};
  const std::uint16_t failure = reader_.feed(data, size, hub().limits, events);
  if (failure == close_code::none || !is_reading_frames()) return;
  const std::string_view reason = failure_reason(failure);
  if (phase_ == phase::open) append_frame(output(), opcode::close, close_payload(failure, reason));
  report_close(failure, reason);
}

inline void websocketpp_connection::peer_closed(std::uint16_t code, std::string_view reason) {
  if (phase_ == phase::open) append_frame(output(), opcode::close, close_payload(code, {}));
  clean_ = true;
  report_close(code, reason);
}

/// The last report about an open connection. What waits still goes out.
inline void websocketpp_connection::report_close(std::uint16_t code, std::string_view reason) {
  const std::unique_ptr<farewell> ours = std::move(farewell_);
  phase_ = phase::leaving;
  retire();
  hub().watch(hub().endings, *this);
  touch();
  if (ours != nullptr) {
    sink().on_close(id_, ours->code, ours->reason);
  } else {
    sink().on_close(id_, code, reason);
  }
}

/// The peer has closed its end, or the connection is broken.
inline void websocketpp_connection::lost() {
  if (is_reading_frames()) report_close(close_code::abnormal, std::string_view());
  if (phase_ == phase::asked) {
    phase_ = phase::leaving;
    sink().on_abandoned(id_);
  }
  finish(pending() != 0);
}

inline void websocketpp_connection::leave_with(const http::response& response) {
  opening_->append(output(), response);
  opening_.reset();
  phase_ = phase::leaving;
  retire();
  hub().watch(hub().answers, *this);
  wait_readable();
}

inline void websocketpp_connection::on_deadline() {
  report_open();
  switch (phase_) {
    case phase::asked:
      leave_with(http::response::text(503, "No answer in time\n"));
      return sink().on_abandoned(id_);
    case phase::closing: report_close(close_code::abnormal, std::string_view()); break;
    case phase::head:
    case phase::leaving: break;
    case phase::open:
    case phase::gone: return;
  }
  // For a peer that reads nothing the kernel would go on trying for minutes.
  finish(pending() != 0 || has_undelivered());
}

inline void websocketpp_connection::settle() {
  report_open();
  untouch();
  if (std::exchange(close_due_, false)) {
    const std::unique_ptr<farewell> ours = std::move(farewell_);
    return sink().on_close(id_, ours->code, ours->reason);
  }
  write();
}

inline void websocketpp_connection::on_writable() {
  const hub_type::scope turn(hub());
  report_open();
  write();
}

inline void websocketpp_connection::write() {
  if (phase_ == phase::gone) return;
  if (!transmit_output()) return lost();
  if (take_drained() && phase_ == phase::open) sink().on_drained(id_);
  if (phase_ != phase::leaving || pending() != 0) return;
  if (clean_) return finish(false);
  // A peer that still sends would be answered with a reset, which may overtake our last words: our
  // end is closed first, and the rest after the peer's.
  if (std::exchange(shut_, true)) return;
  shut_output();
  hub().watch(hub().endings, *this);
}

inline void websocketpp_connection::retire() {
  if (std::exchange(active_, false)) --hub().active;
}

inline void websocketpp_connection::finish(bool reset) {
  phase_ = phase::gone;
  retire();
  leave();
  close_socket(reset);
  hub().connections.remove(id_);
  if (hub().connections.size() == 0) hub().rest_when_idle();
}

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/adapters/websocketpp_transport.hpp

// Transport over TCP: Asio for sockets, websocketpp for the formats (never its server, endpoint or
// Asio transport). HTTP/1.1 and WebSocket (RFC 6455, version 13, no extensions) on one port;
// requirements in policy/transport.hpp. No TLS.

#if AGENT_WEBSOCKET_WITH_ADAPTERS

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Model of Transport. All calls from the thread that runs the io_context, which outlives the
/// transport. The destructor closes all connections without calling the sink; nothing is called
/// after it.
class websocketpp_transport {
 public:
  using settings = transport_settings;

  explicit websocketpp_transport(asio::io_context& context, settings chosen = settings())
      : hub_(std::make_shared<hub>(context, std::move(chosen))),
        listener_(context, [this](asio_socket socket, std::string remote_address) {
          const hub::scope turn(*hub_);
          websocketpp_connection::open(*hub_, std::move(socket), std::move(remote_address));
        }) {}
  websocketpp_transport(const websocketpp_transport&) = delete;
  websocketpp_transport& operator=(const websocketpp_transport&) = delete;

  ~websocketpp_transport() {
    listener_.stop();
    hub_->shut();
    for (const auto& each : hub_->connections.all()) each->drop();
  }

  /// The error names the address, such as "cannot listen on 127.0.0.1:54321: Address already in
  /// use".
  result<void> start(transport_sink& sink) {
    listen_options options;
    options.host = hub_->settings.host;
    options.port = hub_->settings.port;
    options.backlog = hub_->settings.listen_backlog;
    options.send_buffer_bytes = hub_->settings.so_sndbuf;
    hub_->sink = &sink;
    result<void> outcome = listener_.start(options);
    hub_->listening = outcome.has_value();
    return outcome;
  }

  void stop() {
    listener_.stop();
    hub_->listening = false;
    hub_->rest_when_idle();
  }

  void answer(connection_id id, const http::response& response) {
    if (const auto& found = hub_->connections.find(id)) pointer(found)->answer(response);
  }

  std::size_t send(connection_id id, std::string_view text) {
    const auto& found = hub_->connections.find(id);
    return found ? found->send(text) : 0;
  }

  void ping(connection_id id) {
    if (const auto& found = hub_->connections.find(id)) found->ping();
  }

  void close(connection_id id, std::uint16_t code, std::string_view why) {
    if (const auto& found = hub_->connections.find(id)) pointer(found)->close(code, why);
  }

  /// Where start() listens; 0 before.
  std::uint16_t port() const noexcept { return listener_.port(); }

  /// TCP connections that stand, upgraded or not.
  std::size_t connections() const noexcept { return hub_->connections.size(); }

 private:
  using hub = websocketpp_connection::hub_type;
  using pointer =
      link_pointer<websocketpp_connection>;  // a copy keeps what a call may remove from the table

  std::shared_ptr<hub> hub_;
  asio_listener listener_;
};

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS

// --- agent_websocket/host/server.hpp

// `server`: basic_server with the shipped policies, ready to run: websocketpp_transport,
// curl_http_client and asio_scheduler on one io_context, its own or the program's, and SIGINT and
// SIGTERM taken as the wish to stop in order. Programs that bring other policies use basic_server.

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

#include <asio/signal_set.hpp>

#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

class server {
 public:
  using basic_type =
      basic_server<adapters::websocketpp_transport, adapters::curl_http_client,
                   adapters::asio_scheduler, memory_store, allow_all, adapters::stderr_logger>;
  using session_type = basic_type::session_type;
  using router_type = basic_type::router_type;

  /// Runs on an io_context of its own: call run().
  explicit server(options settings)
      : own_(std::make_unique<asio::io_context>(1)),
        context_(*own_),
        parts_(context_, std::move(settings)) {}

  /// Runs on the program's io_context, which outlives the server: call start(), and run the context
  /// on one thread.
  server(options settings, asio::io_context& context)
      : context_(context), parts_(context, std::move(settings)) {}

  /// Hooks are set before start() or run().
  router_type& router() noexcept { return parts_.server.router(); }
  /// A tool that the model may call, see basic_router::tool. Before start() or run().
  void tool(tool_definition what, router_type::tool_handler handler = nullptr) {
    parts_.server.tool(std::move(what), std::move(handler));
  }
  const options& settings() const noexcept { return parts_.server.settings(); }
  /// The port that is listened on, also when options asked for any; 0 before start().
  std::uint16_t port() const noexcept { return parts_.transport.port(); }
  basic_type& basic() noexcept { return parts_.server; }

  /// Begins to listen. The error is in words for the operator.
  result<void> start() { return parts_.server.start(); }

  /// Starts (unless start() was called), runs the io_context until SIGINT, SIGTERM or stop(), then
  /// drains. Blocks. What fails is also logged. A second signal ends at once. A program that runs
  /// the context itself calls start() alone.
  /// `running` is called when it listens and signals are taken: the moment to say so.
  result<void> run(const std::function<void()>& running = {}) {
    if (port() == 0) {
      if (auto started = start(); !started) {
        if (parts_.logger.enabled(log_level::error)) {
          parts_.logger.write({log_level::error, "start_failed", {}, started.error().message});
        }
        return started;
      }
    }
    // Kept until the end of this object, so that a late signal does not kill what is ending well.
    signals_.emplace(context_, SIGINT, SIGTERM);
    wait_for_signal();
    if (running) running();
    running_ = true;
    context_.run();
    running_ = false;
    return {};
  }

  /// Stops in order, see basic_server::stop; run() returns after it. From any thread.
  void stop() {
    parts_.server.stop([this] {
      if (running_) context_.stop();
    });
  }
  /// From any thread.
  void post(std::function<void()> f) { parts_.server.post(std::move(f)); }
  /// Sends a numbered notification to one session. From any thread.
  void notify(std::string session_id, std::string content, std::string topic = {},
              std::string data = {}) {
    parts_.server.notify(std::move(session_id), std::move(content), std::move(topic),
                         std::move(data));
  }
  /// Sends a numbered notification to every session. From any thread.
  void broadcast(std::string content, std::string topic = {}, std::string data = {}) {
    parts_.server.broadcast(std::move(content), std::move(topic), std::move(data));
  }

 private:
  // In the order in which they need each other.
  struct parts {
    parts(asio::io_context& context, options settings)
        : scheduler(context),
          http(context),
          transport(context, transport_settings(settings)),
          logger(settings.level, settings.log_format == "json" ? adapters::log_format::json
                                                               : adapters::log_format::text),
          server(std::move(settings), transport, http, scheduler, store, authenticator, logger) {}

    adapters::asio_scheduler scheduler;
    adapters::curl_http_client http;
    adapters::websocketpp_transport transport;
    memory_store store;
    allow_all authenticator;
    adapters::stderr_logger logger;
    basic_type server;
  };

  static adapters::websocketpp_transport::settings transport_settings(const options& from) {
    adapters::websocketpp_transport::settings to;
    to.host = from.host;
    to.port = from.port;
    to.max_message_bytes = from.session.max_message_bytes;
    to.max_connections = from.max_connections;
    return to;
  }

  void wait_for_signal() {
    signals_->async_wait([this](const std::error_code& failure, int) {
      if (failure) return;
      if (std::exchange(signalled_, true)) return context_.stop();
      stop();
      wait_for_signal();
    });
  }

  std::unique_ptr<asio::io_context> own_;
  asio::io_context& context_;
  parts parts_;
  std::optional<asio::signal_set> signals_;
  bool running_ = false;  // inside of run()
  bool signalled_ = false;
};

/// The types that the shipped `server` is made of.
using session = server::session_type;
using router = server::router_type;
using openrouter_client =
    openrouter::basic_openrouter_client<adapters::curl_http_client, adapters::asio_scheduler>;

}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

// --- agent_websocket.hpp

// Agent WebSocket: serve an LLM agent over WebSocket, and be its client. Include this header, or
// its one-file form in single_include/. Set AGENT_WEBSOCKET_WITH_ADAPTERS to 0 before, the same in
// every translation unit, for the core and the mocks alone.


#endif  // AGENT_WEBSOCKET_SINGLE_HEADER_INCLUDED
