// SPDX-License-Identifier: MIT
//
// Clients that come back: hands a socket to the session that its hello asks for, wherever that is:
// here, in the store, or at another server that shares the store; and takes sockets of those that
// ask for a session of this one. A session that nobody watches and that has nothing to do is given
// to the server that its client has come to; else its messages are relayed.
#pragma once

#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/json/writer.hpp>
#include <agent_websocket/policy/logger.hpp>
#include <agent_websocket/server/recovery.hpp>
#include <agent_websocket/server/relay.hpp>
#include <agent_websocket/server/relay_arrival.hpp>
#include <agent_websocket/server/send_away.hpp>
#include <agent_websocket/wire/decode.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace agent_websocket {

/// `Registry` is a registry, which has one of these.
template <typename Registry, typename Scheduler>
class resumption final : private relay_sink {
 public:
  using session_type = typename Registry::session_type;
  using store_type = typename session_type::surroundings::store_type;
  using recovery_type = recovery<store_type>;
  using waiting_socket = typename recovery_type::waiting_socket;
  /// Takes a message that was held, see hold().
  using text_handler = std::function<void(connection_id, std::string_view)>;
  /// What is to be done with a session, once it is here; or null and why it does not come: busy,
  /// its server has got the notice.
  using errand = std::function<void(session_type*, errc)>;
  using notice_handler = std::function<void(std::string_view)>;

  /// A socket that other servers do not take is looked for again so often.
  static constexpr int max_arrivals = 5;

  resumption(Registry& sessions, store_type& store, Scheduler& scheduler, any_exchange& exchange,
             text_handler on_text)
      : registry_(sessions),
        store_(store),
        on_text_(std::move(on_text)),
        relay_(exchange, scheduler, *this),
        recovery_(
            store,
            [this](const std::string& id, const stored_session& known) {
              return is_here(id, known);
            },
            [this](const std::string& id, result<claimed_session> found,
                   std::vector<waiting_socket> asked) {
              on_found(id, std::move(found), std::move(asked));
            }) {}

  /// Once, before the first socket. `noticed` is told what other servers tell() all or this one.
  void start(notice_handler noticed) {
    noticed_ = std::move(noticed);
    if (store_.lasting()) relay_.start();
  }
  remote_outlet& remote() noexcept { return relay_; }

  // ---- sockets of this server

  void on_hello(session_type& session, const wire::command& hello) {
    if (is_remote(hello.from) && hello.resume_session != session.id())
      return relay_.close(hello.from, 4000, "server_error");  // it begins anew at its server
    answer(session, hello, store_.lasting() && hello.resume && !hello.resume->token.empty());
  }

  /// True for a message of a socket whose session is being looked for: it is kept until then.
  bool hold(connection_id connection, std::string_view text) {
    const auto asked = arrivals_.find(connection);
    const bool is_waiting = recovery_.is_waiting(connection);
    if (!is_waiting && asked == arrivals_.end()) return false;
    if (!(is_waiting ? recovery_.hold(connection, text) : asked->second.hold(text)))
      registry_.close_socket(connection, 1013, "overload");
    return true;
  }
  bool is_away(connection_id connection) const { return relay_.is_away(connection); }
  void pass(connection_id connection, std::string_view text) { relay_.pass(connection, text); }
  void drained(connection_id connection) { relay_.drained(connection); }
  /// The socket is gone.
  void forget(connection_id connection, std::uint16_t code) {
    recovery_.forget(connection);
    relay_.gone(connection, code);
    arrivals_.erase(connection);
  }
  template <typename Visit>
  void each_away(Visit&& visit) const {
    relay_.each_away(visit);
  }

  // ---- sessions

  /// The last records of the session are on their way to the store, until left().
  void leaving(const std::string& id) { recovery_.leaving(id); }
  void left(const std::string& id) {
    const auto waiting = handed_over_.find(id);
    if (waiting != handed_over_.end()) {
      const auto guests = std::move(waiting->second);
      handed_over_.erase(waiting);
      for (const connection_id each : guests) relay_.refuse(each, errc::moved);
    }
    recovery_.left(id);
  }
  bool nobody_leaves() const noexcept { return recovery_.nobody_leaves(); }
  /// No socket and no session is on its way between here, the store and other servers.
  bool is_idle() const noexcept {
    return relay_.is_idle() && recovery_.is_idle() && arrivals_.empty() && guests_.empty() &&
           handed_over_.empty();
  }

