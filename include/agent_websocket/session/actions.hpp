// SPDX-License-Identifier: MIT
//
// What the session core asks its surroundings to do. Frames are not among them: they go into the
// outbox.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/openrouter/request.hpp>
#include <agent_websocket/openrouter/tool_call.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/session/turn.hpp>
#include <agent_websocket/wire/message.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

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

  usage_totals& operator+=(const usage_totals& more) noexcept;
  /// Of counts, which are not negative: the largest number when it would be larger.
  static std::int64_t sum(std::int64_t a, std::int64_t b) noexcept;
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
  /// About what it took beside `used`, where upstream told nothing: it was cancelled, or cut.
  std::int64_t unreported_tokens = 0;
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
/// Ask the model; answer with began, text and completed. `request` is not null.
struct start_completion {
  run_number run;
  std::shared_ptr<openrouter::chat_request> request;
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
                 action::ask_server, action::close_socket, action::close_session>;

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
  bool unoffered_call = false;  ///< there are calls, and the request had no tools
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

  static query_decision refusal(error why);
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE usage_totals& usage_totals::operator+=(const usage_totals& more) noexcept {
  answers += more.answers;
  prompt_tokens = sum(prompt_tokens, more.prompt_tokens);
  completion_tokens = sum(completion_tokens, more.completion_tokens);
  cost += more.cost;
  counted = counted || more.counted;
  priced = priced || more.priced;
  return *this;
}

AGENT_WEBSOCKET_INLINE std::int64_t usage_totals::sum(std::int64_t a, std::int64_t b) noexcept {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  return a > most - b ? most : a + b;
}

AGENT_WEBSOCKET_INLINE query_decision query_decision::refusal(error why) {
  query_decision made;
  made.what = kind::refuse;
  made.why = std::move(why);
  return made;
}

#endif

}  // namespace agent_websocket
