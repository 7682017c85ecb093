// SPDX-License-Identifier: MIT
//
// What a client tells its application: the states of the connection, answers as they grow and end,
// and what the server says besides.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/client/answer_text.hpp>
#include <agent_websocket/client/requests.hpp>
#include <agent_websocket/client/tool_calls.hpp>
#include <agent_websocket/wire/message.hpp>
#include <agent_websocket/wire/server_message.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agent_websocket {

enum class client_state {
  idle,         ///< not started
  connecting,   ///< an attempt is made
  catching_up,  ///< the connection stands, what was missed is coming
  live,
  waiting,  ///< for the next attempt
  stopped,  ///< for good, until it is started again
};

constexpr std::string_view to_string(client_state value) noexcept {
  switch (value) {
    case client_state::idle: return "idle";
    case client_state::connecting: return "connecting";
    case client_state::catching_up: return "catching_up";
    case client_state::live: return "live";
    case client_state::waiting: return "waiting";
    case client_state::stopped: return "stopped";
  }
  return "stopped";
}

/// Why there is no answer, or no whole one.
struct answer_failure {
  std::string code;     ///< the spelling of an errc, or one of a newer server
  std::string content;  ///< for people
  bool retryable = false;
  std::optional<std::chrono::milliseconds> retry_after;
};

/// An answer, growing or ended.
struct client_answer {
  std::string id;      ///< of the query
  std::string stream;  ///< the server's name of the answer; empty: not known
  answer_text so_far;
  answer_text reasoning;  ///< what came of it; where the capability was declared
  std::optional<wire::answer_status> status;  ///< none while it is open
  std::optional<answer_failure> failure;      ///< of status failed
  std::string finish_reason, model;
  std::string usage, meta;  ///< JSON object text, or empty
  /// Asked by this client and not ended before. Others were asked by another client of the session,
  /// or come again after the transcript was dropped.
  bool own = false;

  const std::string& text() const noexcept { return so_far.text(); }
  bool is_open() const noexcept { return !status.has_value(); }
};

/// A message that is about no answer, or about its progress.
struct client_notice {
  std::string op, id, ref;
  std::string topic;  ///< of a notification
  std::string code;   ///< of an error
  std::string content;
  std::optional<std::int64_t> seq;
  bool replay = false;
  std::string json;  ///< the whole message as it came

  static client_notice of(const wire::server_message& message, std::string_view json);
};

/// Receives what happens to a client; override what is wanted. Called on the executor, start(),
/// stop() and cancel() included; all calls of the client may be made from inside, but its
/// destructor. These functions do not throw.
class client_sink {
 public:
  virtual void on_state(client_state) {}
  /// A connection or an attempt has ended. `reason`: the server's, or what went wrong, for the log.
  virtual void on_disconnected(std::uint16_t /*code*/, std::string_view /*reason*/) {}
  /// The client has stopped and does not connect again by itself; `code` says why (see the close
  /// codes of the protocol).
  virtual void on_stopped(std::uint16_t /*code*/, std::string_view /*reason*/) {}
  /// A session was entered or is taken up; what the server says of it (its `data` is that of the
  /// server's application) is in `json`.
  virtual void on_welcome(const client_notice&) {}
  /// The transcript was dropped: the server could not go on where this client was. What it still
  /// has of the conversation comes now.
  virtual void on_reset() {}

  /// The text of an answer has grown by `text` (appended), or is `text` from now on (rewritten).
  virtual void on_text(const std::string& /*id*/, text_change, std::string_view /*text*/) {}
  /// The same for the model's reasoning, where the capability was declared. It may have holes.
  virtual void on_reasoning(const std::string& /*id*/, text_change, std::string_view /*text*/) {}
  /// A tool was called, waits for a person, is done or has failed.
  virtual void on_tool(const client_tool_progress&) {}
  /// The model calls a tool of this client. Once for a call, also when the connection is lost
  /// meanwhile. Nobody waits for the result any more when on_tool says done or failed, and when the
  /// answer has ended.
  virtual void on_tool_call(const client_tool_call&) {}
  /// An answer has ended. Exactly once for every query that was taken.
  virtual void on_answer(const client_answer&) {}

  virtual void on_notification(const client_notice&) {}
  /// The server asks a person for a decision, which basic_client::decide() brings.
  virtual void on_feedback_request(const client_request&) {}
  /// Such a request is not open any more. Not told of requests that were not told.
  virtual void on_feedback_resolved(const client_resolution&) {}
  /// Progress of a query (ack, queued, thinking), answers to commands, and the server's own
  /// (drain, auth_expiring).
  virtual void on_status(const client_notice&) {}
  /// An error that is not the end of an answer.
  virtual void on_error(const client_notice&) {}

 protected:
  ~client_sink() = default;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE client_notice client_notice::of(const wire::server_message& message,
                                                       std::string_view json) {
  client_notice made;
  made.op = std::string(message.op);
  made.id = std::string(message.id);
  made.ref = std::string(message.ref);
  made.topic = std::string(message.body["topic"].string().value_or(""));
  made.code = std::string(message.body["code"].string().value_or(""));
  made.content = std::string(message.content);
  made.seq = message.seq;
  made.replay = message.replay;
  made.json = std::string(json);
  return made;
}

#endif

}  // namespace agent_websocket
