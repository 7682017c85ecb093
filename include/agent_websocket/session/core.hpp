// SPDX-License-Identifier: MIT
//
// The session as a pure state machine: an event and a moment go in; frames for the client come out
// in the outbox and things to do as actions. No I/O, clock, lock or thread, so that a conversation
// can be replayed, cut after every frame, and fuzzed. Promises the rule that everything else rests
// on: exactly one terminal message for every accepted query, whatever happens. A session is not a
// socket: any number of them may watch it, also none (attaching.hpp). What it consists of is in
// core_data.hpp, what can be asked of it in core_view.hpp, how its messages go out in
// core_output.hpp. Queries are in answering.hpp, the model's calls of tools in tool_loop.hpp, the
// people who decide about them in deciding.hpp, ends from outside in ending.hpp, built-in commands
// in commands.hpp, what its store keeps in keeping.hpp and restoring.hpp, the carrying out in
// session.hpp.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/session/core_output.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

class session_core final : public core_output {
 public:
  /// Sockets of one session; the one that was silent for longest makes room for one more.
  static constexpr std::size_t max_sockets = 32;
  /// Calls of one round that are run; the model is told so of those above.
  static constexpr std::size_t max_calls_at_once = 32;
  /// What clients are told while the store does not keep what it is given.
  static constexpr const char* not_kept_words = "This cannot be saved now; try again later";
  /// Of texts in most languages, where nobody has counted.
  static constexpr std::size_t bytes_a_token = 4;

  /// Precondition: `settings` is not null. `epoch` names the numbering of this session's messages.
  session_core(std::string id, std::string epoch, std::shared_ptr<const session_settings> settings,
               moment at);

  /// Whose it is, and where its first client was. Before everything else.
  void belong_to(principal owner, std::string address);
  fifo<session_action> take_actions() { return std::exchange(actions_, {}); }

  /// Gives this session settings of its own. What waits or is kept above a new limit stays for now.
  void change_settings(session_settings settings);

  // ---- its records, see restoring.hpp

  /// From now on, records are made of what must not be lost.
  void keep_records() noexcept { ledger_.turn_on(); }
  /// Of a session that was in a store: goes on where the records end, with sockets to come. What
  /// was open then has been interrupted. Error: bad_json, bad_message; then this is of no use.
  result<void> restore(const std::vector<std::string>& kept, moment at);
  /// All of it in as few records as it takes, in place of those that were made up to now.
  std::vector<std::string> checkpoint(moment at) const;
  ledger& book() noexcept { return ledger_; }
  const ledger& book() const noexcept { return ledger_; }
  /// The first `count` of its records are kept.
  void kept(std::uint64_t count, moment at);
  /// They cannot be kept now: what waits to be accepted is refused.
  void not_kept(moment at);
  /// They cannot be kept any more: another server has the session, or the store was away for too
  /// long. What clients were told stays true of what is kept; they are to look for it there.
  void lose(const error& why, moment at);

  // ---- events of its sockets; `token` is the resume token that the welcome is to carry

  /// A socket begins this session. The welcome goes before everything else, also before what the
  /// application said meanwhile.
  void opened(connection_id connection, std::string_view token, moment at);

  /// A socket that watches another session, by way of this one: it is told what it is refused.
  void lend(connection_id connection, moment at) { attach(connection, at); }

  /// Answers a hello that asked for no session, or for one that it does not get: the client begins
  /// with what this one has.
  void greet(const wire::command& hello, std::string_view reason, std::string_view token,
             moment at);

  /// Answers a hello that has shown its right to this session: verdict, what was missed, `live`.
  /// The socket may be new here.
  void resume(connection_id connection, const wire::command& hello, std::string_view token,
              moment at);

  /// The socket is gone, or watches another session now.
  void detached(connection_id connection, moment at);

  /// True for what has arrived, and whose end lies above `position` if it has ended.
  bool needs_no_repeat(std::string_view id, std::uint64_t position, moment at);

  /// A decoded message, or the reason why the text was none.
  void received(connection_id from, wire::client_message message, moment at);

  /// A frame that could not be a message: unsupported_data (binary) or too_large.
  void refused_frame(connection_id from, errc code, moment at);

  /// Refuses what was no good message; too many in a row close the socket.
  void refuse_bad(connection_id from, std::string_view ref, const error& why, moment at);

  /// The application knew the command.
  void heard_good(connection_id from);

