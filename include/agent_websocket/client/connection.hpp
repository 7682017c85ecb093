// SPDX-License-Identifier: MIT
//
// The client's side of the connection as a pure state machine: when to connect, when a silent
// server counts as gone, how long to wait. Of what it declares, following.hpp defines what hello
// says, what a welcome means and which numbered messages are new; core.hpp includes both. Knows
// nothing of queries and answers. No I/O, clock, lock or thread.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/client/actions.hpp>
#include <agent_websocket/client/backoff.hpp>
#include <agent_websocket/client/close_verdict.hpp>
#include <agent_websocket/client/options.hpp>
#include <agent_websocket/policy/scheduler.hpp>
#include <agent_websocket/wire/encode_client.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {

class client_connection {
 public:
  using milliseconds = std::chrono::milliseconds;
  using id_list = std::vector<std::string_view>;

  /// What a welcome means for what the client has.
  enum class greeting {
    ignored,    ///< of a session that is going to be thrown away
    first,      ///< there was nothing before
    confirmed,  ///< the session that this connection was greeted with before
    recovered,  ///< the session goes on where it was
    moved,      ///< the session goes on elsewhere: what the client knows of it is void
    replaced,   ///< another session
  };
  /// Where a message stands in the order of the session.
  enum class place { seen, next, gap };

  /// What is to be done is appended to `actions`.
  client_connection(const client_options& options, client_action::list& actions);

  client_state state() const noexcept { return state_; }
  bool is_live() const noexcept { return state_ == client_state::live; }
  /// A connection stands or is attempted.
  bool is_underway() const noexcept;
  /// Messages of the session count: it is known which one it is and where it goes on.
  bool is_following() const noexcept { return following_; }
  const resume_point& position() const noexcept { return position_; }
  /// Of the latest welcome; 0: not told.
  std::size_t max_message_bytes() const noexcept { return max_message_bytes_; }
  std::size_t max_queued() const noexcept { return max_queued_; }
  int attempts() const noexcept { return backoff_.attempts(); }
  /// Of state waiting: when the next attempt begins.
  time_point retry_at() const noexcept { return retry_at_; }
  random_source& random() noexcept { return random_; }

  // ---- the attempt

  void connect(time_point now);

  /// The token of this connection ends soon: the application is asked for a new one.
  void renew_token();
  /// True when that is what was asked for; without a token the server will end the connection.
  bool token_renewed(std::uint64_t attempt, const std::string* token);

  /// False: not of this attempt, or too late.
  bool token_ready(std::uint64_t attempt, std::string token, time_point now);
  bool awaits_token(std::uint64_t attempt) const noexcept;

  /// `unacknowledged`: ids of the outbox.
  void opened(const id_list& unacknowledged, time_point now);

  // ---- what comes

  /// Anything from the server shows that it is there.
  void heard(time_point now) noexcept;

  greeting welcomed(const wire::welcome_view& w);

  /// Nothing is missing any more. False when it is not about the session that is wanted.
  bool caught_up(time_point now);

  /// Where a numbered message stands. `next`: it counts as taken. Without a way to resume nothing
  /// could close a gap, so there it is passed over.
  place take_number(std::int64_t seq);

  /// To be called when a numbered message has been dealt with: acknowledges, when it is time to.
  void after_number();

  /// What the server sends can be used.
  void progressed() noexcept { gaps_ = 0; }

  /// Something is missing: asks the server to begin anew where it was whole; when that has not
  /// helped before, ends the connection. True: it has ended.
  bool missed(const id_list& unacknowledged, time_point now);

  /// The server said how long it will be away.
  void told_to_wait(milliseconds wait) noexcept { told_ = wait; }

  // ---- the end

  /// A connection or an attempt has ended, or is given up. Tells the application, and what to do;
  /// the state is `waiting` or `stopped` then.
  after_close ended(std::uint16_t code, std::string_view reason, time_point now);

  /// The application wants no more of it.
  void stop(time_point now);

  // ---- time

  /// Does what is due at or before `now`.
  void tick(time_point now);

  /// When tick() is to be called next.
  time_point deadline() const;

 private:
  static constexpr std::chrono::seconds patience{15};  // for a connection, and for a welcome
  static constexpr std::chrono::seconds steady_after{10};
  static constexpr std::chrono::seconds grace{2};
  static constexpr int acknowledge_every = 16;

  void enter(client_state next);

  void send(std::string json);

  void break_off(std::uint16_t code, std::string_view reason, time_point now);

  // A connection that has held is no reason to be careful with the next.
  void settle_backoff(time_point now) noexcept;

  time_point silent_too_long() const noexcept;

  // following.hpp
  void say_hello(const id_list& unacknowledged, time_point now);
  greeting classify(const wire::welcome_view& w);
  void acknowledge();

