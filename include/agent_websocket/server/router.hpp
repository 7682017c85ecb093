// SPDX-License-Identifier: MIT
//
// basic_router: what the application does with what arrives. Every hook is optional. Hooks run on
// the server's executor, must not block, and may throw: that is logged and costs one message.
#pragma once

#include <agent_websocket/http/message.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/server/metrics_text.hpp>
#include <agent_websocket/session/hooks.hpp>
#include <agent_websocket/session/settings.hpp>

#include <cassert>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// Something that happened, for metrics and logs. The views are valid during the call only.
struct server_event {
  log_level level = log_level::info;
  std::string_view name;  ///< a fixed word: session_opened, session_closed, completion_failed, ...
  std::string_view session;  ///< session id, or empty
  std::string_view text;
};

template <typename Session>
class basic_router final : public session_hooks<Session> {
 public:
  using connect_handler = std::function<void(Session&, const handshake&)>;
  using query_handler = std::function<void(Session&, const wire::query&, query_reply<Session>)>;
  using request_handler = std::function<void(Session&, openrouter::chat_request&)>;
  using command_handler = std::function<void(Session&, const wire::command&)>;
  using feedback_handler = std::function<void(Session&, const feedback_entry&)>;
  using response_handler = std::function<void(Session&, const answer_record&)>;
  using disconnect_handler = std::function<void(Session&, std::uint16_t code)>;
  using session_handler = std::function<void(Session&)>;
  using tool_handler = std::function<void(tool_invocation<Session>, tool_reply)>;
  using http_handler = std::function<http::response(const http::request&)>;
  using event_handler = std::function<void(const server_event&)>;
  using metrics_handler = std::function<void(metrics_text&)>;

  /// A session has begun; nothing has been sent yet. The place for a system prompt or limits of its
  /// own.
  basic_router& on_connect(connect_handler handler) { return set(connect_, std::move(handler)); }
  /// A query is about to run: answer it without the model, refuse it, or let it proceed. Default:
  /// proceed.
  basic_router& on_query(query_handler handler) { return set(query_, std::move(handler)); }
  /// A request is about to go upstream: see it, change it.
  basic_router& before_request(request_handler handler) {
    return set(request_, std::move(handler));
  }
  /// An answer has ended, however it did.
  basic_router& on_response(response_handler handler) { return set(response_, std::move(handler)); }
  /// A person has judged an answer.
  basic_router& on_feedback(feedback_handler handler) { return set(feedback_, std::move(handler)); }
  /// A socket of the session is gone. Its client may come back: see on_resume and on_end.
  basic_router& on_disconnect(disconnect_handler handler) {
    return set(disconnect_, std::move(handler));
  }
  /// A client has come back to its session, or watches it from one more socket.
  basic_router& on_resume(session_handler handler) { return set(resume_, std::move(handler)); }
  /// A session has come from the store, with its conversation and without its data(): give it what
  /// on_connect gave it. Its client follows, see on_resume.
  basic_router& on_restore(session_handler handler) { return set(restore_, std::move(handler)); }
  /// The session is over: it was closed, or nobody came back in time. With a lasting store its
  /// client may come back nevertheless, see on_restore. Also called for the session that a client
  /// got by connecting, when it goes back to an earlier one.
  basic_router& on_end(session_handler handler) { return set(end_, std::move(handler)); }
  /// Everything that is logged, whatever the logger's level.
  basic_router& on_event(event_handler handler) { return set(event_, std::move(handler)); }
  /// /metrics is read: add what the application counts, by names of its own.
  basic_router& on_metrics(metrics_handler handler) { return set(metrics_, std::move(handler)); }

