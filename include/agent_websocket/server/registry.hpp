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
#include <agent_websocket/server/recovery.hpp>
#include <agent_websocket/server/router.hpp>
#include <agent_websocket/server/send_away.hpp>
#include <agent_websocket/server/session_accounts.hpp>
#include <agent_websocket/session/session.hpp>

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
  using recovery_type = recovery<typename Session::store_type>;
  using waiting_socket = typename recovery_type::waiting_socket;
  using journal_type = journal<Logger, router_type>;
  /// Takes the new token that a client of the session shows.
  using auth_handler = std::function<void(Session&, const wire::command&)>;
  /// Takes a message that was held, see hold().
  using text_handler = std::function<void(connection_id, std::string_view)>;

  /// What the sessions share, but the sink, which is the registry itself.
  template <typename Transport, typename Client, typename Store>
  registry(const options& settings, Transport& transport, Client& client, Scheduler& scheduler,
           Store& store, random_source& random, upstream_slots& slots,
           coalescer<Scheduler, Session>& wakes, const router_type& router, journal_type& told,
           auth_handler on_auth, text_handler on_text, server_counts& counts,
           visitors<Scheduler>& guests)
      : options_(settings),
        scheduler_(scheduler),
        around_{transport, client, scheduler, store, random, slots, wakes, router, *this},
        router_(router),
        journal_(told),
        on_auth_(std::move(on_auth)),
        on_text_(std::move(on_text)),
        counts_(counts),
        accounts_(guests, scheduler),
        living_(scheduler, *this,
                {settings.session.heartbeat_interval, settings.session.heartbeat_timeout,
                 settings.cleanup_interval},
                {settings.session_timeout, settings.run_grace, settings.session.resume_window,
                 settings.max_detached}),
        recovery_(store, [this](const std::string& id, result<claimed_session> found,
                                std::vector<waiting_socket> asked) {
          on_found(id, std::move(found), std::move(asked));
        }) {}
  registry(const registry&) = delete;
  registry& operator=(const registry&) = delete;
  ~registry() { scheduler_.cancel_timer(drain_timer_); }

  /// Sessions begin with these settings. Once, before the first socket.
  void start(session_settings defaults) {
    defaults_ = std::make_shared<const session_settings>(std::move(defaults));
    living_.watch_inactivity();
  }

  std::size_t size() const noexcept { return living_.sessions.size(); }
  std::shared_ptr<Session> find(std::string_view id) const { return living_.sessions.find(id); }
  std::shared_ptr<Session> find(connection_id socket) const {
    return living_.connections.find(socket);
  }
  /// All sessions as they are now; visiting them may change them.
  std::vector<std::shared_ptr<Session>> all() const { return living_.sessions.all(); }
  /// Visits sessions in the order of their ids, see session_list::each_after.
  template <typename Visit>
  void each_after(std::string_view after, Visit&& visit) const {
    living_.sessions.each_after(after, visit);
  }
  std::size_t socket_count() const noexcept { return living_.connections.size(); }
  std::size_t detached_count() const noexcept { return living_.sessions.detached_count(); }

  // ---- sockets

  /// A socket begins a session.
  void open(connection_id connection, const handshake& request, principal owner) {
    const std::string& address = request.remote_address;
    const auto session =
        std::make_shared<Session>(around_, std::move(owner), address, make_uuid(around_.random),
                                  make_uuid(around_.random), defaults_);
    session->core().output().count_into(counts_.sessions);
    ++counts_.opened;
    ++counts_.sessions_begun;
    living_.connections.add(connection, session, scheduler_.now());
    living_.sessions.add(session, scheduler_.now());
    living_.watch_heartbeat();
    log(log_level::info, "session_opened", session->id(), "from " + address);
    guarded("on_connect", session->id(), [&] { router_.connected(*session, request); });
    session->welcome([&](session_core& core, std::string_view token, moment at) {
      core.opened(connection, token, at);
    });
    if (draining_) drain(*session);
  }

  /// True for a socket that waits for its session to come from the store: what it sends is kept
  /// until then, or it is closed.
  bool hold(connection_id connection, std::string_view text) {
    if (!recovery_.is_waiting(connection)) return false;
    if (!recovery_.hold(connection, text)) around_.transport.close(connection, 1013, "overload");
    return true;
  }

  void heard(connection_id connection) { living_.connections.heard(connection, scheduler_.now()); }

  void closed(connection_id connection, std::uint16_t code) {
    const auto session = living_.connections.remove(connection);
    if (!session) return;
    recovery_.forget(connection);
    counts_.close(code);
    session->apply([&](session_core& core, moment at) { core.detached(connection, at); });
    log(log_level::info, "socket_closed", session->id(), "code " + std::to_string(code));
    guarded("on_disconnect", session->id(), [&] { router_.disconnected(*session, code); });
    settle(*session, connection);
    finish_drain();
  }

  /// The session is about to hold something for that socket. False: its user has too many such
  /// sessions, with sockets all; the socket was told, and is closed.
  bool keep(Session& session, connection_id connection, std::string_view ref) {
    const bool kept = begin_account(session, connection);
    if (!kept) turn_away(session, connection, ref);
    return kept;
  }

  // ---- the end of all

  bool draining() const noexcept { return draining_; }

  /// Clients are told, running answers get up to drain_timeout, sockets are closed; then done().
  void drain(std::function<void()> done) {
    draining_ = true;
    drained_ = std::move(done);
    log(log_level::info, "draining", {}, std::to_string(size()) + " sessions");
    for (const auto& session : all()) drain(*session);
    drain_timer_ = scheduler_.start_timer(scheduler_.now() + options_.drain_timeout, [this] {
      for (const auto& session : all()) {
        session->apply([](session_core& core, moment at) { core.drain_expired(at); });
        if (session->sockets() == 0) on_over(*session);
      }
    });
    finish_drain();
  }

 private:
  /// A socket has left the session, which may be over by that.
  void settle(Session& session, connection_id connection) {
    if (session.sockets() != 0) return;
    const bool over = session.closing() || !session.core().worth_keeping() ||
                      (draining_ && !session.core().busy()) || !begin_account(session, connection);
    if (over) return on_over(session);
    living_.sessions.detached(session, scheduler_.now());
    living_.watch_detached();
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

  void drain(Session& session) {
    session.apply([&](session_core& core, moment at) { core.drain(options_.restart_time, at); });
    if (session.sockets() == 0 && !session.core().busy()) on_over(session);
  }

  void finish_drain() {
    if (!draining_ || !living_.sessions.empty() || !living_.connections.empty()) return;
    if (!recovery_.nobody_leaves()) return;  // the last records are on their way
    if (auto done = std::exchange(drained_, nullptr)) done();
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
    on_hello(session, command, around_.store.lasting() && command.resume.has_value());
  }

  void on_hello(Session& session, const wire::command& hello, bool may_be_stored) {
    const connection_id connection = hello.from;
    const auto greet = [&](std::string_view verdict) {
      if (!keep(session, connection, hello.id)) return;
      session.welcome([&](session_core& core, std::string_view token, moment at) {
        core.greet(hello, verdict, token, at);
      });
    };
    if (hello.resume_session.empty()) return greet("new");
    const auto wanted = find(hello.resume_session);
    if (!wanted && may_be_stored) return recovery_.wait(hello);
    if (!wanted || wanted->closing()) return greet("expired");
    if (!hello.resume || wanted->owner().name != session.owner().name ||
        !wanted->core().accepts_token(hello.resume->token)) {
      return greet("forbidden");
    }
    if (!begin_account(*wanted, connection)) return turn_away(session, connection, hello.id);
    if (wanted.get() != &session) {
      const auto former = session.shared_from_this();
      living_.connections.move(connection, wanted);
      session.apply([&](session_core& core, moment at) { core.detached(connection, at); });
      living_.sessions.attached(*wanted, scheduler_.now());
      settle(session, connection);
      log(log_level::info, "session_resumed", wanted->id(), "in place of " + former->id());
    }
    ++counts_.sessions_resumed;
    wanted->welcome([&](session_core& core, std::string_view token, moment at) {
      core.resume(connection, hello, token, at);
    });
    guarded("on_resume", wanted->id(), [&] { router_.resumed(*wanted); });
  }

  void on_log(const Session& session, log_level level, std::string_view event,
              std::string_view text) override {
    log(level, event, session.id(), text);
  }

  // ---- deadline_sink

  void on_silent(connection_id connection) override { around_.transport.ping(connection); }
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
    recovery_.leaving(session.id());
    session.leave(forever, [this, id = session.id(), weak = std::weak_ptr<const bool>(alive_)] {
      if (!weak.lock()) return;
      recovery_.left(id);
      finish_drain();
    });
  }

  // ---- sessions from the store

  void on_found(const std::string& id, result<claimed_session> found,
                std::vector<waiting_socket> asked) {
    const bool is_certain = found || found.error().code == errc::session_not_found;
    if (found) {
      const auto session = restore_session<Session>(around_, *found, defaults_);
      session ? add_restored(*session)
              : log(log_level::error, "session_damaged", id, session.error().message);
    } else if (!is_certain) {
      log(log_level::warning, "session_not_loaded", id, found.error().in_full());
    }
    for (const waiting_socket& each : asked) {
      const auto session = this->find(each.connection);
      if (!session) continue;
      is_certain
          ? on_hello(*session, each.hello, false)
          : send_back(*session, each.connection, each.hello.id, found.error().code == errc::busy);
      for (const std::string& text : each.held) on_text_(each.connection, text);
    }
  }

  void add_restored(const std::shared_ptr<Session>& session) {
    session->core().output().count_into(counts_.sessions);
    ++counts_.sessions_restored;
    living_.sessions.add(session, scheduler_.now());
    living_.sessions.detached(*session, scheduler_.now());
    log(log_level::info, "session_restored", session->id(), {});
    guarded("on_restore", session->id(), [&] { router_.restored(*session); });
    living_.watch_detached();
    if (draining_) drain(*session);
  }

  void log(log_level level, std::string_view event, std::string_view session,
           std::string_view text) {
    journal_.write(level, event, session, text);
  }
  template <typename Hook>
  void guarded(const char* name, std::string_view session, Hook&& hook) {
    journal_.guard(name, session, hook);
  }

  const options& options_;
  Scheduler& scheduler_;
  typename Session::surroundings around_;
  const router_type& router_;
  journal_type& journal_;
  auth_handler on_auth_;
  text_handler on_text_;
  server_counts& counts_;
  session_accounts<Session, Scheduler> accounts_;
  deadlines<Session, Scheduler> living_;
  std::shared_ptr<const session_settings> defaults_;
  recovery_type recovery_;
  std::function<void()> drained_;
  timer_id drain_timer_ = 0;
  bool draining_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace agent_websocket
