// SPDX-License-Identifier: MIT
//
// Who the sockets of a server are, after their handshake: holds those that have shown nothing yet
// until their first message brings a token, and takes new tokens from those that are known. Whoever
// is let in, told or sent away is the sink's to treat.
#pragma once

#include <agent_websocket/json/reader.hpp>
#include <agent_websocket/policy/authenticator.hpp>
#include <agent_websocket/server/activity_list.hpp>
#include <agent_websocket/server/token_clocks.hpp>
#include <agent_websocket/wire/decode.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace agent_websocket {

/// A socket that has shown who it is in its first message.
struct signed_in {
  handshake request;
  principal owner;
  wire::command first;             ///< its hello or auth
  std::vector<std::string> later;  ///< messages that came before the answer to it
};

/// Called on the executor.
class sign_in_sink {
 public:
  virtual void on_signed_in(connection_id connection, signed_in arrived) = 0;
  /// The socket did not show who it is: tell it why, close it.
  virtual void on_turned_away(connection_id connection, std::uint16_t code, std::string_view reason,
                              const error& why) = 0;
  /// The token of the socket ends soon.
  virtual void on_token_expiring(connection_id connection, wall_time when) = 0;
  /// It has ended, and no new one came within the grace.
  virtual void on_token_expired(connection_id connection) = 0;

 protected:
  ~sign_in_sink() = default;
};

template <typename Authenticator, typename Scheduler>
class sign_in {
 public:
  struct limits {
    duration timeout;               ///< for the first message
    duration grace;                 ///< see token_clocks
    std::size_t max_waiting_bytes;  ///< of messages behind the first, while it is being judged
  };

  sign_in(limits allowed, Authenticator& authenticator, Scheduler& scheduler, sign_in_sink& sink)
      : limits_(allowed),
        authenticator_(authenticator),
        scheduler_(scheduler),
        sink_(sink),
        clocks_(allowed.grace) {}
  sign_in(const sign_in&) = delete;
  sign_in& operator=(const sign_in&) = delete;
  ~sign_in() { scheduler_.cancel_timer(timer_); }

  // ---- sockets that have shown nothing

  /// An open socket whose first message has to say who it is.
  void hold(connection_id connection, handshake request) {
    held& added = held_[connection];
    added.connection = connection;
    added.request = std::move(request);
    silent_.add(added, scheduler_.now());
    watch();
  }

  bool holds(connection_id connection) const {
    return !held_.empty() && held_.find(connection) != held_.end();
  }

  /// A message of a socket that is held.
  void receive(connection_id connection, std::string_view text) {
    const auto found = held_.find(connection);
    if (found == held_.end()) return;
    held& of = found->second;
    if (of.first) return keep(connection, of, text);
    auto message = wire::decode(text, scratch_);
    auto* const command = std::get_if<wire::command>(&message);
    const bool shows = command != nullptr && (command->op == "hello" || command->op == "auth") &&
                       !command->token.empty();
    if (!shows) {
      const auto* const rejected = std::get_if<wire::rejection>(&message);
      return turn_away(connection,
                       rejected != nullptr ? rejected->why : error(errc::unauthorized, how_to));
    }
    silent_.remove(of);
    of.first = std::move(*command);
    const std::string token = of.first->token;
    const handshake request = of.request;  // letting it in gives away the other one
    authenticator_.authenticate(
        {token, credential_source::message, &request},
        [this, connection, weak = std::weak_ptr<const bool>(alive_)](result<principal> who) {
          if (weak.lock()) judge(connection, std::move(who));
        });
  }

  /// A frame of a socket that is held, and no message.
  void refuse(connection_id connection) {
    turn_away(connection, error(errc::unauthorized, how_to));
  }

  // ---- sockets that are known

  /// What the socket has shown lasts as long as `owner` says.
  void watch(connection_id connection, const principal& owner) {
    clocks_.set(connection, owner.expires_at, now());
    watch();
  }

  /// Its token is over, and the grace is not.
  bool is_over(connection_id connection) const { return clocks_.is_over(connection); }

