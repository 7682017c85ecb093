// SPDX-License-Identifier: MIT
//
// basic_client: a client of the wire protocol that keeps its connection. Carries out what the
// client core decides, on its policies; connects again by itself and takes the session up where it
// was, so that no query is lost, none is answered twice and no text has holes. Models of
// ClientTransport decide how the server is reached.
#pragma once

#include <agent_websocket/client/core.hpp>
#include <agent_websocket/client/reception.hpp>
#include <agent_websocket/client/sending.hpp>
#include <agent_websocket/policy/client_transport.hpp>
#include <agent_websocket/policy/scheduler.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

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