  /// Whether a session that is not here may be in the store, or at another server.
  bool may_be_elsewhere() const { return store_.lasting(); }
  /// Precondition: may_be_elsewhere(). Does the errand on a session that is not here: fetched from
  /// the store or, when another server has it, by that one, which gets the notice.
  void reach(const std::string& id, errand act, std::string notice) {
    recovery_.fetch(
        id, [this, id, act = std::move(act), notice = std::move(notice)](const error* why) {
          const auto session = registry_.find(id);
          if (session) return act(session.get(), errc());
          if (why == nullptr) return act(nullptr, errc::internal);  // damaged, or drained at once
          const bool is_held = why->code == errc::busy;
          if (is_held && relay_.is_on()) relay_.tell(why->detail, notice);
          act(nullptr, is_held && !relay_.is_on() ? errc::connection_failed : why->code);
        });
  }
  void tell_all(std::string_view notice) {
    if (relay_.is_on()) relay_.tell_all(notice);
  }

 private:
  struct arrival {
    wire::command hello;
    int attempts = 0;
    std::vector<std::string> held;
    std::size_t bytes = 0;

    bool hold(std::string_view text) {
      bytes += text.size();
      if (bytes > recovery_type::max_held_bytes || held.size() >= recovery_type::max_held_messages)
        return false;
      held.emplace_back(text);
      return true;
    }
    std::vector<std::string> take_held() {
      bytes = 0;
      return std::exchange(held, {});
    }
  };

  /// Goes on with what was held; what still waits, or waits again, is held again.
  void read(connection_id connection, const std::vector<std::string>& texts) {
    for (const std::string& each : texts) {
      if (!hold(connection, each)) on_text_(connection, each);
    }
  }

  void answer(session_type& session, const wire::command& hello, bool may_be_elsewhere) {
    const connection_id connection = hello.from;
    if (hello.resume_session.empty()) return registry_.greet(session, hello, "new");
    const auto wanted = registry_.find(hello.resume_session);
    if (!wanted && may_be_elsewhere) return recovery_.wait(hello);
    if (wanted && store_.lasting() && wanted->closing() && !wanted->core().ended_for_good())
      return send_back(session, connection, hello.id, true);  // its last sockets are to go first
    if (!wanted || wanted->closing()) return registry_.greet(session, hello, "expired");
    if (!has_right(*wanted, session.owner().name, hello)) {
      // Another server may have it by now, and have given it other tokens.
      if (may_be_elsewhere) return recovery_.wait(hello);
      return registry_.greet(session, hello, "forbidden");
    }
    if (!registry_.begin_account(*wanted, connection))
      return turn_away(session, connection, hello.id);
    if (wanted.get() != &session) registry_.hand_over(connection, session, wanted);
    registry_.resume(connection, *wanted, hello);
  }

  static bool has_right(session_type& wanted, const std::string& owner,
                        const wire::command& hello) {
    return hello.resume && wanted.owner().name == owner &&
           wanted.core().accepts_token(hello.resume->token);
  }

  /// A session of this server that another one has claimed meanwhile ends here.
  bool is_here(const std::string& id, const stored_session& known) {
    const auto session = registry_.find(id);
    if (!session || session->fence() == known.fence) return session != nullptr;
    session->apply([](session_core& core, moment at) { core.lose(error(errc::moved), at); });
    return registry_.find(id) != nullptr;  // its sockets are being closed
  }

  void on_found(const std::string& id, result<claimed_session> found,
                std::vector<waiting_socket> asked) {
    const bool is_certain = found || found.error().code == errc::session_not_found ||
                            found.error().code == errc::cancelled;
    if (found) {
      registry_.restore(*found);
    } else if (!is_certain && found.error().code != errc::busy) {
      registry_.log(log_level::warning, "session_not_loaded", id, found.error().in_full());
    }
    for (waiting_socket& each : asked) {
      const auto session = registry_.find(each.connection);
      if (!session) continue;
      if (is_certain) {
        arrivals_.erase(each.connection);
        answer(*session, each.hello, false);
      } else {
        look_elsewhere(*session, each, found.error());
      }
      read(each.connection, each.held);
    }
  }

