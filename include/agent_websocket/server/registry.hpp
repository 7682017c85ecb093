// SPDX-License-Identifier: MIT
//
// The sessions of one server and the sockets that watch them, from the first to the last: opens a
// session for a socket, hands a socket that comes back to the session it had, forgets sessions that
// nobody can come back to, and ends them all in order. What arrives is not read here.
#pragma once

#include <agent_websocket/base/random.hpp>
#include <agent_websocket/server/deadlines.hpp>
#include <agent_websocket/server/journal.hpp>
#include <agent_websocket/server/metrics.hpp>
#include <agent_websocket/server/options.hpp>
#include <agent_websocket/server/resumption.hpp>
#include <agent_websocket/server/restore_session.hpp>
#include <agent_websocket/server/router.hpp>
#include <agent_websocket/server/send_away.hpp>
#include <agent_websocket/server/session_accounts.hpp>
#include <agent_websocket/session/session.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

/// One server's; `Session` is a basic_session on the same policies.
template <typename Session, typename Scheduler, typename Logger>
class registry final : private session_sink<Session>, private deadline_sink<Session> {
 public:
  using session_type = Session;
  using router_type = basic_router<Session>;
  using transport_type = typename Session::surroundings::transport_type;
  using returns_type = resumption<registry, Scheduler>;
  using journal_type = journal<Logger, router_type>;
  /// Takes the new token that a client of the session shows.
  using auth_handler = std::function<void(Session&, const wire::command&)>;
  using text_handler = typename returns_type::text_handler;

  /// What the sessions share, but the sink, which is the registry itself.
  template <typename Client, typename Store>
  registry(const options& settings, transport_type& transport, Client& client, Scheduler& scheduler,
           Store& store, random_source& random, upstream_slots& slots,
           coalescer<Scheduler, Session>& wakes, const router_type& router, journal_type& told,
           auth_handler on_auth, text_handler on_text, server_counts& counts,
           visitors<Scheduler>& guests, any_exchange& exchange)
      : options_(settings),
        scheduler_(scheduler),
        transport_(transport),
        out_(transport),
        around_{out_, client, scheduler, store, random, slots, wakes, router, *this, scratch_},
        router_(router),
        journal_(told),
        on_auth_(std::move(on_auth)),
        counts_(counts),
        accounts_(guests, scheduler),
        living_(scheduler, *this,
                {settings.session.heartbeat_interval, settings.session.heartbeat_timeout,
                 settings.cleanup_interval},
                {settings.session_timeout, settings.run_grace, settings.session.resume_window,
                 settings.max_detached}),
        returns_(*this, store, scheduler, exchange, std::move(on_text)) {
    out_.lead_to(returns_.remote());
  }
  registry(const registry&) = delete;
  registry& operator=(const registry&) = delete;
  ~registry() { scheduler_.cancel_timer(drain_timer_); }

  /// Sessions begin with these settings. Once, before the first socket.
  void start(session_settings defaults, std::function<void(std::string_view)> noticed) {
    returns_.start(std::move(noticed));
    defaults_ = std::make_shared<const session_settings>(std::move(defaults));
    living_.watch_inactivity();
  }

  std::size_t size() const noexcept { return living_.sessions.size(); }
  std::shared_ptr<Session> find(std::string_view id) const { return living_.sessions.find(id); }
  std::shared_ptr<Session> find(connection_id socket) const {
    return living_.connections.find(socket);
  }
  std::vector<std::shared_ptr<Session>> all() const { return living_.sessions.all(); }
  /// Visits sessions in the order of their ids, see session_list::each_after.
  template <typename Visit>
  void each_after(std::string_view after, Visit&& visit) const {
    living_.sessions.each_after(after, visit);
  }
  std::size_t socket_count() const noexcept { return living_.connections.size(); }
  std::size_t detached_count() const noexcept { return living_.sessions.detached_count(); }

  /// A socket begins a session.
  void open(connection_id connection, const handshake& request, principal owner) {
    const std::string& address = request.remote_address;
    random_draw<words_of_uuid + words_of_short_name + words_of_token> random(around_.random);
    std::string id = make_uuid(random), epoch = make_short_name(random);
    const std::string token = make_token(random);
    const auto session = std::make_shared<Session>(around_, std::move(owner), address,
                                                   std::move(id), std::move(epoch), defaults_);
    session->core().output().count_into(counts_.sessions);
    ++counts_.opened;
    ++counts_.sessions_begun;
    living_.connections.add(connection, session, scheduler_.now());
    living_.sessions.add(session, scheduler_.now());
    living_.watch_heartbeat();
    log(log_level::info, "session_opened", session->id(), "from " + address);
    guarded("on_connect", session->id(), [&] { router_.connected(*session, request); });
    session->apply([&](session_core& core, moment at) { core.opened(connection, token, at); });
    if (draining_) drain(*session);
  }

