// SPDX-License-Identifier: MIT
//
// The session as a pure state machine: an event and a moment go in; frames for the client come out
// in the outbox and things to do as actions. No I/O, clock, lock or thread, so that a conversation
// can be replayed, cut after every frame, and fuzzed. Promises the rule that everything else rests
// on: exactly one terminal message for every accepted query, whatever happens. Built-in commands
// are in commands.hpp, the carrying out in session.hpp.
#pragma once

#include <agent_websocket/base/timestamp.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/session/actions.hpp>
#include <agent_websocket/session/claims.hpp>
#include <agent_websocket/session/inbox.hpp>
#include <agent_websocket/session/outbox.hpp>
#include <agent_websocket/session/records.hpp>
#include <agent_websocket/session/replies.hpp>
#include <agent_websocket/session/settings.hpp>
#include <agent_websocket/session/state.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// When an event happened, by both clocks.
struct moment {
  time_point now;
  wall_time wall;
};

/// The one query that a session works on.
struct current_run {
  run_number number = 0;
  accepted_query of;
  run_state state = run_state::none;
  bool started = false;  ///< phase start has been sent
  std::string text;      ///< so far
  std::string model;
  std::uint64_t chunks = 0;  ///< deltas so far
};

class session_core {
 public:
  /// Precondition: `settings` is not null. `epoch` names the numbering of this session's messages.
  session_core(std::string id, std::string epoch, std::shared_ptr<const session_settings> settings,
               moment at)
      : id_(std::move(id)),
        epoch_(std::move(epoch)),
        settings_(std::move(settings)),
        conversation_(settings_->max_history),
        inbox_(settings_->max_queue),
        created_(at.wall),
        active_(at) {}

  const std::string& id() const noexcept { return id_; }
  const session_settings& settings() const noexcept { return *settings_; }
  const agent_websocket::conversation& history() const noexcept { return conversation_; }
  const agent_websocket::inbox& waiting() const noexcept { return inbox_; }
  outbox& output() noexcept { return outbox_; }
  bool closing() const noexcept { return closing_; }
  bool running() const noexcept { return run_.has_value(); }
  /// True when an answer runs or waits: such a session is not idle.
  bool busy() const noexcept { return run_.has_value() || !inbox_.empty(); }
  time_point last_activity() const noexcept { return active_.now; }
  bool has_actions() const noexcept { return !actions_.empty(); }
  std::vector<session_action> take_actions() { return std::exchange(actions_, {}); }
  std::string_view timestamp(wall_time at) { return stamp_.text(at); }

  /// Gives this session settings of its own. What waits or is kept above a new limit stays for now.
  void change_settings(session_settings settings) {
    settings_ = std::make_shared<const session_settings>(std::move(settings));
    conversation_.limit_to(settings_->max_history);
    inbox_.limit_to(settings_->max_queue);
  }

  // ---- events of the socket

  /// The welcome goes before everything else, also before what the application said meanwhile.
  void opened(moment at) { outbox_.put_control(welcome("new", 0, at)); }

  /// A decoded message, or the reason why the text was none.
  void received(wire::client_message message, moment at);

  /// A frame that could not be a message: binary, or too large.
  void refused_frame(errc code, std::string words, moment at) {
    if (!closing_) refuse({}, error(code, std::move(words)), at);
  }

  /// The socket is gone: what runs is given up; nobody is left to be told.
  void lost() {
    if (run_) actions_.push_back(action::cancel_completion{run_->number});
    run_.reset();
    closing_ = true;
  }

  // ---- events of the application and of upstream; those of another run than the current one are
  // dropped

  void decided(run_number run, query_decision decision, moment at);

  void began(run_number run, std::string_view model) {
    if (is_current(run) && run_->state != run_state::deciding) run_->model = std::string(model);
  }

  void text(run_number run, std::string_view piece, moment at) {
    if (!is_current(run) || piece.empty()) return;
    const auto next = next_state(run_->state, run_event::token);
    if (!next) return;
    run_->state = *next;
    run_->text.append(piece);
    if (!run_->of.streamed) return;
    start_stream(at);
    outbox_.put_delta(run_->of.stream, run_->chunks, 1, piece);
    ++run_->chunks;
  }

  void completed(run_number run, completion_result result, moment at);

  /// Ends the run, whoever it waits for: the application or upstream.
  void failed(run_number run, const error& why, moment at) {
    if (is_current(run)) fail_run(why, at);
  }

  // ---- events of the server

  /// A numbered notification. `data` is JSON text or empty.
  void notify(std::string_view content, std::string_view topic, std::string_view data, moment at) {
    if (closing_) return;
    put(wire::notification{++seq_, {}, topic, content, data}, at);
  }

