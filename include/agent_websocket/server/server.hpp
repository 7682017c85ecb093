// SPDX-License-Identifier: MIT
//
// basic_server: composes transport, upstream client, sessions, router and clocks into a server. It
// owns none of the policies: they outlive it. It has no thread and no lock; stop, notify, broadcast
// and post may be called from any thread, everything else on the executor (or before start).
#pragma once

#include <agent_websocket/base/random.hpp>
#include <agent_websocket/openrouter/client.hpp>
#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/policy/logger.hpp>
#include <agent_websocket/policy/store.hpp>
#include <agent_websocket/server/admission.hpp>
#include <agent_websocket/server/journal.hpp>
#include <agent_websocket/server/options.hpp>
#include <agent_websocket/server/plain_http.hpp>
#include <agent_websocket/server/registry.hpp>
#include <agent_websocket/server/router.hpp>
#include <agent_websocket/server/upstream_settings.hpp>
#include <agent_websocket/server/visitors.hpp>
#include <agent_websocket/session/session.hpp>
#include <agent_websocket/wire/decode.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

template <typename Transport, typename HttpClient, typename Scheduler,
          typename Store = memory_store, typename Authenticator = allow_all,
          typename Logger = null_logger>
class basic_server final : private transport_sink {
  static_assert(require_authenticator<Authenticator>() && require_logger<Logger>());

 public:
  using session_type = basic_session<Transport, HttpClient, Scheduler, Store>;
  using router_type = basic_router<session_type>;

  basic_server(options settings, Transport& transport, HttpClient& http, Scheduler& scheduler,
               Store& store, Authenticator& authenticator, Logger& logger,
               random_source random = {})
      : options_(std::move(settings)),
        transport_(transport),
        scheduler_(scheduler),
        random_(random),
        client_(upstream_settings(options_), http, scheduler, std::move(random)),
        slots_(options_.max_upstream),
        wakes_(scheduler),
        journal_(router_, logger, options_.level),
        visitors_(options_, scheduler,
                  [this](std::string_view event, std::string_view text) {
                    journal_.write(log_level::warning, event, {}, text);
                  }),
        registry_(options_, transport, client_, scheduler, store, random_, slots_, wakes_, router_,
                  journal_, visitors_),
        admission_(options_, transport, authenticator, visitors_,
                   [this](const http::request& request) { return answer_http(request); }) {}

  /// With policies of its own for the rest, default constructed.
  basic_server(options settings, Transport& transport, HttpClient& http, Scheduler& scheduler)
      : basic_server(std::move(settings), transport, http, scheduler,
                     std::make_unique<own_policies>()) {}

  basic_server(const basic_server&) = delete;
  basic_server& operator=(const basic_server&) = delete;

  ~basic_server() { slots_.dismiss(); }

  router_type& router() noexcept { return router_; }
  const options& settings() const noexcept { return options_; }
  std::size_t session_count() const noexcept { return registry_.size(); }
  /// The session of that id, with or without a socket; null when there is none (any more).
  std::shared_ptr<session_type> find_session(std::string_view id) const {
    return registry_.find(id);
  }

  /// A tool that the model may call, see basic_router::tool. Before start.
  void tool(tool_definition what, typename router_type::tool_handler handler = nullptr) {
    router_.tool(std::move(what), std::move(handler));
  }

  /// Checks the options and begins to listen. Hooks are set before.
  result<void> start() {
    if (auto checked = options_.check(); !checked) return checked;
    if (auto checked = openrouter::check(upstream_settings(options_)); !checked) return checked;
    auto tools = router_.tools();
    if (!tools) return tools.error();
    session_settings shared = options_.session;
    shared.messages_per_minute = options_.access.messages_per_minute;
    shared.message_burst = options_.access.message_burst;
    if (!(*tools)->tools().empty()) shared.tools = std::move(*tools);
    for (command_description& each : router_.commands()) shared.commands.push_back(std::move(each));
    if (auto listening = transport_.start(*this); !listening) return listening;
    registry_.start(std::move(shared));
    return {};
  }

  /// Stops in order: no new sockets, a notification to each client, running answers get up to
  /// drain_timeout, close 1001; then `done`. From any thread. A second call changes nothing.
  void stop(std::function<void()> done = {}) {
    post([this, done = std::move(done)]() mutable { begin_drain(std::move(done)); });
  }

  /// Runs f() on the executor. From any thread; nothing happens when the server is gone by then.
  void post(std::function<void()> f) {
    scheduler_.post([weak = std::weak_ptr<const bool>(alive_), f = std::move(f)] {
      if (weak.lock()) f();
    });
  }

