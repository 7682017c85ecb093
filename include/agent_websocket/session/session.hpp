// SPDX-License-Identifier: MIT
//
// basic_session: carries out what the session core decides, on the policies of its server: frames
// to the transport, completions to the upstream client, records to the store, questions to the
// application. It owns no socket.
#pragma once

#include <agent_websocket/base/boxed.hpp>
#include <agent_websocket/base/random.hpp>
#include <agent_websocket/limits/user_limits.hpp>
#include <agent_websocket/openrouter/client.hpp>
#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/policy/store.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/session/attaching.hpp>
#include <agent_websocket/session/delivery.hpp>
#include <agent_websocket/session/optional_keeper.hpp>
#include <agent_websocket/session/restoring.hpp>
#include <agent_websocket/session/surroundings.hpp>
#include <agent_websocket/session/work.hpp>

#include <any>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
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
      private keeper_sink,
      public std::enable_shared_from_this<basic_session<Transport, HttpClient, Scheduler, Store>> {
  static_assert(require_transport<Transport>() && require_http_client<HttpClient>() &&
                require_scheduler<Scheduler>() && require_store<Store>());

 public:
  using client_type = openrouter::basic_openrouter_client<HttpClient, Scheduler>;
  using surroundings =
      session_surroundings<Transport, client_type, Scheduler, Store, basic_session>;

  basic_session(surroundings& around, principal owner, std::string remote_address, std::string id,
                std::string epoch, std::shared_ptr<const session_settings> settings)
      : around_(around),
        core_(std::move(id), std::move(epoch), std::move(settings), now()),
        keeper_(around.store, around.scheduler, core_, *this) {
    core_.belong_to(std::move(owner), std::move(remote_address));
  }

  basic_session(const basic_session&) = delete;
  basic_session& operator=(const basic_session&) = delete;

  // ---- for the application

  /// UUID, version 4.
  const std::string& id() const noexcept { return core_.id(); }
  const principal& owner() const noexcept { return core_.owner(); }
  /// Address of the client that began the session, also behind a proxy that is trusted.
  const std::string& remote_address() const noexcept { return core_.address(); }
  const agent_websocket::conversation& history() const noexcept { return core_.history(); }
  const session_settings& settings() const noexcept { return core_.settings(); }
  /// Gives this session settings of its own, such as a system prompt.
  void change_settings(session_settings settings) { core_.change_settings(std::move(settings)); }
  bool closing() const noexcept { return core_.closing(); }
  /// How many watch it now; 0 while its client is away.
  std::size_t sockets() const noexcept { return core_.output().sockets().size(); }
  /// A place for the application's own state of this session.
  std::any& data() { return data_.need(); }

  /// Answers a command: a `status` with its op, and `ref` when it had an id. `data` is JSON text or
  /// empty.
  void reply(const wire::command& to, std::string_view content, std::string_view data = {}) {
    apply([&](session_core& core, moment at) { core.reply(to, content, data, at); });
  }
  /// Answers a command with an error.
  void refuse(const wire::command& to, errc code, std::string words = {}) {
    core_.refuse(to.from, to.id, words.empty() ? error(code) : error(code, std::move(words)),
                 now());
    carry_out();
  }
  /// Sends a numbered notification: a client that is away gets it when it comes back. `data` is
  /// JSON text or empty.
  void notify(std::string_view content, std::string_view topic = {}, std::string_view data = {}) {
    apply([&](session_core& core, moment at) { core.notify(content, topic, data, false, at); });
  }
  /// Sends a notification that only those get who are here and keep up.
  void notify_volatile(std::string_view content, std::string_view topic = {},
                       std::string_view data = {}) {
    apply([&](session_core& core, moment at) { core.notify(content, topic, data, true, at); });
  }
  /// Tells when all that was said and done up to now is kept: at once, when the store is not
  /// lasting. False: it is lost, or the session is dropped.
  void when_kept(kept_handler told) { keeper_.when_kept(std::move(told)); }
  /// Ends the session: open queries get `why` as their terminal error, then its sockets are closed.
  void close(std::uint16_t code, std::string reason, const error& why = error(errc::interrupted)) {
    apply([&](session_core& core, moment at) { core.end(code, std::move(reason), why, at); });
  }

  // ---- for the server

  user_limits::user* account = nullptr;  ///< see session_accounts

  session_core& core() noexcept { return core_; }
  /// Goes on where its records end, which this process has claimed by that fence.
  result<void> restore(const stored_session& from, fence_number fence) {
    keeper_.begin_at(from.next, fence);
    const auto restored = core_.restore(from.records, now());
    if (restored) carry_out();
    return restored;
  }
  /// By which this process may write it.
  fence_number fence() const noexcept { return keeper_.fence(); }
  /// It is over here: the store forgets it, or has it with the last of its records; then done().
  void leave(bool forever, std::function<void()> done) { keeper_.leave(forever, std::move(done)); }
  bool has_lasting_store() const noexcept { return keeper_.keeps(); }
  void when_erased(kept_handler told) { keeper_.when_erased(std::move(told)); }

  /// Tells the core of a client that it is to welcome, by tell(core, resume token, moment).
  template <typename Tell>
  void welcome(Tell&& tell) {
    tell(core_, make_token(around_.random), now());
    carry_out();
  }
  /// Tells the core of an event by tell(core, moment), then carries out what it decides.
  template <typename Tell>
  void apply(Tell&& tell) {
    tell(core_, now());
    carry_out();
  }
  void drained(connection_id connection) {
    core_.output().drained(connection);
    carry_out();
  }
  /// The time is up in which text is collected.
  void flush() {
    wake_due_ = false;
    carry_out();
  }
  void decide(run_number run, query_decision decision) {
    apply([&](session_core& core, moment at) { core.decided(run, std::move(decision), at); });
  }
  void tool_ended(run_number run, const std::string& call, tool_result result) {
    apply([&](session_core& core, moment at) {
      core.tool_ended(run, call, std::move(result), true, at);
    });
  }

 private:
  moment now() const { return {around_.scheduler.now(), around_.scheduler.wall_now()}; }

  // ---- openrouter::completion_sink

  void on_begin(openrouter::completion_id, std::string_view model) override {
    core_.began(work().run, model);
  }
  void on_text(openrouter::completion_id, std::string_view text) override {
    core_.text(work().run, text, now());
    if (!wake_due_ || core_.has_work() || !deliverer().collects(core_, text.size())) carry_out();
  }
  void on_reasoning(openrouter::completion_id, std::string_view text) override {
    apply([&](session_core& core, moment at) { core.reasoning(work().run, text, at); });
  }
  void on_retry(openrouter::completion_id, int attempt, std::chrono::milliseconds wait,
                const openrouter::failure& why) override {
    log(log_level::warning, "completion_retry",
        "attempt " + std::to_string(attempt) + " failed, next in " + std::to_string(wait.count()) +
            " ms: " + to_string(why.why.code) + " " + why.why.detail);
  }
  void on_complete(openrouter::completion_id, openrouter::outcome outcome) override {
    work().call.ended();
    const log_level level = outcome.failed ? log_level::error : log_level::info;
    if (around_.sink.is_log_read(level))
      log(level, outcome.failed ? "completion_failed" : "completion_ended", describe(outcome));
    core_.completed(work().run, result_of(std::move(outcome), work().call.offers_tools()), now());
    carry_out();
  }

  // ---- keeper_sink

  void on_kept(std::uint64_t count) override {
    apply([&](session_core& core, moment at) { core.kept(count, at); });
  }
  void on_not_kept(const error& why) override {
    if (!core_.book().is_failing()) log(log_level::warning, "store_failed", why.in_full());
    apply([](session_core& core, moment at) { core.not_kept(at); });
  }
  void on_lost(const error& why) override {
    log(log_level::error, "session_lost", why.in_full());
    apply([&](session_core& core, moment at) { core.lose(why, at); });
  }

  /// Performs the core's actions until there are none, then sends what waits.
  void carry_out() {
    if (carrying_out_) return;  // the outer call goes on with what has come
    if (!core_.has_work()) return send_waiting();
    carrying_out_ = true;
    const auto alive = this->weak_from_this().lock();  // an action may end this session
    while (core_.has_work()) {
      for (session_action& each : core_.take_actions()) {
        std::visit([this](auto& what) { this->perform(what); }, each);
      }
      keeper_.keep(now());
    }
    carrying_out_ = false;
    send_waiting();
  }

  void perform(action::consult& what) {
    deliverer().begin_answer();
    if (auto refused = around_.sink.on_begin(*this))
      return core_.decided(what.run, query_decision::refusal(*std::move(refused)), now());
    if (what.query.timeout) {
      work().timeout.start(*what.query.timeout, [this, run = what.run] {
        apply([run](session_core& core, moment at) {
          core.failed(run, error(errc::timeout_total), at);
        });
      });
    }
    guarded(
        "on_query",
        [&] {
          around_.hooks.query(*this, what.query,
                              query_reply<basic_session>(this->weak_from_this(), what.run));
        },
        [&] { core_.decided(what.run, query_decision::refusal(error(errc::internal)), now()); });
  }
  void perform(action::start_completion& what) {
    work().run = what.run;
    work().call.await_turn([this, request = std::move(what.request)] {
      guarded(
          "before_request", [&] { around_.hooks.request(*this, *request); }, [] {});
      if (core_.is_current(work().run)) work().call.start(request, *this);  // see the hook
    });
  }
  void perform(action::cancel_completion&) { work_.stop(); }
  void perform(action::run_tool& what) {
    if (!core_.is_current(what.run)) return;  // ended by the handler of another call
    log(log_level::info, "tool_called", what.name);
    work().tools.run(this->weak_from_this(), what,
                     [&](const tool_invocation<basic_session>& call, const tool_reply& reply) {
                       guarded(
                           "tool", [&] { around_.hooks.run_tool(call, reply); },
                           [&] { reply.fail("The tool failed"); });
                     });
  }
  void perform(action::end_tool& what) { work().tools.end(what.call, what.answered); }
  void perform(action::start_clock& what) {
    work().tools.start_clock(what.id, what.limit, [this, run = what.run, id = what.id] {
      apply([&](session_core& core, moment at) { core.clock_over(run, id, at); });
    });
  }
  void perform(action::hold_clock& what) {
    what.hold ? work().timeout.hold() : work().timeout.go_on();
  }
  void perform(action::run_command& what) {
    guarded(
        "on_command",
        [&] {
          if (around_.hooks.command(*this, what.command))
            return core_.heard_good(what.command.from);
          core_.refuse_bad(what.command.from, what.command.id,
                           error(errc::unknown_op, "Unknown command; `help` lists the commands"),
                           now());
        },
        [&] { core_.refuse(what.command.from, what.command.id, error(errc::internal), now()); });
  }
  void perform(action::deliver_feedback& what) {
    guarded(
        "on_feedback", [&] { around_.hooks.feedback(*this, what.entry); }, [] {});
  }
  void perform(action::deliver_answer& what) {
    work().timeout.stop();
    around_.sink.on_answered(*this, what.record);
    guarded(
        "on_answer", [&] { around_.hooks.response(*this, what.record); }, [] {});
  }
  void perform(action::ask_server& what) { around_.sink.on_command(*this, what.command); }
  void perform(action::close_socket& what) {
    lanes* const socket = core_.output().find(what.connection);
    if (socket != nullptr && what.send_first) deliverer().send_all(core_, *socket);
    around_.transport.close(what.connection, what.code, what.reason);
  }
  void perform(action::close_session& what) {
    for (const auto& each : core_.output().sockets()) {
      if (std::exchange(each->closed, true)) continue;
      deliverer().send_all(core_, *each);
      around_.transport.close(each->connection(), what.code, what.reason);
    }
    if (sockets() == 0) around_.sink.on_over(*this);
  }

  template <typename Hook, typename OnThrow>
  void guarded(const char* name, Hook&& hook, OnThrow&& on_throw) {
    run_hook(
        hook,
        [&](const std::string& words) { log(log_level::error, "handler_threw", name + words); },
        on_throw);
  }

  /// Sends what can be sent; does without clients that fall behind, holds up when none keeps up.
  void send_waiting() {
    if (core_.closing()) return;
    const auto outcome = deliverer().run(core_);
    if (outcome.wake && !std::exchange(wake_due_, true))
      around_.wakes.wake(*outcome.wake, this->weak_from_this());
    auto* const call = work_.running_call();
    if (call != nullptr && outcome.nobody_keeps_up != call->held_up())
      outcome.nobody_keeps_up ? hold_up() : call->go_on();
    for (const connection_id each : outcome.too_slow) core_.give_up(each);
    if (!outcome.too_slow.empty()) carry_out();
  }

  void hold_up() {
    work().call.hold_up(core_.settings().slow_timeout, [weak = this->weak_from_this()] {
      const auto session = weak.lock();
      if (!session) return;
      for (const auto& each : session->core_.output().sockets())
        session->core_.give_up(each->connection());
      session->carry_out();  // the answer goes on without them
    });
  }

  auto& work() { return work_.in(around_); }
  auto deliverer() {
    return delivery<outlet<Transport>, Scheduler>(around_.transport, around_.scheduler,
                                                  around_.scratch, text_waits_until_);
  }

  void log(log_level level, std::string_view event, std::string_view text) {
    around_.sink.on_log(*this, level, event, text);
  }

  surroundings& around_;
  session_core core_;
  optional_keeper<Store, Scheduler> keeper_;
  time_point text_waits_until_{};
  session_work<basic_session, client_type, Scheduler> work_;
  boxed<std::any> data_;
  bool wake_due_ = false, carrying_out_ = false;
};

}  // namespace agent_websocket
