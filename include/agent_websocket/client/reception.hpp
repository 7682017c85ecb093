// SPDX-License-Identifier: MIT
//
// What the client core makes of the server's messages: welcome and live, the order of numbered
// ones, answers from their first piece to their one end, and the rest, which goes to the
// application as it is.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/client/core.hpp>

#include <string>
#include <string_view>
#include <utility>

#if AGENT_WEBSOCKET_DEFINITIONS

namespace agent_websocket {

AGENT_WEBSOCKET_INLINE void client_core::received(std::string_view text, time_point now) {
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

AGENT_WEBSOCKET_INLINE void client_core::on_welcome(const wire::server_message& m,
                                                    std::string_view text) {
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

AGENT_WEBSOCKET_INLINE void client_core::session_replaced() {
  for (const std::string& id : outbox_.take_accepted()) {
    if (client_answer* const answer = open_answer(id)) {
      fail(*answer, {to_string(errc::session_expired),
                     "The session has ended before the answer was complete", true, std::nullopt});
    }
  }
}

AGENT_WEBSOCKET_INLINE void client_core::forget_requests() {
  tell_gone(requests_.take_all());
  withdraw(calls_.end_all());
}

AGENT_WEBSOCKET_INLINE void client_core::on_live(time_point now) {
  if (!connection_.caught_up(now)) return;
  tell_gone(requests_.take_unlisted());
  outbox_.send_all([this](const std::string& json) { send(json); });
}

AGENT_WEBSOCKET_INLINE void client_core::tell_gone(const std::vector<std::string>& requests) {
  for (const std::string& id : requests)
    actions_.push_back(client_action::tell_feedback_resolved{{id, {}, "gone"}});
}

AGENT_WEBSOCKET_INLINE void client_core::on_request(json::value body, bool is_open) {
  client_request request = client_request::of(body);
  request.is_open = is_open;
  if (requests_.add(request))
    actions_.push_back(client_action::tell_feedback_request{std::move(request)});
}

AGENT_WEBSOCKET_INLINE void client_core::on_tool(const wire::server_message& m) {
  if (!connection_.is_following()) return;
  client_tool_progress progress = client_tool_progress::of(m);
  if (progress.state == "done" || progress.state == "failed") withdraw(calls_.end(progress.call));
  const bool is_for_us = !m.id.empty() && progress.state == "calling";
  client_tool_call call{std::string(m.id), progress.ref, progress.name, progress.arguments};
  actions_.push_back(client_action::tell_tool{std::move(progress)});
  if (is_for_us && calls_.begin(call.id, call.ref))
    actions_.push_back(client_action::tell_tool_call{std::move(call)});
}

AGENT_WEBSOCKET_INLINE void client_core::follow(const wire::server_message& m,
                                                std::string_view text, time_point now) {
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

AGENT_WEBSOCKET_INLINE void client_core::take(const wire::server_message& m, std::string_view text,
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
AGENT_WEBSOCKET_INLINE client_answer* client_core::answer_of(const wire::server_message& m) {
  if (client_answer* const found = transcript_.find(m.ref, m.stream)) return found;
  return is_valid_id(m.ref) ? &transcript_.add(m.ref, false) : nullptr;
}

AGENT_WEBSOCKET_INLINE void client_core::on_response(const wire::server_message& m,
                                                     time_point now) {
  if (m.is_piece()) return on_piece(m, now);
  if (m.is_terminal()) return on_end(m);
  client_answer* const answer = m.phase == wire::response_phase::start ? answer_of(m) : nullptr;
  if (answer == nullptr || !answer->is_open()) return;
  answer->stream = std::string(m.stream);
  answer->model = std::string(m.body["model"].string().value_or(""));
}

AGENT_WEBSOCKET_INLINE void client_core::on_piece(const wire::server_message& m, time_point now) {
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

AGENT_WEBSOCKET_INLINE void client_core::on_end(const wire::server_message& m) {
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

AGENT_WEBSOCKET_INLINE void client_core::on_error(const wire::server_message& m,
                                                  std::string_view text) {
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

AGENT_WEBSOCKET_INLINE void client_core::on_status(const wire::server_message& m,
                                                   std::string_view text) {
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

AGENT_WEBSOCKET_INLINE void client_core::tell_text(const client_answer& answer,
                                                   const answer_text::outcome& change) {
  if (change.what == text_change::none) return;
  actions_.push_back(client_action::tell_text{answer.id, change.what, std::string(change.text)});
}

}  // namespace agent_websocket

#endif
