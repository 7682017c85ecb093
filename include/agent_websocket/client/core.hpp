// SPDX-License-Identifier: MIT
//
// The client as a pure state machine: events and a moment go in, actions come out. No I/O, clock,
// lock or thread, so that what a client does can be replayed, cut after every frame, and judged by
// the scripts of tests/conformance. Promises exactly one end for every query that was taken,
// whatever happens. Of what it declares, sending.hpp defines what the application has to say and
// reception.hpp what is read of the server; client.hpp includes all.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/ids.hpp>
#include <agent_websocket/client/actions.hpp>
#include <agent_websocket/client/connection.hpp>
#include <agent_websocket/client/following.hpp>
#include <agent_websocket/client/outbox.hpp>
#include <agent_websocket/client/transcript.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/wire/message.hpp>
#include <agent_websocket/wire/server_message.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace agent_websocket {

class client_core {
 public:
  explicit client_core(client_options options);
  client_core(const client_core&) = delete;
  client_core& operator=(const client_core&) = delete;

  const client_options& options() const noexcept { return options_; }
  const client_connection& connection() const noexcept { return connection_; }
  const client_transcript& transcript() const noexcept { return transcript_; }
  const std::deque<client_request>& requests() const noexcept { return requests_.open(); }
  bool has_actions() const noexcept { return !actions_.empty(); }
  client_action::list take_actions() { return std::exchange(actions_, {}); }
  /// When tick() is to be called next.
  time_point deadline() const { return connection_.deadline(); }

  // ---- the application

  /// Connects; while it waits for the next attempt, at once. Ignored while it is connected.
  void start(time_point now);

  void stop(time_point now);

  /// Asks the agent; gives the id of the query. It is sent now or when the connection is live.
  /// Errors, all at once and without any trace: bad_message, too_large, queue_full, interrupted.
  result<std::string> query(wire::query asked);

  /// Decides on a request. Kept until the server has it; errors as of query().
  result<std::string> decide(std::string_view request, client_decision decision,
                             std::string content, std::string data);

  /// What came of a call. Kept until the server has it. not_found: nobody waits for it; the call
  /// stays open after all other errors.
  result<void> tool_result(std::string_view call, std::string data);
  result<void> tool_error(std::string_view call, std::string words);

  /// Judges an answer or decides on a request. Kept until the server has it; errors as of query().
  result<std::string> feedback(wire::human_feedback said);

  /// Any command but hello, which is the client's own. `regenerate` is a query without a content,
  /// `set` is kept until the server has it; all others are sent now or fail (connection_failed).
  result<std::string> command(wire::command wanted);

  /// Ends the answer to that query; empty: the one that runs. The query ends with an answer of
  /// status cancelled, unless it had ended before. One that was never sent ends at once; for others
  /// the client must be live (connection_failed).
  result<void> cancel(std::string_view ref);

  // ---- the surroundings

  /// Answers client_action::ask_token.
  void token_ready(std::uint64_t attempt, result<std::string> token, time_point now);

  void opened(time_point now);

  /// Something has arrived, which need not be a whole message.
  void heard(time_point now) { connection_.heard(now); }

  void received(std::string_view text, time_point now);

  /// Events of a connection that was given up before are ignored.
  void closed(std::uint16_t code, std::string_view reason, time_point now);
  void failed(std::error_code why, int status, std::string_view detail, time_point now);

  void tick(time_point now) { connection_.tick(now); }

 private:
  static constexpr const char* cancel_mark = "c";
  static constexpr const char* result_mark = "t";

  void send(std::string json);

  void withdraw(const std::vector<std::string>& results);
  bool has_made(std::string_view id, const char* mark) const;

  /// Of this client's own, and not ended.
  client_answer* open_answer(std::string_view id);

  /// The one end of an answer.
  void end(client_answer& answer, wire::answer_status status);
  void fail(client_answer& answer, answer_failure why);
  void fail(client_answer& answer, errc code, std::string words);

  void lost(std::uint16_t code, std::string_view reason, time_point now);

  /// Nothing is going to come any more.
  void conclude(std::uint16_t code, std::string_view reason);

  // sending.hpp
  template <typename Message>
  result<std::string> ask(Message& message);
  template <typename Message>
  result<std::string> keep_and_send(Message& message);
  template <typename Message>
  result<std::string> keep(Message& message, bool is_query);
  void send_kept();
  result<void> answer_call(std::string_view call, std::string data, std::string why_not);
  static bool is_json_or_empty(std::string_view text);
  static error not_connected();
  /// Makes an id where there is none.
  result<void> name(std::string& id);
  std::string make_id();

