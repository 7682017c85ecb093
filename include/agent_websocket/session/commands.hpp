// SPDX-License-Identifier: MIT
//
// The part of session_core that takes messages: which kind goes where, the built-in commands of the
// protocol, and feedback. A command that is not in the table is the application's
// (action::run_command).
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/session/answering.hpp>
#include <agent_websocket/session/core.hpp>
#include <agent_websocket/session/ending.hpp>
#include <agent_websocket/session/keeping.hpp>
#include <agent_websocket/session/tool_loop.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace agent_websocket {

/// The built-in commands, by op.
class session_commands {
 public:
  /// False when the protocol does not define the op.
  static bool run(session_core& session, const wire::command& command, moment at);

  /// What is known of the session; views into it.
  static session_info describe(const session_core& s);

 private:
  using handler = void (*)(session_core&, const wire::command&, moment);
  struct row {
    std::string_view op;
    handler run;
  };

  static const std::array<row, 13>& table();

  static void hello(session_core& s, const wire::command& command, moment at);

  static void ack(session_core&, const wire::command&, moment) {}  // read where all acks are

  static void auth(session_core& s, const wire::command& command, moment);

  static void ping(session_core& s, const wire::command& command, moment at);

  static void help(session_core& s, const wire::command& command, moment at);

  static void info(session_core& s, const wire::command& command, moment at);

  static void cancel(session_core& s, const wire::command& command, moment at);

  static void clear(session_core& s, const wire::command& command, moment at);

  static void history(session_core& s, const wire::command& command, moment at);

  static void set(session_core& s, const wire::command& command, moment at);

  static void regenerate(session_core& s, const wire::command& command, moment at);

  static void close(session_core& s, const wire::command& command, moment at);

  static void tool_result(session_core& s, const wire::command& command, moment at);
};

/// What programs send by themselves: it keeps a connection, but not a session.
bool is_sign_of_life(const wire::client_message& message) noexcept;

/// What says who a client is; it may be on its way to another session.
bool is_greeting(const wire::client_message& message) noexcept;

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE bool session_commands::run(session_core& session,
                                                  const wire::command& command, moment at) {
  for (const row& each : table()) {
    if (each.op != command.op) continue;
    each.run(session, command, at);
    return true;
  }
  return false;
}

AGENT_WEBSOCKET_INLINE session_info session_commands::describe(const session_core& s) {
  session_info data;
  data.session_id = s.id_;
  data.agent = s.settings_->agent_name;
  data.model = s.overrides().model ? *s.overrides().model : s.settings_->model;
  data.temperature = s.overrides().temperature.value_or(s.settings_->temperature);
  data.max_tokens = s.overrides().max_tokens.value_or(s.settings_->max_tokens);
  data.messages = s.conversation_.message_count();
  data.max_history = s.settings_->max_history;
  data.queued = s.inbox_.size();
  data.running = s.running();
  data.created = to_iso8601(s.created_);
  data.last_activity = to_iso8601(s.active_.wall);
  data.usage = std::as_const(s).tally().usage;
  return data;
}

AGENT_WEBSOCKET_INLINE const std::array<session_commands::row, 13>& session_commands::table() {
  static constexpr std::array<row, 13> rows{{
      {"hello", hello},
      {"ack", ack},
      {"auth", auth},
      {"ping", ping},
      {"info", info},
      {"cancel", cancel},
      {"clear", clear},
      {"history", history},
      {"set", set},
      {"regenerate", regenerate},
      {"close", close},
      {"tool_result", tool_result},
      {"help", help},
  }};
  return rows;
}

AGENT_WEBSOCKET_INLINE void session_commands::hello(session_core& s, const wire::command& command,
                                                    moment at) {
  if (command.version && *command.version != protocol_version) {
    s.refuse(
        command.from, command.id,
        error(errc::bad_message, "This server speaks version 1 of the protocol: `v` must be 1"),
        at);
    return s.close_socket(command.from, 4426, "protocol_version");
  }
  if (lanes* const socket = s.outbox_.find(command.from)) socket->take_caps(command.caps);
  s.actions_.push_back(action::ask_server{command});
}

AGENT_WEBSOCKET_INLINE void session_commands::auth(session_core& s, const wire::command& command,
                                                   moment) {
  s.actions_.push_back(action::ask_server{command});
}

