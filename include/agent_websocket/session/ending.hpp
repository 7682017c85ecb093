// SPDX-License-Identifier: MIT
//
// The part of session_core that ends things: an answer, with its one terminal message; answers that
// were cancelled, that failed or that nobody came back for; idle sessions; what is open when the
// server stops.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/session/answering.hpp>
#include <agent_websocket/session/core.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#if AGENT_WEBSOCKET_DEFINITIONS

namespace agent_websocket {

AGENT_WEBSOCKET_INLINE void session_core::finish(wire::answer_status status,
                                                 completion_result&& result, moment at) {
  if (run_->of.streamed) {
    start_stream(at);
    outbox_.put_last_deltas(streamed(), timestamp(at.wall));
  }
  boxed<current_run> over = std::exchange(run_, {});
  current_run& ended = *over;
  const bool several = ended.rounds != 0 || ended.used.answers != 0;  // requests
  ended.used += result.used;
  ended.used.answers = ended.used.answers == 0 ? 0 : 1;

  answer_record record;
  record.query_id = ended.of.query.id;
  record.stream = ended.of.stream;
  record.text = std::move(ended.text);
  record.status = status;
  record.finish_reason = std::move(result.finish_reason);
  record.model = std::move(ended.model);
  record.usage = several ? describe_usage(ended.used) : std::move(result.usage);
  record.used = ended.used;
  if (ended.asked_bytes != 0) {
    const std::size_t bytes =
        ended.asked_bytes + record.text.size() - ended.round_begin + ended.reasoning.size();
    record.unreported_tokens = static_cast<std::int64_t>(bytes / bytes_a_token + 1);
  }
  record.rounds = ended.rounds;
  record.generation_id = std::move(result.generation_id);
  record.provider = std::move(result.provider);
  record.annotations = result.annotations;
  record.images = std::move(result.images);
  record.tool_calls = std::move(result.tool_calls);
  record.steps = describe_steps(ended.steps);
  record.failure = std::move(result.failure);
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
    this->record(
        [&] { return records::of_turn(*asked, ended.of.regenerate, ended.used, tally().calls); });
  }
  conversation_.trim();
  tally().usage += ended.used;
  if (session_counts* const counts = outbox_.counts())
    counts->answered_after(at.now - ended.begun, ended.used);
  actions_.emplace_back(action::deliver_answer{std::move(record)});
  active_ = at;
  if (draining_ && !closing_ && inbox_.empty()) {
    close_for_drain();
  } else {
    begin_next(at);
  }
}

/// Puts the one terminal message of an accepted query into the outbox.
AGENT_WEBSOCKET_INLINE void session_core::conclude(
    const accepted_query& of, const answer_record& record,
    std::optional<std::chrono::milliseconds> retry_after, bool started, std::uint64_t chunks,
    moment at) {
  records::note about;
  about.ends = of.query.id;
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
    publish(notice, about, at);
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
    publish(end, about, at);
  }
  claims_.ended(of.query.id, outbox_.log().top());
}

/// When its last messages are kept, so that they go out before.
AGENT_WEBSOCKET_INLINE void session_core::close(std::uint16_t code, std::string reason) {
  if (closing_) return;
  closing_.emplace(action::close_session{code, std::move(reason)});
  close_waits_ = !ledger_.all_kept() && !ledger_.is_failing();
  if (!close_waits_) close_now();
}

AGENT_WEBSOCKET_INLINE void session_core::fail_run(const error& why, moment at) {
  if (!run_) return;
  drop_calls(at);
  actions_.push_back(action::cancel_completion{run_->number});
  completion_result result;
  result.failure = why;
  finish(wire::answer_status::failed, std::move(result), at);
}

AGENT_WEBSOCKET_INLINE void session_core::cancel_run(moment at) {
  drop_calls(at);
  actions_.push_back(action::cancel_completion{run_->number});
  completion_result result;
  finish(wire::answer_status::cancelled, std::move(result), at);
}

AGENT_WEBSOCKET_INLINE void session_core::cancel_waiting(const accepted_query& waiting, moment at) {
  answer_record record;
  record.query_id = waiting.query.id;
  record.stream = waiting.stream;
  record.status = wire::answer_status::cancelled;
  conclude(waiting, record, std::nullopt, false, 0, at);
}

AGENT_WEBSOCKET_INLINE void session_core::expired(moment at) {
  if (closing_) return;
  publish(wire::notification{next_seq(), {}, {}, "Session closed due to inactivity", {}}, {}, at);
  end(1000, "Session timeout", error(errc::interrupted), at);  // a busy session is not idle
}

AGENT_WEBSOCKET_INLINE void session_core::interrupt(moment at) {
  if (closing_) return;
  grace_over_ = !requests_.empty();  // a person may still answer
  if (grace_over_) return;
  fail_waiting(error(errc::interrupted), at);
  fail_run(error(errc::interrupted), at);
}

AGENT_WEBSOCKET_INLINE void session_core::cancel_all_waiting(moment at) {
  while (const auto waiting = inbox_.take_next()) cancel_waiting(*waiting, at);
  for (std::size_t i = 0; i < storing_.size(); ++i) storing_[i].cancelled = true;
}

AGENT_WEBSOCKET_INLINE void session_core::fail_waiting(const error& why, moment at) {
  withdraw(why, at);
  while (const auto waiting = inbox_.take_next()) fail_waiting(*waiting, false, why, at);
}

/// `started`: the beginning of its answer was told.
AGENT_WEBSOCKET_INLINE void session_core::fail_waiting(const accepted_query& waiting, bool started,
                                                       const error& why, moment at) {
  answer_record record;
  record.query_id = waiting.query.id;
  record.stream = waiting.stream;
  record.status = wire::answer_status::failed;
  record.failure = why;
  record.retryable = is_retryable(why.code);
  if (waiting.streamed && !started) {
    records::note about;
    about.starts = waiting.stream;
    publish(wire::response_start{next_seq(), waiting.query.id, waiting.stream, {}}, about, at);
  }
  conclude(waiting, record, std::nullopt, waiting.streamed, 0, at);
}

AGENT_WEBSOCKET_INLINE void session_core::drain(std::chrono::milliseconds retry_after, moment at) {
  if (closing_ || draining_) return;
  draining_ = true;
  publish(wire::notification{next_seq(), "drain", {}, "Server is shutting down", {}}, {}, at);
  put_ordered(0, wire::status{"drain", {}, {}, {}, {}, {}, retry_after}, at);
  fail_waiting(error(errc::draining), at);
  if (!run_) close_for_drain();
}

AGENT_WEBSOCKET_INLINE void session_core::drain_away(std::chrono::milliseconds retry_after,
                                                     moment at) {
  put_ordered(0, wire::status{"drain", {}, {}, {}, {}, {}, retry_after}, at);
  for (const auto& each : outbox_.sockets())
    close_socket(each->connection(), 1012, "Server is shutting down");
}

AGENT_WEBSOCKET_INLINE void session_core::drain_expired(moment at) {
  if (closing_) return;
  fail_run(error(errc::draining), at);
  close_for_drain();
}

AGENT_WEBSOCKET_INLINE void session_core::end(std::uint16_t code, std::string reason,
                                              const error& why, moment at) {
  if (closing_) return;
  fail_waiting(why, at);
  fail_run(why, at);
  close(code, std::move(reason));
}

}  // namespace agent_websocket

#endif