  /// The socket does not take what it is sent: the session does without it.
  void give_up(connection_id connection);
  void close_socket(connection_id connection, std::uint16_t code, std::string reason,
                    bool send_first = true);

  // ---- events of the application and of upstream; those of another run than the current one are
  // dropped

  void decided(run_number run, query_decision decision, moment at);

  void began(run_number run, std::string_view model);

  void text(run_number run, std::string_view piece, moment at);
  /// A piece of what the model thinks, for those who want to see it.
  void reasoning(run_number run, std::string_view piece, moment at);

  void completed(run_number run, completion_result result, moment at);

  /// A call has its result: from its handler, or `answered` false: nobody gave one.
  void tool_ended(run_number run, const std::string& call, tool_result result, bool answered,
                  moment at);
  /// The time is up of a call or of a question to a person.
  void clock_over(run_number run, const std::string& id, moment at);

  /// Ends the run, whoever it waits for: the application or upstream.
  void failed(run_number run, const error& why, moment at);

  // ---- events of the server

  /// A notification; numbered unless it may be lost. `data` is JSON text or empty.
  void notify(std::string_view content, std::string_view topic, std::string_view data,
              bool may_be_lost, moment at);

  /// An answer to a command of the application, to the socket that gave it.
  void reply(const wire::command& to, std::string_view content, std::string_view data, moment at);

  /// The message has been taken; only those with an id are told of.
  void acknowledge(connection_id to, const std::string& id, moment at);

  /// The client is to show a new token before then.
  void token_expires(connection_id connection, wall_time when, moment at);

  /// An error that is not the end of a query, to one socket or with 0 to all.
  void refuse(connection_id to, std::string_view ref, const error& why, moment at,
              std::optional<std::chrono::milliseconds> retry_after = std::nullopt);

  /// The session was idle for too long.
  void expired(moment at);
  /// Nobody came back in time: what is still open ends, for whoever comes later.
  void interrupt(moment at);
  /// The server is going to stop: nothing new is begun, what runs may end.
  void drain(std::chrono::milliseconds retry_after, moment at);
  /// The same for sockets that watch a session of another server: numbers are that one's.
  void drain_away(std::chrono::milliseconds retry_after, moment at);
  /// What runs may no longer end by itself.
  void drain_expired(moment at);
  /// Ends the session: every open query gets its terminal message, then the socket is closed.
  void end(std::uint16_t code, std::string reason, const error& why, moment at);

 private:
  friend class session_commands;
  friend class session_restoring;

  /// Precondition: the message carries next_seq(). `about`: see records::note.
  template <typename Message>
  void publish(const Message& message, const records::note& about, moment at) {
    std::string frame = encoded(message, at);
    record([&] { return records::of_message(next_seq(), about, frame); });
    outbox_.publish(frame, ledger_);
  }
  /// Answers a built-in command when what it did is kept.
  void confirm(const wire::command& to, std::string_view content, std::string_view data, moment at);

  lanes& attach(connection_id connection, moment at);
  void arrived(connection_id from);
  wire::welcome make_welcome(std::string_view reason, std::string_view token) const;
  wire::resume_notice make_notice() const;

  void close(std::uint16_t code, std::string reason);
  void close_for_drain();

  void on_query(connection_id from, wire::query&& query, moment at);
  void on_feedback(connection_id from, wire::human_feedback feedback, moment at);
  void on_decision(connection_id from, const wire::human_feedback& feedback, moment at);
  void on_tool_result(connection_id from, const wire::command& command, moment at);
  void accept(connection_id from, accepted_query&& accepted, bool with_id, moment at);
  void enter(stored_query&& stored, moment at);
  void withdraw(const error& why, moment at);
  stored_query* find_storing(std::string_view id) noexcept;
  stored_query* find_meant(std::string_view ref) noexcept;
  template <typename Make>
  void record(Make&& make) {
    if (!ledger_.is_on()) return;
    if (ledger_.made() == 0) ledger_.add(header());
    ledger_.add(make());
  }
  void record_tokens();
  void claim(const std::string& id, moment at);
  bool refuse_unkept(connection_id to, std::string_view ref, moment at);
  std::string header() const;
  void close_now();
  bool answer_duplicate(connection_id from, const wire::query& query, moment at);
  bool is_repeat(connection_id from, const std::string& id, moment at);
  void repeat_end(connection_id to, const wire::query& query, const claimed_ids::claim& claimed,
                  moment at);
  bool may_begin() const noexcept { return !run_ && !closing_ && !held_; }
  void begin(accepted_query&& query, moment at);
  void begin_next(moment at);
  std::shared_ptr<openrouter::chat_request> build_request();