  /// A known socket shows a new token; done(result<void>) is called once, unless it goes before.
  template <typename Done>
  void renew(connection_id connection, const principal& owner, const std::string& token,
             Done done) {
    authenticator_.authenticate(
        {token, credential_source::message, nullptr},
        [this, connection, owner, done = std::move(done),
         weak = std::weak_ptr<const bool>(alive_)](result<principal> who) {
          if (!weak.lock()) return;
          if (!who) return done(result<void>(who.error()));
          if (who->name != owner.name || who->is_anonymous != owner.is_anonymous) {
            return done(result<void>(error(
                errc::forbidden, "The token is another user's; connect anew to change users")));
          }
          watch(connection, *who);
          done(result<void>());
        });
  }

  void gone(connection_id connection) {
    clocks_.remove(connection);
    const auto found = held_.find(connection);
    if (found != held_.end()) forget(found);
  }

  /// Sends away all that have not shown who they are.
  void close(std::uint16_t code, std::string_view reason, const error& why) {
    while (!held_.empty()) {
      const connection_id connection = held_.begin()->first;
      forget(held_.begin());
      sink_.on_turned_away(connection, code, reason, why);
    }
  }

  std::size_t held_count() const noexcept { return held_.size(); }

 private:
  static constexpr const char* how_to =
      "Authentication is required: send a hello or auth command with `auth.token` first";
  static constexpr std::size_t max_waiting = 64;  // messages behind the first

  /// In silent_, until there is a first message.
  struct held : activity_hook {
    connection_id connection = 0;
    handshake request;
    std::optional<wire::command> first;
    std::vector<std::string> later;
    std::size_t later_bytes = 0;
  };
  using held_map = std::unordered_map<connection_id, held>;

  moment now() const { return {scheduler_.now(), scheduler_.wall_now()}; }

  void forget(typename held_map::iterator found) {
    if (!found->second.first) silent_.remove(found->second);
    held_.erase(found);
  }

  void keep(connection_id connection, held& of, std::string_view text) {
    of.later_bytes += text.size();
    if (of.later.size() < max_waiting && of.later_bytes <= limits_.max_waiting_bytes)
      return of.later.emplace_back(text), void();
    turn_away(connection, error(errc::unauthorized, "Wait for the welcome before you send more"));
  }

  void judge(connection_id connection, result<principal> who) {
    const auto found = held_.find(connection);
    if (found == held_.end()) return;  // gone meanwhile
    if (!who) return turn_away(connection, who.error());
    signed_in arrived{std::move(found->second.request), std::move(*who),
                      std::move(*found->second.first), std::move(found->second.later)};
    held_.erase(found);
    sink_.on_signed_in(connection, std::move(arrived));
  }

  void turn_away(connection_id connection, const error& why) {
    const auto found = held_.find(connection);
    if (found != held_.end()) forget(found);
    switch (why.code) {
      case errc::token_expired: return sink_.on_turned_away(connection, 4004, "token_expired", why);
      case errc::forbidden: return sink_.on_turned_away(connection, 4403, "forbidden", why);
      case errc::internal: return sink_.on_turned_away(connection, 4000, "server_error", why);
      default: return sink_.on_turned_away(connection, 4401, "unauthorized", why);
    }
  }

  void watch() {
    auto next = silent_.next_deadline(limits_.timeout);
    if (const auto due = clocks_.next(); due && (!next || *due < *next)) next = due;
    // One that fires too early is set again then.
    if (!next || (timer_ != 0 && timer_at_ <= *next)) return;
    scheduler_.cancel_timer(timer_);
    timer_at_ = *next;
    timer_ = scheduler_.start_timer(*next, [this] {
      timer_ = 0;
      sweep();
      watch();
    });
  }

  void sweep() {
    const time_point at = scheduler_.now();
    while (!silent_.empty() && silent_.front().since() + limits_.timeout <= at) {
      const connection_id connection = silent_.front().connection;
      forget(held_.find(connection));
      sink_.on_turned_away(connection, 4408, "auth_timeout",
                           error(errc::unauthorized, "No token came in time"));
    }
    clocks_.sweep(
        at,
        [this](connection_id connection, wall_time when) {
          sink_.on_token_expiring(connection, when);
        },
        [this](connection_id connection) { sink_.on_token_expired(connection); });
  }

  limits limits_;
  Authenticator& authenticator_;
  Scheduler& scheduler_;
  sign_in_sink& sink_;
  held_map held_;
  activity_list<held> silent_;
  token_clocks clocks_;
  json::document scratch_;
  timer_id timer_ = 0;
  time_point timer_at_{};
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace agent_websocket
