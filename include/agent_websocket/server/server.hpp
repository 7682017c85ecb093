// SPDX-License-Identifier: MIT
//
// basic_server: composes transport, upstream client, sessions, router and clocks into a server. It
// owns none of the policies: they outlive it. It has no thread and no lock; stop, notify,
// broadcast, disconnect and post may be called from any thread, everything else on the executor (or
// before start).
#pragma once

#include <agent_websocket/base/random.hpp>
#include <agent_websocket/openrouter/client.hpp>
#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/policy/logger.hpp>
#include <agent_websocket/policy/memory_store.hpp>
#include <agent_websocket/server/exposure.hpp>
#include <agent_websocket/server/http_api.hpp>
#include <agent_websocket/server/journal.hpp>
#include <agent_websocket/server/metrics.hpp>
#include <agent_websocket/server/options.hpp>
#include <agent_websocket/server/plain_http.hpp>
#include <agent_websocket/server/reception.hpp>
#include <agent_websocket/server/registry.hpp>
#include <agent_websocket/server/router.hpp>
#include <agent_websocket/server/session_admin.hpp>
#include <agent_websocket/server/store_health.hpp>
#include <agent_websocket/server/upstream_settings.hpp>
#include <agent_websocket/server/visitors.hpp>
#include <agent_websocket/session/session.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace agent_websocket {

template <typename Transport, typename HttpClient, typename Scheduler,
          typename Store = memory_store, typename Authenticator = allow_all,
          typename Logger = null_logger>
class basic_server final {
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
        authenticator_(authenticator),
        random_(random),
        client_(upstream_settings(options_), http, scheduler, std::move(random)),
        slots_(options_.max_upstream),
        wakes_(scheduler),
        journal_(router_, logger, options_.level),
        visitors_(options_, scheduler,
                  [this](std::string_view event, std::string_view text) {
                    journal_.write(log_level::warning, event, {}, text);
                  }),
        registry_(
            options_, transport, client_, scheduler, store, random_, slots_, wakes_, router_,
            journal_,
            [this](session_type& session, const wire::command& auth) {
              reception_.renew_token(session, auth);
            },
            [this](connection_id from, std::string_view text) { reception_.read(from, text); },
            counts_, visitors_, exchange_),
        store_health_(store, scheduler,
                      [this](const result<void>& now) {
                        now ? journal_.write(log_level::info, "store_ready", {}, {})
                            : journal_.write(log_level::error, "store_unavailable", {},
                                             now.error().in_full());
                      }),
        admin_(registry_, [this] { return metrics(); }),
        api_(options_.access.admin_token, options_.access.metrics, admin_),
        reception_(options_, transport, scheduler, authenticator, registry_, visitors_, journal_,
                   counts_, [this](const http::request& request, const respond_handler& respond) {
                     answer_http(request, respond);
                   }) {}

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
  /// No socket and no session is on its way between this server, its store and other servers.
  bool is_settled() noexcept { return registry_.returns().is_idle(); }
  /// The session of that id, with or without a socket; null when there is none (any more).
  std::shared_ptr<session_type> find_session(std::string_view id) const {
    return registry_.find(id);
  }

  /// The way to the servers that share the store. Before start.
  void exchange_by(any_exchange chosen) { exchange_ = std::move(chosen); }
  /// A tool that the model may call, see basic_router::tool. Before start.
  void tool(tool_definition what, typename router_type::tool_handler handler = nullptr) {
    router_.tool(std::move(what), std::move(handler));
  }

  /// Checks the options and begins to listen. Hooks are set before.
  result<void> start() {
    if (auto checked = options_.check(); !checked) return checked;
    if (auto checked = check_exposure(options_, lets_everybody_in(authenticator_)); !checked)
      return checked;
    if (auto checked = openrouter::check(upstream_settings(options_)); !checked) return checked;
    auto tools = router_.tools();
    if (!tools) return tools.error();
    session_settings shared = options_.session;
    shared.messages_per_minute = options_.access.messages_per_minute;
    shared.message_burst = options_.access.message_burst;
    if (!(*tools)->tools().empty()) shared.tools = std::move(*tools);
    for (command_description& each : router_.commands()) shared.commands.push_back(std::move(each));
    if (auto listening = transport_.start(reception_); !listening) return listening;
    registry_.start(std::move(shared), [this](std::string_view text) { admin_.act(text); });
    store_health_.watch();
    started_ = scheduler_.wall_now();
    return {};
  }

