// SPDX-License-Identifier: MIT
//
// What a session tells upwards: the hooks of the application, the sink that its server is, and the
// token by which the application answers the question what to do with a query.
#pragma once

#include <agent_websocket/policy/logger.hpp>
#include <agent_websocket/session/actions.hpp>
#include <agent_websocket/session/tool_handler.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// Decides about one query: now or later, once; the first decision counts, later ones are ignored.
/// Copyable; may outlive the session. Called on the server's executor.
template <typename Session>
class query_reply {
 public:
  query_reply(std::weak_ptr<Session> session, run_number run)
      : session_(std::move(session)), run_(run) {}

  /// Let the model answer; `extra` messages go into this request only, before the question.
  void proceed(std::vector<openrouter::chat_message> extra = {}) const {
    query_decision decision;
    decision.extra = std::move(extra);
    send(std::move(decision));
  }
  /// Answer without the model.
  void answer(std::string text) const {
    query_decision decision;
    decision.what = query_decision::kind::answer;
    decision.text = std::move(text);
    send(std::move(decision));
  }
  /// Refuse: the client gets an error of that code with these words (or the code's own).
  void refuse(errc code, std::string words = {}) const {
    send(query_decision::refusal(words.empty() ? error(code) : error(code, std::move(words))));
  }

 private:
  void send(query_decision decision) const {
    if (const auto session = session_.lock()) session->decide(run_, std::move(decision));
  }

  std::weak_ptr<Session> session_;
  run_number run_;
};

/// Runs a hook of the application. What it throws is put into words for the log, and on_throw()
/// does without the hook.
template <typename Hook, typename Log, typename OnThrow>
void run_hook(Hook&& hook, Log&& log, OnThrow&& on_throw) {
  try {
    hook();
    return;
  } catch (const std::exception& thrown) {
    log(std::string(": ") + thrown.what());
  } catch (...) {
    log(std::string(": not a std::exception"));
  }
  on_throw();
}

/// What the application says to what happens in a session. Called on the executor; exceptions are
/// caught, logged and cost one message.
template <typename Session>
class session_hooks {
 public:
  /// A query is about to run: decide by `reply`.
  virtual void query(Session& session, const wire::query& query,
                     query_reply<Session> reply) const = 0;
  /// The request is about to go upstream and may be changed.
  virtual void request(Session& session, openrouter::chat_request& request) const = 0;
  /// False when nobody knows the command.
  virtual bool command(Session& session, const wire::command& command) const = 0;
  /// Runs a tool of the server.
  virtual void run_tool(const tool_invocation<Session>& call, const tool_reply& reply) const = 0;
  virtual void feedback(Session& session, const feedback_entry& feedback) const = 0;
  virtual void response(Session& session, const answer_record& answer) const = 0;

 protected:
  ~session_hooks() = default;
};

/// What a session cannot do by itself. Called on the executor; does not throw.
template <typename Session>
class session_sink {
 public:
  /// A client has said hello on a socket of this session (answer by greet(), or by the resume() of
  /// the session that it asks for) or shown a new token by the command auth.
  virtual void on_command(Session& session, const wire::command& command) = 0;
  /// An answer is about to begin: why it must not, or nullopt.
  virtual std::optional<error> on_begin(const Session& session) = 0;
  /// An answer has ended, however it did: what it has used counts.
  virtual void on_answered(const Session& session, const answer_record& answer) = 0;
  /// The session was closed while no socket watched it.
  virtual void on_over(Session& session) = 0;
  /// False: on_log() with that level would tell nobody.
  virtual bool is_log_read(log_level level) const = 0;
  virtual void on_log(const Session& session, log_level level, std::string_view event,
                      std::string_view text) = 0;

 protected:
  ~session_sink() = default;
};

}  // namespace agent_websocket