  const client_options& options_;
  client_action::list& actions_;
  resume_point position_;
  random_source random_;
  client_backoff backoff_;
  std::string auth_token_;  // of this attempt
  std::uint64_t attempt_ = 0;
  std::uint64_t token_asked_ = 0;  // the attempt that has its token
  std::optional<milliseconds> told_;
  milliseconds heartbeat_{25'000};
  milliseconds timeout_{8'000};
  std::size_t max_message_bytes_ = 0;
  std::size_t max_queued_ = 0;
  time_point retry_at_{};
  time_point give_up_at_{};
  time_point heard_at_{};
  time_point live_since_{};
  int unacknowledged_ = 0;
  int gaps_ = 0;
  client_state state_ = client_state::idle;
  bool pinged_ = false;          // and nothing was heard since
  bool awaits_verdict_ = false;  // on coming back to the session
  bool following_ = false;
  bool renewing_ = false;  // a new token has been asked for
  bool greeted_ = false;   // since the last hello
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE client_connection::client_connection(const client_options& options,
                                                            client_action::list& actions)
    : options_(options), actions_(actions), position_(options.resume), random_(options.random) {}

AGENT_WEBSOCKET_INLINE bool client_connection::is_underway() const noexcept {
  return state_ == client_state::connecting || state_ == client_state::catching_up || is_live();
}

AGENT_WEBSOCKET_INLINE void client_connection::connect(time_point now) {
  enter(client_state::connecting);
  give_up_at_ = now + patience;
  auth_token_.clear();
  renewing_ = false;
  ++attempt_;
  if (options_.token) {
    actions_.push_back(client_action::ask_token{attempt_});
  } else {
    actions_.push_back(client_action::open{});
  }
}

AGENT_WEBSOCKET_INLINE void client_connection::renew_token() {
  if (!options_.token || !following_ || std::exchange(renewing_, true)) return;
  actions_.push_back(client_action::ask_token{attempt_});
}

AGENT_WEBSOCKET_INLINE bool client_connection::token_renewed(std::uint64_t attempt,
                                                             const std::string* token) {
  if (attempt != attempt_ || !std::exchange(renewing_, false)) return false;
  if (token == nullptr || token->empty() || !following_) return true;
  auth_token_ = *token;
  std::string json;
  wire::encode_auth(json, auth_token_);
  send(std::move(json));
  return true;
}

AGENT_WEBSOCKET_INLINE bool client_connection::token_ready(std::uint64_t attempt, std::string token,
                                                           time_point now) {
  if (!awaits_token(attempt)) return false;
  token_asked_ = attempt;
  auth_token_ = std::move(token);
  give_up_at_ = now + patience;
  actions_.push_back(client_action::open{});
  return true;
}

AGENT_WEBSOCKET_INLINE bool client_connection::awaits_token(std::uint64_t attempt) const noexcept {
  return state_ == client_state::connecting && options_.token && attempt == attempt_ &&
         token_asked_ != attempt;
}

AGENT_WEBSOCKET_INLINE void client_connection::heard(time_point now) noexcept {
  heard_at_ = now;
  pinged_ = false;
}

AGENT_WEBSOCKET_INLINE after_close client_connection::ended(std::uint16_t code,
                                                            std::string_view reason,
                                                            time_point now) {
  settle_backoff(now);
  following_ = false;
  awaits_verdict_ = false;
  gaps_ = 0;
  const std::optional<milliseconds> told = std::exchange(told_, std::nullopt);
  actions_.push_back(client_action::tell_disconnected{code, std::string(reason)});
  const after_close what = verdict_of(code);
  if (what == after_close::renew || code == close_code_done) position_.token.clear();
  if (what == after_close::stop) {
    enter(client_state::stopped);
  } else {
    retry_at_ = now + backoff_.next(code, told, random_);
    enter(client_state::waiting);
  }
  return what;
}

AGENT_WEBSOCKET_INLINE void client_connection::stop(time_point now) {
  if (is_underway()) actions_.push_back(client_action::close{close_code_done, {}});
  settle_backoff(now);
  following_ = false;
  awaits_verdict_ = false;
  told_.reset();
  enter(client_state::stopped);
}

AGENT_WEBSOCKET_INLINE void client_connection::tick(time_point now) {
  if (now < deadline()) return;
  switch (state_) {
    case client_state::waiting: return connect(now);
    case client_state::live:
      if (!pinged_ && now < silent_too_long()) {
        pinged_ = true;
        return send(R"({"type":"command","op":"ping"})");
      }
      break;
    case client_state::connecting:
    case client_state::catching_up: break;
    case client_state::idle:
    case client_state::stopped: return;
  }
  break_off(close_code_silence, following_ ? "heartbeat_timeout" : "timeout", now);
}

AGENT_WEBSOCKET_INLINE time_point client_connection::deadline() const {
  switch (state_) {
    case client_state::waiting: return retry_at_;
    case client_state::connecting: return give_up_at_;
    case client_state::catching_up: return following_ ? silent_too_long() : give_up_at_;
    case client_state::live:
      if (heartbeat_.count() == 0) break;
      return pinged_ ? silent_too_long() : heard_at_ + heartbeat_;
    case client_state::idle:
    case client_state::stopped: break;
  }
  return time_point::max();
}

AGENT_WEBSOCKET_INLINE void client_connection::enter(client_state next) {
  if (std::exchange(state_, next) != next) actions_.push_back(client_action::tell_state{next});
}

AGENT_WEBSOCKET_INLINE void client_connection::send(std::string json) {
  actions_.push_back(client_action::send{std::move(json)});
}

AGENT_WEBSOCKET_INLINE void client_connection::break_off(std::uint16_t code,
                                                         std::string_view reason, time_point now) {
  actions_.push_back(client_action::close{code, reason});
  ended(code, reason, now);
}

AGENT_WEBSOCKET_INLINE void client_connection::settle_backoff(time_point now) noexcept {
  if (is_live() && now - live_since_ >= steady_after) backoff_.reset();
}

AGENT_WEBSOCKET_INLINE time_point client_connection::silent_too_long() const noexcept {
  if (heartbeat_.count() == 0) return heard_at_ + patience;
  return heard_at_ + heartbeat_ + timeout_ + grace;
}

#endif

}  // namespace agent_websocket