  /// Stops in order: no new sockets, a notification to each client, running answers get up to
  /// drain_timeout, close 1001; then `done`. From any thread. A second call changes nothing.
  void stop(std::function<void()> done = {}) {
    post([this, done = std::move(done)]() mutable { begin_drain(std::move(done)); });
  }

  /// Writes to the log, and tells on_event, as the server itself does.
  void log(log_level level, std::string_view event, std::string_view session,
           std::string_view text) {
    journal_.write(level, event, session, text);
  }

  /// Runs f() on the executor. From any thread; nothing happens when the server is gone by then.
  void post(std::function<void()> f) {
    scheduler_.post([weak = std::weak_ptr<const bool>(alive_), f = std::move(f)] {
      if (weak.lock()) f();
    });
  }

  /// Sends a numbered notification to one session, also while its client is away, and with a store
  /// also when it is there or at another server. From any thread.
  void notify(std::string session_id, std::string content, std::string topic = {},
              std::string data = {}) {
    post([this, id = std::move(session_id),
          said = api_notice{std::move(content), std::move(topic), std::move(data)}] {
      admin_.notify(id, said, session_admin<registry_type>::ignore);
    });
  }

  /// Sends a numbered notification to every session, also of other servers that share the store.
  /// Not to those that only the store has. From any thread.
  void broadcast(std::string content, std::string topic = {}, std::string data = {}) {
    post([this, said = api_notice{std::move(content), std::move(topic), std::move(data)}] {
      admin_.broadcast(said, session_admin<registry_type>::ignore);
    });
  }

  /// Ends a session for good, whether its client is here or away: open queries get an error as
  /// their terminal message, sockets are closed with 4499 and `reason`, of which 123 bytes are
  /// sent. From any thread.
  void disconnect(std::string session_id, std::string reason = "closed_by_operator") {
    post([this, id = std::move(session_id), reason = std::move(reason)] {
      admin_.disconnect(id, reason, session_admin<registry_type>::ignore);
    });
  }

  /// What /metrics answers, in Prometheus' text format, whoever may read it there.
  std::string metrics() const {
    server_state now;
    now.sockets = registry_.socket_count();
    now.detached_sessions = registry_.detached_count();
    now.attached_sessions = registry_.size() - now.detached_sessions;
    now.slots_taken = slots_.taken();
    now.slots_waiting = slots_.waiting();
    now.slots_limit = options_.max_upstream;
    now.upstream_requests = client_.counts().requests;
    now.upstream_retries = client_.counts().retries;
    now.started = started_;
    now.draining = registry_.draining();
    now.store_up = store_health_.is_well();
    std::string text;
    metrics_text out(text);
    write_metrics(out, counts_, now);
    const std::size_t ours = text.size();
    bool whole = false;
    journal_.guard("on_metrics", {}, [&] {
      router_.metrics(out);
      whole = true;
    });
    if (!whole) text.resize(ours);
    return text;
  }

 private:
  using registry_type = registry<session_type, Scheduler, Logger>;

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

  void answer_http(const http::request& request, const respond_handler& respond) {
    if (const auto* handler = router_.find_http(request.method, request.path())) {
      auto answer = http::response::text(500, "Internal error");
      journal_.guard("on_http", {}, [&] { answer = (*handler)(request); });
      return respond(std::move(answer));
    }
    if (api_.answer(request, scheduler_.now(), respond)) return;
    respond(answer_plain_request(request, registry_.draining()      ? "draining"
                                          : store_health_.is_well() ? ""
                                                                    : "store unavailable"));
  }

  // ---- stopping

  void begin_drain(std::function<void()> done) {
    if (registry_.draining()) return;
    reception_.close();
    registry_.drain([this, done = std::move(done)]() mutable {
      transport_.stop();
      reception_.end();
      if (done) scheduler_.post(std::move(done));
    });
  }

  std::unique_ptr<own_policies> own_;  // first, to outlive what refers to it
  options options_;
  Transport& transport_;
  Scheduler& scheduler_;
  Authenticator& authenticator_;
  random_source random_;
  typename session_type::client_type client_;
  router_type router_;
  upstream_slots slots_;
  coalescer<Scheduler, session_type> wakes_;
  journal<Logger, router_type> journal_;
  server_counts counts_;
  any_exchange exchange_;
  visitors<Scheduler> visitors_;
  registry_type registry_;
  store_health<Store, Scheduler> store_health_;
  session_admin<registry_type> admin_;
  http_api api_;
  reception<Transport, Authenticator, Scheduler, registry_type> reception_;
  wall_time started_{};
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace agent_websocket