  void heard(connection_id connection) { living_.connections.heard(connection, scheduler_.now()); }

  void closed(connection_id connection, std::uint16_t code) {
    const auto session = living_.connections.remove(connection);
    if (!session) return;
    returns_.forget(connection, code);
    counts_.close(code);
    if (living_.sessions.find(session->id())) return left_by(connection, *session, code);
    log(log_level::info, "socket_closed", {}, "code " + std::to_string(code));  // see send_away()
    finish_drain();
  }

  /// The session is about to hold something for that socket. False: its user has too many such
  /// sessions, with sockets all; the socket was told, and is closed.
  bool keep(Session& session, connection_id connection, std::string_view ref) {
    const bool kept = begin_account(session, connection);
    if (!kept) turn_away(session, connection, ref);
    return kept;
  }

  bool draining() const noexcept { return draining_; }

  /// Clients are told, running answers get up to drain_timeout, sockets are closed, and a store
  /// that does not answer gets five seconds; then done().
  void drain(std::function<void()> done) {
    draining_ = true;
    drained_ = std::move(done);
    log(log_level::info, "draining", {}, std::to_string(size()) + " sessions");
    for (const auto& session : all()) drain(*session);
    returns_.each_away([this](connection_id each) {
      const auto drain = [&](auto& core, moment at) { core.drain_away(options_.restart_time, at); };
      if (const auto voice = find(each)) voice->apply(drain);
    });
    drain_timer_ = scheduler_.start_timer(scheduler_.now() + options_.drain_timeout, [this] {
      for (const auto& session : all()) {
        session->apply([](session_core& core, moment at) { core.drain_expired(at); });
        if (session->sockets() == 0) on_over(*session);
      }
    });
    finish_drain();
  }

  returns_type& returns() noexcept { return returns_; }

  void greet(Session& session, const wire::command& hello, std::string_view verdict) {
    if (!keep(session, hello.from, hello.id)) return;
    session.welcome([&](session_core& core, std::string_view token, moment at) {
      core.greet(hello, verdict, token, at);
    });
  }
  void resume(connection_id connection, Session& session, const wire::command& hello) {
    living_.sessions.attached(session, scheduler_.now());
    ++counts_.sessions_resumed;
    session.welcome([&](session_core& core, std::string_view token, moment at) {
      core.resume(connection, hello, token, at);
    });
    guarded("on_resume", session.id(), [&] { router_.resumed(session); });
  }
  /// The socket watches `to` from now on.
  void hand_over(connection_id connection, Session& from, const std::shared_ptr<Session>& to) {
    living_.sessions.attached(*to, scheduler_.now());
    log(log_level::info, "session_resumed", to->id(), "in place of " + from.id());
    move(connection, from, to);
  }
  /// What the socket watches is elsewhere from now on. Here it has a session that is in no list:
  /// its voice, for what it is refused.
  void send_away(connection_id connection, Session& from) {
    const auto voice = std::make_shared<Session>(around_, from.owner(), from.remote_address(),
                                                 make_uuid(around_.random),
                                                 make_short_name(around_.random), defaults_);
    voice->apply([&](session_core& core, moment at) { core.lend(connection, at); });
    move(connection, from, voice);
  }
  /// Counts the session with the user of the socket. The oldest that waits for its client makes
  /// room. False: there is none.
  bool begin_account(Session& session, connection_id connection) {
    return accounts_.begin(
        session, connection,
        [this](auto is_his) { return living_.sessions.oldest_detached(is_his); },
        [this](Session& oldest) {
          log(log_level::info, "session_dropped", oldest.id(), "see MAX_SESSIONS_PER_USER");
          on_over(oldest);
        },
        [&] { return find(session.id()) != nullptr; });
  }
  void restore(const claimed_session& found) {
    const auto made = restore_session<Session>(around_, found, defaults_);
    if (!made) return log(log_level::error, "session_damaged", {}, made.error().message);
    Session& session = **made;
    session.core().output().count_into(counts_.sessions);
    ++counts_.sessions_restored;
    living_.sessions.add(*made, scheduler_.now());
    living_.sessions.detached(session, scheduler_.now());
    log(log_level::info, "session_restored", session.id(), {});
    guarded("on_restore", session.id(), [&] { router_.restored(session); });
    living_.watch_detached();
    if (draining_) drain(session);
  }
  void let_go(Session& session) { on_over(session); }
  void left_by(connection_id connection, Session& session, std::uint16_t code) {
    session.apply([&](session_core& core, moment at) { core.detached(connection, at); });
    log(log_level::info, "socket_closed", session.id(), "code " + std::to_string(code));
    guarded("on_disconnect", session.id(), [&] { router_.disconnected(session, code); });
    settle(session, connection);
    finish_drain();
  }
  std::size_t send(connection_id connection, std::string_view frame) {
    return out_.send(connection, frame);
  }
  void close_socket(connection_id connection, std::uint16_t code, std::string_view reason) {
    const auto session = find(connection);
    if (!session) return out_.close(connection, code, reason);
    session->apply([&](session_core& core, moment) {
      core.close_socket(connection, code, std::string(reason));
    });
  }
  void log(log_level level, std::string_view event, std::string_view id, std::string_view text) {
    journal_.write(level, event, id, text);
  }

