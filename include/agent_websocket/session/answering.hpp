// SPDX-License-Identifier: MIT
//
// The part of session_core that answers queries: acceptance, one run at a time. How an answer ends
// is in ending.hpp. Kept apart from core.hpp, which declares it, so that each can be read in one
// go.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/session/core.hpp>
#include <agent_websocket/wire/replay.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#if AGENT_WEBSOCKET_DEFINITIONS

namespace agent_websocket {

AGENT_WEBSOCKET_INLINE void session_core::on_query(connection_id from, wire::query&& query,
                                                   moment at) {
  if (draining_) return refuse(from, query.id, error(errc::draining), at);
  if (!query.id.empty() && answer_duplicate(from, query, at)) return;
  if (refuse_unkept(from, query.id, at)) return;
  if (!query.model.empty() && !settings_->allows_model(query.model)) {
    return refuse(from, query.id, error(errc::forbidden, "That model is not allowed here"), at);
  }
  if (const auto fits = settings_->check_content(query.content.size()); !fits)
    return refuse(from, query.id, fits.error(), at);
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
    case wire::overlap::latest: cancel_all_waiting(at); break;
  }
  if (!accepted.first && busy() && inbox_.size() + storing_.size() >= settings_->max_queue) {
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
AGENT_WEBSOCKET_INLINE std::string session_core::make_query_id(moment at) {
  for (;;) {
    std::string id = "q_" + epoch_.substr(0, 8) + "_" + std::to_string(++tally().ids);
    if (claims_.find(id, at.now) == nullptr) return id;
  }
}

AGENT_WEBSOCKET_INLINE bool session_core::has_made(std::string_view query_id) const {
  const std::string begin = "q_" + epoch_.substr(0, 8) + "_";
  return query_id.substr(0, begin.size()) == begin;
}

/// A repeated id is never run again: it is acknowledged, and answered when the answer is there.
AGENT_WEBSOCKET_INLINE bool session_core::answer_duplicate(connection_id from,
                                                           const wire::query& query, moment at) {
  if (stored_query* const storing = find_storing(query.id)) {
    storing->accepted.from = from;  // is told when it is accepted
    return true;
  }
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

/// True for a command, feedback or result that has arrived before: it is acknowledged, when that is
/// kept, and not done again.
AGENT_WEBSOCKET_INLINE bool session_core::is_repeat(connection_id from, const std::string& id,
                                                    moment at) {
  if (id.empty() || claims_.find(id, at.now) == nullptr) return false;
  put_kept(from, wire::ack{id, {}, 0, true, false}, at);
  return true;
}

/// The terminal message once more, as it was if it is still there.
AGENT_WEBSOCKET_INLINE void session_core::repeat_end(connection_id to, const wire::query& query,
                                                     const claimed_ids::claim& claimed, moment at) {
  const message_log& log = outbox_.log();
  if (claimed.end_seq >= log.oldest() && claimed.end_seq <= log.top())
    return outbox_.put_ordered(to, wire::as_replay(log.at(claimed.end_seq)));
  const turn* const asked = std::as_const(conversation_).find(claimed.stream);
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

AGENT_WEBSOCKET_INLINE void session_core::accept(connection_id from, accepted_query&& accepted,
                                                 bool with_id, moment at) {
  accepted.stream = make_stream_id();
  accepted.from = from;
  record([&] { return records::of_query(accepted, with_id, false, tally().calls, at.wall); });
  if (with_id) claims_.take(accepted.query.id, accepted.stream, at.now);
  stored_query stored{std::move(accepted), with_id, ledger_.made()};
  if (ledger_.all_kept()) return enter(std::move(stored), at);
  storing_.push_back(std::move(stored));
}

/// Its record is kept, where there is a store: from here on it has a terminal message.
AGENT_WEBSOCKET_INLINE void session_core::enter(stored_query&& stored, moment at) {
  const connection_id from = stored.accepted.from;
  const bool with_id = stored.with_id;
  if (stored.cancelled || (may_begin() && inbox_.empty())) {
    const accepted_query& of = stored.accepted;
    if (with_id) put_control(from, wire::ack{of.query.id, of.stream, 0, false, true}, at);
    return stored.cancelled ? cancel_waiting(of, at) : begin(std::move(stored.accepted), at);
  }
  const std::string id = stored.accepted.query.id;
  const std::string stream = stored.accepted.stream;
  inbox_.push(std::move(stored.accepted));
  const std::size_t position = run_ ? *inbox_.position_of(id) + 1 : 0;
  if (with_id) put_control(from, wire::ack{id, stream, position, false, true}, at);
  if (run_) {
    if (with_id) put_control(from, wire::queued{id, position}, at);
  } else {
    begin_next(at);
  }
}

AGENT_WEBSOCKET_INLINE void session_core::begin_next(moment at) {
  if (!may_begin()) return;
  if (auto next = inbox_.take_next()) begin(std::move(*next), at);
}

AGENT_WEBSOCKET_INLINE void session_core::begin(accepted_query&& accepted, moment at) {
  run_.emplace();
  run_->number = ++tally().runs;
  run_->of = std::move(accepted);
  run_->state = *next_state(run_state::none, run_event::begin);
  run_->begun = at.now;

  const wire::query& query = run_->of.query;
  turn begun;
  begun.id = query.id;
  begun.stream = run_->of.stream;
  begun.asked = at.wall;
  if (run_->of.regenerate && !conversation_.empty()) {
    begun.question = conversation_.back().question;
    run_->replaced = std::move(conversation_.back());
    conversation_.drop_last();
  } else {
    begun.question = run_->of.question();
  }
  conversation_.begin(std::move(begun));
  put_ordered(0, wire::status{"thinking", query.id, "Thinking...", {}, {}, {}, {}}, at);
  actions_.emplace_back(action::consult{run_->number, query});
}

AGENT_WEBSOCKET_INLINE std::shared_ptr<openrouter::chat_request> session_core::build_request() {
  const auto built = std::make_shared<openrouter::chat_request>();
  openrouter::chat_request& request = *built;
  request.model = !run_->of.query.model.empty() ? run_->of.query.model
                                                : overrides().model.value_or(settings_->model);
  request.fallback_models = settings_->fallback_models;
  const std::optional<std::string>& own_prompt = overrides().system_prompt;
  request.messages = conversation_.messages(own_prompt ? *own_prompt : settings_->system_prompt);
  // Before the question, which is the last message.
  request.messages.insert(request.messages.end() - 1, run_->extra.begin(), run_->extra.end());
  request.messages.insert(request.messages.end(), run_->steps.begin(), run_->steps.end());
  request.temperature = overrides().temperature.value_or(settings_->temperature);
  request.max_tokens = overrides().max_tokens.value_or(settings_->max_tokens);
  request.reasoning.effort = settings_->reasoning_effort;
  request.tools = describe_tools(run_->offered);
  run_->asked_bytes += request.messages.bytes();
  return built;
}

AGENT_WEBSOCKET_INLINE void session_core::decided(run_number run, query_decision decision,
                                                  moment at) {
  if (!is_current(run) || run_->state != run_state::deciding) return;
  switch (decision.what) {
    case query_decision::kind::proceed:
      run_->state = *next_state(run_->state, run_event::proceed);
      run_->extra = std::move(decision.extra);
      offer_tools();
      actions_.emplace_back(action::start_completion{run, build_request()});
      return;
    case query_decision::kind::answer: {
      run_->state = *next_state(run_->state, run_event::proceed);
      text(run, decision.text, at);
      completion_result result;
      result.finish_reason = "stop";
      return finish(wire::answer_status::completed, std::move(result), at);
    }
    case query_decision::kind::refuse: {
      completion_result result;
      result.failure = std::move(decision.why);
      return finish(wire::answer_status::failed, std::move(result), at);
    }
  }
}

AGENT_WEBSOCKET_INLINE void session_core::completed(run_number run, completion_result result,
                                                    moment at) {
  if (!is_current(run) || run_->state == run_state::deciding) return;
  if (!result.model.empty()) run_->model = result.model;
  const bool refused = result.failure && run_->text.empty() && run_->reasoning.empty();
  if (result.used.counted || refused) run_->asked_bytes = 0;
  if (run_->state == run_state::calling || begin_calls(result, at)) return;
  if (!result.failure && result.finish_reason == "length" && run_->text.empty() &&
      result.tool_calls.empty()) {
    result.failure = error(errc::empty_response,
                           "The model has used up its tokens before it began to answer; allow more "
                           "tokens, or ask for less");
  }
  if (!result.failure && result.unoffered_call && run_->text.empty()) {
    result.failure = error(errc::empty_response,
                           "The model has called a tool in place of an answer, and there is none");
  }
  wire::answer_status status = wire::answer_status::completed;
  if (result.failure) {
    status = wire::answer_status::failed;
  } else if (result.finish_reason == "length" || result.finish_reason == "content_filter") {
    status = wire::answer_status::incomplete;
  }
  finish(status, std::move(result), at);
}

AGENT_WEBSOCKET_INLINE void session_core::start_stream(moment at) {
  if (run_->started) return;
  run_->started = true;
  records::note about;
  about.starts = run_->of.stream;
  publish(wire::response_start{next_seq(), run_->of.query.id, run_->of.stream, run_->model}, about,
          at);
}

AGENT_WEBSOCKET_INLINE void session_core::text(run_number run, std::string_view piece, moment at) {
  if (!is_current(run) || piece.empty()) return;
  if (run_->state != run_state::streaming) {
    const auto next = next_state(run_->state, run_event::token);
    if (!next) return;
    if (run_->state == run_state::thinking && !run_->text.empty()) {  // of another round
      run_->text.append("\n\n");
      run_->round_begin = run_->text.size();
    }
    run_->state = *next;
  }
  run_->text.append(piece);
  if (run_->chunks++ == 0 && outbox_.counts() != nullptr)
    outbox_.counts()->first_text_after(at.now - run_->begun);
  if (run_->of.streamed) start_stream(at);
}

AGENT_WEBSOCKET_INLINE void session_core::reasoning(run_number run, std::string_view piece,
                                                    moment at) {
  if (!is_current(run) || !run_->of.streamed || piece.empty()) return;
  if (run_->state == run_state::deciding || run_->state == run_state::calling) return;
  run_->reasoning.append(piece);
  ++run_->reasoning_chunks;
  start_stream(at);
}

}  // namespace agent_websocket

#endif