AGENT_WEBSOCKET_INLINE void session_commands::ping(session_core& s, const wire::command& command,
                                                   moment at) {
  s.put_control(command.from, wire::status{"pong", command.id, "pong", {}, command.meta, {}, {}},
                at);
}

AGENT_WEBSOCKET_INLINE void session_commands::help(session_core& s, const wire::command& command,
                                                   moment at) {
  const help_text text = describe_commands(s.settings_->commands);
  s.reply(command, text.content, text.data, at);
}

AGENT_WEBSOCKET_INLINE void session_commands::info(session_core& s, const wire::command& command,
                                                   moment at) {
  const session_info data = describe(s);
  s.reply(command,
          "Session " + s.id_ + ", model " + std::string(data.model) + ", " +
              std::to_string(data.messages) + " messages",
          describe_session(data), at);
}

AGENT_WEBSOCKET_INLINE void session_commands::cancel(session_core& s, const wire::command& command,
                                                     moment at) {
  const std::string& ref = command.ref;
  if (s.run_ && (ref.empty() || s.run_->of.query.id == ref || s.run_->of.stream == ref)) {
    s.cancel_run(at);
    return s.acknowledge(command.from, command.id, at);
  }
  if (!ref.empty()) {
    if (const auto waiting = s.inbox_.take(ref)) {
      s.cancel_waiting(*waiting, at);
      return s.acknowledge(command.from, command.id, at);
    }
  }
  if (stored_query* const storing = s.find_meant(ref)) {
    storing->cancelled = true;
    return s.acknowledge(command.from, command.id, at);
  }
  s.refuse(command.from, command.id,
           error(errc::not_found,
                 ref.empty() ? "Nothing is running" : "No running or waiting query has that id"),
           at);
}

AGENT_WEBSOCKET_INLINE void session_commands::clear(session_core& s, const wire::command& command,
                                                    moment at) {
  if (s.refuse_unkept(command.from, command.id, at)) return;
  s.cancel_all_waiting(at);
  if (s.run_) s.cancel_run(at);
  s.conversation_.clear();
  s.record([] { return records::of_clear(); });
  s.confirm(command, "Conversation cleared", {}, at);
}

AGENT_WEBSOCKET_INLINE void session_commands::history(session_core& s, const wire::command& command,
                                                      moment at) {
  const auto before =
      static_cast<std::uint64_t>(command.before_seq.value_or(std::int64_t{1} << 53));
  std::size_t count = 0;
  const std::string data = describe_history(
      s.conversation_, before, static_cast<std::size_t>(command.limit.value_or(50)), count);
  s.reply(command, std::to_string(count) + (count == 1 ? " message" : " messages"), data, at);
}

AGENT_WEBSOCKET_INLINE void session_commands::set(session_core& s, const wire::command& command,
                                                  moment at) {
  // Repeated by a client that does not know whether it arrived, it must not undo a later one.
  if (s.is_repeat(command.from, command.id, at)) return;
  if (s.refuse_unkept(command.from, command.id, at)) return;
  json::document document;
  if (!document.parse(command.data.empty() ? "null" : command.data))
    return;  // it was printed by the decoder
  auto changed = apply_overrides(s.overrides(), *s.settings_, document.root());
  if (!changed) return s.refuse(command.from, command.id, changed.error(), at);
  s.overrides_ = std::move(*changed);
  s.claim(command.id, at);
  s.record([&] { return records::of_overrides(s.overrides()); });
  std::string data;
  json::writer w(data);
  w.begin_object().member("model", s.overrides().model.value_or(s.settings_->model));
  w.member("temperature", s.overrides().temperature.value_or(s.settings_->temperature));
  w.member("max_tokens", s.overrides().max_tokens.value_or(s.settings_->max_tokens));
  w.member("system", s.overrides().system_prompt.value_or(s.settings_->system_prompt)).end_object();
  s.confirm(command, "Settings changed", data, at);
}

AGENT_WEBSOCKET_INLINE void session_commands::regenerate(session_core& s,
                                                         const wire::command& command, moment at) {
  if (s.draining_) return s.refuse(command.from, command.id, error(errc::draining), at);
  accepted_query again;
  again.query.id = command.id;
  if (!command.id.empty() && s.answer_duplicate(command.from, again.query, at)) return;
  if (s.refuse_unkept(command.from, command.id, at)) return;
  if (s.busy()) return s.refuse(command.from, command.id, error(errc::busy), at);
  if (s.conversation_.empty()) {
    return s.refuse(command.from, command.id,
                    error(errc::not_found, "There is no question to answer again"), at);
  }
  again.regenerate = true;
  if (command.id.empty()) again.query.id = s.make_query_id(at);
  again.query.meta = command.meta;
  const lanes* const asker = s.outbox_.find(command.from);
  again.streamed = command.stream.value_or(asker != nullptr && asker->wants_deltas);
  s.accept(command.from, std::move(again), !command.id.empty(), at);
}

