// SPDX-License-Identifier: MIT
//
// basic_session: carries out what the session core decides, on the policies of its server: frames
// to the transport, completions to the upstream client, records to the store, questions to the
// application. It owns no socket and no timer but the one of a query's `timeout_ms`.
#pragma once

#include <agent_websocket/openrouter/client.hpp>
#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/policy/store.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/session/commands.hpp>
#include <agent_websocket/session/core.hpp>
#include <agent_websocket/session/hooks.hpp>

#include <any>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace agent_websocket {

/// One client's session. Made by basic_server; the application meets it in its hooks, by reference,
/// and may keep a weak_ptr. All calls on the server's executor.
template <typename Transport, typename HttpClient, typename Scheduler, typename Store>
class basic_session final
    : public openrouter::completion_sink,
      public std::enable_shared_from_this<basic_session<Transport, HttpClient, Scheduler, Store>> {
  static_assert(require_transport<Transport>() && require_http_client<HttpClient>() &&
                require_scheduler<Scheduler>() && require_store<Store>());

 public:
  using client_type = openrouter::basic_openrouter_client<HttpClient, Scheduler>;
  using sink_type = session_sink<basic_session>;

  /// What all sessions of a server share.
  struct surroundings {
    Transport& transport;
    client_type& client;
    Scheduler& scheduler;
    Store& store;
    sink_type& sink;
  };

  basic_session(surroundings& around, connection_id connection, principal owner,
                std::string remote_address, std::string id, std::string epoch,
                std::shared_ptr<const session_settings> settings)
      : around_(around),
        connection_(connection),
        owner_(std::move(owner)),
        remote_address_(std::move(remote_address)),
        core_(std::move(id), std::move(epoch), std::move(settings), now()) {}

  basic_session(const basic_session&) = delete;
  basic_session& operator=(const basic_session&) = delete;

  ~basic_session() { stop_completion(); }

  // ---- for the application

  /// UUID, version 4.
  const std::string& id() const noexcept { return core_.id(); }
  const principal& owner() const noexcept { return owner_; }
  /// Address of the TCP peer.
  const std::string& remote_address() const noexcept { return remote_address_; }
  const agent_websocket::conversation& history() const noexcept { return core_.history(); }
  const session_settings& settings() const noexcept { return core_.settings(); }
  /// Gives this session other settings than its server's, such as a system prompt of its own.
  void change_settings(session_settings settings) { core_.change_settings(std::move(settings)); }
  bool closing() const noexcept { return core_.closing(); }
  /// A place for the application's own state of this session.
  std::any& data() noexcept { return data_; }

  /// Answers a command: a `status` with its op, and `ref` when it had an id. `data` is JSON text or
  /// empty.
  void reply(const wire::command& to, std::string_view content, std::string_view data = {}) {
    core_.reply(to, content, data, now());
    carry_out();
  }
  /// Answers a command with an error.
  void refuse(const wire::command& to, errc code, std::string words = {}) {
    core_.refuse(to.id, words.empty() ? error(code) : error(code, std::move(words)), now());
    carry_out();
  }
  /// Sends a numbered notification. `data` is JSON text or empty.
  void notify(std::string_view content, std::string_view topic = {}, std::string_view data = {}) {
    core_.notify(content, topic, data, now());
    carry_out();
  }
  /// Ends the session: open queries get `why` as their terminal error, then the socket is closed.
  void close(std::uint16_t code, std::string reason, const error& why = error(errc::interrupted)) {
    core_.end(code, std::move(reason), why, now());
    carry_out();
  }

  // ---- for the server

  connection_id connection() const noexcept { return connection_; }
  session_core& core() noexcept { return core_; }

  void open() {
    opened_ = true;
    core_.opened(now());
    carry_out();
  }
  void receive(wire::client_message message) {
    core_.received(std::move(message), now());
    carry_out();
  }
  void refuse_frame(errc code, std::string words) {
    core_.refused_frame(code, std::move(words), now());
    carry_out();
  }
  void drained() {
    transport_waits_ = 0;
    carry_out();
  }
  void expire() {
    core_.expired(now());
    carry_out();
  }
  void drain() {
    core_.drain(now());
    carry_out();
  }
  void expire_drain() {
    core_.drain_expired(now());
    carry_out();
  }
  /// The socket is gone.
  void lost() {
    core_.lost();
    carry_out();
  }
  void decide(run_number run, query_decision decision) {
    core_.decided(run, std::move(decision), now());
    carry_out();
  }

 private:
  // Handed to the transport at a time; what is above waits in the outbox, where deltas are merged.
  static constexpr std::size_t transport_budget = 64 * 1024;

  moment now() const { return {around_.scheduler.now(), around_.scheduler.wall_now()}; }

  // ---- openrouter::completion_sink

  void on_begin(openrouter::completion_id, std::string_view model) override {
    core_.began(run_, model);
  }
  void on_text(openrouter::completion_id, std::string_view text) override {
    core_.text(run_, text, now());
    carry_out();
  }
  void on_reasoning(openrouter::completion_id, std::string_view) override {}
  void on_retry(openrouter::completion_id, int attempt, std::chrono::milliseconds wait,
                const openrouter::failure& why) override {
    log(log_level::warning, "completion_retry",
        "attempt " + std::to_string(attempt) + " failed, next in " + std::to_string(wait.count()) +
            " ms: " + to_string(why.why.code) + " " + why.why.detail);
  }
  void on_complete(openrouter::completion_id, const openrouter::outcome& outcome) override {
    completion_ = 0;
    paused_ = false;
    completion_result result;
    if (outcome.failed) {
      const error& why = outcome.failed->why;
      // An upstream's own words may name its insides: they go to the log and the application only.
      result.failure = error(why.code, message_of(why.code), why.message + "; " + why.detail);
      result.retryable = outcome.failed->retryable;
      result.retry_after = outcome.failed->retry_after;
      log(log_level::error, "completion_failed",
          std::string(to_string(why.code)) + " " + why.detail);
    }
    result.finish_reason = outcome.finish_reason;
    result.model = outcome.model;
    result.usage = outcome.usage.json;
    result.used = {1, outcome.usage.prompt_tokens.value_or(0),
                   outcome.usage.completion_tokens.value_or(0), outcome.usage.cost.value_or(0)};
    core_.completed(run_, std::move(result), now());
    carry_out();
  }

  // ---- carrying out

  /// Performs the core's actions until there are none, then sends what waits.
  void carry_out() {
    if (carrying_out_) return;  // the outer call goes on with what has come
    carrying_out_ = true;
    const auto alive = this->weak_from_this().lock();  // an action may end this session
    while (core_.has_actions()) {
      for (session_action& each : core_.take_actions()) {
        std::visit([this](auto& what) { this->perform(what); }, each);
      }
    }
    carrying_out_ = false;
    send_waiting();
  }

  void perform(action::consult& what) {
    if (what.query.timeout) start_timeout(what.run, *what.query.timeout);
    guarded(
        "on_query",
        [&] {
          around_.sink.on_query(*this, what.query,
                                query_reply<basic_session>(this->weak_from_this(), what.run));
        },
        [&] { refuse_run(what.run); });
  }
  void perform(action::start_completion& what) {
    run_ = what.run;
    guarded(
        "before_request", [&] { around_.sink.before_request(*this, what.request); }, [] {});
    completion_ = around_.client.start(std::move(what.request), *this);
  }
  void perform(action::cancel_completion&) { stop_completion(); }
  void perform(action::run_command& what) {
    guarded(
        "on_command",
        [&] {
          if (around_.sink.on_command(*this, what.command)) return;
          core_.refuse(what.command.id,
                       error(errc::unknown_op, "Unknown command; `help` lists the commands"),
                       now());
        },
        [&] { core_.refuse(what.command.id, error(errc::internal), now()); });
  }
  void perform(action::deliver_feedback& what) {
    guarded(
        "on_feedback", [&] { around_.sink.on_feedback(*this, what.entry); }, [] {});
  }
  void perform(action::deliver_answer& what) {
    stop_timeout();
    guarded(
        "on_answer", [&] { around_.sink.on_answer(*this, what.record); }, [] {});
  }
  void perform(action::persist& what) {
    around_.store.append(id(), std::move(what.record),
                         [weak = this->weak_from_this()](const result<void>& kept) {
                           const auto session = weak.lock();
                           if (!kept && session)
                             session->log(log_level::error, "store_failed", kept.error().detail);
                         });
  }
  void perform(action::close_socket& what) {
    hand_over(static_cast<std::size_t>(-1));
    around_.transport.close(connection_, what.code, what.reason);
  }

  /// Runs a hook of the application: what it throws is logged and costs one message.
  template <typename Hook, typename OnThrow>
  void guarded(const char* name, Hook&& hook, OnThrow&& on_throw) {
    try {
      hook();
      return;
    } catch (const std::exception& thrown) {
      log(log_level::error, "handler_threw", std::string(name) + ": " + thrown.what());
    } catch (...) {
      log(log_level::error, "handler_threw", std::string(name) + ": not a std::exception");
    }
    on_throw();
  }

  void refuse_run(run_number run) {
    query_decision decision;
    decision.what = query_decision::kind::refuse;
    decision.why = error(errc::internal);
    core_.decided(run, std::move(decision), now());
  }

  /// The query's own limit, which holds for the application's thinking too.
  void start_timeout(run_number run, std::chrono::milliseconds limit) {
    timeout_ = around_.scheduler.start_timer(
        around_.scheduler.now() + limit, [weak = this->weak_from_this(), run] {
          const auto session = weak.lock();
          if (!session) return;
          session->timeout_ = 0;
          session->core_.failed(run, error(errc::timeout_total), session->now());
          session->carry_out();
        });
  }

  void stop_completion() {
    if (completion_ != 0) around_.client.cancel(std::exchange(completion_, 0));
    paused_ = false;
    stop_timeout();
  }
  void stop_timeout() {
    if (timeout_ != 0) around_.scheduler.cancel_timer(std::exchange(timeout_, 0));
  }

  void hand_over(std::size_t budget) {
    std::string frame;
    outbox& output = core_.output();
    while (transport_waits_ < budget &&
           output.take_next(frame, core_.timestamp(around_.scheduler.wall_now()))) {
      transport_waits_ = around_.transport.send(connection_, frame);
    }
  }

  /// Hands frames to the transport, and stops reading upstream while the client does not keep up.
  void send_waiting() {
    if (core_.closing() || !opened_) return;
    hand_over(transport_budget);
    const std::size_t waiting = core_.output().bytes();
    if (waiting > core_.settings().max_outbound_bytes) {
      core_.overflowed();
      return carry_out();
    }
    if (completion_ == 0) return;
    if (!paused_ && waiting > transport_budget) {
      paused_ = true;
      around_.client.pause(completion_);
    } else if (paused_ && waiting < transport_budget / 2) {
      paused_ = false;
      around_.client.resume(completion_);
    }
  }

  void log(log_level level, std::string_view event, std::string_view text) {
    around_.sink.on_log(*this, level, event, text);
  }

  surroundings& around_;
  connection_id connection_;
  principal owner_;
  std::string remote_address_;
  session_core core_;
  std::any data_;
  openrouter::completion_id completion_ = 0;
  run_number run_ = 0;
  timer_id timeout_ = 0;
  std::size_t transport_waits_ = 0;
  bool opened_ = false;  // the welcome was said
  bool paused_ = false;
  bool carrying_out_ = false;
};

}  // namespace agent_websocket