 private:
  void move(connection_id connection, Session& from, const std::shared_ptr<Session>& to) {
    const auto former = from.shared_from_this();
    living_.connections.move(connection, to);
    from.apply([&](session_core& core, moment at) { core.detached(connection, at); });
    settle(from, connection);
  }

  /// A socket has left the session, which may be over by that.
  void settle(Session& session, connection_id connection) {
    if (session.sockets() != 0) return;
    const bool over = session.closing() || !session.core().worth_keeping() ||
                      (draining_ && !session.core().busy()) || !begin_account(session, connection);
    if (over) return on_over(session);
    living_.sessions.detached(session, scheduler_.now());
    living_.watch_detached();
  }

  void drain(Session& session) {
    session.apply([&](session_core& core, moment at) { core.drain(options_.restart_time, at); });
    if (session.sockets() == 0 && !session.core().busy()) on_over(session);
  }

  void finish_drain() {
    if (!draining_ || !living_.sessions.empty() || !living_.connections.empty()) return;
    const auto end = [this] { return drained_ ? std::exchange(drained_, nullptr)() : void(); };
    if (returns_.nobody_leaves()) return end();
    scheduler_.cancel_timer(drain_timer_);  // the last records are on their way
    drain_timer_ = scheduler_.start_timer(scheduler_.now() + std::chrono::seconds(5), end);
  }

  // ---- session_sink

  /// Again, for what has waited behind answers that used the budget up.
  std::optional<error> on_begin(const Session& session) override {
    return accounts_.refusal(session);
  }
  void on_answered(const Session& session, const answer_record& answer) override {
    accounts_.spend(session, answer);
  }
  void on_over(Session& session) override {
    const auto alive = session.shared_from_this();
    if (living_.sessions.erase(session)) on_forgotten(session);
  }

  void on_command(Session& session, const wire::command& command) override {
    if (command.op == "auth") return on_auth_(session, command);
    returns_.on_hello(session, command);
  }

  bool is_log_read(log_level level) const override { return journal_.is_read(level); }
  void on_log(const Session& session, log_level level, std::string_view event,
              std::string_view text) override {
    log(level, event, session.id(), text);
  }

  // ---- deadline_sink

  void on_silent(connection_id connection) override { transport_.ping(connection); }
  void on_lost(connection_id connection, Session& session) override {
    session.apply([&](session_core& core, moment) {
      core.close_socket(connection, 4001, "heartbeat_timeout");
    });
  }
  void on_inactive(Session& session) override {
    session.apply([](session_core& core, moment at) { core.expired(at); });
  }
  void on_grace_over(Session& session) override {
    session.apply([](session_core& core, moment at) { core.interrupt(at); });
  }
  /// The session is over here; with a lasting store, its client may find it there.
  void on_forgotten(Session& session) override {
    const bool forever = session.core().ended_for_good();
    session.apply([](session_core& core, moment at) {
      core.end(4100, "session_expired", error(errc::interrupted), at);
    });
    ++counts_.sessions_ended;
    accounts_.end(session);
    log(log_level::info, "session_closed", session.id(), {});
    guarded("on_end", session.id(), [&] { router_.ended(session); });
    if (!session.has_lasting_store()) return finish_drain();
    returns_.leaving(session.id());
    session.leave(forever, [this, id = session.id(), weak = std::weak_ptr<const bool>(alive_)] {
      if (!weak.lock()) return;
      returns_.left(id);
      finish_drain();
    });
  }

  template <typename Hook>
  void guarded(const char* name, std::string_view session, Hook&& hook) {
    journal_.guard(name, session, hook);
  }

  const options& options_;
  Scheduler& scheduler_;
  transport_type& transport_;
  outlet<transport_type> out_;
  std::string scratch_;
  typename Session::surroundings around_;
  const router_type& router_;
  journal_type& journal_;
  auth_handler on_auth_;
  server_counts& counts_;
  session_accounts<Session, Scheduler> accounts_;
  deadlines<Session, Scheduler> living_;
  std::shared_ptr<const session_settings> defaults_;
  returns_type returns_;
  std::function<void()> drained_;
  timer_id drain_timer_ = 0;
  bool draining_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace agent_websocket
