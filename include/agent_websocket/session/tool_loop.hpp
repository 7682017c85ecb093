// SPDX-License-Identifier: MIT
//
// The part of session_core in which the model uses tools: what is offered, and a round of calls
// from the model's words to their results. A round begins when a completion has ended with calls;
// all its calls run beside each other; when each has its result the model is asked again. What goes
// wrong with a call is told to the model, not to the client. People who decide: deciding.hpp.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/utf8.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/session/answering.hpp>
#include <agent_websocket/session/core.hpp>
#include <agent_websocket/session/deciding.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if AGENT_WEBSOCKET_DEFINITIONS

namespace agent_websocket {

/// A tool that a client brings, beside `others` of its own. Errors: bad_message, forbidden.
AGENT_WEBSOCKET_INLINE result<tool_ptr> session_core::check_tool(
    const wire::declared_tool& declared, const std::vector<tool_ptr>& others) const {
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
AGENT_WEBSOCKET_INLINE void session_core::declare_tools(connection_id connection,
                                                        const wire::command& hello, moment at) {
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
AGENT_WEBSOCKET_INLINE void session_core::offer_tools() {
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
AGENT_WEBSOCKET_INLINE connection_id session_core::runner_of(const called_tool& call) {
  if (call.runner != 0 && outbox_.find(call.runner) != nullptr) return call.runner;
  return client_tools_.runner_of(call.tool->definition.name);
}

/// A client that declares a tool again gets the calls of it that are open.
AGENT_WEBSOCKET_INLINE void session_core::repeat_calls(connection_id to, moment at) {
  if (!run_) return;
  for (called_tool& each : run_->calls) {
    if (each.at != called_tool::phase::running || !each.tool->of_client || runner_of(each) != to)
      continue;
    each.told = to;
    put_ordered(to, status_of(each, "calling", true), at);
  }
}

/// The calls that a client has left open go to another one that has the tool.
AGENT_WEBSOCKET_INLINE void session_core::pass_on_calls(connection_id from, moment at) {
  if (!run_ || closing_) return;
  for (called_tool& each : run_->calls) {
    if (each.at != called_tool::phase::running || !each.tool->of_client || each.told != from)
      continue;
    each.told = runner_of(each);
    if (each.told != 0) put_ordered(each.told, status_of(each, "calling", true), at);
  }
}

/// The model wants tools: true when a round has begun, or the run has ended because of it.
AGENT_WEBSOCKET_INLINE bool session_core::begin_calls(const completion_result& result, moment at) {
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
    made.id = "t_" + std::to_string(++tally().calls);
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

AGENT_WEBSOCKET_INLINE void session_core::begin_call(called_tool& call, moment at) {
  if (call.tool == nullptr) {
    return end_call(call, tool_result::failure("There is no tool of that name"), true, at);
  }
  if (auto wrong = wrong_arguments(*call.tool, call.arguments))
    return end_call(call, tool_result::failure(std::move(*wrong)), true, at);
  call.checked = true;
  if (call.tool->definition.needs_person()) return ask_person(call, at);
  start_call(call, at);
}

AGENT_WEBSOCKET_INLINE void session_core::start_call(called_tool& call, moment at) {
  call.at = called_tool::phase::running;
  if (call.tool->of_client) call.told = runner_of(call);
  tell_call(call, "calling", at);
  const tool_definition& definition = call.tool->definition;
  const auto limit = definition.timeout.count() > 0 ? definition.timeout : settings_->tool_timeout;
  actions_.push_back(action::start_clock{run_->number, call.id, limit});
  if (!call.tool->of_client)
    actions_.push_back(action::run_tool{run_->number, call.id, definition.name, call.arguments});
}

AGENT_WEBSOCKET_INLINE void session_core::clock_over(run_number run, const std::string& id,
                                                     moment at) {
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

AGENT_WEBSOCKET_INLINE void session_core::tool_ended(run_number run, const std::string& id,
                                                     tool_result result, bool answered, moment at) {
  called_tool* const call = is_current(run) ? run_->find_call(id) : nullptr;
  if (call == nullptr || call->at != called_tool::phase::running) return;
  end_call(*call, std::move(result), answered, at);
  continue_run();
}

AGENT_WEBSOCKET_INLINE void session_core::on_tool_result(connection_id from,
                                                         const wire::command& command, moment at) {
  if (is_repeat(from, command.id, at)) return;
  called_tool* const call = run_ ? run_->find_call(command.ref) : nullptr;
  if (call == nullptr || call->at != called_tool::phase::running || !call->tool->of_client) {
    return refuse(from, command.id.empty() ? command.ref : command.id,
                  error(errc::not_found, "No tool call of that id is open"), at);
  }
  claim(command.id, at);
  acknowledge(from, command.id, at);
  tool_result result{!command.data.empty() ? command.data : command.content, false};
  if (!command.failure.empty()) result = tool_result::failure(command.failure);
  tool_ended(run_->number, command.ref, std::move(result), true, at);
}

AGENT_WEBSOCKET_INLINE void session_core::end_call(called_tool& call, tool_result result,
                                                   bool answered, moment at) {
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
AGENT_WEBSOCKET_INLINE void session_core::keep_results() {
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
AGENT_WEBSOCKET_INLINE void session_core::continue_run() {
  if (!run_ || run_->calls.empty() || !run_->calls_ended()) return;
  keep_results();
  run_->state = *next_state(run_->state, run_event::again);
  actions_.push_back(action::start_completion{run_->number, build_request()});
}

/// The run ends in the middle of a round: its questions are withdrawn, its open calls have failed.
AGENT_WEBSOCKET_INLINE void session_core::drop_calls(moment at) {
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

AGENT_WEBSOCKET_INLINE wire::tool_status session_core::status_of(const called_tool& call,
                                                                 std::string_view state,
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
AGENT_WEBSOCKET_INLINE void session_core::tell_call(const called_tool& call, std::string_view state,
                                                    moment at) {
  const connection_id runner = state == "calling" ? call.told : 0;
  const std::string plain = encoded(status_of(call, state, false), at);
  const std::string to_run = runner == 0 ? plain : encoded(status_of(call, state, true), at);
  outbox_.put_progress(plain, runner, to_run, streamed(), timestamp(at.wall));
}

}  // namespace agent_websocket

#endif