  void look_elsewhere(session_type& session, const waiting_socket& socket, const error& why) {
    const bool is_held = why.code == errc::busy;
    if (is_held && relay_.is_on()) {
      arrival& asked = arrivals_[socket.connection];
      if (++asked.attempts <= max_arrivals) {
        asked.hello = socket.hello;
        return relay_.send_away(socket.connection, why.detail,
                                encode_arrival(session.owner(), socket.hello));
      }
    }
    arrivals_.erase(socket.connection);
    send_back(session, socket.connection, socket.hello.id, is_held);
  }

  // ---- relay_sink: where the session is

  void on_arrival(connection_id guest, std::string_view text) override {
    const auto asked = decode_arrival(text);
    if (!asked) return relay_.refuse(guest, errc::forbidden);
    const std::string& id = asked->hello.resume_session;
    const auto wanted = registry_.find(id);
    if (!wanted || wanted->closing()) return hand_over(guest, id);
    if (!has_right(*wanted, asked->owner.name, asked->hello))
      return relay_.refuse(guest, errc::forbidden);
    if (wanted->sockets() == 0 && !wanted->core().busy()) {
      registry_.let_go(*wanted);
      return hand_over(guest, id);
    }
    guests_[guest] = wanted;
    registry_.resume(guest, *wanted, asked->hello);
  }

  /// When the session has left, its client's server finds it in the store.
  void hand_over(connection_id guest, const std::string& id) {
    if (recovery_.is_leaving(id)) return handed_over_[id].push_back(guest);
    relay_.refuse(guest, errc::moved);
  }

  void on_guest_text(connection_id guest, std::string_view text) override {
    const auto session = guest_session(guest);
    if (!session) return;
    wire::client_message message = wire::decode(text, scratch_);
    session->apply(
        [&](session_core& core, moment at) { core.received(guest, std::move(message), at); });
  }
  void on_guest_drained(connection_id guest) override {
    if (const auto session = guest_session(guest)) session->drained(guest);
  }
  void on_guest_gone(connection_id guest, std::uint16_t code) override {
    const auto session = guest_session(guest);
    guests_.erase(guest);
    if (session) registry_.left_by(guest, *session, code);
  }
  std::shared_ptr<session_type> guest_session(connection_id guest) const {
    const auto found = guests_.find(guest);
    return found == guests_.end() ? nullptr : found->second;
  }

  // ---- relay_sink: where the socket is

  /// The first one shows that its session has taken the socket.
  std::size_t on_frame(connection_id socket, std::string_view frame) override {
    const auto asked = arrivals_.find(socket);
    if (asked == arrivals_.end()) return registry_.send(socket, frame);
    const std::vector<std::string> held = asked->second.take_held();
    arrivals_.erase(asked);
    if (const auto session = registry_.find(socket)) registry_.send_away(socket, *session);
    const std::size_t waiting = registry_.send(socket, frame);
    read(socket, held);
    return waiting;
  }
  void on_refused(connection_id socket, errc why) override {
    const auto session = registry_.find(socket);
    const auto asked = arrivals_.find(socket);
    if (!session || asked == arrivals_.end()) return;
    const wire::command hello = asked->second.hello;
    const std::vector<std::string> held = asked->second.take_held();
    if (why == errc::moved && !registry_.find(hello.resume_session)) {
      recovery_.wait(hello);
    } else {  // it may be here by now, for another socket
      arrivals_.erase(asked);
      why == errc::moved ? answer(*session, hello, true)
                         : registry_.greet(*session, hello, "forbidden");
    }
    read(socket, held);
  }
  void on_closed(connection_id socket, std::uint16_t code, std::string_view reason) override {
    registry_.close_socket(socket, code, reason);
  }

  void on_notice(std::string_view, std::string_view text) override { noticed_(text); }

  Registry& registry_;
  store_type& store_;
  text_handler on_text_;
  notice_handler noticed_;
  relay<Scheduler> relay_;
  recovery_type recovery_;
  std::unordered_map<connection_id, arrival> arrivals_;  // of sockets that ask to be away
  std::unordered_map<connection_id, std::shared_ptr<session_type>> guests_;
  std::unordered_map<std::string, std::vector<connection_id>> handed_over_;  // when it has left
  json::document scratch_;
};

}  // namespace agent_websocket
