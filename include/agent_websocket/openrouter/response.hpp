// SPDX-License-Identifier: MIT
//
// What is known of an answer beside its text: tokens and cost, who served it, how it ended
// (OpenRouter's API reference, ChatUsage; docs "Usage accounting"). Data only.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/print.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/openrouter/error.hpp>
#include <agent_websocket/openrouter/tool_call.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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
void print_numbers(json::writer& w, const json::value& from, int depth);

}  // namespace detail

/// Reads a "usage" object; anything else leaves `into` as it is and returns false.
bool read_usage(const json::value& from, usage& into);

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

#if AGENT_WEBSOCKET_DEFINITIONS

namespace detail {

AGENT_WEBSOCKET_INLINE void print_numbers(json::writer& w, const json::value& from, int depth) {
  w.begin_object();
  from.for_each_member([&](std::string_view name, const json::value& value) {
    if (value.is_number() || value.is_boolean() || value.is_null()) {
      json::print(w.key_escaped(name), value);
    } else if (value.is_object() && depth < 2) {
      w.key_escaped(name);
      print_numbers(w, value, depth + 1);
    }
  });
  w.end_object();
}

}  // namespace detail

AGENT_WEBSOCKET_INLINE bool read_usage(const json::value& from, usage& into) {
  if (!from.is_object()) return false;
  const auto [prompt, completion, total, cost] =
      from.members("prompt_tokens", "completion_tokens", "total_tokens", "cost");
  const auto count = [](const json::value& tokens) -> std::optional<std::int64_t> {
    const std::optional<std::int64_t> number = tokens.integer();
    return number && *number >= 0 ? number : std::nullopt;
  };
  into.prompt_tokens = count(prompt);
  into.completion_tokens = count(completion);
  into.total_tokens = count(total);
  into.cost = cost.number();
  into.json.clear();
  into.json.reserve(240);  // what it usually comes to
  json::writer w(into.json);
  detail::print_numbers(w, from, 0);
  return true;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
