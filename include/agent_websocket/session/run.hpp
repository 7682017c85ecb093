// SPDX-License-Identifier: MIT
//
// The one query that a session works on: its answer so far, and the tool calls of the round that it
// is in. Data only; answering.hpp and tool_loop.hpp work on it.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/openrouter/message.hpp>
#include <agent_websocket/openrouter/tool_call.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/session/actions.hpp>
#include <agent_websocket/session/inbox.hpp>
#include <agent_websocket/session/state.hpp>
#include <agent_websocket/session/tool.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  time_point begun{};
  bool started = false;          ///< phase start has been sent
  std::optional<turn> replaced;  ///< what stands in the store until the answer made again ends
  std::string text;              ///< so far, of all rounds
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
  /// Of requests that upstream has not told the usage of.
  std::size_t asked_bytes = 0;

  called_tool* find_call(std::string_view id) noexcept;
  bool calls_ended() const noexcept;
};

/// Why these arguments cannot be given to the tool, in words; nullopt when they can.
std::optional<std::string> wrong_arguments(const tool_spec& tool, std::string_view arguments);

/// The `usage` of an answer of several rounds, as JSON object text; empty when nothing is known.
std::string describe_usage(const usage_totals& used);

/// The messages of a tool loop, as JSON array text; empty when there are none.
std::string describe_steps(const std::vector<openrouter::chat_message>& steps);

/// What the model reads of its own answer in later requests.
openrouter::chat_message answer_message(bool complete, std::string words,
                                        const completion_result& result);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE called_tool* current_run::find_call(std::string_view id) noexcept {
  const auto found = std::find_if(calls.begin(), calls.end(),
                                  [id](const called_tool& each) { return each.id == id; });
  return found == calls.end() ? nullptr : &*found;
}

AGENT_WEBSOCKET_INLINE bool current_run::calls_ended() const noexcept {
  return std::all_of(calls.begin(), calls.end(),
                     [](const called_tool& each) { return each.at == called_tool::phase::ended; });
}

AGENT_WEBSOCKET_INLINE std::optional<std::string> wrong_arguments(const tool_spec& tool,
                                                                  std::string_view arguments) {
  json::document parsed;
  if (const auto read = parsed.parse(arguments); !read)
    return "The arguments: " + read.error().message;
  if (!parsed.root().is_object()) return std::string("The arguments must be a JSON object");
  return tool.arguments.violation(parsed.root());
}

AGENT_WEBSOCKET_INLINE std::string describe_usage(const usage_totals& used) {
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

AGENT_WEBSOCKET_INLINE std::string describe_steps(
    const std::vector<openrouter::chat_message>& steps) {
  std::string text;
  if (steps.empty()) return text;
  json::writer w(text);
  w.begin_array();
  for (const openrouter::chat_message& each : steps) w.raw(each.json());
  w.end_array();
  return text;
}

AGENT_WEBSOCKET_INLINE openrouter::chat_message answer_message(bool complete, std::string words,
                                                               const completion_result& result) {
  if (!complete) return openrouter::chat_message::assistant_partial(std::move(words));
  openrouter::assistant_message said;
  said.text = std::move(words);
  said.reasoning_details = result.reasoning_details;
  said.annotations = result.annotations;
  return openrouter::chat_message::assistant(std::move(said));
}

#endif

}  // namespace agent_websocket
