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
#include <agent_websocket/server/deadlines.hpp>
#include <agent_websocket/server/journal.hpp>
#include <agent_websocket/server/options.hpp>
#include <agent_websocket/server/plain_http.hpp>
#include <agent_websocket/server/router.hpp>
#include <agent_websocket/server/upstream_settings.hpp>
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
class basic_server final
    : private transport_sink,
      private session_sink<basic_session<Transport, HttpClient, Scheduler, Store>>,
      private deadline_sink<basic_session<Transport, HttpClient, Scheduler, Store>> {
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
        around_{transport, client_, scheduler, store, random_, slots_, wakes_, router_, *this},
        journal_(router_, logger, options_.level),
        living_(scheduler, *this,
                {options_.session.heartbeat_interval, options_.session.heartbeat_timeout,
                 options_.cleanup_interval},
                {options_.session_timeout, options_.run_grace, options_.session.resume_window,
                 options_.max_detached}),
        admission_(options_, transport, authenticator,
                   [this](const http::request& request) { return answer_http(request); }) {}

  /// With policies of its own for the rest, default constructed.
  basic_server(options settings, Transport& transport, HttpClient& http, Scheduler& scheduler)
      : basic_server(std::move(settings), transport, http, scheduler,
                     std::make_unique<own_policies>()) {}

  basic_server(const basic_server&) = delete;
  basic_server& operator=(const basic_server&) = delete;

  ~basic_server() {
    slots_.dismiss();
    scheduler_.cancel_timer(drain_timer_);
  }

  router_type& router() noexcept { return router_; }
  const options& settings() const noexcept { return options_; }
  std::size_t session_count() const noexcept { return living_.sessions.size(); }
  /// The session of that id, with or without a socket; null when there is none (any more).
  std::shared_ptr<session_type> find_session(std::string_view id) const {
    return living_.sessions.find(id);
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
    if (!(*tools)->tools().empty()) shared.tools = std::move(*tools);
    for (command_description& each : router_.commands()) shared.commands.push_back(std::move(each));
    session_defaults_ = std::make_shared<const session_settings>(std::move(shared));
    if (auto listening = transport_.start(*this); !listening) return listening;
    living_.watch_inactivity();
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
      if (const auto session = living_.sessions.find(id)) session->notify(content, topic, data);
    });
  }

  /// Sends a numbered notification to every session. From any thread.
  void broadcast(std::string content, std::string topic = {}, std::string data = {}) {
    post([this, content = std::move(content), topic = std::move(topic), data = std::move(data)] {
      for (const auto& session : living_.sessions.all()) session->notify(content, topic, data);
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
    guarded("on_http", {}, [&] { answer = (*handler)(request); });
    return answer;
  }

  void on_open(connection_id connection) override {
    const auto arrived = admission_.take(connection);
    if (!arrived) return;
    const auto session =
        std::make_shared<session_type>(around_, arrived->owner, arrived->request.remote_address,
                                       make_uuid(random_), make_uuid(random_), session_defaults_);
    living_.connections.add(connection, session, scheduler_.now());
    living_.sessions.add(session, scheduler_.now());
    living_.watch_heartbeat();
    log(log_level::info, "session_opened", session->id(),
        "from " + arrived->request.remote_address);
    guarded("on_connect", session->id(), [&] { router_.connected(*session, arrived->request); });
    session->open(connection);
    if (draining_) drain(*session);
  }

  void on_text(connection_id connection, std::string_view text) override {
    const auto session = living_.connections.find(connection);
    if (!session) return;
    session->apply([&](session_core& core, moment at) {
      core.received(connection, wire::decode(text, scratch_), at);
    });
  }

  void on_binary(connection_id connection, std::size_t) override {
    refuse_frame(connection, errc::unsupported_data);
  }

  void on_oversized(connection_id connection, std::size_t) override {
    refuse_frame(connection, errc::too_large);
  }

  void refuse_frame(connection_id connection, errc code) {
    const auto session = living_.connections.find(connection);
    if (!session) return;
    session->apply(
        [&](session_core& core, moment at) { core.refused_frame(connection, code, at); });
  }

  void on_alive(connection_id connection) override {
    living_.connections.heard(connection, scheduler_.now());
  }

  void on_drained(connection_id connection) override {
    if (const auto session = living_.connections.find(connection)) session->drained(connection);
  }

  void on_close(connection_id connection, std::uint16_t code, std::string_view) override {
    const auto session = living_.connections.remove(connection);
    if (!session) return;
    session->apply([&](session_core& core, moment at) { core.detached(connection, at); });
    log(log_level::info, "socket_closed", session->id(), "code " + std::to_string(code));
    guarded("on_disconnect", session->id(), [&] { router_.disconnected(*session, code); });
    settle(*session);
    finish_drain();
  }

  // ---- sessions and their sockets

  /// A socket has left the session, which may be over by that.
  void settle(session_type& session) {
    if (session.sockets() != 0) return;
    const bool over = session.closing() || !session.core().worth_keeping() ||
                      (draining_ && !session.core().busy());
    if (over) return on_over(session);
    living_.sessions.detached(session, scheduler_.now());
    living_.watch_detached();
  }

  void on_over(session_type& session) override {
    const auto alive = session.shared_from_this();
    if (living_.sessions.erase(session)) on_forgotten(session);
  }

  /// Nobody can come back to the session any more.
  void on_forgotten(session_type& session) override {
    session.apply([](session_core& core, moment at) {
      core.end(4100, "session_expired", error(errc::interrupted), at);
    });
    around_.store.erase(session.id(), [](const result<void>&) {});
    log(log_level::info, "session_closed", session.id(), {});
    guarded("on_end", session.id(), [&] { router_.ended(session); });
    finish_drain();
  }

  void on_hello(session_type& session, connection_id connection,
                const wire::command& hello) override {
    if (hello.resume_session.empty()) return session.greet(hello, "new");
    const auto wanted = living_.sessions.find(hello.resume_session);
    if (!wanted || wanted->closing()) return session.greet(hello, "expired");
    if (!hello.resume || wanted->owner().name != session.owner().name ||
        !wanted->core().accepts_token(hello.resume->token)) {
      return session.greet(hello, "forbidden");
    }
    if (wanted.get() != &session) {
      const auto former = session.shared_from_this();
      living_.connections.move(connection, wanted);
      session.apply([&](session_core& core, moment at) { core.detached(connection, at); });
      settle(session);
      living_.sessions.attached(*wanted, scheduler_.now());
      log(log_level::info, "session_resumed", wanted->id(), "in place of " + former->id());
    }
    wanted->resume(connection, hello);
    guarded("on_resume", wanted->id(), [&] { router_.resumed(*wanted); });
  }

  // ---- session_sink

  void on_log(const session_type& session, log_level level, std::string_view event,
              std::string_view text) override {
    log(level, event, session.id(), text);
  }

  // ---- deadline_sink

  void on_silent(connection_id connection) override { transport_.ping(connection); }
  void on_lost(connection_id connection, session_type& session) override {
    session.apply([&](session_core& core, moment) {
      core.close_socket(connection, 4001, "heartbeat_timeout");
    });
  }
  void on_inactive(session_type& session) override {
    session.apply([](session_core& core, moment at) { core.expired(at); });
  }
  void on_grace_over(session_type& session) override {
    session.apply([](session_core& core, moment at) { core.interrupt(at); });
  }

  // ---- stopping

  void begin_drain(std::function<void()> done) {
    if (draining_) return;
    draining_ = true;
    drained_ = std::move(done);
    log(log_level::info, "draining", {}, std::to_string(living_.sessions.size()) + " sessions");
    admission_.close();  // who still comes is told so, until the end
    for (const auto& session : living_.sessions.all()) drain(*session);
    drain_timer_ = scheduler_.start_timer(scheduler_.now() + options_.drain_timeout, [this] {
      for (const auto& session : living_.sessions.all()) {
        session->apply([](session_core& core, moment at) { core.drain_expired(at); });
        if (session->sockets() == 0) on_over(*session);
      }
    });
    finish_drain();
  }

  void drain(session_type& session) {
    session.apply([&](session_core& core, moment at) { core.drain(options_.restart_time, at); });
    if (session.sockets() == 0 && !session.core().busy()) on_over(session);
  }

  void finish_drain() {
    if (!draining_ || !living_.sessions.empty() || !living_.connections.empty()) return;
    transport_.stop();
    if (auto done = std::exchange(drained_, nullptr)) scheduler_.post(std::move(done));
  }

  void log(log_level level, std::string_view event, std::string_view session,
           std::string_view text) {
    journal_.write(level, event, session, text);
  }
  template <typename Hook>
  void guarded(const char* name, std::string_view session, Hook&& hook) {
    journal_.guard(name, session, hook);
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
  typename session_type::surroundings around_;
  journal<Logger, router_type> journal_;
  deadlines<session_type, Scheduler> living_;
  admission<Transport, Authenticator> admission_;
  std::shared_ptr<const session_settings> session_defaults_;
  json::document scratch_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  std::function<void()> drained_;
  timer_id drain_timer_ = 0;
  bool draining_ = false;
};

}  // namespace agent_websocket
