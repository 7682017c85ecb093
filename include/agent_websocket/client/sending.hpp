// SPDX-License-Identifier: MIT
//
// The part of client_core that sends what the application has to say: queries, decisions, results
// of calls, feedback and commands, each checked and named. What the server must not miss is kept in
// the outbox until it is there. Declared in core.hpp.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/ids.hpp>
#include <agent_websocket/client/core.hpp>
#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/wire/encode_client.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#if AGENT_WEBSOCKET_DEFINITIONS

namespace agent_websocket {

template <typename Message>
result<std::string> client_core::keep(Message& message, bool is_query) {
  if (connection_.state() == client_state::stopped)
    return error(errc::interrupted, "The client has been stopped");
  if (auto named = name(message.id); !named) return named.error();
  const client_answer* const known = is_query ? transcript_.find(message.id) : nullptr;
  if (outbox_.contains(message.id) || (known != nullptr && (known->own || !known->is_open())))
    return error(errc::bad_message, "That id has been used before");
  std::string json;
  encode(json, message);
  const std::size_t limit = connection_.max_message_bytes();
  if (limit != 0 && json.size() > limit) {
    return error(errc::too_large,
                 "The server takes messages of at most " + std::to_string(limit) + " bytes");
  }
  if (!outbox_.add(message.id, json, is_query)) {
    return error(errc::queue_full,
                 "Too much waits for the server already; try again when some is answered");
  }
  return message.id;
}

template <typename Message>
result<std::string> client_core::keep_and_send(Message& message) {
  auto kept = keep(message, false);
  if (kept) send_kept();
  return kept;
}

template <typename Message>
result<std::string> client_core::ask(Message& message) {
  auto kept = keep(message, true);
  if (!kept) return kept;
  // A former run of the program may have asked it, so that its answer is already coming.
  if (client_answer* const known = transcript_.find(message.id)) {
    known->own = true;
  } else {
    transcript_.add(message.id, true);
  }
  send_kept();
  return kept;
}

AGENT_WEBSOCKET_INLINE void client_core::send_kept() {
  if (connection_.is_live()) outbox_.send_newest([this](const std::string& json) { send(json); });
}

AGENT_WEBSOCKET_INLINE result<std::string> client_core::query(wire::query asked) {
  if (asked.parts.empty() && asked.content.find_first_not_of(" \t\r\n") == std::string::npos)
    return error(errc::bad_message, "A query needs a content");
  return ask(asked);
}

AGENT_WEBSOCKET_INLINE result<std::string> client_core::decide(std::string_view request,
                                                               client_decision decision,
                                                               std::string content,
                                                               std::string data) {
  const bool is_bare = content.empty() && data.empty();
  if ((decision == client_decision::edit && data.empty()) ||
      (decision == client_decision::answer && is_bare) || !is_json_or_empty(data)) {
    return error(errc::bad_message, "The decision needs data that are JSON");
  }
  wire::human_feedback said;
  said.ref = std::string(request);
  said.decision = std::string(to_string(decision));
  said.content = std::move(content);
  said.data = std::move(data);
  return feedback(std::move(said));
}

AGENT_WEBSOCKET_INLINE result<std::string> client_core::feedback(wire::human_feedback said) {
  return keep_and_send(said);
}

AGENT_WEBSOCKET_INLINE result<void> client_core::tool_result(std::string_view call,
                                                             std::string data) {
  if (!is_json_or_empty(data)) return error(errc::bad_message, "The result is no JSON");
  return answer_call(call, data.empty() ? "null" : std::move(data), {});
}

AGENT_WEBSOCKET_INLINE result<void> client_core::tool_error(std::string_view call,
                                                            std::string words) {
  return answer_call(call, {}, words.empty() ? message_of(errc::tool_failed) : std::move(words));
}

AGENT_WEBSOCKET_INLINE result<void> client_core::answer_call(std::string_view call,
                                                             std::string data,
                                                             std::string why_not) {
  if (!calls_.is_running(call)) return error(errc::not_found);
  wire::command made;
  made.op = "tool_result";
  made.id = id_prefix_ + result_mark + std::to_string(++made_ids_);
  made.ref = std::string(call);
  made.data = std::move(data);
  made.failure = std::move(why_not);
  const auto kept = keep_and_send(made);
  if (!kept) return kept.error();
  calls_.answered(call, made.id);
  return {};
}

AGENT_WEBSOCKET_INLINE result<std::string> client_core::command(wire::command wanted) {
  if (wanted.op.empty() || wanted.op == "hello")
    return error(errc::bad_message, "A command needs an op, which must not be hello");
  if (wanted.op == "regenerate") return ask(wanted);
  if (wanted.op == "set") return keep_and_send(wanted);
  if (!connection_.is_live()) return not_connected();
  if (auto named = name(wanted.id); !named) return named.error();
  std::string json;
  encode(json, wanted);
  send(std::move(json));
  return wanted.id;
}

AGENT_WEBSOCKET_INLINE result<void> client_core::cancel(std::string_view ref) {
  if (!connection_.is_live()) {
    client_answer* const waiting = ref.empty() ? nullptr : open_answer(ref);
    if (waiting == nullptr || !outbox_.is_unsent(ref)) return not_connected();
    end(*waiting, wire::answer_status::cancelled);
    return {};
  }
  wire::command wanted;
  wanted.op = "cancel";
  wanted.id = id_prefix_ + cancel_mark + std::to_string(++made_ids_);
  wanted.ref = std::string(ref);
  std::string json;
  encode(json, wanted);
  send(std::move(json));
  return {};
}

AGENT_WEBSOCKET_INLINE bool client_core::is_json_or_empty(std::string_view text) {
  return text.empty() || json::document().parse(text).has_value();
}

AGENT_WEBSOCKET_INLINE error client_core::not_connected() {
  return error(errc::connection_failed, "There is no connection to the server at the moment");
}

AGENT_WEBSOCKET_INLINE result<void> client_core::name(std::string& id) {
  if (id.empty()) {
    id = make_id();
  } else if (!is_valid_id(id)) {
    return error(errc::bad_message, "An id has 1 to 64 characters out of A-Z a-z 0-9 _ . : -");
  }
  return {};
}

AGENT_WEBSOCKET_INLINE std::string client_core::make_id() {
  return id_prefix_ + std::to_string(++made_ids_);
}

}  // namespace agent_websocket

#endif
