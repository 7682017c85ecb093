// SPDX-License-Identifier: MIT
//
// The part of session_core that ends things which did not end by themselves: cancelled and failed
// answers, idle sessions, answers that nobody came back for, what is open when the server stops.
#pragma once

#include <agent_websocket/session/answering.hpp>
#include <agent_websocket/session/core.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

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