  // reception.hpp
  void on_welcome(const wire::server_message& m, std::string_view text);
  void on_live(time_point now);
  void follow(const wire::server_message& m, std::string_view text, time_point now);
  void take(const wire::server_message& m, std::string_view text, time_point now);
  void on_response(const wire::server_message& m, time_point now);
  void on_piece(const wire::server_message& m, time_point now);
  void on_end(const wire::server_message& m);
  void on_error(const wire::server_message& m, std::string_view text);
  void on_status(const wire::server_message& m, std::string_view text);
  void on_request(json::value body, bool is_open);
  void on_tool(const wire::server_message& m);
  void tell_gone(const std::vector<std::string>& requests);
  void forget_requests();
  void session_replaced();
  void tell_text(const client_answer& answer, const answer_text::outcome& change);
  client_answer* answer_of(const wire::server_message& m);

  client_options options_;
  client_action::list actions_;
  client_connection connection_;
  client_outbox outbox_;
  client_transcript transcript_;
  client_requests requests_;
  client_tool_calls calls_;
  json::document document_;
  std::string id_prefix_;  // of ids that no other client makes
  std::uint64_t made_ids_ = 0;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE client_core::client_core(client_options options)
    : options_(std::move(options)),
      connection_(options_, actions_),
      outbox_(options_),
      transcript_(options_),
      id_prefix_(make_uuid(connection_.random()).substr(0, 13) + ".") {
  const auto declared = std::find(options_.caps.begin(), options_.caps.end(), "tools");
  if (!options_.tools.empty() && declared == options_.caps.end())
    options_.caps.emplace_back("tools");
}

AGENT_WEBSOCKET_INLINE void client_core::start(time_point now) {
  if (!connection_.is_underway()) connection_.connect(now);
}

AGENT_WEBSOCKET_INLINE void client_core::stop(time_point now) {
  if (connection_.state() == client_state::stopped) return;
  connection_.stop(now);
  conclude(close_code_done, {});
}

AGENT_WEBSOCKET_INLINE void client_core::token_ready(std::uint64_t attempt,
                                                     result<std::string> token, time_point now) {
  if (connection_.token_renewed(attempt, token ? &token.value() : nullptr)) return;
  if (!connection_.awaits_token(attempt)) return;
  if (token) {
    connection_.token_ready(attempt, std::move(token).value(), now);
  } else {
    lost(close_code_of(token.error().code, 0), token.error().message, now);
  }
}

AGENT_WEBSOCKET_INLINE void client_core::opened(time_point now) {
  if (connection_.state() == client_state::connecting) connection_.opened(outbox_.ids(), now);
}

AGENT_WEBSOCKET_INLINE void client_core::closed(std::uint16_t code, std::string_view reason,
                                                time_point now) {
  if (connection_.is_underway()) lost(code, reason, now);
}

AGENT_WEBSOCKET_INLINE void client_core::failed(std::error_code why, int status,
                                                std::string_view detail, time_point now) {
  if (connection_.state() == client_state::connecting)
    lost(close_code_of(why, status), detail, now);
}

AGENT_WEBSOCKET_INLINE void client_core::send(std::string json) {
  actions_.push_back(client_action::send{std::move(json)});
}

AGENT_WEBSOCKET_INLINE void client_core::withdraw(const std::vector<std::string>& results) {
  for (const std::string& id : results) outbox_.settle(id);
}

AGENT_WEBSOCKET_INLINE bool client_core::has_made(std::string_view id, const char* mark) const {
  const std::string begin = id_prefix_ + mark;
  return id.substr(0, begin.size()) == begin;
}

AGENT_WEBSOCKET_INLINE client_answer* client_core::open_answer(std::string_view id) {
  client_answer* const found = transcript_.find(id);
  return found != nullptr && found->own && found->is_open() ? found : nullptr;
}

AGENT_WEBSOCKET_INLINE void client_core::end(client_answer& answer, wire::answer_status status) {
  answer.status = status;
  if (answer.own) outbox_.settle(answer.id);
  withdraw(calls_.end_of_query(answer.id));
  actions_.push_back(client_action::tell_answer{answer});
  transcript_.trim();
}

AGENT_WEBSOCKET_INLINE void client_core::fail(client_answer& answer, answer_failure why) {
  answer.failure = std::move(why);
  end(answer, wire::answer_status::failed);
}

AGENT_WEBSOCKET_INLINE void client_core::fail(client_answer& answer, errc code, std::string words) {
  fail(answer, {to_string(code), std::move(words), is_retryable(code), std::nullopt});
}

AGENT_WEBSOCKET_INLINE void client_core::lost(std::uint16_t code, std::string_view reason,
                                              time_point now) {
  if (connection_.ended(code, reason, now) == after_close::stop) conclude(code, reason);
}

AGENT_WEBSOCKET_INLINE void client_core::conclude(std::uint16_t code, std::string_view reason) {
  outbox_.clear();
  calls_.end_all();
  // Ended ones may leave the transcript meanwhile.
  std::vector<std::string> open;
  transcript_.for_each_open([&open](const client_answer& each) { open.push_back(each.id); });
  for (const std::string& id : open) {
    if (client_answer* const each = open_answer(id))
      fail(*each, errc::interrupted, "The connection ended before the answer was complete");
  }
  actions_.push_back(client_action::tell_stopped{code, std::string(reason)});
}

#endif

}  // namespace agent_websocket