AGENT_WEBSOCKET_INLINE void session_commands::close(session_core& s, const wire::command& command,
                                                    moment at) {
  s.reply(command, "Session closed", {}, at);
  s.cancel_all_waiting(at);
  s.withdraw(error(errc::interrupted), at);
  if (s.run_) s.cancel_run(at);
  s.close(1000, "Session closed");
}

AGENT_WEBSOCKET_INLINE void session_commands::tool_result(session_core& s,
                                                          const wire::command& command, moment at) {
  s.on_tool_result(command.from, command, at);
}

AGENT_WEBSOCKET_INLINE bool is_sign_of_life(const wire::client_message& message) noexcept {
  const auto* command = std::get_if<wire::command>(&message);
  return command != nullptr && (command->op == "ping" || command->op == "ack");
}

AGENT_WEBSOCKET_INLINE bool is_greeting(const wire::client_message& message) noexcept {
  const auto* command = std::get_if<wire::command>(&message);
  return command != nullptr && (command->op == "hello" || command->op == "auth");
}

AGENT_WEBSOCKET_INLINE void session_core::received(connection_id from, wire::client_message message,
                                                   moment at) {
  if (closing_) return;
  lanes* const socket = outbox_.find(from);
  if (socket == nullptr || socket->closed) return;
  socket->heard = at.now;
  if (const auto* rejected = std::get_if<wire::rejection>(&message))
    return refuse_bad(from, rejected->ref, rejected->why, at);
  if (!is_sign_of_life(message)) {
    active_ = at;
    spoken_ = spoken_ || !is_greeting(message);
  }
  if (auto* query = std::get_if<wire::query>(&message)) {
    socket->bad_messages = 0;
    if (query->ack) arrived(from);
    on_query(from, std::move(*query), at);
  } else if (auto* command = std::get_if<wire::command>(&message)) {
    command->from = from;
    if (command->ack) arrived(from);
    const bool judged_later = command->op == "auth";
    if (session_commands::run(*this, *command, at)) {
      if (!judged_later) socket->bad_messages = 0;
    } else {
      actions_.push_back(action::run_command{std::move(*command)});
    }
  } else if (auto* feedback = std::get_if<wire::human_feedback>(&message)) {
    socket->bad_messages = 0;
    if (feedback->ack) arrived(from);
    on_feedback(from, std::move(*feedback), at);
  }
}

AGENT_WEBSOCKET_INLINE void session_core::on_feedback(connection_id from,
                                                      wire::human_feedback feedback, moment at) {
  if (!feedback.decision.empty()) return on_decision(from, feedback, at);
  const turn* const judged = std::as_const(conversation_).find(feedback.ref);
  if (judged == nullptr || judged->running()) {
    return refuse(from, feedback.id,
                  error(errc::feedback_unknown, feedback.ref.empty()
                                                    ? "There is no answer yet to give feedback on"
                                                    : "No answer has the id that `ref` names"),
                  at);
  }
  for (const feedback_entry& each : judged->feedback) {
    if (!feedback.id.empty() && each.id == feedback.id)
      return put_kept(from, wire::ack{feedback.id, {}, 0, true, false}, at);
  }
  if (refuse_unkept(from, feedback.id, at)) return;
  if (judged->feedback.size() >= conversation::max_feedback_per_turn) {
    return refuse(from, feedback.id,
                  error(errc::feedback_invalid, "That answer has as much feedback as is kept"), at);
  }
  feedback_entry said;
  said.id = feedback.id;
  said.answer = judged->stream;
  said.rating = feedback.rating;
  said.comment = std::move(feedback.content);
  said.correction = std::move(feedback.correction);
  said.at = at.wall;
  conversation_.find(feedback.ref)->feedback.push_back(said);
  conversation_.trim();
  record([&] { return records::of_feedback(said); });
  actions_.push_back(action::deliver_feedback{said});
  put_kept(from, wire::status{"ack", said.id, "Feedback received", {}, {}, {}, {}}, at);
}

#endif

}  // namespace agent_websocket