  result<tool_ptr> check_tool(const wire::declared_tool& declared,
                              const std::vector<tool_ptr>& others) const;
  void declare_tools(connection_id connection, const wire::command& hello, moment at);
  void offer_tools();
  void repeat_calls(connection_id to, moment at);
  void pass_on_calls(connection_id from, moment at);
  bool begin_calls(const completion_result& result, moment at);
  void begin_call(called_tool& call, moment at);
  void start_call(called_tool& call, moment at);
  void ask_person(called_tool& call, moment at);
  feedback_requests::request resolve(const std::string& id, std::string_view decision,
                                     std::string_view reason, moment at);
  void end_call(called_tool& call, tool_result result, bool answered, moment at);
  void continue_run();
  void keep_results();
  void drop_calls(moment at);
  connection_id runner_of(const called_tool& call);
  wire::tool_status status_of(const called_tool& call, std::string_view state,
                              bool to_be_run) const;
  void tell_call(const called_tool& call, std::string_view state, moment at);
  void start_stream(moment at);
  void finish(wire::answer_status status, completion_result&& result, moment at);
  void conclude(const accepted_query& of, const answer_record& record,
                std::optional<std::chrono::milliseconds> retry_after, bool started,
                std::uint64_t chunks, moment at);
  void fail_run(const error& why, moment at);
  void fail_waiting(const error& why, moment at);
  void fail_waiting(const accepted_query& waiting, bool started, const error& why, moment at);
  void cancel_run(moment at);
  void cancel_waiting(const accepted_query& waiting, moment at);
  void cancel_all_waiting(moment at);
  std::string make_query_id(moment at);
  bool has_made(std::string_view query_id) const;
  std::string make_stream_id();
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE session_core::session_core(std::string id, std::string epoch,
                                                  std::shared_ptr<const session_settings> settings,
                                                  moment at)
    : core_output(std::move(id), std::move(epoch), std::move(settings), at) {}

AGENT_WEBSOCKET_INLINE void session_core::belong_to(principal owner, std::string address) {
  if (!owner.is_anonymous || owner.name != "anonymous" || owner.expires_at)
    owner_.emplace(std::move(owner));
  address_ = std::move(address);
}

AGENT_WEBSOCKET_INLINE void session_core::heard_good(connection_id from) {
  if (lanes* const socket = outbox_.find(from)) socket->bad_messages = 0;
}

AGENT_WEBSOCKET_INLINE void session_core::give_up(connection_id connection) {
  close_socket(connection, 4002, "slow_consumer", false);
}

AGENT_WEBSOCKET_INLINE void session_core::began(run_number run, std::string_view model) {
  if (is_current(run) && run_->state != run_state::deciding) run_->model = std::string(model);
}

AGENT_WEBSOCKET_INLINE void session_core::failed(run_number run, const error& why, moment at) {
  if (is_current(run)) fail_run(why, at);
}

AGENT_WEBSOCKET_INLINE void session_core::notify(std::string_view content, std::string_view topic,
                                                 std::string_view data, bool may_be_lost,
                                                 moment at) {
  if (closing_) return;
  if (!may_be_lost)
    return publish(wire::notification{next_seq(), {}, topic, content, data}, {}, at);
  outbox_.put_volatile(encoded(wire::notification{std::nullopt, {}, topic, content, data}, at));
}

AGENT_WEBSOCKET_INLINE void session_core::reply(const wire::command& to, std::string_view content,
                                                std::string_view data, moment at) {
  if (closing_) return;
  put_control(to.from, wire::status{to.op, to.id, content, data, to.meta, {}, {}}, at);
}

AGENT_WEBSOCKET_INLINE void session_core::acknowledge(connection_id to, const std::string& id,
                                                      moment at) {
  if (!id.empty()) put_kept(to, wire::ack{id, {}, 0, false, false}, at);
}

AGENT_WEBSOCKET_INLINE void session_core::confirm(const wire::command& to, std::string_view content,
                                                  std::string_view data, moment at) {
  put_kept(to.from, wire::status{to.op, to.id, content, data, to.meta, {}, {}}, at);
}

AGENT_WEBSOCKET_INLINE void session_core::close_for_drain() {
  close(1012, "Server is shutting down");
}

AGENT_WEBSOCKET_INLINE std::string session_core::make_stream_id() {
  return "r_" + std::to_string(++tally().streams);
}

#endif

}  // namespace agent_websocket
