// SPDX-License-Identifier: MIT
//
// The part of session_core in which people decide about the model's calls: a numbered request asks,
// the first decision counts, everybody is told of it. Without one, the tool's default holds when
// the time is up. A request ends with its run.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/session/core.hpp>

#include <string>
#include <string_view>
#include <utility>

#if AGENT_WEBSOCKET_DEFINITIONS

namespace agent_websocket {

AGENT_WEBSOCKET_INLINE void session_core::ask_person(called_tool& call, moment at) {
  call.at = called_tool::phase::asking;
  const tool_definition& definition = call.tool->definition;
  feedback_requests::request asked;
  asked.id = "f_" + std::to_string(++tally().asked);
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
  records::note about;
  about.asks = asked.id;
  publish(said, about, at);
  requests_.open(std::move(asked));
}

/// The request is decided: everybody is told, and its clock is stopped.
AGENT_WEBSOCKET_INLINE feedback_requests::request session_core::resolve(const std::string& id,
                                                                        std::string_view decision,
                                                                        std::string_view reason,
                                                                        moment at) {
  auto closed = requests_.close(id, std::string(decision), reason == "expired");
  actions_.push_back(action::end_tool{closed.id, true});
  if (requests_.empty()) actions_.push_back(action::hold_clock{false});
  records::note about;
  about.resolves = closed.id;
  publish(wire::feedback_resolved{next_seq(), closed.id, decision, reason}, about, at);
  return closed;
}

AGENT_WEBSOCKET_INLINE void session_core::on_decision(connection_id from,
                                                      const wire::human_feedback& feedback,
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
  claim(feedback.id, at);
  put_kept(from, wire::status{"ack", feedback.id, "Decision received", {}, {}, {}, {}}, at);
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

#endif