  /// A command of the application's own, with a line for `help`. Commands of the protocol cannot be
  /// replaced.
  basic_router& on_command(std::string op, command_handler handler,
                           std::string description = "a command of this server") {
    commands_[std::move(op)] = {std::move(handler), std::move(description)};
    return *this;
  }
  /// A tool that the model may call. `handler(call, reply)` runs on the executor, must not block,
  /// and calls reply(text) or reply.fail(words) now or later, from any thread; a tool that asks a
  /// person needs none. What is wrong with the definition is told by the server's start().
  basic_router& tool(tool_definition definition, tool_handler handler = nullptr) {
    const std::string name = definition.name;
    const bool needs_handler = !definition.asks_person;
    auto added = tools_.add(std::move(definition));
    if (added && needs_handler && !handler)
      added = error(errc::bad_message, "Tool `" + name + "` has no handler");
    if (!added && !wrong_tool_) wrong_tool_ = added.error();
    handlers_[name] = std::move(handler);
    return *this;
  }
  /// Answers plain HTTP requests of that method and path ("/"). GET handlers answer HEAD too.
  basic_router& on_http(std::string method, std::string path, http_handler handler) {
    http_[{std::move(method), std::move(path)}] = std::move(handler);
    return *this;
  }

  // ---- for the server

  void connected(Session& session, const handshake& request) const {
    if (connect_) connect_(session, request);
  }
  void query(Session& session, const wire::query& query,
             query_reply<Session> reply) const override {
    if (query_) return query_(session, query, std::move(reply));
    reply.proceed();
  }
  void request(Session& session, openrouter::chat_request& request) const override {
    if (request_) request_(session, request);
  }
  bool command(Session& session, const wire::command& command) const override {
    const auto found = commands_.find(command.op);
    if (found == commands_.end()) return false;
    found->second.run(session, command);
    return true;
  }
  void run_tool(const tool_invocation<Session>& call, const tool_reply& reply) const override {
    const auto found = handlers_.find(call.name);
    if (found == handlers_.end() || !found->second) return reply.fail("The tool has no handler");
    found->second(call, reply);
  }
  /// All tools, or why one of them cannot be offered.
  result<std::shared_ptr<const toolbox>> tools() const {
    if (wrong_tool_) return error(errc::bad_configuration, wrong_tool_->message);
    return std::make_shared<const toolbox>(tools_);
  }
  void feedback(Session& session, const feedback_entry& feedback) const override {
    if (feedback_) feedback_(session, feedback);
  }
  void response(Session& session, const answer_record& answer) const override {
    if (response_) response_(session, answer);
  }
  void disconnected(Session& session, std::uint16_t code) const {
    if (disconnect_) disconnect_(session, code);
  }
  void resumed(Session& session) const {
    if (resume_) resume_(session);
  }
  void restored(Session& session) const {
    if (restore_) restore_(session);
  }
  void ended(Session& session) const {
    if (end_) end_(session);
  }
  bool takes_events() const noexcept { return event_ != nullptr; }
  void event(const server_event& what) const {
    if (event_) event_(what);
  }
  void metrics(metrics_text& out) const {
    if (metrics_) metrics_(out);
  }
  const http_handler* find_http(std::string_view method, std::string_view path) const {
    const auto found =
        http_.find({std::string(method == "HEAD" ? "GET" : method), std::string(path)});
    return found == http_.end() ? nullptr : &found->second;
  }
  std::vector<command_description> commands() const {
    std::vector<command_description> all;
    for (const auto& each : commands_) all.push_back({each.first, each.second.description});
    return all;
  }

 private:
  template <typename Handler>
  basic_router& set(Handler& slot, Handler handler) {
    slot = std::move(handler);
    return *this;
  }

  struct command_entry {
    command_handler run;
    std::string description;
  };

  connect_handler connect_;
  query_handler query_;
  request_handler request_;
  response_handler response_;
  feedback_handler feedback_;
  disconnect_handler disconnect_;
  session_handler resume_;
  session_handler restore_;
  session_handler end_;
  event_handler event_;
  metrics_handler metrics_;
  std::map<std::string, command_entry> commands_;
  toolbox tools_;
  std::map<std::string, tool_handler> handlers_;
  std::optional<error> wrong_tool_;
  std::map<std::pair<std::string, std::string>, http_handler> http_;
};

}  // namespace agent_websocket