  /// Sends a numbered notification to one session, also while its client is away. From any thread.
  void notify(std::string session_id, std::string content, std::string topic = {},
              std::string data = {}) {
    post([this, id = std::move(session_id), content = std::move(content), topic = std::move(topic),
          data = std::move(data)] {
      if (const auto session = registry_.find(id)) session->notify(content, topic, data);
    });
  }

  /// Sends a numbered notification to every session. From any thread.
  void broadcast(std::string content, std::string topic = {}, std::string data = {}) {
    post([this, content = std::move(content), topic = std::move(topic), data = std::move(data)] {
      for (const auto& session : registry_.all()) session->notify(content, topic, data);
    });
  }

 private:
  struct own_policies {
    Store store;
    Authenticator authenticator;
    Logger logger;
  };

  basic_server(options settings, Transport& transport, HttpClient& http, Scheduler& scheduler,
               std::unique_ptr<own_policies> own)
      : basic_server(std::move(settings), transport, http, scheduler, own->store,
                     own->authenticator, own->logger) {
    own_ = std::move(own);
  }

  // ---- transport_sink

  void on_request(connection_id connection, handshake request) override {
    admission_.ask(connection, std::move(request));
  }
  void on_abandoned(connection_id connection) override { admission_.abandon(connection); }

  http::response answer_http(const http::request& request) {
    const auto* handler = router_.find_http(request.method, request.path());
    if (handler == nullptr) return answer_plain_request(request, admission_.closed());
    auto answer = http::response::text(500, "Internal error");
    journal_.guard("on_http", {}, [&] { answer = (*handler)(request); });
    return answer;
  }

  void on_open(connection_id connection) override {
    if (const auto arrived = admission_.take(connection)) registry_.open(connection, *arrived);
  }

  void on_text(connection_id connection, std::string_view text) override {
    const auto session = registry_.find(connection);
    if (!session || !take_frame(connection, *session)) return;
    wire::client_message message = wire::decode(text, scratch_);
    if (!may_pass(connection, *session, message)) return;
    session->apply(
        [&](session_core& core, moment at) { core.received(connection, std::move(message), at); });
  }

  bool take_frame(connection_id connection, session_type& session) {
    if (visitors_.take_frame(connection)) return true;
    session.apply(
        [&](session_core& core, moment) { core.close_socket(connection, 4005, "rate_exceeded"); });
    return false;
  }

  /// The limits of its socket and of its user allow it. If not, the client was told.
  bool may_pass(connection_id connection, session_type& session,
                const wire::client_message& message) {
    const demand what = demand_of(message);
    if (what == demand::none) return true;
    const std::string_view id = id_of(message);
    const moment at{scheduler_.now(), scheduler_.wall_now()};
    if (!id.empty() && session.core().needs_no_repeat(id, 0, at)) return true;
    if (const auto refused = visitors_.take(connection, what)) {
      session.apply([&](session_core& core, moment) {
        core.refuse(connection, id, refused->why, at, refused->retry_after);
      });
      return false;
    }
    return registry_.keep(session, connection, id);
  }

  void on_binary(connection_id connection, std::size_t) override {
    refuse_frame(connection, errc::unsupported_data);
  }

  void on_oversized(connection_id connection, std::size_t) override {
    refuse_frame(connection, errc::too_large);
  }

  void refuse_frame(connection_id connection, errc code) {
    const auto session = registry_.find(connection);
    if (!session || !take_frame(connection, *session)) return;
    session->apply(
        [&](session_core& core, moment at) { core.refused_frame(connection, code, at); });
  }

  void on_alive(connection_id connection) override { registry_.heard(connection); }

  void on_drained(connection_id connection) override {
    if (const auto session = registry_.find(connection)) session->drained(connection);
  }

  void on_close(connection_id connection, std::uint16_t code, std::string_view) override {
    registry_.closed(connection, code);
    visitors_.leave(connection);
  }

  // ---- stopping

  void begin_drain(std::function<void()> done) {
    if (registry_.draining()) return;
    admission_.close();  // who still comes is told so, until the end
    registry_.drain([this, done = std::move(done)]() mutable {
      transport_.stop();
      if (done) scheduler_.post(std::move(done));
    });
  }

  std::unique_ptr<own_policies> own_;  // first, to outlive what refers to it
  options options_;
  Transport& transport_;
  Scheduler& scheduler_;
  random_source random_;
  typename session_type::client_type client_;
  router_type router_;
  upstream_slots slots_;
  coalescer<Scheduler, session_type> wakes_;
  journal<Logger, router_type> journal_;
  visitors<Scheduler> visitors_;
  registry<session_type, Scheduler, Logger> registry_;
  admission<Transport, Authenticator, Scheduler> admission_;
  json::document scratch_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace agent_websocket