  /// An answer to a command of the application.
  void reply(const wire::command& to, std::string_view content, std::string_view data, moment at) {
    if (closing_) return;
    put_control(wire::status{to.op, to.id, content, data, to.meta, std::nullopt}, at);
  }

  /// An error that is not the end of a query.
  void refuse(std::string_view ref, const error& why, moment at,
              std::optional<std::chrono::milliseconds> retry_after = std::nullopt) {
    if (closing_) return;
    wire::failure_notice notice{why.code,     why.message, ref, retry_after, is_retryable(why.code),
                                std::nullopt, {}};
    put_control(notice, at);
  }

  /// The session was idle for too long.
  void expired(moment at) {
    if (closing_) return;
    put(wire::notification{++seq_, {}, {}, "Session closed due to inactivity", {}}, at);
    close(1000, "Session timeout");
  }

  /// The server is going to stop: nothing new is begun, what runs may end.
  void drain(moment at);

  /// What runs may no longer end by itself.
  void drain_expired(moment at) {
    if (closing_) return;
    fail_run(error(errc::draining), at);
    close(1001, "Server is shutting down");
  }

  /// Ends the session: every open query gets its terminal message, then the socket is closed.
  void end(std::uint16_t code, std::string reason, const error& why, moment at) {
    if (closing_) return;
    fail_waiting(why, at);
    fail_run(why, at);
    close(code, std::move(reason));
  }

  /// More waits for the client than is allowed.
  void overflowed() {
    if (closing_) return;
    if (run_) actions_.push_back(action::cancel_completion{run_->number});
    run_.reset();
    outbox_.clear();
    close(4002, "slow_consumer");
  }

 private:
  friend class session_commands;

  bool is_current(run_number run) const noexcept { return run_ && run_->number == run; }

  template <typename Message>
  void put(const Message& message, moment at) {
    std::string frame;
    encode(frame, message, stamp_.text(at.wall));
    outbox_.put(std::move(frame));
  }
  template <typename Message>
  void put_control(const Message& message, moment at) {
    std::string frame;
    encode(frame, message, stamp_.text(at.wall));
    outbox_.put_control(std::move(frame));
  }

  std::string welcome(std::string_view reason, std::uint64_t seq, moment at) {
    wire::welcome hello;
    hello.session_id = id_;
    hello.epoch = epoch_;
    hello.seq = seq;
    hello.reason = reason;
    hello.heartbeat = settings_->heartbeat_interval;
    hello.timeout = settings_->heartbeat_timeout;
    hello.limits = {settings_->max_message_bytes, settings_->max_queue};
    hello.data = settings_->welcome_data;
    std::string frame;
    encode(frame, hello, stamp_.text(at.wall));
    return frame;
  }

  void acknowledge(const std::string& id, moment at) {
    if (!id.empty()) put_control(wire::ack{id, {}, 0, false, false}, at);
  }

  void close(std::uint16_t code, std::string reason) {
    if (closing_) return;
    closing_ = true;
    actions_.push_back(action::close_socket{code, std::move(reason)});
  }

  void on_query(wire::query query, moment at);
  void on_feedback(wire::human_feedback feedback, moment at);
  void accept(accepted_query accepted, bool with_id, moment at);
  bool answer_duplicate(const wire::query& query, moment at);
  void begin_next(moment at);
  openrouter::chat_request build_request(const query_decision& decision) const;
  void start_stream(moment at);
  void finish(wire::answer_status status, const completion_result& result, moment at);
  void conclude(const accepted_query& of, const answer_record& record,
                std::optional<std::chrono::milliseconds> retry_after, bool started,
                std::uint64_t chunks, moment at);
  void fail_run(const error& why, moment at);
  void fail_waiting(const error& why, moment at);
  void cancel_run(moment at);
  void cancel_waiting(const accepted_query& waiting, moment at);
  // With a part of the epoch, so that it is no id that a client would choose.
  std::string make_query_id() {
    return "q_" + epoch_.substr(0, 8) + "_" + std::to_string(++made_ids_);
  }
  std::string make_stream_id() { return "r_" + std::to_string(++streams_); }

  std::string id_;
  std::string epoch_;
  std::shared_ptr<const session_settings> settings_;
  session_overrides overrides_;
  agent_websocket::conversation conversation_;
  agent_websocket::inbox inbox_;
  claimed_ids claims_;
  outbox outbox_;
  std::optional<current_run> run_;
  std::vector<session_action> actions_;
  timestamp_cache stamp_;
  usage_totals usage_;
  wall_time created_;
  moment active_;
  run_number runs_ = 0;
  std::uint64_t seq_ = 0;
  std::uint64_t streams_ = 0;
  std::uint64_t made_ids_ = 0;
  bool wants_deltas_ = false;
  bool held_ = false;  // the next query is not to begin yet
  bool draining_ = false;
  bool closing_ = false;
};

}  // namespace agent_websocket
