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
#include <agent_websocket/server/options.hpp>
#include <agent_websocket/server/plain_http.hpp>
#include <agent_websocket/server/registry.hpp>
#include <agent_websocket/server/router.hpp>
#include <agent_websocket/server/subprotocol.hpp>
#include <agent_websocket/server/upstream_settings.hpp>
#include <agent_websocket/session/session.hpp>
#include <agent_websocket/wire/decode.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace agent_websocket {

template <typename Transport, typename HttpClient, typename Scheduler,
          typename Store = memory_store, typename Authenticator = allow_all,
          typename Logger = null_logger>
class basic_server final
    : private transport_sink,
      private session_sink<basic_session<Transport, HttpClient, Scheduler, Store>> {
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
        logger_(logger),
        random_(random),
        client_(upstream_settings(options_), http, scheduler, std::move(random)),
        around_{transport, client_, scheduler, store, *this},
        registry_({options_.session.heartbeat_interval, options_.session.heartbeat_timeout,
                   options_.session_timeout}) {}

  /// With a store, an authenticator and a logger of its own, default constructed.
  basic_server(options settings, Transport& transport, HttpClient& http, Scheduler& scheduler)
      : basic_server(std::move(settings), transport, http, scheduler,
                     std::make_unique<own_policies>()) {}

  basic_server(const basic_server&) = delete;
  basic_server& operator=(const basic_server&) = delete;

  ~basic_server() {
    for (const timer_id each : {heartbeat_timer_, cleanup_timer_, drain_timer_})
      scheduler_.cancel_timer(each);
  }

  router_type& router() noexcept { return router_; }
  const options& settings() const noexcept { return options_; }
  std::size_t session_count() const noexcept { return registry_.size(); }
  /// The session of that id, while its socket stands; null otherwise.
  std::shared_ptr<session_type> find_session(std::string_view id) const {
    return registry_.find(id);
  }

  /// Checks the options and begins to listen. Hooks are set before.
  result<void> start() {
    if (auto checked = options_.check(); !checked) return checked;
    if (auto checked = openrouter::check(upstream_settings(options_)); !checked) return checked;
    session_settings shared = options_.session;
    for (command_description& each : router_.commands()) shared.commands.push_back(std::move(each));
    session_defaults_ = std::make_shared<const session_settings>(std::move(shared));
    if (auto listening = transport_.start(*this); !listening) return listening;
    arm_cleanup();
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

  /// Sends a numbered notification to one session, if it is there. From any thread.
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

  struct arrival {
    handshake request;
    principal owner;
  };

  // ---- transport_sink

  void on_request(connection_id connection, handshake request) override {
    const std::string path(request.request.path());
    if (path != options_.socket_path() && path != "/ws")
      return transport_.answer(connection, answer_http(request.request));
    if (!request.is_upgrade) {
      return transport_.answer(connection, http::response::text(400, "Expected WebSocket request"));
    }
    if (draining_) return transport_.answer(connection, refuse_while_draining());
    // Filed first: the authenticator may answer from inside of the call.
    arrivals_[connection].request = request;
    authenticator_.authenticate(
        request,
        [this, connection, weak = std::weak_ptr<const bool>(alive_)](result<principal> who) {
          if (weak.lock()) authenticated(connection, std::move(who));
        });
  }

  void authenticated(connection_id connection, result<principal> who) {
    const auto found = arrivals_.find(connection);
    if (found == arrivals_.end()) return;  // gone meanwhile
    if (draining_ || !who) {
      arrivals_.erase(found);
      if (draining_) return transport_.answer(connection, refuse_while_draining());
      const int status = who.error().code == errc::forbidden  ? 403
                         : who.error().code == errc::internal ? 503
                                                              : 401;
      return transport_.answer(connection, http::response::text(status, who.error().message));
    }
    found->second.owner = std::move(*who);
    http::response accept;
    accept.status = 101;
    if (offers_subprotocol(found->second.request.request, subprotocol)) {
      accept.headers.add("Sec-WebSocket-Protocol", std::string(subprotocol));
    }
    transport_.answer(connection, std::move(accept));
  }

  http::response answer_http(const http::request& request) {
    const auto* handler = router_.find_http(request.method, request.path());
    if (handler == nullptr) return answer_plain_request(request, draining_);
    auto answer = http::response::text(500, "Internal error");
    guarded("on_http", {}, [&] { answer = (*handler)(request); });
    return answer;
  }

  void on_abandoned(connection_id connection) override { arrivals_.erase(connection); }

  void on_open(connection_id connection) override {
    const auto found = arrivals_.find(connection);
    if (found == arrivals_.end()) return;
    const arrival arrived = std::move(found->second);
    arrivals_.erase(found);
    const auto session = std::make_shared<session_type>(
        around_, connection, arrived.owner, arrived.request.remote_address, make_uuid(random_),
        make_uuid(random_), session_defaults_);
    registry_.add(session, scheduler_.now());
    arm_heartbeat();
    log(log_level::info, "session_opened", session->id(), "from " + arrived.request.remote_address);
    guarded("on_connect", session->id(), [&] { router_.connected(*session, arrived.request); });
    session->open();
    if (draining_) session->drain();
  }

  void on_text(connection_id connection, std::string_view text) override {
    if (const auto session = registry_.find(connection))
      session->receive(wire::decode(text, scratch_));
  }

  void on_binary(connection_id connection, std::size_t) override {
    if (const auto session = registry_.find(connection))
      session->refuse_frame(errc::unsupported_data, message_of(errc::unsupported_data));
  }

  void on_oversized(connection_id connection, std::size_t) override {
    const auto session = registry_.find(connection);
    if (!session) return;
    session->refuse_frame(errc::too_large, "The message is too large; at most " +
                                               std::to_string(options_.session.max_message_bytes) +
                                               " bytes are allowed");
  }

  void on_alive(connection_id connection) override {
    registry_.heard(connection, scheduler_.now());
  }

  void on_drained(connection_id connection) override {
    if (const auto session = registry_.find(connection)) session->drained();
  }

  void on_close(connection_id connection, std::uint16_t code, std::string_view) override {
    const auto session = registry_.remove(connection);
    if (!session) return;
    session->lost();
    around_.store.erase(session->id(), [](const result<void>&) {});
    log(log_level::info, "session_closed", session->id(), "code " + std::to_string(code));
    guarded("on_disconnect", session->id(), [&] { router_.disconnected(*session, code); });
    finish_drain();
  }

  // ---- session_sink

  void on_query(session_type& session, const wire::query& query,
                query_reply<session_type> reply) override {
    router_.query(session, query, std::move(reply));
  }
  void before_request(session_type& session, openrouter::chat_request& request) override {
    router_.request(session, request);
  }
  bool on_command(session_type& session, const wire::command& command) override {
    return router_.command(session, command);
  }
  void on_feedback(session_type& session, const feedback_entry& feedback) override {
    router_.feedback(session, feedback);
  }
  void on_answer(session_type& session, const answer_record& answer) override {
    router_.response(session, answer);
  }
  void on_log(const session_type& session, log_level level, std::string_view event,
              std::string_view text) override {
    log(level, event, session.id(), text);
  }

  // ---- clocks

  void arm_heartbeat() {
    if (heartbeat_timer_ != 0) return;
    const auto next = registry_.next_heartbeat();
    if (!next) return;
    heartbeat_timer_ = scheduler_.start_timer(*next, [this] {
      heartbeat_timer_ = 0;
      registry_.sweep_heartbeat(
          scheduler_.now(), [this](connection_id connection) { transport_.ping(connection); },
          [](session_type& session) { session.close(4001, "heartbeat_timeout"); });
      arm_heartbeat();
    });
  }

  void arm_cleanup() {
    cleanup_timer_ = scheduler_.start_timer(scheduler_.now() + options_.cleanup_interval, [this] {
      registry_.sweep_inactive(scheduler_.now(), [](session_type& session) { session.expire(); });
      arm_cleanup();
    });
  }

  // ---- stopping

  void begin_drain(std::function<void()> done) {
    if (draining_) return;
    draining_ = true;
    drained_ = std::move(done);
    log(log_level::info, "draining", {}, std::to_string(registry_.size()) + " sessions");
    transport_.stop();
    for (const auto& session : registry_.all()) session->drain();
    drain_timer_ = scheduler_.start_timer(scheduler_.now() + options_.drain_timeout, [this] {
      for (const auto& session : registry_.all()) session->expire_drain();
    });
    finish_drain();
  }

  void finish_drain() {
    if (!draining_ || !registry_.empty()) return;
    if (auto done = std::exchange(drained_, nullptr)) scheduler_.post(std::move(done));
  }

  template <typename Hook>
  void guarded(const char* name, std::string_view session, Hook&& hook) {
    try {
      hook();
    } catch (const std::exception& thrown) {
      log(log_level::error, "handler_threw", session, std::string(name) + ": " + thrown.what());
    } catch (...) {
      log(log_level::error, "handler_threw", session, name);
    }
  }

  void log(log_level level, std::string_view event, std::string_view session,
           std::string_view text) {
    try {
      router_.event({level, event, session, text});
    } catch (...) {  // nobody is left to tell
    }
    if (level >= options_.level && logger_.enabled(level))
      logger_.write({level, event, session, text});
  }

  std::unique_ptr<own_policies> own_;  // first, to outlive what refers to it
  options options_;
  Transport& transport_;
  Scheduler& scheduler_;
  Authenticator& authenticator_;
  Logger& logger_;
  random_source random_;
  typename session_type::client_type client_;
  typename session_type::surroundings around_;
  registry<session_type> registry_;
  router_type router_;
  std::shared_ptr<const session_settings> session_defaults_;
  std::unordered_map<connection_id, arrival> arrivals_;
  json::document scratch_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  std::function<void()> drained_;
  timer_id heartbeat_timer_ = 0;
  timer_id cleanup_timer_ = 0;
  timer_id drain_timer_ = 0;
  bool draining_ = false;
};

}  // namespace agent_websocket
